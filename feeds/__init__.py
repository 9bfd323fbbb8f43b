"""What the public sees of an edition, rendered once into bytes: pages, JSON, CSV, Atom, RSS, JSON Feed.

Pure: the same value and site give the same bytes. No clock, no web framework, no database.
"""

from __future__ import annotations

from feeds import json_feed, pages, register, syndication, wording
from feeds.site import SCHEMA, STYLESHEET, Document, Site, feed_path
from notifier.domain.listing import ListedService, ListValue

__all__ = ["Document", "Site", "render"]


def render(value: ListValue, sha256: str, site: Site) -> dict[str, Document]:
    """Every public form of one edition by its (percent-encoded) path.

    `sha256` is the hash of the RFC 8785 form of `value.to_json()`, in hexadecimal. Lists and pages were last
    modified when the edition was made, a feed when its newest entry was.
    """
    shown = wording.printable(value)
    at = shown.as_of
    drawn = pages.render(shown, sha256, site)
    documents = {path: Document(pages.MEDIA_TYPE, body, at) for path, body in drawn.items()}
    documents[STYLESHEET] = Document(pages.STYLE_TYPE, pages.stylesheet(), at)
    documents["/subprocessors.json"] = Document(register.JSON_TYPE, register.as_json(value, sha256, site), at)
    documents["/subprocessors.csv"] = Document(register.CSV_TYPE, register.as_csv(shown), at)
    documents[SCHEMA] = Document(register.SCHEMA_TYPE, register.schema(site), at)
    documents |= _feeds(shown, site, None)
    for service in shown.services:
        documents |= _feeds(wording.of_service(shown, service.slug), site, service)
    return documents


def _feeds(value: ListValue, site: Site, service: ListedService | None) -> dict[str, Document]:
    """The three forms of one feed; a service's own carries its changes alone."""
    at, slug = syndication.updated(value), service.slug if service else None
    atom, rss = (f"{syndication.MEDIA_TYPES[form]}; charset=utf-8" for form in ("atom", "rss"))
    return {
        feed_path("atom", slug): Document(atom, syndication.atom(value, site, service), at),
        feed_path("rss", slug): Document(rss, syndication.rss(value, site, service), at),
        feed_path("json", slug): Document(json_feed.MEDIA_TYPE, json_feed.render(value, site, service), at),
    }
