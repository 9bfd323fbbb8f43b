"""What the mail provider posts: kept as it came, read by a job, answered at once."""

from __future__ import annotations

import hmac

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
    if not _authorised():
        return Response("who is there?\n", 401, {"WWW-Authenticate": 'Basic realm="events"'}, content_type="text/plain")
    body = request.get_data(cache=False)
    if len(body) > LARGEST:
        body = body[:LARGEST]  # cannot be read any more, and is kept as that
    with house().database.transaction() as db:
        db.add(ProviderPost(received_at=clock.now(), body=body))
    house().ring("notifier.jobs.events.digest")
    return Response("taken in\n", content_type="text/plain")


def _authorised() -> bool:
    expected = house().settings.mailjet_events_auth
    given = request.authorization
    if not expected or given is None or given.type != "basic":
        return False
    said = f"{given.username}:{given.password}"
    return hmac.compare_digest(said.encode(), expected.encode())
