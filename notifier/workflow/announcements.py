"""Announcing: who is owed a notice, what each will be told, and the one act that makes approved changes known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.states import CHANGE, ChangeState, Need, NoticeState
from notifier.domain.terms import Terms
from notifier.tables import Announcement, AnnouncementChange, AudienceRow, Change, Customer, Notice, NoticeChange
from notifier.workflow import audience, audit, changes, deliveries, listing, notices, rolls, settings
from notifier.workflow.audience import Seat
from notifier.workflow.earliest import Earliest, deciding, earliest, refuse_early
from notifier.workflow.rolls import Part, Roll
from notifier.workflow.tellings import tell_reached


@dataclass(frozen=True)
class Plan:
    """What announcing now would do: the roll, the earliest start every customer's terms allow, and whether a
    window opens. `services` are the slugs of what the changes concern."""

    seats: tuple[Seat, ...]
    start: Earliest
    opens_window: bool
    services: frozenset[str]

    @property
    def earliest(self) -> date:
        """The earliest start."""
        return self.start.day

    @property
    def deciding(self) -> tuple[Seat, ...]:
        """The customers whose terms allow none earlier."""
        return deciding(self.start, self.seats)

    @property
    def included(self) -> tuple[Seat, ...]:
        """The customers owed a notice."""
        return tuple(s for s in self.seats if s.included)

    @property
    def nobody(self) -> tuple[Seat, ...]:
        """The customers owed a notice who have no contact to write to."""
        return tuple(s for s in self.included if not s.contacts)

    @property
    def by_service(self) -> dict[str, int]:
        """How many customers are told, by slug of the services concerned; who buys several counts in each."""
        return _counted(slug for s in self.included for slug in self.services & (s.services or self.services))

    @property
    def by_language(self) -> dict[str, int]:
        """How many customers are told in which language."""
        return _counted(s.customer.language for s in self.included)

    @property
    def by_contacts(self) -> dict[int, int]:
        """How many customers are written to at how many addresses, 0 among them."""
        return _counted(len(s.contacts) for s in self.included)

    @property
    def letters(self) -> dict[str, int]:
        """How many letters would leave in which language."""
        return _counted(s.customer.language for s in self.included for _ in s.contacts)


Counted = TypeVar("Counted", str, int)


def _counted(each: Iterable[Counted]) -> dict[Counted, int]:
    return dict(sorted(Counter(each).items()))


def plan(session: Session, concerned: Sequence[Change], now: datetime) -> Plan:
    """The audience roll and the earliest start for announcing these changes at `now`; writes nothing."""
    services, today = _scope(session, concerned, now)
    seats = tuple(audience.seats(session, services, today))
    opens = any(c.opens_window for c in concerned)
    return Plan(seats, earliest(session, _terms_of(seats), opens, now), opens, services)


def seat(session: Session, concerned: Sequence[Change], customer_id: int, now: datetime) -> Seat:
    """One customer's seat on the roll for announcing these changes at `now`. Raises Refusal unknown."""
    found = next(audience.seats(session, *_scope(session, concerned, now), only=[customer_id]), None)
    if found is None:
        raise Refusal("unknown", what="customer", ref=str(customer_id))
    return found


def _terms_of(seats: Iterable[Seat]) -> Iterable[Terms]:
    """The terms of all who are in: customers of equal terms share one value, which is cheaper to tell by than equality
    where they are many."""
    return {id(s.terms): s.terms for s in seats if s.included}.values()


def _scope(session: Session, concerned: Sequence[Change], now: datetime) -> tuple[frozenset[str], date]:
    """The services these changes touch, and the processor's civil day: what decides who is owed a notice."""
    services = {s for c in concerned for s in changes.services_of(session, changes.items_of(session, c))}
    return frozenset(services), now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()


def make_known(
    session: Session, refs: Sequence[str], *, actor: Actor, now: datetime, words: str = ""
) -> Announcement:
    """What doors call: announces at once where there are few customers; else only begins, `made_at` stays empty, and
    whoever rings for `jobs.announce` after the commit (else the clock) has it gone on with. Raises as `announce`."""
    few = session.scalar(sa.select(sa.func.count()).select_from(Customer)) or 0
    act = announce if few <= rolls.PART else begin
    return act(session, refs, actor=actor, now=now, words=words)


