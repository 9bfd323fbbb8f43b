"""Pages: a template in the reader's language, with what every page needs."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, g, request

from notifier import text
from notifier.house import House


def house() -> House:
    """The installation this request belongs to."""
    held = current_app.extensions["house"]
    assert isinstance(held, House)
    return held


def html(template: str, **values: Any) -> Response:
    """The page `template` in the language of this request (`g.language`), never cached by anybody in between."""
    body = text.environment(language()).get_template(template).render(request=request, **values)
    answer = Response(body, content_type="text/html; charset=utf-8")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def language() -> str:
    """The language of this page: the one the door set, else what the browser asks for, else English."""
    if "language" not in g:
        g.language = text.known(request.accept_languages.best_match(text.LANGUAGES))
    return str(g.language)
