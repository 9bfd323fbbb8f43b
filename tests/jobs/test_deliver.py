"""Letters leave through the ledger: refused, postponed, doubtful, and none of them twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlmodel import col, select

from notifier import clock
from notifier.domain.people import Actor, Door, Kind
from notifier.domain.states import DeliveryState, NoticeState
from notifier.house import House
from notifier.jobs import deliver, doubts, sweep
from notifier.mail.transport import Batch, LookupFailed, Message, Outcome, Verdict
from notifier.tables import Contact, Delivery, Notice
from notifier.workflow import blobs, notices, verify
from tests.factory import NOW

PROVIDER = Actor(Kind.PROVIDER, Door.WEBHOOK)
SENT = NOW + timedelta(minutes=3)


class Answering:
    """A transport at the edge that answers as told: the letters it was handed stay in `handed`."""

    name, batch, looks = "mailjet", 50, True

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = list(verdicts)
        self.handed: list[Message] = []
        self.there: dict[str, bool] | None = {}

    def send(self, messages: Sequence[Message]) -> Batch:
        verdict = self.verdicts.pop(0) if self.verdicts else Verdict.ACCEPTED
        self.handed += messages
        return Batch(tuple(Outcome(m.ref, verdict, words="as told") for m in messages))

    def lookup(self, ref: str) -> Outcome | None:
        if self.there is None:
            raise LookupFailed("no answer")
        return Outcome(ref, Verdict.ACCEPTED) if self.there.get(ref) else None

    def close(self) -> None:
        pass


def _send(house: House, transport: Answering, after: timedelta = timedelta()) -> int:
    house.__dict__["transport"] = transport
    with clock.standing(SENT + after):
        return deliver.run(house)


def _letters(house: House) -> list[tuple[str, str]]:
    with house.database.reading() as session:
        rows = session.exec(select(Delivery).where(Delivery.kind == "change_announced").order_by(col(Delivery.id)))
        return [(row.to_email, str(row.state)) for row in rows]


def _happened(house: House, kind: str, after: timedelta = timedelta(minutes=1), key: str = "") -> str:
    with house.database.transaction() as session:
        letters = select(Delivery).where(Delivery.kind == "change_announced").order_by(col(Delivery.id))
        row = session.exec(letters).first()
        assert row is not None
        event = notices.Happening(row.ref, "", kind, SENT + after, key or f"{kind}:{row.ref}", "550 no such user")
        return notices.happened(session, event, actor=PROVIDER, now=SENT + after)


def test_a_letter_is_claimed_sent_once_and_frozen_with_its_link_masked(announced: House) -> None:
    transport = Answering()
    assert _send(announced, transport) == 1
    assert _send(announced, transport) == 0
    assert [m.to_email for m in transport.handed] == ["first@alpha.example"]
    assert _letters(announced) == [("first@alpha.example", "accepted")]
    with announced.database.reading() as session:
        row = session.exec(select(Delivery).where(Delivery.kind == "change_announced")).one()
        letter = blobs.letter(session, row.letter_sha256)
        assert letter is not None
        assert "/n/{link}" in letter["text"]
        assert letter["text"].replace("{link}", transport.handed[0].text.split("/n/")[1].split()[0].split("/")[0]) \
            == transport.handed[0].text
        assert row.promised_last_day is not None
        assert verify.chain(session) == []


def test_a_letter_refused_for_good_goes_to_the_next_contact_and_ops_are_told(announced: House) -> None:
    _send(announced, Answering(Verdict.REFUSED))
    assert _letters(announced) == [("first@alpha.example", "failed"), ("second@alpha.example", "accepted")]
    with announced.database.reading() as session:
        told = session.exec(select(Delivery).where(Delivery.kind == "staff_delivery_failed")).all()
        assert [row.to_email for row in told] == ["olga@processor.example"]
        assert session.exec(select(Notice)).one().state == NoticeState.PENDING


def test_when_no_contact_is_left_the_notice_cannot_be_delivered(announced: House) -> None:
    _send(announced, Answering(Verdict.REFUSED, Verdict.REFUSED))
    with announced.database.reading() as session:
        assert session.exec(select(Notice)).one().state == NoticeState.UNDELIVERABLE
        assert verify.chain(session) == []


def test_a_letter_that_may_succeed_later_waits_longer_each_time(announced: House) -> None:
    transport = Answering(Verdict.LATER, Verdict.LATER)
    _send(announced, transport)
    assert _send(announced, transport, timedelta(seconds=29)) == 0
    assert _send(announced, transport, timedelta(seconds=30)) == 1
    assert _send(announced, transport, timedelta(seconds=149)) == 0
    assert _send(announced, transport, timedelta(seconds=150)) == 1
    assert _letters(announced) == [("first@alpha.example", "accepted")]


def test_a_doubtful_letter_is_sent_again_only_when_it_was_absent_twice_ten_minutes_apart(announced: House) -> None:
    transport = Answering(Verdict.UNCERTAIN)
    _send(announced, transport)
    assert _letters(announced) == [("first@alpha.example", "uncertain")]
    for minutes, state in ((1, "uncertain"), (5, "uncertain"), (10.9, "uncertain"), (11, "queued")):
        with clock.standing(SENT + timedelta(minutes=minutes)):
            doubts.run(announced)
        assert _letters(announced) == [("first@alpha.example", state)]
    assert len(transport.handed) == 1
    _send(announced, transport, timedelta(minutes=12))
    assert len(transport.handed) == 2


def test_a_letter_owed_again_that_had_left_after_all_is_not_sent_twice(announced: House) -> None:
    transport = Answering(Verdict.UNCERTAIN)
    _send(announced, transport)
    for minutes in (1, 11):
        with clock.standing(SENT + timedelta(minutes=minutes)):
            doubts.run(announced)
    assert _letters(announced) == [("first@alpha.example", "queued")]
    assert _happened(announced, "sent", timedelta(minutes=11)) == "delivered"
    assert _send(announced, transport, timedelta(minutes=12)) == 0
    assert len(transport.handed) == 1


def test_a_doubtful_letter_that_is_there_counts_as_accepted_and_one_nobody_knows_of_stays_doubtful(
    announced: House,
) -> None:
    transport = Answering(Verdict.UNCERTAIN)
    _send(announced, transport)
    transport.there = None
    with clock.standing(SENT + timedelta(minutes=1)):
        doubts.run(announced)
    assert _letters(announced) == [("first@alpha.example", "uncertain")]
    transport.there = {transport.handed[0].ref: True}
    with clock.standing(SENT + timedelta(minutes=3)):
        doubts.run(announced)
    assert _letters(announced) == [("first@alpha.example", "accepted")]


def test_a_worker_that_died_leaves_its_letters_in_doubt_and_one_back_from_the_dead_changes_nothing(
    announced: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(BaseException):
        """The process ends between sending and recording."""

    def die(*_: object) -> None:
        raise Gone

    transport = Answering()
    with monkeypatch.context() as patched:
        patched.setattr(deliver, "_record", die)
        with pytest.raises(Gone):
            _send(announced, transport)
    assert _letters(announced) == [("first@alpha.example", "sending")]
    with clock.standing(SENT + timedelta(minutes=6)):
        sweep.once(announced)
    assert _letters(announced) == [("first@alpha.example", "uncertain")]
    assert len(transport.handed) == 1


@pytest.mark.parametrize(("happenings", "letter", "notice"), [
    (["sent"], DeliveryState.DELIVERED, NoticeState.GIVEN),
    (["sent", "sent"], DeliveryState.DELIVERED, NoticeState.GIVEN),
    (["sent", "bounce"], DeliveryState.BOUNCED, NoticeState.UNDELIVERABLE),
    (["bounce", "sent"], DeliveryState.BOUNCED, NoticeState.PENDING),
    (["blocked"], DeliveryState.BLOCKED, NoticeState.PENDING),
    (["sent", "spam"], DeliveryState.DELIVERED, NoticeState.GIVEN),
])
def test_events_in_any_order_and_repeated_leave_the_true_state(
    announced: House, happenings: list[str], letter: DeliveryState, notice: NoticeState
) -> None:
    _send(announced, Answering())
    for kind in happenings:
        _happened(announced, kind)
    with announced.database.reading() as session:
        first = session.exec(select(Delivery).where(Delivery.to_email == "first@alpha.example")).one()
        assert first.state == letter
        assert session.exec(select(Notice)).one().state == notice
        contact = session.exec(select(Contact).where(Contact.email == "first@alpha.example")).one()
        assert (contact.barred_at is not None) == ("spam" in happenings)
        assert verify.chain(session) == []


def test_a_bounce_writes_to_the_next_contact_whose_receipt_then_gives_the_notice(announced: House) -> None:
    transport = Answering()
    _send(announced, transport)
    _happened(announced, "bounce")
    _send(announced, transport, timedelta(minutes=2))
    assert _letters(announced) == [("first@alpha.example", "bounced"), ("second@alpha.example", "accepted")]
    with announced.database.transaction() as session:
        second = session.exec(select(Delivery).where(Delivery.to_email == "second@alpha.example",
                                                     Delivery.kind == "change_announced")).one()
        at = SENT + timedelta(days=2)
        event = notices.Happening(second.ref, "", "sent", at, "second", "250 ok")
        assert notices.happened(session, event, actor=PROVIDER, now=at) == "delivered"
    with announced.database.reading() as session:
        notice = session.exec(select(Notice)).one()
        assert (notice.state, notice.given_at) == (NoticeState.GIVEN, at)
        assert verify.chain(session) == []


def test_an_event_that_is_faster_than_the_providers_own_answer_is_kept(
    announced: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner: Callable[..., None] = deliver._record

    def late(*args: object) -> None:
        assert _happened(announced, "sent") == "delivered"
        inner(*args)

    monkeypatch.setattr(deliver, "_record", late)
    _send(announced, Answering())
    assert _letters(announced) == [("first@alpha.example", "delivered")]


def test_an_event_for_a_letter_that_is_not_ours_changes_nothing(announced: House) -> None:
    with announced.database.transaction() as session:
        event = notices.Happening("00000000-0000-0000-0000-000000000000", "42", "bounce", SENT, "foreign")
        assert notices.happened(session, event, actor=PROVIDER, now=SENT) == "unknown"
