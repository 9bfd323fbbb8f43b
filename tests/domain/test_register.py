"""An engagement as a value: its JSON, old editions' to the byte, and the order and the names of its fields."""

from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.register import FIELD_NAMES, FIELDS, LATER_FIELDS, LISTS, EngagementValue, missing
from notifier.domain.transfers import Basis, Transfer
from tests.factory import HOSTING

# As the first release wrote it into an edition.
OLD = (
    '{"ref": "cloud-hosting", "legal_name": "Cloud Hosting GmbH", "also_known_as": [], '
    '"address": "Ring 3, 10115 Berlin, Germany", "country": "DE", "registration_no": "", "website": "", "contact": "", '
    '"relation": "", "activity": "Hosting", "data_categories": ["name", "e-mail"], "data_subjects": [], '
    '"locations": [], "services": ["platform"], "guarantee": "Data processing agreement", "transfer_basis": "", '
    '"certificates": [], "own_subprocessors": "", "since": ""}'
)
TEXTS = st.text(max_size=20)
TRANSFERS = st.builds(Transfer, TEXTS, st.sampled_from(["", *Basis]), st.sampled_from(["", *Basis]), TEXTS)
VALUES = st.fixed_dictionaries({
    name: st.lists(TRANSFERS, max_size=3).map(tuple) if name == "transfers" else
    st.lists(TEXTS, max_size=3).map(tuple) if name in LISTS else TEXTS for name in FIELDS
}).map(lambda fields: EngagementValue(**fields))


def test_an_edition_from_before_the_later_fields_keeps_its_bytes() -> None:
    read = EngagementValue.from_json(json.loads(OLD))
    assert read == HOSTING
    assert json.dumps(read.to_json()) == OLD
    assert rfc8785.dumps(read.to_json()) == rfc8785.dumps(json.loads(OLD))


@given(VALUES)
def test_a_value_reads_back_as_it_was(value: EngagementValue) -> None:
    written = json.loads(json.dumps(value.to_json()))
    assert EngagementValue.from_json(written) == value
    assert EngagementValue.from_json({**written, "unheard_of": 1}) == value
    assert {name for name in FIELDS if name not in written} == {n for n in LATER_FIELDS if not getattr(value, n)}


def test_every_field_has_a_name_in_the_order_of_the_fields() -> None:
    assert tuple(FIELD_NAMES) == FIELDS
    assert set(FIELDS) > LATER_FIELDS


@pytest.mark.parametrize("name", ["contact", "data_subjects", "locations", "own_subprocessors"])
def test_the_law_asks_for_the_person_the_persons_concerned_the_places_and_the_chain(name: str) -> None:
    assert f"{FIELD_NAMES[name]} is not filled in" in [str(gap) for gap in missing(HOSTING)]
