"""Letters leave: claim, send outside any transaction, record. Works until the queue is dry or its time is up."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy.exc import OperationalError

from notifier import clock
from notifier.domain.letters import LEGAL_NOTICES
from notifier.domain.people import Door, system
from notifier.house import House, at_work
from notifier.mail import render, transport
from notifier.mail.forms import Press
from notifier.mail.render import Letter
from notifier.mail.transport import Batch, Message, Verdict
from notifier.workflow import blobs, calendars, deliveries, lanes, mailings, notices, objections, settings
from notifier.workflow.deliveries import Claimed, Outcome, Written
from notifier.workflow.letters import Prepared
from notifier.workflow.links import MASK
from notifier.workflow.mailings import Common, Mailing

log = logging.getLogger("notifier.deliver")
PACKERS = 50  # dictionaries kept to pack letters with, of up to a megabyte each
AHEAD = 2  # batches being written while one leaves: while one waits for the database, the other is composed
PATIENCE = 10.0  # seconds to wait, at the end, for a batch that is being written
MINUTE = 60.0  # seconds a job goes on before it rings for the next one: RQ costs some 5 ms a job
ACTOR = system(Door.JOB)


def get_ready(house: House) -> None:
    """Loads what the first letters would wait for: templates, calendars, the transport's library. For a worker, before
    it listens."""
    def days_off() -> None:
        with house.database.reading() as session:
            calendars.day_off(settings.default_terms(session))(clock.now().date())

    for load in (lambda: render.load(LEGAL_NOTICES), days_off, lambda: house.transport):
        try:
            load()
        except Exception:  # letters that need it will say so, each for itself
            log.exception("a worker begins that is not ready for all letters")


def deliver() -> int:
    """The job: sends what is due, and returns how many letters it handled. Safe to run twice and side by side."""
    return run(at_work())


def run(house: House) -> int:
    """Delivers until nothing is due, the provider asks for a pause, or a minute is up."""
    handled, until = 0, time.monotonic() + MINUTE
    with closing(_batches(house, until)) as batches:
        for taken in batches:
            handled += taken.count
            if taken.claimed and _hand_over(house, taken):
                log.warning("the lane of %s rests", house.transport.name)
                return handled
    if time.monotonic() >= until:
        house.ring("notifier.jobs.deliver.deliver")
    return handled


@dataclass(frozen=True)
class _Desk:
    """What a job keeps from batch to batch: what letters share, and the forms they are filled into. Whoever is at it is
    at it `alone`, and waits there for nobody who could be waiting for it."""

    house: House
    common: Common = field(default_factory=Common)
    press: Press = field(default_factory=Press)
    bases: dict[int, tuple[Letter, blobs.Base]] = field(default_factory=dict)
    alone: Lock = field(default_factory=Lock)

    def base(self, message: Message, common: Letter | None) -> blobs.Base | None:
        """What the message is packed with: all it has in common with others of its form."""
        if common is None:
            return None
        if id(common) not in self.bases:
            if len(self.bases) > PACKERS:
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


@dataclass(frozen=True)
class _Taken:
    """A batch in a worker's hands: the claimed rows, by their `ref` the letters that could be written, and how many
    had nothing left to say. `until` is the moment its lease ends."""

    claimed: Sequence[Claimed] = ()
    ready: Mapping[str, _Ready] = field(default_factory=dict)
    moot: int = 0
    until: datetime | None = None

    @property
    def count(self) -> int:
        """How many letters it settles or hands over."""
        return len(self.claimed) + self.moot

    @property
    def messages(self) -> list[Message]:
        """The letters to hand over."""
        return [self.ready[row.ref].message for row in self.claimed if row.ref in self.ready]

    @property
    def sent(self) -> dict[str, tuple[Claimed, str]]:
        """Their rows, each with its letter's SHA-256, by their `ref`."""
        return {row.ref: (row, self.ready[row.ref].written.letter.sha256) for row in self.claimed
                if row.ref in self.ready}


def _batches(house: House, until: float) -> Generator[_Taken, None, None]:
    """Batch after batch while letters are due, and until the moment `until` of the machine's own clock.

    The next batches are claimed and written while one leaves: none waits for another. Not so on SQLite, which lets one
    writer in at a time; nor where one claimed and never sent could not be told from one that was.
    """
    desk = _Desk(house)
    if house.transport.looks and not house.database.sqlite:
        yield from _ahead(desk, until)
        return
    while time.monotonic() < until and (taken := _taken(desk)).count:
        yield taken


def _ahead(desk: _Desk, until: float) -> Generator[_Taken, None, None]:
    """Batches, so many of them begun before the first is given out. Those not asked for any more are put back."""
    writers = ThreadPoolExecutor(AHEAD, "letters")
    coming: deque[tuple[int, Future[_Taken]]] = deque()  # each with how many batches had been given out when it began
    given = 0

    def begin(most: int) -> None:
        while len(coming) < most and time.monotonic() < until:
            coming.append((given, writers.submit(_taken, desk)))

    begin(AHEAD)
    try:
        while coming:
            since, future = coming[0]  # until it is here it may still have to be put back
            taken = future.result()
            coming.popleft()
            if taken.count:
                begin(AHEAD)
                yield taken
                given += 1
            elif since < given:
                begin(1)  # since nothing was due, an answer may have opened the lane or queued a letter
    finally:
        writers.shutdown(wait=False)
        for _, future in coming:
            _not_wanted(desk.house, future)


