"""Windows counted again: later where the days off have become more, told to the customer, and never earlier."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import Session, col, select

from notifier.domain.sentences import Sentence
from notifier.house import House
from notifier.tables import AuditEntry, Notice, NoticeWindow, Setting
from notifier.workflow import calendars, notices, recounts, starts, verify
from tests import factory
from tests.factory import NOW, START, SYSTEM
from tests.workflow.telling import announced, arrive, owed

LATER = NOW + timedelta(days=2)
ENDS = date(2026, 4, 2)  # thirty days after 3 March, a Thursday; then come Easter's four days
AFTER_EASTER = date(2026, 4, 7)


def windows(session: Session) -> list[NoticeWindow]:
    return [row for notice in session.exec(select(Notice).order_by(col(Notice.id)))
            if (row := notices.window_of(session, notice)) is not None]


def told(house: House, **given: object) -> None:
    with house.database.transaction() as session:
        announced(session, **given)
    arrive(house)


def another_holiday(session: Session, *days: str) -> None:
    session.get_one(Setting, "terms.extra_holidays").value = list(days)
    session.flush()


def recount(house: House, at: datetime = LATER) -> int:
    with house.database.transaction() as session:
        return recounts.recount(session, actor=SYSTEM, now=at)


def test_a_new_holiday_of_the_organisation_extends_running_windows_and_their_customers_are_told(house: House) -> None:
    told(house)
    with house.database.transaction() as session:
        before = [row.id for row in windows(session)]
        assert {row.last_day for row in windows(session)} == {ENDS}
        another_holiday(session, "2026-04-02")
    assert recount(house) == 2
    with house.database.reading() as session:
        rows = windows(session)
        assert [row.last_day for row in rows] == [AFTER_EASTER, AFTER_EASTER]
        assert [row.replaces_id for row in rows] == before
        assert all(row.reason.startswith("counted again: it was found with extra_holidays") for row in rows)
        assert "We counted again, in your favour." in str(Sentence.from_json(rows[0].why[-1]))
        assert owed(session, "window_extended") == ["legal@alpha.example", "dpo@alpha.example", "legal@beta.example"]
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "recount")).one()
        assert entry.count == 2
        assert verify.chain(session) == []
    assert recount(house) == 0
    with house.database.reading() as session:
        assert [row.id for row in windows(session)] == [row.id for row in rows]


def test_a_holiday_that_is_taken_back_shortens_nothing(house: House) -> None:
    told(house)
    for days in (("2026-04-02",), ()):
        with house.database.transaction() as session:
            another_holiday(session, *days)
        recount(house)
    with house.database.reading() as session:
        assert {row.last_day for row in windows(session)} == {AFTER_EASTER}
        assert all("the day stands" in row.reason for row in windows(session))
        assert len(owed(session, "window_extended")) == 3
        assert verify.chain(session) == []


def test_newer_calendars_are_looked_at_once_and_windows_that_have_ended_are_left(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(house)
    newer = {**calendars.versions(), "holidays": "99", "tzdata": "2099z"}
    monkeypatch.setattr(calendars, "versions", lambda: newer)
    assert recount(house, NOW + timedelta(days=60)) == 0
    with house.database.reading() as session:
        assert all(row.versions["holidays"] != "99" for row in windows(session))
    assert recount(house) == 0
    with house.database.reading() as session:
        assert all(json.loads(json.dumps(row.versions))["holidays"] == "99" for row in windows(session))
        kept = [row.id for row in windows(session)]
    recount(house)
    with house.database.reading() as session:
        assert [row.id for row in windows(session)] == kept


def until_start(house: House) -> str:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", terms={"window_runs": "until_start", "notice_days": 10}))
        return factory.announced(session, olga, paul).ref


def test_a_period_that_lasts_until_the_start_follows_it_to_a_later_day(house: House) -> None:
    ref = until_start(house)
    arrive(house)
    with house.database.transaction() as session:
        assert [row.last_day for row in windows(session)] == [START - timedelta(1)]
        paul = factory.third_person(session)
        starts.move_start(session, ref, START + timedelta(14), "It takes longer.", actor=paul, now=LATER)
    with house.database.reading() as session:
        assert [row.last_day for row in windows(session)] == [START + timedelta(13)]
        assert owed(session, "window_extended") == ["legal@alpha.example"]
        assert verify.chain(session) == []


def test_a_promise_that_lasts_until_the_start_follows_it_before_any_receipt_is_proven(house: House) -> None:
    ref = until_start(house)
    with house.database.transaction() as session:
        notice = session.exec(select(Notice)).one()
        notices.promise(session, notice.id or 0, START - timedelta(1), now=NOW)
        paul = factory.third_person(session)
        starts.move_start(session, ref, START + timedelta(14), "It takes longer.", actor=paul, now=LATER)
        assert notice.promised_last_day == START + timedelta(13)
    arrive(house, LATER)
    with house.database.reading() as session:
        assert [row.last_day for row in windows(session)] == [START + timedelta(13)]


def test_a_stored_window_reads_again_as_it_was(house: House) -> None:
    told(house)
    with house.database.reading() as session:
        row = windows(session)[0]
        assert replace(notices.value_of(row), why=()).last_day == ENDS
        assert row.inputs["clock_at"] is None
        assert row.versions["extra_holidays"] == ""
