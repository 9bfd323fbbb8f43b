"""Announcing: choose, look at everything, announce; then how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Response, g, request
from sqlmodel import Session, col, select
from werkzeug.wrappers import Response as Answer

from notifier import clock, text
from notifier.domain import silence as silence_rules
from notifier.domain.audience import WORDS
from notifier.domain.people import Role
from notifier.domain.proof import in_words
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import ChangeState
from notifier.mail import render
from notifier.tables import (
    Announcement,
    AnnouncementChange,
    AudienceRow,
    Change,
    Customer,
    Delivery,
    Notice,
    NoticeWindow,
)
from notifier.web import frames
from notifier.web.access import staff
from notifier.web.console import changes as change_pages
from notifier.web.console.deliveries import KINDS, last_words
from notifier.web.console.desk import MOST, Names, acting, bp, day_of, done, page
from notifier.web.pages import house
from notifier.workflow import (
    announcements,
    changes,
    contact_checks,
    deliveries,
    earliest,
    extensions,
    letters,
    previews,
    register,
    reply,
    silence,
)
from notifier.workflow.announcements import Plan
from notifier.workflow.audience import Seat


@bp.get("/announce")
@staff
def announce_page() -> Response:
    """Approved changes to choose from; with some chosen, everything that announcing them would do."""
    return _show(request.args.getlist("change"), request.args.get("customer", ""), request.args.get("language", ""))


@bp.post("/announce")
@staff
def announce() -> Response | Answer:
    """Makes the chosen changes known. Refused while the installation is not ready to (`House.preflight`)."""
    refs = request.form.getlist("change")
    try:
        with acting() as db:
            house().preflight(db, clock.now())
            made = announcements.make_known(db, refs, actor=g.actor, now=clock.now(),
                                            words=request.form.get("words", ""))
    except Refusal as refusal:
        return _show(refs, "", "", refusal)
    if made.made_at is None:
        house().ring("notifier.jobs.announce.proceed")
        return done("/console/announce", N_("%(ref)s is being written. Nobody sees it before it is whole."),
                    ref=made.ref)
    return done(f"/console/announcements/{made.ref}",
                N_("%(ref)s is announced. %(count)s customers are owed a notice; their letters are on the way."),
                ref=made.ref, count=made.included)


@bp.post("/announce/send-me")
@staff
def send_me() -> Response | Answer:
    """Mails the previewed letter to whoever looks at it, as a test. Raises Refusal unknown, nothing_to_announce."""
    refs, language = request.form.getlist("change"), text.known(request.form.get("language"))
    customer = request.form.get("customer", "")
    try:
        with acting() as db:
            sent = previews.send_me(db, refs, customer, language, actor=g.actor, now=clock.now())
            to = sent.to_email
    except Refusal as refusal:
        return _show(refs, customer, language, refusal)
    chosen = urlencode([*(("change", ref) for ref in refs), ("customer", customer), ("language", language)])
    return done(f"/console/announce?{chosen}", N_("The test letter is on its way to %(email)s."), email=to)


def _show(refs: Sequence[str], customer: str, language: str, refusal: Refusal | None = None) -> Response:
    now = clock.now()
    with house().database.reading() as db:
        approved = [c for c in changes.every(db) if c.state == ChangeState.APPROVED]
        chosen = [c for c in approved if c.ref in refs]
        preview = _preview(db, chosen, customer, language, now) if chosen else None
        owed = {seat.customer.id for seat in preview.plan.included} if preview else set()
        return page(
            "announce.html", refusal=refusal, framing=True, approved=change_pages.told(db, approved), chosen=chosen,
            preview=preview, why=WORDS, languages=text.LANGUAGES, most=MOST, may=Role.PRIVACY in g.actor.roles,
            hindrances=house().hindrances(db, now), services=register.services(db),
            reply=reply.standing(db, house().settings.reply_address, now), written=_written(db),
            doubtful=[one for one in contact_checks.doubtful(db, now) if one.customer.id in owed] if owed else [],
            given_up=[(a, [Sentence.from_json(s) for s in a.abandoned_why or ()])
                      for a in announcements.given_up(db)[:3]],
        )


def _written(db: Session) -> list[tuple[Announcement, int, int]]:
    """The announcements that are being written: how many customers are on the roll already, and how many there are."""
    if not (begun := announcements.unfinished(db)):
        return []
    every = db.scalar(sa.select(sa.func.count()).select_from(Customer)) or 0
    return [(each, announcements.so_far(db, each), every) for each in begun]


@dataclass(frozen=True)
class Preview:
    """What announcing now would do, and the letter one customer would get."""

    plan: Plan
    too_early: tuple[Change, ...]
    seat: Seat | None
    language: str
    letter: render.Letter | None

    @property
    def decided(self) -> Sentence | None:
        """Whose terms allow no earlier start."""
        return earliest.in_words(self.plan.deciding)


def _preview(db: Session, chosen: Sequence[Change], customer: str, language: str, now: datetime) -> Preview:
    plan = announcements.plan(db, chosen, now)
    early = tuple(c for c in chosen if c.opens_window and c.planned_start and c.planned_start < plan.earliest)
    seat = _seat(plan, customer)
    spoken = text.known(language or (seat.customer.language if seat else ""))
    letter = _letter(db, chosen, seat, spoken, now) if seat else None
    return Preview(plan, early, seat, spoken, letter)


def _seat(plan: Plan, customer: str) -> Seat | None:
    seats = plan.included
    return next((s for s in seats if s.customer.ref == customer), seats[0] if seats else None)


def _letter(db: Session, chosen: Sequence[Change], seat: Seat, language: str, now: datetime) -> render.Letter:
    return render.render(letters.preview(db, chosen, seat, language, house().sender, now))


@bp.get("/announce/letter.html")
@staff
def preview_letter() -> Response:
    """The HTML part of the previewed letter, for a frame."""
    now = clock.now()
    with house().database.reading() as db:
        chosen = [changes.get(db, ref) for ref in request.args.getlist("change")]
        seat = _seat(announcements.plan(db, chosen, now), request.args.get("customer", ""))
        if not chosen or seat is None:
            raise Refusal("nothing_to_announce")
        language = text.known(request.args.get("language") or seat.customer.language)
        return frames.letter(_letter(db, chosen, seat, language, now).html)


@dataclass(frozen=True)
class Told:
    """One customer's row on the progress page; `last_word` is the mail server's about its newest letter."""

    customer: Customer
    notice: Notice
    last_day: date | None
    zone: str
    letters: int
    last_word: str


@bp.get("/announcements/<ref>")
@staff
def announcement_page(ref: str) -> Response:
    """How far an announcement has come: notices and letters by state, and every customer."""
    return _progress(ref)


@bp.post("/announcements/<ref>/extend")
@staff
def extend(ref: str) -> Response | Answer:
    """More time to object, for one customer or all of an announcement."""
    uid = request.form.get("notice", "")
    try:
        last_day = day_of("until", N_("New last day"))
        if last_day is None:
            raise Refusal("bad_value", field=N_("New last day"), problem=N_("give a day"))
        with acting() as db:
            made = extensions.extend(db, last_day, request.form.get("reason", ""), uid=uid,
                                     announcement="" if uid else ref, actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _progress(ref, refusal)
    return done(f"/console/announcements/{ref}",
                N_("%(count)s customers have more time to object; their letters are on the way."),
                count=len(made.extended))


def _progress(ref: str, refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        made = announcements.get(db, ref)
        number = made.id or 0
        notice_ids = sa.select(col(Notice.id)).where(col(Notice.announcement_id) == number)
        states = db.exec(
            select(Notice.state, sa.func.count()).where(Notice.announcement_id == number).group_by(Notice.state))
        concerned = db.exec(
            select(Change).join(AnnouncementChange, col(AnnouncementChange.change_id) == col(Change.id))
            .where(AnnouncementChange.announcement_id == number).order_by(col(Change.id)))
        told = _told(db, number)
        return page(
            "announcement.html", refusal=refusal, silence_words=silence_rules.WORDS,
            silence=silence.of_notices(db, [row.notice.id or 0 for row in told]),
            may=Role.PRIVACY in g.actor.roles, made=made,
            changes=change_pages.told(db, concerned), names=Names(db),
            notices={str(s): int(n) for s, n in states}, letters_by_state=deliveries.counts(db, notice_ids),
            told=told, roll=_left_out(db, number), why=WORDS, proven=in_words, most=MOST,
            kinds_of_letter=KINDS, joinings=change_pages.JOININGS,
        )


def _told(db: Session, number: int) -> list[Told]:
    rows = db.exec(
        select(Notice, Customer, NoticeWindow).join(Customer, col(Customer.id) == col(Notice.customer_id))
        .join(NoticeWindow, col(NoticeWindow.id) == col(Notice.window_id), isouter=True)
        .where(Notice.announcement_id == number)
        .order_by(col(Notice.state) == "given", col(Customer.name), col(Customer.id)).limit(MOST)
    ).all()
    sent: dict[int, list[str]] = {}
    letters_of = db.exec(
        select(Delivery).where(col(Delivery.notice_id).in_([n.id for n, _, _ in rows])).order_by(col(Delivery.id))
    ).all()
    for letter, words in last_words(db, letters_of):
        sent.setdefault(letter.notice_id or 0, []).append(words)
    return [
        Told(customer, notice, window.last_day if window else None, window.zone if window else "",
             len(sent.get(notice.id or 0, [])), next(iter(reversed(sent.get(notice.id or 0, []))), ""))
        for notice, customer, window in rows
    ]


def _left_out(db: Session, number: int) -> list[tuple[Customer, str]]:
    rows = db.exec(
        select(Customer, AudienceRow.why).join(AudienceRow, col(AudienceRow.customer_id) == col(Customer.id))
        .where(AudienceRow.announcement_id == number, col(AudienceRow.included).is_(False))
        .order_by(col(Customer.name)).limit(MOST)
    )
    return list(rows)
