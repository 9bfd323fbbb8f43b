"""Two workers, two processes, one queue: they share it, and no letter leaves twice."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from sqlmodel import select

from notifier.house import House
from notifier.tables import Delivery, DeliveryEvent
from notifier.workflow import verify
from tests import factory

WORK = """
from notifier.house import open_house
from notifier.jobs import deliver
house = open_house()
house.transport.batch = 5
with house.database.reading():
    print("ready", flush=True)
input()
print(deliver.run(house), flush=True)
"""


def test_two_processes_share_the_letters_and_none_leaves_twice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, *(factory.customer(f"c{n}") for n in range(200)))
        factory.announced(session, olga, paul)
    held = house.settings
    for name, value in (("DATABASE_URL", held.database_url), ("NOTIFIER_DATA_DIR", str(held.data_dir)),
                        ("NOTIFIER_SECRET_KEY", held.secret_key), ("REDIS_URL", held.redis_url)):
        monkeypatch.setenv(name, value)
    pair = [subprocess.Popen([sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(2)]
    for child in pair:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in pair:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    handled = [int(child.communicate()[0]) for child in pair]
    assert all(handled)
    assert sum(handled) == 201  # and the request for review
    assert len(list((held.data_dir / "outbox").glob("*.eml"))) == 201
    with house.database.reading() as session:
        events = Counter((e.delivery_id, e.kind) for e in session.exec(select(DeliveryEvent)))
        rows = session.exec(select(Delivery)).all()
        assert {row.state for row in rows} == {"accepted"}
        assert set(events) == {(row.id, kind) for row in rows for kind in ("claim", "accept")}
        assert set(events.values()) == {1}
        assert verify.chain(session) == []
