"""Writing customers in bulk: what `customer_changes` has found, part by part, each part with its own entry in the log.

All of it is one transaction of the door's. Statements go past the session, and tell the log of every row by `written`,
so that `audit verify` holds customers, services and contacts against it whichever way they came in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from notifier.domain.customers import CustomerEntry
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.tables import Contact, Customer, CustomerService, EarlierService
from notifier.tables.base import table
from notifier.workflow import audit, contact_checks, customer_changes, latecomers, mailboxes, register, turns, written
from notifier.workflow.customer_changes import COPIED, Difference, Fault, Plan

MOST_TOLD = 50  # faults a refusal names


class Taken(NamedTuple):
    """How many customers were new, how many changed, and how many stay as they are."""

    added: int
    updated: int
    unchanged: int


Watch = Callable[[Sequence[Difference], Sequence[Fault]], None]
"""Told of each part before it is written: what becomes of its customers, and what is wrong with them. May raise."""


def take_in(
    session: Session, plan: Plan, entries: Iterable[CustomerEntry], *, actor: Actor, now: datetime,
    watch: Watch | None = None,
) -> Taken:
    """Takes customers in by their reference, as `plan` finds it: see `customers.upsert`."""
    session.flush()
    turns.take(session, turns.CUSTOMERS)  # two who both find a reference free would collide
    changed, noted, touched = [0, 0, 0], 0, list[int]()
    for entries_of_part in customer_changes.parts(entries):
        differences, faults = plan.part(entries_of_part)
        (watch or _refuse)(differences, faults)
        if noted:
            written.settle(session)  # what came before stands in its own entry
        added, updated, numbers = _write(session, differences, plan, now)
        for n, more in enumerate((added, updated, len(differences) - added - updated)):
            changed[n] += more
        if added or updated:
            audit.note(session, "import", "customer", "", actor=actor, now=now, count=added + updated,
                       refs={"added": added, "updated": updated})
            noted += 1
            touched += numbers
            if noted in _COUNTED and added + updated >= customer_changes.PART // 2:
                _count_rows(session)
    taken = Taken(*changed)
    if noted != 1:
        if noted:
            written.settle(session)
        audit.note(session, "import_whole", "customer", "", actor=actor, now=now, count=sum(taken),
                   refs={**taken._asdict(), "parts": noted})
    latecomers.look_after(session, touched, actor=actor, now=now)  # once: all who come late are told together
    return taken


_COUNTED = frozenset({1, 4, 16, 64, 256})  # parts after which the rows are counted


def _count_rows(session: Session) -> None:
    """PostgreSQL plans by what it last counted: before it has counted so many new rows, it would read all of them to
    find a thousand, and each part would take longer than the one before."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("ANALYZE customer, customer_service, contact"))


def _refuse(differences: Sequence[Difference], faults: Sequence[Fault]) -> None:
    if faults:
        raise refused(faults)


def refused(faults: Sequence[Fault]) -> Refusal:
    """The refusal of entries, naming the customer and the field of every fault, up to a bound."""
    first, *others = faults
    details = [Sentence(N_("%(ref)s, %(field)s: %(problem)s"),
                        {"ref": each.ref, "field": each.field, "problem": each.problem}) for each in others]
    if len(details) > MOST_TOLD:
        more = Sentence(N_("and %(count)s more"), {"count": len(details) - MOST_TOLD})
        details = [*details[:MOST_TOLD], more]
    return Refusal("bad_value", field=first.field, problem=first.problem, details=details)


@dataclass
class _Rows:
    """The rows of one part, by table: to be made, to be altered (id, column -> before and after), to be removed."""

    services: list[dict[str, Any]] = field(default_factory=list)
    ended: list[dict[str, Any]] = field(default_factory=list)
    again: list[tuple[Any, datetime]] = field(default_factory=list)
    undone: list[Any] = field(default_factory=list)
    contacts: list[dict[str, Any]] = field(default_factory=list)
    altered: list[tuple[int, dict[str, tuple[Any, Any]]]] = field(default_factory=list)


def _write(
    session: Session, differences: Sequence[Difference], plan: Plan, now: datetime
) -> tuple[int, int, list[int]]:
    """Writes a part; how many customers were new, how many changed, and the numbers of both."""
    new = [d for d in differences if d.new]
    changed = [d for d in differences if d.changes and not d.new]
    if not new and not changed:
        return 0, 0, []
    names = dict.fromkeys(name for d in (*new, *changed) for name in d.entry.services)
    sold = {row.slug: row.id or 0 for row in register.ensure_services(session, names)}
    ids = _make(session, new, now)
    rows = _Rows()
    for difference in (*new, *changed):
        number = difference.held.id if difference.held else ids[difference.entry.ref]
        _services(rows, difference, number, sold, plan, now)
        _contacts(rows, difference, number, now)
    _alter(session, changed, now)
    _write_services(session, rows, plan, now)
    _write_contacts(session, rows)
    _forget(session)
    return len(new), len(changed), [*ids.values(), *(d.held.id for d in changed if d.held)]


