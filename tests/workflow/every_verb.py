"""A long journey through every verb, each in a transaction of its own, as the doors call them: what tests of the log
look at afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain.changes import ChangeKind, Item
from notifier.domain.people import Actor, Door, Kind, Role, system
from notifier.domain.terms import Authorisation
from notifier.house import House
from notifier.jobs import deliver
from notifier.tables import (
    Announcement,
    ApiToken,
    Change,
    Contact,
    ContactChange,
    Customer,
    Delivery,
    Link,
    Notice,
    Objection,
    User,
)
from notifier.workflow import (
    announcements,
    changes,
    configuration,
    consents,
    contacts,
    corrections,
    customers,
    exceptions,
    exclusions,
    extensions,
    hand_delivery,
    links,
    listing,
    notices,
    objections,
    offboarding,
    people,
    register,
    releases,
    silence,
    starts,
)
from notifier.workflow.customers import ContactEntry
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import ANALYTICS, HOSTING, NOW, START, customer

SHELL = "shell-user"
ROOT = system(Door.CLI, SHELL)
CLOCK, JOB = system(Door.CLOCK), system(Door.JOB)
PROVIDER = Actor(Kind.PROVIDER, Door.WEBHOOK)
PASSWORD = "correct horse battery"
STAFF = {
    "ada": [Role.ADMIN], "olga": [Role.OPS], "paul": [Role.PRIVACY], "petra": [Role.PRIVACY], "egon": [Role.OPS],
    "tom": [Role.OPS],
}
Verb = TypeVar("Verb", bound=Callable[..., Any])


class Journey:
    """A house in which everything was done once. `now` is where its time stands."""

    def __init__(self, house: House) -> None:
        self.house, self.now = house, NOW

    def do(self, act: Callable[..., Any], *args: Any, by: Actor | str = "paul", **given: Any) -> Any:
        """Calls a verb in a transaction of its own, a minute after the one before."""
        self.now += timedelta(minutes=1)
        with self.house.database.transaction() as session:
            actor = by if isinstance(by, Actor) else self.person(session, by)
            return act(session, *args, actor=actor, now=self.now, **given)

    def person(self, session: Session, name: str) -> Actor:
        """Somebody of the staff: Paul comes by the console, the others by the shell."""
        user = people.by_email(session, f"{name}@processor.example")
        return people.actor_for(user, Door.CONSOLE) if name == "paul" else people.actor_for(user, Door.CLI, SHELL)

    def read(self, model: Any, *where: Any) -> Any:
        """The newest row of a table."""
        with self.house.database.reading() as session:
            return session.exec(select(model).where(*where).order_by(col(model.id).desc())).first()

    def user(self, session: Session, name: str) -> User:
        """A person's row."""
        return people.by_email(session, f"{name}@processor.example")

    def at(self, day: date) -> None:
        """Moves on to the morning of a day."""
        self.now = datetime(day.year, day.month, day.day, 9, tzinfo=NOW.tzinfo)

    def send(self) -> None:
        """Everything queued leaves."""
        self.now += timedelta(minutes=1)
        with clock.standing(self.now):
            deliver.run(self.house)

    def arrive(self, *kinds: str, but: str = "") -> None:
        """Every letter on its way (of these kinds) reaches its recipient's server, but for one customer's."""
        self.send()
        self.now += timedelta(minutes=1)
        with self.house.database.transaction() as session:
            for row in session.exec(select(Delivery).where(Delivery.state == "accepted")).all():
                if (kinds and row.kind not in kinds) or (but and but in row.to_email):
                    continue
                event = notices.Happening(row.ref, "", "sent", self.now, f"sent:{row.ref}", "250 ok")
                notices.happened(session, event, actor=PROVIDER, now=self.now)
                if row.subject_kind == "objection":
                    objections.letter_proven(session, row, self.now, actor=PROVIDER, now=self.now)

    def notice_of(self, ref: str) -> Notice:
        """A customer's newest notice."""
        with self.house.database.reading() as session:
            found = session.exec(select(Notice).join(Customer, col(Customer.id) == col(Notice.customer_id))
                                 .where(Customer.ref == ref).order_by(col(Notice.id).desc())).first()
        assert found is not None
        return found

    def proposed(self, kind: ChangeKind = ChangeKind.ADD, *, start: date = START, **given: Any) -> str:
        """A new draft of Olga's."""
        named = {name: given.pop(name) for name in ("ref", "replaces") if name in given}
        values = {} if kind is ChangeKind.REMOVE else {**ANALYTICS, **given}

        def propose(session: Session, *, actor: Actor, now: datetime) -> str:
            item = changes.draft(session, kind, values=values, **named)
            return changes.propose(session, [item], reason="We need it.", planned_start=start, separable="customer",
                                   actor=actor, now=now).ref

        return str(self.do(propose, by="olga"))

    def approved(self, *args: Any, **given: Any) -> str:
        """A change with a second person's yes."""
        ref = self.proposed(*args, **given)
        with self.house.database.transaction() as session:
            factory.vouched(session, changes.get(session, ref), self.person(session, "olga"), now=self.now)
        self.do(changes.submit, ref, by="olga")
        self.do(changes.approve, ref, reason="Looked through.")
        return ref

    def announced(self, *args: Any, **given: Any) -> str:
        """A change made known."""
        ref = self.approved(*args, **given)
        self.do(announcements.announce, [ref], words="As planned.")
        return ref

    def filed(self, ref: str) -> str:
        """An objection of a customer's, against its newest notice."""
        notice = self.notice_of(ref)
        filing = Filing("We do not want this.", "Lea", f"legal@{ref}.example")
        self.do(objections.file, notice.id, filing, contact_id=None, by=CONTACT)
        return str(self.read(Objection).ref)


