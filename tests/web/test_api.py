"""The API as a pipeline uses it: from a draft to the gate, with two people's tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from notifier import clock
from notifier.house import House
from notifier.jobs import announce, deliver
from notifier.tables import AuditEntry
from notifier.workflow import verify
from tests import factory, servers
from tests.web import api
from tests.web.api import DOCUMENT, Desk

VALUES = {**factory.ANALYTICS, "services": ["Platform"]}
DRAFT: dict[str, Any] = {
    "kind": "add", "values": VALUES, "reason": "To see how the platform is used.", "planned_start": "2026-05-04",
}


@pytest.fixture
def desk(make_house: Callable[..., House], tmp_path: Path) -> Iterator[Desk]:
    """A demo on SQLite, shortly after ten on a Monday."""
    (tmp_path / "demo").write_text("demo\n")
    url = servers.fresh_sqlite(tmp_path / "api.db")
    with clock.standing(factory.NOW + timedelta(minutes=10)):
        yield api.desk(make_house(database_url=url))


def approved(desk: Desk, **given: Any) -> str:
    """A change of Olga's, approved by Paul."""
    ref = str(desk.olga.post("/changes", 201, **{**DRAFT, **given})["ref"])
    desk.vouch(ref)
    desk.olga.post(f"/changes/{ref}/submit")
    desk.paul.post(f"/changes/{ref}/approve", reason="Looked through.")
    return ref


def announced(desk: Desk, **given: Any) -> str:
    """The same, announced, and its letters arrived."""
    ref = approved(desk, **given)
    desk.paul.post(f"/changes/{ref}/announce")
    deliver.run(desk.house)
    return ref


def test_a_vendor_goes_from_draft_to_the_gate_with_two_tokens(desk: Desk) -> None:
    made = desk.olga.ask("POST", "/changes", json=DRAFT)
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/changes/C-1")
    ref = made.get_json()["ref"]
    assert any("not vouched for" in gap for gap in made.get_json()["missing"])
    refused = desk.olga.post(f"/changes/{ref}/submit", 409)
    assert refused["code"] == "incomplete"
    assert [e["detail"] for e in refused["errors"]] == made.get_json()["missing"]
    desk.vouch(ref)
    assert desk.olga.post(f"/changes/{ref}/submit") == {"ref": ref, "state": "in_review"}
    assert desk.olga.post(f"/changes/{ref}/approve", 403)["code"] == "role_missing"
    sent_back = desk.paul.post(f"/changes/{ref}/send-back", reason="Say it more plainly.")
    assert sent_back["state"] == "sent_back"
    assert desk.olga.post(f"/changes/{ref}/edit", reason="To learn how it is used.")["missing"] == []
    desk.olga.post(f"/changes/{ref}/submit")
    assert desk.paul.post(f"/changes/{ref}/approve") == {"ref": ref, "state": "approved"}
    told = desk.paul.post(f"/changes/{ref}/announce", words="As agreed.")
    assert (told["ref"], told["included"], told["left_out"], told["changes"]) == ("A-1", 2, 1, [ref])
    deliver.run(desk.house)

    held = desk.anton.get(f"/changes/{ref}/blockers")
    assert held["blocked"] and [c["customer"] for c in held["customers"]] == ["alpha", "beta"]
    assert {b["code"] for b in held["customers"][0]["blockers"]} >= {"window_open", "before_planned_start"}
    assert len(desk.anton.get(f"/changes/{ref}/blockers", customer="beta")["customers"]) == 1
    answer = desk.anton.get("/engagements/analytics-inc/may-process", customer="alpha", on="2026-05-05")
    assert answer["allowed"] is False and answer["why"]
    assert desk.anton.get("/engagements/cloud-hosting/may-process", customer="alpha")["allowed"] is True
    assert desk.paul.post(f"/changes/{ref}/take-effect", 409)["code"] == "blocked"

    with clock.standing(factory.NOW + timedelta(days=70)):
        assert desk.anton.get(f"/changes/{ref}/blockers")["blocked"] is False
        released = desk.paul.post(f"/changes/{ref}/take-effect")
        assert released == {"ref": ref, "state": "in_effect", "released": ["alpha", "beta"]}
        assert desk.anton.get("/engagements/analytics-inc/may-process", customer="alpha")["allowed"] is True
        assert [e["ref"] for e in desk.anton.get("/engagements")["data"]] == ["cloud-hosting", "analytics-inc"]
    whole = desk.anton.get(f"/changes/{ref}")
    assert [act["action"] for act in whole["history"]][:3] == ["propose", "submit", "send_back"]
    assert whole["items"][0]["after"]["services"] == ["platform"]
    with desk.house.database.reading() as db:
        doors = db.exec(select(AuditEntry.door).where(AuditEntry.subject_kind == "change")).all()
        assert set(doors) == {"api"}
        assert verify.chain(db) == []


