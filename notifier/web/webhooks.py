"""What mail providers post: kept as it came, read by a job, answered at once."""

from __future__ import annotations

import hmac
import json

from flask import Blueprint, Response, request

from notifier import clock
from notifier.mail import events
from notifier.tables import ProviderPost
from notifier.web.pages import house

bp = Blueprint("webhooks", __name__)
MOST = 1024**3  # bytes somebody may send
PIECE = 256 * 1024  # bytes of what is too large, read and let go of


@bp.post("/webhooks/mailjet")
def mailjet() -> Response:
    """Takes Mailjet's events. 401 without the agreed basic auth (Mailjet signs nothing), else 200 in words:
    whatever is not answered 200 is sent again every 30 seconds for a day."""
    return _take("mailjet")


@bp.post("/webhooks/events")
def plain() -> Response:
    """Takes the same of any other provider, in a plain form that an adapter makes of its events (`mail.events`,
    `parse_plain`): who sends by SMTP has no other way to learn of receipt but DSN mails. Guarded by the same auth."""
    return _take("plain")


def _take(source: str) -> Response:
    if not _authorised():
        return Response("who is there?\n", 401, {"WWW-Authenticate": 'Basic realm="events"'}, content_type="text/plain")
    request.max_content_length = MOST  # anything but 200 would come again every 30 seconds for a day
    body = request.stream.read(events.LARGEST + 1)
    while len(body) > events.LARGEST and request.stream.read(PIECE):
        pass  # its first part is kept, so that people see what came; who sends it must be let finish
    with house().database.transaction() as db:
        db.add(ProviderPost(source=source, received_at=clock.now(), body=body))
    house().ring("notifier.jobs.events.digest")
    return Response(f"{_in_words(body)}\n", content_type="text/plain")


def _in_words(body: bytes) -> str:
    """For whoever sets the webhook up and tries it by hand; what each event says is found out later."""
    if len(body) > events.LARGEST:
        return "kept in part, but it is too large to be read; our people are told"
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "kept, but it cannot be read: this is no JSON; our people are told"
    return f"taken in: {len(value) if isinstance(value, list) else 1}"


def _authorised() -> bool:
    expected = house().settings.mailjet_events_auth
    given = request.authorization
    if not expected or given is None or given.type != "basic":
        return False
    said = f"{given.username}:{given.password}"
    return hmac.compare_digest(said.encode(), expected.encode())
