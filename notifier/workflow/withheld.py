"""Letters to addresses written to no more (`mailboxes`): they stay here, and the next contact is written to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.people import Actor
from notifier.domain.states import DeliveryState
from notifier.tables import Delivery
from notifier.workflow import audit, deliveries, notices
from notifier.workflow.audit import BatchMove

AT_ONCE = 200

_WORDS = "It was not sent: this address has reported an earlier letter of ours as spam, and is written to no more."


def any_waits(session: Session) -> bool:
    """Whether a letter is queued for an address that is barred."""
    return session.execute(_waiting().limit(1)).first() is not None


def withhold(session: Session, *, actor: Actor, now: datetime) -> int:
    """Cancels what is queued for barred addresses, but for letters to our own people; ops are told of each. A notice
    goes to the next contact, and fails where there is none and no other letter is under way. Returns how many."""
    found = session.execute(_waiting().limit(AT_ONCE)).all()
    for notice_id in sorted({row.notice_id for row in found if row.notice_id is not None}):
        notices.lock(session, notice_id)  # before its deliveries, as everybody else does
    rows = list(session.exec(
        select(Delivery).where(col(Delivery.id).in_([row.id for row in found]),
                               col(Delivery.state) == DeliveryState.QUEUED)
        .order_by(col(Delivery.id)).with_for_update().execution_options(populate_existing=True)))
    audit.move_batch(session, [BatchMove(row, "cancel", now, words=_WORDS) for row in rows], actor=actor, now=now)
    for row in rows:
        row.last_words = _WORDS
    notices.failed(session, rows, actor=actor, now=now)
    return len(rows)


def _waiting() -> Any:
    return sa.select(col(Delivery.id), col(Delivery.notice_id)).where(
        col(Delivery.state) == DeliveryState.QUEUED, sa.not_(deliveries.IS_HELD), deliveries.IS_BARRED,
    ).order_by(col(Delivery.id))
