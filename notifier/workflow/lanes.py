"""The way out of a transport: one lane for all its letters, slowed when the provider asks for it, shut when it keeps
failing, and never shut for ever.

A provider's "too many" or "later" is about the lane and not about one letter, so it is kept here: letters queued
meanwhile wait as well. While a lane fails, letters go one by one, so that few of them end in doubt. When a shut lane's
pause is over, the first worker to claim takes a single letter as a trial; its success opens the lane.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.people import Actor
from notifier.domain.sentences import N_, Sentence
from notifier.tables import Lane
from notifier.tables.base import table
from notifier.workflow import audit

BREAKS_AFTER = 5
"""Failed calls in a row that shut a lane."""

PAUSES = tuple(timedelta(seconds=s) for s in (2, 5, 10, 20, 30, 60, 120, 300, 600))
"""How long a lane rests after so many failed calls in a row; the last one repeats."""

FOR_A_PERSON = timedelta(minutes=5)
"""How often a lane is tried that waits for a person to mend something."""

TRIAL = timedelta(minutes=2)
"""How long a trial letter may take, longer than the slowest call to a provider; then another one is tried."""


def room(session: Session, transport: str, limit: int, now: datetime) -> int:
    """How many letters may be claimed by this transport now, at most `limit`: none while the lane rests, one while it
    fails. Of a shut lane only the first to ask gets its trial letter, so ask when there is one to be claimed."""
    row = _seen(session, transport)
    if _is_open(row):
        return limit
    if row.paused_until is not None and row.paused_until > now:
        return 0
    if row.shut_at is None:
        return 1 if row.failures else limit
    taken: Any = session.execute(
        sa.update(Lane).where(col(Lane.transport) == transport, col(Lane.paused_until) == row.paused_until)
        .values(paused_until=now + TRIAL).execution_options(synchronize_session=False)
    )
    return 1 if taken.rowcount else 0


def free(session: Session, transport: str, now: datetime) -> bool:
    """Whether anything may be claimed by this transport now."""
    row = _seen(session, transport)
    return row is None or row.paused_until is None or row.paused_until <= now


_l = table(Lane).c
IS_OPEN = ~sa.exists().where(
    _l.transport == sa.bindparam("transport"),
    sa.or_(_l.failures > 0, _l.shut_at.is_not(None), _l.paused_until.is_not(None)),
)
"""Whether nothing ever stood in the way of the lane of this `transport` that is not mended: then all has room. To be
asked along with something else."""

_LANE = sa.select(_l.paused_until, _l.failures, _l.shut_at).where(_l.transport == sa.bindparam("transport"))


def _seen(session: Session, transport: str) -> Any:
    """The lane as it is now: asked for every fifty letters, and so not loaded as an object."""
    return session.execute(_LANE, {"transport": transport}).first()


def _is_open(row: Any) -> bool:
    return row is None or not (row.failures or row.shut_at or row.paused_until)


def note(
    session: Session, transport: str, *, pause: float | None = None, trouble: str = "", halt: str = "", actor: Actor,
    now: datetime,
) -> None:
    """Keeps what a call to the provider said of the lane: `pause` asks for so many seconds of rest, `trouble` says
    that provider or network failed, `halt` that a person has to mend something. None of these: it works, and a lane
    that was shut opens."""
    if not (pause or trouble or halt) and _is_open(_seen(session, transport)):
        return  # nearly every call: the row is not even locked
    row = _locked(session, transport)
    before = row.shut_at
    if trouble or halt:
        _failed(row, pause, trouble, halt, now)
    else:
        _worked(row, pause, now)
    if (before is None) != (row.shut_at is None):
        audit.note(session, "lane_shut" if row.shut_at else "lane_open", "lane", transport, actor=actor, now=now,
                   refs={"failures": row.failures}, detail={"words": row.words} if row.words else None)
    session.flush()


def _failed(row: Lane, pause: float | None, trouble: str, halt: str, now: datetime) -> None:
    row.failures += 1
    row.words = (halt or trouble)[:500]
    if halt or row.failures >= BREAKS_AFTER:
        row.shut_at = row.shut_at or now
    rest = FOR_A_PERSON if halt else PAUSES[min(row.failures, len(PAUSES)) - 1]
    row.paused_until = now + max(rest, timedelta(seconds=pause or 0))


def _worked(row: Lane, pause: float | None, now: datetime) -> None:
    if row.shut_at is not None or (row.paused_until is not None and row.paused_until <= now):
        row.paused_until = None  # another worker may have been asked to wait meanwhile: that pause stands
    row.failures, row.shut_at, row.words = 0, None, ""
    if pause:
        row.words = "too many letters at once"
        row.paused_until = max(row.paused_until or now, now + timedelta(seconds=pause))


def _locked(session: Session, transport: str) -> Lane:
    row = session.exec(select(Lane).where(Lane.transport == transport).with_for_update()
                       .execution_options(populate_existing=True)).first()
    if row is None:
        row = Lane(transport=transport)
        session.add(row)
        session.flush()
    return row


def troubles(session: Session, now: datetime) -> list[Sentence]:
    """Every lane that is shut or rests, in words for the people who look after the letters; none where all are open."""
    found = []
    for row in session.exec(select(Lane).order_by(col(Lane.transport))):
        facts: dict[str, Any] = {"transport": row.transport, "words": row.words, "until": row.paused_until or now}
        if row.shut_at is not None:
            found.append(Sentence(_SHUT, {**facts, "since": row.shut_at}))
        elif row.paused_until is not None and row.paused_until > now:
            found.append(Sentence(_PAUSED, facts))
    return found


_SHUT = N_(
    "Letters by %(transport)s have stopped since %(since)s: %(words)s. From %(until)s on one letter is tried, and all "
    "follow once it passes."
)
_PAUSED = N_("Letters by %(transport)s rest until %(until)s: %(words)s.")
