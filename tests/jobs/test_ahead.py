"""While letters leave, the next are written (PostgreSQL): whatever happens, each leaves once and none stays behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from notifier import clock
from notifier.domain.people import Actor, Door, Kind
from notifier.house import House
from notifier.jobs import deliver
from notifier.mail.transport import Batch, Message, Outcome, Verdict
from notifier.tables import Contact, Delivery
from notifier.workflow import deliveries, lanes, links, notices, verify
from tests import factory
from tests.factory import NOW
from tests.providers import Taking

SENT = NOW + timedelta(minutes=3)
COUNT = 7


class Provider(Taking):
    """Takes two letters a call; `before` is done in each call, and may answer in its place."""

    batch = 2

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.before: Callable[[int], Batch | None] = lambda call: None

    def send(self, messages: Sequence[Message]) -> Batch:
        self.calls += 1
        told = self.before(self.calls)
        if told is None:
            return super().send(messages)
        return Batch(tuple(Outcome(m.ref, Verdict.HELD) for m in messages), told.pause, told.halt, told.trouble)


@pytest.fixture
def provider(house: House) -> Provider:
    """A change announced to seven customers, and whoever takes their letters."""
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, *(factory.customer(f"c{n}") for n in range(COUNT)))
        factory.announced(session, olga, paul)
        for row in session.exec(select(Delivery).where(Delivery.kind == "staff_review_requested")):
            session.delete(row)
    provider = house.__dict__["transport"] = Provider()
    return provider


def _send(house: House, after: timedelta = timedelta()) -> int:
    with clock.standing(SENT + after):
        return deliver.run(house)


def _states(house: House) -> list[tuple[str, int]]:
    """The state and tries of each letter, once the log has been held against the rows."""
    with house.database.reading() as session:
        assert verify.chain(session) == []
        return [(str(row.state), row.tries) for row in session.exec(select(Delivery).order_by(col(Delivery.id)))]


def _all_arrived_once(house: House, provider: Provider) -> None:
    assert [state for state, _ in _states(house)] == ["accepted"] * COUNT
    assert len(provider.handed) == len({m.ref for m in provider.handed}) == COUNT


def test_all_leave_batch_after_batch(house: House, provider: Provider) -> None:
    assert _send(house) == COUNT
    assert provider.calls == 4
    _all_arrived_once(house, provider)


def test_two_batches_are_written_while_one_leaves_and_on_sqlite_none(house: House, provider: Provider) -> None:
    most = 2 if house.database.sqlite else 6
    seen: list[int] = []

    def look(call: int) -> None:
        if call > 1:
            return
        for _ in range(200):
            with house.database.reading() as session:
                seen.append(len(session.exec(select(Delivery).where(Delivery.state == "sending")).all()))
            if seen[-1] >= 6 or (house.database.sqlite and len(seen) > 20):
                return
            time.sleep(0.02)

    provider.before = look
    assert _send(house) == COUNT
    assert seen[-1] == most
    _all_arrived_once(house, provider)


def test_where_the_lane_has_to_rest_what_was_claimed_ahead_is_put_back(house: House, provider: Provider) -> None:
    provider.before = lambda call: Batch((), pause=30.0) if call == 2 else None
    _send(house)
    assert provider.calls == 2
    assert sorted(_states(house)) == [("accepted", 1)] * 2 + [("queued", 0)] * 5
    assert _send(house, timedelta(seconds=10)) == 0
    assert _send(house, timedelta(seconds=31)) == 5
    _all_arrived_once(house, provider)


def test_a_worker_that_ends_in_the_middle_of_a_call_leaves_the_next_letters_in_the_queue(
    house: House, provider: Provider
) -> None:
    class Ended(BaseException):
        pass

    def end(call: int) -> None:
        raise Ended

    provider.before = end
    with pytest.raises(Ended):
        _send(house)
    assert sorted(_states(house)) == [("queued", 0)] * 5 + [("sending", 1)] * 2


def test_a_worker_whose_time_is_up_while_it_waits_for_letters_puts_them_back(
    house: House, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TimeIsUp(BaseException):
        pass

    asked: list[float | None] = []

    class Waited(ThreadPoolExecutor):
        def submit(self, *args: Any, **more: Any) -> Future[Any]:
            future = super().submit(*args, **more)
            inner = future.result

            def result(timeout: float | None = None) -> Any:
                asked.append(timeout)
                if len(asked) == 1:
                    raise TimeIsUp
                return inner(timeout)

            future.result = result  # type: ignore[method-assign]
            return future

    monkeypatch.setattr(deliver, "ThreadPoolExecutor", Waited)
    if house.database.sqlite:  # waits for nobody
        assert _send(house) == COUNT
        return
    with pytest.raises(TimeIsUp):
        _send(house)
    assert provider.calls == 0 and _states(house) == [("queued", 0)] * COUNT


def test_one_batch_that_cannot_be_put_back_keeps_no_other_from_it(
    house: House, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended(BaseException):
        pass

    def end(call: int) -> None:
        raise Ended

    inner, asked = deliver._put_back, []

    def first_fails(*args: Any) -> None:
        asked.append(args)
        if len(asked) == 1:
            raise OperationalError("UPDATE", {}, Exception("lock timeout"))
        inner(*args)

    monkeypatch.setattr(deliver, "_put_back", first_fails)
    provider.before = end
    with pytest.raises(Ended):
        _send(house)
    sending = 2 if house.database.sqlite else 4  # those that may have left, and those left to their lease
    assert sorted(_states(house)) == [("queued", 0)] * (COUNT - sending) + [("sending", 1)] * sending


def test_where_the_next_letters_cannot_be_written_the_last_are_recorded_all_the_same(
    house: House, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, taken = deliver._taken, []

    def second_fails(desk: Any) -> Any:
        taken.append(desk)
        if len(taken) == 2:
            raise OperationalError("SELECT", {}, Exception("lock timeout"))
        return inner(desk)

    monkeypatch.setattr(deliver, "_taken", second_fails)
    with pytest.raises(OperationalError):
        _send(house)
    assert sorted(_states(house)) == [("accepted", 1)] * 2 + [("queued", 0)] * 5
    assert _send(house) == 5
    _all_arrived_once(house, provider)


def test_an_event_that_is_faster_than_the_answer_keeps_nothing_of_the_others_waiting(
    house: House, provider: Provider
) -> None:
    def arrived(call: int) -> None:
        if call != 1:
            return
        with house.database.transaction() as session:
            first = session.exec(select(Delivery).where(Delivery.state == "sending").order_by(col(Delivery.id))).first()
            assert first is not None
            notices.happened(session, notices.Happening(first.ref, "", "sent", SENT, "first", "250 ok"),
                             actor=Actor(Kind.PROVIDER, Door.WEBHOOK), now=SENT)

    provider.before = arrived
    _send(house)
    assert sorted(state for state, _ in _states(house)) == ["accepted"] * (COUNT - 1) + ["delivered"]
    assert len({m.ref for m in provider.handed}) == COUNT


def test_a_link_that_two_make_at_once_is_one_and_fails_neither(house: House, provider: Provider) -> None:
    with house.database.reading() as session:
        contact = session.exec(select(Contact.id)).first()
    together, found = threading.Barrier(2), []

    def make() -> None:
        together.wait(10)
        with house.database.transaction() as session:
            link = links.ensure(session, links.CASE, 7, contact_id=contact, now=SENT)
            time.sleep(0.3)  # the other one asks before this one is committed
        found.append(link.id)

    makers = [threading.Thread(target=make) for _ in range(2)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(20)
    assert len(found) == 2 and len(set(found)) == 1


def test_what_became_of_letters_is_written_down_once_more_where_the_database_let_go(
    house: House, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, asked = deliveries.record, []

    def flaky(*args: Any, **more: Any) -> Any:
        asked.append(args)
        if len(asked) in (1, 2):
            raise OperationalError("UPDATE", {}, Exception("deadlock detected"))
        return inner(*args, **more)

    monkeypatch.setattr(deliveries, "record", flaky)
    monkeypatch.setattr(deliver.time, "sleep", lambda seconds: None)
    assert _send(house) == COUNT
    _all_arrived_once(house, provider)


def test_once_a_trial_letter_has_passed_the_others_follow_in_the_same_job(house: House, provider: Provider) -> None:
    with house.database.transaction() as session:
        lanes.note(session, "mailjet", halt="The key is suspended.", actor=factory.SYSTEM, now=SENT)
    assert _send(house, timedelta(minutes=1)) == 0
    assert _send(house, timedelta(minutes=6)) == COUNT
    assert provider.calls == 4
    _all_arrived_once(house, provider)
