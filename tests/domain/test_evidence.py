"""What has to be vouched for, what counts as vouched, and when somebody has to look again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain import evidence as rules
from notifier.domain.changes import Item
from notifier.domain.evidence import NAMES, EvidenceKind, Given, Vouched
from notifier.domain.refusals import Refusal
from notifier.domain.register import EngagementValue
from notifier.domain.transfers import Transfer

K = EvidenceKind
TODAY = date(2026, 3, 2)
PROPOSED = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
EARLIER = datetime(2025, 9, 1, 9, 0, tzinfo=UTC)
HERE = EngagementValue(ref="host", legal_name="Host GmbH", activity="Hosting", country="DE",
                       locations=("Berlin, Germany",), guarantee="Data processing agreement", own_subprocessors="none")
AWAY = HERE.with_(transfer_basis="EU standard contractual clauses, module 3")
ALWAYS = {K.SECURITY_REVIEW, K.SELECTION, K.AGREEMENT, K.DPO, K.AUDIT_RIGHTS, K.FURTHER_SUBPROCESSORS,
          K.RETURN_OR_DESTRUCTION}


def row(kind: EvidenceKind, ref: str = "host", name: str = "Host GmbH", at: datetime = EARLIER, number: int = 1,
        **other: object) -> Vouched:
    return Vouched(number, kind, ref, name, at, **other)  # type: ignore[arg-type]


def open_kinds(item: Item, rows: Sequence[Vouched], secrecy: bool = False) -> set[str]:
    points = rules.checklist(item, rows, secrecy=secrecy, proposed_at=PROPOSED, today=TODAY)
    return {str(p.kind) for p in points if p.answer is None or p.overdue}


@pytest.mark.parametrize(("before", "after", "secrecy", "kinds"), [
    (None, HERE, False, ALWAYS),
    (None, HERE, True, ALWAYS | {K.SECRECY}),
    (None, AWAY, False, ALWAYS | {K.STANDARD_CLAUSES}),
    (HERE.with_(ref="old"), HERE, False, ALWAYS),
    (HERE, None, True, set()),
    (HERE, HERE.with_(legal_name="HOST G.m.b.H."), False, set()),
    (HERE, HERE.with_(legal_name="Guest AG"), True, {K.AGREEMENT}),
    (HERE, HERE.with_(address="Ring 4, Berlin", contact="Nora Quinn"), False, set()),
    (HERE, HERE.with_(locations=("Berlin, Germany", "Zürich, Switzerland")), False, {K.SECURITY_REVIEW}),
    (AWAY, AWAY.with_(locations=("Berlin, Germany", "Boston, United States")), False,
     {K.SECURITY_REVIEW, K.STANDARD_CLAUSES}),
    (AWAY, AWAY.with_(locations=()), False, set()),
    (HERE, HERE.with_(remote_access=("Pune, India",)), False, {K.SECURITY_REVIEW}),
    (HERE, HERE.with_(remote_access=("Pune, India",), transfers=(Transfer("Pune, India", "scc_3", "scc_3"),)), False,
     {K.SECURITY_REVIEW, K.STANDARD_CLAUSES}),
    (HERE, AWAY, False, {K.SECURITY_REVIEW, K.STANDARD_CLAUSES}),
    (HERE, HERE.with_(own_subprocessors="Cooling Ltd, Dublin"), False, {K.FURTHER_SUBPROCESSORS}),
    (HERE.with_(own_subprocessors="Cooling Ltd"), HERE.with_(own_subprocessors="none"), False, set()),
])
def test_a_new_engagement_asks_for_all_a_modification_for_what_it_touches_a_removal_for_nothing(
    before: EngagementValue | None, after: EngagementValue | None, secrecy: bool, kinds: set[EvidenceKind]
) -> None:
    asked = rules.asked(Item(before, after), secrecy=secrecy)
    assert set(asked) == kinds
    assert list(asked) == [kind for kind in EvidenceKind if kind in kinds]


@pytest.mark.parametrize(("values", "needed"), [
    ({"transfer_basis": "none needed"}, False),
    ({"transfer_basis": "SCC (2021/914), module 3"}, True),
    ({"transfer_basis": "SCCs"}, True),
    ({"transfer_basis": "success by adequacy"}, False),
    ({"guarantee": "Data Processing Addendum including EU standard contract clauses"}, True),
    ({"guarantee": "Auftragsverarbeitung mit Standardvertragsklauseln"}, True),
    ({"transfer_basis": "Standarddatenschutzklauseln"}, True),
    ({"transfer_basis": "clauses contractuelles types"}, True),
    ({"transfer_basis": "clausole contrattuali tipo"}, True),
    ({"transfers": (Transfer("India", "scc_3", "adequacy"),)}, True),
    ({"transfers": (Transfer("India", "bcr", "scc"),)}, True),
    ({"transfers": (Transfer("Japan", "adequacy", "bcr"),)}, False),
])
def test_standard_clauses_are_asked_for_where_a_transfer_rests_on_them(values: dict[str, object], needed: bool) -> None:
    assert rules.needs_standard_clauses(HERE.with_(**values)) is needed


NEW = Item(None, HERE)
PLACE = Item(HERE, HERE.with_(locations=("Berlin, Germany", "Zürich, Switzerland")))
RENAMED = Item(HERE, HERE.with_(legal_name="Guest AG"))


@pytest.mark.parametrize(("item", "kind", "given", "answered"), [
    (NEW, K.AGREEMENT, row(K.AGREEMENT), True),
    (NEW, K.AGREEMENT, row(K.AGREEMENT, name=""), True),
    (NEW, K.AGREEMENT, row(K.AGREEMENT, name="host gmbh"), True),
    (NEW, K.AGREEMENT, row(K.AGREEMENT, name="Guest AG"), False),
    (NEW, K.AGREEMENT, row(K.AGREEMENT, ref="other"), True),
    (NEW, K.AGREEMENT, row(K.AGREEMENT, ref="other", name=""), False),
    (NEW, K.AGREEMENT, row(K.AGREEMENT, ref="other", not_applicable=True), False),
    (NEW, K.AGREEMENT, row(K.AGREEMENT, not_applicable=True), True),
    (NEW, K.AGREEMENT, row(K.SELECTION), False),
    (NEW, K.SECURITY_REVIEW, row(K.SECURITY_REVIEW, next_review_on=TODAY), True),
    (NEW, K.SECURITY_REVIEW, row(K.SECURITY_REVIEW, next_review_on=date(2026, 3, 1)), False),
    (PLACE, K.SECURITY_REVIEW, row(K.SECURITY_REVIEW, next_review_on=date(2026, 9, 1)), True),
    (PLACE, K.SECURITY_REVIEW, row(K.SECURITY_REVIEW, not_applicable=True), False),
    (PLACE, K.SECURITY_REVIEW, row(K.SECURITY_REVIEW, not_applicable=True, at=PROPOSED), True),
    (RENAMED, K.AGREEMENT, row(K.AGREEMENT), False),
    (RENAMED, K.AGREEMENT, row(K.AGREEMENT, name=""), False),
    (RENAMED, K.AGREEMENT, row(K.AGREEMENT, name="Guest AG"), True),
])
def test_what_was_vouched_for_earlier_counts_for_the_same_company_while_it_is_not_overdue(
    item: Item, kind: EvidenceKind, given: Vouched, answered: bool
) -> None:
    assert (str(kind) not in open_kinds(item, [given])) is answered


def test_the_newest_of_a_kind_counts_and_another_engagements_document_helps_out() -> None:
    good, late = date(2026, 9, 1), date(2026, 1, 1)
    old = row(K.SECURITY_REVIEW, number=1, next_review_on=good)
    newer = row(K.SECURITY_REVIEW, number=2, at=PROPOSED, next_review_on=late)
    other = row(K.SECURITY_REVIEW, ref="other", number=3, next_review_on=good)
    assert "security_review" in open_kinds(NEW, [old, newer])
    assert "security_review" not in open_kinds(NEW, [old, newer, other])


def test_what_is_missing_is_named_with_its_code_and_an_overdue_review_with_its_day() -> None:
    rows = [row(kind) for kind in ALWAYS - {K.DPO, K.SECURITY_REVIEW}]
    rows.append(row(K.SECURITY_REVIEW, next_review_on=date(2026, 1, 1)))
    points = rules.checklist(NEW, rows, secrecy=True, proposed_at=PROPOSED, today=TODAY)
    assert [str(sentence) for sentence in rules.missing([(NEW, points)])] == [
        "Host GmbH: to be looked at again since 2026-01-01: Review of the security measures (security_review)",
        "Host GmbH: not vouched for: Data protection officer (dpo)",
        "Host GmbH: not vouched for: Professional secrecy (secrecy)",
    ]


PDF = ("dpa.pdf", b"%PDF")


@pytest.mark.parametrize(("kinds", "handed_in", "code"), [
    ([K.AGREEMENT], Given(file=PDF), ""),
    ([K.AGREEMENT, K.AUDIT_RIGHTS], Given(link="https://vendor.example/dpa"), ""),
    ([K.SELECTION, K.DPO, K.SECRECY], Given(words="Looked at by two of us."), ""),
    ([K.STANDARD_CLAUSES], Given(words="No transfer.", not_applicable=True), ""),
    ([K.STANDARD_CLAUSES], Given(not_applicable=True), "reason_missing"),
    ([K.STANDARD_CLAUSES], Given(words="No transfer.", not_applicable=True, file=PDF), "bad_value"),
    ([K.STANDARD_CLAUSES], Given(words="No transfer.", not_applicable=True, customers_may_see=True), "bad_value"),
    ([K.AGREEMENT], Given(words="Signed, somewhere."), "bad_value"),
    ([K.DPO, K.AGREEMENT], Given(words="Nora Quinn"), "bad_value"),
    ([K.DPO], Given(words="  "), "bad_value"),
    ([K.DPO], Given(words="Nora Quinn", customers_may_see=True), "bad_value"),
    ([K.AGREEMENT], Given(file=("empty.pdf", b"")), "bad_value"),
    ([K.AGREEMENT], Given(file=("big.pdf", b"x" * (rules.MOST_BYTES + 1))), "bad_value"),
    ([K.AGREEMENT], Given(file=("full.pdf", b"x" * rules.MOST_BYTES)), ""),
    ([K.AGREEMENT], Given(link="vendor.example/dpa"), "bad_value"),
    ([K.AGREEMENT], Given(link="javascript:alert(1)//https://x.example"), "bad_value"),
    ([K.AGREEMENT], Given(link="https://"), "bad_value"),
    ([K.AGREEMENT], Given(link="https://vendor.example/ " + "x"), "bad_value"),
    ([K.AGREEMENT], Given(link="https://[vendor/"), "bad_value"),
    ([K.AGREEMENT], Given(file=PDF, words="x" * 4001), "bad_value"),
    ([K.SECURITY_REVIEW], Given(file=PDF, next_review_on=TODAY), "bad_value"),
    ([K.SECURITY_REVIEW], Given(file=PDF, next_review_on=date(2026, 3, 3)), ""),
    ([K.SECURITY_REVIEW], Given(file=PDF, next_review_on=date(2029, 3, 2)), ""),
    ([K.SECURITY_REVIEW], Given(file=PDF, next_review_on=date(2029, 3, 3)), "bad_value"),
])
def test_an_item_takes_a_document_a_reason_or_for_some_words_alone(
    kinds: list[EvidenceKind], handed_in: Given, code: str
) -> None:
    if not code:
        rules.check(kinds, handed_in, TODAY)
        return
    with pytest.raises(Refusal) as refused:
        rules.check(kinds, handed_in, TODAY)
    assert refused.value.code == code


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(1, 3))
def test_years_later_is_the_same_day_or_the_last_of_february(day: date, years: int) -> None:
    later = rules.years_after(day, years)
    assert (later.year, later.month) == (day.year + years, day.month)
    assert later.day == day.day or (day.month, day.day, later.day) == (2, 29, 28)


@pytest.mark.parametrize(("rows", "found"), [
    ([], [(K.SECURITY_REVIEW, date(2026, 2, 1))]),
    ([row(K.SECURITY_REVIEW, next_review_on=date(2026, 9, 1))], [(K.SECURITY_REVIEW, date(2026, 9, 1))]),
    ([row(K.SECURITY_REVIEW, ref="other", next_review_on=date(2026, 9, 1))], [(K.SECURITY_REVIEW, date(2026, 9, 1))]),
    ([row(K.SECURITY_REVIEW, next_review_on=date(2026, 2, 28)),
      row(K.SECURITY_REVIEW, ref="other", number=2, at=PROPOSED, next_review_on=date(2027, 3, 1))],
     [(K.SECURITY_REVIEW, date(2027, 3, 1))]),
    ([row(K.SECURITY_REVIEW, next_review_on=date(2026, 9, 1)),
      row(K.AGREEMENT, number=2, next_review_on=date(2026, 6, 1))],
     [(K.SECURITY_REVIEW, date(2026, 9, 1)), (K.AGREEMENT, date(2026, 6, 1))]),
])
def test_a_review_falls_due_by_the_newest_date_or_a_year_after_the_start(
    rows: list[Vouched], found: list[tuple[EvidenceKind, date]]
) -> None:
    reviews = rules.reviews("host", "Host GmbH", date(2025, 2, 1), rows)
    assert [(r.kind, r.due_on) for r in reviews] == found
    assert [r.due_on for r in rules.due(reviews, date(2026, 6, 1))] == sorted(
        day for _, day in found if day <= date(2026, 6, 1))


def test_every_kind_has_a_name() -> None:
    assert set(NAMES) == set(EvidenceKind)
