"""Customers and their contacts: taken in from files, or one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from notifier.domain import joining
from notifier.domain.customers import ContactEntry as ContactEntry
from notifier.domain.customers import CustomerEntry as CustomerEntry
from notifier.domain.customers import contact_faults
from notifier.domain.people import Actor, ContactRole, Kind, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.terms import HolidaySet, Terms, check
from notifier.tables import Contact, Customer, CustomerService, EarlierService, Service
from notifier.workflow import (
    addresses,
    audit,
    calendars,
    contact_checks,
    customer_writing,
    latecomers,
    listing,
    mailboxes,
    settings,
)
from notifier.workflow.customer_changes import Plan
from notifier.workflow.customer_writing import Taken, Watch


def upsert(
    session: Session, entries: Iterable[CustomerEntry], *, actor: Actor, now: datetime,
    watch: Watch | None = None,
) -> Taken:
    """Takes customers in by their reference: how many were new, changed, or stay as they are. An entry in the log for
    each thousand, and one for all of them. `watch` is told of each part before it is written, and may let those at
    fault be left out; without one they refuse the whole.

    A contact the entry no longer names is retired, not deleted: letters it received stay proven. A service it no
    longer names ends with yesterday. Whoever comes late to a change is owed its notice by the same act
    (`workflow.latecomers`). Raises Refusal role_missing, and bad_value with everything that is wrong
    (`domain.customers.faults`, terms that cannot be, an address that is none, a customer nobody could be told for).
    """
    if actor.kind is Kind.PERSON:
        _refuse_others(actor)
    return customer_writing.take_in(session, comparing(session, now), entries, actor=actor, now=now,
                                    watch=watch)


def comparing(session: Session, now: datetime) -> Plan:
    """What compares entries with what is stored, and says what would become of them."""
    return Plan(session, now, check_terms)


def check_terms(session: Session, entry: CustomerEntry) -> Terms:
    """The terms an entry means, with the defaults. Raises Refusal bad_value."""
    check(entry.terms)
    terms = settings.terms_of(session, entry.terms, entry.country, entry.subdivision)
    calendars.check_zone(terms.zone)
    place = HolidaySet(entry.country, entry.subdivision)
    for each in terms.holiday_sets:
        if each == place and "holiday_sets" not in entry.terms:
            calendars.check_place(place)
        else:
            calendars.check(each)
    return terms


def add_contact(
    session: Session, customer: Customer, entry: ContactEntry, *, actor: Actor, now: datetime
) -> Contact:
    """One more contact, behind those there are; a retired one of the same address and role comes back. Notices
    announced already are not sent again by this, but for one that had nobody to go to. Raises Refusal role_missing,
    exists, bad_value."""
    _refuse_others(actor)
    email = _checked(entry)
    held = contacts(session, customer)
    row = next((c for c in held if c.email == email and c.role == entry.role), None)
    if row is not None and row.retired_at is None:
        raise Refusal("exists", what="contact", ref=email)
    last = max((c.position for c in held if c.retired_at is None), default=0)
    if row is None:
        marks = mailboxes.marked(session, [email]).get(email, {})
        row = Contact(customer_id=customer.id or 0, email=email, role=entry.role, bounced_at=marks.get("bounced_at"),
                      barred_at=marks.get("barred_at"), check_at=contact_checks.first(now))
        session.add(row)
    row.name, row.phone, row.position, row.retired_at = entry.name, entry.phone, last + 1, None
    customer.updated_at = now
    session.flush()
    audit.note(session, "add_contact", "customer", str(customer.id), actor=actor, now=now,
               refs={"contact": str(row.id), "role": str(entry.role)}, detail={"email": email, "name": row.name})
    latecomers.look_after(session, [customer.id or 0], actor=actor, now=now)
    return row


def record_annex(
    session: Session, customer: Customer, edition: int | None, *, actor: Actor, now: datetime
) -> None:
    """Records which edition of the list stands in the annex this customer accepted (None: as its dates tell), and owes
    it what follows. What it was told already stands. Raises Refusal role_missing, bad_value, nothing_changes."""
    _refuse_others(actor)
    check_annex(session, edition)
    if customer.annex_edition == edition:
        raise Refusal("nothing_changes")
    before, customer.annex_edition, customer.updated_at = customer.annex_edition, edition, now
    session.flush()
    audit.note(session, "record_annex", "customer", str(customer.id), actor=actor, now=now,
               refs={"before": before, "after": edition})
    latecomers.look_after(session, [customer.id or 0], actor=actor, now=now)


def check_annex(session: Session, edition: int | None) -> None:
    """Raises Refusal bad_value for an edition there is none of. 0 is an annex from before the first one."""
    newest = listing.newest(session)
    if edition is not None and not 0 <= edition <= (newest.n if newest else 0):
        raise Refusal("bad_value", field=N_("Edition in the annex"), problem=N_("there is no such edition of the list"))


def change_contact(
    session: Session, customer: Customer, contact_id: int, entry: ContactEntry, *, actor: Actor, now: datetime
) -> Contact:
    """Mends a contact's name, telephone and role. Another address is another contact: that one is added, and this
    one retired, so that what it received stays proven; it takes the place of this one. Returns the one in use.
    Raises Refusal role_missing, unknown, exists, bad_value, last_contact."""
    _refuse_others(actor)
    row, email = contact(session, customer, contact_id), _checked(entry)
    held = contacts(session, customer)
    other = next((c for c in held if c.id != row.id and c.email == email and c.role == entry.role), None)
    if other is not None and other.retired_at is None:
        raise Refusal("exists", what="contact", ref=email)
    if (email, entry.role) == (row.email, row.role):
        row.name, row.phone = entry.name, entry.phone
        customer.updated_at = now
        audit.note(session, "change_contact", "customer", str(customer.id), actor=actor, now=now,
                   refs={"contact": str(row.id)})
        return row
    place = row.position
    new = add_contact(session, customer, entry, actor=actor, now=now)
    retire_contact(session, customer, contact_id, actor=actor, now=now)
    new.position = place
    session.flush()
    return new


def retire_contact(session: Session, customer: Customer, contact_id: int, *, actor: Actor, now: datetime) -> None:
    """Nothing more is written to this contact; what it received stays proven. Raises Refusal role_missing, unknown,
    and last_contact for the last one for notices, unless the contract has ended."""
    _refuse_others(actor)
    row = contact(session, customer, contact_id)
    others = [c for c in contacts(session, customer)
              if c.id != row.id and c.role == ContactRole.NOTICE and c.retired_at is None]
    if row.retired_at is None and row.role == ContactRole.NOTICE and not others and not _over(session, customer, now):
        raise Refusal("last_contact", ref=customer.ref)
    row.retired_at = row.retired_at or now
    customer.updated_at = now
    audit.note(session, "retire_contact", "customer", str(customer.id), actor=actor, now=now,
               refs={"contact": str(row.id)}, detail={"email": row.email})


def order_contacts(
    session: Session, customer: Customer, first_to_last: Sequence[int], *, actor: Actor, now: datetime
) -> None:
    """Puts contacts into the order they are written to; those not named follow, as they stood. Raises Refusal
    role_missing, unknown."""
    _refuse_others(actor)
    live = {c.id or 0: c for c in contacts(session, customer) if c.retired_at is None}
    for number in first_to_last:
        if number not in live:
            raise Refusal("unknown", what="contact", ref=str(number))
    order = [*dict.fromkeys(first_to_last), *(n for n in live if n not in first_to_last)]
    for place, number in enumerate(order, 1):
        if live[number].position != place:
            live[number].position = place
    customer.updated_at = now
    session.flush()
    audit.note(session, "order_contacts", "customer", str(customer.id), actor=actor, now=now,
               refs={"contacts": [str(number) for number in order]})


def _checked(entry: ContactEntry) -> str:
    """The address in the form it is kept in. Raises Refusal bad_value for anything in the contact that cannot be."""
    for fault in contact_faults(entry):
        raise Refusal("bad_value", field=fault.field, problem=fault.problem)
    return addresses.normal(entry.email)


def _over(session: Session, customer: Customer, now: datetime) -> bool:
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    return customer.contract_end is not None and customer.contract_end < today


def contact(session: Session, customer: Customer, contact_id: int) -> Contact:
    """One contact of a customer's. Raises Refusal unknown."""
    row = session.exec(select(Contact).where(Contact.id == contact_id, Contact.customer_id == customer.id)).first()
    if row is None:
        raise Refusal("unknown", what="contact", ref=str(contact_id))
    return row


