"""`audit verify`: folds the chain, and holds every row against what the log says of it last: its state, its values
(`verify_rows`), and for mass acts the rows under an entry's count, hash or Merkle root."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import merkle
from notifier.domain.audience import INCLUDED
from notifier.domain.listing import moment
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import CHANGE, DELIVERY, NOTICE
from notifier.tables import (
    Announcement,
    AudienceRow,
    AuditDetail,
    AuditEntry,
    Change,
    Delivery,
    DeliveryEvent,
    Edition,
    Notice,
    NoticeChange,
)
from notifier.workflow import audit, delivery_events, listing, rolls, verify_rows

PAGE = 1000  # rows held in memory at a time


def chain(session: Session) -> list[Sentence]:
    """Every fault found, in words; an empty list says that chain, details, batches, states, announcements, releases,
    rows and editions agree. Reads only; some seconds for 10,000 notices."""
    folded, unsound = list(_folded(session)), _unsound(session)
    broken = frozenset(seq for seq, words in folded if words.message == _ALTERED)
    return [
        *(words for _, words in folded), *(Sentence(_REWRITTEN, {"seq": seq}) for seq in unsound), *_batches(session),
        *_single_states(session), *_mail_states(session), *_announcements(session), *_releases(session),
        *verify_rows.rows(session, broken, frozenset(unsound)), *_editions(session),
    ]


_ALTERED = N_("Entry %(seq)s does not fit the one before it, or was altered.")
_REWRITTEN = N_("The readable side of entry %(seq)s was altered.")
_EVENTS = N_("The delivery events under entry %(seq)s were altered.")


def _folded(session: Session) -> Iterator[tuple[int, Sentence]]:
    """What is wrong with the chain itself, each with the number of its entry."""
    last, seq = "0" * 64, 0
    for row in _paged(session, sa.select(_table(AuditEntry)).order_by(col(AuditEntry.seq))):
        entry, seq = row._mapping, seq + 1
        if entry["seq"] != seq:
            yield seq, Sentence(N_("Entry %(seq)s is missing from the chain."), {"seq": seq})
            seq = entry["seq"]
        if entry["prev_hash"] != last or audit.entry_hash(entry) != entry["hash"]:
            yield seq, Sentence(_ALTERED, {"seq": seq})
        last = entry["hash"]
    head = audit.head(session)
    if (head.seq, head.hash) != (seq, last):
        ends = N_("The chain ends at entry %(seq)s, but its head says %(head)s.")
        yield seq, Sentence(ends, {"seq": seq, "head": head.seq})


def _unsound(session: Session) -> list[int]:
    """The entries whose readable side is not what they are committed to."""
    rows = sa.select(
        col(AuditEntry.seq), col(AuditEntry.commitment), col(AuditDetail.salt), col(AuditDetail.detail)
    ).join(AuditDetail, col(AuditDetail.seq) == col(AuditEntry.seq)).order_by(col(AuditEntry.seq))
    return [seq for seq, committed, salt, detail in _paged(session, rows)
            if audit.commitment(salt, detail) != committed]


def _batches(session: Session) -> Iterator[Sentence]:
    entries = {refs.get("batch", ""): (seq, count, root) for seq, refs, count, root in _batch_entries(session)}
    events = _paged(session, sa.select(_table(DeliveryEvent)).order_by(col(DeliveryEvent.batch), col(DeliveryEvent.id)))
    strange = 0
    for batch, rows in groupby(events, key=lambda row: row._mapping["batch"]):
        leaves = [delivery_events.leaf(row._mapping) for row in rows]
        seq, count, root = entries.pop(batch, (0, 0, ""))
        strange += not seq
        if seq and (len(leaves) != count or merkle.root(leaves) != root):
            yield Sentence(_EVENTS, {"seq": seq})
    for seq, _, _ in entries.values():
        yield Sentence(_EVENTS, {"seq": seq})
    if strange:
        yield Sentence(N_("There are delivery events that no entry covers."))


def _batch_entries(session: Session) -> Iterator[Any]:
    """Number, refs, count and root of every entry over a batch of delivery events."""
    return _paged(session, sa.select(
        col(AuditEntry.seq), col(AuditEntry.refs), col(AuditEntry.count), col(AuditEntry.root)
    ).where(col(AuditEntry.subject_kind) == DELIVERY.name, col(AuditEntry.root) != "").order_by(col(AuditEntry.seq)))


def _single_states(session: Session) -> Iterator[Sentence]:
    """Changes and objections: every move of theirs is an entry of its own."""
    for model, machine in audit.MACHINE_OF.items():
        if machine in (DELIVERY, NOTICE):
            continue
        told = _last_told(session, machine.name)
        row: Any
        for row in session.exec(select(model)):
            name = audit.subject_of(row)
            if told.get(name, (0, str(machine.initial)))[1] != str(row.state):
                yield _differs(machine.name, name, str(row.state), told.get(name, (0, ""))[1])


def _last_told(session: Session, kind: str) -> dict[str, tuple[int, str]]:
    """By subject: the newest entry that tells a state, and that state."""
    rows = session.exec(
        select(AuditEntry.subject_id, AuditEntry.seq, AuditEntry.after)
        .where(AuditEntry.subject_kind == kind, AuditEntry.after != "").order_by(col(AuditEntry.seq))
    )
    return {subject: (seq, after) for subject, seq, after in rows}


def _mail_states(session: Session) -> Iterator[Sentence]:
    """Deliveries, by their last event; notices, by the later of their own last entry and the last event on them."""
    delivered: dict[int, str] = {}
    by_event: dict[int, tuple[int, str]] = {}
    seqs = {refs.get("batch", ""): seq for seq, refs, _, _ in _batch_entries(session)}
    rows = sa.select(
        col(DeliveryEvent.delivery_id), col(DeliveryEvent.after), col(DeliveryEvent.notice_after),
        col(DeliveryEvent.batch), col(Delivery.notice_id),
    ).join(Delivery, col(Delivery.id) == col(DeliveryEvent.delivery_id)).order_by(col(DeliveryEvent.id))
    for delivery_id, after, notice_after, batch, notice_id in _paged(session, rows):
        delivered[delivery_id] = after
        if notice_id is not None and notice_after:
            by_event[notice_id] = (seqs.get(batch, 0), notice_after)
    letters = sa.select(col(Delivery.id), col(Delivery.ref), col(Delivery.state)).order_by(col(Delivery.id))
    for number, ref, state in _paged(session, letters):
        if delivered.get(number, str(DELIVERY.initial)) != str(state):
            yield _differs(DELIVERY.name, ref, str(state), delivered.get(number, ""))
    told = _last_told(session, NOTICE.name)
    owed = sa.select(col(Notice.id), col(Notice.uid), col(Notice.state)).order_by(col(Notice.id))
    for number, uid, state in _paged(session, owed):
        _, expected = max(told.get(uid, (0, "")), by_event.get(number, (0, "")))
        if (expected or str(NOTICE.initial)) != str(state):
            yield _differs(NOTICE.name, uid, str(state), expected)


def _announcements(session: Session) -> Iterator[Sentence]:
    """Every announcement with the audience roll and the number of notices that its entry counts."""
    entries = session.exec(select(AuditEntry).where(AuditEntry.subject_kind == "announcement", AuditEntry.root == "")
                           .order_by(col(AuditEntry.seq)))
    for entry in [entry for entry in entries if "audience" in entry.refs]:
        made = session.exec(select(Announcement).where(Announcement.ref == entry.subject_id)).first()
        if made is None:
            yield Sentence(N_("Announcement %(ref)s is gone."), {"ref": entry.subject_id})
            continue
        if not _roll_agrees(session, made, entry.refs["audience"]):
            yield Sentence(N_("The audience roll of announcement %(ref)s was altered."), {"ref": made.ref})
        owed = session.scalar(
            sa.select(sa.func.count()).select_from(Notice).where(col(Notice.announcement_id) == made.id))
        if owed != entry.count:
            yield Sentence(N_("Announcement %(ref)s has %(held)s notices, but the log says %(told)s."),
                           {"ref": made.ref, "held": int(owed or 0), "told": entry.count})


def _roll_agrees(session: Session, made: Announcement, told: str) -> bool:
    lines = session.execute(sa.select(col(AudienceRow.customer_id), col(AudienceRow.why), col(AudienceRow.included))
                            .where(col(AudienceRow.announcement_id) == made.id)).all()
    straight = all(included == (why in INCLUDED) for _, why, included in lines)
    return straight and rolls.roll_sha256((customer_id, why) for customer_id, why, _ in lines) == told


def _releases(session: Session) -> Iterator[Sentence]:
    """Every release with its entry: the same customers at the same moment, and none without."""
    told: dict[tuple[str, str], list[AuditEntry]] = {}
    for entry in session.exec(select(AuditEntry).where(AuditEntry.subject_kind == CHANGE.name,
                                                       AuditEntry.action == "release")):
        told.setdefault((entry.subject_id, entry.at), []).append(entry)
    held: dict[tuple[str, str], list[bytes]] = {}
    rows = (sa.select(col(Change.ref), col(NoticeChange.released_at), col(Notice.uid), col(Notice.customer_id))
            .join(NoticeChange, col(NoticeChange.change_id) == col(Change.id))
            .join(Notice, col(Notice.id) == col(NoticeChange.notice_id))
            .where(col(NoticeChange.released_at).is_not(None)).order_by(col(Notice.customer_id), col(Notice.id)))
    for ref, at, uid, customer_id in session.execute(rows):
        held.setdefault((ref, moment(at)), []).append(f"{ref}:{uid}:{customer_id}".encode())
    for ref, at in sorted(told.keys() | held.keys()):
        entries, leaves = told.get((ref, at), []), held.get((ref, at), [])
        agree = len(entries) != 1 or entries[0].root == merkle.root(leaves)
        if not agree or sum(entry.count for entry in entries) != len(leaves):
            yield Sentence(N_("The releases of change %(ref)s at %(at)s are not those the log tells of."),
                           {"ref": ref, "at": at})


def _editions(session: Session) -> Iterator[Sentence]:
    for n, value, sha256 in _paged(session, sa.select(
        col(Edition.n), col(Edition.value), col(Edition.sha256)
    ).order_by(col(Edition.n))):
        if listing.sha256(value) != sha256:
            yield Sentence(N_("Edition %(n)s was altered."), {"n": n})


def _differs(kind: str, name: str, state: str, told: str) -> Sentence:
    words = N_("%(kind)s %(name)s is %(state)s, but the log says %(told)s.")
    return Sentence(words, {"kind": kind, "name": name, "state": state, "told": told or N_("nothing")})


def _table(model: Any) -> sa.Table:
    """The table itself: rows of it are read faster than objects are made."""
    table: sa.Table = model.__table__
    return table


def _paged(session: Session, query: Any) -> Iterator[Any]:
    """Rows in pages, let go of after each, so that a long log does not fill the memory."""
    for rows in session.execute(query.execution_options(yield_per=PAGE)).partitions():
        yield from rows
