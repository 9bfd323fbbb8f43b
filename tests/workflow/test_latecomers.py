"""Customers who come late to a change: informed, owed a notice of their own, or told late; and those it no longer
concerns. The log stays sound after every act."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import parseaddr

import pytest
from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain.joining import Fate
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.states import ChangeState
from notifier.house import House
from notifier.jobs import deliver, sweep
from notifier.mail import outbox
from notifier.tables import Announcement, AuditEntry, Delivery, Notice, NoticeChange
from notifier.workflow import (
    announcements,
    answers,
    changes,
    customers,
    latecomers,
    listing,
    notices,
    objections,
    processing,
    releases,
    starts,
    verify,
)
from notifier.workflow.customers import ContactEntry, CustomerEntry
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import NOW, START, SYSTEM, customer
from tests.workflow.telling import PROVIDER, owed

LATER = NOW + timedelta(days=10)  # the change is announced on the day of NOW
DAY = datetime(START.year, START.month, START.day, 8, tzinfo=NOW.tzinfo)
SINCE_LONG, MEANWHILE = date(2024, 1, 1), LATER.date() - timedelta(days=1)


@dataclass(frozen=True)
class Told:
    """A change announced to Alpha, who has received it; Gamma buys another service."""

    house: House
    ref: str
    olga: Actor
    paul: Actor

    @contextmanager
    def act(self) -> Iterator[Session]:
        """One transaction, after which the whole log must be sound."""
        with self.house.database.transaction() as session:
            yield session
        self.sound()

    def sound(self) -> None:
        """The chain, and every row against it."""
        with self.house.database.reading() as session:
            assert [str(fault) for fault in verify.chain(session)] == []

    def take_in(self, *entries: CustomerEntry, now: datetime = LATER, actor: Actor | None = None) -> None:
        """Customers from a file."""
        with self.act() as session:
            customers.upsert(session, entries, actor=actor or self.olga, now=now)

    def arrive(self, at: datetime) -> None:
        """Every letter leaves and reaches its recipient's server."""
        with clock.standing(at):
            deliver.run(self.house)
        with self.act() as session:
            for row in session.exec(select(Delivery).where(Delivery.state == "accepted")).all():
                notices.happened(session, notices.Happening(row.ref, "", "sent", at, f"sent:{row.ref}", "250 ok"),
                                 actor=PROVIDER, now=at)

    def standing(self, ref: str, now: datetime) -> tuple[str, list[str]]:
        """How a customer came, and what stands in its way."""
        with self.house.database.reading() as session:
            found = releases.standings(session, changes.get(session, self.ref), now, customer_ref=ref)
            return (found[-1].joining, [str(b.code) for b in found[-1].blockers]) if found else ("", [])

    def may(self, ref: str, at: datetime) -> bool:
        """What a pipeline is told."""
        with self.house.database.reading() as session:
            return processing.may_process(session, "analytics-inc", ref, at.date(), at).allowed

    def letters(self) -> dict[str, str]:
        """The newest letter of each address, in one line."""
        newest_last = reversed(outbox.read(self.house.settings.data_dir / "outbox"))
        return {parseaddr(m.to)[1]: " ".join(m.text.split()) for m in newest_last}

    def made(self) -> list[tuple[str, int | None, int]]:
        """The announcements made for latecomers: how they came, the annex, how many."""
        with self.house.database.reading() as session:
            rows = session.exec(select(Announcement).where(Announcement.joining != "").order_by(col(Announcement.id)))
            return [(row.joining, row.annex_edition, row.included) for row in rows]


def told(house: House, *, separable: str = "customer") -> Told:
    """The change announced, Alpha's letter delivered."""
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, customer("alpha", contract_start=SINCE_LONG),
                        customer("gamma", services=("archive",), contract_start=SINCE_LONG))
        ref = factory.announced(session, olga, paul, separable=separable).ref
    case = Told(house, ref, olga, paul)
    case.arrive(NOW + timedelta(minutes=5))
    return case


# The three fates


