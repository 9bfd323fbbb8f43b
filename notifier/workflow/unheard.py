"""Accepted letters of which nothing more is heard: asked for at the provider, followed by the next contact, presumed.

An accepted letter's `due_at` is when to look after it next. A provider that can be asked is asked with growing gaps for
five days: it repeats its events for one day only, and a weekend's outage must not leave notices unproven. Terms that
name the contacts one after the other have the next one written to after 48 hours without proof. Where the terms start
the clock on sending, a letter that did not come back for three working days counts as received (design §3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import window
from notifier.domain.letters import NOTICE_LETTERS
from notifier.domain.people import Actor
from notifier.domain.states import DeliveryState, NoticeState
from notifier.domain.terms import ClockStart, Notify, Terms
from notifier.tables import Delivery, DeliveryEvent, Notice
from notifier.workflow import alerts, audit, calendars, deliveries, notices
from notifier.workflow.audit import BatchMove
from notifier.workflow.notices import Happening

ASK_AFTER = tuple(timedelta(hours=h) for h in (2, 6, 14, 30, 48, 72, 96, 120))
"""The ages of a letter at which its provider is asked what became of it."""

NEXT_CONTACT = timedelta(hours=48)
"""How long a contact's letter may stay without proof before the next contact in order is written to."""

PRESUMED_AFTER = 3
"""Working days without a bounce after which a letter counts as received, where the terms start the clock on sending."""

ASK_AGAIN = timedelta(minutes=10)
"""After how long a provider that gave no answer is asked again."""

_OPEN = (NoticeState.PENDING, NoticeState.UNDELIVERABLE)


@dataclass(frozen=True)
class Told:
    """What a provider answered of one letter. `kind` as in `Happening`, empty where its state is short of the receiving
    server's acceptance and of a return; `status` in the provider's own word."""

    kind: str
    status: str


KINDS: Mapping[str, str] = {
    "sent": "sent", "opened": "sent", "clicked": "sent", "unsub": "sent", "spam": "sent",
    "hardbounced": "bounce", "bounce": "bounce", "blocked": "blocked", "softbounced": "soft", "deferred": "soft",
}
"""Mailjet's message states by what they prove. Whoever opened, clicked, unsubscribed or complained had the letter."""


def waiting(session: Session, limit: int, now: datetime) -> list[Delivery]:
    """Letters to be looked after now, the longest overdue first: those that were accepted; and those that a server has
    put off for so long that the next contact in order is to be written to."""
    due = session.exec(
        select(Delivery).where(col(Delivery.state) == DeliveryState.ACCEPTED, col(Delivery.due_at) <= now)
        .order_by(col(Delivery.due_at), col(Delivery.id)).limit(limit)
    )
    put_off = session.exec(
        select(Delivery).join(Notice, col(Notice.id) == col(Delivery.notice_id))
        .where(col(Delivery.state) == DeliveryState.QUEUED, col(Delivery.tries) > 0,
               col(Delivery.created_at) <= now - NEXT_CONTACT, col(Delivery.kind).in_(sorted(NOTICE_LETTERS)),
               Delivery.subject_kind == "notice", col(Notice.state).in_(_OPEN),
               col(Notice.terms)["notify"].as_string() == str(Notify.IN_ORDER),
               sa.not_(sa.exists().where(col(DeliveryEvent.key) == "unheard:" + col(Delivery.ref))))
        .order_by(col(Delivery.created_at), col(Delivery.id)).limit(limit)
    )
    return [*due, *put_off][:limit]


def polled(delivery: Delivery, told: Told, now: datetime, advice: str = "") -> list[Happening]:
    """What the provider's answer makes known, with our `advice` where it is a return. It names no
    moment, so `now` counts: later than it was, never earlier.
    A soft bounce that has not mended in five days is the provider's last word."""
    kind = "bounce" if told.status == "softbounced" and _age(delivery, now) >= ASK_AFTER[-1] else told.kind
    words = f"asked for: {told.status}"
    found = [Happening(delivery.ref, "", kind, now, f"polled:{delivery.ref}:{kind}", words, means="polled",
                       advice=advice)]
    if told.status == "spam":
        found.append(Happening(delivery.ref, "", "spam", now, f"polled:{delivery.ref}:spam", words, means="polled"))
    return found if kind else []


