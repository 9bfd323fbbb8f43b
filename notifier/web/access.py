"""Who enters: a person by sign-in, a contact by the signed link in its letter."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote

from flask import g, redirect, request, session
from sqlmodel import Session

from notifier import clock
from notifier.domain.people import Actor, Door, Kind
from notifier.tables import Link, User
from notifier.web.pages import house
from notifier.workflow import links, people

View = TypeVar("View", bound=Callable[..., Any])


def staff(view: View) -> View:
    """Only for people with an account: `g.actor` is who acts, `g.user` their row. Others are sent to sign in."""

    @wraps(view)
    def entered(*args: Any, **kwargs: Any) -> Any:
        user = _signed_in()
        if user is None:
            session.clear()
            return redirect(f"/console/sign-in?next={quote(request.full_path.rstrip('?'))}")
        g.user, g.actor, g.language = user, people.actor_for(user, Door.CONSOLE), user.language
        return view(*args, **kwargs)

    return entered  # type: ignore[return-value]


def _signed_in() -> User | None:
    user_id, epoch = session.get("user"), session.get("epoch")
    if user_id is None:
        return None
    with house().database.reading() as db:
        user = db.get(User, user_id)
    # The epoch rises with a new password and when somebody is disabled: older sign-ins end there.
    return user if user and user.disabled_at is None and user.session_epoch == epoch else None


def remember(user: User) -> None:
    """Signs a person in for this browser."""
    session.clear()
    session["user"], session["epoch"] = user.id, user.session_epoch
    session.permanent = True


def by_link(db: Session, kind: str, token: str) -> tuple[Link, Actor]:
    """The link this token opens and the contact who acts by it. Raises Refusal link_invalid or link_revoked."""
    link = links.open_link(db, house().sender.signer, kind, token, clock.now())
    return link, Actor(Kind.CONTACT, Door.LINK, id=link.contact_id)


