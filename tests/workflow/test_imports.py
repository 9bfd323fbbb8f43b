"""Files of sub-processors and customers: what is understood, what is refused and where, what would change."""

from __future__ import annotations

import codecs
import json
from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

import feeds
from notifier.domain.changes import Item, kind_of
from notifier.domain.listing import ListedService
from notifier.domain.people import ContactRole
from notifier.domain.refusals import Refusal
from notifier.domain.register import EngagementValue
from notifier.domain.transfers import Transfer
from notifier.house import House
from notifier.workflow import customers
from notifier.workflow.customer_imports import completed, read_customers
from notifier.workflow.imports import Sheet, read_register
from notifier.workflow.proposals import Answers, propose
from tests import factory
from tests.feeds.sample_edition import SITE, VALUE

HOST = EngagementValue(ref="host", legal_name="Host GmbH", activity="Hosting", address="Ring 3, Berlin",
                       locations=("Berlin", "Bern"), services=("platform",), since="2024-01-01")
MAIL = EngagementValue(ref="post", legal_name="Post AG", activity="Sending of letters", country="CH")


def register(text: str, name: str = "list.csv") -> Sheet:
    return read_register(name, text.encode())


def differences(current: list[EngagementValue], sheet: Sheet, answers: Answers | None = None) -> list[Item]:
    return [item for items in propose(current, sheet, answers).changes for item in items]


@pytest.mark.parametrize(("heading", "field"), [
    ("Firma", "legal_name"), ("Raison sociale", "legal_name"), ("Ragione sociale", "legal_name"),
    ("Sub-processor", "legal_name"), ("LEGAL_NAME", "legal_name"), ("legal name ", "legal_name"),
])
def test_a_name_column_is_understood_in_four_languages(heading: str, field: str) -> None:
    sheet = register(f"{heading},Zweck\nHost GmbH,Hosting\n")
    assert getattr(sheet.values[0], field) == "Host GmbH"
    assert sheet.columns == ("legal_name", "activity")


@pytest.mark.parametrize(("heading", "field"), [
    ("Tätigkeit", "activity"), ("Activité", "activity"), ("Attività", "activity"), ("Purpose", "activity"),
    ("personal_data", "data_categories"), ("Personendaten", "data_categories"),
    ("Données personnelles", "data_categories"),
    ("Dati personali", "data_categories"), ("transfer", "transfer_basis"), ("Übermittlungsgrundlage", "transfer_basis"),
    ("Anschrift", "address"), ("Siège", "address"), ("Indirizzo", "address"), ("Registered address", "address"),
    ("Garantie", "guarantee"), ("Garanzie", "guarantee"), ("Guarantee under DSG and GDPR", "guarantee"),
    ("Land", "country"), ("Pays", "country"), ("Paese", "country"), ("Ort der Verarbeitung", "locations"),
    ("Lieux de traitement", "locations"), ("Betroffene Personen", "data_subjects"), ("seit", "since"),
    ("Places of processing and remote access", "locations"), ("Remote access from", "remote_access"),
    ("Fernzugriff", "remote_access"), ("Accès à distance", "remote_access"), ("Accesso remoto", "remote_access"),
    ("Sensitive data", "special_categories"), ("Besondere Kategorien", "special_categories"),
    ("Données sensibles", "special_categories"), ("Categorie particolari", "special_categories"),
    ("Contact role", "contact_position"), ("Funktion der Kontaktperson", "contact_position"),
    ("Fonction du contact", "contact_position"), ("Ruolo del contatto", "contact_position"),
    ("E-mail", "contact_address"), ("Contact (phone)", "contact_address"), ("Telefon", "contact_address"),
    ("Courriel", "contact_address"), ("Recapito", "contact_address"), ("Duration of processing", "duration"),
    ("Laufzeit", "duration"), ("Durée du traitement", "duration"), ("Durata", "duration"),
    ("Division of responsibilities", "delimitation"), ("Abgrenzung der Verantwortlichkeiten", "delimitation"),
    ("Délimitation des responsabilités", "delimitation"), ("Delimitazione", "delimitation"),
    ("transfers", "transfers"), ("Übermittlungsgrundlage je Ort", "transfers"), ("Transferts par lieu", "transfers"),
    ("Trasferimenti per luogo", "transfers"),
])
def test_other_columns_are_understood_in_four_languages(heading: str, field: str) -> None:
    others = "Name,Activity" if field != "activity" else "Name,Website"
    sheet = register(f"{others},{heading}\nHost GmbH,x,DE: none needed\n" if field == "transfers" else
                     f"{others},{heading}\nHost GmbH,x,DE\n")
    assert field in sheet.columns
    assert sheet.unknown == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encode", [
    lambda t: t.encode(), lambda t: codecs.BOM_UTF8 + t.encode(), lambda t: t.encode("cp1252"),
    lambda t: t.encode("utf-16"),
])
def test_the_delimiter_and_the_encoding_are_found_out(delimiter: str, encode: object) -> None:
    rows = [["Name", "Tätigkeit", "Adresse"], ["Höst", "Hosting", '"Ring 3, 10115; Berlin"']]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    sheet = read_register("list.csv", encode(text))  # type: ignore[operator]
    assert (sheet.values[0].legal_name, sheet.values[0].address) == ("Höst", "Ring 3, 10115; Berlin")


