"""Letters: facts in, subject, text, HTML and headers out. Same facts, same bytes.

The prose stands in `templates/email/<kind>/`, once per letter for all languages; here is only what a
template cannot say plainly: which fields of a change a reader needs, and how a text part is folded.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from notifier import text
from notifier.domain.clauses import Clauses
from notifier.domain.letters import STAFF_LETTERS, Facts, LetterKind, NoticeFacts, ObjectionFacts, Shown
from notifier.domain.listing import ListedService, PublishedChange, PublishedItem
from notifier.domain.register import (
    ASKED_BY_LAW,
    FIELD_NAMES,
    FIELDS,
    NOT_RECORDED,
    UNLESS_SAID,
    EngagementValue,
    differences,
)
from notifier.domain.transfers import told

WIDTH = 78
LONGEST_SUBJECT = 255  # Mailjet refuses more
_LONGEST_NAME = 60  # of a firm inside a subject: the last day stands behind it and must stay in sight
_SAID_ELSEWHERE = frozenset({"ref", "legal_name", "services", "since"})

# Control characters would break a header or a reader; bidirectional overrides would show a name or an
# address as another one (Unicode TR 36, 2.4).
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]")


_TWO_STOPS = re.compile(r"(?<=\w)\.\.(?=[\s<]|$)")


@dataclass(frozen=True)
class Letter:
    """One letter, ready for any transport; addresses are not part of it."""

    subject: str
    text: str
    html: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Row:
    """One field of an engagement. `name` is a message; of a field that changes, `so_far` is its old value."""

    name: str
    value: str
    so_far: str = ""
    changed: bool = False


@dataclass(frozen=True)
class Block:
    """What a letter shows of one or more engagements: `concerns` names them where the fields do not; `stays` says that
    these are the fields which a modify leaves as they are."""

    concerns: tuple[str, ...]
    rows: tuple[Row, ...]
    stays: bool = False


@dataclass(frozen=True)
class Act:
    """One change as a letter tells it. `manner` is add, replace, remove or modify; `name` the sub-processor
    it is about (the new one of a replacement, `old` its predecessor); `changed` the messages of the fields
    that a modify changes; `opens` whether this customer may object to it; `documents` what customers may see of the
    sub-processor."""

    change: PublishedChange
    manner: str
    name: str
    old: str
    changed: tuple[str, ...]
    services: str
    opens: bool
    blocks: tuple[Block, ...]
    documents: tuple[str, ...] = ()

    @property
    def short_name(self) -> str:
        """The name, cut to fit a subject."""
        return textwrap.shorten(self.name, _LONGEST_NAME, placeholder="…")

    @property
    def short_old(self) -> str:
        """The predecessor's name, cut to fit a subject."""
        return textwrap.shorten(self.old, _LONGEST_NAME, placeholder="…")


def render(facts: Facts) -> Letter:
    """The letter for these facts, in their language (letters to staff: in English).

    Raises `jinja2.UndefinedError` where a template asks for something the facts do not know: a letter with
    a hole must not leave.
    """
    subject, body, html = parts(facts)
    return Letter(subject, fold(body), tight(html), headers(facts))


def load(kinds: Iterable[LetterKind]) -> None:
    """Reads what such letters are rendered from, in all languages, so that the first of them need not wait."""
    own = [_template(kind, part) for kind in kinds for part in _PARTS]
    for language in text.LANGUAGES:
        text.day(date.min, language)  # with it comes all that is known of writing dates in this language
        templates = text.environment(language)
        for name in templates.list_templates(filter_func=lambda name: name.startswith("email/_")) + own:
            templates.get_template(name)


_PARTS = ("subject.txt", "body.txt", "body.html")


def _template(kind: LetterKind, part: str) -> str:
    return f"email/{kind.value}/{part}"


def parts(facts: Facts) -> tuple[str, str, str]:
    """Subject, text and HTML as the templates give them, the text not folded yet, the HTML not tightened. Raises as
    `render`."""
    language = text.SOURCE if facts.kind in STAFF_LETTERS else text.known(facts.language)
    templates = text.environment(language)
    told = _told(_printable(facts), language)

    def filled(part: str) -> str:
        body = templates.get_template(_template(facts.kind, part)).render(told)
        return one_stop(body) if isinstance(facts, NoticeFacts) else body

    subject, body, html = _PARTS
    told["subject"] = _subject(filled(subject))
    return told["subject"], filled(body), filled(html)


def one_stop(body: str) -> str:
    """A firm's own stop ends the sentence too: "by Example Inc.." loses one. Quoted words are never touched: only
    letters about announcements, which quote nobody, come here."""
    return _TWO_STOPS.sub(".", body) if ".." in body else body