def test_who_signed_with_the_change_in_its_annex_is_informed_and_blocks_nothing(house: House) -> None:
    case = told(house)
    case.take_in(customer("delta", contract_start=MEANWHILE))
    assert case.made() == [("informed", 2, 1)]
    assert case.standing("delta", DAY) == ("informed", [])
    case.arrive(LATER)
    letter = case.letters()["legal@delta.example"]
    assert "The list in the annex that Delta Ltd accepted, edition 2, has it already." in letter
    assert "This letter is for your information" in letter and "object" not in letter.split("Kind regards")[0]
    with case.act() as session:
        notice = session.exec(select(Notice).order_by(col(Notice.id).desc())).first()
        assert notice is not None and (notice.state, notice.window_id) == ("given", None)
        assert notice.promised_last_day is None
        assert factory.start_due(session, actor=SYSTEM, now=DAY) == [case.ref]
    assert case.may("delta", DAY)


def test_whose_contract_began_earlier_is_owed_a_notice_with_its_own_window_and_blocks(house: House) -> None:
    case = told(house, separable="no")
    case.take_in(customer("beta", contract_start=SINCE_LONG))
    assert case.made() == [("owed", None, 1)]
    assert case.standing("beta", DAY) == ("owed", ["no_proven_notice"])
    case.arrive(LATER)
    letter = case.letters()["legal@beta.example"]
    assert "We announced this before it concerned Beta Ltd" in letter
    assert "Last day to object: Monday, 13 April 2026" in letter  # ten days after Alpha's
    with case.act() as session:
        change = changes.get(session, case.ref)
        assert (change.planned_start, change.state) == (START, ChangeState.ANNOUNCED)
    assert case.standing("beta", LATER + timedelta(days=20))[1] == ["before_planned_start", "notice_days_running",
                                                                    "window_open"]
    with case.act() as session:
        assert factory.start_due(session, actor=SYSTEM, now=DAY) == [case.ref]
    assert case.may("beta", DAY) and case.may("alpha", DAY)


def test_a_customer_found_only_after_the_start_is_told_late_and_everybody_can_see_that(house: House) -> None:
    case = told(house)
    after = DAY + timedelta(days=3)
    with case.act() as session:
        assert factory.start_due(session, actor=SYSTEM, now=DAY) == [case.ref]
    case.take_in(customer("beta", contract_start=SINCE_LONG), customer("zeta", agreement_date=SINCE_LONG), now=after)
    assert case.made() == [("late", None, 2)]
    with case.house.database.reading() as session:
        edition = listing.newest(session)
        assert edition is not None and edition.cause == "owe"
        assert edition.value["changes"][0]["marks"] == [
            {"kind": "late_notice", "on": after.date().isoformat(), "count": 2}]
        assert "beta" not in str(edition.value).lower()
    assert case.standing("beta", after) == ("late", ["no_proven_notice"])
    assert not case.may("beta", after) and case.may("alpha", after)
    case.arrive(after)
    letter = case.letters()["legal@beta.example"]
    assert "We owed you this notice before the change started, and give it to you only now." in letter
    assert "Began on: Monday, 4 May 2026" in letter and "You may object until the end of" in letter
    with case.act() as session:
        assert factory.start_due(session, actor=SYSTEM, now=after + timedelta(days=60)) == [case.ref]
    assert case.may("beta", after + timedelta(days=60))


def test_who_came_or_bought_once_it_was_in_effect_is_owed_nothing(house: House) -> None:
    case = told(house)
    with case.act() as session:
        factory.start_due(session, actor=SYSTEM, now=DAY)
    after = DAY + timedelta(days=3)
    case.take_in(customer("delta", contract_start=after.date()), customer("epsilon"),
                 customer("gamma", services=("archive", "platform"), contract_start=SINCE_LONG), now=after)
    assert case.made() == []
    assert all(case.may(ref, after) for ref in ("delta", "epsilon", "gamma"))


# What makes somebody a latecomer


def test_whoever_buys_an_affected_service_meanwhile_is_owed_a_notice_at_once_by_ops_too(house: House) -> None:
    case = told(house)
    case.take_in(customer("gamma", services=("archive", "platform"), contract_start=SINCE_LONG), actor=case.olga)
    assert case.made() == [("owed", None, 1)]
    with case.act() as session:
        assert owed(session, "change_announced")[-1] == "legal@gamma.example"


