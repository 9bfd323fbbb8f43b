"""What silence meant: when a window has ended, the system writes down for each customer what follows from it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from notifier.domain.people import Actor
from notifier.domain.states import NOTICE, NoticeState
from notifier.domain.terms import Authorisation, Terms
from notifier.tables import Notice, NoticeChange, NoticeWindow, Objection
from notifier.workflow import audit

CHUNK = 500  # notices a round: the rest follows a second later


def note_ended(session: Session, *, actor: Actor, now: datetime) -> int:
    """Notes every window that has ended since the last round, with what it meant: `consent` by silence under a
    general authorisation, `objected`, `none` under a specific one, which takes a yes. Returns how many."""
    counting = select(NoticeChange.notice_id).where(col(NoticeChange.superseded_at).is_(None),
                                                           col(NoticeChange.freed_at).is_(None))
    rows = session.exec(
        select(Notice, NoticeWindow).join(NoticeWindow, col(NoticeWindow.id) == col(Notice.window_id))
        .where(Notice.state == NoticeState.GIVEN, col(Notice.silence_noted_at).is_(None),
               col(NoticeWindow.ends_at) <= now, col(Notice.id).in_(counting))
        .order_by(col(Notice.id)).limit(CHUNK).with_for_update(skip_locked=True, of=Notice)
    ).all()
    for notice, window in rows:
        notice.silence_noted_at = now
        audit.note(
            session, "window_closed", NOTICE.name, notice.uid, actor=actor, now=now,
            refs={"last_day": window.last_day.isoformat(), "meaning": _meaning(session, notice)},
        )
    return len(rows)


def _meaning(session: Session, notice: Notice) -> str:
    if session.exec(select(Objection.id).where(Objection.notice_id == notice.id).limit(1)).first() is not None:
        return "objected"
    terms = Terms.from_json(notice.terms)
    return "none" if terms.authorisation is Authorisation.SPECIFIC else "consent"
