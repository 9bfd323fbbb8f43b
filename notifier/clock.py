"""The single seam for time: `now()` is aware UTC. Everything below a door is handed `now` and never asks.

In a demo data directory the clock can be moved: the file `demo-clock` holds an offset in seconds, which
every process reads at every call, so that one command moves the whole house.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

OFFSET_FILE = "demo-clock"
_demo: Path | None = None
_standing: list[datetime] = []


def follow(data_dir: Path | None) -> None:
    """From now on `now()` follows the offset kept in this demo data directory; None ends it."""
    global _demo
    _demo = data_dir / OFFSET_FILE if data_dir else None


def offset() -> timedelta:
    """How far the demo's clock stands ahead of the machine's; zero outside a demo."""
    if _demo is None:
        return timedelta()
    try:
        return timedelta(seconds=int(_demo.read_text()))
    except (FileNotFoundError, ValueError):
        return timedelta()


def now() -> datetime:
    """The present moment, aware, in UTC, with the demo's offset."""
    return _standing[-1] if _standing else datetime.now(UTC) + offset()


@contextmanager
def standing(at: datetime) -> Iterator[None]:
    """Within the block it is `at` in this process: for making a past, as the demo's sample and tests do."""
    _standing.append(at)
    try:
        yield
    finally:
        _standing.pop()


def move(data_dir: Path, by: timedelta) -> timedelta:
    """Moves a demo's clock by `by` (never backwards past the machine's) and returns the whole offset."""
    path = data_dir / OFFSET_FILE
    try:
        held = int(path.read_text())
    except (FileNotFoundError, ValueError):
        held = 0
    whole = max(0, held + int(by.total_seconds()))
    beside = path.with_suffix(".new")
    beside.write_text(str(whole))
    os.replace(beside, path)  # whole or not at all: another process may be reading
    return timedelta(seconds=whole)
