"""A notice delivered by hand: the form that records it with its proof, and the second person's button."""

from __future__ import annotations

from flask import Response, g, request
from werkzeug.wrappers import Response as Answer

from notifier import clock
from notifier.domain.people import Role
from notifier.domain.proof import in_words
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.tables import Announcement, Customer
from notifier.web import documents
from notifier.web.access import staff
from notifier.web.console.desk import Names, acting, bp, day_of, done, page
from notifier.web.pages import house
from notifier.workflow import hand_delivery
from notifier.workflow.documents import body_of


@bp.get("/notices/<uid>/by-hand")
@staff
def by_hand(uid: str) -> Response:
    """What is recorded of one notice, and the forms that go on from there."""
    return _show(uid)


def _show(uid: str, refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        notice = hand_delivery.find(db, uid)
        return page(
            "hand_delivery.html", refusal=refusal, notice=notice, proven=in_words(notice.given_by, notice.proof),
            customer=db.get(Customer, notice.customer_id), announcement=db.get(Announcement, notice.announcement_id),
            recorded=hand_delivery.waiting(db, notice), names=Names(db), may_confirm=Role.PRIVACY in g.actor.roles,
            may=bool(g.actor.roles & {Role.OPS, Role.PRIVACY}), today=clock.now().date(),
        )


@bp.post("/notices/<uid>/by-hand")
@staff
def record_by_hand(uid: str) -> Response | Answer:
    """Records the day of receipt and the file that proves it."""
    try:
        received_on = day_of("received_on", N_("Received on"))
        if received_on is None:
            raise Refusal("bad_value", field=N_("Received on"), problem=N_("give a day"))
        upload = request.files.get("proof")
        file = (upload.filename or "", upload.read()) if upload else ("", b"")
        with acting() as db:
            notice = hand_delivery.record(db, uid, file, received_on, words=request.form.get("words", ""),
                                          actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(uid, refusal)
    given = N_("Confirmed: the notice counts as delivered by hand.")
    return done(f"/console/notices/{notice.uid}/by-hand",
                given if notice.given_by else N_("Recorded. It counts once a second person has confirmed it."))


@bp.post("/notices/<uid>/by-hand/confirm")
@staff
def confirm_by_hand(uid: str) -> Response | Answer:
    """The second person confirms what was recorded."""
    try:
        with acting() as db:
            notice = hand_delivery.confirm(db, uid, actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(uid, refusal)
    return done(f"/console/notices/{notice.uid}/by-hand", N_("Confirmed: the notice counts as delivered by hand."))


@bp.get("/notices/<uid>/by-hand/file")
@staff
def proof_by_hand(uid: str) -> Response:
    """The file, to look at before confirming and ever after. Raises Refusal not_recorded where there is none."""
    with house().database.reading() as db:
        notice = hand_delivery.find(db, uid)
        recorded, held = hand_delivery.waiting(db, notice), notice.proof or {}
        sha256, name = (recorded.sha256, recorded.file_name) if recorded else (held.get("file"), held.get("file_name"))
        if (notice.given_by != "hand" and recorded is None) or not sha256:
            raise Refusal("not_recorded")
        return documents.download(str(name), body_of(db, str(sha256)))