def headers(facts: Facts) -> dict[str, str]:
    """RFC 3834: a receipt answers a message, every other letter starts by itself; `References` makes one
    thread of all letters about an announcement or a case, as Message-ID cannot be set with Mailjet."""
    answers = facts.kind is LetterKind.OBJECTION_RECEIVED
    host = urlsplit(facts.base_url).hostname or "localhost"
    return {
        "Auto-Submitted": "auto-replied" if answers else "auto-generated",
        "References": f"<{facts.thread}@{host}>",
    }


def fold(body: str) -> str:
    """A text part: prose folded to 78 columns, never inside a word or an address; an indented line hangs by
    two, a quoted one keeps its mark; no two blank lines in a row; ends with one newline."""
    return spaced("\n".join(map(fold_line, body.splitlines())))


def fold_line(line: str) -> str:
    """One line of a text part, folded into as many as it needs."""
    if len(line) <= WIDTH:
        return line.rstrip()
    first, rest = hanging(line)
    words = line[len(first):]
    if not odd(words):
        return wrapped(words, first, rest)
    folded = textwrap.wrap(words, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False,
                           break_on_hyphens=False)
    return "\n".join(folded or [first.rstrip()])


def hanging(line: str) -> tuple[str, str]:
    """What a line begins with, and what the lines begin with into which it is folded."""
    mark = _LINE_MARK.match(line)
    first = mark.group() if mark else ""
    hang = 2 if first.isspace() else 0
    return first, first if first.startswith(">") else " " * (len(first) + hang)


_LINE_MARK = re.compile(r"(?:> ?)?\s*(?:- )?")


odd = re.compile(r"^ | $|  |[\t\n\x0b\x0c\r]|(?<![^ ])[^\S ]+(?![^ ])").search
"""Finds anything else than single blanks between words, or a word of nothing but other blanks: textwrap has rules for
that. A blank that must not be broken at, as French has them before a colon, is a part of its word."""


def wrapped(words: str, first: str, rest: str) -> str:
    """What textwrap makes of words with single blanks between them, in a tenth of the time."""
    lines = [_at_most(WIDTH - len(first)).match(words).group()]  # type: ignore[union-attr]
    lines += _at_most(WIDTH - len(rest)).findall(words, len(lines[0]))
    return first + ("\n" + rest).join(lines)


@lru_cache
def _at_most(width: int) -> re.Pattern[str]:
    """As many whole words as fit into `width` columns; a word that is longer stands alone."""
    return re.compile(rf"[^ ].{{0,{max(width, 1) - 1}}}(?![^ ])(?<! )|[^ ]+")


def spaced(body: str) -> str:
    """No two blank lines in a row, none at the ends, one newline last."""
    return _BLANKS.sub("\n\n", body).strip("\n") + "\n"


_BLANKS = re.compile(r"\n{3,}")


def _subject(filled: str) -> str:
    return textwrap.shorten(filled, LONGEST_SUBJECT, placeholder=" …")


def tight(html: str) -> str:
    """Without the indentation of the templates, and without the end tags that HTML leaves to the reader (13.1.2.4 of
    its standard): forty changes told in full must stay under the 100 kB at which mail programs clip a letter."""
    return _NEEDLESS.sub("", re.sub(r"\s*\n\s*", "\n", html)).strip() + "\n"


_NEEDLESS = re.compile("</(?:dt|dd|li)>")


def _told(facts: Facts, language: str) -> dict[str, Any]:
    told: dict[str, Any] = {f.name: getattr(facts, f.name) for f in fields(facts)}
    told["language"], told["contact"] = language, facts.organisation.contact or facts.reply_to
    if isinstance(facts, NoticeFacts | ObjectionFacts):
        told["clauses"], told["specific"] = Clauses(facts.terms, facts.customer.name), facts.terms.needs_yes
        opens = facts.opens_window if isinstance(facts, NoticeFacts) else frozenset[str]()
        shown = facts.documents if isinstance(facts, NoticeFacts) else ()
        told["acts"] = tuple(act(c, facts.services, c.ref in opens, language, shown) for c in facts.changes)
    if isinstance(facts, NoticeFacts):
        told["mended"] = _blocks(facts.corrected, "modify", {s.slug: s.name for s in facts.services}, language)
    return told


def act(
    change: PublishedChange, services: Iterable[ListedService], opens: bool, language: str, shown: Iterable[Shown] = ()
) -> Act:
    """A change as a letter in `language` tells it; `services` gives names for the slugs it may carry, `shown` the
    documents of each change."""
    names = {s.slug: s.name for s in services}
    new = _names(i.after for i in change.items)
    old = _names(i.before for i in change.items)
    manner = _manner(change, old, new)
    pairs = [(i.before, i.after) for i in change.items if i.before and i.after] if manner == "modify" else []
    changed = {n for before, after in pairs for n in differences(before, after)}
    return Act(
        change=change,
        manner=manner,
        name=new or old,
        old=old,
        changed=tuple(FIELD_NAMES[n] for n in FIELDS if n in changed),
        services=", ".join(names.get(s, s) for s in change.services),
        opens=opens,
        blocks=(*_blocks(change.items, manner, names, language), *(_staying(pairs, names, language) if opens else ())),
        documents=tuple(dict.fromkeys(n for s in shown if s.change == change.ref for n in s.names)),
    )


