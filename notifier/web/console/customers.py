"""Customers: who they are, what their contract says, whom we write to, and what they have been told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Response, g, request
from sqlmodel import Session, col, select
from werkzeug.wrappers import Response as Answer

from notifier import clock
from notifier.domain.people import ContactRole, Role
from notifier.domain.proof import in_words
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.silence import WORDS
from notifier.domain.terms import Terms
from notifier.tables import Announcement, Contact, Customer, Notice, NoticeWindow, Objection
from notifier.web.access import staff
from notifier.web.console.changes import JOININGS
from notifier.web.console.desk import MOST, acting, bp, done, page
from notifier.web.pages import house
from notifier.workflow import accepted, contact_checks, customers, settings, silence
from notifier.workflow.customers import ContactEntry

CONTACT_ROLES: Mapping[str, str] = {
    "notice": N_("Notices: receives the legal notice"), "legal": N_("Legal"), "follower": N_("Follows only"),
}
TERM_NAMES: Mapping[str, str] = {
    "notice_days": N_("Days of notice before a start"), "window_days": N_("Days to object"),
    "day_kind": N_("Days counted"), "zone": N_("Time zone"), "holiday_sets": N_("Holidays of"),
    "extra_holidays": N_("Further holidays"), "receipt_rule": N_("Day of receipt"),
    "clock_start": N_("Clock starts with"),
    "authorisation": N_("Authorisation"), "notify": N_("Contacts written to"),
    "termination_days": N_("Days to terminate after no agreement"),
    "silence": N_("Silence means"), "remedy": N_("Without agreement, what may be terminated"),
    "decides": N_("Without agreement, who decides"), "refund": N_("Fees paid in advance"),
    "reminder_days": N_("Reminder, days before the last day"), "emergency_rule": N_("Emergency rule"),
    "window_runs": N_("Time to object and start"), "notice_day_kind": N_("Days of notice counted"),
}
TERM_VALUES: Mapping[str, str] = {
    "calendar": N_("calendar days"), "business": N_("working days"),
    "legal_day": N_("the day it arrives"),
    "business_hours": N_("the next working day, if it arrives after 17:00 or on a day off"),
    "receipt": N_("receipt"), "sending": N_("sending"), "notice_date": N_("the date of the notice"),
    "posting": N_("the day it is posted on the list"),
    "general": N_("general"), "specific": N_("specific: nothing without a yes"),
    "all": N_("all at once"), "in_order": N_("one after the other"),
    "consent": N_("consent, after a proven notice"), "nothing": N_("nothing: it takes a yes"),
    "affected_service": N_("the affected service"), "whole_contract": N_("the whole contract"),
    "none": N_("nothing"), "customer": N_("the customer"), "processor": N_("we"), "either": N_("either side"),
    "pro_rata": N_("given back for the time after"), "unstated": N_("not said"),
    "refund=none": N_("not given back"), "emergency_rule=none": N_("none"),
    "soon_as_practicable": N_("notice as soon as practicable, where security or running depends on it"),
    "before_start": N_("the time to object is over before the start"),
    "until_start": N_("the time to object lasts until the start"),
    "past_start": N_("the time to object runs beside the start and does not hold it up"),
}
"""By value; by name and value where a value means another thing under another name."""


@bp.get("/customers")
@staff
def customer_list() -> Response:
    """All customers by name; `?q=` finds by name or reference, `?show=ended` those whose contract has ended, in the
    order in which their data is due."""
    wanted, only = request.args.get("q", "").strip(), request.args.get("show", "")
    with house().database.reading() as db:
        ended = customers.ended(db, clock.now())
        found = [one.customer for one in ended] if only == "ended" else customers.every(db)
        rows = [c for c in found if wanted.casefold() in f"{c.name} {c.ref}".casefold()]
        reach = set(db.exec(select(Contact.customer_id).where(
            Contact.role == "notice", col(Contact.retired_at).is_(None), col(Contact.barred_at).is_(None)).distinct()))
        return page("customers.html", rows=rows[:MOST], total=len(rows), wanted=wanted, reach=reach,
                    only=only, due={one.customer.id: one for one in ended}, today=today_of(db))


@bp.get("/customers/<path:ref>")
@staff
def customer_page(ref: str) -> Response:
    """One customer with its terms in force, contacts, notices and objections."""
    return _show(ref)


def _show(ref: str, refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        customer = customers.get(db, ref)
        terms = settings.terms_of(db, customer.terms, customer.country, customer.subdivision)
        told = _notices(db, customer)
        return page(
            "customer.html", refusal=refusal, silence=silence.of_notices(db, [n.id or 0 for n, _, _ in told]),
            silence_words=WORDS, customer=customer, contacts=customers.contacts(db, customer),
            services=customers.services_of(db, customer), terms=_in_words(terms), own=set(customer.terms),
            term_names=TERM_NAMES, contact_roles=CONTACT_ROLES, proven=in_words, notices=told,
            annex=accepted.Editions(db).accepted(customer), data_due_on=customers.data_due_on(db, customer),
            today=today_of(db), joinings=JOININGS, cases=_cases(db, customer),
            may=bool(g.actor.roles & {Role.OPS, Role.PRIVACY}),
        )


def today_of(db: Session) -> date:
    """The organisation's civil day."""
    return clock.now().astimezone(ZoneInfo(settings.organisation(db).zone)).date()


