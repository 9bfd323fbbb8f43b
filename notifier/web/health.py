"""Whether this process lives, whether it can do its work, and the head of the audit chain."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from notifier import db as database
from notifier.tables import AuditEntry
from notifier.web.pages import house
from notifier.workflow import audit

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return Response("ok\n", content_type="text/plain")


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    """The database answers and its schema is this version's."""
    try:
        ready = database.is_current(house().database)
        words = "ready" if ready else "the database schema is not this version's: run 'notifier migrate'"
    except SQLAlchemyError:
        ready, words = False, "the database does not answer"
    return Response(words + "\n", content_type="text/plain"), 200 if ready else 503


@bp.get("/audit/head.json")
def audit_head() -> Response:
    """The newest head of the audit chain, for whoever wants to hold us to it later."""
    with house().database.reading() as db:
        head = audit.head(db)
        entry = db.get(AuditEntry, head.seq)
    answer = jsonify({"seq": head.seq, "hash": head.hash, "at": entry.at if entry else None})
    answer.headers["Cache-Control"] = "no-cache"
    return answer
