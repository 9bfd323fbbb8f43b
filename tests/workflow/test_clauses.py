"""Real objection clauses as terms: loaded through the columns of the customer file, with the dates they give."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path

import pytest

from notifier.domain import window as windows
from notifier.domain.clauses import Clauses
from notifier.domain.terms import EmergencyRule, Terms
from notifier.workflow import calendars
from notifier.workflow.customer_imports import read_customers

FILE = Path(__file__).parents[1] / "clauses" / "clauses.csv"
RECEIVED = datetime.fromisoformat("2026-03-04T10:00+01:00")  # a Wednesday; Good Friday is 3 April
"""The moment every notice here is both sent and received."""

EXPECTED = {
    # the last day to object, the earliest start that can be planned, what may be ended and by whom, and fees
    "retool": ("2026-03-18", "2026-03-20", "either", "affected_service", "pro_rata"),
    "tailscale": ("2026-03-16", "2026-03-17", "customer", "whole_contract", "pro_rata"),
    "axiom": ("2026-03-09", "2026-03-16", "customer", "whole_contract", "none"),
    "zitadel": ("2026-03-19", "2026-03-21", "customer", "whole_contract", "none"),
    "supabase": ("2026-03-09", "2026-04-05", "customer", "none", "unstated"),
    "qfieldcloud": ("2026-03-15", "2026-03-16", "customer", "none", "unstated"),
    "decisionrules": ("2026-03-18", "2026-03-20", "customer", "none", "unstated"),
    "embrace": ("2026-04-07", "2026-04-08", "processor", "affected_service", "unstated"),
    "ilert": ("2026-04-07", "2026-04-08", "customer", "none", "unstated"),
    "abbyy": ("2026-03-18", "2026-04-05", "processor", "none", "unstated"),
    "medius": ("2026-03-18", "2026-03-20", "customer", "affected_service", "pro_rata"),
    "bettercloud": ("2026-03-16", "2026-03-17", "customer", "affected_service", "pro_rata"),
    "herocoders": ("2026-03-19", "2026-03-20", "customer", "affected_service", "unstated"),
    "google-type": ("2026-06-02", "2026-04-05", "customer", "whole_contract", "unstated"),
    "rosenberger": ("2026-04-01", "2026-04-03", "processor", "whole_contract", "unstated"),
    "mistral": ("2026-03-16", "2026-03-17", "customer", "none", "unstated"),
    "rallly": ("2026-04-04", "2026-04-05", "customer", "whole_contract", "pro_rata"),
    "nathanoconnor": ("2026-04-07", "2026-04-08", "customer", "affected_service", "unstated"),
    "oneclickcoaching": ("2026-04-07", "2026-04-08", "customer", "affected_service", "pro_rata"),
    "dinaholdings": ("2026-03-18", "2026-03-20", "customer", "none", "unstated"),
}
NOT_EXPRESSIBLE = {
    "hex": "it names no time to object", "plausible": "it names no time to object",
    "common-paper": "it names no time to object", "reviewable": "it gives no right to object",
}


def rows() -> dict[str, dict[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return {row["customer_ref"]: row for row in csv.DictReader(file)}


def loaded() -> dict[str, Terms]:
    """The terms of every clause, over the defaults, as the import reads them."""
    sheet = read_customers(FILE.name, FILE.read_bytes())
    assert sheet.faults == () and sheet.left_out == ()
    assert set(sheet.unknown) == {"what it says", "not expressible"}
    return {entry.ref: Terms.from_json(Terms().to_json() | dict(entry.terms)) for entry in sheet.entries}


def test_every_clause_loads_and_all_but_four_are_terms() -> None:
    assert set(loaded()) == set(EXPECTED) | set(NOT_EXPRESSIBLE)
    assert len(loaded()) == 24
    told = {ref: row["not expressible"] for ref, row in rows().items() if row["not expressible"]}
    assert told == NOT_EXPRESSIBLE
    assert len(told) <= 4
    for ref, row in rows().items():  # nothing else stands in for a time that the clause does not state
        assert bool(row["window_days"] or row["window_runs"] == "until_start") == (ref in EXPECTED)


@pytest.mark.parametrize("ref", EXPECTED)
def test_a_clause_gives_its_dates_its_silence_and_its_remedy(ref: str) -> None:
    terms = loaded()[ref]
    day_off = calendars.day_off(terms)
    last_day, start, decides, remedy, refund = EXPECTED[ref]
    first = windows.earliest_planned_start(terms, RECEIVED, day_off)
    found = windows.window(terms, RECEIVED, day_off, clock_at=RECEIVED, starts_on=first)
    assert (found.last_day, first) == (date.fromisoformat(last_day), date.fromisoformat(start))
    assert (terms.decides, terms.remedy, terms.refund) == (decides, remedy, refund)
    assert not terms.needs_yes  # none of them asks for a specific authorisation
    clauses = Clauses(terms, "Treuhand Exempel GmbH")
    assert "your silence counts as authorisation" in str(clauses.silence)
    said = " ".join(map(str, clauses.objecting))
    assert ("whole agreement" in said, "affected service" in said, "no right to terminate" in said) == (
        remedy == "whole_contract", remedy == "affected_service", remedy == "none")
    assert ("given back in proportion" in said) == (refund == "pro_rata")
    assert ("not given back" in said) == (refund == "none")


def test_one_clause_alone_has_a_rule_for_emergencies() -> None:
    assert {ref for ref, terms in loaded().items() if terms.emergency_rule is not EmergencyRule.NONE} == {"axiom"}


def test_only_the_ninety_days_do_not_hold_up_the_start() -> None:
    holding = {ref: terms.holds_up for ref, terms in loaded().items() if ref in EXPECTED}
    assert {ref for ref, holds in holding.items() if not holds} == {
        "google-type", "qfieldcloud", "herocoders", "rallly"}
    for ref in ("qfieldcloud", "herocoders", "rallly"):  # these end the day before the start, whatever it is
        assert date.fromisoformat(EXPECTED[ref][0]).toordinal() + 1 == date.fromisoformat(EXPECTED[ref][1]).toordinal()
