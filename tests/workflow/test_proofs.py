"""Proofs that move, promises that are kept, letters that lost their meaning: what may never shorten a window,
release on a proof that is gone, or hold up the mail."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlmodel import col, select

from notifier import clock
from notifier.domain import proof
from notifier.domain.changes import ChangeKind
from notifier.domain.letters import Facts, Own
from notifier.domain.people import Actor, Door, Kind
from notifier.domain.refusals import Refusal
from notifier.domain.states import ChangeState, DeliveryState, NoticeState
from notifier.house import House
from notifier.jobs import deliver, doubts, sweep
from notifier.mail import forms
from notifier.mail.transport import Verdict
from notifier.tables import Delivery, Notice
from notifier.workflow import (
    announcements,
    changes,
    consents,
    customers,
    exclusions,
    letters,
    notices,
    objections,
    people,
    processing,
    releases,
    verify,
)
from notifier.workflow.customers import ContactEntry
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import NOW
from tests.jobs.test_deliver import Answering

PROVIDER = Actor(Kind.PROVIDER, Door.WEBHOOK)
SENT = NOW + timedelta(minutes=3)
TWO = (ContactEntry("a@alpha.example", "Ann"), ContactEntry("b@alpha.example", "Bob", position=2))


def _announced(house: House, **customer: object) -> str:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", contacts=TWO, **customer))
        return factory.announced(session, olga, paul).ref


def _send(house: House, transport: Answering | None = None, after: timedelta = timedelta()) -> Answering:
    held = transport or Answering()
    house.__dict__["transport"] = held
    with clock.standing(SENT + after):
        deliver.run(house)
    return held


def _happens(
    house: House, email: str, kind: str, at: datetime, *, key: str = "", by: str = "provider"
) -> None:
    with house.database.transaction() as session:
        row = session.exec(select(Delivery).where(
            Delivery.to_email == email, Delivery.kind == "change_announced").order_by(col(Delivery.id).desc())).first()
        assert row is not None
        event = notices.Happening(row.ref, "", kind, at, key or f"{kind}:{row.ref}", "250", by=by)
        notices.happened_all(session, [event], actor=PROVIDER, now=at)


def _notice(house: House) -> Notice:
    with house.database.reading() as session:
        return session.exec(select(Notice)).one()


def _last_day(house: House) -> date:
    with house.database.reading() as session:
        window = notices.window_of(session, session.exec(select(Notice)).one())
        assert window is not None
        return window.last_day


def test_a_bounced_proof_is_gone_while_the_other_letter_is_only_under_way_and_its_arrival_starts_afresh(
    house: House
) -> None:
    ref = _announced(house)
    _send(house)
    _happens(house, "a@alpha.example", "sent", NOW + timedelta(hours=1))
    _happens(house, "a@alpha.example", "bounce", NOW + timedelta(days=1))
    assert (_notice(house).state, _notice(house).proof) == (NoticeState.UNDELIVERABLE, None)
    after = datetime(2026, 5, 5, 9, tzinfo=NOW.tzinfo)
    with house.database.reading() as session:
        assert [b.code for s in releases.standings(session, changes.get(session, ref), after) for b in s.blockers] == [
            "no_proven_notice"]
    late = datetime(2026, 3, 31, 9, tzinfo=NOW.tzinfo)
    _happens(house, "b@alpha.example", "sent", late)
    assert _notice(house).given_at == late
    assert _last_day(house) == date(2026, 4, 30)


@pytest.mark.parametrize("act", ["acknowledgement", "consent", "objection"])
@pytest.mark.parametrize("before", ["sent", "presumed"])
def test_what_the_customer_did_itself_outlives_the_letter_that_came_back(house: House, act: str, before: str) -> None:
    specific = {"authorisation": "specific"} if act == "consent" else {}
    _announced(house, terms={"notify": "in_order", "clock_start": "sending", **specific})
    _send(house)
    rung = "presumed" if before == "presumed" else "provider"
    _happens(house, "a@alpha.example", before, NOW + timedelta(hours=1), by=rung)
    acted = NOW + timedelta(days=2)
    _acts(house, act, acted)
    held = _notice(house)
    assert (held.given_by, held.given_at) == (
        ("customer", acted) if before == "presumed" else ("provider", NOW + timedelta(hours=1)))
    _happens(house, "a@alpha.example", "bounce", NOW + timedelta(days=3))
    held = _notice(house)
    assert (held.state, held.given_by, held.given_at, held.proof) == (
        NoticeState.GIVEN, "customer", acted, {"act": act})
    assert str(proof.in_words(held.given_by, held.proof)).startswith("the customer")
    with house.database.reading() as session:
        assert verify.chain(session) == []


def _acts(house: House, act: str, at: datetime) -> None:
    with house.database.transaction() as session:
        notice = session.exec(select(Notice)).one()
        if act == "acknowledgement":
            consents.acknowledge(session, notice, actor=factory.CONTACT, now=at)
        elif act == "consent":
            [(_, change)] = consents.consent_asked(session, notice)
            consents.consent(session, notice, [change.ref], "yes", **factory.SIGNED, actor=factory.CONTACT, now=at)
        else:
            objections.file(session, notice.id or 0, Filing("No.", "Ann", "a@alpha.example"), contact_id=None,
                            actor=factory.CONTACT, now=at)


@pytest.mark.parametrize(("key", "kind"), [("event-1", "event"), ("polled:1:sent", "polled"), ("dsn:1", "dsn")])
def test_a_proof_that_moves_says_by_which_event_the_other_letter_arrived(house: House, key: str, kind: str) -> None:
    _announced(house)
    _send(house)
    _happens(house, "a@alpha.example", "sent", NOW + timedelta(hours=1))
    _happens(house, "b@alpha.example", "sent", NOW + timedelta(hours=2), key=key)
    _happens(house, "a@alpha.example", "bounce", NOW + timedelta(hours=3))
    held = _notice(house).proof
    assert held is not None
    assert (held["kind"], held["event"], held["words"]) == (kind, key, "250")


def test_a_letter_that_failed_means_what_it_means_for_its_own_notice(house: House) -> None:
    _announced(house)
    _send(house)

    def outlook() -> str:
        with house.database.reading() as session:
            row = session.exec(select(Delivery).where(
                Delivery.to_email == "a@alpha.example", Delivery.kind == "change_announced")).one()
            return letters.outlook(session, row, session.exec(select(Notice)).one())

    _happens(house, "a@alpha.example", "bounce", NOW + timedelta(hours=1))
    assert outlook() == "under_way"
    _happens(house, "b@alpha.example", "bounce", NOW + timedelta(hours=2))
    assert outlook() == "unproven"
    _acts(house, "acknowledgement", NOW + timedelta(hours=3))
    assert outlook() == "given"
    with house.database.transaction() as session:
        notice = session.exec(select(Notice)).one()
        notices.tell_longer(session, notice, now=NOW + timedelta(hours=4), words="More time.")
        other = session.exec(select(Delivery).where(Delivery.kind == "window_extended")).first()
        assert other is not None and letters.outlook(session, other, notice) == "told"


def test_a_later_letter_that_prints_a_later_day_moves_the_window_that_runs(house: House) -> None:
    _announced(house, terms={"notify": "in_order"})
    _send(house)
    _happens(house, "a@alpha.example", "sent", NOW + timedelta(hours=1))
    assert _last_day(house) == date(2026, 4, 2)
    with house.database.transaction() as session:
        notice = session.exec(select(Notice)).one()
        contact = customers.contacts(session, customers.get(session, "alpha"))[1]
        notices.write_to(session, notice, contact, now=NOW + timedelta(days=7))
    _send(house, after=timedelta(days=7))
    assert _last_day(house) == date(2026, 4, 9)
    with house.database.transaction() as session:
        case = objections.file(session, _notice(house).id or 0, Filing("No.", "Bob", "b@alpha.example"),
                               contact_id=None, actor=factory.CONTACT, now=datetime(2026, 4, 9, 9, tzinfo=NOW.tzinfo))
        assert case.in_time is True


def test_a_proof_that_moves_to_a_later_letter_moves_the_day_the_notice_days_count_from(house: House) -> None:
    _announced(house)
    _send(house)
    _happens(house, "a@alpha.example", "sent", datetime(2026, 3, 5, 9, tzinfo=NOW.tzinfo))
    _happens(house, "b@alpha.example", "sent", datetime(2026, 3, 6, 9, tzinfo=NOW.tzinfo))
    _happens(house, "a@alpha.example", "bounce", datetime(2026, 3, 7, 9, tzinfo=NOW.tzinfo))
    with house.database.reading() as session:
        window = notices.window_of(session, session.exec(select(Notice)).one())
        assert window is not None
        assert (window.receipt_day, window.last_day) == (date(2026, 3, 6), date(2026, 4, 7))
        assert verify.chain(session) == []


def test_a_letter_in_doubt_whose_notice_was_taken_back_is_cancelled_and_holds_up_nobody(house: House) -> None:
    ref = _announced(house, terms={"notify": "in_order"})
    transport = _send(house, Answering(Verdict.UNCERTAIN))
    sent = len(transport.handed)
    with house.database.transaction() as session:
        announcements.withdraw(session, ref, "Not needed.", actor=_paul(house), now=SENT + timedelta(minutes=1))
    for minutes in (2, 13):
        with clock.standing(SENT + timedelta(minutes=minutes)):
            doubts.run(house)
    _send(house, transport, timedelta(minutes=14))
    with house.database.reading() as session:
        states = {d.kind: d.state for d in session.exec(select(Delivery).where(Delivery.to_email == "a@alpha.example"))}
    assert states == {"change_announced": DeliveryState.CANCELLED, "change_withdrawn": DeliveryState.ACCEPTED}
    assert len([m for m in transport.handed[sent:] if m.to_email == "a@alpha.example"]) == 1


def test_a_letter_that_cannot_be_written_fails_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _announced(house)
    inner = forms.Press.print

    def broken(press: forms.Press, facts: Facts, own: Own | None = None) -> forms.Printed:
        if own is not None and own.to_email == "a@alpha.example":
            raise RuntimeError("a hole in the template")
        return inner(press, facts, own)

    monkeypatch.setattr(forms.Press, "print", broken)
    transport = _send(house)
    assert "b@alpha.example" in [m.to_email for m in transport.handed]
    with house.database.reading() as session:
        row = session.exec(select(Delivery).where(Delivery.to_email == "a@alpha.example")).one()
        assert row.state == DeliveryState.FAILED
        assert "could not be written" in row.last_words
        assert session.exec(select(Delivery).where(Delivery.kind == "staff_delivery_failed")).first() is not None


def test_a_withdrawal_is_told_to_the_address_that_was_reached_and_to_todays_contacts(house: House) -> None:
    ref = _announced(house)
    _send(house)
    with house.database.transaction() as session:
        factory.take_in(session, factory.customer("alpha", contacts=(ContactEntry("new@alpha.example", "Nia"),)))
    with house.database.transaction() as session:
        announcements.withdraw(session, ref, "Not needed.", actor=_paul(house), now=SENT + timedelta(days=1))
    with house.database.reading() as session:
        told = session.exec(select(Delivery.to_email).where(Delivery.kind == "change_withdrawn")).all()
        assert sorted(told) == ["a@alpha.example", "b@alpha.example", "new@alpha.example"]


def test_a_widening_in_effect_counts_for_nobody_it_was_not_released_to(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"), factory.customer("beta"))
        item = changes.draft(session, ChangeKind.MODIFY, ref="cloud-hosting", values={"locations": ["Ireland"]})
        change = changes.propose(session, [item], reason="Backups.", planned_start=factory.START, separable="customer",
                                 actor=olga, now=NOW)
        exclusions.confirm_separable(session, change.ref, "customer", "Per tenant.", actor=factory.engineer(session),
                                     now=NOW)
        factory.vouched(session, change, olga, now=NOW)
        changes.submit(session, change.ref, actor=olga, now=NOW)
        changes.approve(session, change.ref, actor=paul, now=NOW)
        announcements.announce(session, [change.ref], actor=paul, now=NOW)
    _send(house)
    for email in ("legal@alpha.example", "legal@beta.example"):
        _happens(house, email, "sent", NOW + timedelta(hours=1))
    with house.database.transaction() as session:
        beta = session.exec(select(Notice).order_by(col(Notice.id).desc())).first()
        assert beta is not None
        objections.file(session, beta.id or 0, Filing("Not Ireland.", "Bob", "legal@beta.example"), contact_id=None,
                        actor=factory.CONTACT, now=NOW + timedelta(days=1))
    after = datetime(2026, 5, 5, 9, tzinfo=NOW.tzinfo)
    with clock.standing(after):
        sweep.once(house)
    with house.database.reading() as session:
        assert changes.get(session, change.ref).state == ChangeState.IN_EFFECT
        assert processing.may_process(session, "cloud-hosting", "alpha", after.date(), after).allowed
        answer = processing.may_process(session, "cloud-hosting", "beta", after.date(), after)
        assert not answer.allowed
        assert "is not settled" in str(answer.why[0])


def test_nobody_who_wrote_a_change_approves_it_however_it_went_from_hand_to_hand(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        petra = factory.third_person(session)
        factory.baseline(session)
        item = changes.draft(session, ChangeKind.ADD, values=factory.ANALYTICS)
        change = changes.propose(session, [item], reason="To learn.", planned_start=factory.START, actor=paul, now=NOW)
        changes.edit(session, change.ref, [item], reason="To learn more.", planned_start=factory.START, separable="no",
                     actor=olga, now=NOW)
        factory.vouched(session, change, olga, now=NOW)
        changes.submit(session, change.ref, actor=olga, now=NOW)
        with pytest.raises(Refusal, match="second person"):
            changes.approve(session, change.ref, actor=paul, now=NOW)
        assert changes.approve(session, change.ref, actor=petra, now=NOW).state == ChangeState.APPROVED


def test_a_customer_that_left_starts_nothing_for_those_who_are_still_held_up(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"), factory.customer("beta", contract_end=date(2026, 4, 1)))
        change = factory.announced(session, olga, paul, separable="customer")
        exclusions.confirm_separable(session, change.ref, "customer", "Per tenant.", actor=factory.engineer(session),
                                     now=NOW)
    after = datetime(2026, 5, 5, 9, tzinfo=NOW.tzinfo)
    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        releases.release(session, change.ref, customer_ref="beta", actor=paul, now=after)
    assert refused.value.code == "blocked"
    with house.database.reading() as session:
        assert changes.get(session, change.ref).state == ChangeState.ANNOUNCED


def _paul(house: House) -> Actor:
    with house.database.reading() as session:
        return people.actor_for(people.by_email(session, "paul@processor.example"), Door.CLI)