def test_lists_are_split_at_semicolons_and_lines_and_never_at_commas() -> None:
    sheet = register('name,activity,locations,personal_data\n'
                     'A,"Mails (news), CRM","Bern; Zürich\nGenf","name, phone"\n')
    value = sheet.values[0]
    assert value.activity == "Mails (news), CRM"
    assert value.locations == ("Bern", "Zürich", "Genf")
    assert value.data_categories == ("name, phone",)


def test_a_cell_of_the_contact_person_fills_three_fields_and_columns_of_their_own_go_before() -> None:
    value = register('name,activity,contact\nA,B,"Jane Roe, DPO, jane@a.example"\n').values[0]
    assert (value.contact, value.contact_position, value.contact_address) == ("Jane Roe", "DPO", "jane@a.example")
    sheet = register("name,activity,contact,contact e-mail\nA,B,privacy@a.example,legal@a.example\nC,D,Eve,\n")
    assert [(v.contact, v.contact_address) for v in sheet.values] == [
        ("privacy@a.example", "legal@a.example"), ("Eve", "")]
    alone = register("name,activity,contact\nA,B,Jane Roe\n")
    assert "contact_address" not in alone.columns
    page = b"| name | activity | contact |\n|--|--|--|\n| A | B | [Jane](mailto:j@a.example) |\n"
    linked = read_register("a.md", page)
    assert (linked.values[0].contact, linked.values[0].contact_address) == ("Jane", "j@a.example")


def test_a_cell_of_transfers_is_read_and_its_words_are_kept_where_it_cannot_be() -> None:
    text = ("name;activity;locations;transfers;transfer basis\n"
            'A;B;"US, India";"US: DPF / SCC module 3 (annex)\nIndia: SCC";\n'
            "C;D;India;as agreed in writing;contracts\nE;F;India;India: SCC, and by letter: yes;\nG;H;CH;none;\n")
    sheet = register(text)
    assert [(v.transfers, v.transfer_basis) for v in sheet.values] == [
        ((Transfer("US", "dpf", "scc_3", "annex"), Transfer("India", "scc", "scc")), ""),
        ((), "contracts; as agreed in writing"),
        ((Transfer("India", "scc", "scc", "and by letter: yes"),), ""), ((), "")]
    assert "transfers" not in sheet.entries[1].columns


def test_a_cell_of_special_categories_or_remote_access_says_none_or_several() -> None:
    sheet = register('name,activity,sensitive data,remote access\nA,B,no,"India, US"\nC,D,health;religion,none\n')
    assert [(v.special_categories, v.remote_access) for v in sheet.values] == [
        ((), ("India", "US")), (("health", "religion"), ())]


