"""What two people may decide against the gate, with a reason, for everybody to see (design §4): overrides, and the
record that processing has begun anyway.

A decision is asked for by one person of privacy and signed by another with the same words. It is stored for good,
named in the log and in the edition, and stays visible on the change's public page: kind, date, count.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, time
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from notifier.domain import gate
from notifier.domain.gate import Code
from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import CHANGE, ChangeState, ObjectionState
from notifier.tables import (
    Announcement,
    Change,
    Countersignature,
    Customer,
    IrregularStart,
    Notice,
    Objection,
    ObjectionChange,
    Override,
)
from notifier.workflow import (
    announcements,
    audit,
    changes,
    contracts,
    customers,
    deliveries,
    exclusions,
    listing,
    objections,
    offboarding,
    people,
    register,
    releases,
    settings,
)
from notifier.workflow.releases import Standing


def override(
    session: Session, ref: str, codes: Collection[str], reason: str, *, customer_ref: str = "", actor: Actor,
    now: datetime,
) -> list[Override] | None:
    """Two people of privacy set single blockers aside, named by their codes, for one customer or for everybody it
    holds up now. The first call asks and returns None; the same words by a second person sign. Everything not named
    still blocks, and a correction starts without overrides.

    Raises Refusal role_missing, reason_missing, second_person, no_such_move, unknown, bad_value for an unknown code,
    not_overridable, nothing_to_override where a code names nothing that stands in the way.
    """
    change, named = changes.get(session, ref, lock=True), _codes(codes)
    _privacy(actor)
    if not reason.strip():
        raise Refusal("reason_missing")
    if change.state not in (ChangeState.ANNOUNCED, ChangeState.IN_EFFECT):
        raise Refusal("no_such_move", state=str(change.state), action="override")
    aside = _set_aside(session, change, named, customer_ref, now)
    payload = {"blockers": sorted(named), "customer": customer_ref, "reason": reason.strip()}
    signed = people.countersign(session, CHANGE.name, change.id or 0, "override", payload, subject_ref=change.ref,
                                actor=actor, now=now)
    if signed is None:
        return None
    rows = _write(session, change, aside, reason.strip(), signed, now)
    change.updated_at = now
    audit.note(session, "override", CHANGE.name, change.ref, actor=actor, now=now, count=len(rows), reason=reason,
               refs={"act": rows[0].act, "blockers": sorted(named), "asked_by": str(signed.asked_by),
                     "customers": [str(r.customer_id) for r in rows[:50]]})
    session.flush()
    listing.new_edition(session, "override", now)
    return rows


def irregular_start(
    session: Session, ref: str, reason: str, since: date, *, actor: Actor, now: datetime
) -> IrregularStart | None:
    """Two people of privacy record that processing has begun on a civil day without the gate. The list tells the truth
    at once, every customer concerned is owed a letter, and who has an open objection gets its right of termination.
    Nobody is released by it. The first call asks and returns None; the same words by a second person sign.

    Raises Refusal role_missing, reason_missing, second_person, no_such_move, unknown, bad_value for a day to come.
    """
    change = changes.get(session, ref, lock=True)
    _privacy(actor)
    if not reason.strip():
        raise Refusal("reason_missing")
    if CHANGE.find(change.state, "irregular_start") is None:
        raise Refusal("no_such_move", state=str(change.state), action="irregular_start")
    zone = ZoneInfo(settings.organisation(session).zone)
    if since > now.astimezone(zone).date():
        raise Refusal("bad_value", field=N_("Since"), problem=N_("this day has not come"))
    payload = {"since": since.isoformat(), "reason": reason.strip()}
    signed = people.countersign(session, CHANGE.name, change.id or 0, "irregular_start", payload,
                                subject_ref=change.ref, actor=actor, now=now)
    if signed is None:
        return None
    announcement, told = _owe_letters(session, change, reason.strip(), actor=actor, now=now)
    audit.move(session, change, "irregular_start", actor=actor, now=now, reason=reason, besides=[signed.asked_by],
               refs={"since": since.isoformat(), "told": told, "asked_by": str(signed.asked_by)})
    change.in_effect_at = datetime.combine(since, time.min, zone).astimezone(now.tzinfo)
    change.announced_at, change.updated_at = change.announced_at or now, now
    register.apply(session, changes.items_of(session, change), since)
    exclusions.carry(session, change)
    offboarding.open_ended(session, change, actor=actor, now=now)
    row = IrregularStart(change_id=change.id or 0, since=since, reason=reason.strip(), told=told,
                         asked_by=signed.asked_by, signed_by=actor.id or 0, at=now)
    session.add(row)
    session.flush()
    if announcement is None:
        listing.new_edition(session, "irregular_start", now)
    else:
        announcements.show(session, announcement, [change], "irregular_start", actor=actor, now=now)
        session.flush()
    _open_rights(session, change, reason.strip(), actor=actor, now=now)
    return row


def irregular_of(session: Session, change: Change) -> IrregularStart | None:
    """The record of a change's irregular start, if there is one."""
    return session.exec(select(IrregularStart).where(IrregularStart.change_id == change.id)).first()


