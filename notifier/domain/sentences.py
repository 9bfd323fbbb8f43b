"""Sentences that rules speak: an English message and its facts, put into words by `notifier.text.say`.

A rule must not know languages, yet every "no", every blocker and every reason for a date is read by
people in theirs. So rules return `Sentence(msgid, facts)`; the message is the gettext id, the facts are
plain values (a `date` or `datetime` among them is written out in the reader's language).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

LANGUAGES = ("en", "de", "fr", "it")
"""Those that letters and pages for customers are written in."""


class Words(str):
    """A message of the catalogues. Only these are put into other words when they stand in a sentence as a fact:
    a customer that happens to be called like one of our messages keeps its name."""

    __slots__ = ()


def N_(message: str) -> Words:
    """Marks a message for the catalogues where it is written."""
    return Words(message)


@dataclass(frozen=True)
class Name:
    """A name that is none of our messages but differs by language all the same, as a holiday's or a country's does.
    `spoken` pairs languages with it; it is kept with a promise, so that later readers see what was meant then."""

    spoken: tuple[tuple[str, str], ...]

    def said(self, language: str) -> str:
        """The name in a language; where it has none there, the first there is."""
        return dict(self.spoken).get(language) or next((name for _, name in self.spoken), "")

    def __str__(self) -> str:
        return self.said("en")


@dataclass(frozen=True)
class Sentence:
    """`message % facts`, not yet in anybody's language. A fact may be a sentence itself."""

    message: str
    facts: Mapping[str, Fact] = field(default_factory=lambda: NOTHING)

    def to_json(self) -> dict[str, object]:
        """For storing a sentence with a promise: dates as ISO strings under `date:`/`moment:` prefixes."""
        return {"message": self.message, "facts": {k: _packed(v) for k, v in self.facts.items()}}

    @staticmethod
    def from_json(value: Mapping[str, object]) -> Sentence:
        """The inverse of `to_json`."""
        facts = value.get("facts")
        assert isinstance(facts, Mapping)
        return Sentence(str(value["message"]), {str(k): _unpacked(v) for k, v in facts.items()})

    def __str__(self) -> str:
        """Plain English, for logs, the CLI and the API."""
        return self.message % self.facts if self.facts else self.message


Fact = str | int | date | datetime | Name | Sentence
NOTHING: Mapping[str, Fact] = MappingProxyType({})


def _packed(fact: Fact) -> object:
    if isinstance(fact, Sentence):
        return fact.to_json()
    if isinstance(fact, Name):
        return {"name": dict(fact.spoken)}
    if isinstance(fact, Words):
        return "words:" + fact
    if isinstance(fact, datetime):
        return "moment:" + fact.isoformat()
    if isinstance(fact, date):
        return "date:" + fact.isoformat()
    return fact


def _unpacked(fact: object) -> Fact:
    if isinstance(fact, Mapping):
        named = fact.get("name")
        return Name(tuple(named.items())) if isinstance(named, Mapping) else Sentence.from_json(fact)
    if isinstance(fact, str) and fact.startswith("words:"):
        return Words(fact[6:])
    if isinstance(fact, str) and fact.startswith("moment:"):
        return datetime.fromisoformat(fact[7:])
    if isinstance(fact, str) and fact.startswith("date:"):
        return date.fromisoformat(fact[5:])
    assert isinstance(fact, str | int)
    return fact
