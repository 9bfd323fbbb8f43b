"""Terms as values: what follows from what, what cannot be, and copies that were frozen before a term was known."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.domain.refusals import Refusal
from notifier.domain.terms import Authorisation, DayKind, Refund, Remedy, Silence, Terms, WindowRuns, check


def test_silence_consents_under_a_general_authorisation_and_means_nothing_under_a_specific_one() -> None:
    assert not Terms().needs_yes
    assert Terms(silence=Silence.NOTHING).needs_yes
    assert Terms(authorisation=Authorisation.SPECIFIC).needs_yes
    assert Terms(authorisation=Authorisation.SPECIFIC, silence=Silence.CONSENT).silence is Silence.NOTHING


def test_a_copy_frozen_before_a_term_was_known_reads_with_its_default() -> None:
    old = {name: value for name, value in Terms(window_days=14).to_json().items()
           if name in ("notice_days", "window_days", "zone", "authorisation")}
    assert Terms.from_json(old) == Terms(window_days=14)


def test_every_term_survives_being_stored() -> None:
    terms = Terms(remedy=Remedy.WHOLE_CONTRACT, refund=Refund.NONE, window_runs=WindowRuns.PAST_START,
                  notice_day_kind=DayKind.BUSINESS, reminder_days=0)
    assert Terms.from_json(terms.to_json()) == terms
    assert not terms.holds_up


@pytest.mark.parametrize("name", ["notice_days", "window_days", "termination_days", "reminder_days"])
@pytest.mark.parametrize("number", [-1, 366, 401, True, "30", 30.0])
def test_days_out_of_range_are_no_terms(name: str, number: Any) -> None:
    with pytest.raises(Refusal) as refused:
        check({name: number})
    assert refused.value.code == "bad_value"
    assert name in str(refused.value)


def test_only_the_reminder_may_have_no_days() -> None:
    check({"reminder_days": 0, "notice_days": 1, "window_days": 365, "termination_days": 1})
    for name in ("notice_days", "window_days", "termination_days"):
        with pytest.raises(Refusal):
            check({name: 0})


@pytest.mark.parametrize("own", [
    {"silence": "maybe"}, {"remedy": "everything"}, {"holiday_sets": 3}, {"extra_holidays": ["tomorrow"]},
    {"authorisation": "specific", "silence": "consent"},
])
def test_values_nobody_knows_and_contradictions_are_no_terms(own: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        check(own)
    assert refused.value.code == "bad_value"
