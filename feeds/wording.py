"""How a change is called in feeds and pages, and which part of the published value each form is given."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from notifier.domain import transfers
from notifier.domain.listing import ListedService, ListValue, PublishedChange
from notifier.domain.register import EngagementValue
from notifier.domain.sentences import N_
from notifier.text import country, gettext, say

KINDS = {
    "add": N_("New sub-processor"),
    "replace": N_("Replacement"),
    "remove": N_("Removal"),
    "modify": N_("Change of details"),
}
STATES = {"announced": N_("Announced"), "in_effect": N_("In effect"), "withdrawn": N_("Withdrawn")}

MARKS = {
    "override": N_("On %(on)s two people set single obstacles aside, with reasons. Customers concerned: %(count)s."),
    "irregular_start": N_(
        "Processing was started on %(on)s before the ordinary way was at its end. Customers told: %(count)s."
    ),
    "late_notice": N_("Customers given notice only after the start, on %(on)s: %(count)s."),
}

_PLACES = frozenset({"country", "locations", "remote_access"})
_TITLES = {
    "add": N_("New sub-processor: %(new)s"),
    "replace": N_("Replacement of %(old)s by %(new)s"),
    "remove": N_("Removal of %(old)s"),
    "modify": N_("Change to %(new)s"),
}
_RENAMED = N_("Change to %(old)s (new name: %(new)s)")
_WITHDRAWN = N_("Withdrawn: %(title)s")

_FEED = N_("Sub-processor changes at %(organisation)s")
_FEED_OF_SERVICE = N_("Sub-processor changes at %(organisation)s for %(service)s")
_FEED_DESCRIPTION = N_(
    "Sub-processors announced, changed and withdrawn. "
    "This feed is a courtesy: the notice itself is sent by e-mail."
)

# The last day to object is each customer's own (GDPR 28(2) owes the notice to the controller), so the public
# forms say where it stands and never name one.
_TOLD = {
    "remove": N_("Each customer concerned was told by e-mail. A removal needs no answer."),
    "modify": N_(
        "Each customer concerned was told by e-mail. "
        "Where a customer may object, that e-mail names its own last day."
    ),
}
_TOLD_ELSE = N_("Each customer concerned was told its own last day to object by e-mail.")

# What XML 1.0 cannot hold, and the C1 controls, which no reader shows.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITY = re.compile(r"&(?=#?\w+;)")


def title(change: PublishedChange, language: str) -> str:
    """What a change is, in one line of plain text."""
    tell = gettext(language)
    old = _names(item.before.legal_name for item in change.items if item.before)
    new = _names(item.after.legal_name for item in change.items if item.after)
    message = _RENAMED if change.kind == "modify" and old != new else _TITLES[change.kind]
    said = tell(message) % {"old": old, "new": new}
    return tell(_WITHDRAWN) % {"title": said} if change.state == "withdrawn" else said


def plain_title(change: PublishedChange, language: str) -> str:
    """The title for readers that would take `<` or `&…;` in a title for markup (RSS leaves it open)."""
    return _plain(title(change, language))


def feed_title(value: ListValue, service: ListedService | None, language: str) -> str:
    """What every form of a feed is called."""
    tell, organisation = gettext(language), value.organisation.legal_name
    if service is None:
        return _plain(tell(_FEED) % {"organisation": organisation})
    return _plain(tell(_FEED_OF_SERVICE) % {"organisation": organisation, "service": service.name})


def feed_description(language: str) -> str:
    """What every form of a feed says of itself."""
    return gettext(language)(_FEED_DESCRIPTION)


def told(change: PublishedChange) -> str:
    """The message that says how customers learnt of their own last day."""
    return _TOLD.get(change.kind, _TOLD_ELSE)


def of_service(value: ListValue, slug: str) -> ListValue:
    """The same edition with the changes of one service; a change that names no service concerns them all."""
    return replace(value, changes=tuple(c for c in value.changes if not c.services or slug in c.services))


def service_names(value: ListValue, slugs: tuple[str, ...]) -> tuple[str, ...]:
    """Services by the names people know; one no longer offered keeps its slug."""
    names = {service.slug: service.name for service in value.services}
    return tuple(names.get(slug, slug) for slug in slugs)


def shown(value: ListValue, engagement: EngagementValue, name: str, language: str) -> tuple[str, ...]:
    """What a field says, as readers see it: countries and services by name, transfers in words; () for nothing."""
    said = getattr(engagement, name)
    if name == "services":
        return service_names(value, said)
    if name == "transfers":
        return tuple(say(transfers.told(t, country(t.place, language)), language) for t in said)
    texts = said if isinstance(said, tuple) else (said,) if said else ()
    return tuple(country(each, language) for each in texts) if name in _PLACES else texts


def printable(value: ListValue) -> ListValue:
    """The same edition without characters that XML cannot hold; pages and feeds are made from this."""
    return ListValue.from_json(_without_controls(value.to_json()))


def _plain(text: str) -> str:
    return _ENTITY.sub("& ", text).replace("<", "‹").replace(">", "›")


def _without_controls(value: Any) -> Any:
    if isinstance(value, str):
        return _UNPRINTABLE.sub("", value)
    if isinstance(value, list):
        return [_without_controls(each) for each in value]
    if isinstance(value, dict):
        return {key: _without_controls(each) for key, each in value.items()}
    return value


def _names(names: Any) -> str:
    return ", ".join(dict.fromkeys(names))
