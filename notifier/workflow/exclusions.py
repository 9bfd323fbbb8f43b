"""Leaving one customer out of a change: whether that can be done, who confirmed how, and the yearly look (design §4).

Only an engineer's word makes it count: that customers can be separated at all, and that this one is left out. In a
replacement the old engagement goes on for whoever is left out or not released yet (`releases.retire`).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from notifier.domain.people import Actor, Kind, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import CHANGE, ChangeState, ObjectionState
from notifier.tables import (
    Change,
    Customer,
    Engagement,
    Exclusion,
    ExclusionCheck,
    Notice,
    NoticeChange,
    Objection,
    ObjectionChange,
)
from notifier.workflow import audit, changes, listing, notices, settings

A_YEAR = timedelta(days=365)
"""How long an engineer's word on an exclusion holds before somebody has to look again (design §4)."""

OVER = (ChangeState.REJECTED, ChangeState.WITHDRAWN)


def separable_of(change: Change) -> str:
    """Whether customers can be left out: customer, service, or no. A claim nobody has confirmed counts as no."""
    return change.separable if change.separable_at is not None else "no"


def confirm_separable(
    session: Session, ref: str, separable: str, how: str, *, actor: Actor, now: datetime
) -> Change:
    """An engineer's word whether customers can be left out of a change (customer, service or no) and how it is done;
    a person with the role ops who did not claim it. Raises Refusal bad_value, reason_missing, role_missing,
    second_person, or no_such_move for a change that is over."""
    change = changes.get(session, ref, lock=True)
    if separable not in ("no", "customer", "service"):
        raise Refusal("bad_value", field=N_("Can customers be left out?"), problem=N_("say customer, service or no"))
    if change.state in OVER:
        raise Refusal("no_such_move", state=str(change.state), action="confirm_separable")
    _engineer(actor, how, change.proposed_by)
    before, change.separable = change.separable, separable
    change.separable_by, change.separable_at, change.separable_how = actor.id, now, how.strip()
    audit.note(session, "confirm_separable", CHANGE.name, change.ref, actor=actor, now=now,
               refs={"before": before, "separable": separable}, detail={"how": how.strip()})
    return change


def ask(
    session: Session, ref: str, customer_ref: str, reason: str, *, actor: Actor, now: datetime
) -> Exclusion:
    """Privacy asks to leave an objecting customer out of an announced change; nothing changes until an engineer has
    confirmed it. Raises Refusal role_missing, reason_missing, not_separable, not_objecting, no_such_move, exists,
    already_released, unknown."""
    change, customer = changes.get(session, ref, lock=True), _customer(session, customer_ref)
    if Role.PRIVACY not in actor.roles or actor.id is None:
        raise Refusal("role_missing", roles="privacy")
    if not reason.strip():
        raise Refusal("reason_missing")
    if change.state not in (ChangeState.ANNOUNCED, ChangeState.IN_EFFECT):
        raise Refusal("no_such_move", state=str(change.state), action="exclude")
    if separable_of(change) != "customer":
        raise Refusal("not_separable")
    if _standing(session, change, customer) is not None:
        raise Refusal("exists", what="exclusion", ref=customer_ref)
    _refuse_unless_objecting(session, change, customer)
    row = Exclusion(change_id=change.id or 0, customer_id=customer.id or 0, reason=reason.strip(),
                    asked_by=actor.id, asked_at=now)
    session.add(row)
    session.flush()
    audit.note(session, "ask_exclude", CHANGE.name, change.ref, actor=actor, now=now, refs=_refs(row), reason=reason)
    return row


def confirm(session: Session, ref: str, customer_ref: str, how: str, *, actor: Actor, now: datetime) -> Exclusion:
    """A named engineer, another person than the one who asked, says how the customer is left out: from here on the
    exclusion counts, for a year. Said again of one that counts, it is the yearly look and moves the date on.
    Raises Refusal unknown, role_missing, reason_missing, second_person, not_separable, already_released."""
    change, customer = changes.get(session, ref, lock=True), _customer(session, customer_ref)
    row = _one(session, change, customer)
    _engineer(actor, how, row.asked_by)
    first = row.confirmed_at is None
    if first and separable_of(change) != "customer":
        raise Refusal("not_separable")
    if first:
        _refuse_unless_objecting(session, change, customer)
        row.confirmed_by, row.confirmed_at = actor.id, now
    row.recheck_due = _today(session, now) + A_YEAR
    session.add(ExclusionCheck(exclusion_id=row.id or 0, checked_by=actor.id or 0, checked_at=now, how=how.strip(),
                               next_due=row.recheck_due))
    audit.note(session, "exclude" if first else "recheck_exclusion", CHANGE.name, change.ref, actor=actor, now=now,
               refs={**_refs(row), "due": row.recheck_due.isoformat()}, detail={"how": how.strip()})
    if first:
        change.updated_at = now
        listing.new_edition(session, "exclude", now)
    return row


