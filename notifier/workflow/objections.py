"""Objections: filed by a customer's people, answered by ours, ended amicably or by termination.

Text form is enough, every objection is taken in, late and repeated ones too; none overwrites another
(reference A2.4, A2.5, A2.8). Only a person's decision, or the customer's own, ends one.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from notifier.domain import objections as rules
from notifier.domain.people import Actor, Kind, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.states import OBJECTION, Need, ObjectionState
from notifier.domain.terms import Remedy, Terms
from notifier.tables import (
    Change,
    Customer,
    Delivery,
    Notice,
    NoticeChange,
    Objection,
    ObjectionChange,
    ObjectionMessage,
    Service,
    Termination,
)
from notifier.workflow import (
    audit,
    changes,
    contact_checks,
    deliveries,
    notices,
    people,
    reckoning,
    register,
    settings,
)

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that is misread over the phone


@dataclass(frozen=True)
class Filing:
    """What somebody hands in: their words, who they are, where the receipt goes, and against which changes
    (none named: all of the notice). `nonce` comes from the form, so that sending it twice files once."""

    text: str
    name: str
    email: str
    function: str = ""
    changes: tuple[str, ...] = ()
    nonce: str = ""
    channel: str = "form"
    language: str = "en"


def file(
    session: Session, notice_id: int, filing: Filing, *, contact_id: int | None, filed_at: datetime | None = None,
    actor: Actor, now: datetime
) -> Objection:
    """Takes in an objection and owes its filer a receipt. The filing itself proves that the notice arrived. One that
    was filed elsewhere before is in time or late by when that was, `filed_at`.

    Raises Refusal objection_empty or bad_value; never one for being late, repeated or unfounded.
    """
    text = rules.check_text(filing.text)
    if "@" not in filing.email:
        raise Refusal("bad_value", field=N_("E-mail"), problem=N_("this is not an address"))
    nonce = filing.nonce or str(uuid4())
    notice = notices.lock(session, notice_id)  # before looking: of two copies of a form at once, one has to wait
    known = session.exec(select(Objection).where(Objection.nonce == nonce)).first()
    if known is not None:
        return known
    against = _against(session, notice, filing.changes)
    notices.give(session, notice, now, "customer", {"act": "objection"}, actor=actor, now=now)
    contact_checks.heard(session, contact_id, now)
    window, filed_at = notices.window_of(session, notice), filed_at or now
    uid = str(uuid4())
    objection = Objection(
        uid=uid, ref="O-" + "".join(secrets.choice(_ALPHABET) for _ in range(7)), notice_id=notice_id,
        contact_id=contact_id, state=ObjectionState.FILED, nonce=nonce, channel=filing.channel, filed_at=filed_at,
        in_time=reckoning.start_is_open(session, notice)
        or rules.in_time(filed_at, window.ends_at if window else None),
        window_ends_at=window.ends_at if window else None, filer_name=filing.name.strip()[:200],
        filer_function=filing.function.strip()[:200], filer_email=filing.email.strip(), language=filing.language,
        text=text,
    )
    session.add(objection)
    session.flush()
    session.add_all(ObjectionChange(objection_id=objection.id or 0, change_id=c.id or 0) for c in against)
    audit.note(
        session, "file", OBJECTION.name, objection.ref, actor=actor, now=now, after=objection.state,
        refs={"notice": notice.uid, "changes": [c.ref for c in against], "in_time": objection.in_time,
              "channel": filing.channel},
        detail={"text": text, "name": objection.filer_name, "email": objection.filer_email},
    )
    _tell(session, objection, "objection_received", now=now)
    deliveries.to_staff(session, "staff_objection_filed", OBJECTION.name, objection.id or 0, Role.PRIVACY, now=now)
    return objection


def _against(session: Session, notice: Notice, refs: Sequence[str]) -> list[Change]:
    held = session.exec(
        select(Change).join(NoticeChange, col(NoticeChange.change_id) == col(Change.id))
        .where(NoticeChange.notice_id == notice.id, col(NoticeChange.withdrawn_at).is_(None)).order_by(col(Change.id))
    ).all()
    chosen = [c for c in held if c.ref in refs] if refs else list(held)
    return chosen or list(held)


def acknowledge(session: Session, ref: str, words: str = "", *, actor: Actor, now: datetime) -> Objection:
    """Says to the customer that a person has the case in hand."""
    objection = get(session, ref, lock=True)
    audit.move(session, objection, "acknowledge", actor=actor, now=now)
    _say(session, objection, words, "objection_acknowledged", actor=actor, now=now)
    return objection


def message(session: Session, ref: str, words: str, *, actor: Actor, now: datetime) -> Objection:
    """One message in the case: from us it goes out by mail, from the customer it is shown to our people.
    Raises Refusal reason_missing for an empty one, role_missing."""
    objection = get(session, ref, lock=True)
    if not words.strip():
        raise Refusal("reason_missing")
    rules.check_length(words)
    if actor.kind is Kind.CONTACT:
        _keep_message(session, objection, words, "message", actor=actor, now=now)
        deliveries.to_staff(session, "staff_objection_filed", OBJECTION.name, objection.id or 0, Role.PRIVACY, now=now)
    elif Role.PRIVACY in actor.roles:
        _say(session, objection, words, "objection_message", actor=actor, now=now)
    else:
        raise Refusal("role_missing", roles="privacy")
    audit.note(session, "message", OBJECTION.name, ref, actor=actor, now=now, detail={"text": words})
    return objection


def resolve(session: Session, ref: str, measure: str, *, actor: Actor, now: datetime) -> Objection:
    """The amicable end, with the measure both sides agreed on. Raises Refusal measure_missing."""
    objection = get(session, ref, lock=True)
    if not measure.strip():
        raise Refusal("measure_missing")
    audit.move(session, objection, "resolve", actor=actor, now=now, checked={Need.MEASURE},
               detail={"measure": measure})
    objection.measure, objection.ended_at = measure.strip(), now
    _say(session, objection, measure, "objection_resolved", actor=actor, now=now)
    return objection


def not_uphold(session: Session, ref: str, reason: str, *, actor: Actor, now: datetime) -> Objection | None:
    """Our reasoned no, signed by two people with the same words; the first call asks and returns None."""
    objection = get(session, ref, lock=True)
    signed = people.countersign(session, OBJECTION.name, objection.id or 0, "not_uphold", {"reason": reason},
                                subject_ref=ref, actor=_privacy(actor), now=now)
    if signed is None:
        return None
    audit.move(session, objection, "not_uphold", actor=actor, now=now, reason=reason, besides=[signed.asked_by])
    _say(session, objection, reason, "objection_not_upheld", actor=actor, now=now)
    return objection


def no_agreement(session: Session, ref: str, reason: str, *, actor: Actor, now: datetime) -> Objection:
    """A person says that no amicable solution was found: the customer's right of termination opens."""
    objection = get(session, ref, lock=True)
    audit.move(session, objection, "no_agreement", actor=actor, now=now, reason=reason)
    _say(session, objection, reason, "objection_no_agreement", actor=actor, now=now)
    return objection


