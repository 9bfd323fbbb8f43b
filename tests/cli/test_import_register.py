"""`notifier import register` as a person uses it: the difference, the questions, the answers, the refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.workflow.list_forms import FORMS, Section, workbook
from tests.workflow.test_real_lists import FOLDER, OWN_FORM, VENDORS

Rows = Callable[[], dict[str, int]]
OLGA = ("--as", "olga@processor.example")
LIST = "Name;Activity;Country\nGlobex Inc.;Hosting;US\nPost AG;Sending of letters;CH\nNpm, Inc.;Packages;US\n"


@pytest.fixture
def listed(demo: Run, tmp_path: Path) -> Run:
    """A demo house with three engagements."""
    (tmp_path / "list.csv").write_text(LIST)
    demo("import", "register", "list.csv", "--baseline")
    return demo


def test_a_question_holds_its_rows_back_until_it_is_answered(listed: Run, rows: Rows, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(LIST.replace("Globex Inc.", "Globex Ireland Ltd").replace("Npm, Inc.", "npm Inc"))
    before = rows()
    dry = listed("import", "register", "new.csv", "--dry-run")
    assert rows() == before
    assert "is “Globex Inc.: Hosting” the same as “Globex Ireland Ltd: Hosting” in the file?" in dry.out
    assert "yes: --same 'globex-inc=Globex Ireland Ltd'" in dry.out
    assert "Legal name: Npm, Inc. → npm Inc" in dry.out
    told = listed("import", "register", "new.csv", *OLGA, "--json", status=1).json
    assert [(c["kind"], c["ref"], c["change"]) for c in told["changes"]] == [("modify", "npm-inc", "C-1")]
    assert [(q["old_ref"], q["new"]["legal_name"]) for q in told["questions"]] == [("globex-inc", "Globex Ireland Ltd")]
    again = listed("import", "register", "new.csv", "--same", "globex-inc=Globex Ireland Ltd", *OLGA)
    assert "Legal name: Globex Inc. → Globex Ireland Ltd" in again.out
    assert "left out: Change C-1" in again.out


def test_a_row_takes_the_place_of_an_engagement_where_a_person_says_so(listed: Run, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(LIST.replace("Post AG", "Bote AG"))
    hint = listed("import", "register", "new.csv", "--dry-run")
    assert "if it takes its place, say --replaces post-ag=bote-ag" in hint.out
    told = listed("import", "register", "new.csv", "--replaces", "post-ag=bote-ag", *OLGA, "--json").json
    assert [(c["kind"], c["about"]) for c in told["changes"]] == [("replace", "Post AG → Bote AG: Sending of letters")]


def test_a_new_column_is_one_draft_over_all_engagements(listed: Run, tmp_path: Path) -> None:
    lines = LIST.splitlines()
    (tmp_path / "new.csv").write_text("\n".join([f"{lines[0]};Guarantee", *(f"{line};DPA" for line in lines[1:])]))
    told = listed("import", "register", "new.csv", *OLGA)
    assert "1 changes are proposed." in told.out
    assert "recorded for the first time" in told.out
    assert len(listed("changes", "list", "--json").json) == 1


@pytest.mark.parametrize(("pair", "words"), [("globex-inc", "OLD_REF=NEW_NAME"), ("=x", "OLD_REF=NEW_NAME")])
def test_an_answer_without_its_two_sides_is_a_usage_error(listed: Run, pair: str, words: str) -> None:
    assert words in listed("import", "register", "list.csv", "--same", pair, "--dry-run", status=2).err


@pytest.mark.parametrize(("name", "data", "words"), [
    ("a.csv", b"name,activity\nA," + b"x" * 10_000, "longer than 4000"),
    ("a.csv", b"name,activity\nA,\n", "line 2: “Activity” is empty"),
    ("a.csv", b"name,activity,country\nA,B,Mars\n", "no country we know"),
    ("a.csv", b"name,activity\n[Add provider],B\n", "is a placeholder"),
    ("a.csv", bytes(50 * 2**20), "larger than 10 MB"),
    ("a.xlsx", workbook({"L": [["Name", "Purpose"], ["A", '=HYPERLINK("https://x.example")']]}), "cell B2"),
    ("a.md", b"# Nothing\n", "no table"),
    ("a.csv", b"name\nHeroku\n", "--activity"),
], ids=range(8))
def test_a_bad_file_is_refused_in_one_line_and_nothing_is_stored(
    listed: Run, rows: Rows, tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(data)
    before = rows()
    said = listed("import", "register", name, *OLGA, status=1)
    assert words in said.err
    assert said.err.count("\n") == 1
    assert rows() == before


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_real_list_is_taken_and_its_next_version_proposed(demo: Run, tmp_path: Path, vendor: str) -> None:
    held = json.loads((FOLDER / f"{vendor}.json").read_text(encoding="utf-8"))
    expected = json.loads((FOLDER / f"{vendor}.expected.json").read_text(encoding="utf-8"))[0]
    form = OWN_FORM[vendor]
    for n in (0, 1):
        tables = [Section(t["section"] or "Our sub-processors", t["rows"]) for t in held["versions"][n]["tables"]]
        (tmp_path / f"{n}.{form}").write_bytes(FORMS[form](held["columns"], tables))
    activity = ("--activity", "As agreed") if vendor == "cryptlex" else ()
    demo("import", "register", f"0.{form}", "--baseline", *activity)
    told = demo("import", "register", f"1.{form}", *activity, *OLGA, "--json", status=int("ask" in expected)).json
    kinds = [change["kind"] for change in told["changes"]]
    assert {kind: kinds.count(kind) for kind in ("add", "remove", "modify")} == {
        kind: len(expected.get(kind, ())) for kind in ("add", "remove", "modify")}
    assert all(change["change"] for change in told["changes"])
