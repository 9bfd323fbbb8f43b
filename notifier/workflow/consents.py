"""What a customer answers to a notice by itself: that it has read it, and its specific consent. Each proves receipt."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import NOTICE, NoticeState
from notifier.domain.terms import Authorisation, Terms
from notifier.tables import Change, Notice, NoticeChange
from notifier.workflow import audit, notices

LONGEST = 200  # characters of a name or a function


def acknowledge(session: Session, notice: Notice, *, actor: Actor, now: datetime) -> None:
    """The customer says that it has read the notice: a proof of receipt by its own act, and no consent to anything.
    Said once; said again, or of a notice that was cancelled, it changes nothing."""
    notice = notices.lock(session, notice.id or 0)
    if notice.acknowledged_at is not None or notice.state == NoticeState.CANCELLED:
        return
    notices.give(session, notice, now, "customer", {"act": "acknowledgement"}, actor=actor, now=now)
    notice.acknowledged_at = now
    audit.note(session, "acknowledge", NOTICE.name, notice.uid, actor=actor, now=now)


def consent(
    session: Session, notice: Notice, change_refs: Collection[str], answer: str, *, name: str, function: str,
    actor: Actor, now: datetime,
) -> list[str]:
    """The customer's specific answer (`yes` or `no`) to the named changes, where its terms ask for one (GDPR 28(2)), by
    the person of this name and function. Answering proves receipt. An answer may be changed until the change is
    released. Returns the refs it now holds for.

    Raises Refusal bad_value for another answer or without a name and a function, consent_not_asked where none of the
    changes waits for one.
    """
    if answer not in ("yes", "no"):
        raise Refusal("bad_value", field=N_("Your answer"), problem=N_("answer yes or no"))
    for field, given in ((N_("Your name"), name), (N_("Your function"), function)):
        if not given.strip() or len(given.strip()) > LONGEST:
            raise Refusal("bad_value", field=field, problem=N_("write it out, in at most 200 characters"))
    notice = notices.lock(session, notice.id or 0)
    waiting = [p for p in consent_asked(session, notice) if p[1].ref in change_refs]
    if not waiting:
        raise Refusal("consent_not_asked")
    notices.give(session, notice, now, "customer", {"act": "consent"}, actor=actor, now=now)
    for part, _ in waiting:
        part.consent, part.consent_at = answer, now
        part.consent_name, part.consent_function = name.strip(), function.strip()
    refs = [change.ref for _, change in waiting]
    audit.note(session, "consent", NOTICE.name, notice.uid, actor=actor, now=now,
               refs={"changes": refs, "answer": answer},
               detail={"name": name.strip(), "function": function.strip()})
    return refs


def consent_asked(session: Session, notice: Notice) -> list[tuple[NoticeChange, Change]]:
    """The changes of a notice to which the customer may still say yes or no: its terms are specific, the change opens
    a window, and it is neither taken back nor released to this customer."""
    if Terms.from_json(notice.terms).authorisation is not Authorisation.SPECIFIC:
        return []
    rows = session.exec(
        select(NoticeChange, Change).join(Change, col(Change.id) == col(NoticeChange.change_id))
        .where(NoticeChange.notice_id == notice.id, col(NoticeChange.withdrawn_at).is_(None),
               col(NoticeChange.superseded_at).is_(None), col(NoticeChange.released_at).is_(None),
               col(Change.opens_window).is_(True))
        .order_by(col(Change.id))
    ).all()
    return [(part, change) for part, change in rows]
