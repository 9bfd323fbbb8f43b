"""The outbox: letters as `.eml` files in a folder, for trying out. Nothing leaves the machine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from notifier.mail.transport import Batch, Message, Outcome, Verdict, as_email, brief

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Outbox:
    """Writes each letter to `<folder>/<ref>.eml`. A repeat overwrites itself, so sending twice leaves one
    letter. `clock` gives the moment (aware) that becomes the letter's Date."""

    name = "outbox"
    batch = 50
    looks = True

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._clock = clock

    def send(self, messages: Sequence[Message]) -> Batch:
        """ACCEPTED once the file stands; REFUSED for a letter that cannot be one; HELD, with the trouble, when
        the disk does not take it."""
        outcomes = tuple(self._write(message) for message in messages)
        stuck = next((o for o in outcomes if o.verdict is Verdict.HELD), None)
        return Batch(outcomes, trouble=f"The outbox folder takes nothing: {stuck.words}" if stuck else "")

    def lookup(self, ref: str) -> Outcome | None:
        """ACCEPTED where the file stands."""
        return Outcome(ref, Verdict.ACCEPTED, words="Found in the outbox folder.") if one(self._folder, ref) else None

    def close(self) -> None:
        """Nothing is held open."""

    def _write(self, message: Message) -> Outcome:
        if not _NAME.fullmatch(message.ref):
            return _malformed(message, "The reference is no file name.")
        try:
            body = as_email(message, self._clock()).as_bytes()
        except ValueError as error:
            return _malformed(message, str(error))
        beside = self._folder / f".{message.ref}.{os.getpid()}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.write_bytes(body)
            beside.replace(self._folder / f"{message.ref}.eml")
        except OSError as error:
            return Outcome(message.ref, Verdict.HELD, code="disk", words=brief(str(error)))
        return Outcome(message.ref, Verdict.ACCEPTED, words="Written to the outbox folder.")


def _malformed(message: Message, words: str) -> Outcome:
    return Outcome(message.ref, Verdict.REFUSED, code="malformed", words=brief(words))


@dataclass(frozen=True)
class Posted:
    """A letter as it lies in the outbox. `at` is its Date, aware, in UTC; `headers` are all its headers."""

    ref: str
    at: datetime
    sender: str
    to: str
    reply_to: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]


def read(folder: Path, limit: int = 50) -> list[Posted]:
    """The last `limit` letters of an outbox folder, newest first. No folder, no letters; a file that is none
    of ours is left out."""
    files = sorted(_files(folder), reverse=True)[:limit]
    letters = (_parse(folder / name) for _, name in files)
    return [letter for letter in letters if letter is not None]


def one(folder: Path, ref: str) -> Posted | None:
    """The letter of one delivery, or None where there is none."""
    return _parse(folder / f"{ref}.eml") if _NAME.fullmatch(ref) else None


def _files(folder: Path) -> list[tuple[int, str]]:
    try:
        with os.scandir(folder) as entries:
            return [
                (e.stat().st_mtime_ns, e.name) for e in entries
                if e.name.endswith(".eml") and not e.name.startswith(".")
            ]
    except FileNotFoundError:
        return []


def _parse(path: Path) -> Posted | None:
    try:
        letter = message_from_bytes(path.read_bytes(), policy=default)
    except OSError:
        return None
    assert isinstance(letter, EmailMessage)  # what the default policy makes
    date = letter["Date"].datetime if letter["Date"] else None
    text, html = letter.get_body(("plain",)), letter.get_body(("html",))
    if date is None or not isinstance(text, EmailMessage) or not isinstance(html, EmailMessage):
        return None
    return Posted(
        ref=path.stem, at=date.astimezone(UTC), sender=str(letter["From"]), to=str(letter["To"]),
        reply_to=str(letter["Reply-To"] or ""), subject=str(letter["Subject"]),
        text=_lines(text), html=_lines(html), headers={k: str(v) for k, v in letter.items()},
    )


def _lines(part: EmailMessage) -> str:
    return str(part.get_content()).replace("\r\n", "\n")
