"""Reviews and endings fall due by themselves, and the people of ops hear of each one, not too often."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlmodel import Session, select

from notifier import clock
from notifier.domain.evidence import EvidenceKind, Given
from notifier.domain.people import Role
from notifier.house import House
from notifier.jobs import deliver, sweep
from notifier.tables import AuditEntry, Delivery
from notifier.workflow import evidence, people, reviews
from tests import factory
from tests.factory import HOSTING, NOW
from tests.workflow.test_offboarding import removed

K = EvidenceKind
FILE = ("iso27001.pdf", b"%PDF")


def letters(session: Session) -> list[tuple[str, str, int]]:
    """The letters about what is due: to whom, about what, which one of its kind."""
    return [(d.to_email.split("@")[0], d.subject_kind, d.attempt)
            for d in session.exec(select(Delivery).where(Delivery.kind == reviews.LETTER).order_by(Delivery.id))]  # type: ignore[arg-type]


def remind(session: Session, now: datetime) -> int:
    return reviews.remind(session, actor=factory.SYSTEM, now=now)


def test_who_was_never_reviewed_is_due_a_year_after_the_start_and_a_review_moves_it_a_year_on(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        assert [(d.review.due_on, d.review.row) for d in reviews.due(session, date(2027, 3, 2))] == [
            (date(2027, 3, 2), None)]
        assert reviews.due(session, date(2027, 3, 1)) == []
        evidence.renew(session, "cloud-hosting", [K.SECURITY_REVIEW], Given(file=FILE), actor=olga,
                       now=NOW + timedelta(days=100))
        looked = reviews.every(session)[0]
        assert looked.next is not None
        assert (looked.next.due_on, looked.next.overdue(date(2027, 6, 11))) == (date(2027, 6, 10), True)
        assert looked.lacking == tuple(k for k in EvidenceKind if k not in (
            K.SECURITY_REVIEW, K.STANDARD_CLAUSES, K.SECRECY))


def test_one_look_at_a_company_counts_for_all_its_engagements(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session, [HOSTING, HOSTING.with_(ref="backups", activity="Backups")])
        evidence.renew(session, "backups", [K.SECURITY_REVIEW], Given(file=FILE), actor=olga, now=NOW)
        assert [(d.review.engagement_ref, d.review.due_on) for d in reviews.due(session, date(2027, 3, 2))] == [
            ("backups", date(2027, 3, 2)), ("cloud-hosting", date(2027, 3, 2))]
        assert remind(session, NOW + timedelta(days=365)) == 1  # one piece of paper, one letter


def test_a_letter_leaves_when_it_is_due_and_every_thirty_days_after_and_never_in_between(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        evidence.renew(session, "cloud-hosting", [K.SECURITY_REVIEW], Given(file=FILE), actor=olga, now=NOW)
        due = NOW + timedelta(days=365)
        told = [remind(session, due + timedelta(days=n)) for n in (-1, 0, 0, 1, 29, 30, 31, 95, 96)]
        assert told == [0, 1, 0, 0, 0, 1, 0, 1, 0]
        assert letters(session) == [("olga", "evidence", 1), ("olga", "evidence", 2), ("olga", "evidence", 4)]
        people.add(session, "otto@processor.example", "Otto", [Role.OPS], actor=factory.SYSTEM, now=NOW)
        assert remind(session, due + timedelta(days=97)) == 1
        evidence.renew(session, "cloud-hosting", [K.SECURITY_REVIEW], Given(file=FILE), actor=olga,
                       now=due + timedelta(days=98))
        assert remind(session, due + timedelta(days=200)) == 0
        assert remind(session, due + timedelta(days=98 + 366)) == 2


def test_an_ending_nobody_confirms_is_told_of_too(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        removed(session, olga, paul)
        assert [remind(session, NOW + timedelta(days=n)) for n in (29, 30, 59, 60)] == [0, 1, 0, 1]
        assert letters(session) == [("olga", "offboarding", 1), ("olga", "offboarding", 2)]
        note = session.exec(select(AuditEntry).where(AuditEntry.action == "remind")).all()
        assert note == []  # it is chained when the transaction ends


def test_the_clock_reminds_and_the_letter_says_of_whom_since_when_and_where_to_go(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        evidence.renew(session, "cloud-hosting", [K.SECURITY_REVIEW], Given(file=FILE), actor=olga, now=NOW)
        removed_day = NOW + timedelta(days=366)
    with clock.standing(removed_day):
        seen = sweep.once(house)
        sweep.once(house, seen)
        sweep.once(house)
        deliver.run(house)
    with house.database.reading() as session:
        assert letters(session) == [("olga", "evidence", 1)]
        assert session.exec(select(AuditEntry).where(AuditEntry.action == "remind")).one().count == 1
        row = session.exec(select(Delivery).where(Delivery.kind == reviews.LETTER)).one()
        assert row.handed_at is not None
    sent = "\n".join(p.read_text() for p in (house.settings.data_dir / "outbox").glob("*.eml"))
    assert "Due: Review of Cloud Hosting GmbH (cloud-hosting)" in sent
    assert "due on 2 March 2027, yesterday." in sent
    assert "https://list.example/console/diligence/cloud-hosting" in sent
