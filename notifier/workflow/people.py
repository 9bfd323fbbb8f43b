"""The processor's people: accounts, sign-in, tokens, and acts that take two of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlmodel import Session, col, select

from notifier.domain.people import Actor, Door, Kind, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.tables import ApiToken, Countersignature, User
from notifier.workflow import audit
from notifier.workflow import lengths as lengths  # every house loads this module: from here on its sessions refuse
from notifier.workflow import written as written  # what is too long, and tell the log what they write

LEAST_PASSWORD = 10  # characters; NIST 800-63B asks for 8 and for length over rules
_hasher = PasswordHasher()


@lru_cache
def _nobody() -> str:
    """A hash that no password fits, checked when the address is unknown, so that both mistakes take as long."""
    return _hasher.hash(secrets.token_hex(16))


def add(
    session: Session, email: str, name: str, roles: Iterable[Role], *, password: str = "", language: str = "en",
    actor: Actor, now: datetime,
) -> User:
    """A new person, added by an administrator (or, the first ones, by the system).

    Raises Refusal role_missing, exists, weak_password, or bad_value for an address without an @.
    """
    _refuse_others(actor)
    address = email.strip().lower()
    if "@" not in address:
        raise Refusal("bad_value", field=N_("E-mail"), problem=N_("this is not an address"))
    if session.exec(select(User).where(User.email == address)).first():
        raise Refusal("exists", what="person", ref=address)
    user = User(
        email=address, name=name, roles=sorted(roles), language=language, created_at=now,
        password_hash=_hashed(password) if password else "",
    )
    session.add(user)
    session.flush()
    audit.note(
        session, "add", "user", str(user.id), actor=actor, now=now,
        refs={"roles": list(user.roles)}, detail={"email": address, "name": name},
    )
    return user


def disable(session: Session, user: User, *, actor: Actor, now: datetime) -> None:
    """Ends a person's access at once: sign-ins and tokens. Raises Refusal role_missing, last_admin, unknown_person for
    one whose access has ended already."""
    _refuse_others(actor)
    _refuse_last_admin(session, user)
    if user.disabled_at is not None:
        raise Refusal("unknown_person", email=user.email)
    user.disabled_at = now
    user.session_epoch += 1
    audit.note(session, "disable", "user", str(user.id), actor=actor, now=now)


def set_roles(
    session: Session, user: User, roles: Iterable[Role], reason: str = "", *, actor: Actor, now: datetime
) -> User:
    """Gives a person exactly these roles; they hold from the next request on. Raises Refusal role_missing, last_admin,
    nothing_changes, or bad_value where no role would be left."""
    _refuse_others(actor)
    wanted, before = sorted(set(roles)), list(user.roles)
    if not wanted:
        raise Refusal("bad_value", field=N_("Roles"), problem=N_("choose at least one"))
    if wanted == sorted(before):
        raise Refusal("nothing_changes")
    if Role.ADMIN not in wanted:
        _refuse_last_admin(session, user)
    user.roles = [str(role) for role in wanted]
    audit.note(session, "set_roles", "user", str(user.id), actor=actor, now=now, reason=reason.strip(),
               refs={"before": before, "after": list(user.roles)})
    return user


def set_password(session: Session, user: User, password: str, *, actor: Actor, now: datetime) -> User:
    """A new password, set by the person itself or by an administrator; every sign-in of that person ends. Raises
    Refusal role_missing, weak_password."""
    if not actor.is_person(user.id):
        _refuse_others(actor)
    user.password_hash = _hashed(password)
    user.session_epoch += 1
    audit.note(session, "set_password", "user", str(user.id), actor=actor, now=now)
    return user


def refuse_wrong(user: User | None, password: str) -> None:
    """Raises Refusal sign_in_failed where this is not the person's password, and takes as long where there is none."""
    try:
        _hasher.verify((user and user.password_hash) or _nobody(), password)
    except (VerifyMismatchError, InvalidHashError):
        raise Refusal("sign_in_failed") from None


def _refuse_last_admin(session: Session, user: User) -> None:
    """Of two administrators who end each other at once, the second waits here, and is the last one then."""
    rows = session.exec(select(User).order_by(col(User.id)).with_for_update().execution_options(populate_existing=True))
    admins = [row.id for row in rows if Role.ADMIN in row.roles and row.disabled_at is None]
    if admins == [user.id]:
        raise Refusal("last_admin")


def sign_in(session: Session, email: str, password: str, *, door: Door, now: datetime) -> User:
    """The person with this address and password. Raises Refusal sign_in_failed, the same for either mistake."""
    user = session.exec(select(User).where(User.email == email.strip().lower())).first()
    refuse_wrong(user, password)
    if user is None or not user.password_hash or user.disabled_at is not None:
        raise Refusal("sign_in_failed")
    if _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = _hasher.hash(password)
    audit.note(session, "sign_in", "user", str(user.id), actor=actor_for(user, door), now=now)
    return user


