"""What people install: the wheel, in an empty environment, away from the checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.installation import running


@pytest.mark.timeout(420)
def test_a_wheel_in_an_empty_environment_brings_everything_along(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    quiet = ["-m", "pip", "--disable-pip-version-check", "-q"]
    _run(sys.executable, *quiet, "wheel", "--no-deps", "-w", str(tmp_path / "dist"), str(root))
    _run(sys.executable, "-m", "venv", str(tmp_path / "env"))
    python = str(tmp_path / "env" / "bin" / "python")
    _run(python, *quiet, "install", *map(str, (tmp_path / "dist").glob("*.whl")))
    with running(tmp_path / "away", ["demo"], {}, python=python) as here:
        here.until(lambda: "Logbuch Monitoring" in here.get("/de/")[1])
        found = _run(python, "-c", "import notifier, feeds; print(notifier.__file__, feeds.__file__)", cwd=tmp_path)
        assert found.count(str(tmp_path / "env")) == 2
        assert here.get("/demo/outbox")[0] == 200


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
