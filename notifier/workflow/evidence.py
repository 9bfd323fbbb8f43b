"""Vouching for a sub-processor: due-diligence items with their documents."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from notifier.domain.evidence import EvidenceKind
from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.tables import Blob, Change, Evidence
from notifier.workflow import audit, changes

MOST_BYTES = 10 * 1024 * 1024


def vouch(
    session: Session, change: Change, engagement_ref: str, kind: EvidenceKind, *, words: str = "", link: str = "",
    file: tuple[str, bytes] | None = None, actor: Actor, now: datetime,
) -> Evidence:
    """A person of ops or privacy vouches for one item about an engagement of a change, by a file (name, bytes), a
    link, or words that say why it does not apply. Raises Refusal role_missing, unknown, reason_missing, bad_value."""
    if not actor.roles & {Role.OPS, Role.PRIVACY} or actor.id is None:
        raise Refusal("role_missing", roles="ops, privacy")
    if engagement_ref not in {item.ref for item in changes.items_of(session, change)}:
        raise Refusal("unknown", what="engagement", ref=engagement_ref)
    if not (words.strip() or link.strip() or file):
        raise Refusal("reason_missing")
    if file is not None and len(file[1]) > MOST_BYTES:
        raise Refusal("bad_value", field=file[0], problem=N_("a document may have 10 MB at most"))
    row = Evidence(
        engagement_ref=engagement_ref, kind=kind, words=words.strip()[:4000], link=link.strip()[:2000],
        blob_sha256=_stored(session, file[1], now) if file else None, file_name=file[0][:200] if file else "",
        vouched_by=actor.id, vouched_at=now,
    )
    session.add(row)
    session.flush()
    audit.note(session, "vouch", "evidence", str(row.id), actor=actor, now=now,
               refs={"change": change.ref, "engagement": engagement_ref, "kind": str(kind), "file": row.blob_sha256},
               detail={"words": row.words, "link": row.link, "file_name": row.file_name})
    return row


def of(session: Session, engagement_refs: Collection[str]) -> list[Evidence]:
    """Everything vouched for about these engagements, oldest first."""
    return list(session.exec(
        select(Evidence).where(col(Evidence.engagement_ref).in_(engagement_refs)).order_by(col(Evidence.id))
    ))


def _stored(session: Session, body: bytes, now: datetime) -> str:
    sha256 = hashlib.sha256(body).hexdigest()
    if session.get(Blob, sha256) is None:
        session.add(Blob(sha256=sha256, media_type="application/octet-stream", packing="zlib",
                         body=zlib.compress(body, 6), created_at=now))
        session.flush()
    return sha256
