"""The database: one engine, transactions, migrations. Nobody else knows the URL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session

from notifier import paths

if TYPE_CHECKING:
    from alembic.config import Config

LOCK_WAIT = 2000  # milliseconds: a page may be slow, it must not hang
OPTIONS = f"-c lock_timeout={LOCK_WAIT} -c timezone=UTC -c jit=off"
"""What PostgreSQL is told of our connections. Its compiler takes a quarter of a second where it takes a statement for a
long one; ours read a few rows of many."""

ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
"""A server that has gone without a word is noticed within half a minute, and not after TCP's two hours."""

RESTED = 1.0  # seconds after which a connection is asked whether it still stands


class Database:
    """An engine and its two kinds of session. Sessions never expire what they loaded: values outlive them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        if self.sqlite:
            Path(sa.make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
            self.engine = sa.create_engine(
                url, hide_parameters=True, connect_args={"check_same_thread": False, "timeout": 10}
            )
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            self.engine = sa.create_engine(
                url,
                hide_parameters=True,  # what people wrote, and their addresses, do not belong into a log
                pool_size=5,
                connect_args={"connect_timeout": 2, "options": OPTIONS, **ALIVE},
            )
            event.listen(self.engine, "checkin", _note_rest)
            event.listen(self.engine, "checkout", _ask_after_rest)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A writing session: commits at the end of the block, rolls back when it raises."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads, and so never waits for a writer."""
        engine = self.engine.execution_options(reading=True)
        with Session(engine, expire_on_commit=False) as session:
            yield session  # closing detaches what was loaded; a rollback here would empty it

    def close(self) -> None:
        """Gives all connections back to the system."""
        self.engine.dispose()


def _note_rest(connection: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _ask_after_rest(connection: Any, record: Any, proxy: Any) -> None:
    """A connection that has rested for a while is asked whether it still stands, and replaced where it does not. The
    pool could ask before each transaction: one more answer to wait for in each, while a worker has many a second."""
    if time.monotonic() - record.info.get("rests_since", time.monotonic()) < RESTED:
        return
    try:
        connection.execute("")
        connection.rollback()
    except Exception as gone:
        raise sa.exc.InvalidatePoolError from gone


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # The driver must not open transactions behind our back: deferred ones lose updates silently.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def alembic_config(database: Database) -> Config:
    """Alembic's configuration in code, so that it works from a wheel."""
    from alembic.config import Config  # a fifth of a second that only migrating should cost

    config = Config()
    config.set_main_option("script_location", str(paths.migrations()))
    config.attributes["engine"] = database.engine
    return config


def migrate(database: Database) -> None:
    """Brings the schema to the newest revision; does nothing where it is there already."""
    from alembic import command

    command.upgrade(alembic_config(database), "head")


def is_current(database: Database) -> bool:
    """Whether the schema is at the newest revision: the highest number among the migrations' files."""
    newest = max(path.name.partition("_")[0] for path in (paths.migrations() / "versions").glob("[0-9]*.py"))
    with database.engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version"))) == newest