def test_an_announced_change_is_corrected_moved_and_started_irregularly_by_two(desk: Desk) -> None:
    ref = announced(desk)
    said = desk.olga.post(f"/changes/{ref}/correct", values={"legal_name": "ANALYTICS Inc."}, words="Misspelled.")
    assert said == {"ref": ref, "done": "informed", "announcement": "", "told": 2}
    wider = {"values": {"locations": ["United States", "India"]}, "words": "India too.", "planned_start": "2026-08-03"}
    assert desk.olga.post(f"/changes/{ref}/correct", **wider)["done"] == "asked"
    assert desk.olga.post(f"/changes/{ref}/correct", 403, sign=True)["code"] == "second_person"
    assert desk.paul.post(f"/changes/{ref}/correct", sign=True)["announcement"] == "A-2"
    moved = desk.paul.post(f"/changes/{ref}/move-start", to="2026-09-01", reason="It takes longer.")
    assert moved == {"ref": ref, "planned_start": "2026-09-01", "start_was": "2026-08-03"}
    assert desk.paul.post(f"/changes/{ref}/move-start", 409, to="2026-08-20", reason="x")["code"] == "start_earlier"
    words = {"since": "2026-03-01", "reason": "A switch was set too early."}
    assert desk.paul.post(f"/changes/{ref}/irregular-start", **words)["signed"] is False
    assert desk.paul.post(f"/changes/{ref}/irregular-start", 403, **words)["code"] == "second_person"
    started = desk.petra.post(f"/changes/{ref}/irregular-start", **words)
    assert (started["signed"], started["told"]) == (True, 2)
    assert desk.anton.get(f"/changes/{ref}")["state"] == "in_effect"


def test_customers_are_left_out_overridden_and_released_one_by_one(desk: Desk) -> None:
    ref = announced(desk, separable="customer")
    assert desk.olga.post(f"/changes/{ref}/confirm-separable", 403, separable="customer", how="A switch.")["code"] \
        == "second_person"
    confirmed = desk.egon.post(f"/changes/{ref}/confirm-separable", separable="customer", how="A switch.")
    assert confirmed["separable"] == "customer"
    assert desk.paul.post(f"/changes/{ref}/exclude", 409, customer="alpha", reason="It asked.")["code"] \
        == "not_objecting"
    assert desk.paul.post(f"/changes/{ref}/exclude", 404, customer="nobody", reason="x")["code"] == "unknown"
    _object(desk, "alpha")
    assert desk.paul.post(f"/changes/{ref}/exclude", customer="alpha", reason="It asked.")["confirmed_at"] is None
    out = desk.egon.post(f"/changes/{ref}/exclude", customer="alpha", confirm=True, how="It stays on the old queue.")
    assert out["recheck_due"] == "2027-03-02"
    assert desk.anton.get(f"/changes/{ref}/blockers")["excluded"] == ["alpha"]
    codes = [b["code"] for b in desk.anton.get(f"/changes/{ref}/blockers")["customers"][0]["blockers"]]
    words = {"blockers": codes, "customer": "beta", "reason": "Agreed by telephone."}
    assert desk.paul.post(f"/changes/{ref}/override", **words)["signed"] is False
    assert desk.petra.post(f"/changes/{ref}/override", **words)["customers"] == 1
    assert desk.paul.post(f"/changes/{ref}/release", customer="beta")["released"] == ["beta"]
    assert desk.paul.post(f"/changes/{ref}/exclude", customer="alpha", end=True, reason="It agrees.")["ended_at"]


def _object(desk: Desk, customer: str) -> None:
    from notifier.tables import Notice
    from notifier.workflow import customers, objections
    from notifier.workflow.objections import Filing

    with desk.house.database.transaction() as session:
        row = customers.get(session, customer)
        notice = session.exec(select(Notice).where(Notice.customer_id == row.id)).one()
        objections.file(session, notice.id or 0, Filing("No.", "Lea", f"legal@{customer}.example"), contact_id=None,
                        actor=factory.CONTACT, now=clock.now())


