"""Letters of unknown outcome: looked for at the provider, and sent again only when they are surely not there."""

from __future__ import annotations

import logging
import time
from collections import Counter
from datetime import timedelta

from notifier import clock
from notifier.domain.people import Door, system
from notifier.domain.refusals import Refusal
from notifier.house import House, at_work
from notifier.mail.transport import LookupFailed, Transport
from notifier.settings import SettingsError
from notifier.workflow import doubts
from notifier.workflow.doubts import Look

log = logging.getLogger("notifier.doubts")
ACTOR = system(Door.JOB)
AT_ONCE = 200  # letters a run looks for; the clock rings again
SMTP = "smtp"  # a mail server cannot be asked afterwards, whichever it was
PATIENCE = 3  # questions in a row without an answer, after which the others are not put
MINUTE = 60.0  # seconds a run goes on; a provider that hangs must not hold up the worker's other jobs


def settle() -> int:
    """The job: looks for every doubtful letter that may be looked for now, and returns how many. Safe to run twice."""
    return run(at_work())


def run(house: House) -> int:
    """One look and one short transaction a letter; the provider is asked outside of any. Where it keeps silent, the
    others are put off without asking."""
    began, settled = time.monotonic(), 0
    with house.database.reading() as session:
        rows = [(row.ref, row.transport) for row in doubts.open_ones(session, AT_ONCE, clock.now())]
    silent: Counter[str] = Counter()
    for ref, name in rows:
        if time.monotonic() - began > MINUTE:
            break
        look = _look(house, ref, name, silent)
        with house.database.transaction() as session:
            if isinstance(look, str):
                doubts.strand(session, ref, look, actor=ACTOR, now=clock.now())
            elif look is None:
                doubts.wait_out(session, ref, actor=ACTOR, now=clock.now())
            else:
                doubts.settle(session, ref, look, actor=ACTOR, now=clock.now(),
                              look_again=timedelta(minutes=house.settings.look_again_minutes))
        settled += 1
    house.ring("notifier.jobs.deliver.deliver")
    return settled


_SILENT = Look(None, words="the provider gives no answer")


def _look(house: House, ref: str, name: str, silent: Counter[str]) -> Look | str | None:
    """What a look shows, at the transport the letter went out by, be it today's or not; None where nobody can be asked
    by its nature; in words why there is no access to it any more."""
    if name == SMTP:
        return None
    try:
        transport = house.transport_of(name)
    except (SettingsError, Refusal) as error:
        return str(error)
    look = None if not transport.looks else _SILENT if silent[name] >= PATIENCE else _asked(transport, ref)
    silent[name] = silent[name] + 1 if look is not None and look.there is None else 0
    return look


def _asked(transport: Transport, ref: str) -> Look:
    try:
        outcome = transport.lookup(ref)
    except LookupFailed as error:
        log.warning("nobody can say what became of %s: %s", ref, error)
        return Look(None, words=str(error))
    if outcome is None:
        return Look(False, words="looked for at the provider, and not found")
    words = " ".join(filter(None, ["found at the provider:", outcome.code, outcome.words]))
    return Look(True, outcome.provider_id, outcome.provider_uuid, words.removesuffix(":"))
