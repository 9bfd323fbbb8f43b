"""Mailjet's event bodies: what is read, what is junk, and that nothing in them raises."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.mail.events import KINDS, LARGEST, MOST, MailEvent, advice, parse, parse_plain, ref_of

AT = 1767603600  # 2026-01-05 09:00 UTC
REF = "0198c0de-0000-7000-8000-000000000001"


def event(kind: str = "sent", **changed: Any) -> dict[str, Any]:
    return {
        "event": kind, "time": AT, "MessageID": 576460752303423489, "email": "legal@customer.example",
        "Message_GUID": "1ab23cd4-e567-8901-2345-6789f0gh1i2j", "mj_campaign_id": 7257, "mj_contact_id": 4,
        "customcampaign": "", "CustomID": REF, "Payload": "",
    } | changed


def read(value: Any) -> tuple[list[MailEvent], list[str]]:
    return parse(json.dumps(value).encode())


def only(value: Any) -> MailEvent:
    [found], junk = read(value)
    assert not junk
    return found


def test_a_sent_event_says_when_the_receiving_server_took_the_letter() -> None:
    found = only(event(smtp_reply="sent (250 2.0.0 OK 17676 gsmtp)", mj_message_id="576460752303423489"))
    assert found.kind == "sent" and found.at == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert found.custom_id == REF and found.email == "legal@customer.example"
    assert found.message_id == "576460752303423489" and found.message_uuid.startswith("1ab23cd4")
    assert found.words == "sent (250 2.0.0 OK 17676 gsmtp)" and found.code == ""


@pytest.mark.parametrize(
    ("told", "kind", "code"),
    [
        (event("bounce", hard_bounce=True, blocked=True, error_related_to="recipient", error="user unknown"),
         "bounce", "user unknown"),
        (event("bounce", hard_bounce=False, error_related_to="recipient", error="mailbox full"),
         "soft", "mailbox full"),
        (event("bounce", hard_bounce="1", error=""), "bounce", ""),
        (event("bounce", hard_bounce="0", error_related_to="domain"), "soft", "domain"),
        (event("blocked", error_related_to="mailjet", error="preblocked"), "blocked", "preblocked"),
        (event("blocked", error_related_to="spam", error="blacklisted"), "blocked", "blacklisted"),
        (event("blocked", error_related_to="mailjet", error="duplicate in campaign"),
         "duplicate", "duplicate in campaign"),
        (event("spam", source="JMRPP"), "spam", "JMRPP"),
        (event("unsub", mj_list_id=1), "unsub", ""),
        (event("open", ip="192.0.2.1"), "open", ""),
        (event("click", url="https://processor.example/n/1"), "click", ""),
        (event("something new"), "other", ""),
        (event("soft"), "other", ""),
        (event("duplicate"), "other", ""),
    ],
)
def test_each_kind_of_event_is_read(told: dict[str, Any], kind: str, code: str) -> None:
    found = only(told)
    assert (found.kind, found.code) == (kind, code)


def test_an_array_may_be_mixed_and_a_bare_object_stands_alone() -> None:
    found, junk = read([event("sent"), event("bounce", hard_bounce=True), event("spam")])
    assert [e.kind for e in found] == ["sent", "bounce", "spam"] and not junk
    assert only(event()) == found[0]


def test_numbers_may_come_as_strings() -> None:
    assert only(event(time=str(AT), MessageID="576460752303423489")) == only(event())


def test_the_old_form_with_only_mj_message_id_is_read() -> None:
    told = event(mj_message_id="576460752303423489")
    del told["MessageID"], told["CustomID"]
    found = only(told)
    assert found.message_id == "576460752303423489" and found.custom_id == ""
    assert found.key == only(event()).key


def test_a_repeat_has_the_same_key_and_nothing_else_has() -> None:
    others = [
        event("bounce"), event(time=AT + 1), event(MessageID=7), event("click", url="https://a.example"),
        event("click", url="https://b.example"), event(MessageID=None, Message_GUID=None),
        event(MessageID=None, Message_GUID=None, email="other@customer.example"),
    ]
    keys = [only(e).key for e in [event(), *others]]
    assert len(set(keys)) == len(keys) and all(len(key) == 64 for key in keys)
    assert only(event(Payload="again", CustomID="")).key == keys[0]


@pytest.mark.parametrize(
    "time", [None, "", "soon", True, [], {}, -1, 0, 1e300, 10**30, "9" * 300, AT * 1000, 946684800]
)
def test_an_event_without_a_sensible_time_is_junk_with_a_reason(time: Any) -> None:
    found, junk = read([event(time=time), event()])
    assert len(found) == 1
    assert len(junk) == 1 and junk[0].startswith("Event 1: ") and "time" in junk[0]


def test_an_event_from_more_than_a_day_ahead_is_junk() -> None:
    body = json.dumps(event()).encode()
    at = datetime.fromtimestamp(AT, UTC)
    assert parse(body, at - timedelta(hours=23))[0]
    assert not parse(body, at - timedelta(hours=25))[0]
    assert parse(body, at + timedelta(days=30))[0]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe\x00", b"[" * 200_000, b"9" * 5000, b'{"event": "sent", "time": NaN}']
)
def test_a_body_that_is_no_event_is_one_reason(body: bytes) -> None:
    found, junk = parse(body)
    assert not found and len(junk) == 1 and len(junk[0]) <= 500


@pytest.mark.parametrize("value", [None, 1, "sent", [], {}, [None], [[event()]], {"time": AT}, event("")])
def test_a_value_that_is_no_event_is_a_reason_too(value: Any) -> None:
    found, junk = read(value)
    assert not found and (junk or value == [])


def test_good_events_survive_bad_neighbours() -> None:
    found, junk = read([event("sent"), 7, event("spam"), {"event": "sent"}])
    assert [e.kind for e in found] == ["sent", "spam"]
    assert [reason.split(":")[0] for reason in junk] == ["Event 2", "Event 4"]


def test_size_is_bounded() -> None:
    found, junk = parse(b'"' + b"x" * LARGEST + b'"')
    assert not found and "bytes" in junk[0]
    found, junk = read([{"event": "open", "time": AT}] * (MOST + 3))
    assert len(found) == MOST and str(MOST + 3) in junk[0]
    long = only(event(comment="y" * 9000, email="z" * 9000, **{"k" * 900: "v" * 9000}))
    assert len(long.words) <= 500 and len(long.email) <= 255
    assert all(len(k) <= 255 and len(str(v)) <= 1000 for k, v in long.raw.items())


def test_what_is_kept_can_be_stored_anywhere() -> None:
    told = event(comment="a\u0000b\ud800c", agent="\u0000", geo={"deep": [1]}, ip=None, hard_bounce=True)
    [found], _ = parse(json.dumps(told).replace("7257", "1e999").encode())
    json.dumps(found.raw, ensure_ascii=False, allow_nan=False).encode()
    assert "\u0000" not in json.dumps(found.raw, ensure_ascii=False) + found.words
    assert found.raw["hard_bounce"] is True and found.raw["ip"] is None and found.raw["geo"] == ""
    assert found.raw["mj_campaign_id"] is None
    assert found.raw["MessageID"] == 576460752303423489


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda v: st.lists(v, max_size=3)
)
fields = st.sampled_from(["event", "time", "MessageID", "CustomID", "email", "error", "hard_bounce"])
values = json_values | st.just(AT) | st.sampled_from(sorted(KINDS))
events = st.dictionaries(fields | st.text(max_size=5), values)


@settings(deadline=None)
@given(st.lists(events | json_values, max_size=5))
def test_every_item_is_an_event_or_a_reason(items: list[Any]) -> None:
    found, junk = read(items)
    assert len(found) + len(junk) == len(items)
    for one in found:
        assert one.kind in KINDS | {"other"} and one.at.tzinfo is UTC
        json.dumps(one.raw, ensure_ascii=False, allow_nan=False).encode()


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_body_raises(body: bytes) -> None:
    parse(body)


@pytest.mark.parametrize(("told", "said"), [
    (event("bounce", hard_bounce=True, error="user unknown"), "about 90 days"),
    (event("blocked", error="preblocked"), "did not try"),
    (event("blocked", error="spam reporter"), "as spam"),
    (event("blocked", error="content blocked"), ""),
    (event("bounce", hard_bounce=False), ""),
    (event("sent"), ""),
])
def test_what_an_event_means_for_the_next_letter_is_said(told: dict[str, Any], said: str) -> None:
    meant = advice(only(told))
    assert said in meant and bool(meant) == bool(said)


NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def plain(**fields_: Any) -> tuple[list[MailEvent], list[str]]:
    return parse_plain(json.dumps(fields_).encode(), NOW)


@pytest.mark.parametrize(("told", "kind"), [
    ("delivered", "sent"), ("bounced", "bounce"), ("delayed", "soft"), ("blocked", "blocked"), ("spam", "spam"),
])
def test_the_plain_form_names_a_letter_by_our_ref_or_our_message_id(told: str, kind: str) -> None:
    ours = f"{REF}@processor.example"
    for name in ({"ref": REF}, {"message_id": f"<{ours}>"}, {"message_id": ours}):
        [found], junk = plain(**name, event=told, at="2026-03-02T10:00:00.75+01:00", words="250 ok")
        assert (found.kind, found.custom_id, found.words) == (kind, REF, "250 ok") and not junk
        assert found.at == datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_a_plain_event_may_name_the_providers_own_id_and_no_moment() -> None:
    [found], _ = plain(message_id="provider-7", event="delivered")
    assert (found.custom_id, found.message_id, found.at) == ("", "provider-7", NOW)
    [again], _ = parse_plain(json.dumps({"message_id": "provider-7", "event": "delivered"}).encode(),
                             NOW + timedelta(hours=1))
    assert again.key == found.key
    assert {plain(ref=REF, event=e)[0][0].key for e in ("delivered", "bounced")}.__len__() == 2


@pytest.mark.parametrize("told", [
    {}, {"event": "delivered"}, {"ref": REF}, {"ref": REF, "event": "opened"},
    {"ref": REF, "event": "delivered", "at": "yesterday"}, {"ref": REF, "event": "delivered", "at": 7},
    {"ref": REF, "event": "delivered", "at": "2026-03-02T10:00:00"},
    {"ref": REF, "event": "delivered", "at": "2026-03-05T10:00:00Z"},
    {"ref": REF, "event": "delivered", "at": "0001-01-01T00:00:00+23:00"},
])
def test_a_plain_event_that_lacks_something_is_a_reason(told: dict[str, Any]) -> None:
    found, junk = plain(**told)
    assert not found and len(junk) == 1 and junk[0].startswith("Event 1: ")


def test_only_our_own_message_ids_hold_a_ref() -> None:
    assert ref_of(f"<{REF.upper()}@a.example>") == REF
    for other in ("", "<abc@a.example>", REF, f"<{REF}>", f"x<{REF}@a.example>"):
        assert ref_of(other) == ""


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["ref", "event", "at", "words", "message_id"]),
                                json_values | st.sampled_from(["delivered", REF, "2026-01-01T00:00Z"])), max_size=4))
def test_every_plain_item_is_an_event_or_a_reason(items: list[Any]) -> None:
    found, junk = parse_plain(json.dumps(items).encode(), NOW)
    assert len(found) + len(junk) == len(items)
