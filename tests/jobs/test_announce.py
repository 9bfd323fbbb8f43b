"""Announcing to many: part by part, unseen until the last step, by whoever is free, and never half."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from uuid import RFC_4122, UUID

import pytest
import rfc8785
import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.states import ChangeState
from notifier.house import House
from notifier.jobs import announce, sweep
from notifier.tables import (
    Announcement,
    AudienceRow,
    Contact,
    Customer,
    CustomerService,
    Delivery,
    Notice,
    NoticeChange,
    User,
)
from notifier.workflow import announcements, audience, changes, customers, deliveries, people, releases, rolls, verify
from tests import factory
from tests.factory import NOW

LATER = NOW + timedelta(minutes=5)


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three customers a transaction, read two at a time: eleven are many."""
    monkeypatch.setattr(rolls, "PART", 3)
    monkeypatch.setattr(audience, "PAGE", 2)
    monkeypatch.setattr(announce, "BREATH", 0.001)


@pytest.fixture
def waiting(house: House) -> tuple[House, str, Actor]:
    """An approved change and eleven customers: nine are owed a notice, one of them at two addresses."""
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        two = (customers.ContactEntry("a@c0.example", "Ann"), customers.ContactEntry("b@c0.example", "Bob"))
        factory.take_in(
            session, factory.customer("c0", contacts=two), *(factory.customer(f"c{n}") for n in range(1, 9)),
            factory.customer("c9", services=("archive",)), factory.customer("c10", contract_end=date(2025, 12, 31)),
        )
        ref = factory.approved(session, olga, paul).ref
    return house, ref, paul


def _begin(house: House, ref: str, paul: Actor) -> Announcement:
    with house.database.transaction() as session:
        made = announcements.make_known(session, [ref], actor=paul, now=LATER)
    assert made.made_at is None
    return made


def _run(house: House) -> int:
    with clock.standing(LATER):
        return announce.run(house)


def _steps(house: House, number: int) -> None:
    """So many steps further."""
    for _ in range(number):
        with house.database.reading() as session:
            begun = announcements.unfinished(session)[0]
        with clock.standing(LATER), announce.Writer(house) as writer:
            writer.step(begun)


def _owed(session: Session, made: Announcement) -> list[tuple[Any, ...]]:
    """What each customer is owed by an announcement, without ids of rows."""
    rows = session.exec(
        select(Notice, Delivery).join(Delivery, col(Delivery.notice_id) == col(Notice.id))
        .where(Notice.announcement_id == made.id).order_by(col(Notice.customer_id), col(Delivery.id)))
    return [(n.customer_id, n.state, n.terms, n.opens_window, d.kind, d.to_email, d.to_name, d.language, d.state,
             d.subject_kind, d.subject_id == n.id, d.contact_id, d.attempt, d.due_at) for n, d in rows]


def _whole(house: House, ref: str) -> Announcement:
    """The one announcement of a change, after everything: made, whole, and agreeing with the log."""
    with house.database.reading() as session:
        change = changes.get(session, ref)
        assert announcements.unfinished(session) == []
        assert change.state == ChangeState.ANNOUNCED
        (made_one,) = [a for a in changes.announcements_of(session, change) if a.made_at]
        owed = _owed(session, made_one)
        assert [row[0] for row in owed] == sorted(row[0] for row in owed)
        assert len(owed) == 10
        assert len({row[0] for row in owed}) == made_one.included == 9
        assert made_one.left_out == 2
        assert len(changes.concerned(session, change)) == 9
        assert deliveries.due(session, LATER)
        assert verify.chain(session) == []
        return made_one


def test_many_customers_are_written_part_by_part_and_told_in_one_last_step(waiting: tuple[House, str, Actor]) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    assert _run(house) == 1
    made = _whole(house, ref)
    assert made.made_at == LATER
    assert _run(house) == 0


def test_it_makes_no_difference_whether_it_is_written_in_parts_or_at_once(waiting: tuple[House, str, Actor]) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    _run(house)
    parts = _whole(house, ref)
    with house.database.transaction() as session:
        olga = people.actor_for(people.by_email(session, "olga@processor.example"), paul.door)
        other = factory.approved(session, olga, paul, legal_name="Other Analytics Inc.")
        whole = announcements.announce(session, [other.ref], actor=paul, now=LATER)
    with house.database.reading() as session:
        assert _owed(session, parts) == _owed(session, whole)
        assert parts.audience_sha256 == whole.audience_sha256


