"""Customers out of a file, one row per contact: every value checked in its row, before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from sqlmodel import Session

from notifier.domain.people import ContactRole
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import LANGUAGES, N_, Fact, Sentence
from notifier.domain.terms import (
    LEAST_DAYS,
    MOST_DAYS,
    Authorisation,
    ClockStart,
    DayKind,
    Decides,
    EmergencyRule,
    HolidaySet,
    Notify,
    ReceiptRule,
    Refund,
    Remedy,
    Silence,
    WindowRuns,
    check,
)
from notifier.tables import Customer
from notifier.workflow import calendars, customers, sheets
from notifier.workflow.customers import ContactEntry, CustomerEntry
from notifier.workflow.imports import assign, headings, one, parts
from notifier.workflow.sheets import Cell, Row, bad

_UNDER = frozenset({"customers"})
_FORMULA = re.compile(r"=|[@+-][A-Za-z_.]+\(")  # what a spreadsheet would run, if the value ever came back to one


class _Wrong(ValueError):
    """A cell that cannot be used; the text says what is wrong with it."""

    def __init__(self, problem: str, **facts: Fact) -> None:
        super().__init__(str(Sentence(problem, facts)))


@dataclass(frozen=True)
class CustomerSheet:
    """A file's customers, those without a fault alone; `faults` say what is wrong and where, `left_out` are the
    references of the customers they concern, `columns` the fields the file speaks of, `unknown` the headings nobody
    understood."""

    entries: tuple[CustomerEntry, ...]
    columns: frozenset[str]
    unknown: tuple[str, ...]
    faults: tuple[Sentence, ...]
    left_out: tuple[str, ...]


def read_customers(name: str, data: bytes) -> CustomerSheet:
    """The customers in a file, its kind told by the name's ending. Repeated rows of one customer merge: a later row
    may leave out what an earlier one says, not contradict it.

    Raises Refusal bad_file only where the file as a whole cannot be read; bad rows are reported in the sheet.
    """
    grid = sheets.read(name, data, _KNOWN, _UNDER)
    field_of, unknown = assign(grid, _KNOWN)
    for needed in ("customer_ref", "name"):
        if needed not in field_of.values():
            raise bad(Sentence(N_("there is no column “%(field)s”; its headings are: %(headings)s"),
                               {"field": needed, "headings": ", ".join(grid.headings)}))
    drafts: dict[str, _Draft] = {}
    faults: list[tuple[int, Sentence]] = []
    for row in grid.rows:
        cells = {field_of[h]: cell for h, cell in row.cells.items() if h in field_of and cell}
        ref = one(cells.pop("customer_ref", ""))
        if not ref:
            faults.append(_fault(row, Sentence(N_("“customer_ref” is empty"))))
            continue
        drafts.setdefault(ref, _Draft(ref, row)).take(row, cells)
    if not grid.rows:
        raise bad(Sentence(N_("there is no row in it")))
    whole = [draft.entry() for draft in drafts.values()]
    faults += [fault for draft in drafts.values() for fault in draft.faults]
    left_out = tuple(ref for ref, draft in drafts.items() if draft.faults)
    in_order = tuple(words for _, words in sorted(faults, key=lambda fault: fault[0]))
    sound = tuple(e for e in whole if e.ref not in left_out)
    return CustomerSheet(sound, frozenset(field_of.values()), unknown, in_order, left_out)


def completed(session: Session, sheet: CustomerSheet) -> list[CustomerEntry]:
    """The sheet's entries, with what the file has no column for as it stands today: a file of contacts alone must
    not take a customer's terms away. A column left empty does clear its field."""
    held = {customer.ref: customer for customer in customers.every(session)}
    return [_over(session, held[e.ref], e, sheet.columns) if e.ref in held else e for e in sheet.entries]


def _over(session: Session, held: Customer, entry: CustomerEntry, columns: frozenset[str]) -> CustomerEntry:
    kept = {name: getattr(held, name) for name in _OWN if name not in columns and name != "services"}
    if "services" not in columns:
        kept["services"] = tuple(service.slug for service in customers.services_of(session, held))
    terms = {name: value for name, value in held.terms.items() if name not in columns}
    return replace(entry, **kept, terms={**terms, **entry.terms})


