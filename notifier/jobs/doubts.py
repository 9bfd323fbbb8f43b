"""Letters of unknown outcome: looked for at the provider, and sent again only when they are surely not there."""

from __future__ import annotations

import logging

from notifier import clock
from notifier.domain.people import Door, system
from notifier.house import House, open_house
from notifier.mail.transport import LookupFailed
from notifier.workflow import deliveries

log = logging.getLogger("notifier.doubts")
ACTOR = system(Door.JOB)
AT_ONCE = 200  # letters a run looks for; the clock rings again


def settle() -> int:
    """The job: looks for every doubtful letter that may be looked for now, and returns how many. Safe to run twice."""
    return run(open_house())


def run(house: House) -> int:
    """One look and one short transaction a letter; the provider is asked outside of any."""
    with house.database.reading() as session:
        refs = [row.ref for row in deliveries.doubtful(session, house.transport.name, AT_ONCE, clock.now())]
    for ref in refs:
        try:
            outcome = house.transport.lookup(ref)
            found, words = outcome is not None, outcome.words if outcome else "not found at the provider"
        except LookupFailed as error:
            found, words = None, str(error)
            log.warning("nobody can say what became of %s: %s", ref, error)
        with house.database.transaction() as session:
            deliveries.settle_doubt(session, ref, found, actor=ACTOR, now=clock.now(), words=words)
    house.ring("notifier.jobs.deliver.deliver")
    return len(refs)
