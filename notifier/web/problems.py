"""A refusal, put into an answer: a page for people, problem+json (RFC 9457) for programs. The only such map."""

from __future__ import annotations

import json
import logging
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from notifier import text
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.web.pages import html

log = logging.getLogger("notifier.web")

TITLES = {
    403: N_("This is not possible with your rights"),
    404: N_("There is no such page"),
    405: N_("This address takes no such request"),
    409: N_("This cannot be done now"),
    413: N_("That is too large"),
    422: N_("Something in your entry has to be mended"),
    429: N_("Too many requests"),
    500: N_("Something went wrong on our side"),
    503: N_("The service is not ready yet"),
}
WORDS = {
    400: N_("The form could not be read, or it was open too long. Go back, load the page again and send it once more."),
    404: N_("The address may have been cut short. Open the link in the letter again, or start at the list."),
    500: N_("Nothing was saved. Try again in a moment; if it stays so, write to us."),
}


def install(app: Flask) -> None:
    """Registers how every refusal and every failure is answered."""
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(HTTPException, failed)
    app.register_error_handler(Exception, broken)


def refused(error: Refusal) -> tuple[Response, int]:
    """A rule or a verb said no."""
    status = error.family.value
    said = [text.say(error.sentence, _language()), *(text.say(d, _language()) for d in error.details)]
    return _answer(status, error.code, said[0], said[1:])


def failed(error: HTTPException) -> tuple[Response, int] | Response:
    """Flask said no: no such address, a broken form, a redirect (which is passed on as it is)."""
    status = error.code or 500
    if status < 400:
        return error.get_response()  # type: ignore[return-value]
    words = text.gettext(_language())(WORDS.get(status, "")) if status in WORDS else (error.description or "")
    return _answer(status, (error.name or "error").lower().replace(" ", "_"), words, [])


def broken(error: Exception) -> tuple[Response, int]:
    """A fault of ours: logged whole, told in one sentence."""
    # The rule, never the path: a path under /n/ or /o/ holds a token that opens somebody's notice or case.
    log.exception("%s %s failed", request.method, request.url_rule or "an unknown address", exc_info=error)
    return _answer(500, "internal", text.gettext(_language())(WORDS[500]), [])


def _answer(status: int, code: str, words: str, details: list[str]) -> tuple[Response, int]:
    title = text.gettext(_language())(TITLES.get(status, TITLES[500]))
    if request.path.startswith(("/api/", "/webhooks/")):
        body: dict[str, Any] = {
            "type": f"/problems/{code}", "title": title, "status": status, "detail": words, "code": code,
        }
        if details:
            body["errors"] = [{"detail": detail} for detail in details]
        answer = Response(_json(body), content_type="application/problem+json")
    else:
        answer = html("public/problem.html", heading=title, words=words, details=details)
    return answer, status


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)


def _language() -> str:
    return str(g.get("language", text.SOURCE))
