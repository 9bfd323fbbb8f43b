"""The reply address from the command line, and what doctor says of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from notifier import clock
from notifier.house import House
from tests.cli.conftest import Run, code_in_mailbox, prove_reply
from tests.cli.test_verbs import PAUL, files, house, token

__all__ = ["files", "house"]

AtWork = Callable[[], House]
HERE = {"NOTIFIER_REPLY_TO": "privacy@firm.test"}


def reply_line(run: Run, **env: str) -> dict[str, object]:
    found = run("doctor", "--json", status=1, **env).json["checks"]
    return next(check for check in found if check["about"] == "reply address")


def test_a_code_is_asked_for_entered_and_holds(installed: Run, at_work: AtWork) -> None:
    assert "notifier reply ask" in installed("reply", "--help").out
    assert "NOTIFIER_TOKEN" in installed("reply", "ask", status=1).err
    env = {**HERE, "NOTIFIER_TOKEN": token(installed, "paul")}
    assert "never proven" in str(reply_line(installed, **HERE)["words"])
    assert installed("reply", "show", "--json", status=1, **HERE).json["valid"] is False
    assert "on its way to privacy@firm.test" in installed("reply", "ask", **env).out
    entered = code_in_mailbox(at_work())
    wrong = f"{(int(entered) + 1) % 1_000_000:06}"
    assert "Tries left: 4." in installed("reply", "prove", wrong, status=1, **env).err
    assert "Tries left: 3." in installed("reply", "prove", wrong, status=1, **env).err
    assert "six digits" in installed("reply", "prove", "12", status=1, **env).err
    assert installed("reply", "prove", entered, "--json", **env).json["valid"] is True
    assert "No code waits" in installed("reply", "prove", entered, status=1, **env).err
    shown = installed("reply", "show", **HERE).out
    assert "paul@processor.example" in shown
    assert "Proven:" in shown
    line = reply_line(installed, **HERE)
    assert line["ok"] is True
    assert "by paul, valid until" in str(line["words"])
    assert "never proven" in str(reply_line(installed, NOTIFIER_REPLY_TO="other@firm.test")["words"])


def test_doctor_asks_for_a_new_proof_before_the_last_one_ends(installed: Run, at_work: AtWork) -> None:
    env = {**HERE, "NOTIFIER_TOKEN": token(installed, "paul")}
    prove_reply(installed, at_work, **env)
    for days, ok, said in ((24, True, "valid until"), (26, False, "runs out on"), (31, False, "ran out on")):
        with clock.standing(clock.now() + timedelta(days=days)):
            line = reply_line(installed, **HERE)
            assert line["ok"] is ok, line
            assert said in str(line["words"])
            installed("reply", "show", status=0 if days < 30 else 1, **HERE)


def test_announcing_says_how_to_prove_it(installed: Run, files: Path) -> None:
    paul = token(installed, "paul")
    said = installed("changes", "announce", "C-1", status=1, NOTIFIER_TOKEN=paul, NOTIFIER_MAIL_TRANSPORT="smtp",
                     **HERE).err
    assert "privacy@firm.test" in said
    assert "notifier reply ask" in said
    assert "notifier reply prove CODE" in said


def test_a_demo_needs_no_proof(house: Run) -> None:
    line = reply_line(house)
    assert line["ok"] is True
    assert "counts as read" in str(line["words"])
    assert "on its way" in house("reply", "ask", *PAUL).out


def test_preview_counts_by_service_language_and_contacts(house: Run) -> None:
    from tests.cli.test_verbs import OLGA, VENDOR

    start = (clock.now() + timedelta(60)).date().isoformat()
    ref = house("changes", "propose", "--kind", "add", *VENDOR, "--start", start, *OLGA, "--json").json["ref"]
    seen = house("changes", "preview", ref, "--json").json
    assert seen["by_service"] == {"platform": 2}
    assert seen["by_language"] == {"en": 2}
    assert seen["by_contacts"] == {"1": 1, "2": 1}
    assert seen["letters"] == {"en": 3}
    said = house("changes", "preview", ref).out
    assert "By service:" in said and "2 buy platform" in said
    assert "1 with 1 contact, 1 with 2 contacts" in said
