"""Customers out of files: the difference that is shown is what is done, exports of other programs, what is refused, and
the log that holds every row."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
import rfc8785
import sqlalchemy as sa
from sqlmodel import col, select

from notifier.domain.people import Role
from notifier.domain.refusals import Refusal
from notifier.house import House
from notifier.tables import AuditEntry, Contact, Customer
from notifier.workflow import audit, customer_intake, customers, people, verify
from notifier.workflow.customer_imports import CustomerSheet
from notifier.workflow.customer_intake import Outlook
from notifier.workflow.customers import ContactEntry
from tests import factory
from tests.factory import NOW, SYSTEM

SOON = NOW + timedelta(days=3)
FILE = """customer_ref;name;country;services;window_days;contact_name;contact_email;contact_order
alpha;Alpha AG;CH;platform;45;Lea;legal@alpha.example;1
alpha;;;;;Dora;dpo@alpha.example;2
beta;Beta Ltd;;archive;;Bob;bob@beta.example;1
"""


def sheet(text: str | bytes, name: str = "c.csv") -> CustomerSheet:
    return customer_intake.read(name, text if isinstance(text, bytes) else text.encode())


def taken(house: House, text: str | bytes, name: str = "c.csv", *, skip_bad: bool = False) -> Outlook:
    with house.database.transaction() as session:
        return customer_intake.take(session, sheet(text, name), skip_bad=skip_bad, actor=SYSTEM, now=SOON)


def live(house: House, ref: str) -> list[tuple[str, str, int]]:
    with house.database.reading() as session:
        rows = customers.contacts(session, customers.get(session, ref))
        return [(c.email, c.name, c.position) for c in rows if c.retired_at is None]


def test_the_difference_that_is_shown_is_what_is_done_and_the_second_time_nothing_is_left(house: House) -> None:
    with house.database.transaction() as session:
        factory.take_in(session, factory.customer("alpha", services=("platform", "archive")))
    with house.database.reading() as session:
        shown = customer_intake.look(session, sheet(FILE), SOON)
        assert customers.known(session, "beta") is False
    alpha, beta = shown.shown
    assert alpha["fields"] == [
        ["name", "Alpha Ltd", "Alpha AG"], ["country", "", "CH"], ["terms.window_days", "", "45"]]
    assert (alpha["new"], alpha["ended"], alpha["started"]) == (False, ["archive"], [])
    assert [(c["what"], c["email"]) for c in alpha["contacts"]] == [
        ("changed", "legal@alpha.example"), ("added", "dpo@alpha.example")]
    assert (beta["new"], beta["started"]) == (True, ["archive"])
    assert Outlook.from_json(shown.to_json()) == shown
    assert taken(house, FILE).to_json() == shown.to_json()
    assert live(house, "alpha") == [("legal@alpha.example", "Lea", 1), ("dpo@alpha.example", "Dora", 2)]
    again = taken(house, FILE)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 2)


def test_parts_each_have_their_entry_and_every_row_is_held_against_the_log(house: House) -> None:
    lines = "\n".join(f"c{n:04},Customer {n},CH,legal@c{n}.example" for n in range(2300))
    head = "customer_ref,name,country,contact_email\n"
    taken(house, head + lines)
    taken(house, head + lines.replace(",CH,", ",DE,"))
    with house.database.reading() as session:
        entries = session.exec(select(AuditEntry).where(col(AuditEntry.subject_kind) == "customer")).all()
        assert [(e.action, e.count) for e in entries] == [
            ("import", 1000), ("import", 1000), ("import", 300), ("import_whole", 2300)] * 2
        assert entries[3].refs["added"] == 2300
        assert verify.chain(session) == []
    with house.database.transaction() as session:  # behind the product's back
        session.execute(sa.text("UPDATE contact SET email = 'thief@evil.example' WHERE email = 'legal@c7.example'"))
        session.execute(sa.text("UPDATE customer SET country = 'CH' WHERE ref = 'c2200'"))
        session.execute(sa.text("DELETE FROM contact WHERE email = 'legal@c1500.example'"))
    with house.database.reading() as session:
        said = " ".join(map(str, verify.chain(session)))
    assert "thief@evil.example" in said
    assert "c2200 was altered: “country” is “CH”, but the log says “DE”" in said
    assert "contact 1501 is gone" in said


def test_an_entry_long_or_short_has_the_bytes_of_rfc_8785() -> None:
    rows = {"contact": {"email": [["", "lea“\n\x7f\u2028é😀\\", [1, [3, 9]]]], "aside": {"z": [None, True, 0]}}}
    entry: dict[str, Any] = {"refs": {"rows": rows, "added": 2, "a": "ü"}, "at": "x", "count": 3}
    assert audit._jcs(entry) == rfc8785.dumps(entry)
    assert audit._jcs({"rows": rows, "reason": "é"}) == rfc8785.dumps({"rows": rows, "reason": "é"})


def test_everything_that_is_wrong_is_named_with_its_line_and_nothing_is_taken(house: House) -> None:
    text = FILE + "gamma;Gamma;XX;;;G;g@gamma.example;1\ndelta;Delta;;;0;D;d@delta.example;1\n;Nobody;;;;;;\n" \
                  "eps;Epsilon;;;;;;\nzeta;Zeta;;;;Z;z@ze@ta.example;1\n"
    with pytest.raises(Refusal) as refused:
        taken(house, text)
    said = [str(each) for each in refused.value.details]
    assert [words.partition(":")[0] for words in said] == ["line 5", "line 6", "line 7", "line 9", "line 8"]
    assert "at least one contact for notices" in said[-1]
    with house.database.reading() as session:
        assert customers.every(session) == []
    outlook = taken(house, text, skip_bad=True)
    assert (outlook.added, sorted(outlook.left_out)) == (2, ["delta", "eps", "gamma", "zeta"])


def test_latin_1_a_byte_order_mark_and_a_workbook_say_the_same(house: House) -> None:
    text = FILE.replace("Beta Ltd", "Bäta Söhne GmbH")
    book = openpyxl.Workbook()
    for line in text.strip().split("\n"):
        book.active.append(line.split(";"))
    target = io.BytesIO()
    book.save(target)
    read = [sheet(text.encode("cp1252")), sheet(b"\xef\xbb\xbf" + text.replace(";", ",").encode()),
            sheet(text.replace(";", "\t").encode("utf-16"), "c.tsv"), sheet(target.getvalue(), "c.xlsx")]
    assert all(each.entries == read[0].entries for each in read)
    assert read[0].entries[1].name == "Bäta Söhne GmbH"
    assert taken(house, target.getvalue(), "c.xlsx").added == 2


HUBSPOT_CONTACTS = """"Record ID","First Name","Last Name","Email","Phone Number","Contact owner","Associated Company",\
"Associated Company IDs","Lead Status"
"501","Lea","Muster","lea@Alpha.example","+41 44 000 00 00","Olga","Alpha AG","9001",""
"502","Dora","Huber","dora@alpha.example","","Olga","Alpha AG;Beta Ltd","9001;9002",""
"503","Bob","Smith","bob@beta.example","","Olga","Beta Ltd","9002",""
"504","Nobody","Else","nobody@else.example","","","","",""
"""
HUBSPOT_COMPANIES = """Datensatz-ID,Unternehmensname,Unternehmensdomain-Name,Land/Region,Stadt,Adresse,Postleitzahl
9001,Alpha Holding AG,alpha.example,Schweiz,Zürich,Bahnhofstrasse 1,8001
9002,Beta Ltd,beta.example,United Kingdom,London,,
"""
BEXIO = """Kontaktnummer;Kontaktart;Name 1;Name 2;Adresse;PLZ;Ort;Land;Sprache;E-Mail;Telefon;Ansprechpartner;\
Kontaktperson 1 - Vorname;Kontaktperson 1 - Nachname;Kontaktperson 1 - E-Mail
000042;Firma;Gamma GmbH;;Ring 3;10115;Berlin;Deutschland;Deutsch;info@gamma.example;030 1;;Gil;Gross;gil@gamma.example
000043;Privat;Muster;Max;Weg 1;8001;Zürich;Schweiz;Französisch;max@muster.example;;olga;;;
"""


def test_exports_of_hubspot_and_bexio_are_recognised_and_it_is_said_what_becomes_customer_ref(house: House) -> None:
    with pytest.raises(Refusal, match="line 5: this contact belongs to no company"):
        taken(house, HUBSPOT_CONTACTS)
    outlook = taken(house, HUBSPOT_CONTACTS, skip_bad=True)
    assert "HubSpot contact export: “Associated Company IDs” becomes customer_ref" in str(outlook.notes[0])
    assert live(house, "9001") == [("lea@alpha.example", "Lea Muster", 1), ("dora@alpha.example", "Dora Huber", 2)]
    outlook = taken(house, HUBSPOT_COMPANIES)
    assert "HubSpot company export: “Datensatz-ID” becomes customer_ref" in str(outlook.notes[0])
    assert (outlook.updated, outlook.contacts["retired"]) == (2, 0)
    taken(house, BEXIO.encode("cp1252"))
    with house.database.reading() as session:
        alpha, gamma, max_ = (customers.get(session, ref) for ref in ("9001", "000042", "000043"))
        assert (alpha.name, alpha.country, alpha.postal_address) == (
            "Alpha Holding AG", "CH", "Bahnhofstrasse 1, 8001 Zürich")
        assert (gamma.name, gamma.country, gamma.language) == ("Gamma GmbH", "DE", "de")
        assert (max_.name, max_.language, max_.postal_address) == ("Max Muster", "fr", "Weg 1, 8001 Zürich")
    assert live(house, "000042") == [("info@gamma.example", "", 1), ("gil@gamma.example", "Gil Gross", 2)]


def test_an_export_that_does_not_say_whose_contacts_they_are_is_refused_with_what_to_do() -> None:
    with pytest.raises(Refusal, match="without the column “Associated Company IDs”"):
        sheet("Record ID,First Name,Last Name,Email,Company Name\n1,Lea,Muster,lea@alpha.example,Alpha\n")
    with pytest.raises(Refusal, match="without the column “Kontaktnummer”"):
        sheet("Kontaktart;Name 1;E-Mail\nFirma;Alpha;lea@alpha.example\n")


def test_what_looks_wrong_is_warned_of_and_taken_all_the_same(house: House) -> None:
    with house.database.transaction() as session:
        factory.baseline(session)
        factory.take_in(session, factory.customer("old"))
        row = customers.contacts(session, customers.get(session, "old"))[0]
        row.bounced_at = NOW
    outlook = taken(house, "customer_ref,name,country,services,contact_email\na,Alpha,AC,shop,lea@gmial.com\n"
                           "b,Beta,CH,platform,legal@old.example\n")
    said = " ".join(map(str, outlook.warnings))
    for words in ("is “gmail.com” meant?", "no holiday calendar is known for AC", "“shop” is a service nobody bought",
                  "the last letter to it came back"):
        assert words in said
    assert outlook.added == 2


@pytest.mark.parametrize(("given", "words"), [
    ({"contract_start": date(2026, 2, 1), "contract_end": date(2026, 1, 1)}, "before “contract_start”"),
    ({"terms": {"zone": "Mars/Base"}}, "no such time zone"), ({"country": "XX"}, "no calendar is known"),
    ({"terms": {"holiday_sets": ["AC"]}}, "no calendar is known"), ({"language": "es"}, "none of en, de, fr, it"),
    ({"name": " "}, "name: this is empty"), ({"subdivision": "ZH"}, "needs its country"),
    ({"contacts": ()}, "at least one contact for notices"),
    ({"contacts": (ContactEntry("a@b@c.example"),)}, "is no e-mail address"),
])
def test_no_door_takes_in_what_cannot_be(house: House, given: dict[str, Any], words: str) -> None:
    entry = replace(factory.customer("alpha"), **given)
    with pytest.raises(Refusal) as refused, house.database.transaction() as session:
        customers.upsert(session, [entry], actor=SYSTEM, now=NOW)
    assert words in str(refused.value)


def test_the_last_contact_for_notices_stays_while_the_contract_runs(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.take_in(session, factory.customer("alpha"))
    with house.database.transaction() as session:
        alpha = customers.get(session, "alpha")
        (lea,) = customers.contacts(session, alpha)
        with pytest.raises(Refusal, match="last contact for notices"):
            customers.retire_contact(session, alpha, lea.id or 0, actor=olga, now=NOW)
        customers.add_contact(session, alpha, ContactEntry("dora@alpha.example"), actor=olga, now=NOW)
        moved = customers.change_contact(session, alpha, lea.id or 0, ContactEntry("lea@new.example", "Lea"),
                                         actor=olga, now=NOW)
        assert (moved.id != lea.id, lea.retired_at, moved.position) == (True, NOW, 1)
        dora = next(c for c in customers.contacts(session, alpha) if c.email == "dora@alpha.example")
        customers.order_contacts(session, alpha, [dora.id or 0], actor=olga, now=NOW)
        assert [c.email for c in customers.contacts(session, alpha) if c.retired_at is None] == [
            "dora@alpha.example", "lea@new.example"]
        customers.retire_contact(session, alpha, dora.id or 0, actor=olga, now=NOW)
        alpha.contract_end = date(2026, 1, 31)
        session.flush()
        customers.retire_contact(session, alpha, moved.id or 0, actor=olga, now=NOW)
    with house.database.reading() as session:
        assert verify.chain(session) == []


def test_only_ops_and_privacy_take_customers_in(house: House) -> None:
    with house.database.transaction() as session:
        user = people.add(session, "anton@processor.example", "Anton", [Role.AUDITOR], actor=SYSTEM, now=NOW)
        auditor = people.actor_for(user, SYSTEM.door)
        with pytest.raises(Refusal, match="ops, privacy"):
            customers.upsert(session, [factory.customer("alpha")], actor=auditor, now=NOW)
        assert session.exec(select(Customer)).all() == []
        assert session.exec(select(Contact)).all() == []
