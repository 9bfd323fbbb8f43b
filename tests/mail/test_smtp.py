"""Letters over SMTP: a real server, real TLS, and every moment at which a connection can break."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from notifier.domain.refusals import Refusal
from notifier.mail.smtp import Smtp
from notifier.mail.transport import Batch, Transport, Verdict, as_email
from tests.mail.messages import a_message, messages
from tests.smtp_standin import SmtpStandIn

ACCEPTED, REFUSED, LATER, HELD, UNCERTAIN = Verdict
AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def clock() -> datetime:
    return AT


@pytest.fixture
def standin() -> Iterator[SmtpStandIn]:
    with SmtpStandIn() as running:
        yield running


@contextmanager
def connected(standin: SmtpStandIn, credentials: str = "", **options: Any) -> Iterator[Smtp]:
    limits = {"timeout": 1.0, "verdict_timeout": 1.0} | options
    transport = Smtp(standin.url(credentials), clock, **limits)
    try:
        yield transport
    finally:
        transport.close()


def verdicts(batch: Batch) -> list[Verdict]:
    return [outcome.verdict for outcome in batch.outcomes]


def test_each_letter_has_its_own_envelope_over_one_connection(standin: SmtpStandIn) -> None:
    with connected(standin) as smtp:
        transport: Transport = smtp
        batch = transport.send(messages(3))
        again = transport.send([a_message(4)])
    assert verdicts(batch) == [ACCEPTED] * 3 and verdicts(again) == [ACCEPTED]
    assert batch.outcomes[0].words == "2.0.0 queued as 1" and batch.outcomes[0].code == "250 2.0.0"
    assert [e.recipient for e in standin.envelopes] == [f"legal{n}@customer.example" for n in (1, 2, 3, 4)]
    assert {e.sender for e in standin.envelopes} == {"notices@processor.example"}
    assert standin.connections == 1 and standin.commands[-1] == "quit"


def test_the_letter_arrives_byte_for_byte_with_a_message_id_of_its_ref(standin: SmtpStandIn) -> None:
    message = a_message(text="Grüezi\n.\n..two dots\n.one\nFrom here\n" + "x" * 3000 + "\n")
    with connected(standin) as smtp:
        [outcome] = smtp.send([message]).outcomes
    [envelope] = standin.envelopes
    assert envelope.letter == as_email(message, AT).as_bytes()
    letter = message_from_bytes(envelope.letter, policy=default)
    assert letter["Message-ID"] == f"<{message.ref}@processor.example>" and not outcome.provider_id
    text = letter.get_body(("plain",))
    assert text is not None and text.get_content().replace("\r\n", "\n") == message.text


def test_a_server_that_offers_dsn_is_asked_to_report(standin: SmtpStandIn) -> None:
    with connected(standin) as smtp:
        smtp.send([a_message(1, to_email="a+b=c@customer.example")])
    [envelope] = standin.envelopes
    assert {"RET=HDRS", f"ENVID={a_message(1).ref}"} < set(envelope.sender_options)
    assert f"SIZE={len(envelope.letter)}" in envelope.sender_options
    assert envelope.recipient_options == ("NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;a+2Bb+3Dc@customer.example")


def test_a_server_without_extensions_gets_a_bare_envelope() -> None:
    with SmtpStandIn(features=()) as standin, connected(standin) as smtp:
        assert verdicts(smtp.send(messages(1))) == [ACCEPTED]
        assert standin.envelopes[0].sender_options == standin.envelopes[0].recipient_options == ()


@pytest.mark.parametrize("tls", ["starttls", "smtps"])
def test_credentials_travel_over_tls(monkeypatch: pytest.MonkeyPatch, tls: str) -> None:
    with SmtpStandIn(tls=tls, user="me@processor.example", password="p:ss/word?") as standin:
        monkeypatch.setenv("SSL_CERT_FILE", standin.ca_file)
        with connected(standin, "me%40processor.example:p%3Ass%2Fword%3F") as smtp:
            assert verdicts(smtp.send(messages(2))) == [ACCEPTED] * 2
        auth = next(n for n, c in enumerate(standin.commands) if c.startswith("AUTH"))
        assert tls == "smtps" or standin.commands.index("STARTTLS") < auth


@pytest.mark.parametrize("tls", ["starttls", "smtps"])
def test_a_certificate_nobody_vouches_for_halts_the_lane(tls: str) -> None:
    with SmtpStandIn(tls=tls) as standin, connected(standin) as smtp:
        batch = smtp.send(messages(2))
    assert verdicts(batch) == [HELD] * 2 and "certificate" in batch.halt and not standin.envelopes


def test_starttls_that_is_asked_for_and_not_offered_halts_the_lane(standin: SmtpStandIn) -> None:
    smtp = Smtp(standin.url() + "?starttls=1", clock, timeout=1)
    batch = smtp.send(messages(1))
    assert verdicts(batch) == [HELD] and "STARTTLS" in batch.halt and not standin.envelopes


@pytest.mark.parametrize("credentials", ["me:wrong", "me:w%C3%B6rd"])
def test_a_wrong_password_halts_the_lane(credentials: str) -> None:
    with SmtpStandIn(user="me", password="right") as standin, connected(standin, credentials) as smtp:
        batch = smtp.send(messages(2))
    assert verdicts(batch) == [HELD] * 2 and batch.halt and batch.pause is None


# stage, what it meets there: first letter's verdict and code, second's verdict, whether there is trouble, or a halt
ENDINGS: list[tuple[str, str, Verdict, str, Verdict, bool, bool]] = [
    ("greeting", "554 5.7.1 no service for you", HELD, "unreachable", HELD, True, False),
    ("greeting", "421 4.3.2 busy", HELD, "unreachable", HELD, True, False),
    ("greeting", "cut", HELD, "unreachable", HELD, True, False),
    ("greeting", "hang", HELD, "unreachable", HELD, True, False),
    ("ehlo", "cut", HELD, "cut", HELD, True, False),
    ("mail", "550 5.7.60 not your address", HELD, "550", HELD, False, True),
    ("mail", "530 5.7.0 sign in first", HELD, "530", HELD, False, True),
    ("mail", "451 4.7.1 slow down", HELD, "451", HELD, True, False),
    ("mail", "552 5.3.4 too large", REFUSED, "552 5.3.4", ACCEPTED, False, False),
    ("mail", "421 4.3.2 going down", HELD, "421", HELD, True, False),
    ("mail", "cut", HELD, "cut", HELD, True, False),
    ("mail", "hang", HELD, "cut", HELD, True, False),
    ("rcpt", "550 5.1.1 no such user", REFUSED, "550 5.1.1", ACCEPTED, False, False),
    ("rcpt", "450 4.2.0 greylisted", LATER, "450 4.2.0", ACCEPTED, False, False),
    ("rcpt", "530 5.7.0 sign in first", HELD, "530", HELD, False, True),
    ("rcpt", "cut", HELD, "cut", HELD, True, False),
    ("rcpt", "gibberish", HELD, "-1", HELD, True, False),
    ("rcpt", "550 5.7.1 your address is on a blocklist", HELD, "550 5.7.1", HELD, True, False),
    ("data", "554 5.7.1 policy", HELD, "554 5.7.1", HELD, True, False),
    ("dot", "550 5.4.5 daily quota exceeded", HELD, "550 5.4.5", HELD, True, False),
    ("dot", "554 5.7.26 not authenticated", HELD, "554 5.7.26", HELD, True, False),
    ("data", "554 5.5.1 no valid recipients", REFUSED, "554 5.5.1", ACCEPTED, False, False),
    ("data", "451 4.3.0 try again", LATER, "451 4.3.0", ACCEPTED, False, False),
    ("data", "hang", HELD, "cut", HELD, True, False),
    ("dot", "552 5.2.2 mailbox full", REFUSED, "552 5.2.2", ACCEPTED, False, False),
    ("dot", "451 4.3.0 try again", LATER, "451 4.3.0", ACCEPTED, False, False),
    ("dot", "421 4.3.2 going down", LATER, "421 4.3.2", ACCEPTED, False, False),
    ("dot", "cut", UNCERTAIN, "cut", ACCEPTED, False, False),
    ("dot", "hang", UNCERTAIN, "cut", ACCEPTED, False, False),
    ("dot", "gibberish", UNCERTAIN, "-1", ACCEPTED, False, False),
]


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "pipelined"])
@pytest.mark.parametrize("ending", ENDINGS, ids=lambda e: f"{e[0]}: {e[1]}")
def test_each_reply_and_each_break_has_its_verdict(ending: tuple[Any, ...], together: bool, lenient: bool) -> None:
    stage, meets, first, code, second, troubled, halts = ending
    with SmtpStandIn(features=("DSN", "SIZE 100000", *["PIPELINING"] * together)) as standin:
        standin.lenient = lenient
        standin.plan[stage].append(meets)
        with connected(standin) as smtp:
            batch = smtp.send(messages(2))
        assert verdicts(batch) == [first, second] and batch.outcomes[0].code == code
        assert (bool(batch.trouble), bool(batch.halt)) == (troubled, halts)
        assert batch.outcomes[0].words and len(standin.envelopes) == verdicts(batch).count(ACCEPTED)


@pytest.mark.parametrize(("said", "third", "verdict"), [
    ("550 5.7.1 our policy", ACCEPTED, LATER), ("550 5.4.5 daily quota exceeded", HELD, HELD)])
def test_after_a_letter_that_was_taken_a_policy_is_the_recipients_own_and_a_quota_is_not(
    said: str, third: Verdict, verdict: Verdict
) -> None:
    with SmtpStandIn() as standin, connected(standin) as smtp:
        assert verdicts(smtp.send(messages(1))) == [ACCEPTED]
        standin.plan["rcpt"] += ["250 2.1.5 ok", said]
        batch = smtp.send(messages(3))
        assert verdicts(batch) == [ACCEPTED, verdict, third] and bool(batch.trouble) == (verdict is HELD)
        assert batch.outcomes[1].code == said[:9]


def test_a_server_that_offers_it_gets_its_commands_in_one_packet() -> None:
    with SmtpStandIn(features=("PIPELINING",)) as standin, connected(standin) as smtp:
        assert verdicts(smtp.send(messages(3))) == [ACCEPTED] * 3
        assert [c.partition(" ")[0].upper() for c in standin.commands[1:4]] == ["MAIL", "RCPT", "DATA"]
        assert standin.connections == 1


def test_a_letter_larger_than_the_server_says_it_takes_is_not_offered(standin: SmtpStandIn) -> None:
    with connected(standin) as smtp:
        batch = smtp.send([a_message(1, html="x" * 200_000), a_message(2)])
    assert verdicts(batch) == [REFUSED, ACCEPTED] and "100000" in batch.outcomes[0].words
    assert sum(c.upper().startswith("MAIL") for c in standin.commands) == 1


def test_a_break_in_the_middle_of_a_letter_is_known_not_to_have_delivered_it() -> None:
    with SmtpStandIn(features=()) as standin, connected(standin) as smtp:
        standin.plan["middle"].append("cut")
        batch = smtp.send([a_message(1, html="x" * 20_000_000)])
        assert verdicts(batch) == [HELD] and batch.outcomes[0].code == "cut"
        standin.plan.clear()
        assert verdicts(smtp.send([a_message(1)])) == [ACCEPTED]


@pytest.mark.parametrize("ending", ["421", "cut"])
def test_a_server_that_takes_few_letters_per_connection_gets_several(standin: SmtpStandIn, ending: str) -> None:
    standin.per_connection, standin.ending = 2, ending
    with connected(standin) as smtp:
        batch = smtp.send(messages(5))
    assert verdicts(batch) == [ACCEPTED] * 5 and batch.pause is None
    assert [e.connection for e in standin.envelopes] == [1, 1, 2, 2, 3]


def test_a_slow_server_gets_the_rest_in_another_run(standin: SmtpStandIn) -> None:
    with connected(standin, budget=0.0) as smtp:
        batch = smtp.send(messages(2))
    assert verdicts(batch) == [HELD] * 2 and batch.outcomes[0].code == "slow" and not batch.trouble
    assert batch.pause is None and not batch.halt and not standin.envelopes


def test_what_cannot_be_a_letter_is_refused_without_asking_the_server(standin: SmtpStandIn) -> None:
    bad = [
        a_message(1, to_email="nobody"), a_message(2, to_email="jürg@customer.example"),
        a_message(3, subject="one\r\nBcc: two@customer.example"),
        a_message(4, to_email="a@customer.example>\r\nRCPT TO:<b@customer.example"),
        a_message(5, headers={"X-Note": "a\nb"}),
    ]
    with connected(standin) as smtp:
        batch = smtp.send([*bad, a_message(6)])
    assert verdicts(batch) == [REFUSED] * 5 + [ACCEPTED]
    assert all(o.code == "malformed" and o.words for o in batch.outcomes[:5])
    assert [e.recipient for e in standin.envelopes] == ["legal6@customer.example"]


def test_a_server_that_is_not_there_is_tried_again_later() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        batch = Smtp(f"smtp://127.0.0.1:{listener.getsockname()[1]}", clock).send(messages(2))
    assert verdicts(batch) == [HELD] * 2 and batch.trouble and batch.outcomes[0].code == "unreachable"


def test_no_messages_are_no_connection(standin: SmtpStandIn) -> None:
    with connected(standin) as smtp:
        assert smtp.send([]) == Batch(())
    assert standin.connections == 0


@pytest.mark.parametrize(
    "url",
    ["", "mail.example", "http://mail.example", "smtp://", "smtp://mail.example:port", "smtp://mail.example?tls=1",
     "smtp://mail.example?starttls=yes", "smtp://me:word@mail.example", "smtp://me:word@mail.example:587"],
)
def test_an_address_that_is_none_or_shows_the_password_is_refused(url: str) -> None:
    with pytest.raises(Refusal, match=r"NOTIFIER_SMTP_URL: \w"):
        Smtp(url, clock)


@pytest.mark.parametrize(
    ("url", "port"),
    [("smtp://mail.example", 25), ("smtp://me:x@mail.example?starttls=1", 587), ("smtps://me:x@mail.example", 465),
     ("smtps://mail.example:2465", 2465), ("smtp://me:x@localhost:1025", 1025), ("smtp://[::1]:25?starttls=0", 25)],
)
def test_the_port_follows_the_kind_of_connection(url: str, port: int) -> None:
    assert Smtp(url, clock)._where.port == port
