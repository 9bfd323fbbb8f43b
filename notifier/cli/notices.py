"""Notices: who is proven to have been told, by what, and until when they may object."""

from __future__ import annotations

from typing import Any

import click
from sqlmodel import Session, col, select

from notifier.cli.acting import Noun, reading
from notifier.cli.printing import jsonable, listed
from notifier.tables import Announcement, Customer, Notice
from notifier.workflow import announcements
from notifier.workflow import notices as verbs


@click.group(cls=Noun)
def notices() -> None:
    """Notices: one announcement to one customer."""


@notices.command("list")
@click.option("--announcement", default="", help="Only those of this announcement.")
@jsonable
def list_notices(announcement: str, as_json: bool) -> None:
    """Lists the notices with their proof and their window."""
    with reading() as act:
        query = (
            select(Notice, Customer, Announcement).join(Customer, col(Customer.id) == col(Notice.customer_id))
            .join(Announcement, col(Announcement.id) == col(Notice.announcement_id))
            .where(col(Announcement.made_at).is_not(None)).order_by(col(Notice.id))
        )
        if announcement:
            query = query.where(Notice.announcement_id == announcements.get(act.session, announcement).id)
        rows = [_row(act.session, *found) for found in act.session.exec(query)]
    heads = {"announcement": "ANNOUNCEMENT", "customer": "CUSTOMER", "state": "STATE", "given_at": "GIVEN",
             "given_by": "PROVEN BY", "last_day": "LAST DAY TO OBJECT"}
    listed(rows, heads, as_json, none="No notices yet: 'notifier changes announce'.")


def _row(session: Session, notice: Notice, customer: Customer, announcement: Announcement) -> dict[str, Any]:
    window = verbs.window_of(session, notice)
    return {
        "uid": notice.uid, "announcement": announcement.ref, "customer": customer.ref, "name": customer.name,
        "state": str(notice.state), "given_at": notice.given_at, "given_by": notice.given_by,
        "opens_window": notice.opens_window, "promised_last_day": notice.promised_last_day,
        "last_day": window.last_day if window else None, "window_ends_at": window.ends_at if window else None,
    }
