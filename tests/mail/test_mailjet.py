"""Mailjet over real TLS: what is sent, and what is known after each way a call can end."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import requests

from notifier.domain.refusals import Refusal
from notifier.mail import events
from notifier.mail.mailjet import Mailjet, _verdict
from notifier.mail.transport import Batch, LookupFailed, Transport, Verdict
from tests.http_standin import OddServer, Webhook
from tests.mail.messages import a_message, messages
from tests.mailjet_standin import MailjetStandIn

ACCEPTED, REFUSED, _, HELD, UNCERTAIN = Verdict


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailjetStandIn]:
    with MailjetStandIn() as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", running.ca_file)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


@pytest.fixture
def mailjet(standin: MailjetStandIn) -> Iterator[Mailjet]:
    transport = Mailjet("key", "secret", standin.url, timeout=(2.0, 0.5))
    yield transport
    transport.close()


def verdicts(batch: Batch) -> list[Verdict]:
    return [outcome.verdict for outcome in batch.outcomes]


def test_an_accepted_letter_carries_mailjets_ids(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    transport: Transport = mailjet
    batch = transport.send(messages(3))
    assert verdicts(batch) == [ACCEPTED] * 3 and batch.pause is None and not batch.halt
    for sent, outcome, taken in zip(messages(3), batch.outcomes, standin.taken, strict=True):
        assert outcome.ref == sent.ref == taken.custom_id
        assert outcome.provider_id == str(taken.message_id) and int(outcome.provider_id) > 2**53
        assert outcome.provider_uuid == taken.message_uuid
    assert standin.posts == 1


def test_a_letter_goes_without_tracking_and_with_its_own_headers(
    standin: MailjetStandIn, mailjet: Mailjet
) -> None:
    message = a_message(7, to_email="post@grüezi.example")
    mailjet.send([message])
    assert standin.payloads == [{"Messages": [{
        "From": {"Email": "notices@processor.example", "Name": "Processor AG"},
        "To": [{"Email": "post@xn--grezi-lva.example", "Name": message.to_name}],
        "ReplyTo": {"Email": "privacy@processor.example"},
        "Subject": message.subject, "TextPart": message.text, "HTMLPart": message.html,
        "Headers": dict(message.headers), "CustomID": message.ref,
        "TrackOpens": "disabled", "TrackClicks": "disabled",
        "CustomCampaign": message.ref, "DeduplicateCampaign": True,
    }]}]


def test_deduplication_can_be_left_off(standin: MailjetStandIn) -> None:
    transport = Mailjet("key", "secret", standin.url, deduplicate=False)
    transport.send([a_message(reply_to="", headers={}, to_name="")])
    transport.close()
    item = standin.taken[0].item
    assert not {"CustomCampaign", "DeduplicateCampaign", "ReplyTo", "Headers"} & set(item)
    assert item["To"] == [{"Email": "legal1@customer.example"}]


def test_no_two_posts_carry_the_same_idempotency_key(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    mailjet.send([a_message(1)])
    mailjet.send([a_message(2)])
    first, second = (seen["idempotency-key"] for seen in standin.seen)
    assert first != second


# mode: verdict of each letter, code, pause, whether the provider is in trouble, whether the lane halts
WHOLE_CALLS: dict[str, tuple[Verdict, str, float | None, bool, bool]] = {
    "400": (REFUSED, "mj-0013", None, False, False),
    "401": (HELD, "mj-0015", None, False, True),
    "403": (HELD, "send-0008", None, False, True),
    "sender-403": (HELD, "send-0008", None, False, True),
    "429": (HELD, "429", 7.0, False, False),
    "429-bare": (HELD, "429", 5.0, False, False),
    "500": (UNCERTAIN, "500", None, True, False),
    "500-after": (UNCERTAIN, "500", None, True, False),
    "503": (UNCERTAIN, "503", 11.0, True, False),
    "hang": (UNCERTAIN, "timeout", None, True, False),
    "hang-after": (UNCERTAIN, "timeout", None, True, False),
    "cut": (UNCERTAIN, "cut", None, True, False),
    "cut-after": (UNCERTAIN, "cut", None, True, False),
    "half": (UNCERTAIN, "cut", None, True, False),
    "302": (HELD, "302", None, False, True),
    "404": (HELD, "404", None, False, True),
    "html": (UNCERTAIN, "200", None, True, False),
}


@pytest.mark.parametrize("mode", WHOLE_CALLS)
def test_each_way_a_call_can_end_costs_one_post_and_has_its_verdict(
    standin: MailjetStandIn, mailjet: Mailjet, mode: str
) -> None:
    standin.plan.append(mode)
    batch = mailjet.send(messages(2))
    verdict, code, pause, troubled, halts = WHOLE_CALLS[mode]
    assert standin.posts == 1
    assert verdicts(batch) == [verdict] * 2
    assert {o.code for o in batch.outcomes} == {code}
    assert all(0 < len(o.words) <= 500 for o in batch.outcomes)
    assert (batch.pause, bool(batch.trouble), bool(batch.halt)) == (pause, troubled, halts)


def test_a_retry_after_that_is_a_date_is_measured_by_the_answers_own_clock(
    standin: MailjetStandIn, mailjet: Mailjet
) -> None:
    standin.plan.append("429-date")
    assert mailjet.send(messages(1)).pause == pytest.approx(90, abs=1)


def test_an_answer_without_body_or_status_text_still_says_something() -> None:
    with OddServer(b"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n") as url:
        batch = Mailjet("key", "secret", url).send(messages(1))
    assert verdicts(batch) == [UNCERTAIN] and batch.outcomes[0].code == "500"


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{", b"",
               b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
               b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + b"[" * 400_000]
)
def test_garbage_for_an_answer_leaves_the_outcome_open(answer: bytes) -> None:
    with OddServer(answer) as url:
        assert verdicts(Mailjet("key", "secret", url, timeout=(2, 1)).send(messages(1))) == [UNCERTAIN]


@pytest.mark.parametrize("mode", ["mixed", "mixed-400"])
def test_in_a_mixed_answer_each_letter_has_its_own_fate(
    standin: MailjetStandIn, mailjet: Mailjet, mode: str
) -> None:
    standin.plan.append(mode)
    batch = mailjet.send(messages(4))
    assert verdicts(batch) == [ACCEPTED, REFUSED, ACCEPTED, REFUSED]
    refused = batch.outcomes[1]
    assert refused.code == "mj-0013"
    assert "not a valid address" in refused.words and "To[0].Email" in refused.words
    assert [t.custom_id for t in standin.taken] == [messages(4)[0].ref, messages(4)[2].ref]
    assert batch.pause is None and not batch.halt


def test_items_in_another_order_are_told_apart_by_their_custom_id(
    standin: MailjetStandIn, mailjet: Mailjet
) -> None:
    standin.plan.append("shuffled")
    batch = mailjet.send(messages(3))
    assert [o.provider_id for o in batch.outcomes] == [str(t.message_id) for t in standin.taken]


def test_a_letter_the_answer_does_not_mention_is_uncertain(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    standin.plan.append("short")
    assert verdicts(mailjet.send(messages(3))) == [UNCERTAIN, ACCEPTED, ACCEPTED]


def test_a_body_too_large_is_halved_until_it_passes(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    standin.largest = 2500
    batch = mailjet.send(messages(8))
    assert verdicts(batch) == [ACCEPTED] * 8
    assert [t.custom_id for t in standin.taken] == [m.ref for m in messages(8)]


def test_one_letter_too_large_does_not_hold_up_the_others(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    standin.largest = 5000
    batch = mailjet.send([a_message(1), a_message(2, html="x" * 6000), a_message(3)])
    assert verdicts(batch) == [ACCEPTED, REFUSED, ACCEPTED]
    assert batch.outcomes[1].code == "mj-0011"


def test_a_call_refused_as_a_whole_is_halved_down_to_the_letter_to_blame(
    standin: MailjetStandIn, mailjet: Mailjet
) -> None:
    standin.plan.extend(["400-flat", "400-flat", "400-flat"])
    assert verdicts(mailjet.send(messages(4))) == [REFUSED, ACCEPTED, ACCEPTED, ACCEPTED]


def test_halving_stops_when_the_lane_has_to_wait(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    standin.plan.extend(["413", "429"])
    batch = mailjet.send(messages(4))
    assert verdicts(batch) == [HELD] * 4 and batch.pause == 7.0 and standin.posts == 2


def test_what_cannot_be_a_letter_is_refused_without_asking_mailjet(
    standin: MailjetStandIn, mailjet: Mailjet
) -> None:
    bad = [
        a_message(1, to_email="nobody"), a_message(2, to_email="a b@customer.example"),
        a_message(3, subject="one\nBcc: two@customer.example"), a_message(4, to_email="a@b@customer.example"),
    ]
    batch = mailjet.send([*bad, a_message(5)])
    assert verdicts(batch) == [REFUSED] * 4 + [ACCEPTED]
    assert all(o.words for o in batch.outcomes[:4])
    assert mailjet.send(bad).outcomes and standin.posts == 1


def test_no_messages_are_no_call(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    assert mailjet.send([]) == Batch(()) and standin.posts == 0


# Mailjet's error codes, one by one, with the status its documents give them.
CODES = {
    **dict.fromkeys([("mj-0001", 401), ("mj-0015", 401), ("send-0008", 403)], HELD),
    **dict.fromkeys([
        ("mj-0002", 400), ("mj-0003", 400), ("mj-0004", 400), ("mj-0005", 400), ("mj-0006", 400),
        ("mj-0007", 400), ("mj-0008", 400), ("mj-0011", 413), ("mj-0012", 400), ("mj-0013", 400),
        ("send-0003", 400), ("send-0010", 400), ("send-0011", 400), ("send-0012", 400), ("send-0015", 400),
    ], REFUSED),
    ("new-9999", 429): HELD, ("new-9999", 403): HELD, ("new-9999", 418): REFUSED,
    ("new-9999", 500): UNCERTAIN,
}


@pytest.mark.parametrize(("code", "status"), CODES)
def test_each_error_code_has_its_verdict(code: str, status: int) -> None:
    assert _verdict({"ErrorCode": code, "StatusCode": status}) is CODES[code, status]
    if not code.startswith("new"):
        assert _verdict({"ErrorCode": code}) is CODES[code, status]


def test_a_server_that_is_not_there_is_tried_again_later() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # bound and not listening: nobody else takes the port, nobody answers
        batch = Mailjet("key", "secret", f"https://127.0.0.1:{listener.getsockname()[1]}/").send(messages(2))
    assert verdicts(batch) == [HELD] * 2 and batch.trouble and not batch.halt
    assert batch.outcomes[0].code == "unreachable"


def test_a_proxy_that_is_not_there_is_tried_again_later(
    monkeypatch: pytest.MonkeyPatch, standin: MailjetStandIn
) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        batch = Mailjet("key", "secret", standin.url).send(messages(1))
    assert verdicts(batch) == [HELD] and standin.posts == 0


def test_a_certificate_nobody_vouches_for_halts_the_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with MailjetStandIn() as stranger:
        batch = Mailjet("key", "secret", stranger.url).send(messages(1))
        assert verdicts(batch) == [HELD] and "certificate" in batch.halt and stranger.posts == 0


def test_wrong_credentials_halt_the_lane(standin: MailjetStandIn) -> None:
    transport = Mailjet("key", "not the secret", standin.url)
    batch = transport.send(messages(1))
    transport.close()
    assert verdicts(batch) == [HELD] and "authentication" in batch.halt and not standin.taken


def test_a_closed_transport_sends_again(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    mailjet.send(messages(1))
    mailjet.close()
    assert verdicts(mailjet.send([a_message(2)])) == [ACCEPTED]


def test_a_kept_connection_that_has_gone_is_opened_anew(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    standin.plan.extend(["cut-after", "ok"])
    assert verdicts(mailjet.send(messages(1))) == [UNCERTAIN]
    assert verdicts(mailjet.send([a_message(2)])) == [ACCEPTED]


def test_several_threads_may_send_through_one_transport(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    batches: list[Batch] = []
    threads = [
        threading.Thread(target=lambda n=n: batches.append(mailjet.send([a_message(n)]))) for n in range(1, 9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [verdicts(b) for b in batches] == [[ACCEPTED]] * 8 and standin.posts == 8


def test_a_doubtful_letter_can_be_looked_up(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    standin.plan.append("cut-after")
    assert verdicts(mailjet.send([a_message(1)])) == [UNCERTAIN]
    taken = standin.taken[0]
    found = mailjet.lookup(taken.custom_id)
    assert found is not None
    assert (found.verdict, found.code) == (ACCEPTED, "queued")
    assert (found.provider_id, found.provider_uuid) == (str(taken.message_id), taken.message_uuid)
    standin.events_for(taken, "bounce")
    bounced = mailjet.lookup(taken.custom_id)
    assert bounced is not None and bounced.code == "hardbounced"


def test_a_letter_that_never_arrived_there_is_absent(standin: MailjetStandIn, mailjet: Mailjet) -> None:
    standin.plan.append("cut")
    mailjet.send([a_message(1)])
    assert mailjet.lookup(a_message(1).ref) is None


def test_of_two_messages_under_one_id_the_furthest_is_told(standin: MailjetStandIn) -> None:
    transport = Mailjet("key", "secret", standin.url, deduplicate=False)
    for _ in range(2):
        transport.send([a_message(1)])
    standin.events_for(standin.taken[1], "sent")
    found = transport.lookup(a_message(1).ref)
    transport.close()
    assert found is not None and found.provider_id == str(standin.taken[1].message_id)


@pytest.mark.parametrize("mode", ["401", "404", "500", "cut", "hang", "html", "302"])
def test_a_lookup_without_a_trustworthy_answer_fails_instead_of_saying_absent(
    standin: MailjetStandIn, mailjet: Mailjet, mode: str
) -> None:
    standin.lookups.append(mode)
    with pytest.raises(LookupFailed, match=r"\w"):
        mailjet.lookup(a_message(1).ref)
    assert standin.gets == 1


def test_a_repeat_in_its_campaign_is_blocked_and_harms_nothing(
    standin: MailjetStandIn, mailjet: Mailjet
) -> None:
    assert verdicts(mailjet.send([a_message(1)])) == verdicts(mailjet.send([a_message(1)])) == [ACCEPTED]
    first, second = standin.taken
    assert not first.duplicate and second.duplicate
    [event] = standin.events_for(second)
    assert event["event"] == "blocked"
    [read], junk = events.parse(json.dumps(event).encode())
    assert read.kind == "duplicate" and read.code == "duplicate in campaign" and not junk


@pytest.mark.parametrize(
    "url",
    ["https://mail.example/", "http://api.mailjet.com/", "https://mailjet.com.example/", "file:///etc", ""],
)
def test_an_address_the_client_would_not_take_is_named(url: str) -> None:
    with pytest.raises(Refusal, match=r"NOTIFIER_MAILJET_URL: .*mailjet\.com"):
        Mailjet("key", "secret", url)


def test_missing_credentials_are_named() -> None:
    with pytest.raises(Refusal, match="MAILJET_API_KEY"):
        Mailjet("key", " ")


@pytest.mark.parametrize("url", ["https://api.mailjet.com/", "https://api.us.mailjet.com", "http://localhost:8025"])
def test_mailjets_own_addresses_and_loopback_are_taken(url: str) -> None:
    assert Mailjet("key", "secret", url).batch == 50


def test_the_stand_in_runs_as_a_process_and_posts_events() -> None:
    with Webhook() as (url, bodies):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.mailjet_standin", "--events-url", url, "--events-auth", "me:word"],
            stdout=subprocess.PIPE, text=True,
        )
        try:
            assert process.stdout is not None
            transport = Mailjet("key", "secret", process.stdout.readline().strip())
            fates = ["legal@customer.example", "bounce@customer.example", "spam@customer.example"]
            transport.send([a_message(n, to_email=to) for n, to in enumerate(fates, 1)])
            transport.close()
            kinds: list[str] = []
            while len(kinds) < 4:
                headers, body = bodies.get(timeout=20)
                assert headers["authorization"] == requests.auth._basic_auth_str("me", "word")
                found, junk = events.parse(body)
                assert not junk
                kinds += [event.kind for event in found]
            assert kinds == ["sent", "bounce", "sent", "spam"]
        finally:
            process.terminate()
            assert process.stdout is not None
            process.stdout.close()
            assert process.wait(10) == 0
