"""How far an announcement has come: its letters and notices counted, by service and by language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.letters import NOTICE_LETTERS
from notifier.domain.states import DeliveryState, NoticeState
from notifier.tables import (
    Announcement,
    AnnouncementChange,
    Change,
    Customer,
    CustomerService,
    Delivery,
    Notice,
    Service,
)
from notifier.workflow import changes

EVERY_SERVICE = ""
"""Stands for the customers of whom none of the services concerned is on record: no services means all of them."""

TO_LEAVE = frozenset({DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNCERTAIN})

_GIVING = (col(Delivery.kind).in_(NOTICE_LETTERS), col(Delivery.subject_kind) == "notice")

Counts = Mapping[str, int]


@dataclass(frozen=True)
class Progress:
    """Counts by state, each kind as {state: how many}. `by_service` has the slugs of the services concerned, so that
    a customer of two counts under both, and `EVERY_SERVICE` for who has none of them on record. `letters` are
    those that give its notices, not the later ones about them; `owed` are the customers on its roll."""

    ref: str
    owed: int
    notices: Counts
    letters: Counts
    notices_by_service: Mapping[str, Counts]
    letters_by_service: Mapping[str, Counts]
    notices_by_language: Mapping[str, Counts]
    letters_by_language: Mapping[str, Counts]

    @property
    def given(self) -> int:
        """Notices with proven receipt."""
        return self.notices.get(NoticeState.GIVEN, 0)

    @property
    def to_leave(self) -> int:
        """Letters that have not surely left: waiting, leaving, or in doubt."""
        return sum(n for state, n in self.letters.items() if state in TO_LEAVE)

    @property
    def unanswered(self) -> int:
        """Letters the provider has taken, and of which the receiving server has said nothing yet."""
        return self.letters.get(DeliveryState.ACCEPTED, 0)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; customers without recorded services stand under "*"."""
        def named(counts: Mapping[str, Counts]) -> dict[str, Any]:
            return {key or "*": dict(value) for key, value in counts.items()}

        return {
            "announcement": self.ref, "owed": self.owed, "given": self.given, "to_leave": self.to_leave,
            "unanswered": self.unanswered,
            "notices": dict(self.notices), "letters": dict(self.letters),
            "by_service": {"notices": named(self.notices_by_service), "letters": named(self.letters_by_service)},
            "by_language": {"notices": named(self.notices_by_language), "letters": named(self.letters_by_language)},
        }


def of(session: Session, announcement: Announcement) -> Progress:
    """Counts an announcement's notices and letters as they stand now; a handful of queries, however many
    customers."""
    number = announcement.id or 0
    services = _concerned(session, number)
    notices = _table(session.exec(
        select(Customer.language, Notice.state, sa.func.count())
        .join(Notice, col(Notice.customer_id) == col(Customer.id)).where(Notice.announcement_id == number)
        .group_by(col(Customer.language), col(Notice.state))
    ))
    letters = _table(session.exec(
        select(Delivery.language, Delivery.state, sa.func.count())
        .join(Notice, col(Notice.id) == col(Delivery.notice_id)).where(Notice.announcement_id == number, *_GIVING)
        .group_by(col(Delivery.language), col(Delivery.state))
    ))
    return Progress(
        announcement.ref, announcement.included, _all(notices), _all(letters),
        _by_service(session, announcement, services, letters=False),
        _by_service(session, announcement, services, letters=True),
        notices, letters,
    )


def _concerned(session: Session, number: int) -> tuple[str, ...]:
    told = session.exec(
        select(Change).join(AnnouncementChange, col(AnnouncementChange.change_id) == col(Change.id))
        .where(AnnouncementChange.announcement_id == number)
    )
    return tuple({s for change in told for s in changes.services_of(session, changes.items_of(session, change))})


def _by_service(
    session: Session, announcement: Announcement, services: Sequence[str], *, letters: bool
) -> dict[str, Counts]:
    """Counts under what customers bought when they were told; since then one may have stopped."""
    ended, told = col(CustomerService.ended_on), announcement.made_at
    state: Any = col(Delivery.state) if letters else col(Notice.state)
    bought = (
        select(CustomerService.customer_id, Service.slug)
        .join(Service, col(Service.id) == col(CustomerService.service_id))
        .where(sa.or_(ended.is_(None), ended >= told.date()) if told else ended.is_(None),
               col(Service.slug).in_(services)).subquery()
    )
    slug = sa.func.coalesce(bought.c.slug, EVERY_SERVICE)
    query = select(slug, state, sa.func.count()).select_from(Notice)
    if letters:
        query = query.join(Delivery, col(Delivery.notice_id) == col(Notice.id)).where(*_GIVING)
    rows = session.exec(
        query.join(bought, bought.c.customer_id == col(Notice.customer_id), isouter=True)
        .where(Notice.announcement_id == announcement.id).group_by(slug, state)
    )
    return _table(rows)


def _table(rows: Iterable[tuple[str, Any, int]]) -> dict[str, Counts]:
    found: dict[str, dict[str, int]] = {}
    for key, state, count in rows:
        found.setdefault(key, {})[str(state)] = int(count)
    return dict(sorted(found.items()))


def _all(table: Mapping[str, Counts]) -> Counts:
    found: dict[str, int] = {}
    for counts in table.values():
        for state, count in counts.items():
            found[state] = found.get(state, 0) + count
    return found
