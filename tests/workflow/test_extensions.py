"""More time to object: later only, by privacy, told to every notice contact, and what silence means waits for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import Session, col, select

from notifier.domain.refusals import Refusal
from notifier.house import House
from notifier.mail import outbox
from notifier.tables import Notice, NoticeWindow
from notifier.workflow import announcements, changes, extensions, notices, releases, silence, verify
from tests import factory
from tests.factory import NOW
from tests.workflow.telling import announced, arrive, owed, send

SOON = NOW + timedelta(hours=1)
WHY = "Our answers to your questions came late."
ENDS = date(2026, 4, 2)  # the day the letters promise
LATER = date(2026, 4, 20)


def first_notice(session: Session) -> Notice:
    return session.exec(select(Notice).order_by(col(Notice.id))).first() or pytest.fail("no notice")


def test_one_customer_gets_more_time_and_every_contact_of_it_is_told_why(house: House) -> None:
    with house.database.transaction() as session:
        change, _, _, paul = announced(session)
    arrive(house)
    with house.database.transaction() as session:
        notice = first_notice(session)
        made = extensions.extend(session, LATER, WHY, uid=notice.uid, actor=paul, now=SOON)
        assert (len(made.extended), made.as_long_already) == (1, 0)
        assert owed(session, "window_extended") == ["legal@alpha.example", "dpo@alpha.example"]
    send(house, SOON)
    with house.database.reading() as session:
        rows = session.exec(select(NoticeWindow).where(NoticeWindow.notice_id == notice.id)
                            .order_by(col(NoticeWindow.id))).all()
        assert [row.last_day for row in rows] == [ENDS, LATER]
        assert (rows[1].replaces_id, rows[1].reason) == (rows[0].id, WHY)
        in_between = datetime(2026, 4, 10, tzinfo=UTC)
        standing = releases.standings(session, changes.get(session, change.ref), in_between)
        assert ["window_open" in [b.code for b in s.blockers] for s in standing] == [True, False]
        assert verify.chain(session) == []
    letter = next(x for x in outbox.read(house.settings.data_dir / "outbox") if WHY in x.text)
    assert "Monday, 20 April 2026" in letter.text


def test_all_customers_of_an_announcement_are_extended_by_one_act_in_the_log(house: House) -> None:
    with house.database.transaction() as session:
        _, ref, _, paul = announced(session)
    arrive(house)
    with house.database.transaction() as session:
        extensions.extend(session, LATER, WHY, uid=first_notice(session).uid, actor=paul, now=SOON)
    with house.database.transaction() as session:
        made = extensions.extend(session, LATER, WHY, announcement=ref, actor=paul, now=SOON)
        assert (len(made.extended), made.as_long_already) == (1, 1)
    with house.database.reading() as session:
        assert owed(session, "window_extended") == ["legal@alpha.example", "dpo@alpha.example", "legal@beta.example"]
        assert verify.chain(session) == []


def test_a_letter_that_has_not_left_yet_names_the_later_day_and_the_window_keeps_it(house: House) -> None:
    with house.database.transaction() as session:
        _, ref, _, paul = announced(session)
        extensions.extend(session, LATER, WHY, announcement=ref, actor=paul, now=SOON)
    arrive(house, SOON)
    told = [letter.text for letter in outbox.read(house.settings.data_dir / "outbox") if "/n/" in letter.text]
    assert len(told) == 6
    assert all("until the end of Monday, 20 April 2026" in " ".join(text.split()) for text in told)
    with house.database.reading() as session:
        row = notices.window_of(session, first_notice(session))
        assert row is not None and row.last_day == LATER
        assert verify.chain(session) == []


@pytest.mark.parametrize("day", [ENDS, date(2026, 3, 20), date(2020, 1, 1)])
def test_a_period_is_never_shortened(house: House, day: date) -> None:
    with house.database.transaction() as session:
        _, ref, _, paul = announced(session)
    arrive(house)
    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        extensions.extend(session, day, WHY, announcement=ref, actor=paul, now=SOON)
    assert refused.value.code == "extension_not_later"
    assert "2026-04-02" in str(refused.value)


def test_a_window_that_has_ended_is_reopened_into_the_future_only_and_silence_waits_for_its_end(house: House) -> None:
    with house.database.transaction() as session:
        _, ref, _, paul = announced(session)
    arrive(house)
    after = datetime(2026, 4, 7, 9, tzinfo=UTC)
    with house.database.transaction() as session:
        assert silence.note_ended(session, actor=factory.SYSTEM, now=after) == 2
    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        extensions.extend(session, date(2026, 4, 7), WHY, announcement=ref, actor=paul, now=after)
    assert refused.value.code == "extension_not_later"
    with house.database.transaction() as session:
        extensions.extend(session, LATER, WHY, announcement=ref, actor=paul, now=after)
        assert silence.note_ended(session, actor=factory.SYSTEM, now=after) == 0
        assert silence.note_ended(session, actor=factory.SYSTEM, now=after + timedelta(days=20)) == 2


def test_extending_takes_privacy_a_reason_and_a_window(house: House) -> None:
    with house.database.transaction() as session:
        change, ref, olga, paul = announced(session)
    cases = [({"announcement": ref}, olga, WHY, "role_missing"), ({"announcement": ref}, paul, " ", "reason_missing"),
             ({"announcement": "A-99"}, paul, WHY, "unknown"), ({"uid": "nobody"}, paul, WHY, "unknown")]
    for given, actor, reason, code in cases:
        with house.database.transaction() as session, pytest.raises(Refusal) as refused:
            extensions.extend(session, LATER, reason, actor=actor, now=SOON, **given)
        assert refused.value.code == code
    with house.database.transaction() as session:
        announcements.withdraw(session, change.ref, "The tender was cancelled.", actor=paul, now=SOON)
    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        extensions.extend(session, LATER, WHY, announcement=ref, actor=paul, now=SOON)
    assert refused.value.code == "no_window"
