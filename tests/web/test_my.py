"""A customer's own page: the link asked for, everything of this customer and nothing of another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import col, select

from notifier.domain.states import NoticeState
from notifier.house import House
from notifier.jobs import deliver, own_pages
from notifier.tables import AuditEntry, Contact, Delivery, Link, PageRequest
from notifier.workflow import blobs, links
from notifier.workflow.customers import ContactEntry
from tests.web import customer_house
from tests.web.customer_house import ARRIVED, Told, file, forms, letters, words

BOTH = "office@shared.example"


@pytest.fixture
def told(house: House, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Two customers, proven to have been told of one addition."""
    return customer_house.told(house, monkeypatch)


@pytest.fixture
def tell(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """The same, with something said differently."""
    return lambda **given: customer_house.told(house, monkeypatch, **given)


def text_of(told: Told, letter: Delivery) -> str:
    """A letter's text as it is kept."""
    with told.house.database.reading() as db:
        row = db.get(Delivery, letter.id)
        kept = blobs.letter(db, row.letter_sha256) if row else None
    assert kept is not None
    return str(kept["text"])


def test_a_known_address_is_mailed_a_link_and_an_unknown_one_hears_the_same(told: Told) -> None:
    answers = {}
    for email in ("legal@acme.example", "LEGAL@ACME.example", "nobody@nowhere.example"):
        before = told.counts()
        page = told.client.post("/my", data={"email": email})
        assert page.status_code == 200
        assert told.counts()["page_request"] == before["page_request"] + 1, "the same is done for every address"
        answers[email] = words(page).replace(email, "…").replace(email.lower(), "…").replace("LEGAL@acme.example", "…")
    assert len(set(answers.values())) == 1
    assert own_pages.run(told.house) == 3
    assert [letter.to_email for letter in letters(told, "my_link")] == ["legal@acme.example"] * 2
    with told.house.database.reading() as db:
        assert db.exec(select(PageRequest)).all() == [], "an address typed is not kept"


def test_the_letter_names_the_customer_and_keeps_the_link_secret(told: Told) -> None:
    path = told.page("legal@acme.example")
    deliver.run(told.house)
    kept = text_of(told, letters(told, "my_link")[0])
    assert "Acme Ltd" in kept
    assert f"/my/{links.MASK}" in kept
    assert path.removeprefix("/my/") not in kept
    assert "Good until 4 March 2026, 10:05" in kept


def test_an_address_of_two_customers_gets_one_letter_with_a_link_for_each(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = customer_house.told(house, monkeypatch, contacts=(ContactEntry(BOTH, "Olivia"),))
    with house.database.transaction() as db:
        bond = db.exec(select(Contact).where(Contact.email == "legal@bond.example")).one()
        db.add(Contact(customer_id=bond.customer_id, email=BOTH, name="Olivia", position=2))
    first, second = told.page(BOTH), told.page(BOTH, position=1)
    assert len(letters(told, "my_link")) == 2, "one letter for each time it was asked"
    deliver.run(house)
    kept = text_of(told, letters(told, "my_link")[0])
    assert kept.index("Acme Ltd") < kept.index("Bond Ltd")
    assert kept.count(links.MASK) == 2
    for path, own, other in ((first, "Acme Ltd", "Bond Ltd"), (second, "Bond Ltd", "Acme Ltd")):
        page = words(told.client.get(path))
        assert own in page
        assert other not in page


def test_nothing_of_another_customer_can_be_opened(told: Told) -> None:
    path = told.page("legal@acme.example")
    file(told, told.link("bond"))
    before = told.counts()
    assert told.client.post(f"{path}/notices/{told.notice('bond').uid}").status_code == 404
    assert told.client.post(f"{path}/cases/{told.case().ref}").status_code == 404
    assert told.client.get(f"{path}/documents/{'0' * 64}").status_code == 404
    with told.house.database.reading() as db:
        theirs = db.exec(select(Contact).where(Contact.email == "legal@bond.example")).one()
    for act in ("", "/retire", "/up"):
        answer = told.client.post(f"{path}/contacts/{theirs.id}{act}", data={"email": "x@y.example", "role": "notice"})
        assert answer.status_code == 404
    assert told.counts() == before
    assert "bond" not in told.client.get(path).text.lower()


def test_links_of_other_kinds_and_spoilt_ones_open_no_page(told: Told) -> None:
    path = told.page("legal@acme.example")
    notice = told.link("acme").replace("/n/", "/my/")
    for spoilt in (path[:-2], path + "x", notice, "/my/nobody"):
        for answer in (told.client.get(spoilt), told.client.get(f"{spoilt}/annex"),
                       told.client.post(f"{spoilt}/contacts/new", data={"email": "a@b.example", "role": "notice"})):
            assert answer.status_code == 404
            assert 'href="/my"' in answer.text
    assert told.client.get(path.replace("/my/", "/n/")).status_code == 404


def test_the_link_ends_after_a_day_and_with_the_contact(told: Told) -> None:
    path = told.page("legal@acme.example")
    told.at(ARRIVED + timedelta(days=2, seconds=-1))
    assert told.client.get(path).status_code == 200
    told.at(ARRIVED + timedelta(days=2))
    answer = told.client.get(path)
    assert answer.status_code == 403
    assert 'href="/my"' in answer.text
    again = told.page("legal@acme.example")
    with told.house.database.transaction() as db:
        db.exec(select(Contact).where(Contact.email == "legal@acme.example")).one().retired_at = ARRIVED
    assert told.client.get(again).status_code == 403


def test_whoever_is_retired_or_barred_is_sent_nothing(told: Told) -> None:
    with told.house.database.transaction() as db:
        db.exec(select(Contact).where(Contact.email == "legal@acme.example")).one().retired_at = ARRIVED
        db.exec(select(Contact).where(Contact.email == "legal@bond.example")).one().barred_at = ARRIVED
    for email in ("legal@acme.example", "legal@bond.example"):
        assert told.client.post("/my", data={"email": email}).status_code == 200
    own_pages.run(told.house)
    assert letters(told, "my_link") == []


def test_no_mailbox_is_filled_with_links(told: Told) -> None:
    for _ in range(5):
        answer = told.client.post("/my", data={"email": "legal@acme.example"})
        assert "on its way there" in words(answer), "the answer gives nothing away"
    own_pages.run(told.house)
    assert len(letters(told, "my_link")) == links.MOST_AN_HOUR
    told.at(ARRIVED + timedelta(days=1, hours=1))
    told.page("legal@acme.example")
    assert len(letters(told, "my_link")) == links.MOST_AN_HOUR + 1


@pytest.mark.parametrize("email", ["", "legal", "legal@acme", "a@b.example, c@d.example", "x" * 250 + "@acme.example"])
def test_what_is_no_address_is_refused_in_words(told: Told, email: str) -> None:
    answer = told.client.post("/my", data={"email": email})
    assert answer.status_code == 422
    assert "Enter an e-mail address" in words(answer)
    assert told.counts()["page_request"] == 0


def test_the_page_shows_notices_objections_and_contacts_and_leads_to_them(told: Told) -> None:
    file(told, told.link("acme"))
    path = told.page("legal@acme.example")
    answer = told.client.get(path)
    page = words(answer)
    assert "New sub-processor: Analytics Inc." in page
    assert "until the end of Thursday, 2 April 2026" in page
    assert told.case().ref in page
    assert "Received" in page
    assert "legal@acme.example" in page
    for linked in (told.link("acme"), told.link("acme", links.CASE)):
        assert f'href="{linked}"' in answer.text
        assert told.client.get(linked).status_code == 200


def test_a_colleague_who_was_sent_no_letter_gets_links_of_its_own(tell: Callable[..., Told]) -> None:
    contacts = (ContactEntry("legal@acme.example", "Lea"), ContactEntry("dpo@acme.example", "Dora"))
    told = tell(contacts=contacts, terms={"notify": "in_order"})
    file(told, told.link("acme"))
    path = told.page("dpo@acme.example")
    actions = [form.action for form in forms(told.client.get(path))]
    buttons = [action for action in actions if "/notices/" in action or "/cases/" in action]
    assert len(buttons) == 2
    for button in buttons:
        opened = told.client.post(button)
        assert opened.status_code == 303
        assert told.client.get(opened.headers["Location"]).status_code == 200
    assert f'href="{told.link("acme", position=1)}"' in told.client.get(path).text


@pytest.mark.parametrize("state", list(NoticeState))
def test_every_state_of_a_notice_is_said_in_words(told: Told, state: NoticeState) -> None:
    with told.house.database.transaction() as db:
        db.connection().exec_driver_sql(f"UPDATE notice SET state = '{state}'")
    page = words(told.client.get(told.page("legal@acme.example")))
    said = {"pending": "On its way", "given": "Open", "undeliverable": "Not delivered", "cancelled": "Withdrawn"}
    assert said[state] in page


@pytest.mark.parametrize("language", ["en", "de", "fr", "it"])
def test_the_pages_speak_the_customers_language_or_the_one_chosen(tell: Callable[..., Told], language: str) -> None:
    told = tell(language=language)
    path = told.page("legal@acme.example")
    answers = [told.client.get(path), told.client.get(f"{path}/annex"), told.client.get(f"{path}/contacts/new"),
               told.client.get(f"/my?language={language}")]
    for answer in answers:
        assert answer.status_code == 200
        assert f'<html lang="{language}">' in answer.text
    other = "fr" if language != "fr" else "it"
    assert f'<html lang="{other}">' in told.client.get(f"{path}/annex?language={other}").text


def test_no_get_changes_a_row_and_every_answer_is_private(told: Told) -> None:
    path = told.page("legal@acme.example")
    with told.house.database.reading() as db:
        own = db.exec(select(Contact).where(Contact.email == "legal@acme.example")).one()
    before = told.counts()
    addresses = ("/my", path, f"{path}/annex", f"{path}/contacts/new", f"{path}/contacts/{own.id}",
                 f"{path}/contacts/{own.id}/retire")
    for address in addresses:
        for answer in (told.client.get(address), told.client.head(address)):
            assert answer.status_code == 200
            assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert "Set-Cookie" not in answer.headers
    assert told.counts() == before
    with told.house.database.reading() as db:
        assert all(link.used_at is None for link in db.exec(select(Link)))


def test_each_link_sent_leaves_its_entry_in_the_log(told: Told) -> None:
    told.page("legal@acme.example")
    with told.house.database.reading() as db:
        entry = db.exec(select(AuditEntry).where(AuditEntry.action == "send_link").order_by(col(AuditEntry.seq))).one()
    assert entry.refs["kind"] == "my"
    assert "acme.example" not in str(entry.refs)
