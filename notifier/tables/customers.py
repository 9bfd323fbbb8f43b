"""Customers (the controllers), what they buy, their contacts and their contract's terms."""

from datetime import date, datetime
from typing import Any

from sqlmodel import Field, SQLModel

from notifier.tables.base import json_column


class Customer(SQLModel, table=True):
    """A customer. `terms` holds only what its contract says differently from the organisation's defaults."""

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
    contract_start: date | None = None
    contract_end: date | None = None
    terms: dict[str, Any] = Field(sa_column=json_column())
    created_at: datetime
    updated_at: datetime


class CustomerService(SQLModel, table=True):
    """A service bought; no row at all for a customer means it may use every service. `bought_at`: when we learned of
    it; what was announced before then, this customer was never told of."""

    __tablename__ = "customer_service"

    customer_id: int = Field(foreign_key="customer.id", primary_key=True)
    service_id: int = Field(foreign_key="service.id", primary_key=True, index=True)
    ended_on: date | None = None
    bought_at: datetime | None = None


class Contact(SQLModel, table=True):
    """Somebody at a customer. `position` orders the notice contacts; a barred address is never written to again."""

    __tablename__ = "contact"

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
