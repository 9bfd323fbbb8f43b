"""One list in every form it may come in: CSV, TSV, JSON, YAML, Markdown, HTML, Excel."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import openpyxl
import yaml

from notifier.workflow.pages import plain_text


@dataclass(frozen=True)
class Section:
    """A table and the heading above it."""

    heading: str
    rows: Sequence[Sequence[str]]


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """An Excel workbook of these sheets, cells as given (a text that begins with "=" is a formula)."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _rows(sections: Sequence[Section]) -> list[Sequence[str]]:
    return [row for section in sections for row in section.rows]


def _csv(columns: Sequence[str], sections: Sequence[Section], delimiter: str = ",") -> bytes:
    target = io.StringIO()
    csv.writer(target, delimiter=delimiter).writerows([columns, *_rows(sections)])
    return target.getvalue().encode()


def _objects(columns: Sequence[str], sections: Sequence[Section]) -> list[dict[str, str]]:
    return [dict(zip(columns, row, strict=True)) for row in _rows(sections)]


def _markdown(columns: Sequence[str], sections: Sequence[Section]) -> bytes:
    said = ["---", "title: Sub-processors", "---", "", "# Sub-processors", "", "Who works for us | and for what.", ""]
    for section in sections:
        said += [f"## {section.heading}", "", "| " + " | ".join(columns) + " |", "|:--" * len(columns) + "|"]
        said += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in section.rows] + [""]
    return "\n".join(said).encode()


def _html(columns: Sequence[str], sections: Sequence[Section]) -> bytes:
    def cell(text: str) -> str:
        words, link = plain_text(text)
        shown = html.escape(words).replace("\n", "<br>")
        return f'<td><a href="{html.escape(link)}">{shown}</a></td>' if link else f"<td>{shown}</td>"

    said = ["<!doctype html><html><head><meta charset=utf-8><title>x</title></head><body><h1>Sub-processors</h1>"]
    for section in sections:
        said.append(f"<h2>{html.escape(section.heading)}</h2><table><thead><tr>")
        said += [f"<th>{html.escape(column)}</th>" for column in columns]
        said.append("</tr></thead><tbody>")
        said += ["<tr>" + "".join(map(cell, row)) + "</tr>" for row in section.rows]
        said.append("</tbody></table>")
    return "".join(said).encode()


def _xlsx(columns: Sequence[str], sections: Sequence[Section]) -> bytes:
    return workbook({f"Sheet {n}": [["List of sub-processors"], [], columns, *section.rows]
                     for n, section in enumerate(sections)})


FORMS: Mapping[str, Callable[[Sequence[str], Sequence[Section]], bytes]] = {
    "csv": _csv,
    "tsv": lambda columns, sections: _csv(columns, sections, "\t"),
    "json": lambda columns, sections: json.dumps({"subprocessors": _objects(columns, sections)}).encode(),
    "yaml": lambda columns, sections: yaml.safe_dump(_objects(columns, sections), allow_unicode=True).encode(),
    "md": _markdown, "html": _html, "xlsx": _xlsx,
}
