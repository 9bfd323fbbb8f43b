"""What a customer's own pages share: who enters by a signed link, in which language, and the frame around."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g, redirect, request
from sqlmodel import Session, col, select

from notifier import text
from notifier.domain.clauses import Clauses
from notifier.domain.listing import ListedService, Organisation
from notifier.domain.people import Actor, ContactRole, Door, Kind
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import ObjectionState
from notifier.domain.terms import Terms
from notifier.mail import render
from notifier.mail.render import Act
from notifier.tables import Announcement, Change, Contact, Customer, Link, Notice, NoticeChange, Objection
from notifier.web import pages
from notifier.web.access import by_link
from notifier.web.pages import house
from notifier.workflow import letters, links, listing, register, settings

STATES: Mapping[ObjectionState, tuple[str, str]] = {
    ObjectionState.FILED: ("is-info", N_("Received")),
    ObjectionState.ACKNOWLEDGED: ("is-info", N_("In progress")),
    ObjectionState.NOT_UPHELD: ("is-warn", N_("Not upheld")),
    ObjectionState.NO_AGREEMENT: ("is-warn", N_("No agreement")),
    ObjectionState.RESOLVED: ("is-good", N_("Settled by agreement")),
    ObjectionState.WITHDRAWN: ("is-quiet", N_("Withdrawn")),
    ObjectionState.TERMINATED: ("is-quiet", N_("Ended by termination")),
    ObjectionState.RIGHT_NOT_USED: ("is-quiet", N_("Right of termination not used")),
}
"""An objection's state as the customer reads it: the tone of its tag, and its name."""

ROLES: Mapping[ContactRole, tuple[str, str]] = {
    ContactRole.NOTICE: (N_("Notices"), N_("receives our notices, by which periods run")),
    ContactRole.LEGAL: (N_("Legal"), N_("may look at this page and act here, and receives no notices")),
    ContactRole.FOLLOWER: (N_("For information"), N_("is on record, and may look at this page")),
}
"""What a contact is written to for: its name, and what that means."""

# PostgreSQL stores no NUL, no reader shows the others, and bidirectional overrides would show other words.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Caller:
    """One request by a signed link: who acts, for which customer, by which terms.

    `home` is the page the contact's own standing link opens, "" where it has none; `first` the language it speaks
    unless `?language=` says another.
    """

    link: Link
    actor: Actor
    home: str
    customer: Customer
    contact: Contact | None
    organisation: Organisation
    terms: Terms
    first: str

    @property
    def name(self) -> str:
        """Whom the link was sent to; the customer where no name is known."""
        return (self.contact.name if self.contact else "") or self.customer.name

    @property
    def email(self) -> str:
        """The address the link was sent to."""
        return self.contact.email if self.contact else self.link.email

    def to(self, path: str, mark: str = "") -> str:
        """The address of a page (`mark` an id on it) in the language of this visit."""
        asked = "" if pages.language() == self.first else f"?language={pages.language()}"
        return f"{path}{asked}{'#' + mark if mark else ''}"


@dataclass(frozen=True)
class Visit(Caller):
    """A request about a notice, or about a case under it; its terms are those the notice froze."""

    notice: Notice


def enter_customer(db: Session, token: str) -> Caller:
    """Who comes by the link to a customer's own page. Raises Refusal link_invalid or link_revoked; also for a contact
    that is none any more."""
    link, actor = by_link(db, links.MY, token)
    customer, contact = db.get(Customer, link.target_id), db.get(Contact, link.contact_id)
    if customer is None or contact is None or contact.customer_id != customer.id:
        raise Refusal("link_invalid")
    if contact.retired_at is not None:
        raise Refusal("link_revoked")
    first = text.known(customer.language)
    g.language = _asked() or first
    terms = settings.terms_of(db, customer.terms, customer.country, customer.subdivision)
    caller = g.visit = Caller(link, actor, f"/my/{token}", customer, contact, settings.organisation(db), terms, first)
    return caller


def fresh_link(db: Session, kind: str, token: str) -> Link | None:
    """The fresh link of this kind that a token was signed for, whether it still opens or not."""
    return links.known(db, house().sender.signer, kind, token)


def enter_notice(db: Session, token: str) -> Visit:
    """Who comes by a notice's link. Raises Refusal link_invalid or link_revoked."""
    link, actor = by_link(db, links.NOTICE, token)
    notice = db.get(Notice, link.target_id)
    if notice is None:
        raise Refusal("link_invalid")
    return _visit(db, link, actor, f"/n/{token}", notice, "")


def enter_case(db: Session, token: str) -> tuple[Visit, Objection]:
    """Who comes by a case's link, and the case. Raises Refusal link_invalid or link_revoked."""
    link, actor = by_link(db, links.CASE, token)
    objection = db.get(Objection, link.target_id)
    notice = db.get(Notice, objection.notice_id) if objection else None
    if objection is None or notice is None:
        raise Refusal("link_invalid")
    return _visit(db, link, actor, f"/o/{token}", notice, objection.language), objection


