"""What a letter is told: the facts of one delivery, read fresh from the tables when it leaves.

`mail.render` turns them into words. The signed tokens used come along, so that whoever stores the letter
can put the mask in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from sqlmodel import Session

from notifier.domain import register as register_rules
from notifier.domain import transfers
from notifier.domain import window as window_rules
from notifier.domain.evidence import NAMES, EvidenceKind
from notifier.domain.letters import (
    STAFF_LETTERS,
    Addressee,
    ContactFacts,
    Facts,
    LetterKind,
    NoticeFacts,
    ObjectionFacts,
    Own,
    Shown,
    StaffFacts,
)
from notifier.domain.listing import ListedService, Organisation, PublishedChange, PublishedItem
from notifier.domain.register import EngagementValue
from notifier.domain.sentences import Sentence
from notifier.domain.states import NoticeState
from notifier.domain.terms import Terms
from notifier.tables import (
    Change,
    Contact,
    Customer,
    Delivery,
    Engagement,
    Evidence,
    Link,
    Notice,
    Objection,
    Offboarding,
    ProviderPost,
    ReplyProof,
)
from notifier.workflow import (
    announcements,
    audit,
    calendars,
    changes,
    contact_checks,
    deliveries,
    evidence,
    links,
    listing,
    objections,
    places,
    register,
    reviews,
    settings,
)
from notifier.workflow.audience import Member, Seat
from notifier.workflow.deliveries import Owed
from notifier.workflow.links import Signer
from notifier.workflow.notices import UNDER_WAY


@dataclass(frozen=True)
class Sender:
    """What the installation adds to every letter: where it is reached, where answers go, how links are signed."""

    base_url: str
    reply_to: str
    signer: Signer


@dataclass(frozen=True)
class Prepared:
    """A delivery's facts, the secret tokens in them, and the last day the letter will print, if any. Those of a letter
    that goes to many hold what it shares with others; what is the customer's `own` stands apart."""

    facts: Facts
    tokens: tuple[str, ...]
    promised_last_day: date | None = None
    own: Own | None = None


def prepare(session: Session, delivery: Owed, sender: Sender, now: datetime) -> Prepared:
    """Everything the letter of this delivery says, as it is true at `now`: a letter to staff, or about an objection.
    Those about announcements go to many at once (`workflow.mailings`). Makes the links it needs."""
    kind = LetterKind(delivery.kind)
    head = envelope(settings.organisation(session), kind, delivery.language, delivery.to_name, delivery.to_email,
                    sender)
    if kind is LetterKind.STAFF_REPLY_PROOF:
        return _reply_proof(session, delivery, sender, head)
    if kind in STAFF_LETTERS:
        return _staff(session, delivery, head)
    if kind is LetterKind.CHANGE_PREVIEWED:
        return _previewed(session, delivery, sender, now)
    if kind is LetterKind.CONTACT_CHECK:
        return _contact_check(session, delivery, sender, head, now)
    return _objection(session, delivery, sender, head, now)


def preview(
    session: Session, concerned: Sequence[Change], seat: Seat, language: str, sender: Sender, now: datetime
) -> NoticeFacts:
    """What the letter to one customer would say if these changes were announced at `now`; writes nothing. What
    only the announcing itself gives stands masked: the link, the announcement's number, the edition's hash."""
    contact = seat.contacts[0] if seat.contacts else None
    head = envelope(settings.organisation(session), LetterKind.CHANGE_ANNOUNCED, language,
                    contact.name if contact else "", contact.email if contact else "", sender)
    opens = any(c.opens_window for c in concerned)
    about = told(session, concerned, head["organisation"].zone)
    promise = window_rules.promised(seat.terms, now, calendars.day_off(seat.terms), starts_on=about.starts_on)
    last_day, why = (promise.last_day, promise.why) if opens else (None, ())
    newest = listing.newest(session)
    return notice_facts(
        head, addressed(seat.customer), seat.terms, about, last_day, why,
        announcement="A-…", thread="preview", link=f"{sender.base_url}/n/{links.MASK}",
        edition=(newest.n if newest else 0) + 1, edition_sha256="…", audit_head=audit.head(session).hash,
        services=services(session), reason="",
    )


def _previewed(session: Session, delivery: Owed, sender: Sender, now: datetime) -> Prepared:
    """The letter to a customer as it would be now, for one of our people: its links are masked and lead nowhere."""
    concerned = [changes.get(session, ref) for ref in delivery.words.split()]
    seat = announcements.seat(session, concerned, delivery.subject_id, now)
    facts = preview(session, concerned, seat, delivery.language, sender, now)
    return Prepared(replace(facts, kind=LetterKind.CHANGE_PREVIEWED, thread=delivery.ref), ())


