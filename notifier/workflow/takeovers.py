"""Switching over in mid-window: notices given elsewhere before this service, taken over with their proofs.

The change stands here already, approved by a second person or known; a file says whom it was announced to elsewhere.
All rows of it are taken, or none. Whoever is owed a notice of the change and is not in the file is told from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from notifier.domain import audience as rules
from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import CHANGE, NOTICE, ChangeState, NoticeState
from notifier.domain.terms import Terms
from notifier.tables import Announcement, Change, Contact, Customer, Notice
from notifier.workflow import (
    announcements,
    audience,
    audit,
    changes,
    contracts,
    deliveries,
    documents,
    latecomers,
    notices,
    objections,
    rolls,
    settings,
)
from notifier.workflow.audience import Seat
from notifier.workflow.notice_imports import Running, fault
from notifier.workflow.objections import Filing
from notifier.workflow.sheets import bad

ACT = "take_over"
LETTER = "change_page"
NOON = time(12)
Files = Mapping[str, tuple[str, bytes]]


@dataclass
class Plan:
    """What taking a file over would do: by change the rows to take with their customers' seats, and the notice that is
    owed from here already and not given yet, if there is one; how many rows are taken over already; how many customers
    are owed a notice of these changes and are not in the file."""

    rows: dict[str, list[tuple[Running, Seat, Notice | None]]] = field(default_factory=dict)
    unchanged: int = 0
    left: int = 0

    @property
    def taken(self) -> int:
        """How many notices it would take over."""
        return sum(map(len, self.rows.values()))


@dataclass(frozen=True)
class Taken:
    """What was done: the announcements made, the notices taken over, the rows that were already, and how many other
    customers are owed a notice from here."""

    announcements: tuple[Announcement, ...]
    notices: int
    unchanged: int
    owed: int


def plan(session: Session, rows: Sequence[Running], files: Files, now: datetime) -> Plan:
    """Looks at every row; writes nothing. Raises Refusal bad_file with everything that is wrong, each with its place:
    an unknown customer or change, a change not approved, a customer it does not concern, a day to come, another start,
    a notice that is there already and says something else."""
    found, faults = Plan(), list[Sentence]()
    for ref in dict.fromkeys(row.change for row in rows):
        own = [row for row in rows if row.change == ref]
        change = session.exec(select(Change).where(Change.ref == ref)).first()
        if change is None or change.state not in (ChangeState.APPROVED, ChangeState.ANNOUNCED):
            words = N_("change “%(ref)s” is not here") if change is None else N_(
                "change “%(ref)s” is neither approved nor announced; have a second person approve it first")
            faults += [fault(row.where, Sentence(words, {"ref": ref})) for row in own]
            continue
        _look(session, change, own, files, found, faults, now)
    if faults:
        raise bad(*faults)
    return found


def take_over(session: Session, rows: Sequence[Running], files: Files, *, actor: Actor, now: datetime) -> Taken:
    """Takes notices over: each is given by its proof, and its window is the later of the one the customer's terms give
    and the day promised there. An approved change is announced by it, as of the day it was elsewhere. No letter leaves,
    but for those to customers not in the file, who are owed a notice now. The same file again changes nothing.

    Raises Refusal role_missing, bad_file as `plan`, and for an approved change what announcing refuses: incomplete,
    start_missing, being_announced.
    """
    if Role.PRIVACY not in actor.roles:
        raise Refusal("role_missing", roles="privacy")
    found = plan(session, rows, files, now)
    tried = [_of_change(session, ref, own, files, actor=actor, now=now) for ref, own in found.rows.items()]
    made = tuple(each for each in tried if each is not None)
    owed = latecomers.look_after(session, actor=actor, now=now)
    return Taken(made, found.taken, found.unchanged, sum(each.included for each in owed.announcements))


def mail_pages(session: Session, ref: str, *, actor: Actor, now: datetime) -> int:
    """Owes every customer of an announcement that was taken over one letter with the link to its page and the last day
    that counts; those who had it already are left out. Returns to how many. Raises Refusal role_missing, unknown."""
    if Role.PRIVACY not in actor.roles:
        raise Refusal("role_missing", roles="privacy")
    made = announcements.get(session, ref)
    if made.elsewhere_on is None:
        raise Refusal("unknown", what=N_("announcement taken over from elsewhere"), ref=ref)
    told = 0
    for notice in session.exec(select(Notice).where(Notice.announcement_id == made.id).order_by(col(Notice.id))):
        customer = session.get_one(Customer, notice.customer_id)
        over = contracts.over(session, notice, now) or not notices.stands(session, notice.id or 0)
        if over or deliveries.of_notice(session, notice.id or 0, LETTER):
            continue
        for contact in deliveries.notice_contacts(session, notice.customer_id):
            deliveries.queue(session, LETTER, "notice", notice.id or 0, email=contact.email, name=contact.name,
                             language=customer.language, now=now, contact_id=contact.id, notice_id=notice.id)
        told += 1
    audit.note(session, "mail_pages", "announcement", made.ref, actor=actor, now=now, count=told)
    return told


def _look(
    session: Session, change: Change, rows: Sequence[Running], files: Files, found: Plan, faults: list[Sentence],
    now: datetime,
) -> None:
    services = frozenset(changes.services_of(session, changes.items_of(session, change)))
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    seats = {seat.customer.ref: seat for seat in audience.seats(session, services, today)}
    held = {customer_id: (notice, made) for customer_id, notice, made in _held(session, change)}
    seen: set[str] = set()
    for row in rows:
        seat = seats.get(row.customer_ref)
        problem = _problem(change, row, seat, seen, today)
        seen.add(row.customer_ref)
        notice, made = held.get(seat.customer.id, (None, None)) if seat else (None, None)
        if problem is None and notice is not None and made is not None:
            if _same(notice, row, files):
                found.unchanged += 1
                continue
            if made.joining and notice.state in (NoticeState.PENDING, NoticeState.UNDELIVERABLE):
                assert seat is not None
                found.rows.setdefault(change.ref, []).append((row, seat, notice))
                continue
            problem = Sentence(N_("“%(ref)s” has a notice of this change already, which says something else"),
                               {"ref": row.customer_ref})
        if problem is not None or seat is None:
            faults.append(fault(row.where, problem or Sentence("")))
        else:
            found.rows.setdefault(change.ref, []).append((row, seat, None))
    found.left += sum(s.included and ref not in seen and s.customer.id not in held for ref, s in seats.items())


def _problem(change: Change, row: Running, seat: Seat | None, seen: set[str], today: date) -> Sentence | None:
    if seat is None:
        return Sentence(N_("customer “%(ref)s” is not here; import the customers first"), {"ref": row.customer_ref})
    if row.customer_ref in seen:
        return Sentence(N_("“%(ref)s” stands there twice for this change"), {"ref": row.customer_ref})
    if not seat.included:
        return Sentence(N_("the change does not concern “%(ref)s”: %(why)s"),
                        {"ref": row.customer_ref, "why": rules.WORDS[seat.why]})
    received = _moment(row.received, seat.terms).astimezone(ZoneInfo(seat.terms.zone)).date()
    if max(row.informed_on, received, row.acknowledged or received, row.objected or received) > today:
        return Sentence(N_("a day in it has not come"))
    if row.planned_start is not None and row.planned_start != change.planned_start:
        return Sentence(N_("the customer was told that it starts on %(told)s, but here it is planned for %(start)s"),
                        {"told": row.planned_start, "start": change.planned_start or "–"})
    if row.objected is not None and not seat.contacts:
        return Sentence(N_("“%(ref)s” has no notice contact, to whom letters about its objection would go"),
                        {"ref": row.customer_ref})
    return None


def _held(session: Session, change: Change) -> list[tuple[int, Notice, Announcement]]:
    rows = changes.concerned(session, change)
    made = {a.id: a for a in changes.announcements_of(session, change)}
    return [(notice.customer_id, notice, made[notice.announcement_id]) for _, notice in rows]


def _same(notice: Notice, row: Running, files: Files) -> bool:
    """Whether a row says what was taken over before."""
    proof = notice.proof or {}
    return (notice.given_by == "imported" and proof.get("row") == _told(row)
            and proof.get("file") == documents.sha256(files[row.proof_file][1]))


def _told(row: Running) -> dict[str, Any]:
    """What a row says, as its notice's proof keeps it."""
    return {"informed_on": row.informed_on.isoformat(), "received": row.received.isoformat(),
            "last_day": row.last_day.isoformat() if row.last_day else "",
            "acknowledged": row.acknowledged.isoformat() if row.acknowledged else "",
            "objected": row.objected.isoformat() if row.objected else ""}


