"""What binds a customer takes a fresh link: mailed to the contact, opened once, good for a day (contract §5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Thread

import pytest
from sqlmodel import select

from notifier.domain.states import ObjectionState
from notifier.house import House
from notifier.jobs import deliver
from notifier.tables import AuditEntry, Contact, NoticeChange
from notifier.workflow import blobs, links
from notifier.workflow.customers import ContactEntry
from tests import factory
from tests.web import customer_house
from tests.web.customer_house import ARRIVED, Told, case, forms, letters, no_agreement, words

SPECIFIC = {"authorisation": "specific"}
ENDED = {"service": "platform", "ends_on": "2026-06-30", "step": "file"}


@pytest.fixture
def tell(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Two customers, proven to have been told; with what is said differently."""
    return lambda **given: customer_house.told(house, monkeypatch, **given)


def consents_of(told: Told) -> list[str]:
    """What acme has answered."""
    with told.house.database.reading() as db:
        return list(db.exec(select(NoticeChange.consent).where(NoticeChange.notice_id == told.notice("acme").id)))


def start(tell: Callable[..., Told], kind: str) -> tuple[Told, str, dict[str, object]]:
    """A customer with something to decide: its page, and what it would send."""
    if kind == links.CONSENT:
        told = tell(terms=SPECIFIC)
        return told, told.link("acme"), {"changes": told.changes, "answer": "yes", **factory.SIGNED}
    told = tell()
    return told, (case(told) if kind == links.WITHDRAW else no_agreement(told)), dict(ENDED)


def decided(told: Told, kind: str) -> bool:
    """Whether it was."""
    if kind == links.CONSENT:
        return consents_of(told) == ["yes"]
    return told.case().state in (ObjectionState.WITHDRAWN, ObjectionState.TERMINATED)


KINDS = [links.CONSENT, links.WITHDRAW, links.TERMINATE]


