"""Due diligence: vouching for sub-processors, the yearly look, and what is owed when an engagement ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click

from notifier.cli.acting import Noun, Verb, acting, reading, signed
from notifier.cli.printing import cell, day, jsonable, listed, show_json
from notifier.domain.changes import Item
from notifier.domain.evidence import MOST_BYTES, EvidenceKind, Given
from notifier.tables import Evidence
from notifier.workflow import answers, changes, evidence, offboarding, reviews
from notifier.workflow.reviews import Looked

Command = TypeVar("Command", bound=Callable[..., Any])
KIND = click.Choice([kind.value for kind in EvidenceKind])
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _document(command: Command) -> Command:
    """The options that say what is handed in."""
    for option in reversed((
        click.option("--file", "path", type=FILE, help="The document, at most 10 MB."),
        click.option("--link", default="", help="Where the document is, as a whole address."),
        click.option("--words", default="", help="What it shows; for selection, dpo and secrecy words alone will do."),
        click.option("--not-applicable", "reason", default="", metavar="REASON", help="Why it does not apply."),
        click.option("--customers-may-see", is_flag=True, help="The document is offered on the customers' notices."),
        click.option("--next-review", "again", type=day, metavar="YYYY-MM-DD",
                     help="When to look again, at most three years ahead (security_review: else in a year)."),
    )):
        command = option(command)
    return command


def _given(
    path: Path | None, link: str, words: str, reason: str, customers_may_see: bool, again: date | None
) -> Given:
    if words and reason:
        raise click.UsageError("Give --words or --not-applicable, not both.")
    return Given(reason or words, link, _read(path), bool(reason), customers_may_see, again)


def _read(path: Path | None) -> tuple[str, bytes] | None:
    if path is None:
        return None
    with path.open("rb") as file:
        return path.name, file.read(MOST_BYTES + 1)  # one byte more than may be: enough to be refused


@click.command(cls=Verb)
@click.argument("ref")
@click.argument("kinds", nargs=-1, type=KIND, metavar="KIND...")
@click.option("--kind", "named", multiple=True, type=KIND, hidden=True)
@click.option("--engagement", default="", help="Which one, where the change concerns several companies.")
@_document
@jsonable
@signed
def vouch(
    ref: str, kinds: tuple[str, ...], named: tuple[str, ...], engagement: str, as_json: bool, as_email: str,
    **given: Any,
) -> None:
    """Vouches for due-diligence items about a sub-processor; one document often answers for several.

    \b
    KIND is any of: security_review selection agreement standard_clauses dpo
    audit_rights further_subprocessors return_or_destruction secrecy

    \b
    notifier changes vouch C-7 agreement audit_rights return_or_destruction --file dpa.pdf
    notifier changes vouch C-7 security_review --file iso27001.pdf --customers-may-see
    notifier changes vouch C-7 dpo --not-applicable 'Fewer than twenty people process data there.'
    """
    chosen, document = _kinds((*kinds, *named)), _given(**given)
    with acting(as_email) as act:
        change = changes.get(act.session, ref)
        about = engagement or _only(changes.items_of(act.session, change))
        rows = evidence.vouch(act.session, change, about, chosen, document, actor=act.actor, now=act.now)
        left = [str(gap) for gap in changes.gaps(act.session, change, act.now)]
    if as_json:
        show_json({"ref": ref, "state": str(change.state), **_handed_in(rows), "missing": left})
        return
    click.echo(f"{ref} has {_said(rows)}")
    for gap in left:
        click.echo(f"  still missing: {gap}")


def _kinds(named: Sequence[str]) -> list[EvidenceKind]:
    if not named:
        raise click.UsageError(f"Name at least one KIND: {', '.join(EvidenceKind)}.")
    return [EvidenceKind(name) for name in dict.fromkeys(named)]


def _only(items: Sequence[Item]) -> str:
    """The engagement that is meant where none is named: of one company, whichever; its documents count for all."""
    if len({value.legal_name for item in items if (value := item.after or item.before)}) > 1:
        raise click.UsageError(f"Name one with --engagement: {', '.join(item.ref for item in items)}.")
    return items[0].ref


def _handed_in(rows: Sequence[Evidence]) -> dict[str, Any]:
    return {"engagement": rows[0].engagement_ref, "kinds": [row.kind for row in rows], "sha256": rows[0].blob_sha256,
            "next_review_on": next((row.next_review_on for row in rows if row.next_review_on), None)}


def _said(rows: Sequence[Evidence]) -> str:
    value = _handed_in(rows)
    sha256 = f", SHA-256 {value['sha256']}" if value["sha256"] else ""
    again = f"; to be looked at again by {value['next_review_on']}" if value["next_review_on"] else ""
    return f"{', '.join(value['kinds'])} vouched for{sha256}{again}."


def in_a_line(item: dict[str, Any]) -> str:
    """One item of due diligence, as `answers.vouched` gives it, for people."""
    marks = [mark for name, mark in (("not_applicable", "does not apply:"), ("customers_may_see", "customers may see:"))
             if item[name]]
    again = f"(again by {item['next_review_on']})" if item["next_review_on"] else ""
    parts = (*marks, item["file"] or item["link"], item["words"], again)
    return f"{item['kind']} of {item['engagement']}, {cell(item['at'])}  {' '.join(filter(None, parts))}".rstrip()


@click.group(cls=Noun)
def diligence() -> None:
    """Due diligence about the sub-processors in effect: reviews that fall due, and what is owed at the end."""


@diligence.command("list")
@jsonable
def list_engagements(as_json: bool) -> None:
    """Lists the engagements in effect: what is vouched for, what is not, the next review."""
    with reading() as act:
        today = evidence.today(act.session, act.now)
        rows = [_row(looked, today) for looked in reviews.every(act.session)]
    heads = {"engagement": "ENGAGEMENT", "legal_name": "COMPANY", "next_review": "NEXT REVIEW", "overdue": "OVERDUE",
             "lacking": "NOT VOUCHED FOR"}
    listed(rows, heads, as_json, none="No engagements yet: 'notifier import register FILE --baseline'.")


def _row(looked: Looked, today: date) -> dict[str, Any]:
    return {
        "engagement": looked.value.ref, "legal_name": looked.value.legal_name, "activity": looked.value.activity,
        "vouched": {kind: {"engagement": row.engagement_ref, "at": row.at, "not_applicable": row.not_applicable,
                           "next_review_on": row.next_review_on} for kind, row in looked.vouched.items()},
        "lacking": list(looked.lacking), "next_review": looked.next.due_on if looked.next else None,
        "overdue": looked.next is not None and looked.next.overdue(today),
    }


@diligence.command()
@click.argument("engagement")
@click.argument("kinds", nargs=-1, type=KIND, metavar="KIND...")
@_document
@jsonable
@signed
def renew(engagement: str, kinds: tuple[str, ...], as_json: bool, as_email: str, **given: Any) -> None:
    """Vouches anew for items about an engagement in effect: the yearly look, a newer certificate.

    \b
    notifier diligence renew hubspot security_review --file iso27001-2027.pdf
    """
    chosen, document = _kinds(kinds), _given(**given)
    with acting(as_email) as act:
        rows = evidence.renew(act.session, engagement, chosen, document, actor=act.actor, now=act.now)
    if as_json:
        show_json(_handed_in(rows))
    else:
        click.echo(f"{engagement} has {_said(rows)}")


@diligence.group("offboarding", cls=Noun)
def offboardings() -> None:
    """What is owed when an engagement has ended: its data returned or destroyed, and that confirmed."""


@offboardings.command("list")
@click.option("--open", "unconfirmed", is_flag=True, help="Only those nobody has confirmed.")
@jsonable
def list_offboardings(unconfirmed: bool, as_json: bool) -> None:
    """Lists the engagements that have ended, with what became of their data."""
    with reading() as act:
        today = evidence.today(act.session, act.now)
        rows = [answers.ending(each, today) for each in offboarding.every(act.session, unconfirmed=unconfirmed)]
    heads = {"id": "ID", "engagement": "ENGAGEMENT", "legal_name": "COMPANY", "ends_on": "ENDED", "due_on": "DUE",
             "overdue": "OVERDUE", "what": "CONFIRMED"}
    listed(rows, heads, as_json, none="Nothing has ended.")


def ending_in_a_line(value: dict[str, Any]) -> str:
    """One offboarding, as `answers.ending` gives it, for people."""
    ended = f"{value['engagement']} ended on {value['ends_on']}"
    if value["confirmed_at"]:
        shown = " ".join(filter(None, (value["file"], value["words"])))
        return f"{ended}; {value['what']}, confirmed {cell(value['confirmed_at'])}  {shown}".rstrip()
    return f"{ended}; {'overdue since' if value['overdue'] else 'to be confirmed by'} {value['due_on']}"


@offboardings.command()
@click.argument("number", type=int, metavar="ID")
@click.option("--what", type=click.Choice(list(offboarding.WHAT)), required=True, help="What became of the data.")
@click.option("--file", "path", type=FILE, help="The confirmation; only nothing_held can be said in words alone.")
@click.option("--words", default="", help="What was confirmed, by whom.")
@jsonable
@signed
def confirm(number: int, what: str, path: Path | None, words: str, as_json: bool, as_email: str) -> None:
    """Confirms that the data was returned or destroyed, or that nothing was held.

    \b
    notifier diligence offboarding confirm 3 --what destroyed --file protocol.pdf
    """
    with acting(as_email) as act:
        row = offboarding.confirm(act.session, number, what, words=words, file=_read(path), actor=act.actor,
                                  now=act.now)
    if as_json:
        show_json({"id": number, "what": what, "sha256": row.blob_sha256, "confirmed_at": row.confirmed_at})
    else:
        sha256 = f", SHA-256 {row.blob_sha256}" if row.blob_sha256 else ""
        click.echo(f"Offboarding {number} ({row.engagement_ref}) is confirmed: {what}{sha256}.")


@offboardings.command()
@click.argument("number", type=int, metavar="ID")
@click.argument("due_on", type=day, metavar="YYYY-MM-DD")
@click.option("--reason", required=True, help="Why it takes longer.")
@jsonable
@signed
def extend(number: int, due_on: date, reason: str, as_json: bool, as_email: str) -> None:
    """Moves the day by which it has to be confirmed, once, to a later one."""
    with acting(as_email) as act:
        row = offboarding.extend(act.session, number, due_on, reason, actor=act.actor, now=act.now)
    if as_json:
        show_json({"id": number, "due_on": row.due_on, "due_was": row.due_was})
    else:
        click.echo(f"Offboarding {number} ({row.engagement_ref}) is due on {row.due_on} now.")
