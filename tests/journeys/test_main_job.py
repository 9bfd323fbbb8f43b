"""The main job once, through the verbs and the jobs, on both databases."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlmodel import col, select

from notifier import clock
from notifier.domain.people import Actor, Door, Kind
from notifier.domain.refusals import Refusal
from notifier.domain.states import ChangeState, NoticeState, ObjectionState
from notifier.house import House
from notifier.jobs import deliver, publish, sweep
from notifier.mail import outbox
from notifier.tables import Delivery, Notice, Publication
from notifier.workflow import announcements, changes, notices, objections, processing, releases, starts, verify
from notifier.workflow.customers import ContactEntry
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import NOW

PROVIDER = Actor(Kind.PROVIDER, Door.WEBHOOK)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """A clock that stands still until a test moves it: `stopped[0] = …`."""
    at = [NOW + timedelta(minutes=3)]
    monkeypatch.setattr(clock, "now", lambda: at[0])
    return at


def _arrive(house: House, at: datetime) -> None:
    """Every letter that was accepted reaches its recipient's server."""
    with house.database.transaction() as session:
        for row in session.exec(select(Delivery).where(col(Delivery.delivered_at).is_(None))).all():
            event = notices.Happening(row.ref, "", "sent", at, f"sent:{row.ref}", "250 ok")
            notices.happened(session, event, actor=PROVIDER, now=at)
            if row.subject_kind == "objection":
                objections.letter_proven(session, row, at, actor=PROVIDER, now=at)


def test_a_vendor_is_announced_objected_to_and_released_only_when_nothing_stands_in_the_way(
    house: House, stopped: list[datetime]
) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", language="de"), factory.customer("beta"),
                        factory.customer("gamma", services=("archive",)))
        change = factory.announced(session, olga, paul)
    ref = change.ref

    assert deliver.run(house) == 3  # two notices, and Paul was asked for a review
    letters = outbox.read(house.settings.data_dir / "outbox")
    to_alpha = next(letter for letter in letters if "legal@alpha.example" in letter.to)
    assert "Analytics Inc." in to_alpha.text
    assert "Donnerstag, 2. April 2026" in to_alpha.text
    assert "/n/" in to_alpha.text

    _arrive(house, NOW + timedelta(minutes=5))
    with house.database.reading() as session:
        given = session.exec(select(Notice).order_by(col(Notice.id))).all()
        assert [n.state for n in given] == [NoticeState.GIVEN, NoticeState.GIVEN]
        first = notices.window_of(session, given[0])
        assert first is not None
        # Received on Monday 2 March; the letter promised as if on Tuesday, and the later day counts.
        assert first.last_day == date(2026, 4, 2)

    assert publish.run(house) == 2
    with house.database.reading() as session:
        page = session.get(Publication, "/")
        assert page is not None
        assert b"Analytics Inc." in page.body

    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        releases.release(session, ref, actor=paul, now=NOW + timedelta(days=2))
    assert refused.value.code == "blocked"
    assert "Alpha Ltd" in str(refused.value)
    assert "may object until the end of 2026-04-02" in str(refused.value)

    with house.database.transaction() as session:
        filing = Filing("Transfer to the United States without need.", "Lea", "lea@alpha.example", nonce="n-1")
        case = objections.file(session, given[0].id or 0, filing, contact_id=None, actor=factory.CONTACT,
                               now=NOW + timedelta(days=3))
        again = objections.file(session, given[0].id or 0, filing, contact_id=None, actor=factory.CONTACT,
                                now=NOW + timedelta(days=3))
    assert again.ref == case.ref
    assert case.in_time is True

    after = datetime(2026, 5, 5, 9, 0, tzinfo=NOW.tzinfo)
    stopped[0] = after
    sweep.once(house)
    with house.database.reading() as session:
        assert changes.get(session, ref).state == ChangeState.ANNOUNCED  # beta alone is clear, but inseparable
        standing = releases.standings(session, changes.get(session, ref), after)
        assert [len(s.blockers) for s in standing] == [2, 1]  # for both of them the start is open now
        assert not processing.may_process(session, "analytics-inc", "beta", after.date(), after).allowed

    with house.database.transaction() as session:
        objections.acknowledge(session, case.ref, "Thank you, we look into it.", actor=paul, now=after)
        objections.resolve(session, case.ref, "Usage data leaves in pseudonymised form only.", actor=paul, now=after)
    sweep.once(house)
    with house.database.transaction() as session:  # clear, but nobody is surprised: a person fixes the new day
        assert changes.get(session, ref).state == ChangeState.ANNOUNCED
        starts.move_start(session, ref, after.date() + timedelta(days=7), "It took longer.", actor=paul, now=after)
    stopped[0] = after = after + timedelta(days=7)
    sweep.once(house)
    with house.database.reading() as session:
        assert changes.get(session, ref).state == ChangeState.IN_EFFECT
        assert verify.chain(session) == []
        assert processing.may_process(session, "analytics-inc", "beta", after.date(), after).allowed
        assert not processing.may_process(session, "analytics-inc", "gamma", after.date(), after).allowed
        assert objections.get(session, case.ref).state == ObjectionState.RESOLVED
        assert verify.chain(session) == []


