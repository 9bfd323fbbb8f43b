"""What letters teach us of an address: that it is lost, that it may not be written to, that it works again.

An address whose owner reported a letter as spam is barred wherever it stands, and wherever it comes to stand later;
what was owed to it and has not left stays here (`withheld`), and the next contact of a notice is written to instead.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.people import Actor
from notifier.tables import Contact, Delivery
from notifier.workflow import alerts, audit


def lost(session: Session, delivery: Delivery, now: datetime) -> None:
    """A letter came back: its contact is marked, until another one arrives."""
    contact = session.get(Contact, delivery.contact_id) if delivery.contact_id else None
    if contact is not None:
        contact.bounced_at = now


def arrived(
    session: Session, moments: Mapping[int | None, datetime], *, actor: Actor, now: datetime
) -> None:
    """Letters arrived at these contacts at these moments: a mark from before falls, and the log says so. One that
    came back later than that stays marked, in whichever order the events come in."""
    ids = [number for number in moments if number is not None]
    if not ids:
        return
    for contact in session.exec(
        select(Contact).where(col(Contact.id).in_(ids), col(Contact.bounced_at).is_not(None)).order_by(col(Contact.id))
    ).all():
        before, at = contact.bounced_at, moments[contact.id]
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


def carry(session: Session, written: Collection[Contact]) -> None:
    """To be called by whoever writes contacts, before the flush: an address that is barred is barred here as well."""
    with session.no_autoflush:
        held = _barred_since(session, {contact.email for contact in written}) if written else {}
    for contact in written:
        contact.barred_at = contact.barred_at or held.get(contact.email)


def _barred_since(session: Session, emails: Collection[str]) -> Mapping[str, datetime]:
    rows = session.execute(
        sa.select(col(Contact.email), sa.func.min(col(Contact.barred_at)))
        .where(col(Contact.email).in_(emails), col(Contact.barred_at).is_not(None)).group_by(col(Contact.email)))
    return {email: at for email, at in rows if at is not None}
