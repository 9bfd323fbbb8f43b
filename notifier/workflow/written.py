"""What a transaction writes into the rows that matter, told to the log by itself, before and after.

Whatever changes in a watched table through the session goes into the transaction's last audit entry, under `rows`:
ids, codes and moments into its refs, whatever a person reads into its readable side. So no verb can forget it, and
`verify_rows` can hold every row against the log. A statement that writes past the session (`sa.update`, `sa.insert`)
is not seen here, and has to be told by `in_bulk`; tests/workflow/test_written.py names the few there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session, SQLModel, col, select

from notifier.domain.people import Door, system
from notifier.tables import Announcement, AuditEntry
from notifier.workflow import audit, watched
from notifier.workflow.watched import Way, as_told, canonical, empty, plain, sha256, way_of, ways

KEY = audit.ROWS  # of refs and of details
_WRITTEN, _SHOWN, _SEEN = "rows_written", "announcements_shown", "announcements_seen"

Id = int | str
Values = dict[str, tuple[Any, Any]]  # column -> before, after


def id_of(keys: Iterable[Any]) -> Id:
    """A row's name in the log, from its primary key."""
    parts = list(keys)
    return parts[0] if len(parts) == 1 and isinstance(parts[0], int) else ":".join(map(str, parts))


def packed(ids: Iterable[Id]) -> list[Any]:
    """Ids in order, runs of numbers as [first, last]: a mass act stays a short entry."""
    if len(ids := list(ids)) == 1:
        return ids
    found: list[Any] = []
    for number in sorted(i for i in ids if isinstance(i, int)):
        last = found[-1] if found else None
        if isinstance(last, list) and last[1] == number - 1:
            last[1] = number
        elif isinstance(last, int) and last == number - 1:
            found[-1] = [last, number]
        else:
            found.append(number)
    return [*found, *sorted(i for i in ids if isinstance(i, str))]


def unpacked(ids: Iterable[Any]) -> Iterator[Id]:
    """The inverse of `packed`."""
    for each in ids:
        if isinstance(each, list):
            yield from range(each[0], each[1] + 1)
        else:
            yield each


@dataclass(frozen=True)
class Told:
    """One thing an entry tells: in these rows of a table, a column was `before` and is `after`."""

    table: str
    column: str
    before: Any
    after: Any
    ids: tuple[Id, ...]


def told(refs: Mapping[str, Any], detail: Mapping[str, Any]) -> Iterator[Told]:
    """What an entry's refs and its readable side tell of rows; of one that was erased, only what stands in the refs."""
    for table, said in refs.get(KEY, {}).items():
        for column, groups in (*said.get("set", {}).items(), *detail.get(KEY, {}).get(table, {}).items()):
            for before, after, ids in groups:
                yield Told(table, column, before, after, tuple(unpacked(ids)))


@dataclass
class _Row:
    """What a transaction did to one row so far."""

    made: bool = False
    gone: bool = False
    values: Values = field(default_factory=dict)


_Step = tuple[SessionTransaction | None, str, Id, _Row]


@event.listens_for(Session, "after_flush")
def _collect(session: Session, context: Any) -> None:
    steps: list[_Step] = session.info.setdefault(_WRITTEN, [])
    savepoint = session.get_nested_transaction()
    for row in session.new:
        if (table := row.__tablename__) in watched.WATCHED:
            held = as_told(table, {name: getattr(row, name) for name in ways(table)})
            values = {name: (None, value) for name, value in held.items() if not empty(value)}
            steps.append((savepoint, table, _id(row), _Row(made=True, values=values)))
    for row in session.dirty:
        if (table := row.__tablename__) in watched.WATCHED and (values := _altered(table, row)):
            steps.append((savepoint, table, _id(row), _Row(values=values)))
            if isinstance(row, Announcement) and "made_at" in values:
                session.info.setdefault(_SHOWN, []).append(row.id)
    for row in session.deleted:
        if row.__tablename__ in watched.WATCHED:
            steps.append((savepoint, row.__tablename__, _id(row), _Row(gone=True)))


def in_bulk(session: Session, table: str, ids: Iterable[Id], column: str, before: Any, after: Any) -> None:
    """For a statement that writes past the session: in these rows the column was `before` and is `after`."""
    steps: list[_Step] = session.info.setdefault(_WRITTEN, [])
    hashed = ways(table)[column] is Way.HASHED
    pair = (sha256(plain(before)), sha256(plain(after))) if hashed else (plain(before), plain(after))
    savepoint = session.get_nested_transaction()
    steps += [(savepoint, table, number, _Row(values={column: pair})) for number in ids]


