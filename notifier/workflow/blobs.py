"""Stored bytes under their SHA-256: letters as they left, and what many letters have in common, kept once.

A letter is packed with the form it was filled into as zlib's preset dictionary (RFC 1950, FDICT): only what is its
own takes room. The form is a stored row itself, named by `base_sha256`, and holds nothing that is anybody's.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from notifier.tables import Blob
from notifier.tables.base import table

LEVEL = 3  # of zlib's nine: six packs letters hardly better and takes three times as long
MEMORY = 7  # of zlib's nine: a packer of more than 128 kB is a page fault for each letter, and four times as slow
PLAIN, ZLIB, BASED = "", "zlib", "based"  # Blob.packing


@dataclass
class Base:
    """What letters have in common: the bytes before packing. `stored` once it is known to be so, in a transaction that
    was committed: it need not go along with every letter."""

    body: bytes
    stored: bool = False

    @cached_property
    def sha256(self) -> str:
        """The name it is stored under."""
        return hashlib.sha256(self.body).hexdigest()

    @cached_property
    def packed(self) -> bytes:
        """As it is stored."""
        return zlib.compress(self.body, 9)

    @cached_property
    def _packer(self) -> Any:
        return zlib.compressobj(LEVEL, memLevel=MEMORY, zdict=self.body)

    def pack(self, body: bytes) -> bytes:
        """A letter's bytes, packed with this as the dictionary."""
        packer = self._packer.copy()  # reading the dictionary costs more than packing a letter with it
        packed: bytes = packer.compress(body) + packer.flush()
        return packed


@dataclass(frozen=True)
class Letter:
    """A letter's bytes, hashed and packed, and what it was packed with."""

    sha256: str
    packed: bytes
    base: Base | None

    @staticmethod
    def of(body: bytes, held: Base | None) -> Letter:
        """Packs the bytes of a letter."""
        return Letter(hashlib.sha256(body).hexdigest(), held.pack(body) if held else zlib.compress(body, LEVEL), held)

    def mark_stored(self) -> None:
        """To be called once the transaction that kept the letter is committed."""
        if self.base is not None:
            self.base.stored = True


def keep(session: Session, letters: Iterable[Letter], now: datetime) -> None:
    """Stores letters and what they are packed with; what is there already stays. Two who store the same at once both
    succeed."""
    rows: dict[str, dict[str, Any]] = {}
    for each in letters:
        if each.base is not None and not each.base.stored:
            rows[each.base.sha256] = _row(each.base.sha256, "application/octet-stream", ZLIB, each.base.packed, "", now)
        rows[each.sha256] = _row(each.sha256, "application/json", BASED if each.base else ZLIB, each.packed,
                                 each.base.sha256 if each.base else "", now)
    if rows:
        session.execute(_insert(session.get_bind().dialect.name), [rows[sha256] for sha256 in sorted(rows)])


def drop(session: Session, names: Collection[str]) -> None:
    """Removes stored bytes that nothing refers to."""
    if names:
        session.execute(sa.delete(table(Blob)).where(table(Blob).c.sha256.in_(sorted(names))))


@lru_cache
def _insert(dialect: str) -> Any:
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table(Blob)).on_conflict_do_nothing()


def _row(sha256: str, media_type: str, packing: str, body: bytes, base_sha256: str, now: datetime) -> dict[str, Any]:
    return {"sha256": sha256, "media_type": media_type, "packing": packing, "body": body, "base_sha256": base_sha256,
            "created_at": now}


def body(session: Session, sha256: str) -> bytes | None:
    """The bytes stored under this hash, unpacked; None where there are none."""
    row = session.get(Blob, sha256) if sha256 else None
    if row is None:
        return None
    return unpacked(row.packing, row.body, body(session, row.base_sha256) if row.packing == BASED else None)


def unpacked(packing: str, packed: bytes, base: bytes | None) -> bytes | None:
    """Stored bytes as they were before packing; `base` is what they were packed with, unpacked. None where they cannot
    be unpacked, because they or their base were altered or are gone."""
    if packing == PLAIN:
        return packed
    try:
        if packing == BASED:
            return zlib.decompressobj(zdict=base).decompress(packed) if base is not None else None
        return zlib.decompress(packed)
    except zlib.error:
        return None


def letter(session: Session, sha256: str) -> dict[str, Any] | None:
    """A stored letter: subject, text, html and headers, links masked; None where none is stored under this hash."""
    found = body(session, sha256)
    value = json.loads(found) if found is not None else None
    assert value is None or isinstance(value, dict)
    return value