def _owe_letters(
    session: Session, change: Change, reason: str, *, actor: Actor, now: datetime
) -> tuple[Announcement | None, int]:
    """A letter to every customer concerned: who was told of the change before, on that notice; who never was, by a
    notice of its own, whose window begins with it. Returns the announcement made for those, and how many are told."""
    parts = [(p, n) for p, n in changes.concerned(session, change) if p.withdrawn_at is None]
    told = {notice.customer_id for _, notice in parts}
    for part, notice in parts:
        customer = session.get(Customer, notice.customer_id)
        if contracts.over(session, notice, now):
            continue
        for contact in deliveries.notice_contacts(session, notice.customer_id):
            deliveries.queue(session, "irregular_start", "notice_change", part.id or 0, email=contact.email,
                             name=contact.name, language=customer.language if customer else "en", now=now,
                             contact_id=contact.id, notice_id=notice.id, words=reason)
    planned = announcements.plan(session, [change], now)
    untold = replace(planned, seats=tuple(s for s in planned.seats if s.customer.id not in told))
    if told and not untold.included:
        return None, len(told)
    made = announcements.write(session, [change], untold, reason, irregular=True, actor=actor, now=now)
    return made, len(told) + made.included


def _open_rights(session: Session, change: Change, reason: str, *, actor: Actor, now: datetime) -> None:
    """Every objection that is still open ends without agreement, through its own door: the letter that says so opens
    the right of termination."""
    rows = session.exec(
        select(Objection).join(ObjectionChange, col(ObjectionChange.objection_id) == col(Objection.id))
        .join(Notice, col(Notice.id) == col(Objection.notice_id))
        .where(ObjectionChange.change_id == change.id, col(Objection.state).in_([
            ObjectionState.FILED, ObjectionState.ACKNOWLEDGED, ObjectionState.NOT_UPHELD]))
        .order_by(col(Objection.notice_id), col(Objection.id))
    ).all()
    for objection in rows:
        if objection.state == ObjectionState.NOT_UPHELD:
            objections.contradict(session, objection.ref, reason, actor=actor, now=now)
            continue
        if objection.state == ObjectionState.FILED:
            audit.move(session, objection, "acknowledge", actor=actor, now=now)
        objections.no_agreement(session, objection.ref, reason, actor=actor, now=now)


def overrides_of(session: Session, change: Change) -> list[Override]:
    """Every override of a change, oldest first."""
    return list(session.exec(select(Override).where(Override.change_id == change.id).order_by(col(Override.id))))


def awaiting(session: Session, change: Change) -> list[Countersignature]:
    """The decisions on a change that one person has asked for and a second has not signed yet."""
    rows = people.awaiting(session, CHANGE.name, change.id or 0)
    return [row for row in rows if row.action in ("override", "irregular_start")]


def _codes(codes: Collection[str]) -> frozenset[Code]:
    try:
        named = frozenset(Code(code) for code in codes)
    except ValueError:
        raise Refusal("bad_value", field=N_("Blocker"), problem=N_("there is no blocker of this name")) from None
    if not named:
        raise Refusal("bad_value", field=N_("Blocker"), problem=N_("name at least one"))
    return named


def _set_aside(
    session: Session, change: Change, named: frozenset[Code], customer_ref: str, now: datetime
) -> dict[tuple[int, int | None], frozenset[Code]]:
    """By customer and part of its notice: which of the named blockers stand there now."""
    found = [s for s in releases.locked_standings(session, change, now)
             if s.part.released_at is None and not s.gone and customer_ref in ("", s.customer.ref)]
    against = [o for s in found for o in releases.objections_of(session, change, s.notice.customer_id)]
    if not gate.overridable(named, against):
        raise Refusal("not_overridable")
    aside = {(s.customer.id or 0, s.part.id): _standing_of(s, named) for s in found if _standing_of(s, named)}
    if customer_ref and not found:
        customers.get(session, customer_ref)
        raise Refusal("unknown", what="customer held up by this change", ref=customer_ref)
    missing = named - frozenset().union(*aside.values())
    if missing:
        raise Refusal("nothing_to_override", codes=", ".join(sorted(missing)))
    return aside


def _standing_of(standing: Standing, named: frozenset[Code]) -> frozenset[Code]:
    return named & {b.code for b in standing.blockers}


def _write(
    session: Session, change: Change, aside: dict[tuple[int, int | None], frozenset[Code]], reason: str,
    signed: Countersignature, now: datetime,
) -> list[Override]:
    act = str(uuid4())
    rows = [
        Override(act=act, change_id=change.id or 0, customer_id=customer_id, notice_change_id=part_id,
                 blockers=sorted(codes), reason=reason, asked_by=signed.asked_by,
                 signed_by=signed.signed_by or 0, at=now)
        for (customer_id, part_id), codes in aside.items()
    ]
    session.add_all(rows)
    session.flush()
    return rows


def _privacy(actor: Actor) -> None:
    if Role.PRIVACY not in actor.roles:
        raise Refusal("role_missing", roles="privacy")
