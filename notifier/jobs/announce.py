"""Announcing to many: begun by a person at a door, written on by whoever is free, made known in one last transaction.

Every part is a transaction of its own and starts behind the last customer on the roll, so this may be killed anywhere
and run side by side: what one has written another does not write again.
"""

from __future__ import annotations

import logging
import time

import sqlalchemy as sa

from notifier import clock
from notifier.domain.people import Door, system
from notifier.domain.refusals import Refusal
from notifier.house import House, at_work
from notifier.tables import Announcement, User
from notifier.workflow import announcements, people, rolls
from notifier.workflow.garbage import uncollected

log = logging.getLogger("notifier.announce")
MINUTE = 60.0  # seconds a job goes on before it rings for the next one
BREATH = 0.1  # seconds SQLite is left to others between two parts: who waits for it looks at least so often
JOB = "notifier.jobs.announce.proceed"
ACTOR = system(Door.JOB)


def proceed() -> int:
    """The job: goes on with every announcement that was begun; returns how many it finished. Safe to run twice."""
    return run(at_work())


def run(house: House) -> int:
    """Works until no announcement waits or a minute is up; then it rings for the next one."""
    began, done = time.monotonic(), 0
    while time.monotonic() - began < MINUTE:
        with house.database.reading() as session:
            waiting, litter = announcements.unfinished(session), announcements.litter(session)
        if waiting:
            done += step(house, waiting[0])
        elif litter is not None:
            with house.database.transaction() as session:
                rolls.clear(session, litter)
            _let_others_in(house, time.monotonic())
        else:
            return done
    house.ring(JOB)
    return done


def until_made(house: House, number: int) -> Announcement:
    """Goes on with one announcement to its end, beside any worker: made, or given up (`abandoned_at`). For a shell
    that waits for it."""
    while True:
        with house.database.reading() as session:
            announcement = session.get_one(Announcement, number)
        if announcement.made_at is not None or announcement.abandoned_at is not None:
            return announcement
        step(house, announcement)


def step(house: House, announcement: Announcement) -> bool:
    """One transaction further; True when the announcement is made, or given up because it is refused by now."""
    try:
        with uncollected():
            made = _write_or_finish(house, announcement)
    except Refusal as why:
        with house.database.transaction() as session:
            announcements.give_up(session, announcement.id or 0, why, actor=ACTOR, now=clock.now())
        log.warning("announcement %s cannot be made: %s", announcement.ref, why)
        return True
    if made:
        log.info("announcement %s is made", announcement.ref)
        _count_rows(house)
        house.ring_all()
    return made


def _count_rows(house: House) -> None:
    """PostgreSQL plans by what it last counted: before it has counted so many new rows, workers would search all of
    them for their fifty letters."""
    if not house.database.sqlite:
        with house.database.transaction() as session:
            session.execute(sa.text("ANALYZE notice, notice_change, delivery, link"))


def _let_others_in(house: House, since: float) -> None:
    """SQLite hands its one lock to whoever happens to look: it has to be free for as long as others may look away. What
    was read `since` is time enough already where it took that long."""
    if house.database.sqlite:
        time.sleep(max(0.0, since + BREATH - time.monotonic()))


def _write_or_finish(house: House, announcement: Announcement) -> bool:
    """Reads outside of any lock; then writes a part or, where the whole roll is written, makes it known."""
    number, now, began = announcement.id or 0, clock.now(), time.monotonic()
    with house.database.reading() as session:
        part = announcements.draft(session, announcement, now)
        roll = None if part else announcements.check(session, announcement, now)
    _let_others_in(house, began)
    if part:
        with house.database.transaction() as session:
            announcements.write_part(session, number, part, now=clock.now())
    if roll is None:
        return False
    with house.database.transaction() as session:
        user = session.get(User, announcement.made_by) if announcement.made_by else None
        actor = people.actor_for(user, Door.JOB) if user and user.disabled_at is None else ACTOR
        return announcements.finish(session, number, roll, actor=actor, now=clock.now())
