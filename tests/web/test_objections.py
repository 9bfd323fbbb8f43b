"""Objecting, and the case to its end, as a customer's browser goes through it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from notifier.domain import objections as rules
from notifier.domain.states import NoticeState, ObjectionState
from notifier.house import House
from notifier.tables import Objection
from notifier.workflow import links, objections
from tests import servers
from tests.web import customer_house
from tests.web.customer_house import Told, case, file, forms, letters, words

TWO = ("Analytics Inc.", "Brevet Mail SA")
HOSTILE = "<script>alert(1)</script> \"' & {{ 7*7 }} %(x)s"


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


def _filed(told: Told) -> list[Objection]:
    with told.house.database.reading() as db:
        return objections.every(db)


def _sent(told: Told, **given: str | list[str]) -> TestResponse:
    path = told.link("acme")
    form = forms(told.client.get(f"{path}/object"))[0]
    return told.client.post(form.action, data=form.filled(**given))


def test_from_the_letter_to_the_receipt(told: Told) -> None:
    path, client = told.link("acme"), told.client
    form = forms(client.get(f"{path}/object"))[0]
    assert form.values["name"] == ["Lea of Acme"]
    assert form.values["email"] == ["legal@acme.example"]
    before = told.counts()
    check = client.post(form.action, data=form.filled(
        text="Our clients are bound by secrecy.\r\n\r\nLeave us out.", grounds=["secrecy", "transfer"], function="DPO"))
    assert check.status_code == 200
    assert told.counts() == before, "nothing is stored before the last button"
    assert "Sent now, your objection is in time" in words(check)
    again = forms(check)[0]
    answer = client.post(again.action, data=again.filled(step="file"))
    filed = told.case()
    assert answer.status_code == 303
    assert answer.headers["Location"] == told.link("acme", links.CASE) + "/filed"
    assert (filed.state, filed.in_time, filed.channel) == (ObjectionState.FILED, True, "form")
    assert (filed.filer_name, filed.filer_function) == ("Lea of Acme", "DPO")
    assert filed.filer_email == "legal@acme.example"
    assert filed.text == (
        "Grounds: Transfer to a country without adequate protection; Professional secrecy or another duty of "
        "confidentiality\n\nOur clients are bound by secrecy.\n\nLeave us out.")
    page = words(client.get(answer.headers["Location"]))
    assert f"Reference: {filed.ref}" in page
    assert "Received: 3 March 2026, 10:05 (Europe/Zurich) , in time" in page
    assert "A receipt with your words goes to legal@acme.example." in page
    assert [d.to_email for d in letters(told, "objection_received")] == ["legal@acme.example"]


def test_the_form_says_that_it_is_not_needed(told: Told) -> None:
    page = words(told.client.get(told.link("acme") + "/object"))
    assert "no signature and no account, and it costs you nothing" in page
    assert "is as good as this form" in page
    assert "We take in every objection" in page


def test_a_form_sent_twice_files_once_and_lands_on_the_same_receipt(told: Told) -> None:
    check = forms(_sent(told, text="No."))[0]
    answers = [told.client.post(check.action, data=check.filled(step="file")) for _ in range(2)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert len(_filed(told)) == len(letters(told, "objection_received")) == 1


def test_a_form_of_its_own_files_a_further_objection(told: Told) -> None:
    file(told, told.link("acme"))
    file(told, told.link("acme"), text="And another thing.")
    assert len(_filed(told)) == 2


def test_a_late_objection_is_taken_in_and_told_late_at_every_step(told: Told) -> None:
    told.at(datetime(2026, 4, 2, 22, 0, tzinfo=UTC))  # 3 April, 00:00 in Zürich
    path = told.link("acme")
    assert "Your last day to object has passed." in words(told.client.get(f"{path}/object"))
    assert "mark it as late" in words(_sent(told, text="No."))
    answer = file(told, path)
    assert told.case().in_time is False
    page = words(told.client.get(answer.headers["Location"]))
    assert "after your last day to object" in page
    assert "filed late" in words(told.client.get(told.link("acme", links.CASE)))


def test_the_last_moment_of_the_last_day_is_in_time(told: Told) -> None:
    told.at(datetime(2026, 4, 2, 21, 59, 59, tzinfo=UTC))
    file(told, told.link("acme"))
    assert told.case().in_time is True


def test_objecting_proves_that_the_notice_arrived(tell: Callable[..., Told]) -> None:
    told = tell(proven=False)
    file(told, told.link("acme"))
    notice = told.notice("acme")
    assert (notice.state, notice.given_by, notice.proof) == (NoticeState.GIVEN, "customer", {"act": "objection"})
    assert told.case().in_time is True


def test_errors_stand_at_the_top_and_at_the_field_and_keep_the_input(tell: Callable[..., Told]) -> None:
    told = tell(names=TWO)
    before = told.counts()
    answer = _sent(told, changes=[], text=" ", email="nobody", function="Head of <b>", grounds=["security"], name="L")
    assert answer.status_code == 422
    assert "<title>Error:" in answer.text
    assert 'role="alert" tabindex="-1" autofocus' in answer.text
    for name in ("changes", "email"):
        assert f'href="#{name}"' in answer.text
        assert f'id="{name}"' in answer.text
        assert f'id="{name}-error"' in answer.text
    assert 'aria-describedby="email-error email-hint" aria-invalid="true"' in answer.text
    form = forms(answer)[0]
    assert form.values["email"] == ["nobody"]
    assert form.values["function"] == ["Head of <b>"]
    assert form.values["grounds"] == ["security"]
    assert told.counts() == before


def test_without_words_or_grounds_there_is_nothing_to_file(told: Told) -> None:
    answer = _sent(told, text=" \n ")
    assert answer.status_code == 422
    assert "Write at least one sentence on why you object." in words(answer)
    answer = told.client.post(told.link("acme") + "/object", data={"email": "a@b.example", "step": "file"})
    assert answer.status_code == 422
    assert _sent(told, text="", grounds=["security"]).status_code == 200


def test_a_cleared_name_falls_back_to_the_one_we_know(told: Told) -> None:
    file(told, told.link("acme"), name="")
    assert told.case().filer_name == "Lea of Acme"


def test_going_back_from_the_check_keeps_everything(told: Told) -> None:
    check = forms(_sent(told, text="One.\r\n\r\nTwo.", grounds=["security"], function="DPO"))[0]
    back = told.client.post(check.action, data=check.filled(step="edit"))
    assert back.status_code == 200
    form = forms(back)[0]
    assert form.values["text"] == ["One.\n\nTwo."]
    assert (form.values["grounds"], form.values["function"]) == (["security"], ["DPO"])
    assert form.values["nonce"] == check.values["nonce"]


def test_twenty_thousand_characters_fit_and_one_more_does_not(told: Told) -> None:
    fits = "ä" * rules.LONGEST
    assert _sent(told, text=fits + "x").status_code == 422
    assert "Shorten your text by 1 characters" in words(_sent(told, text=fits + "x"))
    assert file(told, told.link("acme"), text=fits).status_code == 303
    assert told.case().text == fits


def test_several_changes_are_all_ticked_and_one_can_be_chosen(tell: Callable[..., Told]) -> None:
    told = tell(names=TWO)
    assert forms(told.client.get(told.link("acme") + "/object"))[0].values["changes"] == told.changes
    file(told, told.link("acme"), changes=[told.changes[1]])
    with told.house.database.reading() as db:
        assert [c.ref for c in objections.changes_of(db, told.case())] == [told.changes[1]]


def test_hostile_input_is_shown_as_it_was_typed(told: Told) -> None:
    check = _sent(told, text=HOSTILE, name=HOSTILE, function=HOSTILE, email="nobody" + HOSTILE)
    assert check.status_code == 422
    assert forms(check)[0].values["text"] == [HOSTILE]
    path = case(told, text=HOSTILE, name=HOSTILE, function=HOSTILE)
    told.client.post(f"{path}/message", data={"message": HOSTILE})
    for page in (told.client.get(path), told.client.get(told.link("acme")), check):
        assert "<script" not in page.text
        assert "49" not in words(page).replace(told.case().ref, "")
    assert words(told.client.get(path)).count(" ".join(HOSTILE.split())) == 4
