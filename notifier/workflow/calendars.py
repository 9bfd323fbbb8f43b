"""Working days and holidays: the only user of the `holidays` library, and what it does not know.

Statutory public holidays only: half days, optional and bank holidays move no deadline.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import holidays
import tzdata
from holidays.registry import EntityLoader

from notifier.domain.refusals import Refusal
from notifier.domain.sentences import LANGUAGES, N_, Fact, Name, Sentence, Words
from notifier.domain.terms import HolidaySet, Terms
from notifier.domain.window import RULES_VERSION, DayOff
from notifier.workflow import places

_WEEKEND = {5: N_("Saturday"), 6: N_("Sunday")}
_EXTRA = N_("an additional day off")
_THERE = N_("%(holiday)s in %(place)s")

_MOVING = {
    # Canton Solothurn. Corpus Christi, Assumption and All Saints are rest days by its Ruhetagsgesetz, par. 2
    # (everywhere but in Bucheggberg). Easter Monday, Whit Monday and 26 December are not named there, but may
    # be treated as holidays, and such days count (Convention on the Calculation of Time-Limits, Art. 5; BGE
    # 124 II 527): with them a period is never too short. The library has none of the six. Moving feasts, by
    # days after Easter Sunday; fixed ones below, by month and day.
    "CH-SO": {1: N_("Easter Monday"), 50: N_("Whit Monday"), 60: N_("Corpus Christi")},
}
_FIXED = {
    "CH-SO": {
        (8, 15): N_("Assumption of Mary"), (11, 1): N_("All Saints’ Day"), (12, 26): N_("St Stephen’s Day"),
    },
}  # fmt: skip


def day_off(terms: Terms, further: tuple[date, ...] = ()) -> DayOff:
    """The days that are no working days by these terms, each with what it is, to be said in any language.

    Saturdays, Sundays, the public holidays of every holiday set (a day off in one is a day off) with the place that
    keeps them, the terms' extra days and any `further` ones. Raises Refusal bad_value as `check` does.
    """
    for each in terms.holiday_sets:
        check_place(each)
    extra = frozenset(terms.extra_holidays + further)

    def name(day: date) -> Fact | None:
        if weekend := _WEEKEND.get(day.weekday()):
            return weekend
        for each in terms.holiday_sets:
            if day in _public(each, day.year, "en"):
                return Sentence(_THERE, {"holiday": _holiday(each, day), "place": _place(each)})
        return _EXTRA if day in extra else None

    return name


def check(holiday_set: HolidaySet) -> None:
    """Whether there is a calendar of that name: a country's two-letter code, and its subdivision's.

    Raises Refusal bad_value, field country or subdivision, with the subdivisions there are.
    """
    if holiday_set.country not in _countries():
        problem = N_(
            "no calendar is known for this country. Use the two letters of ISO 3166 in capitals,"
            " or a country whose calendar fits, and list further days as extra holidays."
        )
        raise _unusable("country", problem, holiday_set.country)
    known = _subdivisions(holiday_set.country)
    if holiday_set.subdivision and holiday_set.subdivision not in known:
        problem = N_("no calendar is known for this subdivision. Leave it out, or use one of those known.")
        raise _unusable("subdivision", problem, str(holiday_set), known)


def check_place(place: HolidaySet) -> None:
    """Whether a customer can sit there: any country of the world. Of one without a calendar the set is empty, whatever
    its subdivision. Raises Refusal bad_value as `check` does, for what is no country."""
    if not place.country or has(place.country) or places.country(place.country) != place.country:
        check(place)


def has(country: str) -> bool:
    """Whether there is a holiday calendar for a country."""
    return country in _countries()


def check_zone(zone: str) -> None:
    """Whether that is a time zone by its IANA name. Raises Refusal bad_value, field zone."""
    if zone not in _zones():
        problem = N_("no such time zone. Use a name like Europe/Zurich.")
        raise _unusable("zone", problem, zone)


def versions() -> dict[str, str]:
    """What a window was computed with, for freezing with it: `holidays`, `tzdata` (IANA), our own `rules`."""
    return {"holidays": _library(), "tzdata": _zone_data(), "rules": RULES_VERSION}


@lru_cache(maxsize=1)
def _library() -> str:
    return version("holidays")  # read from its files: slower than computing a window


@lru_cache(maxsize=2048)
def _public(which: HolidaySet, year: int, language: str) -> Mapping[date, str]:
    """One year's public holidays by name; the library's names first, then what we add to its calendar. None where it
    has no calendar."""
    if not has(which.country):
        return {}
    found = holidays.country_holidays(
        which.country,
        subdiv=which.subdivision or None,
        years=year,
        expand=False,
        language=_library_language(which.country, language),
        categories=holidays.PUBLIC,
    )
    return {**_added(str(which), year), **dict(found.items())}


def _holiday(which: HolidaySet, day: date) -> Words | Name:
    """What a holiday is called: our own words, or the library's names."""
    ours = _public(which, day.year, "en")[day]
    if isinstance(ours, Words):
        return ours
    return Name(tuple((language, _public(which, day.year, language)[day]) for language in LANGUAGES))


