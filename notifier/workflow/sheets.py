"""Files of rows (CSV, TSV, JSON, YAML) as headings and cells, each row with the place where it stands; and what such
rows have in common with those of pages and workbooks.

Nothing is guessed inside a cell: text stays text, so that "NO" is Norway and "007" keeps its zeros.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import yaml

from notifier.domain.refusals import Refusal
from notifier.domain.register import slug
from notifier.domain.sentences import N_, Fact, Sentence
from notifier.domain.transfers import WRITTEN, Transfer

DELIMITERS = (",", ";", "\t")
MOST_BYTES = 10 * 2**20
MOST_CUSTOMER_BYTES = 64 * 2**20  # a hundred thousand customers with every column filled
MOST_YAML_BYTES = 2**20  # the safe reader takes a minute for ten of them
MOST_ALIASES = 100  # in one YAML file: aliases of aliases grow into gigabytes
MOST_PARTS = 1000  # texts in one cell
Cell = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line or, in JSON and YAML, its number; the same in words ("line 7", "entry 3"); and its cells by
    heading, a list where the file has one."""

    number: int
    where: str
    cells: Mapping[str, Cell]
    links: Mapping[str, str] = field(default_factory=dict)  # by heading, the address its cell leads to


@dataclass(frozen=True)
class Line:
    """One line of a table before anybody knows which line holds the headings: where it stands, its cells, and the
    address each cell leads to ("" for none)."""

    number: int
    where: str
    cells: Sequence[str]
    links: Sequence[str] = ()


@dataclass(frozen=True)
class Grid:
    """A file's headings as written, in order, and its rows; empty rows are left out."""

    headings: tuple[str, ...]
    rows: tuple[Row, ...]
    context: str = ""  # what stands above a table: its heading, or the name of the sheet


def fold(heading: str) -> str:
    """A heading without case, accents, blanks and marks: "Registered address", "registered_address" are one."""
    return slug(heading).replace("-", "")


def bad(*details: Sentence) -> Refusal:
    """The refusal of a file, with everything that is wrong in it."""
    return Refusal("bad_file", details=details)


def load(path: Path, most: int = MOST_BYTES) -> bytes:
    """A file's bytes. Raises Refusal bad_file for one larger than `most`, without reading it to its end."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    refuse_large(data, most)
    return data


def refuse_large(data: bytes, most: int = MOST_BYTES) -> None:
    """Raises Refusal bad_file for more bytes than `most`."""
    if len(data) > most:
        raise bad(Sentence(N_("it is larger than %(most)s MB, as no list is; save the table alone"),
                           {"most": most // 2**20}))


def tabled(lines: Sequence[Line], meant: Callable[[str], bool], context: str = "") -> Grid | None:
    """A table as headings and rows, from the first line that holds two headings that mean something; None where no
    line does. A table whose headings stand in its first column is turned round, a row of one cell over all columns
    is a heading within the table and left out."""
    widest = max((len(line.cells) for line in lines), default=0)
    beside = sum(meant(line.cells[0]) for line in lines if line.cells)
    if widest == 2 and beside >= 2 and beside > sum(map(meant, lines[0].cells)):
        return _turned(lines, context)
    for n, line in enumerate(lines[:20]):
        if sum(map(meant, line.cells)) >= (1 if widest == 1 else 2):
            return _under_headings(line, lines[n + 1:], context)
    return None


def _turned(lines: Sequence[Line], context: str) -> Grid:
    sides = [Line(lines[0].number, lines[0].where, [line.cells[n] if n < len(line.cells) else "" for line in lines],
                  [line.links[n] if n < len(line.links) else "" for line in lines]) for n in range(2)]
    return _under_headings(sides[0], sides[1:], context)


def _under_headings(head: Line, lines: Sequence[Line], context: str) -> Grid:
    names = [" ".join(cell.split()) for cell in head.cells]
    rows = []
    for line in lines:
        said = [" ".join(cell.split()) for cell in line.cells]
        if not any(said) or said == names or (len(said) > 2 and len(set(said)) == 1):
            continue  # empty, the headings once more, or one cell over all columns
        cells: dict[str, Cell] = {}
        for heading, cell in zip(names, line.cells, strict=False):
            if heading and not cells.get(heading):
                cells[heading] = cell.strip()
        links = {h: link for h, link in zip(names, line.links, strict=False) if h and link}
        rows.append(Row(line.number, line.where, cells, links))
    return Grid(tuple(dict.fromkeys(name for name in names if name)), tuple(rows), context)


def read(name: str, data: bytes, known: Collection[str], under: Collection[str]) -> Grid:
    """The rows of a file, its kind told by the name's ending.

    `known` are the folded headings that mean something (they decide between delimiters), `under` the folded keys
    under which a JSON or YAML object may hold its list. Raises Refusal bad_file, with line and column.
    """
    kind = PurePath(name).suffix.lower()
    text = text_of(data)
    if kind in (".csv", ".tsv", ".txt"):
        return _csv(text, known)
    if kind == ".json":
        return _listed(_json(text), known, under)
    if kind in (".yaml", ".yml"):
        return _listed(_yaml(text), known, under)
    raise bad(Sentence(N_("“%(name)s” should end in .csv, .tsv, .json or .yaml"), {"name": PurePath(name).name}))


def text_of(data: bytes) -> str:
    """A file's bytes as text: UTF-8 or UTF-16 by their marks, else what Excel writes in the West. Raises Refusal
    bad_file for what is no text, or empty."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):  # cp1252: what Excel writes in the West
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise bad(Sentence(N_("it is not text; save it as UTF-8")))
    if "\0" in text:
        raise _at(*_place(text, text.index("\0")), N_("this is not text"))
    if not text.strip():
        raise bad(Sentence(N_("it is empty")))
    return text


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _at(line: int, column: int, problem: str) -> Refusal:
    facts: dict[str, Fact] = {"line": line, "column": column, "problem": problem}
    return bad(Sentence(N_("line %(line)s, column %(column)s: %(problem)s"), facts))


