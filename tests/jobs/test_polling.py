"""Accepted letters of which nothing is heard: asked for, followed by the next contact, presumed received."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain.people import Actor, Door, Kind
from notifier.domain.proof import in_words
from notifier.domain.states import DeliveryState, NoticeState
from notifier.house import House
from notifier.jobs import deliver, polling, sweep
from notifier.mail.transport import Batch, LookupFailed, Message, Outcome, Verdict
from notifier.tables import Contact, Delivery, Notice
from notifier.workflow import notices, unheard, verify
from notifier.workflow.customers import ContactEntry
from tests import factory
from tests.factory import NOW

PROVIDER = Actor(Kind.PROVIDER, Door.WEBHOOK)
SENT = NOW + timedelta(minutes=3)  # Monday, 2 March 2026, 10:03 in Zürich
TWO = (ContactEntry("first@alpha.example", "Fay"), ContactEntry("second@alpha.example", "Sid", position=2))


class Asked:
    """A transport at the edge that takes every letter; `status` is what it says of each, by address, when asked."""

    batch = 50

    def __init__(self, name: str = "mailjet") -> None:
        self.name, self.looks = name, name == "mailjet"
        self.status: dict[str, str | None] = {}
        self.asked_of: list[str] = []
        self._to: dict[str, str] = {}

    @property
    def asked(self) -> int:
        """How often it was asked of customers' letters; those to our own people are asked for as well."""
        return sum(not email.endswith("processor.example") for email in self.asked_of)

    def send(self, messages: Sequence[Message]) -> Batch:
        self._to |= {m.ref: m.to_email for m in messages}
        return Batch(tuple(Outcome(m.ref, Verdict.ACCEPTED) for m in messages))

    def lookup(self, ref: str) -> Outcome | None:
        self.asked_of.append(self._to[ref])
        status = self.status.get(self._to[ref], "queued")
        if status is None:
            raise LookupFailed("no answer")
        return Outcome(ref, Verdict.ACCEPTED, code=status) if status else None

    def close(self) -> None:
        pass


Make = Callable[..., House]


@pytest.fixture
def make(house: House) -> Make:
    """The house, its change announced to customers that are given, their letters accepted by `transport`."""

    def made(transport: Asked, *customers: Any) -> House:
        with house.database.transaction() as session:
            olga, paul = factory.two_people(session)
            factory.baseline(session)
            factory.take_in(session, *(customers or (factory.customer("alpha"),)))
            factory.announced(session, olga, paul)
            for row in session.exec(select(Delivery).where(col(Delivery.kind).startswith("staff"))):
                session.delete(row)
        house.__dict__["transport"] = transport
        with clock.standing(SENT):
            deliver.run(house)
        return house

    return made


def look(house: House, **after: float) -> None:
    """The clock's round so much later, and the jobs it rings for."""
    with clock.standing(SENT + timedelta(**after)):
        sweep.once(house)
        polling.run(house)
        deliver.run(house)


def notice(house: House) -> Notice:
    with house.database.reading() as session:
        assert verify.chain(session) == []
        return session.exec(select(Notice)).one()


def letters(house: House) -> list[tuple[str, str]]:
    with house.database.reading() as session:
        rows = session.exec(select(Delivery).where(Delivery.kind == "change_announced").order_by(col(Delivery.id)))
        return [(row.to_email, str(row.state)) for row in rows]


def alerts(house: House, kind: str = "staff_delivery_failed") -> list[str]:
    with house.database.reading() as session:
        return [row.words for row in session.exec(select(Delivery).where(Delivery.kind == kind))]


def test_a_letter_without_an_event_is_asked_for_after_two_hours_and_proven_from_then_on(make: Make) -> None:
    transport = Asked()
    house = make(transport)
    transport.status["legal@alpha.example"] = "sent"
    look(house, hours=1.99)
    assert transport.asked == 0 and notice(house).state == NoticeState.PENDING
    look(house, hours=2)
    given = notice(house)
    assert (given.state, given.given_by) == (NoticeState.GIVEN, "provider")
    assert given.given_at == SENT + timedelta(hours=2)
    assert given.proof is not None and given.proof["kind"] == "polled"
    assert "when it was asked" in str(in_words(given.given_by, given.proof))
    assert letters(house) == [("legal@alpha.example", "delivered")]
    look(house, hours=8)
    assert transport.asked == 1


