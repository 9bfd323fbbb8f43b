"""What transactions tell the log of the rows they write: before and after, and nothing a person could be known by."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, SQLModel, col, select

from notifier.domain.people import Role
from notifier.house import House
from notifier.tables import AuditDetail, AuditEntry, Contact, Customer, Setting
from notifier.workflow import audit, customers, people, verify, watched, written
from notifier.workflow.written import Told, packed, unpacked
from tests import factory
from tests.factory import NOW
from tests.workflow import every_verb

ROOT = Path(__file__).resolve().parents[2]

UNWATCHED = {
    "audit_entry": "the log itself", "audit_detail": "the log itself", "audit_head": "the log itself",
    "audience_row": "its hash stands in the announcement's entry",
    "delivery_event": "under the Merkle root of its batch's entry",
    "delivery_event_detail": "erasable words beside the event", "blob": "named by its own hash",
    "engagement_service": "the list is held against its newest edition",
    "kept_answer": "kept for a day, so that a request acts once", "lane": "moves with every call",
    "lease": "who acts as the clock", "link": "signed; made on first use",
    "page_request": "an address typed by anybody, gone when answered", "provider_post": "raw, until it is read",
    "customer_upload": "a file on its way in; what it changes is told where it is taken in",
    "publication": "a rendering of the edition",
}
PAST_THE_SESSION = {
    **{("customer_writing.py", verb, model): "told by written.made and written.altered" for verb, model in (
        ("insert", "Customer"), ("update", "Customer"), ("insert", "CustomerService"), ("update", "CustomerService"),
        ("insert", "Contact"), ("update", "Contact"))},
    ("bulk.py", "update", "rows"): "what `update_each` is called for is looked at where it is called",
    ("bulk.py", "insert", "rows"): "what `insert_each` is called for is looked at where it is called",
    ("delivery_events.py", "insert", "events"): "append-only, under the entry's Merkle root",
    ("deliveries.py", "update", "Delivery"): "how a letter goes, told by its events",
    ("mailings.py", "update", "Notice"): "told by in_bulk",
    ("register.py", "delete", "EngagementService"): "not watched",
    ("rolls.py", "insert", "NoticeChange"): "told when the announcement is shown",
    ("rolls.py", "insert", "Notice"): "told when the announcement is shown",
    ("rolls.py", "insert", "Delivery"): "told when the announcement is shown",
    ("windows.py", "insert", "_w"): "told by written.made",
    ("rolls.py", "delete", "Delivery"): "of an announcement nobody has seen",
    ("rolls.py", "delete", "Notice"): "of an announcement nobody has seen",
}


def told(house: House, table: str) -> list[Told]:
    """What the newest entry tells of a table."""
    with house.database.reading() as session:
        entry = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq).desc())).first()
        assert entry is not None
        side = session.get(AuditDetail, entry.seq)
        return [fact for fact in written.told(entry.refs, side.detail if side else {}) if fact.table == table]


def faults(house: House) -> list[str]:
    with house.database.reading() as session:
        return [str(fault) for fault in verify.chain(session)]


def test_every_table_is_told_of_or_it_is_said_why_not() -> None:
    assert watched.WATCHED.keys() | UNWATCHED.keys() == SQLModel.metadata.tables.keys()
    assert not watched.WATCHED.keys() & UNWATCHED.keys()
    for table, kept in watched.WATCHED.items():
        columns = {column.name for column in SQLModel.metadata.tables[table].columns}
        assert kept.codes | kept.hashed | kept.left_out <= columns, table


def test_whoever_opens_a_house_has_sessions_that_tell_what_they_write() -> None:
    told = "import sys, notifier.house; sys.exit('notifier.workflow.written' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], cwd=ROOT, check=False).returncode == 0


def test_no_statement_writes_to_a_watched_table_past_the_session_untold() -> None:
    writing = re.compile(r"(?:sa\.|\b(?=(?:update|insert)_each))(update|delete|insert)(?:\(|_each\(\s*\S+,)\s*"
                         r"(?:table\()?(\w+)")
    models = {m.class_.__name__: m.local_table for m in SQLModel._sa_registry.mappers}
    found = {
        (path.name, verb, model) for path in (ROOT / "notifier").rglob("*.py")
        if "migrations" not in path.parts and path.name != "audit.py"  # the door moves states, each with its entry
        for verb, model in writing.findall(path.read_text(encoding="utf-8"))
        if model not in models or getattr(models[model], "name", "") in watched.WATCHED
    }
    assert found - PAST_THE_SESSION.keys() == set()


def test_an_act_tells_what_it_replaced_by_what(house: House) -> None:
    with house.database.transaction() as session:
        factory.take_in(session, factory.customer("alpha"))
    with house.database.transaction() as session:
        factory.take_in(session, factory.customer("alpha", name="Alpha Group", country="DE"))
    facts = {fact.column: (fact.before, fact.after) for fact in told(house, "customer")}
    assert facts == {"name": ("Alpha Ltd", "Alpha Group"), "country": ("", "DE")}


@given(st.lists(st.tuples(st.integers(), st.text(), st.none() | st.booleans(), st.datetimes().map(
    lambda moment: moment.replace(tzinfo=UTC)), st.sampled_from(Role))))
def test_the_hash_of_inserted_rows_is_over_their_plain_json(rows: list[tuple[Any, ...]]) -> None:
    lines = "".join(json.dumps(list(row), default=watched.plain) for row in rows)
    ids, digest = written.digest([rows[:2], rows[2:]])
    assert (ids, digest) == ([row[0] for row in rows], hashlib.sha256(lines.encode()).hexdigest())


def test_a_mass_act_stays_a_short_entry(house: House) -> None:
    with house.database.transaction() as session:
        factory.take_in(session, *[factory.customer(f"c{n:03}") for n in range(200)])
    with house.database.reading() as session:
        entry = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq).desc())).first()
        assert entry is not None
        assert entry.refs["rows"]["customer"]["made"] == [[1, 200]]
        assert len(str(entry.refs)) < 8000  # the moments and codes of all; names stand aside


def test_what_was_made_and_removed_in_one_act_never_was(house: House) -> None:
    with house.database.transaction() as session:
        audit.note(session, "test", "settings", "", actor=factory.SYSTEM, now=NOW)
        row = Setting(key="x", value=1, changed_at=NOW)
        session.add(row)
        session.flush()
        session.delete(row)
    assert told(house, "setting") == []
    assert faults(house) == []


def test_an_act_that_forgets_its_entry_gets_one(house: House) -> None:
    with house.database.transaction() as session:
        session.add(Customer(ref="x", name="X", terms={}, created_at=NOW, updated_at=NOW))
    with house.database.reading() as session:
        entry = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq).desc())).first()
        assert entry is not None
        assert (entry.action, entry.subject_kind, entry.at) == ("write", "rows", "2026-03-02T09:00:00Z")
    assert {fact.column: fact.after for fact in told(house, "customer")}["name"] == "X"
    assert faults(house) == []


def test_what_a_savepoint_took_back_is_not_told_and_what_it_kept_is(house: House) -> None:
    def two(session: Session) -> None:
        with session.begin_nested():
            session.add(Setting(key="kept", value=1, changed_at=NOW))
        with session.begin_nested():
            session.add(Setting(key="lost", value=1, changed_at=NOW))
            session.flush()
            raise LookupError

    with house.database.transaction() as session:
        with pytest.raises(LookupError):
            two(session)
        audit.note(session, "test", "settings", "", actor=factory.SYSTEM, now=NOW)
    assert [fact.ids for fact in told(house, "setting") if fact.column == "value"] == [("kept",)]
    assert faults(house) == []


def test_a_transaction_that_was_rolled_back_tells_nothing(house: House) -> None:
    def refused() -> None:
        with house.database.transaction() as session:
            factory.take_in(session, factory.customer("alpha"))
            raise LookupError

    with pytest.raises(LookupError):
        refused()
    with house.database.transaction() as session:
        people.add(session, "eve@processor.example", "Eve", [Role.OPS], actor=factory.SYSTEM, now=NOW)
    assert told(house, "customer") == []
    assert faults(house) == []


def test_of_what_was_erased_nothing_is_said_and_of_the_rest_everything(house: House) -> None:
    with house.database.transaction() as session:
        factory.take_in(session, factory.customer("alpha"))
    with house.database.transaction() as session:
        factory.take_in(session, factory.customer("alpha", name="Alpha Group"))
    with house.database.transaction() as session:
        session.execute(sa.delete(AuditDetail))
    assert faults(house) == []
    with house.database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE customer SET name = 'Mallory', language = 'fr'"))
    assert faults(house) == ["customer alpha was altered: “language” is “fr”, but the log says “en”."]


def test_a_chain_from_before_says_nothing_of_its_rows_until_they_change(
    make_house: Callable[..., House], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(watched, "WATCHED", {})
        house = make_house(database_url=database_url)
        with house.database.transaction() as session:
            factory.take_in(session, factory.customer("alpha"), factory.customer("beta"))
    assert faults(house) == []
    with house.database.transaction() as session:
        customers.get(session, "alpha").name = "Alpha Group"
        audit.note(session, "test", "customer", "1", actor=factory.SYSTEM, now=NOW)
    with house.database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE customer SET name = 'Mallory', language = 'fr'"))
    assert faults(house) == ["customer alpha was altered: “name” is “Mallory”, but the log says “Alpha Group”."]


def test_the_chain_holds_nothing_a_person_could_be_known_by(house: House) -> None:
    every_verb.travel(house)
    with house.database.reading() as session:
        chain = " ".join(str(entry.model_dump()) for entry in session.exec(select(AuditEntry)))
        readable: set[Any] = {contact.email for contact in session.exec(select(Contact))}
        for model in SQLModel._sa_registry.mappers:
            table = model.local_table.name  # type: ignore[attr-defined]
            aside = [name for name, way in watched.ways(table).items() if way is watched.Way.ASIDE]
            for row in session.execute(sa.select(*[model.local_table.c[name] for name in aside])) if aside else ():
                readable |= {value for value in row if isinstance(value, str) and " " in value}
    assert len(readable) > 50
    assert [words for words in readable if words in chain] == []


@given(st.sets(st.integers(1, 60) | st.text("abc:", min_size=1, max_size=3)))
def test_ids_are_packed_and_unpacked_without_loss(ids: set[written.Id]) -> None:
    assert set(unpacked(packed(ids))) == ids
    assert len(list(unpacked(packed(ids)))) == len(ids)
