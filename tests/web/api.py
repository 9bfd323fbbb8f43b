"""A program that uses the API: every answer it gets is held against the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlmodel import Session
from werkzeug.test import TestResponse

from notifier.app import create_app
from notifier.domain.people import Role
from notifier.house import House
from notifier.tables import User
from notifier.web.api import OPERATIONS, openapi
from notifier.web.api.schema import faults
from notifier.web.api.shapes import SHAPES
from notifier.workflow import people
from tests import factory

DOCUMENT = openapi.document(OPERATIONS)


@dataclass
class Program:
    """A script with one person's token."""

    app: Flask
    token: str

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        """What a GET answers."""
        return self._held("get", path, self.ask("GET", path, query_string=query), status)

    def post(self, path: str, status: int = 200, *, key: str = "", **body: Any) -> Any:
        """What a POST answers; the body's members as they come."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._held("post", path, self.ask("POST", path, json=body, headers=headers), status)

    def ask(self, method: str, path: str, **given: Any) -> TestResponse:
        """One request, unlooked at."""
        headers = {"Authorization": f"Bearer {self.token}", **given.pop("headers", {})}
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **given)

    def _held(self, method: str, path: str, answer: TestResponse, status: int) -> Any:
        assert answer.status_code == status, (answer.status_code, answer.text)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
        check(method, path, answer)
        return answer.get_json()


def check(method: str, path: str, answer: TestResponse) -> None:
    """Raises where an answer is not what the document says of that operation."""
    if answer.status_code >= 400:
        assert answer.content_type == "application/problem+json"
        shape = "Problem"
    else:
        assert answer.content_type == "application/json"
        content: Mapping[str, Any] = operation(method, path)["responses"][str(answer.status_code)]["content"]
        shape = content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    assert list(faults(SHAPES[shape], answer.get_json())) == []


def operation(method: str, path: str) -> Mapping[str, Any]:
    """What the document says of this method of this path."""
    for template, methods in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method in methods:
            found: Mapping[str, Any] = methods[method]
            return found
    raise AssertionError(f"{method} {path} is not in the document")


@dataclass
class Desk:
    """A house with its people's tokens: olga of ops, paul and petra of privacy, egon the engineer, anton who reads."""

    house: House
    app: Flask
    users: dict[str, User]
    programs: dict[str, Program]

    def __getattr__(self, name: str) -> Program:
        return self.programs[name]

    def vouch(self, ref: str) -> None:
        """Everything a change asks for is vouched for: documents are no matter of the API."""
        from notifier.domain.people import Door
        from notifier.workflow import changes

        with self.house.database.transaction() as session:
            olga = people.actor_for(self.users["olga"], Door.CLI)
            factory.vouched(session, changes.get(session, ref), olga, now=factory.NOW + timedelta(minutes=11))


STAFF = {"olga": Role.OPS, "egon": Role.OPS, "paul": Role.PRIVACY, "petra": Role.PRIVACY, "anton": Role.AUDITOR}


def desk(house: House) -> Desk:
    """A list, two customers of the platform and one of the archive, and everybody's token."""
    with house.database.transaction() as session:
        users, tokens = _staff(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", language="de"), factory.customer("beta"),
                        factory.customer("gamma", services=("archive",)))
    app = create_app(house)
    return Desk(house, app, users, {name: Program(app, token) for name, token in tokens.items()})


def _staff(session: Session) -> tuple[dict[str, User], dict[str, str]]:
    users, tokens = {}, {}
    for name, role in STAFF.items():
        users[name] = people.add(session, f"{name}@processor.example", name.title(), [role], actor=factory.SYSTEM,
                                 now=factory.NOW)
        tokens[name] = people.add_token(session, users[name], "test", actor=factory.SYSTEM, now=factory.NOW)
    return users, tokens
