"""Notices: when one counts as given, by which proof, which window that opens, and how it is taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import window as rules
from notifier.domain.letters import LetterKind
from notifier.domain.people import Actor
from notifier.domain.sentences import Sentence
from notifier.domain.states import DELIVERY, NOTICE, DeliveryState, Need, NoticeState
from notifier.domain.window import Window
from notifier.tables import Announcement, Contact, Customer, Delivery, Notice, NoticeChange, NoticeWindow
from notifier.workflow import (
    alerts,
    audit,
    contracts,
    deliveries,
    mailboxes,
    proofs,
    reckoning,
    reminders,
    silence,
    windows,
)
from notifier.workflow.audit import BatchMove

ARRIVED = frozenset({DeliveryState.DELIVERED})
UNDER_WAY = frozenset({
    DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNCERTAIN, DeliveryState.ACCEPTED,
})
BY_ARRIVAL = ("provider", "demo")
"""The rungs of the proof ladder that rest on the arrival of any letter."""


@dataclass(frozen=True)
class Happening:
    """What becomes known of a letter. `kind`: sent | duplicate (taken before) | bounce | blocked | soft (not yet) |
    spam | presumed (see `workflow.unheard`) | other.

    `at` is the moment it happened; `key` identifies it, so that repeats change nothing; `by` is the rung of the proof
    ladder (provider, demo, presumed), `means` how it became known (event, polled, dsn); `words` what was said, and
    `advice` what that means for our people."""

    ref: str
    provider_id: str
    kind: str
    at: datetime
    key: str
    words: str = ""
    raw: dict[str, Any] | None = None
    by: str = "provider"
    means: str = "event"
    advice: str = ""


@dataclass(frozen=True)
class _Step:
    """A happening with the legal move it makes of its delivery, if any, and of the notice."""

    event: Happening
    delivery: Delivery
    action: str
    notice: Notice | None
    notice_action: str


_MOVES = {"sent": "deliver", "duplicate": "accept", "bounce": "bounce", "blocked": "block"}


def happened(session: Session, event: Happening, *, actor: Actor, now: datetime) -> str:
    """Takes in one event; see `happened_all`."""
    return happened_all(session, [event], actor=actor, now=now)[0]


def happened_all(session: Session, events: Sequence[Happening], *, actor: Actor, now: datetime) -> list[str]:
    """Takes in events in their order; repeats change nothing, and late ones are only recorded. Returns in a word what
    each did: unknown, repeated, recorded, or its delivery's new state.

    All their notices are locked first, in order, and before any delivery: withdrawals and releases take theirs the
    same way round. Events on different notices share one entry of the log.
    """
    about, held = _locked(session, events)
    seen, done = deliveries.seen(session, [event.key for event in events]), []
    waiting: list[_Step] = []
    busy: set[tuple[str, int | None]] = set()
    for event, delivery in zip(events, about, strict=True):
        if delivery is None or event.key in seen:
            done.append("unknown" if delivery is None else "repeated")
            continue
        seen.add(event.key)
        concerned = {("delivery", delivery.id)} | ({("notice", delivery.notice_id)} if delivery.notice_id else set())
        if busy & concerned:
            _take(session, waiting, actor, now)
            waiting, busy = [], set()
        busy |= concerned
        waiting.append(_step(session, event, delivery, held.get(delivery.notice_id)))
        legal = DELIVERY.find(delivery.state, waiting[-1].action)
        done.append(str(legal.target) if legal else "recorded")
    _take(session, waiting, actor, now)
    return done


def _locked(
    session: Session, events: Sequence[Happening]
) -> tuple[list[Delivery | None], dict[int | None, Notice]]:
    """The deliveries the events are about, locked after their notices; those by their ids."""
    refs = {event.ref for event in events if event.ref}
    found = {row.ref: row for row in session.execute(
        sa.select(col(Delivery.ref), col(Delivery.id), col(Delivery.notice_id)).where(col(Delivery.ref).in_(refs)))}
    about = [found.get(e.ref) or deliveries.find(session, "", e.provider_id, lock=False) for e in events]
    model: Any
    held = []
    for model, ids in ((Notice, {d.notice_id for d in about if d}), (Delivery, {d.id for d in about if d})):
        rows = session.exec(select(model).where(model.id.in_(ids)).order_by(model.id).with_for_update()
                            .execution_options(populate_existing=True)).all()
        held.append({row.id: row for row in rows})
    return [held[1][d.id] if d else None for d in about], held[0]


def _step(session: Session, event: Happening, delivery: Delivery, notice: Notice | None) -> _Step:
    action = _MOVES.get(event.kind, "")
    if DELIVERY.find(delivery.state, action) is None:
        action = ""
    concerned, notice_action = _consequence(session, delivery, notice, action, event)
    return _Step(event, delivery, action, concerned, notice_action)


def _take(session: Session, steps: Sequence[_Step], actor: Actor, now: datetime) -> None:
    """Moves and records, then whatever follows. No two of the steps are about one delivery or one notice."""
    audit.move_batch(session, [
        BatchMove(s.delivery, s.action, s.event.at, s.event.key, s.event.words, s.event.raw, s.notice, s.notice_action,
                  letter=deliveries.left_by(s.delivery, s.action))
        for s in steps
    ], actor=actor, now=now)
    mailboxes.arrived(session, {s.delivery.to_email: s.event.at for s in steps if s.action == "deliver"},
                      actor=actor, now=now)
    first = [(s.notice, s.event.at) for s in steps if s.notice is not None and s.notice_action == "give"
             and s.notice.opens_window and s.notice.window_id is None]
    for notice in windows.open_first(session, first, _PROVEN, now=now):
        tell_longer(session, notice, now=now)
    opened = {notice.id for notice, _ in first}
    for step in steps:
        _after(session, step, now, opened=step.notice is not None and step.notice.id in opened)


def _consequence(
    session: Session, delivery: Delivery, notice: Notice | None, action: str, event: Happening
) -> tuple[Notice | None, str]:
    """Which move of its notice an event causes: the first proof gives it, the last lost address fails it."""
    proves, loses = action == "deliver" or event.kind == "presumed", action in ("bounce", "block")
    if notice is None or not (proves or loses) or not deliveries.gives(delivery):
        return None, ""
    if proves:
        return notice, "give" if NOTICE.find(notice.state, "give") else ""
    others = {d.state for d in deliveries.of_notice(session, notice.id or 0) if d.id != delivery.id}
    if notice.state == NoticeState.GIVEN:
        # Only a letter that has arrived elsewhere, or what the customer did itself, keeps the proof; one still under
        # way proves nothing yet.
        own = notice.given_by in BY_ARRIVAL or (notice.given_by == "presumed" and _rests_on(notice, delivery))
        return notice, "fail" if own and not others & ARRIVED and proofs.act(session, notice) is None else ""
    hopeless = not others & (ARRIVED | UNDER_WAY) and _unwritten(session, notice) is None
    return notice, "fail" if hopeless and NOTICE.find(notice.state, "fail") else ""


def _rests_on(notice: Notice, delivery: Delivery) -> bool:
    return notice.proof is not None and notice.proof.get("delivery") == delivery.ref


def _after(session: Session, step: _Step, now: datetime, *, opened: bool) -> None:
    event, delivery = step.event, step.delivery
    if event.kind == "spam":
        mailboxes.bar(session, delivery, event.words, now)
    elif event.kind == "soft":
        delivery.hindered_at = event.at
    elif step.action == "accept":
        delivery.handed_at, delivery.due_at = delivery.handed_at or event.at, now + deliveries.SILENT
    elif step.action == "deliver" or event.kind == "presumed":
        _proven(session, step, now, opened=opened)
    elif step.action:
        _lost(session, step, now)


def _proven(session: Session, step: _Step, now: datetime, *, opened: bool) -> None:
    event, delivery, notice = step.event, step.delivery, step.notice
    if step.action == "deliver":
        delivery.delivered_at = event.at
    # A presumption gives way to the real thing.
    if notice is not None and (step.notice_action == "give" or notice.given_by == "presumed" != event.by):
        means = event.by if event.by in ("presumed", "demo") else event.means
        proof = {"kind": means, "delivery": delivery.ref, "event": event.key, "words": event.words[:200]}
        _given(session, notice, event.at, event.by, proof, now=now, opened=opened)


def _lost(session: Session, step: _Step, now: datetime) -> None:
    event, delivery, notice = step.event, step.delivery, step.notice
    mailboxes.lost(session, delivery, now)
    alerts.failed(session, delivery, "\n".join(filter(None, [event.words, event.advice])), now=now)
    if notice is None:
        return
    if step.notice_action == "fail":
        _unprove(session, notice, now)
    elif _rests_on(notice, delivery):
        _reprove(session, notice, now=now)
    next_contact(session, notice, now=now)


def failed(session: Session, refused: list[Delivery], *, actor: Actor, now: datetime) -> None:
    """After a transport refused letters for good: the next contact is written to, or the notice fails."""
    for delivery in refused:
        alerts.failed(session, delivery, delivery.last_words, now=now)
        if delivery.notice_id is None or not deliveries.gives(delivery):
            continue
        notice = lock(session, delivery.notice_id)
        others = deliveries.of_notice(session, notice.id or 0)
        alive = any(d.state in ARRIVED or d.state in UNDER_WAY for d in others)
        if not next_contact(session, notice, now=now) and not alive and notice.state == NoticeState.PENDING:
            audit.move(session, notice, "fail", actor=actor, now=now, checked={Need.PROOF})


def give(
    session: Session, notice: Notice, at: datetime, by: str, proof: Mapping[str, Any], *, actor: Actor, now: datetime
) -> None:
    """Records that a notice reached its customer by another way than the provider's event: the customer's own
    act, or a hand delivery. Takes the place of a presumption; does nothing where it is proven already."""
    if notice.state == NoticeState.GIVEN and notice.given_by == "presumed":
        audit.note(session, "prove", NOTICE.name, notice.uid, actor=actor, now=now, refs={"by": by, "was": "presumed"})
    elif notice.state in (NoticeState.GIVEN, NoticeState.CANCELLED):
        return
    else:
        audit.move(session, notice, "give", actor=actor, now=now, checked={Need.PROOF}, refs={"by": by})
    _given(session, notice, at, by, proof, now=now)


_PROVEN = "proven receipt"


def _given(
    session: Session, notice: Notice, at: datetime, by: str, proof: Mapping[str, Any], *, now: datetime,
    opened: bool = False,
) -> None:
    notice.given_at, notice.given_by, notice.proof = at, by, dict(proof)
    if notice.opens_window and not opened:
        open_window(session, notice, at, _PROVEN, now=now)


def _unprove(session: Session, notice: Notice, now: datetime) -> None:
    silence.reopen(session, notice)
    notice.given_at, notice.given_by, notice.proof = None, "", None
    for other in deliveries.of_notice(session, notice.id or 0):
        if other.state == DeliveryState.ACCEPTED:
            other.due_at = now  # it may bear the notice now: looked after at once (`workflow.unheard`)


def _reprove(session: Session, notice: Notice, *, now: datetime) -> None:
    """The proof's own letter bounced, but another contact has one, or the customer has acted: the proof moves to
    the earliest of those."""
    letters = [d for d in deliveries.of_notice(session, notice.id or 0) if d.state in ARRIVED]
    proof = proofs.earliest(session, notice, letters)
    if proof is not None:
        _given(session, notice, proof.at, proof.by, proof.particulars, now=now)


def next_contact(session: Session, notice: Notice, *, now: datetime) -> bool:
    """Writes to the first notice contact that has not been written to yet; False where there is none, or where
    nothing of the notice stands any more, or the contract has ended."""
    waits = stands(session, notice.id or 0) and not contracts.over(session, notice, now)
    contact = _unwritten(session, notice) if waits else None
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
    announcement = session.get(Announcement, notice.announcement_id)
    assert customer is not None
    assert announcement is not None
    return deliveries.queue(
        session, letter_of(announcement), "notice", notice.id or 0, email=contact.email, name=contact.name,
        language=customer.language, now=now, contact_id=contact.id, notice_id=notice.id,
    )


def letter_of(announcement: Announcement) -> str:
    """The kind of letter that gives the notices of an announcement."""
    if announcement.irregular:
        return str(LetterKind.IRREGULAR_START)
    return str(LetterKind.CHANGE_CORRECTED if announcement.corrects_id else LetterKind.CHANGE_ANNOUNCED)


def stands(session: Session, notice_id: int) -> bool:
    """Whether anything a notice announced still stands: neither taken back nor superseded by a correction, and still of
    concern to the customer."""
    return session.exec(select(NoticeChange.id).where(
        NoticeChange.notice_id == notice_id, col(NoticeChange.withdrawn_at).is_(None),
        col(NoticeChange.superseded_at).is_(None), col(NoticeChange.freed_at).is_(None)).limit(1)).first() is not None


def take_over(
    session: Session, notice: Notice, at: datetime, proof: Mapping[str, Any], promised: date | None, *, actor: Actor,
    now: datetime,
) -> None:
    """Records that a notice was given elsewhere, before this service, received `at`. Its window is the later of the one
    the customer's terms give and the last day promised there. No letter leaves: it has been told."""
    audit.move(session, notice, "give", actor=actor, now=now, checked={Need.PROOF}, refs={"by": "imported"})
    notice.given_at, notice.given_by, notice.proof = at, "imported", dict(proof)
    notice.promised_last_day = promised
    if notice.opens_window:
        open_window(session, notice, at, "taken over from elsewhere", tell=False, now=now)


