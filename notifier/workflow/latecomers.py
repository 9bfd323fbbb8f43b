"""Owing notices to customers who came after a change was announced, and letting go of those who stopped buying.

Called whenever customers, what they buy or the annex they accepted change, and by the clock as a net. Each run looks
at what is, not at what happened, so that a second one changes nothing. What a customer is owed the rule decides
(`domain.joining`); it goes out as an announcement of its own, since the first one's roll is frozen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import audience as rules
from notifier.domain import joining
from notifier.domain.audience import Candidate
from notifier.domain.joining import Fate, Joiner, Known
from notifier.domain.people import Actor, system
from notifier.domain.states import CHANGE, ChangeState, NoticeState
from notifier.domain.terms import Notify, Terms
from notifier.tables import (
    Announcement,
    AnnouncementChange,
    Change,
    Contact,
    Customer,
    CustomerService,
    Delivery,
    IrregularStart,
    Notice,
    NoticeChange,
    Override,
    Service,
)
from notifier.tables.base import table
from notifier.workflow import announcements, audience, audit, changes, deliveries, notices, rolls, settings
from notifier.workflow.accepted import Editions
from notifier.workflow.audience import Seat

PAGE = 2000  # customers looked at together
ACT = "owe"
FREE = "free"
LIVE = (ChangeState.ANNOUNCED, ChangeState.IN_EFFECT)


@dataclass(frozen=True)
class Owed:
    """What a run did: the announcements it made, and how many customers it freed of how many changes' notices."""

    announcements: tuple[Announcement, ...] = ()
    freed: int = 0


@dataclass
class _Found:
    """What is to be done: by fate, annex and changes, the customers owed a notice; by change, the parts to be freed;
    the notices that had nobody to write to and have somebody now."""

    owed: dict[tuple[Fate, int | None, tuple[int, ...]], list[int]] = field(default_factory=dict)
    free: dict[int, list[int]] = field(default_factory=dict)
    unwritten: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.owed or self.free or self.unwritten)


@dataclass(frozen=True)
class _Live:
    """A change that is known and not taken back: what the rule needs of it, what it touches, and by customer the part
    of its notice (with whether it still waits for release); `waived`: two people decided that no notice is needed."""

    change: Change
    known: Known
    services: frozenset[str]
    parts: Mapping[int, tuple[int, bool]]
    waived: frozenset[int]


def due(session: Session, now: datetime) -> bool:
    """Whether anybody is owed anything that no run has seen yet. Reads only."""
    return bool(_find(session, None, now))


def look_after(
    session: Session, customer_ids: Collection[int] | None = None, *, actor: Actor, now: datetime
) -> Owed:
    """Owes these customers (None: all) whatever the announced changes and those in effect ask for, in one go, and
    frees the notices of who no longer buys what a change concerns. A customer without a contact is owed its notice all
    the same: it blocks, and is written to as soon as there is one."""
    if not _find(session, customer_ids, now):
        return Owed()
    session.exec(select(Change.id).where(col(Change.state).in_(LIVE)).order_by(col(Change.id)).with_for_update()).all()
    found = _find(session, customer_ids, now)  # once more: whoever was faster has done it
    made = tuple(_owe(session, fate, annex, change_ids, ids, actor=actor, now=now)
                 for (fate, annex, change_ids), ids in found.owed.items())
    for change_id, parts in found.free.items():
        _free(session, session.get_one(Change, change_id), parts, actor=actor, now=now)
    for number in found.unwritten:
        _write(session, notices.lock(session, number), now=now)
    session.flush()
    return Owed(made, sum(map(len, found.free.values())))


def fate_of(session: Session, change: Change, customer: Customer, now: datetime) -> Fate | None:
    """What a customer without a notice of this change is owed by the rule, should the change concern it; None where
    that is neither announced nor in effect."""
    editions = Editions(session)
    live = _live(session, change, editions)
    today = now.astimezone(editions.zone).date()
    row = session.execute(sa.select(*_COLUMNS).where(_c.id == customer.id)).one()
    bought = _bought(session, [row.id], today).get(row.id, {})
    return _by_the_rule(live, row, bought, editions) if live else None


def _find(session: Session, customer_ids: Collection[int] | None, now: datetime) -> _Found:
    found = _Found()
    editions = Editions(session)
    rows = session.exec(select(Change).where(col(Change.state).in_(LIVE)).order_by(col(Change.id))).all()
    every = [live for live in (_live(session, change, editions) for change in rows) if live]
    today = now.astimezone(editions.zone).date()
    for page in _pages(session, customer_ids) if every else ():
        bought = _bought(session, [row.id for row in page], today)
        for row in page:
            _sort(found, every, row, bought.get(row.id, {}), editions, today)
    found.unwritten = _unwritten(session, customer_ids)
    return found


