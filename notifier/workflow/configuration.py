"""Setting the organisation's particulars and default terms by verb: read as people type them, checked like the
environment, and kept in the log before and after."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import LANGUAGES, N_, Sentence
from notifier.domain.terms import (
    LEAST_DAYS,
    MOST_DAYS,
    Authorisation,
    ClockStart,
    DayKind,
    Decides,
    EmergencyRule,
    HolidaySet,
    Notify,
    ReceiptRule,
    Refund,
    Remedy,
    Silence,
    WindowRuns,
)
from notifier.tables import Setting
from notifier.workflow import audit, calendars, listing, places, settings

Read = Callable[[str], Any]


class _Wrong(ValueError):
    """What somebody typed is no such value; the text is a message that says what is wrong."""


def every(session: Session) -> list[Setting]:
    """All settings, by name."""
    return list(session.exec(select(Setting).order_by(col(Setting.key))))


def change(
    session: Session, name: str, typed: str, reason: str = "", *, actor: Actor, now: datetime
) -> tuple[Any, Any]:
    """Sets one setting (`organisation.address`, `terms.window_days` …) to what was typed; returns what it was and what
    it is. Lists stand with ";" between. What was told so far keeps the terms it was told under; a new particular of the
    organisation makes a new edition of the list.

    Raises Refusal role_missing, unknown, bad_value, nothing_changes.
    """
    if Role.ADMIN not in actor.roles:
        raise Refusal("role_missing", roles=str(Role.ADMIN))
    if name not in READ:
        known = Sentence(N_("There are: %(known)s."), {"known": ", ".join(sorted(READ))})
        raise Refusal("unknown", what="setting", ref=name, details=[known])
    value = _read(name, typed.strip())
    row = session.exec(select(Setting).where(Setting.key == name).with_for_update()).first()
    before = row.value if row else None
    if row is not None and before == value:
        raise Refusal("nothing_changes")
    if row is None:
        row = Setting(key=name, value=value, changed_at=now)
        session.add(row)
    row.value, row.changed_at = value, now
    if name.startswith("organisation.") and listing.newest(session) is not None:
        listing.new_edition(session, "settings", now)
    audit.note(session, "set", "settings", name, actor=actor, now=now, reason=reason.strip(),
               detail={"before": before, "after": value})
    return before, value


def _read(name: str, typed: str) -> Any:
    try:
        return READ[name](typed)
    except _Wrong as wrong:
        raise Refusal("bad_value", field=name, problem=str(wrong)) from None


def _text(most: int, *, needed: bool = False) -> Read:
    def read(typed: str) -> str:
        if needed and not typed:
            raise _Wrong(N_("this cannot be empty"))
        if len(typed) > most or not typed.isprintable():
            raise _Wrong(N_("this is too long, or no single line of text"))
        return typed

    return read


def _number(least: int) -> Read:
    def read(typed: str) -> int:
        if not re.fullmatch("[0-9]{1,3}", typed) or not least <= int(typed) <= MOST_DAYS:
            raise _Wrong(N_("this is no number of days up to 365"))
        return int(typed)

    return read


def _choice(kind: type[StrEnum]) -> Read:
    def read(typed: str) -> str:
        if typed not in set(kind):
            raise _Wrong(str(Sentence(N_("choose one of %(known)s"), {"known": ", ".join(kind)})))
        return typed

    return read


def _country(typed: str) -> str:
    code = places.country(typed)
    if not code:
        raise _Wrong(N_("this is no country we know; write its name or its two-letter code"))
    return code


def _zone(typed: str) -> str:
    calendars.check_zone(typed)
    return typed


def _language(typed: str) -> str:
    if typed not in LANGUAGES:
        raise _Wrong(str(Sentence(N_("choose one of %(known)s"), {"known": ", ".join(LANGUAGES)})))
    return typed


def _yes_or_no(typed: str) -> bool:
    if typed.lower() not in ("yes", "no", "true", "false"):
        raise _Wrong(N_("answer yes or no"))
    return typed.lower() in ("yes", "true")


def _holiday_sets(typed: str) -> list[str]:
    sets = [HolidaySet(*part.upper().split("-", 1)) for part in re.split(r"[;,\s]+", typed) if part]
    if not sets:
        raise _Wrong(N_("name at least one calendar, such as CH-ZH or DE"))
    for each in sets:
        calendars.check(each)
    return list(dict.fromkeys(map(str, sets)))


def _days(typed: str) -> list[str]:
    try:
        return [date.fromisoformat(day).isoformat() for day in re.split(r"[;,\s]+", typed) if day]
    except ValueError:
        raise _Wrong(N_("write each day as 2026-12-24")) from None


READ: Mapping[str, Read] = {
    "organisation.legal_name": _text(300, needed=True), "organisation.address": _text(1000, needed=True),
    "organisation.country": _country, "organisation.contact": _text(300), "organisation.dpo": _text(300),
    "organisation.eu_representative": _text(1000), "organisation.zone": _zone, settings.LANGUAGE: _language,
    settings.SECRECY: _yes_or_no, settings.DATA_DAYS: _number(1),
    **{f"terms.{name}": _number(least) for name, least in LEAST_DAYS.items()},
    "terms.day_kind": _choice(DayKind), "terms.zone": _zone, "terms.holiday_sets": _holiday_sets,
    "terms.extra_holidays": _days, "terms.receipt_rule": _choice(ReceiptRule),
    "terms.clock_start": _choice(ClockStart), "terms.authorisation": _choice(Authorisation),
    "terms.notify": _choice(Notify), "terms.silence": _choice(Silence), "terms.remedy": _choice(Remedy),
    "terms.decides": _choice(Decides), "terms.refund": _choice(Refund),
    "terms.emergency_rule": _choice(EmergencyRule), "terms.window_runs": _choice(WindowRuns),
    "terms.notice_day_kind": _choice(DayKind),
}
"""Every setting, and how what was typed is read."""
