"""What every way out has in common: the message, what became of it, and the message as an RFC 5322 letter.

Three transports exist: `mailjet`, `smtp` and `outbox`. Each sends one message to one recipient, never a Cc or
Bcc list, and answers with one `Outcome` per message, in the order of the messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any, Protocol

import idna
import orjson

from notifier.domain import addresses

WORDS = 500
_LINE = 78


@dataclass(frozen=True)
class Message:
    """One letter to one address, ready to leave. `ref` is the delivery's UUID and goes along as Mailjet's
    CustomID, as the SMTP envelope id and as the left side of the Message-ID, so that every answer finds its
    delivery.
    `headers` are further header lines, among them never From, To, Subject, Reply-To, Date or Message-ID."""

    ref: str
    to_email: str
    to_name: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    from_email: str
    from_name: str
    reply_to: str

    @cached_property
    def bodies(self) -> tuple[orjson.Fragment, orjson.Fragment]:
        """Text and HTML as JSON: they are most of a letter, and go into what is kept of it and what is handed over."""
        return orjson.Fragment(orjson.dumps(self.text)), orjson.Fragment(orjson.dumps(self.html))


def frozen(message: Message) -> bytes:
    """A letter as it is kept: JSON of all that is handed over but for its address, members in order."""
    text, html = message.bodies
    return orjson.dumps({
        "from": {"email": message.from_email, "name": message.from_name}, "headers": message.headers,
        "html": html, "ref": message.ref, "reply_to": message.reply_to, "subject": message.subject, "text": text,
    })


class Verdict(StrEnum):
    """What became of one message."""

    ACCEPTED = "accepted"  # the other side has taken it over
    REFUSED = "refused"  # for good: sending it again would be refused again
    LATER = "later"  # known not to have left, for a reason of its own; may succeed later
    HELD = "held"  # known not to have left, for a reason that holds up every letter of the lane
    UNCERTAIN = "uncertain"  # nobody knows whether it left: look before it is repeated


@dataclass(frozen=True)
class Outcome:
    """What became of the message `ref`. `code` is the other side's own ("mj-0013", "550 5.1.1") or one of
    ours ("timeout"), `words` what it said, in at most 500 characters. The provider's ids stand when it gave
    any."""

    ref: str
    verdict: Verdict
    provider_id: str = ""
    provider_uuid: str = ""
    code: str = ""
    words: str = ""


@dataclass(frozen=True)
class Batch:
    """The outcomes of one `send`, in the order of its messages. `pause` asks the whole lane to wait that many
    seconds; `trouble` says that the provider or the network failed, and how; `halt` why the lane must stop until a
    person acts (credentials, a sender not authorised)."""

    outcomes: tuple[Outcome, ...]
    pause: float | None = None
    halt: str = ""
    trouble: str = ""


class LookupFailed(Exception):
    """Nobody could say whether the provider has a letter; the text says why. Not the same as its absence."""


class Transport(Protocol):
    """A way out. `batch` is how many messages one `send` takes at most; `looks` whether `lookup` can tell anything."""

    name: str
    batch: int
    looks: bool

    def send(self, messages: Sequence[Message]) -> Batch:
        """One outcome per message. Never raises for anything the provider, the server or the network does."""
        ...

    def lookup(self, ref: str) -> Outcome | None:
        """What became of a letter whose sending ended in doubt; None where it never arrived. Raises LookupFailed."""
        ...

    def close(self) -> None:
        """Lets go of connections. A transport that was closed can still send; it connects afresh."""
        ...


def alike(
    messages: Sequence[Message], verdict: Verdict, code: str, words: str, *,
    pause: float | None = None, halt: str = "", trouble: str = "",
) -> Batch:
    """A batch all of whose messages share one fate."""
    said = brief(words)
    outcomes = tuple(Outcome(m.ref, verdict, code=code, words=said) for m in messages)
    return Batch(outcomes, pause, brief(halt), brief(trouble))


def brief(words: str) -> str:
    """What the other side said, on one line, without control characters, in at most 500 characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in words[: 8 * WORDS]).split())
    return line if len(line) <= WORDS else line[: WORDS - 1] + "…"


class _Folding(EmailPolicy):
    """Folds headers as their readers need them. The standard policy turns a long link or id, as
    List-Unsubscribe and References carry them, into encoded words, which no reader there undoes, and loses
    blanks of a long subject that is not ASCII."""

    def fold(self, name: str, value: Any) -> str:
        """The header `name` as lines that end in CRLF; an address header holds one mailbox."""
        line = str(value)
        if line.isascii():
            return _fold(name, line)
        boxes: tuple[Address, ...] = getattr(value, "addresses", ())
        words = Header(boxes[0].display_name if boxes else line, "utf-8", _LINE, name).encode(linesep="\r\n")
        mailbox = f"\r\n <{boxes[0].addr_spec}>" if boxes else ""
        return f"{name}: {words}{mailbox}\r\n"

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The same as bytes."""
        return self.fold(name, value).encode("ascii")


def _fold(name: str, value: str) -> str:
    first, *words = value.split(" ")
    lines = [f"{name}: {first}"]
    for word in words:
        if word and len(lines[-1]) + 1 + len(word) > _LINE:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines) + "\r\n"


_POLICY = _Folding(max_line_length=_LINE, linesep=SMTP.linesep, cte_type="7bit", raise_on_defect=False)


def as_email(message: Message, date: datetime) -> EmailMessage:
    """The letter as mail: multipart/alternative, UTF-8, text first; all of it 7-bit, so that no relay recodes
    it and a signature over it holds. `date` is an aware moment. Same message and date, same bytes.

    Raises ValueError for a header or an address that cannot stand in a mail (a line break, no domain).
    """
    letter = EmailMessage(policy=_POLICY)
    letter["From"] = address(message.from_name, message.from_email)
    letter["To"] = address(message.to_name, message.to_email)
    if message.reply_to:
        letter["Reply-To"] = address("", message.reply_to)
    letter["Subject"] = message.subject
    letter["Date"] = date
    letter["Message-ID"] = message_id(message)
    for name, value in message.headers.items():
        letter[name] = value
    letter.set_content(message.text, cte="quoted-printable")
    # "=_" can stand in no quoted-printable body, so the boundary needs no luck and the bytes no chance.
    letter.make_alternative(boundary=f"=_{message.ref}")
    letter.add_alternative(message.html, subtype="html", cte="quoted-printable")
    return letter


def message_id(message: Message) -> str:
    """The Message-ID, `<ref@domain of the sender>`: the same each time the letter is sent."""
    return f"<{message.ref}@{address('', message.from_email).domain}>"


def address(name: str, email: str) -> Address:
    """A mailbox, its domain in ASCII. Raises ValueError where the address is none."""
    local, _, domain = addr_spec(email).rpartition("@")
    return Address(name, local, domain)


@lru_cache(512)  # sender and reply address are the same in every letter
def addr_spec(email: str) -> str:
    """The address as it stands in a header, its domain in ASCII. Raises ValueError where it is none."""
    try:
        local, domain = addresses.split(email)
        return f"{local}@{addresses.ascii_of(domain, idna.encode)}"
    except addresses.NoAddress as wrong:
        raise ValueError(f"“{email}” is no e-mail address: {wrong}") from None
