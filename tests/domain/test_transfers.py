"""Where data may go and on what basis, place by place and under both laws; and the lists the rule goes by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier import settings
from notifier.domain import transfers
from notifier.domain.sentences import Words
from notifier.domain.transfers import Basis, Transfer, unfounded
from notifier.settings import SettingsError
from notifier.workflow.places import countries

RULES = transfers.read()
SCC3 = Transfer("India", "scc_3", "scc_3")


def said(place: str, *rows: Transfer, general: str = "") -> list[str]:
    return [str(sentence) for sentence in unfounded([place], rows, general, RULES, countries)]


@pytest.mark.parametrize("place", [
    "CH", "Switzerland", "Schweiz", "DE", "Frankfurt, Germany", "EU", "EU/EEA", "EWR", "Liechtenstein", "GB", "Uruguay",
    "Andorra", "Guernsey", "Réunion", "EU (Ireland, Germany)", "Berlin, Germany and Vienna, Austria",
])
def test_nothing_is_needed_where_both_laws_leave_a_country_free(place: str) -> None:
    assert said(place) == []
    assert said(place, Transfer(place, "none_needed", "none_needed")) == []


@pytest.mark.parametrize(("place", "laws"), [
    ("India", "GDPR and FADP"), ("Mumbai, India", "GDPR and FADP"), ("JP", "FADP"), ("South Korea", "FADP"),
    ("Brazil", "FADP"), ("Monaco", "GDPR"), ("Gibraltar", "GDPR"), ("Ireland (support from India)", "GDPR and FADP"),
    ("Germany or US", "GDPR and FADP"),
])
def test_elsewhere_a_basis_is_asked_under_the_law_that_lacks_one(place: str, laws: str) -> None:
    assert said(place) == [f"{place}: say on which basis data may be transferred there under the {laws}"]
    assert said(place, general="EU standard contractual clauses") == []


@pytest.mark.parametrize("place", ["Worldwide", "Mumbai", "Europe", "Wilmington, DE", "remote access from Ireland only",
                                   "Germany, backups elsewhere", "Mumbai and Frankfurt, Germany"])
def test_a_place_whose_country_cannot_be_told_counts_as_outside(place: str) -> None:
    (sentence,) = said(place)
    assert sentence.startswith(f"{place}: its country cannot be told. Name the country, or say on which basis")
    assert said(place, Transfer(place, "scc_3", "scc_3")) == []
    assert len(said(place, Transfer(place, "adequacy", "none_needed"))) == 1


@pytest.mark.parametrize(("place", "gdpr", "fadp", "faults"), [
    ("India", "scc_3", "scc_3", []), ("India", "bcr", "scc", []), ("India", "scc_2", "", ["under the FADP"]),
    ("India", "none_needed", "scc", ["“none needed” does not hold there under the GDPR"]),
    ("India", "adequacy", "dpf", ["“adequacy decision” does not hold there under the GDPR",
                                  "“Data Privacy Framework” does not hold there under the FADP"]),
    ("US", "dpf", "dpf", []), ("US", "adequacy", "scc_3", []), ("US", "dpf", "", ["on a condition only"]),
    ("US", "none_needed", "scc_3", ["“none needed” does not hold there under the GDPR"]),
    ("Canada", "adequacy", "adequacy", []), ("Canada", "dpf", "scc", ["“Data Privacy Framework” does not hold"]),
    ("JP", "adequacy", "scc_3", []), ("JP", "", "scc_3", []),
    ("JP", "", "adequacy", ["does not hold there under the FADP"]),
    ("DE", "dpf", "", ["“Data Privacy Framework” does not hold there under the GDPR"]), ("DE", "adequacy", "scc_2", []),
    ("Ireland and United States", "dpf", "dpf", []),
])
def test_a_row_of_its_own_is_held_against_the_country(place: str, gdpr: str, fadp: str, faults: list[str]) -> None:
    found = said(place, Transfer(place, gdpr, fadp))
    assert len(found) == len(faults)
    assert all(fault in sentence for fault, sentence in zip(faults, found, strict=True))


def test_an_adequacy_on_a_condition_says_the_condition() -> None:
    (sentence,) = said("United States")
    assert "adequate under the GDPR and FADP on a condition only" in sentence
    assert "EU-US Data Privacy Framework" in sentence
    assert "Swiss-US Data Privacy Framework" in sentence


def test_another_basis_is_named_in_words() -> None:
    assert said("India", Transfer("India", "other", "other")) == ["India: name the other basis under “document”"]
    assert said("India", Transfer("India", "other", "other", "consent, Art. 49(1)(a) GDPR")) == []


def test_a_row_is_found_by_its_name_or_by_its_country() -> None:
    rows = [Transfer("US", "dpf", "dpf"), Transfer("Pune, India", "bcr", "bcr")]
    places = ["United States", "Indien", "pune,  India"]
    assert unfounded(places, rows, "", RULES, countries) == []


def test_a_row_for_a_place_nobody_named_is_told() -> None:
    assert said("CH", SCC3) == [
        "India: a basis is recorded for a place that is neither one of processing nor of remote access"]


def test_a_word_is_said_on_every_place_also_where_a_law_asks_for_nothing() -> None:
    places, rows = ["DE", "Japan", "India", "CH"], (Transfer("Japan", "", "scc_3"), SCC3)
    told = [str(transfers.told(row)) for row in transfers.founded(places, rows, "", RULES, countries)]
    assert told == [
        "Japan: none needed under the GDPR, standard contractual clauses, module 3 (processor to processor) under the "
        "FADP",
        "India: standard contractual clauses, module 3 (processor to processor) under the GDPR and the FADP",
        "DE: none needed under the GDPR and the FADP", "CH: none needed under the GDPR and the FADP",
    ]
    assert transfers.founded(places, rows, "Contracts", RULES, countries) == rows
    assert transfers.founded(["India", "Worldwide"], (), "", RULES, countries) == ()


@given(st.lists(st.sampled_from(["CH", "India", "US", "Worldwide", "EU", "Japan"]), max_size=5),
       st.lists(st.builds(Transfer, st.sampled_from(["CH", "India", "US", "Worldwide", "Japan"]),
                          st.sampled_from(["", *Basis]), st.sampled_from(["", *Basis]), st.just("x")), max_size=4))
def test_general_words_and_clauses_for_every_place_are_always_enough(places: list[str], rows: list[Transfer]) -> None:
    clauses = [Transfer(place, "scc_3", "scc_3") for place in dict.fromkeys(places)]
    assert unfounded(places, clauses, "", RULES, countries) == []
    without = unfounded(places, rows, "", RULES, countries)
    assert len(unfounded(places, rows, "Contracts", RULES, countries)) <= len(without)


@pytest.mark.parametrize(("row", "words"), [
    (Transfer("IN", "scc_3", "scc_3"),
     "India: standard contractual clauses, module 3 (processor to processor) under the GDPR and the FADP"),
    (Transfer("US", "dpf", "scc", "signed in May"),
     "India: Data Privacy Framework under the GDPR, standard contractual clauses under the FADP, signed in May"),
    (Transfer("US", "", "bcr"), "India: binding corporate rules under the FADP"),
    (Transfer("US", "bcr"), "India: binding corporate rules under the GDPR"), (Transfer("US"), "India"),
])
def test_a_transfer_is_told_in_words(row: Transfer, words: str) -> None:
    assert str(transfers.told(row, "India")) == words


# The lists -----------------------------------------------------------------------------------------------------------

@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "rules.toml"
    path.write_text(transfers.SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    yield path
    transfers.follow(None)


def test_every_basis_has_a_name_and_a_short_spelling() -> None:
    assert set(transfers.BASIS_NAMES) == set(Basis) == set(transfers.WRITTEN) - {""}
    assert all(isinstance(name, Words) for name in transfers.BASIS_NAMES.values())
    assert len(set(transfers.WRITTEN.values())) == len(transfers.WRITTEN)


def test_the_shipped_lists_name_their_sources_and_their_day() -> None:
    assert len(RULES.gdpr.free & transfers.COUNTRIES) == 30 + 7 + 14  # EEA, its outermost regions, decisions
    assert len(RULES.fadp.free & transfers.COUNTRIES) == 1 + 30 + 7 + 12
    assert set(RULES.gdpr.conditional) == set(RULES.fadp.conditional) == {"CA", "US"}
    assert all(source.name and source.source and source.as_of.year >= 2020 for source in RULES.sources)
    assert [ends for source in RULES.sources for ends in source.ends if ends[0] == "GB"]


def test_a_corrected_file_takes_the_place_of_the_shipped_one(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy.write_text(re.sub(r'countries = \["BR"\]', 'countries = ["BR", "KE"]', copy.read_text()))
    monkeypatch.setenv("NOTIFIER_TRANSFER_RULES", str(copy))
    settings.load(_env_file=None)
    assert "KE" in transfers.current().gdpr.free
    monkeypatch.delenv("NOTIFIER_TRANSFER_RULES")
    settings.load(_env_file=None)
    assert "KE" not in transfers.current().gdpr.free


@pytest.mark.parametrize(("old", "new", "words"), [
    ('["BR"]', '["XX"]', "“XX” is no two-letter country code"), ('["BR"]', '["Brazil"]', "“Brazil” is no two-letter"),
    ('"dpf"', '"shield"', "'shield' is not a valid Basis"), ("fadp", "dsg", "'fadp' is missing"),
    ("as_of = 2026-01-26", 'as_of = "soon"', "soon is no day"), ("[eea]", "[eea", "line"),
    ('countries = ["BR"]', "countries = 7", "not iterable"),
])
def test_a_file_that_cannot_be_used_is_refused_at_start_in_one_line(
    copy: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, words: str
) -> None:
    copy.write_text(copy.read_text().replace(old, new))
    monkeypatch.setenv("NOTIFIER_TRANSFER_RULES", str(copy))
    with pytest.raises(SettingsError) as refused:
        settings.load(_env_file=None)
    assert str(refused.value).startswith(f"NOTIFIER_TRANSFER_RULES: {copy}: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"NOTIFIER_TRANSFER_RULES: .*gone\.toml: No such file"):
        settings.load(_env_file=None, transfer_rules=tmp_path / "gone.toml")
