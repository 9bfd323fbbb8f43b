"""Plain functions that make the things tests begin with: people, a list, customers, a change on its way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session, select

from notifier.domain.changes import ChangeKind
from notifier.domain.evidence import Given
from notifier.domain.people import Actor, Door, Kind, Role, system
from notifier.domain.register import EngagementValue
from notifier.tables import Change, User
from notifier.workflow import (
    announcements,
    changes,
    customers,
    deliveries,
    evidence,
    exclusions,
    listing,
    people,
    register,
    releases,
)
from notifier.workflow.customers import ContactEntry, CustomerEntry
from notifier.workflow.deliveries import Claimed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # Monday, 10:00 in Zürich
START = date(2026, 5, 4)
SYSTEM = system(Door.CLI)
CONTACT = Actor(Kind.CONTACT, Door.LINK, id=None)
SIGNED = {"name": "Lea Legal", "function": "General counsel"}  # who gives a consent

HOSTING = EngagementValue(
    ref="cloud-hosting", legal_name="Cloud Hosting GmbH", address="Ring 3, 10115 Berlin, Germany", country="DE",
    activity="Hosting", data_categories=("name", "e-mail"), guarantee="Data processing agreement",
    services=("platform",),
)
ANALYTICS = {
    "legal_name": "Analytics Inc.", "address": "1 Front Street, San Francisco, United States", "country": "US",
    "contact": "Ann Lytic", "contact_position": "Data protection officer",
    "contact_address": "privacy@analytics.example",
    "activity": "Analysis of usage", "data_categories": ["usage data"], "data_subjects": ["users"],
    "locations": ["United States"], "guarantee": "Data processing agreement",
    "transfer_basis": "EU standard contractual clauses", "own_subprocessors": "none", "services": ["platform"],
}


def two_people(session: Session) -> tuple[Actor, Actor]:
    """Olga of ops and Paul of privacy."""
    olga = people.add(session, "olga@processor.example", "Olga Ops", [Role.OPS], actor=SYSTEM, now=NOW)
    paul = people.add(session, "paul@processor.example", "Paul Privacy", [Role.PRIVACY], actor=SYSTEM, now=NOW)
    return people.actor_for(olga, Door.CLI), people.actor_for(paul, Door.CLI)


def third_person(session: Session) -> Actor:
    """Petra, also of privacy: for acts that take two."""
    petra = people.add(session, "petra@processor.example", "Petra Privacy", [Role.PRIVACY], actor=SYSTEM, now=NOW)
    return people.actor_for(petra, Door.CLI)


def engineer(session: Session) -> Actor:
    """Egon, also of ops: who confirms that customers can be left out, and how."""
    known = session.exec(select(User).where(User.email == "egon@processor.example")).first()
    user = known or people.add(session, "egon@processor.example", "Egon Engineer", [Role.OPS], actor=SYSTEM, now=NOW)
    return people.actor_for(user, Door.CLI)


def baseline(session: Session, values: Sequence[EngagementValue] = (HOSTING,)) -> None:
    """A starting list and its first edition."""
    register.ensure_services(session, ["platform", "archive"])
    register.take_baseline(session, values, actor=SYSTEM, now=NOW)
    listing.new_edition(session, "baseline", NOW)


def customer(ref: str, **given: object) -> CustomerEntry:
    """A customer with one notice contact, unless told otherwise."""
    values: dict[str, object] = {
        "name": f"{ref.title()} Ltd", "services": ("platform",),
        "contacts": (ContactEntry(f"legal@{ref}.example", f"Lea of {ref.title()}"),), **given,
    }
    return CustomerEntry(ref=ref, **values)  # type: ignore[arg-type]


def take_in(session: Session, *entries: CustomerEntry) -> None:
    """Takes customers in."""
    customers.upsert(session, entries, actor=SYSTEM, now=NOW)


def approved(
    session: Session, olga: Actor, paul: Actor, *, start: date | None = START, now: datetime = NOW,
    separable: str = "no", **values: object,
) -> Change:
    """An addition, proposed by Olga and approved by Paul."""
    item = changes.draft(session, ChangeKind.ADD, values={**ANALYTICS, **values})
    change = changes.propose(session, [item], reason="We want to understand how the platform is used.",
                             planned_start=start, separable=separable, actor=olga, now=now)
    if separable != "no":
        exclusions.confirm_separable(session, change.ref, separable, "A switch per customer in the configuration.",
                                     actor=engineer(session), now=now)
    vouched(session, change, olga, now=now)
    changes.submit(session, change.ref, actor=olga, now=now)
    return changes.approve(session, change.ref, actor=paul, now=now + timedelta(minutes=1))


def vouched(session: Session, change: Change, actor: Actor, *, now: datetime = NOW) -> None:
    """Vouches for everything a change still asks for, by one link."""
    for item, points in evidence.checklist(session, change, changes.items_of(session, change), now):
        if kinds := [point.kind for point in points if point.answer is None or point.overdue]:
            given = Given(link="https://vendor.example/due-diligence.pdf")
            evidence.vouch(session, change, item.ref, kinds, given, actor=actor, now=now)


def start_due(session: Session, *, actor: Actor, now: datetime) -> list[str]:
    """What the clock does, for all changes in one transaction: the refs of those that moved."""
    return [ref for ref in releases.due(session, now) if releases.start_if_clear(session, ref, actor=actor, now=now)]


def announced(session: Session, olga: Actor, paul: Actor, **given: object) -> Change:
    """An approved addition, announced by Paul."""
    change = approved(session, olga, paul, **given)  # type: ignore[arg-type]
    announcements.announce(session, [change.ref], actor=paul, now=NOW + timedelta(minutes=2))
    return change


def claimed(session: Session, now: datetime, transport: str = "outbox", most: int = 50) -> list[Claimed]:
    """Letters in a worker's hands, none of them written."""
    rows = deliveries.lock_due(session, most, transport, now=now)
    deliveries.take(session, rows, {}, transport, actor=system(Door.JOB), now=now)
    return rows
