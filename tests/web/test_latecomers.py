"""Customers who come late, as people see them: in the console and on the customer's own page."""

from __future__ import annotations

from datetime import date, timedelta

from sqlmodel import col, select

from notifier import clock
from notifier.domain.people import Door
from notifier.jobs import deliver
from notifier.tables import Notice
from notifier.workflow import customers, links, notices, people, releases
from tests import factory
from tests.factory import NOW, SYSTEM
from tests.web.conftest import Office, words

SINCE_LONG, LATER = date(2024, 1, 1), NOW + timedelta(days=10)


def _with_latecomers(office: Office) -> str:
    """A change announced, and after it an old customer, one that signed since, and one whose contract has ended."""
    with office.house.database.transaction() as session:
        olga, paul = (people.actor_for(office.users[n], Door.CONSOLE) for n in ("olga", "paul"))
        ref = factory.announced(session, olga, paul, separable="customer").ref
    with office.house.database.transaction() as session:
        customers.upsert(session, [
            factory.customer("omega", contract_start=SINCE_LONG),
            factory.customer("sigma", contract_start=LATER.date() - timedelta(days=1)),
            factory.customer("tau", contract_start=SINCE_LONG, contract_end=date(2026, 3, 5)),
        ], actor=SYSTEM, now=LATER)
    return ref


def test_the_console_shows_how_a_customer_came_and_takes_another_annex(office: Office) -> None:
    ref = _with_latecomers(office)
    with clock.standing(LATER):
        olga = office.browser("olga")
        page = words(olga.get(f"/console/changes/{ref}"))
        assert "Omega Ltd came later: own notice" in page and "Sigma Ltd came later: informed by its annex" in page
        page = words(olga.get("/console/customers/sigma"))
        assert "Edition in the annex 2 in force when it signed, on Wednesday, 11 March 2026" in page
        page = words(olga.post("/console/customers/sigma/annex", edition="1"))
        assert "The annex is recorded, and what follows from it is owed." in page
        assert "Edition in the annex 1 recorded" in page
        assert "there is no such edition" in words(olga.post("/console/customers/sigma/annex", 422, edition="99"))
        assert "there is no such edition" in words(olga.post("/console/customers/sigma/annex", 422, edition="x"))


def test_the_console_lists_whose_contract_has_ended_with_the_day_the_data_is_due(office: Office) -> None:
    _with_latecomers(office)
    with clock.standing(LATER):
        olga = office.browser("olga")
        page = words(olga.get("/console/customers?show=ended"))
        assert "Tau Ltd" in page and "data due Friday, 3 July 2026" in page and "Omega" not in page
        page = words(olga.get("/console/customers/tau"))
        assert "Data due Friday, 3 July 2026 to be deleted or anonymised by this day contract has ended" in page


def test_a_late_notice_stands_on_the_changes_page_and_on_the_customers_own(office: Office) -> None:
    ref = _with_latecomers(office)
    after = NOW + timedelta(days=64)
    with clock.standing(LATER):
        deliver.run(office.house)
    with office.house.database.transaction() as session:
        paul = people.actor_for(office.users["paul"], Door.CONSOLE)
        for customer_notice in session.exec(select(Notice).order_by(col(Notice.id))):
            notices.give(session, customer_notice, NOW, "hand", {}, actor=paul, now=NOW)
    with office.house.database.transaction() as session:
        assert releases.start_if_clear(session, ref, actor=SYSTEM, now=after)
    with office.house.database.transaction() as session:
        customers.upsert(session, [factory.customer("zeta", contract_start=SINCE_LONG)], actor=SYSTEM, now=after)
        zeta = customers.get(session, "zeta")
        notice = session.exec(select(Notice).where(Notice.customer_id == zeta.id)).one()
        link = links.ensure(session, links.NOTICE, notice.id or 0, contact_id=None, email="x@zeta.example", now=after)
        token = office.house.sender.signer.token(link)
    with clock.standing(after):
        page = words(office.browser("olga").get(f"/console/changes/{ref}"))
        assert "Told only after the start" in page
        assert "Customers given notice only after the start, on Tuesday, 5 May 2026: 1." in page
        assert "Zeta Ltd told late" in page
        assert "give it to you only now. We are sorry." in words(office.browser().get(f"/n/{token}"))
