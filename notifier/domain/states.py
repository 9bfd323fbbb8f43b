"""The state machines as data: one row per legal move. Nothing else knows an order of states.

Buttons, permissions, the README's tables, the audit sentences and the tests all read these rows;
`notifier.workflow.audit.move` is the one door that obeys them. "Window open" is never a state: it is
arithmetic over stored moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from notifier.domain.people import Kind, Role
from notifier.domain.sentences import N_


class ChangeState(StrEnum):
    """Where one act on the list stands, from somebody's draft to the list telling it."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    SENT_BACK = "sent_back"
    APPROVED = "approved"
    ANNOUNCED = "announced"
    IN_EFFECT = "in_effect"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class NoticeState(StrEnum):
    """Whether one customer is proven to have been told."""

    PENDING = "pending"
    GIVEN = "given"
    UNDELIVERABLE = "undeliverable"
    CANCELLED = "cancelled"


class DeliveryState(StrEnum):
    """One letter to one address."""

    QUEUED = "queued"
    SENDING = "sending"
    UNCERTAIN = "uncertain"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    BLOCKED = "blocked"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ObjectionState(StrEnum):
    """One customer's objection, to its amicable end or a termination."""

    FILED = "filed"
    ACKNOWLEDGED = "acknowledged"
    NOT_UPHELD = "not_upheld"
    NO_AGREEMENT = "no_agreement"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"
    RIGHT_NOT_USED = "right_not_used"


class Need(StrEnum):
    """What must be there besides the role. The door checks the first two itself; of the others the verb
    must say that it has looked."""

    REASON = "reason"
    SECOND_PERSON = "second_person"
    COMPLETE = "complete"
    AUDIENCE = "audience"
    GATE = "gate"
    PROOF = "proof"
    MEASURE = "measure"
    SERVICE_AND_DATE = "service_and_date"


State = ChangeState | NoticeState | DeliveryState | ObjectionState


@dataclass(frozen=True)
class Move:
    """One legal move: `action` takes `source` to `target`; `by` are the roles or kinds of actor that may."""

    source: State
    action: str
    target: State
    by: frozenset[Role | Kind]
    needs: frozenset[Need] = frozenset()


@dataclass(frozen=True)
class Machine:
    """A machine's name, its first state and its rows. `sentences` tells each action to people, once per action."""

    name: str
    states: type[StrEnum]
    initial: State
    rows: tuple[Move, ...]
    sentences: dict[str, str]

    def find(self, source: State, action: str) -> Move | None:
        """The row for `action` out of `source`, or None where that is not a legal move."""
        return next((r for r in self.rows if r.source == source and r.action == action), None)

    def actions(self, source: State) -> tuple[Move, ...]:
        """Every legal move out of `source`."""
        return tuple(r for r in self.rows if r.source == source)

    def final(self, state: State) -> bool:
        """Whether nothing leads out of `state`."""
        return not self.actions(state)


def _rows(
    sources: tuple[State, ...] | State, action: str, target: State, *by: Role | Kind, needs: tuple[Need, ...] = ()
) -> tuple[Move, ...]:
    each = sources if isinstance(sources, tuple) else (sources,)
    return tuple(Move(source, action, target, frozenset(by), frozenset(needs)) for source in each)


_C, _N, _D, _O = ChangeState, NoticeState, DeliveryState, ObjectionState
_OPS, _PRIVACY = Role.OPS, Role.PRIVACY
_SYSTEM, _CONTACT, _PROVIDER = Kind.SYSTEM, Kind.CONTACT, Kind.PROVIDER

CHANGE = Machine(
    "change",
    ChangeState,
    _C.DRAFT,
    (
        *_rows((_C.DRAFT, _C.SENT_BACK), "submit", _C.IN_REVIEW, _OPS, _PRIVACY, needs=(Need.COMPLETE,)),
        *_rows((_C.IN_REVIEW, _C.APPROVED), "send_back", _C.SENT_BACK, _PRIVACY, needs=(Need.REASON,)),
        *_rows(_C.IN_REVIEW, "reject", _C.REJECTED, _PRIVACY, needs=(Need.REASON,)),
        *_rows(_C.IN_REVIEW, "approve", _C.APPROVED, _PRIVACY, needs=(Need.COMPLETE, Need.SECOND_PERSON)),
        *_rows(_C.APPROVED, "announce", _C.ANNOUNCED, _PRIVACY, needs=(Need.COMPLETE, Need.AUDIENCE)),
        *_rows(_C.ANNOUNCED, "take_effect", _C.IN_EFFECT, _PRIVACY, _OPS, _SYSTEM, needs=(Need.GATE,)),
        *_rows(
            (_C.IN_REVIEW, _C.APPROVED, _C.ANNOUNCED), "irregular_start", _C.IN_EFFECT, _PRIVACY,
            needs=(Need.REASON, Need.SECOND_PERSON),
        ),
        *_rows((_C.DRAFT, _C.SENT_BACK), "withdraw", _C.WITHDRAWN, _OPS, _PRIVACY, needs=(Need.REASON,)),
        *_rows(
            (_C.IN_REVIEW, _C.APPROVED, _C.ANNOUNCED), "withdraw", _C.WITHDRAWN, _PRIVACY, needs=(Need.REASON,)
        ),
    ),
    {
        "submit": N_("sent to review"),
        "send_back": N_("sent back to its proposer"),
        "reject": N_("rejected"),
        "approve": N_("approved by a second person"),
        "announce": N_("announced to every customer it concerns"),
        "take_effect": N_("took effect on the list"),
        "irregular_start": N_("recorded by two people as started irregularly"),
        "withdraw": N_("withdrawn"),
    },
)

