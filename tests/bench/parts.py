"""What `send` starts in processes of their own: `python -m tests.bench.parts worker|usual|neighbour …`.

Each prints `ready`, waits for a line, works, and prints what it measured as JSON. Moments are on the machine's
monotonic clock, which all processes share.
"""

from __future__ import annotations

import json
import os
import resource
import select
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from notifier.db import Database
from notifier.domain.letters import LetterKind, NoticeFacts
from notifier.jobs import deliver
from notifier.mail import render
from notifier.mail.render import Letter
from tests.bench import installation
from tests.mail import sample_letters

_client: list[Any] = []


def worker(folder: str, database_url: str, mailjet_url: str) -> dict[str, Any]:
    """Sends until the queue is dry, as the job does that a worker runs."""
    house = installation.house(Path(folder), database_url, mailjet_url, "redis://127.0.0.1:1/0")
    deliver.get_ready(house)
    _wait()
    began, before, letters = time.monotonic(), _cpu(), 0
    memory = [_memory()]
    while handled := deliver.run(house):
        letters += handled
        memory.append(_memory())
    return {"letters": letters, "began": began, "ended": time.monotonic(), "cpu": _cpu() - before,
            "memory": [memory[0], memory[1] if len(memory) > 1 else memory[0], memory[-1]]}


def usual(redis_url: str, mailjet_url: str, count: str, job: str = "send_one") -> dict[str, Any]:
    """One RQ job per letter, which renders it from its templates and hands it over by one call of the client; nothing
    is looked up, nothing is written down. With the job `post_one` nothing is rendered either."""
    import redis
    from rq import Queue, SimpleWorker

    connection = redis.Redis.from_url(redis_url)
    queue = Queue("usual", connection=connection, serializer="json")
    for number in range(int(count)):
        queue.enqueue_call(f"tests.bench.parts.{job}", (mailjet_url, number), result_ttl=5)
    at_work = SimpleWorker([queue], connection=connection, serializer="json")
    at_work.log_result_lifespan = False
    for number in range(4):
        _rendered(number)
    _wait()
    began, before = time.monotonic(), _cpu()
    at_work.work(burst=True, logging_level="ERROR")
    return {"letters": int(count), "began": began, "ended": time.monotonic(), "cpu": _cpu() - before}


def send_one(mailjet_url: str, number: int) -> None:
    """The job of `usual`: the letter that we send, too."""
    said = _rendered(number)
    _post(mailjet_url, letter(number) | {"Subject": said.subject, "TextPart": said.text, "HTMLPart": said.html})


def post_one(mailjet_url: str, number: int) -> None:
    """The same without rendering."""
    _post(mailjet_url, letter(number))


def _rendered(number: int) -> Letter:
    facts = _facts(installation.LANGUAGES[number % 4])
    return render.render(replace(facts, to_name=f"Lea {number}", to_email=f"legal@c{number}.example"))


@lru_cache
def _facts(language: str) -> NoticeFacts:
    found = sample_letters.facts(LetterKind.CHANGE_ANNOUNCED, language)
    assert isinstance(found, NoticeFacts)
    return found


def _post(mailjet_url: str, message: dict[str, Any]) -> None:
    if not _client:
        from mailjet_rest import Client

        _client.append(Client(auth=("key", "secret"), version="v3.1", api_url=mailjet_url))
    _client[0].send.create(data={"Messages": [message]})


def letter(number: int) -> dict[str, Any]:
    """A message of the size of ours (some 4 kB of text, 7 kB of HTML), made without any template."""
    text = f"Dear Lea {number}, " + "we tell you of a new sub-processor – für Sie. " * 90
    html = f"<p>Dear Lea {number}, </p>" + "<p>we tell you of a new sub-processor – für Sie.</p>\n" * 130
    return {
        "From": {"Email": "notices@processor.example", "Name": "Processor AG"}, "Subject": f"For customer {number}",
        "To": [{"Email": f"legal@c{number}.example", "Name": f"Lea {number}"}], "TextPart": text,
        "HTMLPart": html, "CustomID": f"00000000-0000-4000-8000-{number:012d}",
        "TrackOpens": "disabled", "TrackClicks": "disabled",
    }


def neighbour(database_url: str) -> dict[str, Any]:
    """Somebody else at work: writes a row and reads one, again and again, and notes how long each took."""
    database = Database(database_url)
    written: list[float] = []
    read: list[float] = []
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        written.append(_timed(lambda: _write(database)))
        read.append(_timed(lambda: _read(database)))
    database.close()
    return {"writes": len(written), "longest_write": max(written), "longest_read": max(read),
            "mean_write": sum(written) / len(written)}


def _write(database: Database) -> None:
    with database.transaction() as session:
        session.execute(sa.text("UPDATE setting SET changed_at = changed_at WHERE key = 'organisation.zone'"))


def _read(database: Database) -> None:
    with database.reading() as session:
        session.execute(sa.text("SELECT body FROM publication LIMIT 1")).all()
        session.execute(sa.text("SELECT count(*) FROM change WHERE state = 'announced'")).all()


def _timed(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _wait() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory() -> float:
    """What the process holds now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    print(json.dumps({"worker": worker, "usual": usual, "neighbour": neighbour}[sys.argv[1]](*sys.argv[2:])),
          flush=True)