@pytest.mark.parametrize("status", ["queued", "unknown", "deferred", "softbounced", "something new", ""])
def test_a_state_short_of_the_receiving_servers_acceptance_proves_nothing(make: Make, status: str) -> None:
    transport = Asked()
    house = make(transport)
    transport.status["legal@alpha.example"] = status
    look(house, hours=2)
    assert transport.asked == 1 and notice(house).state == NoticeState.PENDING
    assert letters(house) == [("legal@alpha.example", "accepted")]


@pytest.mark.parametrize("status", ["opened", "clicked", "unsub", "spam"])
def test_whoever_did_something_with_the_letter_had_it(make: Make, status: str) -> None:
    transport = Asked()
    house = make(transport)
    transport.status["legal@alpha.example"] = status
    look(house, hours=2)
    assert notice(house).state == NoticeState.GIVEN
    with house.database.reading() as session:
        barred = session.exec(select(Contact)).one().barred_at is not None
    assert barred == (status == "spam") == (len(alerts(house, "staff_address_barred")) == 1)


@pytest.mark.parametrize(("status", "state"), [("hardbounced", "bounced"), ("blocked", "blocked")])
def test_a_return_that_was_never_reported_is_learned_by_asking(make: Make, status: str, state: str) -> None:
    transport = Asked()
    house = make(transport)
    transport.status["legal@alpha.example"] = status
    look(house, hours=2)
    assert letters(house) == [("legal@alpha.example", state)]
    assert notice(house).state == NoticeState.UNDELIVERABLE and len(alerts(house)) == 1


def test_it_is_asked_again_with_growing_gaps_for_five_days_and_then_ops_are_told(make: Make) -> None:
    transport = Asked()
    house = make(transport)
    asked_at = []
    for hour in range(0, 24 * 8, 2):
        before = transport.asked
        look(house, hours=hour)
        asked_at += [hour] * (transport.asked - before)
    assert asked_at == [2, 6, 14, 30, 48, 72, 96, 120]
    [told] = alerts(house)
    assert "neither arrived nor come back" in told and "queued" in told
    assert letters(house) == [("legal@alpha.example", "accepted")]


def test_a_soft_bounce_that_has_not_mended_in_five_days_is_a_return(make: Make) -> None:
    transport = Asked()
    house = make(transport)
    transport.status["legal@alpha.example"] = "softbounced"
    for hour in (2, 48, 119):
        look(house, hours=hour)
    assert letters(house) == [("legal@alpha.example", "accepted")]
    look(house, hours=120)
    assert letters(house) == [("legal@alpha.example", "bounced")] and notice(house).state == NoticeState.UNDELIVERABLE


def test_a_provider_that_gives_no_answer_is_asked_again_in_ten_minutes_and_proves_nothing(make: Make) -> None:
    transport = Asked()
    house = make(transport, *(factory.customer(f"c{n}") for n in range(5)))
    transport.status = {f"legal@c{n}.example": None for n in range(5)}
    look(house, hours=2)
    assert transport.asked == polling.PATIENCE
    look(house, hours=2, minutes=9)
    assert transport.asked == polling.PATIENCE
    transport.status = {f"legal@c{n}.example": "sent" for n in range(5)}
    look(house, hours=2, minutes=10)
    assert [state for _, state in letters(house)] == ["delivered"] * 5


def test_an_event_that_comes_after_the_asking_changes_nothing_more(make: Make) -> None:
    transport = Asked()
    house = make(transport)
    transport.status["legal@alpha.example"] = "sent"
    look(house, hours=2)
    before = notice(house)
    with house.database.transaction() as session:
        row = session.exec(select(Delivery).where(Delivery.kind == "change_announced")).one()
        event = notices.Happening(row.ref, "", "sent", SENT, "late", "250 ok")
        assert notices.happened(session, event, actor=PROVIDER, now=SENT + timedelta(hours=3)) == "recorded"
    assert notice(house) == before


@pytest.mark.parametrize("name", ["mailjet", "smtp"])
def test_in_order_the_next_contact_is_written_to_after_48_hours_without_proof(make: Make, name: str) -> None:
    house = make(Asked(name), factory.customer("alpha", terms={"notify": "in_order"}, contacts=TWO))
    for hour in (2, 14, 30, 47.9):
        look(house, hours=hour)
    assert letters(house) == [("first@alpha.example", "accepted")]
    look(house, hours=48)
    look(house, hours=49)
    assert letters(house) == [("first@alpha.example", "accepted"), ("second@alpha.example", "accepted")]
    assert notice(house).state == NoticeState.PENDING


