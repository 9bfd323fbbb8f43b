"""A file of customers: uploaded, its difference looked at, taken in. Jobs do the reading and the writing; the page
looks again by itself, without a script, until there is something to decide or to say."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, g, request, session
from werkzeug.wrappers import Response as Answer

from notifier import clock
from notifier.domain.people import Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.web.access import staff
from notifier.web.console.customers import CONTACT_ROLES, TERM_NAMES
from notifier.web.console.desk import Names, acting, bp, done, page
from notifier.web.pages import house
from notifier.workflow import sheets, uploads
from notifier.workflow.customer_intake import Outlook

JOB = "notifier.jobs.imports.proceed"
LOOK_AGAIN = 2  # seconds between two looks of a page that is left open
ROOM = 2**20  # bytes a form takes around its file
WHAT: Mapping[str, str] = {"added": N_("added"), "changed": N_("changed"), "retired": N_("retired")}
FIELDS: Mapping[str, str] = {
    "name": N_("Name"), "language": N_("Language"), "country": N_("Country"),
    "subdivision": N_("Canton, state or region"),
    "postal_address": N_("Postal address"), "agreement": N_("Agreement"), "agreement_date": N_("Date of the agreement"),
    "clause": N_("Clause"), "annex_edition": N_("Edition in the annex"),
    "contract_start": N_("Contract begins"), "contract_end": N_("Contract ends"),
    "phone": N_("Telephone"), "position": N_("Place in the order"), "retired_at": N_("Retired"),
}


def make_room() -> None:
    """A file of customers is larger than any other; only somebody who has signed in may send one."""
    if request.path == "/console/customer-uploads" and "user" in session:
        request.max_content_length = sheets.MOST_CUSTOMER_BYTES + ROOM


@bp.get("/customer-uploads")
@staff
def customer_uploads() -> Response:
    """The form, and the last uploads."""
    return _list()


def _list(refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        return page("uploads.html", refusal=refusal, rows=uploads.newest(db), names=Names(db), may=_may(),
                    most=sheets.MOST_CUSTOMER_BYTES // 2**20)


@bp.post("/customer-uploads")
@staff
def upload_customers() -> Response | Answer:
    """Keeps the file, for a job to look at."""
    try:
        file = request.files.get("file")
        data = file.read() if file else b""
        if file is None or not file.filename or not data:
            raise Refusal("bad_value", field=N_("File"), problem=N_("choose a file"))
        with acting() as db:
            row = uploads.keep(db, file.filename, data, skip_bad="skip_bad" in request.form, actor=g.actor,
                               now=clock.now())
    except Refusal as refusal:
        return _list(refusal)
    house().ring(JOB)
    return done(f"/console/customer-uploads/{row.uid}", N_("The file is here. Nothing is changed yet."))


@bp.get("/customer-uploads/<uid>")
@staff
def customer_upload(uid: str) -> Response:
    """What the file would change, and the button that takes it in; or what it has changed."""
    return _show(uid)


def _show(uid: str, refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        row = uploads.get(db, uid)
        outlook = Outlook.from_json(row.outlook) if row.outlook else None
        busy = row.discarded_at is None and row.done_at is None and row.refused is None and (
            row.checked_at is None or row.wanted_at is not None)
        answer = page(
            "upload.html", refusal=refusal, row=row, outlook=outlook, busy=busy, unusable=uploads.refusal_of(row),
            names=Names(db), may=_may(), what=WHAT, contact_roles=CONTACT_ROLES,
            fields={**FIELDS, **{f"terms.{name}": words for name, words in TERM_NAMES.items()}})
    if busy and refusal is None:
        answer.headers["Refresh"] = str(LOOK_AGAIN)
    return answer


@bp.post("/customer-uploads/<uid>/take")
@staff
def take_upload(uid: str) -> Response | Answer:
    """A person has looked, and wants it taken in."""
    try:
        with acting() as db:
            uploads.want(db, uid, actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(uid, refusal)
    house().ring(JOB)
    return done(f"/console/customer-uploads/{uid}", N_("The customers are being taken in."))


@bp.post("/customer-uploads/<uid>/discard")
@staff
def discard_upload(uid: str) -> Response | Answer:
    """Lets go of the file."""
    try:
        with acting() as db:
            uploads.discard(db, uid, actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(uid, refusal)
    return done("/console/customer-uploads", N_("The file is gone. Nothing was changed."))


def _may() -> bool:
    return bool(g.actor.roles & {Role.OPS, Role.PRIVACY})
