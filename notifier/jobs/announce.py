"""Announcing to many: begun by a person at a door, written on by whoever is free, made known in one last transaction.

Every part is a transaction of its own and starts behind the last customer on the roll, so this may be killed anywhere
and run side by side: what one has written another does not write again.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import sqlalchemy as sa

from notifier import clock
from notifier.domain.people import Door, system
from notifier.domain.refusals import Refusal
from notifier.house import House, at_work
from notifier.tables import Announcement, User
from notifier.workflow import announcements, people, rolls
from notifier.workflow.garbage import uncollected
from notifier.workflow.rolls import Part, Roll

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
    with Writer(house) as writer:
        while time.monotonic() - began < MINUTE:
            with house.database.reading() as session:
                waiting, litter = announcements.unfinished(session), announcements.litter(session)
            if waiting:
                done += writer.step(waiting[0])
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
    with Writer(house) as writer:
        while True:
            with house.database.reading() as session:
                announcement = session.get_one(Announcement, number)
            if announcement.made_at is not None or announcement.abandoned_at is not None:
                return announcement
            writer.step(announcement)


class Writer:
    """Goes on with announcements, step by step. While PostgreSQL writes one part the next is read: Python and the
    server each have a processor then. Not so on SQLite, which writes in this process, and lets nobody else write
    meanwhile: it is let do so undisturbed. At the end of the block nothing is read any more."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._reader = ThreadPoolExecutor(1, "roll")
        self._ahead: tuple[int, Future[Part]] | None = None  # of which announcement, and its next part

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.shutdown(cancel_futures=True)

    def step(self, announcement: Announcement) -> bool:
        """One transaction further; True when the announcement is made, or given up because it is refused by now."""
        house = self._house
        try:
            with uncollected():
                made = self._write_or_finish(announcement)
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

    def _write_or_finish(self, announcement: Announcement) -> bool:
        """Reads outside of any lock; then writes a part or, where the whole roll is written, makes it known."""
        began, part = time.monotonic(), self._part(announcement)
        if part.seats:
            _let_others_in(self._house, began)
            self._write(announcement, part)
            return False
        with self._house.database.reading() as session:
            roll = announcements.check(session, announcement, clock.now())
        if roll is None:
            return False
        rows = self._reader.submit(_told_of, self._house, announcement)
        if self._house.database.sqlite:
            rows.result()
        _let_others_in(self._house, began)
        return _finish(self._house, announcement, replace(roll, rows=rows.result))

    def _part(self, announcement: Announcement) -> Part:
        """The next part, read ahead or now. A refusal ahead may be older than the part before it: it is asked anew."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == announcement.id:
            with suppress(Refusal):
                return ahead[1].result()
        return _read(self._house, announcement, None)

    def _write(self, announcement: Announcement, part: Part) -> None:
        """Writes a part. What was read ahead is forgotten where it did not come to it: then the roll ends elsewhere."""
        number = announcement.id or 0
        ahead = None
        if not self._house.database.sqlite:
            ahead = number, self._reader.submit(_read, self._house, announcement, part.seats[-1].customer.id)
        with self._house.database.transaction() as session:
            written = announcements.write_part(session, number, part, now=clock.now())
        self._ahead = ahead if written else None


def _read(house: House, announcement: Announcement, behind: int | None) -> Part:
    with house.database.reading() as session:
        return announcements.draft(session, announcement, clock.now(), behind=behind)


def _told_of(house: House, announcement: Announcement) -> rolls.Told:
    with house.database.reading() as session:
        return rolls.told_of(session, announcement.id or 0)


def _finish(house: House, announcement: Announcement, roll: Roll) -> bool:
    with house.database.transaction() as session:
        user = session.get(User, announcement.made_by) if announcement.made_by else None
        actor = people.actor_for(user, Door.JOB) if user and user.disabled_at is None else ACTOR
        return announcements.finish(session, announcement.id or 0, roll, actor=actor, now=clock.now())


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
