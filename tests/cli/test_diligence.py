"""Due diligence from a shell: vouching, what is still open, the yearly look, the end of an engagement."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from notifier import clock
from notifier.domain.evidence import MOST_BYTES, EvidenceKind
from notifier.house import House
from notifier.jobs import sweep
from tests.cli.conftest import Run, vouch

OLGA, PAUL = ("--as", "olga@processor.example"), ("--as", "paul@processor.example")
LIST = """Name;Activity;Address;Country;Personal data;Guarantee;Services
Host GmbH;Hosting;"Ring 3, Berlin";DE;name;DPA;Platform
Post AG;Sending of letters;Bahnhof 1, Bern;CH;address;DPA;Platform
"""
VENDOR = tuple(part for name, value in {
    "legal_name": "Logbook GmbH", "activity": "Error monitoring", "address": "Ring 1, Vienna", "country": "AT",
    "data_categories": "IP address", "guarantee": "Contract", "services": "platform", "contact": "Lena Log",
    "data_subjects": "users", "locations": "Vienna, Austria", "own_subprocessors": "none",
}.items() for part in ("--field", f"{name}={value}"))
PDF = b"%PDF a certificate"
SHA256 = hashlib.sha256(PDF).hexdigest()


@pytest.fixture
def house(demo: Run, tmp_path: Path) -> Run:
    """A demo house with a list, a certificate at hand, and a vendor proposed as C-1."""
    (tmp_path / "list.csv").write_text(LIST)
    (tmp_path / "iso.pdf").write_bytes(PDF)
    demo("import", "register", "list.csv", "--baseline")
    start = (clock.now() + timedelta(60)).date().isoformat()
    demo("changes", "propose", "--kind", "add", *VENDOR, "--reason", "Errors.", "--start", start, *OLGA)
    return demo


def test_submit_names_the_kinds_that_vouch_takes_and_one_document_answers_for_several(house: Run) -> None:
    refused = house("changes", "submit", "C-1", *OLGA, status=1).err
    for kind in EvidenceKind:
        assert (f"({kind})" in refused) is (kind not in ("standard_clauses", "secrecy"))
    said = house("changes", "vouch", "C-1", "agreement", "audit_rights", "further_subprocessors",
                 "return_or_destruction", "--link", "https://logbook.example/dpa.pdf", *OLGA)
    assert "C-1 has agreement, audit_rights, further_subprocessors, return_or_destruction vouched for." in said.out
    assert said.out.count("still missing") == 3
    told = house("changes", "vouch", "C-1", "security_review", "--file", "iso.pdf", "--customers-may-see",
                 "--next-review", "2028-01-01", *OLGA, "--json").json
    assert (told["kinds"], told["sha256"], told["next_review_on"]) == (["security_review"], SHA256, "2028-01-01")
    assert len(told["missing"]) == 2
    house("changes", "vouch", "C-1", "--kind", "selection", "--words", "Two others were looked at.", *OLGA)
    house("changes", "vouch", "C-1", "dpo", "--not-applicable", "Four people work there.", *OLGA)
    assert "is in review" in house("changes", "submit", "C-1", *OLGA).out
    shown = house("changes", "show", "C-1").out
    assert "customers may see: iso.pdf (again by 2028-01-01)" in shown
    assert "does not apply: Four people work there." in shown
    kept = {row["kind"]: row for row in house("changes", "show", "C-1", "--json").json["evidence"]}
    assert kept["security_review"]["sha256"] == SHA256
    assert (kept["dpo"]["not_applicable"], kept["dpo"]["words"]) == (True, "Four people work there.")


@pytest.mark.parametrize(("args", "status", "words"), [
    ([], 2, "Name at least one KIND: security_review"),
    (["shoes"], 2, "shoes"),
    (["agreement", "--words", "x", "--not-applicable", "y"], 2, "not both"),
    (["agreement", "--file", "absent.pdf"], 2, "absent.pdf"),
    (["agreement", "--next-review", "soon", "--link", "https://x.example"], 2, "2026-12-31"),
    (["agreement", "--words", "Signed."], 1, "hand in a file or a link"),
    (["agreement", "--file", "empty.pdf"], 1, "empty.pdf: this file is empty"),
    (["agreement", "--file", "big.pdf"], 1, "big.pdf: a document may have 10 MB at most"),
    (["agreement", "--link", "the cupboard"], 1, "write the whole address"),
    (["dpo", "--words", "Nora", "--customers-may-see"], 1, "there is no document to show"),
    (["agreement", "--engagement", "other", "--link", "https://x.example"], 1, "There is no engagement “other”"),
])
def test_what_cannot_vouch_is_refused_in_one_line(
    house: Run, tmp_path: Path, args: list[str], status: int, words: str
) -> None:
    (tmp_path / "empty.pdf").touch()
    with (tmp_path / "big.pdf").open("wb") as big:
        big.truncate(5 * MOST_BYTES)
    said = house("changes", "vouch", "C-1", *args, *OLGA, status=status)
    assert words in said.err
    assert said.err.count("\n") == 1
    assert house("changes", "show", "C-1", "--json").json["evidence"] == []


def test_where_a_change_concerns_several_companies_one_is_named(house: Run, tmp_path: Path) -> None:
    (tmp_path / "moved.json").write_text(json.dumps([
        {"ref": "host-gmbh", "locations": ["Berlin, Germany"]},
        {"ref": "post-ag", "locations": ["Bern, Switzerland"]}]))
    house("changes", "propose", "--kind", "modify", "--file", "moved.json", "--reason", "Recorded.", *OLGA)
    verb = ("changes", "vouch", "C-2", "security_review", "--file", "iso.pdf", *OLGA)
    assert "Name one with --engagement: host-gmbh, post-ag." in house(*verb, status=2).err
    assert "Post AG: not vouched for" in house(*verb, "--engagement", "host-gmbh").out


def test_engagements_in_effect_are_listed_renewed_and_overdue_when_their_year_is_over(
    house: Run, at_work: Callable[[], House]
) -> None:
    rows = house("diligence", "list", "--json").json
    assert [(r["engagement"], r["overdue"], r["vouched"]) for r in rows] == [
        ("host-gmbh", False, {}), ("post-ag", False, {})]
    assert "security_review" in rows[0]["lacking"]
    house("diligence", "renew", "host-gmbh", "security_review", "--file", "iso.pdf", *OLGA)
    house("demo", "clock", "+369d", "--data", "var")
    rows = {r["engagement"]: r for r in house("diligence", "list", "--json").json}
    assert {ref: row["overdue"] for ref, row in rows.items()} == {"host-gmbh": True, "post-ag": True}
    assert "host-gmbh   Host GmbH" in house("diligence", "list").out
    sweep.once(at_work())
    told = house("diligence", "renew", "host-gmbh", "security_review", "--file", "iso.pdf", *OLGA, "--json").json
    assert told["sha256"] == SHA256
    assert "no engagement “nobody”" in house(
        "diligence", "renew", "nobody", "dpo", "--words", "Nora", *OLGA, status=1).err
    assert {r["engagement"]: r["overdue"] for r in house("diligence", "list", "--json").json} == {
        "host-gmbh": False, "post-ag": True}


def test_what_is_removed_is_owed_for_moved_once_and_confirmed(house: Run, tmp_path: Path) -> None:
    today = clock.now().astimezone(ZoneInfo("Europe/Zurich")).date()
    house("changes", "propose", "--kind", "remove", "--ref", "post-ag", "--reason", "Gone.", "--start",
          today.isoformat(), *OLGA)
    for verb, who in (("submit", OLGA), ("approve", PAUL), ("announce", PAUL), ("take-effect", PAUL)):
        house("changes", verb, "C-2", *who)
    row = house("diligence", "offboarding", "list", "--open", "--json").json[0]
    assert (row["id"], row["engagement"], row["change"], row["overdue"]) == (1, "post-ag", "C-2", False)
    assert f"to be confirmed by {row['due_on']}" in house("changes", "show", "C-2").out
    later, latest = ((today + timedelta(days)).isoformat() for days in (40, 50))
    extend = ("diligence", "offboarding", "extend", "1")
    assert f"due on {later}" in house(*extend, later, "--reason", "Backups.", *PAUL).out
    assert "moved once already" in house(*extend, latest, "--reason", "x", *PAUL, status=1).err
    house("demo", "clock", "+42d", "--data", "var")
    assert house("diligence", "offboarding", "list", "--json").json[0]["overdue"] is True
    assert "overdue since" in house("changes", "show", "C-2").out
    confirm = ("diligence", "offboarding", "confirm", "1", "--what")
    assert "as a file" in house(*confirm, "destroyed", "--words", "They said so.", *OLGA, status=1).err
    (tmp_path / "protocol.pdf").write_bytes(PDF)
    assert f"destroyed, SHA-256 {SHA256}" in house(*confirm, "destroyed", "--file", "protocol.pdf", *OLGA).out
    assert house("diligence", "offboarding", "list", "--open").out == "Nothing has ended.\n"
    assert "destroyed, confirmed" in house("changes", "show", "C-2").out
    nobody = house(*confirm[:3], "7", "--what", "returned", "--file", "iso.pdf", *OLGA, status=1)
    assert "no offboarding “7”" in nobody.err


def test_the_environment_says_at_the_first_migrate_whether_customers_are_bound_by_secrecy(notifier: Run) -> None:
    notifier("migrate", NOTIFIER_CUSTOMERS_BOUND_BY_SECRECY="yes")
    notifier("users", "add", "olga@processor.example", "--role", "ops", "--no-password")
    said = notifier("changes", "propose", "--kind", "add", "--field", "legal_name=X", "--field", "activity=Y", *OLGA)
    assert "X: not vouched for: Professional secrecy (secrecy)" in said.out


def test_vouching_takes_a_person_with_the_role(house: Run) -> None:
    assert "Name yourself" in house("changes", "vouch", "C-1", "dpo", "--words", "Nora", status=1).err
    ada = ("--as", "ada@processor.example")
    assert "role ops, privacy" in house("changes", "vouch", "C-1", "dpo", "--words", "Nora", *ada, status=1).err
    vouch(house, "C-1", *PAUL)
    house("changes", "submit", "C-1", *OLGA)
