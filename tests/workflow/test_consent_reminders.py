"""Reminders of a question for consent: when, to whom, and never once there is nothing left to ask."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlmodel import Session, col, select

from notifier.house import House
from notifier.jobs import deliver, sweep
from notifier.tables import Contact, Customer, Delivery, Notice
from notifier.workflow import announcements, blobs, consent_reminders, consents, notices, verify
from notifier.workflow.notices import Happening
from tests import factory
from tests.factory import NOW

SPECIFIC = {"authorisation": "specific"}
FIRST = NOW + timedelta(days=24)  # 26 March: the last day is 2 April


def told(
    house: House, patch: pytest.MonkeyPatch, names: tuple[str, ...] = ("Analytics Inc.",), **given: object
) -> list[str]:
    """Acme, whose agreement asks for a yes, and bond, whose does not, told of additions and proven."""
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("acme", **{"terms": SPECIFIC, **given}), factory.customer("bond"))
        refs = [factory.approved(session, olga, paul, legal_name=name).ref for name in names]
        announcements.announce(session, refs, actor=paul, now=NOW)
    at(patch, NOW)
    deliver.run(house)
    with house.database.transaction() as session:
        for row in session.exec(select(Delivery)).all():
            event = Happening(row.ref, "", "sent", NOW, f"p:{row.ref}")
            notices.happened(session, event, actor=factory.SYSTEM, now=NOW)
    return refs


def at(patch: pytest.MonkeyPatch, now: datetime) -> None:
    patch.setattr("notifier.clock.now", lambda: now)


def remind(house: House, now: datetime) -> int:
    """One round of the clock's duty."""
    with house.database.transaction() as session:
        return consent_reminders.remind(session, actor=factory.SYSTEM, now=now)


def reminders(house: House) -> list[Delivery]:
    """The reminders there are, as they were owed."""
    with house.database.reading() as session:
        query = select(Delivery).where(Delivery.kind == "consent_reminder").order_by(col(Delivery.id))
        return list(session.exec(query))


def acme(session: Session) -> Notice:
    return session.exec(select(Notice).join(Customer, col(Customer.id) == col(Notice.customer_id))
                        .where(Customer.ref == "acme")).one()


def answer(house: House, refs: list[str], now: datetime, words: str = "yes") -> None:
    with house.database.transaction() as session:
        consents.consent(session, acme(session), refs, words, **factory.SIGNED, actor=factory.CONTACT, now=now)


def test_the_first_comes_its_days_ahead_and_another_every_week_five_in_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(house, monkeypatch)
    owed = [day for day in range(120) if remind(house, NOW + timedelta(days=day))]
    assert owed == [24, 31, 38, 45, 52]
    assert {letter.to_email for letter in reminders(house)} == {"legal@acme.example"}
    assert [letter.attempt for letter in reminders(house)] == [1, 2, 3, 4, 5]
    with house.database.reading() as session:
        assert [str(fault) for fault in verify.chain(session)] == []


def test_two_rounds_at_one_moment_owe_one_letter(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    told(house, monkeypatch)
    assert [remind(house, FIRST), remind(house, FIRST), remind(house, FIRST + timedelta(days=6))] == [1, 0, 0]


def test_the_clock_owes_them_and_the_letter_says_what_is_asked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    told(house, monkeypatch, names=("Analytics Inc.", "Second Ltd"))
    at(monkeypatch, FIRST)
    sweep.once(house)
    deliver.run(house)
    with house.database.reading() as session:
        kept = blobs.letter(session, reminders(house)[0].letter_sha256)
    assert kept is not None
    assert "please say yes or no by Thursday, 2 April 2026" in str(kept["subject"])
    assert "Analytics Inc." in str(kept["text"])
    assert "Second Ltd" in str(kept["text"])


def test_what_was_answered_is_left_out_of_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    refs = told(house, monkeypatch, names=("Analytics Inc.", "Second Ltd"))
    answer(house, refs[:1], NOW + timedelta(days=1))
    at(monkeypatch, FIRST)
    remind(house, FIRST)
    deliver.run(house)
    with house.database.reading() as session:
        kept = blobs.letter(session, reminders(house)[0].letter_sha256)
    assert kept is not None
    assert "Second Ltd" in str(kept["text"])
    assert "Analytics Inc." not in str(kept["text"])


@pytest.mark.parametrize("words", ["yes", "no"])
def test_none_follows_an_answer(house: House, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    answer(house, told(house, monkeypatch), NOW + timedelta(days=1), words)
    assert remind(house, FIRST) == 0


@pytest.mark.parametrize("over", ["answered", "withdrawn", "ended"])
def test_one_that_has_not_left_is_cancelled_once_there_is_nothing_to_ask(
    house: House, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    refs = told(house, monkeypatch)
    assert remind(house, FIRST) == 1
    if over == "answered":
        answer(house, refs, FIRST)
    with house.database.transaction() as session:
        if over == "withdrawn":
            paul = factory.third_person(session)
            announcements.withdraw(session, refs[0], "Not needed.", actor=paul, now=FIRST)
        elif over == "ended":
            session.exec(select(Customer).where(Customer.ref == "acme")).one().contract_end = date(2026, 3, 20)
    at(monkeypatch, FIRST + timedelta(hours=1))
    deliver.run(house)
    assert [str(letter.state) for letter in reminders(house)] == ["cancelled"]
    assert remind(house, FIRST + timedelta(days=7)) == 0


def test_none_without_proof_of_the_notice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    told(house, monkeypatch)
    with house.database.transaction() as session:
        for row in session.exec(select(Delivery).where(Delivery.to_email == "legal@acme.example")).all():
            event = Happening(row.ref, "", "bounce", NOW, f"b:{row.ref}", "550 gone")
            notices.happened(session, event, actor=factory.SYSTEM, now=NOW + timedelta(hours=1))
    assert remind(house, FIRST) == 0


def test_a_start_before_the_last_day_is_what_counts_and_the_terms_name_the_days(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(house, monkeypatch, terms={**SPECIFIC, "reminder_days": 10})
    assert [remind(house, NOW + timedelta(days=day)) for day in (20, 21)] == [0, 1]
    assert consent_reminders.wanted_by(date(2026, 4, 2), [date(2026, 3, 30), date(2026, 5, 1)]) == date(2026, 3, 29)
    assert consent_reminders.wanted_by(None, []) is None


def test_barred_and_retired_contacts_are_left_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    told(house, monkeypatch)
    with house.database.transaction() as session:
        session.exec(select(Contact).where(Contact.email == "legal@acme.example")).one().barred_at = NOW
    assert remind(house, FIRST) == 0
    assert reminders(house) == []
