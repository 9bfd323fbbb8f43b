"""A small HTTP server for stand-ins: real sockets on 127.0.0.1, TLS from an authority of its own, kept
connections, and the ways a connection can break. It stops by itself at the end of its block, and takes its
connections along.
"""

from __future__ import annotations

import json
import queue
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme


@dataclass
class Answer:
    """What to answer: `body` is text (as HTML) or a value (as JSON). A `broken` answer ends half way."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    broken: bool = False


Answers = Callable[[str, str, dict[str, str], bytes], Answer | None]


class StandInServer(ThreadingHTTPServer):
    """Asks `answers(verb, path, headers in lower case, body)` for each request; None cuts the connection.
    `cuts` is asked first, before a body is read, whether to cut right there. `stopping` is set when the
    server ends."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, port: int, tls: bool, answers: Answers, cuts: Callable[[str], bool], stopping: threading.Event
    ) -> None:
        self.answers = answers
        self.cuts = cuts
        self.stopping = stopping
        self._open: set[socket.socket] = set()
        self._folder = tempfile.TemporaryDirectory(prefix="standin-")
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        self._tls = server_tls(self.ca_file) if tls else None
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}/"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        """Serves from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the server and every connection that is still kept."""
        self.stopping.set()
        self.shutdown()
        for connection in list(self._open):
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.server_close()
        self._thread.join()
        self._folder.cleanup()

    def get_request(self) -> tuple[socket.socket, Any]:
        """One connection; its handshake is left to its own thread."""
        connection, peer = super().get_request()
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        return connection, peer

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection for good."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or distrusts the certificate, is part of the game."""


def server_tls(ca_file: str) -> ssl.SSLContext:
    """A server's side of TLS for 127.0.0.1 and localhost; the authority to trust is written to `ca_file`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet
    server: StandInServer

    def do_POST(self) -> None:
        self._serve("POST")

    def do_GET(self) -> None:
        self._serve("GET")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def _serve(self, verb: str) -> None:
        if self.server.cuts(verb):
            self._cut()
            return
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.answers(verb, self.path, headers, raw)
        if answer is None:
            self._cut()
        else:
            self._reply(answer)

    def _reply(self, answer: Answer) -> None:
        text = isinstance(answer.body, str)
        body = (answer.body if text else json.dumps(answer.body)).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/html" if text else "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer.broken else body)
        if answer.broken:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        socket.socket.shutdown(self.connection, socket.SHUT_RDWR)


class OddServer:
    """Answers one connection with the very bytes it is given; `with` gives its URL."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(self._answer)


class Webhook:
    """Takes every POST with 200; `with` gives its URL and a queue of (headers in lower case, body)."""

    def __init__(self) -> None:
        self._bodies: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        self._server = StandInServer(0, False, self._take, lambda _: False, threading.Event())

    def __enter__(self) -> tuple[str, queue.Queue[tuple[dict[str, str], bytes]]]:
        self._server.start()
        return self._server.url, self._bodies

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def _take(self, verb: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self._bodies.put((headers, body))
        return Answer(200, {})
