"""People, passwords, tokens, and acts that take two of them."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread

import pytest

from notifier.domain.people import Door, Role
from notifier.domain.refusals import Refusal
from notifier.house import House
from notifier.tables import User
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


def test_roles_are_given_by_an_administrator_and_one_always_remains(house: House) -> None:
    with house.database.transaction() as session:
        ada = people.add(session, "ada@processor.example", "Ada", [Role.ADMIN], actor=factory.SYSTEM, now=NOW)
        olga, _ = factory.two_people(session)
        admin, row = people.actor_for(ada, Door.CLI), people.by_email(session, "olga@processor.example")
        for user, roles, actor, code in (
            (row, [Role.ADMIN], olga, "role_missing"), (row, [Role.OPS], admin, "nothing_changes"),
            (row, [], admin, "bad_value"), (ada, [Role.OPS], admin, "last_admin"),
        ):
            with pytest.raises(Refusal) as refused:
                people.set_roles(session, user, roles, actor=actor, now=NOW)
            assert refused.value.code == code
        assert people.set_roles(session, row, [Role.ADMIN, Role.OPS], actor=admin, now=NOW).roles == ["admin", "ops"]
        assert people.set_roles(session, ada, [Role.AUDITOR], actor=admin, now=NOW).roles == ["auditor"]


def test_of_two_administrators_who_end_each_other_at_once_one_remains(house: House) -> None:
    with house.database.transaction() as session:
        both = [people.add(session, f"{name}@processor.example", name, [Role.ADMIN], actor=factory.SYSTEM, now=NOW)
                for name in ("ada", "eve")]
    said: list[str] = []

    def end(mine: int, other: int) -> None:
        try:
            with house.database.transaction() as session:
                row = session.get_one(User, both[other].id)
                people.disable(session, row, actor=people.actor_for(both[mine], Door.CLI), now=NOW)
                said.append("ended")
        except Refusal as refusal:
            said.append(refusal.code)

    hands = [Thread(target=end, args=pair) for pair in ((0, 1), (1, 0))]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert sorted(said) == ["ended", "last_admin"]


def test_a_new_password_ends_every_sign_in_and_only_the_new_one_opens(house: House) -> None:
    with house.database.transaction() as session:
        _, paul = factory.two_people(session)
        ada = people.add(session, "ada@processor.example", "Ada", [Role.ADMIN], actor=factory.SYSTEM, now=NOW)
        olga = people.by_email(session, "olga@processor.example")
        before = olga.session_epoch
        with pytest.raises(Refusal, match="role admin"):
            people.set_password(session, olga, PASSWORD, actor=paul, now=NOW)
        with pytest.raises(Refusal, match="at least 10"):
            people.set_password(session, olga, "short", actor=people.actor_for(ada, Door.CLI), now=NOW)
        people.set_password(session, olga, PASSWORD, actor=people.actor_for(ada, Door.CLI), now=NOW)
        people.set_password(session, olga, PASSWORD[::-1], actor=people.actor_for(olga, Door.CLI), now=NOW)
        assert olga.session_epoch == before + 2
        people.refuse_wrong(olga, PASSWORD[::-1])
        for user, password in ((olga, PASSWORD), (ada, PASSWORD), (None, PASSWORD)):
            with pytest.raises(Refusal, match="address or the password"):
                people.refuse_wrong(user, password)


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
