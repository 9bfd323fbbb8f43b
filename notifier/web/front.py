"""The published bytes, answered ahead of Flask: from memory, with ETag and 304, a new edition within a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select

from notifier.db import Database
from notifier.tables import Publication
from notifier.workflow import listing

Environ = dict[str, Any]
Start = Callable[..., Any]
App = Callable[[Environ, Start], Iterable[bytes]]

LOOK_EVERY = 0.5  # seconds between looks for a newer edition
CACHE = "public, max-age=60, must-revalidate"


@dataclass(frozen=True)
class _Held:
    body: bytes
    headers: list[tuple[str, str]]
    etag: str
    last_modified: str
    modified: float


class Published:
    """WSGI: answers GET and HEAD of every published path from memory and hands everything else on to `app`."""

    def __init__(self, database: Database, app: App) -> None:
        self._database, self._app = database, app
        self._held: dict[str, _Held] = {}
        self._edition = -1
        self._looked = 0.0
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            if time.monotonic() - self._looked > LOOK_EVERY:
                self._look()
            # WSGI paths come decoded as Latin-1; published paths are plain ASCII.
            held = self._held.get(environ.get("PATH_INFO", ""))
            if held is not None:
                return _answer(held, environ, start_response)
        return self._app(environ, start_response)

    def _look(self) -> None:
        """Loads a newer edition, if there is one. A database that is away leaves what is held standing."""
        if not self._lock.acquire(blocking=False):
            return  # another thread is looking
        try:
            with self._database.reading() as session:
                newest = listing.published_edition(session)
                if newest != self._edition:
                    rows = session.exec(select(Publication)).all()
                    self._held = {row.path: _hold(row) for row in rows}
                    self._edition = newest
        except SQLAlchemyError:
            pass
        finally:
            self._looked = time.monotonic()
            self._lock.release()


def _hold(row: Publication) -> _Held:
    stamp = format_datetime(row.last_modified, usegmt=True)
    headers = [
        ("Content-Type", row.media_type), ("ETag", row.etag), ("Last-Modified", stamp), ("Cache-Control", CACHE),
        *SECURITY_HEADERS,
    ]
    return _Held(row.body, headers, row.etag, stamp, row.last_modified.replace(microsecond=0).timestamp())


def _answer(held: _Held, environ: Environ, start_response: Start) -> Iterable[bytes]:
    if _unchanged(held, environ):
        # RFC 9110, 15.4.5: the headers that would have come with the 200, without its content's type.
        start_response("304 Not Modified", [h for h in held.headers if h[0] != "Content-Type"])
        return ()
    start_response("200 OK", [*held.headers, ("Content-Length", str(len(held.body)))])
    return () if environ["REQUEST_METHOD"] == "HEAD" else (held.body,)


def _unchanged(held: _Held, environ: Environ) -> bool:
    """RFC 9110, 13.2.2: If-None-Match decides where it is given, only else If-Modified-Since."""
    tags = environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None:
        return tags.strip() == "*" or held.etag in [t.strip().removeprefix("W/") for t in tags.split(",")]
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    if not since:
        return False
    try:
        return held.modified <= parsedate_to_datetime(since).timestamp()
    except (TypeError, ValueError):
        return False


SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy",
     "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
     "frame-ancestors 'none'"),
)
"""On every answer of ours: nothing from elsewhere, nothing inside another page, no address handed on."""
