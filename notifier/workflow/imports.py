"""A list of sub-processors out of a file, and what it would change in the list of today. Pure reading, no session.

Cells that hold several things are split at ";" and line ends, never at ",": a comma belongs to an address, and to
"Marketing emails (newsletters), CRM".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from notifier.domain import register as rules
from notifier.domain.changes import Item
from notifier.domain.register import FIELD_NAMES, FIELDS, LISTS, LONGEST, EngagementValue, slug
from notifier.domain.sentences import N_, Sentence
from notifier.workflow import sheets
from notifier.workflow.sheets import Cell, Grid, Row, bad, fold

# What people call the columns, in the four languages; the field's own name and title count too.
_HEADINGS = {
    "ref": "reference|id|key|Referenz|référence|riferimento",
    "legal_name": (
        "name|company|company name|sub-processor|sub-processor name|name of sub-processor|vendor|supplier|provider|"
        "service provider|entity|entity name|legal entity|third party|Firma|Firmenname|Unternehmen|Anbieter|"
        "Dienstleister|Auftragsverarbeiter|Unterauftragsverarbeiter|Unterauftragnehmer|Subunternehmer|nom|société|"
        "entreprise|raison sociale|fournisseur|prestataire|sous-traitant|sous-traitant ultérieur|nome|società|"
        "ragione sociale|denominazione|fornitore|sub-responsabile|sub-responsabile del trattamento"
    ),
    "also_known_as": "aka|alias|brand|trade name|auch bekannt als|Handelsname|Marke|nom commercial|"
                     "aussi connu sous|nome commerciale|noto anche come",
    "address": "registered office|headquarters|Adresse|Anschrift|Sitz|adresse|siège|indirizzo|sede",
    "country": "country of registration|Land|Sitzland|pays|paese",
    "registration_no": "registration number|company number|UID|Registernummer|Handelsregisternummer|"
                       "numéro d’enregistrement|numéro RCS|IDE|numero di registro",
    "website": "web|url|link|homepage|Webseite|site|site web|site internet|sito|sito web",
    "contact": "contact person|contact details|Kontakt|Kontaktperson|Ansprechpartner|personne de contact|contatto|"
               "referente",
    "relation": "relationship|Beziehung|Verhältnis|lien|relazione|rapporto",
    "activity": "activities|purpose|purpose of processing|function|description|processing|nature of processing|"
                "subject matter|service provided|services provided|Tätigkeit|Zweck|Verarbeitungszweck|Leistung|"
                "Dienstleistung|Verarbeitung|Beschreibung|activité|finalité|prestation|traitement|attività|"
                "finalità|scopo|prestazione|trattamento|descrizione",
    "data_categories": "data|type of data|types of data|categories of data|categories of personal data|Daten|"
                       "Personendaten|personenbezogene Daten|Datenkategorien|Datenarten|données|"
                       "données personnelles|données à caractère personnel|catégories de données|dati|"
                       "dati personali|categorie di dati",
    "data_subjects": "categories of data subjects|persons|Betroffene|betroffene Personen|"
                     "Kategorien betroffener Personen|personnes concernées|interessati|persone interessate",
    "locations": "location|place|places|place of processing|places of processing|processing location|"
                 "data location|hosting location|region|Ort|Orte|Standort|Standorte|Verarbeitungsort|"
                 "Ort der Verarbeitung|Orte der Verarbeitung|lieu|lieux|lieu de traitement|lieux de traitement|"
                 "localisation|luogo|luoghi|luogo del trattamento|ubicazione",
    "services": "product|products|applicable services|affected services|Dienste|Produkt|Produkte|"
                "betroffene Dienste|produit|produits|services concernés|servizi|prodotto|prodotti",
    "guarantee": "guarantees|safeguard|safeguards|data processing agreement|DPA|Garantie|Garantien|Vertrag|"
                 "garanties|contrat|garanzia|garanzie|contratto",
    "transfer_basis": "transfer|transfers|transfer mechanism|third-country transfer|Transfer|Übermittlung|"
                      "Übermittlungsgrundlage|Transfergrundlage|Drittlandtransfer|transfert|base du transfert|"
                      "mécanisme de transfert|trasferimento|base del trasferimento|meccanismo di trasferimento",
    "certificates": "certificate|certification|certifications|Zertifikat|Zertifikate|Zertifizierungen|certificat|"
                    "certificats|certificato|certificati|certificazioni",
    "own_subprocessors": "further sub-processors|eigene Unterauftragsverarbeiter|weitere Unterauftragsverarbeiter|"
                         "propres sous-traitants|sous-traitants propres|propri sub-responsabili|"
                         "sub-responsabili propri",
    "since": "start|start date|date added|added|added on|seit|Beginn|depuis|début|dal|inizio",
}
_UNDER = frozenset({"engagements", "subprocessors"})
_SHORTER: Mapping[str, int] = {"legal_name": 300, "country": 200, "since": 40}  # others: LONGEST


def headings(names: Mapping[str, str], titles: Mapping[str, str]) -> dict[str, str]:
    """Folded heading -> field, from each field's other names (with "|" between), its own name and its title."""
    found = {}
    for field, others in names.items():
        for name in filter(None, (field, titles.get(field), *others.split("|"))):
            found[fold(name)] = field
    return found