CONTACT = Actor(Kind.CONTACT, Door.LINK, id=1)


def travel(house: House) -> Journey:
    """The whole journey; returns it at its end."""
    journey = Journey(house)
    _house(journey)
    _ends_before_it_begins(journey)
    _one_by_one(journey)
    _all_together(journey)
    _out_of_order(journey)
    _own_contacts(journey)
    return journey


def _own_contacts(journey: Journey) -> None:
    """A customer changes its own contacts: one more, first in the order, another address for it, and out again."""
    do = journey.do
    lea = journey.read(Contact, Contact.email == "legal@alpha.example", col(Contact.retired_at).is_(None))
    by_lea = Actor(Kind.CONTACT, Door.LINK, id=lea.id)

    def own(act: Callable[..., Any], *args: Any) -> None:
        do(lambda s, **by: act(s, customers.get(s, "alpha"), *args, **by), by=by_lea)

    def confirmed() -> int:
        number = journey.read(Link, Link.kind == links.CONTACT).id
        do(lambda s, **by: contacts.confirm(s, s.get(Link, number), **by), by=CONTACT)
        return int(journey.read(ContactChange).made_id)

    own(contacts.add, ContactEntry("nora@alpha.example", "Nora"))
    number = confirmed()
    own(contacts.move_up, number)
    own(contacts.change, number, ContactEntry("nora@alpha.example", "Nora Neu"))
    own(contacts.change, number, ContactEntry("nina@alpha.example", "Nina"))
    number = confirmed()
    own(contacts.change, number, ContactEntry("nele@alpha.example", "Nele"))
    own(contacts.drop, journey.read(ContactChange).uid)
    own(contacts.retire, number)
    journey.send()


