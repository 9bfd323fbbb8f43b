"""What is answered about changes, as plain values: one form for the command line's --json and for the API.

Days and moments stay what they are; whoever writes the JSON writes them as ISO 8601. Sentences are plain English.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from notifier.domain.changes import Item
from notifier.domain.gate import Blocker
from notifier.domain.refusals import Refusal
from notifier.domain.register import differences
from notifier.domain.states import CHANGE, ChangeState
from notifier.tables import Announcement, Change, Evidence, Exclusion, IrregularStart, Override
from notifier.workflow import (
    announcements,
    audit,
    changes,
    customers,
    evidence,
    exclusions,
    offboarding,
    processing,
    releases,
    settings,
)
from notifier.workflow.corrections import Corrected
from notifier.workflow.offboarding import Ending
from notifier.workflow.releases import Standing


def brief(session: Session, change: Change) -> dict[str, Any]:
    """A change in a list."""
    items = changes.items_of(session, change)
    return {
        "ref": change.ref, "kind": change.kind, "state": str(change.state), "planned_start": change.planned_start,
        "about": "; ".join(about(item) for item in items), "opens_window": change.opens_window,
        "engagements": [item.ref for item in items],
    }


def about(item: Item) -> str:
    """What an item is about, in a few words: who, or who instead of whom, and what for."""
    value = item.after or item.before
    assert value is not None
    replaced = item.before if item.before and item.after and item.before.ref != item.after.ref else None
    who = f"{replaced.legal_name} → {value.legal_name}" if replaced else value.legal_name
    return f"{who}: {value.activity}"


def whole(session: Session, change: Change, now: datetime) -> dict[str, Any]:
    """One change: before and after, what is missing while it can still be mended, what was done."""
    items, on = changes.items_of(session, change), evidence.today(session, now)
    history = audit.history(session, CHANGE.name, change.ref)
    return {
        **brief(session, change),
        "reason": change.reason, "separable": change.separable,
        "separable_confirmed_at": change.separable_at, "separable_how": change.separable_how,
        "proposed_at": change.proposed_at, "announced_at": change.announced_at, "in_effect_at": change.in_effect_at,
        "services": list(changes.services_of(session, items)),
        "announcements": [a.ref for a in changes.announcements_of(session, change)],
        "missing": missing(session, change, now),
        "items": [item_value(item) for item in items],
        "evidence": [vouched(row) for row in evidence.of(session, {item.ref for item in items})],
        "offboarding": [ending(each, on) for each in offboarding.every(session, change=change)],
        "history": [{"at": datetime.fromisoformat(entry.at), "action": entry.action, "by": entry.actor,
                     "reason": detail.get("reason", "")} for entry, detail in history],
    }


def proposed(session: Session, change: Change, now: datetime) -> dict[str, Any]:
    """A new draft: the change in brief, and everything that keeps it from review."""
    return {**brief(session, change), "missing": missing(session, change, now)}


def missing(session: Session, change: Change, now: datetime) -> list[str]:
    """Everything that keeps a change from going on to be announced, in words."""
    moving = change.state in changes.UNFINISHED and change.state != ChangeState.ANNOUNCED
    return [str(gap) for gap in changes.gaps(session, change, now)] if moving else []


def item_value(item: Item) -> dict[str, Any]:
    """One item: both sides and the fields in which they differ."""
    return {
        "ref": item.ref, "before": item.before.to_json() if item.before else None,
        "after": item.after.to_json() if item.after else None, "fields": differences(item.before, item.after),
    }


def vouched(row: Evidence) -> dict[str, Any]:
    """One due-diligence item."""
    return {
        "engagement": row.engagement_ref, "kind": row.kind, "words": row.words, "link": row.link,
        "file": row.file_name, "sha256": row.blob_sha256, "not_applicable": row.not_applicable,
        "customers_may_see": row.customers_may_see, "next_review_on": row.next_review_on, "at": row.vouched_at,
    }


def ending(found: Ending, today: date) -> dict[str, Any]:
    """One offboarding, as it stands on a civil day."""
    row = found.row
    return {
        "id": row.id, "engagement": row.engagement_ref, "legal_name": found.legal_name, "activity": found.activity,
        "change": found.change, "ends_on": row.ends_on, "due_on": row.due_on, "due_was": row.due_was,
        "moved_why": row.moved_why, "overdue": found.overdue(today), "what": row.what, "words": row.words,
        "file": row.file_name, "sha256": row.blob_sha256, "confirmed_at": row.confirmed_at,
    }


def moved(change: Change) -> dict[str, Any]:
    """Where a change stands after a decision."""
    return {"ref": change.ref, "state": str(change.state)}


def announced(session: Session, made: Announcement) -> dict[str, Any]:
    """An announcement. Where there are very many customers it is only begun: no `edition` yet, and nobody counted."""
    return {
        "ref": made.ref, "changes": [c.ref for c in announcements.concerned_by(session, made)], "made_at": made.made_at,
        "included": made.included, "left_out": made.left_out, "edition": made.edition_n,
    }


def corrected(ref: str, made: Corrected | None) -> dict[str, Any]:
    """A correction: `asked`, `informed` or `announced`, by which announcement, and how many are told."""
    if made is None:
        return {"ref": ref, "done": "asked", "announcement": "", "told": 0}
    announcement = made.announcement.ref if made.announcement else ""
    return {"ref": ref, "done": "announced" if made.material else "informed", "announcement": announcement,
            "told": made.told}


def excluded(ref: str, customer: str, row: Exclusion) -> dict[str, Any]:
    """An exclusion: it counts from `confirmed_at`, until it is ended."""
    return {"ref": ref, "customer": customer, "confirmed_at": row.confirmed_at, "recheck_due": row.recheck_due,
            "ended_at": row.ended_at}


def overridden(ref: str, codes: list[str], rows: list[Override] | None) -> dict[str, Any]:
    """An override: `signed` once a second person has, and for how many customers it counts."""
    return {"ref": ref, "blockers": codes, "signed": rows is not None, "customers": len(rows or ())}


def start_moved(change: Change) -> dict[str, Any]:
    """A start that was moved, and the day told before."""
    return {"ref": change.ref, "planned_start": change.planned_start, "start_was": change.start_was}


def separable(change: Change) -> dict[str, Any]:
    """Whether customers can be left out, since an engineer confirmed it."""
    return {"ref": change.ref, "separable": change.separable, "separable_confirmed_at": change.separable_at}


def started(ref: str, since: date, row: IrregularStart | None) -> dict[str, Any]:
    """An irregular start: `signed` once a second person has, and how many customers are owed a letter."""
    return {"ref": ref, "since": since, "signed": row is not None, "told": row.told if row else 0}


def released(change: Change, freed: Sequence[Standing]) -> dict[str, Any]:
    """A release: to which customers, by reference."""
    return {"ref": change.ref, "state": str(change.state), "released": [s.customer.ref for s in freed]}


@dataclass(frozen=True)
class Look:
    """What stands between a change and its customers: blockers of the change itself where nobody was told of it, where
    each customer stands, who is left out, and, where one customer was asked for and customers cannot be separated,
    how many others hold it up."""

    change: Change
    general: list[Blocker]
    standings: list[Standing]
    left_out: list[str]
    elsewhere: int

    @property
    def held(self) -> list[Standing]:
        """The customers that something stands in the way of."""
        return [s for s in self.standings if s.held]

    @property
    def blocked(self) -> bool:
        """Whether anything stands in the way."""
        return bool(self.general or self.held)

    def value(self) -> dict[str, Any]:
        """The look as plain values."""
        return {
            "ref": self.change.ref, "state": str(self.change.state), "blocked": self.blocked,
            "held_by_others": self.elsewhere, "blockers": [_blocker(b) for b in self.general],
            "customers": [_standing(s) for s in self.standings], "excluded": self.left_out,
        }


def blockers(session: Session, ref: str, customer: str, now: datetime) -> Look:
    """Everything in the way of a change, of one customer or (empty) of all. Raises Refusal unknown."""
    change = changes.get(session, ref)
    if customer:
        customers.get(session, customer)
    found = releases.standings(session, change, now, customer_ref=customer)
    everybody = releases.standings(session, change, now, with_excluded=True, customer_ref=customer)
    left_out = [s.customer.ref for s in everybody if s.excluded]
    if customer and not found and not left_out and changes.concerned(session, change):
        raise Refusal("unknown", what="customer told of this change", ref=customer)
    zone = settings.organisation(session).zone
    general = [] if found or left_out else releases.change_blockers(change, now, zone)
    together = bool(customer) and exclusions.separable_of(change) == "no"
    others = releases.standings(session, change, now) if together else []
    elsewhere = sum(s.held for s in others if s.customer.ref != customer)
    return Look(change, general, found, left_out, elsewhere)


def _blocker(blocker: Blocker) -> dict[str, Any]:
    return {"code": str(blocker.code), "words": str(blocker.sentence), "way_out": str(blocker.way_out),
            "clears_on": blocker.clears_on}


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "customer": standing.customer.ref, "name": standing.customer.name, "notice": str(standing.notice.state),
        "released_at": standing.part.released_at, "blockers": [_blocker(b) for b in standing.blockers],
        "overridden": [str(b.code) for b in standing.set_aside], "joining": standing.joining,
    }


def may_process(engagement: str, customer: str, on: date, answer: processing.Answer) -> dict[str, Any]:
    """The gate's answer to a pipeline."""
    return {"engagement": engagement, "customer": customer, "on": on, "allowed": answer.allowed,
            "why": [str(sentence) for sentence in answer.why]}
