"""The list as it bound one customer on a day: its services, what was released to it, the edition named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import select

from notifier.domain.changes import ChangeKind
from notifier.house import House
from notifier.jobs import deliver
from notifier.tables import Edition
from notifier.workflow import announcements, changes, customers, exclusions, objections, releases
from notifier.workflow.objections import Filing
from tests import factory
from tests.web import customer_house
from tests.web.customer_house import Told, words

STARTED = factory.NOW + timedelta(days=70)  # 11 May: the window of all is over
ARCHIVE = factory.HOSTING.with_(ref="archive-store", legal_name="Archive Store SA", services=("archive",))


@pytest.fixture
def told(house: House, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Acme (platform) and bond (platform), told of one addition that can be kept from a customer."""
    return customer_house.told(house, monkeypatch, contract_start=date(2026, 3, 2), agreement="DPA 2025")


def annex(told: Told, on: str = "", who: str = "acme") -> str:
    """What the page of a day says."""
    answer = told.client.get(f"{told.page(f'legal@{who}.example')}/annex", query_string={"on": on} if on else {})
    assert answer.status_code == 200, words(answer)
    return words(answer)


def release(told: Told, ref: str, at: datetime) -> None:
    """The change is released to whoever is clear; it is two days later."""
    with told.house.database.transaction() as db:
        releases.release(db, ref, actor=told.paul, now=at)
    told.at(at + timedelta(days=2))


def told_of(told: Told, kind: ChangeKind, values: dict[str, object]) -> str:
    """A change of Cloud Hosting that customers can be left out of, announced and proven."""
    now = factory.NOW + timedelta(days=1)
    with told.house.database.transaction() as db:
        named = "replaces" if kind is ChangeKind.REPLACE else "ref"
        item = changes.draft(db, kind, values=values, **{named: "cloud-hosting"})
        change = changes.propose(db, [item], reason="It is better.", planned_start=factory.START, separable="customer",
                                 actor=told.olga, now=now)
        exclusions.confirm_separable(db, change.ref, "customer", "A switch.", actor=factory.engineer(db), now=now)
        factory.vouched(db, change, told.olga, now=now)
        changes.submit(db, change.ref, actor=told.olga, now=now)
        changes.approve(db, change.ref, actor=told.paul, now=now)
        announcements.announce(db, [change.ref], actor=told.paul, now=now)
    deliver.run(told.house)
    told.prove("change_announced", now)
    return change.ref


def objected(told: Told, ref: str, who: str) -> None:
    """A customer objects to a change."""
    with told.house.database.transaction() as db:
        customer = customers.get(db, who)
        for part, notice in changes.concerned(db, changes.get(db, ref)):
            if notice.customer_id == customer.id:
                objections.file(db, part.notice_id, Filing("No.", "Lea", f"legal@{who}.example"), contact_id=None,
                                actor=factory.CONTACT, now=factory.NOW + timedelta(days=3))


