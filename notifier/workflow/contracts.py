"""The end of a contract, as it stops what is written to a customer."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from notifier.domain.joining import ended
from notifier.domain.terms import Terms
from notifier.tables import Customer, Notice


def over(session: Session, notice: Notice, now: datetime) -> bool:
    """Whether the customer's contract has ended, where it is: from then on it is sent no letters about announcements.
    Its cases stay open, and their letters go on."""
    customer = session.get(Customer, notice.customer_id)
    if customer is None or customer.contract_end is None:
        return False
    return ended(customer.contract_end, now.astimezone(ZoneInfo(Terms.from_json(notice.terms).zone)).date())
