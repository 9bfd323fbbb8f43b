"""What silence meant: when a window has ended, the system writes down for each customer what follows from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import silence as rules
from notifier.domain.people import Actor
from notifier.domain.silence import Meaning
from notifier.domain.states import NOTICE, NoticeState, ObjectionState
from notifier.domain.terms import Terms
from notifier.tables import Change, Notice, NoticeChange, NoticeWindow, Objection, ObjectionChange
from notifier.workflow import audit

CHUNK = 500  # notices a round: the rest follows a second later


def note_ended(session: Session, *, actor: Actor, now: datetime) -> int:
    """Notes every window that has ended since the last round, with what that meant for each change that stood and
    opened it (`domain.silence`): in the log, and with the change for whoever asks later. Returns how many."""
    counting = select(NoticeChange.notice_id).where(col(NoticeChange.superseded_at).is_(None),
                                                           col(NoticeChange.freed_at).is_(None))
    rows = session.exec(
        select(Notice, NoticeWindow).join(NoticeWindow, col(NoticeWindow.id) == col(Notice.window_id))
        .where(Notice.state == NoticeState.GIVEN, col(Notice.silence_noted_at).is_(None),
               col(NoticeWindow.ends_at) <= now, col(Notice.id).in_(counting))
        .order_by(col(Notice.id)).limit(CHUNK).with_for_update(skip_locked=True, of=Notice)
    ).all()
    ids = [notice.id or 0 for notice, _ in rows]
    parts, objected = _parts(session, ids), _objected(session, ids)
    for notice, window in rows:
        notice.silence_noted_at = now
        silence = Terms.from_json(notice.terms).silence
        meanings = {}
        for part, ref in parts.get(notice.id or 0, ()):
            answered = part.consent if part.consent_at is not None and part.consent_at < window.ends_at else ""
            filed = objected.get((part.notice_id, part.change_id))
            part.silence = rules.meaning(silence, answered, filed is not None and filed < window.ends_at)
            meanings[ref] = part.silence
        audit.note(session, "window_closed", NOTICE.name, notice.uid, actor=actor, now=now,
                   refs={"last_day": window.last_day.isoformat(), "changes": meanings})
    return len(rows)


def _parts(session: Session, notice_ids: Collection[int]) -> dict[int, list[tuple[NoticeChange, str]]]:
    """By notice: the changes that stood and opened its window, each with its reference."""
    found: dict[int, list[tuple[NoticeChange, str]]] = {}
    for part, ref in session.exec(
        select(NoticeChange, Change.ref).join(Change, col(Change.id) == col(NoticeChange.change_id))
        .where(col(NoticeChange.notice_id).in_(notice_ids), col(NoticeChange.withdrawn_at).is_(None),
               col(NoticeChange.superseded_at).is_(None), col(Change.opens_window).is_(True)).order_by(col(Change.id))
    ):
        found.setdefault(part.notice_id, []).append((part, ref))
    return found


def _objected(session: Session, notice_ids: Collection[int]) -> dict[tuple[int, int], datetime]:
    """By notice and change: when the first objection to it that was not withdrawn was filed."""
    rows = session.execute(
        sa.select(col(Objection.notice_id), col(ObjectionChange.change_id), sa.func.min(col(Objection.filed_at)))
        .join(ObjectionChange, col(ObjectionChange.objection_id) == col(Objection.id))
        .where(col(Objection.notice_id).in_(notice_ids), col(Objection.state) != ObjectionState.WITHDRAWN)
        .group_by(col(Objection.notice_id), col(ObjectionChange.change_id))
    )
    return {(notice_id, change_id): filed_at for notice_id, change_id, filed_at in rows}


def reopen(session: Session, notice: Notice) -> None:
    """What was noted holds no more: a longer window runs, or the proof it rested on is lost. It is noted afresh when
    the window has ended. No proof, no silent consent (design §3)."""
    if notice.silence_noted_at is None:
        return
    notice.silence_noted_at = None
    for part in session.exec(select(NoticeChange).where(NoticeChange.notice_id == notice.id)).all():
        part.silence = ""


def of_notices(session: Session, notice_ids: Collection[int]) -> Mapping[int, Mapping[str, Meaning]]:
    """By notice: what silence meant for each change, by its reference; nothing while a window runs."""
    found: dict[int, dict[str, Meaning]] = {}
    for number, ref, meant in session.exec(
        select(NoticeChange.notice_id, Change.ref, NoticeChange.silence)
        .join(Change, col(Change.id) == col(NoticeChange.change_id))
        .where(col(NoticeChange.notice_id).in_(notice_ids), NoticeChange.silence != "").order_by(col(Change.id))
    ):
        found.setdefault(number, {})[ref] = Meaning(meant)
    return found
