"""A customer's own page: whoever asks for a link to it is mailed one, where its address is a contact's.

What is answered on the screen is the same for every address, and so is the work done for it: the request is written
down, and a job looks later whether anybody knows the address. Nobody can find out here who our customers are.
"""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.letters import LetterKind
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.tables import Contact, Customer, Link, PageRequest
from notifier.workflow import audit, deliveries, links

MOST_WAITING = 5000  # requests kept; what comes on top of so many is a flood
AT_ONCE = 100


def ask(session: Session, email: str, *, now: datetime) -> None:
    """Writes down that somebody wants the page of this address."""
    waiting = session.scalar(sa.select(sa.func.count()).select_from(PageRequest)) or 0
    if waiting < MOST_WAITING:
        session.add(PageRequest(email=email, asked_at=now))
        session.flush()


def unanswered(session: Session) -> bool:
    """Whether a request waits for the job."""
    return session.exec(select(PageRequest.id).limit(1)).first() is not None


def answer(session: Session, *, actor: Actor, now: datetime) -> int:
    """Answers requests and forgets them; returns how many. An address that belongs to contacts of several customers
    gets one letter, with a link for each. One nobody knows, one that is retired or barred, gets none; nor does one that
    was sent enough links lately."""
    rows = session.exec(select(PageRequest).order_by(col(PageRequest.id)).limit(AT_ONCE)
                        .with_for_update(skip_locked=True)).all()
    for row in rows:
        _send(session, row.email, actor=actor, now=now)
        session.delete(row)
    session.flush()
    return len(rows)


def _send(session: Session, email: str, *, actor: Actor, now: datetime) -> None:
    nonce, made = str(uuid4()), []
    for contact, customer in contacts_at(session, email):
        try:
            made.append((links.fresh(session, links.MY, customer.id or 0, contact_id=contact.id, nonce=nonce, now=now),
                         contact, customer))
        except Refusal:
            continue  # it has enough of them in its mailbox
    if not made:
        return
    link, contact, customer = made[0]
    deliveries.queue(session, LetterKind.MY_LINK, "link", link.id or 0, email=contact.email, name=contact.name,
                     language=customer.language, now=now, contact_id=contact.id)
    audit.note(session, "send_link", "customer", str(customer.id), actor=actor, now=now, count=len(made),
               refs={"kind": links.MY, "contacts": [str(each.id) for _, each, _ in made]})


def contacts_at(session: Session, email: str) -> list[tuple[Contact, Customer]]:
    """Who is written to at an address, one contact for each customer: those for notices first. Big and small letters
    are one, as people type them."""
    rows = session.exec(
        select(Contact, Customer).join(Customer, col(Customer.id) == col(Contact.customer_id))
        .where(sa.func.lower(col(Contact.email)) == email.lower(), col(Contact.retired_at).is_(None),
               col(Contact.barred_at).is_(None))
        .order_by(col(Customer.name), col(Customer.id), sa.case((col(Contact.role) == "notice", 0), else_=1),
                  col(Contact.position), col(Contact.id))
    ).all()
    found: dict[int | None, tuple[Contact, Customer]] = {}
    for contact, customer in rows:
        found.setdefault(customer.id, (contact, customer))
    return list(found.values())


def of_letter(session: Session, link: Link) -> list[tuple[Link, Customer]]:
    """The links of the letter that carries this one, each with its customer, in the order of their names."""
    rows = session.exec(
        select(Link, Customer).join(Customer, col(Customer.id) == col(Link.target_id))
        .where(Link.kind == links.MY, Link.nonce == link.nonce).order_by(col(Link.id))
    ).all()
    return list(rows)
