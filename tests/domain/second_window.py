"""A second implementation of the window, written another way, to hold the first against.

It knows no civil calendar arithmetic: days are ordinal numbers in a list, the local day comes from seconds
and the zone's offset, and the end is searched for: the first second that no longer shows the last day.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

EPOCH_DAY = date(1970, 1, 1).toordinal()
Works = Callable[[int], bool]
FAR = 500  # days; no tested period and its holidays are longer


def local_day_and_second(at: float, zone: str) -> tuple[int, float]:
    offset = datetime.fromtimestamp(at, ZoneInfo(zone)).utcoffset()
    assert offset is not None
    days, seconds = divmod(at + offset.total_seconds(), 86400)
    return EPOCH_DAY + int(days), seconds


def receipt_ordinal(business_hours: bool, zone: str, at: float, works: Works) -> int:
    day, second = local_day_and_second(at, zone)
    if not business_hours or (works(day) and second < 17 * 3600):
        return day
    return [d for d in range(day + 1, day + FAR) if works(d)][0]  # noqa: RUF015  (the list is the point)


def end_of(day: int, zone: str) -> datetime:
    low = (day - EPOCH_DAY - 2) * 86400
    high = (day - EPOCH_DAY + 3) * 86400
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if local_day_and_second(middle, zone)[0] > day else (middle, high)
    return datetime.fromtimestamp(high, UTC)


def window(
    days: int, business_days: bool, business_hours: bool, zone: str, at: datetime, works: Works
) -> tuple[date, date, date, datetime]:
    """Receipt day, nominal day, last day and end."""
    received = receipt_ordinal(business_hours, zone, at.timestamp(), works)
    following = list(range(received, received + FAR))
    counted = [d for d in following[1:] if works(d)] if business_days else following[1:]
    nominal = [received, *counted][days]
    last = min(d for d in following if d >= nominal and works(d))
    return date.fromordinal(received), date.fromordinal(nominal), date.fromordinal(last), end_of(last, zone)


def first_start(days: int, business_days: bool, received: int, works: Works) -> int:
    """The first day before which so many full days lie after the day of receipt."""
    return next(
        day for day in range(received + 1, received + FAR)
        if sum(1 for d in range(received + 1, day) if works(d) or not business_days) >= days
    )


def last_before(first: int, planned: int | None) -> int:
    """The last day before a start, which is the planned one unless that comes before `first`."""
    return (first if planned is None or planned < first else planned) - 1