@lru_cache
def _place(which: HolidaySet) -> Name:
    """Where a calendar's holidays are kept: the subdivision by its own name where the library has one."""
    country = places.called(which.country)
    if not which.subdivision:
        return country
    aliases = getattr(holidays.country_holidays(which.country), "subdivisions_aliases", {})
    own = next((name for name, code in aliases.items() if code == which.subdivision), "")
    return Name((("en", own),)) if own else Name(tuple(
        (language, f"{name} ({which.subdivision})") for language, name in country.spoken))


def _added(which: str, year: int) -> dict[date, str]:
    if which not in _MOVING:
        return {}
    easter = _easter(year)
    added: dict[date, str] = {easter + timedelta(after): name for after, name in _MOVING[which].items()}
    return added | {date(year, month, day): name for (month, day), name in _FIXED[which].items()}


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous computus of 1876, as Butcher gave it)."""
    century, of_century = divmod(year, 100)
    golden = year % 19
    skipped = century - century // 4 - (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + skipped + 15) % 30
    sunday = (32 + 2 * (century % 4) + 2 * (of_century // 4) - moon - of_century % 4) % 7
    shift = (golden + 11 * moon + 22 * sunday) // 451
    month, day = divmod(moon + sunday - 7 * shift + 114, 31)
    return date(year, month, day + 1)


@lru_cache
def _library_language(country: str, language: str) -> str | None:
    """The library's own code for a language it has for that country, else its English, else the native one.

    Never left to the library: for a code it does not know it asks the process's environment, and the same
    notice would read differently on another machine.
    """
    entity = holidays.country_holidays(country)
    offered = entity.supported_languages
    regional = sorted(code for code in offered if code.startswith(f"{language}_") and code != "en_US")
    wishes = (language, *regional, "en_GB", "en_US")
    return next((code for code in wishes if code in offered), entity.default_language)


@lru_cache
def _countries() -> frozenset[str]:
    # Asked of the registry: the library's own list of them loads the calendars of all the world.
    return frozenset(EntityLoader.get_country_codes(include_aliases=False))


@lru_cache
def _subdivisions(country: str) -> tuple[str, ...]:
    return tuple(holidays.country_holidays(country).subdivisions)


@lru_cache
def _zones() -> frozenset[str]:
    # "localtime" is whatever this machine is set to, "Factory" no place at all: neither can be promised.
    return frozenset(zoneinfo.available_timezones()) - {"localtime", "Factory"}


@lru_cache
def _zone_data() -> str:
    """The release of the zone data in use: the machine's own where it has one, else that of the package."""
    for root in map(Path, zoneinfo.TZPATH):
        if (root / "Europe/Zurich").is_file():
            listing = root / "tzdata.zi"
            if not listing.is_file():
                return "of the machine"
            with listing.open(encoding="utf-8") as lines:
                return lines.readline().removeprefix("# version ").strip()
    return str(tzdata.IANA_VERSION)


def _unusable(field: str, problem: str, value: str, known: Iterable[str] = ()) -> Refusal:
    details = [Sentence(N_("given: “%(value)s”"), {"value": value})]
    if listed := ", ".join(known):
        details.append(Sentence(N_("known: %(known)s"), {"known": listed}))
    return Refusal("bad_value", details=details, field=field, problem=problem)
