"""Vouching for a sub-processor: due-diligence items with their documents, and what a change still lacks of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from notifier.domain import evidence as rules
from notifier.domain.changes import Item
from notifier.domain.evidence import EvidenceKind, Given, Point, Vouched
from notifier.domain.people import Actor, Role
from notifier.domain.refusals import Refusal
from notifier.domain.register import EngagementValue
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import ChangeState
from notifier.tables import Change, ChangeItem, Engagement, Evidence, NoticeChange, Offboarding, SubProcessor
from notifier.workflow import audit, documents, settings


def vouch(
    session: Session, change: Change, engagement_ref: str, kinds: Sequence[EvidenceKind], given: Given, *,
    actor: Actor, now: datetime,
) -> list[Evidence]:
    """A person of ops or privacy vouches for one or several items about an engagement of a change, by one document or
    by words. Raises Refusal role_missing, no_such_move for a change that is over, unknown for an engagement that is
    not in it, reason_missing, bad_value."""
    _may(actor)
    if change.state in (ChangeState.REJECTED, ChangeState.WITHDRAWN):
        raise Refusal("no_such_move", state=str(change.state), action="vouch")
    item = session.exec(select(ChangeItem).where(ChangeItem.change_id == change.id,
                                                 ChangeItem.engagement_ref == engagement_ref)).first()
    if item is None:
        raise Refusal("unknown", what="engagement", ref=engagement_ref)
    value = EngagementValue.from_json(item.after or item.before or {})
    return _write(session, "vouch", engagement_ref, value.legal_name, kinds, given, change.ref, actor, now)


def renew(
    session: Session, engagement_ref: str, kinds: Sequence[EvidenceKind], given: Given, *, actor: Actor, now: datetime
) -> list[Evidence]:
    """The same about an engagement in effect, without any change: the yearly look. Raises Refusal role_missing,
    unknown, reason_missing, bad_value."""
    _may(actor)
    name = session.exec(
        select(SubProcessor.legal_name).join(Engagement, col(Engagement.sub_processor_id) == col(SubProcessor.id))
        .where(Engagement.ref == engagement_ref, col(Engagement.ended_on).is_(None))
    ).first()
    if name is None:
        raise Refusal("unknown", what="engagement", ref=engagement_ref)
    return _write(session, "renew", engagement_ref, name, kinds, given, "", actor, now)


def _may(actor: Actor) -> None:
    if not actor.roles & {Role.OPS, Role.PRIVACY} or actor.id is None:
        raise Refusal("role_missing", roles="ops, privacy")


def _write(
    session: Session, action: str, engagement_ref: str, legal_name: str, kinds: Sequence[EvidenceKind], given: Given,
    change_ref: str, actor: Actor, now: datetime,
) -> list[Evidence]:
    if not kinds:
        raise Refusal("bad_value", field=N_("What is vouched for"), problem=N_("name at least one"))
    on = today(session, now)
    rules.check(kinds, given, on)
    sha256 = documents.keep(session, given.file[1], now) if given.file else None
    made = []
    for kind in dict.fromkeys(kinds):
        again = given.next_review_on
        if again is None and kind is EvidenceKind.SECURITY_REVIEW:
            again = rules.years_after(on)
        before = _latest(session, engagement_ref, kind)
        row = Evidence(
            engagement_ref=engagement_ref, legal_name=legal_name, kind=kind, words=given.words.strip(),
            link=given.link.strip(), blob_sha256=sha256,
            file_name=documents.name_of(given.file[0]) if given.file else "", not_applicable=given.not_applicable,
            customers_may_see=given.customers_may_see, next_review_on=again, vouched_by=actor.id or 0, vouched_at=now,
        )
        session.add(row)
        session.flush()
        _note(session, action, row, before, change_ref, actor, now)
        made.append(row)
    return made


def _latest(session: Session, engagement_ref: str, kind: EvidenceKind) -> Evidence | None:
    return session.exec(select(Evidence).where(Evidence.engagement_ref == engagement_ref, Evidence.kind == kind)
                        .order_by(col(Evidence.id).desc())).first()


def _note(
    session: Session, action: str, row: Evidence, before: Evidence | None, change_ref: str, actor: Actor, now: datetime
) -> None:
    detail: dict[str, Any] = {"after": _readable(row)}
    if before is not None:
        detail["before"] = _readable(before)
    refs = {"change": change_ref, "engagement": row.engagement_ref, "kind": row.kind, "file": row.blob_sha256,
            "replaces": str(before.id) if before else None, "not_applicable": row.not_applicable,
            "customers_may_see": row.customers_may_see,
            "next_review_on": row.next_review_on.isoformat() if row.next_review_on else None}
    audit.note(session, action, "evidence", str(row.id), actor=actor, now=now, refs=refs, detail=detail)


def _readable(row: Evidence) -> dict[str, Any]:
    return {"legal_name": row.legal_name, "words": row.words, "link": row.link, "file_name": row.file_name}


def of(session: Session, engagement_refs: Collection[str]) -> list[Evidence]:
    """Everything vouched for about these engagements, oldest first."""
    return list(session.exec(
        select(Evidence).where(col(Evidence.engagement_ref).in_(engagement_refs)).order_by(col(Evidence.id))
    ))


def newest_of(session: Session, engagement_refs: Collection[str]) -> dict[tuple[str, EvidenceKind], Evidence]:
    """What counts about these engagements: the newest row by engagement and kind."""
    return {(row.engagement_ref, EvidenceKind(row.kind)): row for row in of(session, engagement_refs)}


def shown_to_customers(session: Session, engagement_refs: Collection[str]) -> list[Evidence]:
    """What customers may see about these engagements: of each kind the newest, where it is marked so. Vouching again
    without the mark takes a document back."""
    return [row for row in newest_of(session, engagement_refs).values() if row.customers_may_see]


def for_customers(session: Session, notice_id: int) -> dict[int, list[Evidence]]:
    """What the customer of a notice may see, by the id of each change in it that has not been taken back."""
    rows = session.exec(
        select(ChangeItem.change_id, ChangeItem.engagement_ref)
        .join(NoticeChange, col(NoticeChange.change_id) == col(ChangeItem.change_id))
        .where(NoticeChange.notice_id == notice_id, col(NoticeChange.withdrawn_at).is_(None),
               col(ChangeItem.after).is_not(None)).order_by(col(ChangeItem.change_id), col(ChangeItem.position))
    ).all()
    refs: dict[int, list[str]] = {}
    for change_id, ref in rows:
        refs.setdefault(change_id, []).append(ref)
    return {change_id: shown_to_customers(session, named) for change_id, named in refs.items()}


def document(session: Session, sha256: str) -> tuple[str, bytes]:
    """A document that was handed in, by its SHA-256: its newest name, its bytes. Raises Refusal unknown, also for
    other stored bytes: letters have an address of their own."""
    name = session.exec(select(Evidence.file_name).where(Evidence.blob_sha256 == sha256)
                        .order_by(col(Evidence.id).desc())).first()
    name = name or session.exec(select(Offboarding.file_name).where(Offboarding.blob_sha256 == sha256)).first()
    if name is None:
        raise Refusal("unknown", what="document", ref=sha256)
    return name, documents.body_of(session, sha256)


def every(session: Session) -> list[Vouched]:
    """Everything vouched for as the rules see it, oldest first; what was about engagements that have ended left out."""
    ended = select(Engagement.ref).where(col(Engagement.ended_on).is_not(None))
    rows = session.execute(
        sa.select(col(Evidence.id), col(Evidence.kind), col(Evidence.engagement_ref), col(Evidence.legal_name),
                  col(Evidence.vouched_at), col(Evidence.not_applicable), col(Evidence.next_review_on))
        .where(col(Evidence.engagement_ref).not_in(ended)).order_by(col(Evidence.id))
    )
    return [Vouched(number, EvidenceKind(kind), ref, name, at, not_applicable, again)
            for number, kind, ref, name, at, not_applicable, again in rows]


def checklist(
    session: Session, change: Change, items: Sequence[Item], now: datetime
) -> list[tuple[Item, list[Point]]]:
    """What each item of a change asks for, and what answers it."""
    rows, secrecy, on = every(session), settings.bound_by_secrecy(session), today(session, now)
    return [
        (item, rules.checklist(item, rows, secrecy=secrecy, proposed_at=change.proposed_at, today=on))
        for item in items
    ]


def gaps(session: Session, change: Change, items: Sequence[Item], now: datetime) -> list[Sentence]:
    """What is not vouched for yet, or has to be looked at again, of all items at once."""
    return rules.missing(checklist(session, change, items, now))


def today(session: Session, now: datetime) -> date:
    """The civil day in the organisation's zone, in which reviews and offboardings fall due."""
    return now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
