"""Holds every row against what the log tells of it (`written`): altered, removed or added behind the product's back.

Of rows written by a version that told nothing yet, and of readable sides that were erased, nothing can be said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from notifier.domain.register import EngagementValue
from notifier.domain.sentences import N_, NOTHING, Fact, Sentence
from notifier.domain.states import DeliveryState
from notifier.tables import (
    Announcement,
    AuditDetail,
    AuditEntry,
    Blob,
    Contact,
    Countersignature,
    Delivery,
    DeliveryEvent,
    Notice,
)
from notifier.workflow import blobs, listing, register, watched, written
from notifier.workflow.watched import Way
from notifier.workflow.written import Id

PAGE = 1000  # rows held in memory at a time
SHOWN = 60  # characters of a value in a sentence
_UNREADABLE = (AttributeError, TypeError, ValueError, LookupError)  # what an entry that was tampered with can raise
_UNSEEN = ("notice", "notice_change", "delivery")  # inserted in bulk, told of when their announcement is shown


@dataclass
class _Table:
    """What the log tells of one table: the rows made since it tells of them, each row's values, those removed."""

    made: set[Id] = field(default_factory=set)
    values: dict[Id, dict[str, Any]] = field(default_factory=dict)
    shown: list[Mapping[str, Any]] = field(default_factory=list)


def rows(session: Session, broken: Collection[int], unsound: Collection[int]) -> Iterator[Sentence]:
    """Every row that is not as the log tells it, one sentence each. Of the entries in `broken` only what can still be
    read is looked at, and nothing is believed of the readable sides of those in `unsound`."""
    told, whole = _told(session, broken, unsound)
    for table in watched.WATCHED:
        yield from _compared(session, table, told.get(table, _Table()), whole)
        for bulk in told.get(table, _Table()).shown:
            among = set(written.unpacked(bulk["made"]))
            if written.shown(session, table, bulk["of"], among)[1] != bulk["sha256"]:
                yield Sentence(N_("What announcement %(id)s wrote into “%(table)s” was altered."),
                               {"id": bulk["of"], "table": _words(table)})
    yield from _documents(session)
    yield from _letters(session)
    yield from _addresses(session)
    yield from _list(session)


def _told(
    session: Session, broken: Collection[int], unsound: Collection[int]
) -> tuple[dict[str, _Table], bool]:
    """What the log tells of each table in the end, and whether it does so from its first entry on."""
    told: dict[str, _Table] = {}
    whole = False
    query = (sa.select(col(AuditEntry.seq), col(AuditEntry.refs), col(AuditDetail.detail))
             .join(AuditDetail, col(AuditDetail.seq) == col(AuditEntry.seq), isouter=True)
             .order_by(col(AuditEntry.seq)))
    for seq, refs, detail in _paged(session, query):
        with suppress(*_UNREADABLE) if seq in broken else nullcontext():
            whole = whole or (seq == 1 and written.KEY in refs)
            for table, said in refs.get(written.KEY, {}).items():
                _take(told.setdefault(table, _Table()), said)
            for fact in written.told(refs, detail if detail and seq not in unsound else {}):
                for number in fact.ids:
                    told[fact.table].values.setdefault(number, {})[fact.column] = fact.after
    return told, whole


def _take(table: _Table, said: Mapping[str, Any]) -> None:
    for number in written.unpacked(said.get("gone", ())):
        table.made.discard(number)
        table.values.pop(number, None)
    for made in (said.get("made", ()), *(bulk["made"] for bulk in said.get("shown", ()))):
        table.made.update(written.unpacked(made))
    table.shown += said.get("shown", ())
    for column, ids in said.get("aside", {}).items():
        for number in written.unpacked(ids):  # erased, unless the readable side says it
            table.values.setdefault(number, {})[column] = _ERASED


_ERASED = object()