def _fault(row: Row, problem: Sentence) -> tuple[int, Sentence]:
    """What is wrong with a row, after the row's number, for putting all of it in order."""
    return row.number, Sentence(N_("%(where)s: %(problem)s"), {"where": row.where, "problem": str(problem)})


@dataclass
class _Draft:
    """One customer as its rows gather."""

    ref: str
    first: Row
    own: dict[str, Any] = field(default_factory=dict)
    said_at: dict[str, str] = field(default_factory=dict)
    contacts: dict[tuple[str, ContactRole], ContactEntry] = field(default_factory=dict)
    faults: list[tuple[int, Sentence]] = field(default_factory=list)

    def take(self, row: Row, cells: Mapping[str, Cell]) -> None:
        """Adds one row: what it says of the customer, and its contact."""
        read: dict[str, Any] = {}
        for name, cell in cells.items():
            try:
                read[name] = _READ[name](cell)
            except _Wrong as wrong:
                self.said_at.setdefault(name, row.where)  # it is wrong, so it is not missing besides
                self.fault(row, Sentence(N_("“%(name)s”: %(problem)s"), {"name": name, "problem": str(wrong)}))
        contact = {name: read.pop(name) for name in list(read) if name.startswith("contact_")}
        for name, value in read.items():
            if self.own.setdefault(name, value) != value:
                self.fault(row, Sentence(N_("“%(name)s” is not what %(earlier)s says"),
                                         {"name": name, "earlier": self.said_at[name]}))
            self.said_at.setdefault(name, row.where)
        if contact and "contact_email" not in cells:
            self.fault(row, Sentence(N_("the contact has no “contact_email”")))
        elif "contact_email" in contact:
            self.add(contact)

    def add(self, given: Mapping[str, Any]) -> None:
        """Adds a contact; the same address in the same role is one, as it first stood there."""
        entry = ContactEntry(
            given["contact_email"], given.get("contact_name", ""), given.get("contact_phone", ""),
            given.get("contact_role", ContactRole.NOTICE), given.get("contact_order", len(self.contacts) + 1),
        )
        self.contacts.setdefault((entry.email, entry.role), entry)

    def fault(self, row: Row, problem: Sentence) -> None:
        """Notes what is wrong with a row."""
        self.faults.append(_fault(row, problem))

    def entry(self) -> CustomerEntry:
        """The customer as a whole; what only shows in the whole is noted as a fault of its first row."""
        terms = {name: self.own[name] for name in _TERMS if name in self.own}
        said = {name: value for name, value in self.own.items() if name in _OWN}
        entry = CustomerEntry(**{"name": "", **said}, ref=self.ref, terms=terms, contacts=tuple(self.contacts.values()))
        problems = []
        if "name" not in self.said_at:
            problems.append(Sentence(N_("“name” is empty")))
        if entry.contract_start and entry.contract_end and entry.contract_end < entry.contract_start:
            problems.append(Sentence(N_("“contract_end” is before “contract_start”")))
        try:
            check(terms)
        except Refusal as refusal:
            problems.append(Sentence(str(refusal)))
        if _FORMULA.match(self.ref):
            problems.append(Sentence(N_("“customer_ref” is a formula; write its value")))
        if len(self.ref) > 80:
            problems.append(Sentence(N_("“customer_ref” is longer than 80 characters")))
        if entry.country:
            try:
                calendars.check(HolidaySet(entry.country, entry.subdivision))
            except Refusal as refusal:
                problems.append(Sentence(str(refusal)))
        self.faults += [_fault(self.first, problem) for problem in problems]
        return entry


def _text(most: int) -> Callable[[Cell], str]:
    def read(cell: Cell) -> str:
        text = one(cell)
        if len(text) > most:
            raise _Wrong(N_("longer than %(most)s characters"), most=most)
        if _FORMULA.match(text):
            raise _Wrong(N_("this is a formula; write its value"))
        return text

    return read


def _number(least: int, most: int, unit: str) -> Callable[[Cell], int]:
    def read(cell: Cell) -> int:
        text = one(cell)
        if not re.fullmatch(r"\d{1,9}(\.0)?", text) or not least <= int(float(text)) <= most:
            raise _Wrong(N_("“%(text)s” is no number of %(unit)s from %(least)s to %(most)s"), text=text, unit=unit,
                         least=least, most=most)
        return int(float(text))

    return read


