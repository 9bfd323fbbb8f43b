"""Who would be owed a notice now, customer by customer: read in pages, so that a long roll costs no memory."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from notifier.domain import audience as rules
from notifier.domain.audience import Candidate, Why
from notifier.domain.terms import Notify, Terms
from notifier.tables import Contact, Customer, CustomerService, Service
from notifier.tables.base import table
from notifier.workflow import deliveries, settings

PAGE = 2000  # customers read at a time


@dataclass(frozen=True, slots=True)
class Member:
    """A customer on the roll, with what a letter says of it."""

    id: int
    ref: str
    name: str
    language: str
    agreement: str
    agreement_date: date | None
    clause: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """A notice contact that would be written to."""

    id: int
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Seat:
    """One customer on the audience roll: in or out and why, its terms, the contacts that would be written to, and the
    slugs of the services it buys (none recorded: all)."""

    customer: Member
    why: Why
    terms: Terms
    contacts: tuple[Recipient, ...]
    services: frozenset[str]

    @property
    def included(self) -> bool:
        """Whether a notice is owed."""
        return self.why in rules.INCLUDED


def seats(
    session: Session, services: Collection[str], today: date, *, after: int = 0, only: Collection[int] | None = None
) -> Iterator[Seat]:
    """The seats of all customers in order of their ids, decided for changes that touch `services`; those behind the
    customer `after`, and, where `only` names ids, no others. Reads PAGE customers at a time."""
    known: dict[tuple[str, str, str], Terms] = {}
    base = settings.default_terms(session)
    while True:
        page = _page(session, after, only)
        ids = [row.id for row in page]
        bought, contacts = _bought(session, ids, today), _contacts(session, ids)
        for row in page:
            key = (row.terms, row.country, row.subdivision)
            if key not in known:
                known[key] = settings.over(base, json.loads(row.terms), row.country, row.subdivision)
            has = bought.get(row.id, frozenset())
            why = rules.decide(Candidate(has, row.contract_start, row.contract_end), services, today)
            written_to = contacts.get(row.id, ())
            member = Member(row.id, row.ref, row.name, row.language, row.agreement, row.agreement_date, row.clause)
            chosen = written_to[:1] if known[key].notify is Notify.IN_ORDER else written_to
            yield Seat(member, why, known[key], tuple(chosen), has)
        if len(page) < PAGE:
            return
        after = page[-1].id


def _page(session: Session, after: int, only: Collection[int] | None) -> Sequence[Any]:
    query = sa.select(
        _c.id, _c.ref, _c.name, _c.language, _c.agreement, _c.agreement_date, _c.clause, _c.country, _c.subdivision,
        _c.contract_start, _c.contract_end,
        sa.cast(_c.terms, sa.Text).label("terms"),  # read as JSON once for all who have the same
    ).where(_c.id > after).order_by(_c.id).limit(PAGE)
    return session.execute(query if only is None else query.where(_c.id.in_(only))).all()


def _bought(session: Session, ids: Sequence[int], today: date) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    rows = session.execute(
        sa.select(_b.customer_id, _s.slug).join_from(table(CustomerService), table(Service), _s.id == _b.service_id)
        .where(_among(_b.customer_id, ids), sa.or_(_b.ended_on.is_(None), _b.ended_on >= today))
    )
    for customer_id, slug in rows:
        found.setdefault(customer_id, set()).add(slug)
    same: dict[frozenset[str], frozenset[str]] = {}
    return {key: same.setdefault(frozenset(each), frozenset(each)) for key, each in found.items()}


def _contacts(session: Session, ids: Sequence[int]) -> dict[int, list[Recipient]]:
    found: dict[int, dict[str, Recipient]] = {}
    rows = session.execute(
        sa.select(_k.customer_id, _k.id, _k.name, _k.email)
        .where(_among(_k.customer_id, ids), deliveries.IS_NOTICE_CONTACT)
        .order_by(_k.customer_id, _k.position, _k.id)
    )
    for customer_id, contact_id, name, email in rows:
        found.setdefault(customer_id, {}).setdefault(email, Recipient(contact_id, name, email))
    return {key: list(each.values()) for key, each in found.items()}


_c, _b, _s, _k = (table(model).c for model in (Customer, CustomerService, Service, Contact))


def _among(column: sa.ColumnElement[int], ids: Sequence[int]) -> sa.ColumnElement[bool]:
    """The ids of a page lie close together: a range costs the database less than two thousand parameters."""
    return sa.between(column, ids[0], ids[-1]) if ids else sa.false()
