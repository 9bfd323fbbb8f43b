"""Files coming in: the list of sub-processors, and the customers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import click
from sqlmodel import Session, col, select

from notifier.cli.acting import Act, Noun, acting, administering, opened, reading, signed
from notifier.cli.printing import cell, day, jsonable, show_json
from notifier.domain.changes import Item, kind_of
from notifier.domain.refusals import Refusal
from notifier.domain.register import FIELD_NAMES, differences
from notifier.tables import Engagement
from notifier.workflow import changes, customer_imports, customers, listing, notice_imports, takeovers
from notifier.workflow import imports as files
from notifier.workflow import register as list_verbs
from notifier.workflow.answers import about, item_value
from notifier.workflow.drafts import refuse_unsold
from notifier.workflow.imports import Sheet
from notifier.workflow.proposals import Answers, Proposal, propose
from notifier.workflow.sheets import load

FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


def _pair(value: str) -> tuple[str, str]:
    """An option's type: an engagement's reference and a row's name. Click's usage error for anything else."""
    ref, _, name = (part.strip() for part in value.partition("="))
    if not ref or not name:
        raise click.BadParameter(f"“{value}” should be OLD_REF=NEW_NAME, as the question shows it.")
    return ref, name


Draft = tuple[tuple[Item, ...], tuple[str, str]]  # a change's items; its draft's reference, or why there is none


@click.group("import", cls=Noun)
def imports() -> None:
    """Takes in files: the list of sub-processors, the customers, notices that run elsewhere."""


@imports.command()
@click.argument("file", type=FILE)
@click.option("--baseline", is_flag=True, help="Take it as the starting list, without changes or notices.")
@click.option("--dry-run", is_flag=True, help="Only print what it would do.")
@click.option("--reason", default="", help="Why the changes are made; customers read it.")
@click.option("--start", type=day, metavar="YYYY-MM-DD", help="The planned start of the changes.")
@click.option("--same", type=_pair, multiple=True, metavar="OLD_REF=NEW_NAME", help="This row is that engagement.")
@click.option("--different", type=_pair, multiple=True, metavar="OLD_REF=NEW_NAME", help="This row is another one.")
@click.option("--replaces", type=_pair, multiple=True, metavar="OLD_REF=NEW_NAME", help="This row takes its place.")
@click.option("--activity", default="", help="The activity of every row, for a list that states none.")
@jsonable
@signed
def register(
    file: Path, baseline: bool, dry_run: bool, reason: str, start: date | None, same: tuple[tuple[str, str], ...],
    different: tuple[tuple[str, str], ...], replaces: tuple[tuple[str, str], ...], activity: str, as_json: bool,
    as_email: str,
) -> int:
    """Takes a list of sub-processors: csv, tsv, json, yaml, xlsx, Markdown or HTML.

    With --baseline it becomes the starting list. Without, its differences from the list of today are proposed
    as changes, one draft each. Headings may be English, German, French or Italian; a row needs a name and an
    activity; several things in one cell stand with “;” between them. Where it is unsure whether a row is an
    engagement of today it asks, proposes nothing for the two, and exits with 1: call it again with the answer.

    \b
    notifier import register list.csv --baseline
    notifier import register new-list.xlsx --dry-run
    notifier import register new-list.xlsx --same "acme=Acme Ireland Ltd"
    """
    sheet = files.read_register(file.name, load(file), activity)
    if baseline:
        _take_baseline(sheet, dry_run, as_json)
        return 0
    answers = Answers(frozenset(same), frozenset(different), frozenset(replaces))
    with reading() if dry_run else acting(as_email, proposing=True) as act:
        found = _with_free_refs(act.session, propose(list_verbs.current(act.session), sheet, answers))
        drafts = [(items, ("", "") if dry_run else _draft(act, items, reason, start)) for items in found.changes]
    (_show_json if as_json else _show)(found, drafts, sheet, dry_run)
    return 1 if found.questions and not dry_run else 0


def _take_baseline(sheet: Sheet, dry_run: bool, as_json: bool) -> None:
    house = opened()
    with house.database.reading() as session:
        if session.exec(select(Engagement.id)).first() is not None:
            raise Refusal("baseline_exists")
    edition = None
    if not dry_run:
        with administering(house) as act:
            list_verbs.take_baseline(act.session, sheet.values, actor=act.actor, now=act.now)
            edition = listing.new_edition(act.session, "baseline", act.now).n
    if as_json:
        show_json({"baseline": not dry_run, "engagements": [value.ref for value in sheet.values], "edition": edition,
                   "notes": [str(note) for note in sheet.notes], "unknown_columns": sheet.unknown})
        return
    done = "would be" if dry_run else "are"
    click.echo(f"{len(sheet.values)} engagements {done} the starting list"
               + (f", edition {edition}." if edition else "."))
    for note in sheet.notes:
        click.echo(f"Note: {note}.")
    _say_unknown(sheet.unknown)


def _show_json(found: Proposal, drafts: Sequence[Draft], sheet: Sheet, dry_run: bool) -> None:
    show_json({
        "changes": [{"kind": kind_of(item.before, item.after), "about": about(item), **item_value(item),
                     "change": ref or None, "left_out": why or None}
                    for items, (ref, why) in drafts for item in items],
        "questions": [{"old_ref": q.before.ref, "old": q.before.to_json(), "new_ref": q.row.ref, "new": q.row.to_json()}
                      for q in found.questions],
        "notes": [str(note) for note in found.notes],
        "unknown_columns": sheet.unknown,
        "unknown_cells": {e.value.ref: e.extra for e in sheet.entries if e.extra},
        "dry_run": dry_run,
    })


def _show(found: Proposal, drafts: Sequence[Draft], sheet: Sheet, dry_run: bool) -> None:
    for items, (ref, why) in drafts:
        for n, item in enumerate(items):
            click.echo(f"{'' if n else ref:<5} {_told(item)}")
        if why:
            click.echo(f"      left out: {why}")
    for q in found.questions:
        name = q.row.ref if [v.legal_name for v in sheet.values].count(q.row.legal_name) > 1 else q.row.legal_name
        answer = shlex.quote(f"{q.before.ref}={name}")
        click.echo(f"asked   {q.before.ref}: is “{q.before.legal_name}: {q.before.activity}” the same as "
                   f"“{q.row.legal_name}: {q.row.activity}” in the file?\n"
                   f"      yes: --same {answer}\n      no:  --different {answer}")
    for note in found.notes:
        click.echo(f"Note: {note}.")
    proposed = len(drafts) - sum(bool(why) for _, (_, why) in drafts)
    if drafts:
        click.echo(f"{proposed} changes {'would be' if dry_run else 'are'} proposed.")
    elif not found.questions:
        click.echo("The file says what the list says: nothing to propose.")
    if found.questions:
        click.echo(f"{len(found.questions)} questions are open: nothing is proposed for what they are about. "
                   "Call it again with the answers.")
    _say_unknown(sheet.unknown)


def _with_free_refs(session: Session, found: Proposal) -> Proposal:
    """Additions keep clear of the references of engagements that have ended, and of services nobody sells."""
    used = set(session.exec(select(Engagement.ref).where(col(Engagement.ended_on).is_not(None))))

    def freed(item: Item) -> Item:
        held = item.before.services if item.before else ()
        refuse_unsold(session, [name for name in (item.after.services if item.after else ()) if name not in held])
        if item.after is not None and item.after.ref in used and (item.before is None or item.before.ref != item.ref):
            return Item(item.before, item.after.with_(ref=list_verbs.free_ref(session, item.after.ref)))
        return item

    return replace(found, changes=tuple(tuple(map(freed, items)) for items in found.changes))


def _draft(act: Act, items: Sequence[Item], reason: str, start: date | None) -> tuple[str, str]:
    """The draft's reference, or why there is none: an engagement whose change is under way waits for that."""
    try:
        change = changes.propose(act.session, items, reason=reason, planned_start=start, actor=act.actor, now=act.now)
    except Refusal as refusal:
        if refusal.code != "already_pending":
            raise
        return "", str(refusal.sentence)
    return change.ref, ""