def test_the_next_contact_does_not_wait_for_a_provider_that_gives_no_answer(make: Make) -> None:
    transport = Asked()
    house = make(transport, factory.customer("alpha", terms={"notify": "in_order"}, contacts=TWO))
    transport.status["first@alpha.example"] = None
    for hour in (2, 20, 48):
        look(house, hours=hour)
    assert [email for email, _ in letters(house)] == ["first@alpha.example", "second@alpha.example"]


def test_all_at_once_or_proven_nobody_further_is_written_to(make: Make) -> None:
    transport = Asked()
    house = make(transport, factory.customer("alpha", terms={"notify": "in_order"}, contacts=TWO),
                 factory.customer("beta", contacts=(ContactEntry("legal@beta.example", "Bea"),)))
    transport.status["first@alpha.example"] = "sent"
    for hour in (2, 48, 200):
        look(house, hours=hour)
    assert [email for email, _ in letters(house)] == ["first@alpha.example", "legal@beta.example"]


SENDING = {"clock_start": "sending"}


def test_where_the_clock_starts_on_sending_receipt_is_presumed_after_three_working_days(make: Make) -> None:
    house = make(Asked("smtp"), factory.customer("alpha", terms=SENDING))
    for hour in (2, 48, 85.9):  # Thursday, 5 March, ends at 24:00 in Zürich, 85 hours and 57 minutes after the sending
        look(house, hours=hour)
    assert notice(house).state == NoticeState.PENDING
    look(house, hours=85.96)
    given = notice(house)
    assert (given.state, given.given_by) == (NoticeState.GIVEN, "presumed")
    assert given.given_at == datetime(2026, 3, 3, 15, 59, tzinfo=UTC)  # the close of the next working day
    assert given.proof is not None and given.proof["kind"] == "presumed"
    assert letters(house) == [("legal@alpha.example", "accepted")]
    with house.database.reading() as session:
        window = notices.window_of(session, given)
        assert window is not None
        assert window.receipt_day == date(2026, 3, 3) and window.last_day == given.promised_last_day


def test_holidays_and_weekends_are_no_working_days_of_a_presumption(make: Make) -> None:
    house = make(Asked("smtp"), factory.customer("alpha", terms={**SENDING, "extra_holidays": ["2026-03-04"]}))
    for hour in (2, 48, 86, 109):
        look(house, hours=hour)
    assert notice(house).state == NoticeState.PENDING
    look(house, hours=110)
    assert notice(house).given_by == "presumed"


def test_nothing_is_presumed_where_the_clock_starts_on_receipt(make: Make) -> None:
    house = make(Asked("smtp"))
    for hour in (2, 48, 90, 500):
        look(house, hours=hour)
    assert notice(house).state == NoticeState.PENDING


@pytest.mark.parametrize("status", ["queued", "deferred", "softbounced", ""])
def test_nothing_is_presumed_against_what_the_provider_says(make: Make, status: str) -> None:
    transport = Asked()
    house = make(transport, factory.customer("alpha", terms=SENDING))
    transport.status["legal@alpha.example"] = status
    for hour in (2, 48, 86, 119):
        look(house, hours=hour)
    assert notice(house).state == NoticeState.PENDING


def test_nothing_is_presumed_of_a_letter_a_server_has_not_taken_yet(make: Make) -> None:
    house = make(Asked("smtp"), factory.customer("alpha", terms=SENDING))
    with house.database.transaction() as session:
        _happened(session, "soft", SENT + timedelta(hours=3))
    for hour in (48, 90):
        look(house, hours=hour)
    assert notice(house).state == NoticeState.PENDING


def _happened(session: Session, kind: str, at: datetime, to: str = "") -> str:
    letters_ = select(Delivery).where(Delivery.kind == "change_announced", col(Delivery.to_email).contains(to))
    row = session.exec(letters_.order_by(col(Delivery.id))).first()
    assert row is not None
    return notices.happened(session, notices.Happening(row.ref, "", kind, at, f"{kind}:{row.ref}", "as told"),
                            actor=PROVIDER, now=at)