def _manner(change: PublishedChange, old: str, new: str) -> str:
    if not old:
        return "add"
    if not new:
        return "remove"
    return "replace" if change.kind == "replace" else "modify"


def _names(values: Iterable[EngagementValue | None]) -> str:
    """The firms' names, each once, in order."""
    return ", ".join(dict.fromkeys(v.legal_name for v in values if v))


def _blocks(
    items: Iterable[PublishedItem], manner: str, names: dict[str, str], language: str
) -> tuple[Block, ...]:
    """One block per engagement; those that change in the same way share one (a firm's new address)."""
    grouped: dict[tuple[Row, ...], list[str]] = {}
    several = len([i for i in items if i.after]) > 1
    for item in items:
        value = item.after or item.before
        assert value
        rows: tuple[Row, ...] = ()
        concerns = value.activity
        if manner == "modify" and item.before and item.after:
            rows = tuple(_changed(item.before, item.after, names, language))
            concerns = "" if "activity" in differences(item.before, item.after) else concerns
        elif item.after:
            rows, concerns = tuple(_filled(item.after, names, language, _left_out(several))), ""
        elif manner == "replace":
            concerns = f"{value.legal_name}: {value.activity}"
        grouped.setdefault(rows, []).extend([concerns] if concerns else [])
    return tuple(Block(tuple(dict.fromkeys(c)), rows) for rows, c in grouped.items())


def _staying(
    pairs: Sequence[tuple[EngagementValue, EngagementValue]], names: dict[str, str], language: str
) -> Iterable[Block]:
    """All the other fields of what is modified: nobody can judge a new place without knowing whose data goes there, and
    on what basis (2021/915 cl. 7.7(a): the information necessary to object). What several engagements share stands
    once. A field the law asks for and a starting list left empty is said to be so."""
    held = []
    for before, after in pairs:
        left_out = _left_out(len(pairs) > 1) | set(differences(before, after))
        held.append([
            *_filled(after, names, language, left_out),
            *(Row(FIELD_NAMES[name], text.gettext(language)(NOT_RECORDED)) for name in ASKED_BY_LAW
              if name not in left_out and not getattr(after, name)),
        ])
    shared = [row for row in held[0] if all(row in rows for rows in held)] if held else []
    if shared:
        yield Block((), tuple(shared), stays=True)
    for (_, after), rows in zip(pairs, held, strict=True):
        own = tuple(row for row in rows if row not in shared and row.name != FIELD_NAMES["activity"])
        if own:
            yield Block((after.activity,) if len(pairs) > 1 else (), own, stays=True)


def _left_out(several: bool) -> frozenset[str]:
    """The fields a letter says elsewhere; of several engagements each names its own services."""
    return _SAID_ELSEWHERE - {"services"} if several else _SAID_ELSEWHERE


def _filled(
    value: EngagementValue, names: dict[str, str], language: str, left_out: Collection[str]
) -> Iterable[Row]:
    """Every field that says something, and what holds unless something else is said; the rest is left out."""
    for name in FIELDS:
        if name in left_out:
            continue
        if getattr(value, name):
            yield Row(FIELD_NAMES[name], _shown(name, value, names, language))
        elif name in UNLESS_SAID:
            yield Row(FIELD_NAMES[name], text.gettext(language)(UNLESS_SAID[name]))


def described(value: EngagementValue, language: str) -> tuple[Row, ...]:
    """What a list of full records shows of an engagement, its legal name aside: every field that says something."""
    return tuple(Row(FIELD_NAMES[name], _shown(name, value, {}, language)) for name in FIELDS
                 if name not in ("ref", "legal_name", "services") and getattr(value, name))


def _changed(
    before: EngagementValue, after: EngagementValue, names: dict[str, str], language: str
) -> Iterable[Row]:
    for name in differences(before, after):
        old, new = (_shown(name, v, names, language) for v in (before, after))
        yield Row(FIELD_NAMES[name], new, old, changed=True)


def _shown(name: str, value: EngagementValue, names: dict[str, str], language: str) -> str:
    said = getattr(value, name)
    if name == "services":
        return ", ".join(names.get(s, s) for s in said)
    if name == "transfers":
        said = tuple(text.say(told(t, text.country(t.place, language)), language) for t in said)
    listed = "; ".join(text.country(s, language) for s in said) if isinstance(said, tuple) else said
    return " ".join((text.country(listed, language) if name == "country" else listed).split())


def _printable(value: Any) -> Any:
    """The same value, all its strings without characters that cannot be printed."""
    if type(value) is str:
        return UNPRINTABLE.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    if isinstance(value, tuple):
        return tuple(_printable(v) for v in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _printable(getattr(value, f.name)) for f in fields(value)})
    return value
