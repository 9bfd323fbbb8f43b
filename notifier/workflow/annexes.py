"""The annex: the list of sub-processors as it bound one customer on a day (contract §5).

It begins with the edition in force that day and leaves out what that edition says to others: engagements for services
the customer did not buy then, and whatever was not released to it by then. In a replacement that does not apply to it,
the old vendor stays; of a modification that does not, the values before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from notifier.domain.listing import ListedService, ListValue, Organisation
from notifier.domain.refusals import Refusal
from notifier.domain.register import EngagementValue, differences
from notifier.tables import Change, ChangeItem, Customer, Edition, Notice, NoticeChange, Override
from notifier.workflow import customers, processing, settings


@dataclass(frozen=True)
class Annex:
    """What bound a customer on a day: the edition in force with its hash, the processor as that edition names it, the
    services it bought then (all there were, where none are recorded), and the engagements that applied to it."""

    on: date
    edition: int
    sha256: str
    at: datetime
    organisation: Organisation
    services: tuple[ListedService, ...]
    engagements: tuple[EngagementValue, ...]


def annex(session: Session, customer: Customer, on: date, now: datetime) -> Annex:
    """The annex of a day, in the organisation's zone. Raises Refusal annex_future, annex_before for a day before the
    contract or the first list, annex_after for one after the contract."""
    zone = ZoneInfo(settings.organisation(session).zone)
    today = now.astimezone(zone).date()
    if on > today:
        raise Refusal("annex_future", day=on)
    if customer.contract_end is not None and on > customer.contract_end:
        raise Refusal("annex_after", day=on, last=customer.contract_end)
    first = first_day(session, customer)
    if first is None or on < first:
        raise Refusal("annex_before", day=on, first=first or today)
    end = datetime.combine(on + timedelta(days=1), time(), zone)
    row = session.exec(select(Edition).where(col(Edition.at) < end).order_by(col(Edition.n).desc()).limit(1)).one()
    value = ListValue.from_json(row.value)
    bought = _bought(session, customer, on, value)
    slugs = {service.slug for service in bought}
    view = _View(session, customer, end)
    held = (view.value(each) for each in value.engagements if view.binds(each.ref))
    bound = tuple(each for each in held if not each.services or slugs & set(each.services))
    return Annex(on, row.n, row.sha256, row.at, value.organisation, bought, bound)


def first_day(session: Session, customer: Customer) -> date | None:
    """The first day there is an annex of: when the contract began and there was a list; None where there is none."""
    zone = ZoneInfo(settings.organisation(session).zone)
    at = session.exec(select(Edition.at).order_by(col(Edition.n)).limit(1)).first()
    if at is None:
        return None
    listed = at.astimezone(zone).date()
    return max(listed, customer.contract_start) if customer.contract_start else listed


def _bought(session: Session, customer: Customer, on: date, value: ListValue) -> tuple[ListedService, ...]:
    periods = customers.periods(session, customer.id or 0)
    if not periods:
        return value.services
    slugs = {period.slug for period in periods if period.covers(on)}
    return tuple(service for service in value.services if service.slug in slugs)


class _View:
    """What applied to one customer before a moment, of all that changes had brought by then."""

    def __init__(self, session: Session, customer: Customer, before: datetime) -> None:
        self._session, self._customer, self._before = session, customer, before

    def binds(self, ref: str) -> bool:
        """Whether an engagement of the edition is one of this customer's: what brought it was released to it, and no
        replacement of it was."""
        brought = self._changes(ChangeItem.engagement_ref == ref, "add", "replace")
        if brought and not self._applies(brought[-1]):
            return False
        return not any(self._applies(change) for change in self._changes(ChangeItem.replaces_ref == ref, "replace"))

    def value(self, value: EngagementValue) -> EngagementValue:
        """The engagement without the modifications that did not apply yet, taken back newest first. Only what they
        changed goes back: others that did apply stay."""
        for change in reversed(self._changes(ChangeItem.engagement_ref == value.ref, "modify")):
            if self._applies(change):
                continue
            for item in self._session.exec(select(ChangeItem).where(
                    ChangeItem.change_id == change.id, ChangeItem.engagement_ref == value.ref)):
                if item.before and item.after:
                    value = _undone(value, EngagementValue.from_json(item.before),
                                    EngagementValue.from_json(item.after))
        return value

    def _changes(self, about: Any, *kinds: str) -> Sequence[Change]:
        """The changes that had taken effect by then, oldest first."""
        return self._session.exec(
            select(Change).join(ChangeItem, col(ChangeItem.change_id) == col(Change.id))
            .where(about, col(ChangeItem.after).is_not(None), col(Change.kind).in_(kinds),
                   col(Change.in_effect_at) < self._before)
            .order_by(col(Change.in_effect_at), col(Change.id))
        ).all()

    def _applies(self, change: Change) -> bool:
        """Whether a change in effect applied to this customer: released to it; or it was owed no notice of it, because
        it only informs, two people set that aside, or the customer joined later and agreed to the list as it was."""
        parts = self._session.exec(
            select(NoticeChange).join(Notice, col(Notice.id) == col(NoticeChange.notice_id))
            .where(NoticeChange.change_id == change.id, Notice.customer_id == self._customer.id)
        ).all()
        if parts:
            return any(p.released_at is not None and p.released_at < self._before for p in parts)
        if not change.opens_window or processing.came_after(self._session, change, self._customer, self._before):
            return True
        return self._session.exec(select(Override.id).where(
            Override.change_id == change.id, Override.customer_id == self._customer.id,
            col(Override.notice_change_id).is_(None), col(Override.at) < self._before)).first() is not None


def _undone(value: EngagementValue, before: EngagementValue, after: EngagementValue) -> EngagementValue:
    return value.with_(**{name: getattr(before, name) for name in differences(before, after)})
