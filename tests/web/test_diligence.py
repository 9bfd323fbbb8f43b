"""Due diligence in the console: handing in, what is open, reviews and endings on the board; and what customers see."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlmodel import select

from notifier import clock
from notifier.domain.evidence import MOST_BYTES, EvidenceKind, Given
from notifier.domain.people import Actor, Door
from notifier.house import House
from notifier.tables import Offboarding
from notifier.workflow import announcements, changes, evidence, people
from tests import factory, servers
from tests.factory import NOW
from tests.web import customer_house as customers
from tests.web.conftest import Office, words
from tests.web.customer_house import Told
from tests.workflow.test_offboarding import removed

K = EvidenceKind
PDF = b"%PDF-1.4 certificate"
SHA256 = hashlib.sha256(PDF).hexdigest()
REF = "analytics-inc"


def _actor(office: Office, name: str) -> Actor:
    return people.actor_for(office.users[name], Door.CONSOLE)


def _draft(office: Office) -> str:
    with office.house.database.transaction() as session:
        item = changes.draft(session, changes.ChangeKind.ADD, values=factory.ANALYTICS)
        return changes.propose(session, [item], reason="To learn.", planned_start=factory.START,
                               actor=_actor(office, "olga"), now=NOW).ref


def _upload(name: str = "iso 27001 “neu”.pdf", body: bytes = PDF) -> tuple[BytesIO, str]:
    return BytesIO(body), name


def test_a_document_is_handed_in_for_several_points_and_the_rest_stays_open(office: Office) -> None:
    ref, olga = _draft(office), office.browser("olga")
    page = words(olga.get(f"/console/changes/{ref}"))
    assert "Analytics Inc.: not vouched for: Signed processing agreement (agreement)" in page
    assert page.count("not vouched for") == 16  # each in the list at the top and in the table
    page = words(olga.post(f"/console/changes/{ref}/vouch", engagement=REF, kind=["security_review", "agreement"],
                           file=_upload(), customers_may_see="on", words="Looked through."))
    assert f"{ref}: what you handed in is kept." in page
    assert "iso 27001 “neu”.pdf customers may see it Looked through. Olga Ops" in page
    assert SHA256 in page
    assert "Tuesday, 2 March 2027" in page
    assert page.count("not vouched for") == 12
    with office.house.database.transaction() as session:
        factory.vouched(session, changes.get(session, ref), _actor(office, "olga"))
    assert "is in review now" in words(olga.post(f"/console/changes/{ref}/submit"))


def test_a_refusal_keeps_what_was_typed_and_says_what_to_hand_in(office: Office) -> None:
    ref, olga = _draft(office), office.browser("olga")
    olga.get(f"/console/changes/{ref}")
    address = f"/console/changes/{ref}/vouch"
    page = olga.post(address, 422, engagement=REF, kind=["agreement"], words="Signed in May.",
                     next_review_on="2026-05-01")
    assert "Signed processing agreement: hand in a file or a link, or say why it does not apply" in words(page)
    assert "Signed in May." in page
    assert re.search(r'id="vouch-agreement"[^>]* checked', page)
    assert 'value="2026-05-01"' in page
    for form, said in (
        ({"kind": []}, "name at least one"), ({"kind": ["nonsense"]}, "choose one of those offered"),
        ({"kind": ["dpo"], "file": _upload("empty.pdf", b"")}, "empty.pdf: this file is empty"),
        ({"kind": ["dpo"], "not_applicable": "on"}, "needs a reason"),
        ({"kind": ["dpo"], "words": "Nora", "next_review_on": "soon"}, "write the day as 2026-12-24"),
    ):
        assert said in words(olga.post(address, 422, engagement=REF, **form))
    olga.post(address, 404, engagement="other", kind=["dpo"], words="Nora")
    anton = office.browser("anton")
    assert 'name="kind"' not in anton.get(f"/console/changes/{ref}")
    anton.post(address, 403, engagement=REF, kind=["dpo"], words="Nora")


def test_a_file_that_is_too_large_is_refused_in_words(office: Office) -> None:
    ref, olga = _draft(office), office.browser("olga")
    olga.get(f"/console/changes/{ref}")
    parts = "".join(f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in (
        ("csrf_token", olga.token), ("engagement", REF), ("kind", "dpo")))
    head = '--cut\r\nContent-Disposition: form-data; name="file"; filename="big.pdf"\r\n\r\n'
    body = (parts + head).encode() + b"x" * (MOST_BYTES + 1) + b"\r\n--cut--\r\n"
    answer = olga.client.post(f"/console/changes/{ref}/vouch", data=body,
                              content_type="multipart/form-data; boundary=cut")
    assert answer.status_code == 422
    assert "big.pdf: a document may have 10 MB at most" in words(answer.text)


def test_a_document_is_saved_under_its_name_and_no_other_stored_bytes_are_given_out(office: Office) -> None:
    ref, olga = _draft(office), office.browser("olga")
    olga.get(f"/console/changes/{ref}")
    page = olga.post(f"/console/changes/{ref}/vouch", engagement=REF, kind=["agreement"],
                     file=_upload("..\\<script>alert(1)</script>\u202efdp.pdf"))
    assert "<script>" not in page
    answer = olga.client.get(f"/console/documents/{SHA256}")
    assert answer.data == PDF
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename=scriptfdp.pdf"
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-store")
    olga.get(f"/console/documents/{'0' * 64}", 404)
    assert office.app.test_client().get(f"/console/documents/{SHA256}").status_code == 302


def test_a_review_falls_due_on_the_board_and_is_renewed_on_the_engagements_page(office: Office) -> None:
    olga = office.browser("olga")
    assert "Due diligence" not in words(olga.get("/console/").split("<main")[1])
    assert "never reviewed so far" in words(olga.get("/console/diligence"))
    with clock.standing(NOW + timedelta(days=340)):
        board = words(olga.get("/console/"))
        assert "Cloud Hosting GmbH : Review of the security measures due by 2 March 2027" in board
        assert "Nobody has vouched for it since this came onto the list." in board
    with clock.standing(NOW + timedelta(days=370)):
        assert "overdue since 2 March 2027" in words(olga.get("/console/"))
        assert "overdue" in words(olga.get("/console/diligence"))
        page = words(olga.get("/console/diligence/cloud-hosting"))
        assert "somebody has to look again by Tuesday, 2 March 2027" in page
        olga.post("/console/diligence/cloud-hosting", 422, kind=["security_review"])
        page = words(olga.post("/console/diligence/cloud-hosting", kind=["security_review"], file=_upload()))
        assert "What you handed in is kept." in page
        assert "Tuesday, 7 March 2028" in page
        assert "overdue" not in words(olga.get("/console/").split("<main")[1])
    olga.get("/console/diligence/nobody", 404)
    anton = office.browser("anton")
    assert 'name="kind"' not in anton.get("/console/diligence/cloud-hosting")
    anton.post("/console/diligence/cloud-hosting", 403, kind=["security_review"], file=_upload())


def test_an_ending_stands_on_the_board_until_somebody_confirms_it_with_a_file(office: Office) -> None:
    with office.house.database.transaction() as session:
        change = removed(session, _actor(office, "olga"), _actor(office, "paul"))
    with office.house.database.reading() as session:
        number = session.exec(select(Offboarding.id)).one()
    olga = office.browser("olga")
    assert "Return or destruction at the end due by 1 April 2026" in words(olga.get("/console/"))
    assert "has to be confirmed by Wednesday, 1 April 2026" in words(olga.get(f"/console/changes/{change.ref}"))
    olga.get("/console/diligence")
    page = words(olga.post(f"/console/offboarding/{number}/extend", due_on="2026-05-01", reason="Backups."))
    assert "It was due on Wednesday, 1 April 2026. Olga Ops" in page
    assert f"/console/offboarding/{number}/extend" not in olga.last
    page = olga.post(f"/console/offboarding/{number}/extend", 409, due_on="2026-06-01", reason="Again.")
    assert "moved once already, to Friday, 1 May 2026" in words(page)
    olga.post(f"/console/offboarding/{number}/extend", 422, due_on="", reason="x")
    with clock.standing(NOW + timedelta(days=70)):
        assert "overdue since 1 May 2026" in words(olga.get("/console/"))
        page = olga.post(f"/console/offboarding/{number}/confirm", 422, what="destroyed", words="By telephone.")
        assert "hand in the confirmation as a file" in words(page)
        assert "By telephone." in page
        olga.post(f"/console/offboarding/{number}/confirm", what="destroyed", file=_upload("protocol.pdf"))
        page = words(olga.last)
        assert "Ended, and confirmed" in page
        assert f"protocol.pdf Olga Ops, 11 May 2026, 11:00 (Europe/Zurich) SHA-256 {SHA256}" in page
        assert "The data was destroyed" in words(olga.get(f"/console/changes/{change.ref}"))
        assert "overdue" not in words(olga.get("/console/").split("<main")[1])
    assert olga.client.get(f"/console/documents/{SHA256}").data == PDF
    olga.post(f"/console/offboarding/{number}/confirm", 409, what="destroyed", file=_upload())
    olga.post("/console/offboarding/99/confirm", 404, what="destroyed", file=_upload())


# The customer's side


@pytest.fixture
def told(make_house: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Customers told of an addition; another one is proposed, and nobody has been told of it."""
    house: House = make_house(database_url=servers.fresh_sqlite(tmp_path / "notifier.db"))  # type: ignore[operator]
    return customers.told(house, monkeypatch)


