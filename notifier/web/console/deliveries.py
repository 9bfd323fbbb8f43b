"""Letters: those in trouble first, and one with all that happened to it, as it was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import Response, g, request
from sqlmodel import Session, col, select
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Answer

from notifier import clock
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import DELIVERY, DeliveryState
from notifier.tables import (
    Announcement,
    Customer,
    Delivery,
    DeliveryEvent,
    DeliveryEventDetail,
    Notice,
    ProviderPost,
)
from notifier.web import frames
from notifier.web.access import staff
from notifier.web.console.desk import MOST, acting, bp, done, page
from notifier.web.pages import house
from notifier.workflow import blobs, deliveries, doubts, hand_delivery, lanes

SHOWN = 10  # reports nobody could read
TROUBLE = (DeliveryState.FAILED, DeliveryState.UNCERTAIN, DeliveryState.BLOCKED, DeliveryState.BOUNCED)

ADDED = {
    "mailjet": N_("Mailjet added its own Message-ID, Date, Return-Path and DKIM signature, and no tracking."),
    "smtp": N_("The mail servers added Received lines and, where that is set up, a DKIM signature."),
    "outbox": N_("Nothing was added: the letter stayed in the outbox folder."),
}
"""What each way out adds to a letter on its way; the stored letter is what we handed over."""

KINDS: Mapping[str, str] = {
    "change_announced": N_("Announcement of a change"),
    "change_previewed": N_("Test of a letter, to one of our people"),
    "change_corrected": N_("Correction of a change"),
    "change_withdrawn": N_("A change is withdrawn"),
    "change_in_effect": N_("A change applies"),
    "window_extended": N_("More time to object"),
    "window_closing": N_("Reminder: a window is about to end"),
    "change_page": N_("The page of a notice given elsewhere"),
    "irregular_start": N_("Processing was started irregularly"),
    "start_moved": N_("The planned start has moved or is open"),
    "objection_received": N_("Receipt of an objection"),
    "objection_acknowledged": N_("Objection in hand"),
    "objection_message": N_("Message in a case"),
    "objection_resolved": N_("Amicable solution"),
    "objection_not_upheld": N_("Objection not upheld"),
    "objection_no_agreement": N_("No agreement; right of termination"),
    "objection_right_not_used": N_("Right of termination not used"),
    "objection_withdrawn": N_("Objection withdrawn"),
    "contact_check": N_("Whether an address is still the right one"),
    "service_terminated": N_("Termination of a service"),
    "consent_reminder": N_("Reminder of a question for consent"),
    "my_link": N_("Link to a customer's own page"),
    "decision_link": N_("Link for a decision"),
    "contact_confirm": N_("A new address to confirm"),
    "contact_changed": N_("A contact was changed"),
    "staff_objection_filed": N_("To our people: an objection"),
    "staff_review_requested": N_("To our people: a change in review"),
    "staff_delivery_failed": N_("To our people: a letter that failed"),
    "staff_address_barred": N_("To our people: reported as spam"),
    "staff_events_unreadable": N_("To our people: a report that cannot be read"),
    "staff_hand_delivery": N_("To our people: a hand delivery to confirm"),
    "staff_review_due": N_("To our people: a review or an offboarding is due"),
    "staff_reply_proof": N_("Test mail to the reply address"),
    "staff_contact_changed": N_("To our people: a contact says that something has changed"),
}


def in_trouble(db: Session) -> list[Delivery]:
    """Letters refused, blocked, returned or of unknown outcome, newest first."""
    return list(db.exec(
        select(Delivery).where(col(Delivery.state).in_(TROUBLE)).order_by(col(Delivery.id).desc()).limit(MOST)
    ))


def last_words(db: Session, rows: Sequence[Delivery]) -> list[tuple[Delivery, str]]:
    """Each letter with what was last said of it: by the mail server in an event, else by the transport."""
    said: dict[int, str] = {}
    for delivery_id, words in db.exec(
        select(DeliveryEvent.delivery_id, DeliveryEventDetail.words)
        .join(DeliveryEventDetail, col(DeliveryEventDetail.key) == col(DeliveryEvent.key))
        .where(col(DeliveryEvent.delivery_id).in_([row.id for row in rows]), DeliveryEventDetail.words != "")
        .order_by(col(DeliveryEvent.id))
    ):
        said[delivery_id] = words
    return [(row, said.get(row.id or 0, row.last_words)) for row in rows]


@bp.get("/deliveries")
@staff
def delivery_list() -> Response:
    """Letters in trouble first, then the newest; or those in one state."""
    wanted = request.args.get("state", "")
    urgent = sa.case((col(Delivery.state).in_(TROUBLE), 0), else_=1)
    with house().database.reading() as db:
        query = select(Delivery).where(sa.not_(deliveries.IS_HELD))
        query = query.order_by(urgent, col(Delivery.id).desc()).limit(MOST)
        if wanted in set(DeliveryState):
            query = query.where(Delivery.state == DeliveryState(wanted))
        counts = {str(s): int(n) for s, n in db.exec(
            select(Delivery.state, sa.func.count()).where(sa.not_(deliveries.IS_HELD)).group_by(Delivery.state))}
        return page("deliveries.html", rows=last_words(db, list(db.exec(query))), counts=counts, wanted=wanted,
                    kinds_of_letter=KINDS, choices=list(DeliveryState), most=MOST,
                    lanes=lanes.troubles(db, clock.now()), unreadable=_unreadable(db))


def _unreadable(db: Session) -> list[tuple[datetime, str]]:
    """When the newest posts came to an event webhook that nobody could read, and why not."""
    return list(db.exec(
        select(ProviderPost.received_at, ProviderPost.words).where(col(ProviderPost.read_at).is_not(None))
        .order_by(col(ProviderPost.id).desc()).limit(SHOWN)
    ).all())


@bp.get("/deliveries/<ref>")
@staff
def delivery_page(ref: str) -> Response:
    """One letter: to whom, what happened to it, and its text as it was handed over, links masked."""
    with house().database.reading() as db:
        row = one(db, ref)
        notice = db.get(Notice, row.notice_id) if row.notice_id else None
        events = db.exec(
            select(DeliveryEvent, DeliveryEventDetail)
            .join(DeliveryEventDetail, col(DeliveryEventDetail.key) == col(DeliveryEvent.key), isouter=True)
            .where(DeliveryEvent.delivery_id == row.id).order_by(col(DeliveryEvent.id))
        ).all()
        return page(
            "delivery.html", framing=True, row=row, events=[(e, d.words if d else "") for e, d in events],
            sentences={**DELIVERY.sentences, "event": N_("reported, and changed nothing")}, kinds_of_letter=KINDS,
            letter=frozen(db, row), added=ADDED.get(row.transport, ""), notice=notice,
            gives=notice is not None and deliveries.gives(row),
            stranded=doubts.is_stranded(db, row),
            by_hand=notice is not None and hand_delivery.may_be_proven(notice),
            customer=db.get(Customer, notice.customer_id) if notice else None,
            announcement=db.get(Announcement, notice.announcement_id) if notice else None,
        )


@bp.get("/deliveries/<ref>/letter.html")
@staff
def delivery_letter(ref: str) -> Response:
    """The HTML part as it was sent, for a frame."""
    with house().database.reading() as db:
        letter = frozen(db, one(db, ref))
    if letter is None:
        raise NotFound
    return frames.letter(str(letter["html"]))


@bp.post("/deliveries/<ref>/decide")
@staff
def decide_delivery(ref: str) -> Answer:
    """A person says what becomes of a letter that nobody can look up."""
    with acting() as db:
        row = doubts.decide(db, ref, request.form.get("what", ""), request.form.get("reason", ""), actor=g.actor,
                            now=clock.now())
    return done(f"/console/deliveries/{row.ref}", N_("The letter is let be.") if row.state == DeliveryState.CANCELLED
                else N_("The letter is sent again."))


def frozen(db: Session, row: Delivery) -> dict[str, Any] | None:
    """The stored letter: subject, text, html, headers; None where nothing has been handed over yet."""
    return blobs.letter(db, row.letter_sha256)


def one(db: Session, ref: str) -> Delivery:
    """The letter of this reference, unless nobody may see it yet. Raises Refusal unknown."""
    row = db.exec(select(Delivery).where(Delivery.ref == ref, sa.not_(deliveries.IS_HELD))).first()
    if row is None:
        raise Refusal("unknown", what="letter", ref=ref)
    return row
