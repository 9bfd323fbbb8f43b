"""Notices that run elsewhere already, out of a file: one row per customer and change, every value checked in its row
before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from notifier.domain.proof import ELSEWHERE
from notifier.domain.sentences import N_, Sentence
from notifier.workflow import documents, sheets, workbooks
from notifier.workflow.imports import assign, headings, one
from notifier.workflow.sheets import Grid, Row, bad

MOST_ROWS = 50_000
MOST_BYTES = 10 * 2**20  # of a proof
_UNDER = frozenset({"notices"})
_NEEDED = ("customer_ref", "change", "proof_file")


@dataclass(frozen=True)
class Running:
    """One row: a customer was told of a change elsewhere. `received` is the moment or the civil day of receipt, else
    the day it was informed; `last_day` the one promised there; `proof_file` a name in the folder of proofs."""

    number: int
    where: str
    customer_ref: str
    change: str
    informed_on: date
    received: datetime | date
    proof: str
    proof_file: str
    last_day: date | None = None
    planned_start: date | None = None
    acknowledged: date | None = None
    objected: date | None = None
    objection: str = ""


def read_notices(name: str, data: bytes) -> list[Running]:
    """The rows of a file (csv, tsv, json, yaml, xlsx). Raises Refusal bad_file with every fault and its place."""
    grid = _grid(name, data)
    field_of, _ = assign(grid, _KNOWN)
    for needed in _NEEDED:
        if needed not in field_of.values():
            raise bad(Sentence(N_("there is no column “%(field)s”; its headings are: %(headings)s"),
                               {"field": needed, "headings": ", ".join(grid.headings)}))
    if not grid.rows or len(grid.rows) > MOST_ROWS:
        raise bad(Sentence(N_("there is no row in it")) if not grid.rows else
                  Sentence(N_("it has more than %(most)s rows"), {"most": MOST_ROWS}))
    found, faults = [], []
    for row in grid.rows:
        cells = {field_of[h]: one(cell) for h, cell in row.cells.items() if h in field_of and cell}
        problems: list[Sentence] = []
        read = _row(row, cells, problems)
        faults += [fault(row.where, problem) for problem in problems]
        found += [read] if read else []
    if faults:
        raise bad(*faults)
    return found


def fault(where: str, problem: Sentence) -> Sentence:
    """What is wrong with a row, and where it stands."""
    return Sentence(N_("%(where)s: %(problem)s"), {"where": where, "problem": str(problem)})


def _grid(name: str, data: bytes) -> Grid:
    if PurePath(name).suffix.lower() != ".xlsx":
        return sheets.read(name, data, _KNOWN, _UNDER)
    tables = (sheets.tabled(t.lines, lambda h: sheets.fold(h) in _KNOWN, t.context) for t in workbooks.tables(data))
    found = [grid for grid in tables if grid is not None]
    if len(found) != 1:
        raise bad(Sentence(N_("it should have one sheet with a column “%(field)s”"), {"field": "customer_ref"}))
    return found[0]


def _row(row: Row, cells: Mapping[str, str], problems: list[Sentence]) -> Running | None:
    given: dict[str, Any] = {}
    for name, text in cells.items():
        try:
            given[name] = _READ[name](text)
        except ValueError as wrong:
            problems.append(Sentence(N_("“%(name)s”: %(problem)s"), {"name": name, "problem": str(wrong)}))
    for needed in (n for n in _NEEDED if n not in cells):
        problems.append(Sentence(N_("“%(field)s” is empty"), {"field": needed}))
    if "informed_on" not in cells and "received_at" not in cells:
        problems.append(Sentence(N_("give “informed_on” or “received_at”: without a day nothing can be counted")))
    if problems:
        return None
    received = given.pop("received_at", None)
    informed = given.pop("informed_on", None)
    day = received.date() if isinstance(received, datetime) else received
    _in_order(informed or day, day or informed, given, problems)
    return Running(row.number, row.where, informed_on=informed or day, received=received or informed,
                   proof=given.pop("proof", "other"), **given)


def _in_order(informed: date, received: date, given: Mapping[str, Any], problems: list[Sentence]) -> None:
    if received < informed:
        problems.append(Sentence(N_("“received_at” is before “informed_on”")))
    for name in ("last_day", "acknowledged", "objected"):
        if given.get(name) and given[name] < informed:
            problems.append(Sentence(N_("“%(name)s” is before the day the customer was informed"), {"name": name}))
    if given.get("objection") and not given.get("objected"):
        problems.append(Sentence(N_("“objection” needs the day in “objected”")))


def _day(text: str) -> date:
    dotted = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text)  # 31.12.2026: one meaning only
    try:
        return date(int(dotted[3]), int(dotted[2]), int(dotted[1])) if dotted else date.fromisoformat(text)
    except ValueError:
        raise ValueError(str(Sentence(N_("“%(text)s” is no date; write it as 2026-12-31"), {"text": text}))) from None


def _moment(text: str) -> datetime | date:
    if "T" not in text and " " not in text and ":" not in text:
        return _day(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        words = N_("“%(text)s” is no moment; write it as 2026-12-31T14:05 or as a day")
        raise ValueError(str(Sentence(words, {"text": text}))) from None


def _text(most: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > most:
            raise ValueError(str(Sentence(N_("longer than %(most)s characters"), {"most": most})))
        return text

    return read


def _proof(text: str) -> str:
    kind = re.sub(r"[\s-]+", "_", text.lower())
    if kind not in ELSEWHERE:
        raise ValueError(str(Sentence(N_("“%(text)s” is none of %(known)s"),
                                      {"text": text, "known": ", ".join(ELSEWHERE)})))
    return kind


def _file(text: str) -> str:
    path = PurePosixPath(text.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", text):
        raise ValueError(str(Sentence(N_("“%(text)s” leads out of the folder of the proofs"), {"text": text})))
    return str(path)


_READ: Mapping[str, Callable[[str], Any]] = {
    "customer_ref": _text(80), "change": _text(20), "informed_on": _day, "received_at": _moment, "proof": _proof,
    "proof_file": _file, "last_day": _day, "planned_start": _day, "acknowledged": _day, "objected": _day,
    "objection": _text(20_000),
}
_KNOWN = headings(
    dict.fromkeys(_READ, "") | {
        "customer_ref": "customer|customer id|customer number|reference|ref|Kundennummer", "change": "change ref",
        "proof": "proof kind|kind of proof", "proof_file": "file|proof name", "last_day": "last day to object|promised",
    },
    {},
)


def load_proofs(rows: list[Running], folder: Path) -> dict[str, tuple[str, bytes]]:
    """The files that the rows name, each as its name and bytes. Raises Refusal bad_file for every row whose file is not
    in the folder, is empty, or larger than 10 MB."""
    found: dict[str, tuple[str, bytes]] = {}
    faults = []
    root = folder.resolve()
    for row in rows:
        path = (root / row.proof_file).resolve()
        if row.proof_file in found:
            continue
        if not path.is_relative_to(root) or not path.is_file():
            faults.append(fault(row.where, Sentence(N_("there is no file “%(file)s” in the folder of the proofs"),
                                                    {"file": row.proof_file})))
            continue
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if not 0 < len(data) <= MOST_BYTES:
            faults.append(fault(row.where, Sentence(N_("“%(file)s” is empty, or larger than 10 MB"),
                                                    {"file": row.proof_file})))
        found[row.proof_file] = (documents.name_of(path.name), data)
    if faults:
        raise bad(*faults)
    return found
