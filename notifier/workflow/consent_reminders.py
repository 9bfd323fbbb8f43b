"""Reminders while a customer whose agreement asks for its specific yes has not answered.

The first leaves as many days as its terms name (`reminder_days`) before the day the answer is wanted: the last day of
the window, or the day before the planned start where that comes first. Another follows every seven days, five in all:
after that people have to look, and the board shows them that the change waits for this answer (CONSENT_MISSING). None
follows an answer to everything, a withdrawal, or the end of the contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.letters import LetterKind
from notifier.domain.people import Actor
from notifier.domain.states import NOTICE, ChangeState, NoticeState
from notifier.domain.terms import Authorisation, Terms
from notifier.tables import Change, Customer, Delivery, Notice, NoticeChange, NoticeWindow
from notifier.workflow import audit, deliveries, notices

AGAIN_AFTER = timedelta(days=7)
MOST = 5
LETTER = LetterKind.CONSENT_REMINDER


def remind(session: Session, *, actor: Actor, now: datetime) -> int:
    """Owes the reminders that are due; returns to how many customers. The ledger's unique key lets no reminder stand in
    it twice."""
    told = 0
    for notice, customer in list(_due(session, now)):
        notice = notices.lock(session, notice.id or 0)
        attempt = len(_sent(session, notice.id or 0)) + 1
        count = 0
        for contact in deliveries.notice_contacts(session, customer.id or 0):
            deliveries.queue(session, LETTER, NOTICE.name, notice.id or 0, email=contact.email, name=contact.name,
                             language=customer.language, now=now, contact_id=contact.id, notice_id=notice.id,
                             attempt=attempt)
            count += 1
        if count:
            audit.note(session, "remind_consent", NOTICE.name, notice.uid, actor=actor, now=now, count=count,
                       refs={"attempt": attempt})
            told += 1
    return told


def _due(session: Session, now: datetime) -> Iterator[tuple[Notice, Customer]]:
    found: dict[int, tuple[Notice, Customer, NoticeWindow | None, list[date]]] = {}
    for notice, customer, window, start in _unanswered(session):
        _, _, _, starts = found.setdefault(notice.id or 0, (notice, customer, window, []))
        if start is not None:
            starts.append(start)
    for notice, customer, window, starts in found.values():
        terms = Terms.from_json(notice.terms)
        today = now.astimezone(ZoneInfo(terms.zone)).date()
        ended = customer.contract_end is not None and customer.contract_end < today
        if terms.authorisation is not Authorisation.SPECIFIC or ended:
            continue
        wanted = wanted_by(window.last_day if window else None, starts)
        if wanted is None or today < wanted - timedelta(days=terms.reminder_days):
            continue
        sent = _sent(session, notice.id or 0)
        if len(sent) < MOST and (not sent or sent[-1] + AGAIN_AFTER <= now):
            yield notice, customer


def wanted_by(last_day: date | None, starts: Sequence[date]) -> date | None:
    """The day an answer is wanted by: the window's last day, or the day before the first planned start of what is
    asked, whichever comes first; None where neither is fixed."""
    days = [start - timedelta(days=1) for start in starts] + ([last_day] if last_day else [])
    return min(days, default=None)


def _unanswered(session: Session) -> Sequence[tuple[Notice, Customer, NoticeWindow | None, date | None]]:
    """Every question that is open: of a proven notice, for a change that waits to start."""
    rows = session.exec(
        select(Notice, Customer, NoticeWindow, Change)
        .join(NoticeChange, col(NoticeChange.notice_id) == col(Notice.id))
        .join(Change, col(Change.id) == col(NoticeChange.change_id))
        .join(Customer, col(Customer.id) == col(Notice.customer_id))
        .join(NoticeWindow, col(NoticeWindow.id) == col(Notice.window_id), isouter=True)
        .where(
            NoticeChange.consent == "", col(NoticeChange.withdrawn_at).is_(None),
            col(NoticeChange.superseded_at).is_(None), col(NoticeChange.released_at).is_(None),
            col(Change.opens_window).is_(True), col(Change.state).in_((ChangeState.ANNOUNCED, ChangeState.IN_EFFECT)),
            col(Notice.state) == NoticeState.GIVEN,
            # A cheap look before all terms are read: few agreements ask for a yes.
            sa.cast(col(Notice.terms), sa.Text).like(f"%{Authorisation.SPECIFIC}%"),
        ).order_by(col(Notice.id), col(Change.id))
    ).all()
    return [(notice, customer, window, change.planned_start) for notice, customer, window, change in rows]


def _sent(session: Session, notice_id: int) -> list[datetime]:
    """When each reminder of a notice was owed, oldest first."""
    rows = session.exec(
        select(sa.func.min(Delivery.created_at)).where(Delivery.kind == LETTER, Delivery.notice_id == notice_id)
        .group_by(col(Delivery.attempt)).order_by(col(Delivery.attempt))
    ).all()
    return list(rows)
