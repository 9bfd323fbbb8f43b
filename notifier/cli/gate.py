"""The gate: what stands in the way of a change, letting it start, and whether an engagement may process."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import click

from notifier.cli.acting import Verb, acting, reading, signed
from notifier.cli.printing import day, jsonable, show_json
from notifier.domain.gate import Blocker
from notifier.domain.refusals import Refusal
from notifier.workflow import changes as change_verbs
from notifier.workflow import customers, exclusions, processing, releases, settings
from notifier.workflow.releases import Standing


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
        state = str(change_verbs.get(act.session, ref).state)
    if as_json:
        show_json({"ref": ref, "state": state, "released": [s.customer.ref for s in freed]})
    else:
        click.echo(f"{ref} applies to {len(freed)} more customers now." if freed else f"{ref} is in effect.")


@click.command(cls=Verb)
@click.argument("ref")
@click.option("--customer", default="", help="Only this customer.")
@jsonable
def blockers(ref: str, customer: str, as_json: bool) -> int:
    """Says what stands between a change and its customers, and what would clear each. Exits 1 while blocked."""
    with reading() as act:
        change = change_verbs.get(act.session, ref)
        if customer:
            customers.get(act.session, customer)
        found = releases.standings(act.session, change, act.now, customer_ref=customer)
        left_out = [s.customer.ref for s in releases.standings(act.session, change, act.now, with_excluded=True,
                                                               customer_ref=customer) if s.excluded]
        if customer and not found and not left_out and change_verbs.concerned(act.session, change):
            raise Refusal("unknown", what="customer told of this change", ref=customer)
        zone = settings.organisation(act.session).zone
        general = [] if found or left_out else releases.change_blockers(change, act.now, zone)
        together = bool(customer) and exclusions.separable_of(change) == "no"
        others = releases.standings(act.session, change, act.now) if together else []
    held = [s for s in found if s.held]
    elsewhere = sum(s.held for s in others if s.customer.ref != customer)
    if as_json:
        show_json({
            "ref": change.ref, "state": str(change.state), "blocked": bool(general or held),
            "held_by_others": elsewhere, "blockers": [_blocker(b) for b in general],
            "customers": [_standing(s) for s in found], "excluded": left_out,
        })
    else:
        _tell(ref, general, held, found)
        if left_out:
            click.echo(f"Left out: {', '.join(left_out)}.")
        if elsewhere:
            click.echo(f"{elsewhere} other customers are not clear, and customers cannot be separated here: "
                       f"{ref} starts for all together.")
    return 1 if general or held else 0


def _tell(ref: str, general: list[Blocker], held: list[Standing], found: list[Standing]) -> None:
    for blocker in general:
        click.echo(f"{blocker.sentence} → {blocker.way_out}")
    for standing in held:
        click.echo(f"{standing.customer.name} ({standing.customer.ref}):")
        for blocker in standing.blockers:
            click.echo(f"  {blocker.sentence} → {blocker.way_out}")
    if not general and not held:
        click.echo(f"Nothing stands in the way of {ref}.")
    elif len(found) > 1:
        click.echo(f"{len(found) - len(held)} of {len(found)} customers are clear.")


def _blocker(blocker: Blocker) -> dict[str, Any]:
    return {"code": str(blocker.code), "words": str(blocker.sentence), "way_out": str(blocker.way_out),
            "clears_on": blocker.clears_on}


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "customer": standing.customer.ref, "name": standing.customer.name, "notice": str(standing.notice.state),
        "released_at": standing.part.released_at, "blockers": [_blocker(b) for b in standing.blockers],
        "overridden": [str(b.code) for b in standing.set_aside],
    }


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
    why = [str(sentence) for sentence in answer.why]
    if as_json:
        show_json({"engagement": engagement, "customer": customer, "on": day, "allowed": answer.allowed, "why": why})
    else:
        click.echo(f"{'yes' if answer.allowed else 'no'}: {' '.join(why)}")
    return 0 if answer.allowed else 1
