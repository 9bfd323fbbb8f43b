"""The facts of letters about announcements, for many letters at once: those go to every customer.

What such letters share (the changes as published, the organisation, terms, promises) is read once and kept from batch
to batch while nothing it was read from has changed; what is a notice's own is read for the batch in a few queries.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from notifier.domain import window as rules
from notifier.domain.joining import ended
from notifier.domain.letters import NOBODYS, OF_THE_WINDOW, STAFF_LETTERS, LetterKind, NoticeFacts, Own
from notifier.domain.listing import PublishedItem
from notifier.domain.register import EngagementValue
from notifier.domain.sentences import Sentence
from notifier.domain.terms import Terms
from notifier.tables import (
    Announcement,
    AuditHead,
    Change,
    Correction,
    Customer,
    Edition,
    Evidence,
    Notice,
    NoticeChange,
    NoticeWindow,
    Service,
    Setting,
)
from notifier.tables.base import table
from notifier.tables.bulk import Among, update_each
from notifier.workflow import (
    calendars,
    contact_checks,
    deliveries,
    letters,
    links,
    notice_links,
    notices,
    page_letters,
    reminders,
    settings,
    written,
)
from notifier.workflow.deliveries import Claimed
from notifier.workflow.letters import Prepared, Sender

log = logging.getLogger("notifier.letters")
Value = TypeVar("Value")
MOST = 5000  # shared values kept

_n, _p, _c, _h = (table(model).c for model in (Notice, NoticeChange, Customer, Change))


@dataclass
class Common:
    """What letters share. Emptied when anything it was read from has changed: `mark` tells. `audit_head` is the log's
    head, read at the same moment."""

    mark: tuple[Any, ...] = ()
    held: dict[Hashable, Any] = field(default_factory=dict)
    audit_head: str = ""

    def refresh(self, session: Session) -> None:
        """To be called in every transaction before anything is taken from it."""
        self.audit_head, *read = session.connection().execute(_HEAD_AND_MARK).one()
        mark = tuple(read)
        if mark != self.mark or len(self.held) > MOST:
            self.mark, self.held = mark, {}

    def get(self, key: Hashable, read: Callable[[], Value]) -> Value:
        """The value under `key`, read where it is not held."""
        if key not in self.held:
            self.held[key] = read()
        value: Value = self.held[key]
        return value


# Every act on what was told makes an edition or touches its change; documents (rows are only ever added), settings and
# names of services stand by themselves. The log's head comes along, and is no part of the mark.
_HEAD_AND_MARK = sa.select(*(question.scalar_subquery() for question in (
    sa.select(table(AuditHead).c.hash).where(table(AuditHead).c.id == 1),
    sa.select(sa.func.max(table(Edition).c.n)),
    sa.select(sa.func.max(_h.updated_at)),
    sa.select(sa.func.max(table(Evidence).c.id)),
    sa.select(sa.func.max(table(Setting).c.changed_at)),
    sa.select(sa.func.count()).select_from(table(Setting)),
    sa.select(sa.func.aggregate_strings(table(Service).c.slug + " " + table(Service).c.name, "\n")),
)))


@dataclass
class Mailing:
    """A batch of letters: the facts of each by its reference; those that have nothing to say any more, because all they
    announce was taken back; and those whose notice somebody else is at just now. One that is in none of these could
    not be told."""

    prepared: dict[str, Prepared] = field(default_factory=dict)
    moot: list[Claimed] = field(default_factory=list)
    busy: list[Claimed] = field(default_factory=list)


def prepare(session: Session, owed: Sequence[Claimed], sender: Sender, common: Common, now: datetime) -> Mailing:
    """Everything the letters of these locked deliveries say, as it is true at `now`. Makes the links they need, and
    writes down what they promise: to be committed before any of them leaves. One that fails stops no other.

    Everybody else locks notices before deliveries; so here, where it is the other way round, no lock on a notice is
    waited for: its letter is left for the next time.
    """
    mailing = Mailing()
    common.refresh(session)
    answered = contact_checks.pointless(session, owed, now)
    for row in owed:
        if row.ref in answered:
            mailing.moot.append(row)
        elif not _about_announcement(row):
            with _told(mailing, row), session.begin_nested():
                mailing.prepared[row.ref] = _by_itself(session, row, sender, now)
    if announced := [row for row in owed if _about_announcement(row)]:
        batch = _Batch(session, announced, sender, common, now)
        for row in announced:
            if batch.busy(row):
                mailing.busy.append(row)
            elif batch.moot(row):
                mailing.moot.append(row)
            else:
                with _told(mailing, row):
                    mailing.prepared[row.ref] = batch.prepared(row)
        batch.promise(mailing)
    return mailing


def _by_itself(session: Session, row: Claimed, sender: Sender, now: datetime) -> Prepared:
    if row.subject_kind in page_letters.SUBJECTS:
        return page_letters.prepare(session, row, sender)
    return letters.prepare(session, row, sender, now)


def _of_window(row: Claimed) -> bool:
    """Whether a letter speaks of its notice's window. A correction that only informs does not, for all its kind."""
    return row.kind in OF_THE_WINDOW and row.subject_kind == "notice"


