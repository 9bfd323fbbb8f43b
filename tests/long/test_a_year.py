"""A year, day by day: five changes, two hundred customers with terms of every kind, letters that arrive, come back or
are answered late. Who is clear, who is held by what, and who is released and reminded on which day is compared with a
second implementation that knows neither tables nor states (`second_gate`)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from notifier.domain.people import Actor
from notifier.domain.states import ChangeState
from notifier.house import House
from notifier.tables import Change, Contact, Customer, Delivery, Notice, NoticeChange
from notifier.workflow import announcements, changes, consents, notices, releases, reminders, starts, verify
from notifier.workflow.customers import ContactEntry, CustomerEntry
from tests import factory
from tests.workflow import second_gate
from tests.workflow.second_gate import Case, Letter
from tests.workflow.telling import PROVIDER, send

SEED, CUSTOMERS, DAYS = 20260105, 200, 365
FIRST = datetime(2026, 1, 5, 12, tzinfo=UTC)  # a Monday; the clock looks at noon
ZONES = ("Europe/Zurich", "Europe/Zurich", "Europe/Berlin", "Pacific/Auckland", "America/New_York", "Pacific/Honolulu")
PLACES = (("CH", "ZH"), ("CH", "GE"), ("DE", "HH"), ("US", ""), ("NZ", ""), ("LI", ""))
PLANNED = {0: "customer", 55: "no", 110: "customer", 165: "service", 220: "no"}
"""The days on which something is announced, and whether its customers can be left out."""
HOUR, DAY = timedelta(hours=1), timedelta(1)


@dataclass
class Told:
    """A change as this test follows it: its ref, its cases by customer, its start, and who it was released to when."""

    ref: str
    separable: str
    start: date | None
    cases: dict[str, Case] = field(default_factory=dict)
    released: dict[str, date] = field(default_factory=dict)
    reminded: set[str] = field(default_factory=set)
    seen: dict[str, set[str]] = field(default_factory=dict)  # what was in whose way when both were last asked
    events: list[tuple[datetime, str, str, int]] = field(default_factory=list)  # when, what, whose, which letter


def terms_of_any_kind(chance: random.Random) -> dict[str, Any]:
    return {
        "window_days": chance.randint(3, 30), "notice_days": chance.randint(1, 30), "zone": chance.choice(ZONES),
        "day_kind": chance.choice(["calendar", "calendar", "business"]),
        "notice_day_kind": chance.choice(["calendar", "calendar", "business"]),
        "receipt_rule": chance.choice(["business_hours", "business_hours", "legal_day"]),
        "window_runs": chance.choice(["before_start", "before_start", "before_start", "until_start", "past_start"]),
        "authorisation": chance.choice(["general"] * 7 + ["specific"]), "notify": chance.choice(["all", "in_order"]),
    }


def customers(chance: random.Random) -> list[CustomerEntry]:
    found = []
    for n in range(CUSTOMERS):
        ref, place = f"c{n:03}", chance.choice(PLACES)
        several = 2 if chance.random() < 0.3 else 1
        contacts = tuple(ContactEntry(f"{who}@{ref}.example", who, position=who_n)
                         for who_n, who in enumerate(("lea", "max")[:several], start=1))
        found.append(factory.customer(ref, country=place[0], subdivision=place[1], contacts=contacts,
                                      services=(f"service-{n % len(PLANNED)}",), terms=terms_of_any_kind(chance)))
    return found


@dataclass
class Year:
    """The product and the second implementation, side by side."""

    house: House
    chance: random.Random
    entries: dict[str, CustomerEntry]
    people: tuple[Actor, Actor]
    told: list[Told] = field(default_factory=list)
    refs: dict[tuple[str, str, int], str] = field(default_factory=dict)  # of deliveries, by change, customer and letter

    def day(self, n: int) -> None:
        """One day in both."""
        noon = FIRST + n * DAY
        if n in PLANNED:
            self.announce(len(self.told), PLANNED[n], noon - 3 * HOUR)
        self.post(noon - 2 * HOUR)
        for told in self.told:
            self.happen(told, noon)
            self.clock(told, noon)
        self.remind(noon)
        if n % 41 == 7:
            self.compare_blockers(noon)

    def announce(self, number: int, separable: str, at: datetime) -> None:
        """Proposes for the earliest start by the second implementation, which has to be that of the plan."""
        slug = f"service-{number}"
        told = Told("", separable, None)
        for ref, entry in self.entries.items():
            if slug in entry.services:
                told.cases[ref] = Case(entry.terms, (entry.country, entry.subdivision))
        told.start = second_gate.earliest(list(told.cases.values()), at)
        olga, paul = self.people
        with self.house.database.transaction() as session:
            change = factory.approved(session, olga, paul, start=told.start, now=at, separable=separable,
                                      legal_name=f"Vendor {number} AG", services=[slug])
            planned = announcements.plan(session, [change], at)
            assert planned.earliest == told.start
            assert planned.deciding
            announcements.announce(session, [change.ref], actor=paul, now=at)
            told.ref = change.ref
        self.told.append(told)

    def post(self, at: datetime) -> None:
        """What is queued leaves; the fate of each notice letter is drawn."""
        with self.house.database.reading() as session:
            rows = session.exec(
                select(Delivery.ref, Customer.ref, Change.ref)
                .join(Contact, col(Contact.id) == col(Delivery.contact_id))
                .join(Customer, col(Customer.id) == col(Contact.customer_id))
                .join(NoticeChange, col(NoticeChange.notice_id) == col(Delivery.notice_id))
                .join(Change, col(Change.id) == col(NoticeChange.change_id))
                .where(Delivery.kind == "change_announced", Delivery.state == "queued").order_by(col(Delivery.id))
            ).all()
        if not rows:
            return  # what only informs leaves with the next notice
        send(self.house, at)
        for delivery, customer, change in rows:
            told = next(t for t in self.told if t.ref == change)
            self.draw(told, delivery, customer, at)

    def draw(self, told: Told, delivery: str, customer: str, at: datetime) -> None:
        """Whether and when a letter arrives, and what the customer does."""
        case, chance = told.cases[customer], self.chance
        letter = Letter(at)
        case.letters.append(letter)
        if chance.random() < 0.15:
            told.events.append((at + chance.uniform(0.1, 40) * HOUR, "bounce", customer, len(case.letters) - 1))
        else:
            told.events.append((at + chance.uniform(0.1, 60) * HOUR, "sent", customer, len(case.letters) - 1))
        letters = self.entries[customer].contacts
        if len(case.letters) == len(letters) or self.entries[customer].terms["notify"] == "all":
            told.events.append((at + chance.uniform(100, 400) * HOUR, "read", customer, 0))
        if case.terms["authorisation"] == "specific" and len(case.letters) == 1:
            told.events.append((at + chance.uniform(100, 900) * HOUR, "yes", customer, 0))
        self.refs[told.ref, customer, len(case.letters) - 1] = delivery
        told.events.sort(key=lambda event: event[0])

    def happen(self, told: Told, noon: datetime) -> None:
        """Everything that happened up to now, in its order."""
        due = [event for event in told.events if event[0] <= noon]
        if not due:
            return
        told.events = [event for event in told.events if event[0] > noon]
        with self.house.database.transaction() as session:
            for at, what, customer, n in due:
                case = told.cases[customer]
                if what in ("sent", "bounce"):
                    delivery = self.refs[told.ref, customer, n]
                    event = notices.Happening(delivery, "", what, at, f"{what}:{delivery}", "words")
                    notices.happened(session, event, actor=PROVIDER, now=at)
                    if what == "sent":
                        case.letters[n].arrived = at
                elif what == "yes" and second_gate.received(case, at):
                    consents.consent(session, self.notice(session, told, customer), [told.ref], "yes", **factory.SIGNED,
                                     actor=factory.CONTACT, now=at)
                    case.yes = at
                elif what == "read" and not second_gate.received(case, at) and customer not in NEVER:
                    consents.acknowledge(session, self.notice(session, told, customer), actor=factory.CONTACT, now=at)
                    case.acted = at

    def notice(self, session: Session, told: Told, customer: str) -> Notice:
        return session.exec(
            select(Notice).join(Customer, col(Customer.id) == col(Notice.customer_id))
            .join(NoticeChange, col(NoticeChange.notice_id) == col(Notice.id))
            .join(Change, col(Change.id) == col(NoticeChange.change_id))
            .where(Customer.ref == customer, Change.ref == told.ref)).one()

    def clock(self, told: Told, noon: datetime) -> None:
        """The day's start in both, compared at once; a start left open is fixed anew for thirty days later."""
        if not told.start or noon.date() < told.start or len(told.released) == len(told.cases):
            return
        held = self.held(told, noon)
        predicted = self.predict(told, held)
        names = {ref: set(blockers) for ref, blockers in held.items()}
        if names == told.seen and noon.toordinal() % 7:
            return  # nothing has moved since both were asked; once a week they are asked all the same
        told.seen = names
        with self.house.database.transaction() as session:
            releases.start_if_clear(session, told.ref, actor=factory.SYSTEM, now=noon)
            change = changes.get(session, told.ref)
            freed = set(session.exec(
                select(Customer.ref).join(Notice, col(Notice.customer_id) == col(Customer.id))
                .join(NoticeChange, col(NoticeChange.notice_id) == col(Notice.id))
                .where(NoticeChange.change_id == change.id, NoticeChange.released_at == noon)))
            assert freed == predicted, (told.ref, noon, freed ^ predicted)
            told.released |= dict.fromkeys(freed, noon.date())
            assert (change.state == ChangeState.IN_EFFECT) == bool(told.released)
            if change.planned_start is None:
                assert self.is_lost(told, noon)
                fixed = told.start + 30 * DAY
                starts.move_start(session, told.ref, fixed, "It takes longer.", actor=self.people[1], now=noon)
                told.start = fixed

    def remind(self, noon: datetime) -> None:
        """Who is reminded today of a window about to end, in both; nobody twice."""
        expected = {(told.ref, ref) for told in self.told for ref, case in told.cases.items()
                    if ref not in told.reminded and second_gate.reminds(case, noon, told.start)}
        with self.house.database.transaction() as session:
            reminders.remind(session, actor=factory.SYSTEM, now=noon)
            found = set(session.exec(
                select(Change.ref, Customer.ref)
                .join(NoticeChange, col(NoticeChange.change_id) == col(Change.id))
                .join(Notice, col(Notice.id) == col(NoticeChange.notice_id))
                .join(Customer, col(Customer.id) == col(Notice.customer_id)).where(Notice.reminded_at == noon)))
        assert found == expected, (noon, found ^ expected)
        for told in self.told:
            told.reminded |= {ref for change, ref in found if change == told.ref}

    def held(self, told: Told, noon: datetime) -> dict[str, dict[str, int | None]]:
        return {ref: second_gate.blocked(case, noon, told.start) for ref, case in told.cases.items()
                if ref not in told.released}

    def predict(self, told: Told, held: dict[str, dict[str, int | None]]) -> set[str]:
        """Who is released today by the second implementation."""
        clear = {ref for ref, blockers in held.items() if not blockers}
        return clear if told.separable == "customer" or len(clear) == len(held) else set()

    def is_lost(self, told: Told, noon: datetime) -> bool:
        lost = [second_gate.lost(blockers, noon) for blockers in self.held(told, noon).values() if blockers]
        return all(lost) if told.separable != "no" else any(lost)

    def compare_blockers(self, noon: datetime) -> None:
        """Everything in everybody's way, by name."""
        with self.house.database.reading() as session:
            for told in self.told:
                change = changes.get(session, told.ref)
                found = {s.customer.ref: {str(b.code) for b in s.blockers}
                         for s in releases.standings(session, change, noon) if s.part.released_at is None}
                assert found == {ref: set(blockers) for ref, blockers in self.held(told, noon).items()}

    def last_days(self) -> Iterator[tuple[date, date]]:
        """Every window's last day in both, as it stands at the end."""
        end = FIRST + DAYS * DAY
        with self.house.database.reading() as session:
            for told in self.told:
                for part, notice in changes.concerned(session, changes.get(session, told.ref)):
                    row = notices.window_of(session, notice)
                    case = told.cases[session.get_one(Customer, notice.customer_id).ref]
                    other = second_gate.last_day(case, end, told.start)
                    assert (row is None) == (other is None), (part, case)
                    if row is not None and other is not None:
                        yield row.last_day, date.fromordinal(other)


NEVER = {"c010", "c115"}
"""Customers that never read a letter that came back."""


def test_a_year_of_gates_and_releases_is_that_of_the_second_implementation(house: House) -> None:
    chance = random.Random(SEED)
    entries = customers(chance)
    with house.database.transaction() as session:
        people = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, *entries)
    year = Year(house, chance, {entry.ref: entry for entry in entries}, people)
    for n in range(DAYS):
        year.day(n)
    for ours, other in year.last_days():
        assert ours == other
    assert sum(len(told.reminded) for told in year.told) > 60
    released = sum(len(told.released) for told in year.told)
    assert released > 150
    with house.database.reading() as session:
        assert verify.chain(session) == []