def test_a_bounce_undoes_a_presumption_and_another_contacts_letter_may_bear_it(make: Make) -> None:
    house = make(Asked("smtp"), factory.customer("alpha", terms=SENDING, contacts=TWO))
    for hour in (2, 90):
        look(house, hours=hour)
    assert notice(house).given_by == "presumed"
    with house.database.transaction() as session:
        assert _happened(session, "bounce", SENT + timedelta(hours=91), "first") == "bounced"
    assert notice(house).state == NoticeState.UNDELIVERABLE
    look(house, hours=92)
    again = notice(house)
    assert (again.state, again.given_by) == (NoticeState.GIVEN, "presumed")
    with house.database.transaction() as session:
        assert _happened(session, "bounce", SENT + timedelta(hours=93), "second") == "bounced"
    look(house, hours=94)
    assert notice(house).state == NoticeState.UNDELIVERABLE


def test_a_real_proof_takes_the_place_of_a_presumption(make: Make) -> None:
    house = make(Asked("smtp"), factory.customer("alpha", terms=SENDING))
    for hour in (2, 90):
        look(house, hours=hour)
    with house.database.transaction() as session:
        assert _happened(session, "sent", SENT + timedelta(hours=95)) == "delivered"
    given = notice(house)
    assert (given.given_by, given.given_at) == ("provider", SENT + timedelta(hours=95))
    with house.database.reading() as session:
        window = notices.window_of(session, given)
        assert window is not None and window.receipt_day == date(2026, 3, 6)


def test_a_letter_of_another_transport_than_todays_cannot_be_asked_for(make: Make) -> None:
    transport = Asked()
    house = make(transport)
    house.__dict__["transport"] = Asked("smtp")
    look(house, hours=2)
    assert transport.asked == 0
    with house.database.reading() as session:
        row = session.exec(select(Delivery).where(Delivery.kind == "change_announced")).one()
        assert (row.state, row.due_at) == (DeliveryState.ACCEPTED, None)


def test_many_silent_letters_are_looked_after_in_portions(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "AT_ONCE", 4)
    transport = Asked()
    house = make(transport, *(factory.customer(f"c{n}") for n in range(10)))
    transport.status = {f"legal@c{n}.example": "sent" for n in range(10)}
    look(house, hours=2)
    assert transport.asked == 10 and {state for _, state in letters(house)} == {"delivered"}
    with house.database.reading() as session:
        assert unheard.waiting(session, 1, SENT + timedelta(days=9)) == []


def test_ops_read_of_a_return_that_was_asked_for_that_mailjet_bars_the_address(make: Make) -> None:
    transport = Asked()
    house = make(transport)
    transport.status = {"legal@alpha.example": "hardbounced"}
    with clock.standing(SENT + timedelta(hours=3)):
        polling.run(house)
    with house.database.reading() as session:
        [alert] = session.exec(select(Delivery).where(Delivery.kind == "staff_delivery_failed")).all()
        assert "asked for: hardbounced" in alert.words and "about 90 days" in alert.words


class PutOff(Asked):
    """A server that takes no letter to first@, now or ever."""

    def send(self, messages: Sequence[Message]) -> Batch:
        super().send(messages)
        return Batch(tuple(Outcome(m.ref, Verdict.LATER if m.to_email.startswith("first@") else Verdict.ACCEPTED,
                                   words="450 try again") for m in messages))


@pytest.mark.parametrize("name", ["smtp", "mailjet"])
@pytest.mark.parametrize("contacts", [TWO, TWO[:1]], ids=["two contacts", "one contact"])
def test_a_letter_that_a_server_puts_off_for_two_days_does_not_hold_up_the_next_contact(
    make: Make, name: str, contacts: tuple[ContactEntry, ...]
) -> None:
    house = make(PutOff(name), factory.customer("alpha", contacts=contacts, terms={"notify": "in_order"}))
    for hours in (1, 47, 48, 60, 100):
        with clock.standing(SENT + timedelta(hours=hours)):
            sweep.once(house)
            polling.run(house)
            deliver.run(house)
    with house.database.reading() as session:
        query = select(Delivery).where(Delivery.kind == "change_announced").order_by(col(Delivery.id))
        told = session.exec(query).all()
        assert [(d.to_email, str(d.state)) for d in told] == [
            ("first@alpha.example", "queued"), ("second@alpha.example", "accepted")][:len(contacts)]
        assert told[-1].created_at == (SENT + timedelta(hours=48) if len(contacts) > 1 else told[0].created_at)
        assert unheard.waiting(session, 5, SENT + timedelta(hours=100)) == []
        assert verify.chain(session) == []
