"""The console through a browser's eyes: real templates, real SQLite, real verbs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import select

from notifier import clock
from notifier.domain.people import Actor, Door
from notifier.jobs import deliver
from notifier.tables import Delivery, Notice
from notifier.web.console import desk
from notifier.workflow import changes, customers, objections, people, releases, silence
from notifier.workflow.objections import Filing
from tests import factory
from tests.web.conftest import Browser, Office, words

VENDOR = {
    "kind": "add", "reason": "Errors are found before customers report them.", "planned_start": "2026-05-04",
    "separable": "customer", "1__legal_name": "Logbook GmbH", "1__address": "Ring 1, Vienna", "1__country": "AT",
    "1__activity": "Error monitoring", "1__data_categories": "IP address\nuser ID", "1__guarantee": "Contract",
    "1__contact": "Lena Log", "1__contact_address": "privacy@logbook.example", "1__data_subjects": "users",
    "1__locations": "Vienna, Austria", "1__own_subprocessors": "none", "1__services": ["platform"],
}


def _actor(office: Office, name: str) -> Actor:
    return people.actor_for(office.users[name], Door.CONSOLE)


def _announced(office: Office) -> str:
    with office.house.database.transaction() as session:
        change = factory.announced(session, _actor(office, "olga"), _actor(office, "paul"), separable="customer")
    deliver.run(office.house)
    return change.ref


def _objected(office: Office) -> str:
    _announced(office)
    with office.house.database.transaction() as session:
        beta = customers.get(session, "beta")
        notice = session.exec(select(Notice).where(Notice.customer_id == beta.id)).one()
        filing = Filing("We object: <script>alert(1)</script>", "Lea", "legal@beta.example")
        return objections.file(
            session, notice.id or 0, filing, contact_id=None, actor=factory.CONTACT, now=clock.now()).ref


def _propose(browser: Browser) -> str:
    browser.get("/console/changes/new?kind=add")
    page = browser.post("/console/changes/new", **VENDOR)
    return re.findall(r"<h1>(C-\d+):", page)[0]


def _vouched(office: Office, ref: str) -> None:
    """Everything the change asks for is vouched for: tests of the documents are elsewhere."""
    with office.house.database.transaction() as session:
        factory.vouched(session, changes.get(session, ref), _actor(office, "olga"), now=clock.now())


def test_a_change_goes_from_draft_over_a_second_person_to_everybody_it_concerns(office: Office) -> None:
    olga, paul = office.browser("olga"), office.browser("paul")
    ref = _propose(olga)
    assert "Send to review" in olga.last
    assert "IP address" in olga.last
    _vouched(office, ref)
    olga.post(f"/console/changes/{ref}/submit")
    assert "This is for people with the role privacy." in words(olga.last)
    assert "Waits for you." in words(paul.get("/console/"))
    paul.get(f"/console/changes/{ref}")
    paul.post(f"/console/changes/{ref}/approve", reason="Looked through")
    assert f'href="/console/announce?change={ref}"' in paul.last
    preview = paul.get(f"/console/announce?change={ref}&customer=alpha")
    assert "buys none of the services this concerns" in preview
    assert "contract has ended" in preview
    assert "Logbook GmbH" in preview
    assert "Widerspruch" in preview  # the letter, in the customer's own language
    assert "Announce to 2 customers" in preview
    page = words(paul.post("/console/announce", change=[ref], words=""))
    assert "2 customers are owed a notice" in page
    deliver.run(office.house)
    told = words(paul.get("/console/announcements/A-1"))
    assert "Given 2" in told
    assert "Thursday, 2 April 2026" in told
    standing = words(paul.get(f"/console/changes/{ref}"))
    assert "Alpha Ltd" in standing
    assert "This customer may object until the end of" in standing
    assert "The planned start is Monday, 4 May 2026." in standing
    assert "Gamma" not in standing


def test_the_previewed_letter_says_what_the_sent_one_says(office: Office) -> None:
    with office.house.database.transaction() as session:
        ref = factory.approved(session, _actor(office, "olga"), _actor(office, "paul")).ref
    paul = office.browser("paul")
    shown = paul.get(f"/console/announce/letter.html?change={ref}&customer=beta")
    paul.get("/console/announce")
    paul.post("/console/announce", change=[ref])
    deliver.run(office.house)
    with office.house.database.reading() as db:
        sent = db.exec(select(Delivery).where(Delivery.to_email == "legal@beta.example")).one()
    stored = paul.get(f"/console/deliveries/{sent.ref}/letter.html")
    assert _same(shown) == _same(stored)


def _same(letter: str) -> str:
    """A letter without what only announcing gives: its number, the edition's hash, the head of the chain."""
    return re.sub(r"A-\S+?(?=[,\]<])|[0-9a-f]{64}|…", "*", words(letter))


