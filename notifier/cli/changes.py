"""Changes from proposal to announcement."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import click

from notifier import text
from notifier.cli import dates, diligence, exceptions, gate
from notifier.cli.acting import Act, Noun, acting, reading, signed
from notifier.cli.fields import typed
from notifier.cli.printing import cell, day, jsonable, listed, pairs, show_json
from notifier.domain.audience import WORDS
from notifier.domain.changes import KIND_NAMES, ChangeKind
from notifier.domain.listing import ListedService
from notifier.domain.refusals import Refusal
from notifier.domain.register import FIELDS
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import ChangeState
from notifier.house import House
from notifier.jobs import announce as announcing
from notifier.mail import render
from notifier.tables import Announcement, Change
from notifier.workflow import (
    announcements,
    answers,
    contact_checks,
    drafts,
    letters,
    listing,
    previews,
    register,
    settings,
)
from notifier.workflow import changes as verbs
from notifier.workflow.announcements import Plan
from notifier.workflow.earliest import in_words
from notifier.workflow.sheets import load

STATES = [str(state) for state in ChangeState]


@click.group(cls=Noun)
def changes() -> None:
    """Changes of the list: propose, review, announce, start.

    Deciding takes a person: NOTIFIER_TOKEN, or --as EMAIL in a demo.
    """


@changes.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@jsonable
def list_changes(state: str | None, as_json: bool) -> None:
    """Lists the changes, newest first."""
    with reading() as act:
        found = [c for c in verbs.every(act.session) if state in (None, c.state)]
        rows = [answers.brief(act.session, change) for change in found]
    heads = {"ref": "CHANGE", "kind": "KIND", "state": "STATE", "planned_start": "PLANNED START", "about": "ABOUT"}
    listed(rows, heads, as_json, none="No changes yet: 'notifier changes propose'.")


@changes.command()
@click.argument("ref")
@jsonable
def show(ref: str, as_json: bool) -> None:
    """Shows one change: before and after, what is missing, what was done."""
    with reading() as act:
        change = verbs.get(act.session, ref)
        value = answers.whole(act.session, change, act.now)
        told = listing.published(act.session, change, settings.organisation(act.session).zone)
        sold = [ListedService(s.slug, s.name) for s in register.services(act.session).values()]
    if as_json:
        show_json(value)
        return
    pairs({"Change": f"{change.ref}, {value['kind']}, {value['state']}", "About": value["about"],
           "Reason": value["reason"], "Planned start": value["planned_start"], "In effect": value["in_effect_at"],
           "Opens a window": value["opens_window"], "Separable": value["separable"], "Services": value["services"],
           "Announced by": value["announcements"], "Still missing": value["missing"]})
    for block in render.act(told, sold, change.opens_window, "en").blocks:
        if block.stays:
            click.echo("\nUnchanged:")
        click.echo("\n" + "; ".join(block.concerns) if block.concerns else "")
        pairs({row.name: f"{row.so_far or '(not recorded)'} → {row.value or '(nothing)'}" if row.changed else row.value
               for row in block.rows})
    click.echo("")
    for item in value["evidence"]:
        click.echo(f"Vouched: {diligence.in_a_line(item)}")
    for item in value["offboarding"]:
        click.echo(f"Offboarding {item['id']}: {diligence.ending_in_a_line(item)}")
    click.echo("")
    for entry in value["history"]:
        click.echo(f"{cell(entry['at'])}  {entry['action']}  {entry['by']}  {entry['reason']}".rstrip())


@changes.command()
@click.option("--kind", type=click.Choice([str(k) for k in ChangeKind]), required=True)
@click.option("--ref", default="", help="The engagement to remove or modify; for a new one, the reference it gets.")
@click.option("--replaces", default="", help="The engagement that a new one replaces.")
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE",
              help=f"Repeat it; several values of one field with “;” between. Names: {', '.join(FIELDS[1:])}.")
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A JSON object of fields, or a list of them (each with its own ref or replaces) for one act on "
                   "several engagements.")
@click.option("--reason", default="", help="Why, in a sentence that customers read.")
@click.option("--start", type=day, metavar="YYYY-MM-DD", help="The planned start.")
@click.option("--separable", type=click.Choice(["no", "customer", "service"]), default="no", show_default=True,
              help="Whether single customers can be left out.")
@jsonable
@signed
def propose(
    kind: str, ref: str, replaces: str, fields: tuple[str, ...], path: Path | None, reason: str, start: date | None,
    separable: str, as_json: bool, as_email: str,
) -> None:
    """Proposes a change, as a draft.

    \b
    notifier changes propose --kind add --field 'legal_name=Analytics Inc.' \\
      --field activity=Analytics --field 'locations=Dublin; Berlin' --start 2026-09-01
    notifier changes propose --kind replace --replaces old-host --file host.json
    notifier changes propose --kind modify --ref modeso --field 'address=New street 1'
    notifier changes propose --kind remove --ref modeso --reason 'Contract ended.'
    """
    given = typed(fields)
    wanted = _from_file(path) if path else [{}]
    with acting(as_email, proposing=True) as act:
        items = []
        for values in wanted:
            whole = {"ref": ref, **values, **given}
            own, old = str(whole.pop("ref") or ""), str(whole.pop("replaces", "") or replaces)
            items.append(drafts.item(act.session, ChangeKind(kind), whole, ref=own, replaces=old))
        change = verbs.propose(act.session, items, reason=reason, planned_start=start, separable=separable,
                               actor=act.actor, now=act.now)
        value = answers.proposed(act.session, change, act.now)
    if as_json:
        show_json(value)
        return
    click.echo(f"{change.ref} proposed: {KIND_NAMES[ChangeKind(change.kind)].lower()}, {value['about']}.")
    for gap in value["missing"]:
        click.echo(f"  still missing: {gap}")


def _from_file(path: Path) -> list[dict[str, Any]]:
    try:
        value = json.loads(load(path))
    except json.JSONDecodeError as error:
        words = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise Refusal("bad_file", details=[Sentence(words)]) from None
    except (UnicodeDecodeError, RecursionError):
        raise Refusal("bad_file", details=[Sentence(N_("it is no JSON"))]) from None
    entries = value if isinstance(value, list) else [value]
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        raise Refusal("bad_file", details=[Sentence(N_("it should be an object of fields, or a list of them"))])
    return entries


@changes.command()
@click.argument("ref")
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="As with propose.")
@click.option("--engagement", default="", help="Which one, where the change concerns several.")
@click.option("--reason", default=None, help="Another reason.")
@click.option("--start", type=day, metavar="YYYY-MM-DD", help="Another planned start.")
@click.option("--separable", type=click.Choice(["no", "customer", "service"]), help="Another answer to that.")
@jsonable
@signed
def edit(
    ref: str, fields: tuple[str, ...], engagement: str, reason: str | None, start: date | None,
    separable: str | None, as_json: bool, as_email: str,
) -> None:
    """Mends a draft, or a change that was sent back; what is not named stays."""
    given = typed(fields)
    with acting(as_email, proposing=True) as act:
        change = verbs.get(act.session, ref)
        items = verbs.items_of(act.session, change)
        mended = verbs.mended(items, drafts.with_slugs(act.session, given), engagement)
        change = verbs.edit(act.session, ref, mended, reason=change.reason if reason is None else reason,
                            planned_start=start or change.planned_start, separable=separable or change.separable,
                            actor=act.actor, now=act.now)
    _moved(change, "is mended.", as_json)


def _moved(change: Change, words: str, as_json: bool) -> None:
    if as_json:
        show_json(answers.moved(change))
    else:
        click.echo(f"{change.ref} {words}")


@changes.command()
@click.argument("ref")
@jsonable
@signed
def submit(ref: str, as_json: bool, as_email: str) -> None:
    """Sends a draft to review; says everything that is still missing."""
    with acting(as_email) as act:
        change = verbs.submit(act.session, ref, actor=act.actor, now=act.now)
    _moved(change, "is in review; people with the role privacy are asked to look.", as_json)


@changes.command("send-back")
@click.argument("ref")
@click.option("--reason", default="", help="What has to be mended.")
@jsonable
@signed
def send_back(ref: str, reason: str, as_json: bool, as_email: str) -> None:
    """Sends a change back to its proposer, with a reason."""
    with acting(as_email) as act:
        change = verbs.send_back(act.session, ref, reason, actor=act.actor, now=act.now)
    _moved(change, "is sent back.", as_json)


@changes.command()
@click.argument("ref")
@click.option("--reason", default="", help="A word on it, for the log.")
@jsonable
@signed
def approve(ref: str, reason: str, as_json: bool, as_email: str) -> None:
    """Approves a change: a second person's yes."""
    with acting(as_email) as act:
        change = verbs.approve(act.session, ref, actor=act.actor, now=act.now, reason=reason)
    _moved(change, "is approved.", as_json)


