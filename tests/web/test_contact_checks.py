"""The page of the yearly question after an address, by the link in its letter."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlmodel import col, select

from notifier import clock
from notifier.app import create_app
from notifier.house import House
from notifier.jobs import deliver, sweep
from notifier.tables import Contact, Delivery, Link
from notifier.workflow import blobs, contact_checks, links
from notifier.workflow.customers import ContactEntry
from tests import factory, servers
from tests.web.customer_house import forms, words

LATER = factory.NOW + contact_checks.YEAR


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: both databases are gone through by the verbs' tests."""
    return servers.fresh_sqlite(tmp_path / "notifier.db")


@pytest.fixture
def asked(house: House, monkeypatch: pytest.MonkeyPatch) -> tuple[House, FlaskClient, list[str]]:
    """The paths in the letters to one address that stands for two customers, acme (German) and bond."""
    with house.database.transaction() as db:
        factory.two_people(db)
        both = (ContactEntry("legal@group.example", "Lea"),)
        factory.take_in(db, factory.customer("acme", language="de", contacts=both),
                        factory.customer("bond", contacts=both))
    with house.database.transaction() as db:
        contact_checks.ask(db, actor=sweep.ACTOR, now=LATER)
    monkeypatch.setattr(clock, "now", lambda: LATER)
    deliver.run(house)
    with house.database.reading() as db:
        paths = [f"/c/{house.sender.signer.token(link)}" for link in db.exec(
            select(Link).where(Link.kind == links.CHECK).order_by(col(Link.target_id)))]
    return house, create_app(house).test_client(use_cookies=False), paths


def _contacts(house: House) -> list[Contact]:
    with house.database.reading() as db:
        return list(db.exec(select(Contact).order_by(col(Contact.id))))


def test_looking_changes_nothing_and_the_page_speaks_the_customers_language(
    asked: tuple[House, FlaskClient, list[str]]
) -> None:
    house, client, (acme, bond) = asked
    before = [(c.checked_at, c.check_asked_at) for c in _contacts(house)]
    assert 'lang="de"' in client.get(acme).text and "Acme Ltd" in client.get(acme).text
    assert 'lang="fr"' in client.get(f"{acme}?language=fr").text
    page = client.get(bond)
    assert "Is this still the right address?" in words(page) and "legal@group.example" in words(page)
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow" and page.headers["Cache-Control"] == "no-store"
    assert client.get(f"{bond}/confirm").status_code == 405
    assert [(c.checked_at, c.check_asked_at) for c in _contacts(house)] == before == [(None, LATER)] * 2


def test_a_yes_counts_for_this_customer_alone(asked: tuple[House, FlaskClient, list[str]]) -> None:
    house, client, (_, bond) = asked
    form = forms(client.get(bond))[0]
    answer = client.post(form.action)
    assert (answer.status_code, answer.headers["Location"]) == (303, bond)
    assert "This address was last confirmed on" in words(client.get(bond))
    assert [(c.checked_at, c.check_asked_at) for c in _contacts(house)] == [(None, LATER), (LATER, None)]


def test_what_has_changed_is_taken_in_and_nothing_typed_is_lost(asked: tuple[House, FlaskClient, list[str]]) -> None:
    house, client, (acme, bond) = asked
    form = forms(client.get(f"{acme}?language=it"))[1]
    assert form.action == f"{acme}/changed?language=it"
    empty = client.post(form.action, data={"words": "  "})
    assert empty.status_code == 422 and 'lang="it"' in empty.text
    long = "Lea <b>left</b> us. " * 300
    refused = client.post(f"{bond}/changed", data={"words": long})
    assert refused.status_code == 422 and "longer than 4,000 characters" in words(refused)
    assert forms(refused)[1].values["words"] == [long.strip()]
    assert client.post(f"{bond}/changed", data={"words": "Write to <b>Dora</b>."}).status_code == 303
    assert "You told us on" in words(client.get(bond))
    for _ in range(contact_checks.MOST_A_DAY - 1):
        client.post(f"{bond}/changed", data={"words": "More."})
    assert client.post(f"{bond}/changed", data={"words": "More."}).status_code == 409
    with house.database.reading() as db:
        letter = db.exec(select(Delivery).where(Delivery.kind == "staff_contact_changed")).first()
        assert letter is not None and letter.words == "Write to <b>Dora</b>."


def test_a_link_of_another_kind_a_spoilt_one_and_a_retired_contact_open_nothing(
    asked: tuple[House, FlaskClient, list[str]]
) -> None:
    house, client, (acme, bond) = asked
    token = acme.removeprefix("/c/")
    assert [client.get(f"/{kind}/{token}").status_code for kind in ("n", "o")] == [404, 404]
    assert client.post(f"/c/{token[:-3]}/confirm").status_code == 404
    with house.database.transaction() as db:
        for row in db.exec(select(Contact)):
            row.retired_at = LATER
    assert client.post(f"{bond}/confirm").status_code == 403
    with house.database.reading() as db:
        kept = [str(blobs.letter(db, d.letter_sha256)) for d in db.exec(select(Delivery)) if d.letter_sha256]
    assert kept and all("/c/{link}" in text and token not in text for text in kept)
