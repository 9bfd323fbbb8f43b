"""The list itself for programs: JSON with its schema, and CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields
from typing import Any

from feeds import wording
from feeds.site import SCHEMA, Site
from notifier.domain.listing import ListValue, Organisation
from notifier.domain.register import FIELDS, LATER_FIELDS, LISTS
from notifier.domain.transfers import Basis, Transfer

JSON_TYPE = "application/json"
SCHEMA_TYPE = "application/schema+json"
CSV_TYPE = "text/csv; charset=utf-8; header=present"
_TEXT = {"type": "string"}
_MOMENT = {**_TEXT, "format": "date-time", "pattern": "Z$"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(value: ListValue, sha256: str, site: Site) -> bytes:
    """The edition and its hash. Without `sha256` and `schema` it is what was hashed, in its RFC 8785 form."""
    edition = value.to_json()
    head = {name: edition.pop(name) for name in ("edition", "as_of")}
    whole = {**head, "sha256": sha256, "schema": site.absolute(SCHEMA), **edition}
    return (json.dumps(whole, ensure_ascii=False, indent=2) + "\n").encode()


def as_csv(value: ListValue) -> bytes:
    """The current engagements, one row each, in the columns of the register file; RFC 4180, UTF-8."""
    sheet = io.StringIO()
    rows = csv.writer(sheet)
    rows.writerow(FIELDS)
    for engagement in value.engagements:
        rows.writerow([_cell(getattr(engagement, name)) for name in FIELDS])
    return sheet.getvalue().encode()


def _cell(value: str | tuple[str | Transfer, ...]) -> str:
    """Text a spreadsheet takes for text: what it would run as a formula gets an apostrophe in front."""
    text = "; ".join(map(str, value)) if isinstance(value, tuple) else value
    return "'" + text if text.startswith(_FORMULA) else text


def schema(site: Site) -> bytes:
    """JSON Schema 2020-12 of `as_json`, version 1: fields may be added beside these, none is taken away."""
    change, engagement = {"$ref": "#/$defs/change"}, {"$ref": "#/$defs/engagement"}
    whole = _object({
        "edition": {"type": "integer", "minimum": 1},
        "as_of": _MOMENT,
        "sha256": {
            **_TEXT, "pattern": "^[0-9a-f]{64}$",
            "description": "SHA-256 of this object without sha256 and schema, in its RFC 8785 form",
        },
        "schema": {**_TEXT, "format": "uri"},
        "organisation": _object(dict.fromkeys((f.name for f in fields(Organisation)), _TEXT)),
        "services": _list_of(_object({"slug": _TEXT, "name": _TEXT})),
        "engagements": _list_of(engagement),
        "announced": {**_list_of(change), "description": "Changes still to come; customers may be objecting"},
        "changes": {**_list_of(change), "description": "Every change ever announced, newest first"},
    })
    definitions = {"engagement": _engagement(), "change": _change()}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": site.absolute(SCHEMA),
        "title": "Published list of sub-processors",
    }
    return (json.dumps({**head, **whole, "$defs": definitions}, indent=2) + "\n").encode()


def _engagement() -> dict[str, Any]:
    """The fields of the register file; those that came later are absent while they are empty."""
    whole = _object({name: _list_of(_TEXT) if name in LISTS else _TEXT for name in FIELDS})
    basis = {"enum": ["", *Basis], "description": "On what the transfer rests; empty where nothing is said"}
    row = _object({"place": _TEXT, "gdpr": basis, "fadp": basis, "document": _TEXT})
    whole["properties"]["transfers"] = {**_list_of(row), "description": "Transfer basis of single places, law by law"}
    whole["required"] = [name for name in FIELDS if name not in LATER_FIELDS]
    return whole


def _change() -> dict[str, Any]:
    optional_day = {"type": ["string", "null"], "format": "date"}
    either = {"anyOf": [{"$ref": "#/$defs/engagement"}, {"type": "null"}]}
    mark = _object({"kind": {"enum": list(wording.MARKS)}, "on": {**_TEXT, "format": "date"},
                    "count": {"type": "integer", "minimum": 0}})
    change = _object({
        "ref": _TEXT, "uid": {**_TEXT, "format": "uuid"},
        "kind": {"enum": list(wording.KINDS)}, "state": {"enum": list(wording.STATES)},
        "announced_at": _MOMENT, "updated_at": _MOMENT,
        "planned_start": optional_day, "in_effect_on": optional_day,
        "services": _list_of(_TEXT), "reason": _TEXT,
        "items": _list_of(_object({"before": either, "after": either})),
    })
    decided = ("What went out of the ordinary way (two people decided against it, or customers were told too late), "
               "with how many customers it concerned; absent where none")
    change["properties"]["marks"] = {**_list_of(mark), "description": decided}
    return change


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}
