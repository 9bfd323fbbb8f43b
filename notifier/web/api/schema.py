"""The shapes of the API, as JSON Schema (2020-12): what checks a request is what the OpenAPI document shows.

Only as much of JSON Schema as the API uses: type, enum, format date and date-time, minLength, maxLength, minimum,
maximum, items, minItems, maxItems, properties, required and additionalProperties.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import partial
from typing import Any, get_args, get_origin, get_type_hints

Schema = dict[str, Any]

LONGEST = 4000  # characters of words, as the tables hold them
LONGEST_REF = 80

# Neither database keeps a NUL, and UTF-8 has no lone surrogates; the rest of these cannot be seen or typed.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a request: where (a JSON pointer into the body) and what to do about it."""

    pointer: str
    words: str


def text(words: str, *, longest: int = LONGEST, shortest: int = 0) -> Schema:
    """Words."""
    held: Schema = {"type": "string", "description": words, "maxLength": longest}
    return {**held, "minLength": shortest} if shortest else held


def ref(words: str) -> Schema:
    """A reference: of a change, an engagement, a customer."""
    return text(words, longest=LONGEST_REF)


def choice(words: str, *values: str) -> Schema:
    """One of these."""
    return {"type": "string", "description": words, "enum": list(values)}


def day(words: str) -> Schema:
    """A civil day, 2026-12-31."""
    return {"type": "string", "format": "date", "description": words}


def moment(words: str) -> Schema:
    """A moment with its offset."""
    return {"type": "string", "format": "date-time", "description": words}


def flag(words: str) -> Schema:
    """Yes or no."""
    return {"type": "boolean", "description": words}


def count(words: str) -> Schema:
    """A whole number from nought."""
    return {"type": "integer", "minimum": 0, "description": words}


def several(items: Schema, words: str, *, most: int = 1000, least: int = 0) -> Schema:
    """A list."""
    held: Schema = {"type": "array", "items": items, "description": words, "maxItems": most}
    return {**held, "minItems": least} if least else held


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    held = {**schema, "type": [schema["type"], "null"]}
    return {**held, "enum": [*schema["enum"], None]} if "enum" in schema else held


def obj(properties: Mapping[str, Schema], *, needed: tuple[str, ...] = (), words: str = "") -> Schema:
    """An object that knows these members and no others; `needed` ones have to be there."""
    held: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    if needed:
        held["required"] = list(needed)
    return {**held, "description": words} if words else held


def whole(properties: Mapping[str, Schema], words: str = "") -> Schema:
    """An answer: all of its members are always there."""
    return obj(properties, needed=tuple(properties), words=words)


def of_type(hint: Any) -> Schema:
    """The shape of a value by its type: text, a tuple of such, a dataclass of such."""
    if is_dataclass(hint) and isinstance(hint, type):
        return of_fields(hint)
    if get_origin(hint) is tuple:
        return {"type": "array", "items": of_type(get_args(hint)[0]), "maxItems": 300}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"type": "string", "enum": [str(member.value) for member in hint]}
    assert hint is str, f"{hint} has no shape yet"
    return {"type": "string", "maxLength": LONGEST}


def of_fields(kind: type, names: Mapping[str, str] | None = None, *, without: frozenset[str] = frozenset()) -> Schema:
    """The shape of a dataclass, its fields described by `names`; none of them has to be there."""
    hints = get_type_hints(kind)
    shapes = {f.name: of_type(hints[f.name]) for f in fields(kind) if f.name not in without}
    return obj({name: {**shape, "description": names[name]} if names and name in names else shape
                for name, shape in shapes.items()})


def faults(schema: Schema, value: Any, pointer: str = "") -> Iterator[Fault]:
    """Everything in which `value` does not have this shape, each by its JSON pointer (RFC 6901)."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_is(kind, value) for kind in kinds):
        yield Fault(pointer, f"this has to be {' or '.join(_NAMES[kind] for kind in kinds)}")
    elif isinstance(value, str):
        yield from map(partial(Fault, pointer), _in_text(schema, value))
    elif isinstance(value, list):
        yield from _in_list(schema, value, pointer)
    elif isinstance(value, dict):
        yield from _in_object(schema, value, pointer)
    elif isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield Fault(pointer, f"this has to lie between {schema['minimum']} and {schema.get('maximum', 'any number')}")


_NAMES = {"string": "a string", "integer": "a whole number", "boolean": "true or false", "array": "a list",
          "object": "an object", "null": "null"}
_TYPES: Mapping[str, type] = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict,
                              "null": type(None)}


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _in_text(schema: Schema, value: str) -> Iterator[str]:
    if _UNPRINTABLE.search(value):
        yield "this holds a control character, or half of one outside the basic plane"
    if "enum" in schema and value not in schema["enum"]:
        yield f"this has to be one of {', '.join(str(each) for each in schema['enum'] if each is not None)}"
    if len(value) > schema.get("maxLength", len(value)):
        yield f"this is longer than {schema['maxLength']} characters"
    if len(value) < schema.get("minLength", 0):
        yield "this is needed"
    if schema.get("format") == "date" and not _is_day(value):
        yield "this has to be a day, written as 2026-12-31"
    if schema.get("format") == "date-time" and not _is_moment(value):
        yield "this has to be a moment, written as 2026-12-31T09:00:00+00:00"


def _is_day(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_moment(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _in_list(schema: Schema, value: list[Any], pointer: str) -> Iterator[Fault]:
    if len(value) > schema.get("maxItems", len(value)):
        yield Fault(pointer, f"these are more than {schema['maxItems']}")
        return
    if len(value) < schema.get("minItems", 0):
        yield Fault(pointer, f"name at least {schema['minItems']}")
    for n, each in enumerate(value):
        yield from faults(schema["items"], each, f"{pointer}/{n}")


def _in_object(schema: Schema, value: dict[str, Any], pointer: str) -> Iterator[Fault]:
    known, others = schema["properties"], schema.get("additionalProperties", False)
    for name in schema.get("required", ()):
        if name not in value:
            yield Fault(below(pointer, name), "this is needed")
    for name, each in value.items():
        if name in known:
            yield from faults(known[name], each, below(pointer, name))
        elif others:
            yield from faults(others, each, below(pointer, name))
        else:
            yield Fault(below(pointer, name), "there is no such member here")


def below(pointer: str, name: str) -> str:
    """The pointer to a member of what a pointer points to."""
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
