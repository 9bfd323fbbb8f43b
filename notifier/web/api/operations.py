"""One operation of the API, from the request to the answer: who asks, is it sound, has it been answered before, act.

Every operation is a row of a table (`changes.OPERATIONS` and the like). The rows make the routes, check the requests
and write the OpenAPI document, so that none of them can say what another does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flask import Response, request
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from notifier import clock
from notifier.domain.people import Actor, Door
from notifier.domain.refusals import Family, Refusal
from notifier.domain.register import FIELD_NAMES
from notifier.house import House
from notifier.tables import KeptAnswer
from notifier.web.api.schema import Fault, Schema, faults, obj
from notifier.web.pages import house
from notifier.web.problems import Problem
from notifier.workflow import idempotency, people

PREFIX = "/api/v1"
LARGEST = 1_000_000  # bytes of a body
REALM = 'Bearer realm="notifier"'


@dataclass(frozen=True)
class Call:
    """One request that is sound: in which transaction, who acts and when, the names in its path, and what it gives."""

    house: House
    session: Session
    actor: Actor
    now: datetime
    path: Mapping[str, str]
    given: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Words, empty where not given."""
        return str(self.given.get(name, ""))

    def day(self, name: str) -> date | None:
        """A civil day, None where not given."""
        return date.fromisoformat(self.given[name]) if name in self.given else None

    def needed(self, name: str) -> date:
        """A civil day that the schema asks for."""
        return date.fromisoformat(self.given[name])


@dataclass(frozen=True)
class Operation:
    """One method of one path: what it takes, what it does (`run`, returning the answer as plain values), and the name
    of the answer's shape. `names` tells where in the body stands what a rule calls by that name."""

    name: str
    method: str
    path: str
    summary: str
    answer: str
    run: Callable[[Call], Any]
    query: Mapping[str, Schema] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    body: Schema | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    job: str = ""  # rung for after the commit, besides those for letters and list

    def serve(self, **path: str) -> Response:
        """Answers a request to this operation. Raises Problem and Refusal."""
        try:
            actor, token = _who()
            if not all(value.isprintable() for value in path.values()):
                raise Problem(404, "unknown", "There is nothing of this name.")
            if self.method == "POST":
                return _acted(self, path, _body(self), actor, token)
            given = _query(self)
            with house().database.reading() as session:
                value = self.run(Call(house(), session, actor, clock.now(), path, given))
            return _sent(self.status, _json(value))
        except Misplaced as refused:
            raise self.problem(refused.refusal, refused.prefix) from None
        except Refusal as refusal:
            raise self.problem(refusal) from None
        except OperationalError as error:
            raise Problem(503, "busy", "The database is busy or away. Nothing was done: send it again in a moment.",
                          headers={"Retry-After": "1"}) from error

    def problem(self, refusal: Refusal, prefix: str = "") -> Problem:
        """A rule's no, pointing at the member of the body that is at fault, where one is."""
        errors: list[dict[str, str]] = [{"detail": str(detail)} for detail in refusal.details]
        pointer = self._pointer(refusal) if refusal.family is Family.INVALID else ""
        if pointer:
            said = str(refusal.sentence.facts.get("problem", refusal.sentence))
            errors.insert(0, {"pointer": prefix + pointer, "detail": said})
        return Problem(refusal.family.value, refusal.code, str(refusal.sentence), errors=errors)

    def _pointer(self, refusal: Refusal) -> str:
        """Rules name a field as people know it; what stands for a reason has one name in each operation."""
        called = str(refusal.sentence.facts.get("field", refusal.code))
        if called in self.names:
            return self.names[called]
        if "values" not in (self.body or obj({}))["properties"]:
            return ""
        found = next((name for name, words in FIELD_NAMES.items() if called in (name, words)), None)
        return f"/values/{found}" if found else ""


class Misplaced(Exception):
    """A refusal that is about a part of the body: pointers begin with `prefix`."""

    def __init__(self, refusal: Refusal, prefix: str) -> None:
        super().__init__(str(refusal))
        self.refusal, self.prefix = refusal, prefix


@contextmanager
def within(prefix: str) -> Iterator[None]:
    """Whatever is refused in this block is about the part of the body at `prefix`."""
    try:
        yield
    except Refusal as refusal:
        raise Misplaced(refusal, prefix) from None


def invalid(*found: Fault) -> Problem:
    """What is wrong in a body, each with its pointer."""
    return Problem(422, "invalid", "Something in the request has to be mended.",
                   errors=[{"pointer": fault.pointer, "detail": fault.words} for fault in found])


