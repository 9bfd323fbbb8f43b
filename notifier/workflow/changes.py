"""Changes from proposal to approval: propose, edit, submit, send back, reject, approve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from notifier.domain import changes as rules
from notifier.domain.changes import ChangeKind, Item
from notifier.domain.people import Actor, Kind, Role
from notifier.domain.refusals import Refusal
from notifier.domain.register import (
    FIELD_NAMES,
    FIELDS,
    LISTS,
    LONGEST,
    MOST_PLACES,
    TRANSFER_FIELDS,
    EngagementValue,
    differences,
    slug,
)
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import CHANGE, ChangeState, Need
from notifier.domain.transfers import current as current_rules
from notifier.tables import Announcement, AnnouncementChange, Change, ChangeItem, Notice, NoticeChange
from notifier.workflow import audit, deliveries, evidence, places, register, settings, transfers, turns

UNFINISHED = (
    ChangeState.DRAFT, ChangeState.SENT_BACK, ChangeState.IN_REVIEW, ChangeState.APPROVED, ChangeState.ANNOUNCED,
)
EDITABLE = (ChangeState.DRAFT, ChangeState.SENT_BACK)


def draft(
    session: Session, kind: ChangeKind, *, ref: str = "", replaces: str = "", values: Mapping[str, Any] | None = None
) -> Item:
    """One item of a change from what a person gives: `values` over what is in effect.

    add: values alone · replace: `replaces` names the old engagement, services are taken over unless given ·
    remove and modify: `ref` names it. Raises Refusal unknown, bad_value, nothing_changes.
    """
    given = cleaned(values or {})
    if kind is ChangeKind.REMOVE:
        return Item(register.one(session, ref), None)
    if kind is ChangeKind.MODIFY:
        before = register.one(session, ref)
        return _fit(before, before.with_(**{k: v for k, v in given.items() if k != "ref"}))
    old = register.one(session, replaces) if kind is ChangeKind.REPLACE else None
    if old is not None:
        given = {"activity": old.activity, "services": old.services, **given}
    wanted = slug(str(given.get("ref") or given.get("legal_name", "")))
    ref = register.free_ref(session, wanted, _pending_refs(session))
    return _fit(old, EngagementValue(**{**given, "ref": ref}))


def _fit(before: EngagementValue | None, after: EngagementValue) -> Item:
    """The item, where it has what nothing can be proposed without, and differs from what was before."""
    for needed in ("legal_name", "activity"):
        if not getattr(after, needed):
            raise Refusal("bad_value", field=FIELD_NAMES[needed], problem=N_("this is needed to propose anything"))
    if before is not None and before.ref == after.ref and not differences(before, after):
        raise Refusal("nothing_changes")
    return Item(before, after)


def redraft(item: Item, values: Mapping[str, Any]) -> Item:
    """An item with other values after; its reference stays. Raises Refusal bad_value, nothing_changes."""
    if item.after is None:
        return item
    return _fit(item.before, item.after.with_(**{k: v for k, v in cleaned(values).items() if k != "ref"}))


def mended(items: Sequence[Item], values: Mapping[str, Any], engagement: str = "") -> list[Item]:
    """The items of a change, `values` taken over in the one of this engagement; where there is one only, it need not
    be named. Raises Refusal unknown where it cannot be told which is meant, bad_value, nothing_changes."""
    chosen = [item for item in items if engagement in ("", item.ref)]
    if values and len(chosen) != 1:
        raise Refusal("unknown", what="engagement in this change", ref=engagement)
    return [redraft(item, values) if item in chosen and values else item for item in items]


def cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Field values as the register keeps them: known names, trimmed, lists as tuples. Raises Refusal bad_value."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name not in FIELDS:
            raise Refusal("bad_value", field=name, problem=N_("there is no such field"))
        held = _several(name, value) if name in LISTS else str(value).strip()
        found[name] = _country(held) if name == "country" and isinstance(held, str) else held
        if name != "transfers" and sum(map(len, held)) > LONGEST:  # of a text the sum of its characters
            raise Refusal("bad_value", field=FIELD_NAMES[name], problem=N_("this is longer than 4,000 characters"))
    return found


def _several(name: str, value: Any) -> tuple[Any, ...]:
    """A field of several things as a tuple: places and transfers at most MOST_PLACES."""
    if name == "transfers":
        return transfers.cleaned(value)
    parts = value.split(";") if isinstance(value, str) else value
    texts = tuple(part for part in (str(p).strip() for p in parts) if part)
    if name in TRANSFER_FIELDS and len(texts) > MOST_PLACES:
        raise Refusal("bad_value", field=FIELD_NAMES[name],
                      problem=Sentence(N_("more than %(most)s places"), {"most": MOST_PLACES}))
    return tuple(map(slug, texts)) if name == "services" else texts  # a display name would match no customer


def _country(text: str) -> str:
    code = places.country(text)
    if text and not code:
        raise Refusal("bad_value", field=FIELD_NAMES["country"], problem=Sentence(
            N_("“%(country)s” is no country we know; write its name or its two-letter code"), {"country": text[:80]}))
    return code


def propose(
    session: Session, items: Sequence[Item], *, reason: str, planned_start: date | None, separable: str = "no",
    actor: Actor, now: datetime, nonce: UUID | None = None,
) -> Change:
    """A new draft of one act on 1..n engagements. A `nonce` comes from a form, so that sending it twice drafts once.
    Raises Refusal role_missing, nothing_changes, already_pending, bad_value for a planned start that has passed."""
    if not actor.roles & {Role.OPS, Role.PRIVACY}:
        raise Refusal("role_missing", roles="ops, privacy")
    if not items:
        raise Refusal("nothing_changes")
    turns.take(session, turns.PROPOSAL)
    sent = session.exec(select(Change).where(Change.uid == str(nonce))).first() if nonce else None
    if sent is not None and _same(session, sent, items, reason, planned_start):
        return sent
    _refuse_pending(session, items, None)
    _refuse_past(session, planned_start, now)
    uid = str(nonce if nonce and sent is None else uuid4())
    change = Change(
        uid=uid, ref=uid[:18], kind=rules.kind_of(items[0].before, items[0].after), state=ChangeState.DRAFT,
        reason=reason.strip(), planned_start=planned_start, separable=separable, proposed_by=actor.id,
        authors=_author(actor),
        proposed_at=now, updated_at=now, opens_window=rules.opens_window(items),
    )
    session.add(change)
    session.flush()
    change.ref = f"C-{change.id}"
    _write_items(session, change, items)
    audit.note(session, "propose", CHANGE.name, change.ref, actor=actor, now=now, after=change.state,
               reason=change.reason, detail={"items": _readable(items)})
    return change


def edit(
    session: Session, ref: str, items: Sequence[Item], *, reason: str, planned_start: date | None, separable: str,
    actor: Actor, now: datetime,
) -> Change:
    """Rewrites a draft or a change sent back. Raises Refusal no_such_move, role_missing, already_pending, bad_value."""
    change = get(session, ref, lock=True)
    if change.state not in EDITABLE:
        raise Refusal("no_such_move", state=str(change.state), action="edit")
    if not actor.roles & {Role.OPS, Role.PRIVACY}:
        raise Refusal("role_missing", roles="ops, privacy")
    turns.take(session, turns.PROPOSAL)
    _refuse_pending(session, items, change.id)
    if planned_start != change.planned_start:
        _refuse_past(session, planned_start, now)
    before = _readable(items_of(session, change))
    for row in session.exec(select(ChangeItem).where(ChangeItem.change_id == change.id)):
        session.delete(row)
    session.flush()
    change.kind = rules.kind_of(items[0].before, items[0].after)
    change.reason, change.planned_start, change.updated_at = reason.strip(), planned_start, now
    change.opens_window, change.separable = rules.opens_window(items), separable
    change.separable_by, change.separable_at, change.separable_how = None, None, ""  # said of what it was before
    change.authors = sorted({*change.authors, *_author(actor)})
    _write_items(session, change, items)
    audit.note(session, "edit", CHANGE.name, change.ref, actor=actor, now=now, before=change.state,
               after=change.state, detail={"before": before, "after": _readable(items)})
    return change


def submit(session: Session, ref: str, *, actor: Actor, now: datetime) -> Change:
    """Sends a draft to review, and asks the people with the role privacy to look. Raises Refusal incomplete with
    everything that is missing, in its fields and in what is vouched for."""
    change = get(session, ref, lock=True)
    _refuse_gaps(session, change, now)
    audit.move(session, change, "submit", actor=actor, now=now, checked={Need.COMPLETE})
    change.updated_at = now
    deliveries.to_staff(session, "staff_review_requested", CHANGE.name, change.id or 0, Role.PRIVACY, now=now,
                        besides=actor.id)
    return change


def send_back(session: Session, ref: str, reason: str, *, actor: Actor, now: datetime) -> Change:
    """Back to its proposer, with what has to be mended."""
    return _plain_move(session, ref, "send_back", reason, actor, now)


def reject(session: Session, ref: str, reason: str, *, actor: Actor, now: datetime) -> Change:
    """Ends a change in review: this will not be done."""
    return _plain_move(session, ref, "reject", reason, actor, now)


def approve(session: Session, ref: str, *, actor: Actor, now: datetime, reason: str = "") -> Change:
    """A second person's yes. Raises Refusal second_person for the proposer, incomplete, no_such_move."""
    change = get(session, ref, lock=True)
    _refuse_gaps(session, change, now)
    audit.move(session, change, "approve", actor=actor, now=now, reason=reason, checked={Need.COMPLETE},
               besides=[change.proposed_by, *change.authors])
    change.updated_at = now
    return change


