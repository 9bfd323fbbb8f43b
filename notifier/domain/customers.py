"""Customers as a file, a form or a program gives them, and what is wrong with what they give. Whatever needs a
calendar, a library or what is stored is asked by the verbs (`workflow/customer_changes.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from notifier.domain.people import ContactRole
from notifier.domain.sentences import LANGUAGES, N_, Sentence

LONGEST: Mapping[str, int] = {
    "ref": 80, "name": 300, "subdivision": 10, "postal_address": 1000, "agreement": 300, "clause": 100,
    "contact_name": 200, "contact_phone": 60, "contact_email": 254,
}
MOST_PLACES = 1000  # of contacts in order
FORMULA = re.compile(r"=|[@+-][A-Za-z_.]+\(")
"""What a spreadsheet would run, if the value ever came back to one."""


@dataclass(frozen=True, slots=True)
class ContactEntry:
    """A contact as a file or a form gives it."""

    email: str
    name: str = ""
    phone: str = ""
    role: ContactRole = ContactRole.NOTICE
    position: int = 1


@dataclass(frozen=True, slots=True)
class CustomerEntry:
    """A customer as a file or a form gives it; `terms` only what its contract says differently. No contacts: those
    it has stay; else they are all of them."""

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


@dataclass(frozen=True)
class Fault:
    """What cannot be right about a customer: the field it stands in, and the words."""

    field: str
    problem: Sentence


def faults(entry: CustomerEntry) -> Iterator[Fault]:
    """Everything in an entry that can be no customer, whatever door it came through."""
    for name in ("ref", "name"):
        if not getattr(entry, name).strip():
            yield Fault(name, Sentence(N_("this is empty")))
    for name, most in LONGEST.items():
        if not name.startswith("contact_"):
            yield from _in_text(name, getattr(entry, name), most)
    if FORMULA.match(entry.ref):
        yield Fault("ref", Sentence(N_("this is a formula; write its value")))
    if entry.language not in LANGUAGES:
        yield Fault("language", Sentence(N_("“%(text)s” is none of %(known)s"),
                                         {"text": entry.language, "known": ", ".join(LANGUAGES)}))
    if entry.country and not re.fullmatch("[A-Z]{2}", entry.country):
        yield Fault("country", Sentence(N_("“%(text)s” is no two-letter country code, such as CH or DE"),
                                        {"text": entry.country}))
    if entry.subdivision and not entry.country:
        yield Fault("subdivision", Sentence(N_("a subdivision needs its country")))
    if entry.contract_start and entry.contract_end and entry.contract_end < entry.contract_start:
        yield Fault("contract_end", Sentence(N_("“contract_end” is before “contract_start”")))
    for contact in entry.contacts:
        yield from contact_faults(contact)


def contact_faults(entry: ContactEntry) -> Iterator[Fault]:
    """Everything in a contact that cannot be right but its address, which takes a library to read."""
    yield from _in_text("contact_name", entry.name, LONGEST["contact_name"])
    yield from _in_text("contact_phone", entry.phone, LONGEST["contact_phone"])
    if not 1 <= entry.position <= MOST_PLACES:
        yield Fault("contact_order", Sentence(N_("“%(text)s” is no place from 1 to %(most)s"),
                                              {"text": entry.position, "most": MOST_PLACES}))


def _in_text(name: str, text: str, most: int) -> Iterator[Fault]:
    if len(text) > most:
        yield Fault(name, Sentence(N_("this is longer than %(most)s characters"), {"most": most}))
    elif not text.isprintable() and any(not c.isprintable() and c not in "\n\r\t" for c in text):
        yield Fault(name, Sentence(N_("this holds a control character")))
