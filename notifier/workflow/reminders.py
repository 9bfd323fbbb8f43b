"""The reminder that a window is about to end: at most one letter per notice and contact, owed by the clock.

`Notice.remind_at` is set with every window and gone after the look, so that a round costs the same with ten notices
and with a hundred thousand. Whether anything is left to say is asked twice: when the letter is owed and when it leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import window as rules
from notifier.domain.letters import NOTICE_LETTERS, LetterKind
from notifier.domain.people import Actor
from notifier.domain.states import NOTICE, DeliveryState, NoticeState
from notifier.domain.terms import Notify, Terms
from notifier.domain.window import Window
from notifier.tables import (
    Acknowledgement,
    Change,
    Contact,
    Customer,
    Delivery,
    Notice,
    NoticeChange,
    NoticeWindow,
    Objection,
)
from notifier.workflow import audit, deliveries, settings
from notifier.workflow.deliveries import Owed

LETTER = LetterKind.WINDOW_CLOSING
CHUNK = 200  # notices a round: the rest follows a second later
_LOST = frozenset({DeliveryState.BOUNCED, DeliveryState.BLOCKED, DeliveryState.FAILED})


def arm(notice: Notice, counts: Window, terms: Terms | None = None) -> None:
    """With every window that counts for a notice: when the clock looks whether to remind. Once per notice; not where
    only a yes counts, for there the open question is what customers are reminded of (`consent_reminders`)."""
    terms = terms or Terms.from_json(notice.terms)
    due = notice.reminded_at is None and not terms.needs_yes
    notice.remind_at = rules.remind_at(terms, counts) if due else None


def remind(session: Session, *, actor: Actor, now: datetime) -> int:
    """Owes the reminders that are due, for at most CHUNK notices; returns how many notices were looked at.

    Of a notice of which nothing is left to say (see `_open`) nobody is reminded. It is looked at again only when
    another window opens for it: an extension, or another proof after the first was lost.
    """
    rows = sorted(session.exec(
        select(Notice).where(col(Notice.remind_at) <= now).order_by(col(Notice.remind_at)).limit(CHUNK)
        .with_for_update(skip_locked=True)
    ), key=lambda row: row.id or 0)
    still_open = _open(session, [row.id or 0 for row in rows], now)
    due = [row for row in rows if row.id in still_open]
    to_whom = _recipients(session, due)
    languages = _languages(session, due)
    letters, reminded = 0, []
    for row in rows:
        row.remind_at = None
        for contact in to_whom.get(row.id or 0, ()):
            deliveries.queue(
                session, LETTER, "notice", row.id or 0, email=contact.email, name=contact.name,
                language=languages[row.customer_id], now=now, contact_id=contact.id, notice_id=row.id,
            )
            letters, row.reminded_at = letters + 1, now
        if row.reminded_at is not None:
            reminded.append(row.uid)
    if letters:
        audit.note(session, "remind_closing", NOTICE.name, "", actor=actor, now=now, count=letters,
                   refs={"notices": reminded[:50]})
    return len(rows)


def pointless(session: Session, owed: Sequence[Owed], now: datetime) -> set[str]:
    """Those of these letters that are reminders which remind nobody of anything any more: the window has ended, or
    what was announced is gone; somebody objected or answered; the contact has read it, or is written to no more."""
    own = [row for row in owed if row.kind == LETTER]
    if not own:
        return set()
    ids = {row.notice_id or 0 for row in own}
    still_open = _open(session, ids, now)
    due = session.exec(select(Notice).where(col(Notice.id).in_(still_open))).all()
    to_whom = {key: {contact.email for contact in each} for key, each in _recipients(session, due).items()}
    return {row.ref for row in own if row.to_email not in to_whom.get(row.notice_id or 0, ())}


def _open(session: Session, notice_ids: Collection[int], now: datetime) -> set[int]:
    """Those of the notices whose customer may be reminded: receipt is proven and the window runs, something that opens
    it stands and is not answered (whether it has started or not: where the terms let it start beside the window, the
    customer may object all the same), nobody has objected, and the contract has not ended."""
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    waiting = (
        sa.select(col(NoticeChange.id)).join(Change, col(Change.id) == col(NoticeChange.change_id))
        .where(col(NoticeChange.notice_id) == col(Notice.id), col(NoticeChange.withdrawn_at).is_(None),
               col(NoticeChange.superseded_at).is_(None), col(NoticeChange.freed_at).is_(None),
               col(NoticeChange.consent) == "",
               col(Change.opens_window).is_(True)).exists()
    )
    objected = sa.select(col(Objection.id)).where(col(Objection.notice_id) == col(Notice.id)).exists()
    return set(session.scalars(
        sa.select(col(Notice.id)).join(NoticeWindow, col(NoticeWindow.id) == col(Notice.window_id))
        .join(Customer, col(Customer.id) == col(Notice.customer_id))
        .where(col(Notice.id).in_(notice_ids), col(Notice.state) == NoticeState.GIVEN,
               col(Notice.opens_window).is_(True), col(NoticeWindow.ends_at) > now, waiting, sa.not_(objected),
               sa.or_(col(Customer.contract_end).is_(None), col(Customer.contract_end) >= today))
    )) if notice_ids else set()


def _recipients(session: Session, rows: Sequence[Notice]) -> Mapping[int, list[Contact]]:
    """By notice: the notice contacts to remind, one per address. Not who has said that it has read the notice; not an
    address from which the notice itself came back; and, where the contacts are written to one after the other, only
    those whose turn has come."""
    ids = [row.id for row in rows]
    read, sent = _readers(session, ids), _letters(session, ids)
    contacts: dict[int, list[Contact]] = {}
    for contact in session.exec(
        select(Contact).where(col(Contact.customer_id).in_({row.customer_id for row in rows}),
                              deliveries.IS_NOTICE_CONTACT).order_by(col(Contact.position), col(Contact.id))
    ):
        contacts.setdefault(contact.customer_id, []).append(contact)
    found = {}
    for row in rows:
        letters, number = sent.get(row.id or 0, {}), row.id or 0
        if row.acknowledged_at is not None and number not in read:
            continue  # said before it was kept contact by contact: for all of them
        in_order = Terms.from_json(row.terms).notify is Notify.IN_ORDER
        found[number] = [
            contact for contact in deliveries.distinct(contacts.get(row.customer_id, ()))
            if contact.email not in read.get(number, ()) and letters.get(contact.email) not in _LOST
            and (contact.email in letters or not in_order)
        ]
    return found


def _readers(session: Session, notice_ids: Sequence[int | None]) -> dict[int, set[str]]:
    """By notice: the addresses of those who said that they have read it."""
    found: dict[int, set[str]] = {}
    for number, email in session.exec(
        select(Acknowledgement.notice_id, Contact.email)
        .join(Contact, col(Contact.id) == col(Acknowledgement.contact_id))
        .where(col(Acknowledgement.notice_id).in_(notice_ids))
    ):
        found.setdefault(number, set()).add(email)
    return found


def _letters(session: Session, notice_ids: Sequence[int | None]) -> dict[int, dict[str, str]]:
    """By notice and address: how the newest letter that was to give it stands."""
    found: dict[int, dict[str, str]] = {}
    for number, email, state in session.exec(
        select(Delivery.notice_id, Delivery.to_email, Delivery.state)
        .where(col(Delivery.notice_id).in_(notice_ids), Delivery.subject_kind == "notice",
               col(Delivery.kind).in_(NOTICE_LETTERS)).order_by(col(Delivery.id))
    ):
        found.setdefault(number or 0, {})[email] = state
    return found


def _languages(session: Session, rows: Sequence[Notice]) -> dict[int, str]:
    query = select(Customer.id, Customer.language).where(col(Customer.id).in_({row.customer_id for row in rows}))
    return {number or 0: language for number, language in session.exec(query)}
