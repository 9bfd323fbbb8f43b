"""The yearly look at every notice contact: is this still the right address for notices?

A letter's arrival says that a mailbox takes mail, not that somebody reads it who can act. So only an act counts as a
check: the contact confirmed the address, or read, answered or objected by its own link; or one of us checked it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.letters import LetterKind
from notifier.domain.people import Actor, Kind, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.tables import Contact, Customer, Delivery
from notifier.workflow import audit, deliveries, settings
from notifier.workflow.deliveries import Owed

LETTER = LetterKind.CONTACT_CHECK
YEAR = timedelta(days=365)
AGAIN = timedelta(days=30)
"""After how long without an answer the contact is asked once more. Then it is listed before the next announcement."""

CHUNK = 200  # contacts a round: the rest follows a second later
LONGEST = 4000  # characters of what has changed
MOST_A_DAY = 5  # times a contact may tell us within a day that something has changed


@dataclass(frozen=True)
class Doubtful:
    """A notice contact that may not be the right one any more, and why."""

    contact: Contact
    customer: Customer
    why: Sentence


def first(now: datetime) -> datetime:
    """When a contact that is taken in now is asked for the first time."""
    return now + YEAR


def ask(session: Session, *, actor: Actor, now: datetime) -> int:
    """Owes the letters that are due to at most CHUNK contacts, the first a year after the last check and one more
    AGAIN later. Contacts to whom no notice would go are passed over until next year. Returns how many it looked at."""
    rows = sorted(session.exec(
        select(Contact).where(col(Contact.check_at) <= now).order_by(col(Contact.check_at)).limit(CHUNK)
        .with_for_update(skip_locked=True)
    ), key=lambda row: row.id or 0)
    wanted = _in_use(session, rows, now)
    earlier = _asked_before(session, [row.id or 0 for row in rows])
    asked = []
    for row in rows:
        customer = wanted.get(row.id or 0)
        if customer is None:
            row.check_at = now + YEAR
            continue
        if row.check_asked_at is None or now - row.check_asked_at >= YEAR:
            row.check_asked_at, row.check_at = now, now + AGAIN
        else:
            row.check_at = row.check_asked_at + YEAR
        deliveries.queue(session, LETTER, "contact", row.id or 0, email=row.email, name=row.name,
                         language=customer.language, now=now, contact_id=row.id,
                         attempt=earlier.get(row.id or 0, 0) + 1)
        asked.append(row.id)
    if asked:
        audit.note(session, "ask_contacts", "customer", "", actor=actor, now=now, count=len(asked),
                   refs={"contacts": asked[:50]})
    return len(rows)


def _in_use(session: Session, rows: Sequence[Contact], now: datetime) -> Mapping[int, Customer]:
    """By contact: the customer for whom notices go to it; not for one whose contract has ended."""
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    customers = {c.id: c for c in session.exec(
        select(Customer).where(col(Customer.id).in_({row.customer_id for row in rows})))}
    found = {}
    for row in rows:
        customer = customers[row.customer_id]
        ended = customer.contract_end is not None and customer.contract_end < today
        if row.role == "notice" and row.retired_at is None and row.barred_at is None and not ended:
            found[row.id or 0] = customer
    return found


def _asked_before(session: Session, ids: Collection[int]) -> dict[int, int]:
    rows = session.execute(
        sa.select(col(Delivery.subject_id), sa.func.max(col(Delivery.attempt)))
        .where(col(Delivery.kind) == LETTER, col(Delivery.subject_kind) == "contact",
               col(Delivery.subject_id).in_(ids)).group_by(col(Delivery.subject_id))
    )
    return {int(row[0]): int(row[1]) for row in rows}


def pointless(session: Session, owed: Sequence[Owed], now: datetime) -> set[str]:
    """Those of these letters that ask a contact who has answered meanwhile, or to whom no notice would go any more."""
    own = [row for row in owed if row.kind == LETTER]
    if not own:
        return set()
    rows = session.exec(select(Contact).where(col(Contact.id).in_({row.subject_id for row in own}))
                        .execution_options(populate_existing=True)).all()
    waiting = {row.id for row in rows if row.check_asked_at is not None} & set(_in_use(session, rows, now))
    return {row.ref for row in own if row.subject_id not in waiting}


def asked_again(contact: Contact, now: datetime) -> bool:
    """Whether a letter that leaves now is the second one of its year."""
    return contact.check_asked_at is not None and now - contact.check_asked_at >= AGAIN


def heard(session: Session, contact_id: int | None, now: datetime) -> None:
    """A contact acted by its own link: somebody reads there. What it said to have changed stays to be looked after."""
    row = session.get(Contact, contact_id) if contact_id is not None else None
    if row is not None:
        row.checked_at, row.check_asked_at, row.check_at = now, None, now + YEAR


def confirm(session: Session, contact: Contact, *, actor: Actor, now: datetime) -> None:
    """The address is the right one: the contact says so itself, or somebody of ops or privacy who has checked it.
    Raises Refusal role_missing."""
    if actor.kind is not Kind.CONTACT and not actor.roles & {Role.OPS, Role.PRIVACY}:
        raise Refusal("role_missing", roles="ops, privacy")
    heard(session, contact.id, now)
    contact.doubted_at = None
    audit.note(session, "confirm_contact", "customer", str(contact.customer_id), actor=actor, now=now,
               refs={"contact": str(contact.id)})


def doubt(session: Session, contact: Contact, words: str, *, actor: Actor, now: datetime) -> None:
    """The contact says that something has changed, in its own words: people with the role ops get them as a letter, and
    the contact is listed before the next announcement until one of them has looked. It goes on being written to.

    Raises Refusal bad_value for no words or too many, told_enough for more than MOST_A_DAY within a day.
    """
    words = words.strip()
    if not words:
        raise Refusal("bad_value", field=N_("What has changed"), problem=N_("write at least one sentence"))
    if len(words) > LONGEST:
        raise Refusal("bad_value", field=N_("What has changed"), problem=N_("this is longer than 4,000 characters"))
    recent = session.scalar(
        sa.select(sa.func.count(sa.distinct(col(Delivery.attempt))))
        .where(col(Delivery.kind) == LetterKind.STAFF_CONTACT_CHANGED, col(Delivery.subject_kind) == "contact",
               col(Delivery.subject_id) == contact.id, col(Delivery.created_at) > now - timedelta(days=1))
    ) or 0
    if recent >= MOST_A_DAY:
        raise Refusal("told_enough")
    contact.doubted_at, contact.check_asked_at, contact.check_at = now, None, now + YEAR
    deliveries.to_staff(session, LetterKind.STAFF_CONTACT_CHANGED, "contact", contact.id or 0, Role.OPS, now=now,
                        words=words)
    audit.note(session, "doubt_contact", "customer", str(contact.customer_id), actor=actor, now=now,
               refs={"contact": str(contact.id)}, detail={"words": words})


def doubtful(session: Session, now: datetime) -> list[Doubtful]:
    """Every notice contact in use that gives reason to look before the next announcement: its last letter came back, it
    is barred, it says that something has changed, or it was asked after a year and has not answered. By customer."""
    rows = session.exec(
        select(Contact, Customer).join(Customer, col(Customer.id) == col(Contact.customer_id))
        .where(Contact.role == "notice", col(Contact.retired_at).is_(None),
               sa.or_(col(Contact.bounced_at).is_not(None), col(Contact.barred_at).is_not(None),
                      col(Contact.doubted_at).is_not(None), col(Contact.check_asked_at).is_not(None)))
        .order_by(col(Customer.name), col(Contact.position), col(Contact.id))
    )
    zone = ZoneInfo(settings.organisation(session).zone)
    today = now.astimezone(zone).date()
    return [Doubtful(contact, customer, _why(contact, zone)) for contact, customer in rows
            if customer.contract_end is None or customer.contract_end >= today]


def _why(contact: Contact, zone: ZoneInfo) -> Sentence:
    for at, words in ((contact.barred_at, _BARRED), (contact.bounced_at, _BOUNCED), (contact.doubted_at, _DOUBTED),
                      (contact.check_asked_at, _UNANSWERED)):
        if at is not None:
            return Sentence(words, {"day": at.astimezone(zone).date()})
    raise AssertionError("nothing gives reason to doubt this contact")


_BARRED = N_("reported us as spam on %(day)s, and is written to no more")
_BOUNCED = N_("a letter came back from it on %(day)s, and none has arrived since")
_DOUBTED = N_("told us on %(day)s that something has changed")
_UNANSWERED = N_("not confirmed for a year; asked since %(day)s, without an answer")
