"""A small IMAP server for tests: real sockets on 127.0.0.1, TLS from the first byte, one folder of mails with their
flags. It stops by itself at the end of its block.
"""

from __future__ import annotations

import re
import socketserver
import ssl
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.http_standin import server_tls


@dataclass
class Kept:
    """A mail in the folder."""

    raw: bytes
    flags: set[str] = field(default_factory=set)


class ImapStandIn:
    """Runs from `with` to its end. `mails` by number; `cut_after` ends the connection after so many mails fetched."""

    def __init__(self, *mails: bytes, user: str = "me", password: str = "word", folder: str = "INBOX") -> None:
        self.mails = {n: Kept(raw) for n, raw in enumerate(mails, 1)}
        self.user, self.password, self.folder = user, password, folder
        self.cut_after = -1
        self._folder = tempfile.TemporaryDirectory(prefix="imap-standin-")
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        self.context = server_tls(self.ca_file)
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.owner = self
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def url(self, credentials: str = "me:word", path: str = "") -> str:
        """Where it is, for NOTIFIER_BOUNCES_IMAP_URL."""
        return f"imaps://{credentials}@127.0.0.1:{self.port}{path}"

    def __enter__(self) -> ImapStandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._folder.cleanup()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    owner: ImapStandIn

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or distrusts the certificate, is part of the game."""


class _Session(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.owner = self.server.owner
        with suppress(OSError), self.owner.context.wrap_socket(self.request, server_side=True) as self.tls:
            self._say(b"* OK stand-in ready")
            for line in self.tls.makefile("rb"):
                if self._command(line.decode().rstrip("\r\n")):
                    break
            with suppress(OSError, ssl.SSLError):
                self.tls.unwrap()

    def _say(self, line: bytes) -> None:
        self.tls.sendall(line + b"\r\n")

    def _command(self, line: str) -> bool:
        """Answers one command; whether the session is over."""
        tag, _, rest = line.partition(" ")
        verb, _, rest = rest.partition(" ")
        answer = "OK done"
        if verb == "CAPABILITY":
            self._say(b"* CAPABILITY IMAP4rev1")
        elif verb == "LOGIN":
            known = rest.replace('"', "") == f"{self.owner.user} {self.owner.password}"
            answer = "OK welcome" if known else "NO [AUTHENTICATIONFAILED] wrong user or password"
        elif verb == "SELECT":
            answer = "OK selected" if rest.strip('"') == self.owner.folder else "NO no such folder"
        elif verb == "UID" and self._uid(rest):
            return True
        elif verb == "LOGOUT":
            self._say(b"* BYE")
        self._say(f"{tag} {answer}".encode())
        return verb == "LOGOUT"

    def _uid(self, rest: str) -> bool:
        if rest.startswith("SEARCH"):
            unseen = [str(n) for n, mail in self.owner.mails.items() if "\\Seen" not in mail.flags]
            self._say(("* SEARCH " + " ".join(unseen)).strip().encode())
        elif found := re.match(r"FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", rest):
            if self.owner.cut_after == 0:
                return True
            self.owner.cut_after -= 1
            raw = self.owner.mails[int(found[1])].raw[: int(found[2])]
            self._say(f"* {found[1]} FETCH (UID {found[1]} BODY[]<0> {{{len(raw)}}}".encode())
            self.tls.sendall(raw + b")\r\n")
        elif found := re.match(r"STORE (\d+) \+FLAGS\.SILENT \((.*)\)", rest):
            self.owner.mails[int(found[1])].flags |= set(found[2].split())
        return False