def _refuse_others(actor: Actor) -> None:
    if not actor.roles & {Role.OPS, Role.PRIVACY}:
        raise Refusal("role_missing", roles="ops, privacy")


def get(session: Session, ref: str) -> Customer:
    """The customer of this reference. Raises Refusal unknown."""
    customer = session.exec(select(Customer).where(Customer.ref == ref)).first()
    if customer is None:
        raise Refusal("unknown", what="customer", ref=ref)
    return customer


@dataclass(frozen=True)
class Ended:
    """A customer whose contract has ended, and the civil day its data has to be deleted or anonymised by."""

    customer: Customer
    data_due_on: date

    def overdue(self, today: date) -> bool:
        """Whether that day is over."""
        return self.data_due_on < today


def ended(session: Session, now: datetime) -> list[Ended]:
    """The customers whose contract has ended, in the order in which their data is due."""
    today, days = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date(), settings.data_days(session)
    rows = session.exec(select(Customer).where(col(Customer.contract_end) < today)
                        .order_by(col(Customer.contract_end), col(Customer.id)))
    return [Ended(row, joining.data_due_on(row.contract_end, days)) for row in rows if row.contract_end]


def data_due_on(session: Session, customer: Customer) -> date | None:
    """The day by which a customer's data has to be deleted or anonymised; None while its contract has no end."""
    days = settings.data_days(session)
    return joining.data_due_on(customer.contract_end, days) if customer.contract_end else None


