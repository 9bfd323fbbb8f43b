"""The yearly question after an address: when it goes, what answers it, and what is listed before announcing."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.people import Actor, Door, Kind
from notifier.domain.refusals import Refusal
from notifier.house import House
from notifier.jobs import sweep
from notifier.tables import AuditEntry, Contact, Customer, Delivery, Notice
from notifier.tables.base import table
from notifier.workflow import consents, contact_checks, customers, objections, verify, verify_rows
from notifier.workflow.customers import ContactEntry
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import NOW
from tests.workflow import telling

YEAR = NOW + contact_checks.YEAR
CLOCK = sweep.ACTOR


@pytest.fixture
def kept(house: House) -> House:
    """Customers alpha, with two notice contacts and one for legal matters, and beta, whose contract ends."""
    with house.database.transaction() as session:
        factory.two_people(session)
        factory.take_in(session, factory.customer("alpha", contacts=(
            ContactEntry("legal@alpha.example", "Lea"), ContactEntry("dpo@alpha.example", "Dora", position=2),
            ContactEntry("court@alpha.example", "Cora", role=customers.ContactRole.LEGAL),
        )), factory.customer("beta", contract_end=date(2026, 12, 31)))
    return house


def ask(house: House, days: int) -> int:
    with house.database.transaction() as session:
        return contact_checks.ask(session, actor=CLOCK, now=YEAR + timedelta(days=days))


def row_of(session: Session, email: str = "legal@alpha.example") -> Contact:
    return session.exec(select(Contact).where(Contact.email == email)).one()


def by_link(contact: Contact) -> Actor:
    return Actor(Kind.CONTACT, Door.LINK, id=contact.id)


def owed(house: House) -> list[str]:
    with house.database.reading() as session:
        return telling.owed(session, contact_checks.LETTER)


def test_it_goes_a_year_after_the_last_check_and_once_more_a_month_later(kept: House) -> None:
    assert ask(kept, -1) == 0
    assert (ask(kept, 0), ask(kept, 0)) == (4, 0)
    assert owed(kept) == ["legal@alpha.example", "dpo@alpha.example"]
    telling.send(kept, YEAR)
    assert (ask(kept, 29), ask(kept, 30), ask(kept, 31), ask(kept, 360)) == (0, 2, 0, 0)
    assert len(owed(kept)) == 4
    assert ask(kept, 365) == 4  # the next year's question
    with kept.database.reading() as session:
        assert {d.attempt for d in session.exec(select(Delivery).where(Delivery.kind == contact_checks.LETTER))} \
            == {1, 2, 3}
        assert verify.chain(session) == [] and list(verify_rows.rows(session, (), ())) == []


def test_an_act_of_the_contact_is_a_check_and_the_arrival_of_a_letter_is_none(house: House) -> None:
    with house.database.transaction() as session:
        telling.announced(session)
    telling.arrive(house)
    with house.database.transaction() as session:
        assert {c.checked_at for c in session.exec(select(Contact))} == {None}
        notice = session.exec(select(Notice).order_by(col(Notice.id))).first()
        assert notice is not None
        lea, dora = row_of(session), row_of(session, "dpo@alpha.example")
        consents.acknowledge(session, notice, actor=by_link(lea), now=NOW)
        filing = Filing("No.", "Dora", dora.email)
        objections.file(session, notice.id or 0, filing, contact_id=dora.id, actor=by_link(dora), now=NOW)
        assert lea.checked_at == dora.checked_at == NOW


def test_who_has_answered_before_the_letter_left_gets_none(kept: House) -> None:
    ask(kept, 0)
    with kept.database.transaction() as session:
        contact_checks.confirm(session, row_of(session), actor=by_link(row_of(session)), now=YEAR)
        row_of(session, "dpo@alpha.example").retired_at = YEAR
    telling.send(kept, YEAR)
    assert owed(kept) == []
    with kept.database.reading() as session:
        row = row_of(session)
        assert (row.checked_at, row.check_asked_at, row.check_at) == (YEAR, None, YEAR + contact_checks.YEAR)


def test_what_has_changed_goes_to_ops_in_the_contacts_own_words(kept: House) -> None:
    with kept.database.transaction() as session:
        lea = row_of(session)
        for words in ("", " \n", "x" * 4001):
            with pytest.raises(Refusal, match="What has changed"):
                contact_checks.doubt(session, lea, words, actor=by_link(lea), now=NOW)
        for _ in range(contact_checks.MOST_A_DAY):
            contact_checks.doubt(session, lea, "Lea has left. Write to Dora.", actor=by_link(lea), now=NOW)
        with pytest.raises(Refusal, match="several things today"):
            contact_checks.doubt(session, lea, "And more.", actor=by_link(lea), now=NOW + timedelta(hours=23))
    with kept.database.reading() as session:
        letters = session.exec(select(Delivery).where(Delivery.kind == "staff_contact_changed")).all()
        assert {(d.to_email, d.words) for d in letters} == {("olga@processor.example", "Lea has left. Write to Dora.")}
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "doubt_contact")).first()
        assert entry is not None and "Dora" not in str(entry.refs)


def test_what_gives_reason_to_look_is_listed_until_somebody_has_looked(kept: House) -> None:
    with kept.database.transaction() as session:
        assert contact_checks.doubtful(session, NOW) == []
        lea, dora = row_of(session), row_of(session, "dpo@alpha.example")
        lea.bounced_at = NOW
        contact_checks.doubt(session, dora, "She has left.", actor=by_link(dora), now=NOW)
        row_of(session, "legal@beta.example").barred_at = NOW
    with kept.database.transaction() as session:
        told = [(one.contact.email, str(one.why)) for one in contact_checks.doubtful(session, NOW)]
        assert told == [
            ("legal@alpha.example", "a letter came back from it on 2026-03-02, and none has arrived since"),
            ("dpo@alpha.example", "told us on 2026-03-02 that something has changed"),
            ("legal@beta.example", "reported us as spam on 2026-03-02, and is written to no more"),
        ]
        olga = factory.engineer(session)
        contact_checks.confirm(session, row_of(session, "dpo@alpha.example"), actor=olga, now=NOW)
        with pytest.raises(Refusal, match="ops, privacy"):
            contact_checks.confirm(session, row_of(session), actor=CLOCK, now=NOW)
    ask(kept, 0)
    with kept.database.reading() as session:
        late = contact_checks.doubtful(session, YEAR)  # beta's contract has ended by then
        assert [str(one.why) for one in late] == [
            "a letter came back from it on 2026-03-02, and none has arrived since",
            "not confirmed for a year; asked since 2027-03-02, without an answer",
        ]


def test_every_way_in_makes_a_contact_that_is_asked_one_day(kept: House) -> None:
    with kept.database.transaction() as session:
        olga = factory.engineer(session)
        customers.add_contact(session, customers.get(session, "alpha"), ContactEntry("new@alpha.example"), actor=olga,
                              now=NOW)
    with kept.database.reading() as session:
        assert {c.check_at for c in session.exec(select(Contact))} == {YEAR}


def test_of_three_thousand_at_once_a_round_takes_a_few_by_an_index(kept: House) -> None:
    with kept.database.transaction() as session:
        number = session.exec(select(Customer.id).where(Customer.ref == "alpha")).one()
        session.execute(sa.insert(table(Contact)), [
            {"customer_id": number, "email": f"a{n}@alpha.example", "name": "", "phone": "", "role": "notice",
             "position": 1, "check_at": NOW} for n in range(3000)])
    with kept.database.transaction() as session:
        assert contact_checks.ask(session, actor=CLOCK, now=NOW) == contact_checks.CHUNK
        if session.get_bind().dialect.name == "postgresql":
            session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN" if session.get_bind().dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        query = f"{explain} SELECT * FROM contact WHERE check_at <= '2026-03-02 09:00:00.000000' " \
                "ORDER BY check_at LIMIT 200"
        assert "ix_contact_check_at" in str(session.execute(sa.text(query)).all())