@changes.command()
@click.argument("ref")
@click.option("--reason", default="", help="Why it will not be done.")
@jsonable
@signed
def reject(ref: str, reason: str, as_json: bool, as_email: str) -> None:
    """Ends a change in review: it will not be done."""
    with acting(as_email) as act:
        change = verbs.reject(act.session, ref, reason, actor=act.actor, now=act.now)
    _moved(change, "is rejected.", as_json)


@changes.command()
@click.argument("ref")
@click.option("--reason", default="", help="Why; whoever was told reads it.")
@jsonable
@signed
def withdraw(ref: str, reason: str, as_json: bool, as_email: str) -> None:
    """Ends a change that will not happen; whoever was told of it gets a letter."""
    with acting(as_email) as act:
        change = announcements.withdraw(act.session, ref, reason, actor=act.actor, now=act.now)
    _moved(change, "is withdrawn.", as_json)


@changes.command()
@click.argument("refs", nargs=-1, required=True, metavar="REF...")
@click.option("--customer", default="", help="Whose letter to show (default: the first who is owed one).")
@click.option("--language", type=click.Choice(text.LANGUAGES), default=None, help="In which language.")
@click.option("--send-me", "sending", is_flag=True, help="Mails the very letter to you, as a test with dead links.")
@jsonable
@signed
def preview(
    refs: tuple[str, ...], customer: str, language: str | None, sending: bool, as_json: bool, as_email: str
) -> None:
    """Shows what announcing would do now: who is told, the earliest start, and one very letter. Writes nothing, unless
    the letter is to be sent to you."""
    with reading() as act:
        concerned = [verbs.get(act.session, ref) for ref in dict.fromkeys(refs)]
        plan = announcements.plan(act.session, concerned, act.now)
        seat = next((s for s in plan.included if customer in ("", s.customer.ref)), None)
        if customer and seat is None:
            raise Refusal("unknown", what="customer on this roll", ref=customer)
        spoken, letter = text.known(language or (seat.customer.language if seat else "")), None
        if seat is not None:
            facts = letters.preview(act.session, concerned, seat, spoken, act.house.sender, act.now)
            letter = render.render(facts)
        value = _plan_value(plan) | {"look_at": _doubtful(act, plan)}
    if sending:
        with acting(as_email) as act:
            value["sent_to"] = previews.send_me(act.session, refs, seat.customer.ref if seat else "", spoken,
                                                actor=act.actor, now=act.now).to_email
    if as_json:
        told = {"subject": letter.subject, "text": letter.text} if letter else None
        show_json({"changes": [c.ref for c in concerned], **value, "customer": seat.customer.ref if seat else None,
                   "letter": told})
        return
    _show_plan([c.ref for c in concerned], plan, value)
    if letter is not None:
        click.echo(f"\n{letter.subject}\n\n{letter.text.rstrip()}")


