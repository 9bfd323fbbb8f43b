"""The gate: each blocker stands for its own reason, and names a way out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from notifier.domain import gate
from notifier.domain.gate import Code, Facts, ObjectionFacts
from notifier.domain.states import ChangeState, NoticeState, ObjectionState

CLEAR = Facts(
    change_state=ChangeState.ANNOUNCED, planned_start=date(2026, 5, 4), today=date(2026, 5, 4),
    today_there=date(2026, 5, 4), now=datetime(2026, 5, 4, 8, 0, tzinfo=UTC), opens_window=True, specific=False,
    services=frozenset({"platform"}), notice_state=NoticeState.GIVEN, receipt_day=date(2026, 3, 3), notice_days=30,
    informed_enough_on=date(2026, 4, 3), window_ends_at=datetime(2026, 4, 2, 22, 0, tzinfo=UTC),
    last_day=date(2026, 4, 2), consent="",
)


def _codes(**changed: Any) -> list[Code]:
    return [b.code for b in gate.blockers(replace(CLEAR, **changed))]


def test_nothing_stands_in_the_way_of_a_proven_notice_whose_window_has_passed() -> None:
    assert _codes() == []


@pytest.mark.parametrize(("changed", "expected"), [
    ({"change_state": ChangeState.APPROVED}, [Code.NOT_APPROVED]),
    ({"change_state": ChangeState.WITHDRAWN}, [Code.WITHDRAWN]),
    ({"planned_start": None}, [Code.START_OPEN]),
    ({"planned_start": date(2026, 5, 5)}, [Code.BEFORE_START]),
    ({"notice_state": NoticeState.PENDING, "window_ends_at": None}, [Code.NOT_INFORMED]),
    ({"notice_state": NoticeState.UNDELIVERABLE}, [Code.NOT_INFORMED]),
    ({"informed_enough_on": date(2026, 5, 5)}, [Code.NOTICE_DAYS]),
    ({"window_ends_at": datetime(2026, 5, 4, 8, 0, 1, tzinfo=UTC)}, [Code.WINDOW_OPEN]),
    ({"window_ends_at": datetime(2026, 5, 4, 8, 0, tzinfo=UTC)}, []),
    ({"specific": True}, [Code.CONSENT_MISSING]),
    ({"specific": True, "consent": "no"}, [Code.CONSENT_REFUSED]),
    ({"specific": True, "consent": "yes"}, []),
    ({"opens_window": False, "notice_state": NoticeState.PENDING, "window_ends_at": None}, []),
    ({"contract_end": date(2026, 5, 3), "notice_state": NoticeState.PENDING}, []),
])
def test_each_reason_is_a_blocker_of_its_own(changed: dict[str, Any], expected: list[Code]) -> None:
    assert _codes(**changed) == expected


@pytest.mark.parametrize("state", list(ObjectionState))
def test_an_objection_holds_until_it_is_resolved_withdrawn_or_the_service_has_ended(state: ObjectionState) -> None:
    held = _codes(objections=[ObjectionFacts("O-1", state)])
    free = state in (ObjectionState.RESOLVED, ObjectionState.WITHDRAWN)
    assert held == ([] if free else [Code.OBJECTION_OPEN])


def test_a_termination_frees_only_the_services_it_names_and_only_from_the_day_after_their_end() -> None:
    ended = ObjectionFacts("O-1", ObjectionState.TERMINATED, {"platform": date(2026, 5, 4)})
    assert _codes(objections=[ended]) == [Code.OBJECTION_OPEN]
    tomorrow = {"today_there": date(2026, 5, 5), "now": datetime(2026, 5, 5, 8, 0, tzinfo=UTC)}
    assert _codes(objections=[ended], **tomorrow) == []
    both = frozenset({"platform", "archive"})
    assert _codes(objections=[ended], services=both, **tomorrow) == [Code.OBJECTION_OPEN]


def test_a_customer_whose_services_have_all_ended_is_gone_and_blocks_nothing() -> None:
    ended = ObjectionFacts("O-1", ObjectionState.TERMINATED, {"platform": date(2026, 5, 1)})
    facts = replace(CLEAR, objections=[ended], notice_state=NoticeState.PENDING, window_ends_at=None)
    assert gate.gone(facts)
    assert gate.blockers(facts) == []


def test_all_blockers_are_told_at_once_and_each_names_a_way_out() -> None:
    facts = replace(
        CLEAR, planned_start=date(2026, 6, 1), specific=True, informed_enough_on=date(2026, 5, 20),
        window_ends_at=datetime(2026, 5, 19, 22, 0, tzinfo=UTC),
        objections=[ObjectionFacts("O-1", ObjectionState.FILED)],
    )
    found = gate.blockers(facts)
    assert [b.code for b in found] == [
        Code.BEFORE_START, Code.NOTICE_DAYS, Code.WINDOW_OPEN, Code.CONSENT_MISSING, Code.OBJECTION_OPEN]
    assert all(str(b.way_out) for b in found)
    assert set(gate.WAYS_OUT) == set(Code)


def test_a_window_that_runs_beside_the_start_does_not_hold_it_up() -> None:
    running = {"window_ends_at": datetime(2026, 6, 3, 22, 0, tzinfo=UTC), "last_day": date(2026, 6, 3)}
    assert _codes(**running) == [Code.WINDOW_OPEN]
    assert _codes(**running, window_holds=False) == []
    assert _codes(**running, window_holds=False, objections=[ObjectionFacts("O-1", ObjectionState.FILED)]) == [
        Code.OBJECTION_OPEN]


def test_an_emergency_rule_shows_as_a_way_out_where_the_notice_days_run_and_only_there() -> None:
    early: dict[str, Any] = {"informed_enough_on": date(2026, 5, 5), "planned_start": date(2026, 5, 6)}
    for emergency in (True, False):
        found = gate.blockers(replace(CLEAR, **early, emergency=emergency))
        told = {b.code: "emergency rule" in str(b.way_out) for b in found}
        assert told == {Code.BEFORE_START: False, Code.NOTICE_DAYS: emergency}
