"""While an announcement to many is being written, no page shows any of it; then all of it is there."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from notifier import clock
from notifier.domain.people import Door
from notifier.jobs import announce, deliver
from notifier.tables import Announcement, Delivery, Notice
from notifier.workflow import announcements, audience, customers, people, rolls
from tests import factory
from tests.web.conftest import Office, words


@pytest.fixture
def half_way(office: Office, monkeypatch: pytest.MonkeyPatch) -> tuple[Office, str]:
    """Two customers a transaction; the office's four are many, and the first two are written."""
    monkeypatch.setattr(rolls, "PART", 2)
    monkeypatch.setattr(audience, "PAGE", 2)
    monkeypatch.setattr(announce, "BREATH", 0.001)
    monkeypatch.setattr(office.house, "ring", lambda job, *_: True)
    with office.house.database.transaction() as session:
        olga, paul = (people.actor_for(office.users[name], Door.CONSOLE) for name in ("olga", "paul"))
        ref = factory.approved(session, olga, paul).ref
        for row in session.exec(select(Delivery)):
            session.delete(row)
    paul_there = office.browser("paul")
    paul_there.get(f"/console/announce?change={ref}")
    page = words(paul_there.post("/console/announce", change=ref))
    assert "A-1 is being written. Nobody sees it before it is whole." in page
    with office.house.database.reading() as session:
        begun = announcements.unfinished(session)[0]
    with announce.Writer(office.house) as writer:
        writer.step(begun)
    return office, ref


PAGES = ("/console/", "/console/deliveries", "/console/deliveries?state=queued", "/console/customers/alpha",
         "/console/customers/beta", "/console/changes/C-1", "/console/changes", "/console/audit", "/", "/changes")


def _shown(office: Office) -> dict[str, Any]:
    """What a person who sees everything sees, page by page."""
    browser = office.browser("petra")
    found = {}
    for path in PAGES:
        answer = browser.client.get(path)
        found[path] = (answer.status_code, words(answer.text))
    return found


def test_half_way_no_page_shows_a_notice_a_letter_or_a_customer_told(half_way: tuple[Office, str]) -> None:
    office, _ = half_way
    with office.house.database.reading() as session:
        assert len(session.exec(select(Notice)).all()) == 2
        held = session.exec(select(Delivery)).all()
        assert {row.to_email for row in held} == {"legal@alpha.example", "dpo@alpha.example", "legal@beta.example"}
    seen = _shown(office)
    for path, (_, page) in seen.items():
        assert "legal@beta.example" not in page or path == "/console/customers/beta", path
        assert "Announcement of a change" not in page, path
    browser = office.browser("paul")
    assert "A-1 is being written: 2 of 4 customers." in words(browser.get("/console/announce"))
    for path in ("/console/announcements/A-1", f"/console/deliveries/{held[0].ref}"):
        browser.get(path, status=404)
    assert deliver.run(office.house) == 0


def test_then_all_of_it_is_there(half_way: tuple[Office, str]) -> None:
    office, _ = half_way
    assert announce.run(office.house) == 1
    assert deliver.run(office.house) == 3
    browser = office.browser("paul")
    assert "A-1" in words(browser.get("/console/announcements/A-1"))
    assert "legal@beta.example" in words(browser.get("/console/deliveries"))
    with office.house.database.reading() as session:
        assert [row.made_at is not None for row in session.exec(select(Announcement))] == [True]


def test_why_an_announcement_could_not_be_made_stands_where_it_was_begun(half_way: tuple[Office, str]) -> None:
    office, ref = half_way
    with office.house.database.transaction() as session:
        alpha = customers.get(session, "alpha")
        alpha.contract_end, alpha.updated_at = factory.START.replace(year=2025), clock.now()
    assert announce.run(office.house) == 1
    page = words(office.browser("paul").get(f"/console/announce?change={ref}"))
    assert "A-1 could not be made on" in page
    assert "customers changed" in page
    again = office.browser("paul")
    again.get(f"/console/announce?change={ref}")
    again.post("/console/announce", change=ref)
    announce.run(office.house)
    with office.house.database.reading() as session:
        made = session.exec(select(Announcement).where(Announcement.ref == "A-2")).one()
        assert (made.made_at is not None, made.included) == (True, 1)
    assert "A-1 could not be made" not in words(office.browser("paul").get("/console/announce"))
