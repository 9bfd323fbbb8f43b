"""Customers and contacts by the API: upserted one by one or many at once, every mistake with its pointer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from notifier import clock
from notifier.house import House
from notifier.workflow import verify
from tests import factory, servers
from tests.web import api
from tests.web.api import Desk

ACME: dict[str, Any] = {
    "ref": "acme", "name": "Acme AG", "country": "CH", "services": ["Platform"], "contract_start": "2026-01-01",
    "terms": {"window_days": 45, "day_kind": "business", "extra_holidays": ["2026-12-24"]},
    "contacts": [{"email": "Lea@ACME.example", "name": "Lea"}, {"email": "dpo@acme.example", "role": "legal"}],
}


@pytest.fixture
def desk(make_house: Callable[..., House], tmp_path: Path) -> Iterator[Desk]:
    """A demo on SQLite."""
    (tmp_path / "demo").write_text("demo\n")
    with clock.standing(factory.NOW + timedelta(minutes=10)):
        yield api.desk(make_house(database_url=servers.fresh_sqlite(tmp_path / "api.db")))


def test_a_customer_is_upserted_and_what_is_not_named_stays(desk: Desk) -> None:
    assert desk.olga.post("/customers", **ACME) == {
        "added": 1, "updated": 0, "unchanged": 0, "warnings": [], "refs": ["acme"]}
    held = desk.olga.get("/customers/acme")
    assert (held["services"], held["terms"], held["contract_start"]) == (["platform"], ACME["terms"], "2026-01-01")
    assert [(c["email"], c["role"], c["order"]) for c in held["contacts"]] == [
        ("Lea@acme.example", "notice", 1), ("dpo@acme.example", "legal", 2)]
    taken = desk.paul.post("/customers", ref="acme", name="Acme Group", terms={"window_days": None},
                           contract_start=None)
    assert taken["updated"] == 1
    after = desk.olga.get("/customers/acme")
    assert (after["name"], after["country"], after["contract_start"]) == ("Acme Group", "CH", None)
    assert after["terms"] == {"day_kind": "business", "extra_holidays": ["2026-12-24"]}
    assert after["contacts"] == held["contacts"]
    assert desk.olga.post("/customers", ref="acme", name="Acme Group")["unchanged"] == 1
    with desk.house.database.reading() as session:
        assert verify.chain(session) == []


def test_many_are_taken_all_or_none_each_mistake_with_its_pointer(desk: Desk) -> None:
    good = [{**ACME, "ref": f"c{n}"} for n in range(3)]
    bad = [{**ACME, "contacts": [{"email": "x@acme.example"}, {"email": "nobody"}]}, {**ACME, "ref": "b", "name": ""},
           {**ACME, "ref": "d", "terms": {"zone": "Mars/Base"}}, {**ACME, "ref": "e", "contacts": []},
           {**ACME, "ref": "c0"}, {**ACME, "ref": "f", "contract_end": "2025-01-01"}]
    said = desk.olga.post("/customers/bulk", 422, customers=[*good, *bad])
    assert [each["pointer"] for each in said["errors"]] == [
        "/customers/3/contacts/1/email", "/customers/4/name", "/customers/5/terms/zone", "/customers/6/contacts",
        "/customers/7/ref", "/customers/8/contract_end"]
    shape = desk.olga.post("/customers/bulk", 422, customers=[{"ref": "x", "terms": {"day_kind": "lunar"}}])
    assert shape["errors"][0]["pointer"] == "/customers/0/terms/day_kind"
    assert desk.olga.get("/customers/acme", 404)["code"] == "unknown"
    assert desk.olga.post("/customers/bulk", key="once", customers=good)["added"] == 3
    assert desk.olga.post("/customers/bulk", key="once", customers=good)["added"] == 3  # answered, not done again
    first = desk.olga.get("/customers", limit=2)
    every = first["data"] + desk.olga.get("/customers", limit=200, cursor=first["next"])["data"]
    assert {"c0", "c1", "c2"} <= {each["ref"] for each in every}
    assert len({each["ref"] for each in every}) == len(every)


def test_contacts_are_added_changed_ordered_and_retired(desk: Desk) -> None:
    desk.olga.post("/customers", **ACME)
    made = desk.olga.post("/contacts", 201, customer="acme", email="bea@gmail.com", name="Bea")
    assert desk.olga.get(f"/contacts/{made['ref']}")["email"] == "bea@gmail.com"
    assert desk.olga.post("/contacts", 422, customer="acme", email="a@b@c.example")["errors"][0]["pointer"] == "/email"
    assert desk.olga.post("/contacts", 409, customer="acme", email="bea@gmail.com")["code"] == "exists"
    desk.olga.post("/customers/acme/order", contacts=[made["id"]])
    assert desk.olga.get("/customers/acme")["contacts"][0]["email"] == "bea@gmail.com"
    moved = desk.olga.post(f"/contacts/{made['id']}/change", email="bea@acme.example")
    assert (moved["name"], moved["id"] == made["id"]) == ("Bea", False)
    assert desk.olga.get(f"/contacts/{made['id']}")["retired_at"] is not None
    lea = desk.olga.get("/contacts", customer="acme", email="Lea@Acme.example")["data"][0]
    desk.olga.post(f"/contacts/{lea['id']}/retire")
    assert desk.olga.post(f"/contacts/{moved['id']}/retire", 409)["code"] == "last_contact"
    desk.olga.get("/contacts/99999", 404)
    desk.olga.get("/contacts/x", 404)


def test_what_is_sold_and_who_is_engaged_can_be_listed(desk: Desk) -> None:
    desk.olga.post("/customers", **ACME)
    assert "platform" in [each["slug"] for each in desk.olga.get("/services")["data"]]
    assert {"legal_name", "country"} <= desk.olga.get("/subprocessors", limit=1)["data"][0].keys()
