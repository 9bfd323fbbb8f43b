"""Customers: who they are, whose contract has ended, and which edition of the list they accepted."""

from __future__ import annotations

import click

from notifier.cli.acting import Noun, acting, reading, signed
from notifier.cli.printing import jsonable, listed, show_json
from notifier.tables import Customer
from notifier.workflow import accepted
from notifier.workflow import customers as verbs
from notifier.workflow.accepted import Editions


@click.group(cls=Noun)
def customers() -> None:
    """Customers: list them, and record the edition in the annex one accepted."""


@customers.command("list")
@click.option("--ended", is_flag=True, help="Only those whose contract has ended, in the order their data is due.")
@jsonable
def list_customers(ended: bool, as_json: bool) -> None:
    """Lists the customers by name; of those whose contract has ended, when their data is due."""
    with reading() as act:
        due = {one.customer.id: one.data_due_on for one in verbs.ended(act.session, act.now)}
        editions = accepted.Editions(act.session)
        found = [one.customer for one in verbs.ended(act.session, act.now)] if ended else verbs.every(act.session)
        rows = [{**_row(customer, editions), "data_due_on": due.get(customer.id)} for customer in found]
    heads = {"ref": "CUSTOMER", "name": "NAME", "contract_start": "FROM", "contract_end": "UNTIL",
             "annex_edition": "EDITION IN THE ANNEX", "data_due_on": "DATA DUE"}
    listed(rows, heads, as_json, none="No contract has ended." if ended else "No customers yet.")


def _row(customer: Customer, editions: Editions) -> dict[str, object]:
    annex = editions.accepted(customer)
    return {"ref": customer.ref, "name": customer.name, "contract_start": customer.contract_start,
            "contract_end": customer.contract_end, "annex_edition": annex.edition, "annex_recorded": annex.recorded}


@customers.command("annex")
@click.argument("ref")
@click.argument("edition")
@jsonable
@signed
def annex(ref: str, edition: str, as_json: bool, as_email: str) -> None:
    """Records that the annex customer REF accepted has this EDITION of the list: its number, 0 for one older than all,
    or - to go by the dates of its contract. Whatever follows is owed at once."""
    if edition != "-" and not (edition.isascii() and edition.isdigit() and len(edition) < 7):
        raise click.UsageError("EDITION is a number, or - to go by the dates of the contract.")
    number = None if edition == "-" else int(edition)
    with acting(as_email) as act:
        verbs.record_annex(act.session, verbs.get(act.session, ref), number, actor=act.actor, now=act.now)
    if as_json:
        show_json({"customer": ref, "annex_edition": number})
    else:
        click.echo(f"{ref} accepted " + (f"edition {number}." if number is not None else "what its dates tell."))