def test_a_refusal_brings_the_form_back_with_everything_that_was_typed(office: Office) -> None:
    olga = office.browser("olga")
    olga.get("/console/changes/new?kind=add")
    page = olga.post("/console/changes/new", 422, **{**VENDOR, "planned_start": "4 May"})
    assert "This was not done" in page
    assert "write the day as 2026-12-24" in page
    for typed in ("Logbook GmbH", "Ring 1, Vienna", "user ID", "4 May", "Errors are found before"):
        assert typed in page
    assert re.search(r'value="platform" checked', page)
    assert re.search(r'id="separable-customer"[^>]*checked', page)


def test_what_is_missing_is_listed_and_review_refused_with_all_of_it(office: Office) -> None:
    olga = office.browser("olga")
    olga.get("/console/changes/new?kind=add")
    page = olga.post("/console/changes/new", kind="add", reason="", planned_start="", separable="no",
                     **{"1__legal_name": "Gap AG", "1__activity": "Something"})
    assert "Still missing before it can go on" in page
    page = words(olga.post("/console/changes/C-1/submit", 409))
    assert "Not yet: what is missing is listed at the top of this page." in page
    for gap in ("Give the planned start", "Registered address is not filled in", "Say in a sentence why"):
        assert gap in page


def test_a_draft_is_edited_and_keeps_its_engagement(office: Office) -> None:
    olga = office.browser("olga")
    ref = _propose(olga)
    olga.get(f"/console/changes/{ref}/edit")
    assert "Logbook GmbH" in olga.last
    page = olga.post(f"/console/changes/{ref}/edit", **{**VENDOR, "1__activity": "Log analysis", "1__services": []})
    assert "Log analysis" in page
    assert "(logbook-gmbh)" in page
    with office.house.database.reading() as db:
        after = changes.items_of(db, changes.get(db, ref))[0].after
    assert after is not None
    assert (after.ref, after.services) == ("logbook-gmbh", ())


@pytest.mark.parametrize(("kind", "form", "said"), [
    ("modify", {"1__activity": "Hosting and backups"}, "Hosting and backups"),
    ("replace", {"1__legal_name": "Other Hosting AG"}, "Replacement of Cloud Hosting GmbH by Other Hosting AG"),
    ("remove", {}, "Removal of Cloud Hosting GmbH"),
])
def test_every_kind_of_change_starts_from_what_is_on_the_list(
    office: Office, kind: str, form: dict[str, str], said: str
) -> None:
    olga = office.browser("olga")
    olga.get(f"/console/changes/new?kind={kind}&ref=cloud-hosting")
    filled = dict(re.findall(r'<input id="(1\.[a-z_]+)" name="[^"]+" value="([^"]*)"', olga.last))
    filled |= {name: value.strip("\n") for name, value in
               re.findall(r'<textarea id="(1\.[a-z_]+)"[^>]*>([^<]*)</textarea>', olga.last)}
    page = olga.post("/console/changes/new", kind=kind, ref="cloud-hosting", reason="Because.",
                     planned_start="2026-05-04", separable="no",
                     **{**filled, "1.services": ["platform"], **{k.replace("__", "."): v for k, v in form.items()}})
    assert said in words(page)


def test_the_proposer_is_told_that_a_second_person_is_needed_and_refused(office: Office) -> None:
    petra = office.browser("petra")
    ref = _propose(petra)
    _vouched(office, ref)
    petra.post(f"/console/changes/{ref}/submit")
    assert "This waits for a second person" in words(petra.last)
    assert f"/console/changes/{ref}/approve" not in petra.last
    page = words(petra.post(f"/console/changes/{ref}/approve", 403))
    assert "A second person has to do this" in page


