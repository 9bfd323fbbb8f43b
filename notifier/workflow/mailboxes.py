"""What letters teach us of an address: that it is lost, that it may not be written to, that it works again.

An address whose owner reported a letter as spam is barred wherever it stands, and wherever it comes to stand later;
what was owed to it and has not left stays here (`withheld`), and the next contact of a notice is written to instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    """Who reported us as spam is not written to again, whichever customers the address stands for: the provider would
    block it, and count it against everybody's letters. What it has received stays proven; ops are told."""
    for contact in session.exec(
        select(Contact).where(Contact.email == delivery.to_email, col(Contact.barred_at).is_(None))
    ):
        contact.barred_at = now
    alerts.barred(session, delivery, words, now=now)


def marked(session: Session, emails: Iterable[str]) -> dict[str, dict[str, datetime]]:
    """What is known of these addresses, at whatever customer: that a letter came back, that nothing may be sent. A new
    contact of such an address begins with it."""
    found: dict[str, dict[str, datetime]] = {}
    rows = session.exec(
        select(Contact.email, Contact.bounced_at, Contact.barred_at)
        .where(col(Contact.email).in_(list(emails)),
               col(Contact.bounced_at).is_not(None) | col(Contact.barred_at).is_not(None))
        .order_by(col(Contact.id))
    )
    for email, bounced, barred in rows:
        marks = {"bounced_at": bounced, "barred_at": barred}
        found.setdefault(email, {}).update({name: at for name, at in marks.items() if at is not None})
    return found
