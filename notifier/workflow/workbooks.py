"""Tables in Excel workbooks (.xlsx): values only. A formula is refused, and so is an archive built to burst."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from notifier.domain.sentences import N_, Sentence
from notifier.workflow.pages import Table
from notifier.workflow.sheets import Line, bad

MOST_UNPACKED = 50 * 2**20
MOST_RATIO = 100  # honest sheets shrink to a tenth or a twentieth
MOST_ENTRIES, MOST_ROWS, MOST_COLUMNS, MOST_TOLD = 1000, 5000, 200, 20
_BROKEN = (zipfile.BadZipFile, zlib.error, InvalidFileException, SyntaxError, LookupError, ValueError, TypeError,
           AttributeError, ArithmeticError, OSError, EOFError, RuntimeError)  # all that a mangled archive raises


MOST_CUSTOMER_ROWS, MOST_CUSTOMERS_UNPACKED = 300_000, 600 * 2**20  # a hundred thousand customers, several contacts


def tables(data: bytes, most_rows: int = MOST_ROWS, most_unpacked: int = MOST_UNPACKED) -> list[Table]:
    """The sheets of a workbook. Raises Refusal bad_file with every formula cell named, or for no workbook at all."""
    _look_inside(data, most_unpacked)
    faults: list[Sentence] = []
    found = []
    try:
        book = load_workbook(BytesIO(data), read_only=True, data_only=False, keep_links=False)
        for sheet in book.worksheets:
            if sheet.sheet_state == "visible":
                sheet.reset_dimensions()  # a file may declare a million rows and hold three
                found.append(Table(tuple(_lines(sheet, faults, most_rows)), sheet.title))
    except _BROKEN:
        raise bad(Sentence(N_("it is no Excel workbook, or a broken one; save it again as .xlsx"))) from None
    if faults:
        raise bad(*faults[:MOST_TOLD])
    return found


def _look_inside(data: bytes, most_unpacked: int) -> None:
    """Reads the archive's directory before anything is unpacked; no part can grow beyond what the directory says."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            packed = sum(part.compress_size for part in parts)
            if len(parts) > MOST_ENTRIES or unpacked > most_unpacked or (
                unpacked > 2**20 and unpacked > MOST_RATIO * max(packed, 1)
            ):
                raise bad(Sentence(N_("it unpacks to %(size)s MB in %(parts)s parts, as no list does; not opened"),
                                   {"size": unpacked // 2**20, "parts": len(parts)}))
            if any(b"<!DOCTYPE" in archive.read(part) for part in parts if part.filename.endswith((".xml", ".rels"))):
                raise bad(Sentence(N_("it declares a document type, as no workbook does; it was not opened")))
    except _BROKEN:
        raise bad(Sentence(N_("it is no Excel workbook, or a broken one; save it again as .xlsx"))) from None


def _lines(sheet: Any, faults: list[Sentence], most_rows: int) -> Iterator[Line]:
    kept = 0
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = []
        for cell in row[:MOST_COLUMNS]:
            text = _text(cell.value)
            if cell.data_type in ("f", "e") or text.startswith("="):
                faults.append(Sentence(
                    N_("sheet “%(sheet)s”, cell %(cell)s: this is a formula or an error; paste values only"),
                    {"sheet": sheet.title, "cell": f"{cell.column_letter}{number}"}))
            cells.append(text)
        if any(cells):
            kept += 1
            yield Line(number, f"sheet “{sheet.title}”, row {number}", cells)
        if kept > most_rows:
            raise bad(Sentence(N_("sheet “%(sheet)s” has more than %(most)s rows"),
                               {"sheet": sheet.title, "most": most_rows}))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
