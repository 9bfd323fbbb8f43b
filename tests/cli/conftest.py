"""The command line in this process: one call, its exit status, what it said."""

from __future__ import annotations

import io
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from notifier.cli import main
from notifier.db import Database
from notifier.domain.evidence import EvidenceKind
from notifier.house import House, open_house
from notifier.jobs import deliver
from notifier.mail import outbox
from tests import servers

FOREIGN = ("NOTIFIER_", "MAILJET_", "DATABASE_URL", "REDIS_URL", "REDIS_SERVER", "PORT")


@dataclass(frozen=True)
class Said:
    """What one call answered."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Said]


def vouch(run: Run, ref: str, *who: str, **env: str) -> None:
    """Vouches for everything a change may ask for, by one link."""
    run("changes", "vouch", ref, *map(str, EvidenceKind), "--link", "https://vendor.example/annex-2.pdf", *who, **env)


@pytest.fixture
def notifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Calls `notifier …` in an empty folder of its own, with a data directory ./var that is not there yet."""
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*args: str, status: int = 0, stdin: str = "", **env: str) -> Said:
        with monkeypatch.context() as here:
            here.setattr("sys.stdin", io.StringIO(stdin))
            for name, value in env.items():
                here.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main(list(args))
        said = Said(int(ended.value.code or 0), *capsys.readouterr())
        assert said.status == status, said
        return said

    before = logging.getLogger("notifier").level
    yield run
    logging.getLogger("notifier").setLevel(before)


@pytest.fixture
def installed(notifier: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same, migrated, with Olga of ops, Paul of privacy and Ada the admin."""
    servers.fresh_sqlite(tmp_path / "var" / "notifier.db")
    monkeypatch.setenv("NOTIFIER_ORG_CONTACT", "privacy@processor.example")
    notifier("migrate")  # what is left to do: the settings
    for name, role in (("olga", "ops"), ("paul", "privacy"), ("petra", "privacy"), ("ada", "admin")):
        notifier("users", "add", f"{name}@processor.example", "--role", role, "--no-password")
    return notifier


@pytest.fixture
def demo(installed: Run, tmp_path: Path) -> Run:
    """The same as a demo data directory, where --as suffices."""
    (tmp_path / "var" / "demo").write_text("a demo")
    return installed


def code_in_mailbox(held: House) -> str:
    """What whoever reads the reply address finds in the newest test mail, once a worker has sent it to the outbox."""
    deliver.run(held)
    letters = [x for x in outbox.read(held.settings.data_dir / "outbox") if "Test mail" in x.subject]
    return re.findall(r"^> (\d{6})$", letters[0].text, re.M)[0]


def prove_reply(run: Run, at_work: Callable[[], House], **env: str) -> None:
    """A person has a code sent to the reply address and enters it."""
    run("reply", "ask", **env)
    run("reply", "prove", code_in_mailbox(at_work()), **env)


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Callable[[], dict[str, int]]]:
    """How many rows every table of ./var holds."""
    opened: list[Database] = []

    def count() -> dict[str, int]:
        import sqlalchemy as sa

        database = Database(f"sqlite:///{tmp_path / 'var' / 'notifier.db'}")
        opened.append(database)
        with database.engine.connect() as connection:
            names = sa.inspect(connection).get_table_names()
            return {n: connection.execute(sa.text(f'select count(*) from "{n}"')).scalar_one() for n in names}

    yield count
    for database in opened:
        database.close()


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Callable[[], House]]:
    """Opens the house the command line works in, for the jobs that its processes would do."""
    opened: list[House] = []

    def house() -> House:
        opened.append(open_house())
        return opened[-1]

    yield house
    for each in opened:
        each.database.close()
