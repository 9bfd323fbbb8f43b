"""Alembic's entry: runs against the engine that `notifier.db` hands over."""

import sqlmodel  # noqa: F401
from alembic import context

import notifier.tables  # noqa: F401
from notifier.tables.base import SQLModel

engine = context.config.attributes["engine"]

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