def rows_of(
    name: str, data: bytes, known: Collection[str], under: Collection[str]
) -> tuple[tuple[str, ...], Iterable[Row]]:
    """As `read`, the headings and the rows by themselves; those of a CSV file one after the other, for files too long
    to be held twice. What is wrong with the file may show only at its last row."""
    if PurePath(name).suffix.lower() in (".csv", ".tsv", ".txt"):
        return _csv_rows(text_of(data), known)
    grid = read(name, data, known, under)
    return grid.headings, grid.rows


def _csv(text: str, known: Collection[str]) -> Grid:
    named, rows = _csv_rows(text, known)
    return Grid(named, tuple(rows))


def _csv_rows(text: str, known: Collection[str]) -> tuple[tuple[str, ...], Iterator[Row]]:
    delimiter = max(DELIMITERS, key=lambda mark: _recognised(text, mark, known))
    found = _records(text, delimiter)
    _, first = next(found, (0, []))
    headings = [heading.strip() for heading in first]
    named = [heading for heading in headings if heading]
    if len(set(named)) < len(named):
        twice = next(h for h in named if named.count(h) > 1)
        raise bad(Sentence(N_("the heading “%(heading)s” stands there twice"), {"heading": twice}))
    return tuple(named), _filled(headings, found)


def _filled(headings: Sequence[str], found: Iterable[tuple[int, list[str]]]) -> Iterator[Row]:
    """The rows, empty cells left out. Raises Refusal bad_file after the last one, for cells that have no heading."""
    faults = []
    for line, cells in found:
        beyond = [n for n, cell in enumerate(cells, 1) if (n > len(headings) or not headings[n - 1]) and cell.strip()]
        if beyond:
            faults.append(Sentence(N_("line %(line)s, column %(column)s: this cell has no heading; is a quotation "
                                      "mark missing?"), {"line": line, "column": beyond[0]}))
        filled = {h: text for h, cell in zip(headings, cells, strict=False) if h and (text := cell.strip())}
        yield Row(line, f"line {line}", filled)
    if faults:
        raise bad(*faults)


def _recognised(text: str, delimiter: str, known: Collection[str]) -> tuple[int, int]:
    """How many headings a delimiter would give that mean something, and how many at all."""
    try:
        first = next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)), [])
    except csv.Error:
        return 0, 0
    return sum(fold(heading) in known for heading in first), len(first)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not empty, with the line it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _at(*_broken_quote(text, delimiter, begins), str(error)) from None
        if any(cell.strip() for cell in cells):
            yield begins, cells


