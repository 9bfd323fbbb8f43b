"""What providers report: duplicates, complaints, returns and junk, in portions and in any order."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from notifier import clock
from notifier.domain import window as rules
from notifier.domain.states import DeliveryState, NoticeState
from notifier.domain.terms import Terms
from notifier.house import House
from notifier.jobs import deliver, events, worker
from notifier.tables import (
    AuditEntry,
    Change,
    Contact,
    Delivery,
    DeliveryEvent,
    DeliveryEventDetail,
    Notice,
    ProviderPost,
)
from notifier.workflow import alerts, audit, calendars, notices, reckoning, verify
from notifier.workflow.audit import BatchMove
from notifier.workflow.customers import ContactEntry
from tests import factory
from tests.factory import NOW

LATER = NOW + timedelta(minutes=5)
AT = int(NOW.timestamp())


@pytest.fixture
def announced(house: House) -> Callable[..., House]:
    """The house with customers announced to, whose letters are accepted."""

    def made(*entries: Any, send: bool = True) -> House:
        with house.database.transaction() as session:
            olga, paul = factory.two_people(session)
            factory.baseline(session)
            factory.take_in(session, *(entries or (factory.customer("alpha"),)))
            factory.announced(session, olga, paul)
            for row in session.exec(select(Delivery).where(col(Delivery.kind).startswith("staff"))):
                session.delete(row)
        if send:
            with clock.standing(LATER):
                deliver.run(house)
        return house

    return made


def letter(house: House, place: int = 0) -> Delivery:
    with house.database.reading() as session:
        rows = session.exec(select(Delivery).where(Delivery.kind == "change_announced").order_by(col(Delivery.id)))
        return list(rows)[place]


def event(house: House, kind: str, place: int = 0, **more: Any) -> dict[str, Any]:
    row = letter(house, place)
    return {"event": kind, "time": AT + 600, "MessageID": 2**55 + place, "email": row.to_email, "CustomID": row.ref,
            **more}


def post(house: House, *bodies: Any, source: str = "mailjet", at: datetime = LATER) -> None:
    """Bodies posted one after the other, and the job that reads them."""
    with house.database.transaction() as session:
        for body in bodies:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            session.add(ProviderPost(source=source, received_at=at, body=raw))
            session.flush()
    with clock.standing(at):
        events.run(house)


def alerted(house: House, kind: str) -> list[Delivery]:
    with house.database.reading() as session:
        return list(session.exec(select(Delivery).where(Delivery.kind == kind).order_by(col(Delivery.id))))


def posts(house: House) -> list[ProviderPost]:
    with house.database.reading() as session:
        return list(session.exec(select(ProviderPost).order_by(col(ProviderPost.id))))


def notice(house: House) -> Notice:
    with house.database.reading() as session:
        assert verify.chain(session) == []
        return session.exec(select(Notice).order_by(col(Notice.id))).all()[0]


DUPLICATE = {"error_related_to": "mailjet", "error": "duplicate in campaign"}


@pytest.mark.parametrize("before", ["accepted", "sending", "uncertain", "delivered"])
def test_a_duplicate_in_campaign_confirms_the_earlier_send_and_blocks_nothing(
    announced: Callable[..., House], before: str
) -> None:
    house = announced(send=False)
    with house.database.transaction() as session:
        row = session.exec(select(Delivery).where(Delivery.kind == "change_announced")).one()
        for action in {"accepted": ["claim", "accept"], "sending": ["claim"], "uncertain": ["claim", "doubt"],
                       "delivered": ["claim", "accept", "deliver"]}[before]:
            audit.move_batch(session, [BatchMove(row, action, NOW)], actor=factory.SYSTEM, now=NOW)
    post(house, event(house, "blocked", **DUPLICATE))
    assert letter(house).state == ("delivered" if before == "delivered" else "accepted")
    assert alerted(house, "staff_delivery_failed") == []
    post(house, event(house, "sent"))
    assert letter(house).state == "delivered"
    assert before == "delivered" or notice(house).state == NoticeState.GIVEN


def test_a_soft_bounce_is_written_down_and_nothing_is_lost_by_it(announced: Callable[..., House]) -> None:
    house = announced()
    post(house, event(house, "bounce", hard_bounce=False, error="mailbox full", comment="452 4.2.2 quota"))
    row = letter(house)
    assert row.state == DeliveryState.ACCEPTED and row.hindered_at is not None
    with house.database.reading() as session:
        said = session.exec(select(DeliveryEventDetail.words).join(
            DeliveryEvent, col(DeliveryEvent.key) == col(DeliveryEventDetail.key)
        ).where(DeliveryEvent.kind == "event")).all()
        assert said == ["mailbox full · 452 4.2.2 quota"]
    assert alerted(house, "staff_delivery_failed") == []
    post(house, event(house, "sent", time=AT + 900))
    assert notice(house).state == NoticeState.GIVEN


@pytest.mark.parametrize(("told", "said"), [
    ({"event": "bounce", "hard_bounce": True, "error": "user unknown", "comment": "550 5.1.1"},
     ["user unknown · 550 5.1.1", "about 90 days"]),
    ({"event": "blocked", "error": "preblocked"}, ["preblocked", "did not try"]),
    ({"event": "blocked", "error": "content blocked"}, ["content blocked"]),
])
def test_ops_read_what_mailjet_said_and_what_it_means(
    announced: Callable[..., House], told: dict[str, Any], said: list[str]
) -> None:
    house = announced()
    post(house, {**event(house, ""), **told})
    [alert] = alerted(house, "staff_delivery_failed")
    assert all(words in alert.words for words in said) and alert.to_email == "olga@processor.example"


def test_a_complaint_undoes_no_proof_bars_the_address_everywhere_and_ops_are_told(
    announced: Callable[..., House],
) -> None:
    shared = (ContactEntry("legal@group.example", "Lea"),)
    house = announced(factory.customer("alpha", contacts=shared), factory.customer("beta", contacts=shared))
    post(house, event(house, "sent"), event(house, "spam", source="JMRPP", time=AT + 700))
    assert notice(house).state == NoticeState.GIVEN
    with house.database.reading() as session:
        assert all(contact.barred_at == LATER for contact in session.exec(select(Contact)))
    [alert] = alerted(house, "staff_address_barred")
    assert alert.words == "JMRPP" and alerted(house, "staff_delivery_failed") == []


def test_a_later_return_undoes_the_proof_unless_another_contact_has_the_letter(announced: Callable[..., House]) -> None:
    both = (ContactEntry("first@alpha.example", "Fay"), ContactEntry("second@alpha.example", "Sid"))
    house = announced(factory.customer("alpha", contacts=both))
    hard = {"hard_bounce": True, "error": "user unknown"}
    post(house, event(house, "sent"), event(house, "sent", 1, time=AT + 620))
    post(house, event(house, "bounce", time=AT + 700, **hard))
    given = notice(house)
    assert given.state == NoticeState.GIVEN and given.proof is not None
    assert given.proof["delivery"] == letter(house, 1).ref
    post(house, event(house, "bounce", 1, time=AT + 800, **hard))
    assert notice(house).state == NoticeState.UNDELIVERABLE


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::3])
def test_events_in_any_order_and_twice_leave_the_true_state(
    announced: Callable[..., House], order: tuple[int, ...]
) -> None:
    house = announced()
    told = [event(house, "bounce", hard_bounce=False), event(house, "sent", time=AT + 620),
            event(house, "open", time=AT + 640), event(house, "bounce", hard_bounce=True, time=AT + 660)]
    mixed = [told[n] for n in order]
    post(house, mixed, [*reversed(mixed), *mixed], *mixed)
    assert letter(house).state == DeliveryState.BOUNCED
    assert notice(house).state == NoticeState.UNDELIVERABLE
    with house.database.reading() as session:
        keys = session.exec(select(DeliveryEvent.key).where(col(DeliveryEvent.batch).in_(
            select(DeliveryEvent.batch).where(DeliveryEvent.kind.in_(["event", "bounce", "deliver"]))))).all()  # type: ignore[attr-defined]
        assert len(keys) == len(set(keys)) == 3
    assert posts(house) == []


def test_many_events_go_in_portions_each_with_one_entry_in_the_log(
    announced: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "AT_ONCE", 10)
    house = announced(*(factory.customer(f"c{n}") for n in range(25)))
    with house.database.reading() as session:
        before = audit.head(session).seq
    post(house, [event(house, "sent", n) for n in range(25)])
    with house.database.reading() as session:
        entries = session.exec(
            select(AuditEntry).where(col(AuditEntry.seq) > before, AuditEntry.action == "deliver")).all()
        assert [entry.count for entry in entries] == [10, 10, 5]
        assert all(n.state == NoticeState.GIVEN for n in session.exec(select(Notice)))
        assert verify.chain(session) == []


def test_a_body_begun_by_a_worker_that_died_is_read_again(
    announced: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(BaseException):
        """The process ends."""

    house = announced(*(factory.customer(f"c{n}") for n in range(3)))
    told = [event(house, "sent", n) for n in range(3)]
    monkeypatch.setattr(events, "AT_ONCE", 1)
    inner, calls = events.take_in, iter([True, False])

    def dies(*args: Any, **kwargs: Any) -> list[str]:
        if not next(calls):
            raise Gone
        return inner(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(events, "take_in", dies)
        with pytest.raises(Gone):
            post(house, told)
    assert len(posts(house)) == 1
    post(house)
    assert posts(house) == []
    with house.database.reading() as session:
        assert all(n.state == NoticeState.GIVEN for n in session.exec(select(Notice)))
        assert verify.chain(session) == []


def test_a_backlog_is_worked_off_a_minute_at_a_time_and_each_job_rings_for_the_next(
    announced: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = announced(*(factory.customer(f"c{n}") for n in range(3)))
    monkeypatch.setattr(events, "MINUTE", 0.0)
    rung: list[str] = []
    monkeypatch.setattr(type(house), "ring", lambda self, job: rung.append(job.rpartition(".")[2]))
    post(house, *(event(house, "sent", n) for n in range(3)))
    assert len(posts(house)) == 2 and rung == ["digest", "deliver"]
    for _ in range(2):
        with clock.standing(LATER):
            events.run(house)
    assert posts(house) == [] and rung.count("digest") == 2  # the last one found nothing left


def test_an_alarm_in_the_middle_of_a_body_loses_none_of_it_and_blames_nobody(
    announced: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = announced(*(factory.customer(f"c{n}") for n in range(3)))
    inner = notices.happened_all

    def slow(*args: Any, **kwargs: Any) -> list[str]:
        raise worker.TimeIsUp

    monkeypatch.setattr(notices, "happened_all", slow)
    with pytest.raises(worker.TimeIsUp):
        post(house, [event(house, "sent", n) for n in range(3)])
    assert len(posts(house)) == 1 and alerted(house, "staff_events_unreadable") == []
    monkeypatch.setattr(notices, "happened_all", inner)
    post(house)
    with house.database.reading() as session:
        assert all(n.state == NoticeState.GIVEN for n in session.exec(select(Notice)))


def test_several_jobs_at_the_same_bodies_do_no_harm(announced: Callable[..., House]) -> None:
    house = announced(*(factory.customer(f"c{n}") for n in range(30)))
    with house.database.transaction() as session:
        for start in range(0, 30, 10):
            body = json.dumps([event(house, "sent", n) for n in range(start, start + 10)]).encode()
            session.add(ProviderPost(source="mailjet", received_at=LATER, body=body))
    failed: list[BaseException] = []

    def work() -> None:
        try:
            events.run(house)
        except Exception as error:
            failed.append(error)

    pair = [threading.Thread(target=work) for _ in range(2)]
    for one in pair:
        one.start()
    for one in pair:
        one.join()
    assert failed == [] and posts(house) == [] and alerted(house, "staff_events_unreadable") == []
    with house.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).where(col(DeliveryEvent.kind) == "deliver")) == 30
        assert verify.chain(session) == []


def test_many_first_windows_are_those_that_one_by_one_would_have_come_to(announced: Callable[..., House]) -> None:
    terms: list[dict[str, Any]] = [{}, {"window_days": 14}, {"day_kind": "business", "zone": "America/New_York"},
        {"clock_start": "sending"}, {"window_runs": "until_start"}, {"authorisation": "specific"}]
    house = announced(*(factory.customer(f"c{n}", terms=terms[n % 6]) for n in range(12)))
    moments = [NOW + timedelta(hours=7 * n) for n in range(12)]  # some after hours, some at the weekend
    post(house, [event(house, "sent", n, time=int(at.timestamp())) for n, at in enumerate(moments)],
         at=NOW + timedelta(days=5))
    with house.database.reading() as session:
        starts_on = session.exec(select(Change.planned_start)).first()
        for given in session.exec(select(Notice)):
            opened = notices.window_of(session, given)
            held = Terms.from_json(given.terms)
            assert opened is not None and given.given_at is not None and given.promised_last_day is not None
            handed_at = session.exec(select(Delivery.handed_at).where(Delivery.notice_id == given.id)).first()
            alone = rules.window(held, given.given_at, calendars.day_off(held), clock_at=handed_at, starts_on=starts_on)
            expected = rules.later(alone, rules.until(alone, given.promised_last_day))
            assert notices.value_of(opened) == expected
            assert opened.versions == reckoning.versions(session)
            assert given.remind_at == (None if held.needs_yes else rules.remind_at(held, expected))
            assert opened.inputs["received_at"] == given.given_at.isoformat()
        assert len(session.exec(select(Delivery).where(Delivery.kind == "window_extended")).all()) > 0
        assert verify.chain(session) == []


def test_one_body_that_cannot_be_taken_in_keeps_no_other_waiting(
    announced: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = announced()
    inner = notices.happened_all

    def fails(session: Any, told: Any, **kwargs: Any) -> list[str]:
        if any(one.words == "poison" for one in told):
            raise RuntimeError("a fault of ours")
        return inner(session, told, **kwargs)

    monkeypatch.setattr(notices, "happened_all", fails)
    post(house, event(house, "sent", smtp_reply="poison"), event(house, "sent", time=AT + 601))
    assert notice(house).state == NoticeState.GIVEN
    [kept] = posts(house)
    assert "could not be taken in" in kept.words and len(alerted(house, "staff_events_unreadable")) == 1


def test_junk_is_kept_the_newest_hundred_and_ops_are_told_once_a_day(
    announced: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "UNREADABLE_KEPT", 5)
    house = announced()
    post(house, *(f"junk {n}".encode() for n in range(8)))
    assert [p.body for p in posts(house)] == [f"junk {n}".encode() for n in range(3, 8)]
    [alert] = alerted(house, "staff_events_unreadable")
    assert "not JSON" in alert.words
    post(house, b"more", at=LATER + timedelta(hours=23))
    assert len(alerted(house, "staff_events_unreadable")) == 1
    post(house, b"and more", at=LATER + timedelta(hours=25))
    assert len(alerted(house, "staff_events_unreadable")) == 2
    with clock.standing(LATER + timedelta(hours=26)):
        deliver.run(house)
    assert {row.state for row in alerted(house, "staff_events_unreadable")} == {DeliveryState.ACCEPTED}


def test_events_of_somebody_elses_letters_are_not_kept_and_alarm_nobody(announced: Callable[..., House]) -> None:
    house = announced()
    post(house, {**event(house, "sent"), "CustomID": "another-system", "MessageID": 7})
    assert posts(house) == [] and alerted(house, "staff_events_unreadable") == []


def test_a_thousand_returns_are_not_a_thousand_alerts(
    announced: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "MOST", 3)
    house = announced(*(factory.customer(f"c{n}") for n in range(6)))
    post(house, [event(house, "bounce", n, hard_bounce=True, error="user unknown") for n in range(6)])
    told = alerted(house, "staff_delivery_failed")
    assert len(told) == 3 and "not written about one by one" in told[-1].words
    assert "not written about one by one" not in told[0].words


def test_a_letter_to_our_own_people_that_fails_begets_no_further_letter(announced: Callable[..., House]) -> None:
    house = announced()
    post(house, event(house, "bounce", hard_bounce=True))
    with clock.standing(LATER):
        deliver.run(house)
    [alert] = alerted(house, "staff_delivery_failed")
    post(house, {"event": "bounce", "time": AT + 900, "MessageID": 9, "CustomID": alert.ref, "hard_bounce": True})
    assert [row.state for row in alerted(house, "staff_delivery_failed")] == [DeliveryState.BOUNCED]


def test_an_adapters_plain_events_prove_like_any_other(announced: Callable[..., House]) -> None:
    house = announced(factory.customer("alpha"), factory.customer("beta"))
    first, second = letter(house), letter(house, 1)
    post(house, [
        {"message_id": f"<{first.ref}@processor.example>", "event": "delivered", "at": "2026-03-02T10:04:00+01:00",
         "words": "250 ok"},
        {"ref": second.ref, "event": "bounced", "words": "550 no such user"},
    ], source="plain")
    with house.database.reading() as session:
        given, lost = session.exec(select(Notice).order_by(col(Notice.id))).all()
    assert (given.state, given.given_at) == (NoticeState.GIVEN, NOW + timedelta(minutes=4))
    assert lost.state == NoticeState.UNDELIVERABLE
    [alert] = alerted(house, "staff_delivery_failed")
    assert alert.words == "550 no such user"  # Mailjet's ninety days are Mailjet's alone
