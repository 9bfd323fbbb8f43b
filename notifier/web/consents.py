"""A customer's specific yes or no: asked for on the notice, given by a fresh link, with the name of who gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from notifier import clock
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.web import customers, fresh, notices
from notifier.web.pages import house
from notifier.workflow import consents, links

bp = Blueprint("consents", __name__)
customers.prepare(bp)


@bp.get("/n/<token>/consent")
def show(token: str) -> Response:
    """The form, by a fresh link; by that of the letter the page that mails one; by one that was used, the receipt."""
    return _page(token, {})


@bp.post("/n/<token>/consent")
def answer(token: str) -> Response:
    """The answer to the changes chosen. Raises Refusal fresh_link_needed for the letter's own link, link_used,
    link_revoked, consent_not_asked, bad_value."""
    given, now = _given(), clock.now()
    with house().database.reading() as db:
        entered = fresh.enter(db, links.CONSENT, token)
        waiting = bool(consents.consent_asked(db, entered.visit.notice))
    if entered.link is None:
        raise Refusal("fresh_link_needed" if waiting else "consent_not_asked")
    if not entered.opens(now):
        return _page(token, {}, 409)
    if waiting and (errors := _faults(given)):
        return customers.refused_entry(_page(token, errors))
    with house().database.transaction() as db:
        visit, link = entered.visit, customers.fresh_link(db, links.CONSENT, token)
        assert link is not None
        links.use(db, link, now)
        consents.consent(db, visit.notice, given["changes"], given["answer"], name=given["name"],
                         function=given["function"], actor=visit.actor, now=now)
    house().ring_all()
    return customers.see(visit.to(request.path))


@bp.post("/n/<token>/consent/link")
def send(token: str) -> Response:
    """Mails a fresh link to the contact."""
    return fresh.send(links.CONSENT, token)


def _given() -> dict[str, Any]:
    return {"changes": request.form.getlist("changes"), "answer": request.form.get("answer", ""),
            "name": customers.entered("name", one_line=True), "function": customers.entered("function", one_line=True)}


def _faults(given: Mapping[str, Any]) -> dict[str, Sentence]:
    found = {}
    if not given["changes"]:
        found["changes"] = Sentence(N_("Choose at least one change to answer for."))
    for name, words in (("name", N_("Enter your name, in at most 200 characters.")),
                        ("function", N_("Enter your function, in at most 200 characters."))):
        if not given[name] or len(given[name]) > consents.LONGEST:
            found[name] = Sentence(words)
    return found


def _page(token: str, errors: Mapping[str, Sentence], status: int = 200) -> Response:
    now = clock.now()
    with house().database.reading() as db:
        entered = fresh.enter(db, links.CONSENT, token)
        visit = entered.visit
        parts = customers.parts(db, visit)
        asked = [change.ref for _, change in consents.consent_asked(db, visit.notice)]
        values: dict[str, Any] = {"parts": parts, "asked": asked, "due": notices.due(db, visit, now)}
        if not asked or not entered.opens(now):
            about = fresh.values(db, links.CONSENT, entered, now)
            return fresh.page(status, **values, **about, possible=bool(asked))
    given = {"changes": [], "name": visit.contact.name if visit.contact else "", "function": ""}
    given = _given() if request.method == "POST" else given
    return customers.page("objection/consent.html", errors=errors, given=given, action=request.path, **values)