def _doubtful(act: Act, plan: Plan) -> list[dict[str, str]]:
    """The addresses to look at before these customers are written to."""
    owed = {seat.customer.id for seat in plan.included}
    return [{"customer": one.customer.ref, "contact": one.contact.email, "why": str(one.why)}
            for one in contact_checks.doubtful(act.session, act.now) if one.customer.id in owed]


def _show_plan(refs: list[str], plan: Plan, value: dict[str, Any]) -> None:
    counted = Counter(WORDS[s.why] for s in plan.seats)
    pairs({"Changes": refs, "Are told": value["included"], "Are not told": value["left_out"],
           "Because": "\n".join(f"{count} × {why}" for why, count in counted.most_common()),
           "By service": [f"{count} buy {slug}" for slug, count in plan.by_service.items()],
           "By language": [f"{count} in {name}" for name, count in plan.by_language.items()],
           "By contacts": [f"{count} with {n or 'no'} contact{'' if n == 1 else 's'}"
                           for n, count in plan.by_contacts.items()],
           "Letters": [f"{count} in {name}" for name, count in plan.letters.items()],
           "Nobody to write to": value["no_contact"],
           "Look at first": "\n".join(f"{one['customer']}, {one['contact']}: {one['why']}" for one in value["look_at"]),
           "Opens a window": plan.opens_window,
           "Earliest start": f"{plan.earliest}  {in_words(plan.deciding) or ''}".rstrip(),
           "Sent as a test to": value.get("sent_to")})