def _house(journey: Journey) -> None:
    """People, settings, the list, customers."""
    do = journey.do
    for name, roles in STAFF.items():
        do(people.add, f"{name}@processor.example", f"{name.title()} Staff", roles, password=PASSWORD, by=ROOT)
    do(lambda s, **by: people.set_roles(s, journey.user(s, "petra"), [Role.PRIVACY, Role.AUDITOR], "She reads.", **by),
       by="ada")
    do(lambda s, **by: people.set_password(s, journey.user(s, "olga"), PASSWORD[::-1], **by), by="olga")
    with journey.house.database.transaction() as session:
        people.sign_in(session, "paul@processor.example", PASSWORD, door=Door.CONSOLE, now=journey.now)
    do(lambda s, **by: people.add_token(s, journey.user(s, "olga"), "scripts", **by), by=ROOT)
    do(people.revoke_token, journey.read(ApiToken).id, by=ROOT)
    do(lambda s, **by: people.disable(s, journey.user(s, "tom"), **by), by="ada")

    def baseline(session: Session, *, actor: Actor, now: datetime) -> None:
        register.ensure_services(session, ["platform", "archive"])
        register.take_baseline(session, [HOSTING, HOSTING.with_(ref="old-mail", legal_name="Old Mail AG")], actor=actor,
                               now=now)
        listing.new_edition(session, "baseline", now)

    do(baseline, by=ROOT)
    do(configuration.change, "terms.termination_days", "45", "Our new template.", by="ada")
    do(configuration.change, "organisation.address", "Seestrasse 1, 8002 Zürich", "We have moved.", by="ada")
    specific = {"authorisation": str(Authorisation.SPECIFIC)}
    two = (ContactEntry("legal@alpha.example", "Lea"), ContactEntry("dpo@alpha.example", "Dora"))
    do(customers.upsert, [customer("alpha", contacts=two), customer("beta", terms=specific), customer("gamma"),
                          customer("delta", services=("archive",))], by=ROOT)
    do(customers.upsert, [customer("beta", terms=specific, name="Beta Group", services=("platform", "archive"))],
       by=ROOT)
    with journey.house.database.reading() as session:
        gamma = customers.get(session, "gamma")
    do(customers.add_contact, gamma, ContactEntry("ceo@gamma.example", "Gus"), by="olga")
    contact = next(c for c in _contacts(journey, gamma) if c.email.startswith("ceo"))
    do(customers.retire_contact, gamma, contact.id, by="olga")


def _contacts(journey: Journey, customer: Customer) -> list[Any]:
    with journey.house.database.reading() as session:
        return list(customers.contacts(session, customer))


def _ends_before_it_begins(journey: Journey) -> None:
    """Changes that come to nothing: withdrawn as a draft, sent back and rejected, announced and taken back."""
    do = journey.do
    do(announcements.withdraw, journey.proposed(legal_name="Draft GmbH"), "Not needed.", by="olga")
    ref = journey.proposed(legal_name="Rejected GmbH")

    def edit(session: Session, *, actor: Actor, now: datetime) -> None:
        change = changes.get(session, ref)
        items = changes.mended(changes.items_of(session, change), {"activity": "Analysis of errors"})
        changes.edit(session, ref, items, reason="We need it badly.", planned_start=START, separable="no", actor=actor,
                     now=now)

    do(edit, by="olga")
    with journey.house.database.transaction() as session:
        factory.vouched(session, changes.get(session, ref), journey.person(session, "olga"), now=journey.now)
    do(changes.submit, ref, by="olga")
    do(changes.send_back, ref, "Who reads it?")
    do(changes.submit, ref, by="olga")
    do(changes.reject, ref, "Nobody does.")
    ref = journey.announced(legal_name="Taken Back GmbH")
    journey.arrive()
    do(announcements.withdraw, ref, "The contract was not signed.")


