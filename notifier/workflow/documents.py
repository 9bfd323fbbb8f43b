"""Documents people hand in: kept once under their SHA-256, and given back under their name."""

from __future__ import annotations

import hashlib
import re
import zlib
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from notifier.domain.refusals import Refusal
from notifier.tables import Blob

# Nobody prints these; bidirectional overrides would show another name than the one that is saved.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\"*:<>?|]")


def keep(session: Session, body: bytes, now: datetime) -> str:
    """Stores bytes, unless they are held already; their SHA-256 in hexadecimal. Two who hand in the same at once
    both succeed."""
    name = sha256(body)
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(Blob).values(
        sha256=name, media_type="application/octet-stream", packing="zlib", body=zlib.compress(body, 6),
        created_at=now,
    ).on_conflict_do_nothing())
    return name


def sha256(body: bytes) -> str:
    """The name a document is kept under."""
    return hashlib.sha256(body).hexdigest()


def name_of(path: str) -> str:
    """A file's name as it is kept: no folders, nothing unprintable, at most 200 characters, its ending among them."""
    name = _UNFIT.sub("", re.split(r"[/\\]", path)[-1]).strip().strip(".") or "document"
    stem, dot, ending = name.rpartition(".")
    return name if len(name) <= 200 else f"{(stem or ending)[:180]}{dot}{ending[:19]}"[:200]


def body_of(session: Session, sha256: str) -> bytes:
    """The bytes stored under a SHA-256. Raises Refusal unknown."""
    blob = session.get(Blob, sha256)
    if blob is None:
        raise Refusal("unknown", what="document", ref=sha256)
    return zlib.decompress(blob.body) if blob.packing == "zlib" else blob.body
