"""What two people, or a named engineer, decided against the ordinary course: exclusions and overrides."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from notifier.tables.base import json_column


class Exclusion(SQLModel, table=True):
    """One customer left out of one change. It counts from `confirmed_at`, when an engineer said how it is done, until
    `ended_at`; `recheck_due` is the civil day, in the organisation's zone, by which it has to be looked at again."""

    __tablename__ = "exclusion"

    id: int | None = Field(default=None, primary_key=True)
    change_id: int = Field(foreign_key="change.id", index=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    reason: str = Field(max_length=4000)
    asked_by: int = Field(foreign_key="user_account.id")
    asked_at: datetime
    confirmed_by: int | None = Field(default=None, foreign_key="user_account.id")
    confirmed_at: datetime | None = None
    recheck_due: date | None = Field(default=None, index=True)
    ended_by: int | None = Field(default=None, foreign_key="user_account.id")
    ended_at: datetime | None = None


class ExclusionCheck(SQLModel, table=True):
    """An engineer's word that a customer is left out, and how: the first one and each yearly one. Append-only."""

    __tablename__ = "exclusion_check"

    id: int | None = Field(default=None, primary_key=True)
    exclusion_id: int = Field(foreign_key="exclusion.id", index=True)
    checked_by: int = Field(foreign_key="user_account.id")
    checked_at: datetime
    how: str = Field(max_length=4000)
    next_due: date


class Override(SQLModel, table=True):
    """Single blockers (`gate.Code` values) set aside by two people for one customer and one notice of one change.

    `act` is shared by all the customers one decision concerned. A correction is a new notice, so it starts without
    overrides. `notice_change_id` None: the customer was never told, having bought the service later. Append-only.
    """

    __tablename__ = "override"

    id: int | None = Field(default=None, primary_key=True)
    act: str = Field(max_length=36, index=True)
    change_id: int = Field(foreign_key="change.id", index=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    notice_change_id: int | None = Field(default=None, foreign_key="notice_change.id", index=True)
    blockers: list[str] = Field(sa_column=json_column())
    reason: str = Field(max_length=4000)
    asked_by: int = Field(foreign_key="user_account.id")
    signed_by: int = Field(foreign_key="user_account.id")
    at: datetime


class IrregularStart(SQLModel, table=True):
    """Two people's record that processing has begun without the gate: since which civil day, and why. Append-only."""

    __tablename__ = "irregular_start"

    id: int | None = Field(default=None, primary_key=True)
    change_id: int = Field(foreign_key="change.id", unique=True)
    since: date
    reason: str = Field(max_length=4000)
    told: int
    asked_by: int = Field(foreign_key="user_account.id")
    signed_by: int = Field(foreign_key="user_account.id")
    at: datetime