def test_a_contract_that_begins_later_is_found_by_the_clock(house: House) -> None:
    case = told(house)
    begins = LATER.date() + timedelta(days=5)
    case.take_in(customer("delta", contract_start=begins, agreement_date=SINCE_LONG))
    assert case.made() == []
    with clock.standing(LATER + timedelta(days=4)):
        seen = sweep.once(house)
    assert case.made() == []
    with clock.standing(LATER + timedelta(days=5)):
        sweep.once(house, seen)
        sweep.once(house, seen)
    case.sound()
    assert case.made() == [("owed", None, 1)]


def test_an_older_annex_is_owed_a_notice_and_a_newer_one_recorded_later_takes_none_back(house: House) -> None:
    case = told(house)
    case.take_in(customer("delta", contract_start=MEANWHILE, annex_edition=1),
                 customer("epsilon", contract_start=MEANWHILE, annex_edition=2))
    assert case.made() == [("owed", None, 1), ("informed", 2, 1)]
    with case.act() as session:
        customers.record_annex(session, customers.get(session, "delta"), 2, actor=case.olga, now=LATER)
    assert case.standing("delta", DAY) == ("owed", ["no_proven_notice"])


@pytest.mark.parametrize("edition", [-1, 3])
def test_an_edition_there_is_none_of_is_no_annex(house: House, edition: int) -> None:
    case = told(house)
    with pytest.raises(Refusal, match="no such edition"), house.database.transaction() as session:
        customers.record_annex(session, customers.get(session, "alpha"), edition, actor=case.olga, now=LATER)


def test_one_call_owes_many_customers_one_letter_each_and_a_second_one_nothing(house: House) -> None:
    case = told(house)
    with case.act() as session:
        second = factory.approved(session, case.olga, case.paul, legal_name="Metrics GmbH", country="DE",
                                  locations=["Germany"], now=NOW, transfer_basis="Adequacy")
        announcements.announce(session, [second.ref], actor=case.paul, now=NOW + timedelta(minutes=9))
    many = [customer(f"late{n}", contract_start=SINCE_LONG) for n in range(12)]
    case.take_in(*many)
    case.take_in(*many)
    with case.act() as session:
        assert latecomers.look_after(session, actor=SYSTEM, now=LATER).announcements == ()
        assert not latecomers.due(session, LATER)
    assert case.made() == [("owed", None, 12)]
    with case.house.database.reading() as session:
        made = session.exec(select(Announcement).where(Announcement.joining == Fate.OWED)).one()
        assert {c.ref for c in announcements.concerned_by(session, made)} == {case.ref, second.ref}
        assert len(owed(session, "change_announced")) == 2 + 12


def test_a_latecomer_without_a_contact_blocks_and_is_written_to_as_soon_as_there_is_one(house: House) -> None:
    case = told(house)
    case.take_in(customer("beta", contract_start=SINCE_LONG, contacts=()))
    assert case.standing("beta", DAY) == ("owed", ["no_proven_notice"])
    with case.act() as session:
        assert "legal@beta.example" not in owed(session, "change_announced")
        customers.add_contact(session, customers.get(session, "beta"), ContactEntry("legal@beta.example"),
                              actor=case.olga, now=LATER)
    with case.act() as session:
        assert owed(session, "change_announced")[-1] == "legal@beta.example"


# In the way or not


def test_where_customers_can_be_separated_a_late_joiner_follows_and_where_not_it_blocks_all(house: House) -> None:
    case = told(house)
    soon = DAY - timedelta(days=2)
    case.take_in(customer("beta", contract_start=SINCE_LONG), now=soon)
    case.arrive(soon)
    with case.act() as session:
        assert factory.start_due(session, actor=SYSTEM, now=DAY) == [case.ref]
        change = changes.get(session, case.ref)
        assert (change.state, change.planned_start) == (ChangeState.IN_EFFECT, START)
    assert case.may("alpha", DAY) and not case.may("beta", DAY)
    with case.house.database.reading() as session:
        look = answers.blockers(session, case.ref, "", DAY).value()
    assert [(c["customer"], c["joining"], bool(c["blockers"])) for c in look["customers"]] == [
        ("alpha", "", False), ("beta", "owed", True)]
    other = DAY + timedelta(days=60)
    with case.act() as session:
        factory.start_due(session, actor=SYSTEM, now=other)
    assert case.may("beta", other)