FULL = HOST.with_(
    contact="Jane Roe", contact_position="DPO", contact_address="jane@host.example", country="DE",
    special_categories=("health",), remote_access=("IN",), delimitation="It acts on instruction.", duration="Two years",
    transfers=(Transfer("IN", "scc_3", "scc_3", "annex 2; clause 4"), Transfer("US", "", "other", "consent")),
)


@pytest.mark.parametrize("name", ["/subprocessors.csv", "/subprocessors.json"])
def test_the_published_list_is_taken_back_as_it_was_and_proposes_nothing(name: str) -> None:
    value = replace(VALUE, engagements=(FULL, MAIL), changes=(), services=(ListedService("platform", "Platform"),))
    sheet = read_register(name[1:], feeds.render(value, "0" * 64, SITE)[name].body)
    assert sheet.values == (FULL, MAIL)
    assert propose([FULL, MAIL], sheet).changes == ()


def test_a_contact_that_stood_in_one_field_so_far_is_no_change() -> None:
    text = 'name,activity,contact\nHost GmbH,Hosting,"Jane Roe, DPO, jane@host.example"\n'
    assert differences([HOST.with_(contact="Jane Roe, DPO, jane@host.example")], register(text)) == []
    (item,) = differences([HOST.with_(contact="Jon Doe, DPO")], register(text))
    assert item.after is not None
    assert (item.after.contact, item.after.contact_position) == ("Jane Roe", "DPO")


def test_a_list_that_names_more_places_than_any_does_is_refused() -> None:
    with pytest.raises(Refusal, match="names more than 300 places"):
        register(f"name,activity,locations\nA,B,{';'.join(f'P{n}' for n in range(301))}\n")


def test_unknown_columns_are_reported_and_kept_out() -> None:
    sheet = register("name,activity,Shoe size\nA,B,44\n")
    assert sheet.unknown == ("Shoe size",)
    assert "44" not in json.dumps(sheet.values[0].to_json())


def test_json_and_yaml_say_the_same_as_csv() -> None:
    flat = register("name;activity;country;locations\nA;B;NO;Oslo\n")
    entry = {"name": "A", "activity": "B", "country": "NO", "locations": ["Oslo"]}
    for key in ("engagements", "sub_processors", "subprocessors"):
        assert register(json.dumps({"title": "x", key: [entry]}), "list.json") == flat
    assert register(json.dumps([entry]), "list.JSON") == flat
    assert register("- name: A\n  activity: B\n  country: NO\n  locations: [Oslo]\n", "list.yaml") == flat


def test_a_reference_is_made_of_the_name_and_of_the_activity_where_the_name_repeats() -> None:
    sheet = register("name,activity,country\nMüller AG,Hosting,DE\nHub,CRM,DE\nHub,Mails,DE\nHub,Mails,CH\n")
    assert [v.ref for v in sheet.values] == ["mueller-ag", "hub-crm", "hub-mails", "hub-mails-2"]
    assert sheet.named == frozenset()