def test_it_names_processor_officer_and_representative_edition_and_hash(
    make_house: Callable[..., House], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house(database_url=database_url, org_dpo="Dana Muster",
                       org_eu_representative="Vertretung GmbH, Hamburg")
    told = customer_house.told(house, monkeypatch)
    page = annex(told, "2026-03-02")
    assert "Processor Processor AG, Bahnhofstrasse 1" in page
    assert "Data protection officer Dana Muster" in page
    assert "Representative in the EU Vertretung GmbH, Hamburg" in page
    with house.database.reading() as db:
        newest = db.exec(select(Edition).order_by(Edition.n.desc())).first()  # type: ignore[attr-defined]
    assert newest is not None
    assert f"SHA-256 {newest.sha256}" in page
    assert f"Edition {newest.n}" in page
    assert "Cloud Hosting GmbH" in page


def test_a_change_stands_on_it_from_its_release_on(told: Told) -> None:
    told.prove("change_announced", factory.NOW)
    release(told, told.changes[0], STARTED)
    assert "Analytics Inc." not in annex(told, "2026-05-10")
    assert "Analytics Inc." in annex(told, "2026-05-11")
    assert "Analytics Inc." in annex(told)
    assert "Cloud Hosting GmbH" in annex(told)


def test_who_is_left_out_of_a_replacement_keeps_the_old_vendor_alone(told: Told) -> None:
    values = {**factory.ANALYTICS, "legal_name": "New Hosting AG", "services": ["platform"]}
    ref, at = told_of(told, ChangeKind.REPLACE, values), factory.NOW + timedelta(days=3)
    objected(told, ref, "acme")
    with told.house.database.transaction() as db:
        exclusions.ask(db, ref, "acme", "It objects.", actor=told.paul, now=at)
        exclusions.confirm(db, ref, "acme", "Its switch is off.", actor=factory.engineer(db), now=at)
    release(told, ref, STARTED)
    acme, bond = annex(told), annex(told, who="bond")
    assert "Cloud Hosting GmbH" in acme
    assert "New Hosting AG" not in acme
    assert "New Hosting AG" in bond
    assert "Cloud Hosting GmbH" not in bond, "for bond the replacement applies"
    assert "Cloud Hosting GmbH" in annex(told, "2026-05-10", who="bond")


def test_a_service_bought_later_brings_its_vendors_from_that_day_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline = factory.baseline
    monkeypatch.setattr(factory, "baseline", lambda db: baseline(db, (factory.HOSTING, ARCHIVE)))
    told = customer_house.told(house, monkeypatch)
    assert "Services bought on this day platform" in annex(told)
    assert "Archive Store SA" not in annex(told)
    later = factory.NOW + timedelta(days=10)
    with house.database.transaction() as db:
        customers.upsert(db, [factory.customer("acme", services=("archive",))], actor=factory.SYSTEM, now=later)
    told.at(later + timedelta(days=1))
    before, after = annex(told, "2026-03-11"), annex(told, "2026-03-12")
    assert ("Cloud Hosting GmbH" in before, "Archive Store SA" in before) == (True, False)
    assert ("Cloud Hosting GmbH" in after, "Archive Store SA" in after) == (False, True)


def test_a_widening_that_does_not_apply_yet_shows_the_values_before(told: Told) -> None:
    known = ("contact", "contact_position", "contact_address", "data_subjects", "locations", "transfer_basis",
             "own_subprocessors")
    values = {"data_categories": ["name", "e-mail", "salary"], **{name: factory.ANALYTICS[name] for name in known}}
    ref = told_of(told, ChangeKind.MODIFY, values)
    objected(told, ref, "acme")
    release(told, ref, STARTED)
    assert "salary" not in annex(told)
    assert "salary" in annex(told, who="bond")
    assert "salary" not in annex(told, "2026-05-10", who="bond")


@pytest.mark.parametrize(("on", "status", "said"), [
    ("2026-03-04", 422, "has not come yet"), ("2026-03-01", 422, "There is no list that bound you"),
    ("soon", 422, "write the day as year, month and day"), ("2026-02-30", 422, "write the day as"),
    ("0001-01-01", 422, "There is no list that bound you"), ("9999-12-31", 422, "has not come yet"),
])
def test_a_day_without_an_annex_is_refused_in_words(told: Told, on: str, status: int, said: str) -> None:
    path = told.page("legal@acme.example")
    answer = told.client.get(f"{path}/annex?on={on}")
    assert answer.status_code == status
    assert said in words(answer)
    assert f'href="{path}"' in answer.text


def test_before_the_contract_and_after_its_end_nothing_binds(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    told = customer_house.told(house, monkeypatch, contract_start=date(2026, 3, 2), contract_end=date(2026, 3, 6))
    told.at(factory.NOW + timedelta(days=10))
    path = told.page("legal@acme.example")
    answer = told.client.get(f"{path}/annex?on=2026-03-07")
    assert (answer.status_code, "your contract ended on Friday, 6 March 2026" in words(answer)) == (422, True)
    assert "Sub-processors on 6 March 2026" in annex(told), "without a day it is the last one"


def test_the_sheet_prints_on_paper(told: Told) -> None:
    style = told.client.get("/style.css")
    page = told.client.get(f"{told.page('legal@acme.example')}/annex")
    assert "<script" not in page.text
    if style.status_code == 200:
        assert "@page { size: A4" in style.text
