"""The console's ways past the gate: every form works, waits for its second person, and says what it did."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import select

from notifier import clock
from notifier.domain.people import Door
from notifier.jobs import deliver
from notifier.tables import Notice
from notifier.workflow import changes, customers, objections, people, releases
from notifier.workflow.objections import Filing
from tests import factory
from tests.web.conftest import Office, words


def _announced(office: Office, *, separable: str = "customer") -> str:
    """A change told to Alpha and Beta; Beta objects."""
    with office.house.database.transaction() as session:
        olga, paul = (people.actor_for(office.users[n], Door.CONSOLE) for n in ("olga", "paul"))
        ref = factory.announced(session, olga, paul, separable=separable).ref
        office.users["egon"] = people.by_email(session, "egon@processor.example") if separable != "no" else (
            people.by_email(session, "olga@processor.example"))
    deliver.run(office.house)
    with office.house.database.transaction() as session:
        beta = customers.get(session, "beta")
        notice = session.exec(select(Notice).where(Notice.customer_id == beta.id)).one()
        objections.file(session, notice.id or 0, Filing("Not there.", "Lea", "legal@beta.example"), contact_id=None,
                        actor=factory.CONTACT, now=clock.now())
    return ref


def test_privacy_asks_and_an_engineer_confirms_that_an_objecting_customer_is_left_out(office: Office) -> None:
    ref = _announced(office)
    here, paul = f"/console/changes/{ref}", office.browser("paul")
    assert "Leave an objecting customer out" in paul.get(here)
    page = words(paul.post(f"{here}/exclude", customer="beta", reason="It objects to the country."))
    assert "Does not count yet: an engineer has to confirm how." in page
    assert "Confirm that it is left out" not in page  # Paul is no engineer
    page = words(paul.post(f"{here}/confirm_exclusion", 403, customer="beta", reason="By a switch."))
    assert "This step is for people with the role ops." in page
    egon = office.browser("egon")
    egon.get(here)
    page = words(egon.post(f"{here}/confirm_exclusion", customer="beta", reason="By a switch in its tenant."))
    assert "Beta Ltd is left out" in page
    assert "By a switch in its tenant. To be looked at again by" in page
    with clock.standing(factory.NOW + timedelta(days=400)):
        assert "Has to be looked at again" in egon.get(here)
    paul.get(here)
    page = words(paul.post(f"{here}/end_exclusion", customer="beta", reason="Solved."))
    assert "Beta Ltd is left out" not in page
    assert "ended the exclusion of a customer" in page


def test_an_override_waits_for_its_second_person_and_is_signed_with_the_same_words(office: Office) -> None:
    ref = _announced(office, separable="no")
    here, paul, petra = f"/console/changes/{ref}", office.browser("paul"), office.browser("petra")
    paul.get(here)
    page = words(paul.post(f"{here}/override", 409, blocker=["objection_open"], reason="Hurry.", customer=""))
    assert "This cannot be overridden by anybody: a timely objection" in page
    form = {"blocker": ["window_open"], "reason": "They wrote that they agree.", "customer": "alpha"}
    page = words(paul.post(f"{here}/override", **form))
    assert "A second person signs the same words before it counts." in page
    assert "Sign as the second person" not in page
    page = petra.get(here)
    assert "Sign as the second person" in page
    page = words(petra.post(f"{here}/override", **form))
    assert "Set aside by two people: The window to object is open" in page
    with office.house.database.reading() as db:
        found = releases.standings(db, changes.get(db, ref), clock.now())
    assert "window_open" not in [b.code for b in found[0].blockers]
    assert "window_open" in [b.code for b in found[1].blockers]
    assert "Out of the ordinary way" not in office.browser("anton").get(here)


def test_a_claim_that_customers_can_be_left_out_is_shown_as_one_until_an_engineer_confirms_it(office: Office) -> None:
    with office.house.database.transaction() as session:
        olga, paul = (people.actor_for(office.users[n], Door.CONSOLE) for n in ("olga", "paul"))
        ref = factory.approved(session, olga, paul).ref
        changes.get(session, ref).separable = "customer"
        factory.engineer(session)
        office.users["egon"] = people.by_email(session, "egon@processor.example")
    here, egon = f"/console/changes/{ref}", office.browser("egon")
    assert "Not confirmed by an engineer: counts as no" in egon.get(here)
    page = words(egon.post(f"{here}/confirm_separable", separable="customer", reason="A switch per tenant."))
    assert "Confirmed by Egon Engineer: A switch per tenant." in page
    olga_page = office.browser("olga").get(here)
    assert "As an engineer: confirm whether customers can be left out" not in olga_page


def test_an_irregular_start_is_recorded_by_two_and_shown_to_everybody(office: Office) -> None:
    ref = _announced(office, separable="no")
    here, paul, petra = f"/console/changes/{ref}", office.browser("paul"), office.browser("petra")
    paul.get(here)
    form = {"since": "2026-03-02", "reason": "A switch was set too early."}
    page = words(paul.post(f"{here}/irregular_start", 422, **{**form, "since": ""}))
    assert "write the day as 2026-12-24" in page
    assert "Sign as the second person" not in paul.post(f"{here}/irregular_start", **form)
    assert "Sign as the second person" in petra.get(here)
    page = words(petra.post(f"{here}/irregular_start", **form))
    assert "Started irregularly on Monday, 2 March 2026" in page
    assert "every customer concerned is told." in page
    assert "recorded by two people as started irregularly" in page
