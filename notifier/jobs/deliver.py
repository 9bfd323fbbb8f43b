"""Letters leave: claim, send outside any transaction, record. Works until the queue is dry or its time is up."""

from __future__ import annotations

import hashlib
import json
import logging
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier import clock
from notifier.domain.people import Door, system
from notifier.house import House, open_house
from notifier.mail import render
from notifier.mail.transport import Batch, Message
from notifier.tables import Delivery
from notifier.workflow import deliveries, letters, notices, objections
from notifier.workflow.deliveries import Outcome, Sent
from notifier.workflow.letters import Prepared
from notifier.workflow.links import MASK

log = logging.getLogger("notifier.deliver")
MINUTE = 60.0  # seconds a job goes on before it rings for the next one: RQ costs some 5 ms a job
ACTOR = system(Door.JOB)


def deliver() -> int:
    """The job: sends what is due, and returns how many letters it handled. Safe to run twice and side by side."""
    return run(open_house())


def run(house: House) -> int:
    """Delivers until nothing is due, the provider asks for a pause, or a minute is up."""
    began, handled = time.monotonic(), 0
    while time.monotonic() - began < MINUTE:
        count, pause = _one_batch(house)
        handled += count
        if count == 0:
            return handled
        if pause:
            log.warning("the mail provider asks for a pause of %.0f s", pause)
            return handled
    house.ring("notifier.jobs.deliver.deliver")
    return handled


@dataclass(frozen=True)
class _Ready:
    """A letter about to leave: the message, its masked form, and the last day it promises."""

    message: Message
    sent: Sent


def _one_batch(house: House) -> tuple[int, bool]:
    now = clock.now()
    transport = house.transport
    with house.database.transaction() as session:
        claimed = deliveries.claim(session, transport.batch, transport.name, actor=ACTOR, now=now)
    if not claimed:
        return 0, False
    standing = _standing(house, claimed)
    ready = _written(house, standing, now)
    answer = transport.send([one.message for one in ready.values()]) if ready else Batch(())
    _record(house, standing, answer, {ref: one.sent for ref, one in ready.items()})
    return len(claimed), answer.pause is not None or bool(answer.halt)


def _standing(house: House, claimed: Sequence[Delivery]) -> list[Delivery]:
    """The letters of a batch that still have something to say. A notice may have been taken back while its letter
    was in doubt or waiting for another try: such a letter goes back, and is cancelled there."""
    with house.database.transaction() as session:
        moot = [row for row in claimed if row.notice_id and deliveries.gives(row)
                and not notices.stands(session, row.notice_id)]
        if moot:
            now = clock.now()
            back = [Outcome(row.ref, "later", words="What it announces has been taken back.") for row in moot]
            deliveries.record(session, claimed[0].lease, back, {}, actor=ACTOR, now=now)
            deliveries.cancel_queued(session, [row.notice_id or 0 for row in moot], actor=ACTOR, now=now)
    return [row for row in claimed if row not in moot]


def _written(house: House, claimed: Sequence[Delivery], now: datetime) -> dict[str, _Ready]:
    """The letters of a batch, composed. One that cannot be written is left out, and holds up none of the others.

    What a letter promises is written down before it leaves: a crash after the sending must not forget it. Notices
    are locked in one order, and no delivery with them: a withdrawal takes its locks the other way round.
    """
    found: dict[str, Prepared] = {}
    with house.database.transaction() as session:
        for row in sorted(claimed, key=lambda each: each.notice_id or 0):
            try:
                with session.begin_nested():
                    found[row.ref] = letters.prepare(session, row, house.sender, now)
                    if row.notice_id and (day := found[row.ref].promised_last_day):
                        notices.promise(session, row.notice_id, day, now=now)
            except Exception:
                found.pop(row.ref, None)
                log.exception("the facts of letter %s (%s) cannot be told", row.ref, row.kind)
    ready = {}
    for row in claimed:
        try:
            if row.ref in found:
                ready[row.ref] = _compose(house, row, found[row.ref])
        except Exception:
            log.exception("letter %s (%s) cannot be written", row.ref, row.kind)
    return ready


def _compose(house: House, row: Delivery, prepared: Prepared) -> _Ready:
    letter = render.render(prepared.facts)
    held = house.settings
    message = Message(
        ref=row.ref, to_email=row.to_email, to_name=row.to_name, subject=letter.subject, text=letter.text,
        html=letter.html, headers=letter.headers, from_email=held.mail_from,
        from_name=held.mail_from_name or prepared.facts.organisation.legal_name, reply_to=held.reply_address,
    )
    frozen = masked({"subject": letter.subject, "text": letter.text, "html": letter.html,
                     "headers": letter.headers}, prepared.tokens)
    sent = Sent(hashlib.sha256(frozen).hexdigest(), zlib.compress(frozen, 6), prepared.promised_last_day)
    return _Ready(message, sent)


def masked(letter: Mapping[str, object], tokens: Sequence[str]) -> bytes:
    """A letter as it is stored and hashed: JSON in UTF-8, every secret token replaced by the mask."""
    text = json.dumps(letter, ensure_ascii=False, sort_keys=True)
    for token in tokens:
        text = text.replace(token, MASK)
    return text.encode()


def _record(house: House, claimed: Sequence[Delivery], answer: Batch, sent: Mapping[str, Sent]) -> None:
    if not claimed:
        return
    now = clock.now()
    outcomes = [
        Outcome(o.ref, str(o.verdict), o.provider_id, o.provider_uuid, f"{o.code} {o.words}".strip())
        for o in answer.outcomes
    ]
    outcomes += [
        Outcome(row.ref, "refused", words="This letter could not be written; see the log of the worker.")
        for row in claimed if row.ref not in sent
    ]
    lost = sorted({row.notice_id for row in claimed if row.notice_id and row.ref in _refused(outcomes)})
    with house.database.transaction() as session:
        for notice_id in lost:
            notices.lock(session, notice_id)  # before its deliveries, as everybody else does
        refused = deliveries.record(session, claimed[0].lease, outcomes, sent, actor=ACTOR, now=now)
        notices.failed(session, refused, actor=ACTOR, now=now)
        if answer.pause or answer.halt:
            deliveries.hold_lane(session, timedelta(seconds=answer.pause or 300), now=now)
    if answer.halt:
        log.error("letters wait for a person: %s", answer.halt)
    if house.counts_outbox:
        _count_as_delivered(house, claimed)


def _refused(outcomes: Sequence[Outcome]) -> set[str]:
    return {outcome.ref for outcome in outcomes if outcome.verdict == "refused"}


def _count_as_delivered(house: House, claimed: Sequence[Delivery]) -> None:
    """Demo only: the outbox is nobody's mail server, so its letters count as delivered at once, marked *demo*."""
    now = clock.now()
    with house.database.transaction() as session:
        events = [notices.Happening(row.ref, "", "sent", now, f"demo:{row.ref}", "demo outbox", by="demo")
                  for row in claimed]
        notices.happened_all(session, events, actor=ACTOR, now=now)
        for row in claimed:
            if row.subject_kind == "objection":
                objections.letter_proven(session, row, now, actor=ACTOR, now=now)