def _author(actor: Actor) -> list[int]:
    return [actor.id] if actor.kind is Kind.PERSON and actor.id is not None else []


def _plain_move(session: Session, ref: str, action: str, reason: str, actor: Actor, now: datetime) -> Change:
    change = get(session, ref, lock=True)
    audit.move(session, change, action, actor=actor, now=now, reason=reason)
    change.updated_at = now
    return change


def get(session: Session, ref: str, *, lock: bool = False) -> Change:
    """The change of this reference, locked against other writers if asked. Raises Refusal unknown."""
    query = select(Change).where(Change.ref == ref)
    change = session.exec(query.with_for_update() if lock else query).first()
    if change is None:
        raise Refusal("unknown", what="change", ref=ref)
    return change


def every(session: Session) -> list[Change]:
    """All changes, newest first."""
    return list(session.exec(select(Change).order_by(col(Change.id).desc())))


def items_of(session: Session, change: Change) -> list[Item]:
    """A change's items, before and after as they were frozen."""
    rows = session.exec(select(ChangeItem).where(ChangeItem.change_id == change.id).order_by(col(ChangeItem.position)))
    return [
        Item(EngagementValue.from_json(r.before) if r.before else None,
             EngagementValue.from_json(r.after) if r.after else None)
        for r in rows
    ]