def _make(session: Session, new: Sequence[Difference], now: datetime) -> dict[str, int]:
    rows = [{"ref": d.entry.ref, **{name: getattr(d.entry, name) for name in COPIED}, "terms": dict(d.entry.terms),
             "created_at": now, "updated_at": now} for d in new]
    if not rows:
        return {}
    session.execute(sa.insert(table(Customer)), rows)
    found = session.execute(sa.select(_c.ref, _c.id).where(_c.ref.in_([row["ref"] for row in rows])))
    ids = {row.ref: row.id for row in found}
    written.made(session, "customer", [(ids[str(row["ref"])], row) for row in rows])
    return ids


def _alter(session: Session, changed: Sequence[Difference], now: datetime) -> None:
    rows = []
    for d in changed:
        assert d.held is not None
        values = {name: getattr(d.entry, name) for name in COPIED} | {"terms": dict(d.entry.terms), "updated_at": now}
        rows.append({"number": d.held.id, **values})
        before = d.held.values
        written.altered(session, "customer", d.held.id, {name: (before[name], value) for name, value in values.items()
                                                         if before[name] != value})
    if rows:
        columns: dict[str, Any] = {name: sa.bindparam(name) for name in (*COPIED, "terms", "updated_at")}
        session.execute(sa.update(table(Customer)).where(_c.id == sa.bindparam("number")).values(columns), rows)


def _services(
    rows: _Rows, difference: Difference, number: int, sold: dict[str, int], plan: Plan, now: datetime
) -> None:
    bought: dict[str, Any] = difference.held.services if difference.held else {}
    for name in difference.started:
        if name in bought:
            rows.again.append((bought[name], now))
        else:
            rows.services.append({"customer_id": number, "service_id": sold[name], "ended_on": None, "bought_at": now})
    for name in difference.ended:
        row = bought[name]
        if row.bought_at is not None and row.bought_at.astimezone(plan.zone).date() >= plan.today:
            rows.undone.append(row)  # what was recorded only today was a mistake
        else:
            rows.ended.append({"customer": number, "service": row.service_id})


def _write_services(session: Session, rows: _Rows, plan: Plan, now: datetime) -> None:
    last_day = plan.today - timedelta(days=1)  # a service no longer bought today was bought until yesterday
    where = (_b.customer_id == sa.bindparam("customer"), _b.service_id == sa.bindparam("service"))
    if rows.services:
        session.execute(sa.insert(table(CustomerService)), rows.services)
        written.made(session, "customer_service",
                     [(f"{r['customer_id']}:{r['service_id']}", r) for r in rows.services])
    if rows.ended:
        session.execute(sa.update(table(CustomerService)).where(*where).values(ended_on=last_day), rows.ended)
        for each in rows.ended:
            written.altered(session, "customer_service", f"{each['customer']}:{each['service']}",
                            {"ended_on": (None, last_day)})
    for row, _ in rows.again:  # bought after its end, it begins a new period; the old one is kept
        session.add(EarlierService(customer_id=row.customer_id, service_id=row.service_id, bought_at=row.bought_at,
                                   ended_on=row.ended_on))
        keys = {"customer": row.customer_id, "service": row.service_id}
        session.execute(sa.update(table(CustomerService)).where(*where).values(ended_on=None, bought_at=now), keys)
        written.altered(session, "customer_service", f"{row.customer_id}:{row.service_id}",
                        {"ended_on": (row.ended_on, None), "bought_at": (row.bought_at, now)})
    for row in rows.undone:
        session.delete(session.get_one(CustomerService, (row.customer_id, row.service_id)))
    session.flush()


def _contacts(rows: _Rows, difference: Difference, number: int, now: datetime) -> None:
    for change in difference.contacts:
        entry = change.entry
        if change.row is None:
            rows.contacts.append({
                "customer_id": number, "name": entry.name, "email": entry.email, "phone": entry.phone,
                "role": str(entry.role), "position": entry.position, "bounced_at": None, "barred_at": None,
                "retired_at": None, "check_at": contact_checks.first(now)})
        elif change.what == "retired":
            rows.altered.append((change.row, {"retired_at": (None, now)}))
        else:
            rows.altered.append((change.row, {each.field: (each.before, each.after) for each in change.fields}))


def _write_contacts(session: Session, rows: _Rows) -> None:
    if rows.contacts:
        marks = mailboxes.marked(session, {row["email"] for row in rows.contacts})
        for row in rows.contacts:
            row.update(marks.get(row["email"], {}))
        made = session.execute(
            sa.insert(table(Contact)).returning(_k.id, sort_by_parameter_order=True), rows.contacts).scalars().all()
        written.made(session, "contact", list(zip(made, rows.contacts, strict=True)))
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for number, values in rows.altered:
        alike.setdefault(tuple(sorted(values)), []).append(
            {"number": number, **{name: after for name, (_, after) in values.items()}})
        written.altered(session, "contact", number, values)
    for names, each in alike.items():
        columns: dict[str, Any] = {name: sa.bindparam(name) for name in names}
        session.execute(sa.update(table(Contact)).where(_k.id == sa.bindparam("number")).values(columns), each)


_c, _b, _k = (table(model).c for model in (Customer, CustomerService, Contact))


def _forget(session: Session) -> None:
    """What the session had read of these tables is read again: the statements went past it."""
    for row in list(session.identity_map.values()):
        if isinstance(row, Customer | CustomerService | Contact):
            session.expire(row)
