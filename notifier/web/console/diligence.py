"""Due diligence: what is vouched for about a sub-processor, when to look again, what is owed when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Response, g, request
from sqlmodel import Session
from werkzeug.wrappers import Response as Answer

from notifier import clock
from notifier.domain.changes import Item
from notifier.domain.evidence import MOST_BYTES, NAMES, WORDS_ALONE, EvidenceKind, Given, years_after
from notifier.domain.people import Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.tables import Change, Evidence
from notifier.web.access import staff
from notifier.web.console.desk import Names, acting, bp, day_of, done, page
from notifier.web.documents import download
from notifier.web.pages import house
from notifier.workflow import changes, evidence, offboarding, reviews
from notifier.workflow.offboarding import Ending
from notifier.workflow.reviews import Due

AHEAD = timedelta(days=30)
"""How long before it is due a review stands on the board."""


@dataclass(frozen=True)
class Checked:
    """One item of a change: each kind it asks for, with the row that answers it and whether that is overdue; and what
    was handed in about it besides, newest first."""

    item: Item
    points: Sequence[tuple[EvidenceKind, Evidence | None, bool]]
    rows: Sequence[Evidence]


@dataclass(frozen=True)
class Diligence:
    """What a change's page shows of it; `may`: this person may vouch here and now."""

    checked: Sequence[Checked]
    endings: Sequence[Ending]
    may: bool
    today: date

    @property
    def open(self) -> set[EvidenceKind]:
        """The kinds that lack something, of any item."""
        return {kind for one in self.checked for kind, row, overdue in one.points if row is None or overdue}

    @property
    def engagements(self) -> list[tuple[str, str]]:
        """What something can be handed in about: reference and company."""
        return [(one.item.ref, one.item.after.legal_name) for one in self.checked if one.item.after]


def of(db: Session, change: Change, items: Sequence[Item], now: datetime) -> Diligence:
    """Everything about a change's due diligence, for the person who looks."""
    today = evidence.today(db, now)
    checked = []
    for item, points in evidence.checklist(db, change, items, now):
        answered = [(p.kind, db.get(Evidence, p.answer.id) if p.answer else None, p.overdue) for p in points]
        checked.append(Checked(item, answered, _besides(db, item.ref, [row for _, row, _ in answered])))
    may = _may() and change.state in changes.UNFINISHED  # of what is in effect, the engagement's own page takes it
    return Diligence(checked, offboarding.every(db, change=change), may, today)


def _besides(db: Session, ref: str, answers: Iterable[Evidence | None]) -> list[Evidence]:
    """What was handed in about an engagement and answers for nothing now, newest first."""
    counted = {row.id for row in answers if row is not None}
    return [row for row in evidence.of(db, [ref])[::-1] if row.id not in counted]


def _may() -> bool:
    return bool(g.actor.roles & {Role.OPS, Role.PRIVACY})


def forms(today: date) -> dict[str, Any]:
    """What the form to hand something in says of its choices."""
    return {"evidence_names": NAMES, "words_alone": WORDS_ALONE, "a_year_on": years_after(today)}


def waiting(db: Session, now: datetime) -> tuple[list[Due], list[Ending], date]:
    """What stands on the board: reviews that are due within 30 days or overdue, endings nobody has confirmed, today."""
    today = evidence.today(db, now)
    return reviews.due(db, today + AHEAD), offboarding.every(db, unconfirmed=True), today


def _vouch(db: Session, ref: str, words: str) -> object:
    change = changes.get(db, ref)
    return evidence.vouch(db, change, request.form.get("engagement", ""), _kinds(), _given(), actor=g.actor,
                          now=clock.now())


ACTS: Mapping[str, tuple[Callable[[Session, str, str], object], str]] = {
    "vouch": (_vouch, N_("%(ref)s: what you handed in is kept.")),
}
"""The decisions on a change's page that belong here."""


def _kinds() -> list[EvidenceKind]:
    try:
        return [EvidenceKind(kind) for kind in request.form.getlist("kind")]
    except ValueError:
        raise Refusal("bad_value", field=N_("What is vouched for"), problem=N_("choose one of those offered")) from None


def _given() -> Given:
    words, not_applicable = request.form.get("words", ""), request.form.get("not_applicable") == "on"
    return Given(
        words.replace("\r\n", "\n"), request.form.get("link", ""), _file(), not_applicable,
        request.form.get("customers_may_see") == "on", day_of("next_review_on", N_("Next review")),
    )


def _file() -> tuple[str, bytes] | None:
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return None
    return sent.filename, sent.stream.read(MOST_BYTES + 1)  # one byte more than may be: enough to be refused


@bp.get("/diligence")
@staff
def diligence_list() -> Response:
    """Every engagement in effect with its next review, and every one that has ended with what became of its data."""
    return _list()


def _list(refusal: Refusal | None = None, about: int = 0) -> Response:
    with house().database.reading() as db:
        today = evidence.today(db, clock.now())
        endings = offboarding.every(db)
        return page(
            "diligence.html", refusal=refusal, looked=reviews.every(db), today=today, soon=today + AHEAD, may=_may(),
            open=[e for e in endings if e.row.confirmed_at is None], names=Names(db), about=about,
            closed=[e for e in endings if e.row.confirmed_at is not None], what=offboarding.WHAT, evidence_names=NAMES,
        )


@bp.get("/diligence/<ref>")
@staff
def engagement_page(ref: str) -> Response:
    """One engagement in effect: everything that was ever vouched for about it, and the form to do so anew."""
    return _engagement(ref)


def _engagement(ref: str, refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        looked = next((each for each in reviews.every(db) if each.value.ref == ref), None)
        if looked is None:
            raise Refusal("unknown", what="engagement", ref=ref)
        today = evidence.today(db, clock.now())
        answers = {kind: db.get(Evidence, row.id) for kind, row in looked.vouched.items()}
        return page(
            "engagement.html", refusal=refusal, looked=looked, answers=answers, names=Names(db), today=today,
            rows=_besides(db, ref, answers.values()), soon=today + AHEAD, may=_may(), **forms(today),
        )


@bp.post("/diligence/<ref>")
@staff
def renew(ref: str) -> Response | Answer:
    """Vouches anew for an engagement in effect: the yearly look."""
    try:
        with acting() as db:
            evidence.renew(db, ref, _kinds(), _given(), actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _engagement(ref, refusal)
    return done(f"/console/diligence/{ref}", N_("What you handed in is kept."))


@bp.post("/offboarding/<int:number>/confirm")
@staff
def confirm_offboarding(number: int) -> Response | Answer:
    """Somebody has the document that says what became of the data."""
    try:
        with acting() as db:
            offboarding.confirm(db, number, request.form.get("what", ""), words=request.form.get("words", ""),
                                file=_file(), actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _list(refusal, number)
    return done("/console/diligence", N_("What became of the data is confirmed."))


@bp.post("/offboarding/<int:number>/extend")
@staff
def extend_offboarding(number: int) -> Response | Answer:
    """Moves the due day later, once."""
    try:
        with acting() as db:
            due_on = day_of("due_on", N_("Due"))
            if due_on is None:
                raise Refusal("bad_value", field=N_("Due"), problem=N_("give a day"))
            offboarding.extend(db, number, due_on, request.form.get("reason", ""), actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _list(refusal, number)
    return done("/console/diligence", N_("The due day is moved."))


@bp.get("/documents/<sha256>")
@staff
def staff_document(sha256: str) -> Response:
    """A document that was handed in, to save."""
    with house().database.reading() as db:
        name, body = evidence.document(db, sha256)
    return download(name, body)
