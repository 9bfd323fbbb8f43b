"""Windows: from when a notice counts as received, until when a customer may object, when a change may start.

The only arithmetic over periods in the house. It adds civil dates and attaches the zone at the very end, so
that thirty days are thirty days on the calendar, be they 719, 720 or 721 hours. One rule satisfies Swiss CO
77 and 78, the European Convention on the Calculation of Time-Limits (Art. 3 and 5), German BGB 187, 188 and
193, and, by analogy, Regulation 1182/71 Art. 3: the day of receipt is not counted, and a last day on which
nobody need act moves to the next working day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from notifier.domain.sentences import N_, Fact, Sentence
from notifier.domain.terms import ClockStart, DayKind, ReceiptRule, Terms, WindowRuns

DayOff = Callable[[date], Fact | None]
"""What makes a day no working day ("Saturday", "Good Friday in Zürich"), None if it is one."""

RULES_VERSION = "1"
"""Stored with every window. Raise it whenever the same terms and moment would give another day."""

CLOSE = time(17)
"""Close of business: from here on a letter counts as received on the next working day."""

REMIND_FROM = time(9)
"""When on its day a reminder goes: at the beginning of a working day, so that it is read on it."""

_DAY = timedelta(1)
_RECEIVED = N_("The notice counts as received on %(day)s.")
_ON_DAY_OFF = N_(
    "The notice arrived on %(arrived)s, which is no working day."
    " It counts as received on the next working day, %(day)s."
)
_AFTER_HOURS = N_(
    "The notice arrived on %(arrived)s at 17:00 or later."
    " It counts as received on the next working day, %(day)s."
)
_PROMISED = N_("The notice is sent on %(sent)s. It counts as received on the next working day, %(day)s.")
_COUNTED = N_("Counting begins on the day after; day %(number)s is %(day)s.")
_COUNTED_WORKING = N_(
    "Counting begins on the day after and takes working days only; working day %(number)s is %(day)s."
)
_WEEKEND = N_("%(day)s falls on a weekend.")
_HOLIDAY = N_("%(day)s is %(reason)s.")
_KEPT = N_("The letter named %(day)s as the last day, and that day is kept.")
_EXTENDED = N_("We extended the period; it ends with %(day)s.")
_ROLLED = N_("The period therefore ends with the next working day, %(day)s.")
_UNTIL_START = N_("The period lasts until the start, which is on %(start)s at the earliest; its last day is %(day)s.")
_EARLIER = N_(
    "Your agreement lets the period run from %(day)s already. We count from the day of receipt, which gives you more"
    " time."
)
_LATER = N_("Your agreement lets the period run from %(day)s, which gives you more time than the day of receipt.")


@dataclass(frozen=True)
class Window:
    """The period in which a customer may object, frozen as it was computed.

    `receipt_day` the civil day the notice counts as received on; `nominal` the last day before it is moved
    off weekends and holidays; `last_day` the last day to object, all of it; `ends_at` the exclusive end,
    aware UTC: 00:00 in `zone` of the day after. `why` explains the last day to a lay reader, a sentence each.
    """

    receipt_day: date
    nominal: date
    last_day: date
    ends_at: datetime
    zone: str
    why: tuple[Sentence, ...]

    def is_open(self, now: datetime) -> bool:
        """Whether an objection filed now would be in time. ValueError for a naive moment."""
        return self.in_time(now)

    def in_time(self, at: datetime) -> bool:
        """Whether something that arrived at `at` was in time; the end itself is late. ValueError if naive."""
        return _aware(at) < self.ends_at

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: dates and the moment as ISO 8601, the sentences as `Sentence.to_json` gives them."""
        return {
            "receipt_day": self.receipt_day.isoformat(),
            "nominal": self.nominal.isoformat(),
            "last_day": self.last_day.isoformat(),
            "ends_at": self.ends_at.isoformat(),
            "zone": self.zone,
            "why": [s.to_json() for s in self.why],
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Window:
        """The inverse of `to_json`."""
        return Window(
            receipt_day=date.fromisoformat(value["receipt_day"]),
            nominal=date.fromisoformat(value["nominal"]),
            last_day=date.fromisoformat(value["last_day"]),
            ends_at=_aware(datetime.fromisoformat(value["ends_at"])),
            zone=value["zone"],
            why=tuple(Sentence.from_json(s) for s in value["why"]),
        )


def receipt_day(terms: Terms, received_at: datetime, day_off: DayOff) -> date:
    """The civil day, in the terms' zone, on which a letter accepted at `received_at` counts as received.

    LEGAL_DAY is the plain local date, the least the law gives. BUSINESS_HOURS moves a letter that arrived at
    or after 17:00 or on a day off to the next working day (BGH VII ZR 895/21 left the hours outside business
    open; the later day is safe for the customer). ValueError for a naive moment.
    """
    return _receipt(terms, received_at, day_off)[0]


def window(
    terms: Terms, received_at: datetime, day_off: DayOff, *, clock_at: datetime | None = None,
    starts_on: date | None = None,
) -> Window:
    """The window that counts: from the proven moment of receipt (aware), by the customer's terms.

    Calendar days run through weekends and holidays, business days count working days only; either way a last
    day that is off moves to the next working day (CO 78, Convention Art. 5, BGB 193). Terms that start the clock
    with something else than receipt, at `clock_at`, are honoured in the customer's favour only: the later of both
    counts (design §3). Terms whose period lasts until the start take the planned one, `starts_on`; where there is
    none, or it comes too early for this customer, the first day its notice days allow. ValueError for a naive moment
    or a negative period.
    """
    received_on, opening = _receipt(terms, received_at, day_off)
    if terms.window_runs is WindowRuns.UNTIL_START:
        return _until_start(terms, received_on, opening, starts_on, day_off)
    counts = _run(terms, received_on, opening, day_off)
    if clock_at is None or terms.clock_start is ClockStart.RECEIPT:
        return counts
    day = _local(terms, clock_at).date()
    by_contract = _run(terms, day, Sentence(_LATER, {"day": day}), day_off)
    if by_contract.ends_at > counts.ends_at:
        return replace(by_contract, receipt_day=received_on)
    if day >= received_on:
        return counts
    return replace(counts, why=(Sentence(_EARLIER, {"day": day}), *counts.why))


def promised(
    terms: Terms, handed_over_at: datetime, day_off: DayOff, *, starts_on: date | None = None
) -> Window:
    """The window a letter prints before its receipt is known, handed over for sending at `handed_over_at`.

    As if received by the close of the next working day after the local day of handing over, under either
    receipt rule: so a letter accepted by then never needs a later day than the one it prints. `starts_on` as for
    `window`. ValueError for a naive moment or a negative period.
    """
    sent = _local(terms, handed_over_at).date()
    day = working_day_after(sent, 1, day_off)
    opening = Sentence(_PROMISED, {"sent": sent, "day": day})
    if terms.window_runs is WindowRuns.UNTIL_START:
        return _until_start(terms, day, opening, starts_on, day_off)
    return _run(terms, day, opening, day_off)


def later(a: Window, b: Window) -> Window:
    """The one that ends later, `a` if both end together: what was promised is only ever extended."""
    return b if b.ends_at > a.ends_at else a


def until(window: Window, last_day: date) -> Window:
    """The window extended to `last_day`, which a letter has promised; unchanged where it runs that long already."""
    return _stretched(window, last_day, _KEPT)


def extended(window: Window, last_day: date) -> Window:
    """The window extended to `last_day` by a person's decision; unchanged where it runs that long already."""
    return _stretched(window, last_day, _EXTENDED)


def off_its_holiday(window: Window, day_off: DayOff) -> Window:
    """The window moved off a last day that has turned out to be a holiday; unchanged where it is none. Weekends are
    left: they were known when a letter or a person named the day."""
    last_day = window.last_day
    if last_day.weekday() >= 5 or day_off(last_day) is None:
        return window
    moved = _working_day_from(last_day, day_off)
    why = (*window.why, *(s for _, s in _days_off(last_day, moved, day_off)), Sentence(_ROLLED, {"day": moved}))
    return replace(window, last_day=moved, ends_at=_midnight_after(moved, window.zone), why=why)


def explained(window: Window, sentence: Sentence, *, receipt_day: date) -> Window:
    """The window with one more sentence of why, and the day its receipt counts on."""
    return replace(window, receipt_day=receipt_day, why=(*window.why, sentence))


def _stretched(window: Window, last_day: date, words: str) -> Window:
    if last_day <= window.last_day:
        return window
    why = (*window.why, Sentence(words, {"day": last_day}))
    return replace(window, last_day=last_day, ends_at=_midnight_after(last_day, window.zone), why=why)


def remind_at(terms: Terms, counts: Window) -> datetime | None:
    """When to remind the customer that its window is about to end: at 09:00 of the civil day that lies the terms'
    `reminder_days` before the last one. None where the terms want none, or where the window is so short that this
    day does not lie after the day of receipt: the notice itself is fresh enough then.
    """
    day = counts.last_day - timedelta(terms.reminder_days)
    if terms.reminder_days < 1 or day <= counts.receipt_day:
        return None
    return datetime.combine(day, REMIND_FROM, ZoneInfo(counts.zone)).astimezone(UTC)


def working_day_after(day: date, number: int, day_off: DayOff) -> date:
    """The `number`-th working day after `day`; `day` itself is not counted, and is the answer to zero."""
    for _ in range(number):
        day = _working_day_from(day + _DAY, day_off)
    return day


def earliest_start(terms: Terms, received_on: date, day_off: DayOff) -> date:
    """The first civil day a change may start for a customer whose notice counts as received on `received_on`.

    `notice_days` full civil days lie between the two (30 days and 1 March: 1 April). A notice "at least so
    many days in advance" is counted back from the start, and neither stretched nor shortened by weekends or
    holidays (Reg. 1182/71 Art. 3(4); the Convention, Art. 1(1), leaves periods counted backwards out). Terms that
    count the notice in working days have so many of those between the two.
    """
    if terms.notice_day_kind is DayKind.BUSINESS:
        return working_day_after(received_on, terms.notice_days, day_off) + _DAY
    return received_on + timedelta(terms.notice_days + 1)


def earliest_planned_start(terms: Terms, announced_at: datetime, day_off: DayOff) -> date:
    """The earliest start that can be planned for this customer when announcing at `announced_at` (aware).

    The later of: `earliest_start` from the day the letter is promised to count as received on, and, where the terms
    have the start wait for it, the day after the last day it promises for objecting. ValueError for a naive moment.
    """
    promise = promised(terms, announced_at, day_off)
    first = earliest_start(terms, promise.receipt_day, day_off)
    return max(first, promise.last_day + _DAY) if terms.holds_up else first


def _receipt(terms: Terms, received_at: datetime, day_off: DayOff) -> tuple[date, Sentence]:
    local = _local(terms, received_at)
    arrived = local.date()
    off = day_off(arrived) is not None
    if terms.receipt_rule is ReceiptRule.LEGAL_DAY or not (off or local.time() >= CLOSE):
        return arrived, Sentence(_RECEIVED, {"day": arrived})
    day = working_day_after(arrived, 1, day_off)
    return day, Sentence(_ON_DAY_OFF if off else _AFTER_HOURS, {"arrived": arrived, "day": day})


def _run(terms: Terms, received_on: date, opening: Sentence, day_off: DayOff) -> Window:
    """The period after `received_on`, with `opening` as the first sentence of why."""
    if terms.window_days < 0:
        raise ValueError(f"a window cannot have {terms.window_days} days")
    why = [opening]
    if terms.day_kind is DayKind.BUSINESS:
        nominal = working_day_after(received_on, terms.window_days, day_off)
        why += [s for d, s in _days_off(received_on + _DAY, nominal, day_off) if d.weekday() < 5]
        counted = _COUNTED_WORKING
    else:
        nominal = received_on + timedelta(terms.window_days)
        counted = _COUNTED
    why.append(Sentence(counted, {"number": terms.window_days, "day": nominal}))
    last_day = _working_day_from(nominal, day_off)
    if last_day > nominal:
        why += [s for _, s in _days_off(nominal, last_day, day_off)]
        why.append(Sentence(_ROLLED, {"day": last_day}))
    ends_at = _midnight_after(last_day, terms.zone)
    return Window(received_on, nominal, last_day, ends_at, terms.zone, tuple(why))


def _until_start(
    terms: Terms, received_on: date, opening: Sentence, starts_on: date | None, day_off: DayOff
) -> Window:
    """The period up to the day before the start: the planned one, or a later one that the notice days ask for."""
    first = earliest_start(terms, received_on, day_off)
    start = max(starts_on or first, first)
    last_day = start - _DAY
    why = (opening, Sentence(_UNTIL_START, {"start": start, "day": last_day}))
    return Window(received_on, last_day, last_day, _midnight_after(last_day, terms.zone), terms.zone, why)


def _days_off(first: date, end: date, day_off: DayOff) -> list[tuple[date, Sentence]]:
    """Each day off from `first` to before `end`, with a sentence that says so."""
    found = []
    for n in range((end - first).days):
        day = first + timedelta(n)
        if (reason := day_off(day)) is None:
            continue
        if day.weekday() >= 5:  # the written date names the weekday already
            found.append((day, Sentence(_WEEKEND, {"day": day})))
        else:
            found.append((day, Sentence(_HOLIDAY, {"day": day, "reason": reason})))
    return found


def _working_day_from(day: date, day_off: DayOff) -> date:
    while day_off(day) is not None:
        day += _DAY
    return day


def _midnight_after(day: date, zone: str) -> datetime:
    # Where the clocks jump over midnight, fold=0 is the moment of the jump; where midnight comes twice,
    # it is the first: the moment the day after begins, both times.
    return datetime.combine(day + _DAY, time(), ZoneInfo(zone)).astimezone(UTC)


def _local(terms: Terms, at: datetime) -> datetime:
    return _aware(at).astimezone(ZoneInfo(terms.zone))


def _aware(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError("a naive datetime: moments here are aware")
    return at
