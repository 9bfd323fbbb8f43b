"""A small SMTP server for tests: real sockets on 127.0.0.1, STARTTLS or TLS from the first byte, sign-in,
DSN and SIZE, and every way to refuse or to break off. It stops by itself at the end of its block.
"""

from __future__ import annotations

import base64
import socket
import socketserver
import ssl
import tempfile
import threading
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.http_standin import server_tls


@dataclass(frozen=True)
class Envelope:
    """One letter as it came, and the number of the connection it came by."""

    sender: str
    sender_options: tuple[str, ...]
    recipient: str
    recipient_options: tuple[str, ...]
    letter: bytes
    connection: int


class SmtpStandIn:
    """Runs from `with` to its end. `plan[stage]` holds what the next commands of that stage meet: a reply
    ("550 5.1.1 no such user"), "cut" or "hang"; then all goes well. Stages: greeting, ehlo, auth, mail, rcpt, data,
    middle (while the letter comes) and dot, where "cut after" takes the letter and says nothing. After `per_connection`
    letters a connection is ended as `ending` says ("421" or "cut"). DATA without a recipient is refused; a `lenient`
    server takes it, and refuses the letter that follows (RFC 2920 allows both)."""

    def __init__(
        self, *, tls: str = "", user: str = "", password: str = "", features: tuple[str, ...] = ("DSN", "SIZE 100000"),
        port: int = 0,
    ) -> None:
        self.tls = tls
        self.user = user
        self.password = password
        self.features = features
        self.plan: defaultdict[str, deque[str]] = defaultdict(deque)
        self.lenient = False
        self.per_connection = 0
        self.ending = "421"
        self.envelopes: list[Envelope] = []
        self.commands: list[str] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="smtp-standin-")
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        self.context = server_tls(self.ca_file)
        self._server = _Server(("127.0.0.1", port), _Session)
        self._server.owner = self
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def url(self, credentials: str = "") -> str:
        """Where it is, for NOTIFIER_SMTP_URL."""
        scheme, query = ("smtps", "") if self.tls == "smtps" else ("smtp", "?starttls=1" if self.tls else "")
        return f"{scheme}://{credentials}{'@' if credentials else ''}127.0.0.1:{self.port}{query}"

    def __enter__(self) -> SmtpStandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        for connection in list(self._server.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()  # waits for the sessions
        self._thread.join()
        self._folder.cleanup()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    owner: SmtpStandIn

    def __init__(self, *args: object) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*args)  # type: ignore[arg-type]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or distrusts the certificate, is part of the game."""


class _Ended(Exception):
    """The session is over."""


class _Session(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.owner = self.server.owner
        self.owner.connections += 1
        self.number = self.owner.connections
        self.taken = 0
        self.valid = False
        self.server.open.add(self.request)
        try:
            self._wrap(self.owner.tls == "smtps")
            self._reply("greeting", "220 standin.example ESMTP")
            while True:
                self._command(self._line())
        except (_Ended, OSError):
            return
        finally:
            self.server.open.discard(self.request)
            with suppress(OSError):
                self.stream.close()
            self.request.close()

    def _wrap(self, tls: bool) -> None:
        if tls:
            self.server.open.discard(self.request)
            self.request = self.owner.context.wrap_socket(self.request, server_side=True)
            self.server.open.add(self.request)
        self.stream = self.request.makefile("rb")

    def _line(self) -> str:
        line = self.stream.readline()
        if not line:
            raise _Ended
        return bytes(line).decode("ascii").rstrip("\r\n")

    def _say(self, reply: str) -> None:
        self.request.sendall(f"{reply}\r\n".encode())

    def _reply(self, stage: str, otherwise: str) -> bool:
        """Says what the plan has for this stage, and whether all went well."""
        plan = self.owner.plan[stage]
        told = plan.popleft() if plan else otherwise
        if told == "hang":
            self.owner.stopping.wait(20)
        if told in ("hang", "cut", "cut after"):
            raise _Ended
        self._say(told)
        if told.startswith("421"):
            raise _Ended
        return told == otherwise

    def _command(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        self.owner.commands.append(line)
        match verb.upper():
            case "EHLO":
                self._hello()
            case "STARTTLS":
                self._say("220 go ahead")
                self._wrap(True)
            case "AUTH":
                self._sign_in(rest)
            case "MAIL":
                self._mail(rest)
            case "RCPT":
                self.recipient, self.recipient_options = _path(rest)
                self.valid = self._reply("rcpt", "250 2.1.5 ok") and bool(self.sender)
            case "DATA":
                self._data()
            case "QUIT":
                self._say("221 bye")
                raise _Ended
            case _:
                self._say("250 ok")

    def _hello(self) -> None:
        offered = [*self.owner.features, "8BITMIME"]
        secure = isinstance(self.request, ssl.SSLSocket)
        offered += ["STARTTLS"] if self.owner.tls == "starttls" and not secure else []
        offered += ["AUTH PLAIN"] if self.owner.user else []
        lines = ["standin.example", *offered]
        self._reply("ehlo", "\r\n".join(f"250{'-' if n < len(lines) else ' '}{x}" for n, x in enumerate(lines, 1)))

    def _sign_in(self, rest: str) -> None:
        told = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
        right = told[1:] == [self.owner.user, self.owner.password]
        self._reply("auth", "235 2.7.0 welcome" if right else "535 5.7.8 wrong user or password")

    def _mail(self, rest: str) -> None:
        if self.owner.per_connection and self.taken >= self.owner.per_connection:
            if self.owner.ending == "421":
                self._say("421 4.7.0 enough for one connection")
            raise _Ended
        self.valid = False
        self.sender, self.sender_options = _path(rest)
        if not self._reply("mail", "250 2.1.0 ok"):
            self.sender = ""

    def _data(self) -> None:
        if not self.valid and not self.owner.lenient:
            self._say("503 5.5.1 no valid recipient")
            return
        if not self._reply("data", "354 go ahead"):
            return
        letter = b""
        while True:
            line = self.stream.readline()
            if not line or (letter and self.owner.plan["middle"]):
                raise _Ended
            if line == b".\r\n":
                break
            letter += line[1:] if line.startswith(b".") else line
        if not self.valid:
            self._say("554 5.5.1 no valid recipient")
            return
        queued = f"250 2.0.0 queued as {len(self.owner.envelopes) + 1}"
        plan = self.owner.plan["dot"]
        if not plan or plan[0] == "cut after":  # kept before it is answered for: who has the answer may look at once
            self.taken += 1
            self.owner.envelopes.append(Envelope(
                self.sender, self.sender_options, self.recipient, self.recipient_options, letter, self.number
            ))
        self._reply("dot", queued)


def _path(rest: str) -> tuple[str, tuple[str, ...]]:
    path, *options = rest.partition(":")[2].split(" ")
    return path.strip("<>"), tuple(options)
