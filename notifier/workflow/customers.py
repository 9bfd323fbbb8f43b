"""Customers and their contacts: taken in from files, or one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from notifier.domain import joining
from notifier.domain.people import Actor, ContactRole, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.terms import Terms, check
from notifier.tables import Contact, Customer, CustomerService, EarlierService, Service
from notifier.workflow import audit, calendars, contact_checks, latecomers, listing, mailboxes, register, settings


@dataclass(frozen=True)
class ContactEntry:
    """A contact as a file or a form gives it."""

    email: str
    name: str = ""
    phone: str = ""
    role: ContactRole = ContactRole.NOTICE
    position: int = 1


@dataclass(frozen=True)
class CustomerEntry:
    """A customer as a file or a form gives it; `terms` only what its contract says differently."""

    ref: str
    name: str
    language: str = "en"
    country: str = ""
    subdivision: str = ""
    postal_address: str = ""
    agreement: str = ""
    agreement_date: date | None = None
    clause: str = ""
    annex_edition: int | None = None
    contract_start: date | None = None
    contract_end: date | None = None
    services: tuple[str, ...] = ()
    terms: Mapping[str, Any] = field(default_factory=dict)
    contacts: tuple[ContactEntry, ...] = ()


_COPIED = (
    "name", "language", "country", "subdivision", "postal_address", "agreement", "agreement_date", "clause",
    "annex_edition", "contract_start", "contract_end",
)


def upsert(session: Session, entries: Sequence[CustomerEntry], *, actor: Actor, now: datetime) -> tuple[int, int]:
    """Takes customers in by their reference: (new, updated). One act in the log, with how many.

    A contact the entry no longer names is retired, not deleted: letters it received stay proven. Whoever comes late
    to a change is owed its notice by the same act (`workflow.latecomers`).
    Raises Refusal bad_value for terms that cannot be (`domain.terms.check`), a zone or a holiday calendar nobody knows.
    """
    known = {c.ref: c for c in session.exec(select(Customer))}
    added = updated = 0
    written = []
    for entry in entries:
        check_terms(session, entry)
        check_annex(session, entry.annex_edition)
        customer = known.get(entry.ref)
        if customer is None:
            customer = Customer(ref=entry.ref, name=entry.name, terms={}, created_at=now, updated_at=now)
            known[entry.ref] = customer
            added += 1
        else:
            updated += 1
        _write(session, customer, entry, now)
        written.append(customer.id or 0)
    audit.note(session, "import", "customer", "", actor=actor, now=now, count=len(entries),
               refs={"added": added, "updated": updated})
    latecomers.look_after(session, written, actor=actor, now=now)
    return added, updated


def check_terms(session: Session, entry: CustomerEntry) -> Terms:
    """The terms an entry means, with the defaults. Raises Refusal bad_value."""
    check(entry.terms)
    terms = settings.terms_of(session, entry.terms, entry.country, entry.subdivision)
    calendars.check_zone(terms.zone)
    for each in terms.holiday_sets:
        calendars.check(each)
    return terms


def _write(session: Session, customer: Customer, entry: CustomerEntry, now: datetime) -> None:
    for name in _COPIED:
        setattr(customer, name, getattr(entry, name))
    customer.terms, customer.updated_at = dict(entry.terms), now
    session.add(customer)
    session.flush()
    wanted = {s.id: s for s in register.ensure_services(session, entry.services)}
    held = {row.service_id: row for row in session.exec(
        select(CustomerService).where(CustomerService.customer_id == customer.id))}
    for service_id in sorted(number or 0 for number in wanted.keys() - held.keys()):
        session.add(CustomerService(customer_id=customer.id or 0, service_id=service_id, bought_at=now))
    zone = ZoneInfo(settings.organisation(session).zone)
    for service_id, row in held.items():
        if service_id in wanted:
            _buy_again(session, row, now)
        elif row.ended_on is None:
            _stop(session, row, now, zone)
    _write_contacts(session, customer, entry, now)


def _buy_again(session: Session, row: CustomerService, now: datetime) -> None:
    """A service bought after its end begins a new period; the old one is kept."""
    if row.ended_on is not None:
        session.add(EarlierService(customer_id=row.customer_id, service_id=row.service_id, bought_at=row.bought_at,
                                   ended_on=row.ended_on))
        row.bought_at, row.ended_on = now, None


def _stop(session: Session, row: CustomerService, now: datetime, zone: ZoneInfo) -> None:
    """A service no longer bought today was bought until yesterday. What was recorded only today was a mistake."""
    today = now.astimezone(zone).date()
    if row.bought_at is not None and row.bought_at.astimezone(zone).date() >= today:
        session.delete(row)
    else:
        row.ended_on = today - timedelta(days=1)


def _write_contacts(session: Session, customer: Customer, entry: CustomerEntry, now: datetime) -> None:
    held = {(c.email, c.role): c for c in contacts(session, customer)}
    written = []
    for given in entry.contacts:
        email = address(given.email)
        row = held.pop((email, given.role), None)
        if row is None:
            row = Contact(customer_id=customer.id or 0, email=email, role=given.role,
                          check_at=contact_checks.first(now))
            session.add(row)
        row.name, row.phone, row.position, row.retired_at = given.name, given.phone, given.position, None
        written.append(row)
    if entry.contacts:
        for gone in held.values():
            gone.retired_at = gone.retired_at or now
    mailboxes.carry(session, written)
    session.flush()


def add_contact(
    session: Session, customer: Customer, entry: ContactEntry, *, actor: Actor, now: datetime
) -> Contact:
    """One more contact, behind those there are; a retired one of the same address and role comes back. Notices
    announced already are not sent again by this, but for one that had nobody to go to. Raises Refusal role_missing,
    exists, bad_value."""
    _refuse_others(actor)
    email = address(entry.email)
    held = contacts(session, customer)
    row = next((c for c in held if c.email == email and c.role == entry.role), None)
    if row is not None and row.retired_at is None:
        raise Refusal("exists", what="contact", ref=email)
    if row is None:
        last = max((c.position for c in held if c.retired_at is None), default=0)
        row = Contact(customer_id=customer.id or 0, email=email, role=entry.role, position=last + 1,
                      check_at=contact_checks.first(now))
        session.add(row)
    row.name, row.phone, row.retired_at = entry.name, entry.phone, None
    mailboxes.carry(session, [row])
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


def retire_contact(session: Session, customer: Customer, contact_id: int, *, actor: Actor, now: datetime) -> None:
    """Nothing more is written to this contact; what it received stays proven. Raises Refusal role_missing, unknown."""
    _refuse_others(actor)
    row = contact(session, customer, contact_id)
    row.retired_at = row.retired_at or now
    audit.note(session, "retire_contact", "customer", str(customer.id), actor=actor, now=now,
               refs={"contact": str(row.id)}, detail={"email": row.email})


def contact(session: Session, customer: Customer, contact_id: int) -> Contact:
    """One contact of a customer's. Raises Refusal unknown."""
    row = session.exec(select(Contact).where(Contact.id == contact_id, Contact.customer_id == customer.id)).first()
    if row is None:
        raise Refusal("unknown", what="contact", ref=str(contact_id))
    return row


def _refuse_others(actor: Actor) -> None:
    if not actor.roles & {Role.OPS, Role.PRIVACY}:
        raise Refusal("role_missing", roles="ops, privacy")


def address(email: str) -> str:
    """An address as it is kept: the domain in lower case, in its ASCII form; the local part as given."""
    local, at, domain = email.strip().rpartition("@")
    if not local or not at or "." not in domain or " " in email.strip():
        raise Refusal("bad_value", field="contact_email", problem=f"“{email}” is not an address")
    try:
        return f"{local}@{domain.lower().encode('idna').decode()}"
    except UnicodeError:
        raise Refusal("bad_value", field="contact_email", problem=f"“{email}” is not an address") from None


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