def made(session: Session, table: str, rows: Iterable[tuple[Id, Mapping[str, Any]]]) -> None:
    """For an insert that goes past the session: these rows, by their names in the log, were made so. What a row does
    not mention is empty."""
    if table not in watched.WATCHED:
        return
    steps: list[_Step] = session.info.setdefault(_WRITTEN, [])
    savepoint, columns = session.get_nested_transaction(), tuple(ways(table))
    for number, row in rows:
        held = as_told(table, {name: row.get(name) for name in columns})
        values = {name: (None, value) for name, value in held.items() if not empty(value)}
        steps.append((savepoint, table, number, _Row(made=True, values=values)))


def altered(session: Session, table: str, number: Id, values: Values) -> None:
    """For an update that goes past the session: in this row, each column was the first and is the second."""
    for name, (before, after) in values.items() if table in watched.WATCHED else ():
        in_bulk(session, table, (number,), name, before, after)


def settle(session: Session) -> None:
    """Tells what was written so far in the newest entry that was noted, and begins anew: an act on very many rows
    leaves an entry for each of its parts, and none that holds them all. Within a savepoint nothing is told yet."""
    if not session.in_nested_transaction():
        _tell(session)


def _id(row: Any) -> Id:
    return id_of(sa.inspect(row).mapper.primary_key_from_instance(row))


def _altered(table: str, row: Any) -> Values:
    found: Values = {}
    state = sa.inspect(row)
    for name, way in ways(table).items():
        if name not in state.committed_state:
            continue  # nobody has set it
        history = state.attrs[name].history
        if history.has_changes():
            before, after = (plain(side[0]) if side else None for side in (history.deleted, history.added))
            found[name] = (sha256(before), sha256(after)) if way is Way.HASHED else (before, after)
    return found


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, previous: SessionTransaction) -> None:
    boundary = previous
    while not boundary.nested and boundary.parent is not None:
        boundary = boundary.parent
    kept = [step for step in session.info.get(_WRITTEN, ()) if boundary.nested and not _within(step[0], boundary)]
    session.info[_WRITTEN] = kept
    if not boundary.nested:
        session.info.pop(_SHOWN, None)


