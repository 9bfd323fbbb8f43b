"""Letters of unknown outcome: looked for, waited for, and every doubt written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlmodel import col, select

from notifier import clock
from notifier.domain.people import Door
from notifier.domain.refusals import Refusal
from notifier.domain.states import DeliveryState
from notifier.house import House
from notifier.jobs import deliver, doubts, sweep
from notifier.mail.transport import Batch, LookupFailed, Message, Outcome, Verdict
from notifier.tables import Delivery, DeliveryEvent, DeliveryEventDetail, Notice
from notifier.workflow import doubts as verbs
from notifier.workflow import people, verify
from notifier.workflow.deliveries import LEASE
from tests import factory
from tests.factory import NOW

SENT = NOW + timedelta(minutes=3)


class Doubtful:
    """A transport at the edge that leaves every letter in doubt; `there` is what a look shows, None for no answer."""

    batch = 50

    def __init__(self, name: str, *, looks: bool = True) -> None:
        self.name, self.looks = name, looks
        self.verdict = Verdict.UNCERTAIN
        self.there: Outcome | bool | None = False
        self.silent_about: set[str] | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self.asked: list[str] = []
        self.handed: list[Message] = []

    def send(self, messages: Sequence[Message]) -> Batch:
        self.handed += messages
        self.meanwhile()
        return Batch(tuple(Outcome(m.ref, self.verdict, words="the answer did not come") for m in messages))

    def lookup(self, ref: str) -> Outcome | None:
        self.asked.append(ref)
        if self.there is None or (self.silent_about is not None and ref in self.silent_about):
            raise LookupFailed("no answer")
        return self.there if isinstance(self.there, Outcome) else None

    def close(self) -> None:
        pass


@pytest.fixture
def make(make_house: Callable[..., House], database_url: str) -> Callable[..., House]:
    """A house with `count` customers announced to, whose letters are all in doubt."""

    def made(transport: Doubtful, count: int = 1, **given: object) -> House:
        house = make_house(database_url=database_url, **given)
        with house.database.transaction() as session:
            olga, paul = factory.two_people(session)
            factory.baseline(session)
            factory.take_in(session, *(factory.customer(f"c{n}") for n in range(count)))
            factory.announced(session, olga, paul)
            for row in session.exec(select(Delivery).where(col(Delivery.kind).startswith("staff"))):
                session.delete(row)
        house.__dict__["transport"] = transport
        with clock.standing(SENT):
            deliver.run(house)
        return house

    return made


def look(house: House, after: timedelta) -> None:
    with clock.standing(SENT + after):
        doubts.run(house)


def states(house: House) -> list[str]:
    with house.database.reading() as session:
        return [str(row.state) for row in session.exec(select(Delivery).order_by(col(Delivery.id)))]


def words(house: House) -> list[str]:
    """What was written down of the doubt, in order."""
    with house.database.reading() as session:
        assert verify.chain(session) == []
        return list(session.exec(
            select(DeliveryEventDetail.words)
            .join(DeliveryEvent, col(DeliveryEvent.key) == col(DeliveryEventDetail.key))
            .order_by(col(DeliveryEvent.id))))


def test_every_look_is_written_down_and_what_is_found_is_kept(make: Callable[..., House]) -> None:
    transport = Doubtful("mailjet")
    house = make(transport)
    look(house, timedelta(minutes=1))
    transport.there = Outcome(transport.handed[0].ref, Verdict.ACCEPTED, "7", "uuid-7", code="sent")
    look(house, timedelta(minutes=11))
    assert words(house) == ["the answer did not come", "looked for at the provider, and not found",
                            "found at the provider: sent"]
    with house.database.reading() as session:
        row = session.exec(select(Delivery)).one()
        assert (row.state, row.provider_id, row.provider_uuid) == (DeliveryState.ACCEPTED, "7", "uuid-7")
        assert row.due_at == SENT + timedelta(minutes=11, hours=2) and row.handed_at == SENT


@pytest.mark.parametrize("minutes", [10.0, 0.5, 60.0])
def test_how_long_it_must_stay_absent_is_configurable(make: Callable[..., House], minutes: float) -> None:
    house = make(Doubtful("mailjet"), look_again_minutes=minutes)
    look(house, timedelta())
    look(house, timedelta(minutes=minutes) - timedelta(seconds=1))
    assert states(house) == ["uncertain"]
    look(house, timedelta(minutes=minutes))
    assert states(house) == ["queued"]


def test_an_outage_of_the_provider_is_one_line_and_proves_no_absence(make: Callable[..., House]) -> None:
    transport = Doubtful("mailjet")
    transport.there = None
    house = make(transport)
    for minute in range(30):
        look(house, timedelta(minutes=minute))
    assert states(house) == ["uncertain"]
    assert words(house) == ["the answer did not come", "no answer"]
    transport.there = False
    look(house, timedelta(minutes=31))
    look(house, timedelta(minutes=41))
    assert states(house) == ["queued"]


def test_a_silent_provider_is_not_asked_for_every_letter_and_one_silence_is_no_outage(
    make: Callable[..., House],
) -> None:
    transport = Doubtful("mailjet")
    house = make(transport, 8)
    transport.there = None
    look(house, timedelta())
    assert len(transport.asked) == doubts.PATIENCE
    transport.there, transport.asked = False, []
    transport.silent_about = {transport.handed[0].ref}
    look(house, timedelta(minutes=1))
    assert len(transport.asked) == 8
    look(house, timedelta(minutes=11))
    assert sorted(states(house)) == ["queued"] * 7 + ["uncertain"]


def test_where_nobody_can_be_asked_the_lease_is_waited_out_and_the_same_letter_goes_again(
    make: Callable[..., House],
) -> None:
    transport = Doubtful("smtp", looks=False)
    house = make(transport)
    look(house, timedelta(minutes=1))
    look(house, LEASE - timedelta(seconds=1))
    assert states(house) == ["uncertain"] and not transport.asked
    look(house, LEASE)
    assert states(house) == ["queued"]
    transport.verdict = Verdict.ACCEPTED
    with clock.standing(SENT + LEASE):
        deliver.run(house)
    first, second = transport.handed
    assert first.ref == second.ref and states(house) == ["accepted"]


def test_an_answer_that_comes_after_the_lease_still_counts(make: Callable[..., House]) -> None:
    transport = Doubtful("smtp", looks=False)
    house = make(transport)
    look(house, LEASE)

    def lease_runs_out() -> None:
        with clock.standing(SENT + 2 * LEASE + timedelta(seconds=1)):
            sweep.once(house)
        assert states(house) == ["uncertain"]

    transport.verdict, transport.meanwhile = Verdict.ACCEPTED, lease_runs_out
    with clock.standing(SENT + LEASE):
        deliver.run(house)
    assert states(house) == ["accepted"]


@pytest.mark.parametrize("answer", ["there", "absent"])
def test_a_doubt_is_looked_up_where_it_arose_though_letters_leave_by_another_way_today(
    make: Callable[..., House], answer: str
) -> None:
    before, today = Doubtful("mailjet"), Doubtful("smtp", looks=False)
    house = make(before, mailjet_api_key="key", mailjet_api_secret="secret")
    house.__dict__.update(transport=today, _others={"mailjet": before})
    before.there = Outcome("", Verdict.ACCEPTED) if answer == "there" else False
    for minutes in (1, 12):
        look(house, timedelta(minutes=minutes))
    assert states(house) == [DeliveryState.ACCEPTED if answer == "there" else DeliveryState.QUEUED]
    assert before.asked and today.asked == []


@pytest.mark.parametrize(("action", "state"), [("requeue", "queued"), ("cancel", "cancelled")])
def test_a_doubt_nobody_can_look_up_any_more_is_told_once_and_a_person_decides(
    make: Callable[..., House], action: str, state: str
) -> None:
    house = make(Doubtful("mailjet"))
    with house.database.reading() as session:
        olga = people.actor_for(people.by_email(session, "olga@processor.example"), Door.CLI)
        ref = session.exec(select(Delivery.ref)).one()
    with house.database.transaction() as session, pytest.raises(Refusal, match="cannot be moved"):
        verbs.decide(session, ref, action, "We asked Mailjet by phone.", actor=olga, now=SENT)
    house.__dict__["transport"] = Doubtful("smtp", looks=False)
    for hours in (1, 3, 30):
        look(house, timedelta(hours=hours))
    with house.database.reading() as session:
        [alert] = session.exec(select(Delivery).where(Delivery.kind == "staff_delivery_failed")).all()
        assert "no access any more" in alert.words
    with house.database.transaction() as session, pytest.raises(Refusal, match="role"):
        verbs.decide(session, ref, action, "Because.", actor=factory.SYSTEM, now=SENT)
    with house.database.transaction() as session:
        row = verbs.decide(session, ref, action, "We asked Mailjet by phone.", actor=olga, now=SENT + timedelta(days=2))
        assert str(row.state) == state
    with house.database.reading() as session:
        notice = session.exec(select(Notice)).one()
        assert notice.state == ("pending" if action == "requeue" else "undeliverable")
        assert verify.chain(session) == []
