"""`notifier …` as a process of its own each time, forked from one that has read the program already: starting Python
and reading it anew would take most of a journey's time."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

READ = ("acting", "audit", "changes", "diligence", "doctor", "gate", "imports", "notices", "objections", "people",
        "reply", "run")


@dataclass(frozen=True)
class Said:
    """What one command answered."""

    status: int
    stdout: str
    stderr: str


def run(args: Sequence[str], env: Mapping[str, str], folder: Path, stdin: str, patience: float) -> Said:
    """Runs one command line in `folder` with exactly this environment; AssertionError where it outlasts `patience`
    seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"notifier.cli.{name}" for name in READ])
    with tempfile.TemporaryDirectory() as kept:
        streams = [Path(kept) / name for name in ("in", "out", "err")]
        streams[0].write_text(stdin, encoding="utf-8")
        child = context.Process(target=_command, args=(list(args), dict(env), str(folder), [str(s) for s in streams]))
        child.start()
        child.join(patience)
        if child.exitcode is None:
            child.kill()
            raise AssertionError(f"{args} did not end")
        return Said(child.exitcode, streams[1].read_text(encoding="utf-8"), streams[2].read_text(encoding="utf-8"))


def _command(args: list[str], env: dict[str, str], folder: str, streams: list[str]) -> None:
    from notifier.cli import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for number, (path, way) in enumerate(zip(streams, (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT),
                                             strict=True)):
        os.dup2(os.open(path, way), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    main(args)

