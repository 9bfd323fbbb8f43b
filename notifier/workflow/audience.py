"""Who would be owed a notice now, customer by customer: read in pages, so that a long roll costs no memory."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from notifier.domain import audience as rules
from notifier.domain.audience import Candidate, Why
from notifier.domain.terms import Notify, Terms
from notifier.tables import Contact, Customer, CustomerService, Service
from notifier.tables.base import table
from notifier.workflow import deliveries, settings

PAGE = 2000  # ids read at a time: so many customers at most


class Member(NamedTuple):
    """A customer on the roll, with what a letter says of it."""

    id: int
    ref: str
    name: str
    language: str
    agreement: str
    agreement_date: date | None
    clause: str


class Recipient(NamedTuple):
    """A notice contact that would be written to."""

    id: int
    name: str
    email: str


class Standing(NamedTuple):
    """Where one customer stands: in or out and why, its terms, and the slugs of the services it buys (none recorded:
    all). Customers of equal terms share one value."""

    customer_id: int
    why: Why
    terms: Terms
    services: frozenset[str]

    @property
    def included(self) -> bool:
        """Whether a notice is owed."""
        return self.why in rules.INCLUDED


class Seat(NamedTuple):
    """A standing with what a letter needs: who the customer is, and the contacts that would be written to."""

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
    customer `after`, or those of the ids `only`. Reads PAGE customers at a time, and all that are named at once."""
    decider = _Decider(session, services, today)
    for page in _pages(session, (*_STANDING, *_MEMBER), after, only):
        contacts = _contacts(session, page)
        for row, (number, why, terms, bought) in zip(page, decider.standings(page), strict=True):
            written_to = contacts.get(number, ())
            chosen = written_to[:1] if terms.notify is Notify.IN_ORDER else written_to
            yield Seat(Member(number, *row[len(_STANDING):]), why, terms, tuple(chosen), bought)


def standings(session: Session, services: Collection[str], today: date) -> Iterator[Standing]:
    """As `seats`, of all customers and without what only a letter needs, which is most of what reading them costs."""
    decider = _Decider(session, services, today)
    for page in _pages(session, _STANDING):
        yield from decider.standings(page)


def reachable(session: Session) -> set[int]:
    """The ids of the customers, in or out, who have a contact to write to."""
    return set(session.scalars(sa.select(_k.customer_id).where(deliveries.IS_NOTICE_CONTACT).distinct()))


_c, _b, _s, _k = (table(model).c for model in (Customer, CustomerService, Service, Contact))
_STANDING = (
    _c.id, sa.cast(_c.terms, sa.Text), _c.country, _c.subdivision,  # terms: read as JSON once for all who have the same
    _c.contract_start, _c.contract_end,
)
_MEMBER = (_c.ref, _c.name, _c.language, _c.agreement, _c.agreement_date, _c.clause)
_Page = Sequence[Any]  # rows that begin with the columns of _STANDING


def _pages(
    session: Session, columns: Sequence[sa.ColumnElement[Any]], after: int = 0, only: Collection[int] | None = None
) -> Iterator[_Page]:
    """Pages are ranges of ids: of "the next so many", a database that has not counted new rows yet reads all, and sorts
    them, for every page. Those who are named make one page."""
    query = sa.select(*columns).order_by(_c.id)
    if only is not None:
        if page := session.execute(query.where(_c.id.in_(only))).all():
            yield page
        return
    while (start := session.scalar(sa.select(sa.func.min(_c.id)).where(_c.id > after))) is not None:
        after = start + PAGE - 1
        yield session.execute(query.where(sa.between(_c.id, start, after))).all()


def _slugs(session: Session) -> dict[int, str]:
    return dict(session.execute(sa.select(_s.id, _s.slug)).all())


class _Decider:
    """Decides where customers stand. They are many and their cases are few, so each case is decided once."""

    def __init__(self, session: Session, concerned: Collection[str], today: date) -> None:
        self._session, self._concerned, self._today = session, frozenset(concerned), today
        self._base = settings.default_terms(session)
        self._slugs = _slugs(session)
        self._terms: dict[tuple[str, str, str], Terms] = {}
        self._same: dict[Terms, Terms] = {}
        self._whys: dict[tuple[frozenset[str], date | None, date | None], Why] = {}
        self._services: dict[tuple[int, ...], frozenset[str]] = {(): frozenset()}

    def standings(self, page: _Page) -> Iterator[Standing]:
        """Where the customers of a page stand, in its order."""
        bought = self._bought(page)
        for number, own, country, subdivision, start, end, *_ in page:
            has = self._services_of(tuple(bought.get(number, ())))
            case = (has, start, end)
            why = self._whys.get(case)
            if why is None:
                why = self._whys[case] = rules.decide(Candidate(*case), self._concerned, self._today)
            terms = self._terms.get((own, country, subdivision)) or self._terms_of(own, country, subdivision)
            yield Standing(number, why, terms, has)

    def _bought(self, page: _Page) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        rows = self._session.execute(
            sa.select(_b.customer_id, _b.service_id)
            .where(_among(_b.customer_id, page), sa.or_(_b.ended_on.is_(None), _b.ended_on >= self._today)))
        for customer_id, service_id in rows.all():
            found.setdefault(customer_id, []).append(service_id)
        return found

    def _services_of(self, ids: tuple[int, ...]) -> frozenset[str]:
        if ids not in self._services:
            if not self._slugs.keys() >= set(ids):  # one was made since the walk began
                self._slugs = _slugs(self._session)
            self._services[ids] = frozenset(self._slugs[number] for number in ids)
        return self._services[ids]

    def _terms_of(self, own: str, country: str, subdivision: str) -> Terms:
        found = _over(self._base, own, country, subdivision)
        self._terms[own, country, subdivision] = same = self._same.setdefault(found, found)
        return same


@lru_cache(maxsize=1000)
def _over(base: Terms, own: str, country: str, subdivision: str) -> Terms:
    return settings.over(base, json.loads(own), country, subdivision)


def _contacts(session: Session, page: _Page) -> dict[int, list[Recipient]]:
    found: dict[int, dict[str, Recipient]] = {}
    rows = session.execute(
        sa.select(_k.customer_id, _k.id, _k.name, _k.email)
        .where(_among(_k.customer_id, page), deliveries.IS_NOTICE_CONTACT)
        .order_by(_k.customer_id, _k.position, _k.id)
    )
    for customer_id, contact_id, name, email in rows.all():
        found.setdefault(customer_id, {}).setdefault(email, Recipient(contact_id, name, email))
    return {key: list(each.values()) for key, each in found.items()}


def _among(column: sa.ColumnElement[int], page: _Page) -> sa.ColumnElement[bool]:
    """The ids of a page lie close together: a range costs the database less than naming each."""
    return sa.between(column, page[0][0], page[-1][0])
