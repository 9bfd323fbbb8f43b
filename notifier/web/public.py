"""What stands at the public addresses before anything is published, and the few small files every site has.

Everything else public is answered from memory ahead of Flask (notifier.web.front).
"""

from __future__ import annotations

from flask import Blueprint, Response

from notifier import paths
from notifier.web.pages import html

bp = Blueprint("public", __name__)

ROBOTS = "".join(["User-agent: *\n", *(f"Disallow: {path}\n" for path in (
    "/n/", "/o/", "/c/", "/my/", "/console/", "/demo"))])
DAY = "public, max-age=86400"


@bp.get("/")
def unpublished() -> tuple[Response, int]:
    """The first seconds of an installation: the list is not rendered yet, and the page looks again by itself."""
    answer = html("public/unpublished.html")
    answer.headers["Retry-After"] = "2"
    return answer, 503


@bp.get("/style.css")
def style() -> Response:
    """The stylesheet from its file, so that the console and the customers' pages are dressed from the start."""
    body = (paths.templates() / "style.css").read_bytes()
    return Response(body, content_type="text/css; charset=utf-8", headers={"Cache-Control": "no-cache"})


@bp.get("/robots.txt")
def robots() -> Response:
    """The list is for everybody; pages behind a link or a sign-in are for nobody's index."""
    return Response(ROBOTS, content_type="text/plain; charset=utf-8", headers={"Cache-Control": DAY})


@bp.get("/favicon.ico")
def favicon() -> tuple[Response, int]:
    """No picture; said so once a day, not at every page."""
    return Response(headers={"Cache-Control": DAY}), 204