def test_a_roll_is_hashed_over_its_canonical_form(waiting: tuple[House, str, Actor]) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    _run(house)
    made = _whole(house, ref)
    with house.database.reading() as session:
        lines = session.exec(select(AudienceRow).where(AudienceRow.announcement_id == made.id)).all()
        plain = sorted([line.customer_id, line.included, line.why] for line in lines)
        assert made.audience_sha256 == hashlib.sha256(rfc8785.dumps(plain)).hexdigest()
        assert made.audience_sha256 == rolls.roll_sha256((line.customer_id, line.why) for line in lines)
    assert rolls.roll_sha256([]) == hashlib.sha256(b"[]").hexdigest()


def test_where_a_customer_stands_is_told_alike_with_its_seat_and_without(waiting: tuple[House, str, Actor]) -> None:
    house, _, _ = waiting
    with house.database.reading() as session:
        seats = list(audience.seats(session, {"platform"}, LATER.date()))
        standings = list(audience.standings(session, {"platform"}, LATER.date()))
        assert [(s.customer.id, s.why, s.terms, s.services) for s in seats] == standings
        assert {s.customer.id for s in seats if s.contacts} == audience.reachable(session)
        assert sorted(str(s.why) for s in seats if not s.included) == ["contract_ended", "other_services"]


def test_every_notice_and_letter_has_a_random_uuid_of_its_own(waiting: tuple[House, str, Actor]) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    _run(house)
    with house.database.reading() as session:
        names = [*session.exec(select(Notice.uid)), *session.exec(select(Delivery.ref))]
    assert {(UUID(name).version, UUID(name).variant, str(UUID(name)) == name) for name in names} == {
        (4, RFC_4122, True)}
    assert len(set(names)) == len(names)


def test_half_way_nothing_of_it_is_there_for_anybody(waiting: tuple[House, str, Actor]) -> None:
    house, ref, paul = waiting
    begun = _begin(house, ref, paul)
    _steps(house, 2)
    with house.database.transaction() as session:
        change = changes.get(session, ref)
        assert session.scalar(sa.select(sa.func.count()).select_from(Notice)) == 6
        assert change.state == ChangeState.APPROVED
        assert changes.concerned(session, change) == []
        assert releases.standings(session, change, LATER) == []
        assert session.exec(select(NoticeChange)).all() == []
        held = session.exec(select(Delivery).where(Delivery.kind == "change_announced")).all()
        assert [row.due_at for row in held] == [None] * 7
        taken = factory.claimed(session, LATER + timedelta(days=9))
        assert [row.kind for row in taken] == ["staff_review_requested"]
        with pytest.raises(Refusal, match="announcement"):
            announcements.get(session, begun.ref)
    with house.database.reading() as session:
        assert verify.chain(session) == []
        assert announce.JOB in sweep._bells(session, LATER, "outbox")


@contextmanager
def _dying(house: House, monkeypatch: pytest.MonkeyPatch, committed: bool) -> Iterator[None]:
    """The process ends in its next writing transaction: just before its commit, or just after."""
    class Gone(BaseException):
        """Killed."""

    inner: Callable[[], Any] = house.database.transaction

    @contextmanager
    def transaction() -> Iterator[Session]:
        with inner() as session:
            yield session
            if not committed:
                raise Gone
        raise Gone

    with monkeypatch.context() as patched:
        patched.setattr(house.database, "transaction", transaction)
        with pytest.raises(Gone):
            yield