def _contact_check(
    session: Session, delivery: Owed, sender: Sender, envelope: dict[str, Any], now: datetime
) -> Prepared:
    contact = session.get(Contact, delivery.subject_id)
    assert contact is not None
    customer = session.get(Customer, contact.customer_id)
    assert customer is not None
    token = sender.signer.token(links.ensure(session, links.CHECK, contact.id or 0, contact_id=contact.id, now=now))
    facts = ContactFacts(**envelope, thread=delivery.ref, customer=addressed(customer),
                         link=f"{sender.base_url}/c/{token}",
                         again=contact_checks.asked_again(contact, now))
    return Prepared(facts, (token,))


def envelope(
    organisation: Organisation, kind: LetterKind, language: str, to_name: str, to_email: str, sender: Sender
) -> dict[str, Any]:
    """What every letter knows, but for its thread."""
    return {
        "kind": kind, "language": language, "organisation": organisation, "to_name": to_name, "to_email": to_email,
        "reply_to": sender.reply_to, "base_url": sender.base_url, "list_url": f"{sender.base_url}/",
    }


@dataclass(frozen=True)
class Told:
    """The changes a letter speaks of, as it tells them; `opens_window` names those that do, `start_was` the planned
    start told before, `documents` what customers may see."""

    changes: tuple[PublishedChange, ...]
    opens_window: frozenset[str]
    start_was: date | None
    documents: tuple[Shown, ...]

    @property
    def starts_on(self) -> date | None:
        """The last planned start of those that open a window; None where none is fixed."""
        fixed = (c.planned_start for c in self.changes if c.ref in self.opens_window and c.planned_start)
        return max(fixed, default=None)


def told(session: Session, concerned: Sequence[Change], zone: str) -> Told:
    """What letters in this zone tell of these changes now."""
    published = tuple(listing.published(session, change, zone) for change in concerned)
    return Told(tuple(map(founded, published)), frozenset(c.ref for c in concerned if c.opens_window),
                next((c.start_was for c in concerned), None), tuple(_shown(session, published)))


def founded(change: PublishedChange) -> PublishedChange:
    """The change with a word on every place: where a law asks for no basis, that is said too. A pair of which one value
    has general words keeps to them, so that nothing seems to change that does not."""
    def whole(value: EngagementValue | None, general: str) -> EngagementValue | None:
        return value.with_(transfers=transfers.founded(
            register_rules.places_of(value), value.transfers, general, transfers.current(), places.countries,
        )) if value else None

    def pair(item: PublishedItem) -> PublishedItem:
        general = "".join(value.transfer_basis for value in (item.before, item.after) if value)
        return PublishedItem(whole(item.before, general), whole(item.after, general))

    return replace(change, items=tuple(map(pair, change.items)))


def _shown(session: Session, published: Iterable[PublishedChange]) -> Iterable[Shown]:
    """The documents customers may see of each change that has any."""
    for change in published:
        rows = evidence.shown_to_customers(session, [i.after.ref for i in change.items if i.after])
        if names := tuple(NAMES[EvidenceKind(row.kind)] for row in rows):
            yield Shown(change.ref, names)


def notice_facts(
    envelope: Mapping[str, Any], customer: Addressee, terms: Terms, about: Told, last_day: date | None,
    why: tuple[Sentence, ...], **own: Any,
) -> NoticeFacts:
    """What every letter about an announcement says, sent or only shown; `own` is what the letter itself adds."""
    return NoticeFacts(
        **envelope, **own, customer=customer, changes=about.changes, opens_window=about.opens_window,
        terms=terms, last_day=last_day, zone=terms.zone, why=why, start_was=about.start_was,
        documents=about.documents,
        in_effect_on=next((c.in_effect_on for c in about.changes), None),
    )


def _objection(
    session: Session, delivery: Owed, sender: Sender, envelope: dict[str, Any], now: datetime
) -> Prepared:
    objection = session.get(Objection, delivery.subject_id)
    assert objection is not None
    notice = session.get(Notice, objection.notice_id)
    assert notice is not None
    terms = Terms.from_json(notice.terms)
    token = sender.signer.token(case_link(session, objection, now))
    ended = objections.termination_of(session, objection)
    zone = envelope["organisation"].zone
    facts = ObjectionFacts(
        **envelope, thread=objection.uid, customer=_addressee(session, notice), objection=objection.ref,
        changes=tuple(listing.published(session, c, zone) for c in objections.changes_of(session, objection)),
        filed_at=objection.filed_at, zone=terms.zone, in_time=objection.in_time, text=objection.text,
        words=delivery.words, link=f"{sender.base_url}/o/{token}", right_until=objection.right_until,
        terms=terms,
        service=_ended_service(session, ended[1].name if ended and ended[1] else "", bool(ended)),
        ends_on=ended[0].ends_on if ended else None, services=services(session),
    )
    return Prepared(facts, (token,))


