"""The reminder before a window ends: one letter per notice and contact, and only while there is something to say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain import window
from notifier.domain.people import Actor, Door, Kind
from notifier.domain.states import NoticeState
from notifier.domain.terms import Terms
from notifier.house import House
from notifier.jobs import deliver, sweep
from notifier.tables import AuditEntry, Contact, Customer, Delivery, Notice, NoticeChange
from notifier.tables.base import table
from notifier.workflow import (
    announcements,
    blobs,
    changes,
    consents,
    corrections,
    extensions,
    notices,
    objections,
    reminders,
    verify,
    verify_rows,
)
from notifier.workflow.customers import ContactEntry
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import NOW
from tests.workflow import telling

LAST_DAY = date(2026, 4, 2)
DUE = datetime(2026, 3, 26, 8, tzinfo=UTC)  # 09:00 in Zürich, seven days before
CLOCK = sweep.ACTOR
LEA, DORA = "legal@alpha.example", "dpo@alpha.example"


@pytest.fixture
def told(house: House) -> House:
    """A change told to alpha, which has two contacts, and to beta; every letter arrived at once."""
    with house.database.transaction() as session:
        telling.announced(session)
    telling.arrive(house)
    return house


def remind(house: House, at: datetime = DUE) -> int:
    """One round of the clock's duty."""
    with house.database.transaction() as session:
        return reminders.remind(session, actor=CLOCK, now=at)


def owed(house: House) -> list[str]:
    """To whom a reminder is owed or was sent."""
    with house.database.reading() as session:
        return telling.owed(session, reminders.LETTER)


def notice_of(session: Session, ref: str) -> Notice:
    """A customer's newest notice."""
    query = select(Notice).join(Customer, col(Customer.id) == col(Notice.customer_id)).where(Customer.ref == ref)
    found = session.exec(query.order_by(col(Notice.id).desc())).first()
    assert found is not None
    return found


def contact(session: Session, email: str) -> Actor:
    """The contact with this address, as it comes by its link."""
    return Actor(Kind.CONTACT, Door.LINK, id=session.exec(select(Contact.id).where(Contact.email == email)).one())


def test_it_goes_on_its_day_to_every_contact_once_however_often_the_clock_looks(told: House) -> None:
    with told.database.reading() as session:
        assert {n.remind_at for n in session.exec(select(Notice))} == {DUE}
        given = [(n.state, n.given_at, n.window_id) for n in session.exec(select(Notice).order_by(col(Notice.id)))]
    assert remind(told, DUE - timedelta(seconds=1)) == 0
    assert (remind(told), remind(told), remind(told, DUE + timedelta(days=1))) == (2, 0, 0)
    assert owed(told) == [LEA, DORA, "legal@beta.example"]
    telling.arrive(told, DUE + timedelta(minutes=1))
    with told.database.reading() as session:
        assert given == [(n.state, n.given_at, n.window_id) for n in session.exec(select(Notice).order_by(
            col(Notice.id)))]  # a reminder gives nothing and starts no clock
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "remind_closing")).one()
        assert (entry.count, len(entry.refs["notices"])) == (3, 2)
        assert verify.chain(session) == []


def test_the_letter_names_the_day_that_counts_and_says_that_it_is_no_notice(told: House) -> None:
    remind(told)
    with clock.standing(DUE):
        deliver.run(told)
    with told.database.reading() as session:
        for row in session.exec(select(Delivery).where(Delivery.kind == reminders.LETTER)):
            body = " ".join(str((blobs.letter(session, row.letter_sha256) or {})["text"]).split())
            assert "until the end of Thursday, 2 April 2026 (24:00, Europe/Zurich)" in body
            assert "It is no notice itself" in body and "{link}" in body
            assert row.promised_last_day is None


def test_who_has_read_the_notice_is_not_reminded_and_a_colleague_is(told: House) -> None:
    with told.database.transaction() as session:
        for _ in range(2):
            consents.acknowledge(session, notice_of(session, "alpha"), actor=contact(session, LEA), now=NOW)
    remind(told)
    assert owed(told) == [DORA, "legal@beta.example"]
    with told.database.reading() as session:
        notice = notice_of(session, "alpha")
        assert consents.acknowledged_at(session, notice, contact(session, LEA).id) == NOW
        assert consents.acknowledged_at(session, notice, contact(session, DORA).id) is None
        assert len(session.exec(select(AuditEntry).where(AuditEntry.action == "acknowledge")).all()) == 1
        assert verify.chain(session) == []


def _objects(session: Session, house: House, people: Any) -> None:
    objections.file(session, notice_of(session, "alpha").id or 0, Filing("No.", "Lea", LEA), contact_id=None,
                    actor=factory.CONTACT, now=NOW)


def _withdraws(session: Session, house: House, people: Any) -> None:
    announcements.withdraw(session, people["change"].ref, "Not needed.", actor=people["paul"], now=NOW)


def _ends(session: Session, house: House, people: Any) -> None:
    customer = session.exec(select(Customer).where(Customer.ref == "alpha")).one()
    customer.contract_end = date(2026, 3, 25)


