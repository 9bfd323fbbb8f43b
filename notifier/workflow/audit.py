"""The one door through which states move, and the chained log every act leaves.

`move`, `move_batch` and `move_leased` are the only code that writes a state column of a stored row
(tests/test_house.py holds it). Entries collect in the session and are chained just before the commit, so that
the lock on the chain's head is always the last one a transaction takes: writers cannot deadlock over it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

import rfc8785
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, SQLModel, col, select

from notifier.domain import merkle
from notifier.domain.listing import moment
from notifier.domain.people import Actor, Kind
from notifier.domain.refusals import Refusal
from notifier.domain.states import CHANGE, DELIVERY, NOTICE, OBJECTION, DeliveryState, Machine, Move, Need
from notifier.tables import AuditDetail, AuditEntry, AuditHead, Change, Delivery, DeliveryEventDetail, Notice, Objection
from notifier.tables.base import table
from notifier.tables.bulk import update_each
from notifier.workflow import delivery_events, watched

MACHINE_OF: Mapping[type[SQLModel], Machine] = {
    Change: CHANGE, Notice: NOTICE, Delivery: DELIVERY, Objection: OBJECTION,
}
_PENDING = "audit_pending"
ROWS = "rows"  # under which an entry and its readable side tell of rows (`written`)
AT_ONCE = 500  # rows a statement moves


@dataclass
class _Draft:
    """An entry that waits for its place in the chain."""

    entry: dict[str, Any]
    detail: dict[str, Any] = field(default_factory=dict)


def move(
    session: Session,
    row: Any,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    checked: Collection[Need] = (),
    besides: Collection[int | None] = (),
    refs: Mapping[str, Any] | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Moves one stored row by `action`, and leaves its audit entry in the same transaction.

    `checked` are the needs the verb has looked at itself; `besides` the ids of people who acted on it before,
    where a second person is needed. Raises Refusal no_such_move, role_missing, person_needed, reason_missing,
    second_person, or overtaken where somebody else moved the row first.
    """
    machine = MACHINE_OF[type(row)]
    legal = machine.find(row.state, action)
    if legal is None:
        raise Refusal("no_such_move", state=str(row.state), action=action)
    permit(legal, actor)
    _meet(legal, actor, reason, checked, besides)
    model: Any = type(row)
    result = session.execute(
        sa.update(model)
        .where(model.id == row.id, model.state == legal.source)
        .values(state=legal.target)
        .execution_options(synchronize_session=False)
    )
    if getattr(result, "rowcount", 0) != 1:
        state = session.scalar(sa.select(model.state).where(model.id == row.id))
        raise Refusal("overtaken", state=str(state))
    set_committed_value(row, "state", legal.target)
    note(
        session, action, machine.name, subject_of(row), actor=actor, now=now,
        before=legal.source, after=legal.target, refs=refs, reason=reason, detail=detail,
    )


def permit(legal: Move, actor: Actor) -> None:
    """Raises Refusal person_needed or role_missing where `actor` may not make this move."""
    if actor.kind in legal.by or actor.roles & legal.by:
        return
    roles = ", ".join(sorted(str(by) for by in legal.by if not isinstance(by, Kind)))
    raise Refusal("role_missing", roles=roles) if actor.kind is Kind.PERSON else Refusal("person_needed")


def _meet(
    legal: Move, actor: Actor, reason: str, checked: Collection[Need], besides: Collection[int | None]
) -> None:
    if Need.REASON in legal.needs and not reason.strip():
        raise Refusal("reason_missing")
    if Need.SECOND_PERSON in legal.needs:
        assert besides, f"{legal.action} needs to know who acted before"
        if actor.kind is not Kind.PERSON or actor.id is None:
            raise Refusal("person_needed")
        if actor.id in besides:
            raise Refusal("second_person")
    unseen = legal.needs - {Need.REASON, Need.SECOND_PERSON} - set(checked)
    assert not unseen, f"{legal.action} was called without looking at {sorted(unseen)}"


