"""Customers and their contacts: taken in from files, or one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, select

from notifier.domain.people import Actor, ContactRole, Role
from notifier.domain.refusals import Refusal
from notifier.domain.terms import Terms
from notifier.tables import Contact, Customer, CustomerService, Service
from notifier.workflow import audit, barring, calendars, register, settings


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
    contract_start: date | None = None
    contract_end: date | None = None
    services: tuple[str, ...] = ()
    terms: Mapping[str, Any] = field(default_factory=dict)
    contacts: tuple[ContactEntry, ...] = ()


_COPIED = (
    "name", "language", "country", "subdivision", "postal_address", "agreement", "agreement_date", "clause",
    "contract_start", "contract_end",
)


def upsert(session: Session, entries: Sequence[CustomerEntry], *, actor: Actor, now: datetime) -> tuple[int, int]:
    """Takes customers in by their reference: (new, updated). One act in the log, with how many.

    A contact the entry no longer names is retired, not deleted: letters it received stay proven.
    Raises Refusal bad_value for a zone or a holiday calendar nobody knows.
    """
    known = {c.ref: c for c in session.exec(select(Customer))}
    added = updated = 0
    for entry in entries:
        check_terms(session, entry)
        customer = known.get(entry.ref)
        if customer is None:
            customer = Customer(ref=entry.ref, name=entry.name, terms={}, created_at=now, updated_at=now)
            known[entry.ref] = customer
            added += 1
        else:
            updated += 1
        _write(session, customer, entry, now)
    audit.note(session, "import", "customer", "", actor=actor, now=now, count=len(entries),
               refs={"added": added, "updated": updated})
    return added, updated


def check_terms(session: Session, entry: CustomerEntry) -> Terms:
    """The terms an entry means, with the defaults. Raises Refusal bad_value."""
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
    for service_id in wanted.keys() - held.keys():
        session.add(CustomerService(customer_id=customer.id or 0, service_id=service_id or 0, bought_at=now))
    for service_id in held.keys() - wanted.keys():
        session.delete(held[service_id])
    _write_contacts(session, customer, entry, now)


def _write_contacts(session: Session, customer: Customer, entry: CustomerEntry, now: datetime) -> None:
    held = {(c.email, c.role): c for c in contacts(session, customer)}
    written = []
    for given in entry.contacts:
        email = address(given.email)
        row = held.pop((email, given.role), None)
        if row is None:
            row = Contact(customer_id=customer.id or 0, email=email, role=given.role)
            session.add(row)
        row.name, row.phone, row.position, row.retired_at = given.name, given.phone, given.position, None
        written.append(row)
    if entry.contacts:
        for gone in held.values():
            gone.retired_at = gone.retired_at or now
    barring.carry(session, written)
    session.flush()


def add_contact(
    session: Session, customer: Customer, entry: ContactEntry, *, actor: Actor, now: datetime
) -> Contact:
    """One more contact, behind those there are; a retired one of the same address and role comes back. Notices
    announced already are not sent again by this. Raises Refusal role_missing, exists, bad_value."""
    _refuse_others(actor)
    email = address(entry.email)
    held = contacts(session, customer)
    row = next((c for c in held if c.email == email and c.role == entry.role), None)
    if row is not None and row.retired_at is None:
        raise Refusal("exists", what="contact", ref=email)
    if row is None:
        last = max((c.position for c in held if c.retired_at is None), default=0)
        row = Contact(customer_id=customer.id or 0, email=email, role=entry.role, position=last + 1)
        session.add(row)
    row.name, row.phone, row.retired_at = entry.name, entry.phone, None
    barring.carry(session, [row])
    session.flush()
    audit.note(session, "add_contact", "customer", str(customer.id), actor=actor, now=now,
               refs={"contact": str(row.id), "role": str(entry.role)}, detail={"email": email, "name": row.name})
    return row


def retire_contact(session: Session, customer: Customer, contact_id: int, *, actor: Actor, now: datetime) -> None:
    """Nothing more is written to this contact; what it received stays proven. Raises Refusal role_missing, unknown."""
    _refuse_others(actor)
    row = session.exec(select(Contact).where(Contact.id == contact_id, Contact.customer_id == customer.id)).first()
    if row is None:
        raise Refusal("unknown", what="contact", ref=str(contact_id))
    row.retired_at = row.retired_at or now
    audit.note(session, "retire_contact", "customer", str(customer.id), actor=actor, now=now,
               refs={"contact": str(row.id)}, detail={"email": row.email})


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
        .where(CustomerService.customer_id == customer.id).order_by(col(Service.id))
    ))
