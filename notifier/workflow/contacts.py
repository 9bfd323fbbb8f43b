"""A customer changes its own contacts, from its own page.

A new address counts once it was confirmed there, by a link that opens once; until then the old one goes on receiving
notices, and is told when it no longer does. There is always one contact left who receives them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.letters import LetterKind
from notifier.domain.people import Actor, ContactRole
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import NoticeState
from notifier.tables import Contact, ContactChange, Customer, Link, Notice
from notifier.workflow import addresses, audit, contact_checks, customers, deliveries, links, mailboxes, notices
from notifier.workflow.customers import ContactEntry

ADD, CHANGE, RETIRE = "add", "change", "retire"
MAY_CHANGE = (ContactRole.NOTICE, ContactRole.LEGAL)
MOST_A_DAY = 10  # changes one customer may ask for: each sends a letter to an address we do not know yet


def add(session: Session, customer: Customer, entry: ContactEntry, *, actor: Actor, now: datetime) -> ContactChange:
    """One more contact, from its confirmation on. Raises Refusal not_yours_to_change, bad_value, exists,
    too_many_links."""
    held = _locked(session, customer, actor)
    return _ask(session, customer, ADD, entry, None, held, actor=actor, now=now)


def change(
    session: Session, customer: Customer, contact_id: int, entry: ContactEntry, *, actor: Actor, now: datetime
) -> ContactChange | None:
    """Another address for a contact, from its confirmation there on; the contact keeps its role and its place. With the
    address as it is, name and telephone are changed at once, and None is returned. Raises as `add`, and unknown."""
    held = _locked(session, customer, actor)
    row = _one(held, contact_id)
    if addresses.normal(entry.email) == row.email:
        before = {"name": row.name, "phone": row.phone}
        row.name, row.phone = entry.name, entry.phone
        audit.note(session, "rename_contact", "customer", str(customer.id), actor=actor, now=now,
                   refs={"contact": str(row.id)}, detail={"before": before, "name": row.name, "phone": row.phone})
        return None
    wanted = ContactEntry(entry.email, entry.name, entry.phone, ContactRole(row.role), row.position)
    return _ask(session, customer, CHANGE, wanted, row, held, actor=actor, now=now)


def retire(session: Session, customer: Customer, contact_id: int, *, actor: Actor, now: datetime) -> None:
    """Nothing more is written to this contact, but one letter that says so. Raises Refusal not_yours_to_change,
    unknown, last_notice_contact."""
    row = _one(_locked(session, customer, actor), contact_id)
    others = [c for c in deliveries.notice_contacts(session, customer.id or 0) if c.id != row.id]
    if row.role == ContactRole.NOTICE and not others:
        raise Refusal("last_notice_contact")
    row.retired_at = now
    made = _kept(session, customer, RETIRE, ContactEntry(row.email, row.name, row.phone, ContactRole(row.role)), row,
                 actor, now, expires_at=now)
    made.confirmed_at = now
    for pending in _pending(session, customer, now):
        if pending.contact_id == row.id:
            pending.dropped_at = now
    _tell(session, customer, made, now=now)
    audit.note(session, "retire_contact", "customer", str(customer.id), actor=actor, now=now,
               refs={"contact": str(row.id)}, detail={"email": row.email})


def move_up(session: Session, customer: Customer, contact_id: int, *, actor: Actor, now: datetime) -> None:
    """A notice contact is written to before the one ahead of it, where the agreement writes to one after the other.
    Raises Refusal not_yours_to_change, unknown."""
    row = _one(_locked(session, customer, actor), contact_id)
    order = [c for c in of_customer(session, customer) if c.role == row.role]
    place = order.index(row)
    if place == 0:
        return
    order[place - 1:place + 1] = [row, order[place - 1]]
    for position, each in enumerate(order, 1):
        each.position = position
    audit.note(session, "order_contacts", "customer", str(customer.id), actor=actor, now=now,
               refs={"contacts": [str(c.id) for c in order]})


def drop(session: Session, customer: Customer, uid: str, *, actor: Actor, now: datetime) -> None:
    """Takes back a change that waits to be confirmed. Raises Refusal not_yours_to_change, unknown."""
    _locked(session, customer, actor)
    row = next((each for each in _pending(session, customer, now) if each.uid == uid), None)
    if row is None:
        raise Refusal("unknown", what="contact", ref=uid)
    row.dropped_at = now
    audit.note(session, "drop_contact_change", "customer", str(customer.id), actor=actor, now=now,
               refs={"change": row.uid})


def confirm(session: Session, link: Link, *, actor: Actor, now: datetime) -> ContactChange:
    """Said at the new address: from now on it counts. The address it takes the place of is told, and what could not be
    delivered so far is sent here. Raises Refusal link_used, link_revoked, change_over."""
    row = session.get(ContactChange, link.target_id)
    assert row is not None
    customer = session.exec(select(Customer).where(Customer.id == row.customer_id).with_for_update()).one()
    session.refresh(row, with_for_update=True)
    old = session.get(Contact, row.contact_id) if row.contact_id else None
    if row.dropped_at is not None or (row.confirmed_at is None and old is not None and old.retired_at is not None):
        raise Refusal("change_over")
    links.use(session, link, now)
    contact = _made(session, customer, row, old)
    if old is not None:
        old.retired_at = now
    row.confirmed_at, row.made_id = now, contact.id
    session.flush()
    contact_checks.heard(session, contact.id, now)
    _tell(session, customer, row, now=now)
    audit.note(session, "confirm_contact", "customer", str(customer.id), actor=actor, now=now,
               refs={"change": row.uid, "contact": str(contact.id), "instead_of": str(row.contact_id or "")},
               detail={"email": contact.email, "name": contact.name})
    if contact.role == ContactRole.NOTICE:
        _send_undelivered(session, customer, now)
    return row


def of_customer(session: Session, customer: Customer) -> list[Contact]:
    """A customer's contacts that are not retired: those for notices first, each kind in its order."""
    rank = {role: place for place, role in enumerate(ContactRole)}
    rows = [c for c in customers.contacts(session, customer) if c.retired_at is None]
    return sorted(rows, key=lambda c: (rank.get(ContactRole(c.role), 9), c.position, c.id or 0))


