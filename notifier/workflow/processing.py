"""`may-process`: whether an engagement may process a customer's data on a day, and why, as pipelines ask it.

The answer follows each customer: in a replacement the new engagement is only for whoever is released, the old one
for whoever is left out or not released yet. A release does not outlive its ground: where the proof of the notice is
undone afterwards, the answer is no again. An objection that came after the window undoes no release.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from notifier.domain.joining import Fate, ended
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import ChangeState
from notifier.tables import Change, ChangeItem, Customer, Engagement, IrregularStart, Override
from notifier.workflow import changes, customers, latecomers, register, releases, settings
from notifier.workflow.releases import Standing


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
    if ended(customer.contract_end, on):
        return _no(N_("This customer's contract has ended."))
    if held is not None and held.ended_on is not None and held.ended_on <= on:
        return _no(N_("This engagement has ended."))
    if not _buys(session, customer, engagement_ref, change, on):
        return _no(N_("This customer buys none of the services the engagement is for."))
    answer = Answer(True, (Sentence(N_("It is on the list this customer agreed to.")),))
    if change is not None:
        answer = _by_its_release(session, change, customer, on, now)
    for widening in _widenings(session, engagement_ref):
        if answer.allowed:
            answer = _by_its_release(session, widening, customer, on, now)
    if answer.allowed and _replaced(session, engagement_ref, customer, now):
        return _no(N_("It has been replaced for this customer."))
    return answer


def _by_its_release(session: Session, change: Change, customer: Customer, on: date, now: datetime) -> Answer:
    found = releases.standings(session, change, now, customer_ref=customer.ref, with_excluded=True)
    if not found:
        return _untold(session, change, customer, now)
    standing = found[-1]
    zone = ZoneInfo(settings.organisation(session).zone)
    if standing.excluded:
        return _no(N_("This customer is excluded from the change."))
    if standing.gone:
        return _no(N_("Every service of this customer that the engagement is for has ended."))
    released = standing.part.released_at
    if released is not None and released.astimezone(zone).date() <= on:
        return _since_released(standing)
    words = tuple(b.sentence for b in standing.blockers)
    words = words or (Sentence(N_("Nothing stands in the way any more, but it is not released yet.")),)
    return Answer(False, (*_irregular(session, change), *words))


def _since_released(standing: Standing) -> Answer:
    undone = [b.sentence for b in standing.blockers if not b.late]
    if undone:
        since = Sentence(N_("It was released to this customer, but its ground is gone since then."))
        return Answer(False, (since, *undone))
    return Answer(True, (Sentence(N_("Released to this customer.")),))


def _irregular(session: Session, change: Change) -> tuple[Sentence, ...]:
    row = _irregular_row(session, change)
    words = N_("Processing was started irregularly on %(since)s; it is not released to this customer.")
    return (Sentence(words, {"since": row.since}),) if row else ()


def _irregular_row(session: Session, change: Change) -> IrregularStart | None:
    return session.exec(select(IrregularStart).where(IrregularStart.change_id == change.id)).first()


def _untold(session: Session, change: Change, customer: Customer, now: datetime) -> Answer:
    """A customer without a notice: whoever came after the change took effect agreed to the list as it was then."""
    if change.state != ChangeState.IN_EFFECT or change.in_effect_at is None:
        zone = settings.organisation(session).zone
        found = tuple(b.sentence for b in releases.change_blockers(change, now, zone))
        return Answer(False, found or (Sentence(N_("The change has not taken effect.")),))
    if came_after(session, change, customer, now):
        return Answer(True, (Sentence(N_("It was on the list already when this customer joined.")),))
    waived = session.exec(select(Override.id).where(
        Override.change_id == change.id, Override.customer_id == customer.id, col(Override.notice_change_id).is_(None)
    )).first()
    if waived is not None or not change.opens_window:
        return Answer(True, (Sentence(N_("It is on the list, and this customer needs no notice of it.")),))
    return _no(N_("This customer was never told: it came, or bought the service, after the change was announced."))


def came_after(session: Session, change: Change, customer: Customer, now: datetime) -> bool:
    """Whether a customer joined, or bought what the change concerns, after it took effect: then it agreed to it."""
    return latecomers.fate_of(session, change, customer, now) is Fate.ON_LIST


def _replaced(session: Session, engagement_ref: str, customer: Customer, now: datetime) -> bool:
    """Whether a replacement already counts for this customer; whoever is left out or waits still has the old one."""
    change = session.exec(
        select(Change).join(ChangeItem, col(ChangeItem.change_id) == col(Change.id))
        .where(ChangeItem.replaces_ref == engagement_ref, Change.state == ChangeState.IN_EFFECT)
        .order_by(col(Change.id).desc())
    ).first()
    if change is None:
        return False
    found = releases.standings(session, change, now, customer_ref=customer.ref, with_excluded=True)
    return not found or found[-1].part.released_at is not None


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


def _widenings(session: Session, engagement_ref: str) -> list[Change]:
    """The modifications in effect that a customer had to be asked about, oldest first: since they took effect the
    engagement is another one than the customer agreed to, until it is released to it too."""
    return list(session.exec(
        select(Change).join(ChangeItem, col(ChangeItem.change_id) == col(Change.id))
        .where(ChangeItem.engagement_ref == engagement_ref, Change.kind == "modify", col(Change.opens_window).is_(True),
               Change.state == ChangeState.IN_EFFECT)
        .order_by(col(Change.id))
    ))


def _buys(session: Session, customer: Customer, engagement_ref: str, change: Change | None, on: date) -> bool:
    value = next((v for v in register.current(session) if v.ref == engagement_ref), None)
    if value is None and change is not None:
        brought = (i.after for i in changes.items_of(session, change) if i.after is not None)
        value = next((v for v in brought if v.ref == engagement_ref), None)
    bought = customers.services_on(session, customer.id or 0, on)
    return value is None or not value.services or bought is None or bool(bought & set(value.services))
