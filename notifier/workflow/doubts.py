"""Letters of unknown outcome: a look at the provider settles them, and every look is written down.

A letter is sent again only when the provider did not have it twice, `LOOK_AGAIN` apart, and no event came. Where
nobody can be asked (SMTP), the lease is waited out: a worker that still holds the letter may yet be answered for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from notifier.domain.people import Actor
from notifier.domain.states import DeliveryState
from notifier.tables import Delivery
from notifier.workflow import audit, deliveries
from notifier.workflow.audit import BatchMove

LOOK_AGAIN = timedelta(minutes=10)
"""How long a doubtful letter must stay absent at the provider before it is sent again."""

ASK_AGAIN = timedelta(minutes=1)
"""After how long a provider that gave no answer is asked again."""


@dataclass(frozen=True)
class Look:
    """What a look at the provider showed of one letter: `there`, absent, or, with None, that nobody could say."""

    there: bool | None
    provider_id: str = ""
    provider_uuid: str = ""
    words: str = ""


def open_ones(session: Session, transport: str, limit: int, now: datetime) -> list[Delivery]:
    """Letters of unknown outcome that went out by this transport and may be settled now."""
    return list(session.exec(
        select(Delivery).where(col(Delivery.state) == DeliveryState.UNCERTAIN, Delivery.transport == transport,
                               col(Delivery.due_at) <= now)
        .order_by(col(Delivery.due_at), col(Delivery.id)).limit(limit)
    ))


def settle(
    session: Session, ref: str, look: Look, *, actor: Actor, now: datetime, look_again: timedelta = LOOK_AGAIN
) -> None:
    """After a look: there, and accepted; absent twice, `look_again` apart, and therefore owed again; or nobody could
    say, and it is looked for in a minute. An event that came in meanwhile has settled it already."""
    row = deliveries.find(session, ref, "")
    if row is None or row.state != DeliveryState.UNCERTAIN:
        return
    if look.there:
        row.provider_id = look.provider_id or row.provider_id
        row.provider_uuid = look.provider_uuid or row.provider_uuid
        row.handed_at = row.handed_at or now  # its worker died before it could say when
        row.absent_at, row.due_at = None, now + deliveries.SILENT
        _record(session, row, "accept", look.words, actor, now)
    elif look.there is None:
        row.due_at = now + ASK_AGAIN
        if row.last_words != look.words:  # an outage is worth one line in the record, not one a minute
            _record(session, row, "", look.words, actor, now)
    elif row.absent_at is None or now < row.absent_at + look_again:
        row.absent_at = row.absent_at or now
        row.due_at = row.absent_at + look_again
        _record(session, row, "", look.words, actor, now)
    else:
        row.absent_at, row.due_at = None, now
        _record(session, row, "requeue", look.words, actor, now)


def wait_out(session: Session, ref: str, *, actor: Actor, now: datetime) -> None:
    """Where nobody can be asked: once the lease is over the letter is owed again, under the same Message-ID, so that
    two copies can be told to be one."""
    row = deliveries.find(session, ref, "")
    if row is None or row.state != DeliveryState.UNCERTAIN:
        return
    if row.leased_until is not None and row.leased_until > now:
        row.due_at = row.leased_until
        return
    row.due_at = now
    _record(session, row, "requeue", "nobody can be asked what became of it; it is sent again", actor, now)


def _record(session: Session, row: Delivery, action: str, words: str, actor: Actor, now: datetime) -> None:
    row.last_words = words[:500]
    audit.move_batch(session, [BatchMove(row, action, now, words=words)], actor=actor, now=now)
