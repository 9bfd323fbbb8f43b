"""Measures how fast letters leave, and what announcing to 100,000 customers costs everybody else: `make bench-send`.

All figures of a run are ratios against two baselines of the same run: `limit`, bodies made beforehand and posted 50 at
a time over one kept connection, and `usual`, one RQ job per letter that renders it and hands it over by one call of the
client. The short form (`BENCH=short`) takes less than a minute and fails only where something is grossly slower than it
has to be.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from notifier import clock
from notifier.house import House
from notifier.jobs import announce
from notifier.workflow import announcements
from tests import servers
from tests.bench import installation, parts

REQUIRED = {"of_limit": 0.06, "of_usual": 10.0}
AIM = {"of_limit": 0.12, "of_usual": 20.0}
LETTER = 4096  # bytes on disk for a stored letter
WAIT = 2.0  # seconds another writer may wait


@dataclass
class Bench:
    """A run: where things are, and what was measured so far, a row of the table each."""

    folder: Path
    mailjet_url: str
    redis_url: str
    postgres_url: str
    calls: int = 600
    jobs: int = 300
    failed: list[str] = field(default_factory=list)

    def say(self, *cells: object) -> None:
        """One row of the table."""
        print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)

    def hold(self, well: bool, words: str) -> None:
        """Notes a measure that is not met."""
        if not well:
            self.failed.append(words)


def limit(bench: Bench) -> float:
    """Letters a second when nothing is done but posting bodies that are there, each another one."""
    address = urlsplit(bench.mailjet_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    bodies = [json.dumps({"Messages": [parts.letter(n) for n in range(first, first + 50)]}).encode()
              for first in range(0, 5000, 50)]
    began = time.monotonic()
    for call in range(bench.calls):
        connection.request("POST", "/v3.1/send", bodies[call % 100], {"Content-Type": "application/json"})
        connection.getresponse().read()
    took = time.monotonic() - began
    connection.close()
    return 50 * bench.calls / took


def usual(bench: Bench, job: str = "send_one") -> float:
    """Letters a second with one job and one call each; `job` is one of `parts`."""
    told = _run(("usual", bench.redis_url, bench.mailjet_url, str(bench.jobs), job))[0]
    return float(told["letters"] / (told["ended"] - told["began"]))


def _run(*each: tuple[str, ...]) -> list[dict[str, Any]]:
    """Processes that begin at the same moment, and what each measured."""
    with ExitStack() as stack:
        children = [stack.enter_context(installation.started("tests.bench.parts", *words)) for words in each]
        for child in children:
            while installation.line(child) != "ready":
                assert child.poll() is None, f"{child.args} ended"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        told = [json.loads(installation.line(child)) for child in children]
        for child in children:
            child.wait()  # RQ's worker takes an end by signal for an accident
        return told


@dataclass(frozen=True)
class Sent:
    """What sending took: letters a second, that as a share of `limit` and as a multiple of `usual`; CPU milliseconds a
    letter in the workers, MB a worker grew by, and bytes on disk a letter: of stored letters, and of all other rows."""

    letters: int
    rate: float
    of_limit: float
    of_usual: float
    cpu: float
    growth: float
    blobs: float
    rows: float


@contextmanager
def fresh(bench: Bench, kind: str) -> Iterator[str]:
    """An empty database."""
    if kind == "sqlite":
        path = Path(tempfile.mkdtemp(dir=bench.folder)) / "notifier.db"
        yield f"sqlite:///{path}"
        for file in path.parent.iterdir():
            file.unlink()
    else:
        url = servers.fresh_database(bench.postgres_url)
        yield url
        servers.drop_database(url)


def send(bench: Bench, kind: str, customers: int, workers: int = 1) -> Sent:
    """Announces to so many customers and lets the workers send."""
    with fresh(bench, kind) as url:
        house = installation.house(bench.folder, url, bench.mailjet_url, bench.redis_url)
        ref, paul = installation.furnish(house, customers)
        with clock.standing(installation.NOW):
            with house.database.transaction() as session:
                made = announcements.make_known(session, [ref], actor=paul, now=installation.NOW)
            announce.until_made(house, made.id or 0)
        held = _bytes(house)
        # A machine that others share is now faster and now slower: the baselines are measured right beside.
        before = limit(bench), usual(bench)
        told = _run(*[("worker", str(bench.folder), url, bench.mailjet_url)] * workers)
        most, one_by_one = ((a + b) / 2 for a, b in zip(before, (limit(bench), usual(bench)), strict=True))
        after = _bytes(house)
        house.database.close()
    letters = sum(one["letters"] for one in told)
    assert letters >= customers, f"{letters} letters left"
    took = max(one["ended"] for one in told) - min(one["began"] for one in told)
    rate = letters / took
    return Sent(
        letters, rate, rate / most, rate / one_by_one, 1000 * sum(one["cpu"] for one in told) / letters,
        max(one["memory"][2] - one["memory"][1] for one in told), (after[0] - held[0]) / letters,
        (after[1] - held[1]) / letters,
    )


def _bytes(house: House) -> tuple[int, int]:
    """Bytes on disk of the stored letters, and of everything else."""
    with house.database.transaction() as session:
        if house.database.sqlite:
            sizes = dict(session.execute(sa.text(
                "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY 1"
            )).all())
        else:
            sizes = dict(session.execute(sa.text(
                "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                "'public'::regnamespace")).all())
    blobs = sizes.pop("blob")
    return blobs, sum(sizes.values())


def announcing(bench: Bench, kind: str, customers: int) -> dict[str, float]:
    """Announces to very many while somebody else writes and reads; seconds."""
    with fresh(bench, kind) as url:
        house = installation.house(bench.folder, url, bench.mailjet_url, bench.redis_url)
        ref, paul = installation.furnish(house, customers)
        with installation.started("tests.bench.parts", "neighbour", url) as other, clock.standing(installation.NOW):
            assert installation.line(other) == "ready"
            began = time.monotonic()
            with house.database.transaction() as session:
                made = announcements.make_known(session, [ref], actor=paul, now=installation.NOW)
            done = announce.until_made(house, made.id or 0)
            took = time.monotonic() - began
            assert done.made_at is not None, done.abandoned_why
            assert other.stdin is not None
            other.stdin.write("stop\n")
            other.stdin.flush()
            told: dict[str, float] = json.loads(installation.line(other))
        house.database.close()
    return {"took": took, **told}


def _speed(bench: Bench, kind: str, customers: int, workers: int = 1) -> Sent:
    found = send(bench, kind, customers, workers)
    bench.say(f"{kind}, {workers} worker{'s' * (workers > 1)}", f"{customers:,}", f"{found.rate:,.0f}",
              f"{found.of_limit:.3f}", f"{found.of_usual:.1f} ×", f"{found.cpu:.2f}", f"{found.growth:+.0f}",
              f"{found.blobs:,.0f}", f"{found.rows:,.0f}")
    return found


def _table(bench: Bench) -> None:
    bench.say("what", "customers", "letters/s", "of limit", "of usual", "CPU ms/letter", "memory MB",
              "letter, bytes on disk", "other rows, bytes")
    bench.say(*["---"] * 9)


def short(bench: Bench) -> None:
    """Under a minute; less than half of what is required is a gross regression."""
    bench.calls, bench.jobs = 200, 150
    _table(bench)
    for kind in ("sqlite", "postgres"):
        found = _speed(bench, kind, 3000)
        for name, least in REQUIRED.items():
            share = getattr(found, name)
            bench.hold(share > least / 2, f"{kind}: {name} is {share:.3g}, less than half of {least}")
        bench.hold(found.blobs < 2 * LETTER, f"{kind}: a stored letter takes {found.blobs:.0f} bytes")
    told = announcing(bench, "sqlite", 5000)
    _said("sqlite", 5000, told)
    bench.hold(told["longest_write"] < 2 * WAIT, f"sqlite: another writer waited {told['longest_write']:.1f} s")


def full(bench: Bench, most: int) -> None:
    """Everything the measures ask for."""
    print(f"limit {limit(bench):,.0f} letters/s, usual {usual(bench):,.0f} letters/s, "
          f"without rendering {usual(bench, 'post_one'):,.0f} letters/s\n")
    _table(bench)
    for kind in ("sqlite", "postgres"):
        few, one, many = (_speed(bench, kind, customers) for customers in (1000, 10_000, most))
        _hold(bench, kind, few, one, many)
    # As many letters for each worker: the first of each wording costs every worker the same.
    two, one = _speed(bench, "postgres", 20_000, workers=2), _speed(bench, "postgres", 10_000)
    bench.hold(two.rate >= 1.2 * one.rate, f"two workers are {two.rate / one.rate:.2f} times one")
    bench.hold(two.cpu <= 1.15 * one.cpu, f"CPU a letter with two workers is {two.cpu / one.cpu:.2f} times that of one")
    print()
    for kind in ("sqlite", "postgres"):
        told = announcing(bench, kind, most)
        _said(kind, most, told)
        bench.hold(told["took"] <= 20, f"{kind}: announcing took {told['took']:.0f} s")
        bench.hold(told["longest_write"] <= WAIT, f"{kind}: another writer waited {told['longest_write']:.1f} s")


def _hold(bench: Bench, kind: str, few: Sent, one: Sent, many: Sent) -> None:
    for name, least in REQUIRED.items():
        share = getattr(one, name)
        bench.hold(share >= least, f"{kind}: {name} is {share:.3g}, not {least} (aim {AIM[name]})")
    bench.hold(many.cpu <= 1.3 * few.cpu, f"{kind}: a letter of many costs {many.cpu / few.cpu:.2f} times one of few")
    bench.hold(abs(many.growth) <= 20, f"{kind}: the worker grew by {many.growth:.0f} MB")
    bench.hold(one.blobs <= LETTER, f"{kind}: a stored letter takes {one.blobs:.0f} bytes")


def _said(kind: str, customers: int, told: dict[str, float]) -> None:
    print(f"{kind}: announced to {customers:,} customers in {told['took']:.1f} s; another writer waited "
          f"{1000 * told['mean_write']:.0f} ms in the mean and {told['longest_write']:.2f} s at most, a reader "
          f"{told['longest_read']:.2f} s at most", flush=True)


def main() -> None:
    """Prints the table; the exit status says whether every measure was met."""
    parser = argparse.ArgumentParser(prog="make bench-send", description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--most", type=int, default=100_000, help="customers of the largest announcement")
    chosen = parser.parse_args()
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"load {os.getloadavg()[0]:.1f}\n")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="notifier-bench-")))
        taker = stack.enter_context(installation.started("tests.bench.taker"))
        bench = Bench(folder, installation.line(taker), stack.enter_context(servers.redis()),
                      stack.enter_context(servers.postgres()))
        measure: Callable[[Bench], None] = short if chosen.short else lambda b: full(b, chosen.most)
        measure(bench)
    for words in bench.failed:
        print(f"not met: {words}")
    sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    main()
