"""Notices: the legal act towards one customer, the windows it opens, and what can differ per change."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from notifier.domain.states import NoticeState
from notifier.tables.base import guard, json_column, state_column


@guard
class Notice(SQLModel, table=True):
    """One announcement to one customer, with a copy of the customer's terms.

    `given_at`, `given_by` and `proof` say when and how receipt is proven; `promised_last_day` is the latest
    day any letter of it printed; `window_id` points to the window that counts. `remind_at` is when the clock looks
    whether a reminder is due, set with every window and gone after the look; `reminded_at` when one was owed.
    """

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("announcement_id", "customer_id"),
        # Only the notices that wait: announcing to many writes nothing here.
        Index("ix_notice_remind_at", "remind_at", sqlite_where=sa.text("remind_at IS NOT NULL"),
              postgresql_where=sa.text("remind_at IS NOT NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True, max_length=36)
    announcement_id: int = Field(foreign_key="announcement.id")
    customer_id: int = Field(foreign_key="customer.id", index=True)
    state: NoticeState = Field(sa_column=state_column(NoticeState, "notice_state"))
    terms: dict[str, Any] = Field(sa_column=json_column())
    opens_window: bool = True
    given_at: datetime | None = None
    given_by: str = Field(default="", max_length=24)
    proof: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    promised_last_day: date | None = None
    # The window points to its notice and the notice to its newest window: no constraint, or neither could be first.
    window_id: int | None = None
    acknowledged_at: datetime | None = None
    silence_noted_at: datetime | None = None
    remind_at: datetime | None = None
    reminded_at: datetime | None = None
    created_at: datetime


class NoticeChange(SQLModel, table=True):
    """What can differ per change within one notice. The gate asks each of these, but for those that a correction
    superseded (the corrected change stands in a newer notice) and those freed: the customer stopped buying what the
    change concerns before it was released to it. `silence` is what the customer's silence meant when its window ended
    (`domain.silence`), empty before."""

    __tablename__ = "notice_change"
    __table_args__ = (UniqueConstraint("notice_id", "change_id"),)

    id: int | None = Field(default=None, primary_key=True)
    notice_id: int = Field(foreign_key="notice.id")
    change_id: int = Field(foreign_key="change.id", index=True)
    consent: str = Field(default="", max_length=3)  # yes | no | "" not answered
    consent_at: datetime | None = None
    # Who said so, as they wrote it: a person's name and function, so they stand aside in the log.
    consent_name: str = Field(default="", max_length=200, sa_column_kwargs={"server_default": ""})
    consent_function: str = Field(default="", max_length=200, sa_column_kwargs={"server_default": ""})
    withdrawn_at: datetime | None = None
    superseded_at: datetime | None = None
    freed_at: datetime | None = None
    released_at: datetime | None = None
    silence: str = Field(default="", max_length=12, sa_column_kwargs={"server_default": ""})


class Acknowledgement(SQLModel, table=True):
    """A contact's word that it has read a notice: no consent, but this contact needs no reminder."""

    __tablename__ = "acknowledgement"
    __table_args__ = (UniqueConstraint("notice_id", "contact_id"),)

    id: int | None = Field(default=None, primary_key=True)
    notice_id: int = Field(foreign_key="notice.id")
    contact_id: int = Field(foreign_key="contact.id")
    at: datetime


class NoticeWindow(SQLModel, table=True):
    """One computed objection period, with everything it was computed from. Append-only; a later one replaces it."""

    __tablename__ = "notice_window"

    id: int | None = Field(default=None, primary_key=True)
    notice_id: int = Field(foreign_key="notice.id", index=True)
    inputs: dict[str, Any] = Field(sa_column=json_column())
    receipt_day: date
    nominal: date
    last_day: date
    ends_at: datetime
    zone: str = Field(max_length=40)
    why: list[Any] = Field(sa_column=json_column())
    versions: dict[str, Any] = Field(sa_column=json_column())
    replaces_id: int | None = None
    reason: str = Field(default="", max_length=200)
    created_at: datetime
