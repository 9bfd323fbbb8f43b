"""Form letters: what is the same for many customers is rendered once, and only what is a customer's own filled in.

The templates stay the one place of the prose. They are rendered with marks in the place of the customer's own values,
and the marks are filled per letter. That gives the very bytes of a full rendering as long as a template does no more
with such a value than show it, or ask whether it is there. Every new form is held against one before it is used.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from operator import attrgetter

from markupsafe import escape

from notifier import text
from notifier.domain.letters import Addressee, Facts, NoticeFacts, Own
from notifier.mail import render
from notifier.mail.render import Letter

log = logging.getLogger("notifier.letters")

MOST = 300  # forms kept, of some 30 kB each
_values = attrgetter("to_name", "to_email", "link", "audit_head", "customer.name", "customer.ref",
                     "customer.agreement", "customer.clause")
_NAMES = ("to_name", "to_email", "link", "audit_head", "name", "ref", "agreement", "clause")
_NO_DAY = date(9999, 12, 31)  # stands for the day of an agreement
_MARK = re.compile("\ue000([a-z_]+)\ue001")  # private characters, which no name holds


@dataclass(frozen=True)
class Printed:
    """A letter, and what it has in common with others of its form; None where it was rendered by itself. The `common`
    one holds nothing that is anybody's."""

    letter: Letter
    common: Letter | None = None


@dataclass(frozen=True)
class _Line:
    """A line of a text part with places for a customer's own values: what it `begins` with, and with what the lines
    begin into which it is folded; None where that shows only once it is filled."""

    body: str
    begins: tuple[str, str] | None

    def filled(self, own: Mapping[str, str]) -> str:
        """The line with these values, folded."""
        line = render.one_stop(self.body % own)
        if self.begins is None or len(line) <= render.WIDTH:
            return render.fold_line(line)
        first, rest = self.begins
        return render.wrapped(line[len(first):], first, rest)


@dataclass(frozen=True)
class _Form:
    """A letter with places for a customer's own values. `text` is in pieces: whole ones, and lines to fill and fold."""

    subject: str
    text: tuple[str | _Line, ...]
    html: str
    headers: dict[str, str]
    common: Letter


@dataclass
class _Kept:
    """What is known of letters with the same shared facts: the first, with the customer's own values; and, since there
    was a second, their form, or None where a form would not do."""

    first: tuple[Mapping[str, str], Printed] | None = None
    form: _Form | None = None


@dataclass
class Press:
    """Renders letters as `render.render` does, the same bytes, in a small part of the time where many are alike. Not
    for several threads at once."""

    kept: dict[tuple[int, tuple[bool, ...]], tuple[NoticeFacts, _Kept]] = field(default_factory=dict)

    def print(self, facts: Facts, own: Own | None = None) -> Printed:
        """The letter for these facts. A letter that goes to many comes with what is the customer's `own` apart; its
        shared facts are the same object each time, or it takes longer. Raises what `render.render` raises."""
        if own is None or not isinstance(facts, NoticeFacts):
            return Printed(render.render(facts))
        values = _own(own, facts.language)
        if values is None:
            return _by_itself(facts, own)
        known, fresh = self._known(facts, values)
        if fresh:
            known.first = values, _by_itself(facts, own)
            return known.first[1]
        if known.first is not None:
            known.form, known.first = _proven(facts, *known.first), None
        return _filled(known.form, values) if known.form else _by_itself(facts, own)

    def _known(self, facts: NoticeFacts, values: Mapping[str, str]) -> tuple[_Kept, bool]:
        """What is known of letters like this one, and whether this is the first of them."""
        there = tuple(map(bool, values.values()))
        if (found := self.kept.get((id(facts), there))) is not None:
            return found[1], False
        if len(self.kept) >= MOST:
            self.kept = {}
        alike = [kept for (_, also), (held, kept) in self.kept.items() if also == there and held == facts]
        kept = alike[0] if alike else _Kept()
        self.kept[id(facts), there] = facts, kept  # who holds the facts keeps their id from being another's
        return kept, not alike