def test_other_ends_and_several_at_once(desk: Desk) -> None:
    one = approved(desk)
    other = approved(desk, values={**VALUES, "legal_name": "Second Inc."})
    third = approved(desk, values={**VALUES, "legal_name": "Third Inc."})
    told = desk.paul.post(f"/changes/{one}/announce", refs=[other])
    assert told["changes"] == [one, other]
    assert desk.paul.post(f"/changes/{third}/withdraw", reason="Not needed.")["state"] == "withdrawn"
    ref = desk.olga.post("/changes", 201, kind="remove", ref="cloud-hosting", reason="It ends.")["ref"]
    items = [{"ref": "left", "values": VALUES}, {"values": {**VALUES, "legal_name": "Right Inc."}}]
    both = desk.olga.post("/changes", 201, kind="add", items=items, reason="Two at once.")
    assert both["engagements"] == ["left", "right-inc"]
    assert desk.olga.post(f"/changes/{both['ref']}/edit", 404, values={"activity": "x"})["code"] == "unknown"
    desk.olga.post(f"/changes/{both['ref']}/edit", engagement="left", values={"activity": "Counting"})
    desk.vouch(both["ref"])
    assert desk.olga.post(f"/changes/{both['ref']}/submit", 409)["errors"][0]["detail"] == "Give the planned start"
    desk.olga.post(f"/changes/{both['ref']}/edit", planned_start="2026-06-01")
    desk.olga.post(f"/changes/{both['ref']}/submit")
    assert desk.paul.post(f"/changes/{both['ref']}/reject", reason="No.")["state"] == "rejected"
    assert [c["ref"] for c in desk.anton.get("/changes", state="draft")["data"]] == [ref]


def test_lists_come_in_pages(desk: Desk) -> None:
    for n in range(5):
        desk.olga.post("/changes", 201, kind="add", values={**VALUES, "legal_name": f"Number {n} AG"})
    seen, where = [], {"limit": "2"}
    while where:
        found = desk.anton.get("/changes", **where)
        assert len(found["data"]) <= 2
        seen += [c["ref"] for c in found["data"]]
        where = {"limit": "2", "cursor": found["next"]} if found["next"] else {}
    assert seen == ["C-5", "C-4", "C-3", "C-2", "C-1"]
    assert desk.anton.get("/changes", limit="5")["next"] is None
    assert desk.anton.get("/engagements", limit="1") == desk.anton.get("/engagements")


def test_announcing_waits_for_the_installation(make_house: Callable[..., House], tmp_path: Path) -> None:
    url = servers.fresh_sqlite(tmp_path / "real.db")
    with clock.standing(factory.NOW + timedelta(minutes=10)):
        held = api.desk(make_house(database_url=url, mail_transport="smtp", smtp_url="smtp://127.0.0.1:1"))
        ref = approved(held)
        said = held.paul.post(f"/changes/{ref}/announce", 409)
    assert said["code"] == "reply_unproven"
    assert "notifier reply ask" in said["errors"][0]["detail"]


def test_many_customers_are_written_to_after_the_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifier.workflow.rolls.PART", 1)
    ref = approved(desk)
    begun = desk.paul.post(f"/changes/{ref}/announce", key="m-1")
    assert (begun["ref"], begun["made_at"], begun["edition"]) == ("A-1", None, None)
    assert desk.paul.post(f"/changes/{ref}/announce", key="m-1") == begun
    assert desk.paul.post(f"/changes/{ref}/announce", 409)["code"] == "being_announced"
    assert desk.anton.get(f"/changes/{ref}")["state"] == "approved"
    announce.run(desk.house)
    assert desk.anton.get(f"/changes/{ref}")["state"] == "announced"


def test_the_document_tells_of_every_route_and_of_no_other(desk: Desk) -> None:
    routed = set()
    for rule in desk.app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1"):
            path = rule.rule.removeprefix("/api/v1").replace("<", "{").replace(">", "}")
            routed |= {(path, method.lower()) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    told = {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert told == routed
    served = desk.app.test_client().get("/api/v1/openapi.json")
    assert served.get_json() == DOCUMENT
    assert served.get_json()["openapi"] == "3.1.0"
    names = [op["operationId"] for methods in DOCUMENT["paths"].values() for op in methods.values()]
    assert len(set(names)) == len(names)
    for path, methods in DOCUMENT["paths"].items():
        for op in methods.values():
            named = {p["name"] for p in op.get("parameters", []) if p["in"] == "path"}
            assert {f"{{{name}}}" for name in named} == {part for part in path.split("/") if part.startswith("{")}


def test_the_command_line_and_the_api_have_the_same_verbs(desk: Desk) -> None:
    from notifier.cli.changes import changes

    verbs = {rule.rule.rsplit("/", 1)[1] for rule in desk.app.url_map.iter_rules()
             if rule.rule.startswith("/api/v1/changes/<ref>/")}
    elsewhere = {"list", "show", "propose", "preview", "vouch", "rechecks", "progress"}
    assert verbs == set(changes.commands) - elsewhere