def _who() -> tuple[Actor, str]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(401, "token_missing", "Send your token in the header: “Authorization: Bearer …”. A token comes "
                      "from 'notifier tokens add'.", headers={"WWW-Authenticate": REALM})
    try:
        with house().database.reading() as session:
            return people.by_token(session, token, door=Door.API, now=clock.now()), token.strip()
    except Refusal as refusal:
        raise Problem(401, refusal.code, str(refusal),
                      headers={"WWW-Authenticate": f'{REALM}, error="invalid_token"'}) from None


def _query(op: Operation) -> dict[str, Any]:
    """The parameters of the address, checked; whole numbers as numbers."""
    given: dict[str, Any] = {}
    errors = []
    for name, values in request.args.lists():
        number = op.query.get(name, {}).get("type") == "integer" and re.fullmatch(r"[0-9]{1,9}", values[0])
        given[name] = int(values[0]) if number else values[0]
        if len(values) > 1:
            errors.append({"parameter": name, "detail": "this is given twice"})
    found = faults(obj(op.query, needed=op.needed), given)
    errors += [{"parameter": fault.pointer[1:], "detail": fault.words} for fault in found]
    if errors:
        raise Problem(422, "invalid", "Something in the address has to be mended.", errors=errors)
    return given


def _body(op: Operation) -> dict[str, Any]:
    """The body, checked. Nothing at all counts as an empty object."""
    request.max_content_length = LARGEST
    raw = request.get_data(cache=False)
    if raw and not (request.mimetype == "application/json" or request.mimetype.endswith("+json")):
        raise Problem(415, "not_json", "Send the body as JSON, with “Content-Type: application/json”.",
                      headers={"Accept-Post": "application/json"})
    try:
        given = json.loads(raw or b"{}", parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        where = f": line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise Problem(400, "malformed", f"The body is no JSON{where}.") from None
    found = list(faults(op.body or obj({}), given))
    if request.args:
        found.append(Fault("", "this address takes no parameters; everything goes into the body"))
    if found:
        raise invalid(*found)
    assert isinstance(given, dict)
    return given


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _acted(op: Operation, path: Mapping[str, str], given: Mapping[str, Any], actor: Actor, token: str) -> Response:
    """Acts, once for each `Idempotency-Key`; rings after the commit."""
    key, now = request.headers.get("Idempotency-Key"), clock.now()
    if key is not None and not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        raise Problem(400, "idempotency_key_invalid", "An Idempotency-Key has 1 to 255 visible ASCII characters.")
    one = idempotency.asked(token, key, op.method, request.path, given) if key else None
    for _ in range(2):  # a key that was taken and is free again may be tried once more
        if one is not None and (kept := _kept(one, now)) is not None:
            return _sent(kept.status, kept.body, {"Idempotent-Replayed": "true"})
        try:
            with house().database.transaction() as session:
                row = idempotency.take(session, one, now) if one else None
                body = _json(op.run(Call(house(), session, actor, now, path, given)))
                if row is not None:
                    row.status, row.body = op.status, body
        except idempotency.Taken:
            continue
        house().ring_all()
        if op.job:
            house().ring(op.job)
        return _sent(op.status, body)
    raise Refusal("request_running")


def _kept(one: idempotency.Asked, now: datetime) -> KeptAnswer | None:
    with house().database.reading() as session:
        return idempotency.answered(session, one, now)


def _sent(status: int, body: str, headers: Mapping[str, str] | None = None) -> Response:
    answer = Response(body, status, dict(headers or {}), content_type="application/json")
    if status == 201:
        answer.headers["Location"] = f"{request.path.rstrip('/')}/{json.loads(body)['ref']}"
    return answer


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def cursor(given: str) -> int:
    """The number in a cursor; 0 for none. Raises Problem for what we never handed out."""
    if not given:
        return 0
    if not re.fullmatch(r"c[0-9]{1,18}", given):
        raise Problem(422, "invalid", "Something in the address has to be mended.",
                      errors=[{"parameter": "cursor", "detail": "this is no cursor of ours; take it from “next”"}])
    return int(given[1:])


def page(rows: list[tuple[int, Any]], limit: int) -> dict[str, Any]:
    """One page of a list out of its numbered rows, one more than it may hold where there is another page."""
    more = len(rows) > limit
    return {"data": [value for _, value in rows[:limit]], "next": f"c{rows[limit - 1][0]}" if more else None}
