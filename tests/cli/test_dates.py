"""More time, a later start, a correction: from the command line."""

from __future__ import annotations

from datetime import timedelta

from notifier import clock
from tests.cli.conftest import Run
from tests.cli.test_verbs import OLGA, PAUL, announced, files, house

__all__ = ["files", "house"]


def day(days: int) -> str:
    return (clock.now() + timedelta(days)).date().isoformat()


def test_more_time_is_given_to_one_customer_or_to_all(house: Run) -> None:
    announced(house)
    uids = [row["uid"] for row in house("notices", "list", "--json").json]
    made = house("notices", "extend", uids[0], "--until", day(70), "--reason", "You asked.", "--json", *PAUL).json
    assert made == {"last_day": day(70), "extended": [uids[0]], "as_long_already": 0}
    said = house("notices", "extend", "--announcement", "A-1", "--until", day(70), "--reason", "All.", *PAUL).out
    assert "1 of the customers may now object" in said
    assert "1 had that long already" in said
    shorter = house("notices", "extend", uids[0], "--until", day(60), "--reason", "Shorter.", *PAUL, status=1)
    assert "only ever extended" in shorter.err
    assert "one notice by its UID" in house("notices", "extend", "--until", day(80), *PAUL, status=2).err


def test_a_notice_is_shown_with_its_window_its_reminder_and_who_has_read_it(house: Run) -> None:
    announced(house)
    row = house("notices", "list", "--json").json[0]
    assert row["silence"] == {}
    shown = house("notices", "show", row["uid"], "--json").json
    assert shown == house("notices", "show", f"A-1/{row['customer']}", "--json").json
    assert (shown["read"], shown["reminded_at"], shown["uid"]) == ([], None, row["uid"])
    assert row["uid"] in house("notices", "show", row["uid"]).out
    assert "no notice" in house("notices", "show", "A-9/nobody", status=1).err


def test_a_start_is_moved_later_only(house: Run) -> None:
    ref = announced(house)
    moved = house("changes", "move-start", ref, "--to", day(90), "--reason", "It takes longer.", "--json", *PAUL).json
    assert moved == {"ref": ref, "planned_start": day(90), "start_was": day(60)}
    refused = house("changes", "move-start", ref, "--to", day(70), "--reason", "Sooner.", *PAUL, status=1)
    assert "needs a new notice" in refused.err


def test_a_correction_informs_or_waits_for_its_second_person(house: Run) -> None:
    ref = announced(house)
    said = house("changes", "correct", ref, "--field", "legal_name=ANALYTICS, Inc.", "--words", "Misspelled.", *OLGA)
    assert "2 customers are informed" in said.out
    wider = ["--field", "locations=United States; India", "--words", "We forgot India.", "--start", day(120)]
    asked = house("changes", "correct", ref, *wider, "--json", *OLGA).json
    assert (asked["done"], asked["told"]) == ("asked", 0)
    assert "second person" in house("changes", "correct", ref, "--sign", *OLGA, status=1).err
    signed = house("changes", "correct", ref, "--sign", "--json", *PAUL).json
    assert signed == {"ref": ref, "done": "announced", "announcement": "A-2", "told": 2}
    assert house("changes", "show", ref, "--json").json["announcements"] == ["A-1", "A-2"]
    house("changes", "correct", ref, *PAUL, status=2)
    assert "verify" not in house("audit", "verify").err
