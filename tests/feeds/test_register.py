"""The list for programs: the JSON keeps its hash and its schema, the CSV runs no formulas."""

import csv
import io
import json
import re
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

import feeds
from feeds.register import as_csv
from notifier.domain.listing import ListValue
from notifier.domain.register import FIELDS, LATER_FIELDS
from tests.feeds.sample_edition import CHANGES, HOSTING, MAILER, SHA256, SITE, VALUE


def published(path: str, value: ListValue = VALUE, digest: str = SHA256) -> bytes:
    """One published file."""
    return feeds.render(value, digest, SITE)[path].body


def faults(schema: dict[str, Any], value: Any, root: dict[str, Any], where: str = "#") -> list[str]:
    """What in a value offends against a schema, for the keywords our schema uses."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return faults(root["$defs"][name], value, root, where)
    if "anyOf" in schema:
        tried = [faults(each, value, root, where) for each in schema["anyOf"]]
        return [] if any(not each for each in tried) else tried[0]
    found = []
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "null": type(None)}
    allowed = schema.get("type", list(kinds))
    if not isinstance(value, tuple(kinds[k] for k in ([allowed] if isinstance(allowed, str) else allowed))):
        return [f"{where}: not {allowed}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is none of {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{where}: {value!r} does not match")
    if isinstance(value, dict):
        found += [f"{where}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, inner in schema.get("properties", {}).items():
            found += faults(inner, value.get(name), root, f"{where}/{name}") if name in value else []
    if isinstance(value, list) and "items" in schema:
        for at, each in enumerate(value):
            found += faults(schema["items"], each, root, f"{where}/{at}")
    return found


def test_the_json_list_obeys_its_own_schema():
    schema = json.loads(published("/schemas/subprocessors-1.json"))
    value = json.loads(published("/subprocessors.json"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert value["schema"] == schema["$id"] == "https://lists.example.com/schemas/subprocessors-1.json"
    assert faults(schema, value, schema) == []
    assert set(value) == set(schema["properties"])


@pytest.mark.parametrize(
    ("path", "wrong"),
    [(("sha256",), "x"), (("edition",), "1"), (("engagements", 0, "locations"), "Zurich"),
     (("engagements", 1, "transfers", 0, "gdpr"), "shield"), (("engagements", 1, "transfers"), "SCC"),
     (("changes", 0, "kind"), "rename"), (("announced", 0, "items", 0, "after"), {})],
)
def test_the_schema_finds_what_is_wrong(path, wrong):
    schema = json.loads(published("/schemas/subprocessors-1.json"))
    value = json.loads(published("/subprocessors.json"))
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = wrong
    assert faults(schema, value, schema)


def test_a_reader_can_recompute_the_hash_from_the_json():
    odd = replace(VALUE, engagements=(HOSTING.with_(legal_name="Über\x0b GmbH €"),))
    digest = sha256(rfc8785.dumps(odd.to_json())).hexdigest()
    read = json.loads(published("/subprocessors.json", odd, digest))
    claimed = read.pop("sha256")
    read.pop("schema")
    assert sha256(rfc8785.dumps(read)).hexdigest() == claimed == digest


def test_an_edition_from_before_the_later_fields_obeys_the_schema_and_keeps_its_form():
    schema = json.loads(published("/schemas/subprocessors-1.json"))
    old = replace(VALUE, engagements=(HOSTING,), changes=())
    value = json.loads(published("/subprocessors.json", old))
    assert faults(schema, value, schema) == []
    assert set(value["engagements"][0]) == set(schema["$defs"]["engagement"]["required"]) == set(FIELDS) - LATER_FIELDS


def test_announced_changes_carry_their_planned_start_and_no_last_day():
    announced = json.loads(published("/subprocessors.json"))["announced"]
    assert [change["planned_start"] for change in announced] == ["2026-05-09", "2026-05-07"]
    assert not re.search("last_day|window", json.dumps(announced))


def test_the_published_value_reads_back_as_it_was():
    value = json.loads(published("/subprocessors.json"))
    assert ListValue.from_json(value) == VALUE
    assert ListValue.from_json(VALUE.to_json()).changes == CHANGES


def test_the_csv_has_the_register_columns_and_one_row_per_current_engagement():
    text = published("/subprocessors.csv").decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == FIELDS
    assert [row[1] for row in rows[1:]] == [HOSTING.legal_name, MAILER.legal_name]
    assert dict(zip(FIELDS, rows[1], strict=True))["data_categories"] == "Name; E-mail address"
    assert dict(zip(FIELDS, rows[2], strict=True))["transfers"] == (
        "IN: SCC module 3 / SCC module 3 (signed on 1 March 2026; annex 2)")
    assert text.endswith("\r\n") and text.count("\r\n") == 3


@given(st.text(max_size=30))
def test_no_cell_of_the_csv_can_be_run_as_a_formula(text):
    value = replace(VALUE, engagements=(HOSTING.with_(legal_name=text, locations=("=1+1",)),))
    row = list(csv.reader(io.StringIO(as_csv(value).decode(), newline="")))[1]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    assert row[FIELDS.index("locations")] == "'=1+1"
