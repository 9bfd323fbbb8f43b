"""`changes announce` waits until very many notices are written, and says how it ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlmodel import col, select

from notifier.house import open_house
from notifier.jobs import announce
from notifier.tables import Contact
from notifier.workflow import audience, rolls
from tests import factory
from tests.cli.conftest import Run


@pytest.fixture
def approved(notifier: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A demo with five customers, of which two are many, and an approved change."""
    monkeypatch.setattr(rolls, "PART", 2)
    monkeypatch.setattr(audience, "PAGE", 2)
    monkeypatch.setattr(announce, "BREATH", 0.001)
    monkeypatch.setenv("NOTIFIER_ORG_CONTACT", "privacy@processor.example")
    notifier("migrate")
    (Path("var") / "demo").write_text("demo\n")
    house = open_house()
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, *(factory.customer(f"c{n}") for n in range(5)))
        ref = factory.approved(session, olga, paul, start=date(2099, 1, 5)).ref

    def without_contact(customer: str = "") -> str:
        with house.database.transaction() as session:
            for row in session.exec(select(Contact).where(col(Contact.email) == f"legal@{customer}.example")):
                row.retired_at = factory.NOW
        house.database.close()
        return ref

    return without_contact


def test_it_says_how_many_are_owed_a_notice(notifier: Run, approved: Callable[..., str]) -> None:
    said = notifier("changes", "announce", approved(), "--as", "paul@processor.example")
    assert "A-1 announced: 5 customers are owed a notice, 0 are not; edition 2 of the list." in said.out


def test_it_says_why_it_could_not_be_made(notifier: Run, approved: Callable[..., str]) -> None:
    said = notifier("changes", "announce", approved("c3"), "--as", "paul@processor.example", status=1)
    assert "Announcement A-1 could not be made, and nobody was told." in said.err
    assert "C3 Ltd (c3)" in said.err
