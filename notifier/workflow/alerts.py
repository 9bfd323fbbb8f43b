"""Letters to the people who look after the mail: what failed, who is barred, what could not be read.

A thousand letters that come back are not worth a thousand alerts: within an hour only the first few are written about
one by one, and the last of those says where the others stand.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from notifier.domain.letters import TO_OUR_PEOPLE, LetterKind
from notifier.domain.people import Role
from notifier.tables import Delivery, ProviderPost
from notifier.workflow import deliveries

MOST = 20
"""Alerts of one kind within `SPAN`."""

SPAN = timedelta(hours=1)
UNREADABLE_SPAN = timedelta(hours=24)

_AND_MORE = "Should more follow within the hour, they are not written about one by one: see the letters in the console."


def failed(session: Session, delivery: Delivery, words: str, *, now: datetime) -> None:
    """Tells ops that a letter did not arrive, and what the provider said. A letter to our own people is not written
    about: that letter might fail too, and so on."""
    _tell(session, LetterKind.STAFF_DELIVERY_FAILED, delivery, words, now)


def barred(session: Session, delivery: Delivery, words: str, *, now: datetime) -> None:
    """Tells ops that a recipient reported a letter as spam, and is written to no more."""
    _tell(session, LetterKind.STAFF_ADDRESS_BARRED, delivery, words, now)


def unreadable(session: Session, post: ProviderPost, words: str, *, now: datetime) -> None:
    """Tells ops, once a day, that something was posted to an event webhook that could not be read."""
    kind = LetterKind.STAFF_EVENTS_UNREADABLE
    if not _recent(session, kind, UNREADABLE_SPAN, now):
        deliveries.to_staff(session, kind, "provider_post", post.id or 0, Role.OPS, now=now, words=words)


def _tell(session: Session, kind: LetterKind, delivery: Delivery, words: str, now: datetime) -> None:
    if delivery.kind in TO_OUR_PEOPLE:
        return
    already = _recent(session, kind, SPAN, now)
    if already < MOST:
        said = f"{words}\n{_AND_MORE}".strip() if already == MOST - 1 else words
        deliveries.to_staff(session, kind, "delivery", delivery.id or 0, Role.OPS, now=now, words=said)


def _recent(session: Session, kind: LetterKind, span: timedelta, now: datetime) -> int:
    """How many subjects were written about within `span`, whoever was told."""
    return session.scalar(
        sa.select(sa.func.count(sa.distinct(col(Delivery.subject_id))))
        .where(col(Delivery.kind) == str(kind), col(Delivery.created_at) > now - span)
    ) or 0
