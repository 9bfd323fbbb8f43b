"""Windows counted again: when the calendars, the zone data, the rules or the organisation's own holidays have changed,
and when a start moves that a period lasts until. A day that was told is only ever moved later (design §3)."""

from __future__ import annotations

import json
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import merkle
from notifier.domain import window as rules
from notifier.domain.people import Actor
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import CHANGE, NOTICE, NoticeState
from notifier.domain.terms import Terms, WindowRuns
from notifier.tables import Change, Notice, NoticeWindow
from notifier.workflow import audit, calendars, changes, notices, reckoning, settings, windows

CHUNK = 200  # notices a round: the rest follows in the next
_WHY = N_("The days off have changed since this period was first counted. We counted again, in your favour.")


def recount(session: Session, *, actor: Actor, now: datetime) -> int:
    """Counts every running window again that was found with other versions than today's. One that ends later now is
    extended, and its customer told; one that does not keeps its day, and notes with what it was looked at. Returns how
    many were extended."""
    versions = reckoning.versions(session)
    extra = tuple(date.fromisoformat(day) for day in settings.extra_holidays(session))
    longer, found = [], _stale(session, versions, now)
    for notice in found:
        if _count_again(session, notice, extra, versions, now):
            longer.append(notice)
    if found:
        leaves = [notice.uid.encode() for notice in found]
        audit.note(session, "recount", NOTICE.name, "", actor=actor, now=now, count=len(found),
                   root=merkle.root(leaves), refs={"versions": versions, "extended": [n.uid for n in longer[:50]],
                                                   "longer": len(longer)})
    return len(longer)


def _stale(session: Session, versions: dict[str, str], now: datetime) -> list[Notice]:
    """The notices whose window runs and was found with other versions, locked in order."""
    written = sa.cast(col(NoticeWindow.versions), sa.Text)
    running = (col(Notice.state) == NoticeState.GIVEN, col(NoticeWindow.ends_at) > now,
               col(Notice.window_id) == col(NoticeWindow.id))
    stale = [text for text in session.scalars(sa.select(written).where(*running).distinct())
             if json.loads(text) != versions]
    if not stale:
        return []
    return list(session.exec(
        select(Notice).where(*running, written.in_(stale)).order_by(col(Notice.id)).limit(CHUNK)
        .with_for_update(skip_locked=True, of=Notice).execution_options(populate_existing=True)
    ))


def _count_again(
    session: Session, notice: Notice, extra: tuple[date, ...], versions: dict[str, str], now: datetime
) -> bool:
    before = notices.window_of(session, notice)
    assert before is not None
    assert notice.given_at is not None
    stands = notices.value_of(before)
    terms = Terms.from_json(notice.terms)
    basis = reckoning.basis(session, notice)
    again = basis.window(notice.given_at, extra)
    if terms.window_runs is not WindowRuns.UNTIL_START:  # the day a letter or a person named may be a holiday now
        again = rules.later(again, rules.off_its_holiday(stands, calendars.day_off(terms, extra)))
    inputs = {**basis.inputs(notice, notice.given_at), "extra_holidays": versions["extra_holidays"]}
    if again.ends_at <= stands.ends_at:
        windows.keep(session, notice, stands, inputs, "counted again with other versions: the day stands", now=now)
        return False
    counts = rules.explained(again, Sentence(_WHY), receipt_day=max(again.receipt_day, stands.receipt_day))
    was = ", ".join(f"{name} {value or 'none'}" for name, value in before.versions.items()
                    if versions.get(name) != value)
    windows.keep(session, notice, counts, inputs, f"counted again: it was found with {was}", now=now)
    if counts.last_day > stands.last_day:
        notices.tell_longer(session, notice, now=now)
    return True


def follow_start(session: Session, change: Change, *, actor: Actor, now: datetime) -> int:
    """After a start was moved: periods that last until the start last until the new one, and their customers are told.
    Returns how many do."""
    moved = []
    for part, notice in changes.concerned(session, change):
        if part.withdrawn_at or not notice.opens_window or notice.state == NoticeState.CANCELLED:
            continue
        if Terms.from_json(notice.terms).window_runs is WindowRuns.UNTIL_START and _follow(session, notice, now):
            moved.append(notice)
    if moved:
        leaves = [notice.uid.encode() for notice in moved]
        audit.note(session, "extend", CHANGE.name, change.ref, actor=actor, now=now, count=len(moved),
                   root=merkle.root(leaves), refs={"notices": [n.uid for n in moved[:50]]})
    return len(moved)


def _follow(session: Session, notice: Notice, now: datetime) -> bool:
    notice = notices.lock(session, notice.id or 0)
    before = notices.window_of(session, notice)
    if before is not None and notice.given_at is not None:
        row = notices.open_window(session, notice, notice.given_at, "the start has moved", now=now)
        if row.last_day > before.last_day:
            notice.silence_noted_at = None  # what silence means is noted when the longer period has ended
        return row.last_day > before.last_day
    promise = reckoning.promised(session, notice, now)
    if notice.promised_last_day is None or promise.last_day <= notice.promised_last_day:
        return False
    notice.promised_last_day = promise.last_day
    notices.tell_longer(session, notice, now=now)
    return True
