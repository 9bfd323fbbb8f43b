"""*Send me this letter*: the very letter, to one of our people, as a test and never as a notice."""

from __future__ import annotations

import pytest
from sqlmodel import Session, select

from notifier import clock
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.house import House
from notifier.jobs import deliver
from notifier.mail import outbox, render
from notifier.tables import AuditEntry, Delivery, Notice
from notifier.workflow import announcements, changes, letters, notices, previews, verify
from tests import factory
from tests.factory import NOW
from tests.workflow import telling


@pytest.fixture
def ready(house: House) -> tuple[House, Actor, str]:
    """An approved change nobody was told of yet; alpha would be, delta buys something else."""
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", language="de"),
                        factory.customer("delta", services=("archive",)))
        return house, paul, factory.approved(session, olga, paul).ref


def send_me(session: Session, paul: Actor, ref: str, customer: str = "alpha", language: str = "de") -> Delivery:
    return previews.send_me(session, [ref], customer, language, actor=paul, now=NOW)


@pytest.mark.parametrize("language", ["de", "fr"])
def test_it_brings_the_very_letter_with_dead_links_and_says_what_it_is(
    ready: tuple[House, Actor, str], language: str
) -> None:
    house, paul, ref = ready
    with house.database.transaction() as session:
        send_me(session, paul, ref, language=language)
        concerned = [changes.get(session, ref)]
        seat = announcements.plan(session, concerned, NOW).included[0]
        shown = render.render(letters.preview(session, concerned, seat, language, house.sender, NOW))
    with clock.standing(NOW):
        deliver.run(house)
    [sent] = [one for one in outbox.read(house.settings.data_dir / "outbox") if "paul@" in one.to
              and "{link}" in one.text]
    assert shown.subject in sent.subject and sent.subject != shown.subject
    _, _, body = sent.text.partition("-" * 40 + "\n\n")
    # The head of the log has moved on: the sending is in it. All else is the very same.
    assert body.splitlines()[:-1] == shown.text.splitlines()[:-1]
    assert "/n/{link}" in sent.text and "/n/{link}/object" in sent.text


def test_whatever_becomes_of_it_it_gives_no_notice_and_alarms_nobody(ready: tuple[House, Actor, str]) -> None:
    house, paul, ref = ready
    with house.database.transaction() as session:
        for _ in range(2):
            send_me(session, paul, ref)
    telling.send(house, NOW)
    with house.database.transaction() as session:
        rows = session.exec(select(Delivery).where(Delivery.kind == previews.LETTER)).all()
        assert [(d.attempt, d.notice_id, d.contact_id, d.promised_last_day) for d in rows] \
            == [(1, None, None, None), (2, None, None, None)]
        for kind, row in zip(("sent", "bounce"), rows, strict=True):
            event = notices.Happening(row.ref, "", kind, NOW, f"{kind}:{row.ref}", "word")
            notices.happened(session, event, actor=telling.PROVIDER, now=NOW)
        assert session.exec(select(Notice)).all() == []
        assert session.exec(select(Delivery).where(Delivery.kind == "staff_delivery_failed")).all() == []
        noted = session.exec(select(AuditEntry).where(AuditEntry.action == "send_test")).all()
        assert [e.refs["changes"] for e in noted] == [[ref], [ref]]
    with house.database.reading() as session:
        assert verify.chain(session) == []


def test_it_is_refused_to_nobody_in_particular_and_for_who_would_get_no_letter(
    ready: tuple[House, Actor, str]
) -> None:
    house, paul, ref = ready
    with house.database.reading() as session:
        for actor, refs, customer, why in (
            (factory.SYSTEM, [ref], "alpha", "person"), (paul, [], "alpha", "at least one"),
            (paul, ["C-99"], "alpha", "no change"), (paul, [ref], "nobody", "no customer"),
            (paul, [ref], "delta", "on this roll"),
        ):
            with pytest.raises(Refusal, match=why):
                previews.send_me(session, refs, customer, "en", actor=actor, now=NOW)
