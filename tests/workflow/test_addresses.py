"""Addresses: one form, whichever door they come through; what looks wrong is said and never refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from notifier.domain.refusals import Refusal
from notifier.house import House
from notifier.mail import transport
from notifier.tables import Contact, Delivery, Notice
from notifier.workflow import addresses, customers, notices
from notifier.workflow.customers import ContactEntry
from tests import factory
from tests.factory import NOW
from tests.workflow.telling import PROVIDER, arrive, send


@pytest.mark.parametrize(("given", "kept"), [
    ("Lea.Muster@Kunde.EXAMPLE", "Lea.Muster@kunde.example"),
    ("lea@straße.example", "lea@xn--strae-oqa.example"),  # not strasse.example: that is somebody else's
    ("lea@Zürich.example", "lea@xn--zrich-kva.example"),
    ("lea@xn--zrich-kva.example", "lea@xn--zrich-kva.example"),
    (" lea+notices@kunde.example ", "lea+notices@kunde.example"),
])
def test_an_address_has_one_form_and_letters_go_to_that_very_one(given: str, kept: str) -> None:
    assert addresses.normal(given) == kept
    assert transport.address("", given).addr_spec == transport.address("", kept).addr_spec == kept


@pytest.mark.parametrize("given", [
    "", "lea", "@kunde.example", "lea@", "lea@kunde", "a@b@c.example", "lea@kunde.example\n", "le a@kunde.example",
    "lea@kunde.example\nbcc:x@y.example", "lea\x00@kunde.example", "lea@kunde..example", "lea@-kunde.example",
    "lea@kunde_x.example", "léa@kunde.example", ".lea@kunde.example", "<lea@kunde.example>", "lea@[10.0.0.1]",
    f"{'l' * 65}@kunde.example", f"lea@{'k' * 64}.example", f"lea@{'kunde.' * 50}example",
])
def test_what_is_no_address_is_refused_with_words(given: str) -> None:
    with pytest.raises(Refusal, match="is no e-mail address: "):
        addresses.normal(given)


@pytest.mark.parametrize(("emails", "meant"), [
    (["lea@gmial.com"], "gmail.com"), (["lea@gmail.con"], "gmail.com"), (["lea@bluewn.ch"], "bluewin.ch"),
    (["lea@kunde-ag.example", "bob@kunde-ga.example"], "kunde-ag.example"),
])
def test_a_slip_of_the_keyboard_is_asked_about(emails: list[str], meant: str) -> None:
    assert [words.facts["meant"] for words in addresses.suspicions(emails)] == [meant]


@pytest.mark.parametrize("emails", [
    ["lea@gmail.com", "bob@googlemail.com"], ["lea@gmx.ch", "bob@gmx.de", "ida@gmx.at"], ["lea@web.de", "bob@me.com"],
    ["lea@kunde.ch", "bob@kunde.cz"], ["lea@abc.ch", "bob@abd.ch"],
])
def test_what_is_well_known_short_or_a_branch_abroad_is_not(emails: list[str]) -> None:
    assert addresses.suspicions(emails) == []


def test_an_address_of_two_customers_is_bad_for_both_when_it_bounces_and_each_notice_follows_its_own_letter(
    house: House,
) -> None:
    shared = (ContactEntry("office@trustee.example", "Trustee"),)
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", contacts=shared), factory.customer("beta", contacts=shared))
        factory.announced(session, olga, paul)
    send(house, NOW + timedelta(minutes=3))
    with house.database.transaction() as session:
        first, second = session.exec(
            select(Delivery).where(Delivery.to_email == "office@trustee.example").order_by(Delivery.id)).all()
        assert first.notice_id != second.notice_id
        notices.happened(session, notices.Happening(first.ref, "", "bounce", NOW + timedelta(minutes=4), "b-1", "550"),
                         actor=PROVIDER, now=NOW + timedelta(minutes=4))
    with house.database.reading() as session:
        assert all(c.bounced_at is not None for c in session.exec(select(Contact)))
        assert "came back" in str(addresses.known_bad(session, ["office@trustee.example"])["office@trustee.example"])
    arrive(house)
    with house.database.reading() as session:
        assert all(c.bounced_at is None for c in session.exec(select(Contact)))  # for both it works again
        states = {n.customer_id: str(n.state) for n in session.exec(select(Notice))}
        alpha, beta = customers.get(session, "alpha"), customers.get(session, "beta")
        assert (states[alpha.id or 0], states[beta.id or 0]) == ("undeliverable", "given")


def test_a_new_contact_of_a_barred_address_is_barred_from_the_start(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.take_in(session, factory.customer("alpha"), factory.customer("beta"))
        row = customers.contacts(session, customers.get(session, "alpha"))[0]
        row.barred_at = NOW
        session.flush()
        beta = customers.get(session, "beta")
        added = customers.add_contact(session, beta, ContactEntry("legal@alpha.example"), actor=olga, now=NOW)
        assert added.barred_at == NOW
        factory.take_in(session, factory.customer("gamma", contacts=(ContactEntry("legal@alpha.example"),)))
        assert customers.contacts(session, customers.get(session, "gamma"))[0].barred_at == NOW