def test_without_agreement_the_customer_terminates_and_only_then_the_gate_opens(
    house: House, stopped: list[datetime]
) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"))
        ref = factory.announced(session, olga, paul).ref
    deliver.run(house)
    _arrive(house, NOW + timedelta(minutes=5))
    with house.database.transaction() as session:
        notice_id = session.exec(select(Notice.id)).one() or 0
        case = objections.file(session, notice_id, Filing("Not with us.", "Lea", "lea@alpha.example"),
                               contact_id=None, actor=factory.CONTACT, now=NOW + timedelta(days=1))
        objections.acknowledge(session, case.ref, actor=paul, now=NOW + timedelta(days=2))
        with pytest.raises(Refusal, match="not open"):
            objections.terminate(session, case.ref, service="platform", ends_on=date(2026, 5, 31), actor=paul, now=NOW)
        objections.no_agreement(session, case.ref, "There is no other vendor.", actor=paul, now=NOW + timedelta(days=3))
    stopped[0] = NOW + timedelta(days=3)
    deliver.run(house)
    _arrive(house, NOW + timedelta(days=3))
    with house.database.reading() as session:
        assert objections.get(session, case.ref).right_until == date(2026, 4, 4)

    with house.database.transaction() as session:
        objections.terminate(session, case.ref, service="platform", ends_on=date(2026, 5, 31), actor=paul,
                             now=NOW + timedelta(days=20))
    stopped[0] = datetime(2026, 5, 31, 9, 0, tzinfo=NOW.tzinfo)
    sweep.once(house)
    with house.database.reading() as session:
        assert changes.get(session, ref).state == ChangeState.ANNOUNCED  # the service still runs today
    stopped[0] = datetime(2026, 6, 1, 9, 0, tzinfo=NOW.tzinfo)
    sweep.once(house)
    with house.database.transaction() as session:
        assert changes.get(session, ref).state == ChangeState.ANNOUNCED  # its start is open since the planned day
        starts.move_start(session, ref, date(2026, 6, 8), "It took longer.", actor=paul, now=stopped[0])
    stopped[0] = datetime(2026, 6, 8, 9, 0, tzinfo=NOW.tzinfo)
    sweep.once(house)
    with house.database.reading() as session:
        assert changes.get(session, ref).state == ChangeState.IN_EFFECT
        assert verify.chain(session) == []


def test_one_mailbox_named_by_two_customers_gets_a_letter_of_each_kind_for_each(
    house: House, stopped: list[datetime]
) -> None:
    shared = (ContactEntry("dpo@shared.example", "Dora"), ContactEntry("dpo@shared.example", "Dora again"))
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", contacts=shared), factory.customer("beta", contacts=shared))
        started = factory.announced(session, olga, paul).ref
        taken_back = factory.announced(session, olga, paul, legal_name="Other Inc.").ref
    deliver.run(house)
    _arrive(house, NOW + timedelta(minutes=5))
    with house.database.transaction() as session:
        announcements.withdraw(session, taken_back, "Not needed after all.", actor=paul, now=NOW + timedelta(days=1))
    stopped[0] = datetime(2026, 5, 5, 9, 0, tzinfo=NOW.tzinfo)
    sweep.once(house)
    deliver.run(house)
    with house.database.reading() as session:
        assert changes.get(session, started).state == ChangeState.IN_EFFECT
        sent = session.exec(select(Delivery.kind).where(Delivery.to_email == "dpo@shared.example")).all()
        assert sorted(sent) == sorted(["change_announced"] * 4 + ["change_withdrawn"] * 2 + ["change_in_effect"] * 2)
