"""Letters leave: claim, send outside any transaction, record. Works until the queue is dry or its time is up."""

from __future__ import annotations

import hashlib
import json
import logging
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

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
        prepared = {row.ref: letters.prepare(session, row, house.sender, now) for row in claimed}
        for row in claimed:
            if row.notice_id and (day := prepared[row.ref].promised_last_day):
                # Promised before it leaves: a crash after the sending must not forget what the letter said.
                notices.promise(session, row.notice_id, day)
    if not claimed:
        return 0, False
    ready = {row.ref: _compose(house, row, prepared[row.ref]) for row in claimed}
    answer = transport.send([one.message for one in ready.values()])
    _record(house, claimed, answer, {ref: one.sent for ref, one in ready.items()})
    return len(claimed), answer.pause is not None or bool(answer.halt)


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
    now = clock.now()
    outcomes = [
        Outcome(o.ref, str(o.verdict), o.provider_id, o.provider_uuid, f"{o.code} {o.words}".strip())
        for o in answer.outcomes
    ]
    with house.database.transaction() as session:
        refused = deliveries.record(session, claimed[0].lease, outcomes, sent, actor=ACTOR, now=now)
        notices.failed(session, refused, actor=ACTOR, now=now)
        if answer.pause or answer.halt:
            deliveries.hold_lane(session, timedelta(seconds=answer.pause or 300), now=now)
    if answer.halt:
        log.error("letters wait for a person: %s", answer.halt)
    if house.counts_outbox:
        _count_as_delivered(house, claimed)


def _count_as_delivered(house: House, claimed: Sequence[Delivery]) -> None:
    """Demo only: the outbox is nobody's mail server, so its letters count as delivered at once, marked *demo*."""
    now = clock.now()
    with house.database.transaction() as session:
        for row in claimed:
            event = notices.Happening(row.ref, "", "sent", now, f"demo:{row.ref}", "demo outbox", by="demo")
            notices.happened(session, event, actor=ACTOR, now=now)
            if row.subject_kind == "objection":
                objections.letter_proven(session, row, now)
