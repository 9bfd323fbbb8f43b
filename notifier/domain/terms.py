"""A customer's terms: what its contract says about notices, windows and silence, as a plain value.

`Customer.terms` stores only what differs from the organisation's defaults; a Notice freezes a whole copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any


class DayKind(StrEnum):
    """Which days a period counts."""

    CALENDAR = "calendar"
    BUSINESS = "business"


class ReceiptRule(StrEnum):
    """Which day counts as the day of receipt: the plain local date, or the next working day when the letter
    arrived at or after 17:00 or on a non-working day (rules B2.3)."""

    LEGAL_DAY = "legal_day"
    BUSINESS_HOURS = "business_hours"


class ClockStart(StrEnum):
    """What starts the customer's clock by its contract."""

    RECEIPT = "receipt"
    SENDING = "sending"


class Authorisation(StrEnum):
    """GDPR 28(2): general (silence after a proven notice is consent) or specific (nothing without a yes)."""

    GENERAL = "general"
    SPECIFIC = "specific"


class Notify(StrEnum):
    """Whether all notice contacts are written to at once, or one after the other."""

    ALL = "all"
    IN_ORDER = "in_order"


@dataclass(frozen=True)
class HolidaySet:
    """A country and, where it has its own holidays, a subdivision: CH-ZH, DE-HH, BE."""

    country: str
    subdivision: str = ""

    def __str__(self) -> str:
        return f"{self.country}-{self.subdivision}" if self.subdivision else self.country


@dataclass(frozen=True)
class Terms:
    """The terms in force for one customer, defaults filled in. Periods in days; zone an IANA name. No `reminder_days`:
    no reminder."""

    notice_days: int = 30
    window_days: int = 30
    day_kind: DayKind = DayKind.CALENDAR
    zone: str = "Europe/Zurich"
    holiday_sets: tuple[HolidaySet, ...] = (HolidaySet("CH", "ZH"),)
    extra_holidays: tuple[date, ...] = ()
    receipt_rule: ReceiptRule = ReceiptRule.BUSINESS_HOURS
    clock_start: ClockStart = ClockStart.RECEIPT
    authorisation: Authorisation = Authorisation.GENERAL
    notify: Notify = Notify.ALL
    termination_days: int = 30
    reminder_days: int = 7

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for freezing with a notice."""
        value = asdict(self)
        value["holiday_sets"] = [str(s) for s in self.holiday_sets]
        value["extra_holidays"] = [d.isoformat() for d in self.extra_holidays]
        return value

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Terms:
        """The inverse of `to_json`; what `value` does not say stays at the default. Unknown names are left out."""
        read: dict[str, Callable[[Any], Any]] = {
            "day_kind": DayKind,
            "holiday_sets": lambda v: tuple(HolidaySet(*s.split("-", 1)) for s in v),
            "extra_holidays": lambda v: tuple(date.fromisoformat(d) for d in v),
            "receipt_rule": ReceiptRule,
            "clock_start": ClockStart,
            "authorisation": Authorisation,
            "notify": Notify,
        }
        known = {f.name for f in fields(Terms)}
        return Terms(**{k: read[k](v) if k in read else v for k, v in value.items() if k in known})
