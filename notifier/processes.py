"""The processes of one installation on one machine, and what is done before they start."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from alembic.runtime.migration import MigrationContext

from notifier import clock, db, redis_server
from notifier.domain.people import Actor
from notifier.house import House, seed_values
from notifier.jobs.queue import QUEUES
from notifier.settings import Settings
from notifier.supervisor import Process
from notifier.workflow import settings as setting_verbs

REDIS, WORKERS, WEB, CLOCK = range(4)  # stages: stopped from the last to the first


def plan(settings: Settings, data_dir: Path, *, base_url: str, port: int) -> list[Process]:
    """The processes for `supervisor.supervise`, in the order they start: redis (unless REDIS_URL names one), web,
    a worker for each queue, clock. They are told the database, the Redis, the transport, the addresses and the
    signing keys that `settings` mean, whatever their own environment says. Raises NoRedis, SettingsError."""
    own = None if settings.redis_url else redis_server.prepare(data_dir)
    env = {
        "NOTIFIER_DATA_DIR": str(data_dir.resolve()), "DATABASE_URL": settings.database, "PORT": str(port),
        "NOTIFIER_HOST": settings.host, "NOTIFIER_BASE_URL": base_url,
        "NOTIFIER_MAIL_TRANSPORT": settings.mail_transport, "REDIS_URL": own.url if own else settings.redis_url,
        "NOTIFIER_MAIL_FROM": settings.mail_from, "NOTIFIER_REPLY_TO": settings.reply_address,
        "NOTIFIER_SECRET_KEY": ",".join(settings.secret_keys()),
    }
    found = [_ours("web", ["web"], env, WEB, partial(serving, settings.host, port))]
    found += [_ours(name, ["worker", name], env, WORKERS) for name in QUEUES]
    found.append(_ours("clock", ["clock"], env, CLOCK))
    if own is not None:
        found.insert(0, Process("redis", own.argv, ready=partial(redis_server.answers, own.url), stage=REDIS))
    return found


def workers() -> list[Process]:
    """One worker for each queue, for a machine that does nothing else. They inherit the environment."""
    return [_ours(name, ["worker", name], {}, WORKERS) for name in QUEUES]


def _ours(
    name: str, verb: list[str], env: Mapping[str, str], stage: int, ready: Callable[[], bool] | None = None
) -> Process:
    return Process(name, (sys.executable, "-m", "notifier", *verb), env, ready, stage)


def serving(host: str, port: int) -> bool:
    """Whether the web process answers that it can do its work, within a second."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (read, not bound)
    connection = http.client.HTTPConnection(reached, port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def prepare(house: House, actor: Actor) -> list[str]:
    """Migrates the database and seeds the settings table where it is empty; says in words what was done.
    Safe to repeat. Raises what the database raises."""
    before = _revision(house)
    db.migrate(house.database)
    after = _revision(house)
    done = [f"Database: schema {after}" + (" already." if after == before else f", from {before or 'nothing'}.")]
    with house.database.transaction() as session:
        seeded = setting_verbs.seed(session, *seed_values(house.settings), actor=actor, now=clock.now())
    done.append("Settings: taken from the environment." if seeded else "Settings: kept as they are.")
    house.database.close()  # the processes open their own connections
    return done


def _revision(house: House) -> str | None:
    with house.database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
