"""Customers: who they are, what their contract says, whom we write to, and what they have been told."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from flask import Response, g, request
from sqlmodel import Session, col, select
from werkzeug.wrappers import Response as Answer

from notifier import clock, text
from notifier.domain.people import ContactRole, Role
from notifier.domain.proof import in_words
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.domain.terms import Terms
from notifier.tables import Announcement, Contact, Customer, Notice, NoticeWindow, Objection
from notifier.web.access import staff
from notifier.web.console.desk import MOST, acting, bp, done, page
from notifier.web.pages import house, language
from notifier.workflow import addresses, customers, settings
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
}
TERM_VALUES: Mapping[str, str] = {
    "calendar": N_("calendar days"), "business": N_("working days"),
    "legal_day": N_("the day it arrives"),
    "business_hours": N_("the next working day, if it arrives after 17:00 or on a day off"),
    "receipt": N_("receipt"), "sending": N_("sending"),
    "general": N_("general: silence after a proven notice is consent"),
    "specific": N_("specific: nothing without a yes"), "all": N_("all at once"), "in_order": N_("one after the other"),
}


@bp.get("/customers")
@staff
def customer_list() -> Response:
    """All customers by name; `?q=` finds by name or reference."""
    wanted = request.args.get("q", "").strip()
    with house().database.reading() as db:
        rows = [c for c in customers.every(db) if wanted.casefold() in f"{c.name} {c.ref}".casefold()]
        reach = set(db.exec(select(Contact.customer_id).where(
            Contact.role == "notice", col(Contact.retired_at).is_(None), col(Contact.barred_at).is_(None)).distinct()))
        return page("customers.html", rows=rows[:MOST], total=len(rows), wanted=wanted, reach=reach,
                    may=bool(g.actor.roles & {Role.OPS, Role.PRIVACY}))


@bp.get("/customers/<path:ref>")
@staff
def customer_page(ref: str) -> Response:
    """One customer with its terms in force, contacts, notices and objections."""
    return _show(ref)


def _show(ref: str, refusal: Refusal | None = None) -> Response:
    with house().database.reading() as db:
        customer = customers.get(db, ref)
        terms = settings.terms_of(db, customer.terms, customer.country, customer.subdivision)
        return page(
            "customer.html", refusal=refusal, customer=customer, contacts=customers.contacts(db, customer),
            services=customers.services_of(db, customer), terms=_in_words(terms), own=set(customer.terms),
            earlier=[p for p in customers.periods(db, customer.id or 0) if p.ended_on],
            term_names=TERM_NAMES, contact_roles=CONTACT_ROLES, proven=in_words, notices=_notices(db, customer),
            cases=_cases(db, customer), may=bool(g.actor.roles & {Role.OPS, Role.PRIVACY}),
        )


def _in_words(terms: Terms) -> dict[str, str]:
    """The terms as messages and plain values, lists joined."""
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else TERM_VALUES.get(str(value), str(value))
        for name, value in terms.to_json().items()
    }


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


@bp.post("/customers/<path:ref>/contacts")
@staff
def add_contact(ref: str) -> Response | Answer:
    """One more contact. Notices already announced are not sent again by this."""
    try:
        with acting() as db:
            customer, entry = customers.get(db, ref), _entry()
            warned = _warned(db, customer, entry.email)
            customers.add_contact(db, customer, entry, actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(ref, refusal)
    return done(f"/console/customers/{quote(ref)}", N_("The contact is added."), warnings=warned)


def _entry() -> ContactEntry:
    """The contact as the form gives it. Raises Refusal bad_value for a role nobody offered."""
    role = request.form.get("role", "")
    if role not in set(ContactRole):
        raise Refusal("bad_value", field=N_("Role"), problem=N_("choose one of those offered"))
    return ContactEntry(request.form.get("email", ""), request.form.get("name", "").strip()[:200],
                        request.form.get("phone", "").strip()[:60], ContactRole(role))


def _warned(db: Session, customer: Customer, email: str) -> list[str]:
    """What looks wrong about an address, said to whoever typed it; it is kept all the same."""
    kept = addresses.normal(email)
    others = [c.email for c in customers.contacts(db, customer) if c.retired_at is None and c.email != kept]
    found = [each for each in addresses.suspicions([*others, kept]) if each.facts["email"] == kept]
    return [text.say(each, language()) for each in (*found, *addresses.known_bad(db, [kept]).values())]


@bp.post("/customers/<path:ref>/contacts/<int:number>/change")
@staff
def change_contact(ref: str, number: int) -> Response | Answer:
    """Mends a contact; another address is another contact, and takes its place."""
    try:
        with acting() as db:
            customer, entry = customers.get(db, ref), _entry()
            warned = _warned(db, customer, entry.email)
            customers.change_contact(db, customer, number, entry, actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(ref, refusal)
    return done(f"/console/customers/{quote(ref)}", N_("The contact is changed."), warnings=warned)


@bp.post("/customers/<path:ref>/contacts/<int:number>/up")
@staff
def contact_up(ref: str, number: int) -> Response | Answer:
    """Puts a contact one place before the one above it; that order counts where contacts are told one after another."""
    try:
        with acting() as db:
            customer = customers.get(db, ref)
            order = [c.id or 0 for c in customers.contacts(db, customer) if c.retired_at is None]
            if (at := order.index(number) if number in order else 0) > 0:
                order[at - 1:at + 1] = [order[at], order[at - 1]]
            customers.order_contacts(db, customer, order if number in order else [number], actor=g.actor,
                                     now=clock.now())
    except Refusal as refusal:
        return _show(ref, refusal)
    return done(f"/console/customers/{quote(ref)}", N_("The order is changed."))


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
