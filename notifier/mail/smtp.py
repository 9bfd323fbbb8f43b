"""Letters over SMTP submission (RFC 6409): many over one connection, each in an envelope of its own.

What is known after a break rests on one byte: until the dot that ends DATA is sent, the server cannot have
taken the letter; once it is, only the server's reply can tell (RFC 5321, 4.1.1.4 and 4.5.3.2.6).
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.mail.transport import Batch, Message, Outcome, Verdict, address, alike, as_email, brief

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SIGN_IN = (530, 534, 535, 538)  # RFC 4954: no letter can help these
_ABOUT_US = re.compile(r"5\.7\.\d|5\.4\.5\b")  # RFC 3463: policy and security; the system is too busy for our amount
_NOT_XTEXT = re.compile(r"[^!-*,-<>-~]")


@dataclass(frozen=True)
class _Where:
    host: str
    port: int
    user: str
    password: str
    tls: bool
    starttls: bool


class _Down(Exception):
    """The server cannot be used now; nothing of the letter at hand has left. `halt`: until a person acts. `unwanted`:
    it said why it does not want a letter of ours, and would say the same over another connection."""

    def __init__(self, code: str, words: str, *, halt: bool = False, unwanted: bool = False) -> None:
        super().__init__(words)
        self.code = code
        self.halt = halt
        self.unwanted = unwanted


class Smtp:
    """The transport over one SMTP server, `smtp://user:password@host:587?starttls=1` or `smtps://…`; user
    and password percent-encoded. `clock` gives the moment (aware) that becomes each letter's Date.
    `timeout` is how long, in seconds, a reply may take, and `verdict_timeout` the reply to a whole letter,
    which may be scanned first. After `budget` seconds no further letter is begun: the rest comes back as
    LATER. For one thread.

    Raises Refusal `bad_value` for a URL that is none, or that would show the password to the network.
    """

    name = "smtp"
    batch = 20
    looks = False

    def __init__(
        self, url: str, clock: Callable[[], datetime], *, timeout: float = 15.0, verdict_timeout: float = 45.0,
        budget: float = 20.0,
    ) -> None:
        self._where = _parse(url)
        self._clock = clock
        self._timeout = timeout
        self._verdict_timeout = verdict_timeout
        self._budget = budget
        self._server: smtplib.SMTP | None = None

    def send(self, messages: Sequence[Message]) -> Batch:
        """One envelope per message, in order. A server that offers DSN (RFC 3461) is asked to report delivery
        and failure, with the ref as envelope id."""
        outcomes: list[Outcome] = []
        until = time.monotonic() + self._budget
        for place, message in enumerate(messages):
            rest, trouble, halt = messages[place:], "", ""
            if time.monotonic() >= until:
                down = _Down("slow", "The server was too slow to take this letter in the same run.")
            else:
                try:
                    outcomes.append(self._send(message))
                    continue
                except _Down as error:
                    if error.unwanted and _only_this_one(error, outcomes):
                        outcomes.append(Outcome(message.ref, Verdict.LATER, code=error.code, words=brief(str(error))))
                        continue
                    down = error
                    trouble, halt = ("", str(error)) if error.halt else (str(error), "")
            left = alike(rest, Verdict.HELD, down.code, str(down), trouble=trouble, halt=halt)
            return Batch((*outcomes, *left.outcomes), None, left.halt, left.trouble)
        in_doubt = [o.words for o in outcomes if o.verdict is Verdict.UNCERTAIN]
        return Batch(tuple(outcomes), trouble=in_doubt[0] if in_doubt and len(in_doubt) == len(outcomes) else "")

    def lookup(self, ref: str) -> Outcome | None:
        """None: a mail server cannot be asked afterwards, so nothing follows from it. A second copy, once the lease is
        over, is the price of certainty, and carries the same Message-ID."""
        return None

    def close(self) -> None:
        """Takes leave of the server; the next letter connects afresh."""
        server, self._server = self._server, None
        if server is not None:
            with suppress(OSError):  # smtplib's own exceptions are among them
                server.quit()
            server.close()

    def _send(self, message: Message) -> Outcome:
        try:
            letter = as_email(message, self._clock()).as_bytes()
            sender, to = _mailbox(message.from_email), _mailbox(message.to_email)
        except ValueError as error:
            return Outcome(message.ref, Verdict.REFUSED, code="malformed", words=brief(str(error)))
        kept = self._server is not None
        try:
            return self._envelope(message, sender, to, letter)
        except _Down as down:
            if not kept or down.halt or down.unwanted:
                raise
        # Servers end a connection after so many letters, or so long a silence. That is no outage.
        return self._envelope(message, sender, to, letter)

    def _envelope(self, message: Message, sender: str, to: str, letter: bytes) -> Outcome:
        if self._server is None:
            self._server = self._connect()
        server = self._server
        try:
            stopped = self._offer(server, message, sender, to, len(letter))
            if stopped is None:
                server.send(re.sub(rb"(?m)^\.", b"..", letter))
        except OSError as error:
            self._drop()
            raise _Down("cut", f"The connection broke before the letter had left: {error}") from error
        if stopped is not None:
            self._reset(server)
            return stopped
        return self._finish(server, message)

    def _offer(
        self, server: smtplib.SMTP, message: Message, sender: str, to: str, size: int
    ) -> Outcome | None:
        """MAIL, RCPT and DATA: None when the server waits for the letter, else why it does not want it."""
        most = _largest(server)
        if most and size > most:  # RFC 1870, 6.1: what it said of itself spares both sides the journey
            too_large = f"The letter has {size} bytes; the server takes {most} at most."
            return Outcome(message.ref, Verdict.REFUSED, code="size", words=too_large)
        commands = _commands(server, message, sender, to, size)
        stage, code, words = (_together if server.has_extn("pipelining") else _one_by_one)(server, commands)
        if code == 354:
            return None
        if stage == "mail" and code // 100 in (4, 5) and code not in (421, 552):  # 552 is about this letter's size
            reason = f"The server takes no letters from {sender}: {_said(words)}"
            raise _Down(str(code), reason, halt=code >= 500)
        if code == 421 or code // 100 not in (4, 5):
            self._drop()
            raise _Down(str(code), f"The server ended the connection: {_said(words)}")
        if _is_about_us(code, words):
            self._reset(server)
            raise _Down(_number(code, _said(words)), f"The server takes no letters of ours: {_said(words)}",
                        unwanted=True)
        if code in _SIGN_IN:
            self._drop()
            raise _Down(str(code), f"The server wants a sign-in: {_said(words)}", halt=True)
        return _outcome(message, Verdict.LATER if code < 500 else Verdict.REFUSED, code, words)

    def _finish(self, server: smtplib.SMTP, message: Message) -> Outcome:
        """The dot, and the server's word on the letter. From here on a break leaves it in doubt."""
        try:
            if server.sock is not None:
                server.sock.settimeout(self._verdict_timeout)
            server.send(b".\r\n")
            code, words = server.getreply()
            if server.sock is not None:
                server.sock.settimeout(self._timeout)
        except OSError as error:
            self._drop()
            doubt = f"The connection broke before the server answered for the letter: {error}"
            return Outcome(message.ref, Verdict.UNCERTAIN, code="cut", words=brief(doubt))
        if code == 421 or code // 100 not in (2, 4, 5):
            self._drop()
        if _is_about_us(code, words):  # it has answered: the letter did not leave
            raise _Down(_number(code, _said(words)), f"The server takes no letters of ours: {_said(words)}",
                        unwanted=True)
        verdict = {2: Verdict.ACCEPTED, 4: Verdict.LATER, 5: Verdict.REFUSED}.get(code // 100, Verdict.UNCERTAIN)
        return _outcome(message, verdict, code, words)

    def _connect(self) -> smtplib.SMTP:
        where = self._where
        try:
            server = self._open()
        except ssl.SSLCertVerificationError as error:
            raise _Down("certificate", f"{where.host}’s certificate cannot be trusted: {error}", halt=True) from error
        except OSError as error:
            raise _Down("unreachable", f"{where.host}:{where.port} was not reached: {error}") from error
        try:
            if where.starttls:
                server.starttls(context=ssl.create_default_context())
            server.ehlo_or_helo_if_needed()
            if where.user:
                server.login(where.user, where.password)
            # The dot follows the letter in a packet of its own and must not wait for the letter's receipt.
            assert server.sock is not None
            server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, ValueError) as error:
            server.close()
            raise _refused_service(where, error) from error
        return server

    def _open(self) -> smtplib.SMTP:
        name = socket.gethostname()
        name = name if "." in name else "[127.0.0.1]"  # smtplib would ask the DNS, which may take its time
        where = self._where
        if where.tls:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(where.host, where.port, name, timeout=self._timeout, context=context)
        return smtplib.SMTP(where.host, where.port, name, timeout=self._timeout)

    def _reset(self, server: smtplib.SMTP) -> None:
        try:
            server.rset()
        except OSError:
            self._drop()

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


