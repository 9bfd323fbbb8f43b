"""A letter's HTML part on a page: in a frame of its own, where nothing in it can act."""

from __future__ import annotations

from flask import Response

# The letter brings its own inline styles, which our pages' policy forbids; so it is a document of its own, and
# the sandbox takes everything else from it, the origin included.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; " \
          "frame-ancestors 'self'; sandbox{allowed}"
_FOLLOW = " allow-popups allow-popups-to-escape-sandbox"

FRAMING = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-src 'self'; frame-ancestors 'none'"
)
"""The policy of a page that shows such a frame."""


def letter(html: str, *, follow: bool = False) -> Response:
    """The HTML part as a document for a frame; with `follow` its links open in a new window."""
    body = html.replace("<head>", '<head><base target="_blank">', 1) if follow else html
    answer = Response(body, content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = _POLICY.format(allowed=_FOLLOW if follow else "")
    answer.headers["Cache-Control"] = "no-store"
    return answer
