"""A letter as it left, taken out of the house: as a mail file, or on paper for registered post."""

from __future__ import annotations

from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from flask import Response, g
from sqlmodel import Session
from werkzeug.exceptions import NotFound

from notifier import clock, text
from notifier.domain.people import Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.mail import transport
from notifier.mail.transport import Message
from notifier.tables import Customer, Delivery, Notice
from notifier.web import frames
from notifier.web.access import staff
from notifier.web.console import deliveries as pages
from notifier.web.console.desk import bp
from notifier.web.pages import house
from notifier.workflow import audit, deliveries, links, settings

_SHEET = (
    "<style>@page{size:A4;margin:20mm 20mm 18mm 25mm}.post{font:11pt/1.4 Arial,sans-serif;margin:0 0 12mm;"
    "min-height:45mm;white-space:pre-line}.post small{display:block;font-size:7.5pt;margin:0 0 3mm}"
    ".about{font:11pt/1.4 Arial,sans-serif;margin:0 0 6mm}.about strong{display:block;margin:6mm 0 0}</style>"
)


@bp.get("/deliveries/<ref>/letter.eml")
@staff
def letter_as_mail(ref: str) -> Response:
    """The letter as handed over, as a mail file, its secret links masked; one header says what the provider added."""
    with house().database.reading() as db:
        row = pages.one(db, ref)
        letter = pages.frozen(db, row)
    if letter is None or row.handed_at is None:
        raise NotFound
    held = house().settings  # of letters kept before they told their sender
    sender = letter.get("from", {"email": held.mail_from, "name": held.mail_from_name})
    message = Message(
        ref=row.ref, to_email=row.to_email, to_name=row.to_name, subject=str(letter["subject"]),
        text=str(letter["text"]), html=str(letter["html"]), from_email=sender["email"], from_name=sender["name"],
        reply_to=letter.get("reply_to", held.reply_address),
        headers={**letter["headers"], "X-Frozen-SHA256": row.letter_sha256,
                 "X-Provider-Added": pages.ADDED[row.transport]},
    )
    answer = Response(transport.as_email(message, row.handed_at).as_bytes(), content_type="message/rfc822")
    answer.headers["Content-Disposition"] = f'attachment; filename="{row.ref}.eml"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.post("/deliveries/<ref>/paper")
@staff
def letter_on_paper(ref: str) -> Response:
    """The very letter on A4 with the customer's postal address, today's date and its subject, for registered post, its
    link open to the reader. Kept in the log, since the link leaves the house by another way. Raises Refusal
    role_missing."""
    if not g.actor.roles & {Role.OPS, Role.PRIVACY}:
        raise Refusal("role_missing", roles="ops, privacy")
    now = clock.now()
    with house().database.transaction() as db:
        row = pages.one(db, ref)
        letter = pages.frozen(db, row)
        if letter is None or row.notice_id is None or not deliveries.gives(row):
            raise NotFound
        link = links.ensure(db, links.NOTICE, row.notice_id, contact_id=row.contact_id,
                            email="" if row.contact_id else row.to_email, now=now)
        body = str(letter["html"]).replace(links.MASK, house().sender.signer.token(link))
        sheet = f"{_SHEET}{_addressed(db, row)}{_about(db, row, str(letter['subject']), now)}"
        audit.note(db, "print", "delivery", row.ref, actor=g.actor, now=now, refs={"letter": row.letter_sha256})
    return frames.letter(body.replace("<body>", f"<body>{sheet}", 1))


def _about(db: Session, row: Delivery, subject: str, now: datetime) -> str:
    """What a mail program shows above a letter, and paper would not: the day it is posted, and its subject."""
    today = now.astimezone(ZoneInfo(settings.organisation(db).zone)).date()
    return f'<p class="about">{escape(text.day(today, row.language))}<strong>{escape(subject)}</strong></p>'


def _addressed(db: Session, row: Delivery) -> str:
    """The window of the envelope: who sends, to whom, at which address."""
    notice = db.get(Notice, row.notice_id)
    customer = db.get(Customer, notice.customer_id) if notice else None
    assert customer is not None
    us = settings.organisation(db)
    tell = text.gettext(row.language)
    lines = [tell(N_("By registered post")), customer.name, row.to_name, customer.postal_address]
    return (f'<div class="post"><small>{escape(f"{us.legal_name} · {us.address}")}</small>'
            f'{escape(chr(10).join(filter(None, lines)))}</div>')
