"""The console records a delivery by hand, and shows how letters stand: lanes that rest, reports nobody could read."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlmodel import col, select

from notifier import clock
from notifier.domain import transfers
from notifier.domain.people import Door
from notifier.jobs import events
from notifier.tables import Delivery, Notice, ProviderPost
from notifier.workflow import audit, doubts, lanes, notices, people
from notifier.workflow.audit import BatchMove
from tests import factory
from tests.factory import NOW
from tests.web.conftest import Office, words

DAY = NOW.date().isoformat()


def announced(office: Office) -> str:
    """The uid of Alpha's notice, which nothing proves yet."""
    olga, paul = (people.actor_for(office.users[name], Door.CONSOLE) for name in ("olga", "paul"))
    with office.house.database.transaction() as session:
        factory.announced(session, olga, paul)
    with office.house.database.reading() as session:
        return session.exec(select(Notice.uid).order_by(col(Notice.id))).all()[0]


def test_one_person_records_and_another_looks_and_confirms(office: Office) -> None:
    uid = announced(office)
    path = f"/console/notices/{uid}/by-hand"
    olga, paul = office.browser("olga"), office.browser("paul")
    assert path in olga.get("/console/announcements/A-1")
    olga.get(path)
    page = olga.post(path, received_on=DAY, proof=(io.BytesIO(b"signed"), "receipt.pdf"), words="By courier.")
    assert "Recorded. It counts once a second person has confirmed it." in words(page)
    assert "You recorded it, so somebody else has to confirm." in words(page) and "/confirm" not in page
    seen = paul.get(path)
    assert "receipt.pdf" in seen and "By courier." in words(seen) and "Olga Ops" in words(seen)
    file = paul.client.get(f"{path}/file")
    assert (file.data, file.mimetype) == (b"signed", "application/octet-stream")
    assert "attachment" in file.headers["Content-Disposition"]
    page = paul.post(f"{path}/confirm")
    assert "delivered by hand on Monday, 2 March 2026 (receipt.pdf), confirmed by a second person" in words(page)
    assert paul.client.get(f"{path}/file").data == b"signed"
    assert "delivered by hand" in words(paul.get("/console/announcements/A-1"))


def test_what_is_missing_or_wrong_is_said_on_the_page(office: Office) -> None:
    uid = announced(office)
    path = f"/console/notices/{uid}/by-hand"
    olga, anton = office.browser("olga"), office.browser("anton")
    olga.get(path)
    assert "give a day" in words(olga.post(path, 422, received_on="", proof=(io.BytesIO(b"x"), "x.pdf")))
    tomorrow = (NOW.date() + timedelta(days=1)).isoformat()
    page = olga.post(path, 422, received_on=tomorrow, proof=(io.BytesIO(b"x"), "x.pdf"))
    assert "this day has not come" in words(page) and f'value="{tomorrow}"' in page
    assert "hand in a file with content" in words(olga.post(path, 422, received_on=DAY))
    assert "No delivery by hand of this notice waits" in words(olga.post(f"{path}/confirm", 409))
    assert olga.client.get(f"{path}/file").status_code == 409
    assert 'name="proof"' not in anton.get(path)
    anton.post(path, 403, received_on=DAY, proof=(io.BytesIO(b"x"), "x.pdf"))
    assert office.browser("paul").client.get("/console/notices/none/by-hand").status_code == 404


def test_the_page_of_letters_says_which_lane_rests_and_which_reports_nobody_could_read(office: Office) -> None:
    announced(office)
    with office.house.database.transaction() as session:
        lanes.note(session, "mailjet", halt="Mailjet does not let us send: wrong key", actor=factory.SYSTEM,
                   now=clock.now())
        session.add(ProviderPost(received_at=clock.now(), body=b"junk"))
    events.run(office.house)
    page = words(office.browser("olga").get("/console/deliveries"))
    assert "Letters by mailjet have stopped since" in page and "wrong key" in page
    assert "Reports nobody could read" in page and "The body is not JSON" in page


def test_a_letters_page_says_what_happens_next(office: Office) -> None:
    uid = announced(office)
    with office.house.database.transaction() as session:
        row = session.exec(
            select(Delivery).where(Delivery.kind == "change_announced").order_by(col(Delivery.id))).first()
        assert row is not None
        for action in ("claim", "accept"):
            audit.move_batch(session, [BatchMove(row, action, NOW)], actor=factory.SYSTEM, now=NOW)
        soft = notices.Happening(row.ref, "", "soft", NOW, "soft", "452 mailbox full")
        notices.happened(session, soft, actor=factory.SYSTEM, now=NOW)
        ref = row.ref
    page = office.browser("olga").get(f"/console/deliveries/{ref}")
    assert "Looked after next, should nothing be heard" in words(page) and "452 mailbox full" in words(page)
    assert "Not taken yet, a server said" in words(page) and f"/console/notices/{uid}/by-hand" in page


def test_the_board_shows_lanes_in_trouble_deliveries_to_confirm_and_rules_that_have_ended(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = announced(office)
    olga = office.browser("olga")
    assert "have stopped since" not in words(olga.get("/console/")) and f"{uid}/by-hand" not in olga.last
    olga.get(f"/console/notices/{uid}/by-hand")
    olga.post(f"/console/notices/{uid}/by-hand", received_on=DAY, proof=(io.BytesIO(b"signed"), "receipt.pdf"))
    with office.house.database.transaction() as session:
        lanes.note(session, "smtp", halt="the server wants a sign-in", actor=factory.SYSTEM, now=clock.now())
    ended = transfers.Source("Adequacy", "somewhere", date(2020, 1, 1), (("GB", date(2025, 6, 27)),))
    monkeypatch.setattr(transfers, "current", lambda: replace(transfers.read(), sources=(ended,)))
    page = office.browser("paul").get("/console/")
    assert "the server wants a sign-in" in page and f"/console/notices/{uid}/by-hand" in page
    assert "recorded by Olga Ops" in words(page) and "a decision that ended on 27 June 2025" in words(page)


def test_a_person_decides_on_the_page_of_a_letter_that_nobody_can_look_up(office: Office) -> None:
    announced(office)
    with office.house.database.transaction() as session:
        query = select(Delivery).where(Delivery.kind == "change_announced").order_by(col(Delivery.id))
        row = session.exec(query).first()
        assert row is not None
        for action in ("claim", "doubt"):
            audit.move_batch(session, [BatchMove(row, action, NOW)], actor=factory.SYSTEM, now=NOW)
    olga, path = office.browser("olga"), f"/console/deliveries/{row.ref}"
    assert "Send it again" not in olga.get(path)
    with office.house.database.transaction() as session:
        doubts.strand(session, row.ref, "No key.", actor=factory.SYSTEM, now=NOW)
    assert "Send it again" in olga.get(path)
    olga.post(f"{path}/decide", 422, what="requeue", reason=" ")
    olga.get(path)
    assert "The letter is sent again." in olga.post(f"{path}/decide", what="requeue", reason="Asked by phone.")