def terminate(
    session: Session, ref: str, *, service: str, ends_on: date, actor: Actor, now: datetime
) -> Objection:
    """The customer ends an affected service from a day on (`service` its slug; "" for all it buys). Recorded by
    the customer itself or, from its declaration, by us. Raises Refusal not_terminable, service_not_affected."""
    objection = get(session, ref, lock=True)
    today = now.astimezone(ZoneInfo(settings.organisation(session).zone)).date()
    over = objection.right_until is not None and today > objection.right_until
    unowed = over or Terms.from_json(session.get_one(Notice, objection.notice_id).terms).remedy is Remedy.NONE
    if objection.state != ObjectionState.NO_AGREEMENT or (unowed and actor.kind is Kind.CONTACT):
        raise Refusal("not_terminable")  # a late declaration by letter is for people to accept or not
    affected = affected_services(session, objection)
    if service and service not in affected:
        raise Refusal("service_not_affected", service=service)
    row = register.services(session)[service] if service else None
    audit.move(session, objection, "terminate", actor=actor, now=now, checked={Need.SERVICE_AND_DATE},
               refs={"service": service, "ends_on": ends_on.isoformat()})
    objection.ended_at = now
    notice = session.get(Notice, objection.notice_id)
    assert notice is not None
    session.add(Termination(
        objection_id=objection.id or 0, customer_id=notice.customer_id, service_id=row.id if row else None,
        ends_on=ends_on, recorded_at=now,
    ))
    session.flush()
    _tell(session, objection, "service_terminated", now=now)
    return objection


def right_not_used(session: Session, ref: str, reason: str, *, actor: Actor, now: datetime) -> Objection | None:
    """Two people record, after its last day, that the right of termination was not used. Still holds the customer."""
    objection = get(session, ref, lock=True)
    zone = ZoneInfo(settings.organisation(session).zone)
    if objection.right_until is None or now.astimezone(zone).date() <= objection.right_until:
        raise Refusal("right_still_open")
    signed = people.countersign(session, OBJECTION.name, objection.id or 0, "right_not_used", {"reason": reason},
                                subject_ref=ref, actor=_privacy(actor), now=now)
    if signed is None:
        return None
    audit.move(session, objection, "right_not_used", actor=actor, now=now, reason=reason)
    objection.ended_at = now
    _say(session, objection, reason, "objection_right_not_used", actor=actor, now=now)
    return objection


def withdraw(session: Session, ref: str, words: str = "", *, actor: Actor, now: datetime) -> Objection:
    """The customer takes its objection back; only the customer can."""
    objection = get(session, ref, lock=True)
    audit.move(session, objection, "withdraw", actor=actor, now=now, detail={"words": words} if words else None)
    objection.ended_at = now
    _tell(session, objection, "objection_withdrawn", now=now)
    deliveries.to_staff(session, "staff_objection_filed", OBJECTION.name, objection.id or 0, Role.PRIVACY, now=now)
    return objection


