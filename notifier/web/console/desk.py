"""What all pages of the console share: the frame of a page, one act and its answer, buttons and their reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from flask import Blueprint, Response, flash, g, get_flashed_messages, redirect, request
from flask_wtf.csrf import generate_csrf
from sqlmodel import Session
from werkzeug.wrappers import Response as Answer

from notifier import clock, text
from notifier.domain.people import Actor, Kind, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import Machine, Need, State
from notifier.tables import Change
from notifier.web import frames
from notifier.web.pages import house, html, language
from notifier.workflow import people, settings

bp = Blueprint("console", __name__, url_prefix="/console")

MOST = 300  # rows of a table on one page; the rest is counted, and the command line lists it whole

STATES: Mapping[str, tuple[str, str]] = {
    "draft": ("", N_("Draft")),
    "in_review": ("is-warn", N_("In review")),
    "sent_back": ("is-warn", N_("Sent back")),
    "approved": ("is-info", N_("Approved")),
    "announced": ("is-info", N_("Announced")),
    "in_effect": ("is-good", N_("In effect")),
    "rejected": ("is-quiet", N_("Rejected")),
    "withdrawn": ("is-quiet", N_("Withdrawn")),
    "pending": ("is-info", N_("On its way")),
    "given": ("is-good", N_("Given")),
    "undeliverable": ("is-bad", N_("Undeliverable")),
    "cancelled": ("is-quiet", N_("Cancelled")),
    "queued": ("", N_("Queued")),
    "sending": ("is-info", N_("Being sent")),
    "uncertain": ("is-warn", N_("Outcome unknown")),
    "accepted": ("is-info", N_("Accepted by the provider")),
    "delivered": ("is-good", N_("Delivered")),
    "bounced": ("is-bad", N_("Bounced")),
    "blocked": ("is-bad", N_("Blocked")),
    "failed": ("is-bad", N_("Refused")),
    "filed": ("is-warn", N_("Filed")),
    "acknowledged": ("is-info", N_("Acknowledged")),
    "not_upheld": ("is-warn", N_("Not upheld")),
    "no_agreement": ("is-bad", N_("No agreement")),
    "resolved": ("is-good", N_("Resolved")),
    "terminated": ("is-quiet", N_("Terminated")),
    "right_not_used": ("is-quiet", N_("Right not used")),
}
"""Every state of every machine: the tone of its tag and its name."""

ROLES: Mapping[str, str] = {
    Role.OPS: N_("Operations: propose changes, mend them, see to letters"),
    Role.PRIVACY: N_("Privacy: approve, announce, answer objections"),
    Role.ADMIN: N_("Administration: people and settings"),
    Role.AUDITOR: N_("Audit: read everything, change nothing"),
}


def page(template: str, *, refusal: Refusal | None = None, framing: bool = False, **values: Any) -> Response:
    """The console page `template`, with the person, the messages waiting for them and the form's token.

    A `refusal` stands at the top of the page and gives it its status; `framing` lets it show a letter.
    """
    with house().database.reading() as db:
        organisation = settings.organisation(db)
    answer = html(
        f"console/{template}", user=g.get("user"), organisation=organisation, zone=organisation.zone, now=clock.now(),
        demo=house().settings.demo, refusal=refusal, news=get_flashed_messages(), csrf_token=generate_csrf,
        states=STATES, roles=ROLES, given=request.form, seen_as=seen_as, **values,
    )
    if refusal is not None:
        answer.status_code = refusal.family.value
    if framing:
        answer.headers["Content-Security-Policy"] = frames.FRAMING
    return answer


@contextmanager
def acting() -> Iterator[Session]:
    """One act: a transaction around the block, and the bells after its commit."""
    with house().database.transaction() as db:
        yield db
    house().ring_all()


def seen_as(change: Change) -> str:
    """What a page shows of a change, in short: it goes with every form on it."""
    return f"{change.state} {change.updated_at.isoformat()}"


def refuse_overtaken(change: Change) -> None:
    """Raises Refusal overtaken where somebody else acted on a change after the page was made that sends this form."""
    if request.form.get("seen", seen_as(change)) != seen_as(change):
        raise Refusal("overtaken", state=str(change.state))


def done(address: str, words: str, *, warnings: Iterable[str] = (), **facts: Any) -> Answer:
    """After an act: on to the page at `address`, which says in `words` (a message) what was done, and what to look at
    again."""
    flash(tell(words) % facts if facts else tell(words))
    for each in warnings:
        flash(each)
    return redirect(address, 303)


def tell(message: str) -> str:
    """A message in the language of this person."""
    return text.gettext(language())(message)


def need(role: Role) -> None:
    """Raises Refusal role_missing where the person who acts does not hold `role`."""
    if role not in g.actor.roles:
        raise Refusal("role_missing", roles=str(role))


def day_of(name: str, label: str) -> date | None:
    """A day from the form's field `name`, None where it is empty. Raises Refusal bad_value, naming `label`."""
    given = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise Refusal("bad_value", field=label, problem=N_("write the day as 2026-12-24")) from None


class Names:
    """Who an actor's code stands for, as pages say it."""

    def __init__(self, session: Session) -> None:
        self._people = {f"person:{user.id}": user.name for user in people.people(session)}

    def __call__(self, code: str) -> str:
        """A person's name; a word for everybody else."""
        if code in self._people:
            return self._people[code]
        return tell(_OTHERS.get(code.partition(":")[0], code))

    def person(self, user_id: int | None) -> str:
        """The name behind a user's id."""
        return self(f"person:{user_id}") if user_id is not None else tell(_OTHERS["system"])


_OTHERS = {
    "contact": N_("the customer’s contact"),
    "provider": N_("the mail provider"),
    "system": N_("the system"),
    "person": N_("somebody without an account"),
}


NOTHING: Mapping[Need, Sentence] = MappingProxyType({})


@dataclass(frozen=True)
class Offer:
    """One legal move on a page: a button called `label`, or `why_not` in its place."""

    action: str
    label: str
    needs_reason: bool
    why_not: Sentence | None = None


def offers(
    machine: Machine, state: State, labels: Mapping[str, str], actor: Actor, unmet: Mapping[Need, Sentence] = NOTHING
) -> list[Offer]:
    """Every move out of `state` that has a label, in the labels' order: a button for this person, or why it is none.

    `unmet` are the needs that are not met now, each with what to say of it.
    """
    found = []
    for move in (m for action in labels if (m := machine.find(state, action)) is not None):
        why_not = None if actor.roles & move.by else _who_may(move.by)
        for need_of_it, words in unmet.items():
            if why_not is None and need_of_it in move.needs:
                why_not = words
        found.append(Offer(move.action, labels[move.action], Need.REASON in move.needs, why_not))
    return found


def _who_may(by: frozenset[Role | Kind]) -> Sentence:
    roles = ", ".join(sorted(str(who) for who in by if isinstance(who, Role)))
    if not roles:
        return Sentence(N_("Only the customer can do this."))
    return Sentence(N_("This is for people with the role %(roles)s."), {"roles": roles})
