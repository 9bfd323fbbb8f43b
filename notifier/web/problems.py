"""A refusal, put into an answer: a page for people, problem+json (RFC 9457) for programs. The only such map."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

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

KINDS = {
    400: "The request cannot be read",
    401: "It has to be known who asks",
    403: "This is not possible with these rights",
    404: "There is no such thing",
    405: "This address takes no such request",
    409: "This cannot be done now",
    413: "The request is too large",
    415: "The body is of another kind than is read here",
    422: "Something in the request has to be mended",
    500: "Something went wrong on our side",
    503: "The service is busy or not ready",
}
"""What programs are told by status; they are spoken to in English."""


class Problem(Exception):
    """A no of the API itself, not of any rule: `status`, a `code` for programs, `words` for people. `errors` are what
    is wrong in the request, each with a `pointer` into the body or the name of a `parameter`."""

    def __init__(
        self, status: int, code: str, words: str, *, errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(words)
        self.status, self.code, self.words = status, code, words
        self.errors, self.headers = tuple(errors), dict(headers or {})


def install(app: Flask) -> None:
    """Registers how every refusal and every failure is answered."""
    app.register_error_handler(Problem, told)
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(HTTPException, failed)
    app.register_error_handler(Exception, broken)


def told(problem: Problem) -> tuple[Response, int]:
    """The API said no: RFC 9457. `type` is an address of our own that names the code, and stays."""
    title = KINDS.get(problem.status, KINDS[400] if problem.status < 500 else KINDS[500])
    body: dict[str, Any] = {
        "type": f"/problems/{problem.code}", "title": title, "status": problem.status, "detail": problem.words,
        "instance": request.path, "code": problem.code,
    }
    if problem.errors:
        body["errors"] = [dict(error) for error in problem.errors]
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(json.dumps(body), content_type="application/problem+json", headers=headers), problem.status


def refused(error: Refusal) -> tuple[Response, int]:
    """A rule or a verb said no."""
    status = error.family.value
    if _for_programs():
        errors = [{"detail": str(detail)} for detail in error.details]
        return told(Problem(status, error.code, str(error.sentence), errors=errors))
    said = [text.say(error.sentence, _language()), *(text.say(d, _language()) for d in error.details)]
    return _page(status, said[0], said[1:])


def failed(error: HTTPException) -> tuple[Response, int] | Response:
    """Flask said no: no such address, a broken form, a redirect (which is passed on as it is)."""
    status = error.code or 500
    if status < 400:
        return error.get_response()  # type: ignore[return-value]
    if _for_programs():
        allowed = error.valid_methods if isinstance(error, MethodNotAllowed) else None
        code = (error.name or "error").lower().replace(" ", "_")
        words = KINDS.get(status) or error.description or KINDS[400]
        return told(Problem(status, code, words, headers={"Allow": ", ".join(sorted(allowed))} if allowed else {}))
    words = text.gettext(_language())(WORDS.get(status, "")) if status in WORDS else (error.description or "")
    return _page(status, words, [])


def broken(error: Exception) -> tuple[Response, int]:
    """A fault of ours: logged whole, told in one sentence."""
    # The rule, never the path: a path under /n/, /o/ or /my/ holds a token that opens somebody's notice or case.
    log.exception("%s %s failed", request.method, request.url_rule or "an unknown address", exc_info=error)
    if _for_programs():
        return told(Problem(500, "internal", "Nothing was saved. Try again in a moment."))
    return _page(500, text.gettext(_language())(WORDS[500]), [])


def _page(status: int, words: str, details: list[str]) -> tuple[Response, int]:
    title = text.gettext(_language())(TITLES.get(status, TITLES[500]))
    return html("public/problem.html", heading=title, words=words, details=details), status


def _for_programs() -> bool:
    return request.path.startswith(("/api/", "/webhooks/"))


def _language() -> str:
    return str(g.get("language", text.SOURCE))
