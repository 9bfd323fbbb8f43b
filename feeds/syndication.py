"""Atom (RFC 4287) and RSS 2.0 from one feedgen builder; both hold every change ever announced."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from typing import Any

import feedgen.entry
import feedgen.feed
from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseExtension
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem

from feeds import wording
from feeds.pages import entry_html
from feeds.site import Site, change_path, feed_path
from notifier.domain.listing import ListedService, ListValue, PublishedChange
from notifier.text import gettext

MEDIA_TYPES = {"atom": "application/atom+xml", "rss": "application/rss+xml"}
_HISTORY = "http://purl.org/syndication/history/1.0"

# feedgen writes RSS dates by switching the locale of the whole process to C and back, which another thread
# may see. The standard library writes the same form (RFC 5322 3.3) without a locale.
feedgen.feed.formatRFC2822 = feedgen.entry.formatRFC2822 = format_datetime


class _Entry(FeedEntry):  # type: ignore[misc]
    """feedgen 1.0.0 drops every attribute of an entry's links but `href` (its issues 135 and 143)."""

    def atom_entry(self, extensions: bool = True) -> Any:
        """The Atom element, its links made whole."""
        element = super().atom_entry(extensions)
        for drawn, link in zip(element.findall("link"), self.link(), strict=True):
            for name, text in link.items():
                drawn.set(name, text)
        return element


class _Complete(BaseExtension):  # type: ignore[misc]
    """RFC 5005, 2: this document is the whole feed, so what is not in it is not in the feed."""

    def extend_ns(self) -> dict[str, str]:
        """The prefix and its namespace."""
        return {"fh": _HISTORY}

    def extend_atom(self, feed: Any) -> Any:
        """Marks the Atom feed."""
        xml_elem(f"{{{_HISTORY}}}complete", feed)
        return feed

    def extend_rss(self, feed: Any) -> Any:
        """Marks the RSS channel."""
        xml_elem(f"{{{_HISTORY}}}complete", feed[0])
        return feed


def atom(value: ListValue, site: Site, service: ListedService | None = None) -> bytes:
    """The changes as Atom, in the organisation's language; of one service where one is given."""
    return bytes(_feed(value, site, "atom", service).atom_str(pretty=True))


def rss(value: ListValue, site: Site, service: ListedService | None = None) -> bytes:
    """The changes as RSS 2.0, in the organisation's language; of one service where one is given."""
    return bytes(_feed(value, site, "rss", service).rss_str(pretty=True))


def updated(value: ListValue) -> datetime:
    """The moment of the newest significant change; the edition's own while nothing has been announced."""
    return max((change.updated_at for change in value.changes), default=value.as_of)


def _feed(value: ListValue, site: Site, form: str, service: ListedService | None) -> FeedGenerator:
    path = feed_path(form, service.slug if service else None)
    feed = FeedGenerator()
    feed.register_extension("complete", _Complete)
    feed.id(site.urn(path))
    feed.title(wording.feed_title(value, service, site.first))
    feed.description(wording.feed_description(site.first))
    feed.language(site.first)
    feed.updated(updated(value))
    feed.author(name=value.organisation.legal_name)
    feed.generator("Sub-processor notifier")
    feed.link(href=site.absolute(path), rel="self", type=MEDIA_TYPES[form])
    # RSS takes the last link for the channel's own: the page comes last.
    feed.link(href=site.absolute("/changes"), rel="alternate", type="text/html", hreflang=site.first)
    for change in value.changes:
        feed.add_entry(_entry(value, change, site), order="append")
    return feed


def _entry(value: ListValue, change: PublishedChange, site: Site) -> _Entry:
    entry = _Entry()
    entry.id(f"urn:uuid:{change.uid}")
    entry.title(wording.plain_title(change, site.first))
    entry.published(change.announced_at)
    entry.updated(change.updated_at)
    address = site.absolute(change_path(change))
    entry.link(href=address, rel="alternate", type="text/html", hreflang=site.first)
    entry.content(entry_html(value, change, site), type="html")
    entry.category(term=change.kind, label=gettext(site.first)(wording.KINDS[change.kind]))
    return entry
