"""Form letters: what is the same for many customers is rendered once, and only what is a customer's own filled in.

The templates stay the one place of the prose. They are rendered with marks in the place of the customer's own values,
and the marks are filled per letter. That gives the very bytes of a full rendering as long as a template does no more
with such a value than show it, or ask whether it is there. Every new form is held against one before it is used.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import Any

from markupsafe import escape

from notifier import text
from notifier.domain.letters import Addressee, Facts, NoticeFacts
from notifier.mail import render
from notifier.mail.render import Letter

log = logging.getLogger("notifier.letters")

MOST = 300  # forms kept, of some 30 kB each
_OWN = ("to_name", "to_email", "link", "audit_head", "customer")  # a customer's own facts; all others are shared
_shared = attrgetter(*(f.name for f in fields(NoticeFacts) if f.name not in _OWN))
_values = attrgetter("to_name", "to_email", "link", "audit_head", "customer.name", "customer.ref",
                     "customer.agreement", "customer.clause")
_NAMES = ("to_name", "to_email", "link", "audit_head", "name", "ref", "agreement", "clause")
_NO_DAY = date(9999, 12, 31)  # stands for the day of an agreement
_MARK = re.compile("\ue000([a-z_]+)\ue001")  # private characters, which no name holds
_odd = re.compile(f"[\ue000\ue001\n]|{render.UNPRINTABLE.pattern}").search


@dataclass(frozen=True)
class Printed:
    """A letter, and what it has in common with others of its form; None where it was rendered by itself. The `common`
    one holds nothing that is anybody's."""

    letter: Letter
    common: Letter | None = None


@dataclass(frozen=True)
class _Form:
    """A letter with places for a customer's own values. `text` is in pieces: whole ones, and lines to fill and fold
    (True)."""

    subject: str
    text: tuple[tuple[bool, str], ...]
    html: str
    headers: dict[str, str]
    common: Letter


@dataclass
class _Kept:
    """What is known of letters with these shared facts: the first, with the customer's own values; and, since there was
    a second, their form, or None where a form would not do."""

    shared: tuple[Any, ...]
    first: tuple[Mapping[str, str], Printed] | None = None
    form: _Form | None = None


@dataclass
class Press:
    """Renders letters as `render.render` does, the same bytes, in a small part of the time where many are alike. Not
    for several threads at once."""

    kept: dict[tuple[Any, ...], list[_Kept]] = field(default_factory=dict)
    count: int = 0

    def print(self, facts: Facts) -> Printed:
        """The letter for these facts. Raises what `render.render` raises."""
        own = _own(facts) if isinstance(facts, NoticeFacts) else None
        if own is None or not isinstance(facts, NoticeFacts):
            return _by_itself(facts)
        known, fresh = self._known(facts, own)
        if fresh:
            known.first = own, _by_itself(facts)
            return known.first[1]
        if known.first is not None:
            known.form, known.first = _proven(facts, *known.first), None
        return _filled(known.form, own) if known.form else _by_itself(facts)

    def _known(self, facts: NoticeFacts, own: Mapping[str, str]) -> tuple[_Kept, bool]:
        """What is known of letters like this one, and whether this is the first of them."""
        there = tuple(map(bool, own.values()))
        key, shared = (facts.kind, facts.language, facts.thread, facts.last_day, there), _shared(facts)
        for each in self.kept.get(key, ()):
            if each.shared == shared:
                return each, False
        if self.count >= MOST:
            self.kept, self.count = {}, 0
        fresh = _Kept(shared)
        self.kept.setdefault(key, []).append(fresh)
        self.count += 1
        return fresh, True


def _own(facts: NoticeFacts) -> dict[str, str] | None:
    """A customer's own values; None where one would not be printed as it stands (`render.render` mends such)."""
    values = _values(facts)
    if _odd("".join(values)) or any(value != " ".join(value.split()) for value in values):
        return None
    own = dict(zip(_NAMES, values, strict=True))
    signed_on = facts.customer.agreement_date
    own["day"], own["weekday"] = _written(signed_on, text.known(facts.language)) if signed_on else ("", "")
    return own


@lru_cache(4096)
def _written(day: date, language: str) -> tuple[str, str]:
    return text.short_day(day, language), text.day(day, language)


def _by_itself(facts: Facts) -> Printed:
    return Printed(render.render(facts))


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
    subject, plain, html = render.parts(replace(
        facts, to_name=marks["to_name"], to_email=marks["to_email"], link=marks["link"],
        audit_head=marks["audit_head"], customer=nobody,
    ))
    if _MARK.search(subject):
        return None  # a subject is cut to its length, and that is another one for each
    language, headers = text.known(facts.language), render.headers(facts)
    plain, html = _days_marked(plain, language), _days_marked(render.tight(html), language)
    bare = Letter(_MARK.sub("", subject), _MARK.sub("", render.fold(plain)), _MARK.sub("", html), headers)
    return _Form(subject, tuple(_pieces(plain)), _to_fill(html), headers, bare)


def _days_marked(body: str, language: str) -> str:
    short, long = _written(_NO_DAY, language)
    return body.replace(long, "\ue000weekday\ue001").replace(short, "\ue000day\ue001")


def _pieces(plain: str) -> list[tuple[bool, str]]:
    """A text part cut at the lines that hold a mark. What is between them is folded once for all; blank lines are where
    they would be in any letter, for a line with a mark is never empty."""
    lines = [(bool(_MARK.search(line)), line) for line in plain.splitlines()]
    own = iter([line for marked, line in lines if marked])
    whole = render.spaced("\n".join("\ue000" if marked else render.fold_line(line) for marked, line in lines))
    first, *rest = whole.split("\ue000")
    pieces = [(False, first)]
    for piece in rest:
        pieces += [(True, _to_fill(next(own))), (False, piece)]
    return pieces


def _to_fill(body: str) -> str:
    return _MARK.sub(r"%(\1)s", body.replace("%", "%%"))


def _filled(form: _Form, own: Mapping[str, str]) -> Printed:
    body = "".join([
        render.fold_line(render.one_stop(piece % own)) if marked else piece for marked, piece in form.text])
    html = render.one_stop(form.html % {name: escape(value) for name, value in own.items()})
    return Printed(Letter(form.subject, body, html, form.headers), form.common)
