"""PostgreSQL databases lent to tests, one after the other: emptying one costs a fiftieth of making and dropping it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.engine import make_url

from tests import servers
from tests.servers import Migrate

LARGEST = 40_000_000  # bytes: one that has grown is dropped, since the rows that were deleted still take room

_free: dict[str, list[_Lent]] = {}


class _Lent:
    """A database that comes back: its address, and the statements that make it what it was."""

    def __init__(self, server: str, migrate: Migrate) -> None:
        self.url = servers.fresh_database(server, migrate)
        with self._connection() as connection:
            self._tables = self._names(connection)
            self._version = self._revision(connection)
            filled = [name for name in self._tables if connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()]
            connection.execute("CREATE SCHEMA pristine")  # what migrating put there
            for name in filled:
                connection.execute(f"CREATE TABLE pristine.{name} AS TABLE public.{name}")
            self._again = ";".join([
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()",
                "SET session_replication_role = replica",  # no triggers: some tables may not be emptied
                *(f"DELETE FROM public.{name}" for name in self._tables),
                *(f"INSERT INTO public.{name} SELECT * FROM pristine.{name}" for name in filled),
                *(f"SELECT setval('public.\"{name}\"', {last or 1}, {'true' if last else 'false'})"
                  for name, last in self._sequences(connection)),
                "SET session_replication_role = origin",
            ])

    def emptied(self) -> bool:
        """Makes it what it was. False where that cannot be done, because a test has changed its schema or filled it."""
        with self._connection() as connection:
            grown = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            if self._names(connection) != self._tables or self._revision(connection) != self._version:
                return False
            if grown is None or grown[0] > LARGEST:
                return False
            connection.execute(self._again)
        return True

    def _connection(self) -> psycopg.Connection:
        plain = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(plain.replace("%2F", "/"), autocommit=True)

    @staticmethod
    def _names(connection: psycopg.Connection) -> list[str]:
        found = connection.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND "
                                   "tablename <> 'alembic_version' ORDER BY 1")
        return [name for (name,) in found]

    @staticmethod
    def _revision(connection: psycopg.Connection) -> str:
        found = connection.execute("SELECT string_agg(version_num, ',') FROM alembic_version").fetchone()
        return str(found and found[0])

    @staticmethod
    def _sequences(connection: psycopg.Connection) -> list[tuple[str, int | None]]:
        return list(connection.execute("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"))


@contextmanager
def lent(server: str, migrate: Migrate) -> Iterator[str]:
    """A migrated database of this server with nothing in it but what migrating puts there; yields its URL."""
    free = _free.setdefault(server, [])
    database = free.pop() if free else _Lent(server, migrate)
    yield database.url
    if database.emptied():
        free.append(database)
    else:
        servers.drop_database(database.url)
