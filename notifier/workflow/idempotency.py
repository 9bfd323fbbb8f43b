"""A request of the API that is sent twice acts once: the answer to it is kept for a day under the key it carried.

The key is taken first, in the transaction of the act itself. So a second request with the same key waits for the first
one, and finds its answer; and where the act was refused nothing is kept, and the same key may try again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, col, select

from notifier.domain.refusals import Refusal
from notifier.tables import KeptAnswer

KEPT = timedelta(hours=24)


class Taken(Exception):
    """Another request took this key first. Its answer stands by now, or it was refused and the key is free again."""


@dataclass(frozen=True)
class Asked:
    """A request that carries a key: whose and which (`scope`), and what it asks (`request`), both as SHA-256."""

    scope: str
    request: str


def asked(token: str, key: str, method: str, path: str, body: Mapping[str, Any]) -> Asked:
    """The identity of a request: the same body in another order or spelling is the same request."""
    scope = hashlib.sha256(rfc8785.dumps([token, key])).hexdigest()
    return Asked(scope, hashlib.sha256(rfc8785.dumps([method, path, body])).hexdigest())


def answered(session: Session, one: Asked, now: datetime) -> KeptAnswer | None:
    """What was answered to this request within the last day. Raises Refusal idempotency_reused where its key belongs
    to another request."""
    row = session.exec(
        select(KeptAnswer).where(KeptAnswer.scope == one.scope, col(KeptAnswer.created_at) > now - KEPT)
    ).first()
    if row is not None and row.request_sha256 != one.request:
        raise Refusal("idempotency_reused")
    return row


def take(session: Session, one: Asked, now: datetime) -> KeptAnswer:
    """Takes the key, before the act and in its transaction; the caller fills in `status` and `body` after it.

    Raises Taken where somebody else has it, request_running (a Refusal) where that one is not done within the time a
    lock is waited for.
    """
    session.execute(sa.delete(KeptAnswer).where(col(KeptAnswer.scope) == one.scope,
                                                col(KeptAnswer.created_at) <= now - KEPT))
    row = KeptAnswer(scope=one.scope, request_sha256=one.request, created_at=now)
    session.add(row)
    try:
        session.flush()
    except IntegrityError:
        raise Taken from None
    except OperationalError:
        raise Refusal("request_running") from None
    return row


def forget(session: Session, now: datetime) -> None:
    """Drops the answers that are older than a day."""
    session.execute(sa.delete(KeptAnswer).where(col(KeptAnswer.created_at) <= now - KEPT))
