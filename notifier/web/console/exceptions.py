"""The ways past the gate on a change's page: separability, exclusion, override; what is decided and what is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import g, request
from sqlmodel import Session

from notifier import clock
from notifier.domain.gate import Code
from notifier.domain.listing import Mark
from notifier.domain.people import Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import CHANGE, ChangeState
from notifier.tables import Change, Countersignature, Customer, Exclusion, ExclusionCheck, IrregularStart, Override
from notifier.web.console.desk import day_of
from notifier.workflow import exceptions, exclusions, listing, settings
from notifier.workflow.releases import Standing

OVERRIDABLE: Mapping[str, str] = {
    Code.START_OPEN: N_("The planned start is open"),
    Code.BEFORE_START: N_("The planned start has not come"),
    Code.NOT_INFORMED: N_("It is not proven that the notice arrived"),
    Code.NOTICE_DAYS: N_("The agreed days since the notice have not passed"),
    Code.WINDOW_OPEN: N_("The window to object is open"),
    Code.OBJECTION_OPEN: N_("An objection is open that came after its window"),
}
"""What two people may set aside; nothing else has a box to tick."""

ASKED = N_("%(ref)s: what you asked for is kept. A second person signs the same words before it counts.")


@dataclass(frozen=True)
class LeftOut:
    """One exclusion with its customer and what engineers said; `due` where it has to be looked at again."""

    exclusion: Exclusion
    customer: Customer
    checks: Sequence[ExclusionCheck]
    due: bool


@dataclass(frozen=True)
class Exceptions:
    """What the part of the page shows, and which of its forms this person gets."""

    separable_now: str
    left_out: Sequence[LeftOut]
    objecting: Sequence[Standing]
    overrides: Sequence[Override]
    asked: Sequence[Countersignature]
    held_up: Sequence[Standing]
    may_confirm: bool
    may_decide: bool
    may_start: bool
    irregular: IrregularStart | None
    late: Sequence[Mark]
    overridable: Mapping[str, str]


def of(session: Session, change: Change, standings: Sequence[Standing], now: datetime) -> Exceptions:
    """Everything out of the ordinary about a change, for the person who looks."""
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    left_out = [_left_out(session, row, today) for row in exclusions.of_change(session, change)]
    asked_for = {one.customer.id for one in left_out}
    running = change.state in (ChangeState.ANNOUNCED, ChangeState.IN_EFFECT)
    privacy, separable = Role.PRIVACY in g.actor.roles, exclusions.separable_of(change)
    against = {Code.OBJECTION_OPEN, Code.CONSENT_REFUSED}
    objecting = [s for s in standings if s.held and s.customer.id not in asked_for
                 and against & {b.code for b in s.blockers}]
    held_up = [s for s in standings if s.held]
    standing = {b.code for s in held_up for b in s.blockers}
    return Exceptions(
        separable, left_out, objecting if running and privacy and separable == "customer" else [],
        exceptions.overrides_of(session, change), exceptions.awaiting(session, change), held_up,
        may_confirm=Role.OPS in g.actor.roles and change.state not in exclusions.OVER
        and not g.actor.is_person(change.proposed_by),
        may_decide=privacy and running,
        may_start=privacy and CHANGE.find(change.state, "irregular_start") is not None,
        irregular=exceptions.irregular_of(session, change), late=listing.late_notices(
            session, change, settings.organisation(session).zone),
        overridable={code: words for code, words in OVERRIDABLE.items() if code in standing},
    )


def _left_out(session: Session, row: Exclusion, today: date) -> LeftOut:
    customer = session.get(Customer, row.customer_id)
    assert customer is not None
    return LeftOut(row, customer, exclusions.checks_of(session, row),
                   row.recheck_due is not None and row.recheck_due <= today)


def _customer() -> str:
    return request.form.get("customer", "")


def _confirm_separable(db: Session, ref: str, words: str) -> Any:
    return exclusions.confirm_separable(db, ref, request.form.get("separable", ""), words, actor=g.actor,
                                        now=clock.now())


def _exclude(db: Session, ref: str, words: str) -> Any:
    return exclusions.ask(db, ref, _customer(), words, actor=g.actor, now=clock.now())


def _confirm(db: Session, ref: str, words: str) -> Any:
    return exclusions.confirm(db, ref, _customer(), words, actor=g.actor, now=clock.now())


def _end(db: Session, ref: str, words: str) -> Any:
    return exclusions.end(db, ref, _customer(), words, actor=g.actor, now=clock.now())


def _override(db: Session, ref: str, words: str) -> Any:
    return exceptions.override(db, ref, request.form.getlist("blocker"), words, customer_ref=_customer(),
                               actor=g.actor, now=clock.now())


def _irregular(db: Session, ref: str, words: str) -> Any:
    since = day_of("since", N_("Since"))
    if since is None:
        raise Refusal("bad_value", field=N_("Since"), problem=N_("write the day as 2026-12-24"))
    return exceptions.irregular_start(db, ref, words, since, actor=g.actor, now=clock.now())


ACTS: Mapping[str, tuple[Callable[[Session, str, str], Any], str]] = {
    "confirm_separable": (_confirm_separable, N_("%(ref)s: confirmed whether customers can be left out.")),
    "exclude": (_exclude, N_("%(ref)s: asked. It counts once an engineer has confirmed how the customer is left out.")),
    "confirm_exclusion": (_confirm, N_("%(ref)s: the customer is left out; to be looked at again in a year.")),
    "end_exclusion": (_end, N_("%(ref)s: the customer is no longer left out.")),
    "override": (_override, N_("%(ref)s: set aside, signed by two people.")),
    "irregular_start": (_irregular, N_("%(ref)s is on the list as started; every customer concerned is told.")),
}
"""What each button does (from the change's reference and the words given; None: it waits for a second person), and
what is said of it."""
