"""Objections: the list, the case of one, and our answers to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from zoneinfo import ZoneInfo

from flask import Response, g, request
from sqlmodel import Session, col, select
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Answer

from notifier import clock
from notifier.domain.objections import OPEN
from notifier.domain.people import Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import OBJECTION
from notifier.tables import Countersignature, Delivery, Objection
from notifier.web.access import staff
from notifier.web.console import audit as log
from notifier.web.console import changes as change_pages
from notifier.web.console.deliveries import KINDS, last_words
from notifier.web.console.desk import MOST, Names, Offer, acting, bp, day_of, done, offers, page
from notifier.web.pages import house
from notifier.workflow import objections, people, register, settings

BUTTONS: Mapping[str, str] = {
    "acknowledge": N_("Acknowledge"),
    "resolve": N_("Amicable solution"),
    "not_uphold": N_("Do not uphold"),
    "no_agreement": N_("No agreement"),
    "terminate": N_("Record the customer’s termination"),
    "right_not_used": N_("Right of termination not used"),
    "contradict": N_("Record that the customer contradicts"),
    "withdraw": N_("Withdraw the objection"),
}
HINTS: Mapping[str, str] = {
    "acknowledge": N_("Words to the customer; may stay empty. They are sent by mail."),
    "resolve": N_("The measure both sides agreed on. It is sent to the customer."),
    "not_uphold": N_("The reasons, as the customer reads them. A second person signs the same words first."),
    "no_agreement": N_("What was tried and why it failed. The letter opens the customer’s right of termination."),
    "right_not_used": N_("Why this is recorded. A second person signs the same words."),
    "contradict": N_("What the customer said, and how it reached us."),
    "message": N_("It is sent to the customer by mail and stands in the case."),
}
LABELS: Mapping[str, str] = {
    "acknowledge": N_("Your words"), "resolve": N_("Measure"), "not_uphold": N_("Reasons"),
    "no_agreement": N_("Reasons"), "right_not_used": N_("Reasons"), "contradict": N_("The customer’s words"),
    "message": N_("Message"),
}
MESSAGE_KINDS: Mapping[str, str] = {
    "message": N_("Message"), "acknowledged": N_("Acknowledged"), "resolved": N_("Amicable solution"),
    "not_upheld": N_("Not upheld"), "no_agreement": N_("No agreement"), "right_not_used": N_("Right not used"),
    "contradiction": N_("Contradiction"),
}


@bp.get("/objections")
@staff
def objection_list() -> Response:
    """Open cases first, then the newest."""
    with house().database.reading() as db:
        rows = sorted(objections.every(db), key=lambda o: o.state not in OPEN)
        return page("objections.html", rows=[(o, objections.customer_of(db, o)) for o in rows[:MOST]], total=len(rows),
                    openly=OPEN)


@bp.get("/objections/<ref>")
@staff
def objection_page(ref: str) -> Response:
    """The whole case."""
    return _show(ref)


def _show(ref: str, refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        case = objections.get(db, ref)
        names = Names(db)
        asked = {row.action: row for row in people.awaiting(db, OBJECTION.name, case.id or 0)}
        letters = db.exec(select(Delivery).where(
            Delivery.subject_kind == OBJECTION.name, Delivery.subject_id == case.id).order_by(col(Delivery.id)))
        sold = register.services(db)
        today = clock.now().astimezone(ZoneInfo(settings.organisation(db).zone)).date()
        return page(
            "objection.html", refusal=refusal, case=case, customer=objections.customer_of(db, case), names=names,
            changes=change_pages.told(db, objections.changes_of(db, case)), messages=objections.messages(db, case),
            message_kinds=MESSAGE_KINDS, rows=last_words(db, list(letters)), kinds_of_letter=KINDS,
            acts=log.of(db, OBJECTION.name, case.ref, names), offers=_offers(case, asked, today), asked=asked,
            affected=[sold[s] for s in objections.affected_services(db, case) if s in sold],
            ended=objections.termination_of(db, case), hints=HINTS, labels=LABELS, message=_message(),
        )


def _offers(case: Objection, asked: Mapping[str, Countersignature], today: date) -> list[Offer]:
    """The moves of this state; an act of two people waits for the second where the first has asked."""
    found = []
    for offer in offers(OBJECTION, case.state, BUTTONS, g.actor):
        first = asked.get(offer.action)
        if offer.why_not is None and first is not None and g.actor.is_person(first.asked_by):
            offer = replace(offer, why_not=Sentence(N_("This waits for a second person: you have asked for it.")))
        still_open = case.right_until is None or today <= case.right_until
        if offer.why_not is None and offer.action == "right_not_used" and still_open:
            offer = replace(offer, why_not=Refusal("right_still_open").sentence)
        found.append(offer)
    return found


def _message() -> Offer:
    may = Role.PRIVACY in g.actor.roles
    why_not = None if may else Sentence(N_("This is for people with the role %(roles)s."), {"roles": "privacy"})
    return Offer("message", N_("Send a message"), needs_reason=True, why_not=why_not)


def _terminate(db: Session, ref: str, words: str) -> Objection:
    ends_on = day_of("ends_on", N_("Ends on"))
    if ends_on is None:
        raise Refusal("bad_value", field=N_("Ends on"), problem=N_("write the day as 2026-12-24"))
    return objections.terminate(db, ref, service=request.form.get("service", ""), ends_on=ends_on, actor=g.actor,
                                now=clock.now())


@dataclass(frozen=True)
class _Answer:
    run: Callable[[Session, str, str], Objection | None]
    done: str


ASKED = N_("%(ref)s: your words are kept. A second person signs them before anything is sent.")
ANSWERS: Mapping[str, _Answer] = {
    "acknowledge": _Answer(
        lambda db, ref, words: objections.acknowledge(db, ref, words, actor=g.actor, now=clock.now()),
        N_("%(ref)s is acknowledged; the customer is told.")),
    "message": _Answer(lambda db, ref, words: objections.message(db, ref, words, actor=g.actor, now=clock.now()),
                       N_("%(ref)s: the message is on its way.")),
    "resolve": _Answer(lambda db, ref, words: objections.resolve(db, ref, words, actor=g.actor, now=clock.now()),
                       N_("%(ref)s is resolved amicably; the customer is told.")),
    "not_uphold": _Answer(lambda db, ref, words: objections.not_uphold(db, ref, words, actor=g.actor, now=clock.now()),
                          N_("%(ref)s is not upheld; the customer is told, with the reasons.")),
    "no_agreement": _Answer(
        lambda db, ref, words: objections.no_agreement(db, ref, words, actor=g.actor, now=clock.now()),
        N_("%(ref)s ended without agreement; the letter opens the right of termination.")),
    "terminate": _Answer(_terminate, N_("%(ref)s: the termination is recorded and confirmed to the customer.")),
    "right_not_used": _Answer(
        lambda db, ref, words: objections.right_not_used(db, ref, words, actor=g.actor, now=clock.now()),
        N_("%(ref)s: recorded that the right was not used.")),
    "contradict": _Answer(lambda db, ref, words: objections.contradict(db, ref, words, actor=g.actor, now=clock.now()),
                          N_("%(ref)s is open again.")),
}


@bp.post("/objections/<ref>/<action>")
@staff
def answer(ref: str, action: str) -> Response | Answer:
    """One answer in a case; a refusal brings the case back with the words that were given."""
    chosen = ANSWERS.get(action)
    if chosen is None:
        raise NotFound
    try:
        with acting() as db:
            result = chosen.run(db, ref, request.form.get("words", ""))
    except Refusal as refusal:
        return _show(ref, refusal)
    return done(f"/console/objections/{ref}", chosen.done if result is not None else ASKED, ref=ref)
