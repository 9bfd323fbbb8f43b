"""A list of sub-processors out of a file. Pure reading, no session.

Cells that hold several things are split at ";" and line ends, never at ",": a comma belongs to an address, and to
"Marketing emails (newsletters), CRM". Only a cell of nothing but countries is split at commas too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from notifier.domain.register import (
    FIELD_NAMES,
    FIELDS,
    LISTS,
    LONGEST,
    MOST_PLACES,
    TRANSFER_FIELDS,
    EngagementValue,
    slug,
)
from notifier.domain.sentences import N_, Sentence
from notifier.workflow import pages, places, sheets, transfers, workbooks
from notifier.workflow.headings import HEADINGS, SECOND_BEST
from notifier.workflow.matching import plain
from notifier.workflow.sheets import Cell, Grid, Row, bad, fold
from notifier.workflow.vendor_contacts import taken_apart

_PARTS = re.compile(r"[/&(),;:\n]|\s(?:and|or|for|und|oder|für|et|ou|pour|e|o|per)\s")  # of a heading
_PROCESSORS = re.compile(r"processor|auftragsverarbeiter|auftragnehmer|sous-traitant|sub-?responsabil", re.IGNORECASE)
_UNDER = frozenset({"engagements", "subprocessors"})
_SHORTER: Mapping[str, int] = {"legal_name": 300, "country": 200, "since": 40}  # others: LONGEST
CONTACT = ("contact", "contact_position", "contact_address")
MOST_ENTRIES = 1000  # engagements in a list
MOST_ROWS = 5000  # before those that say the same are one
_ENTITY = frozenset(map(fold, ("legal entity", "legal entity name", "legal name", "entity name", "raison sociale",
                               "ragione sociale")))  # beside a brand's name, they are the name that counts
_PLACEHOLDER = re.compile(
    r"\[.*\]|<.*>|\{\{.*\}\}|t\.?b\.?[adc]\.?|to be (determined|announced|confirmed|defined|added)|"
    r"to ?do|x{3,}|\?+|\.{3,}|…|(insert|add|enter|your) (sub-?processor|provider|vendor|company|name|activity|"
    r"purpose)\b.*|lorem ipsum.*|placeholder|"
    r"unknown|unbekannt|inconnu|sconosciuto|example( (company|vendor|provider|inc\.?))?|à (définir|compléter)|"
    r"da definire|noch offen",
    re.IGNORECASE | re.DOTALL)
_NOTHING = re.compile(r"[-–—_/.]*|n\.?/?a\.?|not applicable|none|keine?|k\. ?a\.|aucune?|nessun[oa]?", re.IGNORECASE)
_FORMULA = re.compile(r"=|[@+-][A-Za-z_.]+\(")
_PAST = re.compile(
    r"\b(former|formerly|previous|past|removed|discontinued|no longer|retired|historical|archived?|change ?log|"
    r"(revision|version|change) history|ehemalige|frühere|entfernte|änderungs(verlauf|historie)|anciens?|supprimés?|"
    r"historique|precedenti|rimossi|cronologia)\b", re.IGNORECASE)


def headings(names: Mapping[str, str], titles: Mapping[str, str]) -> dict[str, str]:
    """Folded heading -> field, from each field's other names (with "|" between), its own name and its title."""
    found = {}
    for name, others in names.items():
        for heading in filter(None, (name, titles.get(name), *others.split("|"))):
            found[fold(heading)] = name
    return found


REGISTER = headings(HEADINGS, FIELD_NAMES)
_SECOND = {fold(name): field for field, names in SECOND_BEST.items() for name in names.split("|")}


@dataclass(frozen=True)
class Entry:
    """One engagement as the file gives it: its value, the fields the file has columns for, where it stands, and the
    cells of columns nobody understood."""

    value: EngagementValue
    columns: frozenset[str]
    where: str = field(compare=False)
    extra: Mapping[str, str] = field(compare=False)


