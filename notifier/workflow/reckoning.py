"""What the window rule is given for a notice: its frozen terms, the planned start, the moment its clock starts by
contract, and the days off; and with which versions of all that a window was found."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import window as rules
from notifier.domain.terms import ClockStart, Terms, WindowRuns
from notifier.domain.window import Window
from notifier.tables import Announcement, Change, Delivery, Notice, NoticeChange
from notifier.workflow import calendars, settings


def reckon(session: Session, notice: Notice, received_at: datetime, *, extra: tuple[date, ...] = ()) -> Window:
    """The window of a notice received at `received_at`, by its terms as they were frozen; `extra` are days off that
    became known since."""
    terms = Terms.from_json(notice.terms)
    day_off = calendars.day_off(terms, extra)
    return rules.window(terms, received_at, day_off, clock_at=_clock_at(session, notice, terms),
                        starts_on=_starts_on(session, notice, terms))


def promised(session: Session, notice: Notice, handed_over_at: datetime) -> Window:
    """The window a letter of this notice prints when it is handed over at that moment."""
    terms = Terms.from_json(notice.terms)
    return rules.promised(terms, handed_over_at, calendars.day_off(terms), starts_on=_starts_on(session, notice, terms))


def inputs(session: Session, notice: Notice, received_at: datetime) -> dict[str, Any]:
    """All that a notice's window is computed from, as it is stored with it."""
    terms = Terms.from_json(notice.terms)
    clock_at, starts_on = _clock_at(session, notice, terms), _starts_on(session, notice, terms)
    return {"received_at": received_at.isoformat(), "terms": notice.terms,
            "promised": notice.promised_last_day.isoformat() if notice.promised_last_day else None,
            "clock_at": clock_at.isoformat() if clock_at else None,
            "starts_on": starts_on.isoformat() if starts_on else None}


def versions(session: Session) -> dict[str, str]:
    """What windows are computed with now: the rules, the holidays, the zone data, and the organisation's own days."""
    return {**calendars.versions(), "extra_holidays": " ".join(settings.extra_holidays(session))}


def start_is_open(session: Session, notice: Notice) -> bool | None:
    """True where the time to object lasts until a start that has no date now: nothing is late then. Else None."""
    if Terms.from_json(notice.terms).window_runs is not WindowRuns.UNTIL_START:
        return None
    return True if None in _starts(session, notice) else None


def _starts_on(session: Session, notice: Notice, terms: Terms) -> date | None:
    """The last planned start of what the notice announced and still stands, where the terms ask for it."""
    if terms.window_runs is not WindowRuns.UNTIL_START:
        return None
    return max((day for day in _starts(session, notice) if day), default=None)


def _starts(session: Session, notice: Notice) -> list[date | None]:
    return list(session.scalars(
        sa.select(col(Change.planned_start)).join(NoticeChange, col(NoticeChange.change_id) == col(Change.id))
        .where(col(NoticeChange.notice_id) == notice.id, col(Change.opens_window).is_(True),
               col(NoticeChange.withdrawn_at).is_(None), col(NoticeChange.superseded_at).is_(None))
    ))


def _clock_at(session: Session, notice: Notice, terms: Terms) -> datetime | None:
    """The moment the clock starts by contract, where that is not the receipt: the date of the notice and its posting
    are the announcement; the sending is when the first letter was handed over."""
    if terms.clock_start is ClockStart.RECEIPT:
        return None
    if terms.clock_start is ClockStart.SENDING:
        handed = session.exec(
            select(Delivery.handed_at).where(Delivery.notice_id == notice.id, col(Delivery.handed_at).is_not(None))
            .order_by(col(Delivery.handed_at)).limit(1)).first()
        if handed is not None:
            return handed
    announcement = session.get(Announcement, notice.announcement_id)
    return announcement.made_at if announcement else None
