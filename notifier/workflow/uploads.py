"""Files of customers that people upload: kept, looked at by a job, and taken in by a job once a person asks for it.
Every step may run twice; the second time it finds itself done."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.people import Actor, Door, Kind, Role, system
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import Sentence
from notifier.tables import CustomerUpload, User
from notifier.workflow import audit, customer_intake, people, sheets
from notifier.workflow.customer_imports import CustomerSheet
from notifier.workflow.customer_intake import Outlook

KEPT = timedelta(days=30)
"""How long the difference an upload made can be looked at; it names people."""


def keep(session: Session, name: str, data: bytes, *, skip_bad: bool, actor: Actor, now: datetime) -> CustomerUpload:
    """Keeps a file for the job that looks at it. Raises Refusal role_missing, and bad_file for one too large."""
    _refuse_others(actor)
    sheets.refuse_large(data, sheets.MOST_CUSTOMER_BYTES)
    row = CustomerUpload(uid=str(uuid4()), name=name[-200:], body=zlib.compress(data, 3), skip_bad=skip_bad,
                         uploaded_by=actor.id, uploaded_at=now)
    session.add(row)
    session.flush()
    audit.note(session, "upload", "customer", "", actor=actor, now=now, refs={"upload": row.uid},
               detail={"file": row.name})
    return row


def get(session: Session, uid: str) -> CustomerUpload:
    """The upload of this name. Raises Refusal unknown."""
    row = session.exec(select(CustomerUpload).where(CustomerUpload.uid == uid)).first()
    if row is None:
        raise Refusal("unknown", what="document", ref=uid)
    return row


def newest(session: Session, most: int = 10) -> list[CustomerUpload]:
    """The last uploads, newest first, without their bytes."""
    slim: sa.Select[tuple[CustomerUpload]] = sa.select(CustomerUpload)
    return list(session.scalars(slim.options(sa.orm.defer(CustomerUpload.body)).order_by(  # type: ignore[arg-type]
        col(CustomerUpload.id).desc()).limit(most)))


def waiting(session: Session) -> list[int]:
    """The uploads a job has something to do for: those to look at, and those to take in."""
    return [number or 0 for number in session.exec(select(CustomerUpload.id).where(
        col(CustomerUpload.done_at).is_(None), col(CustomerUpload.discarded_at).is_(None),
        col(CustomerUpload.refused).is_(None),
        sa.or_(col(CustomerUpload.checked_at).is_(None), col(CustomerUpload.wanted_at).is_not(None)),
    ).order_by(col(CustomerUpload.id)))]


def sheet_of(row: CustomerUpload) -> CustomerSheet:
    """The customers in an upload. Raises Refusal bad_file."""
    return customer_intake.read(row.name, zlib.decompress(row.body or b""))


def looked(session: Session, number: int, found: Outlook | Refusal, customers: int, *, now: datetime) -> None:
    """Keeps what a job found in an upload: what it would change, or why it cannot be read."""
    row = _open(session, number)
    if row is None or row.checked_at is not None:
        return
    row.checked_at, row.customers = now, customers
    if isinstance(found, Outlook):
        row.outlook = found.to_json()
    else:
        _refused(row, found)


def want(session: Session, uid: str, *, actor: Actor, now: datetime) -> CustomerUpload:
    """A person has looked at the difference and asks for it to be taken in. Raises Refusal role_missing, unknown,
    nothing_changes, and bad_file while something in it is wrong that is not to be left out."""
    _refuse_others(actor)
    row = get(session, uid)
    if row.done_at or row.discarded_at or row.wanted_at:
        return row  # sent twice, or by two people: it is wanted already
    outlook = Outlook.from_json(row.outlook) if row.outlook else None
    if outlook is None or not outlook.changes:
        raise Refusal("nothing_changes")
    if outlook.faults and not row.skip_bad:
        raise customer_intake.refused(outlook.faults)
    row.wanted_at, row.wanted_by = now, actor.id
    audit.note(session, "ask_import", "customer", "", actor=actor, now=now, refs={"upload": row.uid})
    return row


def discard(session: Session, uid: str, *, actor: Actor, now: datetime) -> CustomerUpload:
    """Lets go of an upload that is not to be taken in. Raises Refusal role_missing, unknown."""
    _refuse_others(actor)
    row = get(session, uid)
    if row.done_at is None and row.wanted_at is None and row.discarded_at is None:
        row.discarded_at, row.body, row.outlook = now, None, None
        audit.note(session, "discard_upload", "customer", "", actor=actor, now=now, refs={"upload": row.uid})
    return row


def take(session: Session, number: int, sheet: CustomerSheet, *, now: datetime) -> bool:
    """Takes a wanted upload in, acting for who asked for it, in this transaction; True if it was not done before.
    Raises Refusal as `customer_intake.take`, if what is stored has changed meanwhile."""
    row = _open(session, number)
    if row is None or row.wanted_at is None:
        return False
    user = session.get(User, row.wanted_by) if row.wanted_by else None
    actor = people.actor_for(user, Door.JOB) if user and user.disabled_at is None else system(Door.JOB)
    outlook = customer_intake.take(session, sheet, skip_bad=row.skip_bad, actor=actor, now=now)
    row.outlook, row.done_at, row.body = outlook.to_json(), now, None
    return True


def give_up(session: Session, number: int, why: Refusal, *, now: datetime) -> None:
    """Notes why a wanted upload could not be taken in: it was changed by something that happened meanwhile."""
    row = _open(session, number)
    if row is not None:
        _refused(row, why)


def forget(session: Session, *, now: datetime) -> None:
    """Lets go of what old uploads said: it names people."""
    session.execute(sa.update(CustomerUpload).where(col(CustomerUpload.uploaded_at) < now - KEPT).values(
        body=None, outlook=None, refused=None, discarded_at=sa.func.coalesce(
            col(CustomerUpload.discarded_at), col(CustomerUpload.done_at), now)))


def refusal_of(row: CustomerUpload) -> Refusal | None:
    """Why an upload could not be read or taken in."""
    if row.refused is None:
        return None
    details = [Sentence.from_json(each) for each in row.refused["details"]]
    return Refusal("bad_file", details=details)


def _refused(row: CustomerUpload, why: Refusal) -> None:
    details = why.details or (why.sentence,)
    row.refused, row.body = {"details": [each.to_json() for each in details]}, None


def _open(session: Session, number: int) -> CustomerUpload | None:
    """An upload that still waits, held until the transaction ends; None for one that is over."""
    row = session.exec(select(CustomerUpload).where(CustomerUpload.id == number).with_for_update()).first()
    return row if row and row.done_at is None and row.discarded_at is None and row.refused is None else None


def _refuse_others(actor: Actor) -> None:
    if actor.kind is Kind.PERSON and not actor.roles & {Role.OPS, Role.PRIVACY}:
        raise Refusal("role_missing", roles="ops, privacy")
