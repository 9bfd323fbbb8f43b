"""Every error is one line on stderr with the right exit status, and never a traceback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from notifier import supervisor
from notifier.cli import verbs
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]


def every_verb(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    ctx = click.Context(group)
    found = []
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += every_verb(command, (*path, name))
    return found


@pytest.mark.parametrize("path", [(), *every_verb(verbs)], ids=" ".join)
def test_every_verb_helps_with_a_sentence(notifier: Run, path: tuple[str, ...]) -> None:
    said = notifier(*path, "--help")
    assert said.out.startswith("Usage: notifier")
    assert "." in said.out.split("\n\n")[1]
    assert said.err == ""


@pytest.mark.parametrize(("args", "status", "words"), [
    (["nonsense"], 2, "nonsense"),
    (["changes", "show"], 2, "REF"),
    (["changes", "propose", "--kind", "x"], 2, "--kind"),
    (["changes", "propose", "--kind", "add", "--field", "x"], 2, "NAME=VALUE"),
    (["changes", "propose", "--kind", "add", "--start", "soon"], 2, "2026-12-31"),
    (["import", "register", "absent.csv"], 2, "absent.csv"),
    (["worker", "parcels"], 2, "parcels"),
    (["demo", "clock", "soon"], 2, "+45d"),
    (["demo", "clock", "+1d"], 1, "demo data directory only"),
    (["users", "add", "x@x.example", "--role", "king"], 2, "king"),
    (["users", "add", "x@x.example", "--role", "ops"], 2, "--password-stdin"),
    (["users", "disable", "nobody@x.example"], 1, "nobody@x.example"),
    (["tokens", "revoke", "7"], 1, "“7”"),
    (["changes", "show", "C-1"], 1, "There is no change “C-1”"),
    (["changes", "submit", "C-1"], 1, "NOTIFIER_TOKEN"),
    (["changes", "approve", "C-1", "--as", "paul@processor.example"], 1, "NOTIFIER_TOKEN"),
    (["changes", "preview", "C-1"], 1, "C-1"),
    (["changes", "blockers", "C-1"], 1, "C-1"),
    (["may-process", "x", "y"], 1, "There is no customer “y”"),
    (["objections", "show", "O-1"], 1, "There is no objection"),
    (["notices", "list", "--announcement", "A-1"], 1, "A-1"),
])
def test_every_error_is_one_line(installed: Run, args: list[str], status: int, words: str) -> None:
    said = installed(*args, status=status)
    assert words in said.err
    assert said.err.startswith("notifier: ")
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize("args", [
    ["changes", "list"], ["users", "list"], ["audit", "head"], ["web"], ["worker", "mail"], ["worker"], ["clock"],
])
def test_without_a_database_one_is_told_to_migrate_and_nothing_is_made(
    notifier: Run, tmp_path: Path, args: list[str]
) -> None:
    assert "run 'notifier migrate'" in notifier(*args, status=1).err
    assert not (tmp_path / "var").exists()


def test_a_database_of_another_version_is_told_apart(notifier: Run, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "notifier.db").touch()
    assert "not this version's: run 'notifier migrate'" in notifier("changes", "list", status=1).err


@pytest.mark.parametrize(("env", "words"), [
    ({"DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:1/x"}, "database does not answer"),
    ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
    ({"PORT": "70000"}, "PORT"),
    ({"NOTIFIER_MAIL_TRANSPORT": "pigeon"}, "MAIL_TRANSPORT"),
    ({"NOTIFIER_EXTRA_HOLIDAYS": "never"}, "NOTIFIER_EXTRA_HOLIDAYS"),
])
def test_an_environment_that_cannot_be_used_is_said_in_one_line(
    notifier: Run, env: dict[str, str], words: str
) -> None:
    said = notifier("migrate", status=1, **env)
    assert words in said.err
    assert said.err.count("\n") == 1
    assert "secret" not in said.err


def test_a_file_that_is_no_database_is_said_in_one_line(notifier: Run, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "notifier.db").write_bytes(b"not a database, " * 100)
    assert "not a database" in notifier("changes", "list", status=1).err


def test_a_second_start_is_refused_in_one_line(notifier: Run, tmp_path: Path) -> None:
    with supervisor.hold(tmp_path / "var"):
        said = notifier("run", status=1)
    assert "in use by process" in said.err
    assert said.err.count("\n") == 1


def test_a_missing_redis_is_said_in_one_line(notifier: Run) -> None:
    assert "REDIS_SERVER" in notifier("run", status=1, REDIS_SERVER="/nowhere/redis-server").err


def test_a_taken_port_is_said_in_one_line(installed: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"port {port}" in installed("web", status=1, PORT=port).err


def test_without_a_verb_the_help_is_shown(notifier: Run) -> None:
    assert "Commands:" in notifier(status=2).out
    assert "propose" in notifier("changes", status=2).out


def process(*args: str, folder: Path, **given: object) -> subprocess.Popen[bytes]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("NOTIFIER_", "DATABASE_URL", "PORT"))}
    return subprocess.Popen(
        [sys.executable, "-m", "notifier", *args], cwd=folder, env={**env, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a run in the background ignores Ctrl-C
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **given,  # type: ignore[call-overload]
    )


def test_as_a_process_of_its_own_it_answers_and_refuses(tmp_path: Path) -> None:
    good, bad = process("--version", folder=tmp_path), process("changes", "list", folder=tmp_path)
    out, err = good.communicate(timeout=60)
    assert (good.returncode, err) == (0, b"")
    assert out.startswith(b"notifier, version ")
    out, err = bad.communicate(timeout=60)
    assert (bad.returncode, out) == (1, b"")
    assert err.decode().startswith("notifier: There is no database at ")
    assert err.count(b"\n") == 1


def test_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    waits = tmp_path / "list.csv"
    os.mkfifo(waits)
    running = process("import", "register", str(waits), "--dry-run", folder=tmp_path)
    opened = None
    end = time.monotonic() + 60
    while opened is None and time.monotonic() < end:
        try:
            opened = os.open(waits, os.O_WRONLY | os.O_NONBLOCK)  # works once somebody reads
        except OSError:
            time.sleep(0.02)
    assert opened is not None
    # Python sees a signal between two steps or while it waits, not in the instant between: a person presses again.
    while running.poll() is None and time.monotonic() < end:
        running.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=2)
    out, err = running.communicate(timeout=60)
    os.close(opened)
    assert (running.returncode, out, err.strip()) == (130, b"", b"")


def test_a_reader_that_goes_away_is_no_matter(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    running = subprocess.Popen(
        [sys.executable, "-m", "notifier", "--help"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=writing, stderr=subprocess.PIPE,
    )
    os.close(writing)
    _, err = running.communicate(timeout=60)
    assert err == b""
    assert running.returncode == 1


def test_the_clock_stops_when_asked(installed: Run, tmp_path: Path) -> None:
    running = process("clock", folder=tmp_path)
    assert running.stderr is not None
    assert b"sweeps every" in running.stderr.readline()
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=60)
    assert (running.returncode, b"Traceback" in err) == (0, False)