def _compared(session: Session, name: str, told: _Table, whole: bool) -> Iterator[Sentence]:
    source = SQLModel.metadata.tables[name]
    first = min((number for number in told.made if isinstance(number, int)), default=None)
    bulk = {number for each in told.shown for number in written.unpacked(each["made"])}
    seen = set()
    for row in _paged(session, _visible(name, source)):
        number = written.id_of(row._mapping[key] for key in source.primary_key.columns)
        seen.add(number)
        values = told.values.get(number, {})
        made = number in told.made
        if not made and (whole or (first is not None and isinstance(number, int) and number > first)):
            yield _fault(N_("%(table)s %(name)s stands there, and no entry tells of it."), name, row, number)
        if made or values:
            known = written.SHOWN[name] if number in bulk else ()
            yield from _differing(name, row, number, values, made, known)
    for number in sorted((told.made | told.values.keys()) - seen, key=str):
        yield Sentence(N_("%(table)s %(name)s is gone, and no entry says so."), {"table": _words(name), "name": number})


def _visible(name: str, source: sa.Table) -> Any:
    """The rows of a table, but for those of an announcement that is not made yet: nobody can see them, nor the log."""
    query = sa.select(source).order_by(*source.primary_key.columns)
    if name not in _UNSEEN:
        return query
    hidden = sa.select(col(Notice.id)).join(Announcement, col(Announcement.id) == col(Notice.announcement_id)).where(
        col(Announcement.made_at).is_(None))
    owner = source.c.id if name == "notice" else source.c.notice_id
    return query.where(sa.or_(owner.is_(None), owner.not_in(hidden)))


def _differing(
    name: str, row: Any, number: Id, values: Mapping[str, Any], made: bool, known: Collection[str]
) -> Iterator[Sentence]:
    """Where a row is not as told. Of one `made`, what was never told is empty, but for what is `known` otherwise."""
    for column, held in watched.as_told(name, row._mapping).items():
        told = values.get(column, None if made and column not in known else _ERASED)
        if told is _ERASED or told == held or (watched.empty(told) and watched.empty(held)):
            continue
        facts: dict[str, Fact] = {"column": column, "held": str(held)[:SHOWN], "told": str(told)[:SHOWN]}
        if watched.way_of(name, column) is Way.HASHED or len(str(held)) > SHOWN:
            yield _fault(N_("%(table)s %(name)s was altered: “%(column)s” is not what the log says."), name, row,
                         number, {"column": column})
        else:
            words = N_("%(table)s %(name)s was altered: “%(column)s” is “%(held)s”, but the log says “%(told)s”.")
            yield _fault(words, name, row, number, facts)


def _fault(words: str, table: str, row: Any, number: Id, facts: Mapping[str, Fact] = NOTHING) -> Sentence:
    held = row._mapping
    name = next((str(held[key]) for key in ("ref", "uid", "key", "email") if held.get(key)), str(number))
    return Sentence(words, {**facts, "table": _words(table), "name": name})


def _words(table: str) -> str:
    return table.removesuffix("_account").replace("_", " ")


def _documents(session: Session) -> Iterator[Sentence]:
    """Documents people handed in, by their own hash; one at a time, since each may have 10 MB."""
    for table, number, sha256 in _handed_in(session):
        blob = session.exec(select(Blob).where(Blob.sha256 == sha256)).first()
        if blob is None or _digest(blob) != sha256:
            yield Sentence(N_("The document of %(table)s %(id)s is gone, or was altered."),
                           {"table": _words(table), "id": number})
        if blob is not None:
            session.expunge(blob)


def _handed_in(session: Session) -> Iterator[tuple[str, int, str]]:
    """By table and id: the SHA-256 of a document that vouches for a row, or proves a delivery by hand."""
    for table in watched.WATCHED:
        source = SQLModel.metadata.tables[table]
        if "blob_sha256" in source.c:
            rows = sa.select(source.c.id, source.c.blob_sha256).where(source.c.blob_sha256.is_not(None))
            yield from ((table, number, sha256) for number, sha256 in session.execute(rows.order_by(source.c.id)).all())
    proofs = select(Notice.id, Notice.proof).where(Notice.given_by == "imported").order_by(col(Notice.id))
    for number, proof in session.exec(proofs).all():
        yield "notice", number or 0, str((proof or {}).get("file", ""))
    asked = select(Countersignature).where(Countersignature.action == "hand_delivery")
    for row in session.exec(asked.order_by(col(Countersignature.id))).all():
        yield "countersignature", row.id or 0, str(row.payload.get("file", ""))