def test_a_person_without_the_role_sees_no_button_and_is_refused(office: Office) -> None:
    ref = _propose(office.browser("olga"))
    anton = office.browser("anton")
    page = anton.get(f"/console/changes/{ref}")
    assert f'action="/console/changes/{ref}/' not in page
    assert "This is for people with the role ops, privacy." in words(page)
    _vouched(office, ref)
    anton.post(f"/console/changes/{ref}/submit", 403)
    anton.get("/console/changes/new?kind=add")
    anton.post("/console/changes/new", 403, **VENDOR)
    with office.house.database.transaction() as session:
        approved = factory.approved(session, _actor(office, "olga"), _actor(office, "paul")).ref
    page = anton.get(f"/console/announce?change={approved}")
    assert "This is for people with the role privacy." in page
    anton.post("/console/announce", 403, change=[approved])
    anton.post("/console/people", 403, name="X", email="x@y.example", password="long enough here", role=["ops"])
    anton.post("/console/customers/beta/contacts", 403, email="x@beta.example", role="notice")


def test_sending_back_needs_words_and_keeps_the_page(office: Office) -> None:
    ref = _propose(office.browser("olga"))
    paul = office.browser("paul")
    _vouched(office, ref)
    paul.post(f"/console/changes/{ref}/submit")
    assert "needs a reason" in paul.post(f"/console/changes/{ref}/send_back", 422, reason="  ")
    page = words(paul.post(f"/console/changes/{ref}/send_back", reason="Where do the servers stand?"))
    assert "“Where do the servers stand?”" in page
    assert "Sent back" in page


def test_announcing_is_refused_while_letters_would_only_be_written_to_a_folder(
    make_office: Callable[..., Office]
) -> None:
    office = make_office()
    with office.house.database.transaction() as session:
        ref = factory.approved(session, _actor(office, "olga"), _actor(office, "paul")).ref
    paul = office.browser("paul")
    assert "Set a real mail transport" in paul.get(f"/console/announce?change={ref}")
    page = paul.post("/console/announce", 409, change=[ref], words="Kept words")
    assert "Set a real mail transport before you announce." in page
    assert "Kept words" in page


def test_customers_are_released_one_by_one_or_refused_with_what_stands_in_the_way(office: Office) -> None:
    ref = _announced(office)
    paul = office.browser("paul")
    assert "Not yet: what stands in the way is listed above." in paul.get(f"/console/changes/{ref}")
    assert f'action="/console/changes/{ref}/take_effect"' not in paul.last
    page = words(paul.post(f"/console/changes/{ref}/take_effect", 409, customer="beta"))
    assert "Still standing in its way:" in page
    assert "Beta Ltd (beta): The planned start is" in page
    with clock.standing(factory.NOW + timedelta(days=64)):
        page = words(paul.get(f"/console/changes/{ref}"))
        assert "Nothing: clear" in page
        paul.post(f"/console/changes/{ref}/take_effect", customer="beta")
        with office.house.database.reading() as db:
            found = releases.standings(db, changes.get(db, ref), clock.now())
        assert {s.customer.ref: bool(s.part.released_at) for s in found} == {"alpha": False, "beta": True}
        anton = office.browser("anton")
        anton.get(f"/console/changes/{ref}")
        anton.post(f"/console/changes/{ref}/take_effect", 403)


def test_withdrawing_an_announced_change_tells_who_was_told(office: Office) -> None:
    ref = _announced(office)
    paul = office.browser("paul")
    paul.get(f"/console/changes/{ref}")
    page = words(paul.post(f"/console/changes/{ref}/withdraw", reason="We keep it in house."))
    assert "Withdrawn" in page
    with office.house.database.reading() as db:
        told = db.exec(select(Delivery).where(Delivery.kind == "change_withdrawn")).all()
    assert {d.to_email for d in told} == {"legal@alpha.example", "dpo@alpha.example", "legal@beta.example"}


def test_withdrawing_before_the_letters_have_left_cancels_them(office: Office) -> None:
    with office.house.database.transaction() as session:
        ref = factory.announced(session, _actor(office, "olga"), _actor(office, "paul")).ref
    paul = office.browser("paul")
    paul.get(f"/console/changes/{ref}")
    paul.post(f"/console/changes/{ref}/withdraw", reason="Announced by mistake.")
    deliver.run(office.house)
    with office.house.database.reading() as db:
        left = db.exec(select(Delivery).where(Delivery.notice_id.is_not(None))).all()  # type: ignore[union-attr]
    assert {str(d.state) for d in left} == {"cancelled"}


