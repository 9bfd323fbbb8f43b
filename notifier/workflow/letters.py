"""What a letter is told: the facts of one delivery, read fresh from the tables when it leaves.

`mail.render` turns them into words. The signed tokens used come along, so that whoever stores the letter
can put the mask in their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, select

from notifier.domain import window as window_rules
from notifier.domain.letters import STAFF_LETTERS, Addressee, Facts, LetterKind, NoticeFacts, ObjectionFacts, StaffFacts
from notifier.domain.listing import ListedService, PublishedItem
from notifier.domain.register import EngagementValue
from notifier.domain.sentences import Sentence
from notifier.domain.terms import Authorisation, DayKind, Terms
from notifier.tables import (
    Announcement,
    AnnouncementChange,
    Change,
    Correction,
    Customer,
    Delivery,
    Edition,
    Link,
    Notice,
    NoticeChange,
    Objection,
)
from notifier.workflow import audit, calendars, deliveries, links, listing, notices, objections, register, settings
from notifier.workflow.announcements import Seat
from notifier.workflow.links import Signer


@dataclass(frozen=True)
class Sender:
    """What the installation adds to every letter: where it is reached, where answers go, how links are signed."""

    base_url: str
    reply_to: str
    signer: Signer


@dataclass(frozen=True)
class Prepared:
    """A delivery's facts, the secret tokens in them, and the last day the letter will print, if any."""

    facts: Facts
    tokens: tuple[str, ...]
    promised_last_day: date | None = None


def prepare(session: Session, delivery: Delivery, sender: Sender, now: datetime) -> Prepared:
    """Everything the letter of this delivery says, as it is true at `now`. Makes the links it needs."""
    kind = LetterKind(delivery.kind)
    envelope = _envelope(session, kind, delivery.language, delivery.to_name, delivery.to_email, sender)
    if kind in STAFF_LETTERS:
        return _staff(session, delivery, envelope)
    if delivery.subject_kind == "objection":
        return _objection(session, delivery, sender, envelope, now)
    return _notice(session, delivery, sender, envelope, now)


def _notice(
    session: Session, delivery: Delivery, sender: Sender, envelope: dict[str, Any], now: datetime
) -> Prepared:
    notice = session.get(Notice, delivery.notice_id)
    assert notice is not None
    announcement = session.get(Announcement, notice.announcement_id)
    assert announcement is not None
    terms = Terms.from_json(notice.terms)
    told = _changes(session, announcement, delivery)
    edition = session.get(Edition, announcement.edition_n)
    last_day, why = _last_day(session, notice, delivery, terms, now)
    link = links.ensure(session, links.NOTICE, notice.id or 0, contact_id=delivery.contact_id,
                        email="" if delivery.contact_id else delivery.to_email, now=now)
    token = sender.signer.token(link)
    correction = _correction(session, announcement, delivery, told)
    facts = _facts(
        session, envelope, _addressee(session, notice), terms, told, last_day, why, announcement=announcement.ref,
        thread=announcement.uid, link=f"{sender.base_url}/n/{token}", edition=announcement.edition_n or 0,
        edition_sha256=edition.sha256 if edition else "", reason=_reason(announcement, delivery, correction),
        corrected=_mended(correction) if correction else (),
    )
    return Prepared(facts, (token,), last_day if deliveries.gives(delivery) else None)


def _reason(announcement: Announcement, delivery: Delivery, correction: Any) -> str:
    """Our own words in a letter: the correction's, those it was queued with, or why it was started irregularly."""
    if correction is not None:
        return str(correction.words)
    return delivery.words or (announcement.words if announcement.irregular else "")


def preview(
    session: Session, concerned: Sequence[Change], seat: Seat, language: str, sender: Sender, now: datetime
) -> NoticeFacts:
    """What the letter to one customer would say if these changes were announced at `now`; writes nothing. What
    only the announcing itself gives stands masked: the link, the announcement's number, the edition's hash."""
    contact = seat.contacts[0] if seat.contacts else None
    envelope = _envelope(session, LetterKind.CHANGE_ANNOUNCED, language, contact.name if contact else "",
                         contact.email if contact else "", sender)
    opens = any(c.opens_window for c in concerned)
    promise = window_rules.promised(seat.terms, now, calendars.day_off(seat.terms, language))
    last_day, why = (promise.last_day, promise.why) if opens else (None, ())
    newest = listing.newest(session)
    return _facts(
        session, envelope, _named(seat.customer), seat.terms, concerned, last_day, why, announcement="A-…",
        thread="preview", link=f"{sender.base_url}/n/{links.MASK}", edition=(newest.n if newest else 0) + 1,
        edition_sha256="…", reason="",
    )


def _envelope(
    session: Session, kind: LetterKind, language: str, to_name: str, to_email: str, sender: Sender
) -> dict[str, Any]:
    return {
        "kind": kind, "language": language, "organisation": settings.organisation(session), "to_name": to_name,
        "to_email": to_email, "reply_to": sender.reply_to, "base_url": sender.base_url,
        "list_url": f"{sender.base_url}/",
    }


