"""Setting the organisation's particulars and default terms by verb."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from notifier.domain.people import Actor, Door, Role
from notifier.domain.refusals import Refusal
from notifier.house import House, seed_values
from notifier.tables import Edition, Setting
from notifier.workflow import configuration, people, settings, verify
from tests import factory
from tests.factory import NOW


def admin(session: Any) -> Actor:
    ada = people.add(session, "ada@processor.example", "Ada", [Role.ADMIN], actor=factory.SYSTEM, now=NOW)
    return people.actor_for(ada, Door.CLI)


def test_every_setting_can_be_set_and_what_it_holds_can_be_set_again(house: House) -> None:
    with house.database.transaction() as session:
        held = {row.key: row.value for row in session.exec(select(Setting))}
        assert held.keys() == configuration.READ.keys()
        for name, value in held.items():
            typed = "; ".join(value) if isinstance(value, list) else {True: "yes", False: "no"}.get(value, str(value)) \
                if isinstance(value, bool) else str(value)
            assert configuration.READ[name](typed) == value, name


@pytest.mark.parametrize(("name", "typed", "value"), [
    ("terms.window_days", "45", 45), ("terms.holiday_sets", "ch-zh; DE", ["CH-ZH", "DE"]),
    ("terms.extra_holidays", "2026-12-24, 2026-12-31", ["2026-12-24", "2026-12-31"]), ("terms.extra_holidays", "", []),
    ("terms.day_kind", "business", "business"), ("organisation.country", "Germany", "DE"),
    ("organisation.language", "de", "de"), (settings.SECRECY, "yes", True),
])
def test_a_value_is_read_as_people_type_it(house: House, name: str, typed: str, value: object) -> None:
    with house.database.transaction() as session:
        actor = admin(session)
        if name == "terms.extra_holidays" and not typed:
            configuration.change(session, name, "2026-12-24", actor=actor, now=NOW)
        before, after = configuration.change(session, name, typed, "Because.", actor=actor, now=NOW)
    assert (after, before != after) == (value, True)
    with house.database.reading() as session:
        assert session.get_one(Setting, name).value == value
        assert verify.chain(session) == []


@pytest.mark.parametrize(("name", "typed", "code"), [
    ("terms.window_days", "0", "bad_value"), ("terms.window_days", "366", "bad_value"),
    ("terms.window_days", "many", "bad_value"), ("terms.window_days", "30", "nothing_changes"),
    ("terms.zone", "Zurich", "bad_value"), ("terms.holiday_sets", "XX", "bad_value"),
    ("terms.holiday_sets", "CH-XX", "bad_value"), ("terms.holiday_sets", "", "bad_value"),
    ("terms.extra_holidays", "24.12.", "bad_value"), ("terms.day_kind", "lunar", "bad_value"),
    ("organisation.legal_name", "", "bad_value"), ("organisation.address", "x" * 10_000, "bad_value"),
    ("organisation.contact", "two\nlines", "bad_value"), ("organisation.country", "Atlantis", "bad_value"),
    ("organisation.language", "rm", "bad_value"), (settings.SECRECY, "maybe", "bad_value"),
    ("organisation.password", "x", "unknown"),
])
def test_what_the_environment_would_not_take_is_refused_here_too(
    house: House, name: str, typed: str, code: str
) -> None:
    with house.database.transaction() as session:
        actor = admin(session)
        with pytest.raises(Refusal) as refused:
            configuration.change(session, name, typed, actor=actor, now=NOW)
    assert refused.value.code == code


def test_a_new_particular_makes_a_new_edition_and_takes_an_administrator(house: House) -> None:
    with house.database.transaction() as session:
        factory.baseline(session)
        olga, _ = factory.two_people(session)
        with pytest.raises(Refusal, match="role admin"):
            configuration.change(session, "organisation.contact", "dp@processor.example", actor=olga, now=NOW)
        configuration.change(session, "organisation.contact", "dp@processor.example", actor=admin(session), now=NOW)
        configuration.change(session, "terms.window_days", "45", actor=people.actor_for(
            people.by_email(session, "ada@processor.example"), Door.CLI), now=NOW)
    with house.database.reading() as session:
        editions = session.exec(select(Edition)).all()
        assert [edition.cause for edition in editions] == ["baseline", "settings"]
        assert editions[-1].value["organisation"]["contact"] == "dp@processor.example"
        differing = settings.differing(session, *seed_values(house.settings))
    assert differing == {"organisation.contact": ("privacy@processor.example", "dp@processor.example"),
                         "terms.window_days": (30, 45)}
