"""Objections: the cases, and what we answer."""

from __future__ import annotations

from datetime import date
from typing import Any

import click
from sqlmodel import Session

from notifier.cli.acting import Noun, acting, reading, signed
from notifier.cli.printing import cell, day, jsonable, listed, pairs, show_json
from notifier.domain.states import ObjectionState
from notifier.tables import Objection
from notifier.workflow import objections as verbs
from notifier.workflow import people

STATES = [str(state) for state in ObjectionState]


@click.group(cls=Noun)
def objections() -> None:
    """Objections of customers: read them, answer them, end them."""


@objections.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@jsonable
def list_objections(state: str | None, as_json: bool) -> None:
    """Lists the objections, newest first."""
    with reading() as act:
        rows = [_brief(act.session, o) for o in verbs.every(act.session) if state in (None, o.state)]
    heads = {"ref": "OBJECTION", "state": "STATE", "customer": "CUSTOMER", "changes": "AGAINST", "filed_at": "FILED",
             "in_time": "IN TIME"}
    listed(rows, heads, as_json, none="No objections.")


@objections.command()
@click.argument("ref")
@jsonable
def show(ref: str, as_json: bool) -> None:
    """Shows one objection: its words, its messages, how it ended."""
    with reading() as act:
        objection = verbs.get(act.session, ref)
        value = {**_brief(act.session, objection), **_whole(act.session, objection)}
    if as_json:
        show_json(value)
        return
    in_time = {True: "yes", False: "no, late", None: "yes, no window ran yet"}[value["in_time"]]
    pairs({"Objection": f"{value['ref']}, {value['state']}",
           "Customer": f"{value['customer_name']} ({value['customer']})", "Against": value["changes"],
           "Filed": value["filed_at"], "In time": in_time,
           "By": f"{value['filer_name']} <{value['filer_email']}>", "Measure agreed": value["measure"],
           "Right to terminate until": value["right_until"], "Terminated": value["terminated"],
           "Waits for a second person": value["awaiting"]})
    click.echo(f"\n{value['text']}")
    for message in value["messages"]:
        click.echo(f"\n{cell(message['at'])}, {'we' if message['from_us'] else 'the customer'}, {message['kind']}:\n"
                   f"{message['text']}")


def _brief(session: Session, objection: Objection) -> dict[str, Any]:
    customer = verbs.customer_of(session, objection)
    return {
        "ref": objection.ref, "state": str(objection.state), "customer": customer.ref, "customer_name": customer.name,
        "changes": [c.ref for c in verbs.changes_of(session, objection)], "filed_at": objection.filed_at,
        "in_time": objection.in_time,
    }


def _whole(session: Session, objection: Objection) -> dict[str, Any]:
    ended = verbs.termination_of(session, objection)
    return {
        "text": objection.text, "filer_name": objection.filer_name, "filer_email": objection.filer_email,
        "filer_function": objection.filer_function, "measure": objection.measure, "ended_at": objection.ended_at,
        "window_ends_at": objection.window_ends_at, "right_until": objection.right_until,
        "affected_services": verbs.affected_services(session, objection),
        "terminated": f"{ended[1].slug if ended[1] else 'everything'} from {ended[0].ends_on}" if ended else "",
        "awaiting": [f"{row.action}: {row.payload.get('reason', '')}"
                     for row in people.awaiting(session, "objection", objection.id or 0)],
        "messages": [{"at": m.at, "from_us": m.from_us, "kind": m.kind, "text": m.text}
                     for m in verbs.messages(session, objection)],
    }


def _moved(objection: Objection | None, ref: str, words: str, as_json: bool, state: str = "") -> None:
    if as_json:
        show_json({"ref": ref, "state": str(objection.state) if objection else state, "done": objection is not None})
    elif objection is None:
        click.echo(f"{ref}: asked for. A second person has to call this with the very same reason.")
    else:
        click.echo(f"{ref} {words}")


@objections.command()
@click.argument("ref")
@click.option("--message", "words", default="", help="Words to go with it.")
@jsonable
@signed
def acknowledge(ref: str, words: str, as_json: bool, as_email: str) -> None:
    """Tells the customer that a person has the case in hand."""
    with acting(as_email) as act:
        done = verbs.acknowledge(act.session, ref, words, actor=act.actor, now=act.now)
    _moved(done, ref, "is acknowledged.", as_json)


@objections.command()
@click.argument("ref")
@click.argument("words")
@jsonable
@signed
def message(ref: str, words: str, as_json: bool, as_email: str) -> None:
    """Writes WORDS to the customer, in the case."""
    with acting(as_email) as act:
        done = verbs.message(act.session, ref, words, actor=act.actor, now=act.now)
    _moved(done, ref, "has one message more; it goes out by mail.", as_json)


@objections.command()
@click.argument("ref")
@click.option("--measure", default="", help="What both sides agreed on.")
@jsonable
@signed
def resolve(ref: str, measure: str, as_json: bool, as_email: str) -> None:
    """Records the amicable end, with the measure agreed."""
    with acting(as_email) as act:
        done = verbs.resolve(act.session, ref, measure, actor=act.actor, now=act.now)
    _moved(done, ref, "is resolved.", as_json)


@objections.command("not-uphold")
@click.argument("ref")
@click.option("--reason", default="", help="The reasons, as the customer will read them.")
@jsonable
@signed
def not_uphold(ref: str, reason: str, as_json: bool, as_email: str) -> None:
    """Our reasoned no. Takes two people: the second calls it with the very same reason."""
    with acting(as_email) as act:
        done = verbs.not_uphold(act.session, ref, reason, actor=act.actor, now=act.now)
        state = str(verbs.get(act.session, ref).state)
    _moved(done, ref, "is not upheld; the letter says why.", as_json, state)


@objections.command("no-agreement")
@click.argument("ref")
@click.option("--reason", default="", help="Why no solution was found.")
@jsonable
@signed
def no_agreement(ref: str, reason: str, as_json: bool, as_email: str) -> None:
    """Records that there is no amicable solution: the customer's right of termination opens."""
    with acting(as_email) as act:
        done = verbs.no_agreement(act.session, ref, reason, actor=act.actor, now=act.now)
    _moved(done, ref, "ended without agreement; the customer may now terminate.", as_json)


@objections.command()
@click.argument("ref")
@click.option("--service", default="", help="The service that ends (default: everything the customer buys).")
@click.option("--on", "ends_on", type=day, metavar="YYYY-MM-DD", required=True, help="From which day it has ended.")
@jsonable
@signed
def terminate(ref: str, service: str, ends_on: date, as_json: bool, as_email: str) -> None:
    """Records the customer's termination, from its declaration."""
    with acting(as_email) as act:
        done = verbs.terminate(act.session, ref, service=service, ends_on=ends_on, actor=act.actor, now=act.now)
    _moved(done, ref, "ended by termination.", as_json)


@objections.command("right-not-used")
@click.argument("ref")
@click.option("--reason", default="", help="What it rests on.")
@jsonable
@signed
def right_not_used(ref: str, reason: str, as_json: bool, as_email: str) -> None:
    """Records that the right of termination was not used. Takes two people, with the very same reason."""
    with acting(as_email) as act:
        done = verbs.right_not_used(act.session, ref, reason, actor=act.actor, now=act.now)
        state = str(verbs.get(act.session, ref).state)
    _moved(done, ref, "ended: the right of termination was not used.", as_json, state)
