"""Which edition of the list stands in the annex a customer accepted: recorded, or worked out from the day it signed."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col

from notifier.tables import Edition
from notifier.workflow import settings


class Signed(Protocol):
    """Whatever tells when a customer signed, and what it accepted."""

    @property
    def annex_edition(self) -> int | None: ...
    @property
    def agreement_date(self) -> date | None: ...
    @property
    def contract_start(self) -> date | None: ...


@dataclass(frozen=True)
class Annex:
    """The edition a customer accepted: 0 for an annex older than the first one, None where nothing tells. `recorded`:
    somebody said so; else it was in force on the day `signed_on`."""

    edition: int | None
    recorded: bool
    signed_on: date | None


class Editions:
    """The numbers of the editions and since when each was in force, read once."""

    def __init__(self, session: Session) -> None:
        rows = session.execute(sa.select(col(Edition.n), col(Edition.at)).order_by(col(Edition.n))).all()
        self._numbers: list[int] = [n for n, _ in rows]
        self._moments: list[datetime] = [at for _, at in rows]
        self.zone = ZoneInfo(settings.organisation(session).zone)

    def in_force(self, day: date) -> int:
        """The edition with which a civil day of the organisation began, 0 for none: of a day that brought another one,
        nobody can tell which of them was signed, and the older one is safe for the customer."""
        before = bisect_left(self._moments, datetime.combine(day, time(), self.zone))
        return self._numbers[before - 1] if before else 0

    def since(self, at: datetime) -> int | None:
        """The first edition made at a moment or after it."""
        found = bisect_left(self._moments, at)
        return self._numbers[found] if found < len(self._numbers) else None

    def accepted(self, customer: Signed) -> Annex:
        """The edition in the annex a customer accepted."""
        signed_on = customer.agreement_date or customer.contract_start
        if customer.annex_edition is not None:
            return Annex(customer.annex_edition, True, signed_on)
        return Annex(self.in_force(signed_on) if signed_on else None, False, signed_on)
