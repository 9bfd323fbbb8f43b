"""The gate at work: what blocks a change for whom, releasing customers, taking effect, may-process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import gate, merkle, window
from notifier.domain.gate import Blocker
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import CHANGE, ChangeState, Need
from notifier.domain.terms import Authorisation, Terms
from notifier.tables import (
    Change,
    ChangeItem,
    Customer,
    CustomerService,
    Engagement,
    Notice,
    NoticeChange,
    Objection,
    ObjectionChange,
    Service,
    Termination,
)
from notifier.workflow import audit, changes, deliveries, listing, notices, register, settings

_START = next(row for row in CHANGE.rows if row.action == "take_effect")


@dataclass(frozen=True)
class Standing:
    """Where one customer stands with one change: its part of the notice and everything still in the way."""

    customer: Customer
    notice: Notice
    part: NoticeChange
    blockers: tuple[Blocker, ...]
    gone: bool = False  # contract or service ended: blocks nothing, is never released

    @property
    def clear(self) -> bool:
        """Nothing in the way, and not released yet."""
        return not self.blockers and not self.gone and self.part.released_at is None


def standings(session: Session, change: Change, now: datetime, *, customer_ref: str = "") -> list[Standing]:
    """Where every customer that was told stands with a change, in order of customer; exclusions left out."""
    items = changes.items_of(session, change)
    concerned = frozenset(changes.services_of(session, items))
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    found = []
    for part, notice in changes.concerned(session, change):
        customer = session.get(Customer, notice.customer_id)
        if customer is None or part.withdrawn_at or part.excluded_at or (customer_ref and customer.ref != customer_ref):
            continue
        facts = _facts(session, change, part, notice, customer, concerned, today, now)
        found.append(Standing(customer, notice, part, tuple(gate.blockers(facts)), gate.gone(facts)))
    return found


def _facts(
    session: Session, change: Change, part: NoticeChange, notice: Notice, customer: Customer,
    concerned: frozenset[str], today: date, now: datetime,
) -> gate.Facts:
    terms = Terms.from_json(notice.terms)
    row = notices.window_of(session, notice)
    bought = frozenset(_services_of(session, notice.customer_id)) or concerned
    return gate.Facts(
        change_state=change.state, planned_start=change.planned_start, today=today,
        today_there=now.astimezone(ZoneInfo(terms.zone)).date(), now=now, opens_window=change.opens_window,
        specific=terms.authorisation is Authorisation.SPECIFIC, services=bought & concerned,
        notice_state=notice.state, receipt_day=row.receipt_day if row else None, notice_days=terms.notice_days,
        informed_enough_on=window.earliest_start(terms, row.receipt_day) if row else None,
        window_ends_at=row.ends_at if row else None, last_day=row.last_day if row else None,
        consent=part.consent, objections=_objections(session, change, notice.customer_id),
        contract_end=customer.contract_end,
    )


def _objections(session: Session, change: Change, customer_id: int) -> list[gate.ObjectionFacts]:
    """Every objection of this customer against this change, whichever of its notices it was filed under."""
    rows = session.exec(
        select(Objection).join(ObjectionChange, col(ObjectionChange.objection_id) == col(Objection.id))
        .join(Notice, col(Notice.id) == col(Objection.notice_id))
        .where(ObjectionChange.change_id == change.id, Notice.customer_id == customer_id).order_by(col(Objection.id))
    ).all()
    return [gate.ObjectionFacts(o.ref, o.state, _ended(session, o, customer_id)) for o in rows]


def _ended(session: Session, objection: Objection, customer_id: int) -> dict[str, date]:
    every = list(register.services(session))
    ended: dict[str, date] = {}
    for row in session.exec(select(Termination).where(Termination.objection_id == objection.id)):
        service = session.get(Service, row.service_id) if row.service_id else None
        ended.update(dict.fromkeys([service.slug] if service else every, row.ends_on))
    return ended


def _services_of(session: Session, customer_id: int) -> list[str]:
    return list(session.exec(
        select(Service.slug).join(CustomerService, col(CustomerService.service_id) == col(Service.id))
        .where(CustomerService.customer_id == customer_id)
    ))


def change_blockers(change: Change, now: datetime, zone: str) -> list[Blocker]:
    """What stands in the way of a change itself, whoever the customer: for changes nobody was owed a notice of."""
    today = now.astimezone(ZoneInfo(zone)).date()
    facts = gate.Facts(
        change_state=change.state, planned_start=change.planned_start, today=today, today_there=today, now=now,
        opens_window=False, specific=False, services=frozenset(), notice_state=None, receipt_day=None, notice_days=0,
        informed_enough_on=None, window_ends_at=None, last_day=None, consent="",
    )
    return gate.blockers(facts)


def release(
    session: Session, ref: str, *, customer_ref: str = "", actor: Actor, now: datetime
) -> list[Standing]:
    """Releases a change to one customer, or to all it concerns, and lets it take effect with the first release.

    Where customers cannot be separated it starts for all of them together, so one that is blocked blocks all.
    Raises Refusal blocked with every blocker in words, role_missing, no_such_move, unknown customer.
    """
    change = changes.get(session, ref, lock=True)
    audit.permit(_START, actor)  # a later release moves no state, and so passes no other check of the role
    zone = settings.organisation(session).zone
    all_of_them = _locked_standings(session, change, now)
    chosen = [s for s in all_of_them if not customer_ref or s.customer.ref == customer_ref]
    if customer_ref and not chosen:
        raise Refusal("unknown", what="customer", ref=customer_ref)
    freed = [s for s in chosen if s.clear]
    enough = bool(freed) and change.separable != "no"
    must_be_clear = freed if enough else chosen if customer_ref and change.separable != "no" else all_of_them
    in_the_way = [_named(s, b) for s in must_be_clear for b in s.blockers]
    in_the_way += [b.sentence for b in change_blockers(change, now, zone)] if not in_the_way else []
    if in_the_way:
        raise Refusal("blocked", details=in_the_way)
    if freed or change.state == ChangeState.ANNOUNCED:
        _start(session, change, freed, actor=actor, now=now)
    return freed


def start_due(session: Session, *, actor: Actor, now: datetime) -> list[str]:
    """What the clock does: every announced change whose planned start has come is released to whoever is clear,
    all together or, where customers can be separated, one by one. Returns the refs of changes that moved."""
    moved = []
    zone = settings.organisation(session).zone
    candidates = session.exec(
        select(Change).where(col(Change.state).in_([ChangeState.ANNOUNCED, ChangeState.IN_EFFECT]),
                             col(Change.planned_start) <= now.astimezone(ZoneInfo(zone)).date())
        .order_by(col(Change.id)).with_for_update(skip_locked=True)
    ).all()
    for change in candidates:
        if change.state == ChangeState.IN_EFFECT and not _waiting(session, change):
            continue
        found = _locked_standings(session, change, now)
        clear = [s for s in found if s.clear]
        whole = all(not s.blockers for s in found) and not change_blockers(change, now, zone)
        if (whole and change.state == ChangeState.ANNOUNCED) or (clear and (whole or change.separable != "no")):
            _start(session, change, clear, actor=actor, now=now)
            moved.append(change.ref)
    return moved


def _waiting(session: Session, change: Change) -> bool:
    return session.exec(
        select(NoticeChange.id).where(
            NoticeChange.change_id == change.id, col(NoticeChange.released_at).is_(None),
            col(NoticeChange.withdrawn_at).is_(None), col(NoticeChange.excluded_at).is_(None)).limit(1)
    ).first() is not None


def _locked_standings(session: Session, change: Change, now: datetime) -> list[Standing]:
    """Standings that cannot change under our hands: an objection filed meanwhile waits for this transaction."""
    ids = [notice.id for _, notice in changes.concerned(session, change)]
    if ids:
        session.execute(sa.select(col(Notice.id)).where(col(Notice.id).in_(ids)).order_by(col(Notice.id)).with_for_update())
        session.flush()
        session.expire_all()
        session.refresh(change)
    return standings(session, change, now)


def _start(session: Session, change: Change, freed: Sequence[Standing], *, actor: Actor, now: datetime) -> None:
    zone = settings.organisation(session).zone
    for standing in freed:
        standing.part.released_at = now
    if freed:
        leaves = [f"{change.ref}:{s.notice.uid}:{s.customer.id}".encode() for s in freed]
        audit.note(session, "release", CHANGE.name, change.ref, actor=actor, now=now, count=len(freed),
                   root=merkle.root(leaves), refs={"customers": [str(s.customer.id) for s in freed[:50]]})
    if change.state == ChangeState.ANNOUNCED:
        audit.move(session, change, "take_effect", actor=actor, now=now, checked={Need.GATE})
        change.in_effect_at = change.updated_at = now
        register.apply(session, changes.items_of(session, change), now.astimezone(ZoneInfo(zone)).date())
    _tell_in_effect(session, change, freed, now=now)
    listing.new_edition(session, "take_effect" if not freed else "release", now)


def _tell_in_effect(session: Session, change: Change, freed: Sequence[Standing], *, now: datetime) -> None:
    for standing in freed:
        for contact in deliveries.notice_contacts(session, standing.customer.id or 0):
            deliveries.queue(
                session, "change_in_effect", "notice_change", standing.part.id or 0, email=contact.email,
                name=contact.name, language=standing.customer.language, now=now, contact_id=contact.id,
                notice_id=standing.notice.id,
            )


def _named(standing: Standing, blocker: Blocker) -> Sentence:
    words = {"name": standing.customer.name, "ref": standing.customer.ref, "blocker": str(blocker.sentence)}
    return Sentence(N_("%(name)s (%(ref)s): %(blocker)s"), words)


@dataclass(frozen=True)
class Answer:
    """Whether an engagement may process a customer's data on a day, and why, in sentences."""

    allowed: bool
    why: tuple[Sentence, ...]


