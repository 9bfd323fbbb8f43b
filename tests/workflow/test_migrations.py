"""The migrations make exactly the schema the tables say, go down again, and back up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlmodel import SQLModel

from notifier import db
from notifier.db import Database
from notifier.house import House
from notifier.workflow import blobs
from tests import factory


def test_the_migrated_schema_is_the_one_of_the_tables(database_url: str) -> None:
    database = Database(database_url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    assert db.is_current(database)
    database.close()


def test_the_schema_goes_down_and_comes_up_again(database_url: str) -> None:
    database = Database(database_url)
    command.downgrade(db.alembic_config(database), "base")
    assert set(sa.inspect(database.engine).get_table_names()) <= {"alembic_version"}
    db.migrate(database)
    assert db.is_current(database)
    database.close()


def test_letters_can_be_read_after_going_down_and_up_again(house: House) -> None:
    form = blobs.Base(b"Dear customer, we tell you of a new sub-processor. " * 40)
    with house.database.transaction() as session:
        bodies = {letter.sha256: body for n in range(3) for body in [form.body + str(n).encode()]
                  for letter in [blobs.Letter.of(body, form)] if blobs.keep(session, [letter], factory.NOW) is None}
    config = db.alembic_config(house.database)
    for revision in ("0012", "0013", "0005", "head"):
        (command.downgrade if revision in ("0012", "0005") else command.upgrade)(config, revision)
    with house.database.reading() as session:
        assert {sha256: blobs.body(session, sha256) for sha256 in bodies} == bodies


def test_no_index_repeats_how_another_one_begins() -> None:
    """Every letter and notice pays for each index of its table, several times over."""
    for table in SQLModel.metadata.sorted_tables:
        whole = [tuple(index.columns.keys()) for index in table.indexes
                 if index.dialect_options["postgresql"]["where"] is None]
        whole += [tuple(rule.columns.keys()) for rule in table.constraints
                  if isinstance(rule, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
        for one in whole:
            assert sum(other[:len(one)] == one for other in whole) == 1, f"{table.name}: {one}"
