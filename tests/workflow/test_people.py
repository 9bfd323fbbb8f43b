"""People, passwords, tokens, and acts that take two of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifier.domain.people import Door, Role
from notifier.domain.refusals import Refusal
from notifier.house import House
from notifier.workflow import people
from tests import factory
from tests.factory import NOW

PASSWORD = "correct horse battery"


def test_a_person_signs_in_with_the_right_password_only_and_not_once_disabled(house: House) -> None:
    with house.database.transaction() as session:
        ada = people.add(session, "Ada@Processor.Example", "Ada", [Role.ADMIN], password=PASSWORD,
                         actor=factory.SYSTEM, now=NOW)
        eve = people.add(session, "eve@processor.example", "Eve", [Role.ADMIN], password=PASSWORD,
                         actor=factory.SYSTEM, now=NOW)
        assert people.sign_in(session, " ada@processor.example", PASSWORD, door=Door.CONSOLE, now=NOW).id == ada.id
        for email, password in (("ada@processor.example", "wrong"), ("nobody@processor.example", PASSWORD)):
            with pytest.raises(Refusal, match="address or the password"):
                people.sign_in(session, email, password, door=Door.CONSOLE, now=NOW)
        people.disable(session, ada, actor=people.actor_for(eve, Door.CONSOLE), now=NOW)
        with pytest.raises(Refusal, match="address or the password"):
            people.sign_in(session, "ada@processor.example", PASSWORD, door=Door.CONSOLE, now=NOW)
        with pytest.raises(Refusal, match="last person with the role admin"):
            people.disable(session, eve, actor=people.actor_for(eve, Door.CONSOLE), now=NOW)


@pytest.mark.parametrize(("email", "password", "code"), [
    ("olga@processor.example", PASSWORD, "exists"), ("new@processor.example", "short", "weak_password"),
    ("no address", PASSWORD, "bad_value"),
])
def test_an_account_is_refused_with_its_reason(house: House, email: str, password: str, code: str) -> None:
    with house.database.transaction() as session:
        factory.two_people(session)
        with pytest.raises(Refusal) as refused:
            people.add(session, email, "New", [Role.OPS], password=password, actor=factory.SYSTEM, now=NOW)
    assert refused.value.code == code


def test_only_an_administrator_adds_people(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        with pytest.raises(Refusal) as refused:
            people.add(session, "new@processor.example", "New", [Role.ADMIN], actor=olga, now=NOW)
    assert refused.value.code == "role_missing"


def test_a_token_acts_with_its_persons_roles_until_it_is_revoked_or_they_leave(house: House) -> None:
    with house.database.transaction() as session:
        factory.two_people(session)
        paul = people.by_email(session, "paul@processor.example")
        one, two = (people.add_token(session, paul, label, actor=factory.SYSTEM, now=NOW) for label in ("one", "two"))
        assert people.by_token(session, one, door=Door.API, now=NOW).roles == {Role.PRIVACY}
        people.revoke_token(session, 1, actor=factory.SYSTEM, now=NOW)
        with pytest.raises(Refusal, match="not valid"):
            people.by_token(session, one, door=Door.API, now=NOW)
        people.disable(session, paul, actor=factory.SYSTEM, now=NOW)
        with pytest.raises(Refusal, match="not valid"):
            people.by_token(session, two, door=Door.API, now=NOW)
        with pytest.raises(Refusal, match="not valid"):
            people.by_token(session, "snt_guess", door=Door.API, now=NOW)


def test_two_people_sign_the_same_words_and_other_words_begin_afresh(house: House) -> None:
    with house.database.transaction() as session:
        _, paul = factory.two_people(session)
        petra = factory.third_person(session)

        def sign(words: str, actor: object) -> object:
            return people.countersign(session, "objection", 1, "not_uphold", {"reason": words}, subject_ref="O-1",
                                      actor=actor, now=NOW + timedelta(hours=1))  # type: ignore[arg-type]

        assert sign("no reason given", paul) is None
        with pytest.raises(Refusal) as refused:
            sign("no reason given", paul)
        assert refused.value.code == "second_person"
        assert sign("another reason", petra) is None
        assert [row.payload for row in people.awaiting(session, "objection", 1)] == [{"reason": "another reason"}]
        signed = sign("another reason", paul)
        assert signed is not None
        assert people.awaiting(session, "objection", 1) == []
        with pytest.raises(Refusal) as refused:
            sign("by the system", factory.SYSTEM)
        assert refused.value.code == "person_needed"
