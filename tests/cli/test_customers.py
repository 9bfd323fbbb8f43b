"""Customers and notices taken over, from a shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from notifier import clock
from notifier.house import House
from tests import factory
from tests.cli.conftest import Run, vouch
from tests.cli.test_exceptions import OLGA, PAUL, VENDOR

HEAD = "customer_ref,name,services,contract_start,contract_end,annex_edition,contact_email"


def _approved(demo: Run) -> str:
    start = (clock.now() + timedelta(days=90)).date().isoformat()
    said = demo("changes", "propose", "--kind", "add", *VENDOR, "--reason", "Errors.", "--start", start, "--json",
                *OLGA)
    ref = str(json.loads(said.out)["ref"])
    vouch(demo, ref, *OLGA)
    demo("changes", "submit", ref, *OLGA)
    demo("changes", "approve", ref, *PAUL)
    return ref


def _baseline(at_work: Callable[[], House]) -> None:
    with at_work().database.transaction() as session:
        factory.baseline(session)


def test_a_file_of_running_notices_is_tried_taken_over_and_shown_as_announced(
    demo: Run, at_work: Callable[[], House], tmp_path: Path
) -> None:
    _baseline(at_work)
    (tmp_path / "customers.csv").write_text(
        f"{HEAD}\nacme,Acme,platform,2024-01-01,,,legal@acme.example\nbolt,Bolt,platform,2024-01-01,,,x@bolt.example\n")
    demo("import", "customers", "customers.csv")
    ref, day = _approved(demo), (clock.now() - timedelta(days=5)).date().isoformat()
    (tmp_path / "proofs").mkdir()
    (tmp_path / "proofs" / "acme.eml").write_text("250 ok")
    (tmp_path / "running.csv").write_text(
        f"customer_ref;change;informed_on;proof;proof_file\nacme;{ref};{day};email;acme.eml\n")
    call = ("import", "notices", "running.csv", "--files", "proofs")
    assert "1 notices would be taken over" in demo(*call, "--dry-run").out
    assert "with the role privacy" in demo(*call, *OLGA, status=1).err
    said = json.loads(demo(*call, "--mail-links", "--json", *PAUL).out)
    assert (said["taken"], said["owed"], said["mailed"]) == (1, 1, 1)
    assert json.loads(demo(*call, "--json", *PAUL).out)["unchanged"] == 1
    rows = json.loads(demo("notices", "list", "--json").out)
    assert [(r["customer"], r["given_by"], r["joining"], r["elsewhere_on"]) for r in rows] == [
        ("acme", "imported", "", day), ("bolt", "", "owed", None)]
    assert json.loads(demo("changes", "show", ref, "--json").out)["state"] == "announced"
    assert demo("notices", "mail-links", said["announcements"][0], *PAUL).out.startswith("0 customers")
    (tmp_path / "running.csv").write_text("customer_ref,change\nacme,C-1\n")
    assert "there is no column “proof_file”" in demo(*call, *PAUL, status=1).err


def test_the_annex_is_recorded_and_ended_contracts_are_listed_with_the_day_their_data_is_due(
    demo: Run, at_work: Callable[[], House], tmp_path: Path
) -> None:
    _baseline(at_work)
    (tmp_path / "customers.csv").write_text(
        f"{HEAD}\nacme,Acme,platform,2024-01-01,2026-01-31,,legal@acme.example\n"
        "bolt,Bolt,platform,,,1,x@bolt.example\n")
    demo("import", "customers", "customers.csv")
    rows = json.loads(demo("customers", "list", "--json").out)
    told = [(r["ref"], r["annex_edition"], r["annex_recorded"]) for r in rows]
    assert told == [("acme", 0, False), ("bolt", 1, True)]
    ended = json.loads(demo("customers", "list", "--ended", "--json").out)
    assert [(r["ref"], r["data_due_on"]) for r in ended] == [("acme", "2026-05-31")]
    assert "what its dates tell" in demo("customers", "annex", "bolt", "-", *OLGA).out
    assert "accepted edition 1" in demo("customers", "annex", "bolt", "1", *OLGA).out
    assert "no such edition" in demo("customers", "annex", "bolt", "7", *OLGA, status=1).err
    assert "EDITION is a number" in demo("customers", "annex", "bolt", "x", *OLGA, status=2).err
    (tmp_path / "customers.csv").write_text(f"{HEAD}\nbolt,Bolt,platform,,,one,x@bolt.example\n")
    assert "“one” is no edition of the list" in demo("import", "customers", "customers.csv", status=1).err
