"""What a new list proposes over today's: who is the same, who is another, and what is asked instead of guessed."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifier.domain.changes import Item, kind_of, opens_window
from notifier.domain.refusals import Refusal
from notifier.domain.register import EngagementValue, differences
from notifier.workflow.imports import Sheet, read_register
from notifier.workflow.matching import Likeness, company, same_activity, same_company
from notifier.workflow.proposals import Answers, Proposal, propose


def sheet(columns: Sequence[str], *rows: Sequence[str]) -> Sheet:
    target = io.StringIO()
    csv.writer(target).writerows([columns, *rows])
    return read_register("list.csv", target.getvalue().encode())


def over(before: Sheet, after: Sheet, answers: Answers | None = None) -> Proposal:
    return propose(before.values, after, answers)


def kinds(found: Proposal) -> list[list[tuple[str, str, list[str]]]]:
    return [[(kind_of(i.before, i.after), i.ref, differences(i.before, i.after) if i.before and i.after else [])
             for i in change] for change in found.changes]


NAMES = ("name", "activity")


@pytest.mark.parametrize(("one", "other", "likeness"), [
    ("Npm, Inc.", "npm Inc", Likeness.SURE), ("GLOBEX  Ltd.", "Globex Limited", Likeness.SURE),
    ("Globex", "Globex GmbH", Likeness.SURE), ("Müller S.à r.l.", "Muller Sàrl", Likeness.SURE),
    ("Globex GmbH & Co. KG", "Globex GmbH & Co KG", Likeness.SURE),
    ("Globex Pty. Ltd.", "Globex Pty Ltd", Likeness.SURE),
    ("Amazon Web Services (AWS)", "AWS", Likeness.SURE), ("Initech d/b/a Globex", "Globex Inc", Likeness.SURE),
    ("Meta Platforms, Inc. (formerly Facebook, Inc.)", "Facebook, Inc.", Likeness.SURE),
    ("Globex Inc.", "Globex GmbH", Likeness.UNSURE), ("Globex (Ireland)", "Globex (USA)", Likeness.UNSURE),
    ("Globex", "Globex Payments Europe", Likeness.UNSURE), ("Amazon Web Services", "AWS", Likeness.UNSURE),
    ("Cloudfare", "Cloudflare", Likeness.UNSURE),
    ("Google reCAPTCHA", "hCaptcha", Likeness.NO), ("Mailjet", "Mailgun", Likeness.NO),
    ("Ex Libris", "Libris", Likeness.UNSURE),
    ("Google Analytics", "Google Cloud Platform", Likeness.NO), ("Inc", "Inc", Likeness.SURE),
])
def test_a_company_is_the_same_another_or_asked_about(one: str, other: str, likeness: Likeness) -> None:
    assert same_company(company(one), company(other)) is likeness
    assert same_company(company(other), company(one)) is likeness


def test_a_name_the_register_knows_besides_is_the_company_and_its_website_a_reason_to_ask() -> None:
    assert same_company(company("Sendinblue", ["Brevo"]), company("Brevo SAS")) is Likeness.SURE
    sites = [company("Alpha", (), site) for site in ("https://www.x.example/gdpr", "https://x.example/")]
    assert same_company(sites[0], company("Omega", (), "x.example/dpa")) is Likeness.UNSURE
    assert same_company(sites[0], sites[1]) is Likeness.SURE


@pytest.mark.parametrize(("one", "other", "likeness"), [
    ("Hosting.", "hosting", Likeness.SURE), ("Hosting", "Backups", Likeness.NO),
    ("Email services", "SMS services", Likeness.UNSURE), ("EU hosting", "US hosting", Likeness.UNSURE),
    ("Hosting", "Hosting and analytics", Likeness.UNSURE),
    ("Sending of newsletters and notification mails", "Sending of newsletters and notifications", Likeness.SURE),
])
def test_an_activity_is_reworded_another_or_asked_about(one: str, other: str, likeness: Likeness) -> None:
    assert same_activity(one, other) is likeness


def test_a_rename_is_one_modification_over_all_engagements_of_the_company_and_only_informs() -> None:
    found = over(sheet(NAMES, ["Npm, Inc.", "Packages"], ["Npm, Inc.", "Support"]),
                 sheet(NAMES, ["npm Inc", "Packages"], ["npm Inc", "Support"]))
    assert kinds(found) == [[("modify", "npm-inc-packages", ["legal_name"]),
                             ("modify", "npm-inc-support", ["legal_name"])]]
    assert not opens_window(found.changes[0])
    assert found.questions == ()


def test_the_same_name_with_another_activity_is_another_engagement() -> None:
    found = over(sheet(NAMES, ["Globex", "Hosting"]), sheet(NAMES, ["Globex", "Hosting"], ["Globex", "Payroll"]))
    assert kinds(found) == [[("add", "globex-payroll", [])]]


def test_another_legal_form_is_asked_and_the_answers_settle_it() -> None:
    before = sheet(NAMES, ["Globex Inc.", "Hosting"], ["Post AG", "Mail"])
    after = sheet(NAMES, ["Globex GmbH", "Hosting"])
    found = over(before, after)
    assert [(q.before.legal_name, q.row.legal_name) for q in found.questions] == [("Globex Inc.", "Globex GmbH")]
    assert kinds(found) == [[("remove", "post-ag", [])]]
    pair = frozenset({("globex-inc", "globex gmbh")})
    assert kinds(over(before, after, Answers(same=pair)))[0] == [("modify", "globex-inc", ["legal_name"])]
    assert kinds(over(before, after, Answers(different=pair))) == [
        [("add", "globex-gmbh", [])], [("remove", "globex-inc", [])], [("remove", "post-ag", [])]]
    assert kinds(over(before, after, Answers(replaces=pair)))[0][0][0] == "replace"


@pytest.mark.parametrize(("old", "new", "words"), [
    ("nobody", "Globex GmbH", "no engagement of today"), ("globex-inc", "Nobody", "no row of the file"),
    ("globex-inc", "Post AG", "several rows"),
])
def test_an_answer_that_names_nothing_is_refused(old: str, new: str, words: str) -> None:
    after = sheet(NAMES, ["Globex GmbH", "Hosting"], ["Post AG", "Mail"], ["Post AG", "Payroll"])
    with pytest.raises(Refusal, match=words):
        over(sheet(NAMES, ["Globex Inc.", "Hosting"]), after, Answers(same=frozenset({(old, new)})))


def test_two_rows_that_fit_one_engagement_are_asked_about() -> None:
    found = over(sheet((*NAMES, "locations"), ["Globex", "Hosting", "Bern"], ["Globex", "Hosting", "Cork"]),
                 sheet((*NAMES, "locations"), ["Globex", "Hosting", "Oslo"], ["Globex", "Hosting", "Rome"]))
    assert len(found.questions) == 4
    assert found.changes == ()


def test_a_column_that_appears_for_the_first_time_is_one_change_and_said() -> None:
    rows = [[f"Firm {n}", f"Task {n}"] for n in "abcdefghijklmnopqrst"]
    after = sheet((*NAMES, "Data", "Country"), *([*row, "names", "Ireland"] for row in rows[1:]),
                  ["Firm a", "Task a", "names", "Ireland"], ["New", "Payroll", "names", "Ireland"])
    found = over(sheet(NAMES, *rows), after)
    assert [len(change) for change in found.changes] == [20, 1]
    assert [str(note) for note in found.notes] == [
        f"“{field}” is recorded for the first time: what is new in it is one change over all engagements"
        for field in ("Country", "Personal data")]


def test_an_engagement_that_changes_besides_carries_the_new_column_in_its_own_change() -> None:
    found = over(sheet((*NAMES, "locations"), ["A", "Hosting", "Bern"], ["B", "Mail", "Bern"], ["C", "CRM", "Bern"]),
                 sheet((*NAMES, "locations", "data"), ["A", "Hosting", "Oslo", "x"], ["B", "Mail", "Bern", "x"],
                       ["C", "CRM", "Bern", "x"]))
    assert kinds(found) == [[("modify", "a", ["data_categories", "locations"])],
                            [("modify", "b", ["data_categories"]), ("modify", "c", ["data_categories"])]]


def test_a_column_that_is_gone_takes_nothing_away() -> None:
    found = over(sheet((*NAMES, "country"), ["A", "Hosting", "CH"]), sheet(NAMES, ["A", "Hosting"]))
    assert found.changes == ()


def test_a_country_or_an_address_in_other_letters_is_no_change() -> None:
    heads = (*NAMES, "country", "locations", "website")
    found = over(sheet(heads, ["A", "Hosting", "USA", "Ireland, USA", "http://www.a.example/"]),
                 sheet(heads, ["A", "Hosting", "United States", "Stati Uniti; IE", "https://a.example"]))
    assert found.changes == ()


def test_a_made_reference_that_is_taken_gets_a_number_behind() -> None:
    held = EngagementValue(ref="globex", legal_name="Umbra", activity="Payroll")
    found = propose([held], sheet(NAMES, ["Globex", "Analytics"]))
    assert kinds(found) == [[("add", "globex-2", [])], [("remove", "globex", [])]]


def test_a_list_of_names_alone_keeps_every_engagement_of_a_company() -> None:
    before = sheet(NAMES, ["Globex", "Hosting"], ["Globex", "Payroll"], ["Post AG", "Mail"])
    after = read_register("list.csv", b"name\nGlobex\nInitech\n", activity="As agreed")
    found = propose(before.values, after)
    assert kinds(found) == [[("add", "initech", [])], [("remove", "post-ag", [])]]
    assert found.questions == ()


# Properties -----------------------------------------------------------------------------------------------------------

COLUMNS = ("name", "activity", "country", "locations", "data", "services", "guarantee", "transfers", "contact")
WORD = st.text("abcdefg XYZ", min_size=1, max_size=12).map(lambda text: f"Q{text}".strip())
ROW = st.tuples(st.sampled_from(["Alpha Inc.", "Alpha GmbH", "alpha", "Beta (B)", "Gamma AG"]) | WORD,
                st.sampled_from(["Hosting", "Hosting of mail", "CRM"]) | WORD,
                st.sampled_from(["CH", "USA", "Irland", ""]),
                st.sampled_from(["Bern", "Ireland, USA", "Cork; Oslo", ""]),
                WORD, st.sampled_from(["", "web; api", "web"]), WORD,
                st.sampled_from(["", "USA: DPF", "USA: DPF; Japan: SCC / BCR", "as agreed", "USA: SCC; as agreed"]),
                st.sampled_from(["", "Jane Roe", "Jane Roe, DPO, jane@q.example", "privacy@q.example"]))
ROWS = st.lists(ROW, min_size=1, max_size=7)


def told(found: Proposal) -> tuple[set[frozenset[tuple[object, object]]], set[tuple[object, object]]]:
    """A proposal without order, without the references made on the way, lists as sets."""
    def value(given: EngagementValue | None) -> object:
        if given is None:
            return None
        return tuple((k, frozenset(map(str, v)) if isinstance(v, list) else v)
                     for k, v in given.to_json().items() if k != "ref")

    def items(change: Sequence[Item]) -> frozenset[tuple[object, object]]:
        return frozenset((value(item.before), value(item.after)) for item in change)

    return {items(change) for change in found.changes}, {(value(q.before), value(q.row)) for q in found.questions}


TWICE = ("Alpha Inc.", "Hosting", "CH", "Bern", "QX", "", "QX")


@given(ROWS)
@example([(*TWICE, "", ""), (*TWICE, "as agreed", "")])
def test_the_same_list_again_proposes_nothing(rows: list[tuple[str, ...]]) -> None:
    again = sheet(COLUMNS, *rows)
    found = propose([v.with_(services=tuple(dict.fromkeys(v.services))) for v in again.values], again)
    assert (found.changes, found.questions) == ((), ())


@given(ROWS, ROWS, st.randoms(use_true_random=False), st.permutations(range(len(COLUMNS))))
def test_the_order_of_rows_and_columns_changes_nothing(
    old: list[tuple[str, ...]], new: list[tuple[str, ...]], chance: object, order: list[int]
) -> None:
    before = sheet(COLUMNS, *old).values
    moved = [tuple(row[n] for n in order) for row in new]
    chance.shuffle(moved)  # type: ignore[attr-defined]
    assert told(propose(before, sheet(COLUMNS, *new))) == told(
        propose(before, sheet([COLUMNS[n] for n in order], *moved)))


@given(ROWS, ROWS)
def test_every_engagement_and_every_row_has_exactly_one_fate(
    old: list[tuple[str, ...]], new: list[tuple[str, ...]]
) -> None:
    before, after = sheet(COLUMNS, *old), sheet(COLUMNS, *new)
    found = propose(before.values, after)
    items = [item for change in found.changes for item in change]
    touched = [item.before.ref for item in items if item.before]
    assert len(touched) == len(set(touched))
    assert not set(touched) & {q.before.ref for q in found.questions}
    added = sum(item.before is None for item in items)
    kept = len(before.values) - sum(item.after is None for item in items) - len({q.before.ref for q in found.questions})
    assert kept + added + len({q.row.ref for q in found.questions}) == len(after.values)
