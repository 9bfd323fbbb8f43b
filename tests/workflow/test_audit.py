"""The one door and the chain: what moves leaves its entry, what was altered is found."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError
from sqlmodel import select

from notifier.domain.people import Door, Kind
from notifier.domain.refusals import Refusal
from notifier.domain.states import MACHINES, ChangeState, Move, Need
from notifier.house import House
from notifier.tables import AuditDetail, AuditEntry, Change
from notifier.workflow import audit, changes, people, verify
from tests import factory
from tests.factory import NOW
from tests.workflow import every_verb

LATER = NOW + timedelta(hours=1)


def _draft(house: House) -> str:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        return factory.approved(session, olga, paul).ref


def test_a_state_cannot_be_assigned_past_the_door(house: House) -> None:
    ref = _draft(house)
    with house.database.transaction() as session, pytest.raises(AttributeError, match=r"audit\.move"):
        changes.get(session, ref).state = ChangeState.ANNOUNCED


def test_a_made_up_state_is_refused_by_the_database_itself(house: House) -> None:
    ref = _draft(house)
    with pytest.raises(DatabaseError), house.database.transaction() as session:
        session.execute(sa.text("UPDATE change SET state = 'nonsense' WHERE ref = :ref"), {"ref": ref})


def test_the_log_refuses_to_be_rewritten_or_shortened(house: House) -> None:
    _draft(house)
    for statement in ("UPDATE audit_entry SET action = 'x'", "DELETE FROM audit_entry", "DELETE FROM edition",
                      "UPDATE edition SET cause = 'x'"):
        with pytest.raises(DatabaseError, match="append-only"), house.database.transaction() as session:
            session.execute(sa.text(statement))


def test_nobody_approves_their_own_proposal_whatever_roles_they_hold(house: House) -> None:
    ref = _draft(house)
    with house.database.transaction() as session:
        change = changes.get(session, ref)
        both = people.actor_for(people.by_email(session, "olga@processor.example"), factory.SYSTEM.door)
        both = type(both)(both.kind, both.door, both.id, frozenset({"ops", "privacy"}))  # type: ignore[arg-type]
        item = changes.items_of(session, change)[0]
        again = changes.propose(session, [type(item)(None, item.after.with_(ref="other") if item.after else None)],
                                reason="Again.", planned_start=factory.START, actor=both, now=LATER)
        factory.vouched(session, again, both, now=LATER)
        changes.submit(session, again.ref, actor=both, now=LATER)
        with pytest.raises(Refusal) as refused:
            changes.approve(session, again.ref, actor=both, now=LATER)
    assert refused.value.code == "second_person"


def test_a_move_without_the_role_is_refused_and_leaves_nothing(house: House) -> None:
    ref = _draft(house)
    with house.database.transaction() as session:
        olga = people.actor_for(people.by_email(session, "olga@processor.example"), factory.SYSTEM.door)
        with pytest.raises(Refusal) as refused:
            changes.reject(session, ref, "no", actor=olga, now=LATER)
    assert refused.value.code == "no_such_move"  # approved is past rejecting
    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        changes.send_back(session, ref, "no", actor=olga, now=LATER)
    assert refused.value.code == "role_missing"
    with house.database.reading() as session:
        assert changes.get(session, ref).state == ChangeState.APPROVED
        assert verify.chain(session) == []


def test_of_two_who_move_the_same_row_one_wins_and_the_other_is_told(house: House) -> None:
    ref = _draft(house)
    with house.database.reading() as session:
        paul = people.actor_for(people.by_email(session, "paul@processor.example"), factory.SYSTEM.door)
        stale = changes.get(session, ref)
    with house.database.transaction() as session:
        changes.send_back(session, ref, "mend it", actor=paul, now=LATER)
    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        audit.move(session, session.merge(stale, load=False), "announce", actor=paul, now=LATER,
                   checked={Need.COMPLETE, Need.AUDIENCE})
    assert refused.value.code == "overtaken"
    assert "sent_back" in str(refused.value)


def test_many_writers_at_once_leave_one_gapless_chain(house: House) -> None:
    def write(number: int) -> None:
        for step in range(10):
            with house.database.transaction() as session:
                audit.note(session, "test", "settings", f"{number}-{step}", actor=factory.SYSTEM, now=NOW,
                           detail={"step": step})

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with house.database.reading() as session:
        seqs = session.exec(select(AuditEntry.seq).order_by(AuditEntry.seq)).all()  # type: ignore[arg-type]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) == 41  # the seeding and forty
        assert verify.chain(session) == []


def test_a_refused_act_leaves_no_entry(house: House) -> None:
    with house.database.reading() as session:
        before = audit.head(session).seq
    def noted_then_refused() -> None:
        with house.database.transaction() as session:
            audit.note(session, "test", "settings", "", actor=factory.SYSTEM, now=NOW)
            changes.get(session, "C-404")

    with pytest.raises(Refusal):
        noted_then_refused()
    with house.database.reading() as session:
        assert audit.head(session).seq == before


def test_erasing_a_readable_side_leaves_the_chain_sound_and_altering_one_is_found(house: House) -> None:
    _draft(house)
    with house.database.transaction() as session:
        first, second, *_ = session.exec(select(AuditDetail).order_by(AuditDetail.seq)).all()  # type: ignore[arg-type]
        session.delete(first)
        second.detail = {**second.detail, "name": "somebody else"}
        altered = second.seq
    with house.database.reading() as session:
        assert [str(fault) for fault in verify.chain(session)] == [f"The readable side of entry {altered} was altered."]


def test_a_state_changed_behind_the_logs_back_is_found(house: House) -> None:
    ref = _draft(house)
    with house.database.transaction() as session:
        session.execute(sa.update(Change).where(Change.ref == ref).values(state=ChangeState.IN_EFFECT))  # type: ignore[arg-type]
    with house.database.reading() as session:
        assert [str(f) for f in verify.chain(session)] == [f"change {ref} is in_effect, but the log says approved."]


def test_every_verb_says_who_did_what_by_which_door_and_why(house: House) -> None:
    every_verb.travel(house)
    with house.database.reading() as session:
        rows = session.exec(select(AuditEntry, AuditDetail).join(AuditDetail, isouter=True).where(AuditEntry.seq > 1)
                            .order_by(AuditEntry.seq)).all()  # type: ignore[arg-type]
    stands: dict[tuple[str, str], str] = {}
    for entry, side in rows:
        readable = side.detail if side else {}
        kind, _, number = entry.actor.partition(":")
        assert kind in set(Kind), entry
        assert (kind == Kind.PERSON) == (number != "" and kind != Kind.CONTACT), entry
        assert entry.door in DOORS[kind], entry
        assert ("os_user" in readable) == (entry.door == Door.CLI), entry
        if entry.action in REASONS or any(Need.REASON in row.needs for row in moves(entry)):
            assert readable.get("reason"), entry
        if entry.before and entry.subject_id:  # of states, where it stood before is where the last move led
            subject = (entry.subject_kind, entry.subject_id)
            assert stands.get(subject, entry.before) == entry.before, entry
            stands[subject] = entry.after
    assert {entry.action for entry, _ in rows} >= REASONS


DOORS = {
    Kind.PERSON: {Door.CLI, Door.CONSOLE}, Kind.CONTACT: {Door.LINK}, Kind.PROVIDER: {Door.WEBHOOK},
    Kind.SYSTEM: {Door.CLI, Door.JOB, Door.CLOCK},
}
REASONS = {"ask_exclude", "correct", "end_exclusion", "extend", "move_start", "override", "set", "set_roles"}


def moves(entry: AuditEntry) -> list[Move]:
    """The rows of a machine that this entry tells of."""
    return [row for machine in MACHINES if machine.name == entry.subject_kind for row in machine.rows
            if (row.action, row.source, row.target) == (entry.action, entry.before, entry.after)]


def test_the_chain_holds_no_names_addresses_or_words(house: House) -> None:
    _draft(house)
    with house.database.reading() as session:
        kept = " ".join(str(entry.model_dump()) for entry in session.exec(select(AuditEntry)))
    for secret in ("Olga", "processor.example", "Analytics", "understand how", "Bahnhofstrasse"):
        assert secret not in kept
