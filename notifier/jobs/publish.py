"""Renders the newest edition into every public form, once."""

from __future__ import annotations

import logging

import feeds
from notifier.domain.listing import ListValue
from notifier.house import House, at_work
from notifier.workflow import listing, settings
from notifier.workflow.listing import Rendering

log = logging.getLogger("notifier.publish")


def publish() -> int:
    """The job: returns the edition that is published now. Safe to run twice."""
    return run(at_work())


def run(house: House) -> int:
    """Publishes the newest edition, unless it is published already."""
    with house.database.reading() as session:
        edition = listing.newest(session)
        first = settings.language(session)
        if edition is None or listing.published_edition(session) >= edition.n:
            return edition.n if edition else 0
    site = feeds.Site(house.settings.public_url, _languages(first))
    drawn = feeds.render(ListValue.from_json(edition.value), edition.sha256, site)
    forms = [Rendering(path, d.media_type, d.body, d.last_modified) for path, d in drawn.items()]
    with house.database.transaction() as session:
        stored = listing.store(session, edition.n, forms)
    log.info("edition %s %s", edition.n, "published" if stored else "overtaken by a newer one")
    return edition.n


def _languages(first: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([first, "en", "de"]))