def _hand_in(told: Told, ref: str, **given: object) -> None:
    with told.house.database.transaction() as db:
        change = changes.get(db, told.changes[0])
        evidence.vouch(db, change, ref, [K.SECURITY_REVIEW, K.AGREEMENT], Given(**given), actor=told.olga, now=NOW)  # type: ignore[arg-type]


def test_a_customer_sees_and_saves_only_what_is_marked_for_it(told: Told) -> None:
    home = told.link("acme")
    assert "Documents about this sub-processor" not in told.client.get(home).text
    _hand_in(told, REF, file=("secret.pdf", b"%PDF not for customers"))
    _hand_in(told, REF, file=("iso ü.pdf", PDF), customers_may_see=True)
    page = told.client.get(home)
    listed = "iso ü.pdf : Review of the security measures, Signed processing agreement"
    assert f"Documents about this sub-processor {listed}" in customers.words(page)
    assert SHA256 in page.text
    assert "secret.pdf" not in page.text
    answer = told.client.get(f"{home}/documents/{SHA256}")
    assert (answer.status_code, answer.data, answer.content_type) == (200, PDF, "application/octet-stream")
    name = "attachment; filename=\"iso u.pdf\"; filename*=UTF-8''iso%20%C3%BC.pdf"
    assert answer.headers["Content-Disposition"] == name
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-store")
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    for sha256 in (hashlib.sha256(b"%PDF not for customers").hexdigest(), "0" * 64, "x"):
        assert told.client.get(f"{home}/documents/{sha256}").status_code == 404
    assert told.client.get(f"/n/wrong/documents/{SHA256}").status_code == 404