def subject_of(row: Any) -> str:
    """How the chain names a row: its public reference where it has one, else its id."""
    return str(getattr(row, "ref", None) or getattr(row, "uid", None) or row.id)


def note(
    session: Session,
    action: str,
    subject_kind: str,
    subject_id: str,
    *,
    actor: Actor,
    now: datetime,
    before: str = "",
    after: str = "",
    refs: Mapping[str, Any] | None = None,
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
    count: int = 1,
    root: str = "",
) -> None:
    """Leaves an audit entry for an act. `refs` are ids, codes and moments only; whatever a person reads
    (names, addresses, `reason`, before and after values) goes into `detail`, which can be erased."""
    readable = {**(detail or {})}
    if reason:
        readable["reason"] = reason
    if actor.os_user:
        readable["os_user"] = actor.os_user
    entry = {
        "at": moment(now), "actor": actor.code, "door": str(actor.door), "action": action,
        "subject_kind": subject_kind, "subject_id": subject_id, "before": str(before), "after": str(after),
        "refs": dict(refs or {}), "count": count, "root": root,
    }
    session.info.setdefault(_PENDING, []).append(_Draft(entry, readable))


class Moving(Protocol):
    """A delivery as a batch moves it: the stored row, or a reading of it that nobody looks at afterwards."""

    @property
    def id(self) -> int | None:
        """Its row."""

    @property
    def state(self) -> DeliveryState:
        """Where it stands before the move."""


@dataclass(frozen=True)
class BatchMove:
    """One delivery's move within a batch: what happened, when, and whether it moved its notice too."""

    delivery: Moving
    action: str
    at: datetime
    key: str = ""
    words: str = ""
    raw: dict[str, Any] | None = None
    notice: Notice | None = None
    notice_action: str = ""
    also: Mapping[str, Any] | None = None  # further columns of the delivery, written by the same statement
    letter: str = ""  # SHA-256 of the letter that left, or may have: the delivery's `letter_sha256`


def move_batch(session: Session, moves: Sequence[BatchMove], *, actor: Actor, now: datetime) -> None:
    """Moves many deliveries, and notices that mail events move with them, under one audit entry.

    Each becomes an append-only DeliveryEvent; the entry carries their count and the Merkle root over them.
    The caller holds the rows (claimed or locked) and only hands in legal moves. An empty `action` records an
    event that moves nothing (a repeat, a late one). Raises Refusal overtaken like `move`.
    """
    if not moves:
        return
    batch = str(uuid4())
    steps = _Steps(session, actor)
    events = [_move_one(steps, one, batch, now) for one in moves]
    steps.take()
    _tell_of(session, moves, events, actor, now)


def move_leased(
    session: Session, moves: Sequence[BatchMove], lease: str, *, actor: Actor, now: datetime
) -> set[int]:
    """As `move_batch`, for moves by one action of deliveries that a worker holds by this lease. One that is held by it
    no more, or that was moved meanwhile, stays as it is and nothing is told of it; returns the ids of those that
    moved."""
    if not moves:
        return set()
    legal = DELIVERY.find(moves[0].delivery.state, moves[0].action)
    assert legal is not None
    permit(legal, actor)
    own = {one.delivery.id: one.also or {} for one in moves}
    moved = _write(session, table(Delivery), legal, own, {"lease": lease})
    batch, left = str(uuid4()), [one for one in moves if one.delivery.id in moved]
    if left:
        _tell_of(session, left, [_event(one, batch, now, (legal.source, legal.target)) for one in left], actor, now)
    return moved


def _tell_of(
    session: Session, moves: Sequence[BatchMove], events: Sequence[dict[str, Any]], actor: Actor, now: datetime
) -> None:
    delivery_events.write(session, events)
    said = [
        {"key": event["key"], "delivery_id": event["delivery_id"], "words": one.words[:500], "raw": one.raw}
        for one, event in zip(moves, events, strict=True) if one.words or one.raw
    ]
    if said:
        session.execute(sa.insert(DeliveryEventDetail), said)
    actions = {one.action or "event" for one in moves}
    note(
        session, actions.pop() if len(actions) == 1 else "several", "delivery", "", actor=actor, now=now,
        refs={"batch": events[0]["batch"]}, count=len(moves),
        root=merkle.root([delivery_events.leaf(e) for e in events]),
    )