def _one_by_one(journey: Journey) -> None:
    """An addition customers can be left out of: corrected, extended, objected to, released one by one."""
    do = journey.do
    ref = journey.announced(legal_name="Analytics Inc.")
    do(exclusions.confirm_separable, ref, "customer", "A switch per customer.", by="egon")
    journey.send()
    notice = journey.notice_of("gamma")
    bounced = journey.read(Delivery, Delivery.notice_id == notice.id)
    event = notices.Happening(bounced.ref, "", "bounce", journey.now, f"bounce:{bounced.ref}", "550 no such user")
    do(notices.happened, event, by=PROVIDER)
    journey.arrive()
    do(corrections.correct, ref, _mended(journey, ref, activity="Analysis of usage."), "A full stop was missing.")
    wider = {"data_categories": ("usage data", "name")}
    words = "We forgot the names."
    do(corrections.correct, ref, _mended(journey, ref, **wider), words, planned_start=date(2026, 6, 1))
    do(corrections.correct, ref, _mended(journey, ref, **wider), words, planned_start=date(2026, 6, 1), by="petra")
    journey.arrive("change_corrected", but="gamma")
    gamma = journey.notice_of("gamma")
    do(hand_delivery.record, gamma.uid, ("receipt.pdf", b"%PDF signed"), journey.now.date(), words="By post.")
    do(hand_delivery.confirm, gamma.uid, by="petra")
    beta = journey.notice_of("beta")
    do(consents.acknowledge, beta, by=CONTACT)
    do(consents.consent, beta, [ref], "no", name="Bea", function="Counsel", by=CONTACT)
    do(exclusions.ask, ref, "beta", "It said no.")
    do(exclusions.confirm, ref, "beta", "Its switch is off.", by="egon")
    do(exclusions.confirm, ref, "beta", "Still off.", by="egon")
    announcement = journey.read(Announcement).ref
    do(extensions.extend, date(2026, 4, 20), "Our answers were late.", announcement=announcement)
    journey.arrive()
    first = journey.filed("alpha")
    do(objections.acknowledge, first, "We look into it.")
    do(objections.message, first, "What troubles you?")
    do(objections.message, first, "The names.", by=CONTACT)
    do(objections.resolve, first, "Names are left out for you.")
    do(objections.contradict, first, "They are not.", by=CONTACT)
    do(objections.no_agreement, first, "There is no other way.")
    journey.arrive("objection_no_agreement")
    do(objections.terminate, first, service="platform", ends_on=date(2026, 5, 31), by=CONTACT)
    second = journey.filed("gamma")
    do(objections.acknowledge, second)
    do(objections.not_uphold, second, "It is lawful.")
    do(objections.not_uphold, second, "It is lawful.", by="petra")
    do(objections.contradict, second, "It is not.", by=CONTACT)
    journey.arrive("objection_no_agreement")
    third = journey.filed("gamma")
    do(objections.withdraw, third, "Settled.", by=CONTACT)
    journey.at(date(2026, 6, 1))
    do(silence.note_ended, by=CLOCK)
    journey.at(date(2026, 6, 20))
    do(objections.right_not_used, second, "The day has passed.")
    do(objections.right_not_used, second, "The day has passed.", by="petra")
    do(exclusions.end, ref, "beta", "It has said yes.")
    do(consents.consent, beta, [ref], "yes", name="Bea", function="Counsel", by=CONTACT)
    do(releases.release, ref, customer_ref="beta", by="olga")


def _mended(journey: Journey, ref: str, **values: Any) -> list[Item]:
    with journey.house.database.reading() as session:
        held = changes.items_of(session, changes.get(session, ref))
    return [replace(item, after=item.after.with_(**values)) for item in held if item.after is not None]


def _all_together(journey: Journey) -> None:
    """A replacement whose start is moved, left open, overridden and then starts for all; what was replaced ends."""
    do = journey.do
    ref = journey.announced(ChangeKind.REPLACE, replaces="old-mail", legal_name="New Mail AG", start=date(2026, 8, 3))
    journey.arrive(but="gamma")
    do(starts.move_start, ref, date(2026, 8, 10), "The migration takes longer.")
    beta = journey.notice_of("beta")
    do(consents.consent, beta, [ref], "yes", name="Bea", function="Counsel", by=CONTACT)
    journey.at(date(2026, 8, 10))
    do(releases.start_if_clear, ref, by=CLOCK)
    do(starts.move_start, ref, date(2026, 9, 7), "It is ready now.")
    journey.at(date(2026, 9, 7))
    with journey.house.database.reading() as session:
        found = releases.standings(session, changes.get(session, ref), journey.now)
    codes = sorted({str(blocker.code) for standing in found for blocker in standing.blockers})
    do(exceptions.override, ref, codes, "Its mailbox is dead; we called.")
    do(exceptions.override, ref, codes, "Its mailbox is dead; we called.", by="petra")
    do(releases.release, ref, by="olga")
    with journey.house.database.reading() as session:
        number = offboarding.every(session)[0].row.id
    do(offboarding.extend, number, date(2026, 11, 30), "They asked for time.", by="olga")
    do(offboarding.confirm, number, "destroyed", file=("gone.pdf", b"%PDF gone"), by="olga")


def _out_of_order(journey: Journey) -> None:
    """An addition that began before its time, with an objection open."""
    do = journey.do
    ref = journey.announced(legal_name="Hasty GmbH", start=date(2026, 11, 30))
    journey.arrive()
    journey.filed("gamma")
    day = journey.now.date()
    do(exceptions.irregular_start, ref, "A colleague switched it on.", day)
    do(exceptions.irregular_start, ref, "A colleague switched it on.", day, by="petra")
    assert journey.read(Change).state == "in_effect"
