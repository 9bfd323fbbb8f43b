"""The changes as JSON Feed 1.1."""

from __future__ import annotations

import json
from typing import Any

from feeds import wording
from feeds.pages import entry_html
from feeds.site import Site, change_path, feed_path
from notifier.domain.listing import ListedService, ListValue, PublishedChange, moment
from notifier.text import gettext

MEDIA_TYPE = "application/feed+json"
VERSION = "https://jsonfeed.org/version/1.1"


def render(value: ListValue, site: Site, service: ListedService | None = None) -> bytes:
    """The feed, in the organisation's language; of one service where one is given."""
    feed = {
        "version": VERSION,
        "title": wording.feed_title(value, service, site.first),
        "description": wording.feed_description(site.first),
        "home_page_url": site.absolute("/changes"),
        "feed_url": site.absolute(feed_path("json", service.slug if service else None)),
        "language": site.first,
        "authors": [{"name": value.organisation.legal_name, "url": site.absolute("/")}],
        "items": [_item(value, change, site) for change in value.changes],
    }
    return (json.dumps(feed, ensure_ascii=False, indent=2) + "\n").encode()


def _item(value: ListValue, change: PublishedChange, site: Site) -> dict[str, Any]:
    """One change; what programs want to know stands under `_subprocessors`."""
    kind = gettext(site.first)(wording.KINDS[change.kind])
    return {
        "id": f"urn:uuid:{change.uid}",
        "url": site.absolute(change_path(change)),
        "title": wording.plain_title(change, site.first),
        "content_html": entry_html(value, change, site),
        "date_published": moment(change.announced_at),
        "date_modified": moment(change.updated_at),
        "tags": [kind, *wording.service_names(value, change.services)],
        "_subprocessors": {
            "about": site.absolute("/feeds"),
            "ref": change.ref,
            "kind": change.kind,
            "state": change.state,
            "planned_start": change.planned_start.isoformat() if change.planned_start else None,
            "in_effect_on": change.in_effect_on.isoformat() if change.in_effect_on else None,
            "services": list(change.services),
        },
    }
