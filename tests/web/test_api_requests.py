"""What the API says no to, and how: who asks, what is asked, and the same request twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlmodel import select
from werkzeug.test import TestResponse

from notifier import clock
from notifier.house import House
from notifier.jobs import sweep
from notifier.tables import Change, KeptAnswer
from notifier.web import problems
from notifier.web.api import OPERATIONS, operations
from notifier.workflow import idempotency, people
from tests import factory
from tests.web import api
from tests.web.api import Desk
from tests.web.test_api import DRAFT, VALUES
from tests.web.test_api import desk as desk

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def both(house: House) -> Iterator[Desk]:
    """A desk on either database."""
    (house.settings.data_dir / "demo").write_text("demo\n")
    with clock.standing(factory.NOW + timedelta(minutes=10)):
        yield api.desk(house)


def problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """A problem of this status and code."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    said: dict[str, Any] = answer.get_json()
    assert (said["status"], said["code"], said["type"]) == (status, code, f"/problems/{code}")
    assert said["instance"].startswith("/api/")
    assert said["title"] == problems.KINDS[status]
    assert "Traceback" not in answer.text
    return said


def pointers(said: dict[str, Any]) -> dict[str, str]:
    """What is wrong, by where."""
    return {error.get("pointer", error.get("parameter", "")): error["detail"] for error in said["errors"]}


@pytest.mark.parametrize("given", ["", "Basic b2xnYTpvbGdh", "Bearer", "Bearer  ", "snt_abc"])
def test_without_a_token_nothing_is_said(desk: Desk, given: str) -> None:
    for path in ("/api/v1/changes", "/api/v1/changes/C-1", "/api/v1/engagements/x/may-process?customer=alpha"):
        answer = desk.app.test_client().get(path, headers={"Authorization": given} if given else {})
        problem(answer, 401, "token_missing")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="notifier"'
    problem(desk.app.test_client().post("/api/v1/changes", json=DRAFT), 401, "token_missing")


def test_a_token_that_is_wrong_revoked_or_whose_person_left_opens_nothing(desk: Desk) -> None:
    wrong = desk.app.test_client().get("/api/v1/changes", headers={"Authorization": "Bearer snt_wrong"})
    problem(wrong, 401, "token_invalid")
    assert wrong.headers["WWW-Authenticate"] == 'Bearer realm="notifier", error="invalid_token"'
    key = {"Idempotency-Key": "k-1"}
    assert desk.olga.ask("POST", "/changes", json=DRAFT, headers=key).status_code == 201
    with desk.house.database.transaction() as session:
        people.revoke_token(session, 1, actor=factory.SYSTEM, now=factory.NOW)  # olga's
        anton = people.by_email(session, "anton@processor.example")
        people.disable(session, anton, actor=factory.SYSTEM, now=factory.NOW)
    problem(desk.olga.ask("POST", "/changes", json=DRAFT, headers=key), 401, "token_invalid")
    problem(desk.anton.ask("GET", "/changes"), 401, "token_invalid")


def test_a_session_of_the_console_is_no_token_and_no_form_token_is_asked(desk: Desk) -> None:
    client = desk.app.test_client()
    with client.session_transaction() as session:
        session["user"], session["epoch"] = desk.users["paul"].id, 0
    problem(client.get("/api/v1/changes"), 401, "token_missing")
    assert desk.olga.post("/changes", 201, **DRAFT)["ref"] == "C-1"


def test_roles_are_asked_by_the_verbs(desk: Desk) -> None:
    assert desk.anton.post("/changes", 403, **DRAFT)["code"] == "role_missing"
    ref = desk.olga.post("/changes", 201, **DRAFT)["ref"]
    desk.vouch(ref)
    desk.paul.post(f"/changes/{ref}/submit")
    for path, body in (("approve", {}), ("reject", {"reason": "x"}), ("irregular-start",
                       {"since": "2026-03-01", "reason": "x"}), ("withdraw", {"reason": "x"})):
        assert desk.anton.post(f"/changes/{ref}/{path}", 403, **body)["code"] == "role_missing", path