def test_a_document_about_somebody_else_or_one_taken_back_is_not_for_this_customer(told: Told) -> None:
    home = told.link("acme")
    with told.house.database.transaction() as db:
        other = factory.approved(db, told.olga, told.paul, legal_name="Other Inc.")
        evidence.vouch(db, other, "other-inc", [K.AGREEMENT], Given(file=("other.pdf", PDF), customers_may_see=True),
                       actor=told.olga, now=NOW)
    assert told.client.get(f"{home}/documents/{SHA256}").status_code == 404
    _hand_in(told, REF, file=("iso.pdf", PDF), customers_may_see=True)
    assert told.client.get(f"{home}/documents/{SHA256}").status_code == 200
    _hand_in(told, REF, link="https://analytics.example/trust?a=1&b=2", customers_may_see=True)
    page = told.client.get(home)
    assert told.client.get(f"{home}/documents/{SHA256}").status_code == 404
    assert '<a href="https://analytics.example/trust?a=1&amp;b=2" rel="noreferrer">' in page.text
    assert "(on another site)" in page.text
    _hand_in(told, REF, file=("iso.pdf", PDF))
    assert "Documents about this sub-processor" not in told.client.get(home).text


def test_what_was_withdrawn_shows_no_documents_any_more(told: Told) -> None:
    _hand_in(told, REF, file=("iso.pdf", PDF), customers_may_see=True)
    with told.house.database.transaction() as db:
        announcements.withdraw(db, told.changes[0], "Not needed.", actor=told.paul, now=clock.now())
    home = told.link("acme")
    assert told.client.get(f"{home}/documents/{SHA256}").status_code == 404
    assert "iso.pdf" not in told.client.get(home).text
