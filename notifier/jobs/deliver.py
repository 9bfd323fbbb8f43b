"""Letters leave: claim, send outside any transaction, record. Works until the queue is dry or its time is up."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from notifier import clock
from notifier.domain.people import Door, system
from notifier.house import House, at_work
from notifier.mail import transport
from notifier.mail.forms import MOST, Press
from notifier.mail.render import Letter
from notifier.mail.transport import Batch, Message
from notifier.workflow import blobs, deliveries, lanes, mailings, notices, objections
from notifier.workflow.deliveries import Claimed, Outcome, Written
from notifier.workflow.letters import Prepared
from notifier.workflow.links import MASK
from notifier.workflow.mailings import Common, Mailing

log = logging.getLogger("notifier.deliver")
MINUTE = 60.0  # seconds a job goes on before it rings for the next one: RQ costs some 5 ms a job
ACTOR = system(Door.JOB)


def deliver() -> int:
    """The job: sends what is due, and returns how many letters it handled. Safe to run twice and side by side."""
    return run(at_work())


def run(house: House) -> int:
    """Delivers until nothing is due, the provider asks for a pause, or a minute is up."""
    desk, began, handled = _Desk(house), time.monotonic(), 0
    while time.monotonic() - began < MINUTE:
        count, pause = _one_batch(desk)
        handled += count
        if count == 0:
            return handled
        if pause:
            log.warning("the lane of %s rests", house.transport.name)
            return handled
    house.ring("notifier.jobs.deliver.deliver")
    return handled


@dataclass(frozen=True)
class _Desk:
    """What a job keeps from batch to batch: what letters share, and the forms they are filled into."""

    house: House
    common: Common = field(default_factory=Common)
    press: Press = field(default_factory=Press)
    bases: dict[int, tuple[Letter, blobs.Base]] = field(default_factory=dict)

    def base(self, message: Message, common: Letter | None) -> blobs.Base | None:
        """What the message is packed with: all it has in common with others of its form."""
        if common is None:
            return None
        if id(common) not in self.bases:
            if len(self.bases) > MOST:
                self.bases.clear()
            nobodys = replace(message, ref="", to_email="", to_name="", subject=common.subject, text=common.text,
                              html=common.html)
            self.bases[id(common)] = common, blobs.Base(transport.frozen(nobodys))
        return self.bases[id(common)][1]


@dataclass(frozen=True)
class _Ready:
    """A letter about to leave: the message, and what is kept of it."""

    message: Message
    written: Written


def _one_batch(desk: _Desk) -> tuple[int, bool]:
    claimed, mailing = _claimed(desk)
    if not claimed:
        return len(mailing.moot), False
    ready = _composed(desk, claimed, mailing)
    mine = _kept(desk.house, claimed, ready)
    answer = desk.house.transport.send([ready[row.ref].message for row in mine]) if mine else Batch(())
    _record(desk.house, claimed, answer, {row.ref for row in claimed if row.ref not in ready})
    return len(claimed), bool(answer.pause or answer.trouble or answer.halt)


def _claimed(desk: _Desk) -> tuple[list[Claimed], Mailing]:
    """The next letters and what they say, in one transaction, so that what they promise is written down before any of
    them leaves: a crash after the sending must not forget it. Letters of which nothing is left to say are cancelled."""
    house, now = desk.house, clock.now()
    way, held_for = house.transport, timedelta(seconds=house.settings.lease_seconds)
    with house.database.transaction() as session:
        due = deliveries.lock_due(session, way.batch, way.name, now=now)
        mailing = mailings.prepare(session, due, house.sender, desk.common, now) if due else Mailing()
        left = {row.ref for row in (*mailing.moot, *mailing.busy)}
        claimed = [row for row in due if row.ref not in left]
        deliveries.cancel(session, mailing.moot, actor=ACTOR, now=now)
        deliveries.take(session, claimed, way.name, actor=ACTOR, now=now, held_for=held_for)
    return claimed, mailing


def _composed(desk: _Desk, claimed: Sequence[Claimed], mailing: Mailing) -> dict[str, _Ready]:
    """The letters of a batch. One that cannot be written is left out, and holds up none of the others."""
    ready = {}
    for row in claimed:
        try:
            if row.ref in mailing.prepared:
                ready[row.ref] = _compose(desk, row, mailing.prepared[row.ref])
        except Exception:
            log.exception("letter %s (%s) cannot be written", row.ref, row.kind)
    return ready


def _compose(desk: _Desk, row: Claimed, prepared: Prepared) -> _Ready:
    printed, held = desk.press.print(prepared.facts), desk.house.settings
    said = printed.letter
    message = Message(
        ref=row.ref, to_email=row.to_email, to_name=row.to_name, subject=said.subject, text=said.text,
        html=said.html, headers=said.headers, from_email=held.mail_from,
        from_name=held.mail_from_name or prepared.facts.organisation.legal_name, reply_to=held.reply_address,
    )
    kept = transport.frozen(message)
    for token in prepared.tokens:
        kept = kept.replace(token.encode(), MASK.encode())
    letter = blobs.Letter.of(kept, desk.base(message, printed.common))
    return _Ready(message, Written(letter, prepared.promised_last_day))


def _kept(house: House, claimed: Sequence[Claimed], ready: Mapping[str, _Ready]) -> list[Claimed]:
    """Keeps the letters before any of them leaves, so that a worker that dies over the sending leaves no letter whose
    text nobody knows. Returns the rows still held by this worker: only those may be sent."""
    with house.database.transaction() as session:
        return deliveries.keep(session, [row for row in claimed if row.ref in ready],
                               {ref: one.written for ref, one in ready.items()}, now=clock.now())


def _record(house: House, claimed: Sequence[Claimed], answer: Batch, unwritten: Collection[str]) -> None:
    now = clock.now()
    outcomes = [
        Outcome(o.ref, str(o.verdict), o.provider_id, o.provider_uuid, f"{o.code} {o.words}".strip())
        for o in answer.outcomes
    ]
    outcomes += [
        Outcome(ref, "refused", words="This letter could not be written; see the log of the worker.")
        for ref in sorted(unwritten)
    ]
    lost = sorted({row.notice_id for row in claimed if row.notice_id and row.ref in _refused(outcomes)})
    with house.database.transaction() as session:
        for notice_id in lost:
            notices.lock(session, notice_id)  # before its deliveries, as everybody else does
        refused = deliveries.record(session, claimed[0].lease, outcomes, actor=ACTOR, now=now)
        notices.failed(session, refused, actor=ACTOR, now=now)
        if answer.outcomes:
            lanes.note(session, house.transport.name, pause=answer.pause, trouble=answer.trouble, halt=answer.halt,
                       actor=ACTOR, now=now)
    if answer.halt or answer.trouble:
        log.error("letters wait: %s", answer.halt or answer.trouble)
    if house.counts_outbox:
        _count_as_delivered(house, claimed)


def _refused(outcomes: Sequence[Outcome]) -> set[str]:
    return {outcome.ref for outcome in outcomes if outcome.verdict == "refused"}


def _count_as_delivered(house: House, claimed: Sequence[Claimed]) -> None:
    """Demo only: the outbox is nobody's mail server, so its letters count as delivered at once, marked *demo*."""
    now = clock.now()
    with house.database.transaction() as session:
        events = [notices.Happening(row.ref, "", "sent", now, f"demo:{row.ref}", "demo outbox", by="demo")
                  for row in claimed]
        notices.happened_all(session, events, actor=ACTOR, now=now)
        for row in claimed:
            delivery = deliveries.find(session, row.ref, "") if row.subject_kind == "objection" else None
            if delivery is not None:
                objections.letter_proven(session, delivery, now, actor=ACTOR, now=now)
