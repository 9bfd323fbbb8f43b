"""Customer files as other programs export them: HubSpot's companies and contacts, bexio's contacts, in English and
German. Recognised by their headings, and turned into rows under headings of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from notifier.domain.sentences import N_, Sentence
from notifier.workflow import places
from notifier.workflow.imports import one
from notifier.workflow.sheets import Cell, Row, bad, fold


@dataclass(frozen=True)
class Export:
    """A kind of export: its name, and how its rows are read. `key` is the heading whose value becomes customer_ref;
    `nobody` what is said of a row without one."""

    name: str
    key: str
    nobody: Sentence
    taken: tuple[str, ...]
    read: Callable[[Callable[[str], str]], Iterator[dict[str, Cell]]]

    @property
    def words(self) -> Sentence:
        """What the file was taken for, and what became of its columns."""
        return Sentence(N_("read as %(name)s: “%(key)s” becomes customer_ref; taken: %(taken)s"),
                        {"name": self.name, "key": self.key, "taken": ", ".join(self.taken)})

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows under headings of ours; empty cells are left out."""
        for row in rows:
            cells = {fold(heading): one(cell) for heading, cell in row.cells.items()}
            for made in self.read(_first_of(cells)):
                yield Row(row.number, row.where, {name: cell for name, cell in made.items() if cell})


def _first_of(cells: Mapping[str, str]) -> Callable[[str], str]:
    return lambda name: next((text for heading in _FOLDED[name] if (text := cells.get(heading, ""))), "")


# What the columns are called in the exports, by our own short names; the better heading first.
_HEADINGS: Mapping[str, str] = {
    "record": "Record ID|Company ID|Datensatz-ID|Datensatznummer|Unternehmens-ID",
    "company_ids": (
        "Associated Company IDs (Primary)|Primary Associated Company ID|Associated Company IDs|Associated Company ID|"
        "Zugeordnete Unternehmens-IDs (Primär)|Zugeordnete Unternehmens-IDs|Zugeordnete Unternehmens-ID|"
        "Zugehörige Unternehmens-IDs|Zugehörige Unternehmens-ID|IDs des zugeordneten Unternehmens"
    ),
    "company": "Company name|Unternehmensname|Name des Unternehmens|Firmenname",
    "of_company": (
        "Associated Company (Primary)|Associated Company|Associated Companies|Zugeordnetes Unternehmen|"
        "Zugehöriges Unternehmen|Zugeordnete Unternehmen|Company name|Unternehmensname|Name des Unternehmens|Firmenname"
    ),
    "first": "First Name|Vorname", "last": "Last Name|Nachname",
    "email": "Email|E-Mail|E-Mail-Adresse|Email address", "phone": "Phone Number|Telefonnummer|Telefon|Phone",
    "country": "Country/Region|Country|Land/Region|Land", "city": "City|Ort|Stadt",
    "street": "Street Address|Straße und Hausnummer|Strasse und Hausnummer|Adresse|Address|Straße|Strasse",
    "zip": "Postal Code|Postleitzahl|PLZ|Zip Code|Zip|Postcode",
    "language": "Preferred language|Bevorzugte Sprache|Sprache|Language",
    "number": "Kontaktnummer|Kontakt-Nr.|Kontakt Nr.|Kundennummer|Kunden-Nr.|Nr.|Contact number|Contact no.|Contact No|"
              "Customer number|No.|ID",
    "kind": "Kontaktart|Contact type", "name_1": "Name 1|Name1", "name_2": "Name 2|Name2",
}
_PERSONS = range(1, 10)  # bexio numbers the persons of a firm
_PARTS: Mapping[str, str] = {"first": "Vorname|First name", "last": "Nachname|Last name|Surname|Name",
                             "email": "E-Mail|Email", "phone": "Telefon|Phone"}
_FOLDED: dict[str, tuple[str, ...]] = {
    name: tuple(dict.fromkeys(map(fold, words.split("|")))) for name, words in _HEADINGS.items()
} | {
    f"{part}_{n}": tuple(fold(f"{who} {n} {word}") for who in ("Kontaktperson", "Contact person")
                         for word in words.split("|"))
    for n in _PERSONS for part, words in _PARTS.items()
}
KNOWN = frozenset(heading for headings in _FOLDED.values() for heading in headings)
"""Every folded heading that means something in one of the exports."""

