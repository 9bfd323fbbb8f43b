"""Delivery reports: read from a file, a folder or the mailbox that bounces go to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from notifier import clock
from notifier.cli.acting import Verb, opened
from notifier.cli.printing import jsonable, show_json
from notifier.domain.people import Actor, Door, Kind
from notifier.house import House
from notifier.jobs import events
from notifier.mail import dsn, mailbox
from notifier.mail.dsn import NotAReport, Report
from notifier.mail.mailbox import Mail, NoMailbox
from notifier.workflow import deliveries
from notifier.workflow.notices import Happening

PROVIDER = Actor(Kind.PROVIDER, Door.CLI)
_SAID = {"sent": "delivered", "bounce": "returned", "soft": "delayed", "other": "handed on, which proves nothing"}


@click.command(cls=Verb)
@click.argument("source", metavar="FILE|imap")
@jsonable
def bounces(source: str, as_json: bool) -> None:
    """Reads delivery reports (RFC 3464) on letters sent by SMTP: proofs of receipt, and letters that came back.

    FILE is one mail, an mbox, or a folder of mails. "imap" reads the unseen mails of NOTIFIER_BOUNCES_IMAP_URL
    (imaps://user:password@host/folder) and marks them as seen; nothing is deleted. Safe to run again and again.
    """
    house = opened()
    counts: Counter[str] = Counter()
    left: list[dict[str, str]] = []
    try:
        for mail in _mails(house, source):
            try:
                counts.update(_take_in(house, mail.raw))
                mail.done(True)
            except NotAReport as error:
                left.append({"where": mail.where, "why": str(error)})
                mail.done(False)
    except NoMailbox as error:
        raise click.ClickException(str(error)) from error
    finally:
        house.database.close()
    house.ring_all()
    if as_json:
        show_json({"reports": dict(counts), "not_read": left})
        return
    click.echo("; ".join(f"{n} {what}" for what, n in sorted(counts.items())) or "No delivery reports.")
    for one in left:
        click.echo(f"Not read, and left where it is: {one['where']}. {one['why']}", err=True)


def _mails(house: House, source: str) -> Iterator[Mail]:
    if source != "imap":
        return mailbox.in_path(Path(source))
    if not house.settings.bounces_imap_url:
        raise NoMailbox("Set NOTIFIER_BOUNCES_IMAP_URL to imaps://user:password@host/folder.")
    return mailbox.in_imap(house.settings.bounces_imap_url)


def _take_in(house: House, raw: bytes) -> list[str]:
    """What the reports of one mail did, in a word each. Raises NotAReport."""
    now = clock.now()
    reports = dsn.parse(raw, now)
    with house.database.transaction() as session:
        told = []
        for report in reports:
            letter = deliveries.find(session, report.ref, "", lock=False)
            told.append(_happening(report, letter.created_at if letter else now, now))
        done = events.take_in(session, told, actor=PROVIDER, now=now)
    known = {"unknown": "for letters that are not ours", "repeated": "known already"}
    return [known.get(word, _SAID[report.kind]) for report, word in zip(reports, done, strict=True)]


def _happening(report: Report, written_at: datetime, now: datetime) -> Happening:
    """A report from before its letter was written comes from a clock that is wrong: then the reading counts."""
    dated = report if report.at >= written_at else replace(report, at=now)
    return Happening(dated.ref, "", dated.kind, dated.at, dated.key, dated.words, dated.raw, means="dsn")
