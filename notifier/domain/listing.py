"""The published list as one frozen value, from which every form (page, JSON, feeds) is rendered.

`Edition` rows store `ListValue.to_json()`; its SHA-256 is taken over the RFC 8785 form of exactly that.
What stands here is public: nothing about a customer may ever enter it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from notifier.domain.register import EngagementValue


@dataclass(frozen=True)
class Organisation:
    """The processor as the public sees it."""

    legal_name: str
    address: str
    country: str
    contact: str = ""
    dpo: str = ""
    eu_representative: str = ""
    zone: str = "Europe/Zurich"


@dataclass(frozen=True)
class ListedService:
    """A service the customer buys."""

    slug: str
    name: str


@dataclass(frozen=True)
class PublishedItem:
    """Before and after of one engagement; `before` None is an addition, `after` None a removal."""

    before: EngagementValue | None
    after: EngagementValue | None


@dataclass(frozen=True)
class Mark:
    """What went out of the ordinary way: `kind` override, irregular_start or late_notice, the civil day, how many
    customers."""

    kind: str
    on: date
    count: int


@dataclass(frozen=True)
class PublishedChange:
    """One announced act. `uid` and `ref` never change; `updated_at` is its last significant change.

    `state` is announced, in_effect or withdrawn; `planned_start` is a civil date in the organisation's
    zone, or None while the start is open; `in_effect_on` the civil date it took effect.
    """

    ref: str
    uid: str
    kind: str
    state: str
    announced_at: datetime
    updated_at: datetime
    planned_start: date | None
    in_effect_on: date | None
    services: tuple[str, ...]
    reason: str
    items: tuple[PublishedItem, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class ListValue:
    """One edition. `changes` are all ever announced, newest first; `announced` the ones still to come."""

    edition: int
    as_of: datetime
    organisation: Organisation
    services: tuple[ListedService, ...]
    engagements: tuple[EngagementValue, ...]
    changes: tuple[PublishedChange, ...]

    @property
    def announced(self) -> tuple[PublishedChange, ...]:
        """Announced and neither in effect nor withdrawn."""
        return tuple(c for c in self.changes if c.state == "announced")

    def to_json(self) -> dict[str, Any]:
        """The public JSON without its `sha256`: strings for moments and dates, RFC 3339 in UTC."""
        changes = [_change_json(c) for c in self.changes]
        return {
            "edition": self.edition,
            "as_of": moment(self.as_of),
            "organisation": dict(vars(self.organisation)),
            "services": [dict(vars(s)) for s in self.services],
            "engagements": [e.to_json() for e in self.engagements],
            "announced": [c for c in changes if c["state"] == "announced"],
            "changes": changes,
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> ListValue:
        """The inverse of `to_json`."""
        return ListValue(
            edition=value["edition"],
            as_of=datetime.fromisoformat(value["as_of"]),
            organisation=Organisation(**value["organisation"]),
            services=tuple(ListedService(**s) for s in value["services"]),
            engagements=tuple(EngagementValue.from_json(e) for e in value["engagements"]),
            changes=tuple(_change_from(c) for c in value["changes"]),
        )


def moment(at: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, the product's one spelling of a published moment."""
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _change_json(change: PublishedChange) -> dict[str, Any]:
    marks = [{"kind": m.kind, "on": m.on.isoformat(), "count": m.count} for m in change.marks]
    value = {
        **vars(change),
        "announced_at": moment(change.announced_at),
        "updated_at": moment(change.updated_at),
        "planned_start": change.planned_start.isoformat() if change.planned_start else None,
        "in_effect_on": change.in_effect_on.isoformat() if change.in_effect_on else None,
        "services": list(change.services),
        "items": [
            {"before": i.before.to_json() if i.before else None, "after": i.after.to_json() if i.after else None}
            for i in change.items
        ],
        "marks": marks,
    }
    if not marks:
        del value["marks"]  # editions from before marks existed keep the form their hash was taken over
    return value


def _change_from(value: Mapping[str, Any]) -> PublishedChange:
    def day(text: str | None) -> date | None:
        return date.fromisoformat(text) if text else None

    def item(pair: Mapping[str, Any]) -> PublishedItem:
        before, after = (EngagementValue.from_json(v) if v else None for v in (pair["before"], pair["after"]))
        return PublishedItem(before, after)

    return PublishedChange(
        **{
            **value,
            "announced_at": datetime.fromisoformat(value["announced_at"]),
            "updated_at": datetime.fromisoformat(value["updated_at"]),
            "planned_start": day(value["planned_start"]),
            "in_effect_on": day(value["in_effect_on"]),
            "services": tuple(value["services"]),
            "items": tuple(item(i) for i in value["items"]),
            "marks": tuple(Mark(m["kind"], date.fromisoformat(m["on"]), m["count"]) for m in value.get("marks", ())),
        }
    )
