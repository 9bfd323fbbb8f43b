"""Addresses that are written to no more: their owner reported a letter of ours as spam.

Another letter would be blocked by the provider and count against everybody's. So the address is barred wherever it
stands, and wherever it comes to stand later; what was owed to it and has not left stays here, and the next contact of a
notice is written to instead.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.tables import Contact


def bar(session: Session, email: str, *, now: datetime) -> None:
    """Bars an address, whichever customers it stands for. What it has received stays proven."""
    for contact in session.exec(select(Contact).where(Contact.email == email, col(Contact.barred_at).is_(None))):
        contact.barred_at = now


def since(session: Session, emails: Collection[str]) -> Mapping[str, datetime]:
    """By address since when it is barred, for those that are."""
    rows = session.execute(
        sa.select(col(Contact.email), sa.func.min(col(Contact.barred_at)))
        .where(col(Contact.email).in_(emails), col(Contact.barred_at).is_not(None)).group_by(col(Contact.email)))
    return {email: at for email, at in rows if at is not None}


def carry(session: Session, written: Collection[Contact]) -> None:
    """To be called by whoever writes contacts, before the flush: an address that is barred is barred here as well."""
    with session.no_autoflush:
        held = since(session, {contact.email for contact in written}) if written else {}
    for contact in written:
        contact.barred_at = contact.barred_at or held.get(contact.email)
