"""The start after it was told: later only, told once; open when the day came and something stood in the way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import col, select

from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.states import ChangeState
from notifier.house import House
from notifier.mail import outbox
from notifier.tables import Edition, Notice
from notifier.workflow import announcements, changes, listing, objections, releases, starts, verify
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import NOW, START, SYSTEM
from tests.workflow.telling import announced, arrive, owed, send

SOON = NOW + timedelta(hours=1)
WHY = "The contract is signed later than we thought."
LATER = START + timedelta(days=30)
ON_THE_DAY = datetime(START.year, START.month, START.day, 6, tzinfo=UTC)
EVERYBODY = ["legal@alpha.example", "dpo@alpha.example", "legal@beta.example"]


def objected(house: House) -> tuple[str, str, Actor]:
    """A change that arrived everywhere and that Alpha objected to: its ref, that of the objection, and Paul."""
    with house.database.transaction() as session:
        change, _, _, paul = announced(session)
        ref = change.ref
    arrive(house)
    with house.database.transaction() as session:
        notice = session.exec(select(Notice).order_by(col(Notice.id))).first()
        assert notice is not None
        filing = Filing("Not in the United States.", "Lea", "legal@alpha.example")
        case = objections.file(session, notice.id or 0, filing, contact_id=None, actor=factory.CONTACT, now=SOON)
    return ref, case.ref, paul


def test_a_start_moves_later_and_everybody_is_told_once_with_both_days(house: House) -> None:
    with house.database.transaction() as session:
        change, _, _, paul = announced(session)
    arrive(house)
    with house.database.transaction() as session:
        starts.move_start(session, change.ref, LATER, WHY, actor=paul, now=SOON)
        edition = session.exec(select(Edition).order_by(col(Edition.n).desc())).first()
        assert edition is not None and edition.cause == "move_start"
        assert edition.value["announced"][0]["planned_start"] == LATER.isoformat()
        assert owed(session, "start_moved") == EVERYBODY
    send(house, SOON)
    letter = next(x for x in outbox.read(house.settings.data_dir / "outbox") if WHY in x.text)
    assert "Wednesday, 3 June 2026" in letter.text
    assert "Planned so far: Monday, 4 May 2026" in letter.text
    with house.database.transaction() as session:
        assert factory.start_due(session, actor=SYSTEM, now=ON_THE_DAY) == []
        assert factory.start_due(session, actor=SYSTEM, now=ON_THE_DAY + timedelta(days=30)) == [change.ref]
        assert changes.get(session, change.ref).state == ChangeState.IN_EFFECT
    with house.database.reading() as session:
        assert verify.chain(session) == []


def test_moving_twice_before_a_letter_has_left_tells_the_last_day_only(house: House) -> None:
    with house.database.transaction() as session:
        change, _, _, paul = announced(session)
    arrive(house)
    with house.database.transaction() as session:
        starts.move_start(session, change.ref, LATER, WHY, actor=paul, now=SOON)
        starts.move_start(session, change.ref, LATER + timedelta(days=1), WHY, actor=paul, now=SOON)
        assert owed(session, "start_moved") == EVERYBODY
    with house.database.reading() as session:
        assert verify.chain(session) == []


@pytest.mark.parametrize("day", [START, START - timedelta(days=1), date(2020, 1, 1)])
def test_an_earlier_start_needs_a_new_notice(house: House, day: date) -> None:
    with house.database.transaction() as session:
        change, _, _, paul = announced(session)
    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        starts.move_start(session, change.ref, day, WHY, actor=paul, now=SOON)
    assert refused.value.code == "start_earlier"


def test_moving_takes_privacy_a_reason_and_an_announced_change(house: House) -> None:
    with house.database.transaction() as session:
        change, _, olga, paul = announced(session)
    for actor, reason, code in [(olga, WHY, "role_missing"), (paul, "", "reason_missing")]:
        with house.database.transaction() as session, pytest.raises(Refusal) as refused:
            starts.move_start(session, change.ref, LATER, reason, actor=actor, now=SOON)
        assert refused.value.code == code
    with house.database.transaction() as session:
        announcements.withdraw(session, change.ref, "No longer needed.", actor=paul, now=SOON)
    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        starts.move_start(session, change.ref, LATER, WHY, actor=paul, now=SOON)
    assert refused.value.code == "no_such_move"


def test_a_start_that_came_while_something_stood_in_the_way_is_open_and_told_once(house: House) -> None:
    ref, _, _ = objected(house)
    with house.database.transaction() as session:
        assert factory.start_due(session, actor=SYSTEM, now=ON_THE_DAY) == [ref]
    with house.database.transaction() as session:
        assert factory.start_due(session, actor=SYSTEM, now=ON_THE_DAY + timedelta(hours=1)) == []
        change = changes.get(session, ref)
        assert (change.planned_start, change.start_was) == (None, START)
        assert change.start_open_at == ON_THE_DAY
        newest = listing.newest(session)
        assert newest is not None and newest.cause == "start_open"
        assert newest.value["announced"][0]["planned_start"] is None
        assert owed(session, "start_moved") == EVERYBODY
        codes = [[str(b.code) for b in s.blockers] for s in releases.standings(session, change, ON_THE_DAY)]
        assert codes == [["start_open", "objection_open"], ["start_open"]]
    send(house, ON_THE_DAY)
    sent = outbox.read(house.settings.data_dir / "outbox")
    told = [letter.text for letter in sent if "does not start on the planned" in letter.text]
    assert len(told) == 3
    assert all("Planned start: not fixed yet" in text for text in told)
    with house.database.reading() as session:
        assert verify.chain(session) == []


def test_an_open_start_waits_for_a_person_to_fix_the_day_and_starts_on_that_day(house: House) -> None:
    ref, case, paul = objected(house)
    with house.database.transaction() as session:
        factory.start_due(session, actor=SYSTEM, now=ON_THE_DAY)
    cleared = ON_THE_DAY + timedelta(days=2)
    with house.database.transaction() as session:
        objections.acknowledge(session, case, actor=paul, now=cleared)
        objections.resolve(session, case, "Data stays in Europe.", actor=paul, now=cleared)
        assert factory.start_due(session, actor=SYSTEM, now=cleared) == []
        with pytest.raises(Refusal, match="planned start is open"):
            releases.release(session, ref, actor=paul, now=cleared)
        with pytest.raises(Refusal) as refused:
            starts.move_start(session, ref, cleared.date(), WHY, actor=paul, now=cleared)
        assert refused.value.code == "start_earlier"  # nobody would read of it before it starts
        fixed = starts.move_start(session, ref, cleared.date() + timedelta(days=5), WHY, actor=paul, now=cleared)
        assert (fixed.start_was, fixed.start_open_at) == (START, None)
    with house.database.transaction() as session:
        assert factory.start_due(session, actor=SYSTEM, now=cleared + timedelta(days=5)) == [ref]
        assert changes.get(session, ref).state == ChangeState.IN_EFFECT
    with house.database.reading() as session:
        assert verify.chain(session) == []


def test_a_window_that_ends_further_west_some_hours_into_the_day_does_not_open_the_start(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("omega", terms={"zone": "Pacific/Honolulu", "window_days": 62}))
        ref = factory.announced(session, olga, paul, start=date(2026, 5, 5)).ref
    arrive(house)
    first_minute = datetime(2026, 5, 4, 22, 1, tzinfo=UTC)  # 00:01 in Zurich, 12:01 the day before in Honolulu
    with house.database.transaction() as session:
        blocked = releases.standings(session, changes.get(session, ref), first_minute)
        assert [str(b.code) for b in blocked[0].blockers] == ["window_open"]
        assert factory.start_due(session, actor=SYSTEM, now=first_minute) == []
        assert changes.get(session, ref).planned_start == date(2026, 5, 5)
        assert factory.start_due(session, actor=SYSTEM, now=first_minute + timedelta(hours=14)) == [ref]
        assert changes.get(session, ref).state == ChangeState.IN_EFFECT
