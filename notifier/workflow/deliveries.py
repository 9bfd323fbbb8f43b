"""The ledger of letters: queued in the transaction that owes them, claimed, recorded, and what came back.

The database is the ledger, Redis only the doorbell: whoever calls a verb that queues rings after the commit,
and the clock's sweep finds whatever was not rung. Every move goes through `audit.move_batch`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.letters import NOTICE_LETTERS
from notifier.domain.people import Actor, Role
from notifier.domain.states import DeliveryState
from notifier.tables import Blob, Contact, Delivery, DeliveryEvent, User
from notifier.workflow import audit
from notifier.workflow.audit import BatchMove

LEASE = timedelta(minutes=5)
"""How long a worker may hold claimed letters; longer than the slowest provider call by far."""

LOOK_AGAIN = timedelta(minutes=10)
"""How long a doubtful letter must stay absent at the provider before it is sent again."""

BACKOFF = tuple(timedelta(seconds=s) for s in (30, 120, 600, 1800, 7200))
"""How long a letter waits that may succeed later, by the number of tries; the last one repeats."""


@dataclass(frozen=True)
class Outcome:
    """What a transport reports of one letter. `verdict`: accepted | refused | later | uncertain."""

    ref: str
    verdict: str
    provider_id: str = ""
    provider_uuid: str = ""
    words: str = ""


@dataclass(frozen=True)
class Sent:
    """The letter as it was handed over, links masked, and the last day it printed, if any."""

    sha256: str
    packed: bytes
    promised_last_day: date | None


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


def claim(session: Session, limit: int, transport: str, *, actor: Actor, now: datetime) -> list[Delivery]:
    """Takes up to `limit` letters that are due, for as long as the lease runs. Several workers may call at once:
    PostgreSQL skips what another holds, SQLite lets one writer in at a time."""
    rows = list(session.exec(
        select(Delivery).where(col(Delivery.state) == DeliveryState.QUEUED, col(Delivery.due_at) <= now)
        .order_by(col(Delivery.due_at), col(Delivery.id)).limit(limit).with_for_update(skip_locked=True)
    ))
    lease = str(uuid4())
    audit.move_batch(session, [BatchMove(row, "claim", now) for row in rows], actor=actor, now=now)
    for row in rows:
        row.lease, row.leased_until, row.transport = lease, now + LEASE, transport
        row.tries += 1
    return rows


def record(
    session: Session, lease: str, outcomes: Sequence[Outcome], sent: Mapping[str, Sent], *, actor: Actor,
    now: datetime,
) -> list[Delivery]:
    """Writes down what became of a claimed batch; returns the deliveries refused for good.

    A row whose lease is another's by now, or which an event has already moved on, keeps its state: the fence
    that makes a worker back from the dead harmless.
    """
    by_ref = {outcome.ref: outcome for outcome in outcomes}
    rows = session.exec(
        select(Delivery).where(col(Delivery.ref).in_(by_ref), Delivery.lease == lease)
        .order_by(col(Delivery.id)).with_for_update()
    ).all()
    moves, refused = [], []
    for row in rows:
        outcome = by_ref[row.ref]
        _keep(session, row, outcome, sent.get(row.ref), now)
        if row.state != DeliveryState.SENDING:
            continue  # the provider's event was faster than its own answer
        moves.append(BatchMove(row, _ACTION[outcome.verdict], now, words=outcome.words))
        if outcome.verdict == "later":
            row.due_at = now + BACKOFF[min(row.tries, len(BACKOFF)) - 1]
        if outcome.verdict == "refused":
            refused.append(row)
    audit.move_batch(session, moves, actor=actor, now=now)
    return refused


_ACTION = {"accepted": "accept", "refused": "fail", "later": "requeue", "uncertain": "doubt"}


def _keep(session: Session, row: Delivery, outcome: Outcome, sent: Sent | None, now: datetime) -> None:
    row.last_words = outcome.words[:500]
    row.provider_id = outcome.provider_id or row.provider_id
    row.provider_uuid = outcome.provider_uuid or row.provider_uuid
    if outcome.verdict in ("accepted", "uncertain") and sent is not None:
        row.handed_at, row.promised_last_day, row.letter_sha256 = now, sent.promised_last_day, sent.sha256
        if session.get(Blob, sent.sha256) is None:
            session.add(Blob(sha256=sent.sha256, media_type="application/json", packing="zlib", body=sent.packed,
                             created_at=now))
            session.flush()


def hold_lane(session: Session, pause: timedelta, *, now: datetime) -> None:
    """The provider asked for a pause: nothing that is queued is due before it is over."""
    session.execute(
        sa.update(Delivery).where(col(Delivery.state) == DeliveryState.QUEUED, col(Delivery.due_at) < now + pause)
        .values(due_at=now + pause).execution_options(synchronize_session=False)
    )


def release_leases(session: Session, *, actor: Actor, now: datetime) -> int:
    """Letters a worker took and never answered for: whether they left nobody knows, so they become uncertain."""
    rows = list(session.exec(
        select(Delivery).where(col(Delivery.state) == DeliveryState.SENDING, col(Delivery.leased_until) < now)
        .limit(500).with_for_update(skip_locked=True)
    ))
    audit.move_batch(session, [BatchMove(r, "doubt", now, words="the worker did not answer") for r in rows],
                     actor=actor, now=now)
    return len(rows)


def doubtful(session: Session, transport: str, limit: int, now: datetime) -> list[Delivery]:
    """Letters of unknown outcome that went out by this transport and may be looked for at the provider now."""
    return list(session.exec(
        select(Delivery).where(col(Delivery.state) == DeliveryState.UNCERTAIN, Delivery.transport == transport,
                               col(Delivery.due_at) <= now)
        .order_by(col(Delivery.id)).limit(limit)
    ))


def settle_doubt(
    session: Session, ref: str, found: bool | None, *, actor: Actor, now: datetime, words: str = ""
) -> None:
    """After a look at the provider: there (accepted); absent twice, `LOOK_AGAIN` apart, and therefore owed again;
    or, with None, nobody could say, and it is looked for again in a minute. An event that came in meanwhile wins."""
    row = find(session, ref, "")
    if row is None or row.state != DeliveryState.UNCERTAIN:
        return
    if found is None:
        row.due_at = now + timedelta(minutes=1)
    elif not found and row.absent_at is None:
        row.absent_at, row.due_at = now, now + LOOK_AGAIN
    else:
        row.absent_at, row.due_at = None, now
        settled = BatchMove(row, "accept" if found else "requeue", now, words=words)
        audit.move_batch(session, [settled], actor=actor, now=now)


def cancel_queued(session: Session, notice_ids: Collection[int], *, actor: Actor, now: datetime) -> int:
    """Cancels the letters that were to give these notices and have not left, because nothing they say is still so."""
    rows = list(session.exec(
        select(Delivery).where(col(Delivery.notice_id).in_(notice_ids), Delivery.subject_kind == "notice",
                               col(Delivery.kind).in_(NOTICE_LETTERS),
                               col(Delivery.state) == DeliveryState.QUEUED).with_for_update()
    ))
    audit.move_batch(session, [BatchMove(row, "cancel", now) for row in rows], actor=actor, now=now)
    return len(rows)


def due(session: Session, now: datetime) -> bool:
    """Whether any letter waits to be claimed."""
    return session.exec(
        select(Delivery.id).where(col(Delivery.state) == DeliveryState.QUEUED, col(Delivery.due_at) <= now).limit(1)
    ).first() is not None


def find(session: Session, ref: str, provider_id: str, *, lock: bool = True) -> Delivery | None:
    """The delivery an event is about, by our reference or, where the provider lost it, by its own id; locked."""
    query = select(Delivery).execution_options(populate_existing=True)
    query = query.with_for_update() if lock else query
    found = session.exec(query.where(Delivery.ref == ref)).first() if ref else None
    if found is None and provider_id:
        found = session.exec(query.where(Delivery.provider_id == provider_id)).first()
    return found


def seen(session: Session, key: str) -> bool:
    """Whether an event with this key is recorded already."""
    return session.exec(select(DeliveryEvent.id).where(DeliveryEvent.key == key)).first() is not None


def gives(delivery: Delivery) -> bool:
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
        select(Contact).where(
            Contact.customer_id == customer_id, Contact.role == "notice", col(Contact.retired_at).is_(None),
            col(Contact.barred_at).is_(None),
        ).order_by(col(Contact.position), col(Contact.id))
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
