"""Files as people and attackers make them: what is read out of them, what is refused, and with which words."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.refusals import Refusal
from notifier.domain.register import EngagementValue
from notifier.workflow import sheets
from notifier.workflow.imports import Sheet, read_register
from tests.workflow.list_forms import workbook


def refusal(name: str, data: bytes) -> str:
    with pytest.raises(Refusal) as refused:
        read_register(name, data)
    assert refused.value.code == "bad_file"
    assert "\n" not in str(refused.value)
    return str(refused.value)


def page(body: str, name: str = "list.html") -> Sheet:
    return read_register(name, body.encode())


def only(sheet: Sheet) -> EngagementValue:
    (value,) = sheet.values
    return value


def table(*rows: str, head: str = "<tr><th>Name<th>Purpose<th>Location</tr>") -> str:
    return f"<table>{head}{''.join(rows)}</table>"


# HTML -----------------------------------------------------------------------------------------------------------------

def test_an_html_cell_gives_its_link_its_list_and_its_lines() -> None:
    value = only(page(table(
        '<tr><td><a href="https://globex.example/legal">Globex&nbsp;Ltd</a><td><ul><li>Hosting</li><li>Backups</li></ul>'
        "<td>Bern, Switzerland<br>Cork</td></tr>")))
    assert (value.legal_name, value.website) == ("Globex Ltd", "https://globex.example/legal")
    assert value.activity == "Hosting; Backups"
    assert value.locations == ("Bern, Switzerland", "Cork")


def test_spans_are_written_out_and_headings_within_a_table_left_out() -> None:
    sheet = page(table(
        "<tr><td colspan=3>Infrastructure</td></tr>",
        "<tr><td rowspan=2>Globex<td>Hosting<td rowspan=2>Ireland</tr>", "<tr><td>Backups</tr>",
        "<tr><td>Initech<td>Mail<td>Germany</tr>"))
    assert [(v.legal_name, v.activity, v.locations) for v in sheet.values] == [
        ("Globex", "Hosting", ("Ireland",)), ("Globex", "Backups", ("Ireland",)), ("Initech", "Mail", ("Germany",))]


def test_tables_about_the_past_and_about_other_things_are_left_out_and_said() -> None:
    row = "<tr><td>{}<td>Hosting<td>Ireland</tr>"
    sheet = page("<h1>Sub-processors</h1><h2>Current</h2>" + table(row.format("Globex"))
                 + "<h2>Former sub-processors</h2>" + table(row.format("Initech"))
                 + "<h2>Cookies</h2><table><tr><th>Purpose<th>Location<tr><td>Login<td>Browser</table>")
    assert [v.legal_name for v in sheet.values] == ["Globex"]
    assert [str(note) for note in sheet.notes] == [
        "the table “Sub-processors > Former sub-processors” is about the past and is left out",
        "the table “Sub-processors > Cookies” names no sub-processors and is left out"]


def test_two_tables_make_one_list_and_each_speaks_of_its_own_columns_only() -> None:
    sheet = page("<table><tr><th>Vendor<th>Purpose<th>Country<tr><td>Globex<td>Hosting<td>Schweiz</table>"
                 "<table><tr><th>Company<th>Function<tr><td>Initech<td>Mail</table>")
    assert [(v.legal_name, v.country) for v in sheet.values] == [("Globex", "CH"), ("Initech", "")]
    assert [sorted(entry.columns) for entry in sheet.entries] == [["activity", "country", "legal_name"],
                                                                  ["activity", "legal_name"]]


def test_a_table_of_names_beside_values_is_turned_round_and_layout_tables_are_looked_through() -> None:
    inner = "<table><tr><td>Company<td>Globex AG<tr><td>Zweck<td>Hosting<tr><td>Anschrift<td>Ring 3<br>Bern</table>"
    value = only(page(f"<table><tr><td>{inner}</td></tr></table>"))
    assert (value.legal_name, value.activity, value.address) == ("Globex AG", "Hosting", "Ring 3, Bern")


def test_broken_markup_is_read_as_browsers_do_and_what_is_hidden_is_not_seen() -> None:
    value = only(page("<table><tr><td><b>Name<td>Purpose<tr><td>Glo<!-- x -->bex<script>x()</script>"
                      "<span style='display: none'><i>Umbra</i></span><td>Hosting &amp; more<p><table>"[:-7]))
    assert (value.legal_name, value.activity) == ("Globex", "Hosting & more")


def test_a_page_in_the_encoding_it_declares() -> None:
    body = '<meta charset="iso-8859-1">' + table("<tr><td>Höst<td>Hosting<td>Österreich</tr>")
    assert only(read_register("a.htm", body.encode("latin-1"))).legal_name == "Höst"


def test_a_page_that_grows_without_end_or_holds_no_table_is_refused() -> None:
    row = "<tr>" + "<td rowspan=9999 colspan=1000>x" * 5 + "</tr>"
    assert "grows beyond" in refusal("a.html", table(*[row] * 100).encode())
    assert "no table" in refusal("a.html", b"<h2>Globex</h2><p>Hosting</p>")
    assert "no table" in refusal("a.html", b"<!-- nothing -->")
    assert "empty" in refusal("a.html", b"  ")


# Markdown -------------------------------------------------------------------------------------------------------------

def test_a_markdown_table_gives_links_emphasis_lines_and_escapes() -> None:
    value = only(page("# Who\n\n```\n| Name | Purpose |\n|--|--|\n| Not | this |\n```\n"
                      "Name | Purpose | DPA\n:-- | --: | ---\n"
                      "[**Globex**](https://globex.example/a_(b)) | Hosting \\| _mail_<br/>CRM | "
                      "[signed](https://globex.example/dpa)\n", "list.mdx"))
    assert (value.legal_name, value.website) == ("Globex", "https://globex.example/a_(b)")
    assert value.activity == "Hosting | _mail_; CRM"
    assert value.guarantee == "signed (https://globex.example/dpa)"


def test_bullets_of_linked_names_are_a_list_and_other_bullets_prose() -> None:
    sheet = page("# Sub-processors\n\n- [Home](/)\n- About us\n\nWe use:\n\n"
                 "* [Globex](https://globex.example/gdpr). Cloud services.\n* **Initech** – Mail\n", "list.md")
    assert [(v.legal_name, v.activity, v.website) for v in sheet.values] == [
        ("Globex", "Cloud services", "https://globex.example/gdpr"), ("Initech", "Mail", "")]
    assert "no table" in refusal("a.md", b"- [Home](/)\n- About us\n")


def test_an_html_table_in_a_markdown_page_is_found() -> None:
    assert only(page("# List\n\n" + table("<tr><td>Globex<td>Hosting<td>Ireland</tr>"), "list.md")).ref == "globex"


# Excel ----------------------------------------------------------------------------------------------------------------

def test_a_workbook_is_read_below_its_title_with_dates_and_numbers_as_written() -> None:
    from datetime import date

    sheet = read_register("list.xlsx", workbook({"Liste": [
        ["Unterauftragsverarbeiter 2026"], [], ["Firma", "Zweck", "Land", "seit", "Registernummer", "Schuhgrösse"],
        ["Globex AG", "Hosting", "Deutschland", date(2025, 3, 1), 7, 44]], "Notizen": [["egal"]]}))
    value = only(sheet)
    assert (value.country, value.since, value.registration_no) == ("DE", "2025-03-01", "7")
    assert sheet.unknown == ("Schuhgrösse",)
    assert sheet.entries[0].extra == {"Schuhgrösse": "44"}


def test_every_formula_is_refused_with_its_sheet_and_cell() -> None:
    said = refusal("list.xlsx", workbook({"List": [
        ["Name", "Purpose"], ["Globex", '=HYPERLINK("https://evil.example","Hosting")'], ["=A2", "Mail"]]}))
    assert "sheet “List”, cell B2: this is a formula" in said
    assert "cell A3" in said


@pytest.mark.parametrize("name", ["a.csv", "a.md"])
def test_a_formula_in_a_text_file_is_refused_with_its_line(name: str) -> None:
    text = {"a.csv": 'name,activity\nGlobex,"=HYPERLINK(""https://evil.example"")"\n',
            "a.md": "| name | activity |\n|--|--|\n| Globex | @SUM(1) |\n"}[name]
    assert f"line {2 if name == 'a.csv' else 3}: “Activity” is a formula" in refusal(name, text.encode())


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            for _ in range(60):
                part.write(b" " * 2**20)
    assert len(target.getvalue()) < 2**17
    assert "unpacks to 60 MB in 2 parts" in refusal("list.xlsx", target.getvalue())


def test_a_workbook_with_a_document_type_or_of_garbage_is_refused() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("xl/workbook.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    assert "document type" in refusal("list.xlsx", target.getvalue())
    assert "no Excel workbook" in refusal("list.xlsx", b"PK\x03\x04 nothing")
    whole = workbook({"List": [["Name", "Purpose"], ["Globex", "Hosting"]]})
    assert "no Excel workbook" in refusal("list.xlsx", whole[:-200])


@given(st.binary(min_size=1, max_size=40), st.integers(0, 4000))
def test_no_mangled_workbook_makes_it_stumble(junk: bytes, at: int) -> None:
    whole = workbook({"List": [["Name", "Purpose"], ["Globex", "Hosting"]]})
    with suppress(Refusal):
        read_register("list.xlsx", whole[:at] + junk + whole[at + len(junk):])


@given(st.text(max_size=200), st.sampled_from(["a.html", "a.md"]))
def test_no_page_whatever_makes_it_stumble(text: str, name: str) -> None:
    head = "|name|activity|\n|--|--|\n|" if name == "a.md" else "<table><tr><th>name<th>activity<tr><td>A<td>B"
    with suppress(Refusal):
        read_register(name, (head + text).encode("utf-8", "replace"))


# Size, text, YAML -----------------------------------------------------------------------------------------------------

def test_a_file_of_fifty_megabytes_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    with path.open("wb") as file:
        file.truncate(50 * 2**20)
    with pytest.raises(Refusal, match="larger than 10 MB"):
        sheets.load(path)
    assert "larger than 10 MB" in refusal("a.csv", b"x" * (10 * 2**20 + 1))


def test_a_yaml_bomb_is_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]" for n in range(20)]
    assert "aliases" in refusal("a.yaml", "\n".join(lines).encode())
    assert "larger than 1 MB" in refusal("a.yaml", b"- name: A\n" * 200_000)


@pytest.mark.parametrize(("cells", "words"), [
    ({"activity": "x" * 10_000}, "line 2: “Activity” is longer than 4000 characters"),
    ({"activity": ""}, "line 2: “Activity” is empty"),
    ({"activity": "N/A"}, "line 2: “Activity” is empty"),
    ({"country": "Mars"}, "line 2: “Mars” is no country we know"),
    ({"name": "[Add provider]"}, "line 2: “[Add provider]” is a placeholder"),
    ({"name": "TBD"}, "line 2: “TBD” is a placeholder"),
    ({"name": "-"}, "line 2: “Legal name” is empty"),
    ({"name": "<Your company name>"}, "is a placeholder"),
    ({"activity": "To be confirmed"}, "is a placeholder"),
    ({"country": "{{country}}"}, "is a placeholder"),
])
def test_a_row_nobody_filled_in_is_refused_with_its_line(cells: dict[str, str], words: str) -> None:
    row = {"name": "Globex", "activity": "Hosting", "country": "Ireland"} | cells
    assert words in refusal("a.csv", f"{','.join(row)}\n{','.join(row.values())}\n".encode())


def test_not_applicable_is_not_recorded_and_none_is_an_answer_where_it_is_one() -> None:
    value = only(read_register("a.csv", b"name;activity;Data;DPA;own sub-processors\nGlobex;Hosting;n/a;-;none\n"))
    assert (value.data_categories, value.guarantee, value.own_subprocessors) == ((), "", "none")


@pytest.mark.parametrize(("heads", "fields"), [
    (["Sub-processor", "Service", "Location"], ["legal_name", "activity", "locations"]),
    (["Provider", "Service", "Services", "Purpose"], ["legal_name", None, "services", "activity"]),
    (["Name", "Description", "Purpose"], ["legal_name", None, "activity"]),
    (["Sub-processor", "Legal entity", "Purpose"], ["also_known_as", "legal_name", "activity"]),
    (["Name (legal entity)", "Purpose / services provided", "Country/Region"],
     ["legal_name", "activity", "country"]),
    (["Vendor", "Entity type", "Link", "Location(s)"], ["legal_name", "activity", "website", "locations"]),
    (["Unterauftragsverarbeiter", "Art der Leistung", "Serverstandort"], ["legal_name", "activity", "locations"]),
    (["Sous-traitant ultérieur", "Finalité du traitement", "Pays"], ["legal_name", "activity", "country"]),
    (["Sub-responsabile", "Finalità del trattamento", "Paese"], ["legal_name", "activity", "country"]),
    (["Service", "Purpose", "Country"], ["legal_name", "activity", "country"]),
])
def test_headings_of_real_lists_mean_what_they_do_whatever_their_order(
    heads: list[str], fields: list[str | None]
) -> None:
    for order in (heads, heads[::-1]):
        sheet = read_register("a.csv", f"{';'.join(order)}\n{';'.join('Jersey' for _ in order)}\n".encode())
        assert set(sheet.columns) == {field for field in fields if field}
        assert set(sheet.unknown) == {head for head, field in zip(heads, fields, strict=True) if field is None}


def test_a_country_column_that_names_several_a_row_says_where_it_is_processed() -> None:
    sheet = read_register("a.csv", b'name,activity,country\nGlobex,Hosting,"Ireland, USA"\nInitech,Mail,EU\n')
    assert [(v.country, v.locations) for v in sheet.values] == [("", ("Ireland", "USA")), ("", ("EU",))]


def test_of_a_long_contract_only_the_tables_of_processors_are_taken() -> None:
    sheet = page("# Contract\n\n## Cookies\n\n| Provider | Purpose |\n|--|--|\n| Umbra | Login |\n\n"
                 "## Annex III - Sub-processors\n\n"
                 "   | Name | Service | Data shared | Hosted in | Transfer mechanism for EU |\n   |--|--|--|--|--|\n"
                 "   | **Globex, Inc.** | Mail | names | US (primary), EU (optional) | SCCs |\n", "a.md")
    value = only(sheet)
    assert (value.legal_name, value.activity, value.data_categories) == ("Globex, Inc.", "Mail", ("names",))
    assert (value.locations, value.transfer_basis) == (("US (primary)", "EU (optional)"), "SCCs")
    assert "Cookies” names no sub-processors" in str(sheet.notes[0])


@pytest.mark.parametrize("cell", ["`[SMTP provider]`", "Globex and [OTHER TOOL]", "{{SUB_PROCESSOR_1}}", "**TBD**"])
def test_a_placeholder_is_seen_through_its_markup(cell: str) -> None:
    assert "line 3: " in refusal("a.md", f"| Sub-processor | Purpose |\n|--|--|\n| {cell} | Mail |\n".encode())


def test_a_heading_of_two_words_for_one_thing_is_understood_and_one_of_two_things_is_not() -> None:
    sheet = page("| Sub-Processor | Location | Purpose/Services | Website & Contact |\n|--|--|--|--|\n"
                 '| A (B) | Ireland | Mail | <p><a href="https://a.example">x</a></p><p>Ring 3</p> |\n', "a.md")
    assert sheet.columns == ("legal_name", "activity", "locations")
    assert sheet.unknown == ("Website & Contact",)


def test_rows_that_say_the_same_under_two_headings_are_one_engagement_for_the_services_of_both() -> None:
    head = "| Name | Purpose | Services |\n|--|--|--|\n"
    sheet = page(f"# Sub-processors\n\n## Sign-in\n\n{head}| Globex | Hosting | Web |\n\n"
                 f"## Billing\n\n{head}| Globex | Hosting | Api |\n", "a.md")
    assert only(sheet).services == ("Web", "Api")
    assert [str(note) for note in sheet.notes] == [
        "line 13 (Billing) says the same of Globex as line 7 (Sign-in) and is taken once"]


def test_a_list_longer_than_any_list_is_refused_before_it_is_read() -> None:
    assert "more than 5000 rows" in refusal("a.csv", b"name,activity\n" + b"A,B\n" * 6000)
    assert "grows beyond" in refusal("a.md", b"|name|activity|\n|--|--|\n" + b"|A|B|\n" * 30_000)
