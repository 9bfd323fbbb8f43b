"""Mailjet's webhook: who may post, what is kept, what the job makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlmodel import select

from notifier import clock
from notifier.app import create_app
from notifier.domain.states import NoticeState
from notifier.house import House
from notifier.jobs import deliver, events
from notifier.tables import Contact, Delivery, Notice, ProviderPost
from tests import factory
from tests.factory import NOW

AUTH = ("events", "se:cret")
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def house(make_house: Callable[..., House], database_url: str) -> House:
    house = make_house(database_url=database_url, mailjet_events_auth=":".join(AUTH))
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"))
        factory.announced(session, olga, paul)
    with clock.standing(LATER):
        deliver.run(house)
    return house


@pytest.fixture
def client(house: House) -> FlaskClient:
    return create_app(house).test_client()


def _letter(house: House) -> Delivery:
    with house.database.reading() as session:
        return session.exec(select(Delivery).where(Delivery.kind == "change_announced")).one()


def _event(house: House, kind: str, **more: Any) -> dict[str, Any]:
    letter = _letter(house)
    return {"event": kind, "time": int(NOW.timestamp()) + 60, "MessageID": 2**55, "email": letter.to_email,
            "CustomID": letter.ref, **more}


def _post(
    client: FlaskClient, body: object, auth: tuple[str, str] | None = AUTH, path: str = "/webhooks/mailjet"
) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data=data, auth=auth).status_code


def _digest(house: House) -> None:
    with clock.standing(LATER):
        events.run(house)


def _notice(house: House) -> Notice:
    with house.database.reading() as session:
        return session.exec(select(Notice)).one()


@pytest.mark.parametrize("path", ["/webhooks/mailjet", "/webhooks/events"])
@pytest.mark.parametrize("auth", [None, ("events", "wrong"), ("other", "se:cret"), ("", "")])
def test_nobody_posts_without_the_agreed_user_and_password(
    client: FlaskClient, house: House, auth: Any, path: str
) -> None:
    assert _post(client, _event(house, "sent"), auth, path) == 401
    with house.database.reading() as session:
        assert session.exec(select(ProviderPost)).all() == []


def test_without_an_agreed_password_the_door_stays_shut(make_house: Callable[..., House], house: House) -> None:
    shut = make_house(database_url=house.settings.database_url)
    assert create_app(shut).test_client().post("/webhooks/mailjet", data=b"[]", auth=("", "")).status_code == 401


@pytest.mark.parametrize("grouped", [False, True])
def test_a_sent_event_gives_the_notice_at_the_moment_mailjet_names(
    client: FlaskClient, house: House, grouped: bool
) -> None:
    event = _event(house, "sent", smtp_reply="250 2.0.0 OK")
    assert _post(client, [event, event] if grouped else event) == 200
    assert _post(client, event) == 200
    _digest(house)
    notice = _notice(house)
    assert notice.state == NoticeState.GIVEN
    assert notice.given_at is not None
    assert int(notice.given_at.timestamp()) == event["time"]
    assert notice.proof is not None
    assert "250 2.0.0 OK" in notice.proof["words"]


def test_an_event_that_lost_our_reference_finds_its_letter_by_the_providers_own_id_and_that_by_an_index(
    client: FlaskClient, house: House
) -> None:
    with house.database.transaction() as session:
        letter = session.exec(select(Delivery).where(Delivery.kind == "change_announced")).one()
        letter.provider_id = str(2**55)
    searched: list[str] = []
    sa.event.listen(house.database.engine, "before_cursor_execute", lambda *args: searched.append(args[2]))
    assert _post(client, {**_event(house, "sent"), "CustomID": ""}) == 200
    _digest(house)
    assert _notice(house).state == NoticeState.GIVEN
    condition = next(text for text in searched if "delivery.provider_id = " in text).partition("WHERE")[2]
    with house.database.transaction() as session:
        explain = "EXPLAIN QUERY PLAN"
        if not house.database.sqlite:
            session.execute(sa.text("SET LOCAL enable_seqscan = off"))
            explain, condition = "EXPLAIN", condition.replace("%(provider_id_1)s::VARCHAR", "?")
        asked = condition.partition("FOR UPDATE")[0].replace("?", "'36028797018963968'")
        plan = session.execute(sa.text(f"{explain} SELECT * FROM delivery WHERE {asked}")).all()
        assert "ix_delivery_provider_id" in str(plan), (asked, plan)


def test_a_hard_bounce_fails_the_notice_and_a_soft_one_waits(client: FlaskClient, house: House) -> None:
    _post(client, _event(house, "bounce", hard_bounce=False, error="mailbox full"))
    _digest(house)
    assert _notice(house).state == NoticeState.PENDING
    _post(client, _event(house, "bounce", hard_bounce=True, error="user unknown", time=int(NOW.timestamp()) + 90))
    _digest(house)
    assert _notice(house).state == NoticeState.UNDELIVERABLE
    with house.database.reading() as session:
        assert session.exec(select(Contact)).one().bounced_at is not None


@pytest.mark.parametrize("body", [b"", b"not json", b"{\"event\": 7}", b"[[[", b"\xff\xfe", b"[{\"event\": \"sent\"}]"])
def test_what_cannot_be_read_is_answered_200_and_kept(client: FlaskClient, house: House, body: bytes) -> None:
    assert _post(client, body) == 200
    _digest(house)
    with house.database.reading() as session:
        kept = session.exec(select(ProviderPost)).one()
        assert (kept.body, bool(kept.words), kept.read_at is not None) == (body, True, True)
    assert _notice(house).state == NoticeState.PENDING


def test_the_answer_says_in_words_what_became_of_the_body(client: FlaskClient) -> None:
    said = [client.post("/webhooks/mailjet", data=body, auth=AUTH).get_data(as_text=True)
            for body in (b"[]", b"{}", b"[{}, {}]", b"not json", b"[" * 3000)]
    assert said[:3] == ["taken in: 0\n", "taken in: 1\n", "taken in: 2\n"]
    assert all("cannot be read" in words for words in said[3:])


def test_any_other_provider_is_heard_through_a_plain_form(client: FlaskClient, house: House) -> None:
    told = {"ref": _letter(house).ref, "event": "delivered", "at": "2026-03-02T10:01:00+01:00", "words": "250 ok"}
    assert _post(client, told, path="/webhooks/events") == 200
    _digest(house)
    notice = _notice(house)
    assert (notice.state, notice.given_at) == (NoticeState.GIVEN, NOW + timedelta(minutes=1))
    assert _post(client, told) == 200  # in Mailjet's form it is nothing
    _digest(house)
    with house.database.reading() as session:
        assert session.exec(select(ProviderPost)).one().words == "Event 1: It has no time."


def test_the_job_run_twice_does_nothing_twice(client: FlaskClient, house: House) -> None:
    _post(client, _event(house, "sent"))
    _digest(house)
    before = _notice(house)
    _digest(house)
    assert _notice(house) == before


@pytest.mark.parametrize("megabytes", [3, 13])
def test_a_body_that_is_too_large_is_answered_in_words_its_first_part_kept_and_ops_told(
    client: FlaskClient, house: House, megabytes: int
) -> None:
    body = b"[" + b" " * (megabytes * 1024 * 1024) + b"]"
    answer = client.post("/webhooks/mailjet", data=body, auth=AUTH)
    assert answer.status_code == 200 and "too large" in answer.text
    _digest(house)
    with house.database.reading() as session:
        [kept] = session.exec(select(ProviderPost)).all()
        assert 2 * 1024 * 1024 < len(kept.body) < 3 * 1024 * 1024 and "first part" in kept.words
        assert session.exec(select(Delivery).where(Delivery.kind == "staff_events_unreadable")).one()
