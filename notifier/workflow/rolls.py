"""The roll of an announcement: who is owed a notice and who is not, frozen part by part, with what it owes them.

A part is the next customers by their ids: their lines of the roll, their notices, and their letters, which are held
(no `due_at`) until the announcement is made. Nothing of it can be seen before: whatever asks for notices asks by
their parts (`NoticeChange`), which come last, or by an announcement that was made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import audience as rules
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import DELIVERY, NOTICE
from notifier.domain.terms import Terms
from notifier.tables import (
    Announcement,
    AnnouncementChange,
    AudienceRow,
    Change,
    Customer,
    CustomerService,
    Delivery,
    Notice,
    NoticeChange,
)
from notifier.tables.base import table
from notifier.workflow import audience, deliveries, notices, written
from notifier.workflow.audience import Seat

PART = 2000  # customers a transaction writes: some tenths of a second, in which other writers wait


@dataclass(frozen=True)
class Roll:
    """A whole roll: the hash over its lines, how many are in and out, and the terms of those that are in. `data` marks
    the customers it was read from; once they have changed it is another. `rows` is what the log will be told of its
    notices and letters, where that was read already."""

    sha256: str
    included: int
    left_out: int
    terms: frozenset[Terms]
    data: str = ""
    rows: Mapping[str, tuple[list[int], str]] = field(default_factory=dict)


def begin(
    session: Session, concerned: Sequence[Change], words: str, *, corrects: Announcement | None = None,
    irregular: bool = False, actor: Actor, now: datetime,
) -> Announcement:
    """A new announcement of these changes, with an empty roll. `corrects` is the one it corrects; `irregular` says that
    processing has begun already."""
    uid = str(uuid4())
    announcement = Announcement(uid=uid, ref=uid[:18], begun_at=now, made_by=actor.id, words=words,
                                corrects_id=corrects.id if corrects else None, irregular=irregular)
    session.add(announcement)
    session.flush()
    announcement.ref = f"A-{announcement.id}"
    session.add_all(AnnouncementChange(announcement_id=announcement.id or 0, change_id=c.id or 0) for c in concerned)
    session.flush()
    return announcement


def written_up_to(session: Session, number: int) -> int:
    """The id of the last customer on the roll of announcement `number`; 0 where it is empty."""
    return session.scalar(
        sa.select(sa.func.max(AudienceRow.customer_id)).where(col(AudienceRow.announcement_id) == number)
    ) or 0


def parts(seats: Iterable[Seat]) -> Iterator[list[Seat]]:
    """The seats in parts of PART."""
    left = iter(seats)
    while part := list(islice(left, PART)):
        yield part


def refuse_unreachable(seats: Iterable[Seat]) -> None:
    """Raises Refusal no_notice_contact, naming every customer among them who is owed a notice and has no contact."""
    if nobody := [s.customer for s in seats if s.included and not s.contacts]:
        raise Refusal("no_notice_contact", details=[
            Sentence(N_("%(name)s (%(ref)s)"), {"name": c.name, "ref": c.ref}) for c in nobody
        ])


def write(
    session: Session, announcement: Announcement, part: Sequence[Seat], opens_window: bool, now: datetime, *,
    reachable: bool = True, letters: bool = True,
) -> None:
    """One part: lines of the roll, notices, held letters (none where they had them already). Raises Refusal
    no_notice_contact where everybody must be `reachable`."""
    if reachable:
        refuse_unreachable(part)
    number, owed = announcement.id or 0, [seat for seat in part if seat.included]
    _insert(session, AudienceRow, [
        {"announcement_id": number, "customer_id": s.customer.id, "included": s.included, "why": str(s.why)}
        for s in part
    ])
    plain = {id(seat.terms): seat.terms for seat in owed}  # customers of equal terms share one value
    plain_terms = {key: terms.to_json() for key, terms in plain.items()}
    _insert(session, Notice, [
        {"uid": str(uuid4()), "announcement_id": number, "customer_id": s.customer.id, "state": NOTICE.initial,
         "terms": plain_terms[id(s.terms)], "opens_window": opens_window, "given_by": "", "created_at": now}
        for s in owed
    ])
    if letters:
        _insert(session, Delivery, list(_letters(session, announcement, owed, now)))


def _letters(
    session: Session, announcement: Announcement, owed: Sequence[Seat], now: datetime
) -> Iterator[dict[str, Any]]:
    if not owed:
        return
    ids: dict[int, int] = dict(session.execute(
        sa.select(col(Notice.customer_id), col(Notice.id)).where(
            col(Notice.announcement_id) == announcement.id,
            sa.between(col(Notice.customer_id), owed[0].customer.id, owed[-1].customer.id))
    ).all())
    fresh = {"kind": notices.letter_of(announcement), "subject_kind": "notice", "attempt": 1, "words": "",
             "state": DELIVERY.initial, "created_at": now, "due_at": None, "tries": 0, "lease": "", "transport": "",
             "provider_id": "", "provider_uuid": "", "letter_sha256": "", "last_words": ""}
    for seat in owed:
        for contact in seat.contacts:
            yield {**fresh, "ref": str(uuid4()), "subject_id": ids[seat.customer.id],
                   "notice_id": ids[seat.customer.id], "contact_id": contact.id, "to_email": contact.email,
                   "to_name": contact.name, "language": seat.customer.language}


def _insert(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    """Many rows past the unit of work, which would cost more than the database itself."""
    if rows:
        session.execute(sa.insert(table(model)), rows)


def close(session: Session, announcement: Announcement, roll: Roll, now: datetime) -> None:
    """The last step of writing: the roll's hash and counts, every notice's parts, and the letters are due."""
    number = announcement.id or 0
    announcement.audience_sha256 = roll.sha256
    announcement.included, announcement.left_out = roll.included, roll.left_out
    session.execute(sa.insert(NoticeChange).from_select(
        ["notice_id", "change_id", "consent"],
        sa.select(col(Notice.id), col(AnnouncementChange.change_id), sa.literal(""))
        .join(AnnouncementChange, col(AnnouncementChange.announcement_id) == col(Notice.announcement_id))
        .where(col(Notice.announcement_id) == number).order_by(col(Notice.id), col(AnnouncementChange.change_id)),
    ))
    deliveries.release_held(session, number, now=now)
    written.shown_before(session, number, roll.rows)


def of(seats: Sequence[Seat]) -> Roll:
    """The roll these seats make."""
    hashed, included = _Hash(), 0
    for seat in seats:
        hashed.add(seat.customer.id, seat.included, str(seat.why))
        included += seat.included
    terms = {id(s.terms): s.terms for s in seats if s.included}
    return Roll(hashed.hex(), included, len(seats) - included, frozenset(terms.values()))


def checked(session: Session, announcement: Announcement, services: Iterable[str], today: date) -> Roll | None:
    """The written roll, held against the customers as they are now; None where it does not reach the last of them yet.

    Raises Refusal roll_changed where a customer written earlier would be told otherwise by now: in or out, or by
    other terms. So what is made known is true at the moment it is made known, however long the writing took.
    """
    data = fingerprint(session)
    hashed, included, count, changed = _Hash(), 0, 0, 0
    terms: dict[int, Terms] = {}
    for part in parts(audience.seats(session, frozenset(services), today)):
        lines = _lines(session, announcement.id or 0, part)
        for seat in part:
            line = lines.get(seat.customer.id)
            if line is None:
                return None
            changed += line != (str(seat.why), seat.terms if seat.included else None)
            hashed.add(seat.customer.id, seat.included, str(seat.why))
            included, count = included + seat.included, count + 1
            if seat.included:
                terms[id(seat.terms)] = seat.terms
    if changed:
        raise Refusal("roll_changed", count=changed)
    rows = {name: written.shown(session, name, announcement.id or 0) for name in ("notice", "delivery")}
    return Roll(hashed.hex(), included, count - included, frozenset(terms.values()), data, rows)


def _lines(session: Session, number: int, part: Sequence[Seat]) -> dict[int, tuple[str, Terms | None]]:
    rows = session.execute(
        sa.select(col(AudienceRow.customer_id), col(AudienceRow.why), sa.cast(col(Notice.terms), sa.Text))
        .join(Notice, sa.and_(col(Notice.announcement_id) == number,
                              col(Notice.customer_id) == col(AudienceRow.customer_id)), isouter=True)
        .where(col(AudienceRow.announcement_id) == number,
               sa.between(col(AudienceRow.customer_id), part[0].customer.id, part[-1].customer.id))
    ).all()
    known = {terms: Terms.from_json(json.loads(terms)) for terms in {row[2] for row in rows} if terms}
    return {customer_id: (why, known.get(terms)) for customer_id, why, terms in rows}


def fingerprint(session: Session) -> str:
    """A mark of all customers and what they buy, as any write of theirs leaves it: equal marks, nothing changed."""
    told = hashlib.sha256()
    for columns, rows in (
        ((Customer.id, Customer.updated_at), Customer),
        ((CustomerService.customer_id, CustomerService.service_id, CustomerService.ended_on), CustomerService),
    ):
        line: Any = sa.literal("")
        for column in columns:
            line = line + sa.func.coalesce(sa.cast(col(column), sa.Text), "") + ","
        lines = sa.select(line.label("line")).select_from(rows).order_by(*map(col, columns[:2])).subquery()
        told.update((session.scalar(sa.select(sa.func.aggregate_strings(lines.c.line, " "))) or "").encode())
    return told.hexdigest()


class _Hash:
    """SHA-256 over the RFC 8785 form of a roll, `[[customer, in or out, why] …]` by customer, fed line by line."""

    def __init__(self) -> None:
        self._sha256, self._opening = hashlib.sha256(), b"["

    def add(self, customer_id: int, included: bool, why: str) -> None:
        """The next line. A `why` is a code: nothing in it has to be escaped."""
        self._sha256.update(b'%s[%d,%s,"%s"]' % (
            self._opening, customer_id, b"true" if included else b"false", why.encode()))
        self._opening = b","

    def hex(self) -> str:
        """The hash of all lines so far."""
        whole = self._sha256.copy()
        whole.update(b"[]" if self._opening == b"[" else b"]")
        return whole.hexdigest()


def roll_sha256(roll: Iterable[tuple[int, str]]) -> str:
    """The hash of an audience roll from its lines (customer, why), in any order."""
    hashed = _Hash()
    for customer_id, why in sorted(roll):
        hashed.add(customer_id, why in rules.INCLUDED, why)
    return hashed.hex()


def clear(session: Session, number: int) -> bool:
    """Takes away what was written for an announcement that was given up, a part at a time; False once nothing is left.
    The lines of its roll stay: nobody was told by them."""
    ids = list(session.exec(select(Notice.id).where(Notice.announcement_id == number).limit(PART)))
    if ids:
        session.execute(sa.delete(Delivery).where(col(Delivery.notice_id).in_(ids)))
        session.execute(sa.delete(Notice).where(col(Notice.id).in_(ids)))
    return bool(ids)
