"""Customers out of a file, one row per contact: every value checked in its row, before anything is written. Exports of
the CRMs we know (`crm_exports`) are read as what they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from sqlmodel import Session

from notifier.domain.customers import FORMULA as _FORMULA
from notifier.domain.customers import ContactEntry, CustomerEntry
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
from notifier.workflow import addresses, calendars, crm_exports, customer_changes, sheets, workbooks
from notifier.workflow.customer_changes import HeldCustomer
from notifier.workflow.imports import assign, headings, one, parts
from notifier.workflow.sheets import Cell, Grid, Row, bad, fold

_UNDER = frozenset({"customers"})
MOST_REMEMBERED = 20_000  # cells whose meaning is kept: dates, codes and numbers repeat


class _Wrong(ValueError):
    """A cell that cannot be used; the text says what is wrong with it."""

    def __init__(self, problem: str, **facts: Fact) -> None:
        super().__init__(str(Sentence(problem, facts)))


@dataclass(frozen=True)
class CustomerSheet:
    """A file's customers, those without a fault alone; `faults` say what is wrong and where, `left_out` are the
    references of the customers they concern, `columns` the fields the file speaks of, `unknown` the headings nobody
    understood, `places` where each customer first stands. `mapping` says whose export it was read as, if any."""

    entries: tuple[CustomerEntry, ...]
    columns: frozenset[str]
    unknown: tuple[str, ...]
    faults: tuple[Sentence, ...]
    left_out: tuple[str, ...]
    places: Mapping[str, str] = field(default_factory=dict)
    mapping: Sentence | None = None


def read_customers(name: str, data: bytes) -> CustomerSheet:
    """The customers in a file, its kind told by the name's ending. Repeated rows of one customer merge: a later row
    may leave out what an earlier one says, not contradict it.

    Raises Refusal bad_file only where the file as a whole cannot be read; bad rows are reported in the sheet.
    """
    headings, rows, export = _rows(name, data)
    field_of, unknown = assign(Grid(headings, ()), _KNOWN)
    for needed in ("customer_ref", "name"):
        if needed not in field_of.values():
            raise bad(Sentence(N_("there is no column “%(field)s”; its headings are: %(headings)s"),
                               {"field": needed, "headings": ", ".join(headings)}))
    drafts: dict[str, _Draft] = {}
    faults: list[tuple[int, Sentence]] = []
    for row in rows:
        cells = {field_of[h]: cell for h, cell in row.cells.items() if h in field_of and cell}
        ref = one(cells.pop("customer_ref", ""))
        if not ref:
            empty = Sentence(N_("“customer_ref” is empty"))
            faults.append(_fault(row, export.nobody if export else empty))
            continue
        if ref not in drafts:
            drafts[ref] = _Draft(ref, row.number, row.where)
        drafts[ref].take(row, cells)
    if not drafts and not faults:
        raise bad(Sentence(N_("there is no row in it")))
    places = {ref: draft.where for ref, draft in drafts.items()}
    entries, left_out = [], []
    for ref in places:
        draft = drafts.pop(ref)  # let go of as it becomes an entry: of very many, half the memory
        entry = draft.entry()
        faults += draft.faults
        left_out.append(ref) if draft.faults else entries.append(entry)
    in_order = tuple(words for _, words in sorted(faults, key=lambda fault: fault[0]))
    return CustomerSheet(tuple(entries), frozenset(field_of.values()), () if export else unknown, in_order,
                         tuple(left_out), places, export.words if export else None)


def _rows(name: str, data: bytes) -> tuple[tuple[str, ...], Iterable[Row], crm_exports.Export | None]:
    """A file's headings and rows; of an export of somebody else's under headings of ours, with what it was read as."""
    sheets.refuse_large(data, sheets.MOST_CUSTOMER_BYTES)
    known = _KNOWN.keys() | crm_exports.KNOWN
    if PurePath(name).suffix.lower() == ".xlsx":
        tables = workbooks.tables(data, workbooks.MOST_CUSTOMER_ROWS, workbooks.MOST_CUSTOMERS_UNPACKED)
        grids = (sheets.tabled(t.lines, lambda heading: fold(heading) in known, t.context) for t in tables if t.lines)
        grid = next((each for each in grids if each is not None), None)
        if grid is None:
            raise bad(Sentence(N_("there is no column “%(field)s” in it"), {"field": "customer_ref"}))
        found: tuple[tuple[str, ...], Iterable[Row]] = (grid.headings, grid.rows)
    else:
        found = sheets.rows_of(name, data, known, _UNDER)
    export = None if fold("customer_ref") in map(fold, found[0]) else crm_exports.recognised(found[0])
    return (export.taken, export.rows(found[1]), export) if export else (*found, None)


def meaning(name: str, text: str) -> Any:
    """What somebody typed for a field of the file means; None for nothing. Raises Refusal bad_value."""
    try:
        return _meaning(name, text.strip()) if text.strip() else None
    except _Wrong as wrong:
        raise Refusal("bad_value", field=name, problem=Sentence("%(problem)s", {"problem": str(wrong)})) from None


def completed(session: Session, sheet: CustomerSheet) -> Iterator[CustomerEntry]:
    """The sheet's entries, with what the file has no column for as it stands today: a file of contacts alone must
    not take a customer's terms away. A column left empty does clear its field."""
    for entries in customer_changes.parts(sheet.entries):
        held = customer_changes.held(session, [entry.ref for entry in entries])
        for entry in entries:
            yield _over(held[entry.ref], entry, sheet.columns) if entry.ref in held else entry


