"""The ledger of letters: queued in the transaction that owes them, claimed, recorded, and what came back.

The database is the ledger, Redis only the doorbell: whoever calls a verb that queues rings after the commit,
and the clock's sweep finds whatever was not rung. Every move goes through `audit.move_batch` or `audit.move_leased`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.letters import NOTICE_LETTERS, OF_THE_WINDOW, TO_OUR_PEOPLE
from notifier.domain.people import Actor, Role
from notifier.domain.states import DELIVERY, DeliveryState
from notifier.tables import Contact, Delivery, DeliveryEvent, Notice, User
from notifier.tables.base import table
from notifier.tables.bulk import Among
from notifier.workflow import audit, blobs, lanes
from notifier.workflow.audit import BatchMove

IS_NOTICE_CONTACT = sa.and_(
    col(Contact.role) == "notice", col(Contact.retired_at).is_(None), col(Contact.barred_at).is_(None),
)
"""Who receives a customer's legal notices: neither retired nor barred."""

IS_HELD = sa.and_(col(Delivery.state) == DeliveryState.QUEUED, col(Delivery.due_at).is_(None))
"""A letter of an announcement that is still being written: nobody sees it, nobody may claim it."""

LEASE = timedelta(minutes=5)
"""How long a worker may hold claimed letters; longer than the three slowest calls to a provider by far: letters may be
claimed while the ones before them leave."""

SILENT = timedelta(hours=2)
"""How long an accepted letter may stay without an event before somebody looks after it (`workflow.unheard`)."""

BACKOFF = tuple(timedelta(seconds=s) for s in (30, 120, 600, 1800, 7200))
"""How long a letter waits that may succeed later, by the number of tries; the last one repeats."""


@dataclass(frozen=True)
class Outcome:
    """What a transport reports of one letter. `verdict`: accepted | refused | later | held | uncertain."""

    ref: str
    verdict: str
    provider_id: str = ""
    provider_uuid: str = ""
    words: str = ""


GIVES_UP = timedelta(days=5)
"""How long a letter is tried again that may succeed later (RFC 5321, 4.5.4.1: four to five days)."""


def queue(
    session: Session, kind: str, subject_kind: str, subject_id: int, *, email: str, name: str, language: str,
    now: datetime, contact_id: int | None = None, notice_id: int | None = None, words: str = "", attempt: int = 1,
) -> Delivery:
    """Owes one letter to one address. The unique key makes a second identical debt impossible."""
    row = Delivery(
        ref=str(uuid4()), kind=kind, subject_kind=subject_kind, subject_id=subject_id, notice_id=notice_id,
        contact_id=contact_id, to_email=email, to_name=name, language=language, attempt=attempt, words=words,
        state=DeliveryState.QUEUED, created_at=now, due_at=now,
    )
    session.add(row)
    session.flush()
    return row


def to_staff(
    session: Session, kind: str, subject_kind: str, subject_id: int, role: Role, *, now: datetime, words: str = "",
    besides: int | None = None,
) -> None:
    """Owes a letter to every person with a role (but one who did it themselves). Repeats count as new attempts."""
    earlier = session.scalar(
        sa.select(sa.func.max(Delivery.attempt)).where(
            col(Delivery.kind) == kind, col(Delivery.subject_kind) == subject_kind,
            col(Delivery.subject_id) == subject_id,
        )
    ) or 0
    for user in session.exec(select(User).where(col(User.disabled_at).is_(None)).order_by(col(User.id))):
        if role in user.roles and user.id != besides:
            queue(session, kind, subject_kind, subject_id, email=user.email, name=user.name, language=user.language,
                  now=now, words=words, attempt=earlier + 1)


class Claimed(NamedTuple):
    """A letter for a worker's hands, as it was before it was claimed; the `lease` fences who holds it."""

    id: int
    ref: str
    kind: str
    subject_kind: str
    subject_id: int
    notice_id: int | None
    contact_id: int | None
    to_email: str
    to_name: str
    language: str
    attempt: int
    words: str
    state: DeliveryState
    tries: int
    lease: str


Owed = Delivery | Claimed
"""A letter, as the table has it or as a worker claimed it."""

_d, _c = table(Delivery).c, table(Contact).c


