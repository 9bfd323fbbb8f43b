"""What it meant, change by change, that a window ended: had the customer spoken, and what is its silence worth."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from notifier.domain.sentences import N_
from notifier.domain.terms import Silence


class Meaning(StrEnum):
    """What stands for one change and one customer when the window has ended."""

    OBJECTED = "objected"
    YES = "yes"
    NO = "no"
    CONSENT = "consent"
    NOTHING = "nothing"


WORDS: Mapping[str, str] = {
    Meaning.OBJECTED: N_("There was an objection by the last day, so silence meant nothing."),
    Meaning.YES: N_("A yes was there by the last day."),
    Meaning.NO: N_("A no was there by the last day."),
    Meaning.CONSENT: N_("No objection came by the last day: silence counted as authorisation under the agreement."),
    Meaning.NOTHING: N_("No answer came by the last day, and silence is no consent under the agreement."),
}
"""Each in a sentence that customers and our people read alike."""


def meaning(silence: Silence, consent: str, objected: bool) -> Meaning:
    """What the end of a window meant for one change. `objected`: an objection to it, filed in time, that was not
    withdrawn; `consent`: the customer's own answer, "" for none; `silence` as its terms have it, which under a specific
    authorisation is always nothing (GDPR 28(2))."""
    if objected:
        return Meaning.OBJECTED
    if consent:
        return Meaning(consent)
    return Meaning.CONSENT if silence is Silence.CONSENT else Meaning.NOTHING
