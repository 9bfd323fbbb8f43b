"""Letters as files, and the letter itself: the same bytes each time, and readable by any mail program."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.mail import outbox
from notifier.mail.outbox import Outbox
from notifier.mail.transport import Message, Transport, Verdict, alike, as_email, brief
from tests.mail.messages import a_message, messages

AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
ACCEPTED, REFUSED, _, HELD, _ = Verdict


def reread(message: Message) -> EmailMessage:
    letter = message_from_bytes(as_email(message, AT).as_bytes(), policy=default)
    assert isinstance(letter, EmailMessage)
    return letter


def test_a_letter_can_be_read_back_as_it_was_sent(tmp_path: Path) -> None:
    transport: Transport = Outbox(tmp_path / "outbox", lambda: AT)
    batch = transport.send([a_message()])
    assert [o.verdict for o in batch.outcomes] == [ACCEPTED] and batch.pause is None and not batch.halt
    [posted] = outbox.read(tmp_path / "outbox")
    sent = a_message()
    assert (posted.ref, posted.at, posted.subject) == (sent.ref, AT, sent.subject)
    assert posted.text == sent.text and posted.html.strip() == sent.html
    assert sent.to_email in posted.to and sent.to_name in posted.to and sent.from_name in posted.sender
    assert posted.reply_to == sent.reply_to
    assert {k: posted.headers[k] for k in sent.headers} == dict(sent.headers)
    assert outbox.one(tmp_path / "outbox", sent.ref) == posted


def test_a_repeat_overwrites_itself(tmp_path: Path) -> None:
    moments = iter([AT, AT + timedelta(hours=1)])
    transport = Outbox(tmp_path, lambda: next(moments))
    for _ in range(2):
        transport.send([a_message()])
    assert [p.name for p in tmp_path.iterdir()] == [f"{a_message().ref}.eml"]
    assert outbox.read(tmp_path)[0].at == AT + timedelta(hours=1)


def test_the_newest_letter_comes_first_and_the_list_is_bounded(tmp_path: Path) -> None:
    Outbox(tmp_path, lambda: AT).send(messages(5))
    for age, message in enumerate(messages(5)):
        os.utime(tmp_path / f"{message.ref}.eml", (1_000_000 - age, 1_000_000 - age))
    assert [p.ref for p in outbox.read(tmp_path)] == [m.ref for m in messages(5)]
    assert [p.ref for p in outbox.read(tmp_path, limit=2)] == [m.ref for m in messages(2)]


def test_what_is_no_letter_of_ours_is_left_out(tmp_path: Path) -> None:
    assert outbox.read(tmp_path / "nowhere") == [] and outbox.one(tmp_path, "nothing") is None
    Outbox(tmp_path, lambda: AT).send([a_message()])
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / ".half.1.part").write_text("Subject: half")
    (tmp_path / "odd.eml").write_bytes(b"\xff\x00 no letter")
    (tmp_path / "folder.eml").mkdir()
    assert [p.ref for p in outbox.read(tmp_path)] == [a_message().ref]
    assert outbox.one(tmp_path, "../" + tmp_path.name + "/" + a_message().ref) is None


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    Outbox(tmp_path / "outbox", lambda: AT).send([a_message()])
    assert stat.S_IMODE((tmp_path / "outbox").stat().st_mode) == 0o700


def test_what_cannot_be_a_letter_is_refused_and_the_others_are_written(tmp_path: Path) -> None:
    batch = Outbox(tmp_path, lambda: AT).send([a_message(1, ref="../up"), a_message(2, to_email="x"), a_message(3)])
    assert [o.verdict for o in batch.outcomes] == [REFUSED, REFUSED, ACCEPTED]
    assert all(o.code == "malformed" and o.words for o in batch.outcomes[:2])
    assert [p.name for p in tmp_path.iterdir()] == [f"{a_message(3).ref}.eml"]


def test_a_folder_that_cannot_be_written_makes_the_lane_wait(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file stands in the way")
    batch = Outbox(tmp_path / "outbox", lambda: AT).send([a_message()])
    assert [o.verdict for o in batch.outcomes] == [HELD] and batch.trouble and batch.outcomes[0].words


def test_the_same_message_and_date_make_the_same_bytes() -> None:
    first, second = (as_email(a_message(), AT).as_bytes() for _ in range(2))
    assert first == second != as_email(a_message(2), AT).as_bytes()


def test_a_letter_is_seven_bit_with_short_lines_and_text_before_html() -> None:
    body = as_email(a_message(html="<p>" + "ü" * 5000 + "</p>", text="long " * 900), AT).as_bytes()
    assert body.isascii() and max(map(len, body.split(b"\r\n"))) <= 998
    assert b"\n" not in body.replace(b"\r\n", b"")
    letter = reread(a_message())
    assert letter.get_content_type() == "multipart/alternative"
    assert [p.get_content_type() for p in letter.iter_parts()] == ["text/plain", "text/html"]
    assert letter["Date"].datetime == AT


def test_long_links_and_ids_in_headers_stay_as_they_are() -> None:
    link = f"<https://processor.example/unsubscribe/{'t' * 150}>"
    thread = f"<0198c0de-0000-7000-8000-000000000001@{'long-' * 8}name.processor.example>"
    headers = {
        "List-Unsubscribe": link, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "References": thread,
    }
    raw = as_email(a_message(headers=headers), AT).as_bytes().decode()
    for name, value in headers.items():
        assert f"\r\n{name}: {value}\r\n" in raw
    assert all(reread(a_message(headers=headers))[n] == v for n, v in headers.items())


def test_a_domain_with_umlauts_is_written_in_ascii() -> None:
    assert reread(a_message(to_email="post@grüezi.example"))["To"].addresses[0].domain == "xn--grezi-lva.example"


@pytest.mark.parametrize(
    "changed",
    [{"to_email": ""}, {"to_email": "nobody"}, {"to_email": "@customer.example"}, {"to_email": "a@"},
     {"to_email": "a@customer..example"}, {"to_email": "a b@customer.example"}, {"to_email": "ü@customer.example"},
     {"to_email": "a@b@customer.example"}, {"to_name": "a\nb"}, {"subject": "a\r\nBcc: b@customer.example"},
     {"headers": {"X-Note": "a\nb"}}, {"reply_to": "nobody"}, {"from_email": "nobody"}],
)
def test_what_cannot_stand_in_a_mail_is_named(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        as_email(a_message(**changed), AT)


words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40)
lines = st.lists(words, min_size=1, max_size=12).map(" ".join)


@settings(deadline=None)
@given(subject=lines, name=lines)
def test_any_subject_and_name_survive(subject: str, name: str) -> None:
    letter = message_from_bytes(as_email(a_message(subject=subject, to_name=name), AT).as_bytes())
    assert str(make_header(decode_header(letter["Subject"]))) == subject
    encoded, email = parseaddr(letter["To"])
    assert str(make_header(decode_header(encoded))) == name and email == a_message().to_email


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], include_characters="\n"), max_size=300))
def test_any_body_survives(text: str) -> None:
    part = reread(a_message(text=text)).get_body(("plain",))
    assert part is not None
    assert part.get_content().replace("\r\n", "\n").removesuffix("\n") == text.removesuffix("\n")


def test_what_the_other_side_said_is_one_short_line() -> None:
    assert brief("a\r\n\tb\0  c") == "a b c"
    assert len(brief("x" * 9000)) == 500 and brief("x" * 9000).endswith("…")
    batch = alike(messages(2), HELD, "busy", "a\nb", pause=3.0, halt="c\nd")
    assert [(o.ref, o.words) for o in batch.outcomes] == [(m.ref, "a b") for m in messages(2)]
    assert batch.pause == 3.0 and batch.halt == "c d"
    json.dumps([o.verdict for o in batch.outcomes])
