"""What a customer buys, and bought: a service no longer bought ends, bought again it begins anew."""

from __future__ import annotations

from datetime import date, timedelta

from notifier.house import House
from notifier.workflow import customers, verify
from tests import factory
from tests.factory import NOW, SYSTEM

TODAY = date(2026, 3, 2)


def _day(after: int) -> date:
    return TODAY + timedelta(days=after)


def _bought(house: House, after: int, *services: str) -> None:
    with house.database.transaction() as session:
        customers.upsert(session, [factory.customer("alpha", services=services)], actor=SYSTEM,
                         now=NOW + timedelta(days=after))


def _on(house: House, *days: int) -> list[frozenset[str] | None]:
    with house.database.reading() as session:
        alpha = customers.get(session, "alpha")
        return [customers.services_on(session, alpha.id or 0, _day(day)) for day in days]


def test_a_service_no_longer_bought_ends_and_bought_again_begins_a_new_period(house: House) -> None:
    with house.database.transaction() as session:
        factory.baseline(session)
    _bought(house, 0, "platform", "archive")
    _bought(house, 10, "platform")
    _bought(house, 20, "archive", "platform")
    both, one = frozenset({"platform", "archive"}), frozenset({"platform"})
    # Whatever was bought on the day the customer was taken in, it bought before: nobody knows since when.
    assert _on(house, -300, 0, 9, 10, 19, 20, 400) == [both, both, both, one, one, both, both]
    with house.database.reading() as session:
        alpha = customers.get(session, "alpha")
        assert [(p.slug, p.ended_on) for p in customers.periods(session, alpha.id or 0)] == [
            ("archive", _day(9)), ("platform", None), ("archive", None)]
        assert verify.chain(session) == []


def test_what_was_recorded_by_mistake_and_taken_back_the_same_day_was_never_bought(house: House) -> None:
    with house.database.transaction() as session:
        factory.baseline(session)
    _bought(house, 0, "platform", "archive")
    _bought(house, 0, "platform")
    assert _on(house, -1, 0) == [frozenset({"platform"})] * 2


def test_a_day_nothing_is_recorded_for_means_every_service(house: House) -> None:
    with house.database.transaction() as session:
        factory.baseline(session)
    _bought(house, 0)
    _bought(house, 5, "archive")
    _bought(house, 8)
    assert _on(house, 0, 4, 5, 7, 8) == [None, None, frozenset({"archive"}), frozenset({"archive"}), None]
