"""The clock's round: one clock acts, and a duty that fails stops no other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import Session, select

from notifier import clock
from notifier.house import House
from notifier.jobs import sweep
from notifier.tables import AuditEntry, Lease, Notice
from notifier.workflow import notices, releases
from tests import factory
from tests.factory import NOW


def test_of_two_clocks_one_acts_until_its_lease_runs_out(house: House) -> None:
    with clock.standing(NOW):
        assert sweep._take_lease(house, "one")
        assert not sweep._take_lease(house, "two")
        assert sweep._take_lease(house, "one")
    with clock.standing(NOW + sweep.LEASE + timedelta(seconds=1)):
        assert sweep._take_lease(house, "two")
        assert not sweep._take_lease(house, "one")
    with house.database.reading() as session:
        assert session.exec(select(Lease)).one().holder == "two"


def test_a_duty_that_fails_is_logged_and_stops_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"))
        factory.announced(session, olga, paul)
        notice = session.exec(select(Notice)).one()
        notices.give(session, notice, NOW, "customer", {"act": "test"}, actor=factory.CONTACT, now=NOW)

    def broken(session: Session, ref: str, **_: object) -> bool:
        raise RuntimeError("this change cannot start")

    monkeypatch.setattr(releases, "start_if_clear", broken)
    with clock.standing(NOW + timedelta(days=90)):
        sweep.once(house)
    assert "this change cannot start" in caplog.text
    with house.database.reading() as session:
        assert session.exec(select(AuditEntry).where(AuditEntry.action == "window_closed")).one()
