"""The form of a change: a new one, or a draft to be rewritten."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from flask import Response, g, request
from sqlmodel import Session
from werkzeug.wrappers import Response as Answer

from notifier import clock
from notifier.domain import window
from notifier.domain.changes import KIND_NAMES, ChangeKind, Item
from notifier.domain.refusals import Refusal
from notifier.domain.register import ASKED_BY_LAW, FIELD_NAMES, LISTS, EngagementValue
from notifier.domain.sentences import N_
from notifier.domain.states import ChangeState
from notifier.web.access import staff
from notifier.web.console import changes as change_pages
from notifier.web.console.desk import acting, bp, day_of, done, page, refuse_overtaken
from notifier.web.console.engagement_form import CHOICES, CONTACT, HINTS, SHORT, Section, section, typed
from notifier.web.pages import house
from notifier.workflow import calendars, changes, corrections, register, settings
from notifier.workflow.corrections import Corrected


@bp.get("/changes/new")
@staff
def new_change() -> Response:
    """The form for one act, or, without a kind, the choice of it."""
    kind, ref = request.args.get("kind", ""), request.args.get("ref", "")
    if kind not in set(ChangeKind) or (kind != ChangeKind.ADD and not ref):
        with house().database.reading() as db:
            return page("change_new.html", engagements=register.current(db), kinds=KIND_NAMES)
    return _new_form(ChangeKind(kind), ref)


def _new_form(kind: ChangeKind, ref: str, refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        before = register.one(db, ref) if ref else None
        if kind is ChangeKind.REPLACE and before is not None:
            start = EngagementValue(activity=before.activity, services=before.services,
                                    data_categories=before.data_categories, data_subjects=before.data_subjects,
                                    special_categories=before.special_categories)
        else:
            start = before or EngagementValue()
        after = None if kind is ChangeKind.REMOVE else start
        only = section(1, before, after, own_ref=kind is not ChangeKind.MODIFY)
        return _form(db, [only], refusal, address="/console/changes/new", kind=kind, ref=ref, change=None,
                     reason="", planned_start=None, separable="no", nonce=_nonce() or uuid4())


@bp.post("/changes/new")
@staff
def propose() -> Response | Answer:
    """Keeps the draft, or brings the form back with everything that was typed."""
    name, ref = request.form.get("kind", ""), request.form.get("ref", "")
    if name not in set(ChangeKind):
        raise Refusal("unknown", what="kind of change", ref=name)
    kind = ChangeKind(name)
    try:
        with acting() as db:
            item = changes.draft(
                db, kind, ref=ref, replaces=ref, values={} if kind is ChangeKind.REMOVE else typed(1),
            )
            change = changes.propose(
                db, [item], reason=request.form.get("reason", ""), planned_start=_start(),
                separable=_separable(), nonce=_nonce(), actor=g.actor, now=clock.now(),
            )
    except Refusal as refusal:
        return _new_form(kind, ref, refusal)
    return done(f"/console/changes/{change.ref}",
                N_("The draft %(ref)s is kept. Look it through, then send it to review."), ref=change.ref)


@bp.get("/changes/<ref>/edit")
@staff
def edit_form(ref: str) -> Response:
    """The form of a draft, filled with what it says."""
    return _edit_form(ref)


def _edit_form(ref: str, refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        change = changes.get(db, ref)
        if change.state not in changes.EDITABLE and refusal is None:
            raise Refusal("no_such_move", state=str(change.state), action="edit")
        items = changes.items_of(db, change)
        sections = [section(n, i.before, i.after, own_ref=False) for n, i in enumerate(items, 1)]
        return _form(
            db, sections, refusal, address=f"/console/changes/{ref}/edit", kind=ChangeKind(change.kind), ref="",
            change=change, reason=change.reason, planned_start=change.planned_start, separable=change.separable,
        )


@bp.post("/changes/<ref>/edit")
@staff
def edit(ref: str) -> Response | Answer:
    """Rewrites a draft. Whoever does so cannot be the one to approve it."""
    try:
        with acting() as db:
            change = changes.get(db, ref, lock=True)
            refuse_overtaken(change)
            before = changes.items_of(db, change)
            items = [changes.redraft(item, typed(n)) for n, item in enumerate(before, 1)]
            changes.edit(db, ref, items, reason=request.form.get("reason", ""), planned_start=_start(),
                         separable=_separable(), actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _edit_form(ref, refusal)
    return done(f"/console/changes/{ref}", N_("%(ref)s is rewritten."), ref=ref)


@bp.get("/changes/<ref>/correct")
@staff
def correct_form(ref: str) -> Response:
    """The form of what was told, to say what it ought to have been."""
    return _correct_form(ref)


def _correct_form(ref: str, refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        change = changes.get(db, ref)
        if change.state != ChangeState.ANNOUNCED and refusal is None:
            raise Refusal("no_such_move", state=str(change.state), action="correct")
        items = changes.items_of(db, change)
        sections = [section(n, i.before, i.after, own_ref=False) for n, i in enumerate(items, 1)]
        return _form(
            db, sections, refusal, address=f"/console/changes/{ref}/correct", kind=ChangeKind(change.kind), ref="",
            change=change, reason="", planned_start=change.planned_start, separable=change.separable, correcting=True,
        )


@bp.post("/changes/<ref>/correct")
@staff
def correct(ref: str) -> Response | Answer:
    """Corrects what was told: informs at once, or asks a second person where customers get time anew."""
    try:
        with acting() as db:
            change = changes.get(db, ref, lock=True)
            refuse_overtaken(change)
            before = changes.items_of(db, change)
            items = [item if item.after is None else Item(item.before, item.after.with_(**changes.cleaned(typed(n))))
                     for n, item in enumerate(before, 1)]
            made = corrections.correct(db, ref, items, request.form.get("reason", ""), planned_start=_start(),
                                       actor=g.actor, now=clock.now())
            if corrections.announces(made):
                house().preflight(db, clock.now())
    except Refusal as refusal:
        return _correct_form(ref, refusal)
    return _corrected(ref, made)


def _corrected(ref: str, made: Corrected | None) -> Answer:
    if made is None:
        words = N_("The correction of %(ref)s waits for a second person with the role privacy.")
        return done(f"/console/changes/{ref}", words, ref=ref)
    if made.announcement is None:
        return done(f"/console/changes/{ref}", N_("%(ref)s is corrected, and %(count)s customers are informed."),
                    ref=ref, count=made.told)
    words = N_("%(ref)s is corrected. %(count)s customers are told, with time to object anew.")
    return done(f"/console/announcements/{made.announcement.ref}", words, ref=ref, count=made.told)


def _form(db: Session, sections: list[Section], refusal: Refusal | None, **values: Any) -> Response:
    if refusal is not None:
        values |= {"reason": request.form.get("reason", ""), "planned_start": request.form.get("planned_start", ""),
                   "separable": request.form.get("separable", values["separable"])}
    elif values["planned_start"] is not None:
        values["planned_start"] = values["planned_start"].isoformat()
    return page(
        "change_form.html", refusal=refusal, correcting=values.pop("correcting", False),
        sections=sections, kinds=KIND_NAMES, fields=FIELD_NAMES, hints=HINTS,
        lists=LISTS, short=SHORT, contact=CONTACT, bases=CHOICES, needed=ASKED_BY_LAW,
        services=register.services(db),
        earliest=_earliest(db, clock.now()), separables=change_pages.SEPARABLE, **values,
    )


def _nonce() -> UUID | None:
    """What makes a form sent twice one draft."""
    try:
        return UUID(request.form.get("nonce", ""))
    except ValueError:
        return None


def _start() -> date | None:
    return day_of("planned_start", N_("Planned start"))


def _separable() -> str:
    given = request.form.get("separable", "no")
    if given not in change_pages.SEPARABLE:
        raise Refusal("bad_value", field=N_("Can customers be left out?"), problem=N_("choose one of those offered"))
    return given


def _earliest(db: Session, now: datetime) -> date:
    """The earliest start the organisation's own terms allow when announcing now."""
    terms = settings.default_terms(db)
    return window.earliest_planned_start(terms, now, calendars.day_off(terms))
