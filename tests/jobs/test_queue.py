"""The doorbell and the workers behind it, on a real Redis."""

from __future__ import annotations

import importlib
import inspect
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from rq.job import Job
from rq.registry import FailedJobRegistry

from notifier import redis_server
from notifier.jobs import deliver, doubts, events, polling, queue, worker
from notifier.mail.smtp import Smtp
from tests import servers

HERE = Path(__file__).resolve()
NOTE, RING_ONCE_MORE, BREAK, STUBBORN = (
    f"tests.jobs.{HERE.stem}.{name}" for name in ("note", "ring_once_more", "break_down", "go_on_whatever_happens"))
ROUTES = {NOTE: queue.DESK, RING_ONCE_MORE: queue.DESK, BREAK: queue.MAIL, STUBBORN: queue.DESK}


def note(path: str, word: str, seconds: int = 0) -> None:
    """A job: says that it began, takes its time, says that it ended."""
    with open(path, "a") as file:
        file.write(f"{word} begins\n")
        file.flush()
        time.sleep(seconds)
        file.write(f"{word} ends\n")


def ring_once_more(path: str, url: str) -> None:
    """A job for which somebody rings while it runs."""
    already = Path(path).exists()
    note(path, "run")
    if not already:
        connection = queue.connect(url, patient=False)
        for _ in range(5):
            assert queue.ring(connection, RING_ONCE_MORE, path, url)
        connection.close()


def go_on_whatever_happens(path: str) -> None:
    """A job that takes every fault for one of the thing at hand, and saves the rest."""
    for n in range(100):
        try:
            note(path, str(n), 1)
        except Exception:
            note(path, "saved")


def break_down() -> None:
    """A job that fails."""
    raise ValueError("the ink is empty")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with servers.redis() as url:
        yield url


