"""One command, several processes: starts them in order, keeps them up, stops them in order, leaves none.

It runs in the main thread alone, on one selector: the children's output, their deaths and the signals all
arrive there. On Linux a child is told when its supervisor ends, even by kill -9 (`die_with_parent`).
"""

from __future__ import annotations

import ctypes
import fcntl
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

LOCK = "lock"
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds between a death and the next start, doubling
STEADY_AFTER = 20.0  # seconds after which a process counts as up, and its next death as its first
LEFTOVERS_END_WITHIN = 10.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None


def die_with_parent(signum: int = signal.SIGTERM, parent: int | None = None) -> None:
    """Asks Linux to send this process `signum` when the thread that started it ends, even by kill -9.

    `parent` is the pid this process was started by: if that has ended already, the signal is raised at once.
    Elsewhere than on Linux this does nothing.
    """
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signum)


class AlreadyRunning(Exception):
    """Another supervisor works on this data directory; the text names it and says what to do."""


class _Halt(Exception):
    """A process that was to be up before the next one did not come up; the text is for the person."""


@dataclass(frozen=True)
class Process:
    """One process to keep up.

    `argv` as for exec; `env` is added to the supervisor's own environment; `ready`, if given, is asked until
    it says yes before the next process is started, and should answer within a second. Stopping goes from the
    highest `stage` down, those of one stage together: what others lean on (redis) has the lowest.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    stage: int = 0


@contextmanager
def hold(data_dir: Path) -> Iterator[int]:
    """Holds the data directory for one supervisor and its children; yields the descriptor that does so.

    Children are handed the descriptor, so the directory stays held until the last of them is gone: two Redis
    servers must never write one log. Where the former supervisor was killed, waits for its children's end.
    Raises AlreadyRunning.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / LOCK
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(held, path)
        os.ftruncate(held, 0)
        os.pwrite(held, str(os.getpid()).encode(), 0)
        yield held
    finally:
        os.close(held)


def _take(held: int, path: Path) -> None:
    deadline = time.monotonic() + LEFTOVERS_END_WITHIN
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            former = os.pread(held, 20, 0).decode(errors="replace").strip()
            if _alive(former) or time.monotonic() > deadline:
                who = f"process {former}" if former else "another process"
                raise AlreadyRunning(
                    f"{path.parent} is in use by {who}. Stop that one first, or name another data directory."
                ) from None
            time.sleep(0.05)


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return True  # taken a moment ago and not yet signed
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Child:
    """One process of the house: its present life, its unfinished line of output, when to start it next."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.popen: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.deaths = 0
        self.due = 0.0
        self.partial = b""

    def start(self, held: int, now: float) -> IO[bytes]:
        """Starts it in a process group of its own, so that Ctrl-C reaches the supervisor alone."""
        parent = os.getpid()
        self.popen = subprocess.Popen(  # noqa: S603 (the argv is the house's own)
            list(self.process.argv), env={**os.environ, "PYTHONUNBUFFERED": "1", **self.process.env},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            process_group=0, pass_fds=(held,),
            preexec_fn=lambda: die_with_parent(parent=parent),
        )
        self.started = now
        assert self.popen.stdout is not None
        os.set_blocking(self.popen.stdout.fileno(), False)
        return self.popen.stdout

    def signal(self, signum: int) -> None:
        """Sends it to the process; SIGKILL to its whole group, for it cannot pass that on."""
        if self.popen is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if signum == signal.SIGKILL:
                os.killpg(self.popen.pid, signum)
            else:
                self.popen.send_signal(signum)

    def died(self, now: float) -> int | None:
        """Its exit status, once, when it has ended; sets the moment it is due again. None otherwise."""
        if self.popen is None or (status := self.popen.poll()) is None:
            return None
        self.signal(signal.SIGKILL)  # whatever it left in its group
        self.popen = None
        self.deaths = 1 if now - self.started >= STEADY_AFTER else self.deaths + 1
        self.due = now + min(FIRST_PAUSE * 2 ** (self.deaths - 1), LONGEST_PAUSE)
        return status


class _House:
    def __init__(self, held: int, processes: Sequence[Process], grace: float) -> None:
        self.held = held
        self.children = [_Child(process) for process in processes]
        self.grace = grace
        self.wishes = 0  # how often somebody asked to stop
        self.wished = -math.inf  # when last
        self.selector = selectors.DefaultSelector()

    def on_signal(self, signum: int, frame: FrameType | None) -> None:
        """Counts a wish to stop; two within a second are one (a terminal and make may both pass it on)."""
        now = time.monotonic()
        if now - self.wished > 1:
            self.wishes, self.wished = self.wishes + 1, now

    def start(self, child: _Child) -> None:
        out = child.start(self.held, time.monotonic())
        self.selector.register(out, selectors.EVENT_READ, child)

    def turn(self, seconds: float) -> None:
        """Passes on what the children wrote, for at most so long or until something happens."""
        for key, _ in self.selector.select(seconds):
            if isinstance(key.data, _Child):
                self.pass_on(key.data, key.fileobj)  # type: ignore[arg-type]
            else:
                with suppress(BlockingIOError):
                    os.read(key.fd, 4096)  # the wake-up pipe: its bytes only say that a signal came

    def pass_on(self, child: _Child, out: IO[bytes]) -> None:
        try:
            chunk = os.read(out.fileno(), 65536)
        except BlockingIOError:
            return
        if not chunk:
            self.selector.unregister(out)
            out.close()
        *lines, child.partial = (child.partial + chunk).split(b"\n")
        if child.partial and (not chunk or len(child.partial) > 65536):
            lines, child.partial = [*lines, child.partial], b""
        for line in lines:
            _say(child.process.name, line)

    def until_ready(self, child: _Child, within: float) -> None:
        deadline = time.monotonic() + within
        name, ready = child.process.name, child.process.ready
        while ready is not None and not self.wishes:
            status = child.died(time.monotonic())
            if status is not None:
                self.drain()
                raise _Halt(f"{name} {_ended(status)} before it was ready; its own words stand above.")
            if ready():
                return
            if time.monotonic() > deadline:
                raise _Halt(f"{name} was not ready within {within:.0f} seconds.")
            self.turn(0.02)

    def keep_up(self) -> None:
        """Starts again whoever died, after a pause that grows with each death; ends when asked to stop."""
        while not self.wishes:
            now = time.monotonic()
            for child in self.children:
                status = child.died(now)
                if status is not None:
                    again = f"{_ended(status)}; starts again in {child.due - now:.1f} s"
                    _say(child.process.name, again.encode())
                if child.popen is None and now >= child.due:
                    self.start(child)
            dues = [child.due for child in self.children if child.popen is None]
            self.turn(max(0.01, min([due - now for due in dues] + [1.0])))

    def stop(self) -> None:
        """Stops stage after stage: asks, waits for the grace, kills. A second wish to stop kills at once."""
        for stage in sorted({child.process.stage for child in self.children}, reverse=True):
            members = [child for child in self.children if child.process.stage == stage]
            for child in members:
                child.signal(signal.SIGTERM)
            deadline = time.monotonic() + self.grace
            while any(child.popen is not None for child in members):
                now = time.monotonic()
                if now > deadline or self.wishes > 1:
                    for child in members:
                        child.signal(signal.SIGKILL)
                for child in members:
                    child.died(now)
                self.turn(0.02)
        self.drain()

    def drain(self) -> None:
        """Passes on what is left of the children's output."""
        while self.selector.select(0):
            self.turn(0)