def _barred(contact: sa.ColumnElement[bool], address: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.and_(_d.kind.not_in(sorted(TO_OUR_PEOPLE)), sa.or_(
        sa.and_(_d.contact_id.is_not(None), contact), sa.and_(_d.contact_id.is_(None), address)))


_BARRED = sa.select(_c.id).where(_c.barred_at.is_not(None))
IS_BARRED = _barred(_d.contact_id.in_(_BARRED), _d.to_email.in_(_BARRED.with_only_columns(_c.email)))
"""A letter to an address that is written to no more (`workflow.withheld` cancels it); our own people's never are."""

_MAY_LEAVE = sa.not_(_barred(*(
    sa.select(sa.func.count(_c.barred_at)).where(same).scalar_subquery() > 0
    for same in (_c.id == _d.contact_id, _c.email == _d.to_email))))
"""The contrary, looked up letter by letter: for a set (EXISTS is one, too) PostgreSQL would read all the contacts there
are, to claim fifty letters."""

_DUE = (
    sa.select(*(_d[name] for name in Claimed._fields if name != "lease"), lanes.IS_OPEN)
    .where(_d.state == DeliveryState.QUEUED, _d.due_at <= sa.bindparam("now"), _MAY_LEAVE)
    # By `due_at` alone, as the index has it: a whole announcement is due at one moment, and must not be sorted.
    .order_by(_d.due_at).limit(sa.bindparam("most", type_=sa.Integer)).with_for_update(skip_locked=True)
)


@dataclass(frozen=True)
class Written:
    """A letter as it is about to leave, links masked, and the last day it names, if any."""

    letter: blobs.Letter
    promised_last_day: date | None


def lock_due(session: Session, limit: int, transport: str, *, now: datetime) -> list[Claimed]:
    """Up to `limit` letters that are due, as many as the transport's lane has room for, locked until the transaction
    ends. Several workers may call at once: PostgreSQL skips what another holds, SQLite lets one writer in at a time."""
    rows: Sequence[Any] = session.connection().execute(_DUE, {"now": now, "most": limit, "transport": transport}).all()
    lease, room = str(uuid4()), len(rows)
    if rows and not rows[0][-1]:
        room = lanes.room(session, transport, room, now)
    return [Claimed(*(*row[:-1], lease)) for row in rows[:room]]


def take(
    session: Session, rows: Sequence[Claimed], letters: Mapping[str, Written], transport: str, *, actor: Actor,
    now: datetime, held_for: timedelta = LEASE,
) -> None:
    """Claims locked letters for as long as the lease `held_for` runs, and stores by their `ref` those that are written:
    to be committed before any of them leaves, so that no letter leaves whose text nobody knows."""
    for some in (written := [r for r in rows if r.ref in letters], [r for r in rows if r.ref not in letters]):
        audit.move_batch(session, [
            BatchMove(row, "claim", now, also={
                "lease": row.lease, "leased_until": now + held_for, "transport": transport, "tries": row.tries + 1,
                **_kept(letters.get(row.ref)),
            }) for row in sorted(some, key=attrgetter("id"))
        ], actor=actor, now=now)
    blobs.keep(session, [letters[row.ref].letter for row in written], now)


def _kept(written: Written | None) -> dict[str, Any]:
    """What a row keeps of its letter; one that could not be written keeps what it has."""
    if written is None:
        return {}
    return {"letter_sha256": written.letter.sha256, "promised_last_day": written.promised_last_day}


def cancel(session: Session, rows: Sequence[Claimed], *, actor: Actor, now: datetime) -> None:
    """Cancels locked letters of which nothing is left to say."""
    audit.move_batch(session, [BatchMove(row, "cancel", now) for row in rows], actor=actor, now=now)


def record(
    session: Session, lease: str, outcomes: Sequence[Outcome], *, sent: Mapping[str, tuple[Claimed, str]] | None = None,
    actor: Actor, now: datetime,
) -> list[Delivery]:
    """Writes down what became of a claimed batch; returns the deliveries refused for good. `sent` may bring along, by
    their `ref`, the rows as they were claimed with the SHA-256 of their letters: of those that the provider accepted,
    as nearly all are, nothing has to be read again.

    A row whose lease is another's by now, or which an event has already moved on, keeps its state: the fence
    that makes a worker back from the dead harmless. A letter held up by its lane loses no try of its own.
    """
    by_ref = {outcome.ref: outcome for outcome in outcomes}
    for ref in _accept(session, lease, by_ref, sent or {}, actor, now):
        del by_ref[ref]
    rows = session.execute(_HELD, {"refs": list(by_ref), "lease": lease}).all() if by_ref else []
    moves, refused, overtaken, unsent = [], [], [], []
    for row in rows:
        outcome = by_ref[row.ref]
        action, values = _became(row, outcome, now)
        in_hand = row.state in (DeliveryState.SENDING, DeliveryState.UNCERTAIN)  # doubtful: its lease ran out
        if in_hand and DELIVERY.find(row.state, action) is not None:
            moves.append(BatchMove(row, action, now, words=outcome.words, also=values,
                                   letter=row.letter_sha256 if action in LEFT else ""))
            if action == "fail":
                refused.append(row.id)
            if action not in LEFT:
                unsent.append(row)
        else:  # the provider's event was faster than its own answer
            overtaken.append({**_handed(row, outcome, now), "row": row.id})
            if action in LEFT:
                moves.append(BatchMove(row, "", now, words=outcome.words, letter=row.letter_sha256))
    if overtaken:
        session.execute(_KEEP, overtaken)
    audit.move_batch(session, moves, actor=actor, now=now)
    _forget(session, unsent)
    query = select(Delivery).where(col(Delivery.id).in_(refused)).order_by(col(Delivery.id))
    return list(session.exec(query.execution_options(populate_existing=True))) if refused else []


def _accept(
    session: Session, lease: str, outcomes: Mapping[str, Outcome], sent: Mapping[str, tuple[Claimed, str]],
    actor: Actor, now: datetime,
) -> list[str]:
    """Moves the letters the provider has accepted, by an id of its own, and that are as this worker claimed them."""
    moves = {ref: BatchMove(row._replace(state=DeliveryState.SENDING), "accept", now, words=outcomes[ref].words,
                            also={"last_words": outcomes[ref].words[:500], "provider_id": outcomes[ref].provider_id,
                                  "provider_uuid": outcomes[ref].provider_uuid, "handed_at": now,
                                  "due_at": now + SILENT}, letter=letter)
             for ref, (row, letter) in sent.items()
             if ref in outcomes and outcomes[ref].verdict == "accepted" and outcomes[ref].provider_id}
    moved = audit.move_leased(session, list(moves.values()), lease, actor=actor, now=now)
    return [ref for ref, move in moves.items() if move.delivery.id in moved]


LEFT = frozenset({"accept", "doubt"})
"""Moves after which a letter has left, or may have: their events name the letter."""

def left_by(row: Delivery, action: str) -> str:
    """The letter that an event's move has to name: what the provider tells of one in a worker's hands has left, and the
    worker may have died before it said so."""
    return row.letter_sha256 if action and row.state == DeliveryState.SENDING else ""


_ACTION = {"accepted": "accept", "refused": "fail", "later": "requeue", "held": "requeue", "uncertain": "doubt"}
_KEPT = ("last_words", "provider_id", "provider_uuid", "handed_at")
_HELD = (
    sa.select(_d.id, _d.ref, _d.state, _d.tries, _d.created_at, _d.letter_sha256, *(_d[name] for name in _KEPT))
    .where(Among(_d.ref, "refs"), _d.lease == sa.bindparam("lease"))
    .order_by(_d.id).with_for_update()
)
_KEEP = (sa.update(table(Delivery)).where(_d.id == sa.bindparam("row"))
         .values({name: sa.bindparam(name) for name in _KEPT}))


def _handed(row: Any, outcome: Outcome, now: datetime) -> dict[str, Any]:
    """What the row keeps of an outcome, whatever its state."""
    return {
        "last_words": outcome.words[:500] or (row.last_words if outcome.verdict == "held" else ""),
        "provider_id": outcome.provider_id or row.provider_id,
        "provider_uuid": outcome.provider_uuid or row.provider_uuid,
        "handed_at": now if outcome.verdict in ("accepted", "uncertain") else row.handed_at,
    }


def _became(row: Any, outcome: Outcome, now: datetime) -> tuple[str, dict[str, Any]]:
    """The move that an outcome makes, and what it writes. What "may succeed later" for too long has failed: somebody
    else must be written to."""
    action, values = _ACTION[outcome.verdict], _handed(row, outcome, now)
    if outcome.verdict == "accepted":
        values["due_at"] = now + SILENT
    elif outcome.verdict == "uncertain":
        values["absent_at"] = None  # each doubt is looked into afresh: one absence of an earlier one says nothing
    elif outcome.verdict == "later" and now - row.created_at > GIVES_UP:
        action = "fail"
    elif outcome.verdict == "later":
        values |= {"due_at": now + BACKOFF[min(row.tries, len(BACKOFF)) - 1], "tries": row.tries}
    elif outcome.verdict == "held":
        values |= {"due_at": now, "tries": row.tries - 1}
    return action, values


def _forget(session: Session, unsent: Sequence[Any]) -> None:
    """Letters that are known not to have left are not kept; unless the same one has left before."""
    names = {row.letter_sha256: row.id for row in unsent if row.letter_sha256}
    if not names:
        return
    left = set(session.scalars(sa.select(_e.letter).where(_e.delivery_id.in_(names.values()), _e.letter != "")))
    blobs.drop(session, names.keys() - left)
    session.execute(sa.update(table(Delivery)).where(_d.id.in_(names.values())).values(letter_sha256=(
        sa.func.coalesce(sa.select(_e.letter).where(_e.delivery_id == _d.id, _e.letter != "")
                         .order_by(_e.id.desc()).limit(1).scalar_subquery(), ""))))


_e = table(DeliveryEvent).c


def release_leases(session: Session, *, actor: Actor, now: datetime) -> int:
    """Letters a worker took and never answered for: whether they left nobody knows, so they become uncertain. Those
    that it could not write, and so have no text, cannot have left, and are queued again."""
    rows = list(session.exec(
        select(Delivery).where(col(Delivery.state) == DeliveryState.SENDING, col(Delivery.leased_until) < now)
        .limit(500).with_for_update(skip_locked=True)
    ))
    audit.move_batch(session, [
        BatchMove(row, "doubt", now, words="the worker did not answer", letter=row.letter_sha256,
                  also={"absent_at": None, "due_at": row.due_at})
        if row.letter_sha256 else
        BatchMove(row, "requeue", now, words="the worker did not answer, and had sent nothing yet",
                  also={"absent_at": None, "due_at": now})
        for row in rows
    ], actor=actor, now=now)
    return len(rows)


def cancel_queued(session: Session, notice_ids: Collection[int], *, actor: Actor, now: datetime) -> int:
    """Cancels the letters that were to give these notices, or to speak of their windows, and have not left: nothing
    they say is still so."""
    rows = list(session.exec(
        select(Delivery).where(col(Delivery.notice_id).in_(notice_ids), Delivery.subject_kind == "notice",
                               col(Delivery.kind).in_(OF_THE_WINDOW),
                               col(Delivery.state) == DeliveryState.QUEUED).with_for_update()
    ))
    audit.move_batch(session, [BatchMove(row, "cancel", now) for row in rows], actor=actor, now=now)
    return len(rows)


def release_held(session: Session, announcement_id: int, *, now: datetime) -> None:
    """The held letters of an announcement are due: it is made."""
    owed = sa.select(col(Notice.id)).where(col(Notice.announcement_id) == announcement_id)
    session.execute(sa.update(Delivery).where(col(Delivery.notice_id).in_(owed), IS_HELD).values(due_at=now)
                    .execution_options(synchronize_session=False))


def due(session: Session, now: datetime) -> bool:
    """Whether any letter waits to be claimed."""
    return session.exec(
        select(Delivery.id).where(col(Delivery.state) == DeliveryState.QUEUED, col(Delivery.due_at) <= now,
                                  _MAY_LEAVE).limit(1)
    ).first() is not None


def find(session: Session, ref: str, provider_id: str, *, lock: bool = True) -> Delivery | None:
    """The delivery an event is about, by our reference or, where the provider lost it, by its own id; locked."""
    query = select(Delivery).execution_options(populate_existing=True)
    query = query.with_for_update() if lock else query
    found = session.exec(query.where(Delivery.ref == ref)).first() if ref else None
    if found is None and provider_id:
        known = _d.provider_id != sa.literal_column("''")  # said, so that its index can be used: it holds no other
        found = session.exec(query.where(_d.provider_id == provider_id, known)).first()
    return found


def seen(session: Session, keys: Collection[str]) -> set[str]:
    """Those of the keys under which an event is recorded already."""
    return set(session.exec(select(DeliveryEvent.key).where(col(DeliveryEvent.key).in_(keys))))


def gives(delivery: Owed) -> bool:
    """Whether this letter is a notice itself: proof of it gives the notice."""
    return delivery.kind in NOTICE_LETTERS and delivery.subject_kind == "notice"


def of_notice(session: Session, notice_id: int, kind: str = "") -> list[Delivery]:
    """The letters of a kind that belong to a notice, in the order they were owed; without one, those that give it."""
    query = select(Delivery).where(Delivery.notice_id == notice_id).order_by(col(Delivery.id))
    if kind:
        return list(session.exec(query.where(Delivery.kind == kind)))
    return list(session.exec(query.where(col(Delivery.kind).in_(NOTICE_LETTERS), Delivery.subject_kind == "notice")))


def notice_contacts(session: Session, customer_id: int) -> list[Contact]:
    """Who receives a customer's legal notices, in order, one per address; barred and retired ones left out."""
    return distinct(session.exec(
        select(Contact).where(Contact.customer_id == customer_id, IS_NOTICE_CONTACT)
        .order_by(col(Contact.position), col(Contact.id))
    ))


def distinct(contacts: Iterable[Contact]) -> list[Contact]:
    """The first contact of each address: a mailbox named twice is written to once."""
    found: dict[str, Contact] = {}
    for contact in contacts:
        found.setdefault(contact.email, contact)
    return list(found.values())


def counts(session: Session, notice_ids: Any) -> dict[str, int]:
    """How many letters of these notices stand in which state."""
    rows = session.exec(
        select(Delivery.state, sa.func.count()).where(col(Delivery.notice_id).in_(notice_ids)).group_by(Delivery.state)
    )
    return {str(state): int(n) for state, n in rows}