def _over(held: HeldCustomer, entry: CustomerEntry, columns: frozenset[str]) -> CustomerEntry:
    kept = {name: held.values[name] for name in _OWN if name not in columns and name != "services"}
    if "services" not in columns:
        kept["services"] = held.buys
    terms = {name: value for name, value in held.values["terms"].items() if name not in columns}
    return replace(entry, **kept, terms={**terms, **entry.terms}, contacts=_contacts_over(held, entry, columns))


def _contacts_over(held: HeldCustomer, entry: CustomerEntry, columns: frozenset[str]) -> tuple[ContactEntry, ...]:
    """A contact keeps the name and telephone the file has no column for, and its place where it gives no order."""
    names = {"name": "contact_name", "phone": "contact_phone", "position": "contact_order"}
    missing = [name for name, column in names.items() if column not in columns]
    rows = {(row.email, row.role): row for row in held.contacts}
    return tuple(
        replace(given, **{name: getattr(row, name) for name in missing})
        if (row := rows.get((given.email, str(given.role)))) is not None and row.retired_at is None else given
        for given in entry.contacts)


def _fault(row: Row, problem: Sentence) -> tuple[int, Sentence]:
    """What is wrong with a row, after the row's number, for putting all of it in order."""
    return row.number, _at(row.where, problem)


def _at(where: str, problem: Sentence) -> Sentence:
    return Sentence(N_("%(where)s: %(problem)s"), {"where": where, "problem": problem})


@dataclass(slots=True)
class _Draft:
    """One customer as its rows gather."""

    ref: str
    number: int  # of the row it first stands in
    where: str
    own: dict[str, Any] = field(default_factory=dict)
    said_at: dict[str, str] = field(default_factory=dict)  # by field, where a later row is the first to say it
    tried: set[str] = field(default_factory=set)
    contacts: dict[tuple[str, ContactRole], ContactEntry] = field(default_factory=dict)
    faults: list[tuple[int, Sentence]] = field(default_factory=list)

    def take(self, row: Row, cells: Mapping[str, Cell]) -> None:
        """Adds one row: what it says of the customer, and its contact."""
        read: dict[str, Any] = {}
        for name, cell in cells.items():
            try:
                read[name] = _meaning(name, cell)
            except _Wrong as wrong:
                self.tried.add(name)  # it is wrong, so it is not missing besides
                self.fault(row, Sentence(N_("“%(name)s”: %(problem)s"), {"name": name, "problem": str(wrong)}))
        contact = {name: read.pop(name) for name in list(read) if name.startswith("contact_")}
        for name, value in read.items():
            if name not in self.own:
                self.own[name] = value
                if row.number != self.number:
                    self.said_at[name] = row.where
            elif self.own[name] != value:
                self.fault(row, Sentence(N_("“%(name)s” is not what %(earlier)s says"),
                                         {"name": name, "earlier": self.said_at.get(name, self.where)}))
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
        if not {"name"} & (self.own.keys() | self.tried):
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
        if entry.country and (wrong := _place_fault(entry.country, entry.subdivision)):
            problems.append(Sentence("%(problem)s", {"problem": wrong}))
        self.faults += [(self.number, _at(self.where, problem)) for problem in problems]
        return entry


@lru_cache(MOST_REMEMBERED)
def _place_fault(country: str, subdivision: str) -> str:
    try:
        calendars.check_place(HolidaySet(country, subdivision))
    except Refusal as refusal:
        return str(refusal)
    return ""


def _meaning(name: str, cell: Cell) -> Any:
    """What a cell means. Raises _Wrong. Lists are nobody's to keep: they are read afresh."""
    return _remembered(name, cell) if name in _REPEATING else _READ[name](cell)


@lru_cache(MOST_REMEMBERED)
def _remembered(name: str, cell: Cell) -> Any:
    return _READ[name](cell)


def _text(most: int) -> Callable[[Cell], str]:
    def read(cell: Cell) -> str:
        text = one(cell)
        if len(text) > most:
            raise _Wrong(N_("this is longer than %(most)s characters"), most=most)
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
    try:
        return addresses.normal(one(cell))
    except Refusal as refusal:
        raise _Wrong("%(said)s", said=refusal.sentence.facts["problem"]) from None


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
_REPEATING = _READ.keys() - {"name", "postal_address", "contact_name", "contact_email", "contact_phone",
                             "extra_holidays"}
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
