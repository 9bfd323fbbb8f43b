"""The supervisor, with small real processes below it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from notifier import supervisor

ROOT = Path(__file__).resolve().parents[2]

# A child that notes in `notes` when it began and what ended it. `{name}` and `{notes}` are filled in.
CHILD = """
import os, signal, sys, time
def note(word):
    with open({notes!r}, "a") as file: file.write(f"{name} {{os.getpid()}} {{word}}\\n")
def leave(signum, frame):
    note("leaves")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("hello from {name}")
note("begins")
while True: time.sleep(0.05)
"""
STUBBORN = CHILD.replace("SIGTERM, leave", "SIGTERM, signal.SIG_IGN")


def until(true: Callable[[], object], seconds: float = 40) -> None:
    """Waits for something another process does."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


class House:
    """A supervisor in a process of its own, and what its children noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        self.out = folder / "out"

    def a_child(self, name: str, stage: int, *, code: str = CHILD, more: str = "") -> str:
        """The source of one Process; `more` are further keyword arguments."""
        source = code.format(name=name, notes=str(self.notes))
        return f"Process({name!r}, [sys.executable, '-c', {source!r}], stage={stage}, {more})"

    def command(self, *processes: str, options: str = "") -> list[str]:
        code = textwrap.dedent(f"""
            import sys
            from pathlib import Path
            from notifier import redis_server
            from notifier.supervisor import AlreadyRunning, Process, supervise
            notes, data = Path({str(self.notes)!r}), Path({str(self.folder / "data")!r})
            def noted(word): return notes.exists() and word in notes.read_text()
            redis = redis_server.prepare(data)
            try:
                sys.exit(supervise(data, [{", ".join(processes)}], {options}))
            except AlreadyRunning as why:
                sys.exit(str(why))
        """)
        return [sys.executable, "-c", code]

    @contextmanager
    def running(self, *processes: str, options: str = "") -> Iterator[subprocess.Popen[bytes]]:
        with self.out.open("wb") as out:
            command = self.command(*processes, options=options)
            child = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()

    def noted(self) -> list[tuple[str, int, str]]:
        """(name, pid, what) in the order of happening."""
        if not self.notes.exists():
            return []
        lines = [line.split() for line in self.notes.read_text().splitlines()]
        return [(name, int(pid), what) for name, pid, what in lines]

    def begun(self, name: str) -> list[int]:
        return [pid for who, pid, what in self.noted() if who == name and what == "begins"]


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("h"))


def gone(pid: int) -> bool:
    """Whether that process has ended; an orphan nobody has collected yet counts as ended."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return not _exists(pid)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_processes_start_in_order_each_when_the_one_before_is_ready(house: House) -> None:
    first = house.a_child("first", 0, more="ready=lambda: noted('first')")
    second = house.a_child("second", 1, more="ready=lambda: noted('second')")
    with house.running(first, second, options="when_up=lambda: print('all up', flush=True)") as child:
        until(lambda: "all up" in house.out.read_text())
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    assert [(name, what) for name, _, what in house.noted()] == [
        ("first", "begins"), ("second", "begins"), ("second", "leaves"), ("first", "leaves"),
    ]
    assert "first    │ hello from first\n" in house.out.read_text()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stages_stop_from_the_highest_down(house: House, signum: signal.Signals) -> None:
    stages = {"redis": 0, "web": 2, "desk": 1, "clock": 3}
    with house.running(*(house.a_child(name, stage) for name, stage in stages.items())) as child:
        until(lambda: len(house.noted()) == 4)
        child.send_signal(signum)
        assert child.wait(20) == 0
    assert [name for name, _, what in house.noted() if what == "leaves"] == ["clock", "web", "desk", "redis"]


def test_a_process_that_dies_is_started_again(house: House) -> None:
    with house.running(house.a_child("web", 0)) as child:
        for count in (1, 2, 3):
            until(partial(lambda least: len(house.begun("web")) == least, count))
            os.kill(house.begun("web")[-1], signal.SIGKILL)
        until(lambda: len(house.begun("web")) == 4)
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    pauses = re.findall(r"web      │ was ended by SIGKILL; starts again in ([\d.]+) s", house.out.read_text())
    assert pauses == ["0.1", "0.2", "0.4"]


def test_a_process_that_stayed_up_is_started_again_as_if_for_the_first_time() -> None:
    child = supervisor._Child(supervisor.Process("web", ["/bin/sh", "-c", "exit 3"]))
    reading, writing = os.pipe()
    pauses = []
    for stayed in (0, 0, 0, supervisor.STEADY_AFTER, *[0] * 12):
        out = child.start(writing, 1000.0)
        assert child.popen is not None
        child.popen.wait()
        assert child.died(1000.0 + stayed) == 3
        pauses.append(round(child.due - 1000.0 - stayed, 3))
        out.close()
    os.close(reading)
    os.close(writing)
    assert pauses[:6] == [0.1, 0.2, 0.4, 0.1, 0.2, 0.4]
    assert pauses[-3:] == [supervisor.LONGEST_PAUSE] * 3


