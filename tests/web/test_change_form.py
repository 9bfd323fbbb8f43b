"""The fields of an engagement in the console's form: groups, the table of transfers, and what comes back."""

from __future__ import annotations

import re

from notifier.domain.register import FIELD_NAMES
from notifier.domain.transfers import Transfer
from notifier.workflow import changes
from tests import factory
from tests.web.conftest import Browser, Office, words
from tests.web.test_console import VENDOR

ROW = re.compile(r'name="1\.transfers\.(\d+)\.place" value="([^"]*)"')
CHOSEN = re.compile(r'<select id="1\.transfers\.(\d+)\.(gdpr|fadp)".*?</select>', re.DOTALL)
ABROAD = {**VENDOR, "1__locations": "Vienna, Austria\nUnited States", "1__remote_access": "Pune, India"}


def row(number: int, place: str, gdpr: str = "", fadp: str = "", document: str = "", was: str = "") -> dict[str, str]:
    parts = {"place": place, "gdpr": gdpr, "fadp": fadp, "document": document, "was": was}
    return {f"1__transfers__{number}__{part}": value for part, value in parts.items()}


def places(page: str) -> list[str]:
    return [place for _, place in ROW.findall(page)]


def chosen(page: str) -> dict[str, str]:
    found = {}
    for select in CHOSEN.finditer(page):
        picked = re.search(r'value="([^"]*)" selected', select[0])
        found[f"{select[1]}.{select[2]}"] = picked[1] if picked else ""
    return found


def transfers(office: Office, ref: str = "C-1") -> tuple[Transfer, ...]:
    with office.house.database.reading() as session:
        after = changes.items_of(session, changes.get(session, ref))[0].after
    assert after is not None
    return after.transfers


def new_form(office: Office) -> Browser:
    olga = office.browser("olga")
    olga.get("/console/changes/new?kind=add")
    return olga


def test_every_field_stands_in_the_form_once_in_a_fieldset(office: Office) -> None:
    page = new_form(office).last
    for name in FIELD_NAMES:
        if name not in ("services", "transfers"):
            assert len(re.findall(rf' name="1\.{name}"', page)) == 1, name
            assert len(re.findall(rf'<label for="1\.{name}"', page)) == 1, name
    assert re.findall(r'<fieldset class="group">\s*<legend>([^<]*)', page) == [
        "The company", "Activity and data", "Places and transfer", "Proof and duration"]
    assert places(page) == ["", "", ""]


def test_a_refusal_keeps_every_row_and_offers_one_for_each_place_typed(office: Office) -> None:
    olga = new_form(office)
    page = olga.post("/console/changes/new", 422, **{
        **ABROAD, "planned_start": "soon", **row(0, "United States", "dpf", "", "certificate"),
        **row(1, "Atlantis", "", "scc_3")})
    assert places(page) == ["United States", "Atlantis", "Vienna, Austria", "Pune, India", "", "", ""]
    assert chosen(page)["0.gdpr"] == "dpf"
    assert (chosen(page)["1.gdpr"], chosen(page)["1.fadp"]) == ("", "scc_3")
    assert 'value="certificate"' in page
    said = words(page)
    assert "Still to be said:" in said
    assert "United States: adequate under the FADP on a condition only" in said
    assert "Pune, India: say on which basis data may be transferred there under the GDPR and FADP" in said
    assert "Atlantis: a basis is recorded for a place that is neither one of processing nor of remote access" in said
    assert "not needed" in page


def test_a_basis_that_does_not_exist_is_refused_and_the_row_stays(office: Office) -> None:
    page = new_form(office).post("/console/changes/new", 422, **{**ABROAD, **row(0, "Pune, India", "shield")})
    assert "Transfer basis by place: “shield” is no basis; there are: none_needed, adequacy" in words(page)
    assert "Pune, India" in places(page)


def test_rows_that_say_nothing_are_left_out_and_the_others_kept(office: Office) -> None:
    olga = new_form(office)
    olga.post("/console/changes/new", **{
        **ABROAD, **row(0, "United States", "dpf", "scc_3", was="United States"),
        **row(1, "Vienna, Austria", was="Vienna, Austria"), **row(2, "Pune, India", "scc_3", "scc_3", "annex 2"),
        **row(3, ""), **row(7, "", "bcr", "bcr", was="Lima, Peru")})
    kept = (Transfer("United States", "dpf", "scc_3"), Transfer("Pune, India", "scc_3", "scc_3", "annex 2"))
    assert transfers(office) == kept
    page = olga.get("/console/changes/C-1/edit")
    assert places(page) == ["United States", "Pune, India", "Vienna, Austria", "", "", ""]
    assert "Still to be said:" not in page
    assert "annex 2" in words(olga.get("/console/changes/C-1"))
    olga.get("/console/changes/C-1/edit")
    olga.post("/console/changes/C-1/edit", **{
        **ABROAD, **row(0, "", "dpf", "scc_3", was="United States"),
        **row(1, "Pune, India", "scc_3", "scc_3", "annex 2", was="Pune, India")})
    assert transfers(office) == kept[1:]


def test_a_basis_without_a_place_is_refused(office: Office) -> None:
    page = new_form(office).post("/console/changes/new", 422, **{**ABROAD, **row(0, "", "scc_3")})
    assert "name the place of each basis" in words(page)


def test_what_lacks_a_basis_is_listed_with_everything_else_that_is_missing(office: Office) -> None:
    olga = new_form(office)
    page = words(olga.post("/console/changes/new", **{**ABROAD, "1__contact": "", "1__data_subjects": ""}))
    for gap in ("Contact person is not filled in", "Persons concerned is not filled in",
                "Pune, India: say on which basis",
                "United States: adequate under the GDPR and FADP on a condition only"):
        assert gap in page


def test_a_country_nobody_knows_is_refused_at_once(office: Office) -> None:
    page = new_form(office).post("/console/changes/new", 422, **{**VENDOR, "1__country": "Mars"})
    assert "Country: “Mars” is no country we know; write its name or its two-letter code" in words(page)


def test_a_modification_begins_with_the_rows_of_today_and_a_poor_starting_list_takes_a_new_address(
    office: Office,
) -> None:
    olga = office.browser("olga")
    page = olga.get("/console/changes/new?kind=modify&ref=cloud-hosting")
    assert places(page) == ["", "", ""]
    filled = {f"1__{name}": value if isinstance(value, str) else "\n".join(value)
              for name, value in factory.HOSTING.to_json().items() if name != "services"}
    page = words(olga.post("/console/changes/new", **{
        **filled, "kind": "modify", "ref": "cloud-hosting", "reason": "It moved.", "planned_start": "2026-05-04",
        "1__services": ["platform"], "1__address": "Ring 4, 10115 Berlin, Germany"}))
    assert "is not filled in" not in page
