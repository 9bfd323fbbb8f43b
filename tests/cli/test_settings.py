"""`notifier settings` and the people's passwords and roles, as an administrator uses them."""

from __future__ import annotations

from tests.cli.conftest import Run

ADA, PAUL = ("--as", "ada@processor.example"), ("--as", "paul@processor.example")


def token(run: Run, name: str) -> str:
    return run("tokens", "add", f"{name}@processor.example").out.strip()


def test_settings_are_listed_with_what_the_environment_says_otherwise(installed: Run) -> None:
    listed = {row["name"]: row for row in installed("settings", "list", "--json").json}
    assert listed["terms.window_days"]["value"] == 30
    assert listed["terms.holiday_sets"]["value"] == ["CH-ZH"]
    assert {row["environment"] for row in listed.values()} == {None}
    held = {row["name"]: row for row in installed("settings", "list", "--json", NOTIFIER_WINDOW_DAYS="45").json}
    assert (held["terms.window_days"]["value"], held["terms.window_days"]["environment"]) == (30, 45)


def test_a_setting_takes_an_administrators_token_and_stands_in_the_log(installed: Run) -> None:
    change = ("settings", "set", "terms.window_days", "45", "--reason", "Our new template.")
    assert "NOTIFIER_TOKEN" in installed(*change, status=1).err
    assert "role admin" in installed(*change, status=1, NOTIFIER_TOKEN=token(installed, "paul")).err
    ada = token(installed, "ada")
    assert installed(*change, NOTIFIER_TOKEN=ada).out == "terms.window_days is “45” now; it was “30”.\n"
    assert "Nothing would change" in installed(*change, status=1, NOTIFIER_TOKEN=ada).err
    sets = installed("settings", "set", "terms.holiday_sets", "CH-ZH; DE-BE", NOTIFIER_TOKEN=ada)
    assert sets.out == "terms.holiday_sets is “CH-ZH; DE-BE” now; it was “CH-ZH”.\n"
    assert "settings" in installed("doctor", status=1).out  # it says where the environment differs now
    assert "terms.window_days: environment “30”, table “45”" in installed("doctor", status=1).out
    assert installed("audit", "verify").status == 0


def test_a_setting_nobody_knows_or_a_value_that_is_none_is_refused_with_what_there_is(demo: Run) -> None:
    assert "There are: " in demo("settings", "set", "terms.windows", "1", *ADA, status=1).err
    assert "no number of days" in demo("settings", "set", "terms.window_days", "0", *ADA, status=1).err
    assert "Europe/Zurich" in demo("settings", "set", "terms.zone", "Mars", *ADA, status=1).err


def test_a_password_is_set_by_its_owner_or_an_administrator(installed: Run) -> None:
    paul, ada = token(installed, "paul"), token(installed, "ada")
    own = ("users", "password", "paul@processor.example", "--password-stdin")
    other = ("users", "password", "olga@processor.example", "--password-stdin")
    assert "at least 10" in installed(*own, status=1, stdin="short\n", NOTIFIER_TOKEN=paul).err
    assert "signed out" in installed(*own, stdin="a long password\n", NOTIFIER_TOKEN=paul).out
    assert "role admin" in installed(*other, status=1, stdin="a long password\n", NOTIFIER_TOKEN=paul).err
    installed(*other, stdin="a long password\n", NOTIFIER_TOKEN=ada)
    assert "--password-stdin" in installed("users", "password", "olga@processor.example", status=2).err
    signs_in = {u["email"]: u["sign_in"] for u in installed("users", "list", "--json").json}
    assert [signs_in[f"{name}@processor.example"] for name in ("olga", "paul", "petra")] == [True, True, False]


def test_roles_are_added_and_taken_away_and_one_administrator_remains(demo: Run) -> None:
    change = ("users", "roles", "olga@processor.example", "--add", "privacy,auditor", "--remove", "ops")
    assert "role admin" in demo(*change, *PAUL, status=1).err
    assert demo(*change, *ADA).out == "olga@processor.example has the roles auditor, privacy now.\n"
    assert demo("users", "roles", "olga@processor.example", "--remove", "auditor", *ADA, "--json").json["roles"] == [
        "privacy"]
    said = demo("users", "roles", "ada@processor.example", "--add", "ops", "--remove", "admin", *ADA, status=1)
    assert "last person with the role admin" in said.err
    assert "choose at least one" in demo("users", "roles", "paul@processor.example", "--remove", "privacy", *ADA,
                                         status=1).err
    assert "--add or --remove" in demo("users", "roles", "paul@processor.example", *ADA, status=2).err
    assert "king" in demo("users", "roles", "paul@processor.example", "--add", "king", *ADA, status=2).err
