"""Extending the time to object: by a person's decision, to a later day only, told to every notice contact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from notifier.domain import merkle
from notifier.domain import window as rules
from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.states import NOTICE, ChangeState, NoticeState
from notifier.domain.terms import Terms
from notifier.tables import Change, Notice, NoticeChange
from notifier.workflow import announcements, audit, notices, reckoning, windows


@dataclass(frozen=True)
class Extension:
    """What extending did: the notices that have the new last day, and how many had that long already."""

    extended: tuple[Notice, ...]
    as_long_already: int


def extend(
    session: Session, last_day: date, reason: str, *, uid: str = "", announcement: str = "", actor: Actor,
    now: datetime,
) -> Extension:
    """Extends the time to object to the end of `last_day` (a civil date in each customer's zone): of the notice
    `uid`, or of every notice of `announcement` in which something may still be objected to. `reason` stands in the
    letter. A notice whose receipt is not proven yet keeps the day as promised; the window begins no earlier for it.

    Raises Refusal role_missing, reason_missing, unknown, no_window, and extension_not_later where nobody would have
    more time by it (design §3: promises are stored, and only ever extended).
    """
    if Role.PRIVACY not in actor.roles:
        raise Refusal("role_missing", roles="privacy")
    if not reason.strip():
        raise Refusal("reason_missing")
    found = _chosen(session, uid, announcement)
    if not found:
        raise Refusal("no_window")
    until = {notice.id: _runs_until(session, notice, now) for notice in found}
    longer = [notice for notice in found if last_day > until[notice.id]]
    if not longer:
        raise Refusal("extension_not_later", last_day=min(until.values()))
    for notice in longer:
        _extend_one(session, notice, last_day, reason.strip(), now)
    kind, ref = (NOTICE.name, uid) if uid else ("announcement", announcement)
    leaves = [f"{notice.uid}:{last_day.isoformat()}".encode() for notice in longer]
    audit.note(session, "extend", kind, ref, actor=actor, now=now, count=len(longer), root=merkle.root(leaves),
               refs={"last_day": last_day.isoformat(), "notices": [n.uid for n in longer[:50]]}, reason=reason.strip())
    return Extension(tuple(longer), len(found) - len(longer))


def _chosen(session: Session, uid: str, announcement: str) -> list[Notice]:
    """The notices meant, locked in order: those in which something opens a window and has not started there."""
    if uid:
        number = session.exec(select(Notice.id).where(Notice.uid == uid)).first()
        if number is None:
            raise Refusal("unknown", what="notice", ref=uid)
        meant = Notice.id == number
    else:
        meant = Notice.announcement_id == announcements.get(session, announcement).id
    open_parts = (
        select(NoticeChange.notice_id).join(Change, col(Change.id) == col(NoticeChange.change_id))
        .where(col(NoticeChange.withdrawn_at).is_(None), col(NoticeChange.superseded_at).is_(None),
               col(NoticeChange.released_at).is_(None),
               col(Change.opens_window).is_(True), col(Change.state) != ChangeState.WITHDRAWN)
    )
    return list(session.exec(
        select(Notice).where(meant, col(Notice.opens_window).is_(True), col(Notice.state) != NoticeState.CANCELLED,
                             col(Notice.id).in_(open_parts))
        .order_by(col(Notice.id)).with_for_update().execution_options(populate_existing=True)
    ))


def _runs_until(session: Session, notice: Notice, now: datetime) -> date:
    """The last day this customer has so far, or yesterday's where that is over: nothing is extended into the past."""
    terms = Terms.from_json(notice.terms)
    row = notices.window_of(session, notice)
    promised = notice.promised_last_day or reckoning.promised(session, notice, now).last_day
    day = max(row.last_day, notice.promised_last_day or row.last_day) if row else promised
    return max(day, now.astimezone(ZoneInfo(terms.zone)).date())


def _extend_one(session: Session, notice: Notice, last_day: date, reason: str, now: datetime) -> None:
    row = notices.window_of(session, notice)
    if row is None:
        notice.promised_last_day = last_day
    else:
        inputs = {**row.inputs, "extended_to": last_day.isoformat()}
        windows.keep(session, notice, rules.extended(notices.value_of(row), last_day), inputs, reason, now=now)
    notices.tell_longer(session, notice, now=now, words=reason)
