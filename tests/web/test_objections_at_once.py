"""What PostgreSQL and SQLite could do differently when a customer objects: races, text, the way to the end."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread

import pytest

from notifier.domain.states import ObjectionState
from notifier.house import House
from notifier.workflow import links, objections
from tests.web import customer_house
from tests.web.customer_house import ARRIVED, Told, file, forms


@pytest.fixture
def told(house: House, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Two customers, proven to have been told of one addition; once on each database."""
    return customer_house.told(house, monkeypatch)


def _check(told: Told) -> customer_house.Form:
    path = told.link("acme")
    form = forms(told.client.get(f"{path}/object"))[0]
    return forms(told.client.post(form.action, data=form.filled(text="No.")))[0]


def _filed(told: Told) -> list[objections.Objection]:
    with told.house.database.reading() as db:
        return objections.every(db)


def test_two_presses_at_once_file_once(told: Told) -> None:
    check = _check(told)
    found: list[int] = []

    def press() -> None:
        found.append(told.client.post(check.action, data=check.filled(step="file")).status_code)

    hands = [Thread(target=press) for _ in range(4)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert found == [303] * 4
    assert len(_filed(told)) == 1


def test_control_characters_are_left_out(told: Told) -> None:
    file(told, told.link("acme"), text="No\x00 to\x08 \u202ethis.")
    assert told.case().text == "No to this."


def test_a_nonce_reaches_no_case_of_another_customer(told: Told) -> None:
    first = _check(told)
    own = told.client.post(first.action, data=first.filled(step="file")).headers["Location"]
    other = told.client.post(told.link("bond") + "/object", data=first.filled(step="file", email="legal@bond.example"))
    assert other.status_code == 303
    assert other.headers["Location"] != own
    assert len({case.notice_id for case in _filed(told)}) == 2


def test_from_the_form_to_the_end_of_the_service(told: Told) -> None:
    file(told, told.link("acme"))
    path, ref, now = told.link("acme", links.CASE), told.case().ref, ARRIVED + timedelta(days=2)
    with told.house.database.transaction() as db:
        objections.acknowledge(db, ref, "We look into it.", actor=told.paul, now=now)
    told.at(now)
    told.client.post(f"{path}/message", data={"message": "Please do."})
    with told.house.database.transaction() as db:
        objections.no_agreement(db, ref, "There is no way.", actor=told.paul, now=now)
    sent = {"service": "platform", "ends_on": "2026-06-30", "step": "file"}
    assert told.client.post(told.fresh(path, links.TERMINATE), data=sent).status_code == 303
    assert told.case().state == ObjectionState.TERMINATED
    for page in (path, f"{path}/filed", told.link("acme")):
        assert told.client.get(page).status_code == 200
