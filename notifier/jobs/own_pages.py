"""Answers whoever asked for a link to its own page: known addresses are mailed one, the others hear nothing."""

from __future__ import annotations

from notifier import clock
from notifier.domain.people import Door, system
from notifier.house import House, open_house
from notifier.workflow import own_pages

ACTOR = system(Door.JOB)


def answer() -> int:
    """The job: answers what waits, and returns how many requests that were. Safe to run twice and side by side."""
    return run(open_house())


def run(house: House) -> int:
    """Answers until none waits, some in each transaction."""
    handled = 0
    while True:
        with house.database.transaction() as session:
            count = own_pages.answer(session, actor=ACTOR, now=clock.now())
        if count == 0:
            break
        handled += count
    if handled:
        house.ring("notifier.jobs.deliver.deliver")
    return handled
