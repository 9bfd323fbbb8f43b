"""The links to their notice pages in letters that go to many: made for a whole batch, out of the letters themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from notifier.tables import Delivery, Link
from notifier.tables.base import table
from notifier.tables.bulk import Among
from notifier.workflow import deliveries, links
from notifier.workflow.deliveries import Claimed

_l, _d = table(Link).c, table(Delivery).c
_LINKS = (
    sa.select(_l.target_id, _l.contact_id, _l.email, _l.id)
    .where(_l.kind == links.NOTICE, Among(_l.target_id, "ids"), _l.nonce == "").order_by(_l.id.desc())
)

Key = tuple[int | None, int | None, str]


def key(row: Claimed) -> Key:
    """Whose link a letter carries: one per notice and contact; per address where it goes to no contact."""
    return row.notice_id, row.contact_id, "" if row.contact_id else row.to_email


def of(session: Session, owed: Sequence[Claimed], now: datetime) -> dict[Key, int]:
    """The id of each letter's link, by its `key`; those that are not there yet are made."""
    # A notice that was never tried has no links yet, as a rule: what is there already then shows by not being made.
    fresh = all(row.tries == 0 and row.contact_id is not None and deliveries.gives(row) for row in owed)
    found = {} if fresh else _stored(session, owed)
    wanted = set(map(key, owed))
    if missing := [row.id for row in owed if key(row) not in found]:
        made = session.connection().execute(_making(session.get_bind().dialect.name), {"ids": missing, "now": now})
        found |= {(target, contact, email): number for target, contact, email, number in made}
    return found if wanted <= found.keys() else _stored(session, owed)


@lru_cache
def _making(dialect: str) -> Any:
    """The statement that makes the links of these deliveries, out of the rows themselves."""
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    email = sa.case((_d.contact_id.is_(None), _d.to_email), else_="")
    owed = sa.select(
        sa.literal(links.NOTICE), _d.notice_id, _d.contact_id, email, sa.literal(""), sa.bindparam("now", type_=_UTC)
    ).where(Among(_d.id, "ids")).distinct()
    return (insert(table(Link)).from_select(
        ["kind", "target_id", "contact_id", "email", "nonce", "created_at"], owed, include_defaults=False)
        .on_conflict_do_nothing().returning(_l.target_id, _l.contact_id, _l.email, _l.id))


_UTC = _l.created_at.type


def _stored(session: Session, owed: Sequence[Claimed]) -> dict[Key, int]:
    rows = session.execute(_LINKS, {"ids": sorted({row.notice_id for row in owed if row.notice_id is not None})})
    return {(target, contact, email): number for target, contact, email, number in rows}
