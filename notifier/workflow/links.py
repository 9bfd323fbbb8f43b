"""Signed links: how a contact reaches its notice, its case or the question after its address without an account.

A link is a row; its token is signed from the row's id with the installation's key, so rendering a letter
twice gives the same bytes. Stored letters, logs and evidence hold `MASK` in the token's place.

A notice or a case link lives until it is revoked. Fresh ones are asked for and end by themselves: that to a customer's
page after a day, and those that bind somebody once they were used (contract §5).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import sqlalchemy as sa
from itsdangerous import BadSignature, URLSafeSerializer
from itsdangerous.encoding import base64_encode
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from notifier.domain.refusals import Refusal
from notifier.tables import Link

MASK = "{link}"
NOTICE, CASE, MY, CHECK = "notice", "case", "my", "check"
CONSENT, WITHDRAW, TERMINATE, CONTACT = "consent", "withdraw", "terminate", "contact"
PREFIX = {NOTICE: "n", CASE: "o", MY: "my", CHECK: "c", CONSENT: "n", WITHDRAW: "o", TERMINATE: "o",
          CONTACT: "my/confirm"}
LIFE = {MY: timedelta(days=1), CONSENT: timedelta(days=1), WITHDRAW: timedelta(days=1), TERMINATE: timedelta(days=1),
        CONTACT: timedelta(days=7)}
"""How long a fresh link opens; all but MY open once."""

MOST_AN_HOUR, MOST_A_DAY = 3, 10
"""Fresh links of one kind to one contact about one thing: more would only fill its mailbox."""


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
    """The standing link of this kind for a contact (or an address), made on first use. Two who make it at once both get
    the one that was made."""
    standing = select(Link).where(Link.kind == kind, Link.target_id == target_id, Link.contact_id == contact_id,
                                  Link.email == email, Link.nonce == "")
    found = session.exec(standing).first()
    if found is not None:
        return found
    made = Link(kind=kind, target_id=target_id, contact_id=contact_id, email=email, created_at=now)
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:
        return session.exec(standing).one()
    return made


def open_link(session: Session, signer: Signer, kind: str, token: str, now: datetime) -> Link:
    """The link a token opens. Raises Refusal link_invalid (not ours, cut short) or link_revoked (or expired)."""
    link_id = signer.read(kind, token)
    link = session.get(Link, link_id) if link_id is not None else None
    if link is None or link.kind != kind:
        raise Refusal("link_invalid")
    if link.revoked_at is not None or (link.expires_at is not None and link.expires_at <= now):
        raise Refusal("link_revoked")
    return link


def fresh(
    session: Session, kind: str, target_id: int, *, contact_id: int | None, email: str = "", nonce: str = "",
    now: datetime,
) -> Link:
    """A new link that ends by itself, for a contact (or an address). Raises Refusal too_many_links where enough were
    made lately."""
    made = session.exec(select(Link.created_at).where(
        Link.kind == kind, Link.target_id == target_id, Link.contact_id == contact_id, Link.email == email,
        Link.nonce != "", col(Link.created_at) > now - timedelta(days=1))).all()
    if len(made) >= MOST_A_DAY or sum(at > now - timedelta(hours=1) for at in made) >= MOST_AN_HOUR:
        raise Refusal("too_many_links")
    link = Link(kind=kind, target_id=target_id, contact_id=contact_id, email=email, nonce=nonce or str(uuid4()),
                created_at=now, expires_at=now + LIFE[kind])
    session.add(link)
    session.flush()
    return link


def standing(session: Session, kind: str, target_id: int, contact_id: int | None, email: str) -> Link | None:
    """The link of `ensure`, where it was made and opens."""
    return session.exec(select(Link).where(
        Link.kind == kind, Link.target_id == target_id, Link.contact_id == contact_id, Link.email == email,
        Link.nonce == "", col(Link.revoked_at).is_(None),
    )).first()


def waiting(
    session: Session, kind: str, target_id: int, contact_id: int | None, email: str, now: datetime
) -> Link | None:
    """The newest fresh link of this kind that was sent and still opens."""
    return session.exec(select(Link).where(
        Link.kind == kind, Link.target_id == target_id, Link.contact_id == contact_id, Link.email == email,
        Link.nonce != "", col(Link.revoked_at).is_(None), col(Link.used_at).is_(None), col(Link.expires_at) > now,
    ).order_by(col(Link.id).desc())).first()


def known(session: Session, signer: Signer, kind: str, token: str) -> Link | None:
    """The link this token was signed for, whether it still opens or not."""
    link_id = signer.read(kind, token)
    link = session.get(Link, link_id) if link_id is not None else None
    return link if link is not None and link.kind == kind else None


def opens(link: Link, now: datetime) -> bool:
    """Whether a fresh link may still be used."""
    live = link.expires_at is None or link.expires_at > now
    return live and link.revoked_at is None and link.used_at is None


def use(session: Session, link: Link, now: datetime) -> None:
    """A fresh link decides something, once: of two copies of a form at once, the second is refused. Raises Refusal
    link_used, or link_revoked for one that has ended."""
    if link.used_at is None and not opens(link, now):
        raise Refusal("link_revoked")
    done = session.execute(sa.update(Link).where(col(Link.id) == link.id, col(Link.used_at).is_(None))
                           .values(used_at=now).execution_options(synchronize_session=False))
    if getattr(done, "rowcount", 0) != 1:
        raise Refusal("link_used")
    session.refresh(link)
