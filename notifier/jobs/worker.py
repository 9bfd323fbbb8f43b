"""A worker: one process, one queue, one job at a time, in the main thread."""

from __future__ import annotations

import logging
import os
import re
import signal
import threading
import time
from types import FrameType

import redis
from rq import SimpleWorker
from rq.executions import Execution
from rq.job import Job
from rq.queue import Queue
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty

from notifier.jobs import queue as queues

LAST_WORDS = 5.0  # seconds a worker takes for its farewell when the process that started it is gone

log = logging.getLogger("notifier.jobs")


class TimeIsUp(BaseException):
    """A job has run for longer than it may. No `Exception`, or whoever catches those to save the rest of a batch would
    take it for a fault of the letter or event at hand, and the job would go on without any limit."""


class _Deadline(UnixSignalDeathPenalty):
    """RQ's alarm clock, which says that the time is up in a way that only the worker itself hears."""

    def __init__(self, timeout: int, exception: type[BaseException] = JobTimeoutException, **more: object) -> None:
        told = TimeIsUp if issubclass(exception, JobTimeoutException) else exception
        super().__init__(timeout, told, **more)  # type: ignore[no-untyped-call]

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        """The job is done or has failed; an alarm that goes off at this very moment means nothing any more."""
        try:
            self.cancel_death_penalty()  # type: ignore[no-untyped-call]
        except TimeIsUp:
            self.cancel_death_penalty()  # type: ignore[no-untyped-call]


class _Worker(SimpleWorker):
    """RQ's worker in one process, with a line of log per job and an end that Redis cannot delay for ever."""

    job_class = queues.Doorbell
    death_penalty_class = _Deadline
    log_result_lifespan = False
    asked_to_stop = False

    def __init__(self, name: str, url: str) -> None:
        connection = queues.connect(url, patient=True)
        self.started_by = os.getppid()
        # Registries are looked after between jobs and when the blocking wait ends, every 15 seconds at these
        # values; at RQ's own a job of a killed worker would lie for a quarter of an hour.
        super().__init__(
            [queues.queue(connection, name)], connection=connection,
            serializer="json", job_class=queues.Doorbell,
            worker_ttl=30, maintenance_interval=15, log_job_description=False,
        )

    def subscribe(self) -> None:
        """Takes no orders through Redis: this spares a thread, and a second at every stop."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """The warm stop: the running job is finished first."""
        self.asked_to_stop = True
        if os.getppid() != self.started_by:
            # The supervisor was killed, and Redis with it: a farewell to Redis would only wait for nobody.
            last = threading.Timer(LAST_WORDS, os._exit, (1,))
            last.daemon = True
            last.start()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Runs one job and writes one line about it."""
        began = time.monotonic()
        well: bool = super().perform_job(job, queue, execution)
        log.log(
            logging.INFO if well else logging.ERROR, "job %s queue=%s args=%s %s in %.0f ms",
            job.id, queue.name, job.args, "done" if well else "failed", (time.monotonic() - began) * 1000,
        )
        return well


def _named(url: str) -> str:
    """The address without its password, for the log."""
    return re.sub(r"//[^@/]*@", "//…@", url)


def run(queue: str, redis_url: str, *, burst: bool = False) -> int:
    """Works on one queue of QUEUES until SIGTERM or SIGINT (or, in a burst, until it is empty).

    Returns the exit status: 0 for a wished end, 1 when the worker gave up by itself, for instance because
    Redis stayed away for longer than a `patient` client waits. Main thread only. Raises ValueError for
    a queue that is not one of QUEUES.
    """
    if queue not in queues.QUEUES:
        raise ValueError(f"There is no queue “{queue}”; there are {', '.join(queues.QUEUES)}.")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        worker = _Worker(queue, redis_url)
    except redis.ConnectionError as why:
        log.error("There is no Redis at %s: %s. Start it, or correct REDIS_URL.", _named(redis_url), why)
        return 1
    if not burst:
        log.info("worker %s listens on queue %s", worker.name, queue)
    handlers = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        worker.work(burst=burst, logging_level="WARNING")
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)  # RQ leaves its own behind
        worker.connection.close()
    return 0 if burst or worker.asked_to_stop else 1
