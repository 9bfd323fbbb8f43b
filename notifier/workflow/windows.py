"""The windows of many notices at once: events come by the thousand, and nearly all of them open the first one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session

from notifier.domain import window as rules
from notifier.domain.terms import Terms
from notifier.domain.window import Window
from notifier.tables import Notice, NoticeWindow
from notifier.tables.base import table
from notifier.workflow import calendars, watched, written

_w = table(NoticeWindow)
_INSERT = sa.insert(_w).returning(_w.c.id, sort_by_parameter_order=True)


def first(terms: Terms, received_at: datetime, promised: date | None) -> Window:
    """The first window from a proven receipt; it runs until the day a letter promised where that is later."""
    counts = rules.window(terms, received_at, calendars.day_off(terms))
    return counts if promised is None else rules.later(counts, rules.until(counts, promised))


def open_first(
    session: Session, proven: Sequence[tuple[Notice, datetime]], reason: str, *, now: datetime
) -> list[Notice]:
    """Opens the windows of locked notices that have none yet, from their proven receipts, as `notices.open_window` does
    one by one. Returns those whose last day is later than any letter told them."""
    alike = _Alike()
    rows, late = [], []
    for notice, at in proven:
        shared, inputs = alike.of(notice, at)
        rows.append({**shared, "notice_id": notice.id, "inputs": inputs, "reason": reason[:200], "created_at": now,
                     "replaces_id": None})
        if notice.promised_last_day is not None and shared["last_day"] > notice.promised_last_day:
            late.append(notice)
    if rows:
        made = session.scalars(_INSERT, rows).all()
        for (notice, _), number in zip(proven, made, strict=True):
            notice.window_id = number
        written.made(session, "notice_window", dict(zip(made, rows, strict=True)))
    return late


class _Alike:
    """Windows by what they are computed from. What arrives on one day by the same terms has the same window, before
    the close of business or after it."""

    def __init__(self) -> None:
        self._terms: dict[str, Terms] = {}
        self._held: dict[Hashable, dict[str, Any]] = {}

    def of(self, notice: Notice, at: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
        """The columns that alike notices share, and what this one was computed from."""
        stored = watched.canonical(notice.terms)
        if stored not in self._terms:
            self._terms[stored] = Terms.from_json(notice.terms)
        terms, promised = self._terms[stored], notice.promised_last_day
        local = at.astimezone(ZoneInfo(terms.zone))
        key = (stored, promised, local.date(), local.time() >= rules.CLOSE)
        if key not in self._held:
            self._held[key] = columns(first(terms, at, promised))
        return self._held[key], inputs(notice, at)


def columns(counts: Window) -> dict[str, Any]:
    """A window as its row holds it."""
    return {
        "receipt_day": counts.receipt_day, "nominal": counts.nominal, "last_day": counts.last_day,
        "ends_at": counts.ends_at, "zone": counts.zone, "why": [s.to_json() for s in counts.why],
        "versions": calendars.versions(),
    }


def inputs(notice: Notice, received_at: datetime) -> dict[str, Any]:
    """What a window is computed from, as its row keeps it."""
    return {"received_at": received_at.isoformat(), "terms": notice.terms,
            "promised": notice.promised_last_day.isoformat() if notice.promised_last_day else None}
