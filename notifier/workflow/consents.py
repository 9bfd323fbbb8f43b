"""What a customer answers to a notice by itself: that it has read it, and its specific consent. Each proves receipt."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import NOTICE, NoticeState
from notifier.domain.terms import Terms
from notifier.tables import Acknowledgement, Change, Contact, Notice, NoticeChange
from notifier.workflow import audit, contact_checks, notices

LONGEST = 200  # characters of a name or a function


def acknowledge(session: Session, notice: Notice, *, actor: Actor, now: datetime) -> None:
    """The customer says that it has read the notice: a proof of receipt by its own act, and no consent to anything.
    The contact who says so is sent no reminder. Said again by the same one, or of a notice that was cancelled, it
    changes nothing."""
    notice = notices.lock(session, notice.id or 0)
    if notice.state == NoticeState.CANCELLED or _acknowledged(session, notice, actor.id):
        return
    notices.give(session, notice, now, "customer", {"act": "acknowledgement"}, actor=actor, now=now)
    notice.acknowledged_at = notice.acknowledged_at or now
    contact_checks.heard(session, actor.id, now)
    if actor.id is not None:
        session.add(Acknowledgement(notice_id=notice.id or 0, contact_id=actor.id, at=now))
    audit.note(session, "acknowledge", NOTICE.name, notice.uid, actor=actor, now=now)


def _acknowledged(session: Session, notice: Notice, contact_id: int | None) -> bool:
    """Whether this contact has said so already; one we do not know by a row of its own: whether anybody has."""
    if contact_id is None:
        return notice.acknowledged_at is not None
    return acknowledged_at(session, notice, contact_id) is not None


def acknowledged_at(session: Session, notice: Notice, contact_id: int | None) -> datetime | None:
    """When this contact said that it has read the notice, if it did. What was said before this was kept contact by
    contact counts for all of the customer's."""
    rows = session.exec(select(Acknowledgement).where(Acknowledgement.notice_id == notice.id)).all()
    if not rows:
        return notice.acknowledged_at
    return next((row.at for row in rows if row.contact_id == contact_id), None)


def readers(session: Session, notice: Notice) -> list[tuple[str, datetime]]:
    """The contacts who said that they have read the notice, by address, in the order they said so."""
    return list(session.exec(
        select(Contact.email, Acknowledgement.at).join(Contact, col(Contact.id) == col(Acknowledgement.contact_id))
        .where(Acknowledgement.notice_id == notice.id).order_by(col(Acknowledgement.id))
    ))


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
    contact_checks.heard(session, actor.id, now)
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
    if not Terms.from_json(notice.terms).needs_yes or not notice.opens_window:
        return []
    rows = session.exec(
        select(NoticeChange, Change).join(Change, col(Change.id) == col(NoticeChange.change_id))
        .where(NoticeChange.notice_id == notice.id, col(NoticeChange.withdrawn_at).is_(None),
               col(NoticeChange.superseded_at).is_(None), col(NoticeChange.released_at).is_(None),
               col(NoticeChange.freed_at).is_(None),
               col(Change.opens_window).is_(True))
        .order_by(col(Change.id))
    ).all()
    return [(part, change) for part, change in rows]
