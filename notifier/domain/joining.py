"""Customers who come to a change late: who signed, bought or was found after it was announced.

What such a customer is owed follows from the annex it accepted and from when it came (GDPR 28(2): informed *before*
the change, so that it can object). Nothing known of a customer is never held against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of a customer that is on no roll of a change which concerns it: nothing, since the change was on the
    list when it came; informed by its annex, without a window; owed a notice of its own; or told late."""

    ON_LIST = "on_list"
    INFORMED = "informed"
    OWED = "owed"
    LATE = "late"


@dataclass(frozen=True)
class Known:
    """How a change became known. `edition`: the first one that tells it as it stands now; `started_*` are empty before
    it is in effect, else the moment, its civil day and the first edition that tells it."""

    opens_window: bool
    edition: int
    announced_on: date
    started_at: datetime | None = None
    started_on: date | None = None
    started_edition: int | None = None


@dataclass(frozen=True)
class Joiner:
    """How a customer came. `annex`: the edition of the list in the annex it accepted, 0 for one older than any, None
    where nothing tells; `bought_at`: when the first service the change concerns was bought, None for one that was
    bought with the contract."""

    began_on: date
    annex: int | None
    bought_at: datetime | None = None


def decide(change: Known, joiner: Joiner) -> Fate:
    """What a customer with no notice of a change is owed. `change` is announced or in effect, and concerns it."""
    if _had_it(change, joiner):
        return Fate.ON_LIST
    accepted = joiner.annex is not None and joiner.annex >= change.edition
    if accepted and joiner.began_on >= change.announced_on and joiner.bought_at is None:
        return Fate.INFORMED
    return Fate.OWED if change.started_at is None else Fate.LATE


def _had_it(change: Known, joiner: Joiner) -> bool:
    """Whether the change was in effect, on the list, when the customer signed or bought."""
    if change.started_at is None or change.started_on is None:
        return False
    if not change.opens_window or (joiner.bought_at is not None and joiner.bought_at >= change.started_at):
        return True
    if joiner.annex is None:
        return joiner.began_on >= change.started_on
    return (joiner.began_on >= change.announced_on and joiner.bought_at is None
            and change.started_edition is not None and joiner.annex >= change.started_edition)


def ended(contract_end: date | None, today: date) -> bool:
    """Whether a contract has ended: its last day is over. From then on no notices, and the gate looks past it."""
    return contract_end is not None and contract_end < today


def data_due_on(contract_end: date, days: int) -> date:
    """The civil day by which the data of a customer has to be deleted or anonymised: by the agreement 120 days after
    the end of the contract, unless the organisation set another number."""
    return contract_end + timedelta(days)