def contradict(session: Session, ref: str, words: str, *, actor: Actor, now: datetime) -> Objection:
    """The customer does not see it as we closed it: a resolution reopens, a "not upheld" becomes no agreement."""
    objection = get(session, ref, lock=True)
    rules.check_length(words)
    audit.move(session, objection, "contradict", actor=actor, now=now, reason=words)
    objection.ended_at = None
    _keep_message(session, objection, words, "contradiction", actor=actor, now=now)
    if objection.state == ObjectionState.NO_AGREEMENT:
        _tell(session, objection, "objection_no_agreement", now=now, words=words)
    deliveries.to_staff(session, "staff_objection_filed", OBJECTION.name, objection.id or 0, Role.PRIVACY, now=now)
    return objection


def letter_proven(
    session: Session, delivery: Delivery, proven_at: datetime, *, actor: Actor, now: datetime
) -> None:
    """A case letter is proven to have arrived: the one that says "no agreement" starts the right of termination."""
    if delivery.kind != "objection_no_agreement":
        return
    objection = session.get(Objection, delivery.subject_id)
    notice = session.get(Notice, objection.notice_id) if objection else None
    if objection is None or notice is None or objection.right_until is not None:
        return
    terms = Terms.from_json(notice.terms)
    day = proven_at.astimezone(ZoneInfo(terms.zone)).date()
    objection.right_until = rules.right_until(day, terms.termination_days)
    audit.note(session, "right_opened", OBJECTION.name, objection.ref, actor=actor, now=now,
               refs={"letter": delivery.ref, "until": objection.right_until.isoformat()})


def affected_services(session: Session, objection: Objection) -> list[str]:
    """The slugs of the services touched by what was objected to."""
    found: set[str] = set()
    for change in changes_of(session, objection):
        found |= set(changes.services_of(session, changes.items_of(session, change)))
    return sorted(found)


def get(session: Session, ref: str, *, lock: bool = False) -> Objection:
    """The objection of this reference; locked, with its notice first, where it is about to change. Raises Refusal
    unknown."""
    objection = session.exec(select(Objection).where(Objection.ref == ref)).first()
    if objection is None:
        raise Refusal("unknown", what="objection", ref=ref)
    if lock:
        notices.lock(session, objection.notice_id)
        session.refresh(objection, with_for_update=True)
    return objection


def every(session: Session) -> list[Objection]:
    """All objections, newest first."""
    return list(session.exec(select(Objection).order_by(col(Objection.id).desc())))


def of_notice(session: Session, notice_id: int) -> list[Objection]:
    """The objections filed under one notice, oldest first."""
    return list(session.exec(select(Objection).where(Objection.notice_id == notice_id).order_by(col(Objection.id))))


def changes_of(session: Session, objection: Objection) -> list[Change]:
    """What was objected to."""
    return list(session.exec(
        select(Change).join(ObjectionChange, col(ObjectionChange.change_id) == col(Change.id))
        .where(ObjectionChange.objection_id == objection.id).order_by(col(Change.id))
    ))


def messages(session: Session, objection: Objection) -> list[ObjectionMessage]:
    """The case's messages, oldest first."""
    return list(session.exec(
        select(ObjectionMessage).where(ObjectionMessage.objection_id == objection.id).order_by(col(ObjectionMessage.id))
    ))


def customer_of(session: Session, objection: Objection) -> Customer:
    """Whose objection it is."""
    notice = session.get(Notice, objection.notice_id)
    customer = session.get(Customer, notice.customer_id) if notice else None
    assert customer is not None
    return customer


def termination_of(session: Session, objection: Objection) -> tuple[Termination, Service | None] | None:
    """How it was terminated: the row and the service (None: all the customer buys)."""
    row = session.exec(select(Termination).where(Termination.objection_id == objection.id)).first()
    return (row, session.get(Service, row.service_id) if row.service_id else None) if row else None


def _privacy(actor: Actor) -> Actor:
    if Role.PRIVACY not in actor.roles:
        raise Refusal("role_missing", roles="privacy")
    return actor


def _say(session: Session, objection: Objection, words: str, kind: str, *, actor: Actor, now: datetime) -> None:
    rules.check_length(words)
    if words.strip():
        _keep_message(session, objection, words, kind.removeprefix("objection_"), actor=actor, now=now)
    _tell(session, objection, kind, now=now, words=words)


def _keep_message(
    session: Session, objection: Objection, words: str, kind: str, *, actor: Actor, now: datetime
) -> None:
    session.add(ObjectionMessage(
        objection_id=objection.id or 0, at=now, from_us=actor.kind is Kind.PERSON, author=actor.code, kind=kind,
        text=words.strip(),
    ))


def _tell(session: Session, objection: Objection, kind: str, *, now: datetime, words: str = "") -> None:
    """Owes the filer a letter of this kind; the same kind again is another attempt."""
    earlier = session.exec(select(Delivery.id).where(
        Delivery.kind == kind, Delivery.subject_kind == OBJECTION.name, Delivery.subject_id == objection.id
    )).all()
    deliveries.queue(
        session, kind, OBJECTION.name, objection.id or 0, email=objection.filer_email, name=objection.filer_name,
        language=objection.language, now=now, contact_id=objection.contact_id, notice_id=objection.notice_id,
        words=words.strip(), attempt=len(earlier) + 1,
    )
