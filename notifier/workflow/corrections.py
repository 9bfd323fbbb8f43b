"""Correcting a change that was announced: what was wrong is said in words, shown before and after, and told again.

A material correction is a new announcement and notice for that change alone, signed by two people; its window begins
anew, and the others of the same letter run on. A correction of spelling, or one that narrows, only informs (design §2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import changes as rules
from notifier.domain.audience import Why
from notifier.domain.changes import Item
from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.register import EngagementValue
from notifier.domain.sentences import N_
from notifier.domain.states import CHANGE, ChangeState, NoticeState
from notifier.tables import Announcement, Change, ChangeItem, Correction, Countersignature, Notice, NoticeChange
from notifier.workflow import announcements, audit, changes, deliveries, listing, notices, people, tellings
from notifier.workflow.announcements import Plan
from notifier.workflow.earliest import in_words

ACT = "correct"


@dataclass(frozen=True)
class Corrected:
    """What was done: `announcement` is the new one of a material correction; a correction that informs has none."""

    material: bool
    announcement: Announcement | None
    told: int


def announces(made: Corrected | None) -> bool:
    """Whether a correction writes to customers as an announcement does, or will once a second person has signed it."""
    return made is None or made.material


def material(before: Sequence[Item], after: Sequence[Item]) -> bool:
    """Whether customers must be given time anew: what they were told widens by it (design §4, field by field)."""
    return rules.opens_window([Item(b.after, a.after) for b, a in zip(before, after, strict=True)])


def correct(
    session: Session, ref: str, items: Sequence[Item], words: str, *, planned_start: date | None = None, actor: Actor,
    now: datetime,
) -> Corrected | None:
    """Corrects an announced change: `items` are its items as they ought to have been told, `words` say what was wrong,
    `planned_start` is a new start where the present one is too early for the new window. A material correction takes
    two people with the same words, the second of privacy: the first call asks and returns None.

    Raises Refusal role_missing, person_needed, second_person, reason_missing, no_such_move, nothing_changes,
    incomplete, bad_value, and whatever announcing refuses: start_missing, start_too_early, no_notice_contact.
    """
    if not actor.roles & {Role.OPS, Role.PRIVACY}:
        raise Refusal("role_missing", roles="ops, privacy")
    if not words.strip():
        raise Refusal("reason_missing")
    change = changes.get(session, ref, lock=True)
    if change.state != ChangeState.ANNOUNCED:
        raise Refusal("no_such_move", state=str(change.state), action=ACT)
    before = changes.items_of(session, change)
    _refuse_unfit(change, before, items)
    if not material(before, items):
        return _inform(session, change, before, items, words.strip(), planned_start, actor, now)
    _refuse_start(session, change, planned_start or change.planned_start, now)
    payload = {"items": [i.after.to_json() if i.after else None for i in items], "words": words.strip(),
               "planned_start": planned_start.isoformat() if planned_start else ""}
    asked = _waiting(session, change)
    signing = asked is not None and asked.payload == payload and asked.asked_by != actor.id
    if signing and Role.PRIVACY not in actor.roles:
        raise Refusal("role_missing", roles="privacy")
    signed = people.countersign(session, CHANGE.name, change.id or 0, ACT, payload, subject_ref=ref, actor=actor,
                                now=now)
    if signed is None:
        return None
    return _announce_again(session, change, before, items, words.strip(), planned_start, actor, now)


def sign(session: Session, ref: str, *, actor: Actor, now: datetime) -> Corrected | None:
    """The second person's yes to the correction that was asked for. Raises Refusal unknown where none was, and what
    `correct` raises."""
    change = changes.get(session, ref, lock=True)
    asked = asked_for(session, change)
    if asked is None:
        raise Refusal("unknown", what=N_("correction to sign of"), ref=ref)
    day = asked["planned_start"]
    return correct(session, ref, asked["items"], asked["words"], actor=actor, now=now,
                   planned_start=date.fromisoformat(day) if day else None)


def asked_for(session: Session, change: Change) -> dict[str, Any] | None:
    """The correction that waits for a second person: its `items`, `words`, `planned_start` and who `asked_by`."""
    waiting = _waiting(session, change)
    if waiting is None:
        return None
    payload: dict[str, Any] = dict(waiting.payload)
    pairs = zip(changes.items_of(session, change), payload["items"], strict=True)
    items = [Item(item.before, EngagementValue.from_json(after) if after else None) for item, after in pairs]
    return {**payload, "items": items, "asked_by": waiting.asked_by}


def _waiting(session: Session, change: Change) -> Countersignature | None:
    rows = people.awaiting(session, CHANGE.name, change.id or 0)
    return next((row for row in rows if row.action == ACT), None)


def _refuse_unfit(change: Change, before: Sequence[Item], items: Sequence[Item]) -> None:
    if [(i.before, i.ref) for i in items] != [(i.before, i.ref) for i in before] or list(items) == list(before):
        raise Refusal("nothing_changes")
    mended = [Item(was.after, now.after) for was, now in zip(before, items, strict=True)]
    if found := changes.unsaid(mended, planned_start_given=True, reason=change.reason):
        raise Refusal("incomplete", details=found)


def _refuse_start(session: Session, change: Change, start: date | None, now: datetime) -> None:
    """So that whoever asks learns of it, and not only the second person, against whose day it is checked again."""
    if start is None:
        raise Refusal("start_missing")
    planned = announcements.plan(session, [change], now)
    if planned.opens_window and start < planned.earliest:
        words = in_words(planned.deciding)
        raise Refusal("start_too_early", start=start, earliest=planned.earliest, details=[words] if words else [])


def _inform(
    session: Session, change: Change, before: Sequence[Item], items: Sequence[Item], words: str,
    planned_start: date | None, actor: Actor, now: datetime,
) -> Corrected:
    if planned_start not in (None, change.planned_start):
        raise Refusal("bad_value", field=N_("Planned start"),
                      problem=N_("a correction that only informs moves no start; move the start by itself"))
    correction = _keep(session, change, before, items, words, now)
    told = sum(
        tellings.tell_reached(session, "change_corrected", notice, part, words, now=now, attempt=correction.n)
        for part, notice in changes.concerned(session, change) if part.withdrawn_at is None
    )
    listing.new_edition(session, ACT, now)
    _note(session, change, correction, told, None, actor, now)
    return Corrected(False, None, told)


def _announce_again(
    session: Session, change: Change, before: Sequence[Item], items: Sequence[Item], words: str,
    planned_start: date | None, actor: Actor, now: datetime,
) -> Corrected:
    earlier = changes.announcements_of(session, change)[-1]
    start = planned_start or change.planned_start
    if start != change.planned_start:
        change.start_was = change.planned_start or change.start_was
    change.planned_start, change.start_open_at = start, None
    change.opens_window = change.opens_window or rules.opens_window(items)
    told_so_far = changes.concerned(session, change)
    correction = _keep(session, change, before, items, words, now)
    planned = announcements.plan(session, [change], now)
    announcements.refuse_unfit([change], planned)
    for part, notice in told_so_far:
        _supersede(session, part, notices.lock(session, notice.id or 0), actor, now)
    again = announcements.write(session, [change], planned, words, corrects=earlier, actor=actor, now=now)
    correction.announcement_id = again.id
    _tell_no_longer_concerned(session, planned, told_so_far, correction, now)
    announcements.show(session, again, [change], ACT, actor=actor, now=now)
    _note(session, change, correction, again.included, again, actor, now)
    return Corrected(True, again, again.included)


def _tell_no_longer_concerned(
    session: Session, planned: Plan, told: Sequence[tuple[NoticeChange, Notice]], correction: Correction, now: datetime
) -> None:
    """Whoever was told of the change, is still a customer and does not buy what it concerns by now, is informed."""
    left_out = {s.customer.id for s in planned.seats if s.why == Why.OTHER_SERVICES}
    for part, notice in told:
        if notice.customer_id in left_out:
            tellings.tell_reached(session, "change_corrected", notice, part, correction.words, now=now,
                                 attempt=correction.n)


def _supersede(session: Session, part: NoticeChange, notice: Notice, actor: Actor, now: datetime) -> None:
    """The earlier notice no longer speaks of this change. One that speaks of nothing any more is not sent; one that
    was given stays given, with the objections filed under it."""
    part.superseded_at = now
    session.flush()
    if notices.stands(session, notice.id or 0):
        return
    deliveries.cancel_queued(session, [notice.id or 0], actor=actor, now=now)
    if notice.state in (NoticeState.PENDING, NoticeState.UNDELIVERABLE):
        audit.move(session, notice, "cancel", actor=actor, now=now)


def _keep(
    session: Session, change: Change, before: Sequence[Item], items: Sequence[Item], words: str,
    now: datetime,
) -> Correction:
    """Writes the mended values, and beside them what was told so far."""
    rows = session.exec(
        select(ChangeItem).where(ChangeItem.change_id == change.id).order_by(col(ChangeItem.position))
    ).all()
    for row, item in zip(rows, items, strict=True):
        row.after = item.after.to_json() if item.after else None
    last = session.scalar(sa.select(sa.func.max(Correction.n)).where(col(Correction.change_id) == change.id)) or 0
    correction = Correction(
        change_id=change.id or 0, n=last + 1, at=now, words=words,
        told=[i.after.to_json() if i.after else None for i in before],
        mended=[i.after.to_json() if i.after else None for i in items],
    )
    change.updated_at = now
    session.add(correction)
    session.flush()
    return correction


def _note(
    session: Session, change: Change, correction: Correction, told: int, again: Announcement | None, actor: Actor,
    now: datetime,
) -> None:
    audit.note(session, ACT, CHANGE.name, change.ref, actor=actor, now=now, count=told, reason=correction.words,
               refs={"n": correction.n, "announcement": again.ref if again else "", "material": again is not None},
               detail={"before": correction.told, "after": correction.mended})
