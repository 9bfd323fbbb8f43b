"""Form letters say to the byte what a full rendering says, whatever a customer is called."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.domain.letters import NOBODYS, Addressee, LetterKind, NoticeFacts, Own
from notifier.domain.terms import Terms
from notifier.mail import forms, render
from notifier.mail.forms import Press
from tests.mail import sample_letters

LANGUAGES = ("en", "de", "fr", "it")
KINDS = tuple(kind for kind in LetterKind if isinstance(sample_letters.facts(kind), NoticeFacts))
NASTY = (
    "A & B <Inc.>", "Foo Inc.", "Foo Inc..", "100 % GmbH", "%(name)s", "Müller-Lüdenscheid & Söhne (Verwaltung) KG",
    "x" * 90, "Two  blanks", " before", "after ", "a\nline", "a\ttab", "nb\xa0sp", "\ue000name\ue001", "a\u200bwidth",
    "\u202eesrever", "", "Beispiel Software AG", "'\"\\", "9999", "31 December 9999", "- a dash", "> a mark",
)
DAYS = (None, date(2025, 8, 1), date(2024, 2, 29))


def _facts(kind: LetterKind, language: str) -> NoticeFacts:
    found = sample_letters.facts(kind, language)
    assert isinstance(found, NoticeFacts)
    return found


def _for(facts: NoticeFacts, name: str, other: str, signed_on: date | None, number: int) -> NoticeFacts:
    return replace(
        facts, to_name=other, to_email=f"lea{number}@exempel.example", link=f"{sample_letters.LINK}{number}",
        audit_head=f"{number:064x}" if number % 7 else "",
        customer=Addressee(name, f"C-{number}", other if number % 2 else "", signed_on, name if number % 3 else ""),
    )


def _own(facts: NoticeFacts) -> Own:
    return Own(facts.to_name, facts.to_email, facts.link, facts.audit_head, facts.customer)


def _same(press: Press, facts: NoticeFacts) -> bool:
    """Whether it came from a form; it says the same in any case."""
    printed, whole = press.print(facts.told_to(NOBODYS), _own(facts)), render.render(facts)
    assert printed.letter == whole
    return printed.common is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_letter_from_a_form_is_the_letter(kind: LetterKind) -> None:
    press, from_forms, number = Press(), 0, 0
    for language in LANGUAGES:
        facts = _facts(kind, language)
        for name in NASTY * 2:
            for signed_on in DAYS:
                number += 1
                from_forms += _same(press, _for(facts, name, NASTY[number % len(NASTY)], signed_on, number))
    assert from_forms > number / 5, from_forms / number


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(DAYS), st.integers(0, 10**6))
def test_whatever_a_customer_is_called(name: str, other: str, signed_on: date | None, number: int) -> None:
    press, facts = Press(), _facts(LetterKind.CHANGE_ANNOUNCED, "de")
    for plain in ("Plain AG", name, "Plain AG", name, name):
        _same(press, _for(facts, plain, other, signed_on, number))


def test_letters_with_other_shared_facts_never_come_from_the_same_form() -> None:
    press, facts = Press(), _facts(LetterKind.CHANGE_ANNOUNCED, "en")
    for other in (facts, replace(facts, terms=Terms(window_days=45)), replace(facts, terms=sample_letters.SPECIFIC),
                  replace(facts, why=()),
                  replace(facts, reply_to="other@beispiel.example"), replace(facts, changes=facts.changes * 2)):
        for number in range(1, 5):
            _same(press, _for(other, "Plain AG", "Lea", None, number))


def test_forms_are_kept_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MOST", 4)
    press, facts = Press(), _facts(LetterKind.CHANGE_ANNOUNCED, "en")
    for days in range(30, 60):
        for number in (1, 2, 3):
            _same(press, _for(replace(facts, terms=Terms(window_days=days)), "Plain AG", "Lea", None, number))
        assert len(press.kept) <= 4


def test_what_letters_have_in_common_holds_nothing_of_anybody() -> None:
    press, facts = Press(), _facts(LetterKind.CHANGE_ANNOUNCED, "en")
    for number in (2, 8, 20):
        own = _own(_for(facts, "Treuhand Geheim AG", "Vera Verborgen", None, number))
        printed = press.print(facts.told_to(NOBODYS), own)
    assert printed.common
    for own in ("Geheim", "Verborgen", "exempel.example", "C-20", sample_letters.LINK[-12:]):
        assert own not in str(printed.common)
    assert "Geheim" in printed.letter.text


_WORDS = st.lists(st.one_of(
    st.text(alphabet="abc-.é", min_size=1, max_size=12), st.text(alphabet="x", min_size=60, max_size=100),
    st.sampled_from(["", " ", "\xa0", "a\xa0b", "\u2003", "\t"]),
), max_size=40)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(["", "  ", "- ", "> ", "    ", "> - "]), _WORDS)
def test_a_line_is_folded_as_textwrap_folds_it(first: str, words: list[str]) -> None:
    line = first + " ".join(words)
    assert render.fold_line(line) == _by_textwrap(line)


def _by_textwrap(line: str) -> str:
    if len(line) <= render.WIDTH:
        return line.rstrip()
    mark = re.match(r"(?:> ?)?\s*(?:- )?", line)
    first = mark.group() if mark else ""
    hang = 2 if first.isspace() else 0
    rest = first if first.startswith(">") else " " * (len(first) + hang)
    folded = textwrap.wrap(line[len(first):], render.WIDTH, initial_indent=first, subsequent_indent=rest,
                           break_long_words=False, break_on_hyphens=False)
    return "\n".join(folded or [first.rstrip()])