def open_window(
    session: Session, notice: Notice, received_at: datetime, reason: str, *, tell: bool = True, now: datetime
) -> NoticeWindow:
    """Computes and freezes the window from a proven receipt. It only ever extends: the day a letter printed and
    the window that ran before both stand where they end later (design §3)."""
    basis = reckoning.basis(session, notice)
    counts = windows.kept_to(notice.promised_last_day, basis.window(received_at))
    before = window_of(session, notice)
    if before is not None:
        # A proof that moved to a later letter moves the day of receipt, from which the notice days count, as well.
        received_on = max(before.receipt_day, counts.receipt_day)
        counts = replace(rules.later(value_of(before), counts), receipt_day=received_on)
        if counts == value_of(before):
            reminders.arm(notice, counts)  # the reminder may have been given up with the proof that was lost
            return before
    row = windows.keep(session, notice, counts, basis.inputs(notice, received_at), reason, now=now)
    if tell:
        _tell_if_longer(session, notice, row, before, now=now)
    return row


def _tell_if_longer(
    session: Session, notice: Notice, row: NoticeWindow, before: NoticeWindow | None, *, now: datetime
) -> None:
    """A short letter where the customer has more time than any letter it holds says."""
    told = max((d for d in (notice.promised_last_day, before and before.last_day) if d), default=None)
    if told is not None and row.last_day > told:
        tell_longer(session, notice, now=now)


