"""What taking customers in would change, customer by customer, before anything is written: the page and the command
line show it, and `customer_writing` does exactly that."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session

from notifier.domain import customers as rules
from notifier.domain.customers import ContactEntry, CustomerEntry
from notifier.domain.people import ContactRole
from notifier.domain.refusals import Refusal
from notifier.domain.register import slug
from notifier.domain.sentences import N_, Sentence
from notifier.tables import Contact, Customer, CustomerService, Service
from notifier.tables.base import table
from notifier.workflow import addresses, listing, settings

PART = 1000  # customers read, compared and written at a time
COPIED = (
    "name", "language", "country", "subdivision", "postal_address", "agreement", "agreement_date", "clause",
    "annex_edition", "contract_start", "contract_end",
)


@dataclass(frozen=True, slots=True)
class Altered:
    """A field, what it was, and what it is to be; "" and None for nothing."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What becomes of a contact: `added`, `changed` (a retired one that comes back too) or `retired`. `row` is its id;
    None for a new one."""

    what: str
    entry: ContactEntry
    fields: tuple[Altered, ...] = ()
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """What becomes of one customer: new, or changed in these fields and contacts; nothing of both where it stays as it
    is. `started` and `ended` are the slugs of services bought from now on, or not any more."""

    entry: CustomerEntry
    held: HeldCustomer | None
    fields: tuple[Altered, ...]
    started: tuple[str, ...]
    ended: tuple[str, ...]
    contacts: tuple[ContactChange, ...]

    @property
    def new(self) -> bool:
        """Whether the customer is taken in for the first time."""
        return self.held is None

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.new or bool(self.fields or self.started or self.ended or self.contacts)


@dataclass(frozen=True, slots=True)
class Fault:
    """What keeps a customer from being taken in: the entry's place among the others, the field, and the words."""

    number: int
    ref: str
    field: str
    problem: Sentence


@dataclass(slots=True)
class HeldCustomer:
    """A customer as it is stored: its columns by name, the services it ever bought, its contacts."""

    values: Mapping[str, Any]
    services: dict[str, Any] = field(default_factory=dict)  # by slug, their rows of customer_service
    contacts: list[Any] = field(default_factory=list)  # their rows, in order, retired ones last

    @property
    def id(self) -> int:
        """Its number."""
        return int(self.values["id"])

    @property
    def buys(self) -> tuple[str, ...]:
        """The slugs of what it buys now."""
        return tuple(name for name, row in self.services.items() if row.ended_on is None)


def parts(entries: Iterable[CustomerEntry], size: int = PART) -> Iterator[list[CustomerEntry]]:
    """The entries in parts, in their order."""
    left = iter(entries)
    while part := list(islice(left, size)):
        yield part


def held(session: Session, refs: Collection[str]) -> dict[str, HeldCustomer]:
    """The customers of these references that are stored, with services and contacts: three statements for a part."""
    rows = session.execute(sa.select(table(Customer)).where(_c.ref.in_(list(refs)))).mappings()
    by_id = {row["id"]: HeldCustomer(dict(row)) for row in rows}
    bought = session.execute(
        sa.select(*_b, _s.slug).join_from(table(CustomerService), table(Service), _s.id == _b.service_id)
        .where(_b.customer_id.in_(by_id)).order_by(_s.id))
    for row in bought:
        by_id[row.customer_id].services[row.slug] = row
    contacts = session.execute(
        sa.select(table(Contact)).where(_k.customer_id.in_(by_id))
        .order_by(_k.retired_at.is_not(None), _k.position, _k.id))
    for row in contacts:
        by_id[row.customer_id].contacts.append(row)
    return {each.values["ref"]: each for each in by_id.values()}


_c, _b, _s, _k = (table(model).c for model in (Customer, CustomerService, Service, Contact))


