"""A document somebody handed in, given back as it came: saved under its name, never shown by a browser."""

from __future__ import annotations

from io import BytesIO

from flask import Response, send_file


def download(name: str, body: bytes) -> Response:
    """The bytes as an attachment. Nobody in between keeps them, and no browser guesses what they are."""
    answer = send_file(BytesIO(body), mimetype="application/octet-stream", as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