def supervise(
    data_dir: Path, processes: Sequence[Process], *, prepare: Callable[[], None] | None = None,
    when_up: Callable[[], None] | None = None, ready_within: float = 60, grace: float = 30,
) -> int:
    """Keeps `processes` up until SIGTERM, SIGINT or SIGHUP; returns the exit status: 0 for a wished end.

    Holds `data_dir` meanwhile and runs `prepare` (migrations, say) first; starts the processes in order, each
    ready before the next; then calls `when_up`. One that dies before it was ready ends everything, with 1;
    later deaths are mended. `ready_within` and `grace` are seconds. For the main thread only.
    Raises AlreadyRunning, and whatever `prepare` raises.
    """
    with hold(data_dir) as held:
        if prepare is not None:
            prepare()
        house = _House(held, processes, grace)
        with _signals(house):
            try:
                for child in house.children:
                    if not house.wishes:
                        house.start(child)
                        house.until_ready(child, ready_within)
                if when_up is not None and not house.wishes:
                    when_up()
                house.keep_up()
            except _Halt as why:
                print(f"Stopped: {why}", file=sys.stderr, flush=True)
                return 1
            finally:
                house.stop()
    return 0


@contextmanager
def _signals(house: _House) -> Iterator[None]:
    """Signals and deaths of children wake the selector; the handlers before come back afterwards."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    house.selector.register(reading, selectors.EVENT_READ)
    wishes = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {signum: signal.signal(signum, house.on_signal) for signum in wishes}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
    waker = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(waker)
        for signum, handler in before.items():
            signal.signal(signum, handler)
        for key in list(house.selector.get_map().values()):
            if isinstance(key.data, _Child):
                key.fileobj.close()  # type: ignore[union-attr]
        house.selector.close()
        os.close(reading)
        os.close(writing)


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _say(name: str, line: bytes) -> None:
    """One line of a child's output, with its name before it. A terminal that is gone stops nobody's work."""
    with suppress(OSError):
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), f"{name:<8} │ ".encode() + line.rstrip(b"\r") + b"\n")
