"""Six vendors' real lists: every version imported over the one before proposes what a reader of both would say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from notifier.domain.changes import ChangeKind, Item, kind_of
from notifier.domain.register import EngagementValue, differences
from notifier.workflow.imports import Sheet, read_register
from notifier.workflow.proposals import Answers, Proposal, propose
from tests.workflow.list_forms import FORMS, Section

FOLDER = Path(__file__).parents[1] / "real_lists"
VENDORS = ("basecamp", "cryptlex", "firezone", "gruntwork", "kinde", "qfieldcloud")
OWN_FORM = {"basecamp": "html", "cryptlex": "csv", "firezone": "md", "gruntwork": "yaml", "kinde": "md",
            "qfieldcloud": "html"}


def told(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def sheet(vendor: str, version: int, form: str = "") -> Sheet:
    """A version of a vendor's list, read from the form the vendor publishes it in, or another."""
    held = told(vendor)
    sections = [Section(t["section"] or "Our sub-processors", t["rows"]) for t in held["versions"][version]["tables"]]
    data = FORMS[form or OWN_FORM[vendor]](held["columns"], sections)
    return read_register(f"list.{form or OWN_FORM[vendor]}", data, activity="As agreed" * (vendor == "cryptlex"))


STEPS = [(vendor, n) for vendor in VENDORS for n in range(len(told(f"{vendor}.expected")))]


def about(value: EngagementValue, vendor: str) -> str:
    return value.legal_name if vendor == "cryptlex" else f"{value.legal_name}: {value.activity}"


def said(found: Proposal, vendor: str) -> dict[str, Any]:
    """A proposal in the words of the expectations."""
    items = [item for change in found.changes for item in change]

    def of(kind: ChangeKind) -> list[Item]:
        return [item for item in items if kind_of(item.before, item.after) is kind]

    return {
        "add": sorted(about(i.after, vendor) for i in of(ChangeKind.ADD) if i.after),
        "remove": sorted(about(i.before, vendor) for i in of(ChangeKind.REMOVE) if i.before),
        "modify": {i.before.legal_name: differences(i.before, i.after) for i in of(ChangeKind.MODIFY) if i.before},
        "ask": sorted([about(q.before, vendor), about(q.row, vendor)] for q in found.questions),
        "perhaps_replaced": sorted([str(n.facts["old"]), str(n.facts["new"])] for n in found.notes if "old" in n.facts),
    }


def test_every_version_after_the_first_has_its_expectation() -> None:
    assert {v: len(told(v)["versions"]) - 1 for v in VENDORS} == {v: len(told(f"{v}.expected")) for v in VENDORS}


@pytest.mark.parametrize(("vendor", "step"), STEPS, ids=[f"{v}-{told(v)['versions'][n + 1]['date']}" for v, n in STEPS])
def test_each_version_over_the_one_before_proposes_what_its_readers_would_say(vendor: str, step: int) -> None:
    before, after = sheet(vendor, step), sheet(vendor, step + 1)
    expected = told(f"{vendor}.expected")[step]
    found = propose(before.values, after)
    assert said(found, vendor) == {
        "add": sorted(expected.get("add", [])), "remove": sorted(expected.get("remove", [])),
        "modify": expected.get("modify", {}), "ask": sorted(expected.get("ask", [])),
        "perhaps_replaced": expected.get("perhaps_replaced", []),
    }, expected["why"]
    assert all(len(change) == 1 for change in found.changes)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("form", FORMS)
def test_a_list_says_the_same_in_every_form_and_proposes_nothing_over_itself(vendor: str, form: str) -> None:
    for version in range(len(told(vendor)["versions"])):
        again = sheet(vendor, version, form)
        assert set(again.values) == set(sheet(vendor, version).values)
        found = propose(sheet(vendor, version).values, again)
        assert (found.changes, found.questions) == ((), ())


def test_an_answered_question_is_a_modification_or_two_changes() -> None:
    before, after = sheet("basecamp", 1), sheet("basecamp", 2)
    pair = ("customer-io", "Customer.io")
    same = said(propose(before.values, after, Answers(same=frozenset({pair}))), "basecamp")
    assert same["modify"] == {"Customer.io": ["activity"]}
    assert same["ask"] == []
    other = said(propose(before.values, after, Answers(different=frozenset({pair}))), "basecamp")
    assert "Customer.io: Transactional email service." in other["add"]
    assert "Customer.io: Email newsletter service." in other["remove"]


def test_a_replacement_is_one_act_where_a_person_says_so() -> None:
    before, after = sheet("basecamp", 7), sheet("basecamp", 8)
    found = propose(before.values, after, Answers(replaces=frozenset({("google-recaptcha", "hCaptcha")})))
    (item,), = found.changes
    assert kind_of(item.before, item.after) is ChangeKind.REPLACE
    assert (item.before and item.before.legal_name, item.ref) == ("Google reCAPTCHA", "hcaptcha")


def test_one_place_that_becomes_eleven_countries_is_one_modification() -> None:
    row = ["Globex", "Hosting", "", "Ireland"]
    columns = ["Service provider", "Entity type", "Link", "Location"]
    many = ("Ireland, United States, Canada, Australia, Japan, Singapore, India, Brazil, Germany, France and "
            "United Kingdom")
    before = read_register("a.md", FORMS["md"](columns, [Section("All", [row])]))
    after = read_register("a.md", FORMS["md"](columns, [Section("All", [[*row[:3], many]])]))
    (item,), = propose(before.values, after).changes
    assert item.after and len(item.after.locations) == 11
    assert differences(item.before, item.after) == ["locations"]


def test_names_alone_are_no_list_until_a_person_gives_the_activity() -> None:
    with pytest.raises(Exception, match=r"no column for “Activity”.*--activity"):
        read_register("list.csv", b"Name\nHeroku\nMailgun\n")
