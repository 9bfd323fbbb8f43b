"""Plain functions for the tests of a customer's own pages: who was told, their links, their forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlmodel import SQLModel, col, select
from werkzeug.test import TestResponse

from notifier import clock
from notifier.app import create_app
from notifier.domain.people import Actor, Door, Kind
from notifier.house import House
from notifier.jobs import deliver, own_pages
from notifier.tables import Contact, Customer, Delivery, Link, Notice, Objection
from notifier.workflow import announcements, links, notices, objections
from notifier.workflow.notices import Happening
from tests import factory

PROVIDER = Actor(Kind.PROVIDER, Door.WEBHOOK)
ARRIVED = factory.NOW + timedelta(minutes=5)


@dataclass
class Told:
    """A house whose customers were told of changes: its application, its people, and the moment it is."""

    house: House
    app: Flask
    olga: Actor
    paul: Actor
    changes: list[str]
    patch: pytest.MonkeyPatch

    @property
    def client(self) -> FlaskClient:
        """A browser that remembers nothing."""
        return self.app.test_client(use_cookies=False)

    def at(self, moment: datetime) -> None:
        """From now on it is this moment."""
        self.patch.setattr(clock, "now", lambda: moment)

    def notice(self, ref: str) -> Notice:
        """The notice of the customer with this reference."""
        with self.house.database.reading() as db:
            return db.exec(select(Notice).join(Customer, col(Customer.id) == col(Notice.customer_id))
                           .where(Customer.ref == ref)).one()

    def link(self, ref: str, kind: str = links.NOTICE, position: int = 0) -> str:
        """The path of the link in the letter to a customer's contact."""
        with self.house.database.reading() as db:
            contacts = db.exec(select(Contact).join(Customer, col(Customer.id) == col(Contact.customer_id))
                               .where(Customer.ref == ref).order_by(col(Contact.id))).all()
            link = db.exec(select(Link).where(Link.kind == kind, Link.contact_id == contacts[position].id)
                           .order_by(col(Link.id).desc())).first()
            assert link is not None, "no letter has made that link"
            return f"/{links.PREFIX[kind]}/{self.house.sender.signer.token(link)}"

    def fresh(self, path: str, kind: str) -> str:
        """Has a fresh link mailed from a notice's or a case's page; the path it opens, as the letter has it."""
        answer = self.client.post(f"{path}/{kind}/link")
        assert answer.status_code == 303, answer.text
        return self.newest(kind) + f"/{kind}"

    def newest(self, kind: str) -> str:
        """The path of the newest link of a kind, without what follows it."""
        with self.house.database.reading() as db:
            link = db.exec(select(Link).where(Link.kind == kind).order_by(col(Link.id).desc())).first()
            assert link is not None, "no such link was made"
            return f"/{links.PREFIX[kind]}/{self.house.sender.signer.token(link)}"

    def page(self, email: str, position: int = 0) -> str:
        """Asks for the link to the page of an address; the path of the one for the contact at this position."""
        assert self.client.post("/my", data={"email": email}).status_code == 200
        own_pages.run(self.house)
        with self.house.database.reading() as db:
            newest = db.exec(select(Link).where(Link.kind == links.MY).order_by(col(Link.id).desc())).first()
            assert newest is not None, "nobody was sent a link"
            found = db.exec(select(Link).where(Link.kind == links.MY, Link.nonce == newest.nonce)
                            .order_by(col(Link.id))).all()
            return f"/my/{self.house.sender.signer.token(found[position])}"

    def case(self) -> Objection:
        """The newest objection."""
        with self.house.database.reading() as db:
            return objections.every(db)[0]

    def counts(self) -> dict[str, int]:
        """How many rows every table has."""
        with self.house.database.reading() as db:
            return {name: db.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                    for name, table in SQLModel.metadata.tables.items()}

    def prove(self, kind: str, at: datetime) -> None:
        """The provider reports that every letter of a kind arrived."""
        with self.house.database.transaction() as db:
            for row in db.exec(select(Delivery).where(Delivery.kind == kind)).all():
                event = Happening(row.ref, "", "sent", at, f"p:{row.ref}")
                notices.happened(db, event, actor=PROVIDER, now=at)
                if row.subject_kind == "objection":
                    objections.letter_proven(db, row, at, actor=PROVIDER, now=at)


