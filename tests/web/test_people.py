"""One's own password, on the people's page."""

from __future__ import annotations

from tests.web.conftest import PASSWORD, Office, words

NEW = "another long password"


def test_a_new_password_keeps_this_browser_signed_in_and_ends_every_other(office: Office) -> None:
    here, elsewhere = office.browser("paul"), office.browser("paul")
    here.get("/console/people")
    assert "Your password is changed." in words(here.post("/console/people/password", current=PASSWORD, password=NEW))
    assert "Signed in as Paul Privacy" in words(here.get("/console/"))
    assert elsewhere.client.get("/console/").status_code == 302
    visitor = office.browser()
    visitor.post("/console/sign-in", 403, email="paul@processor.example", password=PASSWORD)
    visitor.post("/console/sign-in", email="paul@processor.example", password=NEW)


def test_a_wrong_or_a_weak_password_changes_nothing(office: Office) -> None:
    paul = office.browser("paul")
    paul.get("/console/people")
    said = words(paul.post("/console/people/password", 403, current="guessed it", password=NEW))
    assert "the password is wrong" in said
    assert "at least 10 characters" in words(paul.post("/console/people/password", 422, current=PASSWORD, password="x"))
    assert "A password needs" in words(paul.post("/console/people/password", 422, current=PASSWORD, password=""))
    assert "Signed in as Paul Privacy" in words(paul.get("/console/"))