def _facts(
    session: Session, envelope: dict[str, Any], customer: Addressee, terms: Terms, told: Sequence[Change],
    last_day: date | None, why: tuple[Sentence, ...], **own: Any,
) -> NoticeFacts:
    """What every letter about an announcement says, sent or only shown; `own` is what the letter itself adds."""
    published = tuple(listing.published(session, change, envelope["organisation"].zone) for change in told)
    return NoticeFacts(
        **envelope, **own, customer=customer, changes=published,
        opens_window=frozenset(c.ref for c in told if c.opens_window), window_days=terms.window_days,
        specific=terms.authorisation is Authorisation.SPECIFIC, last_day=last_day, zone=terms.zone, why=why,
        termination_days=terms.termination_days, audit_head=audit.head(session).hash, services=_services(session),
        business_days=terms.day_kind is DayKind.BUSINESS,
        in_effect_on=next((p.in_effect_on for p in published), None),
        start_was=next((c.start_was for c in told), None),
    )


def _last_day(
    session: Session, notice: Notice, delivery: Delivery, terms: Terms, now: datetime
) -> tuple[date | None, tuple[Sentence, ...]]:
    if not notice.opens_window or not (deliveries.gives(delivery) or delivery.kind == LetterKind.WINDOW_EXTENDED):
        return None, ()
    row = notices.window_of(session, notice)
    if delivery.kind == LetterKind.WINDOW_EXTENDED and row is not None:
        return row.last_day, notices.value_of(row).why
    promise = window_rules.promised(terms, now, calendars.day_off(terms, delivery.language))
    if notice.promised_last_day is not None:
        promise = window_rules.until(promise, notice.promised_last_day)
    if row is not None and row.last_day > promise.last_day:
        return row.last_day, notices.value_of(row).why
    return promise.last_day, promise.why


def _changes(session: Session, announcement: Announcement, delivery: Delivery) -> list[Change]:
    """What the letter is about: one change, or all of the announcement that have not been taken back."""
    if delivery.subject_kind == "notice_change":
        part = session.get(NoticeChange, delivery.subject_id)
        change = session.get(Change, part.change_id) if part else None
        return [change] if change else []
    return list(session.exec(
        select(Change).join(AnnouncementChange, col(AnnouncementChange.change_id) == col(Change.id))
        .join(NoticeChange, (col(NoticeChange.change_id) == col(Change.id)))
        .where(AnnouncementChange.announcement_id == announcement.id, NoticeChange.notice_id == delivery.notice_id,
               col(NoticeChange.withdrawn_at).is_(None), col(NoticeChange.superseded_at).is_(None))
        .order_by(col(Change.id))
    ))


def _correction(
    session: Session, announcement: Announcement, delivery: Delivery, told: Sequence[Change]
) -> Correction | None:
    """What a letter of correction is about: the correction its announcement made, or the one it only informs of,
    whose number is that of the letter."""
    if delivery.kind != LetterKind.CHANGE_CORRECTED:
        return None
    query = select(Correction)
    if deliveries.gives(delivery):
        return session.exec(query.where(Correction.announcement_id == announcement.id)).first()
    return session.exec(query.where(Correction.change_id == told[0].id, Correction.n == delivery.attempt)).first()


def _mended(correction: Correction) -> tuple[PublishedItem, ...]:
    pairs = zip(correction.told, correction.mended, strict=True)
    return tuple(
        PublishedItem(EngagementValue.from_json(was), EngagementValue.from_json(now)) for was, now in pairs
        if was and now and was != now
    )


def _objection(
    session: Session, delivery: Delivery, sender: Sender, envelope: dict[str, Any], now: datetime
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
        right_days=terms.termination_days,
        service=_ended_service(session, ended[1].name if ended and ended[1] else "", bool(ended)),
        ends_on=ended[0].ends_on if ended else None, services=_services(session),
    )
    return Prepared(facts, (token,))


def _services(session: Session) -> tuple[ListedService, ...]:
    return tuple(ListedService(row.slug, row.name) for row in register.services(session).values())


def _ended_service(session: Session, name: str, ended: bool) -> str:
    if name or not ended:
        return name
    return ", ".join(service.name for service in register.services(session).values())


def case_link(session: Session, objection: Objection, now: datetime) -> Link:
    """The filer's own link to the case page."""
    return links.ensure(session, links.CASE, objection.id or 0, contact_id=objection.contact_id,
                        email="" if objection.contact_id else objection.filer_email, now=now)


def _staff(session: Session, delivery: Delivery, envelope: dict[str, Any]) -> Prepared:
    subject: Any = session.get(_SUBJECTS[delivery.subject_kind], delivery.subject_id)
    base = envelope["base_url"]
    if isinstance(subject, Objection):
        ref, customer = subject.ref, objections.customer_of(session, subject).name
        path = f"/console/objections/{ref}"
    elif isinstance(subject, Delivery):
        notice = session.get(Notice, subject.notice_id) if subject.notice_id else None
        held = session.get(Customer, notice.customer_id) if notice else None
        ref, customer, path = subject.to_email, held.name if held else "", f"/console/deliveries/{subject.ref}"
    else:
        ref, customer, path = subject.ref, "", f"/console/changes/{subject.ref}"
    facts = StaffFacts(**envelope, thread=delivery.ref, subject_ref=ref, customer_name=customer, words=delivery.words,
                       link=f"{base}{path}")
    return Prepared(facts, ())


_SUBJECTS: dict[str, Any] = {"change": Change, "objection": Objection, "delivery": Delivery}


def _addressee(session: Session, notice: Notice) -> Addressee:
    customer = session.get(Customer, notice.customer_id)
    assert customer is not None
    return _named(customer)


def _named(customer: Customer) -> Addressee:
    return Addressee(customer.name, customer.ref, customer.agreement, customer.agreement_date, customer.clause)
