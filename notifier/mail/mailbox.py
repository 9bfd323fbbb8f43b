"""Mails to be read, from a file, a folder or an IMAP mailbox, as bytes and with a word on where each one is."""

from __future__ import annotations

import imaplib
import mailbox
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LARGEST = 2_000_000  # bytes of one mail that are read; reports with the headers of a letter have some thousand
_TIMEOUT = 30.0  # seconds a reply of the server may take
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class NoMailbox(Exception):
    """The mails cannot be read; the text says why and what to do."""


@dataclass(frozen=True)
class Mail:
    """One mail, and where it is. `done(readable)` is to be called once it has been dealt with."""

    where: str
    raw: bytes
    done: Callable[[bool], None]


def in_path(path: Path) -> Iterator[Mail]:
    """The mails of a file (one mail, or an mbox) or of a folder (a file each, Maildir's among them), which stay as
    they are. Raises NoMailbox."""
    try:
        if path.is_dir():
            for file in sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")):
                yield from _in_file(file)
        else:
            yield from _in_file(path)
    except OSError as error:
        raise NoMailbox(f"{path} cannot be read: {error.strerror or error}.") from error


def _in_file(path: Path) -> Iterator[Mail]:
    with path.open("rb") as file:
        is_mbox = file.read(5) == b"From "
    if not is_mbox:
        with path.open("rb") as file:
            yield Mail(str(path), file.read(LARGEST), _stays)
        return
    box = mailbox.mbox(path, create=False)
    try:
        for number, key in enumerate(box.iterkeys(), 1):
            yield Mail(f"{path}, mail {number}", box.get_bytes(key)[:LARGEST], _stays)
    finally:
        box.close()


def _stays(readable: bool) -> None:
    """A file is nobody's in-tray: nothing is marked."""


def in_imap(url: str) -> Iterator[Mail]:
    """The unseen mails of an IMAP folder, `imaps://user:password@host/folder` (INBOX where it names none). Dealt with,
    a mail is marked as seen, one that could not be read as flagged too; none is deleted. Raises NoMailbox."""
    where = urlsplit(url)
    plain = where.scheme == "imap" and where.hostname in _LOOPBACK
    if (where.scheme != "imaps" and not plain) or not where.hostname or not where.username:
        raise NoMailbox("Write NOTIFIER_BOUNCES_IMAP_URL as imaps://user:password@host/folder.")
    folder = unquote(where.path.strip("/")) or "INBOX"
    try:
        port = where.port or (143 if plain else 993)
        with _connected(where.hostname, port, plain) as server:
            server.login(unquote(where.username), unquote(where.password or ""))
            _must(server.select('"' + re.sub(r'(["\\])', r"\\\1", folder) + '"'), f"open the folder {folder}")
            for uid in _must(server.uid("SEARCH", "UNSEEN"), "search")[0].split():
                yield _fetched(server, uid.decode(), folder)
    except (imaplib.IMAP4.error, OSError, ValueError) as error:
        raise NoMailbox(f"The mailbox at {where.hostname} cannot be read: {error}") from error


@contextmanager
def _connected(host: str, port: int, plain: bool) -> Iterator[imaplib.IMAP4]:
    server = (imaplib.IMAP4(host, port, timeout=_TIMEOUT) if plain else
              imaplib.IMAP4_SSL(host, port, ssl_context=ssl.create_default_context(), timeout=_TIMEOUT))
    try:
        yield server
    finally:  # imaplib's own context leaves the socket open where the server has hung up
        with suppress(imaplib.IMAP4.error, OSError):
            server.logout()
        with suppress(OSError):
            server.shutdown()


def _fetched(server: imaplib.IMAP4, uid: str, folder: str) -> Mail:
    # PEEK: a mail that was fetched and not dealt with, because the process ended, is still unseen next time.
    answer = _must(server.uid("FETCH", uid, f"(BODY.PEEK[]<0.{LARGEST}>)"), "fetch a mail")
    raw = next((part[1] for part in answer if isinstance(part, tuple)), b"")

    def done(readable: bool) -> None:
        flags = r"(\Seen)" if readable else r"(\Seen \Flagged)"
        try:
            _must(server.uid("STORE", uid, "+FLAGS.SILENT", flags), "mark a mail")
        except (imaplib.IMAP4.error, OSError) as error:
            raise NoMailbox(f"The mail {uid} was read, and cannot be marked as seen: {error}") from error

    return Mail(f"{folder}, mail {uid}", raw, done)


def _must(answer: tuple[str, list[Any]], what: str) -> list[Any]:
    status, found = answer
    if status != "OK":
        raise NoMailbox(f"The mail server does not let us {what}: {found[0]!r}")
    return found
