"""The gate: what stands in the way of a change, letting it start, and whether an engagement may process."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import click

from notifier.cli.acting import Verb, acting, reading, signed
from notifier.cli.printing import day, jsonable, show_json
from notifier.workflow import answers, changes, processing, releases, settings
from notifier.workflow.answers import Look


@click.command(cls=Verb)
@click.argument("ref")
@click.option("--customer", default="", help="Only this customer, where the change is separable.")
@jsonable
@signed
def release(ref: str, customer: str, as_json: bool, as_email: str) -> None:
    """Releases a change to one customer, or to all it concerns, unless something stands in the way."""
    _release(ref, customer, as_json, as_email)


@click.command("take-effect", cls=Verb)
@click.argument("ref")
@jsonable
@signed
def take_effect(ref: str, as_json: bool, as_email: str) -> None:
    """Starts a change for everybody it concerns, unless something stands in the way."""
    _release(ref, "", as_json, as_email)


def _release(ref: str, customer: str, as_json: bool, as_email: str) -> None:
    with acting(as_email) as act:
        freed = releases.release(act.session, ref, customer_ref=customer, actor=act.actor, now=act.now)
        value = answers.released(changes.get(act.session, ref), freed)
    if as_json:
        show_json(value)
    else:
        click.echo(f"{ref} applies to {len(freed)} more customers now." if freed else f"{ref} is in effect.")


@click.command(cls=Verb)
@click.argument("ref")
@click.option("--customer", default="", help="Only this customer.")
@jsonable
def blockers(ref: str, customer: str, as_json: bool) -> int:
    """Says what stands between a change and its customers, and what would clear each. Exits 1 while blocked."""
    with reading() as act:
        look = answers.blockers(act.session, ref, customer, act.now)
    if as_json:
        show_json(look.value())
        return 1 if look.blocked else 0
    _tell(look)
    if look.left_out:
        click.echo(f"Left out: {', '.join(look.left_out)}.")
    if look.elsewhere:
        click.echo(f"{look.elsewhere} other customers are not clear, and customers cannot be separated here: "
                   f"{ref} starts for all together.")
    return 1 if look.blocked else 0


def _tell(look: Look) -> None:
    for blocker in look.general:
        click.echo(f"{blocker.sentence} → {blocker.way_out}")
    for standing in look.held:
        click.echo(f"{standing.customer.name} ({standing.customer.ref}):")
        for blocker in standing.blockers:
            click.echo(f"  {blocker.sentence} → {blocker.way_out}")
    if not look.blocked:
        click.echo(f"Nothing stands in the way of {look.change.ref}.")
    elif len(look.standings) > 1:
        click.echo(f"{len(look.standings) - len(look.held)} of {len(look.standings)} customers are clear.")


@click.command("may-process", cls=Verb)
@click.argument("engagement")
@click.argument("customer")
@click.option("--on", type=day, metavar="YYYY-MM-DD", help="On which day (default: today, where the processor sits).")
@jsonable
def may_process(engagement: str, customer: str, on: date | None, as_json: bool) -> int:
    """Whether ENGAGEMENT may process the data of CUSTOMER: yes (exit 0) or no (exit 1), and why.

    \b
    notifier may-process analytics-inc acme && deploy
    """
    with reading() as act:
        day = on or act.now.astimezone(ZoneInfo(settings.organisation(act.session).zone)).date()
        answer = processing.may_process(act.session, engagement, customer, day, act.now)
    value = answers.may_process(engagement, customer, day, answer)
    if as_json:
        show_json(value)
    else:
        click.echo(f"{'yes' if answer.allowed else 'no'}: {' '.join(value['why'])}")
    return 0 if answer.allowed else 1
