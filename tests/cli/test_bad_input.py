"""Bad input at the shell: each one clear line, exit status 1, and no row more than before."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from notifier import clock
from tests.cli.conftest import Run
from tests.workflow.list_forms import workbook

Rows = Callable[[], dict[str, int]]
OLGA, PAUL = ("--as", "olga@processor.example"), ("--as", "paul@processor.example")
LIST = "Name;Activity;Country\nHost GmbH;Hosting;DE\n"
CUSTOMERS = "customer_ref,name,country,services,contact_email\nalpha,Alpha AG,CH,Platform,legal@alpha.example\n"
LONG = "x" * 10_000
LINK = '=HYPERLINK("https://evil.example","Acme")'
ADD = ("changes", "propose", "--kind", "add", "--field", "legal_name=New AG")
REGISTER, TAKEN = ("import", "register"), ("import", "customers")


@pytest.fixture
def filled(demo: Run, tmp_path: Path) -> Run:
    """A demo house with a list, a customer and a draft; and a folder of files nobody should hand in."""
    (tmp_path / "list.csv").write_text(LIST)
    (tmp_path / "customers.csv").write_text(CUSTOMERS)
    demo("import", "register", "list.csv", "--baseline")
    demo("import", "customers", "customers.csv")
    demo(*ADD, "--field", "activity=Analysis", *OLGA)
    for name, text in {
        "formula.csv": LIST + '"{}";Mail;CH\n'.format(LINK.replace('"', '""')),
        "nowhere.csv": LIST + "X AG;Mail;Atlantis\n", "idle.csv": LIST + "X AG;;CH\n",
        "long.csv": LIST + f"X AG;{LONG};CH\n",
        "customers-formula.csv": CUSTOMERS + "beta,=1+1,CH,,bob@beta.example\n",
        "customers-nowhere.csv": CUSTOMERS + "beta,Beta,XX,,bob@beta.example\n",
        "customers-long.csv": CUSTOMERS + f"beta,{LONG},CH,,bob@beta.example\n",
        "customers-past.csv": CUSTOMERS.replace("country", "contract_start,contract_end").replace(
            "CH", "2026-01-01,2025-01-01"),
        "wrong.json": "{",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "formula.xlsx").write_bytes(workbook({"List": [["Name", "Activity"], ["Acme", LINK]]}))
    (tmp_path / "bomb.xlsx").write_bytes(_bomb())
    for name in ("huge.csv", "huge.xlsx", "huge.json", "huge-customers.csv"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(70 * 2**20)
    return demo


def _bomb() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(60 * 2**20))
    return target.getvalue()


YESTERDAY, SOON = ((clock.now() + timedelta(days)).date().isoformat() for days in (-2, 60))
BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "a start in the past": ((*ADD, "--field", "activity=A", "--start", YESTERDAY, *OLGA), "this day has passed"),
    "an edited start": (("changes", "edit", "C-1", "--start", YESTERDAY, *OLGA), "this day has passed"),
    "a list's start": ((*REGISTER, "idle.csv", "--activity", "A", "--start", YESTERDAY, *OLGA), "empty"),
    "an unknown country": ((*ADD, "--field", "activity=A", "--field", "country=Atlantis", *OLGA), "no country we know"),
    "an empty activity": ((*ADD, "--field", "activity= ", *OLGA), "this is needed to propose anything"),
    "an emptied activity": (("changes", "edit", "C-1", "--field", "activity=", *OLGA), "this is needed"),
    "a long field": ((*ADD, "--field", f"activity={LONG}", *OLGA), "longer than 4,000 characters"),
    "a long reason": ((*ADD, "--field", "activity=A", "--reason", LONG, *OLGA), "longer than 4000 characters"),
    "a long withdrawal": (("changes", "withdraw", "C-1", "--reason", LONG, *OLGA), "longer than 4000 characters"),
    "a long name": (("users", "add", "x@processor.example", "--name", LONG, "--role", "ops", "--no-password"),
                    "longer than 200 characters"),
    "a long setting": (("settings", "set", "organisation.contact", LONG, "--as", "ada@processor.example"), "too long"),
    "a huge list": ((*REGISTER, "huge.csv", *OLGA), "larger than 10 MB"),
    "a huge workbook": ((*REGISTER, "huge.xlsx", *OLGA), "larger than 10 MB"),
    "a huge file of customers": ((*TAKEN, "huge-customers.csv"), "larger than 64 MB"),
    "a huge file of fields": ((*ADD, "--file", "huge.json", *OLGA), "larger than 10 MB"),
    "a broken file of fields": ((*ADD, "--file", "wrong.json", *OLGA), "line 1"),
    "a bomb": ((*REGISTER, "bomb.xlsx", *OLGA), "as no list does; not opened"),
    "a formula in a csv": ((*REGISTER, "formula.csv", *OLGA), "is a formula; write its value"),
    "a formula in a workbook": ((*REGISTER, "formula.xlsx", *OLGA), "cell B2: this is a formula"),
    "a country nobody knows": ((*REGISTER, "nowhere.csv", *OLGA), "“Atlantis” is no country we know"),
    "a row without activity": ((*REGISTER, "idle.csv", *OLGA), "“Activity” is empty"),
    "a long cell": ((*REGISTER, "long.csv", *OLGA), "longer than 4000 characters"),
    "a customer that is a formula": ((*TAKEN, "customers-formula.csv"), "line 3: “name”: this is a formula"),
    "a customer of nowhere": ((*TAKEN, "customers-nowhere.csv"), "country"),
    "a long customer": ((*TAKEN, "customers-long.csv"), "longer than 300 characters"),
    "a contract that ends first": ((*TAKEN, "customers-past.csv"), "“contract_end” is before “contract_start”"),
}


def test_bad_input_is_one_line_and_leaves_nothing(filled: Run, rows: Rows) -> None:
    before, wrong = rows(), {}
    for name, (args, words) in BAD.items():
        said = filled(*args, status=1)
        if words not in said.err or said.err.count("\n") != 1 or len(said.err) > 1000:
            wrong[name] = said.err[:300]
        if rows() != before:
            wrong[name] = "left something behind"
    assert wrong == {}
    assert json.dumps(filled("audit", "verify", "--json").json["faults"]) == "[]"