def _bounces(session: Session, house: House, people: Any) -> None:
    for row in session.exec(select(Delivery).where(col(Delivery.to_email).in_([LEA, DORA]),
                                                   Delivery.subject_kind == "notice")):
        event = notices.Happening(row.ref, "", "bounce", NOW, f"bounce:{row.ref}", "550 no such user")
        notices.happened(session, event, actor=telling.PROVIDER, now=NOW)


def _reads(session: Session, house: House, people: Any) -> None:
    for email in (LEA, DORA):
        consents.acknowledge(session, notice_of(session, "alpha"), actor=contact(session, email), now=NOW)


def _retires(session: Session, house: House, people: Any) -> None:
    for row in session.exec(select(Contact).where(col(Contact.email).in_([LEA, DORA]))):
        row.retired_at = NOW


ENDS = (_objects, _withdraws, _ends, _bounces, _reads, _retires)


@pytest.mark.parametrize("already_owed", [False, True])
@pytest.mark.parametrize("act", ENDS)
def test_none_goes_where_nothing_is_left_to_say_not_even_one_that_is_owed_already(
    house: House, act: Any, already_owed: bool
) -> None:
    with house.database.transaction() as session:
        change, _, _, paul = telling.announced(session)
        people = {"change": change, "paul": paul}
    telling.arrive(house)
    for step in ((remind, act) if already_owed else (act, remind)):
        if step is remind:
            remind(house)
        else:
            with house.database.transaction() as session:
                act(session, house, people)
    telling.send(house, DUE + timedelta(minutes=1))
    with house.database.reading() as session:
        assert [d.to_email for d in session.exec(select(Delivery).where(
            Delivery.kind == reminders.LETTER, Delivery.state == "accepted")) if d.to_email in (LEA, DORA)] == []


def test_a_window_that_has_ended_reminds_nobody_of_a_letter_that_was_held_up(told: House) -> None:
    remind(told)
    telling.send(told, DUE + timedelta(days=9))
    assert owed(told) == []


def test_it_moves_with_the_last_day_until_it_has_gone_and_never_goes_twice(told: House) -> None:
    with told.database.transaction() as session:
        paul = factory.third_person(session)
        extensions.extend(session, date(2026, 4, 20), "Easter.", uid=notice_of(session, "alpha").uid, actor=paul,
                          now=NOW)
        assert notice_of(session, "alpha").remind_at == datetime(2026, 4, 13, 7, tzinfo=UTC)
    remind(told)
    assert owed(told) == ["legal@beta.example"]
    with told.database.transaction() as session:
        extensions.extend(session, date(2026, 4, 24), "More.", uid=notice_of(session, "beta").uid, actor=paul,
                          now=DUE)
        assert notice_of(session, "beta").remind_at is None
    remind(told, datetime(2026, 4, 17, 7, tzinfo=UTC))
    assert owed(told) == ["legal@beta.example", LEA, DORA]


def test_a_proof_that_was_lost_and_found_again_brings_the_reminder_back(told: House) -> None:
    with told.database.transaction() as session:
        _bounces(session, told, None)
        assert notice_of(session, "alpha").state == NoticeState.UNDELIVERABLE
    remind(told)
    with told.database.transaction() as session:
        assert notice_of(session, "alpha").remind_at is None
        notices.give(session, notice_of(session, "alpha"), NOW, "hand", {"kind": "hand"}, actor=CLOCK, now=DUE)
        assert notice_of(session, "alpha").remind_at == DUE


def test_of_a_correction_only_the_newer_notice_is_reminded_of(house: House) -> None:
    with house.database.transaction() as session:
        change, _, _, paul = telling.announced(session)
        petra = factory.third_person(session)
    telling.arrive(house)
    for actor in (paul, petra):
        with house.database.transaction() as session:
            row = changes.get(session, change.ref)
            items = changes.mended(changes.items_of(session, row), {"locations": ["United States", "Canada"]})
            corrections.correct(session, row.ref, items, "A place was missing.", actor=actor, now=NOW)
    telling.arrive(house, NOW + timedelta(days=1))
    remind(house, DUE + timedelta(days=5))
    with house.database.reading() as session:
        old = sa.select(col(NoticeChange.notice_id)).where(col(NoticeChange.superseded_at).is_not(None))
        reminded = set(session.exec(select(Delivery.notice_id).where(Delivery.kind == reminders.LETTER)))
        assert len(reminded) == 2 and not reminded & set(session.scalars(old))


def _told_one(house: House, **given: Any) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", **given))
        factory.announced(session, olga, paul)
    telling.arrive(house)


@pytest.mark.parametrize(("terms", "when"), [
    ({"reminder_days": 0}, None),
    ({"reminder_days": 14}, datetime(2026, 3, 19, 8, tzinfo=UTC)),
    ({"window_days": 7}, datetime(2026, 3, 3, 8, tzinfo=UTC)),
    ({"window_days": 5}, None),
    ({"zone": "Pacific/Auckland"}, datetime(2026, 3, 25, 20, tzinfo=UTC)),
])
def test_it_goes_when_the_terms_say_and_not_for_a_window_as_short_as_that(
    house: House, terms: dict[str, Any], when: datetime | None
) -> None:
    _told_one(house, terms=terms)
    with house.database.reading() as session:
        assert notice_of(session, "alpha").remind_at == when


