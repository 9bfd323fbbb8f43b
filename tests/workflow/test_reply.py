"""The reply address: proven by a code that stands in one mail and nowhere else."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from notifier import clock
from notifier.domain.people import Actor, Door, Role
from notifier.domain.refusals import Refusal
from notifier.house import House
from notifier.jobs import deliver
from notifier.mail import outbox
from notifier.tables import AuditDetail, Blob, Delivery, ReplyProof
from notifier.web.console.deliveries import frozen
from notifier.workflow import audit, configuration, people, reply, verify
from notifier.workflow.links import Signer
from tests import factory
from tests.factory import NOW

HOURS = timedelta(hours=1)
DAYS = timedelta(days=1)


@pytest.fixture
def staff(house: House) -> tuple[Actor, Actor]:
    with house.database.transaction() as session:
        return factory.two_people(session)


def asked(house: House, actor: Actor, at: datetime = NOW) -> str:
    """Has a test mail sent, and returns the code whoever reads the mailbox finds in it."""
    with clock.standing(at):
        with house.database.transaction() as session:
            reply.ask(session, house.settings.reply_address, actor=actor, now=at)
        deliver.run(house)
    letters = [x for x in outbox.read(house.settings.data_dir / "outbox") if "Test mail" in x.subject]
    return re.findall(r"^> (\d{6})$", letters[0].text, re.M)[0]


def enter(house: House, code: str, actor: Actor, at: datetime = NOW) -> ReplyProof:
    with house.database.transaction() as session:
        tried = reply.prove(session, house.settings.reply_address, code, house.sender.signer, actor=actor, now=at)
    return tried.settle()


def other(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 1_000_000:06}"


def valid(house: House, at: datetime, address: str = "") -> bool:
    with house.database.reading() as session:
        return reply.standing(session, address or house.settings.reply_address, at).valid


def test_the_code_of_the_test_mail_proves_the_address_for_thirty_days(
    house: House, staff: tuple[Actor, Actor]
) -> None:
    olga, paul = staff
    assert not valid(house, NOW)
    code = asked(house, olga)
    entered = NOW + 23 * HOURS
    proof = enter(house, f" {code[:3]} {code[3:]} ", paul, entered)
    assert (proof.asked_by, proof.proven_by, proof.proven_at) == (olga.id, paul.id, entered)
    assert valid(house, entered + 30 * DAYS)
    assert not valid(house, entered + 30 * DAYS + timedelta(seconds=1))
    assert not valid(house, entered, "Privacy@processor.example")  # that very address, and no other
    with house.database.reading() as session:
        assert verify.chain(session) == []


def test_a_renewal_holds_from_its_own_day_and_asking_for_it_ends_nothing(
    house: House, staff: tuple[Actor, Actor]
) -> None:
    enter(house, asked(house, staff[0]), staff[0])
    later = NOW + 28 * DAYS
    code = asked(house, staff[1], later)
    with house.database.reading() as session:
        held = reply.standing(session, house.settings.reply_address, later)
        assert held.valid and held.ends_soon(later) and held.waiting is not None
        assert not held.ends_soon(NOW + 20 * DAYS)
    enter(house, code, staff[1], later)
    assert valid(house, later + 30 * DAYS)


def test_the_code_stands_in_the_letter_alone(house: House, staff: tuple[Actor, Actor]) -> None:
    code = asked(house, staff[0])
    with house.database.transaction() as session:
        reply.prove(session, house.settings.reply_address, other(code), house.sender.signer, actor=staff[0], now=NOW)
    enter(house, code, staff[0])
    engine = house.database.engine
    tables = sa.inspect(engine).get_table_names()
    with engine.connect() as connection:
        rows = [connection.execute(sa.text(f'SELECT * FROM "{table}"')).all() for table in tables]
        held = "\n".join(map(str, rows))
    assert code not in re.findall(r"(?<![0-9a-f.])\d{6}(?![0-9a-f])", held)
    with house.database.reading() as session:
        row = session.exec(select(Delivery).where(Delivery.kind == "staff_reply_proof")).one()
        letter = frozen(session, row)
        assert session.exec(select(Blob)).first() is not None
        assert [d.detail.get("address") for d in session.exec(select(AuditDetail)) if "address" in d.detail]
    assert letter is not None
    assert "> {link}" in str(letter["text"]) and code not in str(letter)


def test_a_wrong_code_is_counted_and_after_five_the_mail_is_spent(house: House, staff: tuple[Actor, Actor]) -> None:
    code = asked(house, staff[0])
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(Refusal) as refused:
            enter(house, other(code), staff[1])
        assert refused.value.code == "code_wrong"
        assert f"Tries left: {left}." in str(refused.value)
    with pytest.raises(Refusal) as refused:
        enter(house, code, staff[1])
    assert refused.value.code == "no_code_open"
    with house.database.reading() as session:
        row = session.exec(select(ReplyProof)).one()
        assert (row.wrong_tries, row.proven_at) == (5, None)
        assert len(audit.history(session, reply.SUBJECT, str(row.id))) == 6
    assert enter(house, asked(house, staff[0]), staff[1]).proven_at == NOW


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "-12345"])
def test_what_is_no_code_is_not_counted(house: House, staff: tuple[Actor, Actor], typed: str) -> None:
    asked(house, staff[0])
    with pytest.raises(Refusal) as refused:
        enter(house, typed, staff[0])
    assert refused.value.code == "bad_value"
    with house.database.reading() as session:
        assert session.exec(select(ReplyProof)).one().wrong_tries == 0


def test_only_the_newest_code_counts_for_a_day_and_once(house: House, staff: tuple[Actor, Actor]) -> None:
    first, olga = asked(house, staff[0]), staff[0]
    second = asked(house, olga, NOW + HOURS)
    if first != second:
        with pytest.raises(Refusal, match="not the code"):
            enter(house, first, olga, NOW + HOURS)
    with pytest.raises(Refusal, match="No code waits"):
        enter(house, second, olga, NOW + 26 * HOURS)
    third = asked(house, olga, NOW + 27 * HOURS)
    enter(house, third, olga, NOW + 28 * HOURS)
    with pytest.raises(Refusal, match="No code waits"):
        enter(house, third, olga, NOW + 28 * HOURS)


def test_a_person_of_ops_or_privacy_proves_and_nobody_else(house: House, staff: tuple[Actor, Actor]) -> None:
    code = asked(house, staff[0])
    with house.database.transaction() as session:
        anton = people.add(session, "anton@processor.example", "Anton", [Role.AUDITOR, Role.ADMIN],
                           actor=factory.SYSTEM, now=NOW)
        auditor = people.actor_for(anton, staff[0].door)
    for actor, reason in ((auditor, "role_missing"), (factory.SYSTEM, "person_needed"),
                          (factory.CONTACT, "person_needed")):
        acts: list[Any] = [lambda who=actor: enter(house, code, who), lambda who=actor: asked(house, who)]
        for act in acts:
            with pytest.raises(Refusal) as refused:
                act()
            assert refused.value.code == reason


def test_a_code_made_with_an_older_key_still_counts(house: House, staff: tuple[Actor, Actor]) -> None:
    code = asked(house, staff[0])
    rotated = Signer(["n" * 40, *house.settings.secret_keys()])
    with house.database.transaction() as session:
        tried = reply.prove(session, house.settings.reply_address, code, rotated, actor=staff[0], now=NOW)
    assert tried.settle().proven_at == NOW


def test_announcing_waits_for_proof_and_transport_but_not_in_a_demo(
    house: House, staff: tuple[Actor, Actor]
) -> None:
    with house.database.reading() as session:
        assert [r.code for r in house.hindrances(session, NOW)] == ["transport_outbox", "reply_unproven"]
        with pytest.raises(Refusal, match="outbox folder"):
            house.preflight(session, NOW)
        with pytest.raises(Refusal, match="notifier reply prove CODE"):
            reply.require(session, house.settings.reply_address, NOW)
    enter(house, asked(house, staff[0]), staff[0])
    with house.database.reading() as session:
        assert [r.code for r in house.hindrances(session, NOW)] == ["transport_outbox"]
    (house.settings.data_dir / "demo").write_text("demo\n")
    with house.database.reading() as session:
        assert house.hindrances(session, NOW + 365 * DAYS) == []


def test_nobody_is_told_anything_by_a_letter_that_names_nobody_to_ask(house: House) -> None:
    with house.database.transaction() as session:
        ada = people.add(session, "ada@processor.example", "Ada", [Role.ADMIN], actor=factory.SYSTEM, now=NOW)
        configuration.change(session, "organisation.contact", "", actor=people.actor_for(ada, Door.CLI), now=NOW)
    for codes in (["contact_missing", "transport_outbox", "reply_unproven"], ["contact_missing"]):
        with house.database.reading() as session:
            assert [r.code for r in house.hindrances(session, NOW)] == codes
            with pytest.raises(Refusal, match=re.escape("organisation.contact")):
                house.preflight(session, NOW)
        (house.settings.data_dir / "demo").write_text("demo\n")
