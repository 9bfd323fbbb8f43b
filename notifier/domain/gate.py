"""The gate: what still stands between one change and one customer (design §4; GDPR 28(2)).

A customer is released when its list of blockers is empty. Nothing here looks at another customer; whether a
change may start for some while others wait is `starts`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from notifier.domain.joining import ended
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import ChangeState, NoticeState, ObjectionState


class Code(StrEnum):
    """The kinds of blocker, as programs see them."""

    NOT_APPROVED = "not_approved"
    WITHDRAWN = "change_withdrawn"
    START_OPEN = "start_open"
    BEFORE_START = "before_planned_start"
    NOT_INFORMED = "no_proven_notice"
    NOTICE_DAYS = "notice_days_running"
    WINDOW_OPEN = "window_open"
    OBJECTION_OPEN = "objection_open"
    CONSENT_MISSING = "consent_missing"
    CONSENT_REFUSED = "consent_refused"


NEVER_OVERRIDDEN = frozenset({
    Code.NOT_APPROVED, Code.WITHDRAWN, Code.OBJECTION_OPEN, Code.CONSENT_MISSING, Code.CONSENT_REFUSED,
})
"""What no two people can set aside: the customer's own no, and a change that nobody has decided on. An objection filed
after its window is the one exception (`overridable`)."""

WAYS_OUT: Mapping[Code, str] = {
    Code.NOT_APPROVED: N_("Have it approved by a second person, and announce it."),
    Code.WITHDRAWN: N_("Nothing: a withdrawn change never starts."),
    Code.START_OPEN: N_("Fix a new planned start."),
    Code.BEFORE_START: N_("Wait for the planned start, or move it to a later day."),
    Code.NOT_INFORMED: N_(
        "Write to another notice contact, or hand the letter over by registered post and record that."
    ),
    Code.NOTICE_DAYS: N_("Wait until the agreed days have passed since this customer was informed."),
    Code.WINDOW_OPEN: N_("Wait until the window has ended, or get the customer's yes in text form."),
    Code.OBJECTION_OPEN: N_(
        "Find an amicable solution and record it, or leave this customer out where customers can be separated, or "
        "record that there is no agreement; the customer may then terminate."
    ),
    Code.CONSENT_MISSING: N_("Ask this customer for its specific yes; silence is none."),
    Code.CONSENT_REFUSED: N_("Talk to the customer; without its yes the change cannot start for it."),
}

EMERGENCY = N_(
    "Wait until the agreed days have passed since this customer was informed. Its contract has an emergency rule: "
    "where security or the running of the service depends on it, two people may set these days aside."
)

HOLDING = frozenset({
    ObjectionState.FILED, ObjectionState.ACKNOWLEDGED, ObjectionState.NOT_UPHELD, ObjectionState.NO_AGREEMENT,
    ObjectionState.RIGHT_NOT_USED,
})
"""Objection states that hold the customer they belong to. TERMINATED holds until the service has ended."""


@dataclass(frozen=True)
class Blocker:
    """One thing in the way: its code, in words, and what would clear it. `clears_on`: the day it ends by itself.
    `late`: it is an objection that was filed after its window. `emergency`: the contract has a rule for it."""

    code: Code
    sentence: Sentence
    clears_on: date | None = None
    late: bool = False
    emergency: bool = False

    @property
    def way_out(self) -> Sentence:
        """What would clear it, in words."""
        return Sentence(EMERGENCY if self.emergency else WAYS_OUT[self.code])


@dataclass(frozen=True)
class ObjectionFacts:
    """An objection as the gate sees it. `terminated_on`: the last civil day of each service it ends; `in_time`: None
    where no window ran when it was filed."""

    ref: str
    state: ObjectionState
    terminated_on: Mapping[str, date] = field(default_factory=dict)
    in_time: bool | None = None

    @property
    def late(self) -> bool:
        """Whether its window had ended when it was filed; before any window ran nothing is late."""
        return self.in_time is False


@dataclass(frozen=True)
class Facts:
    """All the gate needs to know of one change and one customer. Days are civil: `today` in the organisation's
    zone, `today_there` in the customer's; `receipt_day`, `window_ends_at` and `last_day` come from the window that
    counts, `informed_enough_on` is the first day on which the agreed notice days have passed; `window_holds` whether
    the terms have the start wait for the window, `emergency` whether they have an emergency rule; `overridden` names
    the blockers that two people have set aside for this customer; `stopped_buying` says that it buys no service the
    change concerns any more."""

    change_state: ChangeState
    planned_start: date | None
    today: date
    today_there: date
    now: datetime
    opens_window: bool
    specific: bool
    services: frozenset[str]
    notice_state: NoticeState | None
    receipt_day: date | None
    notice_days: int
    informed_enough_on: date | None
    window_ends_at: datetime | None
    last_day: date | None
    consent: str
    objections: Sequence[ObjectionFacts] = ()
    contract_end: date | None = None
    window_holds: bool = True
    emergency: bool = False
    overridden: frozenset[Code] = frozenset()
    stopped_buying: bool = False


def blockers(facts: Facts) -> list[Blocker]:
    """Everything that stands in the way, all of it, in the order a person would clear it. What two people have named
    is left out; everything else still blocks."""
    return [b for b in everything(facts) if not _set_aside(b, facts)]


def set_aside(facts: Facts) -> list[Blocker]:
    """What would stand in the way had not two people named it (design §4)."""
    return [b for b in everything(facts) if _set_aside(b, facts)]


def overridable(found: Collection[Code], objections: Sequence[ObjectionFacts]) -> bool:
    """Whether two people may set all these aside: never a customer's timely objection or its missing consent, never a
    change that is not approved, was withdrawn or rejected. An objection that came too late may be named."""
    late_only = all(o.late for o in objections if o.state in HOLDING or o.state is ObjectionState.TERMINATED)
    return not (set(found) & NEVER_OVERRIDDEN - ({Code.OBJECTION_OPEN} if late_only else set()))


def _set_aside(blocker: Blocker, facts: Facts) -> bool:
    return blocker.code in facts.overridden and (blocker.code not in NEVER_OVERRIDDEN or blocker.late)


def everything(facts: Facts) -> list[Blocker]:
    """Everything in the way, whoever named it."""
    if gone(facts):
        return []
    found = [*_of_the_change(facts)]
    if facts.opens_window:
        found += _of_the_notice(facts)
        found += _of_the_consent(facts)
    found += _of_the_objections(facts)
    return found


def _of_the_change(facts: Facts) -> list[Blocker]:
    if facts.change_state in (ChangeState.WITHDRAWN, ChangeState.REJECTED):
        return [Blocker(Code.WITHDRAWN, Sentence(N_("The change has been withdrawn or rejected.")))]
    if facts.change_state not in (ChangeState.ANNOUNCED, ChangeState.IN_EFFECT):
        return [Blocker(Code.NOT_APPROVED, Sentence(N_("The change is not approved and announced.")))]
    if facts.planned_start is None:
        return [Blocker(Code.START_OPEN, Sentence(N_("The planned start is open.")))]
    if facts.today < facts.planned_start:
        words = Sentence(N_("The planned start is %(start)s."), {"start": facts.planned_start})
        return [Blocker(Code.BEFORE_START, words, facts.planned_start)]
    return []


def _of_the_notice(facts: Facts) -> list[Blocker]:
    if facts.notice_state is not NoticeState.GIVEN or facts.window_ends_at is None or facts.receipt_day is None:
        return [Blocker(Code.NOT_INFORMED, Sentence(N_("It is not proven that the notice reached this customer.")))]
    found = []
    enough = facts.informed_enough_on
    if enough is not None and facts.today_there < enough:
        words = Sentence(
            N_("This customer was informed on %(day)s; the agreed %(days)s days have passed on %(enough)s."),
            {"day": facts.receipt_day, "days": facts.notice_days, "enough": enough},
        )
        found.append(Blocker(Code.NOTICE_DAYS, words, enough, emergency=facts.emergency))
    if facts.window_holds and facts.now < facts.window_ends_at and facts.last_day is not None:
        words = Sentence(N_("This customer may object until the end of %(last_day)s."), {"last_day": facts.last_day})
        found.append(Blocker(Code.WINDOW_OPEN, words, facts.last_day))
    return found


def _of_the_consent(facts: Facts) -> list[Blocker]:
    if not facts.specific or facts.consent == "yes":
        return []
    if facts.consent == "no":
        return [Blocker(Code.CONSENT_REFUSED, Sentence(N_("This customer has refused its specific authorisation.")))]
    words = Sentence(N_("This customer's contract asks for its specific authorisation, which is not given."))
    return [Blocker(Code.CONSENT_MISSING, words)]


def _of_the_objections(facts: Facts) -> list[Blocker]:
    return [
        Blocker(Code.OBJECTION_OPEN, Sentence(N_("Objection %(ref)s is not settled."), {"ref": objection.ref}),
                late=objection.late)
        for objection in facts.objections if _holds(objection, facts)
    ]


def _holds(objection: ObjectionFacts, facts: Facts) -> bool:
    if objection.state is ObjectionState.TERMINATED:
        return bool(_running(objection.terminated_on, facts.services, facts.today_there))
    return objection.state in HOLDING


def gone(facts: Facts) -> bool:
    """Whether nothing is left for the change to start on: the contract has ended, or every service it concerns has
    been terminated or is bought no more. Such a customer blocks nothing and is never released."""
    if facts.stopped_buying or ended(facts.contract_end, facts.today_there):
        return True
    over: dict[str, date] = {}
    for objection in facts.objections:
        over.update(objection.terminated_on)
    return bool(facts.services) and not _running(over, facts.services, facts.today_there)


def _running(ended: Mapping[str, date], services: Collection[str], today: date) -> set[str]:
    return {s for s in services if s not in ended or today <= ended[s]}