REGISTER = headings(_HEADINGS, FIELD_NAMES)


@dataclass(frozen=True)
class Sheet:
    """A list as a file gives it. `columns` are the fields it speaks of, `named` the references it gives itself (the
    others are made from the names), `unknown` the headings nobody understood and whose cells are left out."""

    values: tuple[EngagementValue, ...]
    columns: tuple[str, ...]
    unknown: tuple[str, ...]
    named: frozenset[str]


def read_register(name: str, data: bytes) -> Sheet:
    """The list in a file, its kind told by the name's ending: csv, tsv, json, yaml. A row needs a name and an
    activity. Raises Refusal bad_file with everything that is wrong, each with its place."""
    grid = sheets.read(name, data, REGISTER, _UNDER)
    field_of, unknown = assign(grid, REGISTER)
    columns = tuple(f for f in FIELDS if f in field_of.values())
    for field in ("legal_name", "activity"):
        if field not in columns:
            raise bad(Sentence(N_("there is no column for “%(field)s”; its headings are: %(headings)s"),
                               {"field": FIELD_NAMES[field], "headings": ", ".join(grid.headings)}))
    values: list[EngagementValue] = []
    faults: list[Sentence] = []
    for row in grid.rows:
        value = EngagementValue(**{field_of[h]: _field(field_of[h], c) for h, c in row.cells.items() if h in field_of})
        faults += _wrong(row, value)
        values.append(value)
    named = [slug(value.ref) for value in values if value.ref]
    faults += [Sentence(N_("the reference “%(ref)s” stands there twice"), {"ref": ref})
               for ref in dict.fromkeys(named) if named.count(ref) > 1]
    if not values:
        faults.append(Sentence(N_("there is no row in it")))
    if faults:
        raise bad(*faults)
    return Sheet(tuple(_with_refs(values)), columns, unknown, frozenset(named))


