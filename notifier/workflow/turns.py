"""Taking turns where no row is there to lock: numbering editions, proposing on an engagement nobody has yet,
taking in customers whose references are free."""

from __future__ import annotations

import zlib

import sqlalchemy as sa
from sqlmodel import Session

EDITION, PROPOSAL, CUSTOMERS = "edition", "proposal", "customers"


def take(session: Session, name: str) -> None:
    """Waits until nobody else is at it, and holds the turn until the transaction ends. SQLite lets one writer in
    at a time anyway; PostgreSQL keeps an advisory lock under the name's number."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": zlib.crc32(name.encode())})