@pytest.mark.parametrize(("name", "text", "words"), [
    ("a.csv", 'name,activity\nA,B\n"C,D\nE,F\n', "line 3, column 1:"),
    ("a.csv", 'name,activity\nA,B\n"C"x,D\n', "line 3, column 4:"),
    ("a.csv", "name,activity\nA,B,C\n", "line 2, column 3:"),
    ("a.csv", "name,activity\nA,B\n,C\nD,\n", "line 3: “Legal name” is empty; line 4: “Activity” is empty"),
    ("a.csv", "name,activity\n", "no row"),
    ("a.csv", "name,shoe\nA,B\n", "no column for “Activity”"),
    ("a.csv", "name,Firma,activity\nA,B,C\n", "“name” and “Firma” mean the same"),
    ("a.csv", "ref,name,activity\nx,A,B\nX,C,D\n", "“x” stands there twice"),
    ("a.csv", f"name,activity\n{'n' * 301},B\n", "longer than 300"),
    ("a.csv", "name,activity\nA\0,B\n", "line 2, column 2:"),
    ("a.csv", " \n", "empty"),
    ("a.pdf", "%PDF", "should end in"),
    ("a.json", '{"engagements":\n [}', "line 2, column 3:"),
    ("a.json", '{"vendors": []}', "list of objects"),
    ("a.json", '[{"name": "A", "activity": {"x": 1}}, 7]', "entry 1: “activity” should be text"),
    ("a.json", "[" * 100_000, "nested too deeply"),
    ("a.yaml", "- name: A\n  activity: [b\n- c", "line 3, column 4:"),
])
def test_a_broken_file_is_refused_with_the_place_and_in_one_line(name: str, text: str, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        register(text, name)
    assert refused.value.code == "bad_file"
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_yaml_tag_makes_nothing_but_text() -> None:
    sheet = register("- name: A\n  activity: !!python/object/apply:os.abort [B]\n  ref: !!int 007\n", "list.yaml")
    assert (sheet.values[0].activity, sheet.values[0].ref) == ("B", "007")


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.json", "a.yaml"]))
def test_no_file_whatever_makes_it_stumble(data: bytes, name: str) -> None:
    with suppress(Refusal):
        read_register(name, b"name,activity\n" + data if name == "a.csv" else data)


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="[]"), min_size=1).map(
    lambda text: f"A{text}z".strip())


@given(st.lists(WORDS, min_size=2, max_size=2))
def test_whatever_a_spreadsheet_quotes_is_read_back(cells: list[str]) -> None:
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    value = register(f"name,activity\n{quoted}\n").values[0]
    assert [value.legal_name, value.activity] == cells


def test_the_list_itself_changes_nothing() -> None:
    text = ("ref,name,activity,address,locations,services,since\n"
            'host,Host GmbH,Hosting,"Ring 3,  Berlin",Bern; Berlin,Platform,\n')
    assert differences([HOST], register(text)) == []


def test_rows_match_by_reference_or_else_by_name_and_activity() -> None:
    sheet = register("name,activity,address\nHOST  GmbH,hosting,New street 1\nPost AG,Sending of letters,\n")
    items = differences([MAIL, HOST], sheet)
    assert [(i.ref, kind_of(i.before, i.after)) for i in items] == [("host", "modify")]
    assert items[0].after is not None
    assert items[0].after.address == "New street 1"
    assert items[0].after.locations == HOST.locations  # the file has no such column


def test_what_is_new_is_added_and_what_is_missing_removed() -> None:
    text = "name,activity,services\nHost GmbH,Hosting,Platform\nHost GmbH,Backups,Platform\n"
    items = differences([HOST, MAIL], register(text))
    assert [(i.ref, kind_of(i.before, i.after)) for i in items] == [("host-gmbh-backups", "add"), ("post", "remove")]


def test_a_made_reference_never_meets_another_engagement_by_chance() -> None:
    held = HOST.with_(ref="acme", legal_name="Somebody else")
    items = differences([held], register("name,activity\nAcme,Analytics\n"))
    assert [(i.ref, kind_of(i.before, i.after)) for i in items] == [("acme-2", "add"), ("acme", "remove")]


CUSTOMERS = """customer_ref;name;country;zone;window_days;contract_start;contract_end;services;email;contact_role
a;Alpha;CH;Europe/Zurich;45;2024-01-01;31.12.2027;platform; a1@alpha.example;notice
a;;;;;;;;a2@alpha.example;Legal
b;Beta;DE;;;;;;b@beta.example;
"""


