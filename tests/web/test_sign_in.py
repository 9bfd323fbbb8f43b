"""Who gets into the console, and how guessing is slowed down."""

from __future__ import annotations

import pytest

from notifier.web.console import sign_in
from notifier.workflow import changes
from tests.web.conftest import PASSWORD, Office, words


def test_nobody_enters_without_signing_in_and_is_brought_where_they_wanted(office: Office) -> None:
    visitor = office.browser()
    answer = visitor.client.get("/console/changes?state=draft")
    assert answer.status_code == 302
    assert answer.location == "/console/sign-in?next=/console/changes%3Fstate%3Ddraft"
    visitor.get(answer.location)
    page = visitor.post("/console/sign-in", email="PAUL@processor.example", password=PASSWORD,
                        next="/console/changes?state=draft")
    assert "<h1>Changes</h1>" in page


def test_a_wrong_password_is_told_and_the_address_stays_in_the_form(office: Office) -> None:
    page = office.browser().post("/console/sign-in", 403, email="paul@processor.example", password="wrong")
    assert "The address or the password is wrong." in page
    assert 'value="paul@processor.example"' in page
    sign_in.patience.forget("paul@processor.example")


@pytest.mark.parametrize("wanted", [
    "https://evil.example/", "//evil.example/", "/\\evil.example", "/console/../../x", "/console/nothing-here", "",
    "/console/sign-out",
])
def test_signing_in_leads_to_own_pages_only(office: Office, wanted: str) -> None:
    with office.app.test_request_context():
        assert sign_in.own(wanted) == "/console/"


def test_guessing_makes_everybody_wait_longer_and_longer() -> None:
    moment = [1000.0]
    patience = sign_in.Patience(lambda: moment[0])
    waits = []
    for _ in range(8):
        patience.failed("a@b.example")
        waits.append(patience.wait("a@b.example"))
        moment[0] += waits[-1]
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8]
    assert patience.wait("other@b.example") == 0
    patience.forget("a@b.example")
    patience.failed("a@b.example")
    assert patience.wait("a@b.example") == 0


def test_too_many_wrong_passwords_are_answered_429_even_with_the_right_one(office: Office) -> None:
    visitor, address = office.browser(), "paul@processor.example"
    for _ in range(sign_in.Patience.free):
        sign_in.patience.failed(address)
    try:
        page = visitor.post("/console/sign-in", 429, email=address, password=PASSWORD)
        assert "too many wrong passwords" in page
    finally:
        sign_in.patience.forget(address)


def test_signing_out_takes_a_post_and_ends_it(office: Office) -> None:
    paul = office.browser("paul")
    paul.get("/console/sign-out", 405)
    paul.get("/console/")
    paul.post("/console/sign-out")
    assert paul.client.get("/console/").status_code == 302


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/changes/new", "/console/announce", "/console/people",
                                  "/console/sign-out", "/demo/clock"])
def test_a_form_without_its_token_changes_nothing(office: Office, path: str) -> None:
    answer = office.browser("petra").client.post(path, data={"kind": "add", "1.legal_name": "X", "days": "7"})
    assert answer.status_code == 400
    assert "load the page again" in words(answer.text)
    with office.house.database.reading() as db:
        assert changes.every(db) == []
