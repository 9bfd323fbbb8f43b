"""Customers (the controllers), what they buy, their contacts and their contract's terms."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from notifier.tables.base import json_column


class Customer(SQLModel, table=True):
    """A customer. `terms` holds only what its contract says differently from the organisation's defaults.
    `annex_edition` is the edition of the list in the annex it accepted; empty, it is worked out from the day it signed
    (`workflow.accepted`)."""

    __tablename__ = "customer"

    id: int | None = Field(default=None, primary_key=True)
    ref: str = Field(unique=True, max_length=80)
    name: str = Field(max_length=300)
    language: str = Field(default="en", max_length=5)
    country: str = Field(default="", max_length=2)
    subdivision: str = Field(default="", max_length=10)
    postal_address: str = Field(default="", max_length=1000)
    agreement: str = Field(default="", max_length=300)
    agreement_date: date | None = None
    clause: str = Field(default="", max_length=100)
    annex_edition: int | None = None
    contract_start: date | None = None
    contract_end: date | None = None
    terms: dict[str, Any] = Field(sa_column=json_column())
    created_at: datetime
    updated_at: datetime


class CustomerService(SQLModel, table=True):
    """A service bought: the newest period of it. A day no period of a customer covers means every service.
    `bought_at`: when we learned of it; what was announced before then, this customer was never told of. `ended_on`:
    the last day it was bought."""

    __tablename__ = "customer_service"

    customer_id: int = Field(foreign_key="customer.id", primary_key=True)
    service_id: int = Field(foreign_key="service.id", primary_key=True, index=True)
    ended_on: date | None = None
    bought_at: datetime | None = None


class EarlierService(SQLModel, table=True):
    """A period in which a customer bought a service, before the one that `customer_service` holds: bought again, the
    old period moves here."""

    __tablename__ = "earlier_service"

    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    service_id: int = Field(foreign_key="service.id")
    bought_at: datetime | None = None
    ended_on: date


class Contact(SQLModel, table=True):
    """Somebody at a customer. `position` orders the notice contacts; a barred address is never written to again.

    `checked_at` is when somebody there last showed that the address is the right one; `check_at` when the clock looks
    whether it is time to ask again (every row is made with one, `workflow.contact_checks.first`); `check_asked_at` when
    it was asked and has not been answered; `doubted_at` when the contact itself said that something has changed.
    """

    __tablename__ = "contact"
    __table_args__ = (
        Index("ix_contact_check_at", "check_at", sqlite_where=sa.text("check_at IS NOT NULL"),
              postgresql_where=sa.text("check_at IS NOT NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    name: str = Field(default="", max_length=200)
    email: str = Field(max_length=254, index=True)
    phone: str = Field(default="", max_length=60)
    role: str = Field(default="notice", max_length=12)
    position: int = 1
    bounced_at: datetime | None = None
    barred_at: datetime | None = Field(default=None, index=True)
    retired_at: datetime | None = None
    checked_at: datetime | None = None
    check_at: datetime | None = None
    check_asked_at: datetime | None = None
    doubted_at: datetime | None = None


class ContactChange(SQLModel, table=True):
    """A change of a customer's contacts by the customer itself: `act` is add, change or retire. What adds or changes
    counts from `confirmed_at` on, said at the new address; until then the contact there was is the one we write to.
    `contact_id` is the contact changed or retired, `asked_by` the one who asked, `made_id` the one it made."""

    __tablename__ = "contact_change"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True, max_length=36)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    act: str = Field(max_length=8)
    contact_id: int | None = Field(default=None, foreign_key="contact.id")
    email: str = Field(default="", max_length=254)
    name: str = Field(default="", max_length=200)
    phone: str = Field(default="", max_length=60)
    role: str = Field(default="notice", max_length=12)
    asked_by: int = Field(foreign_key="contact.id")
    asked_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None = None
    made_id: int | None = Field(default=None, foreign_key="contact.id")
    dropped_at: datetime | None = None


class PageRequest(SQLModel, table=True):
    """An address somebody typed to be sent its page, known or not; gone as soon as a job has answered it."""

    __tablename__ = "page_request"

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(max_length=254)
    asked_at: datetime