class Plan:
    """Compares entries with what is stored, part by part. Remembers what many customers have in common: their terms."""

    def __init__(self, session: Session, now: datetime, check: Callable[[Session, CustomerEntry], object]) -> None:
        """`check` raises Refusal bad_value for terms that cannot be."""
        self._session, self._check = session, check
        self.zone = ZoneInfo(settings.organisation(session).zone)
        self.today = now.astimezone(self.zone).date()
        newest = listing.newest(session)
        self._editions = newest.n if newest else 0
        self._terms: dict[str, Refusal | None] = {}
        self._seen: set[str] = set()
        self._done = 0

    def part(self, entries: Sequence[CustomerEntry]) -> tuple[list[Difference], list[Fault]]:
        """What becomes of the next entries, and everything that is wrong with them; what is at fault has no
        difference. Addresses are put into the form they are kept in."""
        stored = held(self._session, [entry.ref for entry in entries])
        found: list[Difference] = []
        faults: list[Fault] = []
        for number, entry in enumerate(entries, self._done):
            sound, wrong = self._sound(entry)
            difference = _difference(sound, stored.get(entry.ref))
            if not wrong and not reachable(difference, self.today):
                wrong.append(rules.Fault("contact_email", Sentence(N_(
                    "a customer needs at least one contact for notices: nobody could be told otherwise"))))
            if wrong:
                faults += [Fault(number, entry.ref, each.field, each.problem) for each in wrong]
            else:
                found.append(difference)
        self._done += len(entries)
        return found, faults

    def _sound(self, entry: CustomerEntry) -> tuple[CustomerEntry, list[rules.Fault]]:
        wrong = list(rules.faults(entry))
        if entry.ref in self._seen:
            wrong.append(rules.Fault("ref", Sentence(N_("this reference stands there twice"))))
        self._seen.add(entry.ref)
        if entry.annex_edition is not None and not 0 <= entry.annex_edition <= self._editions:
            wrong.append(rules.Fault("annex_edition", Sentence(N_("there is no such edition of the list"))))
        if not wrong and (refusal := self._terms_fault(entry)) is not None:
            wrong.append(_as_fault(refusal))
        contacts: dict[tuple[str, ContactRole], ContactEntry] = {}
        for contact in entry.contacts:
            try:
                email = addresses.normal(contact.email)
            except Refusal as refusal:
                wrong.append(_as_fault(refusal))
                continue
            contacts.setdefault((email, contact.role),
                                contact if email == contact.email else replace(contact, email=email))
        return replace(entry, contacts=tuple(contacts.values())), wrong

    def _terms_fault(self, entry: CustomerEntry) -> Refusal | None:
        key = json.dumps([entry.terms, entry.country, entry.subdivision], sort_keys=True, default=str)
        if key not in self._terms:
            try:
                self._check(self._session, entry)
                self._terms[key] = None
            except Refusal as refusal:
                self._terms[key] = refusal
        return self._terms[key]


def _as_fault(refusal: Refusal) -> rules.Fault:
    problem = refusal.sentence.facts.get("problem", refusal.sentence)
    words = problem if isinstance(problem, Sentence) else Sentence(str(problem))
    if refusal.details:
        words = Sentence(N_("%(problem)s (%(details)s)"),
                         {"problem": words, "details": "; ".join(map(str, refusal.details))})
    return rules.Fault(str(refusal.sentence.facts.get("field", "")), words)


def reachable(difference: Difference, today: date) -> bool:
    """Whether a customer keeps somebody to tell: at least one contact for notices that is not retired, unless its
    contract has ended. Whoever had none before is not made to find one for another change."""
    entry, stored = difference.entry, difference.held
    if entry.contract_end is not None and entry.contract_end < today:
        return True
    live = {c.id for c in stored.contacts if c.role == ContactRole.NOTICE and c.retired_at is None} if stored else set()
    had = bool(live)
    for change in difference.contacts:
        if change.what == "retired":
            live.discard(change.row)
        elif change.entry.role == ContactRole.NOTICE:
            live.add(change.row or 0)
    return bool(live) or (stored is not None and not had)


def _difference(entry: CustomerEntry, stored: HeldCustomer | None) -> Difference:
    wanted = tuple(dict.fromkeys(filter(None, map(slug, entry.services))))
    if stored is None:
        added = tuple(ContactChange("added", contact) for contact in entry.contacts)
        return Difference(entry, None, (), wanted, (), added)
    buys = stored.buys
    return Difference(
        entry, stored, tuple(_fields(entry, stored.values)), tuple(s for s in wanted if s not in buys),
        tuple(s for s in buys if s not in wanted), tuple(_contacts(entry, stored.contacts)),
    )


def _fields(entry: CustomerEntry, values: Mapping[str, Any]) -> Iterator[Altered]:
    for name in COPIED:
        if values[name] != (after := getattr(entry, name)):
            yield Altered(name, values[name], after)
    before = values["terms"]
    if before != entry.terms:
        for name in sorted(before.keys() | entry.terms.keys()):
            if before.get(name) != entry.terms.get(name):
                yield Altered(f"terms.{name}", before.get(name), entry.terms.get(name))


def _contacts(entry: CustomerEntry, rows: Sequence[Any]) -> Iterator[ContactChange]:
    left = {(row.email, row.role): row for row in rows}
    for given in entry.contacts:
        row = left.pop((given.email, str(given.role)), None)
        if row is None:
            yield ContactChange("added", given)
            continue
        fields = [Altered(name, before, after) for name, before, after in (
            ("name", row.name, given.name), ("phone", row.phone, given.phone),
            ("position", row.position, given.position)) if before != after]
        if row.retired_at is not None:
            fields.append(Altered("retired_at", row.retired_at, None))
        if fields:
            yield ContactChange("changed", given, tuple(fields), row.id)
    for row in left.values() if entry.contacts else ():
        if row.retired_at is None:
            yield ContactChange("retired", ContactEntry(row.email, row.name, row.phone, ContactRole(row.role),
                                                        row.position), (), row.id)
