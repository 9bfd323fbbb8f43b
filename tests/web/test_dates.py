"""The console alters what was told: more time, a later start, a correction that two people sign."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlmodel import select

from notifier.domain.people import Door
from notifier.house import House
from notifier.jobs import deliver
from notifier.tables import Notice, NoticeChange
from notifier.workflow import changes, corrections, people, starts
from tests import factory
from tests.web import customer_house
from tests.web.conftest import Office, words


def announced(office: Office) -> str:
    """A change that Alpha and Beta were told of."""
    olga, paul = (people.actor_for(office.users[name], Door.CONSOLE) for name in ("olga", "paul"))
    with office.house.database.transaction() as session:
        change = factory.announced(session, olga, paul)
    deliver.run(office.house)
    return change.ref


def test_privacy_gives_one_customer_or_all_more_time(office: Office) -> None:
    announced(office)
    paul = office.browser("paul")
    paul.get("/console/announcements/A-1")
    with office.house.database.reading() as session:
        uid = session.exec(select(Notice.uid)).first() or ""
    page = paul.post("/console/announcements/A-1/extend", notice=uid, until="2026-04-20", reason="You asked for it.")
    assert "1 customers have more time to object" in words(page)
    assert words(page).count("Monday, 20 April 2026") == 1
    page = paul.post("/console/announcements/A-1/extend", notice="", until="2026-04-27", reason="All have it.")
    assert words(page).count("Monday, 27 April 2026") == 2
    page = paul.post("/console/announcements/A-1/extend", 409, notice="", until="2026-04-01", reason="Shorter.")
    assert "A period is only ever extended" in words(page)
    assert 'value="2026-04-01"' in page
    paul.post("/console/announcements/A-1/extend", 422, notice="", until="", reason="When?")
    assert "Give more time to object" not in office.browser("olga").get("/console/announcements/A-1")


def test_a_start_is_moved_on_the_changes_page(office: Office) -> None:
    ref = announced(office)
    paul = office.browser("paul")
    assert "Move the start" in paul.get(f"/console/changes/{ref}")
    page = paul.post(f"/console/changes/{ref}/move_start", start="2026-06-03", reason="It takes longer.")
    assert "Wednesday, 3 June 2026" in words(page)
    assert "Planned so far: Monday, 4 May 2026" in words(page)
    page = paul.post(f"/console/changes/{ref}/move_start", 409, start="2026-05-03", reason="Sooner after all.")
    assert "an earlier one needs a new notice" in words(page)
    paul.post(f"/console/changes/{ref}/move_start", 422, start="", reason="When?")


def test_a_correction_is_written_by_one_and_signed_by_another(office: Office) -> None:
    ref = announced(office)
    olga, paul = office.browser("olga"), office.browser("paul")
    with office.house.database.reading() as session:
        value = changes.items_of(session, changes.get(session, ref))[0].after
        assert value is not None
    form = {f"1__{name}": "\n".join(v) if isinstance(v, tuple) else v for name, v in value.to_json().items()
            if name != "services"}
    form |= {"1__services": ["platform"], "1__data_categories": "usage data\nIP address",
             "1__locations": "United States\nIndia", "reason": "We forgot India.", "planned_start": "2026-06-03"}
    assert "What was wrong" in olga.get(f"/console/changes/{ref}/correct")
    page = olga.post(f"/console/changes/{ref}/correct", **form)
    assert "waits for a second person" in words(page)
    assert "We forgot India." in words(page)
    olga.post(f"/console/changes/{ref}/sign_correction", 403)
    paul.get(f"/console/changes/{ref}")
    page = paul.post(f"/console/changes/{ref}/sign_correction")
    assert "is corrected" in words(page)
    assert "India" in words(page)
    with office.house.database.reading() as session:
        assert changes.get(session, ref).planned_start == date(2026, 6, 3)
        superseded = session.exec(select(NoticeChange.superseded_at).order_by(NoticeChange.id)).all()  # type: ignore[arg-type]
        assert [at is not None for at in superseded] == [True, True, False, False]
    olga.get(f"/console/changes/{ref}/correct")
    form |= {"1__locations": "United States\nIndia", "1__legal_name": "ANALYTICS, Inc.", "reason": "Misspelled."}
    assert "2 customers are informed" in words(olga.post(f"/console/changes/{ref}/correct", **form))
    page = olga.post(f"/console/changes/{ref}/correct", 422, **form)
    assert "Nothing would change by this" in words(page)


def test_the_customers_page_says_which_letter_counts_after_a_correction(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = customer_house.told(house, monkeypatch)
    old, now, ref = told.link("acme"), customer_house.ARRIVED + timedelta(days=1), told.changes[0]
    with house.database.transaction() as session:
        items = changes.mended(changes.items_of(session, changes.get(session, ref)), {"locations": ["India"]})
        corrections.correct(session, ref, items, "We forgot India.", actor=told.olga, now=now)
        corrections.sign(session, ref, actor=told.paul, now=now)
    deliver.run(house)
    told.prove("change_corrected", now)
    page = words(told.client.get(old).text)
    assert "We have corrected this notice by a later letter." in page
    assert "An objection you have made stands." in page
    new = told.link("acme")
    assert new != old
    page = words(told.client.get(new).text)
    assert "We forgot India." in page
    assert "corrected this notice" not in page
    assert "until the end of Tuesday, 7 April 2026" in page


def test_an_open_start_is_shown_as_open_and_then_the_new_day(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = customer_house.told(house, monkeypatch, proven=False)
    day = customer_house.ARRIVED + timedelta(days=70)
    with house.database.transaction() as session:
        factory.start_due(session, actor=factory.SYSTEM, now=day)
    assert "Planned start not fixed yet; we tell you before it starts" in words(told.client.get(told.link("acme")).text)
    with house.database.transaction() as session:
        starts.move_start(session, told.changes[0], date(2026, 7, 1), "It took longer.", actor=told.paul, now=day)
    assert "Planned start Wednesday, 1 July 2026" in words(told.client.get(told.link("acme")).text)
