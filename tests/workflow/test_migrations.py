"""The migrations make exactly the schema the tables say, go down again, and back up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlmodel import SQLModel

from notifier import db
from notifier.db import Database


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