def pending(session: Session, customer: Customer, now: datetime) -> list[ContactChange]:
    """What waits to be confirmed at its new address, oldest first."""
    return _pending(session, customer, now)


def _pending(session: Session, customer: Customer, now: datetime) -> list[ContactChange]:
    return list(session.exec(
        select(ContactChange).where(
            ContactChange.customer_id == customer.id, col(ContactChange.confirmed_at).is_(None),
            col(ContactChange.dropped_at).is_(None), col(ContactChange.expires_at) > now)
        .order_by(col(ContactChange.id))
    ))


def _locked(session: Session, customer: Customer, actor: Actor) -> list[Contact]:
    """The contacts as they stand, while nobody else changes them. Raises Refusal not_yours_to_change."""
    session.exec(select(Customer).where(Customer.id == customer.id).with_for_update()).one()
    session.flush()
    held = of_customer(session, customer)
    for contact in held:
        session.refresh(contact)
    held = [contact for contact in held if contact.retired_at is None]
    if not any(c.id == actor.id and c.role in MAY_CHANGE for c in held):
        raise Refusal("not_yours_to_change")
    return held


def _one(held: list[Contact], contact_id: int) -> Contact:
    row = next((contact for contact in held if contact.id == contact_id), None)
    if row is None:
        raise Refusal("unknown", what="contact", ref=str(contact_id))
    return row