def _sort(
    found: _Found, every: Sequence[_Live], row: Any, bought: Mapping[str, datetime | None], editions: Editions,
    today: date,
) -> None:
    """Puts one customer where it belongs."""
    owed: dict[Fate, list[int]] = {}
    for live in every:
        number = live.change.id or 0
        if row.id in live.parts:
            part, waiting = live.parts[row.id]
            if waiting and bought and not bought.keys() & live.services:
                found.free.setdefault(number, []).append(part)
        elif row.id not in live.waived:
            fate = _fate(live, row, bought, editions, today)
            if fate not in (None, Fate.ON_LIST):
                owed.setdefault(fate, []).append(number)
    for fate, numbers in owed.items():
        annex = editions.accepted(row).edition if fate is Fate.INFORMED else None
        found.owed.setdefault((fate, annex, tuple(numbers)), []).append(row.id)


def _fate(
    live: _Live, row: Any, bought: Mapping[str, datetime | None], editions: Editions, today: date
) -> Fate | None:
    """As `_by_the_rule`; None where the change does not concern the customer today."""
    why = rules.decide(Candidate(frozenset(bought), row.contract_start, row.contract_end), live.services, today)
    return _by_the_rule(live, row, bought, editions) if why in rules.INCLUDED else None


def _by_the_rule(live: _Live, row: Any, bought: Mapping[str, datetime | None], editions: Editions) -> Fate:
    since = [at for slug, at in bought.items() if slug in live.services]
    # What was recorded when the customer was taken in, it bought with its contract.
    later = [at for at in since if at is not None and at > row.created_at]
    taken_in = row.created_at.astimezone(editions.zone).date()
    began = row.contract_start or row.agreement_date or taken_in
    joiner = Joiner(began, editions.accepted(row).edition, min(later) if since and len(later) == len(since) else None)
    return joining.decide(live.known, joiner)


def _live(session: Session, change: Change, editions: Editions) -> _Live | None:
    """None for one nobody has been told of yet."""
    told = [a for a in changes.announcements_of(session, change) if a.made_at and not a.joining]
    if change.state not in LIVE or change.announced_at is None or not told:
        return None
    irregular = session.exec(select(IrregularStart.at).where(IrregularStart.change_id == change.id)).first()
    started = None
    if change.state == ChangeState.IN_EFFECT and change.in_effect_at is not None:
        started = max(filter(None, (change.in_effect_at, irregular)))  # until it was recorded the list did not say so
    last = ([a for a in told if a.corrects_id] or told[:1])[-1]
    known = Known(
        change.opens_window, last.edition_n or 0, change.announced_at.astimezone(editions.zone).date(), started,
        started.astimezone(editions.zone).date() if started else None, editions.since(started) if started else None,
    )
    services = frozenset(changes.services_of(session, changes.items_of(session, change)))
    waived = session.exec(select(Override.customer_id).where(
        Override.change_id == change.id, col(Override.notice_change_id).is_(None)))
    return _Live(change, known, services, _parts(session, change), frozenset(waived))


def _parts(session: Session, change: Change) -> dict[int, tuple[int, bool]]:
    rows = session.execute(
        sa.select(col(Notice.customer_id), col(NoticeChange.id), col(NoticeChange.released_at))
        .join(Notice, col(Notice.id) == col(NoticeChange.notice_id))
        .join(Announcement, col(Announcement.id) == col(Notice.announcement_id))
        .where(col(NoticeChange.change_id) == change.id, col(Announcement.made_at).is_not(None),
               col(NoticeChange.superseded_at).is_(None), col(NoticeChange.freed_at).is_(None),
               col(NoticeChange.withdrawn_at).is_(None)).order_by(col(Notice.id))
    )
    return {customer: (part, released is None) for customer, part, released in rows}


_c, _b, _s = table(Customer).c, table(CustomerService).c, table(Service).c
_COLUMNS = (_c.id, _c.contract_start, _c.contract_end, _c.agreement_date, _c.annex_edition, _c.created_at)


def _pages(session: Session, customer_ids: Collection[int] | None) -> Iterator[Sequence[Any]]:
    if customer_ids is not None:
        ids = sorted(customer_ids)
        for first in range(0, len(ids), PAGE):
            yield session.execute(sa.select(*_COLUMNS).where(_c.id.in_(ids[first:first + PAGE])).order_by(_c.id)).all()
        return
    after = 0
    while page := session.execute(sa.select(*_COLUMNS).where(_c.id > after).order_by(_c.id).limit(PAGE)).all():
        yield page
        after = page[-1].id


