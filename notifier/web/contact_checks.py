"""The page on which a contact says whether its address is still the right one for notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, g
from sqlmodel import Session

from notifier import clock, text
from notifier.domain.listing import Organisation
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import Sentence
from notifier.tables import Contact, Customer
from notifier.web import customers, pages
from notifier.web.access import by_link
from notifier.web.pages import house
from notifier.workflow import contact_checks, links, settings

bp = Blueprint("contact_checks", __name__)
customers.prepare(bp)


@dataclass(frozen=True)
class _Asked:
    """Who comes by the link of the yearly question; `home` is its page in the language of this visit."""

    actor: Actor
    contact: Contact
    customer: Customer
    organisation: Organisation
    home: str


@bp.get("/c/<token>")
def show(token: str) -> Response:
    """The question, or what was answered to it."""
    with house().database.reading() as db:
        return _page(_enter(db, token))


@bp.post("/c/<token>/confirm")
def confirm(token: str) -> Response:
    """The address is the right one."""
    with house().database.transaction() as db:
        asked = _enter(db, token)
        contact_checks.confirm(db, asked.contact, actor=asked.actor, now=clock.now())
    return customers.see(asked.home)


@bp.post("/c/<token>/changed")
def changed(token: str) -> Response:
    """Something has changed, in the contact's words."""
    words = customers.entered("words")
    try:
        with house().database.transaction() as db:
            asked = _enter(db, token)
            contact_checks.doubt(db, asked.contact, words, actor=asked.actor, now=clock.now())
    except Refusal as refusal:
        if refusal.code != "bad_value":
            raise
        with house().database.reading() as db:
            problem = Sentence(str(refusal.sentence.facts["problem"]))
            return customers.refused_entry(_page(_enter(db, token), words, {"words": problem}))
    house().ring_all()
    return customers.see(asked.home)


def _enter(db: Session, token: str) -> _Asked:
    """Raises Refusal link_invalid, or link_revoked, also where the contact is no longer one."""
    link, actor = by_link(db, links.CHECK, token)
    contact = db.get(Contact, link.target_id)
    customer = db.get(Customer, contact.customer_id) if contact else None
    if contact is None or customer is None:
        raise Refusal("link_invalid")
    if contact.retired_at is not None:
        raise Refusal("link_revoked")
    first = text.known(customer.language)
    if "language" not in g:
        g.language = first
    home = f"/c/{token}" + ("" if g.language == first else f"?language={pages.language()}")
    return _Asked(actor, contact, customer, settings.organisation(db), home)


def _page(asked: _Asked, words: str = "", errors: Mapping[str, Sentence] | None = None) -> Response:
    path, _, query = asked.home.partition("?")
    return customers.page(
        "objection/contact.html", organisation=asked.organisation, customer=asked.customer, contact=asked.contact,
        path=path, query=f"?{query}" if query else "", zone=asked.organisation.zone, words=words, errors=errors or {},
        longest=contact_checks.LONGEST,
    )
