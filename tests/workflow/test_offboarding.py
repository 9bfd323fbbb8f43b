"""When an engagement ends: what is owed opens by itself, and somebody has to confirm it with a document."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlmodel import Session, select

from notifier.domain.changes import ChangeKind
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.house import House
from notifier.tables import AuditEntry, Change, Offboarding
from notifier.workflow import announcements, changes, evidence, exceptions, offboarding, releases, verify
from tests import factory
from tests.factory import NOW

PDF = ("protocol.pdf", b"%PDF destroyed")
DAY = NOW.date()


def removed(session: Session, olga: Actor, paul: Actor) -> Change:
    """The hosting is taken off the list, and that is in effect."""
    item = changes.draft(session, ChangeKind.REMOVE, ref="cloud-hosting")
    change = changes.propose(session, [item], reason="We host it ourselves.", planned_start=DAY, actor=olga, now=NOW)
    changes.submit(session, change.ref, actor=olga, now=NOW)
    changes.approve(session, change.ref, actor=paul, now=NOW)
    announcements.announce(session, [change.ref], actor=paul, now=NOW)
    releases.release(session, change.ref, actor=paul, now=NOW)
    return changes.get(session, change.ref)


def test_a_removal_asks_for_no_evidence_and_opens_an_offboarding_by_itself(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        change = removed(session, olga, paul)
    with house.database.reading() as session:
        ending = offboarding.every(session, change=change)[0]
        assert (ending.row.engagement_ref, ending.legal_name, ending.change) == (
            "cloud-hosting", "Cloud Hosting GmbH", change.ref)
        assert (ending.row.ends_on, ending.row.due_on) == (DAY, DAY + timedelta(days=30))
        assert [ending.overdue(DAY + timedelta(days=n)) for n in (30, 31)] == [False, True]
        opened = session.exec(select(AuditEntry).where(AuditEntry.subject_kind == "offboarding")).one()
        assert (opened.action, opened.refs["engagement"], opened.refs["due_on"]) == (
            "open", "cloud-hosting", "2026-04-01")
        assert verify.chain(session) == []


def test_a_replaced_engagement_is_owed_for_only_once_nobody_is_left_on_it(house: House) -> None:
    start = date(2026, 6, 1)
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"))
        values = {**factory.ANALYTICS, "legal_name": "Other Hosting AG"}
        item = changes.draft(session, ChangeKind.REPLACE, replaces="cloud-hosting", values=values)
        change = changes.propose(session, [item], reason="Nearer.", planned_start=start, actor=olga, now=NOW)
        factory.vouched(session, change, olga)
        changes.submit(session, change.ref, actor=olga, now=NOW)
        changes.approve(session, change.ref, actor=paul, now=NOW)
        announcements.announce(session, [change.ref], actor=paul, now=NOW)
        petra = factory.third_person(session)
        for actor in (paul, petra):
            exceptions.irregular_start(session, change.ref, "A switch was set too early.", DAY, actor=actor, now=NOW)
        assert offboarding.every(session) == []  # alpha is not released: the old one goes on for it
        assert changes.get(session, change.ref).state == "in_effect"
        for part, _ in changes.concerned(session, change):
            part.released_at = NOW
        session.flush()
        later = NOW + timedelta(days=91)
        assert factory.start_due(session, actor=factory.SYSTEM, now=later) == []  # nobody waits, so nothing is due
        assert releases.start_if_clear(session, change.ref, actor=factory.SYSTEM, now=later)
        ending = offboarding.every(session)[0]
        assert (ending.row.engagement_ref, ending.row.ends_on) == ("cloud-hosting", later.date())


def test_a_removal_that_has_begun_irregularly_opens_one_too(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        item = changes.draft(session, ChangeKind.REMOVE, ref="cloud-hosting")
        change = changes.propose(session, [item], reason="Gone.", planned_start=DAY, actor=olga, now=NOW)
        changes.submit(session, change.ref, actor=olga, now=NOW)
        changes.approve(session, change.ref, actor=paul, now=NOW)
        since = DAY - timedelta(days=40)
        for actor in (paul, factory.third_person(session)):
            exceptions.irregular_start(session, change.ref, "It closed down.", since, actor=actor, now=NOW)
        ending = offboarding.every(session)[0]
        assert (ending.row.ends_on, ending.overdue(DAY)) == (since, True)


def test_the_end_is_confirmed_by_a_file_or_in_words_where_nothing_was_held(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        removed(session, olga, paul)
        number = session.exec(select(Offboarding.id)).one() or 0
        for code, what, given, actor in (
            ("role_missing", "destroyed", {"file": PDF}, factory.SYSTEM), ("bad_value", "burnt", {"file": PDF}, olga),
            ("bad_value", "destroyed", {"words": "They said so."}, olga), ("reason_missing", "nothing_held", {}, olga),
            ("bad_value", "destroyed", {"file": ("p.pdf", b"")}, olga),
            ("bad_value", "nothing_held", {"words": "x" * 4001}, olga),
        ):
            with pytest.raises(Refusal) as refused:
                offboarding.confirm(session, number, what, actor=actor, now=NOW, **given)  # type: ignore[arg-type]
            assert refused.value.code == code
        with pytest.raises(Refusal) as refused:
            offboarding.confirm(session, 99, "destroyed", file=PDF, actor=olga, now=NOW)
        assert refused.value.code == "unknown"
        row = offboarding.confirm(session, number, "destroyed", words="By an engineer.", file=PDF, actor=olga, now=NOW)
        assert evidence.document(session, row.blob_sha256 or "") == PDF
        assert (row.what, row.confirmed_by, row.confirmed_at) == ("destroyed", olga.id, NOW)
        assert offboarding.every(session, unconfirmed=True) == []
        assert not offboarding.every(session)[0].overdue(date(2030, 1, 1))
        with pytest.raises(Refusal) as refused:
            offboarding.confirm(session, number, "nothing_held", words="Nothing.", actor=olga, now=NOW)
        assert refused.value.code == "no_such_move"


def test_the_day_moves_later_once_with_a_reason(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        removed(session, olga, paul)
        number, due = session.exec(select(Offboarding.id)).one() or 0, DAY + timedelta(days=30)
        for code, day, reason in (("bad_value", due, "Later."), ("reason_missing", due + timedelta(days=1), " ")):
            with pytest.raises(Refusal) as refused:
                offboarding.extend(session, number, day, reason, actor=paul, now=NOW)
            assert refused.value.code == code
        row = offboarding.extend(session, number, date(2026, 5, 1), "Their backups run out then.", actor=paul, now=NOW)
        assert (row.due_was, row.due_on, row.moved_by) == (due, date(2026, 5, 1), paul.id)
        with pytest.raises(Refusal) as refused:
            offboarding.extend(session, number, date(2026, 6, 1), "Again.", actor=paul, now=NOW)
        assert refused.value.code == "moved_once"
