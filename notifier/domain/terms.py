"""A customer's terms: what its contract says about notices, windows and silence, as a plain value.

`Customer.terms` stores only what differs from the organisation's defaults; a Notice freezes a whole copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence

MOST_DAYS = 365
LEAST_DAYS: Mapping[str, int] = {"notice_days": 1, "window_days": 1, "termination_days": 1, "reminder_days": 0}
"""The periods among the terms, each with the fewest days it may have. A notice of no days is none (GDPR 28(2): of
intended changes); no days for the reminder means that there is none."""


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
    """What starts the customer's clock by its contract: proven receipt, or earlier the sending, the date the notice
    bears, or the day it is posted on the list. An earlier one is honoured only in the customer's favour."""

    RECEIPT = "receipt"
    SENDING = "sending"
    NOTICE_DATE = "notice_date"
    POSTING = "posting"


class WindowRuns(StrEnum):
    """How the time to object and the start go together: it has to be over before the start; it lasts until the start,
    whatever the days; or it runs its days beside the start and does not hold it up."""

    BEFORE_START = "before_start"
    UNTIL_START = "until_start"
    PAST_START = "past_start"


class Authorisation(StrEnum):
    """GDPR 28(2): general, or specific, where nothing starts without a yes."""

    GENERAL = "general"
    SPECIFIC = "specific"


class Silence(StrEnum):
    """What silence until the end of the window means. Under a specific authorisation it is always nothing."""

    CONSENT = "consent"
    NOTHING = "nothing"


class Remedy(StrEnum):
    """What may be terminated when an objection finds no agreement."""

    AFFECTED_SERVICE = "affected_service"
    WHOLE_CONTRACT = "whole_contract"
    NONE = "none"


class Decides(StrEnum):
    """Who decides, failing an agreement, that it comes to that end."""

    CUSTOMER = "customer"
    PROCESSOR = "processor"
    EITHER = "either"


class Refund(StrEnum):
    """Whether what was paid for the time after a termination is given back, where the contract says."""

    PRO_RATA = "pro_rata"
    NONE = "none"
    UNSTATED = "unstated"


class EmergencyRule(StrEnum):
    """Whether the contract lets a change be made known later than its notice days where security or the running of the
    service depends on it. A code and no text: the log is chained over it. No law knows such a shortcut."""

    NONE = "none"
    SOON_AS_PRACTICABLE = "soon_as_practicable"


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
    """The terms in force for one customer, defaults filled in. Periods in days; zone an IANA name."""

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
    silence: Silence = Silence.CONSENT
    remedy: Remedy = Remedy.AFFECTED_SERVICE
    decides: Decides = Decides.CUSTOMER
    refund: Refund = Refund.UNSTATED
    reminder_days: int = 7
    emergency_rule: EmergencyRule = EmergencyRule.NONE
    window_runs: WindowRuns = WindowRuns.BEFORE_START
    notice_day_kind: DayKind = DayKind.CALENDAR

    def __post_init__(self) -> None:
        if self.authorisation is Authorisation.SPECIFIC:
            object.__setattr__(self, "silence", Silence.NOTHING)

    @property
    def needs_yes(self) -> bool:
        """Whether a change starts for this customer only after its yes, because its silence is no consent."""
        return self.silence is Silence.NOTHING

    @property
    def holds_up(self) -> bool:
        """Whether the start has to wait for the end of the window as such."""
        return self.window_runs is WindowRuns.BEFORE_START

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
            "silence": Silence,
            "remedy": Remedy,
            "decides": Decides,
            "refund": Refund,
            "emergency_rule": EmergencyRule,
            "window_runs": WindowRuns,
            "notice_day_kind": DayKind,
        }
        known = {f.name for f in fields(Terms)}
        return Terms(**{k: read[k](v) if k in read else v for k, v in value.items() if k in known})


def check(own: Mapping[str, Any]) -> None:
    """Whether what a contract says, as plain JSON, can be terms. Every door asks here before anything is written.

    Raises Refusal bad_value: a number of days out of range, a value nobody knows, or a silence that consents where
    the authorisation is specific.
    """
    for name, least in LEAST_DAYS.items():
        if name in own and not _days_fit(own[name], least):
            problem = Sentence(N_("“%(given)s” is no number of days from %(least)s to %(most)s"),
                               {"given": str(own[name]), "least": least, "most": MOST_DAYS})
            raise Refusal("bad_value", field=name, problem=problem)
    for name, value in own.items():
        try:
            Terms.from_json({name: value})
        except (ValueError, TypeError, AttributeError):
            problem = Sentence(N_("“%(given)s” is not known here"), {"given": str(value)})
            raise Refusal("bad_value", field=name, problem=problem) from None
    if own.get("authorisation") == Authorisation.SPECIFIC and own.get("silence") == Silence.CONSENT:
        raise Refusal("bad_value", field="silence", problem=N_(
            "where the authorisation is specific, silence is no consent. Choose nothing, or leave it out"))


def _days_fit(value: Any, least: int) -> bool:
    return type(value) is int and least <= value <= MOST_DAYS