def look_after(
    session: Session, refs: Sequence[str], said: Mapping[str, str] | None, *, actor: Actor, now: datetime
) -> None:
    """What follows for letters that are still only accepted, and when to look again. `said` is the provider's word by
    letter, missing where it gave no answer; None where nobody can be asked."""
    query = select(Delivery).where(col(Delivery.ref).in_(refs))
    ids = sorted({row.notice_id for row in session.exec(query) if row.notice_id is not None})
    held = {notice_id: notices.lock(session, notice_id) for notice_id in ids}
    for row in session.exec(query.order_by(col(Delivery.id)).with_for_update()
                            .execution_options(populate_existing=True)).all():
        if row.state == DeliveryState.QUEUED and row.tries and deliveries.gives(row):
            _turn_to_next(session, row, held[row.notice_id or 0], actor, now)
        if row.state != DeliveryState.ACCEPTED:
            continue
        status = said.get(row.ref) if said is not None else None
        notice = held.get(row.notice_id or 0) if deliveries.gives(row) else None
        if status is not None:
            row.last_words = f"asked for: {status}"
        if notice is not None and notice.state in _OPEN:
            _follow(session, row, notice, actor, now, presumable=status is None)
        if status is not None and _age(row, now) >= ASK_AFTER[-1]:
            _give_up(session, row, status, actor, now)
        row.due_at = min((step for step in _steps(row, notice, said is not None) if step > now), default=None)
        if said is not None and status is None:
            row.due_at = min(filter(None, [row.due_at, now + ASK_AGAIN]))


def _steps(row: Delivery, notice: Notice | None, askable: bool) -> list[datetime]:
    """Every moment at which this letter has to be looked after."""
    since = _since(row)
    steps = [since + gap for gap in ASK_AFTER] if askable else []
    if notice is not None and notice.state in _OPEN:
        terms = Terms.from_json(notice.terms)
        if terms.notify is Notify.IN_ORDER:
            steps.append(since + NEXT_CONTACT)
        if terms.clock_start is ClockStart.SENDING:
            steps.append(_presumption(terms, since)[1])
    return steps


def _follow(
    session: Session, row: Delivery, notice: Notice, actor: Actor, now: datetime, *, presumable: bool
) -> None:
    """Presumes receipt where the terms allow and nobody says otherwise, else turns to the next contact."""
    terms = Terms.from_json(notice.terms)
    if presumable and terms.clock_start is ClockStart.SENDING and not row.hindered_at and row.transport != "outbox":
        counts, holds = _presumption(terms, _since(row))
        if now >= holds:
            event = Happening(row.ref, "", "presumed", counts, f"presumed:{row.ref}", _PRESUMED, by="presumed")
            notices.happened(session, event, actor=actor, now=now)
            return
    if terms.notify is Notify.IN_ORDER and _age(row, now) >= NEXT_CONTACT:
        _turn_to_next(session, row, notice, actor, now)


def _turn_to_next(session: Session, row: Delivery, notice: Notice, actor: Actor, now: datetime) -> None:
    """Done once a letter, and written down also where there is nobody else: a server may put it off for days."""
    key = f"unheard:{row.ref}"
    if notice.state not in _OPEN or deliveries.seen(session, [key]):
        return
    words = _NEXT if notices.next_contact(session, notice, now=now) else _NOBODY
    audit.move_batch(session, [BatchMove(row, "", now, key, words)], actor=actor, now=now)


def _give_up(session: Session, row: Delivery, status: str, actor: Actor, now: datetime) -> None:
    key = f"silent:{row.ref}"
    if not deliveries.seen(session, [key]):
        audit.move_batch(session, [BatchMove(row, "", now, key, f"asked for the last time: {status}")], actor=actor,
                         now=now)
        alerts.failed(session, row, f"{_SILENT} Its last word: {status}.", now=now)


_PRESUMED = "sent, and not returned within three working days"
_NEXT = "no proof of receipt within 48 hours; the next contact is written to"
_NOBODY = "no proof of receipt within 48 hours, and no further contact to write to"
_SILENT = "Five days after the provider took this letter it has neither arrived nor come back. It is asked for no more."


def _presumption(terms: Terms, sent_at: datetime) -> tuple[datetime, datetime]:
    """When a letter sent at `sent_at` counts as received, should it not come back, and from when on that holds. It is
    the close of the next working day, as the letter itself assumed: a term that starts the clock earlier is honoured
    only in the customer's favour."""
    zone, day_off = ZoneInfo(terms.zone), calendars.day_off(terms)
    sent = sent_at.astimezone(zone).date()
    counts = datetime.combine(window.working_day_after(sent, 1, day_off), window.CLOSE, zone) - timedelta(minutes=1)
    last = window.working_day_after(sent, PRESUMED_AFTER, day_off)
    holds = datetime.combine(last + timedelta(1), time(), zone)
    return counts.astimezone(sent_at.tzinfo), holds.astimezone(sent_at.tzinfo)


def _since(row: Delivery) -> datetime:
    return row.handed_at or row.created_at


def _age(row: Delivery, now: datetime) -> timedelta:
    return now - _since(row)
