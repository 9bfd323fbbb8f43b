"""Notices: who is proven to have been told, by what, and until when they may object."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click
from sqlmodel import Session, col, select

from notifier.cli.acting import Noun, acting, reading, signed
from notifier.cli.printing import cell, day, jsonable, listed, pairs, show_json
from notifier.cli.progress import progress
from notifier.domain.proof import in_words
from notifier.domain.refusals import Refusal
from notifier.domain.silence import WORDS
from notifier.tables import Announcement, Customer, Notice
from notifier.workflow import (
    announcements,
    consents,
    documents,
    doubts,
    extensions,
    hand_delivery,
    silence,
    takeovers,
)
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
        found = act.session.exec(query).all()
        meant = silence.of_notices(act.session, [notice.id or 0 for notice, _, _ in found])
        rows = [_row(act.session, *each) | {"silence": meant.get(each[0].id or 0, {})} for each in found]
    heads = {"announcement": "ANNOUNCEMENT", "customer": "CUSTOMER", "state": "STATE", "given_at": "GIVEN",
             "last_day": "LAST DAY TO OBJECT", "proof": "PROVEN BY"}
    listed(rows, heads, as_json, none="No notices yet: 'notifier changes announce'.")


def _row(session: Session, notice: Notice, customer: Customer, announcement: Announcement) -> dict[str, Any]:
    window = verbs.window_of(session, notice)
    return {
        "uid": notice.uid, "announcement": announcement.ref, "joining": announcement.joining,
        "elsewhere_on": announcement.elsewhere_on, "customer": customer.ref, "name": customer.name,
        "state": str(notice.state), "given_at": notice.given_at, "given_by": notice.given_by,
        "proof": str(in_words(notice.given_by, notice.proof) or ""),
        "opens_window": notice.opens_window, "promised_last_day": notice.promised_last_day,
        "last_day": window.last_day if window else None, "window_ends_at": window.ends_at if window else None,
    }


@notices.command()
@click.argument("notice", metavar="NOTICE")
@jsonable
def show(notice: str, as_json: bool) -> None:
    """Shows one notice: its proof, its window, who has read it, and what silence meant.

    NOTICE is its UID, or announcement/customer.
    """
    with reading() as act:
        row = hand_delivery.find(act.session, notice)
        customer = act.session.get(Customer, row.customer_id)
        announcement = act.session.get(Announcement, row.announcement_id)
        assert customer is not None
        assert announcement is not None
        meant = silence.of_notices(act.session, [row.id or 0]).get(row.id or 0, {})
        value = _row(act.session, row, customer, announcement) | {
            "reminder_at": row.remind_at, "reminded_at": row.reminded_at, "silence": meant,
            "read": [{"contact": email, "at": at} for email, at in consents.readers(act.session, row)],
        }
    if as_json:
        show_json(value)
        return
    pairs({"Notice": f"{value['uid']}, {value['state']}", "Announcement": value["announcement"],
           "Customer": f"{value['name']} ({value['customer']})", "Given": value["given_at"],
           "Proven by": value["proof"], "Last day to object": value["last_day"],
           "Reminder": value["reminded_at"] or value["reminder_at"],
           "Has read it": [f"{one['contact']}, {cell(one['at'])}" for one in value["read"]],
           "Silence": "\n".join(f"{ref}: {WORDS[code]}" for ref, code in meant.items())})


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


@notices.command("mail-links")
@click.argument("announcement")
@jsonable
@signed
def mail_links(announcement: str, as_json: bool, as_email: str) -> None:
    """Mails each customer of an announcement that was taken over from elsewhere the link to its page, once."""
    with acting(as_email) as act:
        told = takeovers.mail_pages(act.session, announcement, actor=act.actor, now=act.now)
    if as_json:
        show_json({"announcement": announcement, "mailed": told})
    else:
        click.echo(f"{told} customers are mailed the link to their page.")


@notices.command("hand-delivery")
@click.argument("notice", metavar="NOTICE")
@click.option("--file", "proof", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="What proves it: a signed receipt, the post's record.")
@click.option("--received-on", type=day, metavar="YYYY-MM-DD", default=None, help="The day the customer received it.")
@click.option("--words", default="", help="Anything worth knowing, for the second person.")
@click.option("--confirm", is_flag=True, help="As the second person: confirms what was recorded.")
@click.option("--save-as", type=click.Path(path_type=Path), default=None, help="Writes the recorded proof to a file.")
@jsonable
@signed
def by_hand(
    notice: str, proof: Path | None, received_on: date | None, words: str, confirm: bool, save_as: Path | None,
    as_json: bool, as_email: str,
) -> None:
    """Records that a notice was delivered by hand or by post; a second person confirms, and then it counts.

    \b
    notifier notices hand-delivery A-1/alpha --file receipt.pdf --received-on 2026-03-05
    notifier notices hand-delivery A-1/alpha --save-as look.pdf
    notifier notices hand-delivery A-1/alpha --confirm

    NOTICE is its UID, or announcement/customer. Without options it shows what waits to be confirmed.
    """
    if confirm and (proof or received_on):
        raise click.UsageError("Give --file and --received-on to record, or --confirm alone.")
    if bool(proof) != bool(received_on):
        raise click.UsageError("Recording takes both: --file and --received-on.")
    if proof is None and not confirm:
        _show_recorded(notice, save_as, as_json)
        return
    with acting(as_email) as act:
        if proof is not None and received_on is not None:
            row = hand_delivery.record(act.session, notice, (proof.name, proof.read_bytes()), received_on, words=words,
                                       actor=act.actor, now=act.now)
        else:
            row = hand_delivery.confirm(act.session, notice, actor=act.actor, now=act.now)
        value = {"uid": row.uid, "state": str(row.state), "given_at": row.given_at, "given_by": row.given_by}
    if as_json:
        show_json(value)
    elif row.given_by == "hand":
        click.echo(f"Confirmed: notice {row.uid} counts as delivered by hand.")
    else:
        click.echo(f"Recorded. A second person confirms it: notifier notices hand-delivery {notice} --confirm")


@notices.command("settle-letter")
@click.argument("letter", metavar="LETTER")
@click.option("--again", "action", flag_value="requeue", help="Sends it again, under the same number.")
@click.option("--let-be", "action", flag_value="cancel", help="Lets it be, and turns to the next contact.")
@click.option("--reason", required=True, help="Why; kept in the log.")
@jsonable
@signed
def settle_letter(letter: str, action: str | None, reason: str, as_json: bool, as_email: str) -> None:
    """Decides on a letter of unknown outcome that nobody can look up any more; LETTER is its reference."""
    if action is None:
        raise click.UsageError("Say what becomes of it: --again or --let-be.")
    with acting(as_email) as act:
        row = doubts.decide(act.session, letter, action, reason, actor=act.actor, now=act.now)
        value = {"ref": row.ref, "state": str(row.state)}
    if as_json:
        show_json(value)
    else:
        click.echo("The letter is sent again." if action == "requeue" else "The letter is let be.")


def _show_recorded(notice: str, save_as: Path | None, as_json: bool) -> None:
    with reading() as act:
        recorded = hand_delivery.waiting(act.session, hand_delivery.find(act.session, notice))
        if recorded is None:
            raise Refusal("not_recorded")
        if save_as is not None:
            save_as.write_bytes(documents.body_of(act.session, recorded.sha256))
    if as_json:
        show_json(vars(recorded))
        return
    pairs({"file": recorded.file_name, "sha256": recorded.sha256, "received on": recorded.received_on,
           "words": recorded.words, "recorded at": recorded.at})
