"""A customer changes its own contacts: confirmed at the new address, told at the old one, never without one left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Thread

import pytest
from sqlmodel import col, select

from notifier.domain.people import ContactRole
from notifier.domain.states import NoticeState
from notifier.house import House
from notifier.jobs import deliver
from notifier.tables import AuditDetail, AuditEntry, Contact, ContactChange
from notifier.workflow import announcements, contacts, deliveries, links, notices, verify
from notifier.workflow.customers import ContactEntry
from notifier.workflow.notices import Happening
from tests import factory
from tests.web import customer_house
from tests.web.customer_house import ARRIVED, PROVIDER, Told, forms, letters, words

OLD, NEW = "legal@acme.example", "privacy@acme.example"
TWO = (ContactEntry(OLD, "Lea", position=1), ContactEntry("dpo@acme.example", "Dora", position=2))


@pytest.fixture
def tell(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Two customers, proven to have been told of one addition; acme with two contacts, unless told otherwise."""
    return lambda **given: customer_house.told(house, monkeypatch, **{"contacts": TWO, **given})


@pytest.fixture
def told(tell: Callable[..., Told]) -> Told:
    """The same, with nothing said differently."""
    return tell()


def row(told: Told, email: str) -> Contact:
    """A contact of acme's or bond's."""
    with told.house.database.reading() as db:
        return db.exec(select(Contact).where(Contact.email == email)).one()


def receiving(told: Told) -> list[str]:
    """Who receives acme's notices, in order."""
    with told.house.database.reading() as db:
        return [c.email for c in deliveries.notice_contacts(db, told.notice("acme").customer_id)]


def faults(told: Told) -> list[str]:
    """What `audit verify` finds."""
    with told.house.database.reading() as db:
        return [str(fault) for fault in verify.chain(db)]


def ask_change(told: Told, email: str = NEW, **given: str) -> str:
    """Asks for another address in the place of acme's first; the path of the link to confirm it."""
    path = told.page(OLD)
    form = forms(told.client.get(f"{path}/contacts/{row(told, OLD).id}"))[0]
    answer = told.client.post(form.action, data=form.filled(email=email, **given))
    assert answer.status_code == 303, words(answer)
    return told.newest(links.CONTACT)


def test_a_new_address_counts_once_it_was_confirmed_there_and_the_old_one_is_told(told: Told) -> None:
    confirm = ask_change(told, name="Petra")
    assert receiving(told) == [OLD, "dpo@acme.example"], "until then the old one goes on receiving"
    page = words(told.client.get(told.page(OLD)))
    assert f"Waiting to be confirmed {NEW}" in page
    assert f"It takes the place of {OLD} once it is confirmed" in page
    assert [letter.to_email for letter in letters(told, "contact_confirm")] == [NEW]
    before = told.counts()
    for _ in range(2):
        assert "Confirm this address" in words(told.client.get(confirm))
        assert told.client.head(confirm).status_code == 200
    assert told.counts() == before
    for _ in range(2):
        assert told.client.post(confirm).status_code == 303
    assert receiving(told) == [NEW, "dpo@acme.example"], "it keeps the place of the one before"
    assert [letter.to_email for letter in letters(told, "contact_changed")] == [OLD]
    assert "This address is confirmed" in words(told.client.get(confirm))
    with told.house.database.reading() as db:
        assert len(db.exec(select(Contact).where(Contact.email == NEW)).all()) == 1
    deliver.run(told.house)
    assert faults(told) == []


def test_a_notice_sent_meanwhile_goes_to_the_old_address(told: Told) -> None:
    ask_change(told)
    with told.house.database.transaction() as db:
        change = factory.approved(db, told.olga, told.paul, legal_name="Second Ltd")
        announcements.announce(db, [change.ref], actor=told.paul, now=ARRIVED + timedelta(days=1))
    sent = {d.to_email for d in letters(told, "change_announced") if d.created_at > ARRIVED}
    assert OLD in sent
    assert NEW not in sent


def test_every_act_is_in_the_log_with_who_did_it_and_no_address_in_the_chain(told: Told) -> None:
    told.client.post(ask_change(told, name="Petra"))
    with told.house.database.reading() as db:
        rows = db.exec(select(AuditEntry).where(AuditEntry.door == "link").order_by(col(AuditEntry.seq))).all()
        asked = db.get(AuditDetail, rows[0].seq)
    assert [entry.action for entry in rows] == ["ask_contact", "confirm_contact"]
    assert rows[0].actor == f"contact:{row(told, OLD).id}"
    assert not any(secret in str([e.refs for e in rows]) for secret in (NEW, OLD, "Petra"))
    assert asked is not None
    assert asked.detail["email"] == NEW


