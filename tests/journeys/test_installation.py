"""The main job as people do it: real processes, the command line, Mailjet over TLS, a lawyer's browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from notifier import clock
from notifier.db import Database
from notifier.tables import Delivery, Objection
from tests.journeys.installation import Installation, running
from tests.mailjet_standin import MailjetStandIn, Taken

CUSTOMERS = """customer_ref;name;language;services;agreement;clause;contact_name;contact_email;notify
alpha;Alpha Treuhand AG;de;Platform;ADV;7;Lea Recht;legal@alpha.example;all
beta;Beta Ltd;en;Platform;DPA;7;Bob;bounce@beta.example;in_order
beta;Beta Ltd;en;Platform;DPA;7;Bea;legal@beta.example;in_order
"""
LIST = [{"name": "Cloud Hosting GmbH", "address": "Ring 3, 10115 Berlin", "country": "DE", "activity": "Hosting",
         "personal_data": "name; e-mail", "guarantee": "DPA", "services": "Platform"}]
VENDOR = {
    "legal_name": "Analytics Inc.", "address": "1 Front Street, San Francisco", "country": "US",
    "activity": "Analysis of usage", "data_categories": ["usage data"], "guarantee": "DPA", "services": ["platform"],
    "transfer_basis": "EU standard contractual clauses", "contact": "Ann Lytic", "data_subjects": ["users"],
    "locations": ["United States"], "own_subprocessors": "none",
}
KINDS = ("security_review", "selection", "agreement", "standard_clauses", "dpo", "audit_rights",
         "further_subprocessors", "return_or_destruction")


@pytest.fixture
def mailjet() -> Iterator[MailjetStandIn]:
    with MailjetStandIn(tls=True, key="public", secret="private") as standin:
        yield standin


@pytest.mark.timeout(300)
def test_an_operator_takes_a_vendor_from_proposal_to_two_ends_of_an_objection(
    tmp_path: Path, postgres_url: str, mailjet: MailjetStandIn
) -> None:
    env = {
        "DATABASE_URL": postgres_url, "NOTIFIER_DATA_DIR": str(tmp_path / "var"), "NOTIFIER_SECRET_KEY": "s" * 40,
        "NOTIFIER_MAIL_TRANSPORT": "mailjet", "MAILJET_API_KEY": "public", "MAILJET_API_SECRET": "private",
        "NOTIFIER_MAILJET_URL": mailjet.url, "REQUESTS_CA_BUNDLE": str(mailjet.ca_file),
        "NOTIFIER_MAILJET_EVENTS_AUTH": "events:secret", "NOTIFIER_ORG_LEGAL_NAME": "Processor AG",
        "NOTIFIER_ORG_ADDRESS": "Bahnhofstrasse 1, 8001 Zürich", "NOTIFIER_ORG_CONTACT": "privacy@processor.example",
        "NOTIFIER_MAIL_FROM": "notices@processor.example",
    }
    with running(tmp_path / "run", ["run"], env) as here, closing(Database(postgres_url)) as database:
        olga, paul, petra = _people(here)
        _lists(here, tmp_path)
        ref = _announced(here, tmp_path, mailjet, olga, paul)

        here.until(lambda: {"legal@alpha.example", "bounce@beta.example"} <= _letters(mailjet).keys())
        letters = _letters(mailjet)
        webhook = f"{here.url}/webhooks/mailjet"
        assert here.post(webhook, {})[0] == 401
        for address, kind in (("legal@alpha.example", "sent"), ("bounce@beta.example", "bounce")):
            mailjet.deliver_events(webhook, ("events", "secret"), mailjet.events_for(letters[address], kind))
        here.until(lambda: _letter_states(database)["bounce@beta.example"] == "bounced")
        told = {n["customer"]: n["state"] for n in here.read("notices", "list")}
        assert told == {"alpha": "given", "beta": "pending"}
        second = here.until(lambda: _letters(mailjet).get("legal@beta.example"))
        mailjet.deliver_events(webhook, ("events", "secret"), 2 * mailjet.events_for(second, "sent"))
        here.until(lambda: _letter_states(database)["legal@beta.example"] == "delivered")
        assert {n["state"] for n in here.read("notices", "list")} == {"given"}

        assert "may object until" in here.cli("changes", "release", ref, token=paul, status=1)
        here.cli("changes", "blockers", ref, status=1)
        here.cli("may-process", "analytics-inc", "alpha", status=1)

        first = _object(here, letters["legal@alpha.example"].item["TextPart"], "Ohne Angemessenheitsbeschluss nicht.")
        other = _object(here, second.item["TextPart"], "We cannot accept this.")
        here.cli("objections", "acknowledge", first, token=paul)
        here.cli("objections", "resolve", first, "--measure", "Daten nur pseudonymisiert.", token=paul)
        here.cli("objections", "acknowledge", other, token=paul)
        here.cli("objections", "no-agreement", other, "--reason", "No alternative exists.", token=petra)
        end = here.until(lambda: _letters(mailjet, "/terminate").get("legal@beta.example"))
        mailjet.deliver_events(webhook, ("events", "secret"), mailjet.events_for(end, "sent"))
        here.until(lambda: _right_until(database, other))
        assert here.read("objections", "show", other)["right_until"]
        here.cli("objections", "terminate", other, "--service", "platform", "--on",
                 (clock.now().date() + timedelta(days=60)).isoformat(), token=paul)
        ended = {o["ref"]: o["state"] for o in here.read("objections", "list")}
        assert ended == {first: "resolved", other: "terminated"}
        assert here.get("/subprocessors.json")[1].count("Analytics Inc.") > 0
        here.cli("audit", "verify")


def _letter_states(database: Database) -> dict[str, str]:
    """How each notice letter stands; asked of the database, since asking the command line costs a second."""
    with database.reading() as session:
        rows = session.exec(select(Delivery).where(Delivery.kind == "change_announced"))
        return {row.to_email: str(row.state) for row in rows}


def _right_until(database: Database, ref: str) -> date | None:
    with database.reading() as session:
        return session.exec(select(Objection.right_until).where(Objection.ref == ref)).one()


def _people(here: Installation) -> tuple[str, str, str]:
    here.cli("users", "add", "ada@processor.example", "--role", "admin", "--password-stdin", stdin="a long password\n")
    admin = here.cli("tokens", "add", "ada@processor.example").split()[-1]
    tokens = []
    for name, role in (("olga", "ops"), ("paul", "privacy"), ("petra", "privacy")):
        here.cli("users", "add", f"{name}@processor.example", "--role", role, "--no-password", token=admin)
        tokens.append(here.cli("tokens", "add", f"{name}@processor.example", token=admin).split()[-1])
    olga, paul, petra = tokens
    return olga, paul, petra


def _lists(here: Installation, folder: Path) -> None:
    (folder / "list.json").write_text(json.dumps(LIST))
    (folder / "customers.csv").write_text(CUSTOMERS)
    here.cli("import", "register", str(folder / "list.json"), "--baseline")
    here.cli("import", "customers", str(folder / "customers.csv"))
    here.until(lambda: "Cloud Hosting GmbH" in here.get("/")[1])


def _reply_proven(here: Installation, mailjet: MailjetStandIn, paul: str) -> None:
    """Somebody reads the mailbox customers answer to, and enters the code found there."""
    here.cli("reply", "ask", token=paul)
    letter = here.until(lambda: _letters(mailjet, "reply prove CODE").get("notices@processor.example"))
    code = re.findall(r"^> (\d{6})$", letter.item["TextPart"], re.M)[0]
    here.cli("reply", "prove", code, token=paul)


def _announced(here: Installation, folder: Path, mailjet: MailjetStandIn, olga: str, paul: str) -> str:
    (folder / "vendor.json").write_text(json.dumps(VENDOR))
    start = clock.now().date() + timedelta(days=60)
    here.cli("changes", "propose", "--kind", "add", "--file", str(folder / "vendor.json"), "--reason", "To learn.",
             "--start", start.isoformat(), token=olga)
    ref = str(here.read("changes", "list")[0]["ref"])
    here.cli("changes", "vouch", ref, *KINDS, "--link", "https://analytics.example/agreement.pdf", token=olga)
    here.cli("changes", "submit", ref, token=olga)
    assert "role privacy" in here.cli("changes", "approve", ref, token=olga, status=1)
    here.cli("changes", "approve", ref, token=paul)
    assert "notifier reply ask" in here.cli("changes", "announce", ref, token=paul, status=1)
    _reply_proven(here, mailjet, paul)
    here.cli("changes", "announce", ref, token=paul)
    here.until(lambda: "Analytics Inc." in here.get("/changes.atom")[1])
    assert date.fromisoformat(here.read("changes", "show", ref)["planned_start"]) == start
    return ref


def _letters(mailjet: MailjetStandIn, holding: str = "/object") -> dict[str, Taken]:
    """The letters the stand-in took that hold these words, by address."""
    return {taken.email: taken for taken in mailjet.taken if holding in taken.item["TextPart"]}


def _object(here: Installation, letter: str, words: str) -> str:
    """Opens the letter's link, fills the form, checks the answers, files; returns the reference."""
    link = re.search(rf"{re.escape(here.url)}/n/[^\s/]+", letter)
    assert link is not None, letter
    status, page = here.get(link.group(0))
    assert status == 200
    assert "Analytics Inc." in page
    status, page = here.get(link.group(0) + "/object")
    assert status == 200
    status, address, page = here.post(link.group(0) + "/object", {**_fields(page), "text": words})
    assert status == 200, page
    status, address, page = here.post(link.group(0) + "/object", {**_fields(page), "step": "file"})
    assert status == 200, page
    assert "/o/" in address
    found = re.search(r"O-[2-9A-Z]{7}", page)
    assert found is not None
    return found.group(0)


def _fields(page: str) -> dict[str, list[str]]:
    """What a browser would send of the page's only form."""
    from lxml import html

    form = html.fromstring(page.encode()).xpath("//form[@method='post']")[0]
    found: dict[str, list[str]] = {}
    for name, value in form.form_values():
        found.setdefault(name, []).append(value)
    return found