def _of_change(
    session: Session, ref: str, rows: Sequence[tuple[Running, Seat, Notice | None]], files: Files, *, actor: Actor,
    now: datetime,
) -> Announcement | None:
    """Takes the rows of one change. An announcement is made for those who have no notice from here yet, if any."""
    change, day = changes.get(session, ref, lock=True), min(row.informed_on for row, _, _ in rows)
    seats = sorted((seat for _, seat, notice in rows if notice is None), key=lambda seat: seat.customer.id)
    made = _announce(session, change, seats, day, actor=actor, now=now) if seats else None
    fresh = session.exec(select(Notice).where(Notice.announcement_id == made.id)).all() if made else []
    held = {notice.customer_id: notice for notice in fresh}
    for row, seat, notice in rows:
        if notice is not None:
            deliveries.cancel_queued(session, [notice.id or 0], actor=actor, now=now)
        _take(session, change, notice or held[seat.customer.id], row, files, actor=actor, now=now)
    audit.note(session, ACT, CHANGE.name, change.ref, actor=actor, now=now, count=len(rows),
               refs={"elsewhere_on": day.isoformat()})
    return made


def _announce(
    session: Session, change: Change, seats: Sequence[Seat], day: date, *, actor: Actor, now: datetime
) -> Announcement:
    """The announcement made elsewhere on a day, to these customers. Their letters have left long ago."""
    first = change.state == ChangeState.APPROVED
    if first:
        announcements.ready(session, [change.ref], now)
    made = rolls.begin(session, [change], "", actor=actor, now=now)
    made.elsewhere_on = day
    for part in rolls.parts(seats):
        rolls.write(session, made, part, change.opens_window, now, reachable=False, letters=False)
    rolls.close(session, made, rolls.of(seats), now)
    if first:
        zone = ZoneInfo(settings.organisation(session).zone)
        since = datetime.combine(day, time(), zone).astimezone(now.tzinfo)
        announcements.made_known(session, made, [change], since=since, actor=actor, now=now)
    else:
        announcements.show(session, made, [change], ACT, new_edition=False, actor=actor, now=now)
    session.flush()
    return made