def _ask(
    session: Session, customer: Customer, act: str, entry: ContactEntry, instead_of: Contact | None,
    held: list[Contact], *, actor: Actor, now: datetime,
) -> ContactChange:
    email = _fit(session, entry.email)
    if any(c.email == email and c.role == entry.role for c in held):
        raise Refusal("exists", what="contact", ref=email)
    today = session.scalar(
        sa.select(sa.func.count()).select_from(ContactChange)
        .where(col(ContactChange.customer_id) == customer.id, col(ContactChange.act) != RETIRE,
               col(ContactChange.asked_at) > now - timedelta(days=1))
    ) or 0
    if today >= MOST_A_DAY:
        raise Refusal("too_many_links")
    for row in _pending(session, customer, now):
        same = row.contact_id == instead_of.id if instead_of else row.act == ADD and row.email == email
        if same:
            row.dropped_at = now  # asked for anew
    wanted = ContactEntry(email, entry.name, entry.phone, entry.role)
    made = _kept(session, customer, act, wanted, instead_of, actor, now, expires_at=now + links.LIFE[links.CONTACT])
    link = links.fresh(session, links.CONTACT, made.id or 0, contact_id=None, email=email, now=now)
    deliveries.queue(session, LetterKind.CONTACT_CONFIRM, "link", link.id or 0, email=email, name=entry.name,
                     language=customer.language, now=now)
    audit.note(session, "ask_contact", "customer", str(customer.id), actor=actor, now=now,
               refs={"change": made.uid, "act": act, "instead_of": str(made.contact_id or "")},
               detail={"email": email, "name": entry.name})
    return made


def _fit(session: Session, given: str) -> str:
    email = addresses.normal(given)
    if len(email) > 254:
        raise Refusal("bad_value", field=N_("E-mail"), problem=N_("this is not an address"))
    barred = select(Contact.id).where(Contact.email == email, col(Contact.barred_at).is_not(None)).limit(1)
    if session.exec(barred).first() is not None:
        raise Refusal("bad_value", field=N_("E-mail"),
                      problem=N_("this address has reported our letters as spam, so we may not write to it"))
    return email


def _kept(
    session: Session, customer: Customer, act: str, entry: ContactEntry, row: Contact | None, actor: Actor,
    now: datetime, *, expires_at: datetime,
) -> ContactChange:
    made = ContactChange(
        uid=str(uuid4()), customer_id=customer.id or 0, act=act, contact_id=row.id if row else None, email=entry.email,
        name=entry.name, phone=entry.phone, role=entry.role, asked_by=actor.id or 0, asked_at=now,
        expires_at=expires_at,
    )
    session.add(made)
    session.flush()
    return made


def _made(session: Session, customer: Customer, row: ContactChange, old: Contact | None) -> Contact:
    """The contact a confirmed change makes; a retired one of the same address and role comes back."""
    held = customers.contacts(session, customer)
    contact = next((c for c in held if c.email == row.email and c.role == row.role), None)
    if contact is None:
        contact = Contact(customer_id=customer.id or 0, email=row.email, role=row.role)
        session.add(contact)
    last = max((c.position for c in held if c.retired_at is None and c.role == row.role), default=0)
    contact.position = old.position if old else last + 1
    contact.name, contact.phone, contact.retired_at, contact.bounced_at = row.name, row.phone, None, None
    contact.barred_at = contact.barred_at or mailboxes.marked(session, [row.email]).get(row.email, {}).get("barred_at")
    session.flush()
    return contact


def _tell(session: Session, customer: Customer, row: ContactChange, *, now: datetime) -> None:
    """One letter to the address that no longer counts, and to whoever asked, where that is another one."""
    concerned = (session.get(Contact, number) for number in (row.contact_id, row.asked_by) if number)
    for contact in deliveries.distinct(c for c in concerned if c is not None and c.barred_at is None):
        if row.act == RETIRE or contact.email != row.email:
            deliveries.queue(session, LetterKind.CONTACT_CHANGED, "contact_change", row.id or 0, email=contact.email,
                             name=contact.name, language=customer.language, now=now, contact_id=contact.id)


def _send_undelivered(session: Session, customer: Customer, now: datetime) -> None:
    """Notices that reached nobody go to whoever of the contacts was not written to yet."""
    rows = session.exec(select(Notice).where(Notice.customer_id == customer.id,
                                             col(Notice.state) == NoticeState.UNDELIVERABLE).order_by(col(Notice.id)))
    for notice in rows.all():
        notices.next_contact(session, notices.lock(session, notice.id or 0), now=now)
