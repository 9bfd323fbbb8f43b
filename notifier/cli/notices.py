"""Notices: who is proven to have been told, by what, and until when they may object."""

from __future__ import annotations

from datetime import date
from typing import Any

import click
from sqlmodel import Session, col, select

from notifier.cli.acting import Noun, acting, reading, signed
from notifier.cli.printing import day, jsonable, listed, show_json
from notifier.cli.progress import progress
from notifier.tables import Announcement, Customer, Notice
from notifier.workflow import announcements, extensions
from notifier.workflow import notices as verbs


@click.group(cls=Noun)
def notices() -> None:
    """Notices: one announcement to one customer."""


notices.add_command(progress)


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


@notices.command()
@click.argument("uid", required=False, default="")
@click.option("--announcement", default="", help="All notices of this announcement instead of a single one.")
@click.option("--until", "last_day", type=day, metavar="YYYY-MM-DD", required=True, help="The new last day to object.")
@click.option("--reason", default="", help="Why; it stands in the letter.")
@jsonable
@signed
def extend(uid: str, announcement: str, last_day: date, reason: str, as_json: bool, as_email: str) -> None:
    """Gives one customer (its notice's UID), or all of an announcement, more time to object, and tells them."""
    if bool(uid) == bool(announcement):
        raise click.UsageError("Name one notice by its UID, or --announcement REF for all of them.")
    with acting(as_email) as act:
        made = extensions.extend(act.session, last_day, reason, uid=uid, announcement=announcement, actor=act.actor,
                                 now=act.now)
        value = {"last_day": last_day, "extended": [notice.uid for notice in made.extended],
                 "as_long_already": made.as_long_already}
    if as_json:
        show_json(value)
        return
    rest = f"; {made.as_long_already} had that long already" if made.as_long_already else ""
    click.echo(f"{len(made.extended)} of the customers may now object until the end of {last_day}{rest}.")
