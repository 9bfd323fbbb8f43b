"""What the log keeps of the rows of each table, and how: as it is, aside where it can be erased, or as a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from notifier import tables as tables  # or there would be no columns to look at

WHOLE = "row"  # stands for all columns of a row that is never altered


class Way(StrEnum):
    """How the log keeps a column: as it is, beside the chain where it can be erased, or as its SHA-256."""

    CODE = "code"
    ASIDE = "aside"
    HASHED = "hashed"


@dataclass(frozen=True)
class Kept:
    """What the log keeps of a table. Text and JSON stand aside unless named among the `codes` (never a name or free
    text) or the `hashed`; `left_out` is told otherwise, or by nobody. `whole`: rows that are never altered are kept
    as one hash, but for what stands aside. `bare`: only that the row was made."""

    codes: frozenset[str] = frozenset()
    hashed: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    whole: bool = False
    bare: bool = False


def _kept(codes: str = "", *, hashed: str = "", left_out: str = "", whole: bool = False, bare: bool = False) -> Kept:
    return Kept(frozenset(codes.split()), frozenset(hashed.split()), frozenset(left_out.split()), whole, bare)


WATCHED: Mapping[str, Kept] = {
    "change": _kept("uid ref kind separable authors", left_out="state"),
    "change_item": _kept("engagement_ref replaces_ref"),
    "correction": _kept(),
    "announcement": _kept("uid ref audience_sha256 joining"),
    "announcement_change": _kept(),
    "notice": _kept("uid given_by", hashed="terms proof", left_out="state remind_at"),
    "notice_change": _kept("consent silence"),
    "acknowledgement": _kept(),
    "notice_window": _kept("inputs zone why versions", whole=True),
    "delivery": _kept(bare=True),
    "objection": _kept("uid ref channel language", left_out="state nonce"),
    "objection_change": _kept(),
    "objection_message": _kept("author kind"),
    "termination": _kept(),
    "customer": _kept("language country subdivision terms"),
    "customer_service": _kept(),
    "earlier_service": _kept(),
    "contact": _kept("role", left_out="check_at"),
    "contact_change": _kept("uid act role"),
    "evidence": _kept("engagement_ref kind blob_sha256"),
    "offboarding": _kept("engagement_ref what blob_sha256"),
    "exclusion": _kept(),
    "exclusion_check": _kept(whole=True),
    "override": _kept("act blockers", whole=True),
    "irregular_start": _kept(whole=True),
    "edition": _kept("cause sha256", left_out="value"),
    "user_account": _kept("roles language", hashed="password_hash"),
    "api_token": _kept(hashed="digest", left_out="last_used_at"),
    "countersignature": _kept("subject_kind action"),
    "reply_proof": _kept(hashed="nonce"),
    "setting": _kept(),
    "service": _kept("slug"),
    "sub_processor": _kept(),
    "engagement": _kept("ref separable"),
}
"""The tables whose rows the log tells of. What moves by itself (letters on their way, links, renderings) is not here,
nor what another table already proves (the audience roll, by its hash)."""

_BARE = (sa.Integer, sa.Boolean, sa.Date, sa.DateTime)  # types that hold no words


@lru_cache
def ways(table: str) -> Mapping[str, Way]:
    """How the log keeps each column of a watched table, none of another; primary keys name the row and are no column
    here."""
    if table not in WATCHED:
        return {}
    kept, found = WATCHED[table], {}
    for column in SQLModel.metadata.tables[table].columns:
        if column.primary_key or kept.bare or column.name in kept.left_out:
            continue
        bare = isinstance(getattr(column.type, "impl", column.type), _BARE) or column.name in kept.codes
        found[column.name] = Way.HASHED if column.name in kept.hashed else Way.CODE if bare else Way.ASIDE
    return found


def plain(value: Any) -> Any:
    """A column's value as JSON has it: moments in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum) else value


def empty(value: Any) -> bool:
    """Whether there is nothing in a column: of a new row, the log does not tell that."""
    return value is None or (isinstance(value, str | list | dict) and not value)


canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
"""RFC 8785 for values without fractions, as ours are: ten times as fast as the library, and rows are many."""


def sha256(value: Any) -> str:
    """The hash by which the log keeps a value: SHA-256 over its RFC 8785 form; "" for nothing."""
    return "" if empty(value) else hashlib.sha256(canonical(value).encode()).hexdigest()


def as_told(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored row as the log tells it: a value for each column it keeps."""
    found = {name: plain(row[name]) for name in ways(table)}
    for name, way in ways(table).items():
        if way is Way.HASHED:
            found[name] = sha256(found[name])
    if WATCHED[table].whole:
        aside = {name: found.pop(name) for name, way in ways(table).items() if way is Way.ASIDE}
        return {**aside, WHOLE: sha256(found)}
    return found


def way_of(table: str, column: str) -> Way:
    """As `ways`, the whole row included."""
    return Way.HASHED if column == WHOLE else ways(table)[column]
