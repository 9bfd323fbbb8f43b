"""The OpenAPI 3.1 document of the API, written from the very table that makes its routes and checks its requests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from notifier import __version__
from notifier.web.api.operations import PREFIX, Operation
from notifier.web.api.schema import obj, text
from notifier.web.api.shapes import SHAPES

WORDS = """Sub-processor change notices and objections, for scripts and pipelines.

Every verb has the name it has on the command line, and the same rules: a token acts with the roles of its person. A
refusal is 409 (it cannot be done now), 403 (not by this person), 404 or 422, always as `application/problem+json` with
a `code` for programs and words for people. A POST with an `Idempotency-Key` acts once: sent again within a day it is
answered the same, with `Idempotent-Replayed: true`; a refused one may be sent again."""

KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False, "schema": text("1 to 255 visible characters.",
                                                                                 longest=255),
    "description": "Makes it safe to send the request again.",
}


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document, as plain values."""
    paths: dict[str, dict[str, Any]] = {
        "/openapi.json": {"get": {
            "operationId": "openapi", "summary": "This document.", "security": [],
            "responses": {"200": {"description": "OpenAPI 3.1.", "content": {"application/json": {}}}},
        }},
    }
    for op in operations:
        paths.setdefault(re.sub(r"<(\w+)>", r"{\1}", op.path), {})[op.method.lower()] = _operation(op)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sub-processor notices", "version": __version__, "description": WORDS},
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": SHAPES,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer",
                                          "description": "A person's own token: notifier tokens add EMAIL"}},
        },
    }


def _operation(op: Operation) -> dict[str, Any]:
    held: dict[str, Any] = {
        "operationId": op.name, "summary": op.summary, "tags": [op.path.split("/")[1]],
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
              for name in re.findall(r"<(\w+)>", op.path)),
            *({"name": name, "in": "query", "required": name in op.needed, "schema": schema}
              for name, schema in op.query.items()),
            *([KEY] if op.method == "POST" else []),
        ],
        "responses": {
            str(op.status): {"description": "Done." if op.method == "POST" else "The answer.",
                             "content": {"application/json": {"schema": _shape(op.answer)}}},
            "4XX": _problem("Refused, or not understood."), "5XX": _problem("A fault or a lack of ours."),
        },
    }
    if op.method == "POST":
        held["requestBody"] = {"required": "required" in (op.body or {}),
                               "content": {"application/json": {"schema": op.body or obj({})}}}
    return held


def _shape(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _problem(words: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/problem+json": {"schema": _shape("Problem")}}}