@dataclass(frozen=True)
class Sheet:
    """A list as a file gives it. `named` are the references it gives itself (the others are made from the names),
    `unknown` the headings nobody understood, `notes` what the reader did that a person should know."""

    entries: tuple[Entry, ...]
    unknown: tuple[str, ...]
    named: frozenset[str]
    notes: tuple[Sentence, ...] = ()

    @property
    def values(self) -> tuple[EngagementValue, ...]:
        """The engagements alone."""
        return tuple(entry.value for entry in self.entries)

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields the file speaks of anywhere."""
        return tuple(f for f in FIELDS if any(f in entry.columns for entry in self.entries))


def read_register(name: str, data: bytes, activity: str = "") -> Sheet:
    """The list in a file, its kind told by the name's ending: csv, tsv, json, yaml, xlsx, Markdown, HTML.

    A row needs a name and an activity; `activity` is that of every row in a list that has no such column. Rows that
    say the same are one. Raises Refusal bad_file with everything that is wrong, each with its place.
    """
    grids, notes = _chosen(_grids(name, data))
    if sum(len(grid.rows) for grid in grids) > MOST_ROWS:
        raise bad(Sentence(N_("it has more than %(most)s rows"), {"most": MOST_ROWS}))
    entries: list[Entry] = []
    faults: list[Sentence] = []
    unknown: dict[str, None] = {}
    for grid in grids:
        field_of = _fields(grid, named_alone=bool(activity))
        unknown |= dict.fromkeys(h for h in grid.headings if h not in field_of)
        for row in grid.rows:
            entry = _entry(row, field_of, activity, grid.context if len(grids) > 1 else "")
            faults += _wrong(row, entry)
            entries.append(entry)
    entries, merged = _merged(entries)
    named = [slug(e.value.ref) for e in entries if e.value.ref]
    faults += [Sentence(N_("the reference “%(ref)s” stands there twice"), {"ref": ref})
               for ref in dict.fromkeys(named) if named.count(ref) > 1]
    if not entries or len(entries) > MOST_ENTRIES:
        faults.append(Sentence(N_("there is no row in it")) if not entries else
                      Sentence(N_("it has more than %(most)s rows"), {"most": MOST_ENTRIES}))
    if faults:
        raise bad(*faults)
    return Sheet(tuple(_with_refs(entries)), tuple(unknown), frozenset(named), (*notes, *merged))


def _key(heading: str) -> str:
    """The folded heading; of "Purpose / services provided" and "Location (country)" the part that means something, if
    the parts do not mean different things."""
    whole = fold(heading)
    if whole in REGISTER or whole in _SECOND:
        return whole
    keys = [fold(part) for part in _PARTS.split(heading) if part.strip()]
    known = [key for key in keys if key in REGISTER or key in _SECOND]
    fields = [{REGISTER.get(key), _SECOND.get(key)} - {None} for key in known]
    common = set.intersection(*fields) if fields else set()
    return next((key for key in known if REGISTER.get(key, _SECOND.get(key)) in common), whole)


def _means(heading: str) -> bool:
    return bool(heading.strip()) and (_key(heading) in REGISTER or _key(heading) in _SECOND)


def _grids(name: str, data: bytes) -> list[Grid]:
    """The tables of a file that may hold sub-processors. Raises Refusal bad_file where there is none."""
    if len(data) > sheets.MOST_BYTES:
        raise bad(Sentence(N_("it is larger than %(most)s MB"), {"most": sheets.MOST_BYTES // 2**20}))
    kind = PurePath(name).suffix.lower()
    if kind in (".csv", ".tsv", ".txt", ".json", ".yaml", ".yml"):
        return [sheets.read(name, data, REGISTER, _UNDER)]
    if kind in (".xlsx", ".md", ".mdx", ".markdown", ".html", ".htm"):
        reader = workbooks.tables if kind == ".xlsx" else pages.html_tables if "htm" in kind else pages.markdown
        tables = reader(data)
        found = [grid for t in tables if t.lines and (grid := sheets.tabled(t.lines, _means, t.context)) is not None]
        if not found:
            raise bad(Sentence(N_("there is no table with a column for a name and one for an activity in it; "
                                  "%(count)s tables were looked at"), {"count": len(tables)}))
        return found
    raise bad(Sentence(N_("“%(name)s” should end in .csv, .tsv, .json, .yaml, .xlsx, .md or .html"),
                       {"name": PurePath(name).name}))


def _chosen(grids: Sequence[Grid]) -> tuple[list[Grid], list[Sentence]]:
    """Of several tables those that list today's sub-processors, and what is said of the others."""
    if len(grids) == 1 and not _PAST.search(grids[0].context):
        return list(grids), []
    kept, notes = [], []
    named = [bool(_PROCESSORS.search(" ".join((grid.context, *grid.headings)))) for grid in grids]
    for grid, speaks_of_them in zip(grids, named, strict=True):
        about = {"heading": grid.context or ", ".join(grid.headings)}
        if "legal_name" not in _mapped(grid).values() or (any(named) and not speaks_of_them):
            notes.append(Sentence(N_("the table “%(heading)s” names no sub-processors and is left out"), about))
        elif _PAST.search(grid.context.rsplit(" > ", 1)[-1]):
            notes.append(Sentence(N_("the table “%(heading)s” is about the past and is left out"), about))
        else:
            kept.append(grid)
    if not kept:
        raise bad(*notes)
    return kept, notes


