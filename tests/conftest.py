"""What every test may ask for: both databases, a Redis, a house. Real servers, one of each per run."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from werkzeug.routing.rules import Rule

from notifier import clock
from notifier import db as schema
from notifier.db import Database
from notifier.domain.people import Door, system
from notifier.house import House, seed_values
from notifier.settings import Settings
from notifier.workflow import settings as setting_verbs
from tests import databases, factory, servers

_stack = ExitStack()
_running: dict[str, str] = {}
_used: list[str] = []


def _postgres() -> str:
    if "postgres" not in _running:
        _running["postgres"] = _stack.enter_context(servers.postgres())
        _used.append(servers.describe())
    return _running["postgres"]


def _redis() -> str:
    if "redis" not in _running:
        _running["redis"] = _stack.enter_context(servers.redis())
    return _running["redis"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stops the servers; a run in several processes hands on which it had."""
    _stack.close()
    if (handed := getattr(session.config, "workeroutput", None)) is not None:
        handed["servers"] = _used


class _Servers:
    """Hooks of pytest-xdist, there only where it is."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A process of the run has ended: its servers were the run's."""
        _used.extend(getattr(node, "workeroutput", {}).get("servers", []))


def pytest_collection_finish() -> None:
    """What was imported stays until the end: nobody need look through it for garbage again and again."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """Listens to the processes of a run, if there are several."""
    config.pluginmanager.register(_Servers())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which servers the run used, so that nobody mistakes half a run for a whole one."""
    others = " · ".join(dict.fromkeys(_used)) or "no other"
    terminalreporter.write_line(f"servers: SQLite {sqlite3.sqlite_version}; {others}")


def _migrate(url: str) -> None:
    database = Database(url)
    schema.migrate(database)
    database.close()


_engines: dict[bool, Any] = {}


_builders: dict[Hashable, Any] = {}


@pytest.fixture(autouse=True, scope="session")
def compiled_once() -> Iterator[None]:
    """Statements and routes are compiled once a run: of every test's engine and application of its own, a fifth of the
    time went into that. An engine takes over the dialect and the compiled statements of the first of its kind that was
    connected; a route what builds addresses for the same route."""
    opening, building = Database.__init__, getattr(Rule, "_compile_builder", None)

    def opened(database: Database, url: str) -> None:
        opening(database, url)
        engine, first = database.engine, _engines.get(database.sqlite)
        if first is None or getattr(first.dialect, "server_version_info", None) is None:
            _engines[database.sqlite] = engine
        else:
            engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache

    def built(rule: Any, append_unknown: bool = True) -> Any:
        key = (append_unknown, tuple(rule._trace), tuple((rule.defaults or {}).items()))
        if key not in _builders:
            _builders[key] = building(rule, append_unknown)  # type: ignore[misc]
        return _builders[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "__init__", opened)
        patch.setattr(Rule, "_compile_builder", built, raising=False)
        yield


@pytest.fixture(autouse=True)
def still_clock() -> Iterator[None]:
    """No test inherits another's demo clock."""
    yield
    clock.follow(None)


@pytest.fixture
def redis_url() -> str:
    """A real Redis, emptied for this test."""
    import redis

    url = _redis()
    with redis.Redis.from_url(url) as connection:
        connection.flushdb()
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database; the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield servers.fresh_sqlite(tmp_path / "notifier.db")
        return
    with databases.lent(_postgres(), _migrate) as url:
        yield url


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A migrated, empty PostgreSQL database, for journeys that are long enough on one."""
    with databases.lent(_postgres(), _migrate) as url:
        yield url


@pytest.fixture
def make_house(tmp_path: Path, redis_url: str) -> Iterator[Callable[..., House]]:
    """Opens a house on given settings, seeded like a first migrate, and closes its database afterwards."""
    opened: list[House] = []

    def make(**given: object) -> House:
        values: dict[str, object] = {
            "data_dir": tmp_path, "redis_url": redis_url, "secret_key": "k" * 40, "base_url": "https://list.example",
            "org_legal_name": "Processor AG", "org_address": "Bahnhofstrasse 1, 8001 Zürich, Switzerland",
            "org_contact": "privacy@processor.example",
            "mail_from": "notices@processor.example", "reply_to": "privacy@processor.example", **given,
        }
        house = House(Settings(_env_file=None, **values))  # type: ignore[arg-type,call-arg]
        opened.append(house)
        with house.database.transaction() as session:
            setting_verbs.seed(session, *seed_values(house.settings), actor=system(Door.CLI), now=factory.NOW)
        return house

    yield make
    for house in opened:
        house.database.close()


@pytest.fixture
def house(make_house: Callable[..., House], database_url: str) -> House:
    """A migrated, seeded house on either database, with the outbox as its transport."""
    return make_house(database_url=database_url)