def announce(
    session: Session, refs: Sequence[str], *, actor: Actor, now: datetime, words: str = ""
) -> Announcement:
    """Makes approved changes known: freezes the audience roll, owes every customer on it a notice and its
    letters, moves the changes, and publishes a new edition, all in this one transaction.

    Raises Refusal nothing_to_announce, no_such_move, being_announced, incomplete, start_missing, start_too_early
    (with the earliest date every customer's terms allow, and whose terms decide it), no_notice_contact (naming every
    customer).
    """
    concerned = ready(session, refs, now)
    planned = plan(session, concerned, now)
    refuse_unfit(concerned, planned)
    announcement = write(session, concerned, planned, words, actor=actor, now=now)
    made_known(session, announcement, concerned, actor=actor, now=now)
    return announcement


def begin(session: Session, refs: Sequence[str], *, actor: Actor, now: datetime, words: str = "") -> Announcement:
    """The first of many transactions that announce to many customers: looks at the changes, not yet at the customers,
    and begins an empty roll. Then `draft` and `write_part` write it, and `finish` makes it known.

    Raises Refusal nothing_to_announce, no_such_move, role_missing, being_announced, incomplete, start_missing.
    """
    concerned = ready(session, refs, now)
    audit.permit(_ANNOUNCE, actor)
    announcement = rolls.begin(session, concerned, words, actor=actor, now=now)
    audit.note(session, "begin", "announcement", announcement.ref, actor=actor, now=now,
               refs={"changes": [c.ref for c in concerned]}, reason=words)
    return announcement


def ready(session: Session, refs: Sequence[str], now: datetime) -> list[Change]:
    """The changes, locked in one order: approved, complete, with a planned start, announced by nobody else yet. Raises
    Refusal nothing_to_announce, unknown, no_such_move, incomplete, start_missing, being_announced."""
    concerned = [changes.get(session, ref, lock=True) for ref in sorted(set(refs))]
    if not concerned:
        raise Refusal("nothing_to_announce")
    for change in concerned:
        _refuse_unready(session, change, now)
        if busy := _begun(session, change):
            raise Refusal("being_announced", ref=change.ref, announcement=busy.ref)
    return concerned


def _refuse_unready(session: Session, change: Change, now: datetime) -> None:
    if change.state != ChangeState.APPROVED:
        raise Refusal("no_such_move", state=str(change.state), action="announce")
    if found := changes.gaps(session, change, now):
        raise Refusal("incomplete", details=found)
    if change.planned_start is None:
        raise Refusal("start_missing")


def _begun(session: Session, change: Change) -> Announcement | None:
    return session.exec(
        select(Announcement).join(AnnouncementChange, col(AnnouncementChange.announcement_id) == col(Announcement.id))
        .where(AnnouncementChange.change_id == change.id, *_UNFINISHED)
    ).first()


def unfinished(session: Session) -> list[Announcement]:
    """The announcements begun and not made yet, oldest first."""
    return list(session.exec(select(Announcement).where(*_UNFINISHED).order_by(col(Announcement.id))))


def given_up(session: Session) -> list[Announcement]:
    """The announcements that could not be made and of whose changes one still waits to be announced, newest first."""
    waiting = select(AnnouncementChange.announcement_id).join(
        Change, col(Change.id) == col(AnnouncementChange.change_id)).where(Change.state == ChangeState.APPROVED)
    return list(session.exec(
        select(Announcement).where(col(Announcement.abandoned_at).is_not(None), col(Announcement.id).in_(waiting))
        .order_by(col(Announcement.id).desc())
    ))


def so_far(session: Session, announcement: Announcement) -> int:
    """How many customers are on the roll of an announcement that is being written."""
    return session.scalar(sa.select(sa.func.count()).select_from(AudienceRow).where(
        col(AudienceRow.announcement_id) == announcement.id)) or 0


def litter(session: Session) -> int | None:
    """The number of an announcement that was given up and of which notices are left to clear away."""
    return session.exec(
        select(Announcement.id).where(
            col(Announcement.abandoned_at).is_not(None),
            sa.exists().where(col(Notice.announcement_id) == col(Announcement.id))).limit(1)
    ).first()


