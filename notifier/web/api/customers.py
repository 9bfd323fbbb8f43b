"""Customers, their contacts, and what is sold to them, by the API: the same verbs as the command line and the
console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, get_type_hints

from sqlmodel import col, select

from notifier.domain.customers import LONGEST, ContactEntry
from notifier.domain.people import ContactRole
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import LANGUAGES
from notifier.domain.terms import Terms
from notifier.tables import Contact, Customer, Service, SubProcessor
from notifier.web.api.changes import CUSTOMER, PAGING
from notifier.web.api.operations import Call, Operation, cursor, invalid, page
from notifier.web.api.schema import Fault, Schema, choice, count, day, maybe, obj, several, text
from notifier.web.problems import Problem
from notifier.workflow import addresses, customer_changes, customer_intake, customer_values, customers

MOST = 1000  # customers in one request


def _term(hint: Any) -> Schema:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return maybe(choice("A code.", *map(str, hint)))
    if hint is int:
        return {"type": ["integer", "null"], "minimum": 0, "maximum": 365, "description": "Days."}
    if hint is str:
        return maybe(text("A name, such as Europe/Zurich.", longest=60))
    return several(text("CH-ZH, or 2026-12-24.", longest=20), "Several.", most=100)


TERMS = obj({f.name: _term(get_type_hints(Terms)[f.name]) for f in fields(Terms)},
            words="Only what the contract says differently; null or empty is the organisation’s default.")
_EMAIL = text("The address.", longest=320, shortest=1)
_CONTACT = {
    "email": _EMAIL, "name": text("Who that is.", longest=LONGEST["contact_name"]),
    "phone": text("Telephone.", longest=LONGEST["contact_phone"]),
    "role": choice("What this contact is written to for; only “notice” receives the legal notice.",
                   *map(str, ContactRole)),
}
_ORDER: Schema = {"type": "integer", "minimum": 1, "maximum": 1000, "description": "Its place among the contacts."}
_VALUES = {
    "name": text("Its name.", longest=LONGEST["name"]), "language": choice("The language of its letters.", *LANGUAGES),
    "country": text("Two letters.", longest=2), "subdivision": text("Canton, state or region.", longest=10),
    "postal_address": text("Where it sits.", longest=LONGEST["postal_address"]),
    "services": several(text("A name or a slug.", longest=60), "What it buys; none means everything.", most=300),
    "agreement": text("The agreement’s name.", longest=LONGEST["agreement"]), "agreement_date": maybe(day("Its date.")),
    "clause": text("The clause that asks for notices.", longest=LONGEST["clause"]),
    "annex_edition": maybe(count("Edition in the annex it accepted; 0: older than all; null: by its dates.")),
    "contract_start": maybe(day("When the contract begins.")), "contract_end": maybe(day("When it ends.")),
    "terms": TERMS,
    "contacts": several(obj({**_CONTACT, "order": _ORDER}, needed=("email",)),
                        "All of them: whoever is not named is retired. Left out, they stay.", most=100),
}
_BODY = {"ref": text("Your own reference for it.", longest=LONGEST["ref"], shortest=1), **_VALUES}


def _list(call: Call) -> dict[str, Any]:
    limit, after = int(call.given.get("limit", 50)), cursor(call.text("cursor"))
    query = select(Customer.ref, Customer.id).where(col(Customer.id) > after).order_by(col(Customer.id))
    rows = call.session.exec(query.limit(limit + 1)).all()
    held = customer_changes.held(call.session, [ref for ref, _ in rows])
    return page([(number or 0, customer_values.customer(held[ref])) for ref, number in rows], limit)


def _show(call: Call) -> dict[str, Any]:
    return customer_values.one(call.session, customers.get(call.session, call.path["ref"]))


def _upsert(call: Call) -> dict[str, Any]:
    return _taken(call, [call.given], "")


def _upsert_all(call: Call) -> dict[str, Any]:
    return _taken(call, call.given["customers"], "/customers/{}")


def _taken(call: Call, given: list[Mapping[str, Any]], pointer: str) -> dict[str, Any]:
    """Takes them in, all or nothing. Raises Problem with the pointer of everything that is wrong."""
    entries = customer_values.entries(call.session, given)
    differences, faults = customers.comparing(call.session, call.now).part(entries)
    if faults:
        raise invalid(*(Fault(pointer.format(f.number) + _place(f.field, given[f.number]), str(f.problem))
                        for f in faults))
    warned = [str(words) for words in customer_intake.warnings(call.session, differences)]
    taken = customers.upsert(call.session, entries, actor=call.actor, now=call.now)
    return {**taken._asdict(), "warnings": warned, "refs": [entry.ref for entry in entries]}


def _place(name: str, given: Mapping[str, Any]) -> str:
    """Where in a customer stands what a rule calls by this name: contacts are named by their fields."""
    if name in given:
        return f"/{name}"
    if name == "contact_email":
        for n, each in enumerate(given.get("contacts", ())):
            try:
                addresses.normal(each["email"])
            except Refusal:
                return f"/contacts/{n}/email"
    if name.startswith("contact_"):
        return "/contacts"
    return f"/terms/{name}" if name in TERMS["properties"] else f"/{name}" if name in _BODY else ""


def _contacts(call: Call) -> dict[str, Any]:
    limit, after = int(call.given.get("limit", 50)), cursor(call.text("cursor"))
    query = select(Contact, Customer.ref).join(Customer, col(Customer.id) == col(Contact.customer_id)).where(
        col(Contact.id) > after).order_by(col(Contact.id)).limit(limit + 1)
    if call.text("customer"):
        query = query.where(Contact.customer_id == customers.get(call.session, call.text("customer")).id)
    if call.text("email"):
        query = query.where(Contact.email == addresses.normal(call.text("email")))
    rows = call.session.exec(query).all()
    return page([(row.id or 0, customer_values.contact(row, ref)) for row, ref in rows], limit)


def _contact(call: Call) -> dict[str, Any]:
    row, customer = _of(call)
    return customer_values.contact(row, customer.ref)


def _add_contact(call: Call) -> dict[str, Any]:
    customer = customers.get(call.session, call.text("customer"))
    row = customers.add_contact(call.session, customer, customer_values.contact_entry(call.given), actor=call.actor,
                                now=call.now)
    return {**customer_values.contact(row, customer.ref), "ref": str(row.id)}


def _change_contact(call: Call) -> dict[str, Any]:
    row, customer = _of(call)
    kept = {"email": row.email, "name": row.name, "phone": row.phone, "role": row.role}
    entry: ContactEntry = customer_values.contact_entry({**kept, **call.given})
    made = customers.change_contact(call.session, customer, row.id or 0, entry, actor=call.actor, now=call.now)
    return customer_values.contact(made, customer.ref)


def _retire_contact(call: Call) -> dict[str, Any]:
    row, customer = _of(call)
    customers.retire_contact(call.session, customer, row.id or 0, actor=call.actor, now=call.now)
    return customer_values.contact(row, customer.ref)


def _order_contacts(call: Call) -> dict[str, Any]:
    customer = customers.get(call.session, call.path["ref"])
    customers.order_contacts(call.session, customer, call.given["contacts"], actor=call.actor, now=call.now)
    return customer_values.one(call.session, customer)


def _of(call: Call) -> tuple[Contact, Customer]:
    number = call.path["id"]
    row = call.session.get(Contact, int(number)) if number.isascii() and number.isdigit() and len(number) < 10 else None
    if row is None:
        raise Problem(404, "unknown", f"There is no contact “{number}”.")
    return row, call.session.get_one(Customer, row.customer_id)


def _services(call: Call) -> dict[str, Any]:
    limit, after = int(call.given.get("limit", 50)), cursor(call.text("cursor"))
    rows = call.session.exec(select(Service).where(col(Service.id) > after, col(Service.retired_at).is_(None))
                             .order_by(col(Service.id)).limit(limit + 1)).all()
    return page([(row.id or 0, customer_values.service(row)) for row in rows], limit)


def _subprocessors(call: Call) -> dict[str, Any]:
    limit, after = int(call.given.get("limit", 50)), cursor(call.text("cursor"))
    rows = call.session.exec(select(SubProcessor).where(col(SubProcessor.id) > after)
                             .order_by(col(SubProcessor.id)).limit(limit + 1)).all()
    return page([(row.id or 0, {"id": row.id, "legal_name": row.legal_name, "country": row.country,
                                "address": row.address, "website": row.website}) for row in rows], limit)


_NAMES = {"contact_email": "/email", "contact_name": "/name", "contact_phone": "/phone"}

OPERATIONS = (
    Operation("list_customers", "GET", "/customers", "The customers, in the order they came.", "Customers", _list,
              query=PAGING),
    Operation("upsert_customer", "POST", "/customers",
              "Takes a customer in by its reference, or changes it: what is not named stays.", "Taken", _upsert,
              body=obj(_BODY, needed=("ref",))),
    Operation("upsert_customers", "POST", "/customers/bulk", "The same for many: all of them, or none.", "Taken",
              _upsert_all, body=obj({"customers": several(obj(_BODY, needed=("ref",)), "Each by its reference.",
                                                          most=MOST, least=1)}, needed=("customers",))),
    Operation("show_customer", "GET", "/customers/<ref>", "One customer, with its contacts in use.", "Customer", _show),
    Operation("order_contacts", "POST", "/customers/<ref>/order", "Puts its contacts into the order they are told in.",
              "Customer", _order_contacts, body=obj({"contacts": several(
                  {"type": "integer", "minimum": 1, "maximum": 2**31 - 1, "description": "A contact."},
                  "First to last; those not named follow.", most=100, least=1)}, needed=("contacts",))),
    Operation("list_contacts", "GET", "/contacts", "The contacts, retired ones too.", "Contacts", _contacts,
              query={"customer": CUSTOMER, "email": text("Only those of this address.", longest=320), **PAGING}),
    Operation("add_contact", "POST", "/contacts", "One more contact of a customer, behind those there are.",
              "NewContact", _add_contact, status=201, names=_NAMES,
              body=obj({"customer": CUSTOMER, **_CONTACT}, needed=("customer", "email"))),
    Operation("show_contact", "GET", "/contacts/<id>", "One contact.", "Contact", _contact),
    Operation("change_contact", "POST", "/contacts/<id>/change",
              "Mends a contact; another address is another contact, and takes its place.", "Contact", _change_contact,
              names=_NAMES, body=obj(_CONTACT)),
    Operation("retire_contact", "POST", "/contacts/<id>/retire", "Nothing more is written to this contact.", "Contact",
              _retire_contact),
    Operation("list_services", "GET", "/services", "The services sold.", "Services", _services, query=PAGING),
    Operation("list_subprocessors", "GET", "/subprocessors", "The companies on the list, past ones too.",
              "SubProcessors", _subprocessors, query=PAGING),
)
