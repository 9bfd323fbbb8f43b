"""Servers that can be stopped, killed and started again on their old data: PostgreSQL, Redis, Mailjet's stand-in."""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import redis

from notifier import redis_server
from notifier.supervisor import die_with_parent
from tests import servers


class Postgres:
    """A PostgreSQL of this test alone that keeps its word over a crash: commits wait for the log."""

    def __init__(self) -> None:
        user = servers._user()
        self.folder = Path(tempfile.mkdtemp(prefix="notifier-pg-", dir=servers._base(user)))
        if user.uid is not None and user.gid is not None:
            os.chown(self.folder, user.uid, user.gid)
        found = next(iter(servers._programs()), None)
        if found is None:
            raise servers.NoServer("No PostgreSQL for the fault tests: install one.")
        self.programs = servers._reachable(found, self.folder, user)
        self.as_user: dict[str, Any] = {"user": user.uid, "group": user.gid, "extra_groups": user.groups}
        made = subprocess.run(
            [self.programs / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--no-sync"],
            cwd=self.folder, capture_output=True, text=True, timeout=90, check=False, **self.as_user,
        )
        assert made.returncode == 0, made.stderr
        self.start()

    def empty(self) -> str:
        """The URL of a database that holds nothing yet."""
        return servers.fresh_database(f"postgresql+psycopg://postgres@/postgres?host={self.folder}")

    def start(self) -> None:
        """Starts the server on its data and waits until it answers."""
        settings = {"listen_addresses": "", "unix_socket_directories": self.folder, "fsync": "off",
                    "max_connections": 60}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        parent, log = os.getpid(), self.folder / "log"
        with log.open("ab") as out:
            self.child = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", *flags], cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                preexec_fn=lambda: die_with_parent(signal.SIGINT, parent), **self.as_user,
            )
        servers._await(self.child, self.folder, log)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it fast, SIGQUIT at once and without any tidying, as a crash would."""
        self.child.send_signal(how)
        self.child.wait(30)

    def close(self) -> None:
        """Stops it and takes its data away."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis:
    """A Redis on its own folder and socket."""

    def __init__(self, folder: Path) -> None:
        self.server = redis_server.prepare(folder)
        self.url = self.server.url
        self.start()

    def start(self) -> None:
        """Starts it on whatever its folder holds, and waits until it answers."""
        parent = os.getpid()
        self.child = subprocess.Popen(
            self.server.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM, parent),
        )
        while not redis_server.answers(self.url):
            assert self.child.poll() is None, self.server.log.read_text()

    def stop(self) -> None:
        """Kills it."""
        self.child.kill()
        self.child.wait(10)

    def flush(self) -> None:
        """Forgets everything."""
        with redis.Redis.from_url(self.url) as connection:
            connection.flushall()


class Mailjet:
    """The stand-in in a process of its own, over TLS, telling its events to `events_url`: every one twice, and first
    backwards."""

    def __init__(self, events_url: str, events_auth: str) -> None:
        parent = os.getpid()
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.mailjet_standin", "--tls", "--unruly", "--events-url", events_url,
             "--events-auth", events_auth],
            cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM, parent),
        )
        assert self.child.stdout is not None
        self.url, self.ca_file = self.child.stdout.readline().split()
        self._tls = ssl.create_default_context(cafile=self.ca_file)

    def order(self, **attributes: Any) -> None:
        """Sets attributes of the stand-in: plan, lookups, mode, delay, blind, retry_after."""
        self._ask("standin/orders", json.dumps(attributes).encode())

    def taken(self) -> dict[str, Any]:
        """What it has taken so far, and how often it was called."""
        found: dict[str, Any] = self._ask("standin/taken", None)
        return found

    def _ask(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self.url + path, data=body)
        with urllib.request.urlopen(request, timeout=30, context=self._tls) as answer:
            return json.loads(answer.read())

    def close(self) -> None:
        """Ends it."""
        self.child.terminate()
        self.child.wait(20)
        assert self.child.stdout is not None
        self.child.stdout.close()
