"""What the window rule is given for a notice: its frozen terms, the planned start, the moment its clock starts by
contract, and the days off; and with which versions of all that a window was found."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col

from notifier.domain import window as rules
from notifier.domain.terms import ClockStart, Terms, WindowRuns
from notifier.domain.window import Window
from notifier.tables import Announcement, Change, Delivery, Notice, NoticeChange
from notifier.workflow import calendars, settings, watched


@dataclass(frozen=True)
class Basis:
    """What a notice's window is computed from, beside the moment of receipt: its terms as they were frozen (`stored`,
    as text, stands for them), the moment its clock starts by contract, and the last planned start, where they ask."""

    stored: str
    terms: Terms
    clock_at: datetime | None
    starts_on: date | None

    def window(self, received_at: datetime, extra: tuple[date, ...] = ()) -> Window:
        """The window of a notice received at that moment; `extra` are days off that became known since."""
        return rules.window(self.terms, received_at, calendars.day_off(self.terms, extra), clock_at=self.clock_at,
                            starts_on=self.starts_on)

    def alike(self, received_at: datetime) -> Hashable:
        """Whatever agrees in this has the same window: of moments it counts on which day they fall, and of the receipt
        whether it was before the close of business."""
        zone = ZoneInfo(self.terms.zone)
        local = received_at.astimezone(zone)
        started_on = self.clock_at.astimezone(zone).date() if self.clock_at else None
        return self.stored, local.date(), local.time() >= rules.CLOSE, started_on, self.starts_on

    def inputs(self, notice: Notice, received_at: datetime) -> dict[str, Any]:
        """All that the notice's window is computed from, as it is stored with it."""
        return {"received_at": received_at.isoformat(), "terms": notice.terms,
                "promised": notice.promised_last_day.isoformat() if notice.promised_last_day else None,
                "clock_at": self.clock_at.isoformat() if self.clock_at else None,
                "starts_on": self.starts_on.isoformat() if self.starts_on else None}


def bases(session: Session, notices: Sequence[Notice]) -> list[Basis]:
    """What the windows of these notices are computed from, in their order; read together."""
    stored = [watched.canonical(notice.terms) for notice in notices]
    terms = {text: Terms.from_json(notice.terms) for text, notice in zip(stored, notices, strict=True)}
    own = [terms[text] for text in stored]
    clock_at, starts_on = _clock_at(session, notices, own), _starts_on(session, notices, own)
    return [Basis(text, terms[text], clock_at.get(notice.id), starts_on.get(notice.id))
            for text, notice in zip(stored, notices, strict=True)]


def basis(session: Session, notice: Notice) -> Basis:
    """The same of one notice."""
    return bases(session, [notice])[0]


def promised(session: Session, notice: Notice, handed_over_at: datetime) -> Window:
    """The window a letter of this notice prints when it is handed over at that moment."""
    its = basis(session, notice)
    return rules.promised(its.terms, handed_over_at, calendars.day_off(its.terms), starts_on=its.starts_on)


def versions(session: Session) -> dict[str, str]:
    """What windows are computed with now: the rules, the holidays, the zone data, and the organisation's own days."""
    return {**calendars.versions(), "extra_holidays": " ".join(settings.extra_holidays(session))}


def start_is_open(session: Session, notice: Notice) -> bool | None:
    """True where the time to object lasts until a start that has no date now: nothing is late then. Else None."""
    if Terms.from_json(notice.terms).window_runs is not WindowRuns.UNTIL_START:
        return None
    return True if None in _starts(session, [notice.id]).get(notice.id, ()) else None


def _starts_on(session: Session, notices: Sequence[Notice], terms: Sequence[Terms]) -> dict[int | None, date]:
    """By notice the last planned start of what it announced and still stands, where the terms ask for it."""
    ids = [notice.id for notice, its in zip(notices, terms, strict=True) if its.window_runs is WindowRuns.UNTIL_START]
    starts = {number: [day for day in days if day] for number, days in _starts(session, ids).items()}
    return {number: max(days) for number, days in starts.items() if days}


def _starts(session: Session, notice_ids: Sequence[int | None]) -> dict[int | None, list[date | None]]:
    found: dict[int | None, list[date | None]] = {}
    if notice_ids:
        for number, day in session.execute(
            sa.select(col(NoticeChange.notice_id), col(Change.planned_start))
            .join(Change, col(NoticeChange.change_id) == col(Change.id))
            .where(col(NoticeChange.notice_id).in_(notice_ids), col(Change.opens_window).is_(True),
                   col(NoticeChange.withdrawn_at).is_(None), col(NoticeChange.superseded_at).is_(None))
        ):
            found.setdefault(number, []).append(day)
    return found


def _clock_at(session: Session, notices: Sequence[Notice], terms: Sequence[Terms]) -> dict[int | None, datetime]:
    """By notice the moment the clock starts by contract, where that is not the receipt: the date of the notice and its
    posting are the announcement; the sending is when the first letter was handed over."""
    found: dict[int | None, datetime] = {}
    sent = [notice.id for notice, its in zip(notices, terms, strict=True) if its.clock_start is ClockStart.SENDING]
    if sent:
        for number, at in session.execute(
            sa.select(col(Delivery.notice_id), sa.func.min(col(Delivery.handed_at)))
            .where(col(Delivery.notice_id).in_(sent), col(Delivery.handed_at).is_not(None))
            .group_by(col(Delivery.notice_id))
        ):
            found[number] = at
    for notice, its in zip(notices, terms, strict=True):
        if its.clock_start is not ClockStart.RECEIPT and notice.id not in found:
            announcement = session.get(Announcement, notice.announcement_id)
            if announcement is not None and announcement.made_at is not None:
                found[notice.id] = announcement.made_at
    return found
