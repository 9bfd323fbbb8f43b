"""What left can be shown: letters are kept before they leave, their hashes stand in the log, nothing else is kept."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta

import jinja2
import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier import clock, text
from notifier.domain.people import Actor, Door, Kind
from notifier.domain.states import DeliveryState
from notifier.house import House
from notifier.jobs import deliver, doubts, sweep
from notifier.mail.transport import Batch, Message, Outcome, Verdict
from notifier.tables import Blob, Contact, Delivery, DeliveryEvent, Notice, Setting
from notifier.workflow import blobs, deliveries, notices, verify
from tests import factory
from tests.factory import NOW

SENT = NOW + timedelta(minutes=3)


class Killed(BaseException):
    """The process ends."""


class Provider:
    """A provider at the edge: answers as told, or kills the worker in the middle of a call."""

    name, batch, looks = "mailjet", 50, True

    def __init__(self, house: House, *verdicts: Verdict | None) -> None:
        self.house, self.verdicts = house, list(verdicts)
        self.handed: list[Message] = []
        self.kept: list[dict[str, object] | None] = []

    def send(self, messages: Sequence[Message]) -> Batch:
        verdict = self.verdicts.pop(0) if self.verdicts else Verdict.ACCEPTED
        self.handed += messages
        with self.house.database.reading() as session:
            self.kept += [blobs.letter(session, _row(session, m.ref).letter_sha256) for m in messages]
        if verdict is None:
            raise Killed
        return Batch(tuple(Outcome(m.ref, verdict, provider_id="7", words="as told") for m in messages),
                     pause=60.0 if verdict is Verdict.HELD else None)

    def lookup(self, ref: str) -> Outcome | None:
        return None

    def close(self) -> None:
        pass


def _row(session: Session, ref: str) -> Delivery:
    return session.exec(select(Delivery).where(Delivery.ref == ref)).one()


def _send(house: House, provider: Provider, after: timedelta = timedelta()) -> int:
    house.__dict__["transport"] = provider
    with clock.standing(SENT + after):
        return deliver.run(house)


def _letters(session: Session) -> list[Delivery]:
    return list(session.exec(select(Delivery).where(Delivery.kind == "change_announced").order_by(col(Delivery.id))))


def _blobs(session: Session) -> int:
    """How many letters are kept of those that announce the change."""
    names = session.exec(select(Blob.sha256).where(Blob.media_type == "application/json")).all()
    kept = [blobs.letter(session, name) for name in names]
    return sum(letter is not None and letter["ref"] in {row.ref for row in _letters(session)} for letter in kept)


def test_a_worker_killed_over_the_sending_leaves_the_text_of_its_letter_and_the_log_names_it(announced: House) -> None:
    provider = Provider(announced, None)
    with pytest.raises(Killed):
        _send(announced, provider)
    assert provider.kept[0] is not None
    assert provider.kept[0]["subject"] == provider.handed[0].subject
    assert provider.kept[0]["from"] == {"email": provider.handed[0].from_email, "name": provider.handed[0].from_name}
    assert provider.kept[0]["ref"] == provider.handed[0].ref
    with clock.standing(SENT + timedelta(minutes=6)):
        sweep.once(announced)
    with announced.database.reading() as session:
        row = _letters(session)[0]
        assert row.state == DeliveryState.UNCERTAIN
        events = session.exec(select(DeliveryEvent).where(DeliveryEvent.delivery_id == row.id)).all()
        assert [event.letter for event in events] == ["", row.letter_sha256]
        assert verify.chain(session) == []


def test_a_worker_killed_before_it_had_kept_a_letter_cannot_have_sent_it_and_holds_it_up_for_nobody(
    announced: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **more: object) -> None:
        raise Killed

    provider = Provider(announced)
    with monkeypatch.context() as patched:
        patched.setattr(blobs, "keep", die)
        with pytest.raises(Killed):
            _send(announced, provider)
    assert not provider.handed
    assert _send(announced, provider, timedelta(seconds=1)) == 1
    with announced.database.reading() as session:
        assert _letters(session)[0].state == DeliveryState.ACCEPTED
        assert verify.chain(session) == []


def test_a_letter_claimed_without_a_text_goes_back_to_the_queue_when_its_worker_is_gone(announced: House) -> None:
    provider = Provider(announced)
    with announced.database.transaction() as session:
        assert len(factory.claimed(session, SENT, "mailjet")) == 1
    with clock.standing(SENT + timedelta(minutes=6)):
        sweep.once(announced)
    assert _send(announced, provider, timedelta(minutes=7)) == 1
    assert len(provider.handed) == 1


@pytest.mark.parametrize("verdict", [Verdict.HELD, Verdict.LATER, Verdict.REFUSED])
def test_nothing_is_kept_of_a_letter_that_is_known_not_to_have_left(announced: House, verdict: Verdict) -> None:
    provider = Provider(announced, verdict, verdict)
    _send(announced, provider)
    with announced.database.reading() as session:
        assert _blobs(session) == 0
        assert {row.letter_sha256 for row in _letters(session)} <= {""}
        assert verify.chain(session) == []


def test_a_letter_sent_again_keeps_the_one_that_may_have_left_before(announced: House) -> None:
    provider = Provider(announced, Verdict.UNCERTAIN, Verdict.HELD, Verdict.ACCEPTED)
    _send(announced, provider)
    for minutes in (1, 12):
        with clock.standing(SENT + timedelta(minutes=minutes)):
            doubts.run(announced)
    with announced.database.reading() as session:
        first = _letters(session)[0].letter_sha256
    _send(announced, provider, timedelta(days=3))
    with announced.database.reading() as session:
        assert _letters(session)[0].letter_sha256 == first
        assert _blobs(session) == 1
    _send(announced, provider, timedelta(days=4))
    with announced.database.reading() as session:
        named = [event.letter for event in session.exec(select(DeliveryEvent).order_by(col(DeliveryEvent.id)))]
        last = _letters(session)[0].letter_sha256
        assert [sha256 for sha256 in named if sha256] == [first, last]
        assert first != last and _blobs(session) == 2
        assert verify.chain(session) == []


def test_each_doubt_is_looked_into_afresh(announced: House) -> None:
    """One absence of an earlier doubt must not make a single look enough for a later one."""
    provider = Provider(announced, Verdict.UNCERTAIN, Verdict.UNCERTAIN)
    _send(announced, provider)
    for minutes in (1, 12):
        with clock.standing(SENT + timedelta(minutes=minutes)):
            doubts.run(announced)
    _send(announced, provider, timedelta(minutes=13))
    for minutes, state in ((14, "uncertain"), (20, "uncertain"), (25, "queued")):
        with clock.standing(SENT + timedelta(minutes=minutes)):
            doubts.run(announced)
        with announced.database.reading() as session:
            assert _letters(session)[0].state == state
    assert len(provider.handed) == 2


def test_an_event_of_a_letter_whose_worker_died_over_it_names_that_letter(announced: House) -> None:
    """Sent a second time, with another text, and taken; nobody but the provider can tell."""
    provider = Provider(announced, Verdict.UNCERTAIN, None)
    _send(announced, provider)
    for minutes in (1, 12):
        with clock.standing(SENT + timedelta(minutes=minutes)):
            doubts.run(announced)
    with announced.database.transaction() as session:  # the log goes on, and letters print its head
        factory.take_in(session, factory.customer("z"))
    with pytest.raises(Killed):
        _send(announced, provider, timedelta(minutes=13))
    with announced.database.transaction() as session:
        row = _letters(session)[0]
        left = session.scalars(sa.select(col(DeliveryEvent.letter)).where(
            col(DeliveryEvent.delivery_id) == row.id, col(DeliveryEvent.letter) != "")).all()
        assert row.state == DeliveryState.SENDING and left and row.letter_sha256 not in left
        notices.happened(session, notices.Happening(row.ref, "", "sent", SENT, "first", "250 ok"),
                         actor=factory.SYSTEM, now=SENT + timedelta(minutes=14))
    with announced.database.reading() as session:
        assert _letters(session)[0].state == DeliveryState.DELIVERED
        assert verify.chain(session) == []


def test_what_may_succeed_later_has_failed_after_five_days_and_the_next_contact_is_written_to(announced: House) -> None:
    provider = Provider(announced, *[Verdict.LATER] * 90)
    for hours in range(0, 24 * 6, 3):
        _send(announced, provider, timedelta(hours=hours))
        with announced.database.reading() as session:
            rows = _letters(session)
            assert (rows[0].state == DeliveryState.FAILED) == (hours >= 24 * 5)
            assert len(rows) == (2 if hours >= 24 * 5 else 1)


def test_a_worker_held_up_for_longer_than_its_lease_sends_nothing_of_what_it_claimed(
    announced: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wakes up when its letters are in doubt already: what it knows settles that, and they are claimed anew."""
    inner, provider = deliver._hand_over, Provider(announced)

    def slow(*args: object) -> bool:
        monkeypatch.setattr(deliver, "_hand_over", inner)
        with clock.standing(SENT + timedelta(minutes=6)):
            sweep.once(announced)
            rests = inner(*args)  # type: ignore[arg-type]
        assert not provider.handed
        with announced.database.reading() as session:
            assert [row.state for row in _letters(session)] == [DeliveryState.QUEUED]
        return rests

    monkeypatch.setattr(deliver, "_hand_over", slow)
    _send(announced, provider)
    _send(announced, provider, timedelta(minutes=7))
    assert [message.to_email for message in provider.handed] == ["first@alpha.example"]
    with announced.database.reading() as session:
        assert [str(row.state) for row in _letters(session)] == ["accepted"]
        assert verify.chain(session) == []