def _digest(blob: Blob) -> str:
    return hashlib.sha256(blobs.unpacked(blob.packing, blob.body, None) or b"").hexdigest()


def _letters(session: Session) -> Iterator[Sentence]:
    """The letters that left, or may have, by the hashes that the log's events name."""
    bases: dict[str, bytes | None] = {}
    rows = (sa.select(col(DeliveryEvent.letter), col(Delivery.ref), col(Blob.packing), col(Blob.base_sha256),
                      col(Blob.body))
            .join(Delivery, col(Delivery.id) == col(DeliveryEvent.delivery_id))
            .join(Blob, col(Blob.sha256) == col(DeliveryEvent.letter), isouter=True)
            .where(col(DeliveryEvent.letter) != "").order_by(col(DeliveryEvent.id)))
    for sha256, ref, packing, base, packed in _paged(session, rows):
        if base and base not in bases:
            bases[base] = _stored(session, base)
        kept = blobs.unpacked(packing, packed, bases.get(base)) if packed is not None else None
        if kept is None or hashlib.sha256(kept).hexdigest() != sha256:
            yield Sentence(N_("The stored text of letter %(ref)s is gone, or was altered."), {"ref": ref})
    last = (sa.select(col(DeliveryEvent.letter))
            .where(col(DeliveryEvent.delivery_id) == col(Delivery.id), col(DeliveryEvent.letter) != "")
            .order_by(col(DeliveryEvent.id).desc()).limit(1).scalar_subquery())
    another = sa.select(col(Delivery.ref)).where(
        col(Delivery.state) != DeliveryState.SENDING, last != col(Delivery.letter_sha256))
    for ref in session.scalars(another.order_by(col(Delivery.id))):
        yield Sentence(N_("The letter of %(ref)s is another one than the log says."), {"ref": ref})


def _stored(session: Session, sha256: str) -> bytes | None:
    row = session.execute(sa.select(col(Blob.packing), col(Blob.body)).where(col(Blob.sha256) == sha256)).first()
    return blobs.unpacked(row.packing, row.body, None) if row else None


def _addresses(session: Session) -> Iterator[Sentence]:
    """Letters about a notice go to the very address of their contact."""
    rows = select(Delivery.ref).join(Contact, col(Contact.id) == col(Delivery.contact_id)).where(
        col(Delivery.subject_kind).in_(("notice", "notice_change")), col(Delivery.to_email) != col(Contact.email))
    for ref in session.exec(rows.order_by(col(Delivery.id))):
        yield Sentence(N_("Letter %(ref)s does not go to the address of its contact."), {"ref": ref})


def _list(session: Session) -> Iterator[Sentence]:
    """The list in effect is the one its newest edition tells."""
    newest = listing.newest(session)
    if newest is None or listing.sha256(newest.value) != newest.sha256:
        return  # there is none, or it says nothing any more
    told = {value["ref"]: EngagementValue.from_json(value) for value in newest.value["engagements"]}
    held = {value.ref: value for value in register.current(session)}
    for ref in sorted(held.keys() | told.keys()):
        if held.get(ref) != told.get(ref):
            yield Sentence(N_("Engagement %(ref)s is not what edition %(n)s tells of it."), {"ref": ref, "n": newest.n})


def _paged(session: Session, query: Any) -> Iterator[Any]:
    """Rows in pages, let go of after each, so that a long log does not fill the memory."""
    for page in session.execute(query.execution_options(yield_per=PAGE)).partitions():
        yield from page
