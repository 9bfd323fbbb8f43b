"""When an engagement ends: its data comes back or is destroyed, and somebody confirms that with a document.

Annex 2 section 6: "ensuring the destruction or return of data after completion of the order".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, select

from notifier.domain import evidence as rules
from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.register import LONGEST
from notifier.domain.sentences import N_, Words
from notifier.tables import Change, Engagement, Offboarding, SubProcessor
from notifier.workflow import audit, changes, documents

DUE_AFTER = timedelta(days=30)
NOUN = "offboarding"

WHAT: Mapping[str, Words] = {
    "returned": N_("The data was returned"),
    "destroyed": N_("The data was destroyed"),
    "nothing_held": N_("It held no data any more"),
}
"""What can be confirmed of the data at the end. Only the last one can be said in words alone."""


@dataclass(frozen=True)
class Ending:
    """One offboarding with whom and what it is about, and the reference of the change that ended it."""

    row: Offboarding
    legal_name: str
    activity: str
    change: str

    def overdue(self, today: date) -> bool:
        """Whether nobody has confirmed it and its due day has passed."""
        return self.row.confirmed_at is None and self.row.due_on < today


def open_ended(session: Session, change: Change, *, actor: Actor, now: datetime) -> list[Offboarding]:
    """Opens an offboarding for every engagement this change has ended and that has none yet: what it removes, and what
    it replaces once that is retired. Due 30 days after the end."""
    ended = [item.before.ref for item in changes.items_of(session, change)
             if item.before is not None and (item.after is None or item.after.ref != item.before.ref)]
    known = set(session.exec(select(Offboarding.engagement_ref).where(col(Offboarding.engagement_ref).in_(ended))))
    rows = session.exec(
        select(Engagement).where(col(Engagement.ref).in_(ended), col(Engagement.ended_on).is_not(None))
        .order_by(col(Engagement.id))
    ).all()
    made = []
    for engagement in rows:
        if engagement.ref in known or engagement.ended_on is None:
            continue
        row = Offboarding(engagement_ref=engagement.ref, change_id=change.id or 0, opened_at=now,
                          ends_on=engagement.ended_on, due_on=engagement.ended_on + DUE_AFTER)
        session.add(row)
        session.flush()
        audit.note(session, "open", NOUN, str(row.id), actor=actor, now=now, refs=_refs(row, change.ref))
        made.append(row)
    return made


def confirm(
    session: Session, number: int, what: str, *, words: str = "", file: tuple[str, bytes] | None = None, actor: Actor,
    now: datetime,
) -> Offboarding:
    """A person of ops or privacy confirms that the data was returned or destroyed, by a file (name, bytes), or that
    nothing was held, by a file or in words. Raises Refusal role_missing, unknown, no_such_move, bad_value,
    reason_missing."""
    row = _open(session, number, "confirm", actor)
    if what not in WHAT:
        raise Refusal("bad_value", field=N_("What became of the data"), problem=N_("choose one of those offered"))
    if file is not None:
        rules.check_file(*file)
    elif what != "nothing_held":
        raise Refusal("bad_value", field=WHAT[what], problem=N_("hand in the confirmation as a file"))
    elif not words.strip():
        raise Refusal("reason_missing")
    _check_length(words)
    row.what, row.words, row.confirmed_by, row.confirmed_at = what, words.strip(), actor.id, now
    if file is not None:
        row.blob_sha256, row.file_name = documents.keep(session, file[1], now), documents.name_of(file[0])
    audit.note(session, "confirm", NOUN, str(row.id), actor=actor, now=now,
               refs={"engagement": row.engagement_ref, "what": what, "file": row.blob_sha256},
               detail={"words": row.words, "file_name": row.file_name})
    return row


def extend(
    session: Session, number: int, due_on: date, reason: str, *, actor: Actor, now: datetime
) -> Offboarding:
    """Moves the due day later, once, with a reason. Raises Refusal role_missing, unknown, no_such_move,
    reason_missing, moved_once, bad_value for a day that is not later."""
    row = _open(session, number, "extend", actor)
    if not reason.strip():
        raise Refusal("reason_missing")
    _check_length(reason)
    if row.moved_at is not None:
        raise Refusal("moved_once", day=row.due_on)
    if due_on <= row.due_on:
        raise Refusal("bad_value", field=N_("Due"), problem=N_("it is only ever moved to a later day"))
    row.due_was, row.due_on = row.due_on, due_on
    row.moved_by, row.moved_at, row.moved_why = actor.id, now, reason.strip()
    audit.note(session, "extend", NOUN, str(row.id), actor=actor, now=now, reason=row.moved_why,
               refs={"engagement": row.engagement_ref, "before": row.due_was.isoformat(),
                     "after": row.due_on.isoformat()})
    return row


def _open(session: Session, number: int, action: str, actor: Actor) -> Offboarding:
    if not actor.roles & {Role.OPS, Role.PRIVACY} or actor.id is None:
        raise Refusal("role_missing", roles="ops, privacy")
    row = session.exec(select(Offboarding).where(Offboarding.id == number).with_for_update()).first()
    if row is None:
        raise Refusal("unknown", what="offboarding", ref=str(number))
    if row.confirmed_at is not None:
        raise Refusal("no_such_move", state="confirmed", action=action)
    return row


def _check_length(words: str) -> None:
    if len(words) > LONGEST:
        raise Refusal("bad_value", field=N_("Words"), problem=N_("this is longer than 4,000 characters"))


def _refs(row: Offboarding, change_ref: str) -> dict[str, str]:
    return {"engagement": row.engagement_ref, "change": change_ref, "ends_on": row.ends_on.isoformat(),
            "due_on": row.due_on.isoformat()}


def every(session: Session, *, unconfirmed: bool = False, change: Change | None = None) -> list[Ending]:
    """All offboardings, those that wait for a confirmation first, each group by its due day; or only those that wait,
    or only those of one change."""
    query = (
        select(Offboarding, Engagement, SubProcessor, Change.ref)
        .join(Engagement, col(Engagement.ref) == col(Offboarding.engagement_ref))
        .join(SubProcessor, col(SubProcessor.id) == col(Engagement.sub_processor_id))
        .join(Change, col(Change.id) == col(Offboarding.change_id))
        .order_by(col(Offboarding.confirmed_at).is_not(None), col(Offboarding.due_on), col(Offboarding.id))
    )
    if unconfirmed:
        query = query.where(col(Offboarding.confirmed_at).is_(None))
    if change is not None:
        query = query.where(Offboarding.change_id == change.id)
    return [Ending(row, company.legal_name, engagement.activity, ref)
            for row, engagement, company, ref in session.exec(query)]
