"""A whole installation in its own processes, as an operator would run it; ended by the test that began it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.journeys import commands
from tests.journeys.commands import Said

PATIENCE = 60.0  # seconds; generous, for a machine that does other things too


@dataclass
class Installation:
    """A running `notifier run` or `notifier demo`, and the environment its command line needs."""

    env: Mapping[str, str]
    port: int
    log: Path
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cli(self, *args: str, token: str = "", stdin: str = "", status: int = 0) -> str:
        """Runs `notifier …` and returns all it printed; the exit status must be as expected."""
        done = self._cli(args, token, stdin, status)
        return done.stdout + done.stderr

    def read(self, *args: str) -> Any:
        """Runs a verb with --json and returns what it says."""
        return json.loads(self._cli((*args, "--json"), "", "", 0).stdout)

    def _cli(self, args: tuple[str, ...], token: str, stdin: str, status: int) -> Said:
        env = {**self.env, **({"NOTIFIER_TOKEN": token} if token else {})}
        said = commands.run(args, env, self.folder, stdin, PATIENCE)
        assert said.status == status, f"{args}: {said.status}\n{said.stdout}\n{said.stderr}"
        assert "Traceback" not in said.stderr
        if status:
            lines = [line for line in said.stderr.splitlines() if not line.startswith("Using the demo in")]
            assert len(lines) <= 1, said.stderr
        return said

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page, by its path or its whole address."""
        return self._open(urllib.request.Request(path if "://" in path else self.url + path))

    def post(self, url: str, fields: Mapping[str, str | list[str]]) -> tuple[int, str, str]:
        """Sends a form, follows the redirect: status, final address, body."""
        data = urllib.parse.urlencode(fields, doseq=True).encode()
        request = urllib.request.Request(url if "://" in url else self.url + url, data=data)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.url, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.url or "", error.read().decode()

    @staticmethod
    def _open(request: urllib.request.Request) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def until(self, true: Callable[[], Any]) -> Any:
        """Waits until something is so, and returns it; the log is in the failure."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := true():
                return found
            time.sleep(0.1)
        raise AssertionError(self.log.read_text()[-4000:])


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    folder: Path, verb: list[str], env: Mapping[str, str], *, python: str = sys.executable
) -> Iterator[Installation]:
    """Starts `notifier <verb>` and waits until it is ready; afterwards Ctrl-C, and nothing may be left behind."""
    port, log = free_port(), folder / "log"
    folder.mkdir(exist_ok=True)
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("NOTIFIER_", "MAILJET_", "REDIS_", "DATABASE_"))}
    whole = {**plain, "PORT": str(port), "NOTIFIER_SWEEP_SECONDS": "0.2", **env}
    with log.open("wb") as out:
        child = subprocess.Popen(
            [python, "-m", "notifier", *verb], env=whole, cwd=folder, stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT,
        )
    here = Installation(whole, port, log, folder)
    try:
        here.until(lambda: child.poll() is not None or _ready(here))
        assert child.poll() is None, log.read_text()
        yield here
        family = _family(child.pid)
        child.send_signal(signal.SIGINT)
        assert child.wait(PATIENCE) == 0, log.read_text()[-4000:]
        assert len(family) >= 5
        assert [pid for pid in family if _alive(pid)] == []
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def _ready(here: Installation) -> bool:
    try:
        return here.get("/readyz")[0] == 200
    except OSError:
        return False


def _family(pid: int) -> list[int]:
    """Every process below this one."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *_family(int(child))]
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