def end(session: Session, ref: str, customer_ref: str, reason: str, *, actor: Actor, now: datetime) -> Exclusion:
    """The customer is no longer left out (or will not be): the gate stands for it again. Raises Refusal unknown,
    role_missing, reason_missing."""
    change, customer = changes.get(session, ref, lock=True), _customer(session, customer_ref)
    if Role.PRIVACY not in actor.roles:
        raise Refusal("role_missing", roles="privacy")
    if not reason.strip():
        raise Refusal("reason_missing")
    row = _one(session, change, customer)
    row.ended_by, row.ended_at = actor.id, now
    audit.note(session, "end_exclusion", CHANGE.name, change.ref, actor=actor, now=now, refs=_refs(row), reason=reason)
    if row.confirmed_at is not None:
        change.updated_at = now
        session.flush()
        listing.new_edition(session, "exclude", now)
    return row


def rechecks_due(session: Session, on: date) -> list[Exclusion]:
    """The exclusions somebody has to look at again by this day, the longest overdue first."""
    return list(session.exec(
        select(Exclusion).join(Change, col(Change.id) == col(Exclusion.change_id))
        .where(col(Exclusion.ended_at).is_(None), col(Exclusion.recheck_due) <= on, col(Change.state).not_in(OVER))
        .order_by(col(Exclusion.recheck_due), col(Exclusion.id))
    ))


def of_change(session: Session, change: Change) -> list[Exclusion]:
    """Every exclusion asked for on this change that has not ended, confirmed or not, in order of customer."""
    return list(session.exec(
        select(Exclusion).where(Exclusion.change_id == change.id, col(Exclusion.ended_at).is_(None))
        .order_by(col(Exclusion.customer_id))
    ))


def checks_of(session: Session, exclusion: Exclusion) -> list[ExclusionCheck]:
    """What engineers have said of it, oldest first."""
    return list(session.exec(select(ExclusionCheck).where(ExclusionCheck.exclusion_id == exclusion.id)
                             .order_by(col(ExclusionCheck.id))))


def excluded(session: Session, change: Change) -> set[int]:
    """The ids of the customers who are left out of this change, each on an engineer's word."""
    return {row.customer_id for row in of_change(session, change) if row.confirmed_at is not None}


def carry(session: Session, change: Change) -> None:
    """Writes to the engagements a change brings whether customers can be left out of them, and who said how."""
    for item in changes.items_of(session, change):
        row = session.exec(select(Engagement).where(Engagement.ref == item.after.ref)).first() if item.after else None
        if row is not None and change.separable_at is not None:
            row.separable, row.separable_words = change.separable, change.separable_how
            row.separable_by, row.separable_at = change.separable_by, change.separable_at


def _refuse_unless_objecting(session: Session, change: Change, customer: Customer) -> None:
    """Only a customer that was told, objects (or refused its consent), and is not released can be left out."""
    parts = list(session.exec(
        select(NoticeChange).join(Notice, col(Notice.id) == col(NoticeChange.notice_id))
        .where(NoticeChange.change_id == change.id, Notice.customer_id == customer.id)
    ))
    if not parts:
        raise Refusal("unknown", what="customer told of this change", ref=customer.ref)
    for part in parts:
        notices.lock(session, part.notice_id)  # an objection or a release at the same moment takes its turn
    objecting = session.exec(
        select(Objection.id).join(ObjectionChange, col(ObjectionChange.objection_id) == col(Objection.id))
        .join(Notice, col(Notice.id) == col(Objection.notice_id))
        .where(ObjectionChange.change_id == change.id, Notice.customer_id == customer.id,
               col(Objection.state) != ObjectionState.WITHDRAWN)
    ).first()
    if objecting is None and not any(part.consent == "no" for part in parts):
        raise Refusal("not_objecting", ref=customer.ref)
    if any(part.released_at is not None for part in parts):
        raise Refusal("already_released", ref=customer.ref)


def _engineer(actor: Actor, how: str, besides: int | None) -> None:
    if actor.kind is not Kind.PERSON or actor.id is None:
        raise Refusal("person_needed")
    if Role.OPS not in actor.roles:
        raise Refusal("role_missing", roles="ops")
    if actor.is_person(besides):
        raise Refusal("second_person")
    if not how.strip():
        raise Refusal("reason_missing")


def _standing(session: Session, change: Change, customer: Customer) -> Exclusion | None:
    return next((row for row in of_change(session, change) if row.customer_id == customer.id), None)


def _one(session: Session, change: Change, customer: Customer) -> Exclusion:
    row = _standing(session, change, customer)
    if row is None:
        raise Refusal("unknown", what="exclusion", ref=customer.ref)
    return row


def _customer(session: Session, ref: str) -> Customer:
    customer = session.exec(select(Customer).where(Customer.ref == ref)).first()
    if customer is None:
        raise Refusal("unknown", what="customer", ref=ref)
    return customer


def _today(session: Session, now: datetime) -> date:
    return now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()


def _refs(row: Exclusion) -> dict[str, str]:
    return {"exclusion": str(row.id), "customer": str(row.customer_id)}
