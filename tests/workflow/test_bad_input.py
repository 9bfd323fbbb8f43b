"""What cannot be stored is refused in words, alike on both databases, and nothing is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, SQLModel

from notifier.domain.changes import ChangeKind
from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.house import House
from notifier.workflow import (
    announcements,
    changes,
    customers,
    exceptions,
    exclusions,
    extensions,
    lengths,
    objections,
    people,
    starts,
)
from notifier.workflow.customers import ContactEntry
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import ANALYTICS, NOW

LONG = "x" * 10_000
PAST = date(2026, 3, 1)  # yesterday
LATER = NOW + timedelta(hours=1)


def counts(house: House) -> dict[str, int]:
    """How many rows every table has."""
    with house.database.reading() as session:
        return {name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for name, table in SQLModel.metadata.tables.items()}


def draft(session: Session, who: Who, *, kind: ChangeKind = ChangeKind.ADD, **given: Any) -> Any:
    """A new draft of Olga's."""
    named = {name: given.pop(name) for name in ("ref", "replaces") if name in given}
    told = {name: given.pop(name) for name in ("reason", "planned_start") if name in given}
    values = {**ANALYTICS, "legal_name": "Other Inc.", **given} if kind is ChangeKind.ADD else given
    item = changes.draft(session, kind, values=values, **named)
    return changes.propose(session, [item], actor=who.olga, now=LATER,
                           **{"reason": "Why.", "planned_start": factory.START, **told})


class Who:
    """Two people, an announced change and one in review."""

    def __init__(self, session: Session) -> None:
        self.olga, self.paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("acme"))
        self.announced = factory.announced(session, self.olga, self.paul, separable="customer").ref
        self.review = factory.approved(session, self.olga, self.paul, legal_name="Third Inc.").ref
        changes.send_back(session, self.review, "Again.", actor=self.paul, now=NOW)
        changes.submit(session, self.review, actor=self.olga, now=NOW)
        self.admin: Actor = factory.SYSTEM


def objection(session: Session, who: Who, **given: str) -> Any:
    """Acme's objection."""
    filing = Filing(**{"text": "No.", "name": "Lea", "email": "legal@acme.example", **given})
    return objections.file(session, 1, filing, contact_id=1, actor=factory.CONTACT, now=LATER)


