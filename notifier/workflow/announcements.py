"""Announcing: who is owed a notice, what each will be told, and the one act that makes approved changes known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import rfc8785
import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import audience as rules
from notifier.domain import window
from notifier.domain.audience import Candidate, Why
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import CHANGE, DELIVERY, NOTICE, ChangeState, Need, NoticeState
from notifier.domain.terms import Notify, Terms
from notifier.tables import (
    Announcement,
    AnnouncementChange,
    AudienceRow,
    Change,
    Contact,
    Customer,
    CustomerService,
    Delivery,
    Notice,
    NoticeChange,
    Service,
)
from notifier.workflow import audit, calendars, changes, deliveries, listing, notices, settings


@dataclass(frozen=True)
class Seat:
    """One customer on the audience roll: in or out and why, its terms, and the contacts that would be written to."""

    customer: Customer
    why: Why
    terms: Terms
    contacts: tuple[Contact, ...]

    @property
    def included(self) -> bool:
        """Whether a notice is owed."""
        return self.why in rules.INCLUDED


@dataclass(frozen=True)
class Plan:
    """What announcing now would do: the roll, the earliest start every customer's terms allow, and whether a
    window opens. `late` are customers whose terms make the planned start too early."""

    seats: tuple[Seat, ...]
    earliest: date
    opens_window: bool

    @property
    def included(self) -> tuple[Seat, ...]:
        """The customers owed a notice."""
        return tuple(s for s in self.seats if s.included)


def plan(session: Session, concerned: Sequence[Change], now: datetime) -> Plan:
    """The audience roll and the earliest start for announcing these changes at `now`; writes nothing."""
    services = {s for c in concerned for s in changes.services_of(session, changes.items_of(session, c))}
    opens = any(c.opens_window for c in concerned)
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    seats = tuple(_seats(session, services, today))
    earliest = today
    if opens:
        terms = {s.terms for s in seats if s.included} or {settings.default_terms(session)}
        earliest = max(window.earliest_planned_start(t, now, calendars.day_off(t)) for t in terms)
    return Plan(seats, earliest, opens)


def _seats(session: Session, services: set[str], today: date) -> list[Seat]:
    bought: dict[int, set[str]] = {}
    rows = session.exec(
        select(CustomerService.customer_id, Service.slug)
        .join(Service, col(Service.id) == col(CustomerService.service_id))
        .where(sa.or_(col(CustomerService.ended_on).is_(None), col(CustomerService.ended_on) >= today))
    )
    for customer_id, slug in rows:
        bought.setdefault(customer_id, set()).add(slug)
    contacts: dict[int, list[Contact]] = {}
    for contact in session.exec(
        select(Contact)
        .where(Contact.role == "notice", col(Contact.retired_at).is_(None), col(Contact.barred_at).is_(None))
        .order_by(col(Contact.customer_id), col(Contact.position), col(Contact.id))
    ):
        contacts.setdefault(contact.customer_id, []).append(contact)
    seats = []
    for customer in session.exec(select(Customer).order_by(col(Customer.id))):
        services_bought = frozenset(bought.get(customer.id or 0, ()))
        candidate = Candidate(services_bought, customer.contract_start, customer.contract_end)
        terms = settings.terms_of(session, customer.terms, customer.country, customer.subdivision)
        reachable = deliveries.distinct(contacts.get(customer.id or 0, []))
        chosen = reachable[:1] if terms.notify is Notify.IN_ORDER else reachable
        seats.append(Seat(customer, rules.decide(candidate, services, today), terms, tuple(chosen)))
    return seats


def announce(
    session: Session, refs: Sequence[str], *, actor: Actor, now: datetime, words: str = ""
) -> Announcement:
    """Makes approved changes known: freezes the audience roll, owes every customer on it a notice and its
    letters, moves the changes, and publishes a new edition, all in this one transaction.

    Raises Refusal nothing_to_announce, no_such_move, incomplete, start_missing, start_too_early (with the
    earliest date every customer's terms allow), no_notice_contact (naming every customer).
    """
    concerned = [changes.get(session, ref, lock=True) for ref in dict.fromkeys(refs)]
    if not concerned:
        raise Refusal("nothing_to_announce")
    for change in concerned:
        if change.state != ChangeState.APPROVED:
            raise Refusal("no_such_move", state=str(change.state), action="announce")
        if found := changes.gaps(session, change):
            raise Refusal("incomplete", details=found)
    planned = plan(session, concerned, now)
    refuse_unfit(concerned, planned)
    announcement = write(session, concerned, planned, words, actor=actor, now=now)
    for change in concerned:
        audit.move(session, change, "announce", actor=actor, now=now, checked={Need.COMPLETE, Need.AUDIENCE},
                   refs={"announcement": announcement.ref})
        change.announced_at = change.updated_at = now
    show(session, announcement, concerned, "announce", actor=actor, now=now)
    return announcement


def show(
    session: Session, announcement: Announcement, concerned: Sequence[Change], act: str, *, actor: Actor,
    now: datetime,
) -> None:
    """The last step of announcing: a new edition, and from here on everybody can see it. `act` names it in the log."""
    announcement.edition_n = listing.new_edition(session, act, now).n
    announcement.made_at = now
    audit.note(
        session, act, "announcement", announcement.ref, actor=actor, now=now, count=announcement.included,
        refs={"changes": [c.ref for c in concerned], "audience": announcement.audience_sha256,
              "left_out": announcement.left_out, "edition": announcement.edition_n},
        reason=announcement.words,
    )


def refuse_unfit(concerned: Sequence[Change], planned: Plan) -> None:
    """Raises Refusal start_missing, start_too_early or no_notice_contact where these changes cannot be announced so."""
    _refuse_early(concerned, planned)
    _refuse_unreachable(planned)


def _refuse_early(concerned: Sequence[Change], planned: Plan) -> None:
    for change in concerned:
        if change.planned_start is None:
            raise Refusal("start_missing")
        if change.opens_window and change.planned_start < planned.earliest:
            raise Refusal("start_too_early", start=change.planned_start, earliest=planned.earliest)


def _refuse_unreachable(planned: Plan) -> None:
    nobody = [s.customer for s in planned.included if not s.contacts]
    if nobody:
        raise Refusal("no_notice_contact", details=[
            Sentence(N_("%(name)s (%(ref)s)"), {"name": c.name, "ref": c.ref}) for c in nobody
        ])


def write(
    session: Session, concerned: Sequence[Change], planned: Plan, words: str, *, corrects: Announcement | None = None,
    irregular: bool = False, actor: Actor, now: datetime,
) -> Announcement:
    """An announcement with its frozen roll, its notices and their letters, which nobody sees before `show`;
    `corrects` is the one it corrects, `irregular` says that processing has begun already."""
    uid = str(uuid4())
    announcement = Announcement(uid=uid, ref=uid[:18], begun_at=now, made_by=actor.id, words=words,
                                corrects_id=corrects.id if corrects else None, irregular=irregular)
    session.add(announcement)
    session.flush()
    announcement.ref = f"A-{announcement.id}"
    number = announcement.id or 0
    session.add_all(AnnouncementChange(announcement_id=number, change_id=c.id or 0) for c in concerned)
    _freeze_roll(session, announcement, planned)
    _write_notices(session, number, concerned, planned, now)
    _write_deliveries(session, announcement, planned, now)
    return announcement


def _freeze_roll(session: Session, announcement: Announcement, planned: Plan) -> None:
    roll = [
        {"announcement_id": announcement.id, "customer_id": s.customer.id, "included": s.included, "why": str(s.why)}
        for s in planned.seats
    ]
    announcement.audience_sha256 = roll_sha256(roll)
    announcement.included = len(planned.included)
    announcement.left_out = len(roll) - announcement.included
    if roll:
        session.execute(sa.insert(AudienceRow), roll)


def roll_sha256(roll: Sequence[dict[str, Any]]) -> str:
    """The hash of an audience roll: SHA-256 over the RFC 8785 form of its rows, in order of customer."""
    rows = sorted([row["customer_id"], row["included"], row["why"]] for row in roll)
    return hashlib.sha256(rfc8785.dumps(rows)).hexdigest()


def _write_notices(
    session: Session, number: int, concerned: Sequence[Change], planned: Plan, now: datetime
) -> None:
    rows = [
        {"uid": str(uuid4()), "announcement_id": number, "customer_id": s.customer.id, "state": NOTICE.initial,
         "terms": s.terms.to_json(), "opens_window": planned.opens_window, "created_at": now}
        for s in planned.included
    ]
    if rows:
        session.execute(sa.insert(Notice), rows)
    for change in concerned:
        session.execute(sa.insert(NoticeChange).from_select(
            ["notice_id", "change_id", "consent"],
            sa.select(col(Notice.id), sa.literal(change.id), sa.literal(""))
            .where(col(Notice.announcement_id) == number),
        ))


def _write_deliveries(session: Session, announcement: Announcement, planned: Plan, now: datetime) -> None:
    notice_ids = dict(session.exec(
        select(Notice.customer_id, Notice.id).where(Notice.announcement_id == announcement.id)
    ).all())
    rows = [
        {"ref": str(uuid4()), "kind": notices.letter_of(announcement), "subject_kind": "notice",
         "subject_id": notice_ids[s.customer.id or 0], "notice_id": notice_ids[s.customer.id or 0],
         "contact_id": contact.id, "to_email": contact.email, "to_name": contact.name,
         "language": s.customer.language, "words": "", "state": DELIVERY.initial, "created_at": now, "due_at": now}
        for s in planned.included for contact in s.contacts
    ]
    if rows:
        session.execute(sa.insert(Delivery), rows)


def withdraw(session: Session, ref: str, reason: str, *, actor: Actor, now: datetime) -> Change:
    """Ends a change that will not happen. One that was announced is taken back by letter from everybody who was
    told, and the list says so. Raises Refusal no_such_move, role_missing, reason_missing."""
    change = changes.get(session, ref, lock=True)
    announced = change.state == ChangeState.ANNOUNCED
    audit.move(session, change, "withdraw", actor=actor, now=now, reason=reason)
    change.updated_at = now
    if announced:
        told = _take_back(session, change, reason, actor=actor, now=now)
        listing.new_edition(session, "withdraw", now)
        audit.note(session, "take_back", CHANGE.name, change.ref, actor=actor, now=now, count=told)
    return change


def _take_back(session: Session, change: Change, reason: str, *, actor: Actor, now: datetime) -> int:
    """Takes an announced change back from every notice: its part ends, unsent letters are cancelled, everybody
    else is told. A notice with nothing left in it is cancelled. Returns how many customers are told."""
    rows = session.exec(
        select(NoticeChange, Notice).join(Notice, col(Notice.id) == col(NoticeChange.notice_id))
        .where(NoticeChange.change_id == change.id, col(NoticeChange.superseded_at).is_(None))
        .order_by(col(Notice.id)).with_for_update()
    ).all()
    told = 0
    for part, notice in rows:
        part.withdrawn_at = now
        session.flush()
        left = notices.stands(session, notice.id or 0)
        if not left:
            deliveries.cancel_queued(session, [notice.id or 0], actor=actor, now=now)
        told += notices.tell_reached(session, "change_withdrawn", notice, part, reason, now=now)
        if not left and notice.state != NoticeState.CANCELLED:
            audit.move(session, notice, "cancel", actor=actor, now=now, refs={"change": change.ref})
    return told


def get(session: Session, ref: str) -> Announcement:
    """The announcement of this reference. Raises Refusal unknown."""
    found = session.exec(select(Announcement).where(Announcement.ref == ref)).first()
    if found is None or found.made_at is None:
        raise Refusal("unknown", what="announcement", ref=ref)
    return found
