"""A notice delivered by hand or by registered post: recorded by one person with the proof, confirmed by another.

It counts from the civil day it was received on, by the receipt rule of the customer's terms. The file is kept under
its SHA-256. A recording that a second one replaces, or that nobody confirms, proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import NOTICE, NoticeState
from notifier.domain.terms import Terms
from notifier.tables import Announcement, Countersignature, Customer, Notice
from notifier.workflow import audit, deliveries, documents, notices, people

ACTION = "hand_delivery"
MOST_BYTES = 10 * 1024 * 1024
NOON = time(12)


@dataclass(frozen=True)
class Recorded:
    """What one person recorded and a second has not confirmed yet: the file's name and SHA-256, the civil day of
    receipt, who recorded it (a user's id) and when (aware, UTC)."""

    file_name: str
    sha256: str
    received_on: date
    words: str
    by: int
    at: datetime


def find(session: Session, name: str) -> Notice:
    """The notice of this uid, or of this announcement and customer, written as A-1/customer-ref. Raises Refusal
    unknown, also for one that nobody can see yet."""
    announcement, slash, customer = name.partition("/")
    query = select(Notice).join(Announcement, col(Announcement.id) == col(Notice.announcement_id)).where(
        col(Announcement.made_at).is_not(None))
    if slash:
        query = query.join(Customer, col(Customer.id) == col(Notice.customer_id)).where(
            Announcement.ref == announcement, Customer.ref == customer)
    else:
        query = query.where(Notice.uid == name)
    found = session.exec(query).first()
    if found is None:
        raise Refusal("unknown", what="notice", ref=name)
    return found


def record(
    session: Session, name: str, file: tuple[str, bytes], received_on: date, *, words: str = "", actor: Actor,
    now: datetime,
) -> Notice:
    """One person of ops or privacy records that a notice was delivered by hand, with the proof (name, bytes). It
    counts only once `confirm` was called by another. An earlier recording that nobody confirmed is replaced.

    Raises Refusal unknown, role_missing, no_such_move for a notice that is proven or cancelled, bad_value for a day
    to come or from before the announcement, and for a file that is empty or larger than 10 MB, second_person where
    the same is recorded twice by one person.
    """
    _may(actor)
    notice = _open(session, name)
    _check_day(session, notice, received_on, now)
    if not 0 < len(file[1]) <= MOST_BYTES:
        raise Refusal("bad_value", field=N_("Proof"), problem=N_("hand in a file with content, of 10 MB at most"))
    payload = {"file": documents.keep(session, file[1], now), "file_name": documents.name_of(file[0]),
               "received_on": received_on.isoformat(), "words": words.strip()[:2000]}
    signed = people.countersign(session, NOTICE.name, notice.id or 0, ACTION, payload, subject_ref=notice.uid,
                                actor=actor, now=now)
    if signed is not None:  # a second person handed in the very same: that confirms it
        _give(session, notice, signed, actor=actor, now=now)
    else:
        deliveries.to_staff(session, "staff_hand_delivery", "notice", notice.id or 0, Role.PRIVACY, now=now,
                            besides=actor.id, words=f"{received_on.isoformat()}: {payload['file_name']}")
    return notice


def confirm(session: Session, name: str, *, actor: Actor, now: datetime) -> Notice:
    """A second person, of privacy, confirms what was recorded: the notice is given by hand, and its window opens.

    Raises Refusal unknown, not_recorded where nothing waits, second_person, role_missing, no_such_move where it was
    proven otherwise meanwhile.
    """
    notice = _open(session, name)
    asked = _asked(session, notice)
    if asked is None:
        raise Refusal("not_recorded")
    signed = people.countersign(session, NOTICE.name, notice.id or 0, ACTION, asked.payload, subject_ref=notice.uid,
                                actor=actor, now=now)
    assert signed is not None  # the same words
    _give(session, notice, signed, actor=actor, now=now)
    return notice


def waiting(session: Session, notice: Notice) -> Recorded | None:
    """What is recorded for a notice and not confirmed yet."""
    row = _asked(session, notice)
    if row is None:
        return None
    held: dict[str, Any] = dict(row.payload)
    return Recorded(str(held["file_name"]), str(held["file"]), date.fromisoformat(str(held["received_on"])),
                    str(held.get("words", "")), row.asked_by, row.asked_at)


def awaiting(session: Session) -> list[tuple[Countersignature, Notice, Customer]]:
    """Every hand delivery that waits for a second person, oldest first."""
    return list(session.exec(
        select(Countersignature, Notice, Customer).join(Notice, col(Notice.id) == col(Countersignature.subject_id))
        .join(Customer, col(Customer.id) == col(Notice.customer_id))
        .where(Countersignature.subject_kind == NOTICE.name, Countersignature.action == ACTION,
               col(Countersignature.signed_at).is_(None), col(Countersignature.dropped_at).is_(None),
               sa.or_(col(Notice.state).in_(_TO_PROVE), col(Notice.given_by) == "presumed"))
        .order_by(col(Countersignature.id))
    ).all())


_TO_PROVE = (NoticeState.PENDING, NoticeState.UNDELIVERABLE)


def may_be_proven(notice: Notice) -> bool:
    """Whether a delivery by hand can prove this notice: it is not proven yet, or only presumed to have arrived."""
    return notice.state in _TO_PROVE or (notice.state == NoticeState.GIVEN and notice.given_by == "presumed")


def _may(actor: Actor) -> None:
    if not actor.roles & {Role.OPS, Role.PRIVACY}:
        raise Refusal("role_missing", roles="ops, privacy")


def _open(session: Session, name: str) -> Notice:
    notice = notices.lock(session, find(session, name).id or 0)
    if not may_be_proven(notice):
        raise Refusal("no_such_move", state=str(notice.state), action=ACTION)
    return notice


def _check_day(session: Session, notice: Notice, received_on: date, now: datetime) -> None:
    zone = ZoneInfo(Terms.from_json(notice.terms).zone)
    if received_on > now.astimezone(zone).date():
        raise Refusal("bad_value", field=N_("Received on"), problem=N_("this day has not come"))
    if received_on < _made_at(session, notice).astimezone(zone).date():
        raise Refusal("bad_value", field=N_("Received on"), problem=N_("this day lies before the announcement"))


def _made_at(session: Session, notice: Notice) -> datetime:
    announcement = session.get(Announcement, notice.announcement_id)
    assert announcement is not None
    assert announcement.made_at is not None
    return announcement.made_at


def _asked(session: Session, notice: Notice) -> Countersignature | None:
    rows = people.awaiting(session, NOTICE.name, notice.id or 0)
    return next((row for row in rows if row.action == ACTION), None)


def _give(session: Session, notice: Notice, signed: Countersignature, *, actor: Actor, now: datetime) -> None:
    held: dict[str, Any] = dict(signed.payload)
    received_on = date.fromisoformat(str(held["received_on"]))
    # Only the day is known. Noon is within business hours, so the receipt rule decides by the day alone.
    noon = datetime.combine(received_on, NOON, ZoneInfo(Terms.from_json(notice.terms).zone)).astimezone(now.tzinfo)
    at = max(_made_at(session, notice), min(noon, now))
    proof = {"kind": "hand", **held, "recorded_by": signed.asked_by, "confirmed_by": actor.id}
    notices.give(session, notice, at, "hand", proof, actor=actor, now=now)
    audit.note(session, "confirm_hand_delivery", NOTICE.name, notice.uid, actor=actor, now=now,
               refs={"file": held["file"], "received_on": held["received_on"], "recorded_by": str(signed.asked_by)})
