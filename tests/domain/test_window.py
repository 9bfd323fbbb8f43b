"""Windows: the vectors of the rules, and what must hold for every term, zone and day."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier import text
from notifier.domain import window as windows
from notifier.domain.sentences import Sentence
from notifier.domain.terms import ClockStart, DayKind, ReceiptRule, Terms, WindowRuns
from notifier.domain.window import DayOff, Window
from tests.domain import second_window

STRICT, PUBLISHED = ReceiptRule.LEGAL_DAY, ReceiptRule.BUSINESS_HOURS
day_of, moment = date.fromisoformat, datetime.fromisoformat
calm = settings(derandomize=True, deadline=None, max_examples=200, database=None)


def off_on(*holidays: str) -> DayOff:
    """Weekends, and the days given."""
    named = {day_of(day): "a holiday" for day in holidays}
    return lambda day: ("Saturday", "Sunday")[day.weekday() - 5] if day.weekday() > 4 else named.get(day)


ZH = off_on(
    "2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25", "2026-12-25",
    "2027-01-01", "2028-04-14", "2028-04-17",
)  # fmt: skip
SO_LIB = off_on("2026-01-01", "2026-04-03", "2026-05-14", "2026-12-25")
SO = off_on("2026-01-01", "2026-04-03", "2026-04-06", "2026-05-14", "2026-05-25", "2026-06-04", "2026-12-25")
HH = off_on("2026-12-25", "2028-10-03", "2028-10-31", "2028-12-25", "2028-12-26")
EU = off_on("2026-04-06", "2026-05-01", "2026-05-14", "2026-05-15", "2026-05-25")

ZURICH, BERLIN, BRUSSELS = "Europe/Zurich", "Europe/Berlin", "Europe/Brussels"

VECTORS = [
    # accepted, zone, days off, nominal, strict last day, strict end, published last day (None: the same)
    ("2026-01-12T09:19+01:00", ZURICH, ZH, "2026-02-11", "2026-02-11", "2026-02-11T23:00Z", None),
    ("2026-01-08T14:00+01:00", ZURICH, ZH, "2026-02-07", "2026-02-09", "2026-02-09T23:00Z", None),
    ("2026-03-04T10:00+01:00", ZURICH, ZH, "2026-04-03", "2026-04-07", "2026-04-07T22:00Z", None),
    ("2026-03-07T10:00+01:00", ZURICH, SO_LIB, "2026-04-06", "2026-04-06", "2026-04-06T22:00Z", "2026-04-08"),
    ("2026-03-07T10:00+01:00", ZURICH, SO, "2026-04-06", "2026-04-07", "2026-04-07T22:00Z", "2026-04-08"),
    ("2026-03-07T10:00+01:00", ZURICH, ZH, "2026-04-06", "2026-04-07", "2026-04-07T22:00Z", "2026-04-08"),
    ("2026-04-01T10:00+02:00", ZURICH, ZH, "2026-05-01", "2026-05-04", "2026-05-04T22:00Z", None),
    ("2026-04-01T10:00+02:00", ZURICH, SO_LIB, "2026-05-01", "2026-05-01", "2026-05-01T22:00Z", None),
    ("2026-02-27T23:30Z", ZURICH, ZH, "2026-03-30", "2026-03-30", "2026-03-30T22:00Z", "2026-04-01"),
    ("2026-09-25T10:00+02:00", ZURICH, ZH, "2026-10-25", "2026-10-26", "2026-10-26T23:00Z", None),
    ("2026-11-25T16:00+01:00", ZURICH, ZH, "2026-12-25", "2026-12-28", "2026-12-28T23:00Z", None),
    ("2026-10-01T08:00+02:00", BERLIN, HH, "2026-10-31", "2026-11-02", "2026-11-02T23:00Z", None),
    ("2028-10-01T12:00+02:00", BERLIN, HH, "2028-10-31", "2028-11-01", "2028-11-01T23:00Z", None),
    ("2028-10-01T12:00+02:00", ZURICH, ZH, "2028-10-31", "2028-10-31", "2028-10-31T23:00Z", "2028-11-01"),
    ("2026-04-14T11:00+02:00", BRUSSELS, EU, "2026-05-14", "2026-05-18", "2026-05-18T22:00Z", None),
    ("2026-04-14T11:00+02:00", ZURICH, ZH, "2026-05-14", "2026-05-15", "2026-05-15T22:00Z", None),
    ("2026-12-02T10:00+01:00", ZURICH, ZH, "2027-01-01", "2027-01-04", "2027-01-04T23:00Z", None),
    ("2028-01-31T10:00+01:00", ZURICH, ZH, "2028-03-01", "2028-03-01", "2028-03-01T23:00Z", None),
    ("2026-07-03T19:30+02:00", ZURICH, ZH, "2026-08-02", "2026-08-03", "2026-08-03T22:00Z", "2026-08-05"),
]


@pytest.mark.parametrize(("accepted", "zone", "off", "nominal", "last", "end", "published"), VECTORS)
def test_the_vectors_hold_strictly_and_as_published(
    accepted: str, zone: str, off: DayOff, nominal: str, last: str, end: str, published: str | None
) -> None:
    at = moment(accepted)
    strict = windows.window(Terms(zone=zone, receipt_rule=STRICT), at, off)
    assert strict.nominal == day_of(nominal)
    assert strict.last_day == day_of(last)
    assert strict.ends_at == moment(end)
    assert strict.ends_at.utcoffset() == timedelta()
    assert strict.receipt_day == at.astimezone(ZoneInfo(zone)).date()
    public = windows.window(Terms(zone=zone, receipt_rule=PUBLISHED), at, off)
    assert public.last_day == day_of(published or last)


def test_the_published_ends_of_the_vectors_are_local_midnights() -> None:
    saturday, after_midnight = moment("2026-03-07T10:00+01:00"), moment("2026-02-27T23:30Z")
    assert windows.window(Terms(), saturday, ZH).ends_at == moment("2026-04-08T22:00Z")
    assert windows.window(Terms(), after_midnight, ZH).ends_at == moment("2026-04-01T22:00Z")


def test_the_last_second_is_in_time_and_the_end_itself_is_late() -> None:
    found = windows.window(Terms(), moment("2026-03-04T10:00+01:00"), ZH)
    assert found.in_time(datetime(2026, 4, 7, 21, 59, 59, tzinfo=UTC))
    assert not found.in_time(datetime(2026, 4, 7, 22, 0, 0, tzinfo=UTC))
    assert found.is_open(moment("2026-04-07T23:59:59.999999+02:00"))
    assert not found.is_open(moment("2026-04-08T00:00+02:00"))


@pytest.mark.parametrize(
    ("accepted", "hours"),
    [("2026-03-01T00:00+01:00", 719), ("2026-09-26T00:00+02:00", 721), ("2026-06-01T00:00+02:00", 720)],
)
def test_thirty_days_are_days_on_the_calendar_and_not_hours(accepted: str, hours: int) -> None:
    start = moment(accepted)
    found = windows.window(Terms(receipt_rule=STRICT, window_days=29), start, lambda day: None)
    assert found.ends_at - start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("accepted", "received"),
    [
        ("2026-03-04T16:59:59+01:00", "2026-03-04"),  # Wednesday, just within hours
        ("2026-03-04T17:00:00+01:00", "2026-03-05"),
        ("2026-03-04T00:00:00+01:00", "2026-03-04"),  # before opening is the same day
        ("2026-03-06T17:00:00+01:00", "2026-03-09"),  # Friday evening
        ("2026-03-07T10:00:00+01:00", "2026-03-09"),  # Saturday
        ("2026-04-02T18:00:00+02:00", "2026-04-07"),  # Thursday evening before Easter
        ("2026-04-03T10:00:00+02:00", "2026-04-07"),  # Good Friday
        ("2026-03-04T16:30:00Z", "2026-03-05"),  # the hour is the local one
    ],
)
def test_outside_business_hours_the_next_working_day_counts_as_receipt(accepted: str, received: str) -> None:
    at = moment(accepted)
    assert windows.receipt_day(Terms(), at, ZH) == day_of(received)
    legal = Terms(receipt_rule=STRICT)
    assert windows.receipt_day(legal, at, ZH) == at.astimezone(ZoneInfo(ZURICH)).date()


@pytest.mark.parametrize(
    ("days", "last"),
    [(1, "2026-04-02"), (2, "2026-04-07"), (10, "2026-04-17"), (20, "2026-05-04"), (0, "2026-04-01")],
)
def test_business_days_leave_out_weekends_and_holidays(days: int, last: str) -> None:
    terms = Terms(window_days=days, day_kind=DayKind.BUSINESS)
    found = windows.window(terms, moment("2026-04-01T10:00+02:00"), ZH)
    assert found.last_day == found.nominal == day_of(last)


@pytest.mark.parametrize(
    ("zone", "last", "end"),
    [
        ("America/Santiago", "2025-09-06", "2025-09-07T04:00Z"),  # 24:00 becomes 01:00: no midnight
        ("America/Santiago", "2026-04-04", "2026-04-05T04:00Z"),  # 24:00 becomes 23:00
        ("America/Havana", "2025-11-01", "2025-11-02T04:00Z"),  # 01:00 becomes 00:00: midnight comes twice
        ("Africa/Cairo", "2026-04-23", "2026-04-23T22:00Z"),
        ("Pacific/Auckland", "2026-04-04", "2026-04-04T11:00Z"),
        ("Pacific/Honolulu", "2026-04-04", "2026-04-05T10:00Z"),
    ],
)
def test_a_window_ends_with_its_day_where_clocks_change_at_midnight(zone: str, last: str, end: str) -> None:
    noon = moment(f"{last}T12:00").replace(tzinfo=ZoneInfo(zone))
    terms = Terms(zone=zone, window_days=0, receipt_rule=STRICT)
    assert windows.window(terms, noon, lambda day: None).ends_at == moment(end)


def test_a_promise_counts_from_the_next_working_day_under_either_rule() -> None:
    friday = moment("2026-03-06T10:00+01:00")
    for rule in ReceiptRule:
        found = windows.promised(Terms(receipt_rule=rule), friday, ZH)
        assert (found.receipt_day, found.nominal) == (date(2026, 3, 9), date(2026, 4, 8))
    before_easter = moment("2026-04-02T23:30+02:00")
    assert windows.promised(Terms(), before_easter, ZH).receipt_day == date(2026, 4, 7)


def test_the_later_window_wins_and_the_first_when_both_end_together() -> None:
    early = windows.promised(Terms(), datetime(2026, 3, 4, 9, tzinfo=UTC), ZH)
    late = windows.window(Terms(), datetime(2026, 3, 9, 9, tzinfo=UTC), ZH)
    assert early.ends_at < late.ends_at
    assert windows.later(early, late) is late and windows.later(late, early) is late
    same = replace(early, why=())
    assert windows.later(early, same) is early and windows.later(same, early) is same


@pytest.mark.parametrize(
    ("days", "received", "start"),
    [(30, "2026-03-01", "2026-04-01"), (30, "2026-12-02", "2027-01-02"), (30, "2028-01-31", "2028-03-02"),
     (0, "2026-03-01", "2026-03-02"), (14, "2026-04-03", "2026-04-18")],
)  # fmt: skip
def test_a_change_starts_after_its_full_days_of_notice(days: int, received: str, start: str) -> None:
    found = windows.earliest_start(Terms(notice_days=days), day_of(received), ZH)
    assert found == day_of(start)


@pytest.mark.parametrize(
    ("notice_days", "window_days", "start"),
    [
        (30, 30, "2026-04-08"),  # received 5 March, last day 7 April: the window decides
        (60, 30, "2026-05-05"),  # 5 March + 61: the notice decides
        (30, 10, "2026-04-05"),  # a Sunday is no obstacle: nothing is stretched
        (0, 0, "2026-03-06"),
    ],
)
def test_a_start_can_be_planned_after_both_the_notice_and_the_promised_window(
    notice_days: int, window_days: int, start: str
) -> None:
    terms = Terms(notice_days=notice_days, window_days=window_days)
    announced = moment("2026-03-04T10:00+01:00")
    assert windows.earliest_planned_start(terms, announced, ZH) == day_of(start)


def test_notice_in_working_days_leaves_so_many_of_them_before_the_start() -> None:
    terms = Terms(notice_days=10, notice_day_kind=DayKind.BUSINESS)
    # Received 25 March: 26, 27, 30, 31 March, 1, 2, 7 (after Easter), 8, 9, 10 April; the day after is free.
    assert windows.earliest_start(terms, day_of("2026-03-25"), ZH) == day_of("2026-04-11")


@pytest.mark.parametrize(("clock_at", "last", "first_words"), [
    ("2026-03-02T09:00+01:00", "2026-04-07", "Your agreement lets the period run from Monday, 2 March 2026 already."),
    ("2026-03-09T09:00+01:00", "2026-04-08", "Your agreement lets the period run from Monday, 9 March 2026, which"),
    ("2026-03-04T08:00+01:00", "2026-04-07", "The notice counts as received on Wednesday, 4 March 2026."),
])
@pytest.mark.parametrize("start", [ClockStart.SENDING, ClockStart.NOTICE_DATE, ClockStart.POSTING])
def test_the_later_of_both_counts_where_the_contract_starts_the_clock_otherwise(
    start: ClockStart, clock_at: str, last: str, first_words: str
) -> None:
    received = moment("2026-03-04T10:00+01:00")
    found = windows.window(Terms(clock_start=start), received, ZH, clock_at=moment(clock_at))
    assert found.last_day == day_of(last)
    assert found.receipt_day == day_of("2026-03-04")
    assert said(found)[0].startswith(first_words)
    by_receipt = windows.window(Terms(), received, ZH, clock_at=moment(clock_at))
    assert by_receipt == windows.window(Terms(), received, ZH)


def test_a_period_that_lasts_until_the_start_ends_the_day_before_it_and_no_earlier_than_the_notice_days_allow() -> None:
    terms = Terms(notice_days=10, window_runs=WindowRuns.UNTIL_START)
    received = moment("2026-03-04T10:00+01:00")
    planned = windows.window(terms, received, ZH, starts_on=day_of("2026-04-06"))
    assert (planned.last_day, planned.ends_at) == (day_of("2026-04-05"), moment("2026-04-05T22:00Z"))
    for starts_on in (None, day_of("2026-03-10")):  # open, or too early for this customer
        assert windows.window(terms, received, ZH, starts_on=starts_on).last_day == day_of("2026-03-14")
    assert windows.promised(terms, received, ZH, starts_on=day_of("2026-04-06")).last_day == day_of("2026-04-05")
    assert windows.earliest_planned_start(terms, received, ZH) == day_of("2026-03-16")  # promised: received the 5th


def test_a_period_beside_the_start_does_not_hold_it_up() -> None:
    terms = Terms(notice_days=30, window_days=90, window_runs=WindowRuns.PAST_START)
    sent = moment("2026-03-04T10:00+01:00")
    assert windows.earliest_planned_start(terms, sent, ZH) == day_of("2026-04-05")
    assert windows.promised(terms, sent, ZH).last_day == day_of("2026-06-03")


def test_naive_moments_and_negative_periods_are_programming_errors() -> None:
    naive = datetime(2026, 3, 4, 10)  # noqa: DTZ001
    found = windows.window(Terms(), naive.replace(tzinfo=UTC), ZH)
    for call in (
        lambda: windows.receipt_day(Terms(), naive, ZH),
        lambda: windows.window(Terms(), naive, ZH),
        lambda: windows.promised(Terms(), naive, ZH),
        lambda: windows.earliest_planned_start(Terms(), naive, ZH),
        lambda: found.in_time(naive),
        lambda: found.is_open(naive),
        lambda: Window.from_json({**found.to_json(), "ends_at": naive.isoformat()}),
    ):
        with pytest.raises(ValueError, match="naive"):
            call()
    with pytest.raises(ValueError, match="-1 days"):
        windows.window(Terms(window_days=-1), naive.replace(tzinfo=UTC), ZH)


def said(found: Window) -> list[str]:
    return [text.say(sentence, "en") for sentence in found.why]


def test_every_move_of_the_last_day_is_explained_to_the_reader() -> None:
    assert said(windows.window(Terms(), moment("2026-03-03T18:00+01:00"), ZH)) == [
        "The notice arrived on Tuesday, 3 March 2026 at 17:00 or later."
        " It counts as received on the next working day, Wednesday, 4 March 2026.",
        "Counting begins on the day after; day 30 is Friday, 3 April 2026.",
        "Friday, 3 April 2026 is a holiday.",
        "Saturday, 4 April 2026 falls on a weekend.",
        "Sunday, 5 April 2026 falls on a weekend.",
        "Monday, 6 April 2026 is a holiday.",
        "The period therefore ends with the next working day, Tuesday, 7 April 2026.",
    ]


def test_a_plain_window_is_explained_in_two_sentences() -> None:
    assert said(windows.window(Terms(), moment("2026-01-12T09:19+01:00"), ZH)) == [
        "The notice counts as received on Monday, 12 January 2026.",
        "Counting begins on the day after; day 30 is Wednesday, 11 February 2026.",
    ]


def test_a_window_of_working_days_names_the_holidays_it_left_out() -> None:
    terms = Terms(window_days=3, day_kind=DayKind.BUSINESS)
    assert said(windows.window(terms, moment("2026-04-03T10:00+02:00"), ZH)) == [
        "The notice arrived on Friday, 3 April 2026, which is no working day."
        " It counts as received on the next working day, Tuesday, 7 April 2026.",
        "Counting begins on the day after and takes working days only;"
        " working day 3 is Friday, 10 April 2026.",
    ]
    on_good_friday = windows.window(replace(terms, receipt_rule=STRICT), moment("2026-04-03T10:00+02:00"), ZH)
    assert "2026-04-03" not in str(on_good_friday.why[1])  # the day of receipt is not counted anyway
    promise = windows.promised(terms, moment("2026-03-31T10:00+02:00"), ZH)
    assert said(promise) == [
        "The notice is sent on Tuesday, 31 March 2026. It counts as received on the next working day,"
        " Wednesday, 1 April 2026.",
        "Friday, 3 April 2026 is a holiday.",
        "Monday, 6 April 2026 is a holiday.",
        "Counting begins on the day after and takes working days only;"
        " working day 3 is Wednesday, 8 April 2026.",
    ]


ZONES = (
    "Pacific/Auckland", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Beirut",
    "Africa/Cairo", "Europe/Zurich", "Europe/Dublin", "UTC", "Atlantic/Azores", "America/St_Johns",
    "America/Havana", "America/Asuncion", "America/Santiago", "Pacific/Honolulu",
)  # fmt: skip

moments = st.datetimes(datetime(2019, 1, 1), datetime(2036, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
terms_of_any_kind = st.builds(
    Terms,
    window_days=st.integers(0, 90),
    notice_days=st.integers(0, 120),
    day_kind=st.sampled_from(DayKind),
    receipt_rule=st.sampled_from(ReceiptRule),
    zone=st.sampled_from(ZONES),
    clock_start=st.sampled_from(ClockStart),
    window_runs=st.sampled_from([WindowRuns.BEFORE_START, WindowRuns.PAST_START]),
    notice_day_kind=st.sampled_from(DayKind),
)
holidays_after = st.frozensets(st.integers(-2, 160), max_size=30)


def off_after(at: datetime, offsets: frozenset[int]) -> DayOff:
    return off_on(*((at.date() + timedelta(n)).isoformat() for n in offsets))


@calm
@given(terms_of_any_kind, moments, holidays_after)
def test_a_second_implementation_agrees(terms: Terms, at: datetime, offsets: frozenset[int]) -> None:
    off = off_after(at, offsets)
    found = windows.window(terms, at, off)
    business_days, business_hours = terms.day_kind is DayKind.BUSINESS, terms.receipt_rule is PUBLISHED
    other = second_window.window(
        terms.window_days, business_days, business_hours, terms.zone, at,
        lambda ordinal: off(date.fromordinal(ordinal)) is None,
    )  # fmt: skip
    assert (found.receipt_day, found.nominal, found.last_day, found.ends_at) == other


@calm
@given(terms_of_any_kind, moments, holidays_after, st.timedeltas(timedelta(days=-9), timedelta(days=9)))
def test_a_second_implementation_agrees_on_a_clock_that_starts_otherwise(
    terms: Terms, at: datetime, offsets: frozenset[int], apart: timedelta
) -> None:
    off = off_after(at, offsets)
    found = windows.window(terms, at, off, clock_at=at + apart)
    by_receipt, by_contract = (
        second_window.window(terms.window_days, terms.day_kind is DayKind.BUSINESS, hours, terms.zone, when,
                             lambda ordinal: off(date.fromordinal(ordinal)) is None)
        for hours, when in ((terms.receipt_rule is PUBLISHED, at), (False, at + apart))
    )
    other = max(by_receipt[3], by_contract[3]) if terms.clock_start is not ClockStart.RECEIPT else by_receipt[3]
    assert (found.receipt_day, found.ends_at) == (by_receipt[0], other)
    assert found.ends_at >= windows.window(terms, at, off).ends_at  # only ever in the customer's favour


@calm
@given(terms_of_any_kind, moments, holidays_after, st.none() | st.integers(0, 200))
def test_a_second_implementation_agrees_on_starts_and_periods_until_them(
    terms: Terms, at: datetime, offsets: frozenset[int], after: int | None
) -> None:
    off = off_after(at, offsets)
    until = replace(terms, window_runs=WindowRuns.UNTIL_START)
    starts_on = None if after is None else at.date() + timedelta(after)
    found = windows.window(until, at, off, starts_on=starts_on)
    received = second_window.receipt_ordinal(
        terms.receipt_rule is PUBLISHED, terms.zone, at.timestamp(), works := _works(off))
    first = second_window.first_start(terms.notice_days, terms.notice_day_kind is DayKind.BUSINESS, received, works)
    assert windows.earliest_start(terms, date.fromordinal(received), off).toordinal() == first
    last = second_window.last_before(first, starts_on.toordinal() if starts_on else None)
    assert (found.last_day.toordinal(), found.ends_at) == (last, second_window.end_of(last, terms.zone))


def _works(off: DayOff) -> Callable[[int], bool]:
    return lambda ordinal: off(date.fromordinal(ordinal)) is None


@calm
@given(terms_of_any_kind, moments, holidays_after)
def test_a_window_is_never_shorter_than_the_days_promised(
    terms: Terms, at: datetime, offsets: frozenset[int]
) -> None:
    off = off_after(at, offsets)
    found = windows.window(terms, at, off)
    after = [found.receipt_day + timedelta(n + 1) for n in range((found.last_day - found.receipt_day).days)]
    counted = [d for d in after if off(d) is None] if terms.day_kind is DayKind.BUSINESS else after
    assert len(counted) >= terms.window_days
    assert off(found.last_day) is None
    assert found.receipt_day >= at.astimezone(ZoneInfo(terms.zone)).date()
    assert at < found.ends_at


@calm
@given(terms_of_any_kind, moments, holidays_after)
def test_a_window_ends_where_its_last_day_ends_in_its_zone(
    terms: Terms, at: datetime, offsets: frozenset[int]
) -> None:
    found = windows.window(terms, at, off_after(at, offsets))
    zone = ZoneInfo(terms.zone)
    assert (found.ends_at - timedelta(microseconds=1)).astimezone(zone).date() == found.last_day
    assert found.ends_at.astimezone(zone).date() == found.last_day + timedelta(1)


@calm
@given(terms_of_any_kind, moments, holidays_after, st.timedeltas(timedelta(), timedelta(days=5)))
def test_what_arrives_later_never_ends_earlier(
    terms: Terms, at: datetime, offsets: frozenset[int], delay: timedelta
) -> None:
    off = off_after(at, offsets)
    assert windows.window(terms, at, off).ends_at <= windows.window(terms, at + delay, off).ends_at


@calm
@given(terms_of_any_kind, moments, holidays_after, st.timedeltas(timedelta(), timedelta(days=9)))
def test_a_promise_covers_every_receipt_up_to_the_close_of_its_day(
    terms: Terms, at: datetime, offsets: frozenset[int], delay: timedelta
) -> None:
    off = off_after(at, offsets)
    promise = windows.promised(terms, at, off)
    close = datetime.combine(promise.receipt_day, windows.CLOSE, ZoneInfo(terms.zone))
    arrives = min(at + delay, close.astimezone(UTC) - timedelta(microseconds=1))
    proven = windows.window(terms, arrives, off)
    assert proven.ends_at <= promise.ends_at
    assert windows.later(promise, proven) is promise


@calm
@given(terms_of_any_kind, moments, moments, holidays_after)
def test_the_later_of_two_windows_only_extends(
    terms: Terms, one: datetime, two: datetime, offsets: frozenset[int]
) -> None:
    off = off_after(one, offsets)
    a, b = windows.window(terms, one, off), windows.window(terms, two, off)
    won = windows.later(a, b)
    assert won in (a, b)
    assert won.ends_at == max(a.ends_at, b.ends_at)
    assert won.last_day == max(a.last_day, b.last_day)


@calm
@given(terms_of_any_kind, moments, holidays_after)
def test_a_planned_start_leaves_the_full_notice_and_the_whole_window(
    terms: Terms, at: datetime, offsets: frozenset[int]
) -> None:
    off = off_after(at, offsets)
    promise, start = windows.promised(terms, at, off), windows.earliest_planned_start(terms, at, off)
    after_window = (start - promise.last_day).days
    between = [promise.receipt_day + timedelta(n) for n in range(1, (start - promise.receipt_day).days)]
    full_days = len([d for d in between if terms.notice_day_kind is DayKind.CALENDAR or off(d) is None])
    assert full_days >= terms.notice_days
    assert after_window >= 1 or not terms.holds_up
    # And not a day later than that.
    assert (terms.holds_up and after_window == 1) or full_days == terms.notice_days


@calm
@given(terms_of_any_kind, moments, holidays_after)
def test_a_window_survives_json_with_its_reasons(terms: Terms, at: datetime, offsets: frozenset[int]) -> None:
    found = windows.window(terms, at, off_after(at, offsets))
    assert Window.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert all(isinstance(s, Sentence) and str(s) for s in found.why)


def test_a_person_extends_a_window_to_the_end_of_a_later_day_and_never_shortens_it() -> None:
    first = windows.window(Terms(zone=ZURICH, receipt_rule=STRICT), datetime(2026, 3, 2, 9, tzinfo=UTC), ZH)
    longer = windows.extended(first, date(2026, 4, 20))
    assert (longer.nominal, longer.last_day) == (first.nominal, date(2026, 4, 20))
    assert longer.ends_at == datetime(2026, 4, 20, 22, tzinfo=UTC)
    assert str(longer.why[-1]) == "We extended the period; it ends with 2026-04-20."
    assert windows.extended(longer, first.last_day) == longer
