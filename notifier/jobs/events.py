"""Takes in what a mail provider posted: the webhook keeps the body, this job reads it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain.people import Actor, Door, Kind, system
from notifier.house import House, at_work
from notifier.mail import events
from notifier.mail.events import MailEvent
from notifier.tables import Delivery, ProviderPost
from notifier.workflow import alerts, deliveries, notices, objections, withheld
from notifier.workflow.notices import Happening

log = logging.getLogger("notifier.events")
PROVIDER, ACTOR = Actor(Kind.PROVIDER, Door.WEBHOOK), system(Door.JOB)
RELEVANT = frozenset({"sent", "duplicate", "bounce", "soft", "blocked", "spam"})
AT_ONCE = 200  # events a transaction takes in: nobody else waits long for the rows they lock
MINUTE = 60.0  # seconds a job goes on before it rings for the next one: the desk has more to do than this
UNREADABLE_KEPT = 100  # bodies nobody could read; of a provider that goes on posting them the newest tell enough


def digest() -> int:
    """The job: reads every body that waits, oldest first, and returns how many. Safe to run twice."""
    return run(at_work())


def run(house: House) -> int:
    """Body after body until none waits or a minute is up. One begun and not finished is read again from its start,
    where repeats change nothing; so is one that two workers have in hand. What nobody can read holds up no other."""
    began, read = time.monotonic(), 0
    while (post := _next(house)) is not None:
        if read and time.monotonic() - began >= MINUTE:
            house.ring("notifier.jobs.events.digest")
            break
        _digested(house, post)
        read += 1
    if read:
        house.ring("notifier.jobs.deliver.deliver")  # a bounce may have owed a letter to the next contact
    return read


def _digested(house: House, post: ProviderPost) -> None:
    """Some events a transaction, so that a second's worth of them holds up nobody."""
    found, junk = _read(post)
    told = [_happening(event, post) for event in found if event.kind in RELEVANT]
    foreign = 0
    for start in range(0, len(told), AT_ONCE):
        some = told[start:start + AT_ONCE]
        try:
            with house.database.transaction() as session:
                done = take_in(session, some, actor=PROVIDER, now=clock.now())
            foreign += done.count("unknown")
            if any(event.kind == "spam" for event in some):  # what waits for that address must not leave
                with house.database.transaction() as session:
                    withheld.withhold(session, actor=ACTOR, now=clock.now())
        except (OperationalError, IntegrityError):
            raise  # the database is away, or another worker has just taken the same in: from the start, later
        except Exception:
            log.exception("events %s and after of post %s cannot be taken in", start + 1, post.id)
            junk.append(f"Events {start + 1} and after could not be taken in; see the log of the worker.")
    if foreign:
        log.info("%s of %s events were for letters that are not ours", foreign, len(told))
    _finish(house, post, junk)


def take_in(session: Session, told: Sequence[Happening], *, actor: Actor, now: datetime) -> list[str]:
    """Takes in what became known of letters, and what follows for the cases they belong to; says in a word what each
    did, as `notices.happened_all` does. Every source of proofs comes through here: webhook, polling, DSN."""
    done = notices.happened_all(session, told, actor=actor, now=now)
    arrived = [event for event, word in zip(told, done, strict=True) if event.kind == "sent" and word == "delivered"]
    about = dict(session.exec(select(Delivery.ref, Delivery.subject_kind).where(
        col(Delivery.ref).in_([event.ref for event in arrived]))).all())
    for event in arrived:
        if about.get(event.ref, "objection") != "objection":
            continue  # nearly all of them
        delivery = deliveries.find(session, event.ref, event.provider_id)
        if delivery is not None and delivery.subject_kind == "objection":
            objections.letter_proven(session, delivery, event.at, actor=actor, now=now)
    return done


def _next(house: House) -> ProviderPost | None:
    with house.database.reading() as session:
        return session.exec(
            select(ProviderPost).where(col(ProviderPost.read_at).is_(None)).order_by(col(ProviderPost.id)).limit(1)
        ).first()


def _read(post: ProviderPost) -> tuple[list[MailEvent], list[str]]:
    if post.source == "plain":
        return events.parse_plain(post.body, post.received_at)
    return events.parse(post.body, post.received_at)


def _happening(event: MailEvent, post: ProviderPost) -> Happening:
    said = [event.words] if event.kind == "sent" else [event.code, event.words]
    advice = events.advice(event) if post.source == "mailjet" else ""
    return Happening(event.custom_id, event.message_id, event.kind, event.at, event.key,
                     " · ".join(filter(None, said)), event.raw, advice=advice)


def _finish(house: House, post: ProviderPost, junk: Sequence[str]) -> None:
    """What was read stands in the ledger now and can go; what nobody could read is kept, and ops are told."""
    with house.database.transaction() as session:
        kept = session.get(ProviderPost, post.id, with_for_update=True)
        if kept is None or kept.read_at is not None:
            return  # another worker was as far
        if not junk:
            session.delete(kept)
            return
        kept.read_at, kept.words = clock.now(), "; ".join(junk)[:2000]
        session.flush()
        alerts.unreadable(session, kept, kept.words[:500], now=clock.now())
        newest = sa.select(col(ProviderPost.id)).where(col(ProviderPost.read_at).is_not(None)).order_by(
            col(ProviderPost.id).desc()).limit(UNREADABLE_KEPT)
        session.execute(sa.delete(ProviderPost).where(
            col(ProviderPost.read_at).is_not(None), col(ProviderPost.id).not_in(newest)
        ).execution_options(synchronize_session=False))
