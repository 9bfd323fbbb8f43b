"""Which changes open a window, and what is missing before one may go to review."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.domain import changes, transfers
from notifier.domain.changes import ChangeKind, Item
from notifier.domain.register import EngagementValue
from notifier.domain.transfers import Transfer
from notifier.workflow.places import countries
from tests.factory import HOSTING


@pytest.mark.parametrize(("changed", "opens"), [
    ({"legal_name": "Cloud Hosting  gmbh."}, False),
    ({"legal_name": "Cloud Hosting Holding AG"}, True),
    ({"address": "Ring 4, 10115 Berlin, Germany"}, True),
    ({"website": "https://hosting.example/"}, False),
    ({"contact": "Dora"}, False),
    ({"contact_position": "Data protection officer"}, False),
    ({"contact_address": "dpo@hosting.example"}, False),
    ({"data_categories": ("name",)}, False),
    ({"data_categories": ("name", "e-mail", "health data")}, True),
    ({"locations": ("Germany",)}, True),
    ({"special_categories": ("health data",)}, True),
    ({"remote_access": ("India",)}, True),
    ({"delimitation": "It decides on nothing by itself."}, True),
    ({"duration": "Until the end of 2027"}, True),
    ({"activity": "Hosting and analysis"}, True),
    ({"transfer_basis": "none needed"}, True),
    ({"services": ()}, True),
    ({"services": ("platform", "archive")}, True),
])
def test_a_widening_opens_a_window_and_a_narrowing_or_a_spelling_informs(changed: dict[str, Any], opens: bool) -> None:
    assert changes.opens_window([Item(HOSTING, HOSTING.with_(**changed))]) is opens


def test_an_addition_and_a_replacement_open_a_window_and_a_removal_informs() -> None:
    other = EngagementValue(ref="other", legal_name="Other AG", activity="Hosting")
    assert changes.opens_window([Item(None, other)])
    assert changes.opens_window([Item(HOSTING, other)])
    assert not changes.opens_window([Item(HOSTING, None)])


def test_all_services_narrowed_to_some_inform() -> None:
    everywhere = HOSTING.with_(services=())
    assert not changes.opens_window([Item(everywhere, everywhere.with_(services=("platform",)))])


def test_the_kind_follows_from_before_and_after() -> None:
    other = HOSTING.with_(ref="other")
    assert changes.kind_of(None, HOSTING) is ChangeKind.ADD
    assert changes.kind_of(HOSTING, None) is ChangeKind.REMOVE
    assert changes.kind_of(HOSTING, HOSTING.with_(address="x")) is ChangeKind.MODIFY
    assert changes.kind_of(HOSTING, other) is ChangeKind.REPLACE


FULL = HOSTING.with_(
    locations=("DE", "India"), special_categories=("health data",), transfers=(Transfer("India", "scc_2", "scc"),),
    delimitation="It acts on instruction.", duration="Two years", remote_access=("US",),
)


@pytest.mark.parametrize(("changed", "opens"), [
    ({"special_categories": ()}, False),
    ({"special_categories": ("health data", "religion")}, True),
    ({"remote_access": ()}, False),
    ({"remote_access": ("India", "U.S.")}, False),  # India could reach it before, as a place of processing
    ({"remote_access": ("Brazil",)}, True),
    ({"locations": ("US", "DE", "India")}, True),  # what only reached the data now holds it
    ({"delimitation": "it acts, on instruction"}, False),
    ({"delimitation": "It acts as it sees fit."}, True),
    ({"duration": "two  years."}, False),
    ({"duration": "Three years"}, True),
    ({"transfers": (Transfer("India", "scc_2", "scc", "signed 2026"),)}, False),
    ({"transfers": (Transfer("india ", "scc_2", "scc_3"),)}, False),  # only the module is said now
    ({"transfers": (Transfer("India", "scc_3", "scc"),)}, True),
    ({"transfers": (Transfer("India", "scc", "scc"),)}, True),
    ({"transfers": (Transfer("India", "scc_2", "other", "a derogation"),)}, True),
    ({"transfers": (Transfer("India", "scc_2", "none_needed"),)}, True),
    ({"transfers": (Transfer("India", "scc_2", ""),)}, True),
    ({"transfers": ()}, True),  # India is still there, and rests on something else
    ({"transfers": (), "locations": ("DE",)}, False),  # India is given up
    ({"transfers": (*FULL.transfers, Transfer("US", "dpf", "dpf"))}, True),  # nothing was said of it so far
    ({"transfers": (*FULL.transfers, Transfer("DE", "none_needed", "none_needed"))}, False),
    ({"transfers": (*FULL.transfers, Transfer("Brazil", "scc_3", "scc_3"))}, True),
])
def test_a_field_of_the_notice_widens_narrows_or_informs(changed: dict[str, Any], opens: bool) -> None:
    assert changes.opens_window([Item(FULL, FULL.with_(**changed))]) is opens


def test_a_basis_said_of_a_place_that_had_only_general_words_informs() -> None:
    general = HOSTING.with_(locations=("US",), transfer_basis="EU standard contractual clauses")
    rows = (Transfer("US", "scc_3", "scc_3"),)
    assert not changes.opens_window([Item(general, general.with_(transfers=rows))])
    assert changes.opens_window([Item(general.with_(transfers=rows), general)])


def test_another_basis_in_other_words_is_another_basis() -> None:
    other = HOSTING.with_(locations=("India",), transfers=(Transfer("India", "other", "other", "consent"),))
    for words, opens in (("Consent.", False), ("a derogation", True)):
        item = Item(other, other.with_(transfers=(Transfer("India", "other", "other", words),)))
        assert changes.opens_window([item]) is opens


# What is missing ------------------------------------------------------------------------------------------------------

def gaps(before: EngagementValue | None, after: EngagementValue | None, **given: Any) -> list[str]:
    told = {"planned_start_given": True, "reason": "Because.", **given}
    found = changes.gaps([Item(before, after)], **told, rules=transfers.read(), countries=countries)
    return [str(gap).partition(": ")[2] or str(gap) for gap in found]


def test_everything_missing_is_told_at_once() -> None:
    bare = EngagementValue(ref="new", legal_name="New AG", activity="Hosting", remote_access=("India", "Mumbai"))
    found = gaps(None, bare, planned_start_given=False, reason=" ")
    assert found == [
        "Say in a sentence why this change is made; customers read it", "Give the planned start",
        *(f"{field} is not filled in" for field in (
            "Registered address", "Country", "Contact person", "Personal data", "Persons concerned",
            "Places of processing", "Guarantee under DSG and GDPR", "Its own sub-processors")),
        "India: say on which basis data may be transferred there under the GDPR and FADP",
        "Mumbai: its country cannot be told. Name the country, or say on which basis data may be transferred there "
        "(GDPR and FADP)"]


WHOLE = FULL.with_(
    contact="Dora", data_subjects=("users",), own_subprocessors="none", transfer_basis="", remote_access=(),
    transfers=(Transfer("India", "scc_3", "scc_3"),),
)


def test_a_whole_addition_lacks_nothing_and_none_is_an_answer() -> None:
    assert gaps(None, WHOLE) == []
    assert gaps(HOSTING.with_(ref="old"), WHOLE) == []
    assert gaps(None, WHOLE.with_(own_subprocessors="")) == ["Its own sub-processors is not filled in"]


def test_a_removal_asks_nothing_of_the_engagement() -> None:
    assert gaps(EngagementValue(ref="old", legal_name="Old AG"), None) == []


@pytest.mark.parametrize(("changed", "asked"), [
    ({"address": "Ring 4, Berlin"}, []),
    ({"address": ""}, ["Registered address"]),
    ({"legal_name": "CLOUD hosting gmbh"}, []),
    ({"legal_name": "Cloud Holding AG"}, ["Contact person"]),
    ({"contact_position": "DPO"}, ["Contact person"]),
    ({"data_categories": ("name", "bank account")}, ["Persons concerned"]),
    ({"activity": "Hosting and analysis"}, ["Persons concerned"]),
    ({"guarantee": ""}, ["Guarantee under DSG and GDPR"]),
    ({"certificates": ("ISO 27001",)}, []),
    ({"remote_access": ("CH",)}, ["Places of processing"]),
    ({"duration": "Two years", "delimitation": "It acts on instruction."}, []),
])
def test_a_modification_asks_only_for_what_it_takes_away_or_touches(changed: dict[str, Any], asked: list[str]) -> None:
    assert gaps(HOSTING, HOSTING.with_(**changed)) == [f"{field} is not filled in" for field in asked]


def test_a_modification_asks_for_the_basis_of_the_places_it_brings_and_not_of_those_there() -> None:
    held = HOSTING.with_(locations=("US", "India"))
    assert gaps(held, held.with_(address="Ring 4, Berlin")) == []
    assert gaps(held, held.with_(locations=("US", "India", "DE"))) == []
    assert gaps(held, held.with_(locations=("US", "India", "Brazil"))) == [
        "Brazil: say on which basis data may be transferred there under the FADP"]
    covered = held.with_(transfer_basis="Contracts")
    assert len(gaps(covered, held)) == 2  # the words that held for both are taken away
