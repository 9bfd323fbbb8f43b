"""How far an announcement has come, on a page that looks again by itself, and as JSON."""

from __future__ import annotations

from flask import Response, jsonify

from notifier import text
from notifier.web.access import staff
from notifier.web.console.desk import bp, page
from notifier.web.pages import house
from notifier.workflow import announcements, progress, register

LOOK_AGAIN = 5  # seconds between two looks of a page that is left open


@bp.get("/announcements/<ref>/progress")
@staff
def progress_page(ref: str) -> Response:
    """Letters and notices counted. It loads itself anew, without a script, until every letter is answered for."""
    with house().database.reading() as db:
        found = progress.of(db, announcements.get(db, ref))
        names = {slug: row.name for slug, row in register.services(db).items()}
    answer = page("progress.html", progress=found, services=names, languages=text.OWN_NAMES)
    if found.to_leave or found.unanswered:
        answer.headers["Refresh"] = str(LOOK_AGAIN)
    return answer


@bp.get("/announcements/<ref>/progress.json")
@staff
def progress_json(ref: str) -> Response:
    """The same counts for a program."""
    with house().database.reading() as db:
        return jsonify(progress.of(db, announcements.get(db, ref)).to_json())