def test_where_customers_cannot_be_separated_one_late_joiner_holds_the_start(house: House) -> None:
    case = told(house, separable="no")
    case.take_in(customer("beta", contract_start=SINCE_LONG), now=DAY - timedelta(days=2))
    with case.act() as session:
        assert factory.start_due(session, actor=SYSTEM, now=DAY) == [case.ref]
        assert changes.get(session, case.ref).state == ChangeState.ANNOUNCED
    assert not case.may("alpha", DAY)


def test_who_stops_buying_no_longer_blocks_and_is_owed_again_when_it_buys_again(house: House) -> None:
    case = told(house, separable="no")
    case.take_in(customer("beta", contract_start=SINCE_LONG))
    case.take_in(customer("beta", contract_start=SINCE_LONG, services=("archive",)), now=LATER + timedelta(days=2))
    assert case.standing("beta", DAY) == ("", [])
    with case.act() as session:
        part = session.exec(select(NoticeChange).order_by(col(NoticeChange.id).desc())).first()
        assert part is not None and part.freed_at == LATER + timedelta(days=2)
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "free")).one()
        assert (entry.subject_id, entry.count) == (case.ref, 1)
        assert session.exec(select(Notice).where(Notice.id == part.notice_id)).one().state == "pending"
        assert "legal@beta.example" not in owed(session, "change_announced")
    again = LATER + timedelta(days=4)
    case.take_in(customer("beta", contract_start=SINCE_LONG, services=("archive", "platform")), now=again)
    assert case.standing("beta", DAY) == ("owed", ["no_proven_notice"])
    case.arrive(again)
    assert case.standing("beta", DAY) == ("owed", [])
    with case.act() as session:
        assert factory.start_due(session, actor=SYSTEM, now=DAY) == [case.ref]
    assert case.may("beta", DAY)


# The end of a contract


def test_after_the_end_of_a_contract_no_letter_about_announcements_leaves_and_cases_go_on(house: House) -> None:
    case = told(house, separable="no")
    ended = customer("alpha", contract_start=SINCE_LONG, contract_end=LATER.date())
    case.take_in(customer("beta", contract_start=SINCE_LONG), now=NOW + timedelta(minutes=6))
    case.arrive(NOW + timedelta(minutes=7))
    with case.act() as session:
        first = session.exec(select(Notice).order_by(col(Notice.id))).first()
        assert first is not None
        filing = Filing("We do not want this.", "Lea", "legal@alpha.example")
        ref = objections.file(session, first.id or 0, filing, contact_id=None, actor=factory.CONTACT, now=LATER).ref
    case.take_in(ended)
    after = LATER + timedelta(days=1)
    with case.act() as session:
        starts.move_start(session, case.ref, START + timedelta(days=30), "It takes longer.", actor=case.paul, now=after)
        assert owed(session, "start_moved") == ["legal@beta.example"]
        objections.acknowledge(session, ref, "We are on it.", actor=case.paul, now=after)
        assert owed(session, "objection_acknowledged") == ["legal@alpha.example"]
        announcements.withdraw(session, case.ref, "Not needed.", actor=case.paul, now=after)
        assert owed(session, "change_withdrawn") == ["legal@beta.example"]


def test_a_letter_still_queued_at_the_end_of_the_contract_is_cancelled(house: House) -> None:
    case = told(house)
    case.take_in(customer("beta", contract_start=SINCE_LONG, contract_end=LATER.date()))
    case.arrive(LATER + timedelta(days=1))
    with case.act() as session:
        row = session.exec(select(Delivery).where(Delivery.to_email == "legal@beta.example")).one()
        assert row.state == "cancelled"
    assert case.standing("beta", LATER + timedelta(days=1)) == ("owed", [])
    assert case.standing("beta", LATER)[1] == ["before_planned_start", "no_proven_notice"]
