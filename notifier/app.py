"""The web application: the only place that knows every door."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from flask import Flask, Response
from flask_wtf import CSRFProtect

from notifier.house import House, open_house
from notifier.web import (
    api,
    consents,
    console,
    contact_checks,
    contacts,
    endings,
    front,
    health,
    my,
    notices,
    objections,
    problems,
    public,
    webhooks,
)

LARGEST_REQUEST = 12 * 1024 * 1024  # bytes; a file is at most 10 MB


def create_app(house: House) -> Flask:
    """The Flask application of one house: every blueprint, CSRF on the console, refusals as answers."""
    app = Flask("notifier", static_folder=None, template_folder=None)
    app.extensions["house"] = house
    app.config.update(
        SECRET_KEY=house.settings.secret_keys()[0],
        SECRET_KEY_FALLBACKS=house.settings.secret_keys()[1:],
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        SESSION_COOKIE_NAME="notifier",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=house.settings.public_url.startswith("https://"),
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        WTF_CSRF_TIME_LIMIT=None,  # a form may lie open for as long as its sign-in lasts
        WTF_CSRF_SSL_STRICT=False,  # it would ask for a Referer, which our own policy tells browsers to leave out
    )
    csrf = CSRFProtect(app)
    for blueprint in (public.bp, health.bp, webhooks.bp, notices.bp, consents.bp, objections.bp, endings.bp, my.bp,
                      contacts.bp, contact_checks.bp, api.bp):
        csrf.exempt(blueprint)  # no cookie there: a signed link, basic auth or a token says who acts
        app.register_blueprint(blueprint)
    app.register_blueprint(console.bp)
    if house.settings.demo:
        from notifier.web import demo  # what makes the sample is no part of a real installation's web process

        app.register_blueprint(demo.bp)
    problems.install(app)
    app.after_request(_secure)
    return app


def _secure(answer: Response) -> Response:
    for name, value in front.SECURITY_HEADERS:
        answer.headers.setdefault(name, value)
    return answer


def wsgi() -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """What the server loads: the application behind the published bytes."""
    house = open_house()
    return front.Published(house.database, create_app(house).wsgi_app)
