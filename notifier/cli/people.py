"""The processor's people and the tokens by which their scripts act."""

from __future__ import annotations

import sys
from typing import Any

import click
from sqlmodel import Session, col, select

from notifier.cli.acting import Noun, acting, administering, opened, person, reading, signed
from notifier.cli.printing import jsonable, listed, show_json
from notifier.domain.people import Role
from notifier.domain.refusals import Refusal
from notifier.tables import ApiToken, User
from notifier.text import LANGUAGES
from notifier.workflow import people


def _roles(value: str) -> list[Role]:
    try:
        return [Role(name.strip()) for name in value.split(",") if name.strip()]
    except ValueError:
        raise click.BadParameter(f"“{value}” is none of {', '.join(Role)}.") from None


@click.group(cls=Noun)
def users() -> None:
    """The processor's own people: ops, privacy, admin, auditor."""


@users.command("add")
@click.argument("email")
@click.option("--name", default="", help="How they are called (default: the address before its @).")
@click.option("--role", "--roles", "roles", type=_roles, metavar="ROLE", multiple=True, required=True,
              help="ops, privacy, admin or auditor; repeat it for several.")
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")
@click.option("--no-password", is_flag=True, help="No sign-in: this person acts by token only.")
@jsonable
@signed
def add_user(
    email: str, name: str, roles: tuple[list[Role], ...], language: str, password_stdin: bool, no_password: bool,
    as_json: bool, as_email: str,
) -> None:
    """Adds a person. The first admin needs nobody's leave, later ones an admin's token.

    \b
    notifier users add paul@processor.example --name 'Paul Privacy' --role privacy
    """
    house = opened()
    password = "" if no_password or (house.settings.demo and not password_stdin) else _password(password_stdin)
    wanted = {role for given in roles for role in given}
    with administering(house) as act:
        actor = act.actor
        if Role.ADMIN in wanted and _has_admin(act.session):
            actor = person(act.session, house.settings, as_email, act.now)
            if Role.ADMIN not in actor.roles:
                raise Refusal("role_missing", roles=str(Role.ADMIN))
        user = people.add(act.session, email, name or email.partition("@")[0], wanted, password=password,
                          language=language, actor=actor, now=act.now)
        said = _user(user)
    if as_json:
        show_json(said)
    else:
        click.echo(f"{user.email} added: {', '.join(user.roles)}.")


def _password(from_stdin: bool, way_out: str = "Give a password with --password-stdin, or --no-password.") -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError(way_out)
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed


def _has_admin(session: Session) -> bool:
    return any(Role.ADMIN in user.roles and user.disabled_at is None for user in people.people(session))


@users.command("list")
@jsonable
def list_users(as_json: bool) -> None:
    """Lists everybody with an account."""
    with reading() as act:
        rows = [_user(user) for user in people.people(act.session)]
    heads = {"email": "ADDRESS", "name": "NAME", "roles": "ROLES", "language": "LANGUAGE", "disabled_at": "DISABLED"}
    listed(rows, heads, as_json, none="Nobody yet: 'notifier users add'.")


@users.command("disable")
@click.argument("email")
def disable_user(email: str) -> None:
    """Ends a person's access at once, sign-ins and tokens."""
    with administering(opened()) as act:
        people.disable(act.session, people.by_email(act.session, email), actor=act.actor, now=act.now)
    click.echo(f"{email} can no longer act.")


@users.command("password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")
@signed
def set_password(email: str, password_stdin: bool, as_email: str) -> None:
    """Sets a person's password: one's own, or as an administrator anybody's. Ends that person's sign-ins.

    \b
    notifier users password paul@processor.example
    """
    password = _password(password_stdin, "Give the new password with --password-stdin.")
    with acting(as_email) as act:
        people.set_password(act.session, people.by_email(act.session, email), password, actor=act.actor, now=act.now)
    click.echo(f"{email} has a new password; whoever was signed in by that name is signed out.")


@users.command("roles")
@click.argument("email")
@click.option("--add", "added", type=_roles, metavar="ROLE", multiple=True, help="Repeat it for several.")
@click.option("--remove", "removed", type=_roles, metavar="ROLE", multiple=True, help="Repeat it for several.")
@click.option("--reason", default="", help="Why, for the log.")
@jsonable
@signed
def set_roles(
    email: str, added: tuple[list[Role], ...], removed: tuple[list[Role], ...], reason: str, as_json: bool,
    as_email: str,
) -> None:
    """Gives roles to a person, or takes them away, as an administrator.

    \b
    notifier users roles olga@processor.example --add privacy --remove ops
    """
    if not added and not removed:
        raise click.UsageError("Give --add or --remove, with a role.")
    with acting(as_email) as act:
        user = people.by_email(act.session, email)
        wanted = {Role(role) for role in user.roles} | {role for given in added for role in given}
        wanted -= {role for given in removed for role in given}
        said = _user(people.set_roles(act.session, user, wanted, reason, actor=act.actor, now=act.now))
    if as_json:
        show_json(said)
    else:
        click.echo(f"{user.email} has the roles {', '.join(user.roles)} now.")


def _user(user: User) -> dict[str, Any]:
    return {
        "id": user.id, "email": user.email, "name": user.name, "roles": list(user.roles), "language": user.language,
        "sign_in": bool(user.password_hash), "created_at": user.created_at, "disabled_at": user.disabled_at,
    }


@click.group(cls=Noun)
def tokens() -> None:
    """Tokens by which scripts act in a person's name, with that person's roles."""


@tokens.command("add")
@click.argument("email")
@click.option("--label", default="command line", show_default=True, help="What it is for.")
@jsonable
def add_token(email: str, label: str, as_json: bool) -> None:
    """Makes a token for a person and prints it once; only its hash is kept.

    \b
    export NOTIFIER_TOKEN=$(notifier tokens add paul@processor.example)
    """
    with administering(opened()) as act:
        user = people.by_email(act.session, email)
        token = people.add_token(act.session, user, label[:100], actor=act.actor, now=act.now)
    if as_json:
        show_json({"email": user.email, "label": label[:100], "token": token})
    else:
        click.echo(token)


@tokens.command("list")
@jsonable
def list_tokens(as_json: bool) -> None:
    """Lists the tokens there are, never the tokens themselves."""
    with reading() as act:
        found = act.session.exec(
            select(ApiToken, User).join(User, col(User.id) == col(ApiToken.user_id)).order_by(col(ApiToken.id))
        ).all()
        rows = [{"id": t.id, "email": u.email, "label": t.label, "created_at": t.created_at,
                 "last_used_at": t.last_used_at, "revoked_at": t.revoked_at} for t, u in found]
    heads = {"id": "ID", "email": "PERSON", "label": "FOR", "created_at": "MADE", "revoked_at": "REVOKED"}
    listed(rows, heads, as_json, none="No tokens yet: 'notifier tokens add EMAIL'.")


@tokens.command("revoke")
@click.argument("token_id", type=int)
def revoke_token(token_id: int) -> None:
    """Ends a token, by its id of 'notifier tokens list'."""
    with administering(opened()) as act:
        people.revoke_token(act.session, token_id, actor=act.actor, now=act.now)
    click.echo(f"Token {token_id} is revoked.")