def test_a_name_is_changed_at_once(told: Told) -> None:
    path = told.page(OLD)
    form = forms(told.client.get(f"{path}/contacts/{row(told, OLD).id}"))[0]
    told.client.post(form.action, data=form.filled(name="Lena", phone="+41 44 000 00 00"))
    assert (row(told, OLD).name, row(told, OLD).phone) == ("Lena", "+41 44 000 00 00")
    assert letters(told, "contact_confirm") == []
    assert faults(told) == []


def test_one_more_contact_is_written_to_after_its_confirmation(told: Told) -> None:
    path = told.page(OLD)
    form = forms(told.client.get(f"{path}/contacts/new"))[0]
    assert told.client.post(form.action, data=form.filled(email="Cleo@ACME.example", name="Cleo")).status_code == 303
    assert receiving(told) == [OLD, "dpo@acme.example"]
    told.client.post(told.newest(links.CONTACT))
    assert receiving(told) == [OLD, "dpo@acme.example", "Cleo@acme.example"]
    assert [letter.to_email for letter in letters(told, "contact_changed")] == [OLD], "who asked is told"
    assert faults(told) == []


def test_a_contact_is_removed_but_never_the_last_who_receives_notices(told: Told) -> None:
    path = told.page(OLD)
    second = row(told, "dpo@acme.example")
    assert "Remove dpo@acme.example?" in words(told.client.get(f"{path}/contacts/{second.id}/retire"))
    assert told.client.post(f"{path}/contacts/{second.id}/retire").status_code == 303
    assert receiving(told) == [OLD]
    assert {letter.to_email for letter in letters(told, "contact_changed")} == {OLD, "dpo@acme.example"}
    answer = told.client.post(f"{path}/contacts/{row(told, OLD).id}/retire")
    assert answer.status_code == 409
    assert "Name another first" in words(answer)
    assert receiving(told) == [OLD]
    assert faults(told) == []


def test_a_barred_or_legal_contact_is_no_last_one_left(tell: Callable[..., Told]) -> None:
    told = tell(contacts=(*TWO, ContactEntry("law@acme.example", "Lou", role=ContactRole.LEGAL)))
    with told.house.database.transaction() as db:
        db.exec(select(Contact).where(Contact.email == "dpo@acme.example")).one().barred_at = ARRIVED
    path = told.page(OLD)
    assert told.client.post(f"{path}/contacts/{row(told, OLD).id}/retire").status_code == 409
    assert told.client.post(f"{path}/contacts/{row(told, 'law@acme.example').id}/retire").status_code == 303


def test_whoever_removes_itself_is_told_and_locked_out(told: Told) -> None:
    path = told.page(OLD)
    answer = told.client.post(f"{path}/contacts/{row(told, OLD).id}/retire")
    assert "You are no contact any more" in words(answer)
    assert told.client.get(path).status_code == 403