def _about_announcement(row: Claimed) -> bool:
    return row.notice_id is not None and row.kind not in STAFF_LETTERS and row.subject_kind != "objection"


@contextmanager
def _told(mailing: Mailing, row: Claimed) -> Iterator[None]:
    """A letter whose facts cannot be told is left out. Not so where the database is away: then none is sent."""
    try:
        yield
    except OperationalError:
        raise
    except Exception:
        mailing.prepared.pop(row.ref, None)
        log.exception("the facts of letter %s (%s) cannot be told", row.ref, row.kind)


class _Batch:
    """What the notices of a batch of letters say of themselves, read together."""

    def __init__(
        self, session: Session, owed: Sequence[Claimed], sender: Sender, common: Common, now: datetime
    ) -> None:
        self._session, self._owed, self._sender, self._common, self._now = session, owed, sender, common, now
        ids = sorted({row.notice_id for row in owed if row.notice_id is not None})
        self._notices: dict[int | None, Any] = {}
        self._parts: dict[int, list[Any]] = {}
        self._standing_parts: dict[int, list[Any]] = {}
        connection = session.connection()  # a session's own way of asking costs a third more, fifty times a second each
        for notice in connection.execute(_NOTICES, {"ids": ids}):
            self._notices[notice.id] = notice
        for part in connection.execute(_PARTS, {"ids": ids}):  # read once they are locked, and as they are then
            self._parts.setdefault(part.notice_id, []).append(part)
            if part.withdrawn_at is None and part.superseded_at is None and part.freed_at is None:
                self._standing_parts.setdefault(part.notice_id, []).append(part)
        windows = [row.window_id for row in self._notices.values() if row.window_id is not None]
        self._windows = {row.id: row for row in session.exec(
            select(NoticeWindow).where(col(NoticeWindow.id).in_(windows)))} if windows else {}
        self._links = notice_links.of(session, owed, now)
        self._today: dict[str, date] = {}
        self._pointless = reminders.pointless(session, owed, now)

    def busy(self, row: Claimed) -> bool:
        """Whether somebody else is writing to the letter's notice."""
        return row.notice_id not in self._notices

    def moot(self, row: Claimed) -> bool:
        """Whether nothing is left to say: nothing stands any more that this letter was to give, or of whose window it
        speaks, or everything it was to remind of is answered, started or over, or the contract has ended."""
        notice: Any = self._notices[row.notice_id]
        if notice.contract_end is not None and ended(notice.contract_end, self._sent_on(notice.terms)):
            return True
        if row.kind == LetterKind.CONSENT_REMINDER:
            return not self._unanswered(row)
        return row.ref in self._pointless or (_of_window(row) and not self._standing(row))

    def _unanswered(self, row: Claimed) -> list[Any]:
        return [part for part in self._standing(row)
                if part.opens_window and part.consent == "" and part.released_at is None]

    def _standing(self, row: Claimed) -> list[Any]:
        standing = self._standing_parts.get(row.notice_id or 0, [])
        if row.kind != LetterKind.WINDOW_CLOSING:
            return standing
        return [part for part in standing if not part.consent]

    def _concerned(self, row: Claimed) -> list[Any]:
        """The parts of its notice a letter is about."""
        if row.kind == LetterKind.CONSENT_REMINDER:
            return self._unanswered(row)
        if row.subject_kind == "notice_change":
            return [part for part in self._parts.get(row.notice_id or 0, ()) if part.id == row.subject_id]
        return self._standing(row)

    def prepared(self, row: Claimed) -> Prepared:
        """The facts of one letter."""
        notice: Any = self._notices[row.notice_id]
        concerned, window = tuple(part.change_id for part in self._concerned(row)), self._windows.get(notice.window_id)
        running = (window.last_day, json.dumps(window.why)) if window is not None else None
        alike = (row.kind, row.subject_kind, row.attempt, row.language, row.words, notice.announcement_id, notice.terms,
                 notice.opens_window, notice.promised_last_day, self._sent_on(notice.terms), running, concerned)
        facts: NoticeFacts = self._common.get(("facts", *alike), lambda: self._shared(notice, row, concerned))
        token = self._sender.signer.token_of(links.NOTICE, self._links[notice_links.key(row)])
        own = Own(row.to_name, row.to_email, f"{self._sender.base_url}/n/{token}", self._common.audit_head,
                  letters.addressed(notice))
        return Prepared(facts, (token,), facts.last_day if deliveries.gives(row) else None, own)

    def _shared(self, notice: Any, row: Claimed, concerned: tuple[int, ...]) -> NoticeFacts:
        """The facts of a letter that do not depend on whom it goes to."""
        made, terms = self._made(notice.announcement_id), self._terms(notice.terms)
        organisation = self._common.get("organisation", lambda: settings.organisation(self._session))
        about = self._told(concerned, organisation.zone)
        last_day, why = self._last_day(notice, row, terms, about.starts_on)
        correction = self._correction(notice.announcement_id, row, concerned)
        if not notice.opens_window:
            about = replace(about, opens_window=frozenset())
        return letters.notice_facts(
            letters.envelope(organisation, LetterKind(row.kind), row.language, NOBODYS.to_name, NOBODYS.to_email,
                             self._sender),
            NOBODYS.customer, terms, about, last_day, why,
            announcement=made.ref, thread=made.uid, link=NOBODYS.link, audit_head=NOBODYS.audit_head,
            edition=made.edition_n or 0, edition_sha256=made.edition_sha256,
            services=self._common.get("services", lambda: letters.services(self._session)),
            reason=correction.words if correction else row.words or (made.words if made.irregular else ""),
            corrected=correction.mended if correction else (), joining=made.joining, annex=made.annex_edition,
            elsewhere_on=made.elsewhere_on,
        )

    def _sent_on(self, stored: str) -> date:
        """Today, where a customer of these terms is."""
        if stored not in self._today:
            self._today[stored] = self._now.astimezone(ZoneInfo(self._terms(stored).zone)).date()
        return self._today[stored]

    def _made(self, number: int) -> Any:
        def read() -> Any:
            return self._session.execute(sa.select(
                col(Announcement.ref), col(Announcement.uid), col(Announcement.words), col(Announcement.irregular),
                col(Announcement.edition_n), col(Announcement.joining), col(Announcement.annex_edition),
                col(Announcement.elsewhere_on),
                sa.func.coalesce(col(Edition.sha256), "").label("edition_sha256"),
            ).join(Edition, col(Edition.n) == col(Announcement.edition_n), isouter=True)
                .where(col(Announcement.id) == number)).one()

        return self._common.get(("announcement", number), read)

    def _terms(self, stored: str) -> Terms:
        return self._common.get(("terms", stored), lambda: Terms.from_json(json.loads(stored)))

    def _told(self, concerned: tuple[int, ...], zone: str) -> letters.Told:
        def read() -> letters.Told:
            query = select(Change).where(col(Change.id).in_(concerned)).order_by(col(Change.id))
            rows = self._session.exec(query.execution_options(populate_existing=True)).all()
            return letters.told(self._session, rows, zone)

        return self._common.get(("told", concerned), read)

    def _last_day(
        self, notice: Any, row: Claimed, terms: Terms, starts_on: date | None
    ) -> tuple[date | None, tuple[Sentence, ...]]:
        running = self._windows.get(notice.window_id)
        if row.kind == LetterKind.CONSENT_REMINDER:
            return (running.last_day, ()) if running is not None else (None, ())
        if not notice.opens_window or not _of_window(row):
            return None, ()
        if not deliveries.gives(row) and running is not None:
            return running.last_day, notices.value_of(running).why
        # All that is sent on one day by the same terms promises the same.
        promise = self._common.get(("promise", notice.terms, self._sent_on(notice.terms), starts_on), lambda: (
            rules.promised(terms, self._now, calendars.day_off(terms), starts_on=starts_on)))
        if notice.promised_last_day is not None:
            promise = rules.until(promise, notice.promised_last_day)
        if running is not None and running.last_day > promise.last_day:
            return running.last_day, notices.value_of(running).why
        return promise.last_day, promise.why

    def _correction(self, announcement_id: int, row: Claimed, concerned: Sequence[int]) -> _Correction | None:
        """What a letter of correction is about: the correction its announcement made, or the one it only informs of,
        whose number is that of the letter."""
        if row.kind != LetterKind.CHANGE_CORRECTED:
            return None
        query = select(Correction).where(Correction.announcement_id == announcement_id)
        key: tuple[Hashable, ...] = ("correction", announcement_id)
        if not deliveries.gives(row):
            query = select(Correction).where(Correction.change_id == concerned[0], Correction.n == row.attempt)
            key = ("correction", concerned[0], row.attempt)
        return self._common.get(key, lambda: _Correction.of(self._session.exec(query).first()))

    def promise(self, mailing: Mailing) -> None:
        """Writes down the last day each letter names; the latest of several is the one that binds."""
        alike: dict[tuple[date | None, date], set[int]] = {}
        for row in self._owed:
            day = mailing.prepared[row.ref].promised_last_day if row.ref in mailing.prepared else None
            notice: Any = self._notices.get(row.notice_id)
            if day is not None and notice.window_id is not None:
                notices.promise(self._session, notice.id, day, now=self._now)  # it may move a window that runs
            elif day is not None and (notice.promised_last_day is None or day > notice.promised_last_day):
                alike.setdefault((notice.promised_last_day, day), set()).add(notice.id)
        days = {number: day for (_, day), ids in alike.items() for number in ids}
        if days:
            update_each(self._session, table(Notice), [
                {"id": number, "promised_last_day": day} for number, day in sorted(days.items())], holding={})
        for (before, day), ids in alike.items():
            written.in_bulk(self._session, "notice", ids, "promised_last_day", before, day)