def by_fresh_link(db: Session, link: Link) -> tuple[Visit, Objection | None]:
    """Who comes by a fresh link that decides something, and the case it is about, if any. Whether it still opens is for
    whoever asks: one that was used or has ended still says whose it was."""
    signer = house().sender.signer
    objection = None if link.kind == links.CONSENT else db.get(Objection, link.target_id)
    notice = db.get(Notice, objection.notice_id if objection else link.target_id)
    if notice is None or (objection is None and link.kind != links.CONSENT):
        raise Refusal("link_invalid")
    kind = links.NOTICE if objection is None else links.CASE
    own = links.standing(db, kind, link.target_id, link.contact_id, link.email)
    home = f"/{links.PREFIX[kind]}/{signer.token(own)}" if own else ""
    actor = Actor(Kind.CONTACT, Door.LINK, id=link.contact_id)
    return _visit(db, link, actor, home, notice, objection.language if objection else ""), objection


def only_filer(db: Session, visit: Visit, objection: Objection) -> None:
    """Colleagues may read a case and write in it; ending it is for whoever filed it, by the link in their letters.
    Raises Refusal other_contact. Of a filer who is no contact any more, any colleague may ask."""
    filer = db.get(Contact, objection.contact_id) if objection.contact_id else None
    if filer is not None and filer.retired_at is not None:
        return
    own = visit.link.contact_id == objection.contact_id if objection.contact_id else \
        visit.link.email == objection.filer_email
    if not own:
        raise Refusal("other_contact")


def _visit(db: Session, link: Link, actor: Actor, home: str, notice: Notice, language: str) -> Visit:
    customer = db.get(Customer, notice.customer_id)
    announcement = db.get(Announcement, notice.announcement_id)
    if customer is None or announcement is None or announcement.made_at is None:
        raise Refusal("link_invalid")
    first = text.known(language or customer.language)
    g.language = _asked() or first
    contact = db.get(Contact, link.contact_id) if link.contact_id else None
    visit = g.visit = Visit(link, actor, home, customer, contact, settings.organisation(db),
                            Terms.from_json(notice.terms), first, notice)
    return visit


def _asked() -> str:
    asked = request.args.get("language", "")
    return asked if asked in text.LANGUAGES else ""


def prepare(bp: Blueprint) -> None:
    """Makes every answer of a blueprint private, and every refusal a page that says what to do."""
    bp.before_request(_speak)
    bp.after_request(_private)
    bp.register_error_handler(Refusal, _refused)


def _speak() -> None:
    if _asked():
        g.language = _asked()


def _private(answer: Response) -> Response:
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _refused(error: Refusal) -> tuple[Response, int]:
    with house().database.reading() as db:
        organisation = settings.organisation(db)
    # The transaction is rolled back, and what the visit had loaded with it; only where to go back to is left.
    visit: Caller | None = g.pop("visit", None)
    back = visit.to(visit.home) if visit and visit.home else ""
    return page("objection/problem.html", organisation=organisation, error=error, back=back), error.family.value


def page(template: str, **values: Any) -> Response:
    """A page in the visit's frame: beside its own values it knows who visits and how to ask us."""
    visit: Caller | None = g.get("visit")
    frame: dict[str, Any] = {
        "visit": visit, "to": visit.to if visit else None, "reply_to": house().settings.reply_address,
        "own_names": text.OWN_NAMES, "states": STATES, "roles": ROLES, "errors": {},
    }
    if visit:
        frame |= {"organisation": visit.organisation, "customer": visit.customer, "home": visit.home,
                  "terms": visit.terms, "zone": visit.terms.zone,
                  "clauses": Clauses(visit.terms, visit.customer.name)}
    return pages.html(template, **(frame | values))


def refused_entry(answer: Response) -> Response:
    """The same page as the answer to an entry that has to be mended."""
    answer.status_code = 422
    return answer


def see(path: str) -> Response:
    """On to a page, by GET."""
    return redirect(path, 303)  # type: ignore[return-value]


@dataclass(frozen=True)
class Part:
    """One change of a notice: the act as letters tell it, what is the customer's own of it, and its row."""

    act: Act
    own: NoticeChange
    change: Change

    @property
    def stands(self) -> bool:
        """Whether it has not been taken back."""
        return self.own.withdrawn_at is None


def parts(db: Session, visit: Visit) -> list[Part]:
    """The changes of the visit's notice, in their order, withdrawn ones among them."""
    rows = db.exec(
        select(NoticeChange, Change).join(Change, col(Change.id) == col(NoticeChange.change_id))
        .where(NoticeChange.notice_id == visit.notice.id).order_by(col(Change.id))
    ).all()
    return [Part(act(db, visit, change), own, change) for own, change in rows]


def act(db: Session, visit: Visit, change: Change) -> Act:
    """A change as letters tell it, in the language of the visit."""
    sold = [ListedService(row.slug, row.name) for row in register.services(db).values()]
    published = listing.published(db, change, visit.organisation.zone)
    return render.act(letters.founded(published), sold, change.opens_window and visit.notice.opens_window,
                      pages.language())


def entered(name: str, *, one_line: bool = False) -> str:
    """A form field's value: line ends as `\\n`, without what cannot be printed, trimmed."""
    value = request.form.get(name, "").replace("\r\n", "\n").replace("\r", "\n")
    value = _UNPRINTABLE.sub("", value).strip()
    return " ".join(value.split()) if one_line else value
