"""How far an announcement has come, once or for as long as letters are still to leave."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import click

from notifier.cli.acting import reading
from notifier.cli.printing import jsonable, pairs, show_json
from notifier.workflow import announcements
from notifier.workflow import progress as counts
from notifier.workflow.progress import Progress

LOOK_AGAIN = 1.0  # seconds between two looks of --watch


@click.command("progress")
@click.argument("announcement")
@click.option("--watch", is_flag=True, help="Stay, with a bar, until every letter has left.")
@jsonable
def progress(announcement: str, watch: bool, as_json: bool) -> None:
    """Counts an announcement's letters and notices by state, service and language."""
    found = _look(announcement)
    if watch:
        found = _watched(announcement, found)
    if as_json:
        show_json(found.to_json())
        return
    pairs({
        "announcement": found.ref, "notices given": f"{found.given} of {found.owed}",
        "notices": _told(found.notices), "letters": _told(found.letters),
        **{f"letters, {slug or 'no services on record'}": _told(n) for slug, n in found.letters_by_service.items()},
        **{f"letters, {language}": _told(n) for language, n in found.letters_by_language.items()},
    })


@contextmanager
def advancing(what: str, many: int) -> Iterator[Callable[[int], None]]:
    """A bar over many things, on stderr and only for a person who looks on: call what it gives with how many more are
    done."""
    with click.progressbar(length=many, label=what, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield bar.update


def _look(announcement: str) -> Progress:
    with reading() as act:
        return counts.of(act.session, announcements.get(act.session, announcement))


def _watched(announcement: str, found: Progress) -> Progress:
    """Waits for the last letter; the bar goes to stderr, so that --json stays one document."""
    everything = sum(found.letters.values())
    with click.progressbar(range(everything), label="letters", file=sys.stderr) as bar:
        bar.update(everything - found.to_leave)
        while found.to_leave:
            time.sleep(LOOK_AGAIN)
            before, found = found, _look(announcement)
            bar.update(max(before.to_leave - found.to_leave, 0))
    return found


def _told(states: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