Act = Callable[[Session, Who], Any]
BAD: dict[str, tuple[Act, str]] = {
    "a start in the past": (lambda s, w: draft(s, w, planned_start=PAST), "Planned start: this day has passed"),
    "an edited start in the past": (
        lambda s, w: (changes.send_back(s, w.review, "Again.", actor=w.paul, now=LATER),
                      changes.edit(s, w.review, changes.items_of(s, changes.get(s, w.review)), reason="Why.",
                                   planned_start=PAST, separable="no", actor=w.olga, now=LATER)),
        "this day has passed"),
    "a start moved into the past": (
        lambda s, w: starts.move_start(s, w.announced, PAST, "Why.", actor=w.paul, now=LATER),
        "only moves to a day after"),
    "more time until yesterday": (
        lambda s, w: extensions.extend(s, PAST, "Why.", announcement="A-1", actor=w.paul, now=LATER),
        "only ever extended"),
    "begun tomorrow": (
        lambda s, w: exceptions.irregular_start(s, w.announced, "Why.", date(2026, 3, 3), actor=w.paul, now=LATER),
        "this day has not come"),
    "an unknown country": (lambda s, w: draft(s, w, country="Atlantis"), "“Atlantis” is no country we know"),
    "an empty activity": (lambda s, w: draft(s, w, activity="  "), "Activity: this is needed"),
    "an empty name": (lambda s, w: draft(s, w, legal_name=" "), "this is needed"),
    "an activity taken away": (
        lambda s, w: draft(s, w, kind=ChangeKind.MODIFY, ref="cloud-hosting", activity=""), "Activity: this is needed"),
    "a replacement without activity": (
        lambda s, w: draft(s, w, kind=ChangeKind.REPLACE, replaces="cloud-hosting", legal_name="New", activity=" "),
        "Activity: this is needed"),
    "a long address": (lambda s, w: draft(s, w, address=LONG), "longer than 4,000 characters"),
    "a long list": (lambda s, w: draft(s, w, data_categories=[LONG]), "longer than 4,000 characters"),
    "a long reason": (lambda s, w: draft(s, w, reason=LONG), "Reason: this is longer than 4000 characters"),
    "a long no": (lambda s, w: changes.reject(s, w.review, LONG, actor=w.paul, now=LATER), "Reason: this is longer"),
    "a long withdrawal": (
        lambda s, w: announcements.withdraw(s, w.announced, LONG, actor=w.paul, now=LATER), "Reason: this is longer"),
    "long words": (lambda s, w: announcements.announce(s, [_approved(s, w)], words=LONG, actor=w.paul, now=LATER),
                   "Words: this is longer than 4000 characters"),
    "a long how": (lambda s, w: exclusions.confirm_separable(s, w.announced, "no", LONG, actor=factory.engineer(s),
                                                             now=LATER), "How: this is longer than 4000 characters"),
    "a long move": (
        lambda s, w: starts.move_start(s, w.announced, date(2026, 6, 1), LONG, actor=w.paul, now=LATER),
        "Reason: this is longer"),
    "a long name": (lambda s, w: people.add(s, "x@processor.example", LONG, [Role.OPS], actor=w.admin, now=LATER),
                    "Name: this is longer than 200 characters"),
    "a long address of a person": (
        lambda s, w: people.add(s, f"{LONG}@processor.example", "X", [Role.OPS], actor=w.admin, now=LATER),
        "E-mail: this is longer than 254 characters"),
    "a long contact": (lambda s, w: customers.add_contact(
        s, customers.get(s, "acme"), ContactEntry("x@acme.example", LONG), actor=w.olga, now=LATER),
        "contact_name: this is longer"),
    "a long customer": (lambda s, w: customers.upsert(s, [factory.customer("x", name=LONG)], actor=w.olga, now=LATER),
                        "name: this is longer than 300 characters"),
    "a customer of nowhere": (
        lambda s, w: customers.upsert(s, [factory.customer("x", country="XX")], actor=w.olga, now=LATER), "country"),
    "a long objection": (lambda s, w: objection(s, w, text=LONG * 3), "longer than 20,000 characters"),
    "a long answer address": (lambda s, w: objection(s, w, email=f"{LONG}@acme.example"), "this is longer than 254"),
    "a long message": (lambda s, w: objections.message(s, objection(s, w).ref, LONG * 3, actor=w.paul, now=LATER),
                       "longer than 20,000 characters"),
}


def _approved(session: Session, who: Who) -> str:
    return changes.approve(session, who.review, actor=who.paul, now=LATER).ref


def test_bad_input_is_refused_in_words_and_nothing_is_stored(house: House) -> None:
    with house.database.transaction() as session:
        who = Who(session)
    before, wrong = counts(house), {}
    for name, (act, words) in BAD.items():
        try:
            with house.database.transaction() as session:
                act(session, who)
            wrong[name] = "was taken"
        except Refusal as refusal:
            if words not in str(refusal):
                wrong[name] = str(refusal)
        if counts(house) != before:
            wrong[name] = "left something behind"
    assert wrong == {}


def test_every_text_column_has_its_limit_or_is_meant_to_have_none() -> None:
    without = {
        f"{table.name}.{column.name}" for table in SQLModel.metadata.tables.values() for column in table.columns
        if isinstance(getattr(column.type, "impl", column.type), sa.String) and not isinstance(column.type, sa.Enum)
        and column.name not in lengths.limits(table.name)
    }
    assert without == {"delivery.words", "kept_answer.body"}


def test_text_as_long_as_its_column_is_taken(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        item = changes.draft(session, ChangeKind.ADD, values=ANALYTICS)
        change = changes.propose(session, [item], reason="x" * 4000, planned_start=None, actor=olga, now=NOW)
    with pytest.raises(Refusal, match="longer than 4000"), house.database.transaction() as session:
        changes.edit(session, change.ref, [item], reason="x" * 4001, planned_start=None, separable="no", actor=olga,
                     now=NOW)
