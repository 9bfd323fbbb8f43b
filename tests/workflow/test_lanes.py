"""The lane of a transport: slowed as a whole, shut after five failures, opened again by a trial letter."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from notifier.domain.people import Door, system
from notifier.house import House
from notifier.tables import AuditEntry, Lane
from notifier.workflow import lanes, verify
from tests.factory import NOW

ACTOR = system(Door.JOB)


def note(house: House, at: datetime, **what: object) -> None:
    with house.database.transaction() as session:
        lanes.note(session, "mailjet", actor=ACTOR, now=at, **what)  # type: ignore[arg-type]


def room(house: House, at: datetime, limit: int = 50) -> int:
    with house.database.transaction() as session:
        return lanes.room(session, "mailjet", limit, at)


def told(house: House, at: datetime) -> list[str]:
    with house.database.reading() as session:
        return [str(sentence) for sentence in lanes.troubles(session, at)]


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_pause_holds_up_every_letter_and_no_longer_than_asked(house: House) -> None:
    assert room(house, NOW) == 50 and told(house, NOW) == []
    note(house, NOW, pause=7.0)
    assert (room(house, NOW), room(house, after(6.9)), room(house, after(7))) == (0, 0, 50)
    assert "rest until" in told(house, NOW)[0] and told(house, after(7)) == []


def test_another_workers_success_does_not_cut_a_pause_short(house: House) -> None:
    note(house, NOW, pause=7.0)
    note(house, after(1))
    assert room(house, after(2)) == 0
    note(house, after(8))
    with house.database.reading() as session:
        assert session.get(Lane, "mailjet") == Lane(transport="mailjet")


def test_while_a_lane_fails_letters_go_one_by_one_and_a_success_ends_that(house: House) -> None:
    note(house, NOW, trouble="Mailjet answers 500")
    assert (room(house, after(1)), room(house, after(2))) == (0, 1)
    note(house, after(3))
    assert room(house, after(3)) == 50


def test_five_failures_in_a_row_shut_the_lane_and_one_trial_letter_at_a_time_may_open_it(house: House) -> None:
    at = 0.0
    for _ in range(lanes.BREAKS_AFTER):
        note(house, after(at), trouble="Mailjet answers 500: Internal error")
        at += 60
    shut = after(at)
    assert "have stopped since" in told(house, shut)[0] and "Internal error" in told(house, shut)[0]
    assert (room(house, shut), room(house, shut)) == (1, 0)  # the first to ask has the trial letter, and nobody else
    assert room(house, shut + lanes.TRIAL) == 1  # its worker died: the next one tries
    note(house, shut + lanes.TRIAL)
    assert room(house, shut + lanes.TRIAL) == 50 and told(house, shut + lanes.TRIAL) == []
    with house.database.reading() as session:
        acts = session.exec(select(AuditEntry.action).where(AuditEntry.subject_kind == "lane")).all()
        assert acts == ["lane_shut", "lane_open"]
        assert verify.chain(session) == []


def test_failures_that_are_not_in_a_row_never_shut_it(house: House) -> None:
    for n in range(12):
        note(house, after(100 * n), trouble="cut") if n % 4 else note(house, after(100 * n))
    with house.database.reading() as session:
        lane = session.get(Lane, "mailjet")
        assert lane is not None and lane.shut_at is None


@pytest.mark.parametrize("rounds", [1, 3, 12])
def test_a_lane_that_goes_on_failing_is_tried_for_ever_with_longer_rests(house: House, rounds: int) -> None:
    at, known = NOW, [int(pause.total_seconds()) for pause in lanes.PAUSES]
    for _ in range(lanes.BREAKS_AFTER + rounds):
        note(house, at, trouble="cut")
        assert room(house, at) == 0
        rest = next(n for n in known if room(house, at + timedelta(seconds=n)))
        assert room(house, at + timedelta(seconds=rest - 1)) == 0
        at += timedelta(seconds=rest)


def test_a_lane_that_waits_for_a_person_says_so_and_is_tried_every_five_minutes(house: House) -> None:
    note(house, NOW, halt="Mailjet does not let us send: API key authentication failure")
    assert "authentication failure" in told(house, NOW)[0]
    assert (room(house, after(299)), room(house, after(300))) == (0, 1)
    note(house, after(301))
    assert room(house, after(302)) == 50


def test_a_provider_that_asks_for_a_longer_rest_than_ours_gets_it(house: House) -> None:
    note(house, NOW, trouble="Mailjet answers 503", pause=90.0)
    assert (room(house, after(89)), room(house, after(90))) == (0, 1)


def test_one_transports_trouble_is_not_anothers(house: House) -> None:
    note(house, NOW, halt="nothing goes")
    with house.database.transaction() as session:
        assert lanes.room(session, "smtp", 20, NOW) == 20 and lanes.free(session, "smtp", NOW)
        assert not lanes.free(session, "mailjet", NOW)
