"""Where the public pages live and what a rendered form is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from notifier.domain.listing import PublishedChange

STYLESHEET = "/style.css"
SCHEMA = "/schemas/subprocessors-1.json"


@dataclass(frozen=True)
class Document:
    """One published form: its bytes, its media type, and when its content last changed (aware UTC)."""

    media_type: str
    body: bytes
    last_modified: datetime


@dataclass(frozen=True)
class Site:
    """The public address (no slash at its end) and the languages of the pages, the organisation's first."""

    base_url: str
    languages: tuple[str, ...]

    @property
    def first(self) -> str:
        """The organisation's language: that of the unprefixed pages and of the feeds."""
        return self.languages[0]

    def absolute(self, path: str) -> str:
        """The full address of a path."""
        return self.base_url.rstrip("/") + path

    def path(self, page: str, language: str) -> str:
        """A page's own address in a language: bare in the first, under `/<language>` in the others."""
        return page if language == self.first else f"/{language}{page}"

    def urn(self, path: str) -> str:
        """A permanent id for what stands at an address (RFC 9562, version 5)."""
        return f"urn:uuid:{uuid5(NAMESPACE_URL, self.absolute(path))}"


def change_path(change: PublishedChange) -> str:
    """Where one change stands; the address is part of the record and never moves."""
    return f"/changes/{quote(change.ref, safe='')}"


def feed_path(form: str, slug: str | None = None) -> str:
    """Where the feed in a form (atom, rss, json) stands: of all services, or of the one with this slug."""
    return f"/changes.{form}" if slug is None else f"/services/{quote(slug, safe='')}/changes.{form}"
