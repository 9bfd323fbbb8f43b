"""What proves that a notice has reached its customer, beside the proof that counts: the letters that arrived, and what
the customer did by itself. A proof that is undone gives way to the earliest of these.

Whoever answers a notice has it, whatever becomes of the letter: each act proves receipt at its moment. It is read from
the rows the act left; of an answer for consent that was changed the last one counts, later than the first, never
earlier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from notifier.tables import Delivery, DeliveryEvent, DeliveryEventDetail, Notice, NoticeChange, Objection


@dataclass(frozen=True)
class Proof:
    """A moment of receipt, its rung of the ladder (`by`, as `notice.given_by`) and its particulars."""

    at: datetime
    by: str
    particulars: Mapping[str, Any]


def act(session: Session, notice: Notice) -> Proof | None:
    """The customer's earliest act about this notice: that it has read it, answered for consent or objected."""
    consent = session.scalar(sa.select(sa.func.min(col(NoticeChange.consent_at)))
                             .where(col(NoticeChange.notice_id) == notice.id))
    objection = session.scalar(sa.select(sa.func.min(col(Objection.filed_at)))
                               .where(col(Objection.notice_id) == notice.id))
    moments = {"acknowledgement": notice.acknowledged_at, "consent": consent, "objection": objection}
    done = [Proof(at, "customer", {"act": kind}) for kind, at in moments.items() if at is not None]
    return min(done, key=lambda proof: proof.at, default=None)


def arrival(session: Session, delivery: Delivery) -> Proof | None:
    """The event by which this letter arrived, with its key, how it became known and what the server said."""
    if delivery.delivered_at is None:
        return None
    found = session.execute(
        sa.select(col(DeliveryEvent.key), col(DeliveryEventDetail.words))
        .join(DeliveryEventDetail, col(DeliveryEventDetail.key) == col(DeliveryEvent.key), isouter=True)
        .where(col(DeliveryEvent.delivery_id) == delivery.id, col(DeliveryEvent.kind) == "deliver")
        .order_by(col(DeliveryEvent.id).desc()).limit(1)
    ).first()
    key, words = (found[0], found[1] or "") if found else ("", "")
    kind = next((means for means in ("polled", "dsn", "demo") if key.startswith(f"{means}:")), "event")
    particulars = {"kind": kind, "delivery": delivery.ref, "event": key, "words": words[:200]}
    return Proof(delivery.delivered_at, "demo" if kind == "demo" else "provider", particulars)


def earliest(session: Session, notice: Notice, arrived: Sequence[Delivery]) -> Proof | None:
    """The earliest proof there is: by one of the letters that arrived, or by the customer's own act."""
    found = [act(session, notice), *(arrival(session, delivery) for delivery in arrived)]
    return min(filter(None, found), key=lambda proof: proof.at, default=None)
