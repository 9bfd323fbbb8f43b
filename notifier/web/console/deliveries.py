"""Letters: those in trouble first, and one with all that happened to it, as it was sent."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import Response, request
from sqlmodel import Session, col, select
from werkzeug.exceptions import NotFound

from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import DELIVERY, DeliveryState
from notifier.tables import Announcement, Blob, Customer, Delivery, DeliveryEvent, DeliveryEventDetail, Notice
from notifier.web import frames
from notifier.web.access import staff
from notifier.web.console.desk import MOST, bp, page
from notifier.web.pages import house

TROUBLE = (DeliveryState.FAILED, DeliveryState.UNCERTAIN, DeliveryState.BLOCKED, DeliveryState.BOUNCED)

KINDS: Mapping[str, str] = {
    "change_announced": N_("Announcement of a change"),
    "change_corrected": N_("Correction of a change"),
    "change_withdrawn": N_("A change is withdrawn"),
    "change_in_effect": N_("A change applies"),
    "window_extended": N_("More time to object"),
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
    "service_terminated": N_("Termination of a service"),
    "staff_objection_filed": N_("To our people: an objection"),
    "staff_review_requested": N_("To our people: a change in review"),
    "staff_delivery_failed": N_("To our people: a letter that failed"),
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
        query = select(Delivery).order_by(urgent, col(Delivery.id).desc()).limit(MOST)
        if wanted in set(DeliveryState):
            query = query.where(Delivery.state == DeliveryState(wanted))
        counts = {str(s): int(n) for s, n in db.exec(select(Delivery.state, sa.func.count()).group_by(Delivery.state))}
        return page("deliveries.html", rows=last_words(db, list(db.exec(query))), counts=counts, wanted=wanted,
                    kinds_of_letter=KINDS, choices=list(DeliveryState), most=MOST)


@bp.get("/deliveries/<ref>")
@staff
def delivery_page(ref: str) -> Response:
    """One letter: to whom, what happened to it, and its text as it was handed over, links masked."""
    with house().database.reading() as db:
        row = _get(db, ref)
        notice = db.get(Notice, row.notice_id) if row.notice_id else None
        events = db.exec(
            select(DeliveryEvent, DeliveryEventDetail)
            .join(DeliveryEventDetail, col(DeliveryEventDetail.key) == col(DeliveryEvent.key), isouter=True)
            .where(DeliveryEvent.delivery_id == row.id).order_by(col(DeliveryEvent.id))
        ).all()
        return page(
            "delivery.html", framing=True, row=row, events=[(e, d.words if d else "") for e, d in events],
            sentences={**DELIVERY.sentences, "event": N_("reported, and changed nothing")}, kinds_of_letter=KINDS,
            letter=frozen(db, row), customer=db.get(Customer, notice.customer_id) if notice else None,
            announcement=db.get(Announcement, notice.announcement_id) if notice else None,
        )


@bp.get("/deliveries/<ref>/letter.html")
@staff
def delivery_letter(ref: str) -> Response:
    """The HTML part as it was sent, for a frame."""
    with house().database.reading() as db:
        letter = frozen(db, _get(db, ref))
    if letter is None:
        raise NotFound
    return frames.letter(str(letter["html"]))


def frozen(db: Session, row: Delivery) -> dict[str, Any] | None:
    """The stored letter: subject, text, html, headers; None where nothing has been handed over yet."""
    blob = db.get(Blob, row.letter_sha256) if row.letter_sha256 else None
    if blob is None:
        return None
    letter = json.loads(zlib.decompress(blob.body) if blob.packing == "zlib" else blob.body)
    assert isinstance(letter, dict)
    return letter


def _get(db: Session, ref: str) -> Delivery:
    row = db.exec(select(Delivery).where(Delivery.ref == ref)).first()
    if row is None:
        raise Refusal("unknown", what="letter", ref=ref)
    return row
