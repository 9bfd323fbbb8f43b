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

Fact = str | int | date | datetime
NOTHING: Mapping[str, Fact] = MappingProxyType({})


def N_(message: str) -> str:
    """Marks a message for the catalogues where it is written, and leaves it as it is."""
    return message


@dataclass(frozen=True)
class Sentence:
    """`message % facts`, not yet in anybody's language."""

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


def _packed(fact: Fact) -> str | int:
    if isinstance(fact, datetime):
        return "moment:" + fact.isoformat()
    if isinstance(fact, date):
        return "date:" + fact.isoformat()
    return fact


def _unpacked(fact: object) -> Fact:
    if isinstance(fact, str) and fact.startswith("moment:"):
        return datetime.fromisoformat(fact[7:])
    if isinstance(fact, str) and fact.startswith("date:"):
        return date.fromisoformat(fact[5:])
    assert isinstance(fact, str | int)
    return fact
