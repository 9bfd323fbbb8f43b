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
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import ObjectionState
from notifier.domain.terms import Terms
from notifier.mail import render
from notifier.mail.render import Act
from notifier.tables import Announcement, Change, Contact, Customer, Link, Notice, NoticeChange, Objection
from notifier.web import pages
from notifier.web.access import by_link
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

# PostgreSQL stores no NUL, no reader shows the others, and bidirectional overrides would show other words.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Visit:
    """One request by a signed link: who acts, for which customer, about which notice.

    `home` is the page the link opens; `first` the language it speaks unless `?language=` says another.
    """

    link: Link
    actor: Actor
    home: str
    notice: Notice
    customer: Customer
    contact: Contact | None
    organisation: Organisation
    first: str

    @property
    def terms(self) -> Terms:
        """The customer's terms as the notice froze them."""
        return Terms.from_json(self.notice.terms)

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


def only_filer(visit: Visit, objection: Objection) -> None:
    """Colleagues may read a case and write in it; ending it is for whoever filed it, by the link in their letters.
    Raises Refusal other_contact."""
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
    visit = g.visit = Visit(link, actor, home, notice, customer, contact, settings.organisation(db), first)
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
    with pages.house().database.reading() as db:
        organisation = settings.organisation(db)
    # The transaction is rolled back, and what the visit had loaded with it; only where to go back to is left.
    visit: Visit | None = g.pop("visit", None)
    back = visit.to(visit.home) if visit else ""
    return page("objection/problem.html", organisation=organisation, error=error, back=back), error.family.value


def page(template: str, **values: Any) -> Response:
    """A page in the visit's frame: beside its own values it knows who visits and how to ask us."""
    visit: Visit | None = g.get("visit")
    frame: dict[str, Any] = {
        "visit": visit, "to": visit.to if visit else None, "reply_to": pages.house().settings.reply_address,
        "own_names": text.OWN_NAMES, "states": STATES, "errors": {},
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