def test_an_event_faster_than_the_providers_answer_still_leaves_the_letters_hash_in_the_log(
    announced: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = deliver._record

    def late(*args: object) -> None:
        with announced.database.transaction() as session:
            row = _letters(session)[0]
            notices.happened(session, notices.Happening(row.ref, "", "sent", SENT, "first", "250 ok"),
                             actor=Actor(Kind.PROVIDER, Door.WEBHOOK), now=SENT)
        inner(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(deliver, "_record", late)
    _send(announced, Provider(announced))
    with announced.database.reading() as session:
        row = _letters(session)[0]
        assert row.state == DeliveryState.DELIVERED
        assert row.letter_sha256 in {event.letter for event in session.exec(select(DeliveryEvent))}
        assert verify.chain(session) == []


@pytest.mark.parametrize("tamper", [
    sa.update(Blob).where(col(Blob.media_type) == "application/json").values(body=b"x"),
    sa.delete(Blob).where(col(Blob.media_type) == "application/json"),
    sa.update(Delivery).values(letter_sha256="0" * 64),
])
def test_verify_finds_a_letter_that_was_altered_removed_or_exchanged(announced: House, tamper: sa.Update) -> None:
    _send(announced, Provider(announced))
    with announced.database.transaction() as session:
        session.execute(tamper.execution_options(synchronize_session=False))
    with announced.database.reading() as session:
        found = [str(sentence) for sentence in verify.chain(session)]
        assert len(found) == 1 and "letter" in found[0], found


def test_letters_of_one_batch_are_kept_each_with_its_own_hash(announced: House) -> None:
    with announced.database.transaction() as session:
        notice = session.exec(select(Notice)).one()
        other = session.exec(select(Contact).where(Contact.email == "second@alpha.example")).one()
        deliveries.queue(session, "change_announced", "notice", notice.id or 0, email=other.email, name=other.name,
                         language="de", now=NOW, contact_id=other.id, notice_id=notice.id)
    _send(announced, Provider(announced))
    with announced.database.reading() as session:
        rows = _letters(session)
        letters = [blobs.letter(session, row.letter_sha256) for row in rows]
        assert [letter and letter["ref"] for letter in letters] == [row.ref for row in rows]
        assert verify.chain(session) == []


def test_letters_packed_as_they_once_were_can_still_be_read_and_damaged_ones_are_none(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, *map(factory.customer, "abcd"))
        factory.announced(session, olga, paul)
    _send(house, Provider(house))
    with house.database.transaction() as session:
        kept = session.exec(select(Blob).where(Blob.base_sha256 != "").order_by(col(Blob.sha256))).first()
        assert kept is not None
        assert kept.packing == blobs.ZSTD
        body, base = blobs.body(session, kept.sha256), blobs.body(session, kept.base_sha256)
        assert body is not None and base is not None
        packer = zlib.compressobj(zdict=base)
        once = packer.compress(body) + packer.flush()
    assert blobs.unpacked(blobs.BASED, once, base) == body
    for packing, packed in ((blobs.BASED, once), (blobs.ZSTD, kept.body), (blobs.ZLIB, zlib.compress(body))):
        for damaged in (packed[:-3], b"", packed[:9] + b"\x00\xff" + packed[11:]):
            assert blobs.unpacked(packing, damaged, base) is None
    for packing, packed in ((blobs.BASED, once), (blobs.ZSTD, kept.body)):
        assert blobs.unpacked(packing, packed, None) is None
        assert blobs.unpacked(packing, packed, b"short") is None
        assert blobs.unpacked(packing, packed, base[::-1]) is None
        for place in range(0, len(base), 97):
            altered = base[:place] + bytes([base[place] ^ 1]) + base[place + 1:]
            assert blobs.unpacked(packing, packed, altered) in (None, body)  # a letter need not use every byte of it


def test_a_worker_that_got_ready_reads_no_template_when_the_first_letters_leave(
    announced: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider(announced)
    announced.__dict__["transport"] = provider
    text.environment.cache_clear()
    deliver.get_ready(announced)
    asked = []
    monkeypatch.setattr(jinja2.FileSystemLoader, "get_source",
                        lambda loader, environment, name: asked.append(name) or pytest.fail(f"{name} is read now"))
    assert _send(announced, provider) > 0
    assert asked == [] and {message.subject for message in provider.handed}


@pytest.mark.parametrize(("wrong", "said"), [
    ({"mail_transport": "mailjet", "mailjet_api_key": ""}, "MAILJET_API_KEY"),
    ({"mail_transport": "smtp", "smtp_url": "smtp://host:notaport"}, "NOTIFIER_SMTP_URL"),
])
def test_a_worker_whose_transport_is_not_set_up_says_so_and_listens_all_the_same(
    house: House, caplog: pytest.LogCaptureFixture, wrong: dict[str, str], said: str
) -> None:
    with closing(House(house.settings.model_copy(update=wrong))) as other:
        deliver.get_ready(other)
    assert said in caplog.text


def test_a_worker_that_knows_no_calendar_listens_all_the_same(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with house.database.transaction() as session:
        session.execute(sa.update(Setting).where(col(Setting.key) == "terms.holiday_sets")
                        .values(value=["XX"]))
    deliver.get_ready(house)
    assert "not ready" in caplog.text