def _choice(kind: type[StrEnum]) -> Callable[[Cell], StrEnum]:
    def read(cell: Cell) -> StrEnum:
        text = one(cell)
        try:
            return kind(re.sub(r"[\s-]+", "_", text.lower()))
        except ValueError:
            raise _Wrong(N_("“%(text)s” is none of %(known)s"), text=text, known=", ".join(kind)) from None

    return read


def _day(cell: Cell) -> date:
    text = one(cell)
    dotted = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text)  # 31.12.2026: one meaning only
    try:
        return date(int(dotted[3]), int(dotted[2]), int(dotted[1])) if dotted else date.fromisoformat(text)
    except ValueError:
        raise _Wrong(N_("“%(text)s” is no date; write it as 2026-12-31"), text=text) from None


def _days(cell: Cell) -> list[str]:
    return [_day(part).isoformat() for part in parts(cell)]


def _edition(cell: Cell) -> int:
    text = one(cell)
    if not re.fullmatch(r"\d{1,6}(\.0)?", text):
        raise _Wrong(N_("“%(text)s” is no edition of the list; write its number"), text=text)
    return int(float(text))


def _country(cell: Cell) -> str:
    text = one(cell).upper()
    if not re.fullmatch("[A-Z]{2}", text):
        raise _Wrong(N_("“%(text)s” is no two-letter country code, such as CH or DE"), text=text)
    return text


def _language(cell: Cell) -> str:
    text = one(cell).lower()
    if re.split("[-_]", text)[0] not in LANGUAGES:
        raise _Wrong(N_("“%(text)s” is none of %(known)s"), text=text, known=", ".join(LANGUAGES))
    return re.split("[-_]", text)[0]


def _zone(cell: Cell) -> str:
    try:
        calendars.check_zone(one(cell))
    except Refusal:
        raise _Wrong(N_("“%(text)s” is no time zone; write it as Europe/Zurich"), text=one(cell)) from None
    return one(cell)


def _email(cell: Cell) -> str:
    text = one(cell)
    try:
        found = customers.address(text)
    except Refusal:
        raise _Wrong(N_("“%(text)s” is no e-mail address"), text=text) from None
    if len(found) > 254:
        raise _Wrong(N_("longer than %(most)s characters"), most=254)
    return found


_DAYS = N_("days")
_OWN: dict[str, Callable[[Cell], Any]] = {
    "name": _text(300), "language": _language, "country": _country, "subdivision": lambda c: _text(10)(c).upper(),
    "postal_address": _text(1000), "services": parts, "agreement": _text(300), "agreement_date": _day,
    "clause": _text(100), "annex_edition": _edition, "contract_start": _day, "contract_end": _day,
}
_TERMS: dict[str, Callable[[Cell], Any]] = {
    "zone": _zone, "authorisation": _choice(Authorisation), "day_kind": _choice(DayKind),
    "clock_start": _choice(ClockStart), "receipt_rule": _choice(ReceiptRule), "extra_holidays": _days,
    "notify": _choice(Notify), "silence": _choice(Silence), "decides": _choice(Decides), "remedy": _choice(Remedy),
    "refund": _choice(Refund), "emergency_rule": _choice(EmergencyRule), "window_runs": _choice(WindowRuns),
    "notice_day_kind": _choice(DayKind),
    **{name: _number(least, MOST_DAYS, _DAYS) for name, least in LEAST_DAYS.items()},
}
_CONTACT: dict[str, Callable[[Cell], Any]] = {
    "contact_name": _text(200), "contact_email": _email, "contact_phone": _text(60),
    "contact_role": _choice(ContactRole), "contact_order": _number(1, 1000, N_("places")),
}
_READ = _OWN | _TERMS | _CONTACT
_KNOWN = headings(
    dict.fromkeys(_READ, "") | {
        "customer_ref": "customer id|customer number|reference|ref|Kundennummer",
        "name": "customer|customer name|company|Kunde|Firma",
        "contact_name": "contact|contact person|Ansprechpartner",
        "contact_email": "email|e-mail|email address",
        "contact_phone": "phone|telephone|Telefon",
    },
    {},
)