def told(
    house: House, patch: pytest.MonkeyPatch, *, names: tuple[str, ...] = ("Analytics Inc.",),
    proven: bool = True, **given: object,
) -> Told:
    """Customers acme and bond, told of one addition per name; `given` is what acme's entry says else."""
    patch.setattr(clock, "now", lambda: factory.NOW + timedelta(minutes=3))
    with house.database.transaction() as db:
        olga, paul = factory.two_people(db)
        factory.baseline(db)
        factory.take_in(db, factory.customer("acme", **given), factory.customer("bond"))
        refs = [factory.approved(db, olga, paul, legal_name=name).ref for name in names]
        announcements.announce(db, refs, actor=paul, now=factory.NOW + timedelta(minutes=2))
    deliver.run(house)
    found = Told(house, create_app(house), olga, paul, refs, patch)
    if proven:
        found.prove("change_announced", ARRIVED)
    found.at(ARRIVED + timedelta(days=1))
    return found


@dataclass
class Form:
    """A form as a browser reads it: where it goes, its values as they stand, its buttons."""

    action: str
    values: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def filled(self, **given: str | list[str]) -> dict[str, str | list[str]]:
        """What is sent with these values put in."""
        return {**self.values, **given}


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(given.get("action", "")))
        elif tag == "input" and self.found and given.get("name"):
            ticked = given.get("type") not in ("checkbox", "radio") or "checked" in given
            values = self.found[-1].values.setdefault(given["name"], [])
            values.extend([given.get("value", "on")] if ticked else [])
        elif tag == "textarea":
            self._area = given["name"]
            self.found[-1].values[self._area] = [""]
        elif tag == "button":
            self.found[-1].buttons.append((given.get("name", ""), given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.found[-1].values[self._area][0] += data.removeprefix("\n")


def forms(answer: TestResponse) -> list[Form]:
    """The forms of a page, in order."""
    parser = _Forms()
    parser.feed(answer.text)
    return parser.found


def words(answer: TestResponse) -> str:
    """A page's text without tags, blanks drawn together."""
    found: list[str] = []
    parser = HTMLParser()
    parser.handle_data = found.append  # type: ignore[method-assign]
    parser.feed(answer.text)
    return " ".join(" ".join(found).split())


def file(house: Told, path: str, **given: str | list[str]) -> TestResponse:
    """Goes through form, check and filing as a browser does; returns the answer to the last POST."""
    client = house.client
    sent = forms(client.get(f"{path}/object"))[0].filled(**{"text": "We object.", **given})
    check = forms(client.post(f"{path}/object", data=sent))[0]
    return client.post(check.action, data=check.filled(step="file"))


def case(told: Told, **given: str | list[str]) -> str:
    """Files an objection of acme's; returns the path of its case."""
    file(told, told.link("acme"), **given)
    return told.link("acme", links.CASE)


def no_agreement(told: Told, *, prove: bool = True) -> str:
    """An objection that found no agreement, the letter about it proven or not; returns the path of its case."""
    path = case(told)
    ref, now = told.case().ref, ARRIVED + timedelta(days=3)
    with told.house.database.transaction() as db:
        objections.acknowledge(db, ref, actor=told.paul, now=now)
        objections.no_agreement(db, ref, "We cannot leave anybody out.", actor=told.paul, now=now)
    told.at(now)
    if prove:
        deliver.run(told.house)
        told.prove("objection_no_agreement", now)
    return path


def resolved(told: Told) -> str:
    """An objection settled with a measure; returns the path of its case."""
    path = case(told)
    ref, now = told.case().ref, ARRIVED + timedelta(days=3)
    with told.house.database.transaction() as db:
        objections.acknowledge(db, ref, actor=told.paul, now=now)
        objections.resolve(db, ref, "Your data stays in Zürich.", actor=told.paul, now=now)
    return path


def letters(told: Told, kind: str) -> list[Delivery]:
    """The letters of a kind."""
    with told.house.database.reading() as db:
        return list(db.exec(select(Delivery).where(Delivery.kind == kind)))
