"""What happened to deliveries, a row each, and what the audit log's Merkle tree covers of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session

from notifier.tables import Delivery, DeliveryEvent
from notifier.tables.base import table
from notifier.tables.bulk import Among

AT_ONCE = 500  # rows a statement writes


def write(session: Session, events: Sequence[dict[str, Any]]) -> None:
    """Writes the events of a batch, in their order. Where all tell the same of rows in order, the database makes them
    out of the rows themselves: a fifth of the time."""
    one, ids = events[0], [event["delivery_id"] for event in events]
    shared, with_letter = _shared(one), bool(one["letter"])
    alike = all(
        _shared(event) == shared and bool(event["letter"]) == with_letter
        and event["key"] == f"{event['batch']}:{event['delivery_id']}" for event in events
    )
    if not alike or ids != sorted(set(ids)):
        session.execute(sa.insert(table(DeliveryEvent)), events)
        return
    for first in range(0, len(ids), AT_ONCE):
        session.connection().execute(_events_of(with_letter), {
            **{name: one[name] for name in (*_ALIKE, "batch", "recorded_at")}, "those": ids[first:first + AT_ONCE]})


_ALIKE = ("kind", "at", "before", "after", "notice_before", "notice_after")
_shared = itemgetter(*_ALIKE)


@lru_cache
def _events_of(with_letter: bool) -> Any:
    """The statement that writes an event for each of `those` deliveries."""
    events, rows = table(DeliveryEvent), table(Delivery).c
    same = {name: sa.bindparam(name, type_=events.c[name].type) for name in (*_ALIKE, "batch", "recorded_at")}
    key = same["batch"].concat(":").concat(sa.cast(rows.id, sa.Text))
    letter = rows.letter_sha256 if with_letter else sa.literal("")
    chosen = sa.select(rows.id, key, letter, *same.values()).where(
        Among(rows.id, "those")).order_by(rows.id)
    return sa.insert(events).from_select(["delivery_id", "key", "letter", *same], chosen, include_defaults=False)


def leaf(event_row: Mapping[str, Any]) -> bytes:
    """What the Merkle tree covers of a DeliveryEvent: all but its id; the provider's words stand beside it. Events that
    name no letter read as they did before events could."""
    letter = {"letter": event_row["letter"]} if event_row["letter"] else {}
    # RFC 8785 of an object that holds nothing but strings and has its names in order, in a tenth of the library's time.
    return orjson.dumps({
        "after": event_row["after"], "at": event_row["at"].isoformat(), "batch": event_row["batch"],
        "before": event_row["before"], "delivery": str(event_row["delivery_id"]), "key": event_row["key"],
        "kind": event_row["kind"], **letter, "notice_after": event_row["notice_after"],
        "notice_before": event_row["notice_before"],
    })
