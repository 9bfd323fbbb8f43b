"""The demo's own pages: how to get in, its clock, and the letters it has written. Only in a demo data directory."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, redirect, request
from flask_wtf.csrf import generate_csrf
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Answer

from notifier import clock
from notifier import demo as sample
from notifier.domain.refusals import Refusal
from notifier.mail import outbox
from notifier.web import frames
from notifier.web.pages import house, html
from notifier.workflow import people, settings

bp = Blueprint("demo", __name__, url_prefix="/demo")

STEPS = (1, 7, 45)  # days a button moves the clock by


@bp.get("")
def demo() -> Response:
    """What this is, who can sign in, what time it is, and where everything stands."""
    with house().database.reading() as db:
        return _page("demo.html", users=[u for u in people.people(db) if u.disabled_at is None and u.password_hash],
                     password=sample.PASSWORD, offset=clock.offset(), steps=STEPS, zone=settings.organisation(db).zone)


@bp.post("/clock")
def move_clock() -> Answer:
    """Moves the demo's time forward; every process follows at its next look."""
    if not house().settings.demo:
        raise Refusal("demo_only")
    days = request.form.get("days", type=int)
    if days not in STEPS:
        raise Refusal("bad_value", field="days", problem="1, 7, 45")
    clock.move(house().settings.data_dir, timedelta(days=days))
    house().ring_all()
    return redirect("/demo", 303)


@bp.get("/outbox")
def letters() -> Response:
    """The letters written so far, newest first."""
    with house().database.reading() as db:
        zone = settings.organisation(db).zone
    return _page("outbox.html", letters=outbox.read(house().settings.data_dir / "outbox"), zone=zone)


@bp.get("/outbox/<ref>")
def letter(ref: str) -> Response:
    """One letter, as its reader would see it."""
    with house().database.reading() as db:
        zone = settings.organisation(db).zone
    answer = _page("letter.html", letter=_one(ref), zone=zone)
    answer.headers["Content-Security-Policy"] = frames.FRAMING
    return answer


@bp.get("/outbox/<ref>/letter.html")
def letter_html(ref: str) -> Response:
    """Its HTML part, for a frame; links open in a new window."""
    return frames.letter(_one(ref).html, follow=True)


def _one(ref: str) -> outbox.Posted:
    found = outbox.one(house().settings.data_dir / "outbox", ref)
    if found is None:
        raise NotFound
    return found


def _page(template: str, **values: object) -> Response:
    return html(f"demo/{template}", csrf_token=generate_csrf, now=clock.now(), **values)
