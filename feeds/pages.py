"""The public pages: the list, its changes, one change, and what the feeds are, in every language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from feeds import wording
from feeds.site import Site, change_path, feed_path
from notifier import paths
from notifier.domain.listing import ListedService, ListValue, PublishedChange, PublishedItem
from notifier.domain.register import FIELD_NAMES, EngagementValue, differences
from notifier.text import OWN_NAMES, environment

MEDIA_TYPE = "text/html; charset=utf-8"
STYLE_TYPE = "text/css; charset=utf-8"


@dataclass(frozen=True)
class Group:
    """Current engagements under one heading; `service` None where no listed service is theirs alone."""

    service: ListedService | None
    engagements: tuple[EngagementValue, ...]


def render(value: ListValue, sha256: str, site: Site) -> dict[str, bytes]:
    """Every page by its path; in the first language also under `/<language>`, with the same bytes."""
    pages: dict[str, bytes] = {}
    for language in site.languages:
        for page, template, facts in _contents(value):
            body = _page(language, page, template, value=value, sha256=sha256, site=site, **facts)
            pages[f"/{language}{page}"] = body
            if language == site.first:
                pages[page] = body
    return pages


def stylesheet() -> bytes:
    """The one stylesheet of all pages."""
    return (paths.templates() / "style.css").read_bytes()


def entry_html(value: ListValue, change: PublishedChange, site: Site) -> str:
    """A change as a feed entry tells it: simple HTML, absolute links, in the organisation's language."""
    template = environment(site.first).get_template("public/entry.html")
    return template.render(value=value, change=change, site=site, **_words(site.first, value)).strip()


def groups(value: ListValue) -> tuple[Group, ...]:
    """The current list by service; one group where all services (or the only one) have the same list.

    An engagement that names no service is for all of them.
    """
    by_service = [
        Group(service, tuple(e for e in value.engagements if not e.services or service.slug in e.services))
        for service in value.services
    ]
    listed = {s.slug for s in value.services}
    loose = tuple(e for e in value.engagements if e.services and not listed.intersection(e.services))
    if not by_service or (not loose and len({g.engagements for g in by_service}) == 1):
        return (Group(None, value.engagements),)
    return (*by_service, Group(None, loose)) if loose else tuple(by_service)


def _contents(value: ListValue) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each page: its path without language, its template, and what that template is given of its own."""
    coming = {item.before.ref: change for change in value.announced for item in change.items if item.before}
    yield "/", "public/list.html", {"groups": groups(value), "coming": coming}
    yield "/changes", "public/changes.html", {}
    yield "/feeds", "public/feeds.html", {}
    for change in value.changes:
        yield change_path(change), "public/change.html", {"change": change}


def _page(language: str, page: str, template: str, *, site: Site, value: ListValue, **facts: Any) -> bytes:
    here = {
        "page": page,
        "to": lambda path: site.path(path, language),
        "alternates": [(each, OWN_NAMES[each], site.path(page, each)) for each in site.languages],
        "feed_path": feed_path,
    }
    found = environment(language).get_template(template)
    return found.render(site=site, value=value, **here, **facts, **_words(language, value)).encode()


def _recorded(item: PublishedItem) -> list[str]:
    """The fields either side says something of: whoever takes over a task is read whole."""
    said = {*differences(None, item.before), *differences(None, item.after)}
    return [name for name in FIELD_NAMES if name in said]


def _words(language: str, value: ListValue) -> dict[str, Any]:
    """What templates call things by, in their language."""
    return {
        "kinds": wording.KINDS,
        "states": wording.STATES,
        "marks": wording.MARKS,
        "fields": FIELD_NAMES,
        "differences": differences,
        "recorded": _recorded,
        "told": wording.told,
        "change_path": change_path,
        "title_of": lambda change: wording.title(change, language),
        "names_of": lambda slugs: wording.service_names(value, slugs),
        "shown": lambda engagement, name: wording.shown(value, engagement, name, language),
    }
