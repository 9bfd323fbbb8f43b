"""Cells that say more than one thing: transfers with their bases, persons with position and address; and places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.refusals import Refusal
from notifier.domain.transfers import WRITTEN, Basis, Transfer
from notifier.workflow.places import countries
from notifier.workflow.transfers import cleaned, read
from notifier.workflow.vendor_contacts import taken_apart


@pytest.mark.parametrize(("cell", "row"), [
    ("India: SCC module 3 / SCC module 3 (signed 2026-01-31)", ("India", "scc_3", "scc_3", "signed 2026-01-31")),
    ("US: DPF", ("US", "dpf", "dpf", "")), ("US: DPF / -", ("US", "dpf", "", "")),
    ("JP: - / SCC", ("JP", "", "scc", "")),
    ("USA: EU-US Data Privacy Framework / Swiss-US DPF (https://dpf.example/x)",
     ("USA", "dpf", "dpf", "https://dpf.example/x")),
    ("USA: adequacy decision (Data Privacy Framework)", ("USA", "adequacy", "adequacy", "Data Privacy Framework")),
    ("Indien: Standardvertragsklauseln, Modul 3", ("Indien", "scc_3", "scc_3", "")),
    ("Indien: SCC Modul drei / Standarddatenschutzklauseln", ("Indien", "scc_3", "scc", "")),
    ("Inde: clauses contractuelles types, module 2 / CCT", ("Inde", "scc_2", "scc", "")),
    ("India: clausole contrattuali tipo modulo tre", ("India", "scc_3", "scc_3", "")),
    ("Japan: Angemessenheitsbeschluss / SCC (EU) 2021/914 Modul 2", ("Japan", "adequacy", "scc_2", "")),
    ("Japon: décision d’adéquation / BCR", ("Japon", "adequacy", "bcr", "")),
    ("Giappone: adeguatezza / norme vincolanti d’impresa", ("Giappone", "adequacy", "bcr", "")),
    ("Brazil: none needed / BCR", ("Brazil", "none_needed", "bcr", "")),
    ("Schweiz: keine nötig", ("Schweiz", "none_needed", "none_needed", "")),
    ("Chile: other (Art. 49(1)(b) GDPR)", ("Chile", "other", "other", "Art. 49(1)(b) GDPR")),
    ("US: SCCs (module 3) incl. UK addendum https://x.example/dpa.pdf",
     ("US", "scc_3", "scc_3", "incl. UK addendum, https://x.example/dpa.pdf")),
    ("IN: SCC P2P", ("IN", "scc_3", "scc_3", "")), ("IN: scc_2 / scc", ("IN", "scc_2", "scc", "")),
    ("Canada: GDPR: adequacy / FADP: adequacy", ("Canada", "adequacy", "adequacy", "")),
])
def test_a_transfer_is_read_as_people_write_it(cell: str, row: tuple[str, str, str, str]) -> None:
    assert read(cell) == ((Transfer(*row),), ())


@pytest.mark.parametrize("cell", [
    "EU standard contractual clauses", "Serbia: by contract", "US: DPF and SCC", "https://x.example/transfers", "US:",
    "US: - / -", ": SCC", "US: DPF / SCC / BCR",
])
def test_what_names_no_place_and_basis_is_handed_back_in_its_own_words(cell: str) -> None:
    assert read(cell) == ((), (cell,))


def test_a_cell_holds_one_a_line_or_between_semicolons_outside_brackets() -> None:
    rows, left = read("• US: DPF (a; b)\nIndia: SCC; as agreed;\n\nus: SCC")
    assert rows == (Transfer("US", "dpf", "dpf", "a; b"), Transfer("India", "scc", "scc"))
    assert left == ("as agreed", "us: SCC")  # the same place once more


NAME = st.text("abcdefgh ÄÖ-'’", min_size=1, max_size=12).map(lambda text: f"Q{text}z")


ROW = st.builds(Transfer, NAME, st.sampled_from(list(Basis)), st.sampled_from(["", *Basis]), NAME | st.just(""))


@given(st.lists(ROW, max_size=4, unique_by=lambda t: t.place.casefold()))
def test_what_is_written_is_read_back(rows: list[Transfer]) -> None:
    assert read("; ".join(map(str, rows))) == (tuple(rows), ())
    assert read(map(str, rows)) == (tuple(rows), ())
    assert set(WRITTEN) == {"", *Basis}


@given(st.text(max_size=60))
def test_no_cell_makes_it_stumble_and_none_is_lost(cell: str) -> None:
    rows, left = read(f"{cell}\nUS: {cell}")
    assert rows or left or not cell.strip(" \t•·;\r\n:")


@pytest.mark.parametrize(("given_", "words"), [
    ("Serbia: by contract", "“Serbia: by contract” cannot be read; write each place on a line of its own"),
    ([{"place": "US", "gdpr": "shield"}], "“shield” is no basis; there are: none_needed"),
    ([{"gdpr": "dpf"}], "name the place of each basis"), ([{"place": "US", "law": "x"}], "nothing else"),
    ([7], "each needs a place"),
    ([{"place": f"P{n}", "gdpr": "scc"} for n in range(301)], "more than 300 places"),
    ([{"place": "x" * 201, "gdpr": "scc"}], "a place may have 200 characters"),
    ([{"place": "US", "gdpr": "scc", "document": "x" * 501}], "a document 500"),
    ([{"place": "US", "gdpr": "scc"}] * 2, "US stands there twice"),
])
def test_a_value_the_register_cannot_keep_is_refused(given_: object, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        cleaned(given_)
    assert refused.value.code == "bad_value"
    assert "Transfer basis by place" in str(refused.value)
    assert words in str(refused.value)


def test_rows_are_taken_as_mappings_as_values_and_as_text() -> None:
    row = Transfer("US", "dpf", "scc_3", "annex")
    assert cleaned([{"place": " US ", "gdpr": "dpf", "fadp": "scc_3", "document": "annex"}]) == (row,)
    assert cleaned((row,)) == cleaned("US: DPF / SCC module 3 (annex)") == cleaned([str(row)]) == (row,)
    assert cleaned([{"place": "US", "fadp": None}]) == (Transfer("US"),)


@pytest.mark.parametrize(("cell", "parts"), [
    ("Jane Roe, DPO, jane@x.example, +41 44 000 00 00", ("Jane Roe", "DPO", "jane@x.example, +41 44 000 00 00")),
    ("Jane Roe (DPO) <jane@x.example>", ("Jane Roe", "DPO", "jane@x.example")),
    ("Jane Roe\nPrivacy lead\nTel.: +49 30 1234", ("Jane Roe", "Privacy lead", "Tel.: +49 30 1234")),
    ("Legal, Ring 3, 10115 Berlin", ("Legal", "", "Ring 3, 10115 Berlin")),
    ("E-Mail: dpo@x.example", ("dpo@x.example", "", "dpo@x.example")),
    ("https://x.example/privacy", ("https://x.example/privacy", "", "https://x.example/privacy")),
    ("Jane Roe", ("Jane Roe", "", "")), ("", ("", "", "")),
])
def test_a_contact_is_taken_apart(cell: str, parts: tuple[str, str, str]) -> None:
    assert taken_apart(cell) == parts


@pytest.mark.parametrize(("place", "codes"), [
    ("Frankfurt, Germany", "DE"), ("Frankfurt (DE)", "DE"), ("Genève, Suisse", "CH"), ("Germania", "DE"),
    ("U.S.", "US"),
    ("Ireland (support from India)", "IE IN"), ("EU/EWR", "EU"), ("EU (Ireland and Germany)", "EU IE DE"),
    ("Berlin, Germany and Vienna, Austria", "DE AT"), ("Germany or US", "DE US"), ("Atlanta, Georgia, USA", "US"),
    ("Hong Kong, China", "HK CN"), ("Bosnia and Herzegovina", "BA"), ("Ireland; India", "IE IN"),
    ("Wilmington, DE", ""), ("Mumbai and Frankfurt, Germany", ""), ("Worldwide", ""), ("Europe", ""),
    ("Germany, later US", ""),
    ("New Jersey", ""), ("", ""),
])
def test_the_countries_of_a_place_are_told_or_not_guessed(place: str, codes: str) -> None:
    assert countries(place) == set(codes.split())
