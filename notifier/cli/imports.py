"""Files coming in: the list of sub-processors, and the customers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click
from sqlmodel import Session, col, select

from notifier.cli.acting import Act, Noun, acting, administering, opened, reading, signed
from notifier.cli.changes import about, item_value, refuse_unsold
from notifier.cli.printing import cell, day, jsonable, show_json
from notifier.domain.changes import Item, kind_of
from notifier.domain.refusals import Refusal
from notifier.domain.register import FIELD_NAMES, differences
from notifier.tables import Engagement
from notifier.workflow import changes, customer_imports, customers, listing
from notifier.workflow import imports as files
from notifier.workflow import register as list_verbs
from notifier.workflow.imports import Sheet

FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.group("import", cls=Noun)
def imports() -> None:
    """Takes in files: the list of sub-processors, the customers."""


@imports.command()
@click.argument("file", type=FILE)
@click.option("--baseline", is_flag=True, help="Take it as the starting list, without changes or notices.")
@click.option("--dry-run", is_flag=True, help="Only print what it would do.")
@click.option("--reason", default="", help="Why the changes are made; customers read it.")
@click.option("--start", type=day, metavar="YYYY-MM-DD", help="The planned start of the changes.")
@jsonable
@signed
def register(
    file: Path, baseline: bool, dry_run: bool, reason: str, start: date | None, as_json: bool, as_email: str
) -> None:
    """Takes a list of sub-processors: csv, tsv, json or yaml.

    With --baseline it becomes the starting list. Without, its differences from the list of today are proposed
    as changes, one draft each. Headings may be English, German, French or Italian; a row needs a name and an
    activity; several things in one cell stand with “;” between them.

    \b
    notifier import register list.csv --baseline
    notifier import register new-list.csv --dry-run
    """
    sheet = files.read_register(file.name, file.read_bytes())
    if baseline:
        _take_baseline(sheet, dry_run, as_json)
    else:
        _propose(sheet, dry_run, reason, start, as_json, as_email)


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
                   "unknown_columns": sheet.unknown})
        return
    done = "would be" if dry_run else "are"
    click.echo(f"{len(sheet.values)} engagements {done} the starting list"
               + (f", edition {edition}." if edition else "."))
    _say_unknown(sheet.unknown)


def _propose(
    sheet: Sheet, dry_run: bool, reason: str, start: date | None, as_json: bool, as_email: str
) -> None:
    with reading() if dry_run else acting(as_email, proposing=True) as act:
        items = _items(act.session, sheet)
        drafts = [(item, ("", "") if dry_run else _draft(act, item, reason, start)) for item in items]
    if as_json:
        show_json({
            "changes": [{"kind": kind_of(item.before, item.after), "about": about(item), **item_value(item),
                         "change": ref or None, "left_out": why or None} for item, (ref, why) in drafts],
            "unknown_columns": sheet.unknown,
        })
        return
    for item, (ref, why) in drafts:
        click.echo(f"{ref:<5} {_told(item)}" + (f"\n      left out: {why}" if why else ""))
    proposed = len(drafts) - sum(bool(why) for _, (_, why) in drafts)
    click.echo(f"{proposed} changes {'would be' if dry_run else 'are'} proposed." if drafts
               else "The file says what the list says: nothing to propose.")
    _say_unknown(sheet.unknown)


def _items(session: Session, sheet: Sheet) -> list[Item]:
    """The differences; additions keep clear of the references of engagements that have ended."""
    used = set(session.exec(select(Engagement.ref).where(col(Engagement.ended_on).is_not(None))))
    found = []
    for item in files.differences(list_verbs.current(session), sheet):
        if item.before is None and item.after is not None and item.after.ref in used:
            item = Item(None, item.after.with_(ref=list_verbs.free_ref(session, item.after.ref)))
        held = item.before.services if item.before else ()
        refuse_unsold(session, [name for name in (item.after.services if item.after else ()) if name not in held])
        found.append(item)
    return found


def _draft(act: Act, item: Item, reason: str, start: date | None) -> tuple[str, str]:
    """The draft's reference, or why there is none: an engagement whose change is under way waits for that."""
    try:
        change = changes.propose(act.session, [item], reason=reason, planned_start=start, actor=act.actor, now=act.now)
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
    sheet = customer_imports.read_customers(file.name, file.read_bytes())
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