def _told(item: Item) -> str:
    said = f"{kind_of(item.before, item.after):<7} {item.ref}: {about(item)}"
    if item.before is None or item.after is None:
        return said
    for name in differences(item.before, item.after):
        old, new = cell(getattr(item.before, name)), cell(getattr(item.after, name))
        said += f"\n      {FIELD_NAMES[name]}: {old or '(not recorded)'} → {new or '(nothing)'}"
    return said


def _say_unknown(unknown: Sequence[str]) -> None:
    if unknown:
        click.echo(f"Columns nobody understood, left out: {', '.join(unknown)}.")


@imports.command("notices")
@click.argument("file", type=FILE)
@click.option("--files", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=None,
              help="The folder of the proofs (default: that of FILE).")
@click.option("--mail-links", is_flag=True, help="Mail each customer the link to its page.")
@click.option("--dry-run", is_flag=True, help="Only check the file.")
@jsonable
@signed
def import_notices(
    file: Path, folder: Path | None, mail_links: bool, dry_run: bool, as_json: bool, as_email: str
) -> None:
    """Takes over notices that run elsewhere already, with their proofs: csv, tsv, json, yaml or xlsx.

    Columns: customer_ref, change (approved or announced here), informed_on and/or received_at, proof (email,
    registered, hand, portal, other), proof_file, last_day promised there; and planned_start, acknowledged, objected,
    objection. All rows are taken or none. No letter leaves to these customers; those the change concerns who are not in
    the file are told from here.

    \b
    notifier import notices running.csv --files proofs --dry-run
    """
    rows = notice_imports.read_notices(file.name, load(file))
    proofs = notice_imports.load_proofs(rows, folder or file.parent)
    if dry_run:
        with reading() as act:
            plan = takeovers.plan(act.session, rows, proofs, act.now)
        value: dict[str, Any] = {"taken": plan.taken, "unchanged": plan.unchanged, "owed": plan.left, "mailed": 0,
                                 "announcements": [], "dry_run": True}
    else:
        with acting(as_email) as act:
            act.house.preflight(act.session, act.now)
            made = takeovers.take_over(act.session, rows, proofs, actor=act.actor, now=act.now)
            mailed = sum(takeovers.mail_pages(act.session, a.ref, actor=act.actor, now=act.now)
                         for a in made.announcements) if mail_links else 0
            value = {"taken": made.notices, "unchanged": made.unchanged, "owed": made.owed, "mailed": mailed,
                     "announcements": [a.ref for a in made.announcements], "dry_run": False}
    if as_json:
        show_json(value)
        return
    done = "would be" if dry_run else "are"
    click.echo(f"{value['taken']} notices {done} taken over, {value['unchanged']} were already; "
               f"{value['owed']} other customers {done} owed a notice from here.")
    if value["mailed"]:
        click.echo(f"{value['mailed']} customers are mailed the link to their page.")