@dataclass(frozen=True)
class _Correction:
    """A correction as its letter tells it."""

    words: str
    mended: tuple[PublishedItem, ...]

    @staticmethod
    def of(row: Correction | None) -> _Correction | None:
        """What the row says; of items only those that were mended."""
        if row is None:
            return None
        return _Correction(row.words, tuple(
            PublishedItem(EngagementValue.from_json(was), EngagementValue.from_json(now))
            for was, now in zip(row.told, row.mended, strict=True) if was and now and was != now
        ))


_NOTICES = (
    sa.select(_n.id, _n.announcement_id, _n.opens_window, _n.promised_last_day, _n.window_id,
              sa.cast(_n.terms, sa.Text).label("terms"), _c.name, _c.ref, _c.agreement, _c.agreement_date, _c.clause,
              _c.contract_end)
    .join_from(table(Notice), table(Customer), _c.id == _n.customer_id)
    .where(Among(_n.id, "ids")).order_by(_n.id).with_for_update(of=table(Notice), skip_locked=True)
)
_PARTS = (
    sa.select(_p.id, _p.notice_id, _p.change_id, _p.withdrawn_at, _p.superseded_at, _p.freed_at, _p.consent,
              _p.released_at, _h.opens_window)
    .join_from(table(NoticeChange), table(Change), _h.id == _p.change_id)
    .where(Among(_p.notice_id, "ids")).order_by(_p.notice_id, _p.change_id)
)
