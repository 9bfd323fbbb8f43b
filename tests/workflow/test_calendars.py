"""Working days: the library's public holidays, what we add to them, and the vectors with real calendars."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest

from notifier import text
from notifier.domain import window as windows
from notifier.domain.refusals import Family, Refusal
from notifier.domain.sentences import Name, Sentence
from notifier.domain.terms import HolidaySet, ReceiptRule, Terms
from notifier.domain.window import Window
from notifier.house import House
from notifier.tables import Setting
from notifier.workflow import calendars, settings

ZH, SO, HH = HolidaySet("CH", "ZH"), HolidaySet("CH", "SO"), HolidaySet("DE", "HH")
BE, LI, NO_SET = HolidaySet("BE"), HolidaySet("LI"), ()

day_of, moment = date.fromisoformat, datetime.fromisoformat


def terms(*sets: HolidaySet, extra: tuple[str, ...] = (), zone: str = "Europe/Zurich") -> Terms:
    return Terms(holiday_sets=sets, extra_holidays=tuple(map(day_of, extra)), zone=zone)


def named(what: Terms, day: str, language: str = "en") -> str | None:
    """What the day is called, without the place that keeps it."""
    found = calendars.day_off(what)(day_of(day))
    if isinstance(found, Sentence):
        found = found.facts["holiday"]
    return found.said(language) if isinstance(found, Name) else found and str(found)


VECTORS = [
    # number, accepted, zone, sets, extra days, strict last day, published last day
    (1, "2026-01-12T09:19+01:00", "Europe/Zurich", (ZH,), (), "2026-02-11", "2026-02-11"),
    (2, "2026-01-08T14:00+01:00", "Europe/Zurich", (ZH,), (), "2026-02-09", "2026-02-09"),
    (3, "2026-03-04T10:00+01:00", "Europe/Zurich", (ZH,), (), "2026-04-07", "2026-04-07"),
    (4, "2026-03-07T10:00+01:00", "Europe/Zurich", (SO,), (), "2026-04-07", "2026-04-08"),
    (4, "2026-03-07T10:00+01:00", "Europe/Zurich", (ZH,), (), "2026-04-07", "2026-04-08"),
    (5, "2026-04-01T10:00+02:00", "Europe/Zurich", (ZH,), (), "2026-05-04", "2026-05-04"),
    (5, "2026-04-01T10:00+02:00", "Europe/Zurich", (SO,), (), "2026-05-01", "2026-05-01"),
    (6, "2026-02-27T23:30Z", "Europe/Zurich", (ZH,), (), "2026-03-30", "2026-04-01"),
    (7, "2026-09-25T10:00+02:00", "Europe/Zurich", (ZH,), (), "2026-10-26", "2026-10-26"),
    (8, "2026-11-25T16:00+01:00", "Europe/Zurich", (ZH,), (), "2026-12-28", "2026-12-28"),
    (9, "2026-10-01T08:00+02:00", "Europe/Berlin", (HH,), (), "2026-11-02", "2026-11-02"),
    (10, "2028-10-01T12:00+02:00", "Europe/Berlin", (HH,), (), "2028-11-01", "2028-11-01"),
    (10, "2028-10-01T12:00+02:00", "Europe/Zurich", (ZH,), (), "2028-10-31", "2028-11-01"),
    (11, "2026-04-14T11:00+02:00", "Europe/Brussels", (BE,), ("2026-05-15",), "2026-05-18", "2026-05-18"),
    (11, "2026-04-14T11:00+02:00", "Europe/Zurich", (ZH,), (), "2026-05-15", "2026-05-15"),
    (12, "2026-12-02T10:00+01:00", "Europe/Zurich", (ZH,), (), "2027-01-04", "2027-01-04"),
    (13, "2028-01-31T10:00+01:00", "Europe/Zurich", (ZH,), (), "2028-03-01", "2028-03-01"),
    (14, "2026-07-03T19:30+02:00", "Europe/Zurich", (ZH,), (), "2026-08-03", "2026-08-05"),
]


@pytest.mark.parametrize(("number", "accepted", "zone", "sets", "extra", "strict", "published"), VECTORS)
def test_the_vectors_hold_with_real_calendars(
    number: int, accepted: str, zone: str, sets: tuple[HolidaySet, ...], extra: tuple[str, ...], strict: str,
    published: str,
) -> None:  # fmt: skip
    by_hours = terms(*sets, extra=extra, zone=zone)
    by_law = Terms.from_json({**by_hours.to_json(), "receipt_rule": ReceiptRule.LEGAL_DAY})
    for what, last in ((by_law, strict), (by_hours, published)):
        found = windows.window(what, moment(accepted), calendars.day_off(what))
        assert found.last_day == day_of(last)
        midnight = datetime.combine(day_of(last) + timedelta(1), datetime.min.time(), ZoneInfo(zone))
        assert found.ends_at == midnight


def test_a_day_off_in_one_set_is_a_day_off() -> None:
    both = terms(ZH, HH)
    assert named(both, "2028-10-31") == "Reformation Day"
    assert named(both, "2028-08-01") == "National Day"
    assert named(terms(ZH), "2028-10-31") is None


def test_weekends_are_off_everywhere_and_nothing_else_without_a_set() -> None:
    alone = terms(*NO_SET)
    assert named(alone, "2026-02-07") == "Saturday"
    assert named(alone, "2026-02-08") == "Sunday"
    assert named(alone, "2026-12-25") is None


def test_half_days_and_optional_days_are_working_days() -> None:
    assert named(terms(SO), "2026-05-01") is None
    assert named(terms(ZH), "2026-01-02") is None


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2026-04-03", "Good Friday"),
        ("2026-04-06", "Easter Monday"),
        ("2026-05-25", "Whit Monday"),
        ("2026-06-04", "Corpus Christi"),
        ("2028-08-15", "Assumption of Mary"),
        ("2027-11-01", "All Saints’ Day"),
        ("2028-12-26", "St Stephen’s Day"),
        ("2027-03-29", "Easter Monday"),
        ("2027-05-27", "Corpus Christi"),
    ],
)
def test_solothurn_has_the_days_the_library_leaves_out(day: str, name: str) -> None:
    assert named(terms(SO), day) == name


def test_the_days_added_to_solothurn_are_still_not_in_the_library() -> None:
    library = holidays.country_holidays("CH", subdiv="SO", years=2028, language="en_US")
    assert sorted(d.isoformat()[5:] for d in library) == ["01-01", "04-14", "05-25", "08-01", "12-25"]


def test_easter_is_two_days_after_the_library_s_good_friday() -> None:
    for year in range(1950, 2101):
        library = holidays.country_holidays("CH", subdiv="ZH", years=year, language="en_US")
        assert calendars._easter(year) - timedelta(2) in library.get_named("Good Friday")


def test_belgium_and_liechtenstein_are_known() -> None:
    assert named(terms(BE), "2026-07-21") == "National Day"
    assert named(terms(LI), "2026-06-04") == "Corpus Christi"
    assert named(terms(LI), "2026-12-08") == "Immaculate Conception"


def test_institutions_without_a_calendar_are_served_by_a_list_of_extra_days() -> None:
    eu = terms(BE, extra=("2026-04-02", "2026-05-15", "2026-12-24"), zone="Europe/Brussels")
    assert named(eu, "2026-04-02") == "an additional day off"
    assert named(eu, "2026-12-24") == "an additional day off"
    assert named(eu, "2026-05-14") == "Ascension Day"
    assert named(eu, "2026-12-23") is None


@pytest.mark.parametrize(
    ("language", "name"),
    [("en", "Good Friday"), ("de", "Karfreitag"), ("fr", "Vendredi saint"), ("it", "Venerdì Santo")],
)
def test_a_holiday_is_named_in_the_reader_s_language(language: str, name: str) -> None:
    assert named(terms(ZH), "2026-04-03", language) == name


def test_a_language_the_library_lacks_for_a_country_falls_back_to_english() -> None:
    assert named(terms(BE), "2026-04-06", "it") == "Easter Monday"
    assert named(terms(HH), "2028-10-31", "fr") == "Reformation Day"


@pytest.mark.parametrize(("language", "words"), [
    ("en", "Friday, 3 April 2026 is Good Friday in Zürich."),
    ("de", "Freitag, 3. April 2026 ist Karfreitag (Zürich)."),
    ("fr", "Le vendredi, 3 avril 2026 est un jour férié (Vendredi saint, Zürich)."),
    ("it", "Il giorno venerdì, 3 aprile 2026 è festivo (Venerdì Santo, Zürich)."),
])
def test_why_names_the_holiday_and_its_place_in_the_reader_s_language_also_once_stored(
    language: str, words: str
) -> None:
    found = windows.window(terms(ZH), moment("2026-03-04T10:00+01:00"), calendars.day_off(terms(ZH)))
    stored = Window.from_json(json.loads(json.dumps(found.to_json())))
    assert stored == found
    assert words in [text.say(sentence, language) for sentence in stored.why]


@pytest.mark.parametrize(("which", "places"), [
    (ZH, ("Zürich", "Zürich")), (LI, ("Liechtenstein", "Liechtenstein")), (BE, ("Belgium", "Belgien")),
    (HolidaySet("AU", "NSW"), ("New South Wales", "New South Wales")),
])
def test_a_place_has_a_name_people_know(which: HolidaySet, places: tuple[str, str]) -> None:
    found = calendars.day_off(terms(which))(date(2026, 12, 25))
    assert isinstance(found, Sentence)
    place = found.facts["place"]
    assert isinstance(place, Name)
    assert (place.said("en"), place.said("de")) == places


def test_a_customer_s_own_holidays_join_the_organisation_s(house: House) -> None:
    with house.database.transaction() as session:
        session.get_one(Setting, "terms.extra_holidays").value = ["2026-12-24"]
    with house.database.reading() as session:
        both = settings.terms_of(session, {"extra_holidays": ["2026-12-31"]})
    assert both.extra_holidays == (date(2026, 12, 24), date(2026, 12, 31))


@pytest.mark.parametrize("locale", ["de_CH", "fr_CH"])
def test_the_names_do_not_depend_on_the_machine_s_language(locale: str) -> None:
    program = (
        "from datetime import date; from notifier.domain.terms import Terms, HolidaySet as S;"
        "from notifier.workflow.calendars import day_off;"
        "name = day_off(Terms(holiday_sets=(S('BE'),)))(date(2026, 4, 6)).facts['holiday'];"
        "print([name.said(x) for x in ('en', 'it', 'fr')])"
    )
    env = {**os.environ, "LANGUAGE": locale, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
    said = subprocess.check_output([sys.executable, "-c", program], env=env, encoding="utf-8")
    assert said.strip() == "['Easter Monday', 'Easter Monday', 'Lundi de Pâques']"


@pytest.mark.parametrize(
    ("country", "subdivision", "field"),
    [
        ("EU", "", "country"), ("XX", "", "country"), ("", "", "country"), ("ch", "ZH", "country"),
        ("UK", "", "country"), ("HolidayBase", "", "country"), ("CH", "XX", "subdivision"),
        ("CH", "Solothurn", "subdivision"), ("LI", "01", "subdivision"),
    ],
)  # fmt: skip
def test_an_unknown_calendar_is_refused(country: str, subdivision: str, field: str) -> None:
    unknown = HolidaySet(country, subdivision)
    for call in (lambda: calendars.check(unknown), lambda: calendars.day_off(terms(ZH, unknown))):
        with pytest.raises(Refusal) as refused:
            call()
        assert (refused.value.code, refused.value.family) == ("bad_value", Family.INVALID)
        assert refused.value.sentence.facts["field"] == field
        assert text.say(refused.value.sentence, "en").startswith(f"{field}: no calendar is known for this ")


def test_a_refused_subdivision_says_which_there_are() -> None:
    with pytest.raises(Refusal, match=r"given: “CH-Zuerich”; known: AG, AI, .*, ZH"):
        calendars.check(HolidaySet("CH", "Zuerich"))


@pytest.mark.parametrize(
    "zone", ["Europe/Zürich", "", "../etc/passwd", "Europe", "localtime", "europe/zurich", "CEST"]
)
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(Refusal) as refused:
        calendars.check_zone(zone)
    assert refused.value.sentence.facts["field"] == "zone"


def test_what_is_known_passes() -> None:
    for each in (ZH, SO, HH, BE, LI, HolidaySet("AT", "9"), HolidaySet("CH", "Stadt Zurich")):
        calendars.check(each)
    for zone in ("Europe/Zurich", "Pacific/Auckland", "Pacific/Honolulu", "America/Argentina/Ushuaia", "UTC"):
        calendars.check_zone(zone)


def test_the_versions_name_all_that_a_window_was_computed_with() -> None:
    found = calendars.versions()
    assert found["holidays"] == holidays.__version__  # type: ignore[attr-defined]
    assert found["rules"] == windows.RULES_VERSION
    assert found["tzdata"]