def _broken_quote(text: str, delimiter: str, begins: int) -> tuple[int, int]:
    """Where quoting goes wrong at or after line `begins`: text behind a closing mark, or the mark never closed."""
    offset = sum(len(line) for line in text.splitlines(keepends=True)[: begins - 1])
    opened, quoted, fresh = offset, False, True
    while offset < len(text):
        mark = text[offset]
        if quoted and mark == '"':
            after = text[offset + 1: offset + 2]
            if after == '"':
                offset += 1
            elif after and after not in f"{delimiter}\r\n":
                return _place(text, offset + 1)
            else:
                quoted = False
        elif not quoted and mark == '"' and fresh:
            opened, quoted = offset, True
        fresh = not quoted and mark in f"{delimiter}\r\n"
        offset += 1
    return _place(text, opened)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _at(error.lineno, error.colno, error.msg) from None
    except (RecursionError, ValueError):  # ValueError: a number of thousands of digits
        raise bad(Sentence(N_("it is nested too deeply, or holds a number too long to be one"))) from None


class _Plain(yaml.BaseLoader):
    """Text, lists and mappings, and only so many aliases."""

    aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """As yaml does it, counting the aliases. Raises Refusal bad_file at one too many."""
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > MOST_ALIASES:
                raise bad(Sentence(N_("it holds more than %(most)s aliases (*name); write them out"),
                                   {"most": MOST_ALIASES}))
        return super().compose_node(parent, index)


def _yaml(text: str) -> Any:
    if len(text) > MOST_YAML_BYTES:
        raise bad(Sentence(N_("a YAML file may not be larger than %(most)s MB; save it as JSON"),
                           {"most": MOST_YAML_BYTES // 2**20}))
    try:
        return yaml.load(text, Loader=_Plain)  # noqa: S506 (makes nothing but text, lists and mappings)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise _at(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, str(error.problem)) from None
    except yaml.reader.ReaderError as error:
        raise _at(*_place(text, error.position), str(error.reason)) from None
    except (RecursionError, ValueError):
        raise bad(Sentence(N_("it is nested too deeply"))) from None


def _listed(value: Any, known: Collection[str], under: Collection[str]) -> Grid:
    if isinstance(value, dict):
        value = next((v for k, v in value.items() if fold(str(k)) in under and isinstance(v, list)), None)
    if not isinstance(value, list):
        keys = ", ".join(sorted(under))
        raise bad(Sentence(N_("it should be a list of objects, or an object with one under %(keys)s"), {"keys": keys}))
    rows: list[Row] = []
    faults: list[Sentence] = []
    for number, entry in enumerate(value, 1):
        where = f"entry {number}"
        if not isinstance(entry, dict):
            faults.append(Sentence(N_("%(where)s: this is no object"), {"where": where}))
            continue
        cells = {str(key): _cell(given) for key, given in entry.items()}
        faults += [Sentence(N_("%(where)s: “%(key)s” should be text, or a list of texts"), {"where": where, "key": key})
                   for key, cell in cells.items() if cell is None and fold(key) in known]
        rows.append(Row(number, where, {key: cell for key, cell in cells.items() if cell}))
    if faults:
        raise bad(*faults)
    return Grid(tuple(dict.fromkeys(key for row in rows for key in row.cells)), tuple(rows))


def _cell(given: Any) -> Cell | None:
    """A JSON or YAML value as a cell; None for one that is neither text nor a list of texts."""
    if given is None or given in ("null", "~"):
        return ""
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, str | int | float):
        return str(given).strip()
    if isinstance(given, list) and len(given) <= MOST_PARTS:
        parts = [_part(each) for each in given]
        return None if None in parts else tuple(filter(None, parts))
    return None


def _part(given: Any) -> str | None:
    """One of several things as text; a transfer, as our own JSON has it, as a cell would have it."""
    if isinstance(given, dict) and given.keys() <= vars(Transfer("")).keys() and {
        given.get("gdpr", ""), given.get("fadp", "")} <= WRITTEN.keys():
        return str(Transfer(**{name: str(value) for name, value in {"place": "", **given}.items()}))
    return str(given).strip() if isinstance(given, str | int | float) else None
