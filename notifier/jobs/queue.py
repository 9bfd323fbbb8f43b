"""The doorbell: tells a worker that something is waiting in the database, and carries nothing but ids.

A lost ring loses no work: whoever rings has committed first, and the clock's sweep rings again for whatever
was left. So a Redis that is down is noted and passed over.
"""

from __future__ import annotations

import logging
import uuid

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.job import Job

MAIL, DESK = "mail", "desk"
QUEUES = (MAIL, DESK)

# Which function is rung on which queue: letters have a worker to themselves, so nothing at the desk delays
# them. A worker runs these functions and no others.
ROUTES: dict[str, str] = {
    "notifier.jobs.deliver.deliver": MAIL,
    "notifier.jobs.doubts.settle": MAIL,
    "notifier.jobs.publish.publish": DESK,
    "notifier.jobs.announce.proceed": DESK,
    "notifier.jobs.events.digest": DESK,
    "notifier.jobs.imports.proceed": DESK,
    "notifier.jobs.polling.ask": DESK,
    "notifier.jobs.own_pages.answer": DESK,
}

# Seconds; more than a job's minute and the slowest calls to a provider together (by Mailjet three of half a minute): by
# SMTP that is a run of 20 seconds, and for its last letter three replies of 15 and a verdict of 45.
JOB_TIMEOUT = 240
TIMEOUTS = {"notifier.jobs.imports.proceed": 900}  # a hundred thousand customers are one transaction
FAILURE_TTL = 24 * 3600  # seconds a failed job can be looked at; RQ's default is a year
RESULT_TTL = 5  # seconds; results stand in the database

log = logging.getLogger("notifier.jobs")


class Doorbell(Job):
    """A job that only runs functions of ROUTES: JSON alone would let a payload name `os.system`."""

    def perform(self) -> object:
        """Runs the function; raises PermissionError for one that is no job of ours."""
        if self.func_name not in ROUTES:
            raise PermissionError(f"“{self.func_name}” is not a job of this service")
        return super().perform()


def connect(url: str, *, patient: bool) -> redis.Redis:
    """A client for `url` (redis://, rediss:// or unix://path).

    Patient, for workers: outlasts some 16 seconds without Redis, enough for a restart, and no more, so that a
    worker whose whole house was killed does not linger. Impatient, for doors: one try, one second.
    """
    if patient:
        retry = Retry(ExponentialBackoff(base=0.05, cap=1), 20)
        return redis.Redis.from_url(url, retry=retry)
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=1, socket_connect_timeout=1)


def queue(connection: redis.Redis, name: str) -> Queue:
    """The queue `name` of QUEUES, as both ringer and worker must see it: JSON, our jobs."""
    return Queue(name, connection=connection, serializer="json", job_class=Doorbell)


def ring(connection: redis.Redis, job: str, *args: int | str) -> bool:
    """Rings for `job(*args)`, a dotted path of ROUTES; True when it is now waiting, False when Redis is away.

    While the same job with the same arguments waits, unstarted, a second ring adds nothing. One that has
    started may already have read the database, so a ring from then on is a new job: nothing committed before
    a ring is missed. Ring after the commit, never before. Raises ValueError for a job that is not in ROUTES.
    """
    target = queue_name(job)
    note = f"notifier:rung:{job}:{':'.join(map(str, args))}"
    try:
        bell = queue(connection, target)
        waiting = connection.get(note)
        assert waiting is None or isinstance(waiting, bytes)
        # Looked for in the list itself, not by status: a started job is out of the list before it runs.
        if waiting is not None and connection.lpos(bell.key, waiting.decode()) is not None:
            return True
        name = f"{job.rpartition('.')[2]}-{uuid.uuid4().hex}"
        connection.set(note, name, ex=FAILURE_TTL)
        bell.enqueue_call(
            job, args, job_id=name, timeout=TIMEOUTS.get(job, JOB_TIMEOUT), result_ttl=RESULT_TTL,
            failure_ttl=FAILURE_TTL,
        )
    except (redis.RedisError, OSError) as why:
        log.warning("Redis is away, so %s%r was not rung; the clock will ring again (%s)", job, args, why)
        return False
    return True


def queue_name(job: str) -> str:
    """The queue `job` is rung on; raises ValueError, in words, for a function that is not in ROUTES."""
    if job not in ROUTES:
        raise ValueError(f"“{job}” has no queue: add it to ROUTES")
    return ROUTES[job]
