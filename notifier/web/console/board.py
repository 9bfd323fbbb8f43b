"""The board: what waits for me, what runs, what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask import Response, g
from sqlmodel import Session, SQLModel, col, select

from notifier import clock
from notifier.domain import transfers
from notifier.domain.evidence import NAMES as EVIDENCE_NAMES
from notifier.domain.objections import OPEN
from notifier.domain.people import Role
from notifier.domain.states import ChangeState, DeliveryState, NoticeState
from notifier.tables import (
    Announcement,
    Change,
    Countersignature,
    Customer,
    Delivery,
    Notice,
    NoticeWindow,
    Objection,
)
from notifier.web.access import staff
from notifier.web.console import changes as change_pages
from notifier.web.console import deliveries as letter_pages
from notifier.web.console import diligence
from notifier.web.console.desk import Names, bp, page
from notifier.web.pages import house
from notifier.workflow import (
    contact_checks,
    deliveries,
    hand_delivery,
    lanes,
    objections,
    register,
)

SHOWN = 12


@dataclass(frozen=True)
class Running:
    """Windows of one announcement that end on the same day."""

    announcement: str
    last_day: date
    customers: int


@bp.get("/")
@staff
def board() -> Response:
    """The first page after signing in."""
    now = clock.now()
    with house().database.reading() as db:
        failed = letter_pages.in_trouble(db)
        reviews, endings, today = diligence.waiting(db, now)
        approved = _in_state(db, ChangeState.APPROVED)
        doubtful = contact_checks.doubtful(db, now)
        return page(
            "board.html",
            review=change_pages.told(db, _in_state(db, ChangeState.IN_REVIEW)),
            approved=change_pages.told(db, approved), hindrances=house().hindrances(db, now) if approved else [],
            cases=[(o, objections.customer_of(db, o)) for o in _open_cases(db)],
            waiting=_countersignatures(db), names=Names(db),
            failed=letter_pages.last_words(db, failed[:SHOWN]), failed_count=len(failed),
            kinds_of_letter=letter_pages.KINDS, unreachable=_unreachable(db), running=_running(db, now),
            starts=change_pages.told(db, _starts(db)), counts=_counts(db),
            privacy=Role.PRIVACY in g.actor.roles, ops=bool(g.actor.roles & {Role.OPS, Role.PRIVACY}),
            doubtful=doubtful[:SHOWN], doubtful_count=len(doubtful), today=today,
            reviews=reviews, endings=endings, evidence_names=EVIDENCE_NAMES,
            lanes=lanes.troubles(db, now), by_hand=hand_delivery.awaiting(db)[:SHOWN],
            outdated=[(s.name, day) for s in transfers.current().sources if (day := s.ended(today)) is not None],
        )


def _in_state(db: Session, state: ChangeState) -> list[Change]:
    return list(db.exec(select(Change).where(Change.state == state).order_by(col(Change.updated_at))))


def _open_cases(db: Session) -> list[Objection]:
    return list(db.exec(select(Objection).where(col(Objection.state).in_(OPEN)).order_by(col(Objection.filed_at))))


def _countersignatures(db: Session) -> list[tuple[Countersignature, str]]:
    """What a first person has asked for and a second has not signed, with the case's reference."""
    rows = db.exec(
        select(Countersignature, Objection.ref).join(Objection, col(Objection.id) == col(Countersignature.subject_id))
        .where(Countersignature.subject_kind == "objection", col(Countersignature.signed_at).is_(None),
               col(Countersignature.dropped_at).is_(None)).order_by(col(Countersignature.id))
    )
    return list(rows)


def _unreachable(db: Session) -> list[tuple[Customer, Announcement]]:
    rows = db.exec(
        select(Customer, Announcement).join(Notice, col(Notice.customer_id) == col(Customer.id))
        .join(Announcement, col(Announcement.id) == col(Notice.announcement_id))
        .where(Notice.state == NoticeState.UNDELIVERABLE).order_by(col(Customer.name)).limit(SHOWN)
    )
    return list(rows)


def _running(db: Session, now: datetime) -> list[Running]:
    """The windows that are open now, soonest first, counted by announcement and last day."""
    rows = db.execute(
        sa.select(col(Announcement.ref), col(NoticeWindow.last_day), sa.func.count())
        .join(Notice, col(Notice.announcement_id) == col(Announcement.id))
        .join(NoticeWindow, col(NoticeWindow.id) == col(Notice.window_id))
        .where(col(NoticeWindow.ends_at) > now, col(Notice.state) == NoticeState.GIVEN)
        .group_by(col(Announcement.ref), col(NoticeWindow.last_day)).order_by(col(NoticeWindow.last_day)).limit(SHOWN)
    )
    return [Running(ref, last_day, n) for ref, last_day, n in rows]


def _starts(db: Session) -> list[Change]:
    return list(db.exec(
        select(Change).where(Change.state == ChangeState.ANNOUNCED)
        .order_by(col(Change.planned_start).is_(None), col(Change.planned_start)).limit(SHOWN)
    ))


def _counts(db: Session) -> dict[str, int]:
    def number(model: type[SQLModel], *where: Any) -> int:
        return int(db.scalar(sa.select(sa.func.count()).select_from(model).where(*where)) or 0)

    return {
        "engagements": len(register.current(db)),
        "customers": number(Customer),
        "announced": number(Change, col(Change.state) == ChangeState.ANNOUNCED),
        "cases": number(Objection, col(Objection.state).in_(OPEN)),
        "queued": number(Delivery, col(Delivery.state).in_([DeliveryState.QUEUED, DeliveryState.SENDING]),
                         sa.not_(deliveries.IS_HELD)),
    }