def _move_one(steps: _Steps, one: BatchMove, batch: str, now: datetime) -> dict[str, Any]:
    moved, notice_moved = steps.add(Delivery, one.delivery, one.action, one.also), ("", "")
    if one.notice is not None and one.notice_action:
        notice_moved = steps.add(Notice, one.notice, one.notice_action)
    return _event(one, batch, now, moved, notice_moved)


def _event(
    one: BatchMove, batch: str, now: datetime, moved: tuple[str, str], notice_moved: tuple[str, str] = ("", "")
) -> dict[str, Any]:
    return {
        "delivery_id": one.delivery.id, "kind": one.action or "event", "at": one.at,
        "key": one.key or f"{batch}:{one.delivery.id}", "before": str(moved[0]), "after": str(moved[1]),
        "notice_before": notice_moved[0], "notice_after": notice_moved[1],
        "batch": batch, "recorded_at": now, "letter": one.letter,
    }


class _Steps:
    """The moves of a batch, taken together: rows that go from the same state to the same state by one statement."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self._session, self._actor = session, actor
        self._waiting: dict[tuple[type[SQLModel], Move], dict[int | None, Any]] = {}
        self._values: dict[int | None, Mapping[str, Any]] = {}  # of deliveries only

    def add(
        self, model: type[SQLModel], row: Any, action: str, also: Mapping[str, Any] | None = None
    ) -> tuple[str, str]:
        """Where the move leads from and to; an empty action moves nothing. Raises Refusal no_such_move and as
        `permit`."""
        if not action:
            return str(row.state), str(row.state)
        if any(row.id in rows for (held, _), rows in self._waiting.items() if held is model):
            self.take()  # twice in one batch: the second move starts where the first has led
        legal = MACHINE_OF[model].find(row.state, action)
        if legal is None:
            raise Refusal("no_such_move", state=str(row.state), action=action)
        if (model, legal) not in self._waiting:
            permit(legal, self._actor)
        self._waiting.setdefault((model, legal), {})[row.id] = row
        if also:
            self._values[row.id] = also
        return str(legal.source), str(legal.target)

    def take(self) -> None:
        """Writes what was added. Raises Refusal overtaken where a row is not in its state any more."""
        waiting, self._waiting = self._waiting, {}
        for (model, legal), rows in waiting.items():
            own = {n: self._values.pop(n, {}) if model is Delivery else {} for n in rows}
            if len(_write(self._session, table(model), legal, own, {})) != len(rows):
                raise Refusal("overtaken", state=str(legal.source))
            for row in rows.values():
                if isinstance(row, SQLModel):
                    set_committed_value(row, "state", legal.target)


def _write(
    session: Session, rows: sa.Table, legal: Move, own: Mapping[int | None, Mapping[str, Any]],
    holding: Mapping[str, Any],
) -> set[int]:
    """Moves the rows named in `own`, and gives them these further values, all of the same columns; only rows that are
    in their state and as `holding` says. The ids of those that moved."""
    one, moved = next(iter(own.values())), set()
    assert all(each.keys() == one.keys() for each in own.values()), "rows that move alike are written alike"
    alike = {name: value for name, value in one.items() if all(each[name] == value for each in own.values())}
    further = [name for name in one if name not in alike]
    lines = [{"id": n, **{name: values[name] for name in further}} for n, values in sorted(own.items())]
    for first in range(0, len(lines), AT_ONCE):
        moved |= update_each(session, rows, lines[first:first + AT_ONCE], holding={"state": legal.source, **holding},
                             alike={**alike, "state": legal.target})
    return moved


def entry_hash(entry: Mapping[str, Any]) -> str:
    """SHA-256(0x00 || JCS(entry without its hash)), as reference G2 and RFC 6962's leaf prefix ask."""
    bare = {k: v for k, v in entry.items() if k != "hash"}
    return hashlib.sha256(b"\x00" + _jcs(bare)).hexdigest()