def _bought(session: Session, ids: Sequence[int], today: date) -> dict[int, dict[str, datetime | None]]:
    """By customer: what it buys today, and when we learned of it."""
    found: dict[int, dict[str, datetime | None]] = {}
    for customer_id, slug, at in session.execute(
        sa.select(_b.customer_id, _s.slug, _b.bought_at).join_from(table(CustomerService), table(Service),
                                                                   _s.id == _b.service_id)
        .where(sa.between(_b.customer_id, ids[0], ids[-1]) if ids else sa.false(),
               sa.or_(_b.ended_on.is_(None), _b.ended_on >= today))
    ):
        found.setdefault(customer_id, {})[slug] = at
    return found


def _owe(
    session: Session, fate: Fate, annex: int | None, change_ids: Sequence[int], customer_ids: Sequence[int], *,
    actor: Actor, now: datetime,
) -> Announcement:
    """An announcement of these changes to these customers alone. One that is late is a matter for everybody to see:
    it makes a new edition, which counts it; the others change nothing on the list."""
    concerned = [session.get_one(Change, number) for number in change_ids]
    seats = _seats(session, concerned, customer_ids, now)
    made = rolls.begin(session, concerned, "", actor=actor, now=now)
    made.joining, made.annex_edition = str(fate), annex
    opens = fate is not Fate.INFORMED and any(change.opens_window for change in concerned)
    for part in rolls.parts(seats):
        rolls.write(session, made, part, opens, now, reachable=False)
    rolls.close(session, made, rolls.of(seats), now)
    if fate is Fate.LATE:
        for change in concerned:
            change.updated_at = now
    announcements.show(session, made, concerned, ACT, new_edition=fate is Fate.LATE, actor=actor, now=now)
    session.flush()
    return made


def _seats(
    session: Session, concerned: Sequence[Change], customer_ids: Sequence[int], now: datetime
) -> list[Seat]:
    services = {s for c in concerned for s in changes.services_of(session, changes.items_of(session, c))}
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    return [seat for first in range(0, len(customer_ids), PAGE)
            for seat in audience.seats(session, services, today, only=customer_ids[first:first + PAGE])]


def _free(session: Session, change: Change, part_ids: Sequence[int], *, actor: Actor, now: datetime) -> None:
    """These customers stopped buying what the change concerns: it no longer waits for them. Their notices stay."""
    rows = session.exec(
        select(NoticeChange, Notice).join(Notice, col(Notice.id) == col(NoticeChange.notice_id))
        .where(col(NoticeChange.id).in_(part_ids)).order_by(col(Notice.id)).with_for_update()
    ).all()
    for part, _ in rows:
        part.freed_at = now
    session.flush()
    over = [notice.id or 0 for _, notice in rows if not notices.stands(session, notice.id or 0)]
    deliveries.cancel_queued(session, over, actor=system(actor.door), now=now)  # it follows, whoever wrote the customer
    audit.note(session, FREE, CHANGE.name, change.ref, actor=actor, now=now, count=len(rows),
               refs={"customers": [str(notice.customer_id) for _, notice in rows[:50]]})


def _unwritten(session: Session, customer_ids: Collection[int] | None) -> list[int]:
    """Notices to latecomers that had nobody to write to when they were owed, and somebody now."""
    written = sa.exists().where(col(Delivery.notice_id) == col(Notice.id))
    contact = sa.exists().where(deliveries.IS_NOTICE_CONTACT, col(Contact.customer_id) == col(Notice.customer_id))
    rows = session.exec(
        select(Notice.id, Notice.customer_id).join(Announcement, col(Announcement.id) == col(Notice.announcement_id))
        .where(Announcement.joining != "", col(Announcement.made_at).is_not(None),
               Notice.state == NoticeState.PENDING, ~written, contact).order_by(col(Notice.id))
    ).all()
    return [number for number, customer in rows
            if number is not None and (customer_ids is None or customer in customer_ids)]


def _write(session: Session, notice: Notice, *, now: datetime) -> None:
    """Owes the letter to the first contact, or to all of them, as the customer's terms say."""
    in_order = Terms.from_json(notice.terms).notify is Notify.IN_ORDER
    while notices.next_contact(session, notice, now=now) and not in_order:
        pass


def joined(session: Session, change: Change) -> dict[int, str]:
    """By announcement of a change: how the customers came that it was made for; "" for the one to everybody."""
    rows = session.exec(
        select(Announcement.id, Announcement.joining)
        .join(AnnouncementChange, col(AnnouncementChange.announcement_id) == col(Announcement.id))
        .where(AnnouncementChange.change_id == change.id))
    return {number or 0: fate for number, fate in rows}
