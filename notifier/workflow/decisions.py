"""Fresh links for what binds a customer: its consent, taking an objection back, terminating (contract §5).

The link in an old letter shows what there is to decide; deciding takes one that was mailed just now to the contact of
that letter or case, opens once, and ends after a day. So a letter that was passed on, or lay in an archive, cannot bind
anybody.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from notifier.domain.letters import LetterKind
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.states import NOTICE, OBJECTION, ObjectionState
from notifier.tables import Contact, Customer, Link, Notice, Objection
from notifier.workflow import audit, consents, deliveries, links, objections


def send_for_notice(
    session: Session, notice: Notice, *, contact_id: int | None, email: str, actor: Actor, now: datetime
) -> Link:
    """Mails a fresh link for answering a notice's question for consent, to the contact whose letter was opened. Raises
    Refusal consent_not_asked, too_many_links, no_live_contact."""
    if not consents.consent_asked(session, notice):
        raise Refusal("consent_not_asked")
    customer = session.get(Customer, notice.customer_id)
    assert customer is not None
    to = recipient(session, customer, contact_id, email)
    link = _send(session, links.CONSENT, notice.id or 0, to, customer.language, email, now)
    links.ensure(session, links.NOTICE, notice.id or 0, contact_id=link.contact_id, email=link.email, now=now)
    _note_sent(session, NOTICE.name, notice.uid, link, actor, now)
    return link


def send_for_case(session: Session, kind: str, objection: Objection, *, actor: Actor, now: datetime) -> Link:
    """Mails a fresh link for withdrawing an objection, or for terminating (`kind` is that of the link), to the contact
    it was filed for. Raises Refusal no_such_move, not_terminable, too_many_links, no_live_contact."""
    if kind == links.WITHDRAW and OBJECTION.find(objection.state, "withdraw") is None:
        raise Refusal("no_such_move", state=str(objection.state), action="withdraw")
    if kind == links.TERMINATE and objection.state != ObjectionState.NO_AGREEMENT:
        raise Refusal("not_terminable")
    email = "" if objection.contact_id else objection.filer_email
    to = recipient(session, objections.customer_of(session, objection), objection.contact_id, email)
    link = _send(session, kind, objection.id or 0, to, objection.language, email, now)
    links.ensure(session, links.CASE, objection.id or 0, contact_id=link.contact_id, email=link.email, now=now)
    _note_sent(session, OBJECTION.name, objection.ref, link, actor, now)
    return link


def recipient(session: Session, customer: Customer, contact_id: int | None, email: str) -> Contact | None:
    """Whom a fresh link goes to: the contact itself while it is one; else the first who receives notices;
    None for a bare `email`, which receives it itself. Raises Refusal no_live_contact."""
    contact = session.get(Contact, contact_id) if contact_id else None
    if contact is None and email:
        return None
    if contact is not None and contact.retired_at is None and contact.barred_at is None:
        return contact
    others = deliveries.notice_contacts(session, customer.id or 0)
    if not others:
        raise Refusal("no_live_contact")
    return others[0]


def _send(
    session: Session, kind: str, target_id: int, to: Contact | None, language: str, email: str, now: datetime
) -> Link:
    link = links.fresh(session, kind, target_id, contact_id=to.id if to else None, email="" if to else email, now=now)
    deliveries.queue(session, LetterKind.DECISION_LINK, "link", link.id or 0, email=to.email if to else email,
                     name=to.name if to else "", language=language, now=now, contact_id=to.id if to else None)
    return link


def _note_sent(session: Session, subject: str, ref: str, link: Link, actor: Actor, now: datetime) -> None:
    audit.note(session, "send_link", subject, ref, actor=actor, now=now,
               refs={"kind": link.kind, "link": str(link.id), "contact": str(link.contact_id or "")})
