"""Letters of unknown outcome: a look at the provider settles them, and every look is written down.

A letter is sent again only when the provider did not have it twice, `LOOK_AGAIN` apart, and no event came. Where
nobody can be asked (SMTP), the lease is waited out: a worker that still holds the letter may yet be answered for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from notifier.domain.people import Actor, Role, system
from notifier.domain.refusals import Refusal
from notifier.domain.states import DeliveryState
from notifier.tables import Delivery
from notifier.workflow import alerts, audit, deliveries, notices
from notifier.workflow.audit import BatchMove

LOOK_AGAIN = timedelta(minutes=10)
"""How long a doubtful letter must stay absent at the provider before it is sent again."""

ASK_AGAIN = timedelta(minutes=1)
"""After how long a provider that gave no answer is asked again."""


@dataclass(frozen=True)
class Look:
    """What a look at the provider showed of one letter: `there`, absent, or, with None, that nobody could say."""

    there: bool | None
    provider_id: str = ""
    provider_uuid: str = ""
    words: str = ""


def open_ones(session: Session, limit: int, now: datetime) -> list[Delivery]:
    """Letters of unknown outcome that may be settled now, by whichever transport they went out."""
    return list(session.exec(
        select(Delivery).where(col(Delivery.state) == DeliveryState.UNCERTAIN, col(Delivery.due_at) <= now)
        .order_by(col(Delivery.due_at), col(Delivery.id)).limit(limit)
    ))


def strand(session: Session, ref: str, why: str, *, actor: Actor, now: datetime) -> None:
    """A letter that went out by a transport which this installation has no access to any more: nobody can ask, so a
    person decides (`decide`). Ops are told once; whether access is back is looked at now and then."""
    row = deliveries.find(session, ref, "")
    if row is None or row.state != DeliveryState.UNCERTAIN:
        return
    row.due_at = now + LOOK_WHETHER_BACK
    key = _stranded(row)
    if not deliveries.seen(session, [key]):
        words = f"{_STRANDED % row.transport} {why}".strip()
        row.last_words = words[:500]
        audit.move_batch(session, [BatchMove(row, "", now, key, words)], actor=actor, now=now)
        alerts.failed(session, row, words, now=now)


def is_stranded(session: Session, row: Delivery) -> bool:
    """Whether this letter waits for a person to decide."""
    return row.state == DeliveryState.UNCERTAIN and bool(deliveries.seen(session, [_stranded(row)]))


def _stranded(row: Delivery) -> str:
    return f"stranded:{row.ref}:{row.tries}"


def decide(session: Session, ref: str, action: str, reason: str, *, actor: Actor, now: datetime) -> Delivery:
    """A person of ops or privacy settles a letter that nobody can look up: `requeue` sends it again, under the same
    number; `cancel` lets it be, and the notice goes to the next contact or fails.

    Raises Refusal unknown, role_missing, reason_missing, no_such_move for one that is not in doubt or can be looked up.
    """
    found = deliveries.find(session, ref, "", lock=False)
    if found is None or action not in ("requeue", "cancel"):
        raise Refusal("unknown", what="letter", ref=ref)
    if not actor.roles & {Role.OPS, Role.PRIVACY}:
        raise Refusal("role_missing", roles="ops, privacy")
    if not reason.strip():
        raise Refusal("reason_missing")
    if found.notice_id is not None:
        notices.lock(session, found.notice_id)
    row = deliveries.find(session, ref, "")
    if row is None or not is_stranded(session, row):
        raise Refusal("no_such_move", state=str(found.state if row is None else row.state), action=action)
    row.absent_at, row.due_at, row.last_words = None, now, reason.strip()[:500]
    # The move is the system's, as every move of a letter; who decided it stands in an entry of its own.
    audit.move_batch(session, [BatchMove(row, action, now, words=row.last_words)], actor=system(actor.door), now=now)
    audit.note(session, "requeue_letter" if action == "requeue" else "cancel_letter", "delivery", row.ref, actor=actor,
               now=now, reason=reason.strip()[:500])
    if action == "cancel":
        notices.failed(session, [row], actor=system(actor.door), now=now)
    return row


LOOK_WHETHER_BACK = timedelta(hours=1)
_STRANDED = ("Whether this letter left nobody knows, and it cannot be looked up: it went out by %s, to which there is "
             "no access any more. Decide on its page whether it is sent again.")


def settle(
    session: Session, ref: str, look: Look, *, actor: Actor, now: datetime, look_again: timedelta = LOOK_AGAIN
) -> None:
    """After a look: there, and accepted; absent twice, `look_again` apart, and therefore owed again; or nobody could
    say, and it is looked for in a minute. An event that came in meanwhile has settled it already."""
    row = deliveries.find(session, ref, "")
    if row is None or row.state != DeliveryState.UNCERTAIN:
        return
    if look.there:
        row.provider_id = look.provider_id or row.provider_id
        row.provider_uuid = look.provider_uuid or row.provider_uuid
        row.handed_at = row.handed_at or now  # its worker died before it could say when
        row.absent_at, row.due_at = None, now + deliveries.SILENT
        _record(session, row, "accept", look.words, actor, now)
    elif look.there is None:
        row.due_at = now + ASK_AGAIN
        if row.last_words != look.words:  # an outage is worth one line in the record, not one a minute
            _record(session, row, "", look.words, actor, now)
    elif row.absent_at is None or now < row.absent_at + look_again:
        row.absent_at = row.absent_at or now
        row.due_at = row.absent_at + look_again
        _record(session, row, "", look.words, actor, now)
    else:
        row.absent_at, row.due_at = None, now
        _record(session, row, "requeue", look.words, actor, now)


def wait_out(session: Session, ref: str, *, actor: Actor, now: datetime) -> None:
    """Where nobody can be asked: once the lease is over the letter is owed again, under the same Message-ID, so that
    two copies can be told to be one."""
    row = deliveries.find(session, ref, "")
    if row is None or row.state != DeliveryState.UNCERTAIN:
        return
    if row.leased_until is not None and row.leased_until > now:
        row.due_at = row.leased_until
        return
    row.due_at = now
    _record(session, row, "requeue", "nobody can be asked what became of it; it is sent again", actor, now)


def _record(session: Session, row: Delivery, action: str, words: str, actor: Actor, now: datetime) -> None:
    row.last_words = words[:500]
    audit.move_batch(session, [BatchMove(row, action, now, words=words)], actor=actor, now=now)
