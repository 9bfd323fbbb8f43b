"""What mail providers post: kept as it came, read by a job, answered at once."""

from __future__ import annotations

import hmac
import json

from flask import Blueprint, Response, request

from notifier import clock
from notifier.tables import ProviderPost
from notifier.web.pages import house

bp = Blueprint("webhooks", __name__)
LARGEST = 2_000_000  # bytes; Mailjet groups the events of a second


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
    body = request.stream.read(LARGEST + 1)[:LARGEST]  # a longer one cannot be read any more, and is kept as that
    with house().database.transaction() as db:
        db.add(ProviderPost(source=source, received_at=clock.now(), body=body))
    house().ring("notifier.jobs.events.digest")
    return Response(f"{_in_words(body)}\n", content_type="text/plain")


def _in_words(body: bytes) -> str:
    """For whoever sets the webhook up and tries it by hand; what each event says is found out later."""
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
