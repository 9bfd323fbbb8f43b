"""The yearly look at every sub-processor in effect, and the letters that say it is due.

Annex 2 section 6 asks for a continuous review where the cooperation lasts. A review falls due by itself; people with
the role ops get one letter when it does, and another every 30 days while it stays open. An offboarding likewise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import evidence as rules
from notifier.domain.changes import Item
from notifier.domain.evidence import EvidenceKind, Review, Vouched
from notifier.domain.people import Actor, Role
from notifier.domain.register import EngagementValue
from notifier.domain.transfers import plain
from notifier.tables import Delivery, Engagement, Evidence, Offboarding, SubProcessor, User
from notifier.workflow import audit, deliveries, evidence, offboarding, register, settings

LETTER = "staff_review_due"
AGAIN_AFTER = 30  # days


@dataclass(frozen=True)
class Looked:
    """One engagement in effect: what is vouched for about it (the newest of each kind, a document of another
    engagement of the same company among them), what a new one would have to hand in and this one has not, and its next
    reviews, soonest first."""

    engagement_id: int
    value: EngagementValue
    vouched: Mapping[EvidenceKind, Vouched]
    lacking: tuple[EvidenceKind, ...]
    reviews: tuple[Review, ...]

    @property
    def next(self) -> Review | None:
        """The review that falls due first."""
        return self.reviews[0] if self.reviews else None


@dataclass(frozen=True)
class Due:
    """One review that is due, and the engagement it is about."""

    review: Review
    about: Looked


@dataclass(frozen=True)
class Reminder:
    """One letter owed to one person: what it is about, which one of its kind it is, and what it says."""

    subject_kind: str
    subject_id: int
    attempt: int
    words: str
    user: User


def every(session: Session) -> list[Looked]:
    """All engagements in effect, in the order they came."""
    rows, secrecy = evidence.every(session), settings.bound_by_secrecy(session)
    held = {row.ref: row for row in session.exec(select(Engagement).where(col(Engagement.ended_on).is_(None)))}
    return [_looked(held[value.ref], value, rows, secrecy) for value in register.current(session)]


def _looked(engagement: Engagement, value: EngagementValue, rows: Sequence[Vouched], secrecy: bool) -> Looked:
    vouched = {}
    for kind in EvidenceKind:
        own, other = rules.newest(kind, value.ref, plain(value.legal_name), rows)
        if row := own or other:
            vouched[kind] = row
    lacking = tuple(kind for kind in rules.asked(Item(None, value), secrecy=secrecy) if kind not in vouched)
    reviews = rules.reviews(value.ref, value.legal_name, engagement.started_on, rows)
    return Looked(engagement.id or 0, value, vouched, lacking, tuple(sorted(reviews, key=lambda each: each.due_on)))


def due(session: Session, on: date) -> list[Due]:
    """The reviews that are due by a day (a civil date in the organisation's zone), the longest overdue first."""
    about = {looked.value.ref: looked for looked in every(session)}
    found = rules.due((review for looked in about.values() for review in looked.reviews), on)
    return [Due(review, about[review.engagement_ref]) for review in found]


def owed(session: Session, now: datetime) -> list[Reminder]:
    """The letters that are owed now and stand in no ledger yet: to everybody of ops, about each review and each
    offboarding that is due, the first on its day and one more for every 30 days since."""
    today = evidence.today(session, now)
    subjects: dict[tuple[str, int], tuple[date, str]] = {}
    for one in due(session, today):
        row = one.review.row
        subject = ("evidence", row.id) if row else ("engagement", one.about.engagement_id)
        subjects.setdefault(subject, (one.review.due_on, _due_words(one.review, today)))
    for ending in offboarding.every(session, unconfirmed=True):
        if ending.row.due_on <= today:
            words = f"Due on {_day(ending.row.due_on)}{_since(ending.row.due_on, today)}. The engagement ended on " \
                    f"{_day(ending.row.ends_on)}; nobody has confirmed what became of the data."
            subjects[offboarding.NOUN, ending.row.id or 0] = (ending.row.due_on, words)
    people = [user for user in session.exec(select(User).where(col(User.disabled_at).is_(None)).order_by(col(User.id)))
              if Role.OPS in user.roles]
    found = [Reminder(kind, number, 1 + (today - since).days // AGAIN_AFTER, words, user)
             for (kind, number), (since, words) in subjects.items() for user in people]
    told = _told(session) if found else set()
    return [one for one in found if (one.subject_kind, one.subject_id, one.user.email, one.attempt) not in told]


def _told(session: Session) -> set[tuple[str, int, str, int]]:
    rows = session.execute(
        sa.select(col(Delivery.subject_kind), col(Delivery.subject_id), col(Delivery.to_email), col(Delivery.attempt))
        .where(col(Delivery.kind) == LETTER)
    )
    return {(kind, number, email, attempt) for kind, number, email, attempt in rows}


def _due_words(review: Review, today: date) -> str:
    """Letters to our own people are English."""
    words = f"{rules.NAMES[review.kind]}: due on {_day(review.due_on)}{_since(review.due_on, today)}."
    return words if review.row else f"{words} Nobody has vouched for it since this came onto the list."


def _since(day: date, today: date) -> str:
    days = (today - day).days
    return f", {days} days ago" if days > 1 else ", yesterday" if days else ""


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def remind(session: Session, *, actor: Actor, now: datetime) -> int:
    """Owes the letters of `owed`; returns how many. The ledger's unique key lets none of them stand in it twice."""
    letters = owed(session, now)
    for one in letters:
        deliveries.queue(session, LETTER, one.subject_kind, one.subject_id, email=one.user.email, name=one.user.name,
                         language=one.user.language, now=now, words=one.words, attempt=one.attempt)
    if letters:
        subjects = sorted({f"{one.subject_kind}:{one.subject_id}" for one in letters})
        audit.note(session, "remind", "register", "", actor=actor, now=now, count=len(letters),
                   refs={"subjects": subjects[:50]})
    return len(letters)


def named(session: Session, subject: Evidence | Engagement | Offboarding) -> tuple[str, str]:
    """What a letter about it calls it, and the page of the console that shows it."""
    ref = subject.ref if isinstance(subject, Engagement) else subject.engagement_ref
    name = session.exec(
        select(SubProcessor.legal_name).join(Engagement, col(Engagement.sub_processor_id) == col(SubProcessor.id))
        .where(Engagement.ref == ref)
    ).first() or ref
    if isinstance(subject, Offboarding):
        return f"Offboarding of {name} ({ref})", f"/console/diligence#offboarding-{subject.id}"
    return f"Review of {name} ({ref})", f"/console/diligence/{ref}"
