"""Ways past the gate that need more than one person: separability, exclusion, override."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import click

from notifier.cli.acting import Verb, acting, reading, signed
from notifier.cli.printing import day, jsonable, listed, show_json
from notifier.domain.gate import Code
from notifier.tables import Change, Customer, Exclusion
from notifier.workflow import answers, exceptions, exclusions, settings


@click.command("confirm-separable", cls=Verb)
@click.argument("ref")
@click.argument("separable", type=click.Choice(["no", "customer", "service"]))
@click.option("--how", required=True, help="How single customers (or services) are left out, in an engineer's words.")
@signed
def confirm_separable(ref: str, separable: str, how: str, as_email: str) -> None:
    """An engineer confirms whether customers can be left out of a change. Until then they cannot."""
    with acting(as_email) as act:
        exclusions.confirm_separable(act.session, ref, separable, how, actor=act.actor, now=act.now)
    click.echo(f"{ref}: separable is “{separable}”, confirmed.")


@click.command(cls=Verb)
@click.argument("ref")
@click.option("--customer", required=True, help="The objecting customer's reference.")
@click.option("--reason", default="", help="Why, to ask for the exclusion or to end it.")
@click.option("--confirm", is_flag=True, help="As an engineer: it is left out; every year again.")
@click.option("--how", default="", help="How it is left out, with --confirm.")
@click.option("--end", is_flag=True, help="The customer is no longer left out.")
@jsonable
@signed
def exclude(
    ref: str, customer: str, reason: str, confirm: bool, how: str, end: bool, as_json: bool, as_email: str
) -> None:
    """Leaves an objecting customer out of a change: privacy asks, a named engineer confirms.

    \b
    notifier changes exclude C-7 --customer acme --reason "No transfer to the United States."
    notifier changes exclude C-7 --customer acme --confirm --how "Its tenant stays on the old queue."
    """
    if confirm and end:
        raise click.UsageError("Give --confirm or --end, not both.")
    with acting(as_email) as act:
        if confirm:
            row = exclusions.confirm(act.session, ref, customer, how, actor=act.actor, now=act.now)
        elif end:
            row = exclusions.end(act.session, ref, customer, reason, actor=act.actor, now=act.now)
        else:
            row = exclusions.ask(act.session, ref, customer, reason, actor=act.actor, now=act.now)
        value = answers.excluded(ref, customer, row)
    if as_json:
        show_json(value)
    elif end:
        click.echo(f"{customer} is no longer left out of {ref}.")
    elif confirm:
        click.echo(f"{customer} is left out of {ref}; to be checked again by {row.recheck_due}.")
    else:
        click.echo(f"Asked. It counts once an engineer has confirmed how {customer} is left out.")


@click.command("rechecks", cls=Verb)
@click.option("--on", type=day, metavar="YYYY-MM-DD", help="Due by which day (default: today).")
@jsonable
def rechecks(on: date | None, as_json: bool) -> None:
    """Lists the exclusions somebody has to look at again."""
    with reading() as act:
        today = act.now.astimezone(ZoneInfo(settings.organisation(act.session).zone)).date()
        rows = [_due(act.session.get(Change, row.change_id), act.session.get(Customer, row.customer_id), row, today)
                for row in exclusions.rechecks_due(act.session, on or today)]
    listed(rows, {"change": "Change", "customer": "Customer", "due": "Due", "overdue": "Overdue"}, as_json,
           none="No exclusion is due.")


def _due(change: Change | None, customer: Customer | None, row: Exclusion, today: date) -> dict[str, object]:
    assert change is not None
    assert customer is not None
    return {"change": change.ref, "customer": customer.ref, "due": row.recheck_due,
            "overdue": row.recheck_due is not None and row.recheck_due < today}


@click.command(cls=Verb)
@click.argument("ref")
@click.option("--customer", default="", help="Only this customer (default: everybody it holds up now).")
@click.option("--blocker", "codes", multiple=True, required=True, type=click.Choice([str(code) for code in Code]),
              help="Repeat it; only what is named is set aside.")
@click.option("--reason", required=True, help="Why. The second person signs the same words.")
@jsonable
@signed
def override(
    ref: str, customer: str, codes: tuple[str, ...], reason: str, as_json: bool, as_email: str
) -> None:
    """Two people of privacy set single blockers aside: the first call asks, the same by another person signs."""
    with acting(as_email) as act:
        rows = exceptions.override(act.session, ref, codes, reason, customer_ref=customer, actor=act.actor,
                                   now=act.now)
        value = answers.overridden(ref, sorted(set(codes)), rows)
    if as_json:
        show_json(value)
    elif rows is None:
        click.echo("Asked. A second person of privacy has to sign the same words.")
    else:
        click.echo(f"Set aside for {value['customers']} customers: {', '.join(value['blockers'])}.")


@click.command("irregular-start", cls=Verb)
@click.argument("ref")
@click.option("--reason", required=True, help="What happened, as customers read it. The second person signs the same.")
@click.option("--since", type=day, required=True, metavar="YYYY-MM-DD", help="The day on which processing began.")
@jsonable
@signed
def irregular_start(ref: str, reason: str, since: date, as_json: bool, as_email: str) -> None:
    """Two people of privacy record that processing has begun anyway: the list says so, every customer is told."""
    with acting(as_email) as act:
        row = exceptions.irregular_start(act.session, ref, reason, since, actor=act.actor, now=act.now)
        value = answers.started(ref, since, row)
    if as_json:
        show_json(value)
    elif row is None:
        click.echo("Asked. A second person of privacy has to sign the same words.")
    else:
        click.echo(f"{ref} is on the list as started on {since}; {value['told']} customers are owed a letter.")
