"""The roll of an announcement: who is owed a notice and who is not, frozen part by part, with what it owes them.

A part is the next customers by their ids: their lines of the roll, their notices, and their letters, which are held
(no `due_at`) until the announcement is made. Nothing of it can be seen before: whatever asks for notices asks by
their parts (`NoticeChange`), which come last, or by an announcement that was made.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar
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
from notifier.tables.bulk import insert_each
from notifier.workflow import audience, deliveries, notices, written
from notifier.workflow.audience import Seat, Standing

Each = TypeVar("Each", Seat, Standing)
Told = Mapping[str, tuple[list[int], str]]
PART = 4000  # customers a transaction writes: some tenths of a second, in which other writers wait


@dataclass(frozen=True)
class Roll:
    """A whole roll: the hash over its lines, how many are in and out, and the terms of those that are in. `data` marks
    the customers it was read from; once they have changed it is another. `rows` gives what the log will be told of its
    notices and letters (`told_of`), where somebody reads that; what it leaves out the last transaction reads."""

    sha256: str
    included: int
    left_out: int
    terms: frozenset[Terms]
    data: str = ""
    rows: Callable[[], Told] = dict


class Part(NamedTuple):
    """The customers of a roll `behind` the one of that id (0: its beginning), in order of their ids: so many as one
    transaction writes."""

    behind: int
    seats: Sequence[Seat]


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


def parts(seats: Iterable[Each]) -> Iterator[list[Each]]:
    """The seats, or standings, in parts of PART."""
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
    insert_each(session, table(AudienceRow), ("customer_id", "included", "why"),
                [(s.customer.id, s.included, str(s.why)) for s in part], alike={"announcement_id": number})
    plain = {id(seat.terms): seat.terms for seat in owed}  # customers of equal terms share one value
    texts = {key: json.dumps(terms.to_json()) for key, terms in plain.items()}
    insert_each(
        session, table(Notice), ("uid", "customer_id", "terms"),
        [(uid, s.customer.id, texts[id(s.terms)]) for uid, s in zip(_uuids(len(owed)), owed, strict=True)],
        alike={"announcement_id": number, "state": NOTICE.initial, "opens_window": opens_window, "given_by": "",
               "created_at": now})
    if letters:
        _owe_letters(session, announcement, owed, now)


def _owe_letters(session: Session, announcement: Announcement, owed: Sequence[Seat], now: datetime) -> None:
    if not owed:
        return
    ids: dict[int, int] = dict(session.execute(
        sa.select(_n.customer_id, _n.id).where(
            _n.announcement_id == announcement.id,
            sa.between(_n.customer_id, owed[0].customer.id, owed[-1].customer.id))
    ).all())
    uuids = _uuids(sum(len(seat.contacts) for seat in owed))
    insert_each(
        session, table(Delivery),
        ("ref", "subject_id", "notice_id", "contact_id", "to_email", "to_name", "language"),
        [(next(uuids), ids[customer.id], ids[customer.id], contact.id, contact.email, contact.name, customer.language)
         for customer, _, _, contacts, _ in owed for contact in contacts],
        alike={"kind": notices.letter_of(announcement), "subject_kind": "notice", "attempt": 1, "words": "",
               "state": DELIVERY.initial, "created_at": now, "due_at": None, "tries": 0, "lease": "", "transport": "",
               "provider_id": "", "provider_uuid": "", "letter_sha256": "", "last_words": ""})


def _uuids(count: int) -> Iterator[str]:
    """So many random UUIDs (RFC 9562, version 4); `uuid.uuid4` asks the system anew for each, and takes four times as
    long."""
    bits = secrets.token_hex(16 * count)
    for each in (bits[first:first + 32] for first in range(0, len(bits), 32)):
        variant = "89ab"[int(each[16], 16) % 4]
        yield f"{each[:8]}-{each[8:12]}-4{each[13:16]}-{variant}{each[17:20]}-{each[20:]}"


def close(session: Session, announcement: Announcement, roll: Roll, now: datetime) -> None:
    """The last step of writing: the roll's hash and counts, every notice's parts, and the letters are due."""
    number = announcement.id or 0
    announcement.audience_sha256 = roll.sha256
    announcement.included, announcement.left_out = roll.included, roll.left_out
    made = session.execute(sa.insert(table(NoticeChange)).from_select(
        ["notice_id", "change_id", "consent"],
        sa.select(_n.id, _a.change_id, sa.literal("")).join(table(AnnouncementChange),
                                                            _a.announcement_id == _n.announcement_id)
        .where(_n.announcement_id == number).order_by(_n.id, _a.change_id),
    ).returning(*written.columns("notice_change"))).all()
    deliveries.release_held(session, number, now=now)
    told = written.digest([sorted(made, key=itemgetter(0))])
    written.shown_before(session, number, {**roll.rows(), "notice_change": told})


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
    other terms; and where one before its end is not on it, whose own transaction was slower than others' behind it.
    So what is made known is true at the moment it is made known, however long the writing took.
    """
    data, end = fingerprint(session), written_up_to(session, announcement.id or 0)
    hashed, included, count, changed = _Hash(), 0, 0, 0
    terms: dict[int, Terms] = {}
    same: dict[tuple[int, str], bool] = {}
    for part in parts(audience.standings(session, frozenset(services), today)):
        lines, frozen = _written(session, announcement.id or 0, part[0].customer_id, part[-1].customer_id)
        for number, why, own, _ in part:
            if number > end:
                return None
            owed = why in rules.INCLUDED
            changed += lines.get(number) != why or not _still(same, own if owed else None, frozen.get(number))
            hashed.add(number, owed, str(why))
            included, count = included + owed, count + 1
            if owed:
                terms[id(own)] = own
    if changed:
        raise Refusal("roll_changed", count=changed)
    return Roll(hashed.hex(), included, count - included, frozenset(terms.values()), data)


def told_of(session: Session, number: int) -> Told:
    """What the log will be told of the notices and letters of announcement `number`, which its last transaction does
    not touch: a second and more of reading where there are very many."""
    return {name: written.shown(session, name, number) for name in ("notice", "delivery")}


def _still(same: dict[tuple[int, str], bool], own: Terms | None, copy: str | None) -> bool:
    """Whether the terms frozen in a notice are those its customer has now (no notice: none), as read once for all pairs
    that are the `same`: customers are many, and different terms few."""
    if own is None or copy is None:
        return own is None and copy is None
    key = (id(own), copy)
    if key not in same:
        same[key] = Terms.from_json(json.loads(copy)) == own
    return same[key]


def _written(session: Session, number: int, first: int, last: int) -> tuple[dict[int, str], dict[int, str]]:
    """Of the customers from `first` to `last`: why each is on the roll, and the terms in the notices, as they stand
    there. Not joined: a database that has not counted the new rows yet may join each with all."""
    def told(column: sa.ColumnElement[Any], row: Any) -> dict[int, str]:
        own = sa.select(row.customer_id, column).where(
            row.announcement_id == number, sa.between(row.customer_id, first, last))
        return dict(session.execute(own).all())

    return told(_r.why, _r), told(sa.cast(_n.terms, sa.Text), _n)


_n, _r, _a = (table(model).c for model in (Notice, AudienceRow, AnnouncementChange))


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
