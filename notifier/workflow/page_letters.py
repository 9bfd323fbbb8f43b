"""The facts of letters that open a customer's own pages, or tell of what was done there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from notifier.domain.letters import LetterKind, OwnPage, PageFacts
from notifier.tables import Announcement, Contact, ContactChange, Customer, Link, Notice, Objection
from notifier.workflow import letters, links, objections, own_pages, settings
from notifier.workflow.deliveries import Owed
from notifier.workflow.letters import Prepared, Sender

LINK, CHANGE = "link", "contact_change"
SUBJECTS = (LINK, CHANGE)
_ENDS = {links.CONSENT: "/consent", links.WITHDRAW: "/withdraw", links.TERMINATE: "/terminate"}


def prepare(session: Session, delivery: Owed, sender: Sender) -> Prepared:
    """Everything the letter of this delivery says: its subject is a fresh link, or a change of contacts."""
    organisation = settings.organisation(session)
    head = letters.envelope(organisation, LetterKind(delivery.kind), delivery.language, delivery.to_name,
                            delivery.to_email, sender)
    head["zone"] = organisation.zone
    if delivery.subject_kind == CHANGE:
        change = session.get(ContactChange, delivery.subject_id)
        assert change is not None
        return Prepared(_changed(session, change, head), ())
    link = session.get(Link, delivery.subject_id)
    assert link is not None
    found = own_pages.of_letter(session, link) if link.kind == links.MY else [(link, _customer_of(session, link))]
    tokens = tuple(sender.signer.token(each) for each, _ in found)
    pages = tuple(
        OwnPage(customer.name, f"{sender.base_url}/{links.PREFIX[each.kind]}/{token}{_ENDS.get(each.kind, '')}")
        for (each, customer), token in zip(found, tokens, strict=True)
    )
    head |= {"thread": link.nonce, "until": link.expires_at, "pages": pages}
    if link.kind == links.CONTACT:
        change = session.get(ContactChange, link.target_id)
        assert change is not None
        return Prepared(_asked(session, change, head), tokens)
    return Prepared(PageFacts(**head, act=link.kind, about=_about(session, link)), tokens)


def _asked(session: Session, change: ContactChange, head: Mapping[str, Any]) -> PageFacts:
    return PageFacts(**head, act=change.act, about="", old=_address(session, change.contact_id), new=change.email,
                     by=_who(session, change.asked_by))


def _changed(session: Session, change: ContactChange, head: Mapping[str, Any]) -> PageFacts:
    customer = session.get(Customer, change.customer_id)
    assert customer is not None
    # No link: the address that is told here may no longer be the customer's.
    return PageFacts(**head, thread=change.uid, until=None, pages=(OwnPage(customer.name, ""),), act=change.act,
                     about="", old=_address(session, change.contact_id),
                     new="" if change.act == "retire" else change.email, by=_who(session, change.asked_by))


def _address(session: Session, contact_id: int | None) -> str:
    contact = session.get(Contact, contact_id) if contact_id else None
    return contact.email if contact else ""


def _who(session: Session, contact_id: int) -> str:
    contact = session.get(Contact, contact_id)
    assert contact is not None
    return f"{contact.name}, {contact.email}" if contact.name else contact.email


def _customer_of(session: Session, link: Link) -> Customer:
    if link.kind == links.CONTACT:
        change = session.get(ContactChange, link.target_id)
        number = change.customer_id if change else None
    elif link.kind == links.CONSENT:
        notice = session.get(Notice, link.target_id)
        number = notice.customer_id if notice else None
    else:
        objection = session.get(Objection, link.target_id)
        assert objection is not None
        number = objections.customer_of(session, objection).id
    customer = session.get(Customer, number)
    assert customer is not None
    return customer


def _about(session: Session, link: Link) -> str:
    """What is decided by a link, as people name it; of a notice, the reference of its announcement."""
    if link.kind == links.CONSENT:
        notice = session.get(Notice, link.target_id)
        made = session.get(Announcement, notice.announcement_id) if notice else None
        return made.ref if made else ""
    objection = session.get(Objection, link.target_id) if link.kind != links.MY else None
    return objection.ref if objection else ""
