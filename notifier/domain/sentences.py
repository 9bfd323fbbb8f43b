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


class Words(str):
    """A message of the catalogues. Only these are put into other words when they stand in a sentence as a fact:
    a customer that happens to be called like one of our messages keeps its name."""

    __slots__ = ()


def N_(message: str) -> Words:
    """Marks a message for the catalogues where it is written."""
    return Words(message)


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


Fact = str | int | date | datetime | Sentence
NOTHING: Mapping[str, Fact] = MappingProxyType({})


def _packed(fact: Fact) -> object:
    if isinstance(fact, Sentence):
        return fact.to_json()
    if isinstance(fact, Words):
        return "words:" + fact
    if isinstance(fact, datetime):
        return "moment:" + fact.isoformat()
    if isinstance(fact, date):
        return "date:" + fact.isoformat()
    return fact


def _unpacked(fact: object) -> Fact:
    if isinstance(fact, Mapping):
        return Sentence.from_json(fact)
    if isinstance(fact, str) and fact.startswith("words:"):
        return Words(fact[6:])
    if isinstance(fact, str) and fact.startswith("moment:"):
        return datetime.fromisoformat(fact[7:])
    if isinstance(fact, str) and fact.startswith("date:"):
        return date.fromisoformat(fact[5:])
    assert isinstance(fact, str | int)
    return fact
