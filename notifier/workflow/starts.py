"""The planned start after it was told: moved later by a person, or open where the day came and something stood in
the way. Customers are told once that it is open, and once when the new day is fixed (design §4)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.gate import Blocker, Code
from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.states import CHANGE, ChangeState, DeliveryState
from notifier.tables import Change, Delivery
from notifier.workflow import audit, changes, listing, recounts, settings, tellings
from notifier.workflow.audit import BatchMove

LETTER = "start_moved"


def move_start(
    session: Session, ref: str, new_start: date, reason: str, *, actor: Actor, now: datetime
) -> Change:
    """Moves the planned start of an announced change to a later day (a civil date in the organisation's zone), or
    fixes one where it is open; whoever was told of the change is told of the day. It then starts on that day by itself.

    Raises Refusal role_missing, reason_missing, no_such_move for a change that is not announced, start_earlier for a
    day that has come or lies before the one told: an earlier start needs a new notice.
    """
    if Role.PRIVACY not in actor.roles:
        raise Refusal("role_missing", roles="privacy")
    if not reason.strip():
        raise Refusal("reason_missing")
    change = changes.get(session, ref, lock=True)
    if change.state != ChangeState.ANNOUNCED:
        raise Refusal("no_such_move", state=str(change.state), action="move_start")
    told = change.planned_start or change.start_was
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    if new_start <= max(told or today, today):
        raise Refusal("start_earlier", day=max(told or today, today))
    change.start_was, change.planned_start, change.start_open_at = told, new_start, None
    change.updated_at = now
    recounts.follow_start(session, change, actor=actor, now=now)
    count = _tell(session, change, reason.strip(), actor=actor, now=now)
    listing.new_edition(session, "move_start", now)
    audit.note(session, "move_start", CHANGE.name, change.ref, actor=actor, now=now, count=count, reason=reason.strip(),
               refs={"before": told.isoformat() if told else None, "after": new_start.isoformat()})
    return change


def passed(blockers: Collection[Blocker], today: date) -> bool:
    """Whether a change whose planned day is `today` or earlier cannot start on it any more: something in the way does
    not end by itself during this day. (A window of a customer further west ends some hours into it.)"""
    return any(
        b.clears_on is None or b.clears_on > today or (b.clears_on == today and b.code is not Code.NOTICE_DAYS)
        for b in blockers
    )


def leave_open(session: Session, change: Change, *, actor: Actor, now: datetime) -> None:
    """The planned start came and the change could not start: its start is open until a person fixes a new day. The
    list shows it as open, and whoever was told of the change is told so, once."""
    told = change.planned_start
    change.start_was, change.planned_start, change.start_open_at = told, None, now
    change.updated_at = now
    count = _tell(session, change, "", actor=actor, now=now)
    listing.new_edition(session, "start_open", now)
    audit.note(session, "start_open", CHANGE.name, change.ref, actor=actor, now=now, count=count,
               refs={"before": told.isoformat() if told else None})


def _tell(session: Session, change: Change, words: str, *, actor: Actor, now: datetime) -> int:
    """One letter to each customer the change still waits for; what an earlier one would have said and has not left
    yet is cancelled, so that nobody reads of two days at once. Returns how many customers are told."""
    waiting = [(part, notice) for part, notice in changes.concerned(session, change)
               if part.withdrawn_at is None and part.released_at is None]
    part_ids = [part.id or 0 for part, _ in waiting]
    _cancel_unsent(session, part_ids, actor=actor, now=now)
    attempt = 1 + (session.scalar(
        sa.select(sa.func.max(Delivery.attempt)).where(
            col(Delivery.kind) == LETTER, col(Delivery.subject_kind) == "notice_change",
            col(Delivery.subject_id).in_(part_ids),
        )
    ) or 0)
    return sum(tellings.tell_reached(session, LETTER, notice, part, words, now=now, attempt=attempt)
               for part, notice in waiting)


def _cancel_unsent(session: Session, part_ids: Collection[int], *, actor: Actor, now: datetime) -> None:
    rows = session.exec(
        select(Delivery).where(Delivery.kind == LETTER, Delivery.subject_kind == "notice_change",
                               col(Delivery.subject_id).in_(part_ids), col(Delivery.state) == DeliveryState.QUEUED)
        .with_for_update()
    ).all()
    audit.move_batch(session, [BatchMove(row, "cancel", now) for row in rows], actor=actor, now=now)
