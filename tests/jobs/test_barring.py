"""Addresses whose owner reported spam: barred wherever they stand or come to stand; nothing queued leaves for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from notifier import clock
from notifier.domain.people import Door
from notifier.domain.states import DeliveryState, NoticeState
from notifier.house import House
from notifier.jobs import deliver, events, sweep
from notifier.tables import Contact, Delivery, Notice, ProviderPost
from notifier.tables.base import table
from notifier.tables.bulk import insert_each
from notifier.workflow import customers, deliveries, people, verify
from notifier.workflow.customers import ContactEntry
from tests import factory
from tests.factory import NOW

SENT, LATER = NOW + timedelta(minutes=3), NOW + timedelta(hours=1)
SHARED = ContactEntry("legal@group.example", "Lea")


def announced(house: House, *entries: customers.CustomerEntry) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, *entries)
        factory.announced(session, olga, paul)


def complain(house: House) -> None:
    """The owner of the first letter reports it as spam."""
    with house.database.transaction() as session:
        query = select(Delivery).where(Delivery.kind == "change_announced").order_by(col(Delivery.id))
        row = session.exec(query).first()
        assert row is not None
        body = {"event": "spam", "time": int(LATER.timestamp()), "MessageID": 7, "CustomID": row.ref, "source": "JMRPP"}
        session.add(ProviderPost(source="mailjet", received_at=LATER, body=json.dumps(body).encode()))
    with clock.standing(LATER):
        events.run(house)


def letters(house: House, kind: str = "change_announced") -> list[tuple[str, str]]:
    with house.database.reading() as session:
        assert verify.chain(session) == []
        return [(d.to_email, str(d.state)) for d in session.exec(
            select(Delivery).where(Delivery.kind == kind).order_by(col(Delivery.id)))]


@pytest.mark.parametrize("way", ["import", "by hand"])
def test_an_address_that_is_barred_is_barred_for_customers_who_come_later(house: House, way: str) -> None:
    announced(house, factory.customer("alpha", contacts=(SHARED,)))
    with clock.standing(SENT):
        deliver.run(house)
    complain(house)
    with house.database.transaction() as session:
        if way == "import":
            factory.take_in(session, factory.customer("beta", contacts=(SHARED,)))
        else:
            factory.take_in(session, factory.customer("beta"))
            olga = people.actor_for(people.by_email(session, "olga@processor.example"), Door.CLI)
            customers.add_contact(session, customers.get(session, "beta"), SHARED, actor=olga, now=LATER)
    with house.database.reading() as session:
        barred = session.exec(select(Contact.barred_at).where(Contact.email == SHARED.email)).all()
        assert barred == [LATER, LATER]
        assert verify.chain(session) == []


def test_what_waits_for_a_barred_address_stays_and_the_next_contact_is_written_to(house: House) -> None:
    second = ContactEntry("second@beta.example", "Sid", position=2)
    announced(house, factory.customer("alpha", contacts=(SHARED,)),
              factory.customer("beta", contacts=(SHARED, second), terms={"notify": "in_order"}),
              factory.customer("gamma", contacts=(SHARED,)))
    complain(house)  # before any of them has left
    assert letters(house) == [(SHARED.email, "cancelled")] * 3 + [("second@beta.example", "queued")]
    with house.database.reading() as session:
        states = session.exec(select(Notice.state).order_by(col(Notice.id))).all()
    assert list(states) == [NoticeState.UNDELIVERABLE, NoticeState.PENDING, NoticeState.UNDELIVERABLE]
    told = letters(house, "staff_delivery_failed")
    assert len(told) == 3 and {email for email, _ in told} == {"olga@processor.example"}


def test_the_clock_keeps_back_what_is_owed_to_a_barred_address_later(house: House) -> None:
    announced(house, factory.customer("alpha", contacts=(SHARED,)))
    with house.database.transaction() as session:
        for contact in session.exec(select(Contact)):
            contact.barred_at = NOW
    with clock.standing(SENT):
        sweep.once(house)
        deliver.run(house)
    assert letters(house) == [(SHARED.email, "cancelled")]
    assert {state for _, state in letters(house, "staff_delivery_failed")} == {DeliveryState.ACCEPTED}


def test_a_worker_rung_before_the_clock_has_looked_does_not_write_to_a_barred_address(house: House) -> None:
    second = ContactEntry("second@group.example", "Sid", position=2)
    announced(house, factory.customer("alpha", contacts=(SHARED, second)))
    with house.database.transaction() as session:
        session.exec(select(Contact).where(Contact.email == SHARED.email)).one().barred_at = NOW
    with clock.standing(SENT):
        deliver.run(house)
    assert letters(house) == [(SHARED.email, "queued"), ("second@group.example", "accepted")]
    assert {state for _, state in letters(house, "staff_review_requested")} == {DeliveryState.ACCEPTED}
    with clock.standing(SENT):
        sweep.once(house)
    assert letters(house)[0] == (SHARED.email, "cancelled")


def test_claiming_looks_up_the_contacts_of_the_letters_and_reads_no_others(
    make_house: Callable[..., House], postgres_url: str
) -> None:
    """Of a hundred thousand contacts nearly none is barred, and fifty letters are claimed at a time. SQLite keeps no
    count of what it reads."""
    house = make_house(database_url=postgres_url)
    announced(house, *(factory.customer(f"c{n:03}") for n in range(20)))
    with house.database.transaction() as session:
        number = session.scalar(sa.select(sa.func.min(col(Contact.customer_id))))
        insert_each(session, table(Contact), ("email",), [(f"n{n}@x.example",) for n in range(5000)], alike={
            "customer_id": number, "name": "", "phone": "", "role": "other", "position": 9})
    read = sa.text("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'contact'")
    with house.database.transaction() as session:
        before = session.execute(read).scalar_one()
        assert len(deliveries.lock_due(session, 5, "outbox", now=LATER)) == 5
        after = session.execute(read).scalar_one()
    assert after - before <= 10, f"{after - before} contacts were read to claim 5 letters"
