"""A change told to two customers, and its letters on their way: what tests of dates and corrections begin with."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain.people import Actor, Door, Kind
from notifier.house import House
from notifier.jobs import deliver
from notifier.tables import Change, Delivery
from notifier.workflow import changes, notices
from notifier.workflow.customers import ContactEntry
from tests import factory
from tests.factory import NOW

PROVIDER = Actor(Kind.PROVIDER, Door.WEBHOOK)


def announced(session: Session, **given: object) -> tuple[Change, str, Actor, Actor]:
    """A change told to two customers, the first with two contacts; with its announcement, Olga and Paul."""
    olga, paul = factory.two_people(session)
    factory.baseline(session)
    two = (ContactEntry("legal@alpha.example", "Lea"), ContactEntry("dpo@alpha.example", "Dora"))
    factory.take_in(session, factory.customer("alpha", contacts=two), factory.customer("beta"))
    change = factory.announced(session, olga, paul, **given)
    return change, changes.announcements_of(session, change)[0].ref, olga, paul


def send(house: House, at: datetime) -> None:
    """Everything queued leaves at `at`."""
    with clock.standing(at):
        deliver.run(house)


def arrive(house: House, at: datetime = NOW + timedelta(minutes=5)) -> None:
    """Every letter leaves and reaches its recipient's server."""
    send(house, at)
    with house.database.transaction() as session:
        for row in session.exec(select(Delivery).where(col(Delivery.delivered_at).is_(None),
                                                       Delivery.state == "accepted")).all():
            event = notices.Happening(row.ref, "", "sent", at, f"sent:{row.ref}", "250 ok")
            notices.happened(session, event, actor=PROVIDER, now=at)


def owed(session: Session, kind: str) -> list[str]:
    """To whom letters of a kind are owed that were not cancelled, in order."""
    return list(session.exec(select(Delivery.to_email).where(Delivery.kind == kind, Delivery.state != "cancelled")
                             .order_by(col(Delivery.id))))
