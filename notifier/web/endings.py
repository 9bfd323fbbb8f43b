"""How a customer ends its own case: it takes the objection back, or terminates the affected service; each by a fresh
link (contract §5), and each shown once more before it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from sqlmodel import Session

from notifier import clock, text
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import OBJECTION, ObjectionState
from notifier.domain.terms import Remedy
from notifier.tables import Link, Objection
from notifier.web import customers, fresh, notices, pages
from notifier.web.customers import Visit
from notifier.web.fresh import Entered
from notifier.web.pages import house
from notifier.workflow import customers as customer_verbs
from notifier.workflow import links, objections, register

bp = Blueprint("endings", __name__)
customers.prepare(bp)

EVERYTHING = "*"  # the choice of every service; no slug is spelled so
Errors = dict[str, Sentence]


@bp.get("/o/<token>/withdraw")
def withdraw_page(token: str) -> Response:
    """What withdrawing means, and the button; without a fresh link, the one that mails it."""
    now = clock.now()
    with house().database.reading() as db:
        entered, case = _entered(db, links.WITHDRAW, token)
        visit, due = entered.visit, notices.due(db, entered.visit, now)
        possible = OBJECTION.find(case.state, "withdraw") is not None
        if not entered.opens(now) and (possible or entered.link is not None):
            about = fresh.values(db, links.WITHDRAW, entered, now)
            return fresh.page(**about, due=due, possible=possible)
    if not possible:
        return customers.see(visit.to(visit.home))
    return customers.page("objection/withdraw.html", case=case, due=due, action=request.path)


@bp.post("/o/<token>/withdraw")
def withdraw(token: str) -> Response:
    """The customer takes its objection back; sent twice, it is withdrawn once. Raises Refusal fresh_link_needed,
    link_used, link_revoked, no_such_move."""
    now = clock.now()
    with house().database.transaction() as db:
        entered, case = _entered(db, links.WITHDRAW, token)
        visit, link = entered.visit, _needed(entered)
        case = objections.get(db, case.ref, lock=True)
        if case.state != ObjectionState.WITHDRAWN:
            links.use(db, link, now)
            objections.withdraw(db, case.ref, actor=visit.actor, now=now)
    house().ring_all()
    return customers.see(visit.to(visit.home))


@bp.post("/o/<token>/withdraw/link")
def send_to_withdraw(token: str) -> Response:
    """Mails a fresh link to the contact."""
    return fresh.send(links.WITHDRAW, token)


@bp.get("/o/<token>/terminate")
def terminate_page(token: str) -> Response:
    """The form for terminating, while the right is open; without a fresh link, the page that mails it. Raises Refusal
    not_terminable."""
    now = clock.now()
    with house().database.reading() as db:
        entered, case = _entered(db, links.TERMINATE, token)
        if case.state == ObjectionState.TERMINATED and entered.link is not None:
            return fresh.page(**fresh.values(db, links.TERMINATE, entered, now), possible=False)
        choices = _terminable(db, entered.visit, case, now)
        if not entered.opens(now):
            return fresh.page(**fresh.values(db, links.TERMINATE, entered, now), possible=True)
    only = next(iter(choices)) if len(choices) == 1 else ""
    return _termination(case, choices, only, "", _today(entered.visit, now), {})


@bp.post("/o/<token>/terminate")
def terminate(token: str) -> Response:
    """The form sent: back with what has to be mended, on to the check, or, from there, recorded.
    Raises Refusal not_terminable, fresh_link_needed, link_used, link_revoked."""
    now, service = clock.now(), request.form.get("service", "")
    ends = customers.entered("ends_on", one_line=True)
    with house().database.reading() as db:
        entered, case = _entered(db, links.TERMINATE, token)
        visit = entered.visit
        if case.state == ObjectionState.TERMINATED:  # the same form, sent again
            return customers.see(visit.to(visit.home))
        choices = _terminable(db, visit, case, now)
        _needed(entered)
        if not entered.opens(now):
            return fresh.page(409, **fresh.values(db, links.TERMINATE, entered, now), possible=True)
    today = _today(visit, now)
    day, errors = _termination_day(service, ends, choices, today)
    if errors or day is None or request.form.get("step") == "edit":
        page = _termination(case, choices, service, ends, today, errors)
        return customers.refused_entry(page) if errors else page
    if request.form.get("step") == "file":
        return _terminate(token, service, day, now)
    return customers.page("objection/terminate_check.html", case=case, service=service, name=choices[service], day=day,
                          action=request.path)


@bp.post("/o/<token>/terminate/link")
def send_to_terminate(token: str) -> Response:
    """Mails a fresh link to the contact."""
    return fresh.send(links.TERMINATE, token)


def _terminate(token: str, service: str, day: date, now: datetime) -> Response:
    with house().database.transaction() as db:
        entered, case = _entered(db, links.TERMINATE, token)
        visit, link = entered.visit, _needed(entered)
        case = objections.get(db, case.ref, lock=True)
        if case.state != ObjectionState.TERMINATED:
            links.use(db, link, now)
            slug = "" if service == EVERYTHING else service
            objections.terminate(db, case.ref, service=slug, ends_on=day, actor=visit.actor, now=now)
    house().ring_all()
    return customers.see(visit.to(visit.home))


def _entered(db: Session, kind: str, token: str) -> tuple[Entered, Objection]:
    entered = fresh.enter(db, kind, token)
    assert entered.case is not None
    return entered, entered.case


def _needed(entered: Entered) -> Link:
    if entered.link is None:
        raise Refusal("fresh_link_needed")
    return entered.link


def _termination(
    case: Objection, choices: Mapping[str, str], service: str, ends: str, today: date,
    errors: Mapping[str, Sentence],
) -> Response:
    return customers.page("objection/terminate.html", case=case, choices=choices, service=service, ends=ends,
                          today=today, errors=errors, action=request.path)


def _termination_day(
    service: str, ends: str, choices: Mapping[str, str], today: date
) -> tuple[date | None, Errors]:
    errors: Errors = {}
    if service not in choices:
        errors["service"] = Sentence(N_("Choose the service you want to end."))
    try:
        day = date.fromisoformat(ends)
    except ValueError:
        errors["ends_on"] = Sentence(N_("Enter the last day as year, month and day, such as 2026-12-31."))
        return None, errors
    if day < today:
        errors["ends_on"] = Sentence(N_("The last day must be today or later."))
    return day, errors


def _terminable(db: Session, visit: Visit, case: Objection, now: datetime) -> dict[str, str]:
    """The services this customer may end, with their names; EVERYTHING only where all it buys is affected, or its
    terms name the whole agreement and nothing less. Raises Refusal not_terminable while the right is not open."""
    if not right_open(visit, case, now):
        raise Refusal("not_terminable")
    sold = register.services(db)
    bought = [s.slug for s in customer_verbs.services_of(db, visit.customer)] or list(sold)
    affected = [slug for slug in objections.affected_services(db, case) if slug in bought]
    whole = visit.terms.remedy is Remedy.WHOLE_CONTRACT
    choices = {slug: sold[slug].name for slug in affected if slug in sold and not whole}
    if whole or (len(choices) != 1 and len(choices) >= len(bought)):
        choices[EVERYTHING] = text.gettext(pages.language())(N_("All services you buy from us"))
    return choices


def right_open(visit: Visit, case: Objection, now: datetime) -> bool:
    """Whether there is a right of termination that can be used: to the end of its last day, set by a proven letter."""
    in_time = case.right_until is None or _today(visit, now) <= case.right_until
    return case.state == ObjectionState.NO_AGREEMENT and in_time and visit.terms.remedy is not Remedy.NONE


def _today(visit: Visit, now: datetime) -> date:
    return now.astimezone(ZoneInfo(visit.terms.zone)).date()


