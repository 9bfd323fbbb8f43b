"""The case after an objection: what both sides say, and each of its ends, as a customer's browser sees them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from notifier.domain.refusals import Refusal
from notifier.domain.states import ObjectionState
from notifier.house import House
from notifier.jobs import deliver
from notifier.tables import Termination
from notifier.workflow import links, objections
from tests import factory, servers
from tests.web import customer_house
from tests.web.customer_house import ARRIVED, Told, case, forms, letters, no_agreement, resolved, words


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: what a database could do differently is in test_objections_at_once.py."""
    return servers.fresh_sqlite(tmp_path / "notifier.db")


@pytest.fixture
def told(house: House, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Two customers, proven to have been told of one addition."""
    return customer_house.told(house, monkeypatch)


@pytest.fixture
def tell(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """The same, with something said differently."""
    return lambda **given: customer_house.told(house, monkeypatch, **given)


@pytest.mark.parametrize("path", ["", "/filed", "/withdraw", "/terminate"])
def test_no_get_or_head_of_a_case_changes_a_row(told: Told, path: str) -> None:
    address = no_agreement(told)
    before = told.counts()
    for _ in range(2):
        answer = told.client.get(address + path)
        assert answer.status_code == 200
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert told.client.head(address + path).status_code == 200
    assert told.counts() == before
    assert told.case().state == ObjectionState.NO_AGREEMENT


def test_the_case_speaks_the_language_it_was_filed_in(told: Told) -> None:
    path = told.link("acme") + "/object?language=de"
    form = forms(told.client.get(path))[0]
    check = forms(told.client.post(form.action, data=form.filled(text="Nein.")))[0]
    answer = told.client.post(check.action, data=check.filled(step="file"))
    assert told.case().language == "de"
    assert '<html lang="de">' in told.client.get(answer.headers["Location"]).text
    assert '<html lang="fr">' in told.client.get(told.link("acme", links.CASE) + "?language=fr").text


def test_messages_go_both_ways_and_stand_as_written(told: Told) -> None:
    path = case(told)
    with told.house.database.transaction() as db:
        objections.acknowledge(db, told.case().ref, "Pia looks into it.\n\nUntil Friday.", actor=told.paul, now=ARRIVED)
    for _ in range(2):
        answer = told.client.post(f"{path}/message", data={"message": "Please hurry."})
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}#messages")
    page = words(told.client.get(path))
    assert "Pia looks into it. Until Friday." in page
    assert page.count("Please hurry.") == 1, "the same words twice in a row are one message"
    assert len(letters(told, "staff_objection_filed")) == 2


def test_an_empty_or_endless_message_is_not_sent(told: Told) -> None:
    path = case(told)
    before = told.counts()
    assert told.client.post(f"{path}/message", data={"message": " "}).status_code == 422
    answer = told.client.post(f"{path}/message", data={"message": "x" * 20_001})
    assert answer.status_code == 422
    assert "x" * 20_001 in answer.text
    assert told.counts() == before


def test_withdrawing_takes_a_page_and_a_button_and_happens_once(told: Told) -> None:
    path = case(told)
    fresh = told.fresh(path, links.WITHDRAW)
    assert "Withdraw objection" in words(told.client.get(fresh))
    assert told.case().state == ObjectionState.FILED
    for _ in range(2):
        answer = told.client.post(fresh)
        assert (answer.status_code, answer.headers["Location"]) == (303, path)
    assert told.case().state == ObjectionState.WITHDRAWN
    assert len(letters(told, "objection_withdrawn")) == 1
    assert "You have withdrawn this objection." in words(told.client.get(path))
    assert told.client.get(f"{path}/withdraw").status_code == 303


def test_a_settled_case_shows_the_measure_and_can_be_contradicted(told: Told) -> None:
    path = resolved(told)
    page = words(told.client.get(path))
    assert "settled by agreement" in page
    assert "What we agreed Your data stays in Zürich." in page
    assert f'href="{path}/withdraw"' not in told.client.get(path).text
    for _ in range(2):
        assert told.client.post(f"{path}/contradict", data={"contradiction": ""}).status_code == 303
    assert told.case().state == ObjectionState.ACKNOWLEDGED
    assert words(told.client.get(path)).count("We do not agree with this.") == 1


def test_contradicting_a_case_that_is_open_is_refused_in_words(told: Told) -> None:
    path = case(told)
    assert f'action="{path}/contradict"' not in told.client.get(path).text
    answer = told.client.post(f"{path}/contradict", data={"contradiction": "No!"})
    assert answer.status_code == 409
    assert "Nothing was changed." in words(answer)
    assert f'href="{path}"' in answer.text


def test_a_not_upheld_objection_contradicted_opens_the_right_to_terminate(told: Told) -> None:
    path, ref = case(told), told.case().ref
    with told.house.database.transaction() as db:
        petra = factory.third_person(db)
        objections.acknowledge(db, ref, actor=told.paul, now=ARRIVED)
        for person in (told.paul, petra):
            objections.not_uphold(db, ref, "All of it is encrypted.", actor=person, now=ARRIVED)
    page = words(told.client.get(path))
    assert "Two people of ours have looked at your objection" in page
    assert "Not upheld: our reasons All of it is encrypted." in page
    told.client.post(f"{path}/contradict", data={"contradiction": "Encryption is beside the point."})
    assert told.case().state == ObjectionState.NO_AGREEMENT
    assert f'href="{path}/terminate"' in told.client.get(path).text


def test_where_the_terms_name_no_remedy_nothing_offers_to_terminate_and_the_form_refuses(
    tell: Callable[..., Told]
) -> None:
    told = tell(terms={"remedy": "none"})
    path = no_agreement(told)
    page = told.client.get(path)
    assert "Your agreement names no right to terminate for this case" in words(page)
    assert f"{path}/terminate" not in page.text
    sent = {"service": "platform", "ends_on": "2026-06-30", "step": "file"}
    for answer in (told.client.get(f"{path}/terminate"), told.client.post(f"{path}/terminate", data=sent)):
        assert answer.status_code == 409
    with told.house.database.transaction() as db, pytest.raises(Refusal, match="not open"):
        objections.terminate(db, told.case().ref, service="platform", ends_on=date(2026, 6, 30), actor=factory.CONTACT,
                             now=ARRIVED)


def test_where_the_terms_name_the_whole_agreement_that_is_what_ends(tell: Callable[..., Told]) -> None:
    told = tell(terms={"remedy": "whole_contract", "refund": "pro_rata"})
    path = no_agreement(told)
    assert "You may terminate the whole agreement until the end of" in words(told.client.get(path))
    page = told.client.get(told.fresh(path, links.TERMINATE))
    assert "given back in proportion" in words(page)
    form = forms(page)[0]
    check = told.client.post(form.action, data=form.filled(ends_on="2026-06-30"))
    told.client.post(forms(check)[0].action, data=forms(check)[0].filled(step="file"))
    with told.house.database.reading() as db:
        assert [(row.ends_on, row.service_id) for row in db.exec(select(Termination))] == [(date(2026, 6, 30), None)]


def test_terminating_is_checked_before_it_is_declared(told: Told) -> None:
    path = no_agreement(told)
    assert "until the end of Saturday, 4 April 2026" in words(told.client.get(path))
    form = forms(told.client.get(told.fresh(path, links.TERMINATE)))[0]
    assert form.values["service"] == ["platform"], "the only one there is, is chosen"
    check = told.client.post(form.action, data=form.filled(ends_on="2026-06-30"))
    assert "platform" in words(check)
    assert "Tuesday, 30 June 2026" in words(check)
    assert told.case().state == ObjectionState.NO_AGREEMENT
    again = forms(check)[0]
    for _ in range(2):
        answer = told.client.post(again.action, data=again.filled(step="file"))
        assert (answer.status_code, answer.headers["Location"]) == (303, path)
    with told.house.database.reading() as db:
        rows = db.exec(select(Termination)).all()
    assert [(row.ends_on, row.service_id is not None) for row in rows] == [(date(2026, 6, 30), True)]
    assert "platform ends for Acme Ltd on Tuesday, 30 June 2026" in words(told.client.get(path))
    assert len(letters(told, "service_terminated")) == 1


@pytest.mark.parametrize(("service", "ends_on"), [
    ("", "2026-06-30"), ("archive", "2026-06-30"), ("*", "2026-06-30"), ("platform", "2026-03-04"),
    ("platform", "soon"),
])
def test_an_unfit_termination_is_not_taken(told: Told, service: str, ends_on: str) -> None:
    fresh = told.fresh(no_agreement(told), links.TERMINATE)
    for step in ("check", "file"):
        answer = told.client.post(fresh, data={"service": service, "ends_on": ends_on, "step": step})
        assert answer.status_code == 422
        assert "There is a problem" in answer.text
    assert told.case().state == ObjectionState.NO_AGREEMENT


def test_a_service_may_end_today(told: Told) -> None:
    fresh = told.fresh(no_agreement(told), links.TERMINATE)
    told.client.post(fresh, data={"service": "platform", "ends_on": "2026-03-05", "step": "file"})
    assert told.case().state == ObjectionState.TERMINATED


def test_everything_can_be_ended_only_where_everything_is_affected(tell: Callable[..., Told]) -> None:
    told = tell(services=("platform", "archive"))
    form = told.client.get(told.fresh(no_agreement(told), links.TERMINATE)).text
    assert 'value="platform"' in form
    assert 'value="archive"' not in form
    assert "All services you buy from us" not in form


def test_the_right_is_open_before_its_letter_is_proven_and_closed_after_its_last_day(told: Told) -> None:
    path = no_agreement(told, prove=False)
    assert "You have at least 30 days for that" in words(told.client.get(path))
    assert told.client.get(f"{path}/terminate").status_code == 200
    deliver.run(told.house)
    told.prove("objection_no_agreement", ARRIVED + timedelta(days=3))
    told.at(datetime(2026, 4, 4, 21, 59, tzinfo=UTC))
    assert told.client.get(f"{path}/terminate").status_code == 200
    told.at(datetime(2026, 4, 4, 22, 0, tzinfo=UTC))
    sent = {"service": "platform", "ends_on": "2026-06-30", "step": "file"}
    for answer in (told.client.get(f"{path}/terminate"), told.client.post(f"{path}/terminate", data=sent)):
        assert answer.status_code == 409
        assert "The right of termination for this objection is not open." in words(answer)
    assert "Your right to terminate ended on Saturday, 4 April 2026." in words(told.client.get(path))


def test_nobody_terminates_while_we_still_talk(told: Told) -> None:
    path = case(told)
    assert f"{path}/terminate" not in told.client.get(path).text
    sent = {"service": "platform", "ends_on": "2026-06-30", "step": "file"}
    assert told.client.post(f"{path}/terminate", data=sent).status_code == 409
    assert told.case().state == ObjectionState.FILED


@pytest.mark.parametrize("act", ["message", "withdraw", "terminate", "contradict"])
def test_a_spoilt_case_link_does_nothing(told: Told, act: str) -> None:
    path = no_agreement(told)
    before = told.counts()
    for spoilt in (path[:-3], path.replace(".", ".x"), told.link("bond").replace("/n/", "/o/")):
        answer = told.client.post(f"{spoilt}/{act}", data={"message": "No.", "step": "file"})
        assert answer.status_code == 404
        assert "ask for a fresh link" in words(answer)
    assert told.counts() == before
