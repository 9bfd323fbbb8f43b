"""Stored bytes under their SHA-256: letters as they left, and what many letters have in common, kept once.

A letter is packed with the form it was filled into as the dictionary (Zstandard, RFC 8878, section 5): only what is its
own takes room. The form is a stored row itself, named by `base_sha256`, and holds nothing that is anybody's. Letters of
before are packed the same way by zlib (RFC 1950, FDICT).
"""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from notifier.tables import Blob
from notifier.tables.base import table

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 3  # of zlib's nine: six packs letters hardly better and takes three times as long
# Of Zstandard's twenty-two levels: with a dictionary the next one takes twice as long for a tenth less.
FAST: Mapping[int, int] = {
    zstd.CompressionParameter.compression_level: 3,
    zstd.CompressionParameter.checksum_flag: 1,  # a letter or a form that was altered shows when it is read
}
PLAIN, ZLIB, BASED, ZSTD = "", "zlib", "based", "zstd"  # Blob.packing; the last two with another blob as dictionary


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
        # Reading the dictionary costs more than packing a letter with it; what was read takes up to a megabyte.
        return zstd.ZstdCompressor(options=FAST, zstd_dict=_dictionary(self.body).as_digested_dict)

    def pack(self, body: bytes) -> bytes:
        """A letter's bytes, packed with this as the dictionary."""
        packed: bytes = self._packer.compress(body, zstd.ZstdCompressor.FLUSH_FRAME)
        return packed


def _dictionary(body: bytes) -> Any:
    return zstd.ZstdDict(body, is_raw=True)


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
        rows[each.sha256] = _row(each.sha256, "application/json", ZSTD if each.base else ZLIB, each.packed,
                                 each.base.sha256 if each.base else "", now)
    if rows:
        connection = session.connection()
        connection.execute(_insert(connection.dialect.name), [rows[sha256] for sha256 in sorted(rows)])


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
    return unpacked(row.packing, row.body, body(session, row.base_sha256) if row.base_sha256 else None)


def unpacked(packing: str, packed: bytes, base: bytes | None) -> bytes | None:
    """Stored bytes as they were before packing; `base` is what they were packed with, unpacked. None where they cannot
    be unpacked, because they or their base were altered or are gone."""
    try:
        if packing == PLAIN:
            return packed
        if packing == ZLIB:
            return zlib.decompress(packed)
        if base is None:
            return None
        if packing == BASED:
            unpacker = zlib.decompressobj(zdict=base)
            whole = unpacker.decompress(packed)
            return whole if unpacker.eof else None
        return zstd.decompress(packed, _dictionary(base))
    except (zlib.error, zstd.ZstdError, ValueError):  # the last where the base is too short to be one
        return None


def letter(session: Session, sha256: str) -> dict[str, Any] | None:
    """A stored letter: subject, text, html and headers, links masked; None where none is stored under this hash."""
    found = body(session, sha256)
    value = json.loads(found) if found is not None else None
    assert value is None or isinstance(value, dict)
    return value