def test_an_objection_is_answered_and_what_it_says_is_only_text(office: Office) -> None:
    ref = _objected(office)
    paul = office.browser("paul")
    page = paul.get(f"/console/objections/{ref}")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Only the customer can do this." in page
    paul.post(f"/console/objections/{ref}/acknowledge", words="We look at it.")
    assert "We look at it." in paul.last
    assert "needs a reason" in paul.post(f"/console/objections/{ref}/message", 422, words="")
    paul.post(f"/console/objections/{ref}/message", words="Could we speak on Friday?")
    page = words(paul.post(f"/console/objections/{ref}/resolve", words="Data stays in Zürich."))
    assert "Measure agreed Data stays in Zürich." in page


def test_a_reasoned_no_takes_two_people_with_the_same_words(office: Office) -> None:
    ref = _objected(office)
    paul, petra = office.browser("paul"), office.browser("petra")
    paul.get(f"/console/objections/{ref}")
    paul.post(f"/console/objections/{ref}/acknowledge")
    page = words(paul.post(f"/console/objections/{ref}/not_uphold", words="The safeguards are in place."))
    assert "A second person signs them before anything is sent." in page
    assert "This waits for a second person: you have asked for it." in page
    assert "asked for by Paul Privacy" in words(petra.get("/console/"))
    page = petra.get(f"/console/objections/{ref}")
    assert "Paul Privacy asks for a second signature." in page
    assert ">The safeguards are in place.</textarea>" in page
    page = words(petra.post(f"/console/objections/{ref}/not_uphold", words="The safeguards are in place."))
    assert "is not upheld; the customer is told" in page


def test_a_termination_is_recorded_with_service_and_day(office: Office) -> None:
    ref = _objected(office)
    paul = office.browser("paul")
    paul.get(f"/console/objections/{ref}")
    paul.post(f"/console/objections/{ref}/acknowledge")
    paul.post(f"/console/objections/{ref}/no_agreement", words="We found none.")
    assert "write the day as" in paul.post(f"/console/objections/{ref}/terminate", 422, service="platform", ends_on="")
    page = words(paul.post(f"/console/objections/{ref}/terminate", service="platform", ends_on="2026-06-30"))
    assert "platform, Tuesday, 30 June 2026" in page


def test_letters_that_failed_come_first_and_one_shows_all_that_happened(office: Office) -> None:
    _announced(office)
    paul = office.browser("paul")
    page = paul.get("/console/deliveries")
    ref = re.findall(r'href="/console/deliveries/([0-9a-f-]{36})"', page)[0]
    page = words(paul.get(f"/console/deliveries/{ref}"))
    assert "taken in hand by a worker" in page
    letter = paul.client.get(f"/console/deliveries/{ref}/letter.html")
    assert "sandbox" in letter.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in letter.headers["Content-Security-Policy"]
    assert "frame-src 'self'" in paul.client.get(f"/console/deliveries/{ref}").headers["Content-Security-Policy"]


def test_a_contact_is_added_and_retired(office: Office) -> None:
    olga = office.browser("olga")
    olga.get("/console/customers/beta")
    page = words(olga.post("/console/customers/beta/contacts", name="Bea", email="bea@Beta.example", role="notice"))
    assert "Bea bea@beta.example" in page
    assert "is not an address" in olga.post("/console/customers/beta/contacts", 422, email="bea at beta", role="notice")
    assert "bea at beta" in olga.last
    with office.house.database.reading() as db:
        bea = next(c for c in customers.contacts(db, customers.get(db, "beta")) if c.name == "Bea")
    assert "retired" in olga.post(f"/console/customers/beta/contacts/{bea.id}/retire")
    olga.post(f"/console/customers/alpha/contacts/{bea.id}/retire", 404)


def test_the_previewed_letter_is_sent_to_whoever_looks_at_it_and_doubtful_addresses_are_listed(office: Office) -> None:
    paul = office.browser("paul")
    with office.house.database.transaction() as session:
        ref = factory.approved(session, _actor(office, "olga"), _actor(office, "paul")).ref
        for contact in customers.contacts(session, customers.get(session, "alpha"))[:1]:
            contact.bounced_at = clock.now()
    page = paul.get(f"/console/announce?change={ref}&customer=beta&language=it")
    assert "Addresses to look at first. They do not hinder announcing:" in words(page)
    assert "legal@alpha.example: a letter came back from it on" in words(page)
    assert "Addresses for notices to look at" in words(paul.get("/console/"))
    paul.get(f"/console/announce?change={ref}&customer=beta&language=it")
    told = paul.post("/console/announce/send-me", change=[ref], customer="beta", language="it")
    assert "The test letter is on its way to paul@processor.example." in words(told)
    paul.post("/console/announce/send-me", change=[ref], customer="nobody", language="it", status=404)
    with office.house.database.reading() as session:
        [sent] = session.exec(select(Delivery).where(Delivery.kind == "change_previewed")).all()
        assert (sent.to_email, sent.language, sent.notice_id) == ("paul@processor.example", "it", None)


def test_an_address_that_was_checked_is_noted(office: Office) -> None:
    olga = office.browser("olga")
    page = olga.get("/console/customers/alpha")
    path = re.findall(r'action="(/console/customers/alpha/contacts/\d+/checked)"', page)[0]
    assert "Noted: the address is the right one." in words(olga.post(path))
    assert "checked:" in words(olga.get("/console/customers/alpha"))
    anton = office.browser("anton")
    anton.get("/console/customers/alpha")
    anton.post(path, status=403)
    olga.get("/console/customers/alpha")
    olga.post("/console/customers/beta/contacts/1/checked", status=404)


def test_what_silence_meant_stands_with_the_notice(office: Office) -> None:
    ref = _announced(office)
    after = factory.NOW + timedelta(days=40)
    with office.house.database.transaction() as session:
        assert silence.note_ended(session, actor=factory.SYSTEM, now=after)
    paul = office.browser("paul")
    for path in ("/console/customers/alpha", "/console/announcements/A-1"):
        page = words(paul.get(path))
        assert f"{ref}: No objection came by the last day: silence counted as authorisation" in page


def test_an_administrator_adds_a_person_and_ends_their_access_at_once(office: Office) -> None:
    petra, olga = office.browser("petra"), office.browser("olga")
    petra.get("/console/people")
    assert "at least 10 characters" in petra.post("/console/people", 422, name="Nina", email="nina@processor.example",
                                                  password="short", role=["ops"])
    assert 'value="Nina"' in petra.last
    assert "Nina can sign in now." in words(petra.post(
        "/console/people", name="Nina", email="nina@processor.example", password="long enough", role=["ops"]))
    petra.post(f"/console/people/{office.users['olga'].id}/disable")
    assert olga.client.get("/console/").status_code == 302
    assert "last person with the role admin" in petra.post(f"/console/people/{office.users['petra'].id}/disable", 409)


def test_the_audit_log_tells_who_did_what_and_checks_itself(office: Office) -> None:
    ref = _propose(office.browser("olga"))
    page = words(office.browser("anton").get("/console/audit?verify=1"))
    assert "The log is sound." in page
    assert f"Olga Ops proposed “Errors are found before customers report them.” Change {ref}" in page


def test_no_page_of_the_console_fails_for_anybody_in_any_state(office: Office) -> None:
    _objected(office)
    for name in ("olga", "paul", "petra", "anton"):
        browser = office.browser(name)
        left, seen = ["/console/", "/demo", "/demo/outbox"], set[str]()
        while left:
            path = left.pop()
            if path not in seen:
                seen.add(path)
                page = browser.get(path)
                left += [p.replace("&amp;", "&") for p in re.findall(r'(?:href|src)="(/(?:console|demo)[^"#]*)"', page)]
        assert len(seen) > 30


def test_names_from_outside_are_escaped_wherever_they_stand(office: Office) -> None:
    hostile = '"><img src=x onerror=alert(1)>'
    olga = office.browser("olga")
    olga.get("/console/changes/new?kind=add")
    page = olga.post("/console/changes/new", **{**VENDOR, "1__legal_name": hostile, "reason": hostile})
    for path in ("", "/edit"):
        page = olga.get(f"/console/changes/C-1{path}")
        assert "<img" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img" not in olga.get("/console/customers?q=" + hostile)


def test_the_console_speaks_the_language_of_the_person(office: Office) -> None:
    with office.house.database.transaction() as session:
        row = people.by_email(session, "paul@processor.example")
        row.language = "de"
    page = office.browser("paul").get("/console/")
    assert '<html lang="de">' in page
    assert "Nichts wartet auf jemanden." in page


def test_every_state_has_a_name_and_every_letter_too() -> None:
    from notifier.domain.letters import LetterKind
    from notifier.domain.states import MACHINES
    from notifier.web.console.deliveries import KINDS

    assert set(desk.STATES) == {str(state) for machine in MACHINES for state in machine.states}
    assert set(KINDS) == {str(kind) for kind in LetterKind}
