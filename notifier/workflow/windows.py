"""The windows of notices as rows: kept one by one, or opened for many at once. Events come by the thousand, and nearly
all of them open a first one. What a window is worked out to be stands in `reckoning`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from notifier.domain import window as rules
from notifier.domain.window import Window
from notifier.tables import Notice, NoticeWindow
from notifier.tables.base import table
from notifier.workflow import reckoning, reminders, silence, written

_w = table(NoticeWindow)
_INSERT = sa.insert(_w).returning(_w.c.id, sort_by_parameter_order=True)


def kept_to(promised: date | None, counts: Window) -> Window:
    """The window, until the day a letter promised where that is later."""
    return counts if promised is None else rules.later(counts, rules.until(counts, promised))


def keep(
    session: Session, notice: Notice, counts: Window, inputs: Mapping[str, Any], reason: str, *, now: datetime
) -> NoticeWindow:
    """Freezes `counts` as the notice's window from now on; the one that ran before stays beneath it."""
    row = NoticeWindow(
        notice_id=notice.id or 0, inputs=dict(inputs), versions=reckoning.versions(session),
        replaces_id=notice.window_id, reason=reason[:200], created_at=now, **_columns(counts),
    )
    session.add(row)
    session.flush()
    notice.window_id = row.id
    reminders.arm(notice, counts)
    if counts.ends_at > now:
        silence.reopen(session, notice)
    return row


def open_first(
    session: Session, proven: Sequence[tuple[Notice, datetime]], reason: str, *, now: datetime
) -> list[Notice]:
    """Opens the windows of locked notices that have none yet, from their proven receipts, as `notices.open_window` does
    one by one. Returns those whose last day is later than any letter told them."""
    if not proven:
        return []
    bases = reckoning.bases(session, [notice for notice, _ in proven])
    same = {"versions": reckoning.versions(session), "reason": reason[:200], "created_at": now, "replaces_id": None}
    alike: dict[Hashable, tuple[Window, dict[str, Any]]] = {}
    counted, rows = [], []
    for (notice, at), basis in zip(proven, bases, strict=True):
        key = (basis.alike(at), notice.promised_last_day)
        if key not in alike:
            counts = kept_to(notice.promised_last_day, basis.window(at))
            alike[key] = counts, _columns(counts) | same
        counts, columns = alike[key]
        counted.append(counts)
        rows.append({**columns, "notice_id": notice.id, "inputs": basis.inputs(notice, at)})
    made = session.scalars(_INSERT, rows).all()
    for (notice, _), basis, counts, number in zip(proven, bases, counted, made, strict=True):
        notice.window_id = number
        reminders.arm(notice, counts, basis.terms)
    written.made(session, "notice_window", zip(made, rows, strict=True))
    return [notice for (notice, _), counts in zip(proven, counted, strict=True)
            if notice.promised_last_day is not None and counts.last_day > notice.promised_last_day]


def _columns(counts: Window) -> dict[str, Any]:
    return {
        "receipt_day": counts.receipt_day, "nominal": counts.nominal, "last_day": counts.last_day,
        "ends_at": counts.ends_at, "zone": counts.zone, "why": [s.to_json() for s in counts.why],
    }