def _not_wanted(house: House, coming: Future[_Taken]) -> None:
    """Puts a batch back that was begun and is not to leave. One whose database does not answer, or takes it back no
    more, is left to its lease: a job whose time is up must end."""
    try:
        why = coming.exception(PATIENCE)
    except TimeoutError:
        log.error("the database did not answer while the next letters were written")
        return
    if why is not None:
        log.error("the next letters could not be written", exc_info=why)
        return
    try:
        _put_back(house, coming.result())
    except OperationalError:
        log.exception("letters written ahead could not be put back")


def _taken(desk: _Desk) -> _Taken:
    """The next letters, claimed, written and kept in one transaction: a crash after the sending must not forget what
    they say and promise. Letters of which nothing is left to say are cancelled."""
    house, now = desk.house, clock.now()
    way, held_for = house.transport, timedelta(seconds=house.settings.lease_seconds)
    with house.database.transaction() as session:
        due = deliveries.lock_due(session, way.batch, way.name, now=now)
        if not due:
            return _Taken()
        with desk.alone:
            mailing = mailings.prepare(session, due, house.sender, desk.common, now)
            left = {row.ref for row in (*mailing.moot, *mailing.busy)}
            claimed = [row for row in due if row.ref not in left]
            ready = _composed(desk, claimed, mailing)
        deliveries.cancel(session, mailing.moot, actor=ACTOR, now=now)
        deliveries.take(session, claimed, {ref: one.written for ref, one in ready.items()}, way.name, actor=ACTOR,
                        now=now, held_for=held_for)
    for one in ready.values():
        one.written.letter.mark_stored()
    return _Taken(claimed, ready, len(mailing.moot), now + held_for)


def _hand_over(house: House, taken: _Taken) -> bool:
    """Sends a batch, outside any transaction, and writes down what became of it; whether the lane has to rest."""
    if taken.until is None or clock.now() >= taken.until:
        _put_back(house, taken)  # held up for longer than its lease, its letters may be in somebody else's hands
        return False
    messages = taken.messages
    answer = house.transport.send(messages) if messages else Batch(())
    _record(house, taken, answer)
    if answer.halt or answer.trouble:
        log.error("letters wait: %s", answer.halt or answer.trouble)
    if answer.outcomes and house.counts_outbox:
        _count_as_delivered(house, taken.claimed)
    return bool(answer.pause or answer.trouble or answer.halt)


def _put_back(house: House, taken: _Taken) -> None:
    """Letters that were claimed and are known not to have left wait in the queue again."""
    if taken.claimed:
        _record(house, taken, transport.alike(taken.messages, Verdict.HELD, "", ""), asked=False)


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
    printed, held = desk.press.print(prepared.facts, prepared.own), desk.house.settings
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


def _record(house: House, taken: _Taken, answer: Batch, *, asked: bool = True) -> None:
    """Writes down what became of a batch; what the answer says of the lane too, where the provider was `asked`."""
    now = clock.now()
    outcomes = [
        Outcome(o.ref, str(o.verdict), o.provider_id, o.provider_uuid, f"{o.code} {o.words}".strip())
        for o in answer.outcomes
    ]
    outcomes += [
        Outcome(row.ref, "refused", words="This letter could not be written; see the log of the worker.")
        for row in taken.claimed if row.ref not in taken.ready
    ]
    for tries_left in (2, 1, 0):
        try:
            _write_down(house, taken, answer, outcomes, asked, now)
            return
        except OperationalError:  # somebody else's lock, a server that starts anew: what left must not be forgotten
            if not tries_left:
                raise
            log.warning("what became of %d letters is written down once more", len(outcomes), exc_info=True)
            time.sleep(1)


def _write_down(
    house: House, taken: _Taken, answer: Batch, outcomes: Sequence[Outcome], asked: bool, now: datetime
) -> None:
    lost = sorted({row.notice_id for row in taken.claimed if row.notice_id and row.ref in _refused(outcomes)})
    with house.database.transaction() as session:
        for notice_id in lost:
            notices.lock(session, notice_id)  # before its deliveries, as everybody else does
        refused = deliveries.record(session, taken.claimed[0].lease, outcomes, sent=taken.sent, actor=ACTOR, now=now)
        notices.failed(session, refused, actor=ACTOR, now=now)
        # A lane that fails lets letters through one by one: behind a whole batch it was open, and stays so.
        if asked and answer.outcomes and (len(taken.claimed) == 1 or answer.pause or answer.trouble or answer.halt):
            lanes.note(session, house.transport.name, pause=answer.pause, trouble=answer.trouble, halt=answer.halt,
                       actor=ACTOR, now=now)


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
