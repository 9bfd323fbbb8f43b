"""Letters about a change to whom a notice of it has reached: taken back, corrected, moved."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from notifier.domain.letters import NOTICE_LETTERS
from notifier.tables import Contact, Customer, Delivery, Notice, NoticeChange
from notifier.workflow import contracts, deliveries
from notifier.workflow.notices import ARRIVED, UNDER_WAY

WITHOUT_LETTERS = ("hand", "imported")
"""The rungs that rest on no letter of ours."""


def tell_reached(
    session: Session, kind: str, notice: Notice, part: NoticeChange, words: str, *, now: datetime, attempt: int = 1
) -> int:
    """Owes a letter about one change to whom a notice of it reached or is on its way to, this one or one that it
    corrected: to those very addresses, and to today's notice contacts; to these alone where it was given without a
    letter of ours. Returns 1 where anybody is told, else 0: nobody
    is whose contract has ended."""
    customer = session.get(Customer, notice.customer_id)
    assert customer is not None
    if contracts.over(session, notice, now):
        return 0
    reached = set(session.exec(
        select(Delivery.to_email).join(Notice, col(Notice.id) == col(Delivery.notice_id))
        .join(NoticeChange, col(NoticeChange.notice_id) == col(Notice.id))
        .where(NoticeChange.change_id == part.change_id, Notice.customer_id == notice.customer_id,
               col(Delivery.kind).in_(NOTICE_LETTERS), Delivery.subject_kind == "notice",
               col(Delivery.state).in_(ARRIVED | UNDER_WAY))
    ))
    if not reached and notice.given_by not in WITHOUT_LETTERS:
        return 0
    left = session.exec(select(Contact).where(
        Contact.customer_id == notice.customer_id, col(Contact.email).in_(reached), col(Contact.barred_at).is_(None)
    ).order_by(col(Contact.id)))
    told = deliveries.distinct([*deliveries.notice_contacts(session, notice.customer_id), *left])
    for contact in told:
        deliveries.queue(
            session, kind, "notice_change", part.id or 0, email=contact.email, name=contact.name,
            language=customer.language, now=now, contact_id=contact.id, notice_id=notice.id, words=words,
            attempt=attempt,
        )
    return 1 if told else 0