def commitment(salt: str, detail: Mapping[str, Any]) -> str:
    """The salted commitment to a readable side: HMAC-SHA256 keyed with the row's own salt."""
    return hmac.new(bytes.fromhex(salt), _jcs(detail), hashlib.sha256).hexdigest()


def _jcs(value: Mapping[str, Any]) -> bytes:
    """RFC 8785 of an entry or of its readable side. What they tell of rows is long and holds no fractions: that part is
    written ten times as fast as the library does, to the same bytes."""
    parts = {
        key: watched.canonical(held).encode() if key == ROWS
        else _jcs(held) if key == "refs" and ROWS in held else rfc8785.dumps(held)
        for key, held in value.items()
    }
    return b"{%s}" % b",".join(rfc8785.dumps(key) + b":" + parts[key] for key in sorted(parts))


@event.listens_for(Session, "before_commit")
def _seal(session: Session) -> None:
    """Chains what the transaction noted. Runs inside the commit, so no act can forget its entry."""
    drafts: list[_Draft] = session.info.pop(_PENDING, [])
    if not drafts:
        return
    session.flush()
    connection = session.connection()
    seq, last = connection.execute(_HEAD).one()
    entries, details = _chained(drafts, seq, last)
    head = {"to_seq": entries[-1]["seq"], "to_hash": entries[-1]["hash"]}
    if len(entries) == 1 and connection.dialect.name == "postgresql":
        connection.execute(_BOTH, entries[0] | head)
    else:
        connection.execute(sa.insert(table(AuditEntry)), entries)
        connection.execute(_MOVE_HEAD, head)
    if details:
        connection.execute(sa.insert(table(AuditDetail)), details)


_head = table(AuditHead).c
_HEAD = sa.select(_head.seq, _head.hash).where(_head.id == 1).with_for_update()
_MOVE_HEAD = sa.update(table(AuditHead)).where(_head.id == 1).values(
    seq=sa.bindparam("to_seq"), hash=sa.bindparam("to_hash"))
# PostgreSQL does both in one go; nearly every transaction leaves a single entry.
_BOTH = sa.insert(table(AuditEntry)).values(
    {column.name: sa.bindparam(column.name) for column in table(AuditEntry).c}).add_cte(_MOVE_HEAD.cte("moved"))


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, previous: Any) -> None:
    session.info.pop(_PENDING, None)


def _chained(drafts: Iterable[_Draft], seq: int, last: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    entries, details = [], []
    for draft in drafts:
        seq += 1
        entry = {**draft.entry, "seq": seq, "prev_hash": last, "commitment": ""}
        if draft.detail:
            salt = secrets.token_hex(32)
            entry["commitment"] = commitment(salt, draft.detail)
            details.append({"seq": seq, "salt": salt, "detail": draft.detail})
        last = entry["hash"] = entry_hash(entry)
        entries.append(entry)
    return entries, details


def head(session: Session) -> AuditHead:
    """The chain's newest head: `seq` and `hash`, to be published outside."""
    return session.exec(select(AuditHead).where(AuditHead.id == 1)).one()


def history(session: Session, subject_kind: str, subject_id: str) -> list[tuple[AuditEntry, dict[str, Any]]]:
    """The entries of one subject, oldest first, each with its readable side (empty where erased)."""
    rows = session.exec(
        select(AuditEntry, AuditDetail)
        .join(AuditDetail, col(AuditDetail.seq) == col(AuditEntry.seq), isouter=True)
        .where(AuditEntry.subject_kind == subject_kind, AuditEntry.subject_id == subject_id)
        .order_by(col(AuditEntry.seq))
    ).all()
    return [(entry, detail.detail if detail else {}) for entry, detail in rows]