@pytest.fixture
def connection(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    for job, name in ROUTES.items():
        monkeypatch.setitem(queue.ROUTES, job, name)
    connection = queue.connect(url, patient=False)
    connection.flushdb()
    yield connection
    connection.close()


def until(true: Callable[[], bool], seconds: float = 40) -> None:
    """Waits for something another process does."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_ring_is_worked_off_with_its_ids(connection: Redis, url: str, tmp_path: Path) -> None:
    assert queue.ring(connection, NOTE, str(tmp_path / "notes"), "seven")
    assert worker.run(queue.DESK, url, burst=True) == 0
    assert lines(tmp_path / "notes") == ["seven begins", "seven ends"]


def test_a_thousand_rings_for_the_same_thing_are_one_job(connection: Redis, url: str, tmp_path: Path) -> None:
    for _ in range(1000):
        assert queue.ring(connection, NOTE, str(tmp_path / "notes"), "once")
    assert queue.ring(connection, NOTE, str(tmp_path / "notes"), "other")
    assert queue.queue(connection, queue.DESK).count == 2
    worker.run(queue.DESK, url, burst=True)
    assert lines(tmp_path / "notes") == ["once begins", "once ends", "other begins", "other ends"]


def test_a_ring_during_a_run_makes_it_run_once_again(connection: Redis, url: str, tmp_path: Path) -> None:
    assert queue.ring(connection, RING_ONCE_MORE, str(tmp_path / "notes"), url)
    worker.run(queue.DESK, url, burst=True)
    assert lines(tmp_path / "notes") == ["run begins", "run ends"] * 2


def test_a_ring_for_a_job_that_redis_lost_rings_again(connection: Redis, url: str, tmp_path: Path) -> None:
    assert queue.ring(connection, NOTE, str(tmp_path / "notes"), "lost")
    connection.delete(queue.queue(connection, queue.DESK).key)  # as a worker killed between two commands does
    assert queue.ring(connection, NOTE, str(tmp_path / "notes"), "lost")
    worker.run(queue.DESK, url, burst=True)
    assert lines(tmp_path / "notes") == ["lost begins", "lost ends"]


def test_a_failed_job_is_kept_for_a_day_and_can_be_rung_again(connection: Redis, url: str) -> None:
    for count in (1, 2):
        assert queue.ring(connection, BREAK)
        worker.run(queue.MAIL, url, burst=True)
        failed = FailedJobRegistry(queue=queue.queue(connection, queue.MAIL)).get_job_ids()
        assert len(failed) == count
        assert all(0 < connection.ttl(Job.key_for(job)) <= queue.FAILURE_TTL for job in failed)


def test_a_job_whose_time_is_up_ends_even_where_it_saves_itself_from_every_fault(
    connection: Redis, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "JOB_TIMEOUT", 1)
    assert queue.ring(connection, STUBBORN, str(tmp_path / "notes"))
    assert queue.ring(connection, NOTE, str(tmp_path / "notes"), "next")
    worker.run(queue.DESK, url, burst=True)
    assert "saved begins" not in lines(tmp_path / "notes")
    assert lines(tmp_path / "notes")[-2:] == ["next begins", "next ends"]
    [failed] = FailedJobRegistry(queue=queue.queue(connection, queue.DESK)).get_job_ids()
    assert failed.startswith("go_on_whatever_happens-")


def test_a_job_may_take_longer_than_its_minute_and_the_slowest_run_by_smtp() -> None:
    slowest = inspect.signature(Smtp).parameters
    run = sum(slowest[name].default for name in ("budget", "verdict_timeout")) + 3 * slowest["timeout"].default
    assert deliver.MINUTE + run < queue.JOB_TIMEOUT
    assert max(events.MINUTE, polling.MINUTE, doubts.MINUTE) + 60 < queue.JOB_TIMEOUT


def test_a_payload_naming_another_function_is_not_run(connection: Redis, url: str, tmp_path: Path) -> None:
    bell = queue.queue(connection, queue.MAIL)
    job = bell.enqueue_call("os.mkdir", (str(tmp_path / "made"),))
    worker.run(queue.MAIL, url, burst=True)
    assert job.get_status(refresh=True) == "failed"
    assert not (tmp_path / "made").exists()


def test_a_job_without_a_queue_is_refused(connection: Redis) -> None:
    with pytest.raises(ValueError, match="has no queue"):
        queue.ring(connection, "notifier.jobs.deliver.nothing")


def test_an_unknown_queue_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="There is no queue"):
        worker.run("post", url, burst=True)


def test_a_redis_that_is_away_is_noted_and_passed_over(
    tmp_path: Path, connection: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    for url in (f"unix://{tmp_path}/none.sock", "redis://127.0.0.1:1/0"):
        away = queue.connect(url, patient=False)
        assert queue.ring(away, NOTE, 7) is False
        away.close()
    assert "the clock will ring again" in caplog.text


@contextmanager
def a_worker(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """`worker.run` for the desk in a process of its own."""
    code = (
        f"import sys; sys.path.insert(0, {str(HERE.parent)!r}); from notifier.jobs import queue, worker; "
        f"queue.ROUTES.update({ROUTES!r}); sys.exit(worker.run('desk', {url!r}))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], cwd=HERE.parents[2])
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def test_a_worker_asked_to_stop_finishes_its_job_first(connection: Redis, url: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with a_worker(url) as child:
        assert queue.ring(connection, NOTE, str(notes), "long", 1)
        until(lambda: lines(notes) == ["long begins"])
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    assert lines(notes) == ["long begins", "long ends"]


def test_a_worker_outlives_a_killed_redis(
    connection: Redis, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("r")
    server, notes = redis_server.prepare(folder), folder / "notes"
    first = subprocess.Popen(server.argv)
    try:
        until(lambda: redis_server.answers(server.url))
        here = queue.connect(server.url, patient=True)
        with a_worker(server.url) as child:
            assert queue.ring(here, NOTE, str(notes), "idle")
            until(lambda: lines(notes)[-1:] == ["idle ends"])
            assert queue.ring(here, NOTE, str(notes), "busy", 1)
            until(lambda: lines(notes)[-1:] == ["busy begins"])
            first.kill()  # away when the job ends
            first.wait()
            until(lambda: lines(notes)[-1:] == ["busy ends"])
            assert queue.ring(queue.connect(server.url, patient=False), NOTE, str(notes), "deaf") is False
            with redis_server.running(folder):
                assert queue.ring(here, NOTE, str(notes), "again")
                until(lambda: lines(notes)[-1:] == ["again ends"])
                assert child.poll() is None
                child.send_signal(signal.SIGTERM)
                assert child.wait(30) == 0
        here.close()
    finally:
        if first.poll() is None:
            first.kill()
        first.wait()


def test_a_worker_without_a_redis_says_so_and_gives_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    impatient = queue.connect("redis://127.0.0.1:1/0", patient=False)
    monkeypatch.setattr(queue, "connect", lambda url, patient: impatient)
    assert worker.run(queue.DESK, "redis://:secret@127.0.0.1:1/0") == 1
    assert "There is no Redis at redis://…@127.0.0.1:1/0" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("job", sorted(queue.ROUTES))
def test_every_route_leads_to_a_function(job: str) -> None:
    module, _, function = job.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))
    assert queue.queue_name(job) in queue.QUEUES