def _take(
    session: Session, change: Change, notice: Notice, row: Running, files: Files, *, actor: Actor, now: datetime
) -> None:
    name, body = files[row.proof_file]
    terms = Terms.from_json(notice.terms)
    proof = {"kind": row.proof, "file": documents.keep(session, body, now), "file_name": name, "row": _told(row)}
    notices.take_over(session, notice, _moment(row.received, terms), proof, row.last_day, actor=actor, now=now)
    if row.acknowledged is not None:
        notice.acknowledged_at = min(now, _moment(row.acknowledged, terms))
        audit.note(session, "acknowledge", NOTICE.name, notice.uid, actor=actor, now=now)
    if row.objected is not None:
        contact = deliveries.notice_contacts(session, notice.customer_id)[0]
        _object(session, change, notice, row, contact, terms, actor=actor, now=now)


def _object(
    session: Session, change: Change, notice: Notice, row: Running, contact: Contact, terms: Terms, *, actor: Actor,
    now: datetime,
) -> None:
    """An objection made elsewhere goes on as a case here; its receipt brings the link to it."""
    customer = session.get_one(Customer, notice.customer_id)
    words = row.objection or f"Objected on {row.objected}, before this service; see {row.proof_file}."
    filing = Filing(words, contact.name, contact.email, changes=(change.ref,), channel="import",
                    nonce=str(uuid5(NAMESPACE_URL, f"{notice.uid}:{row.objected}")), language=customer.language)
    at = min(now, _moment(row.objected or row.informed_on, terms))
    objections.file(session, notice.id or 0, filing, contact_id=contact.id, filed_at=at, actor=actor, now=now)


def _moment(told: date | datetime, terms: Terms) -> datetime:
    """A day as its noon, within business hours, so that the receipt rule decides by the day alone; a moment without
    an offset as one of the customer's zone."""
    zone = ZoneInfo(terms.zone)
    at = told if isinstance(told, datetime) else datetime.combine(told, NOON)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