def services(session: Session) -> tuple[ListedService, ...]:
    """The names of the services, for the slugs that changes carry."""
    return tuple(ListedService(row.slug, row.name) for row in register.services(session).values())


def _ended_service(session: Session, name: str, ended: bool) -> str:
    if name or not ended:
        return name
    return ", ".join(service.name for service in register.services(session).values())


def case_link(session: Session, objection: Objection, now: datetime) -> Link:
    """The filer's own link to the case page."""
    return links.ensure(session, links.CASE, objection.id or 0, contact_id=objection.contact_id,
                        email="" if objection.contact_id else objection.filer_email, now=now)


def _staff(session: Session, delivery: Owed, envelope: dict[str, Any]) -> Prepared:
    subject: Any = session.get(_SUBJECTS[delivery.subject_kind], delivery.subject_id)
    base = envelope["base_url"]
    more: dict[str, Any] = {}
    if isinstance(subject, Objection):
        ref, customer = subject.ref, objections.customer_of(session, subject).name
        path = f"/console/objections/{ref}"
    elif isinstance(subject, Delivery):
        notice = session.get(Notice, subject.notice_id) if subject.notice_id else None
        held = session.get(Customer, notice.customer_id) if notice else None
        ref, customer, path = subject.to_email, held.name if held else "", f"/console/deliveries/{subject.ref}"
        more = {"failed": str(subject.state), "outlook": outlook(session, subject, notice)}
    elif isinstance(subject, Contact):
        whose = session.get(Customer, subject.customer_id)
        assert whose is not None
        ref, customer, path = subject.email, whose.name, f"/console/customers/{quote(whose.ref)}"
    elif isinstance(subject, Notice):
        ref, customer, path = subject.uid, _addressee(session, subject).name, f"/console/notices/{subject.uid}/by-hand"
    elif delivery.subject_kind == "provider_post":  # of many, the earlier ones are not kept
        ref, customer, path = f"{subject.received_at:%Y-%m-%d %H:%M} UTC" if subject else "…", "", "/console/deliveries"
    elif isinstance(subject, Evidence | Engagement | Offboarding):
        customer, (ref, path) = "", reviews.named(session, subject)
    else:
        ref, customer, path = subject.ref, "", f"/console/changes/{subject.ref}"
    facts = StaffFacts(**envelope, thread=delivery.ref, subject_ref=ref, customer_name=customer, words=delivery.words,
                       link=f"{base}{path}", **more)
    return Prepared(facts, ())


def outlook(session: Session, failed: Delivery, notice: Notice | None) -> str:
    """What it means that a letter failed, as `StaffFacts.outlook` says it."""
    if notice is None or not deliveries.gives(failed):
        return "case" if failed.subject_kind == "objection" else "told"
    if notice.state in (NoticeState.GIVEN, NoticeState.CANCELLED):
        return "given" if notice.state == NoticeState.GIVEN else "over"
    others = {letter.state for letter in deliveries.of_notice(session, notice.id or 0) if letter.id != failed.id}
    return "under_way" if others & UNDER_WAY else "unproven"


def _reply_proof(session: Session, delivery: Owed, sender: Sender, envelope: dict[str, Any]) -> Prepared:
    """The test mail: its code is worked out here, and masked wherever the letter is kept."""
    proof = session.get(ReplyProof, delivery.subject_id)
    assert proof is not None
    code = sender.signer.code(proof.nonce)
    facts = StaffFacts(**envelope, thread=delivery.ref, subject_ref=proof.address, customer_name="", words=code,
                       link=f"{sender.base_url}/console/reply")
    return Prepared(facts, (code,))


_SUBJECTS: dict[str, Any] = {
    "change": Change, "objection": Objection, "delivery": Delivery, "evidence": Evidence, "engagement": Engagement,
    "offboarding": Offboarding, "notice": Notice, "provider_post": ProviderPost,
    "contact": Contact,
}


def _addressee(session: Session, notice: Notice) -> Addressee:
    customer = session.get(Customer, notice.customer_id)
    assert customer is not None
    return addressed(customer)


def addressed(customer: Customer | Member) -> Addressee:
    """A customer as letters name it."""
    return Addressee(customer.name, customer.ref, customer.agreement, customer.agreement_date, customer.clause)
