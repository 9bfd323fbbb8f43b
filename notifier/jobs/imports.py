"""Files of customers: looked at, so that a person can see what they would change, then taken in.

Everything stands in the upload's row: a job that is killed leaves nothing half done, and the clock rings for it again.
"""

from __future__ import annotations

import logging

from notifier import clock
from notifier.domain.refusals import Refusal
from notifier.house import House, open_house
from notifier.tables import CustomerUpload
from notifier.workflow import customer_intake, uploads
from notifier.workflow.customer_intake import Outlook

log = logging.getLogger("notifier.imports")
JOB = "notifier.jobs.imports.proceed"


def proceed() -> int:
    """The job: does what waits for every upload; returns for how many. Safe to run twice."""
    return run(open_house())


def run(house: House) -> int:
    """Goes on with each upload by one step, and with what that made possible."""
    with house.database.reading() as session:
        numbers = uploads.waiting(session)
    for number in numbers:
        step(house, number)
    return len(numbers)


def step(house: House, number: int) -> None:
    """Looks at an upload, or takes it in where a person has asked for that."""
    now = clock.now()
    with house.database.reading() as session:
        row = session.get_one(CustomerUpload, number)
    try:
        sheet = uploads.sheet_of(row)
        if row.wanted_at is not None:
            with house.database.transaction() as session:
                if uploads.take(session, number, sheet, now=now):
                    log.info("upload %s: %s customers taken in", row.uid, len(sheet.entries))
            return
        found: Outlook | Refusal
        with house.database.reading() as session:
            found = customer_intake.look(session, sheet, now)
    except Refusal as why:
        if row.wanted_at is not None:
            with house.database.transaction() as session:
                uploads.give_up(session, number, why, now=now)
            return
        found, sheet = why, None
    with house.database.transaction() as session:
        uploads.looked(session, number, found, len(sheet.entries) + len(sheet.left_out) if sheet else 0, now=now)
