"""An office to work in: a migrated house on SQLite with people, a list and customers, and a browser for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from notifier import clock
from notifier.app import create_app
from notifier.domain.people import Role
from notifier.house import House
from notifier.tables import User
from notifier.workflow import people
from notifier.workflow.customers import ContactEntry
from tests import factory, servers

PASSWORD = "correct horse battery"
STAFF = (
    ("olga", "Olga Ops", [Role.OPS]), ("paul", "Paul Privacy", [Role.PRIVACY]),
    ("petra", "Petra Privacy", [Role.PRIVACY, Role.ADMIN]), ("anton", "Anton Auditor", [Role.AUDITOR]),
)


@dataclass
class Browser:
    """One person's browser: remembers its cookie, and sends forms with the token of the page it last saw."""

    client: FlaskClient
    last: str = ""

    def get(self, path: str, status: int = 200) -> str:
        """A page's HTML."""
        return self._seen(self.client.get(path), status)

    def post(self, path: str, status: int = 303, **form: Any) -> str:
        """Sends a form; after a redirect, the page it leads to."""
        form = {name.replace("__", "."): value for name, value in form.items()}
        answer = self.client.post(path, data={"csrf_token": self.token, **form})
        if answer.status_code == 303 and status == 303:
            return self.get(answer.location)
        return self._seen(answer, status)

    @property
    def token(self) -> str:
        """The token in the page last seen."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.last)
        return found.group(1) if found else ""

    def _seen(self, answer: TestResponse, status: int) -> str:
        assert answer.status_code == status, (answer.status_code, words(answer.text)[-1500:])
        assert "Traceback" not in answer.text
        self.last = answer.text
        return answer.text


@dataclass
class Office:
    """The house, its application, and who works there."""

    house: House
    app: Flask
    users: dict[str, User] = field(default_factory=dict)

    def browser(self, name: str = "") -> Browser:
        """A browser in which this person has signed in; nobody without a name."""
        client = self.app.test_client()
        if name:
            with client.session_transaction() as session:
                session["user"], session["epoch"] = self.users[name].id, self.users[name].session_epoch
        browser = Browser(client)
        browser.get("/console/" if name else "/console/sign-in")
        return browser


def words(html: str) -> str:
    """What a reader sees of a page, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.fixture
def make_office(make_house: Callable[..., House], tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Opens an office shortly after ten on a Monday; `demo` marks its data directory."""

    def make(demo: bool = False, **given: object) -> Office:
        if demo:
            (tmp_path / "demo").write_text("demo\n")
        url = servers.fresh_sqlite(tmp_path / "office.db")
        house = make_house(**{"database_url": url, "base_url": "http://localhost", **given})
        return Office(house, create_app(house), _fill(house))

    with clock.standing(factory.NOW + timedelta(minutes=10)):
        yield make


def _fill(house: House) -> dict[str, User]:
    with house.database.transaction() as session:
        users = {
            name: people.add(session, f"{name}@processor.example", full, roles, actor=factory.SYSTEM, now=factory.NOW,
                             password=PASSWORD if name == "paul" else "")
            for name, full, roles in STAFF
        }
        factory.baseline(session)
        factory.take_in(
            session,
            factory.customer("alpha", language="de", contacts=(
                ContactEntry("legal@alpha.example", "Lea"), ContactEntry("dpo@alpha.example", "Dora"))),
            factory.customer("beta"),
            factory.customer("gamma", services=("archive",)),
            factory.customer("delta", contract_end=date(2025, 12, 31)),
        )
    return users


@pytest.fixture
def office(make_office: Callable[..., Office]) -> Office:
    """An office whose letters go to the outbox of a demo."""
    return make_office(demo=True)