def known(session: Session, ref: str) -> bool:
    """Whether there is a customer of this reference."""
    return session.exec(select(Customer.id).where(Customer.ref == ref)).first() is not None


def every(session: Session) -> list[Customer]:
    """All customers, by name."""
    return list(session.exec(select(Customer).order_by(col(Customer.name), col(Customer.id))))


def contacts(session: Session, customer: Customer) -> list[Contact]:
    """A customer's contacts, retired ones last."""
    return list(session.exec(
        select(Contact).where(Contact.customer_id == customer.id)
        .order_by(col(Contact.retired_at).is_not(None), col(Contact.position), col(Contact.id))
    ))


def services_of(session: Session, customer: Customer) -> list[Service]:
    """What a customer buys; none recorded means everything."""
    return list(session.exec(
        select(Service).join(CustomerService, col(CustomerService.service_id) == col(Service.id))
        .where(CustomerService.customer_id == customer.id, col(CustomerService.ended_on).is_(None))
        .order_by(col(Service.id))
    ))


@dataclass(frozen=True)
class Period:
    """A time in which a customer bought a service: since when we know of it (None: since before the records), and its
    last day. `from_the_start`: recorded on the day the customer was taken in, so it bought it before that too."""

    service_id: int
    slug: str
    bought_at: datetime | None
    ended_on: date | None
    since: date | None
    from_the_start: bool

    def covers(self, day: date) -> bool:
        """Whether the service was bought on this day."""
        begun = self.since is None or self.from_the_start or self.since <= day
        return begun and not self.over_by(day)

    def over_by(self, day: date) -> bool:
        """Whether it had ended before this day."""
        return self.ended_on is not None and self.ended_on < day


def periods(session: Session, customer_id: int) -> list[Period]:
    """Every period in which a customer bought a service, earlier ones first. Days are the organisation's."""
    zone = ZoneInfo(settings.organisation(session).zone)
    taken_in = session.exec(select(Customer.created_at).where(Customer.id == customer_id)).first()
    first = taken_in.astimezone(zone).date() if taken_in else date.min
    bought: list[tuple[EarlierService | CustomerService, str]] = []
    for model in (EarlierService, CustomerService):
        rows: Any = model
        bought += session.exec(
            select(rows, Service.slug).join(Service, col(Service.id) == rows.service_id)
            .where(rows.customer_id == customer_id).order_by(rows.bought_at, col(Service.id))).all()
    found = []
    for row, slug in bought:
        since = row.bought_at.astimezone(zone).date() if row.bought_at else None
        found.append(Period(row.service_id, slug, row.bought_at, row.ended_on, since,
                            since is not None and since <= first))
    return found


def services_on(session: Session, customer_id: int, day: date) -> frozenset[str] | None:
    """The slugs of what a customer buys, or bought, on a day; None where nothing is recorded for it, which means
    every service."""
    return frozenset(p.slug for p in periods(session, customer_id) if p.covers(day)) or None
