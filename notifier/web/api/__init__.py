"""The JSON API: `/api/v1`, a bearer token of a person, problems as RFC 9457, no cookies."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from notifier.web.api import changes, customers, engagements, openapi
from notifier.web.api.operations import PREFIX

OPERATIONS = (*changes.OPERATIONS, *engagements.OPERATIONS, *customers.OPERATIONS)

bp = Blueprint("api", __name__, url_prefix=PREFIX)
for _operation in OPERATIONS:
    bp.add_url_rule(_operation.path, endpoint=_operation.name, view_func=_operation.serve, methods=[_operation.method])


@bp.get("/openapi.json")
def describe() -> Response:
    """What can be asked here, for programs. Open to anybody: it tells nothing of this installation."""
    return jsonify(openapi.document(OPERATIONS))


@bp.after_request
def _unkept(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer
