"""The reply address in the console: the page, the preview that waits for it, the board that reminds of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import select

from notifier import clock
from notifier.domain.people import Actor, Door
from notifier.jobs import deliver
from notifier.mail import outbox
from notifier.tables import ReplyProof
from notifier.workflow import corrections, people
from tests import factory
from tests.web.conftest import Office, words

UNPROVEN = "nobody has proven within the last 30 days"


def _actor(office: Office, name: str) -> Actor:
    return people.actor_for(office.users[name], Door.CONSOLE)


def _approved(office: Office) -> str:
    with office.house.database.transaction() as session:
        return factory.approved(session, _actor(office, "olga"), _actor(office, "paul")).ref


@pytest.fixture
def smtp(make_office: Callable[..., Office]) -> Office:
    """An office outside a demo that would send by SMTP; nothing is sent here."""
    return make_office(mail_transport="smtp", smtp_url="smtp://127.0.0.1:1")


def _code(office: Office) -> str:
    """The code of the newest test mail, as its reader sees it."""
    with office.house.database.reading() as db:
        row = db.exec(select(ReplyProof).order_by(ReplyProof.id.desc())).first()  # type: ignore[union-attr]
    assert row is not None
    return office.house.sender.signer.code(row.nonce)


def test_announcing_waits_until_somebody_has_entered_the_code(smtp: Office) -> None:
    ref, paul = _approved(smtp), smtp.browser("paul")
    assert UNPROVEN in words(paul.get("/console/"))
    page = words(paul.get(f"/console/announce?change={ref}"))
    assert UNPROVEN in page and "Prove that it is read" in page
    assert UNPROVEN in words(paul.post("/console/announce", 409, change=[ref]))
    assert "was never proven" in words(paul.get("/console/reply"))
    paul.post("/console/reply/ask")
    assert "on its way to privacy@processor.example" in words(paul.last)
    code = _code(smtp)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    page = words(paul.post("/console/reply/prove", 422, code=wrong))
    assert "Tries left: 4." in page and "Wrong codes so far: 1." in page
    assert "write the six digits" in words(paul.post("/console/reply/prove", 422, code="no"))
    page = words(paul.post("/console/reply/prove", code=f"{code[:3]} {code[3:]}"))
    assert "It is proven that privacy@processor.example is read." in page
    assert "by Paul Privacy" in page and "Wednesday" not in page
    assert "No code waits" in words(paul.post("/console/reply/prove", 409, code=code))
    assert UNPROVEN not in words(paul.get("/console/"))
    assert "that it is read is proven until" in words(paul.get(f"/console/announce?change={ref}"))
    assert "A-1 is announced" in words(paul.post("/console/announce", change=[ref]))


def test_a_proof_that_ran_out_is_asked_for_again(smtp: Office) -> None:
    ref, paul = _approved(smtp), smtp.browser("paul")
    paul.get("/console/reply")
    paul.post("/console/reply/ask")
    paul.post("/console/reply/prove", code=_code(smtp))
    for days, said in ((24, "holds"), (26, "runs out soon"), (31, "has run out")):
        with clock.standing(clock.now() + timedelta(days=days)):
            assert said in words(paul.get("/console/reply"))
            assert (UNPROVEN in words(paul.get("/console/"))) == (days == 31)
            assert (UNPROVEN in words(paul.get(f"/console/announce?change={ref}"))) == (days == 31)


def test_a_correction_that_announces_anew_waits_too_and_one_that_informs_does_not(smtp: Office) -> None:
    with smtp.house.database.transaction() as session:
        change = factory.announced(session, _actor(smtp, "olga"), _actor(smtp, "paul"))
    olga, paul = smtp.browser("olga"), smtp.browser("paul")
    olga.get(f"/console/changes/{change.ref}/correct")
    form = {"1__legal_name": "ANALYTICS Inc.", "reason": "Misspelled.", "planned_start": "2026-05-04"}
    path = f"/console/changes/{change.ref}/correct"
    assert "customers are informed" in words(olga.post(path, **{**_typed(olga.last), **form}))
    olga.get(path)
    wider = {**_typed(olga.last), "1__locations": "United States\nIndia", "reason": "India too.",
             "planned_start": "2026-08-03"}
    assert UNPROVEN in words(olga.post(path, 409, **wider))
    with smtp.house.database.reading() as db:
        assert corrections.asked_for(db, change) is None
    olga.get("/console/reply")
    olga.post("/console/reply/ask")
    olga.post("/console/reply/prove", code=_code(smtp))
    olga.get(path)
    assert "waits for a second person" in words(olga.post(path, **wider))
    with clock.standing(clock.now() + timedelta(days=31)):
        paul.get(f"/console/changes/{change.ref}")
        assert UNPROVEN in words(paul.post(f"/console/changes/{change.ref}/sign_correction", 409))
    assert "is corrected" in words(paul.post(f"/console/changes/{change.ref}/sign_correction"))


def _typed(page: str) -> dict[str, object]:
    """What a browser would send of the form as it came."""
    from lxml import html

    form = html.fromstring(page.encode()).xpath("//form[@method='post']")[0]
    found: dict[str, list[str]] = {}
    for name, value in form.form_values():
        if name != "csrf_token":
            found.setdefault(name.replace(".", "__"), []).append(value)
    return dict(found)


def test_only_ops_and_privacy_may(smtp: Office) -> None:
    anton = smtp.browser("anton")
    assert "This is for people with the role ops, privacy." in words(anton.get("/console/reply"))
    smtp.browser("olga").get("/console/reply")
    anton.get("/console/people")
    assert anton.client.post("/console/reply/ask", data={"csrf_token": anton.token}).status_code == 403


def test_in_a_demo_it_counts_as_read_and_may_be_tried(office: Office) -> None:
    ref, paul = _approved(office), office.browser("paul")
    assert UNPROVEN not in words(paul.get(f"/console/announce?change={ref}"))
    assert "In a demo it counts as read without this" in words(paul.get("/console/reply"))
    paul.post("/console/reply/ask")
    deliver.run(office.house)
    letters = [x for x in outbox.read(office.house.settings.data_dir / "outbox") if "Test mail" in x.subject]
    code = re.findall(r"^> (\d{6})$", letters[0].text, re.M)[0]
    assert "It is proven" in words(paul.post("/console/reply/prove", code=code))


def test_the_preview_counts_by_service_language_and_contacts(office: Office) -> None:
    from notifier.workflow import customers
    from notifier.workflow.customers import ContactEntry

    with office.house.database.transaction() as session:
        factory.take_in(session, factory.customer("epsilon", services=(), language="fr"),
                        factory.customer("zeta", services=("platform", "archive")))
        zeta = customers.get(session, "zeta")
        gone = customers.contacts(session, zeta)[0]
        gone.barred_at = factory.NOW
        customers.add_contact(session, customers.get(session, "beta"), ContactEntry("two@beta.example", "Two"),
                              actor=_actor(office, "olga"), now=factory.NOW)
    ref = _approved(office)
    page = words(office.browser("paul").get(f"/console/announce?change={ref}"))
    assert "By service platform: 4" in page
    assert "By language de: 1, en: 2, fr: 1" in page
    assert "By number of contacts with nobody to write to: 1 , with one contact: 1, with 2 contacts: 2" in page
    assert "Zeta Ltd has no notice contact." in page
