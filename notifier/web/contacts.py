"""A customer changes its own contacts: who is written to, confirmed at each new address before it counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, g, request
from sqlmodel import Session

from notifier import clock, text
from notifier.domain.people import Actor, ContactRole, Door, Kind
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.tables import Contact, ContactChange, Customer, Link
from notifier.web import customers
from notifier.web.customers import Caller
from notifier.web.pages import house
from notifier.workflow import contacts, links, settings
from notifier.workflow import customers as customer_verbs
from notifier.workflow.customers import ContactEntry

bp = Blueprint("contacts", __name__)
customers.prepare(bp)

LONGEST_NAME, LONGEST_PHONE, LONGEST_ADDRESS = 200, 60, 254
CONTACTS = "contacts"  # where the page shows them


@bp.get("/my/<token>/contacts/new")
def new_page(token: str) -> Response:
    """The form for one more contact."""
    with house().database.reading() as db:
        customers.enter_customer(db, token)
    return _form(None, {"email": "", "name": "", "phone": "", "role": str(ContactRole.NOTICE)}, {})


@bp.post("/my/<token>/contacts/new")
def new(token: str) -> Response:
    """One more contact, once its address is confirmed. Raises Refusal as the verb."""
    given = _given()
    with house().database.reading() as db:
        customers.enter_customer(db, token)
    if errors := _faults(given):
        return customers.refused_entry(_form(None, given, errors))
    with house().database.transaction() as db:
        caller = customers.enter_customer(db, token)
        contacts.add(db, caller.customer, _entry(given), actor=caller.actor, now=clock.now())
    house().ring_all()
    return _back(caller)


@bp.get("/my/<token>/contacts/<int:number>")
def change_page(token: str, number: int) -> Response:
    """The form for a contact there is. Raises Refusal unknown."""
    with house().database.reading() as db:
        row = _one(db, customers.enter_customer(db, token), number)
    return _form(row, {"email": row.email, "name": row.name, "phone": row.phone, "role": row.role}, {})


@bp.post("/my/<token>/contacts/<int:number>")
def change(token: str, number: int) -> Response:
    """A new address, once it is confirmed; name and telephone at once. Raises Refusal as the verb."""
    given = _given()
    with house().database.reading() as db:
        row = _one(db, customers.enter_customer(db, token), number)
    given["role"] = row.role
    if errors := _faults(given):
        return customers.refused_entry(_form(row, given, errors))
    with house().database.transaction() as db:
        caller = customers.enter_customer(db, token)
        contacts.change(db, caller.customer, number, _entry(given), actor=caller.actor, now=clock.now())
    house().ring_all()
    return _back(caller)


@bp.get("/my/<token>/contacts/<int:number>/retire")
def retire_page(token: str, number: int) -> Response:
    """What retiring means, and the button. Raises Refusal unknown."""
    with house().database.reading() as db:
        row = _one(db, customers.enter_customer(db, token), number)
    return customers.page("my/retire.html", contact=row, action=request.path)


@bp.post("/my/<token>/contacts/<int:number>/retire")
def retire(token: str, number: int) -> Response:
    """Nothing more is written to this contact. Raises Refusal last_notice_contact."""
    with house().database.transaction() as db:
        caller = customers.enter_customer(db, token)
        contacts.retire(db, caller.customer, number, actor=caller.actor, now=clock.now())
    house().ring_all()
    if number == caller.link.contact_id:  # its own link opens nothing from here on
        return customers.page("my/left.html")
    return _back(caller)


@bp.post("/my/<token>/contacts/<int:number>/up")
def up(token: str, number: int) -> Response:
    """One place further up in the order in which contacts are written to."""
    with house().database.transaction() as db:
        caller = customers.enter_customer(db, token)
        contacts.move_up(db, caller.customer, number, actor=caller.actor, now=clock.now())
    return _back(caller)


@bp.post("/my/<token>/contacts/pending/<uid>/drop")
def drop(token: str, uid: str) -> Response:
    """Takes back a change that waits to be confirmed."""
    with house().database.transaction() as db:
        caller = customers.enter_customer(db, token)
        contacts.drop(db, caller.customer, uid, actor=caller.actor, now=clock.now())
    return _back(caller)


@bp.get("/my/confirm/<token>")
def confirm_page(token: str) -> Response:
    """At the new address: what is confirmed, and the button; or that it is done, or over."""
    with house().database.reading() as db:
        link, row, values = _asked(db, token)
    state = "open" if links.opens(link, clock.now()) and row.dropped_at is None else \
        "done" if row.confirmed_at is not None else "over"
    return customers.page("my/confirm.html", state=state, action=request.path, **values)


@bp.post("/my/confirm/<token>")
def confirm(token: str) -> Response:
    """The new address counts; sent twice, it is confirmed once. Raises Refusal link_revoked, change_over."""
    now = clock.now()
    with house().database.transaction() as db:
        link, row, _ = _asked(db, token)
        if row.confirmed_at is None:
            contacts.confirm(db, link, actor=Actor(Kind.CONTACT, Door.LINK), now=now)
    house().ring_all()
    asked = f"?language={g.language}" if request.args.get("language") else ""
    return customers.see(f"{request.path}{asked}")


def _asked(db: Session, token: str) -> tuple[Link, ContactChange, dict[str, Any]]:
    link = customers.fresh_link(db, links.CONTACT, token)
    row = db.get(ContactChange, link.target_id) if link else None
    customer = db.get(Customer, row.customer_id) if row else None
    if link is None or row is None or customer is None:
        raise Refusal("link_invalid")
    if request.args.get("language", "") not in text.LANGUAGES:
        g.language = text.known(customer.language)
    old = db.get(Contact, row.contact_id) if row.contact_id else None
    organisation = settings.organisation(db)
    return link, row, {"organisation": organisation, "customer": customer, "change": row, "old": old,
                       "zone": organisation.zone}


def _one(db: Session, caller: Caller, number: int) -> Contact:
    row = next((c for c in contacts.of_customer(db, caller.customer) if c.id == number), None)
    if row is None:
        raise Refusal("unknown", what="contact", ref=str(number))
    return row


def _given() -> dict[str, str]:
    return {**{name: customers.entered(name, one_line=True) for name in ("email", "name", "phone")},
            "role": request.form.get("role", "")}


def _entry(given: Mapping[str, str]) -> ContactEntry:
    return ContactEntry(given["email"], given["name"], given["phone"], ContactRole(given["role"]))


def _faults(given: Mapping[str, str]) -> dict[str, Sentence]:
    found = {}
    try:
        fits = len(customer_verbs.address(given["email"])) <= LONGEST_ADDRESS
    except Refusal:
        fits = False
    if not fits:
        found["email"] = Sentence(N_("Enter an e-mail address such as name@example.com."))
    if len(given["name"]) > LONGEST_NAME:
        found["name"] = Sentence(N_("Shorten the name to 200 characters."))
    if len(given["phone"]) > LONGEST_PHONE:
        found["phone"] = Sentence(N_("Shorten the telephone number to 60 characters."))
    if given["role"] not in set(ContactRole):
        found["role"] = Sentence(N_("Choose what this contact is written to for."))
    return found


def _form(row: Contact | None, given: Mapping[str, str], errors: Mapping[str, Sentence]) -> Response:
    return customers.page("my/contact.html", contact=row, given=given, errors=errors, action=request.path,
                          roles=customers.ROLES)


def _back(caller: Caller) -> Response:
    return customers.see(caller.to(caller.home, CONTACTS))
