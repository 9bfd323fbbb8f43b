"""Looks after accepted letters of which nothing is heard: Mailjet is asked, the other rules need no asking."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from notifier import clock
from notifier.domain.people import Actor, Door, Kind, system
from notifier.domain.states import DeliveryState
from notifier.house import House, at_work
from notifier.jobs import events
from notifier.mail.events import polled_advice
from notifier.mail.transport import LookupFailed, Transport
from notifier.tables import Delivery
from notifier.workflow import unheard
from notifier.workflow.unheard import KINDS, Told

log = logging.getLogger("notifier.polling")
PROVIDER, ACTOR = Actor(Kind.PROVIDER, Door.JOB), system(Door.JOB)
ASKED = "mailjet"  # the one transport whose `lookup` tells what became of a letter after it was taken
AT_ONCE = 50
MINUTE = 60.0  # seconds a run goes on; then it rings for the next one
PATIENCE = 3  # questions in a row without an answer, after which the others are not put


def ask() -> int:
    """The job: looks after every accepted letter that is due, and returns how many. Safe to run twice."""
    return run(at_work())


def run(house: House) -> int:
    """Asks outside of any transaction; what the provider says of 50 letters is taken in by one."""
    began, handled = time.monotonic(), 0
    while time.monotonic() - began < MINUTE:
        with house.database.reading() as session:
            rows = unheard.waiting(session, AT_ONCE, clock.now())
        if not rows:
            return handled
        askable = [row for row in rows
                   if row.state == DeliveryState.ACCEPTED and row.transport == ASKED == house.transport.name]
        told = _answers(house.transport, askable, began + MINUTE)
        _look_after(house, askable, told)
        _look_after(house, [row for row in rows if row not in askable], None)
        handled += len(rows)
    house.ring("notifier.jobs.polling.ask")
    return handled


def _answers(transport: Transport, rows: Sequence[Delivery], until: float) -> dict[str, Told]:
    """By letter what the provider says; a provider that keeps silent is not asked on."""
    told: dict[str, Told] = {}
    silent = 0
    for row in rows:
        if silent >= PATIENCE or time.monotonic() > until:
            break
        try:
            outcome = transport.lookup(row.ref)
        except LookupFailed as error:
            silent += 1
            log.warning("the provider does not say what became of %s: %s", row.ref, error)
            continue
        silent = 0
        status = outcome.code if outcome else "not found"
        told[row.ref] = Told(KINDS.get(status, ""), status)
    return told


def _look_after(house: House, rows: Sequence[Delivery], told: dict[str, Told] | None) -> None:
    if not rows:
        return
    now = clock.now()
    known = [event for row in rows if told and row.ref in told
             for event in unheard.polled(row, told[row.ref], now, polled_advice(told[row.ref].status))]
    said = {ref: one.status for ref, one in told.items()} if told is not None else None
    with house.database.transaction() as session:
        events.take_in(session, known, actor=PROVIDER, now=now)
        unheard.look_after(session, [row.ref for row in rows], said, actor=ACTOR, now=now)
    house.ring("notifier.jobs.deliver.deliver")  # the next contact may have been owed a letter
