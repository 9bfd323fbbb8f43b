"""A letter taken out of the house: as a mail file with its links masked, and on paper with its link open."""

from __future__ import annotations

import email
import email.policy
import re
from html import escape

from sqlmodel import select

from notifier.domain.people import Door
from notifier.jobs import deliver
from notifier.tables import AuditEntry, Delivery
from notifier.workflow import blobs, customers, people
from tests import factory
from tests.web.conftest import Office


def _letter(office: Office) -> Delivery:
    """The announcement's letter to alpha, sent."""
    with office.house.database.transaction() as session:
        customers.get(session, "alpha").postal_address = "Ring <3>\n8005 Zürich"
        olga, paul = (people.actor_for(office.users[name], Door.CONSOLE) for name in ("olga", "paul"))
        factory.announced(session, olga, paul)
    deliver.run(office.house)
    with office.house.database.reading() as session:
        return session.exec(select(Delivery).where(Delivery.to_email == "legal@alpha.example")).one()


def test_a_letter_is_saved_as_the_mail_it_was_with_its_links_masked(office: Office) -> None:
    row = _letter(office)
    answer = office.browser("anton").client.get(f"/console/deliveries/{row.ref}/letter.eml")
    assert answer.mimetype == "message/rfc822"
    assert row.ref in answer.headers["Content-Disposition"]
    mail = email.message_from_bytes(answer.data, policy=email.policy.default)
    with office.house.database.reading() as session:
        frozen = blobs.letter(session, row.letter_sha256)
    assert frozen is not None
    assert mail["Subject"] == frozen["subject"]
    assert mail["X-Frozen-SHA256"] == row.letter_sha256
    assert "outbox" in mail["X-Provider-Added"]
    text, html = (part.get_content().splitlines() for part in mail.iter_parts())
    assert text == frozen["text"].splitlines()
    assert html == frozen["html"].splitlines()
    assert any("/n/{link}" in line for line in text)


def test_on_paper_it_bears_the_postal_address_and_a_link_that_opens(office: Office) -> None:
    row = _letter(office)
    paul = office.browser("paul")
    paul.get(f"/console/deliveries/{row.ref}")
    page = paul.post(f"/console/deliveries/{row.ref}/paper", status=200)
    assert "Ring &lt;3&gt;" in page
    assert "Einschreiben" in page, "in the customer's language"
    assert "{link}" not in page
    with office.house.database.reading() as session:
        frozen = blobs.letter(session, row.letter_sha256)
    assert frozen is not None
    assert f"<strong>{escape(frozen['subject'])}</strong>" in page, "nothing else says what it is about"
    assert re.search(r'<p class="about">\w+, [^<]*\d{4}<strong>', page), "the day it is posted"
    [path] = set(re.findall(r"http://localhost(/n/[^/\"<\s]+)(?=[\"<\s])", page))
    assert office.app.test_client().get(path).status_code == 200
    with office.house.database.reading() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "print")).one()
    assert (entry.actor, entry.refs["letter"]) == (f"person:{office.users['paul'].id}", row.letter_sha256)


def test_whoever_only_reads_prints_no_open_link(office: Office) -> None:
    row = _letter(office)
    anton = office.browser("anton")
    anton.get(f"/console/deliveries/{row.ref}")
    anton.post(f"/console/deliveries/{row.ref}/paper", status=403)