@pytest.mark.parametrize(("method", "path", "given", "status", "code"), [
    ("GET", "/nowhere", {}, 404, "not_found"),
    ("GET", "/changes/", {}, 404, "not_found"),
    ("DELETE", "/changes", {}, 405, "method_not_allowed"),
    ("GET", "/changes/C-1/submit", {}, 405, "method_not_allowed"),
    ("GET", "/changes/C-9", {}, 404, "unknown"),
    ("GET", "/changes/%00", {}, 404, "unknown"),
    ("GET", "/changes/C-9/blockers", {}, 404, "unknown"),
    ("POST", "/changes/C-9/submit", {}, 404, "unknown"),
    ("GET", "/engagements/none/may-process?customer=alpha", {}, 404, "unknown"),
    ("GET", "/engagements/cloud-hosting/may-process?customer=none", {}, 404, "unknown"),
    ("GET", "/engagements/cloud-hosting/may-process", {}, 422, "invalid"),
    ("GET", "/changes?state=sold", {}, 422, "invalid"),
    ("GET", "/changes?cursor=17", {}, 422, "invalid"),
    ("GET", "/changes?limit=0", {}, 422, "invalid"),
    ("GET", "/changes?limit=a", {}, 422, "invalid"),
    ("GET", "/changes?limit=1&limit=2", {}, 422, "invalid"),
    ("GET", "/changes?cutomer=1", {}, 422, "invalid"),
    ("POST", "/changes", {"data": b"{", "headers": JSON}, 400, "malformed"),
    ("POST", "/changes", {"data": b'{"kind": NaN}', "headers": JSON}, 400, "malformed"),
    ("POST", "/changes", {"data": b"\xff\xfe", "headers": JSON}, 400, "malformed"),
    ("POST", "/changes", {"data": b"[" * 200_000, "headers": JSON}, 400, "malformed"),
    ("POST", "/changes", {"data": b"1" * 5000, "headers": JSON}, 400, "malformed"),
    ("POST", "/changes", {"data": b"[]", "headers": JSON}, 422, "invalid"),
    ("POST", "/changes", {"data": b"", "headers": JSON}, 422, "invalid"),
    ("POST", "/changes", {"data": b" " * 1_000_001, "headers": JSON}, 413, "request_entity_too_large"),
    ("POST", "/changes", {"data": {"kind": "add"}}, 415, "not_json"),
    ("POST", "/changes", {"data": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "not_json"),
    ("POST", "/changes/C-9/submit?now=1", {}, 422, "invalid"),
    ("POST", "/changes/C-9/submit", {"headers": {"Idempotency-Key": "a b"}}, 400, "idempotency_key_invalid"),
    ("POST", "/changes/C-9/submit", {"headers": {"Idempotency-Key": "k" * 256}}, 400, "idempotency_key_invalid"),
])
def test_every_no_is_a_problem(
    desk: Desk, method: str, path: str, given: dict[str, Any], status: int, code: str
) -> None:
    answer = desk.olga.ask(method, path, **given)
    problem(answer, status, code)
    if status == 405:
        assert answer.headers["Allow"]
    with desk.house.database.reading() as db:
        assert db.exec(select(Change)).all() == []


def test_everything_wrong_in_a_body_is_said_at_once_and_where(desk: Desk) -> None:
    said = desk.olga.post("/changes", 422, kind="sell", reason=7, planned_start="4 May", separable=None, colour="red",
                          values={"legal_name": ["x"], "locations": "Bern", "no/such~field": 1,
                                  "data_categories": ["name", 3], "activity": "a\x00b"})
    assert pointers(said).keys() == {
        "/kind", "/reason", "/planned_start", "/separable", "/colour", "/values/legal_name", "/values/locations",
        "/values/no~1such~0field", "/values/data_categories/1", "/values/activity"}
    said = desk.olga.post("/changes", 422, kind="add", items=[{"values": {"since": "x" * 4001}}, {"kind": "add"}])
    assert pointers(said).keys() == {"/items/0/values/since", "/items/1/kind"}
    assert pointers(desk.olga.post("/changes", 422)) == {"/kind": "this is needed"}
    for body in ({"kind": "add", "items": []}, {"kind": "add", "items": [{}], "values": {}}):
        assert pointers(desk.olga.post("/changes", 422, **body)).keys() <= {"/items", "/values"}


def test_half_a_character_reaches_no_table(desk: Desk) -> None:
    raw = json.dumps({"kind": "add", "reason": "\ud800", "\ud800": 1, "values": VALUES}).encode()
    said = problem(desk.olga.ask("POST", "/changes", data=raw, headers=JSON), 422, "invalid")
    assert pointers(said).keys() == {"/reason", "/\ud800"}


def test_a_rules_no_points_at_the_member_it_is_about(desk: Desk) -> None:
    said = desk.olga.post("/changes", 422, kind="add", values={"legal_name": "Short AG"})
    assert pointers(said) == {"/values/activity": "this is needed to propose anything"}
    for name, value in (("country", "Atlantis"), ("transfers", [{"place": "US", "gdpr": "handshake"}])):
        said = desk.olga.post("/changes", 422, kind="add", values={**VALUES, name: value})
        assert pointers(said).keys() == {f"/values/{name}"}
    rows = [{"place": "United States", "gdpr": "scc_3", "fadp": "scc_3", "document": "Agreement, annex 4"}]
    draft = desk.olga.post("/changes", 201, kind="add", values={**VALUES, "legal_name": "Far Inc.", "transfers": rows})
    assert desk.anton.get(f"/changes/{draft['ref']}")["items"][0]["after"]["transfers"] == rows
    items = [{"values": VALUES}, {"values": {"activity": "x"}}]
    assert pointers(desk.olga.post("/changes", 422, kind="add", items=items)).keys() == {"/items/1/values/legal_name"}
    ref = desk.olga.post("/changes", 201, **DRAFT)["ref"]
    desk.vouch(ref)
    desk.olga.post(f"/changes/{ref}/submit")
    assert pointers(desk.paul.post(f"/changes/{ref}/send-back", 422)).keys() == {"/reason"}
    since = {"since": "2027-01-01", "reason": "x"}
    assert pointers(desk.paul.post(f"/changes/{ref}/irregular-start", 422, **since)).keys() == {"/since"}
    assert pointers(desk.paul.post(f"/changes/{ref}/override", 422, blockers=["x"], reason="x")).keys() \
        == {"/blockers/0"}
    both_ways = {"customer": "alpha", "confirm": True, "end": True}
    assert pointers(desk.paul.post(f"/changes/{ref}/exclude", 422, **both_ways)).keys() == {"/end"}
    assert pointers(desk.paul.post(f"/changes/{ref}/correct", 422)).keys() == {"/sign"}
    unsold = desk.olga.post("/changes", 404, kind="add", values={**VALUES, "services": ["Nothing"]})
    assert "There are: platform, archive." in unsold["errors"][0]["detail"]


def test_a_fault_of_ours_says_nothing_of_the_inside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("notifier.workflow.answers.whole", broken)
    answer = desk.anton.ask("GET", "/changes/" + desk.olga.post("/changes", 201, **DRAFT)["ref"])
    problem(answer, 500, "internal")
    assert "secret" not in answer.text


def test_the_same_key_and_body_act_once_and_answer_the_same(both: Desk) -> None:
    key = {"Idempotency-Key": "a-1"}
    first = both.olga.ask("POST", "/changes", json=DRAFT, headers=key)
    turned = json.dumps(dict(reversed(DRAFT.items())), indent=1).encode()
    again = both.olga.ask("POST", "/changes", data=turned, headers={**key, **JSON})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert again.headers["Location"] == first.headers["Location"]
    assert (first.headers.get("Idempotent-Replayed"), again.headers.get("Idempotent-Replayed")) == (None, "true")
    said = problem(both.olga.ask("POST", "/changes", json={**DRAFT, "reason": "Other"}, headers=key), 422,
                   "idempotency_reused")
    assert "Take a new one" in said["detail"]
    elsewhere = both.olga.ask("POST", "/changes/C-1/submit", headers=key)
    problem(elsewhere, 422, "idempotency_reused")
    others = both.paul.ask("POST", "/changes", json={**DRAFT, "values": {**VALUES, "ref": "x"}}, headers=key)
    problem(others, 422, "invalid")
    own = both.paul.ask("POST", "/changes", json={**DRAFT, "values": {**VALUES, "legal_name": "Own AG"}}, headers=key)
    assert own.get_json()["ref"] == "C-2"  # another person's key of the same letters
    with both.house.database.reading() as db:
        assert len(db.exec(select(Change)).all()) == 2
        kept = db.exec(select(KeptAnswer)).all()
        assert {row.status for row in kept} == {201}
        held = json.dumps([row.model_dump(mode="json") for row in kept])
        assert both.olga.token not in held and "a-1" not in held


def test_a_refused_request_keeps_nothing_and_may_be_tried_again(both: Desk) -> None:
    ref = both.olga.post("/changes", 201, **DRAFT)["ref"]
    assert both.olga.post(f"/changes/{ref}/submit", 409, key="s-1")["code"] == "incomplete"
    both.vouch(ref)
    assert both.olga.post(f"/changes/{ref}/submit", key="s-1")["state"] == "in_review"
    assert both.olga.post(f"/changes/{ref}/submit", key="s-1")["state"] == "in_review"
    assert both.olga.post(f"/changes/{ref}/submit", 409)["code"] == "no_such_move"


def test_a_key_is_forgotten_after_a_day(both: Desk) -> None:
    both.olga.post("/changes", 201, key="d-1", **DRAFT)
    with clock.standing(factory.NOW + timedelta(hours=24, minutes=9)):
        assert both.olga.ask("POST", "/changes", json=DRAFT, headers={"Idempotency-Key": "d-1"}).status_code == 201
    with clock.standing(factory.NOW + timedelta(hours=24, minutes=11)):
        assert both.olga.post("/changes", 201, key="d-1", **DRAFT)["ref"] == "C-2"
        assert both.olga.post("/changes", 201, key="d-1", **DRAFT)["ref"] == "C-2"
    with clock.standing(factory.NOW + timedelta(hours=48, minutes=11)):
        sweep.once(both.house)
        with both.house.database.reading() as db:
            assert db.exec(select(KeptAnswer)).all() == []


def test_the_same_request_many_times_at_once_acts_once(both: Desk) -> None:
    start, found = Barrier(6), []

    def send() -> None:
        start.wait()
        found.append(both.olga.ask("POST", "/changes", json=DRAFT, headers={"Idempotency-Key": "r-1"}))

    hands = [Thread(target=send) for _ in range(6)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert [a.status_code for a in found] == [201] * 6
    assert len({a.data for a in found}) == 1
    assert sorted(a.headers.get("Idempotent-Replayed", "") for a in found) == [""] + ["true"] * 5
    with both.house.database.reading() as db:
        assert len(db.exec(select(Change)).all()) == 1


def test_who_waits_too_long_for_the_first_is_told_so(both: Desk) -> None:
    one = idempotency.asked(both.olga.token, "w-1", "POST", "/api/v1/changes", DRAFT)
    with both.house.database.transaction() as session:
        idempotency.take(session, one, clock.now())
        answer = _impatient(both)
        session.rollback()
    problem(answer, *((503, "busy") if both.house.database.sqlite else (409, "request_running")))
    assert both.olga.post("/changes", 201, key="w-1", **DRAFT)["ref"] == "C-1"


def _impatient(both: Desk) -> TestResponse:
    """A second request while the first is still at it; SQLite would wait ten seconds, which is longer than a test."""
    from sqlalchemy import event

    def hurry(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA busy_timeout=50")

    engine = both.house.database.engine
    if both.house.database.sqlite:
        event.listen(engine, "checkout", hurry)
    try:
        return both.olga.ask("POST", "/changes", json=DRAFT, headers={"Idempotency-Key": "w-1"})
    finally:
        if both.house.database.sqlite:
            event.remove(engine, "checkout", hurry)


def test_every_operation_that_acts_takes_a_key_and_no_other_does() -> None:
    for op in OPERATIONS:
        parameters = {p["name"] for p in api.operation(op.method.lower(), _example(op))["parameters"]}
        assert ("Idempotency-Key" in parameters) == (op.method == "POST"), op.name
        assert (op.body is None) or op.method == "POST"


def _example(op: operations.Operation) -> str:
    return op.path.replace("<ref>", "C-1")


def test_pages_for_people_stay_pages(desk: Desk, tmp_path: Path, make_house: Callable[..., House]) -> None:
    answer = desk.app.test_client().get("/nowhere")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
