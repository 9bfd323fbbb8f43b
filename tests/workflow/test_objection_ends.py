"""The ends of a case that take two people or the customer's contradiction."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlmodel import select

from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.states import ObjectionState
from notifier.house import House
from notifier.tables import Delivery, Notice
from notifier.workflow import objections, verify
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import CONTACT, NOW


@pytest.fixture
def case(house: House) -> tuple[House, str, Actor, Actor]:
    """An acknowledged objection, and two people of privacy."""
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        petra = factory.third_person(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"))
        factory.announced(session, olga, paul)
        notice = session.exec(select(Notice.id)).one()
        ref = objections.file(session, notice or 0, Filing("No.", "Lea", "lea@alpha.example"), contact_id=None,
                              actor=CONTACT, now=NOW).ref
        objections.acknowledge(session, ref, actor=paul, now=NOW)
    return house, ref, paul, petra


def test_our_no_takes_two_people_with_the_same_words_and_a_contradiction_opens_the_right_of_termination(
    case: tuple[House, str, Actor, Actor]
) -> None:
    house, ref, paul, petra = case
    with house.database.transaction() as session:
        assert objections.not_uphold(session, ref, "It is encrypted.", actor=paul, now=NOW) is None
        with pytest.raises(Refusal, match="second person"):
            objections.not_uphold(session, ref, "It is encrypted.", actor=paul, now=NOW)
        done = objections.not_uphold(session, ref, "It is encrypted.", actor=petra, now=NOW)
        assert done is not None
        assert done.state == ObjectionState.NOT_UPHELD
        objections.contradict(session, ref, "Not with your key.", actor=CONTACT, now=NOW)
        assert objections.get(session, ref).state == ObjectionState.NO_AGREEMENT
    with house.database.reading() as session:
        kinds = session.exec(select(Delivery.kind).where(Delivery.to_email == "lea@alpha.example")
                             .order_by(Delivery.id)).all()  # type: ignore[arg-type]
        assert kinds == ["objection_received", "objection_acknowledged", "objection_not_upheld",
                         "objection_no_agreement"]
        assert [m.text for m in objections.messages(session, objections.get(session, ref))] == [
            "It is encrypted.", "Not with your key."]
        assert verify.chain(session) == []


def test_a_resolution_the_customer_contradicts_is_open_again(case: tuple[House, str, Actor, Actor]) -> None:
    house, ref, paul, _ = case
    with house.database.transaction() as session:
        with pytest.raises(Refusal, match="measure"):
            objections.resolve(session, ref, " ", actor=paul, now=NOW)
        objections.resolve(session, ref, "Pseudonyms.", actor=paul, now=NOW)
        objections.contradict(session, ref, "We never agreed.", actor=CONTACT, now=NOW)
        assert objections.get(session, ref).state == ObjectionState.ACKNOWLEDGED


def test_a_right_not_used_is_recorded_by_two_people_and_only_after_its_last_day(
    case: tuple[House, str, Actor, Actor]
) -> None:
    house, ref, paul, petra = case
    with house.database.transaction() as session:
        objections.no_agreement(session, ref, "No other vendor.", actor=paul, now=NOW)
        letter = session.exec(select(Delivery).where(Delivery.kind == "objection_no_agreement")).one()
        with pytest.raises(Refusal, match="still open"):
            objections.right_not_used(session, ref, "Silence.", actor=paul, now=NOW)
        objections.letter_proven(session, letter, NOW + timedelta(days=1), actor=paul, now=NOW + timedelta(days=1))
        assert objections.get(session, ref).right_until == date(2026, 4, 2)
        with pytest.raises(Refusal, match="still open"):
            objections.right_not_used(session, ref, "Silence.", actor=paul, now=NOW + timedelta(days=31))
        after = NOW + timedelta(days=32)
        with pytest.raises(Refusal, match="not open"):
            objections.terminate(session, ref, service="platform", ends_on=date(2026, 5, 1), actor=CONTACT, now=after)
        assert objections.right_not_used(session, ref, "Silence.", actor=paul, now=after) is None
        assert objections.right_not_used(session, ref, "Silence.", actor=petra, now=after) is not None
        assert objections.get(session, ref).state == ObjectionState.RIGHT_NOT_USED


def test_only_the_customer_withdraws_and_people_cannot_do_it_for_them(case: tuple[House, str, Actor, Actor]) -> None:
    house, ref, paul, _ = case
    with house.database.transaction() as session:
        with pytest.raises(Refusal):
            objections.withdraw(session, ref, actor=paul, now=NOW)
        objections.withdraw(session, ref, "Settled by phone.", actor=CONTACT, now=NOW)
        with pytest.raises(Refusal):
            objections.withdraw(session, ref, actor=CONTACT, now=NOW)