def draft(session: Session, announcement: Announcement, now: datetime, *, behind: int | None = None) -> Part:
    """The next part of a roll that was begun, read only; empty once it reaches the last customer. `behind` the customer
    of that id where the part before is only being written. Before the first it looks at all customers, so that nothing
    is written of what is refused: Refusal start_too_early, no_notice_contact (naming every customer)."""
    concerned = concerned_by(session, announcement)
    services, today = _scope(session, concerned, now)
    after = rolls.written_up_to(session, announcement.id or 0) if behind is None else behind
    if not after:
        _survey(session, concerned, now)
    part = list(islice(audience.seats(session, services, today, after=after), rolls.PART))
    rolls.refuse_unreachable(part)
    return Part(after, part)


def _survey(session: Session, concerned: Sequence[Change], now: datetime) -> None:
    services, today = _scope(session, concerned, now)
    reachable, nobody, terms = audience.reachable(session), False, {}
    for standing in audience.standings(session, services, today):
        if standing.included:
            terms[id(standing.terms)] = standing.terms
            nobody = nobody or standing.customer_id not in reachable
    first = earliest(session, terms.values(), any(c.opens_window for c in concerned), now)
    refuse_early(concerned, first, audience.seats(session, services, today))
    if nobody:
        rolls.refuse_unreachable(audience.seats(session, services, today))


def write_part(session: Session, number: int, part: Part, *, now: datetime) -> bool:
    """Writes a part that `draft` gave. False, and nothing is written, where the roll does not end where the part begins
    (somebody else was faster), or the announcement is made or given up."""
    announcement = _lock(session, number)
    if announcement is None or rolls.written_up_to(session, number) != part.behind:
        return False
    opens = any(c.opens_window for c in concerned_by(session, announcement))
    rolls.write(session, announcement, part.seats, opens, now)
    return True


def check(session: Session, announcement: Announcement, now: datetime) -> Roll | None:
    """The whole written roll against the customers as they are now; None where it is not whole. Reads only, some
    seconds long where there are very many. Raises Refusal roll_changed."""
    return rolls.checked(session, announcement, *_scope(session, concerned_by(session, announcement), now))


def finish(session: Session, number: int, roll: Roll, *, actor: Actor, now: datetime) -> bool:
    """The last transaction: looks once more at everything that may have moved since `begin`, and makes it known. False,
    and nothing is written, where a customer has changed since the roll was checked, or somebody else was faster.

    Raises Refusal no_such_move, incomplete, start_missing, start_too_early, role_missing.
    """
    concerned = [changes.get(session, ref, lock=True) for ref in sorted(
        c.ref for c in concerned_by(session, session.get_one(Announcement, number)))]
    announcement = _lock(session, number)
    if announcement is None or rolls.fingerprint(session) != roll.data:
        return False
    for change in concerned:
        _refuse_unready(session, change, now)
    opens = any(c.opens_window for c in concerned)
    first = earliest(session, roll.terms, opens, now)
    refuse_early(concerned, first, audience.seats(session, *_scope(session, concerned, now)))
    rolls.close(session, announcement, roll, now)
    made_known(session, announcement, concerned, actor=actor, now=now)
    return True


def give_up(session: Session, number: int, why: Refusal, *, actor: Actor, now: datetime) -> None:
    """Ends an announcement that was begun and cannot be made as it is: its changes stay approved and can be announced
    again, and its pages say why. What was written of it is cleared away later (`rolls.clear`)."""
    announcement = _lock(session, number)
    if announcement is None:
        return
    announcement.abandoned_at = now
    announcement.abandoned_why = [s.to_json() for s in (why.sentence, *why.details[:50])]
    audit.note(session, "give_up", "announcement", announcement.ref, actor=actor, now=now, refs={"code": why.code},
               reason=str(why.sentence))


def _lock(session: Session, number: int) -> Announcement | None:
    return session.exec(
        select(Announcement).where(Announcement.id == number, *_UNFINISHED).with_for_update()
        .execution_options(populate_existing=True)
    ).first()


_UNFINISHED = (col(Announcement.made_at).is_(None), col(Announcement.abandoned_at).is_(None))
_ANNOUNCE = next(row for row in CHANGE.rows if row.action == "announce")


def concerned_by(session: Session, announcement: Announcement) -> list[Change]:
    """The changes an announcement makes known, in their order."""
    return list(session.exec(
        select(Change).join(AnnouncementChange, col(AnnouncementChange.change_id) == col(Change.id))
        .where(AnnouncementChange.announcement_id == announcement.id).order_by(col(Change.id))
    ))


