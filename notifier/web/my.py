"""A customer's own page: everything it was told and has answered, its contacts, the list as it binds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.terms import Authorisation, Terms
from notifier.mail import render
from notifier.tables import Announcement, Evidence, Notice, Objection
from notifier.web import customers, notices, pages
from notifier.web.customers import Caller, Part, Visit
from notifier.web.documents import download
from notifier.web.notices import Due
from notifier.web.pages import house
from notifier.workflow import annexes, contacts, documents, evidence, links, objections, own_pages, settings
from notifier.workflow import customers as customer_verbs

bp = Blueprint("my", __name__)
customers.prepare(bp)


@dataclass(frozen=True)
class Told:
    """One notice as the page lists it: what it announced, when, by when to answer; `path` is the contact's own link to
    it, "" where it has none yet."""

    notice: Notice
    announcement: Announcement
    parts: Sequence[Part]
    due: Due | None
    path: str

    @property
    def specific(self) -> bool:
        """Whether the customer's agreement asked for its yes when it was told."""
        return Terms.from_json(self.notice.terms).authorisation is Authorisation.SPECIFIC

    @property
    def stands(self) -> bool:
        """Whether anything of it has not been taken back."""
        return any(part.stands for part in self.parts)


@bp.get("/my")
def ask_page() -> Response:
    """The form that asks for the link."""
    return _ask({})


@bp.post("/my")
def ask() -> Response:
    """Takes the address; the answer is the same whether we know it or not, and so is the work done for it."""
    try:
        email = customer_verbs.address(customers.entered("email", one_line=True))
        if len(email) > 254:
            raise Refusal("bad_value", field=N_("E-mail"), problem=N_("this is not an address"))
    except Refusal:
        fault = Sentence(N_("Enter an e-mail address such as name@example.com."))
        return customers.refused_entry(_ask({"email": fault}))
    with house().database.transaction() as db:
        own_pages.ask(db, email, now=clock.now())
    house().ring("notifier.jobs.own_pages.answer")
    return _ask({}, asked=True)


def _ask(errors: dict[str, Sentence], *, asked: bool = False) -> Response:
    with house().database.reading() as db:
        organisation = settings.organisation(db)
    email = customers.entered("email", one_line=True)
    return customers.page("my/ask.html", organisation=organisation, errors=errors, asked=asked, email=email,
                          zone=organisation.zone)


@bp.get("/my/<token>")
def show(token: str) -> Response:
    """The page."""
    now = clock.now()
    with house().database.reading() as db:
        caller = customers.enter_customer(db, token)
        own = contacts.of_customer(db, caller.customer)
        return customers.page(
            "my/page.html", told=_told(db, caller, now), cases=_cases(db, caller), contacts=own,
            pending=contacts.pending(db, caller.customer, now), shown=_documents(db, caller),
            may_change=any(c.id == caller.link.contact_id and c.role in contacts.MAY_CHANGE for c in own),
            services=[service.name for service in customer_verbs.services_of(db, caller.customer)],
            first_day=annexes.first_day(db, caller.customer), today=_today(caller, now),
        )


@bp.post("/my/<token>/notices/<uid>")
def open_notice(token: str, uid: str) -> Response:
    """Gives this contact its own link to a notice of its customer, and goes there. Raises Refusal unknown."""
    with house().database.transaction() as db:
        caller = customers.enter_customer(db, token)
        notice = next((row for row, _ in _notices(db, caller) if row.uid == uid), None)
        if notice is None:
            raise Refusal("unknown", what=N_("notice"), ref=uid)
        link = links.ensure(db, links.NOTICE, notice.id or 0, contact_id=caller.link.contact_id, now=clock.now())
        path = f"/n/{house().sender.signer.token(link)}"
    return customers.see(path)


@bp.post("/my/<token>/cases/<ref>")
def open_case(token: str, ref: str) -> Response:
    """The same for a case. Raises Refusal unknown."""
    with house().database.transaction() as db:
        caller = customers.enter_customer(db, token)
        case = next((case for case, _ in _cases(db, caller) if case.ref == ref), None)
        if case is None:
            raise Refusal("unknown", what=N_("objection"), ref=ref)
        link = links.ensure(db, links.CASE, case.id or 0, contact_id=caller.link.contact_id, now=clock.now())
        path = f"/o/{house().sender.signer.token(link)}"
    return customers.see(path)