def assign(grid: Grid, known: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Which heading means which field, and the headings that mean none. Raises Refusal bad_file where two headings
    mean the same."""
    field_of: dict[str, str] = {}
    for heading in grid.headings:
        field = known.get(fold(heading))
        if field is None:
            continue
        rival = next((h for h, f in field_of.items() if f == field), None)
        if rival is not None:
            raise bad(Sentence(N_("the headings “%(one)s” and “%(other)s” mean the same; leave one out"),
                               {"one": rival, "other": heading}))
        field_of[heading] = field
    return field_of, tuple(h for h in grid.headings if h not in field_of)


def parts(cell: Cell) -> tuple[str, ...]:
    """The several things in one cell."""
    pieces = re.split(r"[;\r\n]+", cell) if isinstance(cell, str) else cell
    return tuple(piece for piece in (p.strip() for p in pieces) if piece)


def one(cell: Cell) -> str:
    """The one thing in a cell."""
    return cell if isinstance(cell, str) else "; ".join(cell)


def _field(name: str, cell: Cell) -> Any:
    return parts(cell) if name in LISTS else one(cell)


def _wrong(row: Row, value: EngagementValue) -> Iterable[Sentence]:
    for name in ("legal_name", "activity"):
        if not getattr(value, name):
            yield Sentence(N_("%(where)s: “%(field)s” is empty"), {"where": row.where, "field": FIELD_NAMES[name]})
    for name in FIELDS:
        held, most = getattr(value, name), _SHORTER.get(name, LONGEST)
        if sum(map(len, held)) > most:
            yield Sentence(N_("%(where)s: “%(field)s” is longer than %(most)s characters"),
                           {"where": row.where, "field": FIELD_NAMES[name], "most": most})


def _with_refs(values: Sequence[EngagementValue]) -> Iterable[EngagementValue]:
    """A reference for every row: the file's own, else the name's, with the activity where the name repeats."""
    names = [plain(value.legal_name) for value in values]
    taken = {slug(value.ref) for value in values if value.ref}
    for value in values:
        if value.ref:
            yield value.with_(ref=slug(value.ref))
            continue
        repeats = names.count(plain(value.legal_name)) > 1
        ref = free(slug(f"{value.legal_name} {value.activity}" if repeats else value.legal_name), taken)
        taken.add(ref)
        yield value.with_(ref=ref)


def free(wanted: str, taken: Iterable[str]) -> str:
    """The wanted reference, or it with a number behind where that is taken."""
    used = set(taken)
    return wanted if wanted not in used else next(
        ref for ref in (f"{wanted[:55].rstrip('-')}-{n}" for n in range(2, len(used) + 3)) if ref not in used
    )


def plain(text: str) -> str:
    """Text without case, blanks and marks, for comparing names."""
    return "".join(ch for ch in text.casefold() if ch.isalnum())


def differences(current: Sequence[EngagementValue], sheet: Sheet) -> list[Item]:
    """What a file's list changes in the current one, one item per engagement: additions and modifications in the
    file's order, then removals.

    Rows match by the references the file gives, else by name and activity. Only fields the file has columns for
    are compared; another order in a list, other blanks, or a "since" left empty are no difference.
    """
    left = {value.ref: value for value in current}
    pairs = [(_matching(value, sheet, left), value) for value in sheet.values]
    taken = {value.ref for value in current}
    items: list[Item] = []
    for before, value in pairs:
        if before is None:
            ref = free(value.ref, taken)
            taken.add(ref)
            items.append(Item(None, value.with_(ref=ref, services=_slugs(value))))
            continue
        after = before.with_(**{name: _settled(name, before, value) for name in sheet.columns if name != "ref"})
        if rules.differences(before, after):
            items.append(Item(before, after))
    return items + [Item(value, None) for value in left.values()]


def _matching(
    value: EngagementValue, sheet: Sheet, left: dict[str, EngagementValue]
) -> EngagementValue | None:
    """Takes the engagement a row is about out of those left; None for a new one."""
    if value.ref in sheet.named and value.ref in left:
        return left.pop(value.ref)
    same = (plain(value.legal_name), plain(value.activity))
    ref = next((ref for ref, held in left.items()
                if (plain(held.legal_name), plain(held.activity)) == same and ref not in sheet.named), None)
    return left.pop(ref) if ref is not None else None


def _settled(name: str, before: EngagementValue, value: EngagementValue) -> Any:
    old, new = getattr(before, name), getattr(value, name)
    if name == "services":
        new = _slugs(value)
    if name in LISTS:
        return old if sorted(old) == sorted(new) else new
    return old if old.split() == new.split() or (name == "since" and not new) else new


def _slugs(value: EngagementValue) -> tuple[str, ...]:
    return tuple(dict.fromkeys(slug(service) for service in value.services))