def made_known(
    session: Session, announcement: Announcement, concerned: Sequence[Change], *, since: datetime | None = None,
    actor: Actor, now: datetime,
) -> None:
    """Moves the changes of a written announcement, and shows it; they are known `since` then, if not since now. Raises
    Refusal no_such_move, role_missing."""
    for change in concerned:
        audit.move(session, change, "announce", actor=actor, now=now, checked={Need.COMPLETE, Need.AUDIENCE},
                   refs={"announcement": announcement.ref})
        change.announced_at, change.updated_at = since or now, now
    show(session, announcement, concerned, "announce", actor=actor, now=now)


def show(
    session: Session, announcement: Announcement, concerned: Sequence[Change], act: str, *, new_edition: bool = True,
    actor: Actor, now: datetime,
) -> None:
    """The last step of announcing: a new edition (or the newest one, where the list says nothing new), and from here on
    everybody can see it. `act` names it in the log."""
    announcement.made_at = now
    newest = None if new_edition else listing.newest(session)
    announcement.edition_n = (newest or listing.new_edition(session, act, now)).n
    audit.note(
        session, act, "announcement", announcement.ref, actor=actor, now=now, count=announcement.included,
        refs={"changes": [c.ref for c in concerned], "audience": announcement.audience_sha256,
              "left_out": announcement.left_out, "edition": announcement.edition_n},
        reason=announcement.words,
    )


def refuse_unfit(concerned: Sequence[Change], planned: Plan) -> None:
    """Raises Refusal start_missing, start_too_early or no_notice_contact where these changes cannot be announced so."""
    refuse_early(concerned, planned.start, planned.seats)
    rolls.refuse_unreachable(planned.included)


def write(
    session: Session, concerned: Sequence[Change], planned: Plan, words: str, *, corrects: Announcement | None = None,
    irregular: bool = False, actor: Actor, now: datetime,
) -> Announcement:
    """An announcement with its frozen roll, its notices and their letters in this one transaction, which nobody sees
    before `show`; `corrects` is the one it corrects, `irregular` says that processing has begun already."""
    announcement = rolls.begin(session, concerned, words, corrects=corrects, irregular=irregular, actor=actor, now=now)
    for part in rolls.parts(planned.seats):
        rolls.write(session, announcement, part, planned.opens_window, now)
    rolls.close(session, announcement, rolls.of(planned.seats), now)
    return announcement


def withdraw(session: Session, ref: str, reason: str, *, actor: Actor, now: datetime) -> Change:
    """Ends a change that will not happen. One that was announced is taken back by letter from everybody who was
    told, and the list says so. Raises Refusal no_such_move, role_missing, reason_missing."""
    change = changes.get(session, ref, lock=True)
    announced = change.state == ChangeState.ANNOUNCED
    audit.move(session, change, "withdraw", actor=actor, now=now, reason=reason)
    change.updated_at = now
    if announced:
        told = _take_back(session, change, reason, actor=actor, now=now)
        listing.new_edition(session, "withdraw", now)
        audit.note(session, "take_back", CHANGE.name, change.ref, actor=actor, now=now, count=told)
    return change


def _take_back(session: Session, change: Change, reason: str, *, actor: Actor, now: datetime) -> int:
    """Takes an announced change back from every notice: its part ends, unsent letters are cancelled, everybody
    else is told. A notice with nothing left in it is cancelled. Returns how many customers are told."""
    rows = session.exec(
        select(NoticeChange, Notice).join(Notice, col(Notice.id) == col(NoticeChange.notice_id))
        .where(NoticeChange.change_id == change.id, col(NoticeChange.superseded_at).is_(None))
        .order_by(col(Notice.id)).with_for_update()
    ).all()
    told = 0
    for part, notice in rows:
        part.withdrawn_at = now
        session.flush()
        left = notices.stands(session, notice.id or 0)
        if not left:
            deliveries.cancel_queued(session, [notice.id or 0], actor=actor, now=now)
        told += tell_reached(session, "change_withdrawn", notice, part, reason, now=now)
        if not left and notice.state != NoticeState.CANCELLED:
            audit.move(session, notice, "cancel", actor=actor, now=now, refs={"change": change.ref})
    return told


def get(session: Session, ref: str) -> Announcement:
    """The announcement of this reference. Raises Refusal unknown."""
    found = session.exec(select(Announcement).where(Announcement.ref == ref)).first()
    if found is None or found.made_at is None:
        raise Refusal("unknown", what="announcement", ref=ref)
    return found
