"""Bad input in the console: each a page that says what is wrong, and no row more than before."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from notifier.domain.people import Actor, Door
from notifier.workflow import people
from tests import factory
from tests.web.conftest import Office, words

LONG = "x" * 10_000
NEW: dict[str, Any] = {
    "kind": "add", "reason": "We need it.", "planned_start": "2026-05-04", "separable": "no",
    "1__legal_name": "Logbook GmbH", "1__activity": "Error monitoring", "1__country": "AT",
}
BAD: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "a start in the past": ("olga", "changes/new", {"planned_start": "2026-03-01"}, 422, "this day has passed"),
    "a start that is no day": ("olga", "changes/new", {"planned_start": "31.2.2026"}, 422, "write the day as"),
    "an unknown country": ("olga", "changes/new", {"1__country": "Atlantis"}, 422, "“Atlantis” is no country we know"),
    "an empty activity": ("olga", "changes/new", {"1__activity": " "}, 422, "this is needed to propose anything"),
    "an empty name": ("olga", "changes/new", {"1__legal_name": ""}, 422, "this is needed to propose anything"),
    "a long activity": ("olga", "changes/new", {"1__activity": LONG}, 422, "longer than 4,000 characters"),
    "a long reason": ("olga", "changes/new", {"reason": LONG}, 422, "Reason: this is longer than 4000 characters"),
    "an unknown kind": ("olga", "changes/new", {"kind": "explode"}, 404, "There is no kind of change"),
    "a long no": ("paul", "changes/C-1/send_back", {"reason": LONG}, 422, "longer than 4000 characters"),
    "a start moved to nowhere": ("paul", "changes/C-1/move_start", {"start": "", "reason": "Why."}, 422, "give a day"),
    "a long name": ("petra", "people", {"name": LONG, "email": "x@processor.example", "role": "ops",
                                        "password": "a long password"}, 422, "Name: this is longer than 200"),
    "no roles": ("petra", "people", {"name": "X", "email": "x@processor.example", "password": "a long password"}, 422,
                 "choose at least one"),
    "a contact without address": ("olga", "customers/alpha/contacts", {"email": LONG, "role": "notice"}, 422,
                                  "is no e-mail address"),
    "a contact with a long one": ("olga", "customers/alpha/contacts",
                                  {"email": f"{LONG}@alpha.example", "role": "notice"}, 422, "is no e-mail address"),
}


def counts(office: Office) -> dict[str, int]:
    """How many rows every table has."""
    with office.house.database.reading() as session:
        return {name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for name, table in SQLModel.metadata.tables.items()}


def _actor(office: Office, name: str) -> Actor:
    return people.actor_for(office.users[name], Door.CONSOLE)


@pytest.fixture
def filled(office: Office) -> Office:
    """An office with an approved change."""
    with office.house.database.transaction() as session:
        factory.approved(session, _actor(office, "olga"), _actor(office, "paul"))
    return office


def test_bad_input_brings_a_page_that_says_so_and_leaves_nothing(filled: Office) -> None:
    before, wrong = counts(filled), {}
    for name, (who, path, form, status, told) in BAD.items():
        browser = filled.browser(who)
        said = words(browser.post(f"/console/{path}", status, **({**NEW, **form} if path == "changes/new" else form)))
        if told not in said:
            wrong[name] = said[:800]
        if counts(filled) != before:
            wrong[name] = "left something behind"
    assert wrong == {}


def test_what_was_typed_stays_in_the_form(filled: Office) -> None:
    page = filled.browser("olga").post("/console/changes/new", 422, **{**NEW, "1__country": "Atlantis"})
    assert 'value="Atlantis"' in page
    assert "Error monitoring" in page


class Unread(BytesIO):
    """A body nobody may look at."""

    def read(self, *args: Any) -> bytes:
        raise AssertionError("the body was read")

    readinto = readline = read  # type: ignore[assignment]


@pytest.mark.parametrize("path", ["people", "changes/new", "changes/C-1/vouch", "sign-in"])
def test_fifty_megabytes_are_refused_before_they_are_read(filled: Office, path: str) -> None:
    before = counts(filled)
    answer = filled.browser("olga").client.post(
        f"/console/{path}", input_stream=Unread(), content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(50 * 2**20)})
    assert answer.status_code == 413
    assert "That is too large" in words(answer.text)
    assert counts(filled) == before
