"""The audit chain: its head, and whether it and all rows still agree."""

from __future__ import annotations

import click

from notifier.cli.acting import Noun, reading
from notifier.cli.printing import jsonable, show_json
from notifier.tables import AuditEntry
from notifier.workflow import audit as verbs


@click.group(cls=Noun)
def audit() -> None:
    """The chained log of every act."""


@audit.command()
@jsonable
def verify(as_json: bool) -> int:
    """Recomputes the chain and holds every row against it. Exits 1 where one was altered, removed or added since."""
    from notifier.workflow import verify as check

    with reading() as act:
        faults = [str(fault) for fault in check.chain(act.session)]
        seq = verbs.head(act.session).seq
    if as_json:
        show_json({"sound": not faults, "entries": seq, "faults": faults})
    elif not faults:
        click.echo(f"The chain is sound: {seq} entries, and every row is as they tell it.")
    else:
        for fault in faults:
            click.echo(fault)
    return 1 if faults else 0


@audit.command()
@jsonable
def head(as_json: bool) -> None:
    """Shows the newest head of the chain: whoever keeps it can later prove that nothing before it was changed."""
    with reading() as act:
        held = verbs.head(act.session)
        entry = act.session.get(AuditEntry, held.seq)
    if as_json:
        show_json({"seq": held.seq, "hash": held.hash, "at": entry.at if entry else None})
    else:
        click.echo(f"{held.seq} {held.hash} {entry.at if entry else ''}".rstrip())
