"""Takes in what the mail provider posted: the webhook keeps the body, this job reads it."""

from __future__ import annotations

import logging

from sqlmodel import col, select

from notifier import clock
from notifier.domain.people import Actor, Door, Kind
from notifier.house import House, open_house
from notifier.mail import events
from notifier.tables import ProviderPost
from notifier.workflow import deliveries, notices, objections

log = logging.getLogger("notifier.events")
PROVIDER = Actor(Kind.PROVIDER, Door.WEBHOOK)
RELEVANT = frozenset({"sent", "bounce", "blocked", "spam"})


def digest() -> int:
    """The job: reads every body that waits, oldest first, and returns how many. Safe to run twice."""
    return run(open_house())


def run(house: House) -> int:
    """One transaction per body, so that a bad one keeps nobody else waiting."""
    read = 0
    while True:
        with house.database.transaction() as session:
            post = session.exec(
                select(ProviderPost).where(col(ProviderPost.read_at).is_(None)).order_by(col(ProviderPost.id))
                .limit(1).with_for_update(skip_locked=True)
            ).first()
            if post is None:
                break
            now = clock.now()
            found, junk = events.parse(post.body, now)
            happenings = [
                notices.Happening(e.custom_id, e.message_id, e.kind, e.at, e.key, e.words, e.raw) for e in found
                # A soft bounce is Mailjet's "not yet": it goes on trying, and a last word follows.
                if e.kind in RELEVANT and (e.kind != "bounce" or e.hard)
            ]
            for event, done in zip(
                happenings, notices.happened_all(session, happenings, actor=PROVIDER, now=now), strict=True
            ):
                if done == "unknown":
                    junk.append("an event for a letter that is not ours")
                delivery = deliveries.find(session, event.ref, event.provider_id)
                if event.kind == "sent" and delivery is not None:
                    objections.letter_proven(session, delivery, event.at, actor=PROVIDER, now=now)
            post.read_at, post.words = now, "; ".join(junk)[:2000]
            if not junk:
                session.delete(post)  # everything it said stands in the ledger now
            read += 1
    if read:
        house.ring("notifier.jobs.deliver.deliver")  # a bounce may have owed a letter to the next contact
    return read