@bp.get("/my/<token>/documents/<sha256>")
def document(token: str, sha256: str) -> Response:
    """A document that customers may see, about a sub-processor this customer was told of. Raises Refusal unknown."""
    with house().database.reading() as db:
        caller = customers.enter_customer(db, token)
        found = next((row for row in _documents(db, caller) if row.blob_sha256 == sha256), None)
        if found is None:
            raise Refusal("unknown", what="document", ref=sha256)
        body = documents.body_of(db, sha256)
    return download(found.file_name, body)


@bp.get("/my/<token>/annex")
def annex(token: str) -> Response:
    """The list as it bound this customer on a day (`on`, else today): on the screen, and printed on A4. Raises Refusal
    bad_value, annex_future, annex_before, annex_after."""
    now = clock.now()
    with house().database.reading() as db:
        caller = customers.enter_customer(db, token)
        last = caller.customer.contract_end
        today = _today(caller, now)
        asked = request.args.get("on", "").strip()
        on = _day(asked) if asked else min(today, last) if last else today
        found = annexes.annex(db, caller.customer, on, now)
    rows = [render.described(value, pages.language()) for value in found.engagements]
    return customers.page("my/annex.html", annex=found, entries=list(zip(found.engagements, rows, strict=True)),
                          printed_at=now, today=today, names={s.slug: s.name for s in found.services})


def _day(asked: str) -> date:
    try:
        return date.fromisoformat(asked)
    except ValueError:
        problem = N_("write the day as year, month and day, such as 2026-12-31")
        raise Refusal("bad_value", field=N_("Day"), problem=problem) from None


def _today(caller: Caller, now: datetime) -> date:
    return now.astimezone(ZoneInfo(caller.organisation.zone)).date()


def _notices(db: Session, caller: Caller) -> list[tuple[Notice, Announcement]]:
    """Everything this customer was told, newest first; nothing of an announcement that is still being written."""
    return list(db.exec(
        select(Notice, Announcement).join(Announcement, col(Announcement.id) == col(Notice.announcement_id))
        .where(Notice.customer_id == caller.customer.id, col(Announcement.made_at).is_not(None))
        .order_by(col(Notice.id).desc())
    ))


def _told(db: Session, caller: Caller, now: datetime) -> list[Told]:
    found = []
    for notice, announcement in _notices(db, caller):
        visit = Visit(caller.link, caller.actor, caller.home, caller.customer, caller.contact, caller.organisation,
                      Terms.from_json(notice.terms), caller.first, notice)
        found.append(Told(notice, announcement, customers.parts(db, visit), notices.due(db, visit, now),
                          _path(db, caller, links.NOTICE, notice.id or 0)))
    return found


def _cases(db: Session, caller: Caller) -> list[tuple[Objection, str]]:
    """Every objection of this customer, newest first, with the contact's own link to it, "" where it has none."""
    cases = [case for notice, _ in _notices(db, caller) for case in objections.of_notice(db, notice.id or 0)]
    cases.sort(key=lambda case: case.id or 0, reverse=True)
    return [(case, _path(db, caller, links.CASE, case.id or 0)) for case in cases]


def _path(db: Session, caller: Caller, kind: str, target_id: int) -> str:
    link = links.standing(db, kind, target_id, caller.link.contact_id, "")
    return f"/{links.PREFIX[kind]}/{house().sender.signer.token(link)}" if link else ""


def _documents(db: Session, caller: Caller) -> list[Evidence]:
    """What this customer may see about the sub-processors it was told of; each document once."""
    found: dict[str, Evidence] = {}
    for notice, _ in _notices(db, caller):
        for rows in evidence.for_customers(db, notice.id or 0).values():
            for row in rows:
                found.setdefault(row.blob_sha256 or row.link, row)
    return list(found.values())
