"""Customers as programs see them: plain values out, and what a program gives over what is kept. A member that is not
named stays as it is; an empty one clears its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlmodel import Session

from notifier.domain.customers import ContactEntry, CustomerEntry
from notifier.domain.people import ContactRole
from notifier.tables import Contact, Customer, Service
from notifier.workflow import customer_changes
from notifier.workflow.customer_changes import COPIED, HeldCustomer

_DAYS = frozenset({"agreement_date", "contract_start", "contract_end"})


def customer(held: HeldCustomer) -> dict[str, Any]:
    """A customer with its services, its own terms and its contacts in use."""
    values = held.values
    return {
        "ref": values["ref"], **{name: values[name] for name in COPIED}, "services": list(held.buys),
        "terms": values["terms"], "updated_at": values["updated_at"],
        "contacts": [contact(row) for row in held.contacts if row.retired_at is None],
    }


def contact(row: Contact | Any, ref: str | None = None) -> dict[str, Any]:
    """A contact; with its customer's reference where it stands by itself."""
    value = {
        "id": row.id, "email": row.email, "name": row.name, "phone": row.phone, "role": row.role,
        "order": row.position, "bounced_at": row.bounced_at, "barred_at": row.barred_at, "retired_at": row.retired_at,
    }
    return value if ref is None else {**value, "customer": ref}


def service(row: Service) -> dict[str, Any]:
    """A service sold."""
    return {"slug": row.slug, "name": row.name}


def one(session: Session, row: Customer) -> dict[str, Any]:
    """A stored customer as programs see it."""
    return customer(customer_changes.held(session, [row.ref])[row.ref])


def entries(session: Session, given: Sequence[Mapping[str, Any]]) -> list[CustomerEntry]:
    """What a program gives of customers, over what is kept of them."""
    held = customer_changes.held(session, {str(each["ref"]) for each in given})
    return [_entry(each, held.get(str(each["ref"]))) for each in given]


def _entry(given: Mapping[str, Any], held: HeldCustomer | None) -> CustomerEntry:
    kept: dict[str, Any] = {name: held.values[name] for name in COPIED} if held else {}
    said = {name: _value(name, given[name]) for name in COPIED if name in given}
    terms = dict(held.values["terms"]) if held else {}
    for name, value in given.get("terms", {}).items():
        if value in ("", None, []):
            terms.pop(name, None)
        else:
            terms[name] = value
    services = tuple(given["services"]) if "services" in given else held.buys if held else ()
    contacts = tuple(contact_entry(each, n) for n, each in enumerate(given.get("contacts", ()), 1))
    return CustomerEntry(**{"name": "", **kept, **said}, ref=str(given["ref"]).strip(), terms=terms,
                         services=services, contacts=contacts)


def contact_entry(given: Mapping[str, Any], place: int = 1) -> ContactEntry:
    """What a program gives of a contact."""
    return ContactEntry(str(given["email"]), str(given.get("name", "")), str(given.get("phone", "")),
                        ContactRole(given.get("role", "notice")), int(given.get("order", place)))


def _value(name: str, given: Any) -> Any:
    if name in _DAYS:
        return date.fromisoformat(given) if given else None
    if name == "annex_edition":
        return given
    return given or ("en" if name == "language" else "")