def _in_words(terms: Terms) -> dict[str, str]:
    """The terms as messages and plain values, lists joined."""
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else term_in_words(name, str(value))
        for name, value in terms.to_json().items()
    }


def term_in_words(name: str, value: str) -> str:
    """One term's value as a message; a number or a name as it stands."""
    return TERM_VALUES.get(f"{name}={value}", TERM_VALUES.get(value, value))


def _notices(db: Session, customer: Customer) -> list[tuple[Notice, Announcement, NoticeWindow | None]]:
    return list(db.exec(
        select(Notice, Announcement, NoticeWindow)
        .join(Announcement, col(Announcement.id) == col(Notice.announcement_id))
        .join(NoticeWindow, col(NoticeWindow.id) == col(Notice.window_id), isouter=True)
        .where(Notice.customer_id == customer.id, col(Announcement.made_at).is_not(None))
        .order_by(col(Notice.id).desc())
    ).all())


def _cases(db: Session, customer: Customer) -> list[Objection]:
    return list(db.exec(
        select(Objection).join(Notice, col(Notice.id) == col(Objection.notice_id))
        .where(Notice.customer_id == customer.id).order_by(col(Objection.id).desc())
    ))


@bp.post("/customers/<path:ref>/annex")
@staff
def record_annex(ref: str) -> Response | Answer:
    """Which edition stands in the annex this customer accepted; an empty one goes by its dates again."""
    try:
        with acting() as db:
            typed = request.form.get("edition", "").strip()
            if typed and not re.fullmatch("[0-9]{1,6}", typed):
                raise Refusal("bad_value", field=N_("Edition in the annex"),
                              problem=N_("there is no such edition of the list"))
            customers.record_annex(db, customers.get(db, ref), int(typed) if typed else None, actor=g.actor,
                                   now=clock.now())
    except Refusal as refusal:
        return _show(ref, refusal)
    return done(f"/console/customers/{quote(ref)}", N_("The annex is recorded, and what follows from it is owed."))


@bp.post("/customers/<path:ref>/contacts")
@staff
def add_contact(ref: str) -> Response | Answer:
    """One more contact. Notices already announced are not sent again by this."""
    try:
        with acting() as db:
            role = request.form.get("role", "")
            if role not in set(ContactRole):
                raise Refusal("bad_value", field=N_("Role"), problem=N_("choose one of those offered"))
            entry = ContactEntry(request.form.get("email", ""), request.form.get("name", "").strip()[:200],
                                 role=ContactRole(role))
            customers.add_contact(db, customers.get(db, ref), entry, actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(ref, refusal)
    return done(f"/console/customers/{quote(ref)}", N_("The contact is added."))


@bp.post("/customers/<path:ref>/contacts/<int:number>/retire")
@staff
def retire_contact(ref: str, number: int) -> Response | Answer:
    """Nothing more is written to this contact; what it received stays proven."""
    try:
        with acting() as db:
            customers.retire_contact(db, customers.get(db, ref), number, actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(ref, refusal)
    return done(f"/console/customers/{quote(ref)}", N_("The contact is retired."))


@bp.post("/customers/<path:ref>/contacts/<int:number>/checked")
@staff
def contact_checked(ref: str, number: int) -> Response | Answer:
    """Somebody of ours has checked that this address is the right one."""
    try:
        with acting() as db:
            contact = customers.contact(db, customers.get(db, ref), number)
            contact_checks.confirm(db, contact, actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(ref, refusal)
    return done(f"/console/customers/{quote(ref)}", N_("Noted: the address is the right one."))
