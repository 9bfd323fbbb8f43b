"""Whatever fails, every contact owed a letter gets it once: real processes, killed, cut off and lied to.

`make faults` runs them whole, in minutes, and prints what each came to; FAULTS=short in less than one, with fewer
letters, and one run for all that ends no worker.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.house import House, copies, running
from tests.faults.machines import Postgres
from tests.smtp_standin import SmtpStandIn

SHORT = os.environ.get("FAULTS") == "short"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


def workers_killed(house: House, postgres: Postgres) -> None:
    """kill -9 of a worker that sends letters at 30 random moments, always the same ones; now and then of others."""
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


def events_pile_up(house: House, postgres: Postgres) -> None:
    """Nobody reads events until every letter has left; then several do, and one after the other is killed at it."""
    house.stop("desk")
    house.until(lambda: not any(house.letters()[state] for state in ("queued", "sending", "uncertain")), 240)
    house.until(lambda: not house.mailjet.taken()["untold"], 60)
    assert house.posts() > 1
    chance = random.Random(5)
    for _ in range(5):
        house.start("desk")
        house.until(lambda: house.listens("desk"), 60)
        time.sleep(chance.uniform(0.1, 0.8))
        house.stop("desk")
    house.start("desk")


def acts_then_returns(house: House, postgres: Postgres) -> None:
    """Customers say that they have read the notice; then, late, their letters come back. Events come twice, and the
    desk's worker is killed in between."""
    house.settle()
    links = house.links()
    assert links
    for _, token in links:
        assert house.post(f"/n/{token}/read", b"") == 200
    returned = [{"event": "bounce", "hard_bounce": True, "error": "user unknown", "time": int(time.time()),
                 "CustomID": ref, "MessageID": 2**60 + n} for n, (ref, _) in enumerate(links)]
    for start in range(0, len(returned), 20):
        for _ in range(2):
            house.post("/webhooks/mailjet", json.dumps(returned[start:start + 20]).encode(), "events:secret")
        house.kill("desk")


def all_at_once(house: House, postgres: Postgres) -> None:
    """The provider, Redis and PostgreSQL within a few seconds."""
    house.mailjet.order(retry_after=1, plan=["429", "500-after", "ok", "cut-after", "429", "cut", "shuffled"])
    house.redis.flush()
    postgres.stop(signal.SIGQUIT)
    postgres.start()
    house.redis.stop()
    time.sleep(1)
    house.redis.start()


def the_server_breaks_off(standin: SmtpStandIn) -> None:
    """Everything a mail server does, one letter after the other: cut before the dot and after it, with the letter taken
    and not, silent for long, 421 and 4xx at every stage, a policy against us."""
    standin.per_connection = 40
    standin.plan["greeting"] += ["421 4.3.2 busy"]
    standin.plan["mail"] += ["250 2.1.0 ok"] * 3 + ["451 4.7.1 slow down", "421 4.3.2 going down"]
    standin.plan["rcpt"] += ["250 2.1.5 ok"] * 5 + ["450 4.2.0 greylisted", "cut", "550 5.7.1 on a blocklist"]
    standin.plan["data"] += ["354 go ahead"] * 7 + ["451 4.3.0 later", "cut"]
    standin.plan["dot"] += ["cut after", "451 4.3.0 later", "cut", "cut after", "hang", "421 4.3.2 going down"]


@pytest.mark.parametrize(("kind", "customers"), [("sqlite", 60)] if SHORT else [("postgres", 500), ("sqlite", 500)])
def test_by_smtp_every_contact_gets_its_letter_and_twice_only_what_nobody_could_ask_about(
    kind: str, customers: int, postgres: Postgres, tmp_path: Path
) -> None:
    database = postgres.empty() if kind == "postgres" else f"sqlite:///{tmp_path / 'notifier.db'}"
    with SmtpStandIn() as standin:
        the_server_breaks_off(standin)
        with running(tmp_path, database, customers, over=10, smtp_url=standin.url()) as house:
            house.until(lambda: len(standin.envelopes) > customers // 3, 240)
            standin.__exit__()
            time.sleep(3)
            with SmtpStandIn(port=standin.port) as restarted:
                restarted.envelopes += standin.envelopes
                house.settle()
                house.check_smtp(restarted)
                copies(house)
                print(f"\nthe server breaks off on {kind}: {len(house.owed())} letters, {len(restarted.envelopes)} "
                      "copies, our people's included", file=sys.__stdout__, flush=True)


Fault = Callable[[House, Postgres], None]
# what fails, on which database, how many customers, within how many seconds their letters become due
WHOLE: list[tuple[Fault, str, int, float]] = [
    (workers_killed, "postgres", 2000, 75), (workers_killed, "sqlite", 2000, 75),
    (the_provider_fails, "postgres", 2000, 0), (the_provider_fails, "sqlite", 2000, 0),
    (the_provider_is_down, "postgres", 500, 0), (half_of_a_batch_refused, "postgres", 500, 0),
    (redis_stopped_and_emptied, "postgres", 2000, 40), (postgresql_restarted, "postgres", 2000, 40),
    (events_pile_up, "postgres", 2000, 0), (events_pile_up, "sqlite", 2000, 0),
    (acts_then_returns, "postgres", 200, 0), (acts_then_returns, "sqlite", 200, 0),
]
IN_SHORT: list[tuple[Fault, str, int, float]] = [
    (a_few_killed, "sqlite", 100, 3), (all_at_once, "postgres", 100, 2), (events_pile_up, "postgres", 100, 0),
    (acts_then_returns, "sqlite", 40, 0),
]


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
        if fault is acts_then_returns:
            house.acted_on()
        else:
            house.check(refused=fault is half_of_a_batch_refused)
        copies(house)
        taken = house.mailjet.taken()
        owed = house.owed()
        bare = sum(not letter.letter_sha256 for letter, _ in owed if letter.state != "failed")
        print(f"\n{fault.__name__} on {kind}: {len(owed)} letters, {len(taken['taken'])} taken in {taken['posts']} "
              f"calls, {taken['gets']} looked up, {bare} without a stored copy, killed {dict(house.killed)}; up after "
              f"{up - began:.0f} s, failing for {failed - up:.0f} s, settled {settled - failed:.0f} s later",
              file=sys.__stdout__, flush=True)