def people(session: Session) -> list[User]:
    """Everybody with an account, in order of joining."""
    return list(session.exec(select(User).order_by(col(User.id))))


def by_email(session: Session, email: str) -> User:
    """The person with this address. Raises Refusal unknown_person; a disabled one counts as unknown."""
    user = session.exec(select(User).where(User.email == email.strip().lower())).first()
    if user is None or user.disabled_at is not None:
        raise Refusal("unknown_person", email=email)
    return user


def actor_for(user: User, door: Door, os_user: str = "") -> Actor:
    """A person as an actor, with the roles they hold now."""
    return Actor(
        Kind.PERSON, door, id=user.id, roles=frozenset(Role(r) for r in user.roles), name=user.name, os_user=os_user
    )


def add_token(session: Session, user: User, label: str, *, actor: Actor, now: datetime) -> str:
    """A new token for a person; returned once, only its digest is kept."""
    token = "snt_" + secrets.token_urlsafe(32)
    row = ApiToken(user_id=user.id or 0, label=label, digest=_digest(token), created_at=now)
    session.add(row)
    session.flush()
    audit.note(session, "add", "token", str(row.id), actor=actor, now=now, refs={"user": str(user.id)},
               detail={"label": label})
    return token


def revoke_token(session: Session, token_id: int, *, actor: Actor, now: datetime) -> None:
    """Ends a token. Raises Refusal unknown."""
    row = session.get(ApiToken, token_id)
    if row is None:
        raise Refusal("unknown", what="token", ref=str(token_id))
    row.revoked_at = row.revoked_at or now
    audit.note(session, "revoke", "token", str(row.id), actor=actor, now=now)


def by_token(session: Session, token: str, *, door: Door, now: datetime, os_user: str = "") -> Actor:
    """Who acts with this token. Raises Refusal token_invalid."""
    row = session.exec(select(ApiToken).where(ApiToken.digest == _digest(token))).first()
    user = session.get(User, row.user_id) if row and row.revoked_at is None else None
    if user is None or user.disabled_at is not None:
        raise Refusal("token_invalid")
    return actor_for(user, door, os_user)


def countersign(
    session: Session, subject_kind: str, subject_id: int, action: str, payload: Mapping[str, Any],
    *, subject_ref: str, actor: Actor, now: datetime,
) -> Countersignature | None:
    """For acts of two people: the first call with these words asks, and returns None; the same words by a second
    person sign, and return the row. Other words replace what was asked for. Raises Refusal person_needed, or
    second_person where the first one calls twice.
    """
    if actor.kind is not Kind.PERSON or actor.id is None:
        raise Refusal("person_needed")
    asked = session.exec(
        select(Countersignature).where(
            Countersignature.subject_kind == subject_kind, Countersignature.subject_id == subject_id,
            Countersignature.action == action, col(Countersignature.signed_at).is_(None),
            col(Countersignature.dropped_at).is_(None),
        ).with_for_update()
    ).first()
    if asked is not None and asked.payload == dict(payload):
        if asked.asked_by == actor.id:
            raise Refusal("second_person")
        asked.signed_by, asked.signed_at = actor.id, now
        return asked
    if asked is not None:
        asked.dropped_at = now
    session.add(Countersignature(
        subject_kind=subject_kind, subject_id=subject_id, action=action, payload=dict(payload),
        asked_by=actor.id, asked_at=now,
    ))
    audit.note(session, f"ask_{action}", subject_kind, subject_ref, actor=actor, now=now, detail=dict(payload))
    return None


def awaiting(session: Session, subject_kind: str, subject_id: int) -> list[Countersignature]:
    """What still waits for a second person on this subject."""
    return list(session.exec(
        select(Countersignature).where(
            Countersignature.subject_kind == subject_kind, Countersignature.subject_id == subject_id,
            col(Countersignature.signed_at).is_(None), col(Countersignature.dropped_at).is_(None),
        ).order_by(col(Countersignature.id))
    ))


def _refuse_others(actor: Actor) -> None:
    if actor.kind is not Kind.SYSTEM and Role.ADMIN not in actor.roles:
        raise Refusal("role_missing", roles="admin")


def _hashed(password: str) -> str:
    if len(password) < LEAST_PASSWORD:
        raise Refusal("weak_password", least=LEAST_PASSWORD)
    return _hasher.hash(password)


def _digest(token: str) -> str:
    return hashlib.sha256(token.strip().encode()).hexdigest()
