"""The register in effect: reading it as values, taking a starting list, and writing what took effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.changes import Item, shared_fields
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.register import FIELDS, SUBPROCESSOR_FIELDS, EngagementValue, slug
from notifier.tables import Engagement, EngagementService, Service, SubProcessor
from notifier.workflow import audit

_OWN = tuple(name for name in FIELDS if name not in ("ref", "services", *SUBPROCESSOR_FIELDS))


def current(session: Session, on: date | None = None) -> list[EngagementValue]:
    """The engagements in effect as values, in the order they came; with `on`, those not ended by that day."""
    rows = session.exec(
        select(Engagement, SubProcessor)
        .join(SubProcessor, col(SubProcessor.id) == col(Engagement.sub_processor_id))
        .where(col(Engagement.ended_on).is_(None) if on is None else
               sa.or_(col(Engagement.ended_on).is_(None), col(Engagement.ended_on) > on))
        .order_by(col(Engagement.id))
    ).all()
    bought = _services_by_engagement(session)
    return [_value(engagement, company, bought.get(engagement.id or 0, ())) for engagement, company in rows]


def one(session: Session, ref: str) -> EngagementValue:
    """The engagement in effect under this reference. Raises Refusal unknown."""
    found = next((v for v in current(session) if v.ref == ref), None)
    if found is None:
        raise Refusal("unknown", what="engagement", ref=ref)
    return found


def services(session: Session) -> dict[str, Service]:
    """The services sold today, by slug, in the order they came."""
    rows = session.exec(select(Service).where(col(Service.retired_at).is_(None)).order_by(col(Service.id)))
    return {row.slug: row for row in rows}


def ensure_services(session: Session, names: Iterable[str]) -> list[Service]:
    """The services of these names or slugs, those unknown made on the way."""
    held = services(session)
    found = []
    for name in names:
        key = slug(name)
        if key not in held:
            held[key] = Service(slug=key, name=name.strip())
            session.add(held[key])
            session.flush()
        found.append(held[key])
    return found


def take_baseline(session: Session, values: Sequence[EngagementValue], *, actor: Actor, now: datetime) -> int:
    """Takes a list as the starting one, without changes or notices. Raises Refusal baseline_exists."""
    if session.exec(select(Engagement.id)).first() is not None:
        raise Refusal("baseline_exists")
    for value in values:
        _start(session, value, now.date())
    audit.note(
        session, "import_baseline", "register", "", actor=actor, now=now, count=len(values),
        detail={"after": [v.to_json() for v in values]},
    )
    return len(values)


def free_ref(session: Session, wanted: str, taken: Iterable[str] = ()) -> str:
    """A reference nobody has yet: the wanted one, or it with a number behind."""
    used = set(session.exec(select(Engagement.ref))) | set(taken)
    if wanted not in used:
        return wanted
    return next(f"{wanted[:55]}-{n}" for n in range(2, 10_000) if f"{wanted[:55]}-{n}" not in used)


def apply(session: Session, items: Sequence[Item], on: date) -> None:
    """Writes what a change does to the register, on the civil day it takes effect. What is replaced goes on until
    `retire` ends it."""
    for item in items:
        if item.before is not None and item.after is None:
            _row(session, item.before.ref).ended_on = on
        if item.after is not None and item.before is not None and item.after.ref == item.before.ref:
            _rewrite(session, _row(session, item.after.ref), item.after)
        elif item.after is not None:
            _start(session, item.after.with_(since=item.after.since or on.isoformat()), on)


def retire(session: Session, items: Sequence[Item], on: date) -> bool:
    """Ends what a change replaced, on a civil day; False where nothing was left to end."""
    found = False
    for item in items:
        if item.before is not None and item.after is not None and item.after.ref != item.before.ref:
            row = _row(session, item.before.ref)
            if row.ended_on is None:
                row.ended_on, found = on, True
    return found


def _row(session: Session, ref: str) -> Engagement:
    row = session.exec(select(Engagement).where(Engagement.ref == ref)).first()
    if row is None:
        raise Refusal("unknown", what="engagement", ref=ref)
    return row


def _start(session: Session, value: EngagementValue, on: date) -> None:
    company = _company(session, value)
    row = Engagement(ref=value.ref, sub_processor_id=company.id or 0, started_on=on, **_columns(value, _OWN))
    session.add(row)
    session.flush()
    _link_services(session, row, value)


def _rewrite(session: Session, row: Engagement, value: EngagementValue) -> None:
    held = session.get(SubProcessor, row.sub_processor_id)
    alone = session.scalar(
        sa.select(sa.func.count()).select_from(Engagement)
        .where(col(Engagement.sub_processor_id) == row.sub_processor_id, col(Engagement.ended_on).is_(None))
    ) == 1
    if held is not None and alone:
        for name, field in _columns(value, tuple(shared_fields(value))).items():
            setattr(held, name, field)
    else:
        row.sub_processor_id = _company(session, value).id or 0
    for name, field in _columns(value, _OWN).items():
        setattr(row, name, field)
    session.execute(sa.delete(EngagementService).where(col(EngagementService.engagement_id) == row.id))
    _link_services(session, row, value)
    session.flush()


def _company(session: Session, value: EngagementValue) -> SubProcessor:
    """The legal entity of exactly these particulars; another address is another row until a change says otherwise."""
    wanted = _columns(value, tuple(shared_fields(value)))
    rows = session.exec(select(SubProcessor).where(SubProcessor.legal_name == value.legal_name)
                        .order_by(col(SubProcessor.id)))
    for row in rows:
        if all(getattr(row, name) == field for name, field in wanted.items()):
            return row
    made = SubProcessor(**wanted)
    session.add(made)
    session.flush()
    return made


def _link_services(session: Session, row: Engagement, value: EngagementValue) -> None:
    for service in ensure_services(session, value.services):
        session.add(EngagementService(engagement_id=row.id or 0, service_id=service.id or 0))
    session.flush()


def _columns(value: EngagementValue, names: Sequence[str]) -> dict[str, Any]:
    held = asdict(value)  # transfers become mappings
    return {name: list(held[name]) if isinstance(held[name], tuple) else held[name] for name in names}


def _value(row: Engagement, company: SubProcessor, slugs: Sequence[str]) -> EngagementValue:
    own: dict[str, Any] = {name: getattr(row, name) for name in _OWN}
    shared: dict[str, Any] = {name: getattr(company, name) for name in shared_fields(EngagementValue())}
    return EngagementValue.from_json({**own, **shared, "ref": row.ref, "services": list(slugs)})


def _services_by_engagement(session: Session) -> dict[int, tuple[str, ...]]:
    rows = session.exec(
        select(EngagementService.engagement_id, Service.slug)
        .join(Service, col(Service.id) == col(EngagementService.service_id)).order_by(col(Service.id))
    ).all()
    found: dict[int, tuple[str, ...]] = {}
    for engagement_id, service in rows:
        found[engagement_id] = (*found.get(engagement_id, ()), service)
    return found
