"""A notice delivered by hand: two people, a file, and the day that counts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import Session, select

from notifier.domain.people import Actor
from notifier.domain.proof import in_words
from notifier.domain.refusals import Refusal
from notifier.domain.states import NoticeState
from notifier.house import House
from notifier.tables import AuditEntry, Customer, Delivery, Notice
from notifier.workflow import announcements, documents, hand_delivery, notices, people, verify
from tests import factory
from tests.factory import NOW

FILE = ("C:\\scans\\receipt.pdf", b"%PDF signed by Lea")
LATER = NOW + timedelta(days=3)  # Thursday, 5 March 2026


class People:
    """Olga of ops, Paul and Petra of privacy, Ada the admin."""

    def __init__(self, session: Session) -> None:
        self.olga, self.paul = factory.two_people(session)
        self.petra = factory.third_person(session)
        ada = people.add(session, "ada@processor.example", "Ada", [people.Role.ADMIN], actor=factory.SYSTEM, now=NOW)
        self.ada = people.actor_for(ada, factory.Door.CLI)


@pytest.fixture
def staff(house: House) -> People:
    """A change announced to one customer, whose notice is pending."""
    with house.database.transaction() as session:
        staff = People(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"))
        factory.announced(session, staff.olga, staff.paul)
    return staff


def record(house: House, actor: Actor, day: date = date(2026, 3, 5), **given: object) -> Notice:
    values: dict[str, object] = {"name": "A-1/alpha", "file": FILE, "now": LATER, **given}
    with house.database.transaction() as session:
        return hand_delivery.record(session, received_on=day, actor=actor, **values)  # type: ignore[arg-type]


def confirm(house: House, actor: Actor) -> Notice:
    with house.database.transaction() as session:
        return hand_delivery.confirm(session, "A-1/alpha", actor=actor, now=LATER + timedelta(hours=1))


def refused(code: str) -> pytest.RaisesExc[Refusal]:
    return pytest.raises(Refusal, check=lambda refusal: refusal.code == code)


def test_what_one_person_records_and_another_confirms_proves_the_notice(house: House, staff: People) -> None:
    assert record(house, staff.olga).state == NoticeState.PENDING
    with house.database.reading() as session:
        [(_, waiting, customer)] = hand_delivery.awaiting(session)
        assert customer.ref == "alpha"
        recorded = hand_delivery.waiting(session, waiting)
        assert recorded is not None
        assert (recorded.file_name, recorded.received_on) == ("receipt.pdf", date(2026, 3, 5))
        assert recorded.by == staff.olga.id
        assert documents.body_of(session, recorded.sha256) == FILE[1]
        told = session.exec(select(Delivery).where(Delivery.kind == "staff_hand_delivery")).all()
        assert {row.to_email for row in told} == {"paul@processor.example", "petra@processor.example"}
    given = confirm(house, staff.paul)
    assert (given.state, given.given_by) == (NoticeState.GIVEN, "hand")
    assert given.given_at == LATER + timedelta(hours=1)  # 11:00 in Zürich; noon of that day had not come yet
    with house.database.reading() as session:
        window = notices.window_of(session, given)
        assert window is not None and window.receipt_day == date(2026, 3, 5)
        assert given.proof is not None
        assert given.proof["file"] == recorded.sha256
        assert (given.proof["recorded_by"], given.proof["confirmed_by"]) == (staff.olga.id, staff.paul.id)
        acts = session.exec(select(AuditEntry.action).where(AuditEntry.subject_kind == "notice")).all()
        assert acts == ["ask_hand_delivery", "give", "confirm_hand_delivery"]
        assert hand_delivery.awaiting(session) == [] and verify.chain(session) == []
    assert str(in_words(given.given_by, given.proof)) == (
        "delivered by hand on 2026-03-05 (receipt.pdf), confirmed by a second person")


@pytest.mark.parametrize(("received", "rule", "counts"), [
    (date(2026, 3, 3), "business_hours", date(2026, 3, 3)),
    (date(2026, 3, 7), "business_hours", date(2026, 3, 9)),  # a Saturday
    (date(2026, 3, 7), "legal_day", date(2026, 3, 7)),
])
def test_the_civil_day_counts_by_the_receipt_rule_of_the_terms(
    house: House, received: date, rule: str, counts: date
) -> None:
    with house.database.transaction() as session:
        staff = People(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", terms={"receipt_rule": rule}))
        factory.announced(session, staff.olga, staff.paul)
    week_later = NOW + timedelta(days=8)
    record(house, staff.olga, received, now=week_later)
    with house.database.transaction() as session:
        notice = hand_delivery.confirm(session, "A-1/alpha", actor=staff.paul, now=week_later)
        window = notices.window_of(session, notice)
        assert window is not None and window.receipt_day == counts
        assert notice.given_at == datetime(received.year, received.month, received.day, 11, tzinfo=UTC)


def test_who_recorded_it_cannot_confirm_it_and_ops_cannot_either(house: House, staff: People) -> None:
    record(house, staff.paul)
    with refused("second_person"):
        confirm(house, staff.paul)
    with refused("second_person"):
        record(house, staff.paul)
    with refused("role_missing"):
        confirm(house, staff.olga)
    with refused("role_missing"):
        record(house, staff.ada)
    with refused("person_needed"):
        confirm(house, factory.SYSTEM)
    assert confirm(house, staff.petra).given_by == "hand"


def test_the_same_handed_in_by_two_people_is_confirmed_and_something_else_replaces_it(
    house: House, staff: People
) -> None:
    record(house, staff.olga)
    record(house, staff.paul, file=("other.pdf", b"another receipt"))
    with house.database.reading() as session:
        recorded = hand_delivery.waiting(session, hand_delivery.find(session, "A-1/alpha"))
        assert recorded is not None and recorded.file_name == "other.pdf"
    assert record(house, staff.petra, file=("other.pdf", b"another receipt")).given_by == "hand"


@pytest.mark.parametrize(("day", "given", "said"), [
    (date(2026, 3, 6), {}, "this day has not come"),
    (date(2026, 3, 1), {}, "this day lies before the announcement"),
    (date(2026, 3, 5), {"file": ("empty.pdf", b"")}, "hand in a file with content"),
    (date(2026, 3, 5), {"file": ("large.pdf", b"x" * (10 * 1024 * 1024 + 1))}, "10 MB at most"),
])
def test_what_cannot_be_is_refused_in_words(
    house: House, staff: People, day: date, given: dict[str, object], said: str
) -> None:
    with pytest.raises(Refusal, match=said):
        record(house, staff.olga, day, **given)


def test_today_is_the_customers_today(house: House) -> None:
    with house.database.transaction() as session:
        staff = People(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", terms={"zone": "Pacific/Auckland"}))
        factory.announced(session, staff.olga, staff.paul)
    evening = datetime(2026, 3, 5, 20, tzinfo=UTC)
    assert record(house, staff.olga, date(2026, 3, 6), now=evening).state == NoticeState.PENDING


def test_a_notice_that_is_proven_cancelled_or_unknown_takes_no_delivery_by_hand(house: House, staff: People) -> None:
    with refused("not_recorded"):
        confirm(house, staff.paul)
    record(house, staff.olga)
    with house.database.transaction() as session:
        notices.give(session, session.exec(select(Notice)).one(), LATER, "customer", {"act": "acknowledgement"},
                     actor=factory.CONTACT, now=LATER)
    with refused("no_such_move"):
        confirm(house, staff.paul)
    with refused("no_such_move"):
        record(house, staff.olga)
    for name in ("A-1/beta", "A-7/alpha", "nothing"):
        with refused("unknown"):
            record(house, staff.olga, name=name)


def test_a_notice_no_mail_reached_is_given_by_hand_and_taken_back_with_its_change(house: House, staff: People) -> None:
    with house.database.transaction() as session:
        row = session.exec(select(Delivery).where(Delivery.kind == "change_announced")).one()
        event = notices.Happening(row.ref, "", "bounce", LATER, "bounce", "550")
        notices.happened(session, event, actor=factory.SYSTEM, now=LATER)
        assert session.exec(select(Notice)).one().state == NoticeState.UNDELIVERABLE
    record(house, staff.olga)
    assert confirm(house, staff.paul).state == NoticeState.GIVEN
    with house.database.transaction() as session:
        announcements.withdraw(session, "C-1", "No longer.", actor=staff.paul, now=LATER + timedelta(days=1))
    with house.database.reading() as session:
        assert session.exec(select(Notice)).one().state == NoticeState.CANCELLED
        assert session.exec(select(Customer)).one() and verify.chain(session) == []


def test_a_delivery_by_hand_takes_the_place_of_a_presumption(house: House, staff: People) -> None:
    with house.database.transaction() as session:
        row = session.exec(select(Delivery).where(Delivery.kind == "change_announced")).one()
        presumed = notices.Happening(row.ref, "", "presumed", LATER, "presumed:1", by="presumed")
        notices.happened(session, presumed, actor=factory.SYSTEM, now=LATER)
        assert session.exec(select(Notice)).one().given_by == "presumed"
    assert record(house, staff.olga).given_by == "presumed"
    with house.database.reading() as session:
        assert len(hand_delivery.awaiting(session)) == 1
    given = confirm(house, staff.paul)
    assert (given.state, given.given_by) == (NoticeState.GIVEN, "hand")
    with refused("no_such_move"):
        record(house, staff.olga)
    with house.database.reading() as session:
        assert hand_delivery.awaiting(session) == [] and verify.chain(session) == []