@imports.command("customers")
@click.argument("file", type=FILE)
@click.option("--skip-bad", is_flag=True, help="Leave out customers with a bad row, take the others.")
@click.option("--dry-run", is_flag=True, help="Only check the file.")
@jsonable
def import_customers(file: Path, skip_bad: bool, dry_run: bool, as_json: bool) -> None:
    """Takes customers, by their customer_ref: csv, tsv, json or yaml, one row per contact.

    Repeated rows of one customer merge. Every bad row is reported with its line; nothing is taken then, unless
    --skip-bad. What the file has no column for stays as it is.

    \b
    notifier import customers customers.csv
    """
    sheet = customer_imports.read_customers(file.name, load(file))
    if sheet.faults and not skip_bad:
        raise Refusal("bad_file", details=sheet.faults)
    house = opened()
    added = updated = 0
    if not dry_run:
        with administering(house) as act:
            entries = customer_imports.completed(act.session, sheet)
            added, updated = customers.upsert(act.session, entries, actor=act.actor, now=act.now)
    if as_json:
        show_json({"added": added, "updated": updated, "left_out": sheet.left_out,
                   "faults": [str(fault) for fault in sheet.faults], "unknown_columns": sheet.unknown})
        return
    click.echo(f"{len(sheet.entries)} customers are sound; nothing was taken." if dry_run
               else f"{added} customers added, {updated} updated.")
    for fault in sheet.faults:
        click.echo(f"Left out, {fault}")
    _say_unknown(sheet.unknown)
