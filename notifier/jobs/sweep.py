"""The clock's round: whatever is due by time alone, and whatever a lost ring left lying.

Two clocks may run; the one that holds the lease row acts. Each duty has a transaction of its own, so that
one that fails holds up none of the others.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain.people import Door, system
from notifier.house import House
from notifier.tables import Lease, ProviderPost
from notifier.workflow import (
    announcements,
    audit,
    consent_reminders,
    contact_checks,
    deliveries,
    doubts,
    idempotency,
    lanes,
    latecomers,
    listing,
    own_pages,
    recounts,
    releases,
    reminders,
    reviews,
    silence,
    unheard,
    uploads,
    withheld,
)

log = logging.getLogger("notifier.clock")
ACTOR = system(Door.CLOCK)
LEASE = timedelta(seconds=10)


def keep_going(house: House, stop: Callable[[], bool]) -> None:
    """Sweeps every `sweep_seconds` until `stop` says so. A database that is away is tried again."""
    holder = f"{socket.gethostname()}:{os.getpid()}"
    seen: tuple[int, str] | None = None
    while not stop():
        try:
            if _take_lease(house, holder):
                seen = once(house, seen)
        except SQLAlchemyError as error:
            log.error("the database does not answer: %s", str(error).splitlines()[0])
        time.sleep(house.settings.sweep_seconds)


def once(house: House, seen: tuple[int, str] | None = None) -> tuple[int, str]:
    """One round over all duties. Returns what the gate depended on; handed in again, a round in which neither the
    log nor the minute has moved does not ask the gate afresh for every customer of a blocked change."""
    now = clock.now()
    with house.database.reading() as session:
        stands = (audit.head(session).seq, now.strftime("%Y-%m-%dT%H:%M"))
        due = releases.due(session, now) if stands != seen else []
    for ref in due:
        _duty(house, f"start of {ref}", partial(releases.start_if_clear, ref=ref, actor=ACTOR, now=now))
    if stands != seen:
        _duty(house, "reviews and offboardings", partial(reviews.remind, actor=ACTOR, now=now))
        _duty(house, "questions for consent", partial(consent_reminders.remind, actor=ACTOR, now=now))
    if seen is None or stands[1] != seen[1]:  # once a minute
        _duty(house, "windows counted again", partial(recounts.recount, actor=ACTOR, now=now))
        _look_after_latecomers(house, now)  # a contract may begin, a service end by its day alone
    _duty(house, "reminders", partial(reminders.remind, actor=ACTOR, now=now))
    _duty(house, "contact checks", partial(contact_checks.ask, actor=ACTOR, now=now))
    _duty(house, "ended windows", partial(silence.note_ended, actor=ACTOR, now=now))
    _duty(house, "kept answers", partial(idempotency.forget, now=now))
    if stands != seen:
        _duty(house, "old uploads", partial(uploads.forget, now=now))
    _duty(house, "leases", partial(deliveries.release_leases, actor=ACTOR, now=now))
    with house.database.reading() as session:
        barred = withheld.any_waits(session)
    if barred:
        _duty(house, "letters to barred addresses", partial(withheld.withhold, actor=ACTOR, now=now))
    with house.database.reading() as session:
        bells = _bells(session, now, house.transport.name)
    for bell in bells:
        house.ring(bell)
    return stands


def _look_after_latecomers(house: House, now: datetime) -> None:
    """The net under every verb that lets customers in: mostly it finds nothing, and then it writes nothing."""
    with house.database.reading() as session:
        found = latecomers.due(session, now)
    if found:
        _duty(house, "latecomers", partial(latecomers.look_after, actor=ACTOR, now=now))


def _duty(house: House, name: str, act: Callable[[Session], object]) -> None:
    """One duty in a transaction of its own. One that fails is logged, tried again next round, and stops no other."""
    try:
        with house.database.transaction() as session:
            act(session)
    except Exception:
        log.exception("%s: failed, and is tried again", name)


def _bells(session: Session, now: datetime, transport: str) -> list[str]:
    """The jobs for which something waits."""
    found = []
    if lanes.free(session, transport, now) and deliveries.due(session, now):
        found.append("notifier.jobs.deliver.deliver")
    if doubts.open_ones(session, 1, now):
        found.append("notifier.jobs.doubts.settle")
    if unheard.waiting(session, 1, now):
        found.append("notifier.jobs.polling.ask")
    if session.exec(select(ProviderPost.id).where(col(ProviderPost.read_at).is_(None)).limit(1)).first():
        found.append("notifier.jobs.events.digest")
    if own_pages.unanswered(session):
        found.append("notifier.jobs.own_pages.answer")
    if announcements.unfinished(session) or announcements.litter(session) is not None:
        found.append("notifier.jobs.announce.proceed")
    if uploads.waiting(session):
        found.append("notifier.jobs.imports.proceed")
    newest = listing.newest(session)
    if newest is not None and listing.published_edition(session) < newest.n:
        found.append("notifier.jobs.publish.publish")
    return found


def _take_lease(house: House, holder: str) -> bool:
    """Whether this process is the one that acts. The lease runs on the machine's own clock, not the demo's."""
    now = clock.now() - clock.offset()
    with house.database.transaction() as session:
        row = session.exec(select(Lease).where(Lease.name == "clock").with_for_update()).first()
        if row is None:
            session.add(Lease(name="clock", holder=holder, until=now + LEASE))
            return True
        if row.holder != holder and row.until > now:
            return False
        row.holder, row.until = holder, now + LEASE
        return True
