"""Which changes open a window, and what is missing before one may go to review."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.domain import changes
from notifier.domain.changes import ChangeKind, Item
from notifier.domain.register import EngagementValue
from tests.factory import HOSTING


@pytest.mark.parametrize(("changed", "opens"), [
    ({"legal_name": "Cloud Hosting  gmbh."}, False),
    ({"legal_name": "Cloud Hosting Holding AG"}, True),
    ({"address": "Ring 4, 10115 Berlin, Germany"}, True),
    ({"website": "https://hosting.example/"}, False),
    ({"contact": "Dora, dpo@hosting.example"}, False),
    ({"data_categories": ("name",)}, False),
    ({"data_categories": ("name", "e-mail", "health data")}, True),
    ({"locations": ("Germany",)}, True),
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


def test_everything_missing_is_told_at_once() -> None:
    bare = EngagementValue(ref="new", legal_name="New AG", activity="Hosting")
    found = [str(gap) for gap in changes.gaps([Item(None, bare)], planned_start_given=False, reason=" ")]
    assert len(found) == 6
    assert found[2:] == [f"New AG: {field} is not filled in" for field in (
        "Registered address", "Country", "Personal data", "Guarantee under DSG and GDPR")]