def may_process(session: Session, engagement_ref: str, customer_ref: str, on: date, now: datetime) -> Answer:
    """The gate as pipelines ask it. A day in the future is answered as things stand now.

    Raises Refusal unknown for an engagement or a customer nobody knows.
    """
    customer = session.exec(select(Customer).where(Customer.ref == customer_ref)).first()
    if customer is None:
        raise Refusal("unknown", what="customer", ref=customer_ref)
    change = _change_that_brought(session, engagement_ref)
    held = session.exec(select(Engagement).where(Engagement.ref == engagement_ref)).first()
    if change is None and held is None:
        raise Refusal("unknown", what="engagement", ref=engagement_ref)
    if customer.contract_end is not None and customer.contract_end < on:
        return _no(N_("This customer's contract has ended."))
    if held is not None and held.ended_on is not None and held.ended_on <= on:
        return _no(N_("This engagement has ended."))
    if not _buys(session, customer, engagement_ref, change):
        return _no(N_("This customer buys none of the services the engagement is for."))
    if change is None or change.kind == "modify":
        return Answer(True, (Sentence(N_("It is on the list this customer agreed to.")),))
    return _by_its_release(session, change, customer, on, now)


def _by_its_release(session: Session, change: Change, customer: Customer, on: date, now: datetime) -> Answer:
    zone = ZoneInfo(settings.organisation(session).zone)
    for part, _ in changes.concerned(session, change):
        notice = session.get(Notice, part.notice_id)
        if notice is None or notice.customer_id != customer.id:
            continue
        if part.excluded_at is not None:
            return _no(N_("This customer is excluded from the change."))
        if part.released_at is not None and part.released_at.astimezone(zone).date() <= on:
            return Answer(True, (Sentence(N_("Released to this customer.")),))
        found = standings(session, change, now, customer_ref=customer.ref)
        words = tuple(b.sentence for s in found for b in s.blockers)
        clear = Sentence(N_("Nothing stands in the way any more, but it is not released yet."))
        return Answer(False, words or (clear,))
    if change.state == ChangeState.IN_EFFECT:
        return Answer(True, (Sentence(N_("It was on the list already when this customer joined.")),))
    return Answer(False, tuple(b.sentence for b in change_blockers(change, now, str(zone)))
                  or (Sentence(N_("The change has not taken effect.")),))


def _no(words: str) -> Answer:
    return Answer(False, (Sentence(words),))


def _change_that_brought(session: Session, engagement_ref: str) -> Change | None:
    """The newest change that brings (or would bring) this engagement; None for one of the starting list."""
    return session.exec(
        select(Change).join(ChangeItem, col(ChangeItem.change_id) == col(Change.id))
        .where(ChangeItem.engagement_ref == engagement_ref, col(ChangeItem.after).is_not(None),
               col(Change.kind).in_(["add", "replace"]))
        .order_by(col(Change.id).desc())
    ).first()


def _buys(session: Session, customer: Customer, engagement_ref: str, change: Change | None) -> bool:
    value = next((v for v in register.current(session) if v.ref == engagement_ref), None)
    if value is None and change is not None:
        brought = (i.after for i in changes.items_of(session, change) if i.after is not None)
        value = next((v for v in brought if v.ref == engagement_ref), None)
    bought = set(_services_of(session, customer.id or 0))
    return value is None or not value.services or not bought or bool(bought & set(value.services))