def _plan_value(plan: Plan) -> dict[str, Any]:
    return {
        "included": len(plan.included), "left_out": len(plan.seats) - len(plan.included),
        "opens_window": plan.opens_window, "earliest_start": plan.earliest,
        "decided_by": [s.customer.ref for s in plan.deciding],
        "by_service": plan.by_service, "by_language": plan.by_language, "by_contacts": plan.by_contacts,
        "letters": plan.letters, "no_contact": [s.customer.ref for s in plan.nobody],
        "audience": [{"customer": s.customer.ref, "included": s.included, "why": str(s.why)} for s in plan.seats],
    }


@changes.command()
@click.argument("refs", nargs=-1, required=True, metavar="REF...")
@click.option("--words", default="", help="A note for the log.")
@jsonable
@signed
def announce(refs: tuple[str, ...], words: str, as_json: bool, as_email: str) -> None:
    """Makes approved changes known: every customer concerned is owed a notice, and its letters leave.

    Refused while letters would only be written to the outbox folder, or nobody has proven that the reply address is
    read ('notifier reply').
    """
    with acting(as_email) as act:
        act.house.preflight(act.session, act.now)
        made = announcements.make_known(act.session, refs, actor=act.actor, now=act.now, words=words)
    if made.made_at is None:
        made = _written_to_its_end(act.house, made)
    if as_json:
        show_json({"ref": made.ref, "changes": list(dict.fromkeys(refs)), "included": made.included,
                   "left_out": made.left_out, "edition": made.edition_n})
    else:
        click.echo(f"{made.ref} announced: {made.included} customers are owed a notice, {made.left_out} are not; "
                   f"edition {made.edition_n} of the list.")


def _written_to_its_end(house: House, begun: Announcement) -> Announcement:
    """Many customers: their notices are written in many transactions, here, beside any worker. Raises Refusal
    given_up with the reasons where it cannot be made in the end."""
    made = announcing.until_made(house, begun.id or 0)
    house.database.close()
    if made.abandoned_at is not None:
        raise Refusal("given_up", ref=made.ref, details=[Sentence.from_json(s) for s in made.abandoned_why or ()])
    return made


for _verb in (dates.correct, dates.move_start, gate.release, gate.take_effect, gate.blockers,
              exceptions.confirm_separable, exceptions.exclude, exceptions.rechecks, exceptions.override,
              exceptions.irregular_start, diligence.vouch):
    changes.add_command(_verb)
