"""*Send me this letter*: the very letter a customer would get, mailed to the person who looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from notifier.domain.letters import LetterKind
from notifier.domain.people import Actor, Kind
from notifier.domain.refusals import Refusal
from notifier.tables import Delivery, User
from notifier.workflow import announcements, audit, changes, customers, deliveries

LETTER = LetterKind.CHANGE_PREVIEWED


def send_me(
    session: Session, refs: Sequence[str], customer_ref: str, language: str, *, actor: Actor, now: datetime
) -> Delivery:
    """Owes whoever acts the letter that announcing these changes now would bring this customer, in `language`. It says
    that it is a test, its links lead nowhere, and whatever becomes of it, no notice is given by it.

    Raises Refusal person_needed, nothing_to_announce, unknown (also for a customer who would get no letter).
    """
    user = session.get(User, actor.id) if actor.kind is Kind.PERSON and actor.id is not None else None
    if user is None:
        raise Refusal("person_needed")
    concerned = [changes.get(session, ref) for ref in dict.fromkeys(refs)]
    if not concerned:
        raise Refusal("nothing_to_announce")
    customer = customers.get(session, customer_ref)
    number = customer.id or 0
    if not announcements.seat(session, concerned, number, now).included:
        raise Refusal("unknown", what="customer on this roll", ref=customer_ref)
    earlier = session.scalar(
        sa.select(sa.func.max(col(Delivery.attempt)))
        .where(col(Delivery.kind) == LETTER, col(Delivery.subject_kind) == "customer",
               col(Delivery.subject_id) == number, col(Delivery.to_email) == user.email)
    ) or 0
    told = [change.ref for change in concerned]
    row = deliveries.queue(session, LETTER, "customer", number, email=user.email, name=user.name, language=language,
                           now=now, words=" ".join(told), attempt=earlier + 1)
    audit.note(session, "send_test", "customer", customer.ref, actor=actor, now=now,
               refs={"changes": told, "language": language, "delivery": row.ref})
    return row
