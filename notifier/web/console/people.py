"""People: who has an account and may do what. Only an administrator adds and ends access."""

from __future__ import annotations

from flask import Response, g, request
from werkzeug.wrappers import Response as Answer

from notifier import clock, text
from notifier.domain.people import Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.tables import User
from notifier.web.access import remember, staff
from notifier.web.console.desk import acting, bp, done, need, page
from notifier.web.pages import house
from notifier.workflow import people

LANGUAGES = ("en", "de")  # the languages the console itself speaks


@bp.get("/people")
@staff
def people_page() -> Response:
    """Everybody with an account, and, for administrators, the forms."""
    return _show()


def _show(refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        return page("people.html", refusal=refusal, rows=people.people(db), languages=LANGUAGES,
                    may=Role.ADMIN in g.actor.roles, least=people.LEAST_PASSWORD)


@bp.post("/people")
@staff
def add_person() -> Response | Answer:
    """A new account with a first password."""
    try:
        need(Role.ADMIN)
        chosen = [Role(r) for r in request.form.getlist("role") if r in set(Role)]
        if not chosen:
            raise Refusal("bad_value", field=N_("Roles"), problem=N_("choose at least one"))
        with acting() as db:
            user = people.add(
                db, request.form.get("email", ""), request.form.get("name", "").strip(), chosen,
                password=_password(), language=text.known(request.form.get("language")), actor=g.actor, now=clock.now(),
            )
    except Refusal as refusal:
        return _show(refusal)
    return done("/console/people", N_("%(name)s can sign in now."), name=user.name)


def _password() -> str:
    given = request.form.get("password", "")
    if not given:
        raise Refusal("weak_password", least=people.LEAST_PASSWORD)
    return given


@bp.post("/people/password")
@staff
def own_password() -> Response | Answer:
    """A new password for whoever is signed in here; every other sign-in of theirs ends."""
    try:
        with acting() as db:
            user = db.get_one(User, g.user.id)
            people.refuse_wrong(user, request.form.get("current", ""))
            people.set_password(db, user, _password(), actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(refusal)
    remember(user)
    return done("/console/people", N_("Your password is changed. You are signed out everywhere else."))


@bp.post("/people/<int:number>/disable")
@staff
def disable_person(number: int) -> Response | Answer:
    """Ends a person's access at once, everywhere."""
    try:
        need(Role.ADMIN)
        with acting() as db:
            user = db.get(User, number)
            if user is None:
                raise Refusal("unknown", what="person", ref=str(number))
            people.disable(db, user, actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(refusal)
    return done("/console/people", N_("The access of %(name)s has ended."), name=user.name)
