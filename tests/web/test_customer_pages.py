"""Customers in the console: taken in by hand, changed with their own terms, contacts in order, and from a file."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest

from notifier import clock
from notifier.jobs import imports
from notifier.workflow import customers, uploads, verify
from tests import factory
from tests.web.conftest import Office, words

NEW: dict[str, Any] = {"ref": "zeta", "name": "Zeta AG", "language": "de", "country": "CH", "services": ["platform"],
                       "terms__window_days": "45", "terms__day_kind": "business", "contact_email": "Lea@Zeta.example",
                       "contact_name": "Lea", "contract_start": "2026-01-01"}
FILE = "customer_ref,name,contact_email,contact_name\nalpha,Alpha Holding AG,legal@alpha.example,Lea of Alpha\n" \
       "omega,Omega Ltd,legal@gmial.com,Olga\n"


def test_a_customer_is_taken_in_by_hand_and_changed_with_its_own_terms(office: Office) -> None:
    olga = office.browser("olga")
    assert "Default: 30" in words(olga.get("/console/new-customer"))
    page = words(olga.post("/console/new-customer", **NEW))
    assert "The customer is taken in." in page
    assert "lea@zeta.example" not in page  # what stands before the @ is kept as it is
    assert "Lea@zeta.example" in page
    with office.house.database.reading() as db:
        zeta = customers.get(db, "zeta")
        assert zeta.terms == {"window_days": 45, "day_kind": "business"}
    form = olga.get("/console/customers/zeta/edit")
    assert 'value="45"' in form
    told = words(olga.post("/console/customers/zeta/edit", name="Zeta Group", language="de", services=["archive"],
                           terms__holiday_sets="CH-ZH; DE"))
    assert "Kept." in told
    with office.house.database.reading() as db:
        zeta = customers.get(db, "zeta")
        assert (zeta.name, zeta.country, zeta.terms) == ("Zeta Group", "", {"holiday_sets": ["CH-ZH", "DE"]})
        assert [s.slug for s in customers.services_of(db, zeta)] == ["archive"]
        assert len([c for c in customers.contacts(db, zeta) if c.retired_at is None]) == 1
        assert verify.chain(db) == []


@pytest.mark.parametrize(("given", "said"), [
    ({"contact_email": "lea at zeta"}, "is no e-mail address"), ({"contact_email": ""}, "is no e-mail address"),
    ({"ref": "alpha"}, "There is already a customer “alpha”"), ({"terms__zone": "Mars/Base"}, "no time zone"),
    ({"terms__window_days": "0"}, "from 1 to 365"), ({"contract_end": "2025-01-01"}, "before"),
    ({"country": "XX"}, "no calendar is known"), ({"name": ""}, "this is empty"),
    ({"terms__holiday_sets": "ZZ"}, "no calendar is known"),
])
def test_what_cannot_be_comes_back_with_the_form_and_everything_typed(
    office: Office, given: dict[str, Any], said: str
) -> None:
    olga = office.browser("olga")
    olga.get("/console/new-customer")
    page = olga.post("/console/new-customer", 409 if "ref" in given else 422, **{**NEW, **given})
    assert said in words(page)
    assert f'value="{given.get("contact_name", "Lea")}"' in page
    with office.house.database.reading() as db:
        assert not customers.known(db, "zeta")


def test_contacts_are_changed_put_in_order_and_the_last_one_for_notices_stays(office: Office) -> None:
    olga = office.browser("olga")
    olga.get("/console/customers/beta")
    said = words(olga.post("/console/customers/beta/contacts", name="Bea", email="bea@gmial.com", role="notice"))
    assert "is “gmail.com” meant?" in said
    with office.house.database.reading() as db:
        first, bea = customers.contacts(db, customers.get(db, "beta"))
    olga.post(f"/console/customers/beta/contacts/{bea.id}/up")
    olga.post(f"/console/customers/beta/contacts/{bea.id}/change", name="Bea B.", email="bea@gmial.com", phone="1",
              role="legal")
    with office.house.database.reading() as db:
        live = [c for c in customers.contacts(db, customers.get(db, "beta")) if c.retired_at is None]
        assert [(c.name, c.role) for c in live] == [("Bea B.", "legal"), (first.name, "notice")]
    assert "last contact for notices" in olga.post(f"/console/customers/beta/contacts/{first.id}/retire", 409)
    anton = office.browser("anton")
    assert "Move up" not in anton.get("/console/customers/beta")
    anton.get("/console/")
    anton.post(f"/console/customers/beta/contacts/{first.id}/up", 403)


def _uploaded(office: Office, text: str, name: str = "c.csv", **form: str) -> tuple[Any, str]:
    olga = office.browser("olga")
    olga.get("/console/customer-uploads")
    page = olga.post("/console/customer-uploads", file=(io.BytesIO(text.encode()), name), **form)
    assert "Nothing is changed yet" in page
    with office.house.database.reading() as db:
        return olga, f"/console/customer-uploads/{uploads.newest(db)[0].uid}"


def _work(office: Office) -> None:
    with clock.standing(factory.NOW + timedelta(days=1)):
        imports.run(office.house)


def test_a_file_is_looked_at_then_taken_in_by_jobs_that_may_run_twice(office: Office) -> None:
    olga, address = _uploaded(office, FILE)
    assert olga.client.get(address).headers["Refresh"] == "2"
    _work(office)
    _work(office)
    page = words(olga.get(address))
    for said in ("Nothing is changed yet.", "Name: Alpha Ltd → Alpha Holding AG", "Omega Ltd", "is “gmail.com” meant?",
                 "Take 2 customers in"):
        assert said in page
    assert "Refresh" not in olga.client.get(address).headers
    assert "being taken in" in words(olga.post(f"{address}/take"))
    olga.post(f"{address}/take")
    _work(office)
    _work(office)
    assert "Taken in" in words(olga.get(address))
    with office.house.database.reading() as db:
        assert customers.get(db, "alpha").name == "Alpha Holding AG"
        assert uploads.waiting(db) == []
        assert uploads.newest(db)[0].body is None
        assert verify.chain(db) == []


def test_a_file_with_a_mistake_cannot_be_taken_unless_the_mistake_is_left_out(office: Office) -> None:
    wrong = FILE + "psi,Psi Ltd,nobody,\n"
    olga, address = _uploaded(office, wrong)
    _work(office)
    page = words(olga.get(address))
    assert "line 4: “contact_email”: “nobody” is no e-mail address" in page
    assert "Take 2 customers in" not in page
    assert "The file cannot be read" in olga.post(f"{address}/take", 422)
    olga.get(address)
    assert "Nothing was changed" in words(olga.post(f"{address}/discard"))
    olga, address = _uploaded(office, wrong, skip_bad="yes")
    _work(office)
    olga.get(address)
    olga.post(f"{address}/take")
    _work(office)
    with office.house.database.reading() as db:
        assert (customers.known(db, "omega"), customers.known(db, "psi")) == (True, False)


def test_what_cannot_be_read_says_why_and_what_old_uploads_said_is_forgotten(office: Office) -> None:
    olga, address = _uploaded(office, "just some words\n")
    _work(office)
    assert "there is no column “customer_ref”" in words(olga.get(address))
    olga.post("/console/customer-uploads", 422)
    with office.house.database.transaction() as db:
        uploads.forget(db, now=factory.NOW + timedelta(days=400))
        row = uploads.newest(db)[0]
        assert (row.refused, row.outlook, row.body) == (None, None, None)
    assert "let go of" in words(olga.get(address))


def test_only_who_may_keep_customers_uploads_them(office: Office) -> None:
    anton = office.browser("anton")
    anton.get("/console/customer-uploads")
    anton.post("/console/customer-uploads", 403, file=(io.BytesIO(FILE.encode()), "c.csv"))