@pytest.mark.parametrize("committed", [False, True])
def test_wherever_it_ends_somebody_else_goes_on(
    waiting: tuple[House, str, Actor], monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    while True:
        with house.database.reading() as session:
            begun = announcements.unfinished(session)
        if not begun:
            break
        with _dying(house, monkeypatch, committed), clock.standing(LATER), announce.Writer(house) as writer:
            writer.step(begun[0])
        if not committed:
            _steps(house, 1)
    _whole(house, ref)


def test_a_process_killed_again_and_again_leaves_one_whole_announcement(
    waiting: tuple[House, str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    held = house.settings
    monkeypatch.setenv("DATABASE_URL", held.database_url)
    monkeypatch.setenv("NOTIFIER_DATA_DIR", str(held.data_dir))
    monkeypatch.setenv("NOTIFIER_SECRET_KEY", held.secret_key)
    monkeypatch.setenv("REDIS_URL", held.redis_url)
    code = (f"from datetime import datetime; from notifier import clock; from notifier.house import open_house; "
            f"from notifier.jobs import announce; from notifier.workflow import rolls; rolls.PART = 1; "
            f"announce.BREATH = 0.03; print('on', flush=True)\n"
            f"with clock.standing(datetime.fromisoformat({LATER.isoformat()!r})): announce.run(open_house())")
    for patience in (0.05, 0.11, 0.17, 30):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "on\n"
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        child.communicate()
    _whole(house, ref)


def test_two_may_write_at_once_and_one_makes_it_known(waiting: tuple[House, str, Actor]) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    done: list[int] = []
    with clock.standing(LATER):
        threads = [threading.Thread(target=lambda: done.append(announce.run(house))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(done) == 1
    _whole(house, ref)


def test_while_it_is_written_nobody_else_can_announce_the_change(waiting: tuple[House, str, Actor]) -> None:
    house, ref, paul = waiting
    begun = _begin(house, ref, paul)
    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        announcements.make_known(session, [ref], actor=paul, now=LATER)
    assert refused.value.code == "being_announced"
    assert begun.ref in str(refused.value)
    _run(house)
    _whole(house, ref)


def test_who_joins_while_it_is_written_is_told_as_well(waiting: tuple[House, str, Actor]) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    _steps(house, 4)  # all eleven
    with house.database.reading() as session:
        begun = announcements.unfinished(session)[0]
        roll = announcements.check(session, begun, LATER)
    assert roll is not None
    with house.database.transaction() as session:
        factory.take_in(session, factory.customer("late"))
    with house.database.transaction() as session:
        assert not announcements.finish(session, begun.id or 0, roll, actor=paul, now=LATER)
    assert _run(house) == 1
    with house.database.reading() as session:
        late = customers.get(session, "late")
        assert session.exec(select(Notice).where(Notice.customer_id == late.id)).one()
        assert verify.chain(session) == []


def _refused(house: House, words: str) -> None:
    """It was given up in these words, and nothing of it is left but the roll."""
    assert _run(house) == 1
    with house.database.reading() as session:
        given_up = session.exec(select(Announcement)).one()
        assert given_up.abandoned_at == LATER
        assert words in str(given_up.abandoned_why)
        assert announcements.litter(session) is None
        assert session.exec(select(Notice)).all() == []
        assert session.exec(select(Delivery).where(Delivery.kind == "change_announced")).all() == []
        assert verify.chain(session) == []


def test_a_customer_that_changed_meanwhile_is_not_told_what_is_no_longer_so(waiting: tuple[House, str, Actor]) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    _steps(house, 2)
    with house.database.transaction() as session:
        factory.take_in(session, factory.customer("c1", services=("archive",)))
    _refused(house, "customers changed")
    with house.database.transaction() as session:
        again = announcements.announce(session, [ref], actor=paul, now=LATER)
        assert again.included == 8


def test_a_customer_whose_row_was_slower_than_the_one_behind_it_is_not_passed_over(
    waiting: tuple[House, str, Actor]
) -> None:
    house, ref, paul = waiting
    with house.database.transaction() as session:  # two imports at once: one took the earlier ids and is not done yet
        factory.take_in(session, factory.customer("slow"), factory.customer("quick"))
    with house.database.transaction() as session:
        slow = customers.get(session, "slow")
        kept = [(row, dict(session.execute(sa.select(row.__table__).where(number == slow.id)).mappings().one()))
                for row, number in ((Customer, Customer.id), (CustomerService, CustomerService.customer_id),
                                    (Contact, Contact.customer_id))]
        for row, values in reversed(kept):
            session.execute(sa.delete(row.__table__).where(*(
                column == values[column.name] for column in row.__table__.primary_key.columns)))
    _begin(house, ref, paul)
    _steps(house, 4)  # all twelve
    with house.database.transaction() as session:
        for row, values in kept:
            session.execute(sa.insert(row.__table__).values(values))
    _refused(house, "customers changed")
    with house.database.transaction() as session:
        assert announcements.announce(session, [ref], actor=paul, now=LATER).included == 11


def test_a_part_read_ahead_is_not_written_where_the_roll_ends_elsewhere_by_then(
    waiting: tuple[House, str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    with house.database.reading() as session:
        (begun,) = announcements.unfinished(session)
        last = session.exec(select(sa.func.max(Customer.id))).one()
        ahead = announcements.draft(session, begun, LATER, behind=last - 3)
    with house.database.transaction() as session:
        assert len(ahead.seats) == 3
        assert not announcements.write_part(session, begun.id or 0, ahead, now=LATER)
    with clock.standing(LATER), announce.Writer(house) as slow:
        assert not slow.step(begun)
        monkeypatch.setattr(rolls, "PART", 5)  # somebody else's parts are longer
        _steps(house, 1)
        assert not slow.step(begun)
    monkeypatch.undo()
    assert _run(house) == 1
    _whole(house, ref)


def test_on_postgresql_each_part_is_read_while_the_one_before_is_written_and_on_sqlite_none(
    waiting: tuple[House, str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    read: list[int | None] = []
    inner = announcements.draft

    def draft(*args: Any, behind: int | None = None) -> rolls.Part:
        read.append(behind)
        if len(read) == 3 and behind:
            raise Refusal("start_missing")  # true when it was read, and no longer
        return inner(*args, behind=behind)

    monkeypatch.setattr(announcements, "draft", draft)
    assert _run(house) == 1
    made = _whole(house, ref)
    with house.database.reading() as session:
        roll = list(session.exec(select(AudienceRow.customer_id).where(AudienceRow.announcement_id == made.id)
                                 .order_by(AudienceRow.customer_id)))
    ahead = [roll[2], roll[5], None, roll[8], roll[10]]
    assert read == [None, *([None] * 4 if house.database.sqlite else ahead)]


def test_where_the_log_cannot_be_told_of_the_rows_nothing_is_made_known_and_the_next_goes_on(
    waiting: tuple[House, str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)

    def unread(*_: object) -> rolls.Told:
        raise OSError("the database is gone")

    with monkeypatch.context() as patched:
        patched.setattr(rolls, "told_of", unread)
        with pytest.raises(OSError, match="gone"):
            _run(house)
    with house.database.reading() as session:
        assert len(announcements.unfinished(session)) == 1
        assert session.exec(select(NoticeChange)).all() == []
        assert verify.chain(session) == []
    assert _run(house) == 1
    _whole(house, ref)


def test_a_change_withdrawn_meanwhile_is_not_announced(waiting: tuple[House, str, Actor]) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    _steps(house, 2)
    with house.database.transaction() as session:
        announcements.withdraw(session, ref, "Not needed after all.", actor=paul, now=LATER)
    _refused(house, "withdrawn")


def test_what_cannot_be_announced_is_refused_before_anything_is_written_naming_all(
    waiting: tuple[House, str, Actor]
) -> None:
    house, ref, paul = waiting
    with house.database.transaction() as session:
        for contact in session.exec(select(Contact).where(col(Contact.email).in_(["legal@c2.example",
                                                                                  "legal@c8.example"]))):
            contact.retired_at = NOW
    _begin(house, ref, paul)
    _refused(house, "C2 Ltd")
    with house.database.reading() as session:
        (given_up,) = announcements.given_up(session)
        assert "C8 Ltd" in str(given_up.abandoned_why)
        assert session.exec(select(AudienceRow)).all() == []


def test_a_person_whose_role_is_gone_by_the_end_announces_nothing(waiting: tuple[House, str, Actor]) -> None:
    house, ref, paul = waiting
    _begin(house, ref, paul)
    _steps(house, 1)
    with house.database.transaction() as session:
        user = session.get_one(User, paul.id)
        user.roles = [str(Role.OPS)]
    assert _run(house) == 1
    with house.database.reading() as session:
        (given_up,) = announcements.given_up(session)
        assert "privacy" in str(given_up.abandoned_why)


def test_the_mark_of_all_customers_moves_with_every_write_of_theirs(house: House) -> None:
    with house.database.transaction() as session:
        factory.baseline(session)
        marks = [rolls.fingerprint(session)]
        factory.take_in(session, factory.customer("a"), factory.customer("b"))
        marks.append(rolls.fingerprint(session))
        session.exec(select(Customer).where(Customer.ref == "a")).one().updated_at = LATER
        session.flush()
        marks.append(rolls.fingerprint(session))
        bought = session.exec(select(CustomerService)).first()
        assert bought is not None
        bought.ended_on = date(2026, 5, 1)
        session.flush()
        marks.append(rolls.fingerprint(session))
        assert rolls.fingerprint(session) == marks[-1]
    assert len(set(marks)) == len(marks)


def test_the_clock_rings_for_what_nobody_goes_on_with(
    waiting: tuple[House, str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, ref, paul = waiting
    rung: list[str] = []
    monkeypatch.setattr(house, "ring", lambda job, *_: bool(rung.append(job)))
    _begin(house, ref, paul)
    with clock.standing(LATER):
        sweep.once(house)
    assert announce.JOB in rung
    _run(house)
    rung.clear()
    with clock.standing(LATER):
        sweep.once(house)
    assert announce.JOB not in rung
