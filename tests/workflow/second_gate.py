"""A second implementation of the gate, written another way, to hold the first against over a year.

It knows no tables and no states: a case is a few letters and acts with their moments, a day is an ordinal number, and
what stands in the way at a moment is worked out afresh from all that was known by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

from tests.domain import second_window

SEAT = ("CH", "ZH")
HOME = "Europe/Zurich"
REMINDER_DAYS = 7


@dataclass
class Letter:
    """One letter of a notice: when it was sent, and when the recipient's server took it (None: it came back)."""

    sent: datetime
    arrived: datetime | None = None


@dataclass
class Case:
    """One customer and one change. `acted`: when it confirmed having read the notice; `yes`: when it consented."""

    terms: Mapping[str, Any]
    place: tuple[str, str]
    letters: list[Letter] = field(default_factory=list)
    acted: datetime | None = None
    yes: datetime | None = None
    days: dict[Any, tuple[int, int]] = field(default_factory=dict)  # of receipt and the last one, once worked out


def works(place: tuple[str, str]) -> Callable[[int], bool]:
    """Whether a day is a working day both at the seat and at the customer's place."""
    return lambda day: _works(place, day)


@lru_cache(None)
def _works(place: tuple[str, str], day: int) -> bool:
    when = date.fromordinal(day)
    return when.isoweekday() < 6 and not any(when in _calendar(*each, when.year) for each in {SEAT, place})


@lru_cache(None)
def _calendar(country: str, subdivision: str, year: int) -> frozenset[date]:
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=year, expand=False)
    return frozenset(found)


def received(case: Case, now: datetime) -> datetime | None:
    """The earliest proof known by now."""
    proofs = [letter.arrived for letter in case.letters] + [case.acted]
    return min((proof for proof in proofs if proof and proof <= now), default=None)


def promise(case: Case, sent: datetime) -> tuple[int, int]:
    """The day a letter sent at that moment counts as received on by its own words, and the last day it names."""
    zone, working = case.terms["zone"], works(case.place)
    day = second_window.local_day_and_second(sent.timestamp(), zone)[0] + 1
    while not working(day):
        day += 1
    noon = datetime.combine(date.fromordinal(day), time(12), ZoneInfo(zone))
    return day, _window(case, noon, False)[1]


def earliest(cases: Sequence[Case], now: datetime) -> date:
    """The earliest start that may be planned for all of them when announcing now."""
    found = []
    for case in cases:
        day, last = promise(case, now)
        found.append(max(_enough(case, day), last + 1 if case.terms["window_runs"] == "before_start" else 0))
    return date.fromordinal(max(found))


def last_day(case: Case, now: datetime, start: date | None) -> int | None:
    """The last day to object that counts by now; None without a proof."""
    proof = received(case, now)
    if proof is None:
        return None
    day, last = _window(case, proof, case.terms["receipt_rule"] == "business_hours")
    if case.terms["window_runs"] == "until_start":
        return second_window.last_before(_enough(case, day), start.toordinal() if start else None)
    return max(last, *(promise(case, letter.sent)[1] for letter in case.letters if letter.sent <= now))


def reminds(case: Case, now: datetime, start: date | None) -> bool:
    """Whether this is a time to remind of the window's end: from nine in the morning of the day that lies so many days
    before its last one, unless that is no later than the receipt. Nobody who has acted, or whose yes counts alone."""
    proof = received(case, now)
    if proof is None or case.terms["authorisation"] == "specific" or (case.acted and case.acted <= now):
        return False
    known = (proof, len(case.letters), start)
    if known not in case.days:  # asked every day
        receipt = _window(case, proof, case.terms["receipt_rule"] == "business_hours")[0]
        case.days[known] = receipt, last_day(case, now, start) or 0
    receipt, last = case.days[known]
    day, zone = last - REMINDER_DAYS, case.terms["zone"]
    fresh = day <= receipt
    due = second_window.local_day_and_second(now.timestamp(), zone) >= (day, 9 * 3600)
    return due and not fresh and now < second_window.end_of(last, zone)


def blocked(case: Case, now: datetime, start: date | None) -> dict[str, int | None]:
    """Everything in the way now, each with the day on which it ends by itself."""
    found: dict[str, int | None] = {}
    here, there = (second_window.local_day_and_second(now.timestamp(), z)[0] for z in (HOME, case.terms["zone"]))
    if start is None:
        found["start_open"] = None
    elif here < start.toordinal():
        found["before_planned_start"] = start.toordinal()
    proof, last = received(case, now), last_day(case, now, start)
    if proof is None or last is None:
        found["no_proven_notice"] = None
    else:
        enough = _enough(case, _window(case, proof, case.terms["receipt_rule"] == "business_hours")[0])
        if there < enough:
            found["notice_days_running"] = enough
        if case.terms["window_runs"] == "before_start" and now < second_window.end_of(last, case.terms["zone"]):
            found["window_open"] = last
    if case.terms["authorisation"] == "specific" and (case.yes is None or case.yes > now):
        found["consent_missing"] = None
    return found


def lost(blockers: Mapping[str, int | None], now: datetime) -> bool:
    """Whether a customer cannot start on its planned day, of which it is now: something does not end during the day."""
    today = second_window.local_day_and_second(now.timestamp(), HOME)[0]
    return any(ends is None or ends > today or (ends == today and name != "notice_days_running")
               for name, ends in blockers.items())


def _enough(case: Case, received_on: int) -> int:
    return second_window.first_start(
        case.terms["notice_days"], case.terms["notice_day_kind"] == "business", received_on, works(case.place))


def _window(case: Case, at: datetime, business_hours: bool) -> tuple[int, int]:
    terms = case.terms
    found = second_window.window(terms["window_days"], terms["day_kind"] == "business", business_hours, terms["zone"],
                                 at, works(case.place))
    return found[0].toordinal(), found[2].toordinal()
