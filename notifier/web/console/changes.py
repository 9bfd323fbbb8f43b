"""Changes: the list, one change with everything about it, and the decisions on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, g, request
from sqlmodel import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Answer

from feeds import wording
from notifier import clock
from notifier.domain.changes import KIND_NAMES, Item
from notifier.domain.refusals import Refusal
from notifier.domain.register import FIELD_NAMES, differences
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import CHANGE, ChangeState, Need
from notifier.tables import Change
from notifier.web.access import staff
from notifier.web.console import audit as log
from notifier.web.console import diligence, exceptions
from notifier.web.console.desk import MOST, Names, Offer, acting, bp, day_of, done, offers, page, refuse_overtaken
from notifier.web.pages import house, language
from notifier.workflow import (
    announcements,
    changes,
    corrections,
    exclusions,
    listing,
    notices,
    offboarding,
    register,
    releases,
    settings,
    starts,
)
from notifier.workflow.releases import Standing

BUTTONS: Mapping[str, str] = {
    "submit": N_("Send to review"),
    "approve": N_("Approve"),
    "send_back": N_("Send back"),
    "reject": N_("Reject"),
    "announce": N_("Preview and announce"),
    "take_effect": N_("Release and let it take effect"),
    "withdraw": N_("Withdraw"),
}
JOININGS: Mapping[str, str] = {
    "informed": N_("came later: informed by its annex"), "owed": N_("came later: own notice"), "late": N_("told late"),
}
"""How a customer came that is not on the first roll, in the words of a tag."""
TAKE_EFFECT = next(row for row in CHANGE.rows if row.action == "take_effect")
SEPARABLE: Mapping[str, str] = {
    "no": N_("No: it starts for all customers together"),
    "service": N_("By service: customers of other services can be left out"),
    "customer": N_("By customer: each can be left out"),
}


def told(db: Session, rows: Iterable[Change]) -> list[tuple[Change, str]]:
    """Changes with their titles, in the language of this page."""
    zone = settings.organisation(db).zone
    return [(row, wording.title(listing.published(db, row, zone), language())) for row in rows]


def words_for_items(db: Session) -> dict[str, Any]:
    """What the table of before and after calls things by."""
    names = {slug: row.name for slug, row in register.services(db).items()}
    return {"fields": FIELD_NAMES, "differences": differences, "recorded": _recorded,
            "names_of": lambda slugs: [names.get(slug, slug) for slug in slugs]}


def _recorded(item: Item) -> list[str]:
    said = {*differences(None, item.before), *differences(None, item.after)}
    return [name for name in FIELD_NAMES if name in said]


@bp.get("/changes")
@staff
def change_list() -> Response:
    """All changes, or those in one state."""
    wanted = request.args.get("state", "")
    with house().database.reading() as db:
        rows = [c for c in changes.every(db) if not wanted or c.state == wanted]
        return page("changes.html", changes=told(db, rows[:MOST]), total=len(rows), wanted=wanted,
                    choices=list(ChangeState), kinds=KIND_NAMES)


@bp.get("/changes/<ref>")
@staff
def change_page(ref: str) -> Response:
    """One change: what it is, what is missing, who did what, and what can be done now."""
    return _show(ref)


def _show(ref: str, refusal: Refusal | None = None) -> Response:
    now = clock.now()
    with house().database.reading() as db:
        change = changes.get(db, ref)
        items, names = changes.items_of(db, change), Names(db)
        standings = releases.standings(db, change, now) if change.announced_at else []
        own = [] if standings else releases.change_blockers(change, now, settings.organisation(db).zone)
        gaps = changes.gaps(db, change, now)
        correction, looked = corrections.asked_for(db, change), diligence.of(db, change, items, now)
        return page(
            "change.html", refusal=refusal, change=change, title=told(db, [change])[0][1], items=items,
            kinds=KIND_NAMES, services=changes.services_of(db, items), gaps=gaps, names=names,
            acts=log.of(db, CHANGE.name, change.ref, names), separable=SEPARABLE,
            separable_now=exclusions.separable_of(change), beyond=exceptions.of(db, change, standings, now),
            beyond_names=exceptions.OVERRIDABLE,
            announcements=[a for a in changes.announcements_of(db, change) if a.made_at],
            offers=_offers(change, gaps),
            releasing=_releasing(change, standings, bool(own) or any(s.blockers for s in standings)),
            standings=standings[:MOST], standing_count=len(standings), clear=sum(s.clear for s in standings),
            released=sum(s.part.released_at is not None for s in standings), own_blockers=own,
            windows={s.notice.id: notices.window_of(db, s.notice) for s in standings[:MOST]},
            correction=correction, mending=_mending(items, correction),
            diligence=looked, what=offboarding.WHAT, **diligence.forms(looked.today),
            editable=change.state in changes.EDITABLE, joinings=JOININGS, marks=wording.MARKS, **words_for_items(db),
        )


def _mending(items: Sequence[Item], correction: Mapping[str, Any] | None) -> list[Item]:
    """As told and as it ought to be, of each item that a correction waiting for its second person mends."""
    pairs = zip(items, correction["items"], strict=True) if correction else ()
    return [Item(told.after, meant.after) for told, meant in pairs if told != meant]


def _offers(change: Change, gaps: Sequence[Sentence]) -> list[Offer]:
    unmet = {}
    if gaps:
        unmet[Need.COMPLETE] = Sentence(N_("Not yet: what is missing is listed at the top of this page."))
    if any(g.actor.is_person(author) for author in (change.proposed_by, *change.authors)):
        unmet[Need.SECOND_PERSON] = Sentence(
            N_("This waits for a second person: you have already acted on it yourself."))
    return [o for o in offers(CHANGE, change.state, BUTTONS, g.actor, unmet) if o.action != "take_effect"]


@dataclass(frozen=True)
class Releasing:
    """The release to all, or why not now; and whether single customers can be released."""

    offer: Offer
    one_by_one: bool


def _releasing(change: Change, standings: Sequence[Standing], blocked: bool) -> Releasing | None:
    """The release button: also for the customers that follow one by one after the change took effect."""
    left = change.state == ChangeState.IN_EFFECT and any(s.waiting for s in standings)
    if change.state != ChangeState.ANNOUNCED and not left:
        return None
    unmet = {Need.GATE: Sentence(N_("Not yet: what stands in the way is listed above."))} if blocked else {}
    offer = offers(CHANGE, ChangeState.ANNOUNCED, {"take_effect": BUTTONS["take_effect"]}, g.actor, unmet)[0]
    return Releasing(offer, exclusions.separable_of(change) == "customer" and bool(g.actor.roles & TAKE_EFFECT.by))


def _release(db: Session, ref: str, reason: str) -> None:
    releases.release(db, ref, customer_ref=request.form.get("customer", ""), actor=g.actor, now=clock.now())


def _move_start(db: Session, ref: str, reason: str) -> None:
    new_start = day_of("start", N_("New start"))
    if new_start is None:
        raise Refusal("bad_value", field=N_("New start"), problem=N_("give a day"))
    starts.move_start(db, ref, new_start, reason, actor=g.actor, now=clock.now())


def _sign_correction(db: Session, ref: str, reason: str) -> None:
    house().preflight(db, clock.now())
    corrections.sign(db, ref, actor=g.actor, now=clock.now())


@dataclass(frozen=True)
class _Decision:
    run: Callable[[Session, str, str], object]
    done: str


DECISIONS: Mapping[str, _Decision] = {
    "submit": _Decision(lambda db, ref, why: changes.submit(db, ref, actor=g.actor, now=clock.now()),
                        N_("%(ref)s is in review now. The people with the role privacy are told by mail.")),
    "approve": _Decision(lambda db, ref, why: changes.approve(db, ref, reason=why, actor=g.actor, now=clock.now()),
                         N_("%(ref)s is approved. It can be previewed and announced now.")),
    "send_back": _Decision(lambda db, ref, why: changes.send_back(db, ref, why, actor=g.actor, now=clock.now()),
                           N_("%(ref)s was sent back.")),
    "reject": _Decision(lambda db, ref, why: changes.reject(db, ref, why, actor=g.actor, now=clock.now()),
                        N_("%(ref)s was rejected.")),
    "sign_correction": _Decision(_sign_correction,
                                 N_("%(ref)s is corrected. Its customers are told, with time to object anew.")),
    "move_start": _Decision(_move_start, N_("The start of %(ref)s is moved. Whoever was told is told of this too.")),
    "withdraw": _Decision(lambda db, ref, why: announcements.withdraw(db, ref, why, actor=g.actor, now=clock.now()),
                          N_("%(ref)s was withdrawn. Whoever was told of it is told of this too.")),
    "take_effect": _Decision(_release, N_("%(ref)s is released to everybody who was clear, and in effect.")),
    **{action: _Decision(run, said) for action, (run, said) in {**exceptions.ACTS, **diligence.ACTS}.items()},
}


@bp.post("/changes/<ref>/<action>")
@staff
def decide(ref: str, action: str) -> Response | Answer:
    """One decision on a change; a refusal brings the page back with the words that were given."""
    decision = DECISIONS.get(action)
    if decision is None:
        raise NotFound
    try:
        with acting() as db:
            refuse_overtaken(changes.get(db, ref, lock=True))
            result = decision.run(db, ref, request.form.get("reason", ""))
    except Refusal as refusal:
        return _show(ref, refusal)
    waits = action in exceptions.ACTS and result is None
    return done(f"/console/changes/{ref}", exceptions.ASKED if waits else decision.done, ref=ref)
