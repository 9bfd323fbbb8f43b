"""`audit verify`: folds the chain, and holds every row's state against what the log says of it last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import merkle
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import DELIVERY, NOTICE
from notifier.tables import AuditDetail, AuditEntry, Delivery, DeliveryEvent, Edition, Notice
from notifier.workflow import audit, listing

PAGE = 1000  # rows held in memory at a time


def chain(session: Session) -> list[Sentence]:
    """Every fault found, in words; an empty list says that chain, details, batches, states and editions agree."""
    return [
        *_folded(session), *_details(session), *_batches(session), *_single_states(session), *_mail_states(session),
        *_editions(session),
    ]


def _folded(session: Session) -> Iterator[Sentence]:
    last, seq = "0" * 64, 0
    for entry in _paged(session, select(AuditEntry).order_by(col(AuditEntry.seq))):
        seq += 1
        if entry.seq != seq:
            yield Sentence(N_("Entry %(seq)s is missing from the chain."), {"seq": seq})
            seq = entry.seq
        if entry.prev_hash != last or audit.entry_hash(entry.model_dump()) != entry.hash:
            yield Sentence(N_("Entry %(seq)s does not fit the one before it, or was altered."), {"seq": entry.seq})
        last = entry.hash
    head = audit.head(session)
    if (head.seq, head.hash) != (seq, last):
        ends = N_("The chain ends at entry %(seq)s, but its head says %(head)s.")
        yield Sentence(ends, {"seq": seq, "head": head.seq})


def _details(session: Session) -> Iterator[Sentence]:
    rows = select(AuditEntry, AuditDetail).join(AuditDetail, col(AuditDetail.seq) == col(AuditEntry.seq))
    for entry, detail in _paged(session, rows.order_by(col(AuditEntry.seq))):
        if audit.commitment(detail.salt, detail.detail) != entry.commitment:
            yield Sentence(N_("The readable side of entry %(seq)s was altered."), {"seq": entry.seq})


def _batches(session: Session) -> Iterator[Sentence]:
    entries = select(AuditEntry).where(AuditEntry.subject_kind == DELIVERY.name, AuditEntry.root != "")
    covered = 0
    for entry in _paged(session, entries.order_by(col(AuditEntry.seq))):
        events = session.exec(
            select(DeliveryEvent).where(DeliveryEvent.batch == entry.refs["batch"]).order_by(col(DeliveryEvent.id))
        ).all()
        covered += len(events)
        if len(events) != entry.count or merkle.root([audit.leaf(e.model_dump()) for e in events]) != entry.root:
            yield Sentence(N_("The delivery events under entry %(seq)s were altered."), {"seq": entry.seq})
    if covered != session.scalar(sa.select(sa.func.count()).select_from(DeliveryEvent)):
        yield Sentence(N_("There are delivery events that no entry covers."))


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
    seqs = {e.refs["batch"]: e.seq for e in session.exec(
        select(AuditEntry).where(AuditEntry.subject_kind == DELIVERY.name, AuditEntry.root != ""))}
    rows = select(DeliveryEvent, Delivery.notice_id).join(Delivery, col(Delivery.id) == col(DeliveryEvent.delivery_id))
    for event, notice_id in _paged(session, rows.order_by(col(DeliveryEvent.id))):
        delivered[event.delivery_id] = event.after
        if notice_id is not None and event.notice_after:
            by_event[notice_id] = (seqs.get(event.batch, 0), event.notice_after)
    for delivery in _paged(session, select(Delivery).order_by(col(Delivery.id))):
        if delivered.get(delivery.id, str(DELIVERY.initial)) != str(delivery.state):
            yield _differs(DELIVERY.name, delivery.ref, str(delivery.state), delivered.get(delivery.id, ""))
    told = _last_told(session, NOTICE.name)
    for notice in _paged(session, select(Notice).order_by(col(Notice.id))):
        _, expected = max(told.get(notice.uid, (0, "")), by_event.get(notice.id, (0, "")))
        if (expected or str(NOTICE.initial)) != str(notice.state):
            yield _differs(NOTICE.name, notice.uid, str(notice.state), expected)


def _editions(session: Session) -> Iterator[Sentence]:
    for edition in _paged(session, select(Edition).order_by(col(Edition.n))):
        if listing.sha256(edition.value) != edition.sha256:
            yield Sentence(N_("Edition %(n)s was altered."), {"n": edition.n})


def _differs(kind: str, name: str, state: str, told: str) -> Sentence:
    words = N_("%(kind)s %(name)s is %(state)s, but the log says %(told)s.")
    return Sentence(words, {"kind": kind, "name": name, "state": state, "told": told or N_("nothing")})


def _paged(session: Session, query: Any) -> Iterator[Any]:
    """Rows in pages, let go of after each, so that a long log does not fill the memory."""
    for rows in session.exec(query.execution_options(yield_per=PAGE)).partitions():
        yield from rows
