"""A stand-in for Mailjet that does as little as a server can: it reads the JSON it is sent, looks at every message, and
answers as Send API v3.1 does. With `--blind` it reads nothing, and only looks for the references.

A process of its own, `python -m tests.bench.taker`, that prints its address: what it costs is not the sender's cost.
Whether a letter is right is for tests/mail and tests/faults; here only the speed of the sender counts.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading

_CUSTOM_ID = re.compile(rb'"CustomID": ?"([^"]+)"')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def main() -> None:
    """Serves until it is ended."""
    blind = "--blind" in sys.argv
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection, blind), daemon=True).start()


def _read(body: bytes) -> list[bytes]:
    """The references of messages that could be sent: each has an address and at least one body."""
    return [message["CustomID"].encode() for message in json.loads(body)["Messages"]
            if "@" in message["To"][0]["Email"] and (message["TextPart"] or message["HTMLPart"])]


def _serve(connection: socket.socket, blind: bool) -> None:
    number, held = 0, b""
    with connection:
        while True:
            while b"\r\n\r\n" not in held:
                if not (more := connection.recv(1 << 20)):
                    return
                held += more
            head, _, rest = held.partition(b"\r\n\r\n")
            found = _LENGTH.search(head)
            missing = int(found.group(1)) - len(rest) if found else 0
            pieces = [rest]
            while missing > 0:
                pieces.append(connection.recv(min(missing, 1 << 20)))
                missing -= len(pieces[-1])
            body, held = b"".join(pieces), b""
            items = []
            for ref in _CUSTOM_ID.findall(body) if blind else _read(body):
                number += 1
                items.append(b'{"Status":"success","CustomID":"%s","To":[{"Email":"a@b.example","MessageUUID":"%s",'
                             b'"MessageID":%d}],"Cc":[],"Bcc":[]}' % (ref, ref, 576460752303423488 + number))
            answer = b'{"Messages":[%s]}' % b",".join(items)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                               % (len(answer), answer))


if __name__ == "__main__":
    main()
