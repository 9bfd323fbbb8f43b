"""Corrections: a material one is told anew with a window of its own, by two people; spelling only informs."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlmodel import Session, col, select

from notifier.domain.changes import Item
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.states import NoticeState, ObjectionState
from notifier.domain.terms import Authorisation
from notifier.house import House
from notifier.mail import outbox
from notifier.tables import Announcement, Delivery, Edition, Notice, NoticeChange
from notifier.workflow import (
    announcements,
    changes,
    consents,
    corrections,
    extensions,
    notices,
    objections,
    releases,
    verify,
)
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import NOW, START
from tests.workflow.telling import announced, arrive, owed, send

SOON = NOW + timedelta(days=10)
WORDS = "We forgot that support staff in India can see the data."
LATER = START + timedelta(days=30)
EVERYBODY = ["legal@alpha.example", "dpo@alpha.example", "legal@beta.example"]
WIDER = {"locations": ("United States", "India")}
SPELLED = {"legal_name": "ANALYTICS, Inc."}


def mended(session: Session, ref: str, values: dict[str, object]) -> list[Item]:
    """The items of a change with other values after."""
    return [changes.redraft(item, values) for item in changes.items_of(session, changes.get(session, ref))]


def correct(session: Session, ref: str, asks: Actor, signs: Actor, start: date | None = LATER) -> Announcement:
    """A material correction, asked for by one and signed by another."""
    items = mended(session, ref, WIDER)
    asked = corrections.correct(session, ref, items, WORDS, planned_start=start, actor=asks, now=SOON)
    assert asked is None
    made = corrections.sign(session, ref, actor=signs, now=SOON)
    assert made is not None
    assert made.announcement is not None
    return made.announcement


def test_a_material_correction_is_a_new_notice_with_a_window_of_its_own(house: House) -> None:
    with house.database.transaction() as session:
        change, old, olga, paul = announced(session)
    arrive(house)
    with house.database.transaction() as session:
        new = correct(session, change.ref, olga, paul)
        assert new.corrects_id == announcements.get(session, old).id
        assert owed(session, "change_corrected") == EVERYBODY
        edition = session.exec(select(Edition).order_by(col(Edition.n).desc())).first()
        assert edition is not None
        assert (edition.cause, edition.n) == ("correct", new.edition_n)
        assert edition.value["announced"][0]["items"][0]["after"]["locations"] == ["United States", "India"]
        standing = releases.standings(session, changes.get(session, change.ref), SOON)
        blocked = ["before_planned_start", "no_proven_notice"]
        assert [[str(b.code) for b in s.blockers] for s in standing] == [blocked] * 2
    arrive(house, SOON + timedelta(minutes=5))
    with house.database.reading() as session:
        rows = session.exec(select(Notice).order_by(col(Notice.id))).all()
        assert [row.state for row in rows] == [NoticeState.GIVEN] * 4
        days = [window.last_day for row in rows if (window := notices.window_of(session, row)) is not None]
        assert days == [date(2026, 4, 2)] * 2 + [date(2026, 4, 13)] * 2
        parts = session.exec(select(NoticeChange).order_by(col(NoticeChange.id))).all()
        assert [part.superseded_at for part in parts] == [SOON, SOON, None, None]
        assert verify.chain(session) == []
    sent = [x.text for x in outbox.read(house.settings.data_dir / "outbox") if "was not right" in x.text]
    assert len(sent) == 3
    for text in (" ".join(letter.split()) for letter in sent):
        assert WORDS in text
        assert "as we told you: United States correct: United States; India" in text
        assert "begins anew: until the end of Monday, 13 April 2026" in text


def test_the_other_changes_of_the_letter_run_on_and_its_window_is_not_touched(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"))
        one = factory.approved(session, olga, paul)
        two = factory.approved(session, olga, paul, legal_name="Support Ltd", activity="Support")
        announcements.announce(session, [one.ref, two.ref], actor=paul, now=NOW + timedelta(minutes=2))
    arrive(house)
    with house.database.transaction() as session:
        correct(session, one.ref, olga, paul)
        other = releases.standings(session, changes.get(session, two.ref), SOON)
        window = notices.window_of(session, other[0].notice)
        assert window is not None
        assert window.last_day == date(2026, 4, 2)
        rows = session.exec(select(Notice).order_by(col(Notice.id))).all()
        assert [notices.stands(session, row.id or 0) for row in rows] == [True, True]
    with house.database.reading() as session:
        assert verify.chain(session) == []


def test_an_objection_against_what_was_told_first_stands(house: House) -> None:
    with house.database.transaction() as session:
        change, _, olga, paul = announced(session)
    arrive(house)
    with house.database.transaction() as session:
        first = session.exec(select(Notice).order_by(col(Notice.id))).first()
        assert first is not None
        filing = Filing("Not with us.", "Lea", "legal@alpha.example")
        case = objections.file(session, first.id or 0, filing, contact_id=None, actor=factory.CONTACT, now=SOON)
        correct(session, change.ref, olga, paul)
    arrive(house, SOON + timedelta(minutes=5))
    with house.database.transaction() as session:
        assert objections.get(session, case.ref).state == ObjectionState.FILED
        standing = releases.standings(session, changes.get(session, change.ref), SOON + timedelta(days=200))
        assert [[str(b.code) for b in s.blockers] == ["objection_open"] for s in standing] == [True, False]
        late = objections.file(session, first.id or 0, Filing("Again.", "Dora", "dpo@alpha.example"), contact_id=None,
                               actor=factory.CONTACT, now=SOON)  # by the link of the old letter
        assert [c.ref for c in objections.changes_of(session, late)] == [change.ref]


def test_letters_that_have_not_left_are_cancelled_with_the_notice_that_says_nothing_any_more(house: House) -> None:
    with house.database.transaction() as session:
        change, _, olga, paul = announced(session)
        correct(session, change.ref, olga, paul)
    with house.database.reading() as session:
        assert owed(session, "change_announced") == []
        rows = session.exec(select(Notice).order_by(col(Notice.id))).all()
        assert [r.state for r in rows] == [NoticeState.CANCELLED] * 2 + [NoticeState.PENDING] * 2
        assert verify.chain(session) == []


def test_a_corrected_change_can_be_corrected_again_extended_and_taken_back(house: House) -> None:
    with house.database.transaction() as session:
        change, _, olga, paul = announced(session)
    arrive(house)
    with house.database.transaction() as session:
        new = correct(session, change.ref, olga, paul)
        extensions.extend(session, date(2026, 4, 27), "You asked.", announcement=new.ref, actor=paul, now=SOON)
        with pytest.raises(Refusal) as refused:
            extensions.extend(session, date(2026, 4, 27), "You asked.", announcement=changes.announcements_of(
                session, change)[0].ref, actor=paul, now=SOON)
        assert refused.value.code == "no_window"
        items = mended(session, change.ref, {"locations": ("United States", "India", "Brazil")})
        corrections.correct(session, change.ref, items, "Brazil too.", actor=paul, now=SOON)
        third = factory.third_person(session)
        assert corrections.correct(session, change.ref, items, "Brazil too.", actor=third, now=SOON) is not None
        assert [a.corrects_id is not None for a in changes.announcements_of(session, change)] == [False, True, True]
        announcements.withdraw(session, change.ref, "The tender was cancelled.", actor=paul, now=SOON)
        assert owed(session, "change_withdrawn") == EVERYBODY
    with house.database.reading() as session:
        assert verify.chain(session) == []


def test_whoever_no_longer_is_concerned_is_informed_and_not_asked(house: House) -> None:
    with house.database.transaction() as session:
        change, _, olga, paul = announced(session)
        factory.take_in(session, factory.customer("gamma", services=("archive",)))
    arrive(house)
    with house.database.transaction() as session:
        items = mended(session, change.ref, {"services": ("archive",)})
        corrections.correct(session, change.ref, items, "It is for the archive.", planned_start=LATER, actor=olga,
                            now=SOON)
        corrections.sign(session, change.ref, actor=paul, now=SOON)
        query = select(Delivery.to_email, Delivery.subject_kind).where(Delivery.kind == "change_corrected")
        told = sorted(tuple(row) for row in session.exec(query))
        assert told == [("dpo@alpha.example", "notice_change"), ("legal@alpha.example", "notice_change"),
                        ("legal@beta.example", "notice_change"), ("legal@gamma.example", "notice")]
        standing = releases.standings(session, changes.get(session, change.ref), SOON)
        assert [s.customer.ref for s in standing] == ["gamma"]
    send(house, SOON)
    with house.database.reading() as session:
        assert verify.chain(session) == []


def test_a_correction_of_spelling_informs_at_once_and_touches_no_window(house: House) -> None:
    with house.database.transaction() as session:
        change, _, olga, _ = announced(session)
    arrive(house)
    with house.database.transaction() as session:
        made = corrections.correct(session, change.ref, mended(session, change.ref, SPELLED), "We misspelled it.",
                                   actor=olga, now=SOON)
        assert made is not None
        assert (made.material, made.announcement, made.told) == (False, None, 2)
        assert changes.items_of(session, change)[0].after.legal_name == "ANALYTICS, Inc."  # type: ignore[union-attr]
        assert owed(session, "change_corrected") == EVERYBODY
        edition = session.exec(select(Edition).order_by(col(Edition.n).desc())).first()
        assert edition is not None
        assert edition.cause == "correct"
    arrive(house, SOON)
    with house.database.reading() as session:
        rows = session.exec(select(Notice).order_by(col(Notice.id))).all()
        windows = [notices.window_of(session, row) for row in rows]
        assert [w.last_day for w in windows if w] == [date(2026, 4, 2)] * 2
        assert verify.chain(session) == []
    sent = [x.text for x in outbox.read(house.settings.data_dir / "outbox") if "was not right" in x.text]
    assert len(sent) == 3
    assert all("as we told you: Analytics Inc." in text and "for your information" in text for text in sent)


def test_a_specific_consent_given_before_does_not_count_for_what_was_corrected(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", terms={"authorisation": Authorisation.SPECIFIC.value}))
        change = factory.announced(session, olga, paul)
    arrive(house)
    with house.database.transaction() as session:
        notice = session.exec(select(Notice)).one()
        consents.consent(session, notice, [change.ref], "yes", **factory.SIGNED, actor=factory.CONTACT, now=SOON)
        correct(session, change.ref, olga, paul)
        assert consents.consent_asked(session, notice) == []
        standing = releases.standings(session, changes.get(session, change.ref), SOON)
        assert "consent_missing" in [str(b.code) for b in standing[0].blockers]


def test_a_material_correction_takes_two_people_the_second_of_privacy(house: House) -> None:
    with house.database.transaction() as session:
        change, _, olga, paul = announced(session)
        items = mended(session, change.ref, WIDER)
        assert corrections.correct(session, change.ref, items, WORDS, planned_start=LATER, actor=paul, now=SOON) is None
    for actor, code in [(paul, "second_person"), (olga, "role_missing")]:
        with house.database.transaction() as session, pytest.raises(Refusal) as refused:
            corrections.sign(session, change.ref, actor=actor, now=SOON)
        assert refused.value.code == code
    with house.database.transaction() as session:
        assert corrections.asked_for(session, changes.get(session, change.ref)) is not None
        assert owed(session, "change_corrected") == []
        assert corrections.sign(session, change.ref, actor=factory.third_person(session), now=SOON) is not None


@pytest.mark.parametrize(("values", "words", "start", "code"), [
    (WIDER, " ", LATER, "reason_missing"),
    ({}, WORDS, LATER, "nothing_changes"),
    ({**WIDER, "address": ""}, WORDS, LATER, "incomplete"),
    (WIDER, WORDS, START, "start_too_early"),
    (SPELLED, WORDS, LATER, "bad_value"),
])
def test_what_cannot_be_told_is_refused(
    house: House, values: dict[str, object], words: str, start: date, code: str
) -> None:
    late = NOW + timedelta(days=45)
    with house.database.transaction() as session:
        change, _, olga, paul = announced(session)
        items = [Item(i.before, i.after and i.after.with_(**values)) for i in changes.items_of(session, change)]

    def both(session: Session) -> None:
        for actor in (olga, paul):
            corrections.correct(session, change.ref, items, words, planned_start=start, actor=actor, now=late)

    with pytest.raises(Refusal) as refused, house.database.transaction() as session:
        both(session)
    assert refused.value.code == code


def test_there_is_nothing_to_correct_or_to_sign_in_a_change_nobody_was_told_of(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        change = factory.approved(session, olga, paul)
    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        corrections.correct(session, change.ref, mended(session, change.ref, WIDER), WORDS, actor=olga, now=SOON)
    assert refused.value.code == "no_such_move"
    with house.database.transaction() as session, pytest.raises(Refusal) as refused:
        corrections.sign(session, change.ref, actor=paul, now=SOON)
    assert refused.value.code == "unknown"
