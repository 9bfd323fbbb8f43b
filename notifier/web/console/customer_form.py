"""The form of a customer: a new one with its first contact, or what is kept of one, its own terms among it. A term left
empty is the organisation's default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum
from typing import Any, get_type_hints
from urllib.parse import quote

from flask import Response, g, request
from sqlmodel import Session
from werkzeug.wrappers import Response as Answer

from notifier import clock, text
from notifier.domain.customers import ContactEntry, CustomerEntry
from notifier.domain.people import Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.terms import Terms
from notifier.tables import Customer
from notifier.web.access import staff
from notifier.web.console.customers import CONTACT_ROLES, TERM_NAMES, TERM_VALUES
from notifier.web.console.desk import acting, bp, done, page
from notifier.web.console.uploads import FIELDS
from notifier.web.pages import house, language
from notifier.workflow import customer_intake, customers, register, settings
from notifier.workflow.customer_imports import meaning

OWN = ("name", "language", "country", "subdivision", "postal_address", "agreement", "agreement_date", "clause",
       "contract_start", "contract_end")
_LISTS = frozenset({"holiday_sets", "extra_holidays"})
_NAMES: Mapping[str, str] = {**FIELDS, **TERM_NAMES, "ref": N_("Reference"), "contact_email": N_("E-mail"),
                             "contact_name": N_("Name"), "contact_phone": N_("Telephone")}


@dataclass(frozen=True)
class TermField:
    """One term in the form: its choices, if there are only some; a number or not; the default in words."""

    name: str
    choices: tuple[tuple[str, str], ...]
    number: bool
    several: bool
    default: str


@bp.get("/new-customer")
@staff
def new_customer() -> Response:
    """The empty form, with the first contact for notices."""
    return _form(None)


@bp.post("/new-customer")
@staff
def create_customer() -> Response | Answer:
    """Takes the customer in, or brings the form back with everything that was typed."""
    try:
        with acting() as db:
            ref = request.form.get("ref", "").strip()
            if ref and customers.known(db, ref):
                raise Refusal("exists", what="customer", ref=ref)
            contact = ContactEntry(request.form.get("contact_email", ""), request.form.get("contact_name", "").strip(),
                                   request.form.get("contact_phone", "").strip())
            warned = _take(db, _entry(db, ref, {}, (contact,)))
    except Refusal as refusal:
        return _form(None, _worded(refusal))
    return done(f"/console/customers/{quote(ref)}", N_("The customer is taken in."), warnings=warned)


@bp.get("/customers/<path:ref>/edit")
@staff
def customer_form(ref: str) -> Response:
    """The form, filled with what is kept."""
    with house().database.reading() as db:
        return _form(customers.get(db, ref))


@bp.post("/customers/<path:ref>/edit")
@staff
def edit_customer(ref: str) -> Response | Answer:
    """Writes what was changed. Notices given keep the terms they were given under."""
    with house().database.reading() as db:
        customer = customers.get(db, ref)
    try:
        with acting() as db:
            warned = _take(db, replace(_entry(db, ref, customer.terms, ()), annex_edition=customer.annex_edition))
    except Refusal as refusal:
        return _form(customer, _worded(refusal))
    return done(f"/console/customers/{quote(ref)}",
                N_("Kept. Notices already given keep the terms they were given under."), warnings=warned)


def _take(db: Session, entry: CustomerEntry) -> list[str]:
    """Takes an entry in; what looks wrong about it, in words for whoever typed it."""
    found, _ = customers.comparing(db, clock.now()).part([entry])
    warned = [text.say(each, language()) for each in customer_intake.warnings(db, found)]
    customers.upsert(db, [entry], actor=g.actor, now=clock.now())
    return warned


def _entry(db: Session, ref: str, held: Mapping[str, Any], contacts: tuple[ContactEntry, ...]) -> CustomerEntry:
    said = {name: meaning(name, request.form.get(name, "")) for name in OWN}
    own = {name: value for name, value in said.items() if value is not None}
    terms = {name: value for name, value in held.items() if name not in _terms()}
    for name in _terms():
        if (typed := request.form.get(f"terms.{name}", "").strip()) and (value := _term(name, typed)) is not None:
            terms[name] = value
    sold = register.services(db)
    bought = tuple(slug for slug in request.form.getlist("services") if slug in sold)
    return CustomerEntry(**{"name": "", **own}, ref=ref, terms=terms, services=bought, contacts=contacts)


def _term(name: str, typed: str) -> Any:
    if name == "holiday_sets":
        return [part.strip().upper() for part in typed.replace(",", ";").split(";") if part.strip()]
    value = meaning(name, typed)
    return value.isoformat() if isinstance(value, date) else value


def _terms() -> dict[str, Any]:
    hints = get_type_hints(Terms)
    return {field.name: hints[field.name] for field in fields(Terms)}


def _fields_of(defaults: Terms) -> list[TermField]:
    found, plain = [], defaults.to_json()
    for name, hint in _terms().items():
        kind = hint if isinstance(hint, type) and issubclass(hint, StrEnum) else None
        choices = tuple((str(value), _in_words(name, str(value))) for value in kind) if kind else ()
        default = plain[name]
        words = ", ".join(map(str, default)) if isinstance(default, list) else _in_words(name, str(default))
        found.append(TermField(name, choices, hint is int, name in _LISTS, words))
    return found


def _in_words(name: str, value: str) -> str:
    return TERM_VALUES.get(f"{name}={value}", TERM_VALUES.get(value, value))


def _worded(refusal: Refusal) -> Refusal:
    """The refusal with the field as the form calls it."""
    name = str(refusal.sentence.facts.get("field", ""))
    bare = name.removeprefix("terms.")
    if refusal.code != "bad_value" or bare not in _NAMES:
        return refusal
    return Refusal("bad_value", field=_NAMES[bare], problem=refusal.sentence.facts["problem"], details=refusal.details)


def _form(customer: Customer | None, refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        bought = {s.slug for s in customers.services_of(db, customer)} if customer else set()
        held = _kept(customer)
        values = {name: request.form.get(name, "") for name in held} if request.method == "POST" else held
        ticked = set(request.form.getlist("services")) if request.method == "POST" else bought
        return page(
            "customer_form.html", refusal=refusal, customer=customer, values=values, ticked=ticked,
            services=register.services(db), fields=FIELDS, own=OWN, terms=_fields_of(settings.default_terms(db)),
            term_names=TERM_NAMES, languages=text.OWN_NAMES, roles_of_contacts=CONTACT_ROLES,
            may=bool(g.actor.roles & {Role.OPS, Role.PRIVACY}),
        )


def _kept(customer: Customer | None) -> dict[str, str]:
    """What the form shows, by its fields' names."""
    contact = ("contact_email", "contact_name", "contact_phone")
    held = dict.fromkeys((*OWN, *(f"terms.{term}" for term in _terms()), "ref", *contact), "")
    if customer is None:
        return held
    for name in OWN:
        value = getattr(customer, name)
        held[name] = value.isoformat() if isinstance(value, date) else str(value or "")
    for name, value in customer.terms.items():
        held[f"terms.{name}"] = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return held