def assign(grid: Grid, known: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Which heading means which field, and the headings that mean none. Raises Refusal bad_file where two headings
    mean the same."""
    field_of: dict[str, str] = {}
    for heading in grid.headings:
        name = known.get(fold(heading))
        if name is None:
            continue
        rival = next((h for h, f in field_of.items() if f == name), None)
        if rival is not None:
            raise bad(Sentence(N_("the headings “%(one)s” and “%(other)s” mean the same; leave one out"),
                               {"one": rival, "other": heading}))
        field_of[heading] = name
    return field_of, tuple(h for h in grid.headings if h not in field_of)


def _mapped(grid: Grid) -> dict[str, str]:
    """Heading -> field for one table: the best heading of each field, then the second best where a field has none,
    whatever the order of the columns. Raises Refusal bad_file where two headings mean the name or the reference."""
    field_of: dict[str, str] = {}
    for name in FIELDS:
        ranks = {fold(h): n for n, h in enumerate((name, FIELD_NAMES[name], *HEADINGS.get(name, "").split("|")))}
        rivals = sorted((h for h in grid.headings if REGISTER.get(_key(h)) == name), key=lambda h: ranks[_key(h)])
        if name == "legal_name" and len(rivals) == 2 and sum(_key(h) in _ENTITY for h in rivals) == 1:
            brand = next(h for h in rivals if _key(h) not in _ENTITY)
            rivals.remove(brand)
            if not any(REGISTER.get(_key(h)) == "also_known_as" for h in grid.headings):
                field_of[brand] = "also_known_as"
        if name in ("ref", "legal_name"):
            assign(Grid(tuple(rivals), ()), {fold(h): name for h in rivals})
        field_of |= dict.fromkeys(rivals[:1], name)
    for name, others in SECOND_BEST.items():
        if name not in field_of.values():
            ranks = {fold(h): n for n, h in enumerate(others.split("|"))}
            free_now = [h for h in grid.headings if _key(h) in ranks and field_of.get(h) in (None, "services")]
            field_of |= dict.fromkeys(sorted(free_now, key=lambda h: ranks[_key(h)])[:1], name)
    return field_of


def _fields(grid: Grid, *, named_alone: bool) -> dict[str, str]:
    """As `_mapped`, a column of several countries a row read as places. Raises Refusal bad_file without the columns
    a list needs."""
    field_of = _mapped(grid)
    for heading, name in field_of.items():
        if name == "country" and "locations" not in field_of.values() and any(
            places.only_places(one(row.cells.get(heading, ""))) for row in grid.rows
        ):
            field_of[heading] = "locations"
    for name in ("legal_name", "activity"):
        if name not in field_of.values() and not (named_alone and name == "activity"):
            facts = {"field": FIELD_NAMES[name], "headings": ", ".join(grid.headings)}
            raise bad(Sentence(N_("there is no column for “%(field)s”; its headings are: %(headings)s"), facts), *(
                [Sentence(N_("add one, or give one activity for all rows with --activity"))] * (name == "activity")))
    return field_of


def parts(cell: Cell) -> tuple[str, ...]:
    """The several things in one cell."""
    pieces = re.split(r"[;\r\n]+", cell) if isinstance(cell, str) else cell
    return tuple(piece for piece in (p.strip(" \t•·") for p in pieces) if piece)


def one(cell: Cell) -> str:
    """The one thing in a cell."""
    return cell if isinstance(cell, str) else "; ".join(cell)


def _entry(row: Row, field_of: Mapping[str, str], activity: str, context: str) -> Entry:
    fields: dict[str, Any] = {}
    name_link = ""
    for heading, name in field_of.items():
        cell, link = row.cells.get(heading, ""), row.links.get(heading, "")
        if isinstance(cell, str) and "](" in cell:  # Markdown, as some keep it in their data files too
            cell, found = pages.plain_text(cell)
            link = link or found
        fields[name] = cell if name == "transfers" else _field(name, cell, link)
        name_link = link if name == "legal_name" else name_link
    columns = set(fields)
    if "website" not in fields and re.match(r"https?://", name_link):
        fields["website"], columns = name_link, columns | {"website"}
    if "activity" not in fields:
        fields["activity"] = activity.strip()
    columns = _taken_apart(fields, columns)
    extra = {h: one(cell) for h, cell in row.cells.items() if h not in field_of and cell}
    where = f"{row.where} ({context.rsplit(' > ', 1)[-1]})" if context else row.where
    return Entry(EngagementValue(**fields), frozenset(columns), where, extra)


def _taken_apart(fields: dict[str, Any], columns: set[str]) -> set[str]:
    """Cells that say more than one field, put into each: a person with position and address, and transfers, whose words
    are kept where they name no place and basis. Returns the fields the row speaks of."""
    said = columns.copy()
    if fields.get("contact") and not columns & {"contact_position", "contact_address"}:
        parts_ = dict(zip(CONTACT, taken_apart(fields["contact"]), strict=True))
        fields |= parts_
        said |= {name for name, part in parts_.items() if part}
    if "transfers" in fields:
        cell = fields["transfers"]
        fields["transfers"], left = ((), ()) if _NOTHING.fullmatch(one(cell)) else transfers.read(cell)
        if left:
            fields["transfer_basis"] = "; ".join(filter(None, (fields.get("transfer_basis", ""), *left)))
            said = said - ({"transfers"} if not fields["transfers"] else set()) | {"transfer_basis"}
    return said


def _field(name: str, cell: Cell, link: str) -> Any:
    text = one(cell)
    if name == "website":
        return link or text
    if name == "contact" and link.startswith("mailto:") and link[7:] not in text:
        return f"{text}, {link[7:]}" if text else link[7:]
    if name in ("guarantee", "own_subprocessors") and link and link not in text:
        text = f"{text} ({link})" if text else link
    if name not in ("legal_name", "activity", "own_subprocessors") and _NOTHING.fullmatch(text):
        return () if name in LISTS else ""
    if name == "special_categories" and re.fullmatch(r"no|nein|non", text, re.IGNORECASE):
        return ()
    if name in ("locations", "remote_access"):
        return tuple(dict.fromkeys(place for part in parts(cell) for place in places.several(part)))
    if name in LISTS:
        return parts(cell)
    if name == "country":
        return places.country(text) or text
    between = {"legal_name": " ", "address": ", "}.get(name, "; ")
    return re.sub(r"[\s,;]*\n\s*", between, text) if name != "contact" else text


def _wrong(row: Row, entry: Entry) -> Iterator[Sentence]:
    value = entry.value
    for name in ("legal_name", "activity"):
        if not getattr(value, name) or _NOTHING.fullmatch(getattr(value, name)):
            yield Sentence(N_("%(where)s: “%(field)s” is empty"), {"where": row.where, "field": FIELD_NAMES[name]})
    for name in FIELDS:
        held = getattr(value, name)
        texts = tuple(map(str, held)) if isinstance(held, tuple) else (held,)
        facts = {"where": row.where, "field": FIELD_NAMES[name]}
        if sum(map(len, texts)) > (most := _SHORTER.get(name, LONGEST)):
            yield Sentence(N_("%(where)s: “%(field)s” is longer than %(most)s characters"), {**facts, "most": most})
            continue
        if name in TRANSFER_FIELDS and len(texts) > MOST_PLACES:
            yield Sentence(N_("%(where)s: “%(field)s” names more than %(most)s places"), {**facts, "most": MOST_PLACES})
        if any(_PLACEHOLDER.fullmatch(text) for text in texts) or (
            name == "legal_name" and re.search(r"\[[^\]]+\]", value.legal_name)
        ):
            yield Sentence(N_("%(where)s: “%(text)s” is a placeholder; fill the row in, or leave it out"),
                           {**facts, "text": "; ".join(texts)})
        if any(_FORMULA.match(text) for text in texts):
            yield Sentence(N_("%(where)s: “%(field)s” is a formula; write its value"), facts)
    if value.country and places.country(value.country) != value.country and len(value.country) <= _SHORTER["country"]:
        yield Sentence(N_("%(where)s: “%(country)s” is no country we know; write its name or its two-letter code"),
                       {"where": row.where, "country": value.country})


def _merged(entries: Sequence[Entry]) -> tuple[list[Entry], list[Sentence]]:
    """Entries that say the same in every field but the services as one, for all their services: one sub-processor
    doing one activity is one engagement, under however many headings a page repeats it."""
    kept: dict[EngagementValue, Entry] = {}
    notes = []
    for entry in entries:
        key = entry.value.with_(services=())
        held = kept.get(key)
        if held is None:
            kept[key] = entry
            continue
        services = tuple(dict.fromkeys((*held.value.services, *entry.value.services)))
        if not held.value.services or not entry.value.services:
            services = ()  # none recorded means all of them
        kept[key] = Entry(held.value.with_(services=services), held.columns | entry.columns, held.where, held.extra)
        notes.append(Sentence(N_("%(where)s says the same of %(name)s as %(first)s and is taken once"),
                              {"where": entry.where, "name": entry.value.legal_name, "first": held.where}))
    return list(kept.values()), notes


def _with_refs(entries: Sequence[Entry]) -> Iterable[Entry]:
    """A reference for every row: the file's own, else the name's, with the activity where the name repeats."""
    names = [plain(entry.value.legal_name) for entry in entries]
    taken = {slug(entry.value.ref) for entry in entries if entry.value.ref}
    for entry in entries:
        value, ref = entry.value, slug(entry.value.ref)
        if not value.ref:
            repeats = names.count(plain(value.legal_name)) > 1
            ref = free(slug(f"{value.legal_name} {value.activity}" if repeats else value.legal_name), taken)
            taken.add(ref)
        yield Entry(value.with_(ref=ref), entry.columns, entry.where, entry.extra)


def free(wanted: str, taken: Iterable[str]) -> str:
    """The wanted reference, or it with a number behind where that is taken."""
    used = set(taken)
    return wanted if wanted not in used else next(
        ref for ref in (f"{wanted[:55].rstrip('-')}-{n}" for n in range(2, len(used) + 3)) if ref not in used
    )