def test_contacts_whose_turn_has_not_come_are_not_reminded(house: House) -> None:
    two = (ContactEntry(LEA, "Lea"), ContactEntry(DORA, "Dora", position=2))
    _told_one(house, contacts=two, terms={"notify": "in_order"})
    remind(house)
    assert owed(house) == [LEA]


def test_where_only_a_yes_counts_nobody_is_reminded_of_the_window_but_of_the_open_question(house: House) -> None:
    _told_one(house, terms={"authorisation": "specific"})
    with house.database.reading() as session:
        assert notice_of(session, "alpha").remind_at is None  # see test_consent_reminders
    assert remind(house) == 0
    assert owed(house) == []


def test_of_three_thousand_at_once_a_round_takes_a_few_and_finds_them_by_an_index(told: House) -> None:
    with told.database.transaction() as session:
        _storm(session, 3000)
    with told.database.reading() as session:
        plan = "\n".join(str(row) for row in _explained(session))
        assert "ix_notice_remind_at" in plan, plan
    assert remind(told) == reminders.CHUNK
    with told.database.reading() as session:
        left = session.scalar(sa.select(sa.func.count()).where(col(Notice.remind_at).is_not(None)))
        assert left == 3002 - reminders.CHUNK
        letters = session.scalar(sa.select(sa.func.count()).where(col(Delivery.kind) == str(reminders.LETTER)))
        assert letters is not None and reminders.CHUNK <= letters <= reminders.CHUNK + 1


def _storm(session: Session, number: int) -> None:
    """As many customers more, each with a contact and a copy of beta's notice, written past the verbs."""
    model = notice_of(session, "beta")
    part = session.exec(select(NoticeChange).where(NoticeChange.notice_id == model.id)).one()
    customer = session.get(Customer, model.customer_id)
    assert customer is not None
    ids = range(1000, 1000 + number)
    copies: Sequence[tuple[Any, Any, Any]] = (
        (Customer, customer, lambda n: {"id": n, "ref": f"s{n}"}),
        (Contact, None, lambda n: {"id": n, "customer_id": n, "email": f"a@s{n}.example", "name": "", "phone": "",
                                   "role": "notice", "position": 1}),
        (Notice, model, lambda n: {"id": n, "uid": f"u{n}", "customer_id": n}),
        (NoticeChange, part, lambda n: {"id": n, "notice_id": n}),
    )
    for kind, row, own in copies:
        held = {c.name: getattr(row, c.name) for c in table(kind).columns} if row is not None else {}
        session.execute(sa.insert(table(kind)), [{**held, **own(n)} for n in ids])


def _explained(session: Session) -> Sequence[Any]:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN "
    else:
        explain = "EXPLAIN QUERY PLAN "
    query = "SELECT * FROM notice WHERE remind_at <= :now ORDER BY remind_at LIMIT 200"
    return session.execute(sa.text(explain + query), {"now": "2026-03-26 08:00:00.000000"}).all()


def test_the_reminder_is_no_shorter_than_a_civil_day_where_the_clocks_change() -> None:
    counts = window.window(Terms(reminder_days=1, zone="Europe/Zurich"), datetime(2026, 2, 26, 9, tzinfo=UTC),
                           lambda day: None)
    assert counts.last_day == date(2026, 3, 28)
    assert window.remind_at(Terms(reminder_days=1), counts) == datetime(2026, 3, 27, 8, tzinfo=UTC)
    moved = window.extended(counts, date(2026, 3, 30))  # the day before is the Sunday on which the clocks change
    assert window.remind_at(Terms(reminder_days=1), moved) == datetime(2026, 3, 29, 7, tzinfo=UTC)


def test_a_letter_that_arrives_takes_off_the_mark_of_one_that_came_back_before(told: House) -> None:
    with told.database.transaction() as session:
        row = session.exec(select(Delivery).where(Delivery.to_email == LEA)).one()
        late = notices.Happening(row.ref, "", "bounce", DUE, "late", "550 gone")
        notices.happened(session, late, actor=telling.PROVIDER, now=DUE)
    with told.database.transaction() as session:
        marked = session.exec(select(Contact).where(Contact.email == LEA)).one()
        assert marked.bounced_at == DUE
        paul = factory.third_person(session)
        extensions.extend(session, date(2026, 4, 20), "Easter.", uid=notice_of(session, "alpha").uid, actor=paul,
                          now=DUE)
    telling.arrive(told, DUE + timedelta(hours=1))
    with told.database.reading() as session:
        assert session.exec(select(Contact).where(Contact.email == LEA)).one().bounced_at is None
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "works_again")).one()
        assert entry.refs["contact"] == str(marked.id) and LEA not in str(entry.refs)
        assert list(verify_rows.rows(session, (), ())) == []
