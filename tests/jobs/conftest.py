"""What tests of the hands have in common."""

from __future__ import annotations

import pytest
from sqlmodel import select

from notifier.house import House
from notifier.tables import Delivery
from notifier.workflow.customers import ContactEntry
from tests import factory


@pytest.fixture
def announced(house: House) -> House:
    """A change announced to one customer with two notice contacts, written to in order."""
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha", terms={"notify": "in_order"}, contacts=(
            ContactEntry("first@alpha.example", "Fay"), ContactEntry("second@alpha.example", "Sid", position=2))))
        factory.announced(session, olga, paul)
        for row in session.exec(select(Delivery).where(Delivery.kind == "staff_review_requested")):
            session.delete(row)
    return house
