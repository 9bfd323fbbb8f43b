"""The rule for customers who come late to a change, as tables: what they are owed, and when a contract has ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from notifier.domain.joining import Fate, Joiner, Known, data_due_on, decide, ended

ANNOUNCED = Known(opens_window=True, edition=7, announced_on=date(2026, 3, 2))
STARTED = replace(ANNOUNCED, started_at=datetime(2026, 5, 4, 8, tzinfo=UTC), started_on=date(2026, 5, 4),
                  started_edition=9)
INFORMING, GONE = replace(ANNOUNCED, opens_window=False), replace(STARTED, opens_window=False)
BEFORE, MEANWHILE, SINCE = date(2026, 1, 5), date(2026, 4, 1), date(2026, 6, 1)
APRIL, JUNE = datetime(2026, 4, 1, 9, tzinfo=UTC), datetime(2026, 6, 1, 9, tzinfo=UTC)

ON_LIST, INFORMED, OWED, LATE = Fate.ON_LIST, Fate.INFORMED, Fate.OWED, Fate.LATE


@pytest.mark.parametrize(
    ("began_on", "annex", "bought_at", "announced", "started"),
    [
        # signed after the announcement, with the change in the annex it accepted
        (MEANWHILE, 7, None, INFORMED, INFORMED),
        (MEANWHILE, 8, None, INFORMED, INFORMED),
        (MEANWHILE, 9, None, INFORMED, ON_LIST),
        # signed on the very day of the announcement: the annex tells
        (ANNOUNCED.announced_on, 7, None, INFORMED, INFORMED),
        (ANNOUNCED.announced_on, 6, None, OWED, LATE),
        # an older annex, or one from before any edition
        (MEANWHILE, 6, None, OWED, LATE),
        (MEANWHILE, 0, None, OWED, LATE),
        (SINCE, 6, None, OWED, LATE),
        # the contract began earlier, whatever annex is recorded
        (BEFORE, 1, None, OWED, LATE),
        (BEFORE, 7, None, OWED, LATE),
        (BEFORE, 9, None, OWED, LATE),
        # an affected service bought meanwhile, or once the change was on the list
        (BEFORE, 1, APRIL, OWED, LATE),
        (MEANWHILE, 7, APRIL, OWED, LATE),
        (BEFORE, 1, JUNE, OWED, ON_LIST),
        # signed once it was in effect
        (SINCE, 9, None, INFORMED, ON_LIST),
        (SINCE, 12, None, INFORMED, ON_LIST),
        # nothing tells which annex: never held against the customer while the change is to come
        (MEANWHILE, None, None, OWED, LATE),
        (BEFORE, None, None, OWED, LATE),
        (SINCE, None, None, OWED, ON_LIST),
    ],
)
def test_what_a_customer_is_owed_follows_from_its_annex_and_from_when_it_came(
    began_on: date, annex: int | None, bought_at: datetime | None, announced: Fate, started: Fate
) -> None:
    joiner = Joiner(began_on, annex, bought_at)
    assert decide(ANNOUNCED, joiner) is announced
    assert decide(STARTED, joiner) is started


def test_of_a_change_that_only_informs_nothing_is_owed_once_it_is_in_effect() -> None:
    for joiner in (Joiner(BEFORE, 1), Joiner(MEANWHILE, 6), Joiner(BEFORE, None)):
        assert decide(INFORMING, joiner) is Fate.OWED
        assert decide(GONE, joiner) is Fate.ON_LIST


def test_a_later_announcement_of_the_same_change_asks_for_a_later_annex() -> None:
    corrected = replace(ANNOUNCED, edition=8)
    assert decide(ANNOUNCED, Joiner(MEANWHILE, 7)) is Fate.INFORMED
    assert decide(corrected, Joiner(MEANWHILE, 7)) is Fate.OWED


@pytest.mark.parametrize(
    ("contract_end", "over"),
    [(None, False), (date(2026, 3, 1), True), (date(2026, 3, 2), False), (date(2026, 3, 3), False)],
)
def test_a_contract_has_ended_when_its_last_day_is_over(contract_end: date | None, over: bool) -> None:
    assert ended(contract_end, date(2026, 3, 2)) is over


def test_data_is_due_a_number_of_days_after_the_end_of_the_contract() -> None:
    assert data_due_on(date(2026, 12, 31), 120) == date(2027, 4, 30)
    assert data_due_on(date(2028, 2, 28), 1) == date(2028, 2, 29)