def services_of(session: Session, items: Sequence[Item]) -> tuple[str, ...]:
    """The slugs of the services a change concerns."""
    return rules.services_of(items, register.services(session).keys())


def gaps(session: Session, change: Change, now: datetime) -> list[Sentence]:
    """What is still missing before it may go to review, or on from there: what the notice has to say, and what has to
    be vouched for (Annex 2 section 6), all of it at once."""
    items = items_of(session, change)
    said = unsaid(items, planned_start_given=change.planned_start is not None, reason=change.reason)
    return [*said, *evidence.gaps(session, change, items, now)]


def unsaid(items: Sequence[Item], *, planned_start_given: bool, reason: str) -> list[Sentence]:
    """What a notice of these items would still have to say, by the transfer rules this process goes by."""
    return rules.gaps(items, planned_start_given=planned_start_given, reason=reason, rules=current_rules(),
                      countries=places.countries)


def _refuse_gaps(session: Session, change: Change, now: datetime) -> None:
    if found := gaps(session, change, now):
        raise Refusal("incomplete", details=found)


def _write_items(session: Session, change: Change, items: Sequence[Item]) -> None:
    for position, item in enumerate(items, 1):
        replaced = item.before.ref if item.before and item.after and item.before.ref != item.after.ref else ""
        session.add(ChangeItem(
            change_id=change.id or 0, position=position, engagement_ref=item.ref, replaces_ref=replaced,
            before=item.before.to_json() if item.before else None,
            after=item.after.to_json() if item.after else None,
        ))
    session.flush()


def _refuse_pending(session: Session, items: Sequence[Item], own_id: int | None) -> None:
    touched = {v.ref for item in items for v in (item.before, item.after) if v is not None}
    rows = session.exec(
        select(Change.ref, Change.id, ChangeItem.engagement_ref, ChangeItem.replaces_ref)
        .join(ChangeItem, col(ChangeItem.change_id) == col(Change.id)).where(col(Change.state).in_(UNFINISHED))
    ).all()
    for ref, change_id, engagement, replaced in rows:
        if change_id != own_id and touched & {engagement, replaced}:
            raise Refusal("already_pending", ref=ref)


def _same(session: Session, change: Change, items: Sequence[Item], reason: str, planned_start: date | None) -> bool:
    """Whether a draft says the very same, but for the references a second one would get."""
    held, wanted = ([(i.before, i.after and i.after.with_(ref="")) for i in each]
                    for each in (items_of(session, change), items))
    return held == wanted and (change.reason, change.planned_start) == (reason.strip(), planned_start)


def _refuse_past(session: Session, planned_start: date | None, now: datetime) -> None:
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    if planned_start is not None and planned_start < today:
        raise Refusal("bad_value", field=N_("Planned start"), problem=N_("this day has passed"))


def _pending_refs(session: Session) -> list[str]:
    return list(session.exec(
        select(ChangeItem.engagement_ref).join(Change, col(Change.id) == col(ChangeItem.change_id))
        .where(col(Change.state).in_(UNFINISHED))
    ))


def _readable(items: Sequence[Item]) -> list[dict[str, Any]]:
    return [
        {"before": i.before.to_json() if i.before else None, "after": i.after.to_json() if i.after else None}
        for i in items
    ]


def concerned(session: Session, change: Change) -> list[tuple[NoticeChange, Notice]]:
    """The part of every notice that is about this change, in order of customer; where it was corrected, the newest.
    Those freed are left out: it no longer concerns these customers."""
    rows = session.exec(
        select(NoticeChange, Notice).join(Notice, col(Notice.id) == col(NoticeChange.notice_id))
        .join(Announcement, col(Announcement.id) == col(Notice.announcement_id))
        .where(NoticeChange.change_id == change.id, col(Announcement.made_at).is_not(None),
               col(NoticeChange.superseded_at).is_(None), col(NoticeChange.freed_at).is_(None))
        .order_by(col(Notice.customer_id), col(Notice.id))
    )
    return list(rows)


def announcements_of(session: Session, change: Change) -> list[Announcement]:
    """The announcements that made this change known, oldest first."""
    return list(session.exec(
        select(Announcement).join(AnnouncementChange, col(AnnouncementChange.announcement_id) == col(Announcement.id))
        .where(AnnouncementChange.change_id == change.id).order_by(col(Announcement.id))
    ))
