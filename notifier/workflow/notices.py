"""Notices: when one counts as given, by which proof, which window that opens, and how it is taken back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, select

from notifier.domain import window as rules
from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import NOTICE, DeliveryState, Need, NoticeState
from notifier.domain.terms import Authorisation, Terms
from notifier.domain.window import Window
from notifier.tables import Change, Contact, Customer, Delivery, Notice, NoticeChange, NoticeWindow
from notifier.workflow import audit, calendars, deliveries
from notifier.workflow.audit import BatchMove

ARRIVED = frozenset({DeliveryState.DELIVERED})
UNDER_WAY = frozenset({
    DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNCERTAIN, DeliveryState.ACCEPTED,
})


@dataclass(frozen=True)
class Happening:
    """What a provider (or the demo's outbox) reports of a letter. `kind`: sent | bounce | blocked | spam | other.

    `at` is the provider's moment; `key` identifies the event, so that its repeats change nothing; `by` is the
    rung of the proof ladder it stands on (provider, demo).
    """

    ref: str
    provider_id: str
    kind: str
    at: datetime
    key: str
    words: str = ""
    raw: dict[str, Any] | None = None
    by: str = "provider"


_MOVES = {"sent": "deliver", "bounce": "bounce", "blocked": "block"}


def happened(session: Session, event: Happening, *, actor: Actor, now: datetime) -> str:
    """Takes in one event; repeats and late ones are recorded and change nothing. Returns in a word what it did:
    unknown, repeated, recorded, or the delivery's new state."""
    delivery = deliveries.find(session, event.ref, event.provider_id)
    if delivery is None:
        return "unknown"
    if deliveries.seen(session, event.key):
        return "repeated"
    action = _MOVES.get(event.kind, "")
    legal = audit.MACHINE_OF[Delivery].find(delivery.state, action) if action else None
    if event.kind == "spam" and delivery.contact_id is not None:
        contact = session.get(Contact, delivery.contact_id)
        if contact is not None:
            contact.barred_at = contact.barred_at or now
    notice, notice_action = _consequence(session, delivery, action if legal else "", event)
    audit.move_batch(
        session,
        [BatchMove(delivery, action if legal else "", event.at, event.key, event.words, event.raw, notice,
                   notice_action)],
        actor=actor, now=now,
    )
    if not legal:
        return "recorded"
    _after(session, delivery, action, event, notice, notice_action, actor=actor, now=now)
    return str(delivery.state)


def _consequence(
    session: Session, delivery: Delivery, action: str, event: Happening
) -> tuple[Notice | None, str]:
    """Which move of its notice an event causes: the first proof gives it, the last lost address fails it."""
    if not action or delivery.notice_id is None or delivery.kind != "change_announced":
        return None, ""
    notice = lock(session, delivery.notice_id)
    if action == "deliver":
        return notice, "give" if NOTICE.find(notice.state, "give") else ""
    others = [d for d in deliveries.of_notice(session, notice.id or 0) if d.id != delivery.id]
    if any(d.state in ARRIVED or d.state in UNDER_WAY for d in others):
        return notice, ""
    undone = notice.state == NoticeState.GIVEN and notice.given_by in ("provider", "demo", "presumed")
    fails = undone or (notice.state == NoticeState.PENDING and _unwritten(session, notice) is None)
    return notice, "fail" if fails and NOTICE.find(notice.state, "fail") else ""


def _after(
    session: Session, delivery: Delivery, action: str, event: Happening, notice: Notice | None, notice_action: str,
    *, actor: Actor, now: datetime,
) -> None:
    if action == "deliver":
        delivery.delivered_at = event.at
        if notice is not None and notice_action == "give":
            proof = {"delivery": delivery.ref, "event": event.key, "words": event.words[:200]}
            _given(session, notice, event.at, event.by, proof, now=now)
        return
    if delivery.contact_id is not None:
        contact = session.get(Contact, delivery.contact_id)
        if contact is not None:
            contact.bounced_at = now
    deliveries.to_staff(session, "staff_delivery_failed", "delivery", delivery.id or 0, Role.OPS, now=now,
                        words=event.words)
    if notice is None:
        return
    if notice_action == "fail":
        _unprove(notice)
    elif notice.proof is not None and notice.proof.get("delivery") == delivery.ref:
        _reprove(session, notice, delivery, now=now)
    _next_contact(session, notice, now=now)


def failed(session: Session, refused: list[Delivery], *, actor: Actor, now: datetime) -> None:
    """After a transport refused letters for good: the next contact is written to, or the notice fails."""
    for delivery in refused:
        deliveries.to_staff(session, "staff_delivery_failed", "delivery", delivery.id or 0, Role.OPS, now=now,
                            words=delivery.last_words)
        if delivery.notice_id is None or delivery.kind != "change_announced":
            continue
        notice = lock(session, delivery.notice_id)
        others = deliveries.of_notice(session, notice.id or 0)
        alive = any(d.state in ARRIVED or d.state in UNDER_WAY for d in others)
        if not _next_contact(session, notice, now=now) and not alive and notice.state == NoticeState.PENDING:
            audit.move(session, notice, "fail", actor=actor, now=now, checked={Need.PROOF})


def give(
    session: Session, notice: Notice, at: datetime, by: str, proof: Mapping[str, Any], *, actor: Actor, now: datetime
) -> None:
    """Records that a notice reached its customer by another way than the provider's event: the customer's own
    act, or a hand delivery. Does nothing where it is proven already."""
    if notice.state in (NoticeState.GIVEN, NoticeState.CANCELLED):
        return
    audit.move(session, notice, "give", actor=actor, now=now, checked={Need.PROOF}, refs={"by": by})
    _given(session, notice, at, by, proof, now=now)


def acknowledge(session: Session, notice: Notice, *, actor: Actor, now: datetime) -> None:
    """The customer says that it has read the notice: a proof of receipt by its own act, and no consent to anything.
    Said once; said again, or of a notice that was cancelled, it changes nothing."""
    notice = lock(session, notice.id or 0)
    if notice.acknowledged_at is not None or notice.state == NoticeState.CANCELLED:
        return
    give(session, notice, now, "customer", {"act": "acknowledgement"}, actor=actor, now=now)
    notice.acknowledged_at = now
    audit.note(session, "acknowledge", NOTICE.name, notice.uid, actor=actor, now=now)


def consent(
    session: Session, notice: Notice, change_refs: Collection[str], answer: str, *, actor: Actor, now: datetime
) -> list[str]:
    """The customer's specific answer (`yes` or `no`) to the named changes, where its terms ask for one (GDPR 28(2)).
    Answering proves receipt. An answer may be changed until the change is released. Returns the refs it now holds for.

    Raises Refusal bad_value for another answer, consent_not_asked where none of the changes waits for one.
    """
    if answer not in ("yes", "no"):
        raise Refusal("bad_value", field=N_("Your answer"), problem=N_("answer yes or no"))
    notice = lock(session, notice.id or 0)
    waiting = [p for p in consent_asked(session, notice) if p[1].ref in change_refs]
    if not waiting:
        raise Refusal("consent_not_asked")
    give(session, notice, now, "customer", {"act": "consent"}, actor=actor, now=now)
    for part, _ in waiting:
        part.consent, part.consent_at = answer, now
    refs = [change.ref for _, change in waiting]
    audit.note(session, "consent", NOTICE.name, notice.uid, actor=actor, now=now,
               refs={"changes": refs, "answer": answer})
    return refs


def consent_asked(session: Session, notice: Notice) -> list[tuple[NoticeChange, Change]]:
    """The changes of a notice to which the customer may still say yes or no: its terms are specific, the change opens
    a window, and it is neither taken back nor released to this customer."""
    if Terms.from_json(notice.terms).authorisation is not Authorisation.SPECIFIC:
        return []
    rows = session.exec(
        select(NoticeChange, Change).join(Change, col(Change.id) == col(NoticeChange.change_id))
        .where(NoticeChange.notice_id == notice.id, col(NoticeChange.withdrawn_at).is_(None),
               col(NoticeChange.released_at).is_(None), col(Change.opens_window).is_(True))
        .order_by(col(Change.id))
    ).all()
    return [(part, change) for part, change in rows]


def _given(session: Session, notice: Notice, at: datetime, by: str, proof: Mapping[str, Any], *, now: datetime) -> None:
    notice.given_at, notice.given_by, notice.proof = at, by, dict(proof)
    if notice.opens_window:
        open_window(session, notice, at, "proven receipt", now=now)


def _unprove(notice: Notice) -> None:
    notice.given_at, notice.given_by, notice.proof = None, "", None


def _reprove(session: Session, notice: Notice, lost: Delivery, *, now: datetime) -> None:
    """The proof's own letter bounced, but another contact has one: the proof moves to the earliest of those."""
    arrived = [d for d in deliveries.of_notice(session, notice.id or 0) if d.state in ARRIVED and d.delivered_at]
    first = min(arrived, key=lambda d: d.delivered_at or now, default=None)
    if first is not None and first.delivered_at is not None:
        _given(session, notice, first.delivered_at, notice.given_by, {"delivery": first.ref}, now=now)


def _next_contact(session: Session, notice: Notice, *, now: datetime) -> bool:
    """Writes to the first notice contact that has not been written to yet; False where there is none."""
    contact = _unwritten(session, notice)
    if contact is not None:
        write_to(session, notice, contact, now=now)
    return contact is not None


def _unwritten(session: Session, notice: Notice) -> Contact | None:
    written = {d.to_email for d in deliveries.of_notice(session, notice.id or 0)}
    contacts = deliveries.notice_contacts(session, notice.customer_id)
    return next((contact for contact in contacts if contact.email not in written), None)


def write_to(session: Session, notice: Notice, contact: Contact, *, now: datetime) -> Delivery:
    """Owes the notice's letter to one more contact."""
    customer = session.get(Customer, notice.customer_id)
    assert customer is not None
    return deliveries.queue(
        session, "change_announced", "notice", notice.id or 0, email=contact.email, name=contact.name,
        language=customer.language, now=now, contact_id=contact.id, notice_id=notice.id,
    )


def open_window(session: Session, notice: Notice, received_at: datetime, reason: str, *, now: datetime) -> NoticeWindow:
    """Computes and freezes the window from a proven receipt. It only ever extends: the day a letter printed and
    the window that ran before both stand where they end later (design §3)."""
    terms = Terms.from_json(notice.terms)
    day_off = calendars.day_off(terms)
    computed = rules.window(terms, received_at, day_off)
    counts = computed
    if notice.promised_last_day is not None:
        counts = rules.later(counts, rules.until(counts, notice.promised_last_day))
    before = window_of(session, notice)
    if before is not None:
        counts = rules.later(value_of(before), counts)
        if counts == value_of(before):
            return before
    inputs = {"received_at": received_at.isoformat(), "terms": notice.terms,
              "promised": notice.promised_last_day.isoformat() if notice.promised_last_day else None}
    row = NoticeWindow(
        notice_id=notice.id or 0, inputs=inputs, receipt_day=counts.receipt_day, nominal=counts.nominal,
        last_day=counts.last_day, ends_at=counts.ends_at, zone=counts.zone, why=[s.to_json() for s in counts.why],
        versions=calendars.versions(), replaces_id=before.id if before else None, reason=reason, created_at=now,
    )
    session.add(row)
    session.flush()
    notice.window_id = row.id
    _tell_if_longer(session, notice, row, before, now=now)
    return row


def _tell_if_longer(
    session: Session, notice: Notice, row: NoticeWindow, before: NoticeWindow | None, *, now: datetime
) -> None:
    """A short letter where the customer has more time than any letter it holds says."""
    told = max((d for d in (notice.promised_last_day, before and before.last_day) if d), default=None)
    if told is None or row.last_day <= told:
        return
    earlier = len(deliveries.of_notice(session, notice.id or 0, "window_extended"))
    customer = session.get(Customer, notice.customer_id)
    assert customer is not None
    for contact in deliveries.notice_contacts(session, notice.customer_id):
        deliveries.queue(
            session, "window_extended", "notice", notice.id or 0, email=contact.email, name=contact.name,
            language=customer.language, now=now, contact_id=contact.id, notice_id=notice.id, attempt=earlier + 1,
        )


def promise(session: Session, notice_id: int, last_day: date) -> None:
    """Remembers the last day a letter printed; the latest of several letters is the one that binds."""
    notice = lock(session, notice_id)
    if notice.promised_last_day is None or last_day > notice.promised_last_day:
        notice.promised_last_day = last_day


def window_of(session: Session, notice: Notice) -> NoticeWindow | None:
    """The window that counts now, or None before receipt is proven."""
    return session.get(NoticeWindow, notice.window_id) if notice.window_id else None


def value_of(row: NoticeWindow) -> Window:
    """A stored window as the rule's value."""
    why = tuple(Sentence.from_json(s) for s in row.why)
    return Window(row.receipt_day, row.nominal, row.last_day, row.ends_at, row.zone, why)


def lock(session: Session, notice_id: int) -> Notice:
    """The notice, locked until the transaction ends: proofs, objections and releases of one customer take turns."""
    return session.exec(select(Notice).where(Notice.id == notice_id).with_for_update()
                        .execution_options(populate_existing=True)).one()


def take_back(session: Session, change: Change, reason: str, *, actor: Actor, now: datetime) -> int:
    """Takes an announced change back from every notice: its part ends, unsent letters are cancelled, everybody
    else is told. A notice with nothing left in it is cancelled. Returns how many customers are told."""
    rows = session.exec(
        select(NoticeChange, Notice).join(Notice, col(Notice.id) == col(NoticeChange.notice_id))
        .where(NoticeChange.change_id == change.id).order_by(col(Notice.id)).with_for_update()
    ).all()
    told = 0
    for part, notice in rows:
        part.withdrawn_at = now
        session.flush()
        left = session.exec(select(NoticeChange.id).where(
            NoticeChange.notice_id == notice.id, col(NoticeChange.withdrawn_at).is_(None))).first()
        if left is None:
            deliveries.cancel_queued(session, [notice.id or 0], "change_announced", actor=actor, now=now)
        told += _tell_withdrawn(session, notice, part, reason, now=now)
        if left is None and notice.state != NoticeState.CANCELLED:
            audit.move(session, notice, "cancel", actor=actor, now=now, refs={"change": change.ref})
    return told


def _tell_withdrawn(session: Session, notice: Notice, part: NoticeChange, reason: str, *, now: datetime) -> int:
    customer = session.get(Customer, notice.customer_id)
    assert customer is not None
    left = {DeliveryState.CANCELLED, DeliveryState.FAILED, DeliveryState.BLOCKED, DeliveryState.BOUNCED}
    reached = {d.to_email for d in deliveries.of_notice(session, notice.id or 0) if d.state not in left}
    for contact in deliveries.notice_contacts(session, notice.customer_id):
        if contact.email in reached:
            deliveries.queue(
                session, "change_withdrawn", "notice_change", part.id or 0, email=contact.email, name=contact.name,
                language=customer.language, now=now, contact_id=contact.id, notice_id=notice.id, words=reason,
            )
    return 1 if reached else 0