def tell_longer(session: Session, notice: Notice, *, now: datetime, words: str = "") -> None:
    """Owes every notice contact the short letter that names the later last day, with our own `words`; none where the
    contract has ended."""
    if contracts.over(session, notice, now):
        return
    earlier = len(deliveries.of_notice(session, notice.id or 0, "window_extended"))
    customer = session.get(Customer, notice.customer_id)
    assert customer is not None
    for contact in deliveries.notice_contacts(session, notice.customer_id):
        deliveries.queue(
            session, "window_extended", "notice", notice.id or 0, email=contact.email, name=contact.name,
            language=customer.language, now=now, contact_id=contact.id, notice_id=notice.id, attempt=earlier + 1,
            words=words,
        )


def promise(session: Session, notice_id: int, last_day: date, *, now: datetime) -> None:
    """Remembers the last day a letter printed; the latest of several letters is the one that binds, also where a
    window runs already."""
    notice = lock(session, notice_id)
    if notice.promised_last_day is None or last_day > notice.promised_last_day:
        notice.promised_last_day = last_day
    running = window_of(session, notice)
    if running is not None and last_day > running.last_day:
        counts = rules.until(value_of(running), last_day)
        windows.keep(session, notice, counts, {"promised": last_day.isoformat()}, "a later letter names a later day",
                     now=now)


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
