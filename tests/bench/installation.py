"""An installation with many customers and one approved change, made past the verbs: taking in 100,000 by file is not
what is measured here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from notifier import db as schema
from notifier.domain.people import Actor, Door, system
from notifier.house import House, seed_values
from notifier.settings import Settings
from notifier.tables import Contact, Customer, CustomerService, Service
from notifier.tables.base import table
from notifier.workflow import settings as setting_verbs
from tests import factory

NOW = factory.NOW + timedelta(minutes=2)
LANGUAGES, COUNTRIES = ("en", "de", "fr", "it"), ("CH", "DE", "FR", "IT")
TERMS: tuple[dict[str, object], ...] = ({}, {}, {}, {"window_days": 45}, {"authorisation": "specific"})


def house(folder: Path, database_url: str, mailjet_url: str, redis_url: str) -> House:
    """The house of these addresses, sending by Mailjet's client to a stand-in."""
    values: dict[str, object] = {
        "data_dir": folder, "database_url": database_url, "redis_url": redis_url, "secret_key": "k" * 40,
        "base_url": "https://list.example", "org_legal_name": "Processor AG", "mail_transport": "mailjet",
        "org_contact": "privacy@processor.example",
        "org_address": "Bahnhofstrasse 1, 8001 Zürich, Switzerland", "mail_from": "notices@processor.example",
        "reply_to": "privacy@processor.example", "mailjet_api_key": "key", "mailjet_api_secret": "secret",
        "mailjet_url": mailjet_url,
    }
    return House(Settings(_env_file=None, **values), deaf=True)  # type: ignore[arg-type,call-arg]


def furnish(held: House, customers: int) -> tuple[str, Actor]:
    """Schema, people, list, customers of four languages and several terms, and a change that Paul may announce:
    its reference, and Paul."""
    schema.migrate(held.database)
    with held.database.transaction() as session:
        setting_verbs.seed(session, *seed_values(held.settings), actor=system(Door.CLI), now=factory.NOW)
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        session.flush()
        service = session.scalar(sa.select(table(Service).c.id).where(table(Service).c.slug == "platform"))
        for first in range(1, customers + 1, 5000):
            ids = range(first, min(first + 5000, customers + 1))
            session.execute(sa.insert(table(Customer)), [_customer(number) for number in ids])
            session.execute(sa.insert(table(CustomerService)),
                            [{"customer_id": number, "service_id": service} for number in ids])
            session.execute(sa.insert(table(Contact)), [
                {"customer_id": number, "name": f"Lea Muster {number}", "email": f"legal@c{number}.example",
                 "phone": "", "role": "notice", "position": 1} for number in ids])
        change = factory.approved(session, olga, paul)
        return change.ref, paul


def _customer(number: int) -> dict[str, object]:
    return {
        "id": number, "ref": f"c{number}", "name": f"Customer {number} & Sons Ltd", "language": LANGUAGES[number % 4],
        "country": COUNTRIES[number % 4], "subdivision": "", "postal_address": "",
        "agreement": "Data processing agreement", "agreement_date": factory.NOW.date() - timedelta(days=number % 700),
        "clause": "section 7", "terms": TERMS[number % 5], "created_at": factory.NOW, "updated_at": factory.NOW,
    }


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A Python module in a process of its own, ended with the block."""
    child = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
        child.communicate()


def line(child: subprocess.Popen[str]) -> str:
    """The next line a process prints."""
    assert child.stdout is not None
    return child.stdout.readline().strip()