def _largest(server: smtplib.SMTP) -> int:
    """The most bytes the server says a letter may have; 0 where it names no bound."""
    told = str(server.esmtp_features.get("size", "")).strip()
    return int(told) if told.isdecimal() else 0


def _commands(server: smtplib.SMTP, message: Message, sender: str, to: str, size: int) -> list[str]:
    """MAIL, RCPT and DATA of one envelope, with what the server's extensions let us ask for."""
    dsn = server.has_extn("dsn")
    about = ["RET=HDRS", f"ENVID={_xtext(message.ref)}"] if dsn else []
    notify = ["NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;{_xtext(to)}"] if dsn else []
    if server.has_extn("size"):
        about.append(f"SIZE={size}")
    return [" ".join([f"MAIL FROM:<{sender}>", *about]), " ".join([f"RCPT TO:<{to}>", *notify]), "DATA"]


def _one_by_one(server: smtplib.SMTP, commands: Sequence[str]) -> tuple[str, int, bytes]:
    """Each command waits for the reply to the one before. The last stage reached, and what the server said there."""
    stage, code, words = "", 0, b""
    for command in commands:
        stage = command[:4].lower()
        server.putcmd(command)
        code, words = server.getreply()
        if code // 100 != 2:
            break
    return stage, code, words


def _together(server: smtplib.SMTP, commands: Sequence[str]) -> tuple[str, int, bytes]:
    """All commands in one packet, then their replies (RFC 2920): two journeys to the server fewer for each letter.
    The first stage that failed counts, else the last."""
    server.send("".join(f"{command}\r\n" for command in commands))
    replies = []
    for command in commands:
        replies.append((command[:4].lower(), *server.getreply()))
        if replies[-1][1] == 421:  # it hangs up; the other replies never come
            break
    failed = [reply for reply in replies if reply[1] // 100 not in (2, 3)]
    if failed and replies[-1][1] == 354:  # it wants a letter it has no recipient for: an empty one (RFC 2920, 3.1)
        server.send(".\r\n")
        server.getreply()
    return failed[0] if failed else replies[-1]


def _refused_service(where: _Where, error: Exception) -> _Down:
    """Why the server, once reached, does not serve us, and whether waiting can help."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _Down("certificate", f"{where.host}’s certificate cannot be trusted: {error}", halt=True)
    if isinstance(error, smtplib.SMTPResponseException):
        words = f"{where.host} does not let us in: {error.smtp_code} {_said(error.smtp_error)}"
        return _Down(str(error.smtp_code), words, halt=error.smtp_code >= 500)
    wrong = isinstance(error, smtplib.SMTPNotSupportedError | ValueError) or type(error) is smtplib.SMTPException
    return _Down("cut", f"{where.host} does not let us in: {error}", halt=wrong)


def _parse(url: str) -> _Where:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad(str(error)) from error
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise _bad(N_("Write it as smtp://user:password@host:587?starttls=1 or smtps://user:password@host."))
    tls, starttls = parts.scheme == "smtps", _wants_starttls(parts)
    where = _Where(
        parts.hostname, port or (465 if tls else 587 if starttls else 25),
        unquote(parts.username or ""), unquote(parts.password or ""), tls, starttls,
    )
    if where.user and not (tls or starttls or where.host in _LOOPBACK):
        raise _bad(N_("The password would travel unencrypted. Add ?starttls=1, or use smtps://."))
    return where


def _wants_starttls(parts: SplitResult) -> bool:
    options = parse_qs(parts.query, keep_blank_values=True)
    told = options.pop("starttls", ["0"])
    if options or told not in (["0"], ["1"]):
        raise _bad(N_("The only option it may carry is ?starttls=1."))
    return told == ["1"] and parts.scheme == "smtp"


def _bad(problem: str) -> Refusal:
    return Refusal("bad_value", field="NOTIFIER_SMTP_URL", problem=problem)


def _mailbox(email: str) -> str:
    found = address("", email)
    if "<" in email or ">" in email:
        raise ValueError(f"“{email}” cannot stand in an envelope.")
    return f"{found.username}@{found.domain}"


def _xtext(value: str) -> str:
    """RFC 3461, 4: what may not stand in a parameter is written as +XX."""
    return _NOT_XTEXT.sub(lambda m: f"+{ord(m.group()):02X}", value)


def _said(words: bytes | str) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else words


def _is_about_us(code: int, words: bytes) -> bool:
    """Whether a refusal for good is about the sender (a blocklist, a quota, a policy): no letter can help it."""
    return code // 100 == 5 and code not in _SIGN_IN and _ABOUT_US.match(_said(words)) is not None


def _only_this_one(down: _Down, before: Sequence[Outcome]) -> bool:
    """Whether a refusal that speaks of the sender can only be meant for one recipient, whose own policy it is: a letter
    before it was taken in the same run. A quota (5.4.5) may well be used up in the middle of one."""
    return "5.4.5" not in down.code and any(outcome.verdict is Verdict.ACCEPTED for outcome in before)


def _number(code: int, said: str) -> str:
    enhanced = re.match(r"\d\.\d{1,3}\.\d{1,3}\b", said)
    return f"{code} {enhanced.group()}" if enhanced else str(code)


def _outcome(message: Message, verdict: Verdict, code: int, words: bytes) -> Outcome:
    said = _said(words)
    return Outcome(message.ref, verdict, code=_number(code, said), words=brief(said))
