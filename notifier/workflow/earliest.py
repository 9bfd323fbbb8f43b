"""The earliest start every customer's terms allow, and whose terms decide it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from notifier.domain import window
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.terms import Terms
from notifier.tables import Change
from notifier.workflow import calendars, settings
from notifier.workflow.audience import Seat

_ONE = N_("The terms of %(name)s (%(ref)s) decide it.")
_MORE = N_("The terms of %(name)s (%(ref)s) decide it, and those of %(count)s others.")


@dataclass(frozen=True)
class Earliest:
    """The first civil day a change may be planned to start on, and the terms that allow none earlier."""

    day: date
    terms: frozenset[Terms]


def earliest(session: Session, terms: Iterable[Terms], opens_window: bool, now: datetime) -> Earliest:
    """The earliest start for customers of these terms when announcing at `now`; today where no window opens."""
    if not opens_window:
        return Earliest(now.astimezone(ZoneInfo(settings.organisation(session).zone)).date(), frozenset())
    asked = set(terms) or {settings.default_terms(session)}
    days = {t: window.earliest_planned_start(t, now, calendars.day_off(t)) for t in asked}
    last = max(days.values())
    return Earliest(last, frozenset(t for t, day in days.items() if day == last))


def deciding(found: Earliest, seats: Iterable[Seat]) -> tuple[Seat, ...]:
    """The customers owed a notice whose terms allow no earlier start."""
    same: dict[int, bool] = {}  # customers of equal terms share one value
    return tuple(s for s in seats if s.included and same.setdefault(id(s.terms), s.terms in found.terms))


def in_words(seats: Sequence[Seat]) -> Sentence | None:
    """Whose terms decide, by name and reference; None where nobody's do."""
    if not seats:
        return None
    first, others = seats[0].customer, len(seats) - 1
    told: dict[str, str | int] = {"name": first.name, "ref": first.ref}
    return Sentence(_MORE, {**told, "count": others}) if others else Sentence(_ONE, told)


def refuse_early(concerned: Sequence[Change], found: Earliest, seats: Iterable[Seat]) -> None:
    """Raises Refusal start_missing or start_too_early, which names who of `seats` decides; they are looked at then
    only."""
    for change in concerned:
        if change.planned_start is None:
            raise Refusal("start_missing")
        if change.opens_window and change.planned_start < found.day:
            words = in_words(deciding(found, seats))
            raise Refusal("start_too_early", start=change.planned_start, earliest=found.day,
                          details=[words] if words else [])
