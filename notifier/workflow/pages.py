"""Tables in Markdown and HTML pages, as people publish their lists: links in cells, several tables under headings.

What a page says under "Former sub-processors" or "Change log" is left to the caller, who gets the heading too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from notifier.domain.sentences import N_, Sentence
from notifier.workflow.sheets import Line, bad, text_of

MOST_CELLS = 50_000  # in one table, with every rowspan and colspan written out
_BLOCKS = frozenset({"br", "p", "div", "li", "ul", "ol", "tr", "dt", "dd"})
_UNSEEN = frozenset({"script", "style", "template", "noscript", "svg"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_LINK = re.compile(r"!?\[((?:[^\[\]\\]|\\.)*)\]\(\s*<?([^\s()<>]*(?:\([^\s()]*\))?[^\s()<>]*)>?(?:\s+\"[^\"]*\")?\s*\)")
_AUTOLINK = re.compile(r"<(https?://[^\s<>]+)>")
_EMPHASIS = re.compile(r"(\*\*|__|\*|~~|`)(?=\S)(.+?)(?<=\S)\1")
_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_BULLET = re.compile(r"^[*+-]\s+(\[[^\]]+\]\([^)\s]+\)|\*\*[^*]+\*\*)\s*[.:–—-]\s+(\S.*)$")


@dataclass(frozen=True)
class Table:
    """A table as it stands on a page, and the headings above it, the widest first, with " > " between."""

    lines: tuple[Line, ...]
    context: str


def markdown(data: bytes) -> list[Table]:
    """The pipe tables of a Markdown or MDX page; where it has none, its HTML tables; else its bullets of the shape
    "[Name](address). Activity". Raises Refusal bad_file for what is no text."""
    text = text_of(data)
    found = list(_pipes(text.splitlines()))
    if not found and re.search(r"<table\b", text, re.IGNORECASE):
        return html_tables(data)
    return found or list(_bullets(text.splitlines()))


def _pipes(lines: Sequence[str]) -> Iterator[Table]:
    above: dict[int, str] = {}
    fenced, n, found = False, 0, 0
    while n < len(lines):
        line = lines[n]
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and (heading := re.match(r"\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$", line)):
            _under(above, len(heading[1]), plain_text(heading[2])[0])
        elif not fenced and "|" in line and n + 1 < len(lines) and "|" in lines[n + 1] and _RULE.match(lines[n + 1]):
            end = n + 2
            while end < len(lines) and "|" in lines[end]:
                end += 1
            found += 1
            _bounded(found, sum(line.count("|") for line in lines[n:end]))
            rows = [(at, lines[at]) for at in (n, *range(n + 2, end))]
            yield Table(tuple(_pipe_line(at + 1, row) for at, row in rows), " > ".join(above.values()))
            n = end
            continue
        n += 1


def _bounded(number: int, cells: int) -> None:
    if cells > MOST_CELLS:
        raise bad(Sentence(N_("table %(number)s grows beyond %(most)s cells"), {"number": number, "most": MOST_CELLS}))


def _under(above: dict[int, str], level: int, heading: str) -> None:
    for deeper in [held for held in above if held >= level]:
        del above[deeper]
    above[level] = heading


def _pipe_line(number: int, line: str) -> Line:
    inner = line.strip()
    inner = inner[1:] if inner.startswith("|") else inner
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    read = [plain_text(cell.replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", inner)]
    return Line(number, f"line {number}", [text for text, _ in read], [link for _, link in read])


def plain_text(cell: str) -> tuple[str, str]:
    """The words of a Markdown cell, lines for its <br>, and the address its first link leads to."""
    cell = _AUTOLINK.sub(r"[\1](\1)", cell)
    link = next((m[2] for m in _LINK.finditer(cell) if not m[0].startswith("!")), "")
    link = link or next(iter(re.findall(r"<a\s[^<>]*?href=[\"']([^\"'<>]+)", cell, re.IGNORECASE)), "")
    text = _LINK.sub(lambda m: "" if m[0].startswith("!") else m[1], cell)
    text = re.sub(r"<br\s*/?>|</(?:li|p)>", "\n", text, flags=re.IGNORECASE)
    text = re.sub(r"</?[A-Za-z][^<>]*>", "", text)
    for _ in range(2):
        text = _EMPHASIS.sub(r"\2", text)
    text = html.unescape(re.sub(r"\\([\\`*_{}\[\]()#+.!|<>~-])", r"\1", text))
    return "\n".join(filter(None, (" ".join(part.split()) for part in text.split("\n")))), link


def _bullets(lines: Sequence[str]) -> Iterator[Table]:
    """Lists whose every bullet is a linked or bold name and what it is for; any other list is prose."""
    above: dict[int, str] = {}
    block: list[tuple[int, str]] = []
    for n, line in enumerate([*lines, "# "], 1):
        if re.match(r"[*+-]\s", line):
            block.append((n, line))
            continue
        if not line.strip():
            continue
        read = [(at, _BULLET.match(bullet)) for at, bullet in block]
        if read and all(found for _, found in read):
            yield Table((Line(0, "", ["Name", "Activity"]), *(_bullet(at, m) for at, m in read if m)),
                        " > ".join(above.values()))
        block = []
        if heading := re.match(r"(#{1,6})\s+(.*)$", line):
            _under(above, len(heading[1]), plain_text(heading[2])[0])


def _bullet(number: int, found: re.Match[str]) -> Line:
    name, link = plain_text(found[1])
    return Line(number, f"line {number}", [name, plain_text(found[2])[0].rstrip(".")], [link, ""])


def html_tables(data: bytes) -> list[Table]:
    """The tables of an HTML page, innermost ones only, spans written out. Raises Refusal bad_file for what is no text
    or grows beyond MOST_CELLS."""
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", _page(data))
    try:
        page = document_fromstring(text, parser=HTMLParser(remove_comments=True, remove_pis=True, no_network=True))
    except etree.ParserError:  # nothing in it but blanks or comments
        return []
    above: dict[int, str] = {}
    found: list[Table] = []
    for element in page.iter():
        if element.tag in _HEADINGS:
            _under(above, int(element.tag[1]), " ".join(_words(element).split()))
        elif element.tag == "table" and next(element.iterdescendants("table"), None) is None:
            caption = [" ".join(_words(c).split()) for c in element.iterchildren("caption")]
            context = " > ".join(filter(None, (*above.values(), *caption)))
            found.append(Table(tuple(_table_lines(element, len(found) + 1)), context))
    return found


def _page(data: bytes) -> str:
    declared = re.search(rb"charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]+)", data[:2048])
    if declared and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode(declared[1].decode())
        except (LookupError, UnicodeDecodeError):
            pass
    return text_of(data)


def _table_lines(table: HtmlElement, number: int) -> Iterator[Line]:
    """Rows with every span written out: a cell over three rows stands in all three."""
    rows = list(table.iter("tr"))
    carried: dict[int, tuple[int, str, str]] = {}
    made = 0
    for n, row in enumerate(rows, 1):
        cells: dict[int, tuple[str, str]] = {at: (text, link) for at, (_, text, link) in carried.items()}
        carried = {at: (left - 1, text, link) for at, (left, text, link) in carried.items() if left > 1}
        at = 0
        for cell in row.iterchildren("td", "th"):
            text, link = _words(cell), next((a.get("href", "") for a in cell.iter("a")), "")
            down, wide = min(_span(cell, "rowspan"), len(rows) - n + 1), _span(cell, "colspan")
            while at in cells:
                at += 1
            for column in range(at, at + wide):
                cells[column] = (text, link)
                if down > 1:
                    carried[column] = (down - 1, text, link)
            at += wide
        made += max(cells, default=0) + 1
        _bounded(number, made)
        ordered = [cells.get(column, ("", "")) for column in range(max(cells, default=-1) + 1)]
        yield Line(n, f"table {number}, row {n}", [text for text, _ in ordered], [link for _, link in ordered])


def _span(cell: HtmlElement, name: str) -> int:
    given = (cell.get(name) or "1").strip()
    return min(max(int(given), 1), 1000) if given.isascii() and given.isdigit() and len(given) < 6 else 1


def _words(element: HtmlElement) -> str:
    """What a reader sees in an element, a line for each of its blocks and list items."""
    said: list[str] = []
    unseen = 0  # how deep inside something hidden
    for event, node in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            unseen += bool(unseen or _hidden(node))
            text = node.text
        elif node is element:
            break
        else:
            unseen -= bool(unseen)
            text = node.tail
        said.append("\n" if node.tag in _BLOCKS else "")
        said.append("" if unseen else re.sub(r"\s+", " ", text or ""))
    return "\n".join(filter(None, (" ".join(line.split()) for line in "".join(said).split("\n"))))


def _hidden(node: HtmlElement) -> bool:
    style = (node.get("style") or "").replace(" ", "").lower()
    return node.tag in _UNSEEN or node.get("hidden") is not None or "display:none" in style
