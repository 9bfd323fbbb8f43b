"""Deciding by a fresh link: the page that mails one, and what one says that was used already or has ended.

The same address opens with two links. That of the letter shows what there is to decide, and mails a fresh one to the
contact; the fresh one shows the form, and opens once (contract §5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, request
from sqlmodel import Session

from notifier import clock
from notifier.domain.sentences import N_
from notifier.tables import Link, Objection
from notifier.web import customers
from notifier.web.customers import Visit
from notifier.web.pages import house
from notifier.workflow import decisions, links

HEADINGS: Mapping[str, str] = {
    links.CONSENT: N_("Give or refuse your consent"),
    links.WITHDRAW: N_("Withdraw the objection"),
    links.TERMINATE: N_("Terminate the affected service"),
}
"""What a fresh link is for, by its kind."""


@dataclass(frozen=True)
class Entered:
    """Who came to decide, about which case (None: about the notice), and by which fresh link (None: the letter's)."""

    visit: Visit
    case: Objection | None
    link: Link | None

    def opens(self, now: datetime) -> bool:
        """Whether the form may be shown."""
        return self.link is not None and links.opens(self.link, now)


def enter(db: Session, kind: str, token: str) -> Entered:
    """Whoever comes by a fresh link of this kind, or by the link of the letter or case it is about. Raises Refusal
    link_invalid or link_revoked."""
    link = customers.fresh_link(db, kind, token)
    if link is not None:
        visit, case = customers.by_fresh_link(db, link)
        return Entered(visit, case, link)
    if kind == links.CONSENT:
        return Entered(customers.enter_notice(db, token), None, None)
    visit, case = customers.enter_case(db, token)
    return Entered(visit, case, None)


def values(db: Session, kind: str, entered: Entered, now: datetime) -> dict[str, Any]:
    """What the page that mails a link says: to whom it goes, and whether one is under way."""
    visit, case = entered.visit, entered.case
    if case is not None:
        contact_id, email = case.contact_id, "" if case.contact_id else case.filer_email
    else:
        contact_id, email = visit.link.contact_id, visit.link.email
    to = decisions.recipient(db, visit.customer, contact_id, email)
    sent = links.waiting(db, kind, (case.id if case else visit.notice.id) or 0, to.id if to else None,
                         "" if to else email, now)
    return {"kind": kind, "heading": HEADINGS[kind], "case": case, "link": entered.link, "sent": sent,
            "to_email": to.email if to else email}


def page(status: int = 200, **given: Any) -> Response:
    """The page that mails a fresh link: `given` are its `values`, and what there is to decide."""
    answer = customers.page("objection/fresh_link.html", action=f"{request.path}/link", **given)
    answer.status_code = status
    return answer


def send(kind: str, token: str) -> Response:
    """Mails a fresh link to the contact, and goes back to the page that says so. Raises Refusal other_contact,
    too_many_links, no_live_contact, and where there is nothing to decide."""
    with house().database.transaction() as db:
        entered = enter(db, kind, token)
        visit, now = entered.visit, clock.now()
        if entered.case is None:
            decisions.send_for_notice(db, visit.notice, contact_id=visit.link.contact_id, email=visit.link.email,
                                      actor=visit.actor, now=now)
        else:
            if entered.link is None:
                customers.only_filer(db, visit, entered.case)
            decisions.send_for_case(db, kind, entered.case, actor=visit.actor, now=now)
    house().ring_all()
    return customers.see(visit.to(request.path.removesuffix("/link")))
