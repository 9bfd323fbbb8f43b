"""Signed links: how a contact reaches its notice, its case or the question after its address without an account.

A link is a row; its token is signed from the row's id with the installation's key, so rendering a letter
twice gives the same bytes. Stored letters, logs and evidence hold `MASK` in the token's place.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from itsdangerous import BadSignature, URLSafeSerializer
from itsdangerous.encoding import base64_encode
from sqlmodel import Session, select

from notifier.domain.refusals import Refusal
from notifier.tables import Link

MASK = "{link}"
NOTICE, CASE, CONTACT = "notice", "case", "contact"
PREFIX = {NOTICE: "n", CASE: "o", CONTACT: "c"}


class Signer:
    """Turns a link's id into its token and back, and a nonce into its code. `keys` newest first; tokens and codes of
    older keys still open."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)
        self._serializers = {
            kind: URLSafeSerializer(
                list(reversed(keys)), salt=f"link-{kind}", signer_kwargs={"digest_method": hashlib.sha256}
            )
            for kind in PREFIX
        }
        self._signers = {kind: each.make_signer() for kind, each in self._serializers.items()}

    def token(self, link: Link) -> str:
        """The token of a stored link."""
        return self.token_of(link.kind, link.id or 0)

    def token_of(self, kind: str, number: int) -> str:
        """The token of the link of this kind and id: what the serializer gives, which tries to pack a number first."""
        return self._signers[kind].sign(base64_encode(str(number))).decode()

    def read(self, kind: str, token: str) -> int | None:
        """The link id a token was signed for, or None where the signature is not ours."""
        try:
            value = self._serializers[kind].loads(token)
        except BadSignature:
            return None
        return value if isinstance(value, int) else None

    def code(self, nonce: str) -> str:
        """The six digits that belong to a nonce, for a person to type."""
        return _code(self._keys[0], nonce)

    def is_code(self, nonce: str, given: str) -> bool:
        """Whether these are its digits; takes as long for a wrong code as for a right one."""
        return sum(hmac.compare_digest(_code(key, nonce).encode(), given.encode()) for key in self._keys) > 0


def _code(key: str, nonce: str) -> str:
    digest = hmac.new(key.encode(), f"code:{nonce}".encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest) % 1_000_000:06}"


def ensure(
    session: Session, kind: str, target_id: int, *, contact_id: int | None, email: str = "", now: datetime
) -> Link:
    """The standing link of this kind for a contact (or an address), made on first use."""
    found = session.exec(
        select(Link).where(
            Link.kind == kind, Link.target_id == target_id, Link.contact_id == contact_id, Link.email == email,
            Link.nonce == "",
        )
    ).first()
    if found is None:
        found = Link(kind=kind, target_id=target_id, contact_id=contact_id, email=email, created_at=now)
        session.add(found)
        session.flush()
    return found


def open_link(session: Session, signer: Signer, kind: str, token: str, now: datetime) -> Link:
    """The link a token opens. Raises Refusal link_invalid (not ours, cut short) or link_revoked (or expired)."""
    link_id = signer.read(kind, token)
    link = session.get(Link, link_id) if link_id is not None else None
    if link is None or link.kind != kind:
        raise Refusal("link_invalid")
    if link.revoked_at is not None or (link.expires_at is not None and link.expires_at <= now):
        raise Refusal("link_revoked")
    return link
