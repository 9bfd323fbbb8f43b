"""The reply address: have a code sent there, enter it, see until when that holds."""

from __future__ import annotations

from typing import Any

import click

from notifier.cli.acting import Noun, acting, reading, signed
from notifier.cli.printing import cell, jsonable, pairs, show_json
from notifier.tables import User
from notifier.workflow import reply as verbs


@click.group(cls=Noun)
def reply() -> None:
    """Proves that somebody reads the address to which customers answer. Nothing is announced without it.

    \b
    notifier reply ask
    notifier reply prove 042917
    """


@reply.command()
@jsonable
@signed
def ask(as_json: bool, as_email: str) -> None:
    """Sends a test mail with a six-digit code to the reply address."""
    with acting(as_email) as act:
        row = verbs.ask(act.session, act.house.settings.reply_address, actor=act.actor, now=act.now)
        value = {"address": row.address, "asked_at": row.asked_at, "good_until": row.asked_at + verbs.GOOD_FOR}
    if as_json:
        show_json(value)
    else:
        click.echo(f"A test mail is on its way to {row.address}. Enter its code until {cell(value['good_until'])}: "
                   "notifier reply prove CODE")


@reply.command()
@click.argument("code")
@jsonable
@signed
def prove(code: str, as_json: bool, as_email: str) -> None:
    """Enters the CODE of the newest test mail: whoever reads that mailbox has it."""
    with acting(as_email) as act:
        address = act.house.settings.reply_address
        tried = verbs.prove(act.session, address, code, act.house.sender.signer, actor=act.actor, now=act.now)
    tried.settle()
    with reading() as act:
        value = _value(verbs.standing(act.session, address, act.now))
    if as_json:
        show_json(value)
    else:
        click.echo(f"It is proven that {address} is read; that holds until {cell(value['valid_until'])}.")


@reply.command()
@jsonable
def show(as_json: bool) -> int:
    """Shows whether the reply address is proven to be read, and until when. Exits 1 where it is not."""
    with reading() as act:
        standing = verbs.standing(act.session, act.house.settings.reply_address, act.now)
        by = act.session.get(User, standing.proof.proven_by) if standing.proof else None
        value = {**_value(standing), "proven_by": by.email if by else None}
    if as_json:
        show_json(value)
    else:
        pairs({"Reply address": standing.address, "Proven": standing.valid, "Last proven": value["proven_at"],
               "By": value["proven_by"], "Holds until": value["valid_until"],
               "A code waits to be entered, asked for": value["asked_at"]})
    return 0 if standing.valid else 1


def _value(standing: verbs.Standing) -> dict[str, Any]:
    return {
        "address": standing.address, "valid": standing.valid, "valid_until": standing.valid_until,
        "proven_at": standing.proof.proven_at if standing.proof else None,
        "asked_at": standing.waiting.asked_at if standing.waiting else None,
    }