def test_a_process_that_ends_before_it_is_ready_ends_the_start(house: House) -> None:
    broken = "Process('web', ['/bin/sh', '-c', 'echo no such port; exit 4'], ready=lambda: False)"
    with house.running(house.a_child("redis", 0), broken) as child:
        assert child.wait(20) == 1
    said = house.out.read_text()
    assert "web      │ no such port\n" in said
    assert "Stopped: web ended with status 4 before it was ready" in said
    assert "Traceback" not in said


def test_a_second_start_on_the_same_data_is_refused_in_one_line(house: House) -> None:
    with house.running(house.a_child("web", 0)) as child:
        until(lambda: house.begun("web"))
        second = subprocess.run(
            house.command(house.a_child("other", 0)), cwd=ROOT, capture_output=True, text=True, timeout=20
        )
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"is in use by process {child.pid}. Stop that one first" in second.stderr
    assert not house.begun("other")


def test_the_next_start_waits_for_the_children_of_a_killed_one(house: House) -> None:
    slow = CHILD.replace('note("leaves")', 'time.sleep(1); note("leaves")')
    with house.running(house.a_child("web", 0, code=slow)) as child:
        until(lambda: house.begun("web"))
        child.kill()
        child.wait()
        with house.running(house.a_child("next", 0)) as other:
            until(lambda: house.begun("next"))
            other.send_signal(signal.SIGTERM)
            assert other.wait(20) == 0
    assert [(name, what) for name, _, what in house.noted()] == [
        ("web", "begins"), ("web", "leaves"), ("next", "begins"), ("next", "leaves"),
    ]


def test_a_process_that_will_not_stop_is_killed_after_its_grace(house: House) -> None:
    with house.running(house.a_child("web", 0, code=STUBBORN), options="grace=0.3") as child:
        until(lambda: house.begun("web"))
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    assert gone(house.begun("web")[0])


def test_a_second_wish_to_stop_kills_at_once(house: House) -> None:
    with house.running(house.a_child("web", 0, code=STUBBORN), options="grace=3600") as child:
        until(lambda: house.begun("web"))
        child.send_signal(signal.SIGINT)
        time.sleep(1.1)  # two wishes within a second count as one
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0
    assert gone(house.begun("web")[0])


def test_a_failing_preparation_starts_nothing(house: House) -> None:
    with house.running(house.a_child("web", 0), options="prepare=lambda: 1 / 0") as child:
        assert child.wait(20) != 0
    assert not house.noted()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


WSGI = """
import os
def wsgi():
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
    return application
"""


def the_house(house: House, port: int) -> list[str]:
    """Redis, a worker, the web, as `run` and `demo` start them."""
    (house.folder / "smallapp.py").write_text(WSGI)
    env = f"env={{'PYTHONPATH': {f'{house.folder}:{ROOT}'!r}}}"
    web = f"from notifier.web import serve; serve.run('127.0.0.1', {port}, 2, target='smallapp:wsgi')"
    work = "import sys; from notifier.jobs import worker; sys.exit(worker.run('mail', sys.argv[1]))"
    return [
        "Process('redis', redis.argv, ready=lambda: redis_server.answers(redis.url))",
        f"Process('mail', [sys.executable, '-c', {work!r}, redis.url], {env}, stage=1)",
        f"Process('web', [sys.executable, '-c', {web!r}], {env}, stage=2)",
        house.a_child("clock", 3),
    ]


def answer(port: int) -> int:
    """The pid of the web process that answered, 0 if none did."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as reply:
            return int(reply.read())
    except OSError:
        return 0


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, by /proc."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found[1:]


def words_of(pid: int) -> str:
    """The command line of a process; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@contextmanager
def a_whole_house(house: House) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    with house.running(*the_house(house, port)) as child:
        until(lambda: answer(port) and house.begun("clock"))
        until(lambda: "listens on queue mail" in house.out.read_text())
        yield child, port


def test_the_whole_house_stops_with_nothing_left(house: House) -> None:
    with a_whole_house(house) as (child, _):
        everyone = descendants(child.pid)
        assert len(everyone) >= 6  # redis, worker, web and its two, clock
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0
    assert all(gone(pid) for pid in everyone)
    assert "Traceback" not in house.out.read_text()


def test_a_killed_supervisor_leaves_nothing_behind(house: House) -> None:
    with a_whole_house(house) as (child, port):
        everyone = descendants(child.pid)
        child.kill()
        child.wait()
        until(lambda: all(gone(pid) for pid in everyone))
        assert answer(port) == 0


def test_a_killed_redis_and_a_killed_web_come_back(house: House) -> None:
    with a_whole_house(house) as (child, port):
        before = descendants(child.pid)
        for word in ("redis-server", "smallapp"):
            os.kill(next(pid for pid in before if word in words_of(pid)), signal.SIGKILL)
        until(lambda: answer(port) not in (0, *before))
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    assert house.out.read_text().count("was ended by SIGKILL") == 2


def test_a_taken_port_is_said_in_one_line(house: House) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code = f"from notifier.web import serve; serve.run('127.0.0.1', {port}, 1, target='smallapp:wsgi')"
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1 port {port}" in done.stderr.splitlines()[-1]
