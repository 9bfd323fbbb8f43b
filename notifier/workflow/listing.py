"""What the public is told: the list as one frozen value, an edition whenever it changes, its rendering stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import rfc8785
import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.joining import Fate
from notifier.domain.listing import ListedService, ListValue, Mark, PublishedChange, PublishedItem
from notifier.domain.states import ChangeState
from notifier.tables import Announcement, AnnouncementChange, Change, Edition, IrregularStart, Override, Publication
from notifier.workflow import changes as change_verbs
from notifier.workflow import register, settings, turns

PUBLIC_STATES = (ChangeState.ANNOUNCED, ChangeState.IN_EFFECT, ChangeState.WITHDRAWN)


def new_edition(session: Session, cause: str, now: datetime) -> Edition:
    """Freezes the list as it stands in this transaction under the next number. Called last in a verb, after
    every row it locks, so that writers wait for each other in one order only."""
    session.flush()
    turns.take(session, turns.EDITION)
    last = session.scalar(sa.select(sa.func.max(Edition.n))) or 0
    value = current_value(session, last + 1, now).to_json()
    edition = Edition(n=last + 1, at=now, cause=cause, value=value, sha256=sha256(value))
    session.add(edition)
    session.flush()
    return edition


def sha256(value: Mapping[str, Any]) -> str:
    """The hash of an edition's value: SHA-256 over its RFC 8785 form, in hex."""
    return hashlib.sha256(rfc8785.dumps(dict(value))).hexdigest()


def newest(session: Session) -> Edition | None:
    """The newest edition, or None before the first list was taken."""
    return session.exec(select(Edition).order_by(col(Edition.n).desc()).limit(1)).first()


def current_value(session: Session, n: int, now: datetime) -> ListValue:
    """The list as it stands now, public fields only."""
    organisation = settings.organisation(session)
    sold = register.services(session)
    return ListValue(
        edition=n,
        as_of=now.replace(microsecond=0),
        organisation=organisation,
        services=tuple(ListedService(row.slug, row.name) for row in sold.values()),
        engagements=tuple(register.current(session)),
        changes=tuple(published(session, change, organisation.zone) for change in _public_changes(session)),
    )


def published(session: Session, change: Change, zone: str) -> PublishedChange:
    """One change as the public, and every letter, is told it."""
    items = change_verbs.items_of(session, change)
    started = change.in_effect_at.astimezone(ZoneInfo(zone)).date() if change.in_effect_at else None
    told = change.announced_at or change.updated_at
    return PublishedChange(
        ref=change.ref, uid=change.uid, kind=change.kind, state=str(change.state),
        announced_at=told.replace(microsecond=0), updated_at=change.updated_at.replace(microsecond=0),
        planned_start=change.planned_start, in_effect_on=started,
        services=change_verbs.services_of(session, items), reason=change.reason,
        items=tuple(PublishedItem(item.before, item.after) for item in items), marks=_marks(session, change, zone),
    )


def _marks(session: Session, change: Change, zone: str) -> tuple[Mark, ...]:
    """What went out of the ordinary way, for everybody to see: decided by two people against the gate, or told too
    late. Never who it concerned (design §4)."""
    acts: dict[str, Mark] = {}
    for row in session.exec(select(Override).where(Override.change_id == change.id).order_by(col(Override.id))):
        counted = acts[row.act].count if row.act in acts else 0
        acts[row.act] = Mark("override", row.at.astimezone(ZoneInfo(zone)).date(), counted + 1)
    irregular = session.exec(select(IrregularStart).where(IrregularStart.change_id == change.id))
    return (*acts.values(), *(Mark("irregular_start", row.since, row.told) for row in irregular),
            *late_notices(session, change, zone))


def late_notices(session: Session, change: Change, zone: str) -> list[Mark]:
    """The days on which customers were told of a change only after its start, with how many of them."""
    late: dict[date, int] = {}
    for at, count in session.exec(
        select(Announcement.made_at, Announcement.included)
        .join(AnnouncementChange, col(AnnouncementChange.announcement_id) == col(Announcement.id))
        .where(AnnouncementChange.change_id == change.id, Announcement.joining == Fate.LATE,
               col(Announcement.made_at).is_not(None)).order_by(col(Announcement.id))
    ):
        if at is not None:
            day = at.astimezone(ZoneInfo(zone)).date()
            late[day] = late.get(day, 0) + count
    return [Mark("late_notice", day, count) for day, count in late.items()]


def _public_changes(session: Session) -> list[Change]:
    rows = session.exec(
        select(Change).where(col(Change.state).in_(PUBLIC_STATES), col(Change.announced_at).is_not(None))
        .order_by(col(Change.announced_at).desc(), col(Change.id).desc())
    )
    return list(rows)


@dataclass(frozen=True)
class Rendering:
    """One rendered form, as a job hands it in."""

    path: str
    media_type: str
    body: bytes
    last_modified: datetime


def store(session: Session, edition_n: int, renderings: Iterable[Rendering]) -> bool:
    """Replaces everything published by the rendering of one edition; False where a newer one stands already.

    Rows whose bytes did not change keep their ETag and Last-Modified, so readers' caches stay good.
    """
    held = {row.path: row for row in session.exec(select(Publication).with_for_update())}
    if any(row.edition_n > edition_n for row in held.values()):
        return False
    for form in renderings:
        etag = f'"{hashlib.sha256(form.body).hexdigest()[:32]}"'
        row = held.pop(form.path, None)
        if row is None:
            session.add(Publication(path=form.path, edition_n=edition_n, media_type=form.media_type, body=form.body,
                                    etag=etag, last_modified=form.last_modified))
            continue
        row.edition_n = edition_n
        if row.etag != etag:
            row.media_type, row.body, row.etag, row.last_modified = form.media_type, form.body, etag, form.last_modified
    for gone in held.values():
        session.delete(gone)
    return True


def published_edition(session: Session) -> int:
    """The number of the edition the publications were rendered from; 0 where nothing is published."""
    return session.scalar(sa.select(sa.func.max(Publication.edition_n))) or 0