_BY_MAIL = (_PROVIDER, _SYSTEM)

NOTICE = Machine(
    "notice",
    NoticeState,
    _N.PENDING,
    (
        *_rows(
            (_N.PENDING, _N.UNDELIVERABLE), "give", _N.GIVEN, _PROVIDER, _SYSTEM, _CONTACT, _PRIVACY,
            needs=(Need.PROOF,),
        ),
        *_rows((_N.PENDING, _N.GIVEN), "fail", _N.UNDELIVERABLE, *_BY_MAIL, needs=(Need.PROOF,)),
        *_rows((_N.PENDING, _N.GIVEN, _N.UNDELIVERABLE), "cancel", _N.CANCELLED, _PRIVACY, _SYSTEM),
    ),
    {
        "give": N_("proven to have reached the customer"),
        "fail": N_("could not be delivered to any notice contact"),
        "cancel": N_("cancelled, because what it announced will not happen"),
    },
)

DELIVERY = Machine(
    "delivery",
    DeliveryState,
    _D.QUEUED,
    (
        *_rows(_D.QUEUED, "claim", _D.SENDING, _SYSTEM),
        *_rows((_D.QUEUED, _D.UNCERTAIN), "cancel", _D.CANCELLED, _PRIVACY, _SYSTEM),
        *_rows((_D.SENDING, _D.UNCERTAIN), "accept", _D.ACCEPTED, *_BY_MAIL),
        *_rows(_D.SENDING, "fail", _D.FAILED, *_BY_MAIL),
        *_rows(_D.SENDING, "doubt", _D.UNCERTAIN, _SYSTEM),
        *_rows((_D.SENDING, _D.UNCERTAIN), "requeue", _D.QUEUED, _SYSTEM),
        # Out of QUEUED too: an event can prove that a letter held for lost, and owed again, had left after all.
        *_rows((_D.QUEUED, _D.SENDING, _D.UNCERTAIN, _D.ACCEPTED), "deliver", _D.DELIVERED, *_BY_MAIL),
        *_rows(
            (_D.QUEUED, _D.SENDING, _D.UNCERTAIN, _D.ACCEPTED, _D.DELIVERED), "bounce", _D.BOUNCED, *_BY_MAIL
        ),
        *_rows((_D.QUEUED, _D.SENDING, _D.UNCERTAIN, _D.ACCEPTED), "block", _D.BLOCKED, *_BY_MAIL),
    ),
    {
        "claim": N_("taken in hand by a worker"),
        "cancel": N_("cancelled before it was sent"),
        "accept": N_("accepted by the mail provider"),
        "fail": N_("refused by the mail provider for good"),
        "doubt": N_("of unknown outcome, to be looked up at the provider"),
        "requeue": N_("put back in the queue, known not to have left"),
        "deliver": N_("accepted by the recipient's mail server"),
        "bounce": N_("returned by the recipient's mail server"),
        "block": N_("not even tried by the mail provider"),
    },
)

OBJECTION = Machine(
    "objection",
    ObjectionState,
    _O.FILED,
    (
        *_rows(_O.FILED, "acknowledge", _O.ACKNOWLEDGED, _PRIVACY),
        *_rows(_O.ACKNOWLEDGED, "resolve", _O.RESOLVED, _PRIVACY, needs=(Need.MEASURE,)),
        *_rows(
            _O.ACKNOWLEDGED, "not_uphold", _O.NOT_UPHELD, _PRIVACY, needs=(Need.REASON, Need.SECOND_PERSON)
        ),
        *_rows(_O.ACKNOWLEDGED, "no_agreement", _O.NO_AGREEMENT, _PRIVACY, needs=(Need.REASON,)),
        *_rows(
            _O.NO_AGREEMENT, "terminate", _O.TERMINATED, _PRIVACY, _CONTACT, needs=(Need.SERVICE_AND_DATE,)
        ),
        *_rows(_O.NO_AGREEMENT, "right_not_used", _O.RIGHT_NOT_USED, _PRIVACY, _SYSTEM, needs=(Need.REASON,)),
        *_rows(_O.NOT_UPHELD, "contradict", _O.NO_AGREEMENT, _CONTACT, _PRIVACY, needs=(Need.REASON,)),
        *_rows(_O.RESOLVED, "contradict", _O.ACKNOWLEDGED, _CONTACT, _PRIVACY, needs=(Need.REASON,)),
        *_rows((_O.FILED, _O.ACKNOWLEDGED, _O.NO_AGREEMENT), "withdraw", _O.WITHDRAWN, _CONTACT),
    ),
    {
        "acknowledge": N_("acknowledged"),
        "resolve": N_("resolved amicably, with the measure agreed"),
        "not_uphold": N_("not upheld, with reasons, by two people"),
        "no_agreement": N_("ended without agreement; the right of termination is open"),
        "terminate": N_("ended by termination of the affected service"),
        "right_not_used": N_("ended: the right of termination was not used"),
        "contradict": N_("reopened, because the customer contradicts"),
        "withdraw": N_("withdrawn by the customer"),
    },
)

MACHINES: tuple[Machine, ...] = (CHANGE, NOTICE, DELIVERY, OBJECTION)