def test_of_two_removals_at_once_one_contact_stays(told: Told) -> None:
    first, second = told.page(OLD), told.page("dpo@acme.example")
    ids, answers = [row(told, email).id for email in (OLD, "dpo@acme.example")], []

    def retire(path: str, number: int | None) -> None:
        answers.append(told.client.post(f"{path}/contacts/{number}/retire").status_code)

    threads = [Thread(target=retire, args=pair) for pair in zip((first, second), ids, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiving(told)) == 1
    assert sorted(answers) == [200, 409]


def test_the_order_of_contacts_is_the_customers_own(told: Told) -> None:
    path = told.page(OLD)
    second = row(told, "dpo@acme.example").id
    assert f"/contacts/{second}/up" in told.client.get(path).text
    assert told.client.post(f"{path}/contacts/{second}/up").status_code == 303
    assert receiving(told) == ["dpo@acme.example", OLD]
    told.client.post(f"{path}/contacts/{second}/up")
    assert receiving(told) == ["dpo@acme.example", OLD]
    assert faults(told) == []


def test_a_change_taken_back_or_asked_for_anew_can_no_longer_be_confirmed(told: Told) -> None:
    first = ask_change(told)
    second = ask_change(told, email="second@acme.example")
    assert "This link is no longer valid" in words(told.client.get(first))
    assert told.client.post(first).status_code == 409
    path = told.page(OLD)
    drop = next(form.action for form in forms(told.client.get(path)) if form.action.endswith("/drop"))
    assert told.client.post(drop).status_code == 303
    assert told.client.post(second).status_code == 409
    assert receiving(told) == [OLD, "dpo@acme.example"]
    assert told.client.post(drop).status_code == 404


def test_a_link_to_confirm_ends_after_a_week(told: Told) -> None:
    confirm = ask_change(told)
    told.at(ARRIVED + timedelta(days=8))
    assert "not confirmed in time" in words(told.client.get(confirm))
    assert told.client.post(confirm).status_code == 403
    assert "Waiting to be confirmed" not in words(told.client.get(told.page(OLD)))
    assert receiving(told) == [OLD, "dpo@acme.example"]


def test_a_change_of_a_contact_that_is_gone_meanwhile_is_over(told: Told) -> None:
    confirm = ask_change(told)
    with told.house.database.transaction() as db:
        db.exec(select(Contact).where(Contact.email == OLD)).one().retired_at = ARRIVED
    assert told.client.post(confirm).status_code == 409


@pytest.mark.parametrize(("given", "fault"), [
    ({"email": "nobody"}, "Enter an e-mail address"), ({"email": ""}, "Enter an e-mail address"),
    ({"email": "x" * 250 + "@acme.example"}, "Enter an e-mail address"), ({"name": "n" * 201}, "Shorten the name"),
    ({"phone": "0" * 61}, "Shorten the telephone number"), ({"role": "boss"}, "Choose what this contact"),
])
def test_what_cannot_be_is_refused_whole_with_the_entry_kept(told: Told, given: dict[str, str], fault: str) -> None:
    path = told.page(OLD)
    before = told.counts()
    whole = {"email": NEW, "name": "Petra", "phone": "", "role": "notice", **given}
    answer = told.client.post(f"{path}/contacts/new", data=whole)
    assert answer.status_code == 422
    assert fault in words(answer)
    assert next(iter(given.values())) in answer.text or given.keys() == {"role"}
    assert told.counts() == before


def test_an_address_there_is_or_that_barred_us_is_refused(told: Told) -> None:
    with told.house.database.transaction() as db:
        db.exec(select(Contact).where(Contact.email == "legal@bond.example")).one().barred_at = ARRIVED
    path = told.page(OLD)
    answer = told.client.post(f"{path}/contacts/new", data={"email": "dpo@acme.example", "role": "notice"})
    assert answer.status_code == 409
    answer = told.client.post(f"{path}/contacts/new", data={"email": "legal@bond.example", "role": "notice"})
    assert answer.status_code == 422
    assert "spam" in words(answer)
    assert letters(told, "contact_confirm") == []


def test_nobody_is_bombed_with_letters_to_confirm(told: Told) -> None:
    path = told.page(OLD)
    asked = [{"email": f"v{n}@victim.example", "role": "notice"} for n in range(contacts.MOST_A_DAY + 1)]
    codes = [told.client.post(f"{path}/contacts/new", data=given).status_code for given in asked]
    assert codes == [303] * contacts.MOST_A_DAY + [409]


def test_a_follower_looks_and_changes_nothing(tell: Callable[..., Told]) -> None:
    told = tell(contacts=(*TWO, ContactEntry("press@acme.example", "Fay", role=ContactRole.FOLLOWER)))
    path = told.page("press@acme.example")
    assert "/contacts/" not in told.client.get(path).text
    for act in ("new", f"{row(told, OLD).id}", f"{row(told, OLD).id}/retire", f"{row(told, OLD).id}/up"):
        assert told.client.post(f"{path}/contacts/{act}", data={"email": NEW, "role": "notice"}).status_code == 403
    assert receiving(told) == [OLD, "dpo@acme.example"]


def test_what_reached_nobody_goes_to_the_new_address(tell: Callable[..., Told]) -> None:
    told = tell(contacts=(ContactEntry(OLD, "Lea"),), proven=False)
    with told.house.database.transaction() as db:
        for letter in notices.deliveries.of_notice(db, told.notice("acme").id or 0):
            event = Happening(letter.ref, "", "bounce", ARRIVED, "gone", "550 no such user")
            notices.happened(db, event, actor=PROVIDER, now=ARRIVED)
    assert told.notice("acme").state == NoticeState.UNDELIVERABLE
    told.client.post(ask_change(told))
    deliver.run(told.house)
    told.prove("change_announced", ARRIVED + timedelta(days=2))
    assert told.notice("acme").state == NoticeState.GIVEN
    assert [d.to_email for d in letters(told, "change_announced") if d.contact_id == row(told, NEW).id] == [NEW]


def test_one_address_in_two_customers_changes_for_one_alone(told: Told) -> None:
    with told.house.database.transaction() as db:
        bond = db.exec(select(Contact).where(Contact.email == "legal@bond.example")).one()
        db.add(Contact(customer_id=bond.customer_id, email=OLD, name="Lea", position=2))
    told.client.post("/my", data={"email": OLD})
    path = told.page(OLD)  # acme's: it comes first by name
    own = next(f for f in forms(told.client.get(path)) if f.action.endswith("/up")).action.split("/")[-2]
    assert own == str(row(told, "dpo@acme.example").id)
    with told.house.database.reading() as db:
        mine = db.exec(select(Contact).where(Contact.email == OLD).order_by(col(Contact.id))).all()
    told.client.post(f"{path}/contacts/{mine[0].id}", data={"email": NEW, "name": "Lea"})
    told.client.post(told.newest(links.CONTACT))
    with told.house.database.reading() as db:
        found = db.exec(select(Contact).where(Contact.email == OLD).order_by(col(Contact.id))).all()
        assert [c.retired_at is None for c in found] == [False, True]
        assert len(db.exec(select(ContactChange)).all()) == 1
