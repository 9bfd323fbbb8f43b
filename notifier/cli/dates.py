"""What may still be altered of a change that was told: its start, and what was wrong in it."""

from __future__ import annotations

from datetime import date

import click

from notifier.cli.acting import Verb, acting, signed
from notifier.cli.fields import typed
from notifier.cli.printing import day, jsonable, show_json
from notifier.workflow import answers, changes, corrections, drafts, starts


@click.command("move-start", cls=Verb)
@click.argument("ref")
@click.option("--to", "new_start", type=day, metavar="YYYY-MM-DD", required=True, help="The new start.")
@click.option("--reason", default="", help="Why; it stands in the letter.")
@jsonable
@signed
def move_start(ref: str, new_start: date, reason: str, as_json: bool, as_email: str) -> None:
    """Moves an announced start to a later day, or fixes one that is open; whoever was told gets a letter."""
    with acting(as_email) as act:
        change = starts.move_start(act.session, ref, new_start, reason, actor=act.actor, now=act.now)
        value = answers.start_moved(change)
    if as_json:
        show_json(value)
    else:
        click.echo(f"{ref} starts on {new_start} at the earliest; whoever was told of it is told of this.")


@click.command(cls=Verb)
@click.argument("ref")
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="What it ought to say, as with propose.")
@click.option("--engagement", default="", help="Which one, where the change concerns several.")
@click.option("--words", default="", help="What was wrong, in words; they stand in the letter.")
@click.option("--start", type=day, metavar="YYYY-MM-DD", help="A new start, where the present one is too early now.")
@click.option("--sign", is_flag=True, help="Sign, as the second person, the correction that was asked for.")
@jsonable
@signed
def correct(
    ref: str, fields: tuple[str, ...], engagement: str, words: str, start: date | None, sign: bool, as_json: bool,
    as_email: str,
) -> None:
    """Corrects what was told of an announced change.

    Whatever widens it is told anew, with time to object anew, and takes two people: one asks, another signs. A
    correction of spelling, or one that narrows, only informs.
    """
    if sign == bool(fields):
        raise click.UsageError("Give --field for what it ought to say, or --sign what another person asked for.")
    given = typed(fields)
    with acting(as_email) as act:
        if sign:
            made = corrections.sign(act.session, ref, actor=act.actor, now=act.now)
        else:
            items = changes.items_of(act.session, changes.get(act.session, ref))
            mended = changes.mended(items, drafts.with_slugs(act.session, given), engagement)
            made = corrections.correct(act.session, ref, mended, words, planned_start=start, actor=act.actor,
                                       now=act.now)
        if corrections.announces(made):
            act.house.preflight(act.session, act.now)
        value = answers.corrected(ref, made)
    if as_json:
        show_json(value)
    else:
        click.echo(_WORDS[value["done"]] % value)


_WORDS = {
    "asked": "The correction of %(ref)s waits for a second person of privacy: notifier changes correct %(ref)s --sign",
    "informed": "%(ref)s is corrected; %(told)s customers are informed. No window begins anew.",
    "announced": "%(ref)s is corrected by %(announcement)s; %(told)s customers are told, with time to object anew.",
}