@pytest.mark.parametrize("kind", KINDS)
def test_the_letters_own_link_decides_nothing_and_mails_a_fresh_one(tell: Callable[..., Told], kind: str) -> None:
    told, path, sent = start(tell, kind)
    assert told.client.post(f"{path}/{kind}", data=sent).status_code == 403
    assert not decided(told, kind)
    page = told.client.get(f"{path}/{kind}")
    assert [form.action for form in forms(page)] == [f"{path}/{kind}/link"]
    assert "we mail a fresh link to legal@acme.example" in words(page)
    fresh = told.fresh(path, kind)
    assert "We have mailed you a link." in words(told.client.get(f"{path}/{kind}"))
    deliver.run(told.house)
    letter = letters(told, "decision_link")[0]
    assert letter.to_email == "legal@acme.example"
    with told.house.database.reading() as db:
        kept = blobs.letter(db, letter.letter_sha256)
    assert kept is not None
    assert f"/{links.MASK}/{kind}" in str(kept["text"])
    form = forms(told.client.get(fresh))[0]
    assert form.action == fresh
    assert told.client.post(fresh, data=sent).status_code == 303
    assert decided(told, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_opening_a_fresh_link_decides_nothing_however_often(tell: Callable[..., Told], kind: str) -> None:
    told, path, sent = start(tell, kind)
    fresh = told.fresh(path, kind)
    before = told.counts()
    for _ in range(3):
        assert told.client.get(fresh).status_code == 200
        assert told.client.head(fresh).status_code == 200
    assert told.counts() == before
    assert not decided(told, kind)
    assert told.client.post(fresh, data=sent).status_code == 303, "a mail scanner has not used it up"
    assert decided(told, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_that_has_ended_says_so_and_offers_another(tell: Callable[..., Told], kind: str) -> None:
    told, path, sent = start(tell, kind)
    fresh = told.fresh(path, kind)
    with told.house.database.reading() as db:
        found = links.known(db, told.house.sender.signer, kind, fresh.split("/")[2])
    assert found is not None
    assert found.expires_at is not None
    told.at(found.expires_at - timedelta(seconds=1))
    assert forms(told.client.get(fresh))[0].action == fresh
    told.at(found.expires_at)
    page = told.client.get(fresh)
    assert "This link is no longer valid" in words(page)
    refused = told.client.post(fresh, data=sent)
    assert refused.status_code in (403, 409)
    assert not decided(told, kind)
    again = forms(page)[0].action
    assert told.client.post(again).status_code == 303
    assert told.client.post(told.newest(kind) + f"/{kind}", data=sent).status_code == 303
    assert decided(told, kind)


def test_a_used_link_shows_the_receipt_and_changes_nothing_more(tell: Callable[..., Told]) -> None:
    told, path, sent = start(tell, links.CONSENT)
    fresh = told.fresh(path, links.CONSENT)
    told.client.post(fresh, data=sent)
    page = told.client.get(fresh)
    assert "Your answer has been received" in words(page)
    assert "Lea Legal, General counsel" in words(page)
    refused = told.client.post(fresh, data={**sent, "answer": "no"})
    assert refused.status_code == 409
    assert consents_of(told) == ["yes"]
    other = forms(page)[0].action
    assert told.client.post(other).status_code == 303
    told.client.post(told.newest(links.CONSENT) + "/consent", data={**sent, "answer": "no"})
    assert consents_of(told) == ["no"]


@pytest.mark.parametrize("kind", [links.WITHDRAW, links.TERMINATE])
def test_a_used_link_to_a_case_says_so_and_leads_to_it(tell: Callable[..., Told], kind: str) -> None:
    told, path, sent = start(tell, kind)
    fresh = told.fresh(path, kind)
    assert told.client.post(fresh, data=sent).headers["Location"] == path
    page = told.client.get(fresh)
    assert "This link was used already" in words(page)
    assert f'href="{path}"' in page.text
    assert forms(page) == []


@pytest.mark.parametrize("kind", KINDS)
def test_two_copies_of_a_form_at_once_decide_once(tell: Callable[..., Told], kind: str) -> None:
    told, path, sent = start(tell, kind)
    fresh, answers = told.fresh(path, kind), []
    threads = [Thread(target=lambda: answers.append(told.client.post(fresh, data=sent).status_code)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 303 in answers
    assert set(answers) <= {303, 409}
    assert decided(told, kind)
    with told.house.database.reading() as db:
        acts = [row.action for row in db.exec(select(AuditEntry)) if row.action in ("consent", "withdraw", "terminate")]
    assert len(acts) == 1


def test_a_fresh_link_opens_its_own_act_alone(tell: Callable[..., Told]) -> None:
    told, path, _ = start(tell, links.TERMINATE)
    token = told.fresh(path, links.TERMINATE).split("/")[2]
    for address in (f"/o/{token}", f"/o/{token}/withdraw", f"/n/{token}", f"/n/{token}/consent", f"/my/{token}",
                    f"/my/confirm/{token}"):
        assert told.client.get(address).status_code == 404


def test_a_colleague_cannot_have_the_filers_case_ended(tell: Callable[..., Told]) -> None:
    contacts = (ContactEntry("legal@acme.example", "Lea"), ContactEntry("dpo@acme.example", "Dora"))
    told = tell(contacts=contacts)
    case(told)
    colleague = told.client.post(f"{told.link('acme', position=1)}/cases/{told.case().ref}").headers["Location"]
    assert told.client.post(f"{colleague}/withdraw/link").status_code == 403
    assert letters(told, "decision_link") == []


def test_where_the_filer_has_left_the_link_goes_to_who_receives_notices_now(tell: Callable[..., Told]) -> None:
    contacts = (ContactEntry("legal@acme.example", "Lea"), ContactEntry("dpo@acme.example", "Dora"))
    told = tell(contacts=contacts)
    case(told)
    colleague = told.client.post(f"{told.link('acme', position=1)}/cases/{told.case().ref}").headers["Location"]
    with told.house.database.transaction() as db:
        db.exec(select(Contact).where(Contact.email == "legal@acme.example")).one().retired_at = ARRIVED
    told.client.post(told.fresh(colleague, links.WITHDRAW))
    assert told.case().state == ObjectionState.WITHDRAWN
    assert [letter.to_email for letter in letters(told, "decision_link")] == ["dpo@acme.example"]


def test_where_no_contact_is_left_it_says_so(tell: Callable[..., Told]) -> None:
    told, path, _ = start(tell, links.WITHDRAW)
    with told.house.database.transaction() as db:
        db.exec(select(Contact).where(Contact.email == "legal@acme.example")).one().barred_at = ARRIVED
    answer = told.client.post(f"{path}/withdraw/link")
    assert answer.status_code == 409
    assert "no contact any more" in words(answer)


def test_a_leaked_letter_fills_no_mailbox(tell: Callable[..., Told]) -> None:
    told, path, _ = start(tell, links.CONSENT)
    for _ in range(links.MOST_AN_HOUR):
        assert told.client.post(f"{path}/consent/link").status_code == 303
    answer = told.client.post(f"{path}/consent/link")
    assert answer.status_code == 409
    assert "mail no more for now" in words(answer)
    assert len(letters(told, "decision_link")) == links.MOST_AN_HOUR


def test_nothing_is_mailed_where_there_is_nothing_to_decide(tell: Callable[..., Told]) -> None:
    told = tell()
    assert told.client.post(told.link("acme") + "/consent/link").status_code == 409
    path = case(told)
    assert told.client.post(f"{path}/terminate/link").status_code == 409
    told.client.post(told.fresh(path, links.WITHDRAW))
    assert told.client.post(f"{path}/withdraw/link").status_code == 409
    assert len(letters(told, "decision_link")) == 1
