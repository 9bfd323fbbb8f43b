"""What an objection must contain, whether it came in time, and what may end it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import ObjectionState

LONGEST = 20_000  # characters of text; more goes into an attachment

OPEN = frozenset({
    ObjectionState.FILED, ObjectionState.ACKNOWLEDGED, ObjectionState.NOT_UPHELD, ObjectionState.NO_AGREEMENT,
})
"""States in which somebody still has to do something."""

GROUNDS: tuple[tuple[str, str], ...] = (
    ("transfer", N_("Transfer to a country without adequate protection")),
    ("security", N_("Technical or organisational security")),
    ("secrecy", N_("Professional secrecy or another duty of confidentiality")),
    ("purpose", N_("Purpose or extent of the processing")),
    ("company", N_("The company itself, its owners or its past conduct")),
    ("other", N_("Other data-protection reasons")),
)
"""What a form offers; none is needed and none refused (GDPR 28(2) knows no filter)."""


def check_text(text: str) -> str:
    """The objection's words, trimmed. Raises Refusal objection_empty, or bad_value where they are too long."""
    words = text.strip()
    if not words:
        raise Refusal("objection_empty")
    check_length(words)
    return words


def check_length(words: str) -> None:
    """Raises Refusal bad_value for more words than a message of a case may have."""
    if len(words) > LONGEST:
        raise Refusal("bad_value", field=N_("Words"), problem=N_("this is longer than 20,000 characters"))


def in_time(filed_at: datetime, window_ends_at: datetime | None) -> bool | None:
    """Whether it came before the window's exclusive end; None where no window runs yet, which is never late."""
    return None if window_ends_at is None else filed_at < window_ends_at


def right_until(proven_on: date, days: int) -> date:
    """The last day of the right of termination: so many calendar days after the letter that opened it is proven."""
    return proven_on + timedelta(days)