def test_rows_of_one_customer_merge_and_terms_are_what_its_contract_says_differently() -> None:
    sheet = read_customers("c.csv", CUSTOMERS.encode())
    assert sheet.faults == ()
    alpha, beta = sheet.entries
    assert [(c.email, c.role, c.position) for c in alpha.contacts] == [
        ("a1@alpha.example", ContactRole.NOTICE, 1), ("a2@alpha.example", ContactRole.LEGAL, 2)]
    assert alpha.terms == {"zone": "Europe/Zurich", "window_days": 45}
    assert alpha.contract_end == date(2027, 12, 31)
    assert beta.terms == {}


@pytest.mark.parametrize(("column", "cell", "words"), [
    ("zone", "Mars/Base", "no time zone"), ("window_days", "0", "from 1 to 365"),
    ("window_days", "400", "from 1 to 365"), ("notice_days", "thirty", "from 1 to 365"),
    ("notice_days", "30.5", "from 1 to 365"), ("country", "Schweiz", "two-letter"),
    ("country", "XX", "no calendar is known"), ("language", "es", "none of en, de, fr, it"),
    ("day_kind", "lunar", "none of calendar, business"), ("authorisation", "maybe", "none of general, specific"),
    ("contract_end", "2020-01-01", "before “contract_start”"), ("contract_end", "31/12/2027", "is no date"),
    ("extra_holidays", "2026-12-24; never", "“never” is no date"), ("contact_email", "lea", "is no e-mail address"),
    ("contact_role", "boss", "none of notice, legal, follower"), ("contact_order", "first", "number of places"),
    ("name", "n" * 301, "longer than 300"),
])
def test_a_bad_cell_is_named_with_its_line_and_leaves_its_customer_out(column: str, cell: str, words: str) -> None:
    row = {"customer_ref": "bad", "name": "Bad", "contract_start": "2024-01-01", "contact_email": "x@bad.example",
           column: cell}
    good = {"customer_ref": "good", "name": "Good"}
    lines = [";".join(row), ";".join(good.get(name, "") for name in row), ";".join(row.values())]
    if column in ("contract_end", "extra_holidays"):
        lines[2] = lines[2].replace("2026-12-24; never", '"2026-12-24; never"')
    sheet = read_customers("c.csv", "\n".join(lines).encode())
    assert [e.ref for e in sheet.entries] == ["good"]
    assert sheet.left_out == ("bad",)
    assert len(sheet.faults) == 1
    assert str(sheet.faults[0]).startswith("line 3: ")
    assert words in str(sheet.faults[0])


def test_faults_come_in_the_order_of_lines_and_a_contradiction_names_both() -> None:
    text = "customer_ref,name,window_days\na,Alpha,30\n,Nobody,\nb,Beta,x\na,Alfa,\n"
    faults = [str(fault) for fault in read_customers("c.csv", text.encode()).faults]
    assert [fault.split(":")[0] for fault in faults] == ["line 3", "line 4", "line 5"]
    assert "not what line 2 says" in faults[2]


def test_a_file_of_contacts_alone_takes_no_terms_away(house: House) -> None:
    with house.database.transaction() as session:
        factory.take_in(session, factory.customer("alpha", terms={"window_days": 60}, clause="7"))
        sheet = read_customers("c.csv", b"customer_ref,name,contact_email\nalpha,Alpha Ltd,new@alpha.example\n")
        customers.upsert(session, completed(session, sheet), actor=factory.SYSTEM, now=factory.NOW)
        held = customers.get(session, "alpha")
        assert (held.terms, held.clause) == ({"window_days": 60}, "7")
        assert [s.slug for s in customers.services_of(session, held)] == ["platform"]
        assert [c.email for c in customers.contacts(session, held) if c.retired_at is None] == ["new@alpha.example"]


def test_a_column_left_empty_clears_its_field(house: House) -> None:
    with house.database.transaction() as session:
        factory.take_in(session, factory.customer("alpha", terms={"window_days": 60}))
        sheet = read_customers("c.csv", b"customer_ref,name,window_days\nalpha,Alpha Ltd,\n")
        customers.upsert(session, completed(session, sheet), actor=factory.SYSTEM, now=factory.NOW)
        assert customers.get(session, "alpha").terms == {}