def _within(inner: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while inner is not None and inner is not outer:
        inner = inner.parent
    return inner is outer


@event.listens_for(Session, "before_commit", insert=True)
def _tell(session: Session) -> None:
    """Before the entries are chained; at a savepoint's end nothing is told yet."""
    if session.in_nested_transaction():
        return
    session.flush()
    rows = _gathered(session.info.pop(_WRITTEN, ()))
    bulk = [told for number in session.info.pop(_SHOWN, ()) for told in _shown(session, number)]
    if not rows and not bulk:
        return
    if not session.info.get(audit._PENDING):
        _note_unsaid(session, rows)
    draft = session.info[audit._PENDING][-1]
    refs, aside = _compact(rows)
    for table, told in bulk:
        refs.setdefault(table, {}).setdefault("shown", []).append(told)
    draft.entry["refs"][KEY] = refs
    if aside:
        draft.detail[KEY] = aside


def _note_unsaid(session: Session, rows: Mapping[tuple[str, Id], _Row]) -> None:
    """An act without an entry of its own, as when a job writes down what a letter will promise, gets one here."""
    moments = [after for row in rows.values() for _, after in row.values.values() if isinstance(after, str)]
    at = max(filter(None, map(_moment, moments)), default=None)
    if at is None:
        last = session.exec(select(AuditEntry.at).order_by(col(AuditEntry.seq).desc()).limit(1)).first()
        at = _moment(last or "") or datetime.fromtimestamp(0, UTC)
    audit.note(session, "write", "rows", "", actor=system(Door.JOB), now=at, count=len(rows))


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _gathered(steps: Iterable[_Step]) -> dict[tuple[str, Id], _Row]:
    """The steps of a transaction as one: first before, last after; what was made and removed again never was."""
    rows: dict[tuple[str, Id], _Row] = {}
    for _, table, number, step in steps:
        row = rows.setdefault((table, number), _Row())
        row.made, row.gone = row.made or step.made, step.gone
        for name, (before, after) in step.values.items():
            row.values[name] = (row.values[name][0] if name in row.values else before, after)
    for key, row in list(rows.items()):
        row.values = {} if row.gone else {n: pair for n, pair in row.values.items() if pair[0] != pair[1]}
        if (row.made and row.gone) or not (row.made or row.gone or row.values):
            del rows[key]
    return rows


def _compact(rows: Mapping[tuple[str, Id], _Row]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows as refs and readable side hold them: by table, column and pair of values, with the ids of the rows."""
    tables: dict[str, dict[Id, _Row]] = {}
    for (table, number), row in rows.items():
        tables.setdefault(table, {})[number] = row
    refs: dict[str, Any] = {}
    aside: dict[str, Any] = {}
    for table, own in sorted(tables.items()):
        told = refs[table] = {}
        if made := [number for number, row in own.items() if row.made]:
            told["made"] = packed(made)
        if gone := [number for number, row in own.items() if row.gone]:
            told["gone"] = packed(gone)
        for name in sorted({name for row in own.values() for name in row.values}):
            holders = {number: row.values[name] for number, row in own.items() if name in row.values}
            if way_of(table, name) is Way.ASIDE:
                told.setdefault("aside", {})[name] = packed(holders)
                aside.setdefault(table, {})[name] = _by_value(holders)
            else:
                told.setdefault("set", {})[name] = _by_value(holders)
    return refs, aside


def _by_value(holders: Mapping[Id, tuple[Any, Any]]) -> list[list[Any]]:
    groups: dict[Any, tuple[tuple[Any, Any], list[Id]]] = {}
    for number, pair in holders.items():
        texts = all(each is None or type(each) is str for each in pair)  # equal texts are the same value
        groups.setdefault(pair if texts else canonical(pair), (pair, []))[1].append(number)
    return [[before, after, packed(ids)] for (before, after), ids in groups.values()]


SHOWN: Mapping[str, tuple[str, ...]] = {
    "notice": ("id", "uid", "announcement_id", "customer_id", "terms", "opens_window", "created_at"),
    "notice_change": ("id", "notice_id", "change_id"),
    "delivery": ("id", "ref", "kind", "notice_id", "contact_id"),
}
"""What an announcement inserts in bulk, and the columns of it that its entry keeps as one hash (no address: that is
the contact's, and can be erased)."""


def shown(
    session: Session, table: str, announcement_id: int, among: Container[Id] | None = None
) -> tuple[list[int], str]:
    """The ids of the rows of a table that an announcement inserted in bulk, and the SHA-256 over their columns;
    `among` leaves out what was added later."""
    source = SQLModel.metadata.tables[table]
    query = sa.select(*columns(table)).order_by(source.c.id)
    own: frozenset[int] | None = None
    if table == "notice":
        query = query.where(source.c.announcement_id == announcement_id)
    else:
        # Not joined: a database that has not counted the new rows yet may join each with all.
        of = SQLModel.metadata.tables["notice"].c
        own = frozenset(session.scalars(sa.select(of.id).where(of.announcement_id == announcement_id)))
        query = query.where(sa.between(source.c.notice_id, min(own, default=0), max(own, default=0)))
    if table == "delivery":
        query = query.where(source.c.subject_kind == "notice")
    pages = session.execute(query.execution_options(yield_per=2000)).partitions()
    return digest([row for row in page if (among is None or row[0] in among)
                   and (own is None or row.notice_id in own)] for page in pages)


def columns(table: str) -> list[Any]:
    """What `digest` takes of a row, to be selected."""
    source = SQLModel.metadata.tables[table]
    each = [source.c[name] for name in SHOWN[table]]
    return [sa.cast(c, sa.Text).label(c.name) if isinstance(c.type, sa.JSON) else c for c in each]


def digest(pages: Iterable[Iterable[Sequence[Any]]]) -> tuple[list[int], str]:
    """The ids of rows of these `columns`, given in order of their ids, and the SHA-256 over each row's JSON."""
    ids: list[int] = []
    hashed = hashlib.sha256()
    for page in pages:
        values = list(zip(*page, strict=True))
        if values:
            ids += values[0]
            lines = map(", ".join, zip(*map(_as_json, values), strict=True))
            hashed.update(f"[{']['.join(lines)}]".encode())
    return ids, hashed.hexdigest()


def _as_json(column: Sequence[Any]) -> Iterator[str]:
    """The JSON of each value. What nearly all columns hold has a way of its own: to set up an encoder for each value
    takes ten times as long."""
    kinds = set(map(type, column))
    return map(_JSON_OF.get(kinds.pop(), _json) if len(kinds) == 1 else _json, column)


_json = lru_cache(typed=True)(json.JSONEncoder(default=plain).encode)  # cached: of moments a page has few
_JSON_OF: Mapping[type, Callable[[Any], str]] = {int: repr, str: json.encoder.encode_basestring_ascii}


def shown_before(session: Session, announcement_id: int, told: Mapping[str, tuple[list[int], str]]) -> None:
    """For an announcement's last transaction: by table, what `shown` gave for rows that it does not touch. Reading very
    many of them takes seconds, in which nobody else could write."""
    session.info.setdefault(_SEEN, {})[announcement_id] = told


def _shown(session: Session, announcement_id: int) -> Iterator[tuple[str, dict[str, Any]]]:
    ready = session.info.get(_SEEN, {}).pop(announcement_id, {})
    for table in SHOWN:
        ids, digest = ready.get(table) or shown(session, table, announcement_id)
        if ids:
            yield table, {"of": announcement_id, "made": packed(ids), "sha256": digest}
