"""Whatever fails, every contact owed a letter gets it once: real processes, killed, cut off and lied to.

`make faults` runs them whole, in minutes, and prints what each came to; FAULTS=short in less than one, with fewer
letters, and one run for all that ends no worker.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.house import House, running
from tests.faults.machines import Postgres

SHORT = os.environ.get("FAULTS") == "short"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


def workers_killed(house: House, postgres: Postgres) -> None:
    """kill -9 at 30 random moments, always the same ones, most of them a worker's that sends letters."""
    house.mailjet.order(delay=0.2)
    house.kill_often(30, random.Random(2026))


def a_few_killed(house: House, postgres: Postgres) -> None:
    """The same, a few times."""
    house.kill_often(4, random.Random(2026))


def the_provider_fails(house: House, postgres: Postgres) -> None:
    """Everything a provider and a network do, one call after the other: nothing left the house, everything did, nobody
    knows; a few in a row at most, so that the lane only slows down."""
    house.mailjet.order(retry_after=1, plan=[
        "429", "ok", "429", "429", "500", "ok", "500-after", "ok", "cut", "ok", "cut-after", "ok", "half", "ok", "hang",
        "hang-after", "short", "503", "ok", "html", "shuffled", "500", "500-after", "ok",
    ], lookups=["500", "ok", "cut", "ok", "html"])


def the_provider_is_down(house: House, postgres: Postgres) -> None:
    """Nothing but 500: the lane shuts, with few letters in doubt, and the sweep opens it again by a trial letter."""
    house.mailjet.order(mode="500")
    house.until(lambda: bool(house.troubles()), 240)
    assert house.letters()["uncertain"] <= 2 * 50 + 2 * 5  # after the first calls one letter at a time
    house.mailjet.order(mode="ok")


def half_of_a_batch_refused(house: House, postgres: Postgres) -> None:
    """Every second letter of four calls is turned away for good."""
    house.mailjet.order(plan=["mixed", "mixed-400", "mixed", "mixed-400"])


def redis_stopped_and_emptied(house: House, postgres: Postgres) -> None:
    """Emptied five times; killed for one, five and twenty-five seconds, the last longer than a worker waits."""
    for _ in range(5):
        time.sleep(2)
        house.redis.flush()
    for away in (1, 5, 25):
        house.redis.stop()
        time.sleep(away)
        house.redis.start()
        time.sleep(3)
        house.revive()


def postgresql_restarted(house: House, postgres: Postgres) -> None:
    """Stopped and crashed by turns, six times, each for a second."""
    house.mailjet.order(delay=0.2)
    for how in (signal.SIGINT, signal.SIGQUIT) * 3:
        time.sleep(4)
        postgres.stop(how)
        time.sleep(1)
        postgres.start()
        house.revive()


def all_at_once(house: House, postgres: Postgres) -> None:
    """The provider, Redis and PostgreSQL within a few seconds."""
    house.mailjet.order(retry_after=1, plan=["429", "500-after", "ok", "cut-after", "429", "cut", "shuffled"])
    house.redis.flush()
    postgres.stop(signal.SIGQUIT)
    postgres.start()
    house.redis.stop()
    time.sleep(1)
    house.redis.start()


Fault = Callable[[House, Postgres], None]
# what fails, on which database, how many customers, within how many seconds their letters become due
WHOLE: list[tuple[Fault, str, int, float]] = [
    (workers_killed, "postgres", 2000, 75), (workers_killed, "sqlite", 2000, 75),
    (the_provider_fails, "postgres", 2000, 0), (the_provider_fails, "sqlite", 2000, 0),
    (the_provider_is_down, "postgres", 500, 0), (half_of_a_batch_refused, "postgres", 500, 0),
    (redis_stopped_and_emptied, "postgres", 2000, 40), (postgresql_restarted, "postgres", 2000, 40),
]
IN_SHORT: list[tuple[Fault, str, int, float]] = [(a_few_killed, "sqlite", 100, 3), (all_at_once, "postgres", 100, 2)]


@pytest.mark.parametrize(("fault", "kind", "customers", "over"), IN_SHORT if SHORT else WHOLE)
def test_every_contact_owed_a_letter_gets_it_once_and_nobody_lends_a_hand(
    fault: Fault, kind: str, customers: int, over: float, postgres: Postgres, tmp_path: Path
) -> None:
    began = time.monotonic()
    database = postgres.empty() if kind == "postgres" else f"sqlite:///{tmp_path / 'notifier.db'}"
    with running(tmp_path, database, customers, over=over) as house:
        up = time.monotonic()
        fault(house, postgres)
        failed = time.monotonic()
        house.settle()
        settled = time.monotonic()
        house.check(refused=fault is half_of_a_batch_refused)
        taken = house.mailjet.taken()
        owed = house.owed()
        bare = sum(not letter.letter_sha256 for letter, _ in owed if letter.state != "failed")
        print(f"\n{fault.__name__} on {kind}: {len(owed)} letters, {len(taken['taken'])} taken in {taken['posts']} "
              f"calls, {taken['gets']} looked up, {bare} without a stored copy, killed {dict(house.killed)}; up after "
              f"{up - began:.0f} s, failing for {failed - up:.0f} s, settled {settled - failed:.0f} s later",
              file=sys.__stdout__, flush=True)