def _own(own: Own, language: str) -> dict[str, str] | None:
    """A customer's own values; None where one would not be printed as it stands (`render.render` mends such)."""
    values = _values(own)
    joined = f"|{'|'.join(values)}|"
    if not joined.isprintable() or "  " in joined or "| " in joined or " |" in joined:
        return None
    signed_on = own.customer.agreement_date
    day, weekday = _written(signed_on, text.known(language)) if signed_on else ("", "")
    return {**dict(zip(_NAMES, values, strict=True)), "day": day, "weekday": weekday}


@lru_cache(4096)
def _written(day: date, language: str) -> tuple[str, str]:
    return text.short_day(day, language), text.day(day, language)


def _by_itself(facts: NoticeFacts, own: Own) -> Printed:
    return Printed(render.render(facts.told_to(own)))


def _proven(facts: NoticeFacts, own: Mapping[str, str], printed: Printed) -> _Form | None:
    """The form of letters like this one; None where it would not give the very letter that was `printed` from the same
    shared facts and these `own` values."""
    form = _form(facts, own)
    if form is not None and _filled(form, own) == replace(printed, common=form.common):
        return form
    log.error("letters %s in %s fit no form and are rendered one by one", facts.kind, facts.language)
    return None


def _form(facts: NoticeFacts, own: Mapping[str, str]) -> _Form | None:
    marks = {name: f"\ue000{name}\ue001" if own[name] else "" for name in _NAMES}
    nobody = Addressee(marks["name"], marks["ref"], marks["agreement"], _NO_DAY if own["day"] else None,
                       marks["clause"])
    subject, plain, html = render.parts(facts.told_to(
        Own(marks["to_name"], marks["to_email"], marks["link"], marks["audit_head"], nobody)))
    if _MARK.search(subject):
        return None  # a subject is cut to its length, and that is another one for each
    language, headers = text.known(facts.language), render.headers(facts)
    plain, html = _days_marked(plain, language), _days_marked(render.tight(html), language)
    bare = Letter(_MARK.sub("", subject), _MARK.sub("", render.fold(plain)), _MARK.sub("", html), headers)
    return _Form(subject, tuple(_pieces(plain)), _to_fill(html), headers, bare)


def _days_marked(body: str, language: str) -> str:
    short, long = _written(_NO_DAY, language)
    return body.replace(long, "\ue000weekday\ue001").replace(short, "\ue000day\ue001")


def _pieces(plain: str) -> Iterable[str | _Line]:
    """A text part cut at the lines that hold a mark. What is between them is folded once for all; blank lines are where
    they would be in any letter, for a line with a mark is never empty."""
    lines = [(bool(_MARK.search(line)), line) for line in plain.splitlines()]
    own = iter([line for marked, line in lines if marked])
    whole = render.spaced("\n".join("\ue000" if marked else render.fold_line(line) for marked, line in lines))
    first, *rest = whole.split("\ue000")
    yield first
    for piece in rest:
        yield _line(next(own))
        yield piece


def _line(line: str) -> _Line:
    first, rest = render.hanging(line)
    words = line[len(first):]
    # A customer's own value could go on with what a line begins with ("- "); inside the line it cannot.
    sure = not words.startswith("\ue000") and not render.odd(words)
    return _Line(_to_fill(line), (first, rest) if sure else None)


def _to_fill(body: str) -> str:
    return _MARK.sub(r"%(\1)s", body.replace("%", "%%"))


def _filled(form: _Form, own: Mapping[str, str]) -> Printed:
    body = "".join([piece if isinstance(piece, str) else piece.filled(own) for piece in form.text])
    values = "\n".join(own.values())  # none holds a line's end
    html = form.html % dict(zip(own, str(escape(values)).split("\n"), strict=True))
    if ".." in values or ".\n" in values + "\n":  # the form itself has its stops right
        html = render.one_stop(html)
    return Printed(Letter(form.subject, body, html, form.headers), form.common)
