"""The gate at work: what blocks a change for whom, releasing customers, taking effect.

Where an engineer has confirmed that customers can be separated, a change starts for whoever is clear and the others
follow one by one; by service, together with all who share one; otherwise for all together (design §4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import gate, merkle, window
from notifier.domain.gate import Blocker, Code
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import CHANGE, ChangeState, Need
from notifier.domain.terms import EmergencyRule, Terms
from notifier.tables import (
    Change,
    Customer,
    Notice,
    NoticeChange,
    Objection,
    ObjectionChange,
    Override,
    Service,
    Termination,
)
from notifier.workflow import (
    audit,
    calendars,
    changes,
    customers,
    deliveries,
    exclusions,
    latecomers,
    listing,
    notices,
    offboarding,
    register,
    settings,
    starts,
)

_START = next(row for row in CHANGE.rows if row.action == "take_effect")


@dataclass(frozen=True)
class Standing:
    """Where one customer stands with one change: its part of the notice and everything still in the way; what two
    people have set aside, and the services of the change that it buys."""

    customer: Customer
    notice: Notice
    part: NoticeChange
    blockers: tuple[Blocker, ...]
    gone: bool = False  # contract or service ended, or bought no more: blocks nothing, is never released
    excluded: bool = False
    set_aside: tuple[Blocker, ...] = ()
    services: frozenset[str] = frozenset()
    joining: str = ""  # informed, owed or late: this customer came after the announcement

    @property
    def waiting(self) -> bool:
        """Not released, and still somebody to release it to."""
        return self.part.released_at is None and not self.gone

    @property
    def clear(self) -> bool:
        """Nothing in the way, and not released yet."""
        return self.waiting and not self.blockers and not self.excluded

    @property
    def held(self) -> bool:
        """Something in the way of a customer that is not left out."""
        return self.waiting and bool(self.blockers) and not self.excluded


def standings(
    session: Session, change: Change, now: datetime, *, customer_ref: str = "", with_excluded: bool = False
) -> list[Standing]:
    """Where every customer that was told stands with a change, in order of customer; who is left out only if asked."""
    concerned = frozenset(changes.services_of(session, changes.items_of(session, change)))
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    left_out, overridden = exclusions.excluded(session, change), _overridden(session, change)
    joined = latecomers.joined(session, change)
    found = []
    for part, notice in changes.concerned(session, change):
        customer = session.get(Customer, notice.customer_id)
        if customer is None or part.withdrawn_at or (customer_ref and customer.ref != customer_ref):
            continue
        if customer.id in left_out and not with_excluded:
            continue
        facts = _facts(session, change, part, notice, customer, concerned, today, now,
                       overridden.get(part.id or 0, frozenset()))
        found.append(Standing(customer, notice, part, tuple(gate.blockers(facts)), gate.gone(facts),
                              customer.id in left_out, tuple(gate.set_aside(facts)), facts.services,
                              joined.get(notice.announcement_id, "")))
    return found


def _overridden(session: Session, change: Change) -> dict[int, frozenset[Code]]:
    """By part of a notice: what two people have set aside there."""
    found: dict[int, frozenset[Code]] = {}
    for row in session.exec(select(Override).where(Override.change_id == change.id)):
        part = row.notice_change_id or 0
        found[part] = found.get(part, frozenset()) | {Code(code) for code in row.blockers}
    return found


def _facts(
    session: Session, change: Change, part: NoticeChange, notice: Notice, customer: Customer,
    concerned: frozenset[str], today: date, now: datetime, overridden: frozenset[Code],
) -> gate.Facts:
    terms = Terms.from_json(notice.terms)
    row = notices.window_of(session, notice)
    today_there = now.astimezone(ZoneInfo(terms.zone)).date()
    bought = customers.services_on(session, notice.customer_id, today_there)
    return gate.Facts(
        change_state=change.state, planned_start=change.planned_start, today=today,
        today_there=today_there, now=now, opens_window=change.opens_window and notice.opens_window,
        specific=terms.needs_yes,
        services=concerned if bought is None else bought & concerned,
        notice_state=notice.state, receipt_day=row.receipt_day if row else None, notice_days=terms.notice_days,
        informed_enough_on=window.earliest_start(terms, row.receipt_day, calendars.day_off(terms)) if row else None,
        window_ends_at=row.ends_at if row else None, last_day=row.last_day if row else None,
        consent=part.consent, objections=objections_of(session, change, notice.customer_id),
        contract_end=customer.contract_end, window_holds=terms.holds_up,
        emergency=terms.emergency_rule is not EmergencyRule.NONE, overridden=overridden,
        stopped_buying=bought is not None and bool(concerned) and not bought & concerned,
    )


def objections_of(session: Session, change: Change, customer_id: int) -> list[gate.ObjectionFacts]:
    """Every objection of this customer against this change, whichever of its notices it was filed under."""
    rows = session.exec(
        select(Objection).join(ObjectionChange, col(ObjectionChange.objection_id) == col(Objection.id))
        .join(Notice, col(Notice.id) == col(Objection.notice_id))
        .where(ObjectionChange.change_id == change.id, Notice.customer_id == customer_id).order_by(col(Objection.id))
    ).all()
    return [gate.ObjectionFacts(o.ref, o.state, _ended(session, o, customer_id), o.in_time) for o in rows]


def _ended(session: Session, objection: Objection, customer_id: int) -> dict[str, date]:
    every = list(register.services(session))
    ended: dict[str, date] = {}
    for row in session.exec(select(Termination).where(Termination.objection_id == objection.id)):
        service = session.get(Service, row.service_id) if row.service_id else None
        ended.update(dict.fromkeys([service.slug] if service else every, row.ends_on))
    return ended


def change_blockers(change: Change, now: datetime, zone: str) -> list[Blocker]:
    """What stands in the way of a change itself, whoever the customer: for changes nobody was owed a notice of."""
    today = now.astimezone(ZoneInfo(zone)).date()
    facts = gate.Facts(
        change_state=change.state, planned_start=change.planned_start, today=today, today_there=today, now=now,
        opens_window=False, specific=False, services=frozenset(), notice_state=None, receipt_day=None, notice_days=0,
        informed_enough_on=None, window_ends_at=None, last_day=None, consent="",
    )
    return gate.blockers(facts)


def startable(separable: str, found: Sequence[Standing]) -> list[Standing]:
    """Who a change can start for now. `separable` no: all together or nobody; service: nobody who shares a service,
    directly or through others, with somebody held up; customer: whoever is clear."""
    clear, held = [s for s in found if s.clear], [s for s in found if s.held]
    if separable == "customer" or not held:
        return clear
    if separable != "service":
        return []
    kept = _joined(frozenset().union(*(s.services for s in held)), clear)
    return [s for s in clear if not s.services & kept]


def _joined(services: frozenset[str], found: Iterable[Standing]) -> frozenset[str]:
    """These services and all that hang together with them through customers who buy several."""
    pool = [s.services for s in found]
    while more := frozenset().union(*(each for each in pool if each & services)) - services:
        services |= more
    return services


def release(
    session: Session, ref: str, *, customer_ref: str = "", actor: Actor, now: datetime
) -> list[Standing]:
    """Releases a change to one customer, or to all it concerns, and lets it take effect with the first release.

    Where customers cannot be separated it starts for all of them together, so one that is blocked blocks all.
    Raises Refusal blocked with every blocker in words, role_missing, no_such_move, unknown customer.
    """
    change = changes.get(session, ref, lock=True)
    audit.permit(_START, actor)  # a later release moves no state, and so passes no other check of the role
    separable, found = exclusions.separable_of(change), locked_standings(session, change, now)
    chosen = [s for s in found if not customer_ref or s.customer.ref == customer_ref]
    if customer_ref and not chosen:
        raise Refusal("unknown", what="customer", ref=customer_ref)
    freed = startable(separable, found)
    if customer_ref and separable == "customer":
        freed = [s for s in freed if s in chosen]
    elif customer_ref and separable == "service":
        together = _joined(chosen[0].services, freed)
        freed = [s for s in freed if s.services & together]
    if not freed:
        alone = customer_ref and separable == "customer" and any(s.held for s in chosen)
        _refuse_blocked(session, change, chosen if alone else found, now)
    if freed or change.state == ChangeState.ANNOUNCED:
        _start(session, change, freed, actor=actor, now=now)
    return freed


def _refuse_blocked(session: Session, change: Change, found: Sequence[Standing], now: datetime) -> None:
    in_the_way = [_named(s, b) for s in found if s.held for b in s.blockers]
    if not in_the_way:
        zone = settings.organisation(session).zone
        in_the_way = [b.sentence for b in change_blockers(change, now, zone)]
    if in_the_way:
        raise Refusal("blocked", details=in_the_way)


def due(session: Session, now: datetime) -> list[str]:
    """The refs of the changes whose planned start has come and which still wait for somebody, or to take effect."""
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    candidates = session.exec(
        select(Change).where(col(Change.state).in_([ChangeState.ANNOUNCED, ChangeState.IN_EFFECT]),
                             col(Change.planned_start) <= today).order_by(col(Change.id))
    ).all()
    return [c.ref for c in candidates if c.state == ChangeState.ANNOUNCED or _waiting(session, c)]


def start_if_clear(session: Session, ref: str, *, actor: Actor, now: datetime) -> bool:
    """What the clock does with a change that is due: it is released to whoever is clear, all together or, where
    customers can be separated, one by one. Where something in the way will not end by itself on the planned day,
    the start becomes open. True where something moved. One change a transaction: a joint announcement's changes
    share notices, and holding one change's while taking the other's could meet a withdrawal half way."""
    zone = settings.organisation(session).zone
    change = changes.get(session, ref, lock=True)
    found = locked_standings(session, change, now)
    free = startable(exclusions.separable_of(change), found)
    whole = not any(s.held for s in found) and not change_blockers(change, now, zone)
    if free or (whole and change.state == ChangeState.ANNOUNCED):
        _start(session, change, free, actor=actor, now=now)
    elif _retire(session, change, actor=actor, now=now):
        listing.new_edition(session, "take_effect", now)
    elif change.state == ChangeState.ANNOUNCED and _day_is_lost(change, found, now, zone):
        starts.leave_open(session, change, actor=actor, now=now)
    else:
        return False
    return True


def _day_is_lost(change: Change, found: Sequence[Standing], now: datetime, zone: str) -> bool:
    """Whether the planned day came and nobody can start on it: what holds them up does not end by itself today."""
    today = now.astimezone(ZoneInfo(zone)).date()
    lost = [starts.passed(s.blockers, today) for s in found if s.held]
    return bool(lost) and (all(lost) if exclusions.separable_of(change) != "no" else any(lost))


def _waiting(session: Session, change: Change) -> bool:
    return session.exec(
        select(NoticeChange.id).where(
            NoticeChange.change_id == change.id, col(NoticeChange.released_at).is_(None),
            col(NoticeChange.withdrawn_at).is_(None), col(NoticeChange.superseded_at).is_(None),
            col(NoticeChange.freed_at).is_(None)).limit(1)
    ).first() is not None


def locked_standings(session: Session, change: Change, now: datetime) -> list[Standing]:
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
        overridden = sorted({str(b.code) for s in freed for b in s.set_aside})
        audit.note(session, "release", CHANGE.name, change.ref, actor=actor, now=now, count=len(freed),
                   root=merkle.root(leaves),
                   refs={"customers": [str(s.customer.id) for s in freed[:50]], "overridden": overridden})
    if change.state == ChangeState.ANNOUNCED:
        audit.move(session, change, "take_effect", actor=actor, now=now, checked={Need.GATE})
        change.in_effect_at = change.updated_at = now
        register.apply(session, changes.items_of(session, change), now.astimezone(ZoneInfo(zone)).date())
        exclusions.carry(session, change)
        offboarding.open_ended(session, change, actor=actor, now=now)
    _retire(session, change, actor=actor, now=now)
    _tell_in_effect(session, change, freed, now=now)
    listing.new_edition(session, "take_effect" if not freed else "release", now)


def _retire(session: Session, change: Change, *, actor: Actor, now: datetime) -> bool:
    """Ends what a replacement replaced as soon as nobody is left on it, neither left out nor waiting for release.
    Until then both are on the list, and each customer has the one that may process for it."""
    every = standings(session, change, now, with_excluded=True)
    if change.state != ChangeState.IN_EFFECT or any(s.waiting for s in every):
        return False
    zone = ZoneInfo(settings.organisation(session).zone)
    ended = register.retire(session, changes.items_of(session, change), now.astimezone(zone).date())
    if ended:
        audit.note(session, "retire_replaced", CHANGE.name, change.ref, actor=actor, now=now)
        offboarding.open_ended(session, change, actor=actor, now=now)
    return ended


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