_LANGUAGES = {"de": "de deu ger deutsch german allemand tedesco", "en": "en eng englisch english anglais inglese",
              "fr": "fr fra fre französisch french français francese",
              "it": "it ita italienisch italian italien italiano"}
_LANGUAGE = {fold(word): code for code, words in _LANGUAGES.items() for word in words.split()}


def recognised(headings: Collection[str]) -> Export | None:
    """Whose export has these headings; None for nobody's we know. Raises Refusal bad_file for an export of contacts
    that does not say to which company they belong."""
    folded = set(map(fold, headings))

    def has(name: str) -> bool:
        return not folded.isdisjoint(_FOLDED[name])

    def called(name: str) -> str:
        written = {fold(heading): heading for heading in headings}
        return next(written[heading] for heading in _FOLDED[name] if heading in written)

    if has("kind") and has("name_1"):
        if not has("number"):
            raise bad(Sentence(N_("this is a bexio export without the column “Kontaktnummer”, which customers are told "
                                  "apart by; export it again with that column")))
        return Export(N_("a bexio contact export"), called("number"), _NO_NUMBER, _BEXIO, _bexio)
    if not has("record") or not (has("company") or has("of_company")):
        return None
    if has("email") and (has("first") or has("last")):
        if not has("company_ids"):
            raise bad(Sentence(N_("this is a HubSpot contact export without the column “Associated Company IDs”, which "
                                  "says whose contacts they are; export it again with associations")))
        return Export(N_("a HubSpot contact export"), called("company_ids"), _NO_COMPANY, _CONTACTS, _contact)
    taken = tuple(name for name in _COMPANIES if name not in _NEEDS or any(map(has, _NEEDS[name])))
    return Export(N_("a HubSpot company export"), called("record"), _NO_NUMBER, taken, _company)


_NO_NUMBER = Sentence(N_("it has no number"))
_NO_COMPANY = Sentence(N_("this contact belongs to no company"))
_CONTACTS = ("customer_ref", "name", "contact_name", "contact_email", "contact_phone")
_COMPANIES = ("customer_ref", "name", "country", "postal_address", "language")
_BEXIO = ("customer_ref", "name", "language", "country", "postal_address", "contact_name", "contact_email",
          "contact_phone")
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "country": ("country",), "postal_address": ("street", "city"), "language": ("language",),
}  # an export without the column says nothing, and clears nothing


def _contact(cell: Callable[[str], str]) -> Iterator[dict[str, Cell]]:
    """A HubSpot contact; of several companies the first, its primary one."""
    first = re.split(r"[;,\s]+", cell("company_ids").strip())[0]
    yield {"customer_ref": first, "name": cell("of_company").split(";")[0].strip(),
           "contact_name": _joined(" ", cell("first"), cell("last")), "contact_email": cell("email"),
           "contact_phone": cell("phone") if cell("email") else ""}


def _company(cell: Callable[[str], str]) -> Iterator[dict[str, Cell]]:
    yield {"customer_ref": cell("record"), "name": cell("company"), **_place(cell)}


def _bexio(cell: Callable[[str], str]) -> Iterator[dict[str, Cell]]:
    """A bexio contact: the firm with its own address, then each of its persons that has one."""
    person = fold(cell("kind")) in ("privat", "private", "person")
    name = _joined(" ", *((cell("name_2"), cell("name_1")) if person else (cell("name_1"), cell("name_2"))))
    own = {"customer_ref": cell("number"), "name": name, **_place(cell)}
    rows: list[dict[str, Cell]] = [
        {**own, "contact_name": name if person else "", "contact_email": cell("email"),
         "contact_phone": cell("phone")} if cell("email") else {}]
    for n in _PERSONS:
        if cell(f"email_{n}"):
            rows.append({**own, "contact_name": _joined(" ", cell(f"first_{n}"), cell(f"last_{n}")),
                         "contact_email": cell(f"email_{n}"), "contact_phone": cell(f"phone_{n}")})
    yield from ([row for row in rows if row] or [own])


def _place(cell: Callable[[str], str]) -> dict[str, Cell]:
    country, said = cell("country"), cell("language")
    return {
        "country": places.country(country) or country,
        "postal_address": _joined(", ", cell("street"), _joined(" ", cell("zip"), cell("city"))),
        "language": _LANGUAGE.get(fold(said.partition("(")[0]), said),
    }


def _joined(between: str, *texts: str) -> str:
    return between.join(filter(None, (" ".join(text.split()) for text in texts)))
