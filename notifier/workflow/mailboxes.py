"""What letters teach us of an address: that it is lost, that it may not be written to, that it works again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session, col, select

from notifier.domain.people import Actor
from notifier.tables import Contact, Delivery
from notifier.workflow import alerts, audit


def lost(session: Session, delivery: Delivery, now: datetime) -> None:
    """A letter came back: its address is marked, whichever customer it stands for, until another letter arrives there.
    What is proven to each follows its own letters."""
    for contact in session.exec(select(Contact).where(Contact.email == delivery.to_email)):
        contact.bounced_at = now


def arrived(
    session: Session, moments: Mapping[str, datetime], *, actor: Actor, now: datetime
) -> None:
    """Letters arrived at these addresses at these moments: a mark from before falls, and the log says so. One that
    came back later than that stays marked, in whichever order the events come in."""
    if not moments:
        return
    for contact in session.exec(
        select(Contact).where(col(Contact.email).in_(moments), col(Contact.bounced_at).is_not(None))
        .order_by(col(Contact.id))
    ).all():
        before, at = contact.bounced_at, moments[contact.email]
        if before is not None and at > before:
            contact.bounced_at = None
            audit.note(session, "works_again", "customer", str(contact.customer_id), actor=actor, now=now,
                       refs={"contact": str(contact.id), "bounced_at": before.isoformat()})


def bar(session: Session, delivery: Delivery, words: str, now: datetime) -> None:
    """Who reported us as spam is not written to again, whichever customer it stands for: the provider would block it,
    and count it against everybody's letters. What it has received stays proven."""
    for contact in session.exec(select(Contact).where(Contact.email == delivery.to_email)):
        contact.barred_at = contact.barred_at or now
    alerts.barred(session, delivery, words, now=now)
