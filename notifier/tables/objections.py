"""Objections: the case of one customer against one or more changes of one notice."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from notifier.domain.states import ObjectionState
from notifier.tables.base import guard, state_column


@guard
class Objection(SQLModel, table=True):
    """An objection as filed. `in_time` is decided once at filing and stored; None: no window ran yet, so in time
    whatever comes. `nonce` makes a form sent twice one objection. `right_until` is the last day of the right of
    termination, once the letter that opened it is proven."""

    __tablename__ = "objection"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True, max_length=36)
    ref: str = Field(unique=True, max_length=20)
    notice_id: int = Field(foreign_key="notice.id", index=True)
    contact_id: int | None = Field(default=None, foreign_key="contact.id")
    state: ObjectionState = Field(sa_column=state_column(ObjectionState, "objection_state"))
    nonce: str = Field(unique=True, max_length=36)
    channel: str = Field(default="form", max_length=12)
    filed_at: datetime
    in_time: bool | None = None
    window_ends_at: datetime | None = None
    filer_name: str = Field(default="", max_length=200)
    filer_function: str = Field(default="", max_length=200)
    filer_email: str = Field(max_length=254)
    language: str = Field(default="en", max_length=5)
    text: str = Field(max_length=20000)
    measure: str = Field(default="", max_length=20000)
    right_until: date | None = None
    ended_at: datetime | None = None


class ObjectionChange(SQLModel, table=True):
    """Which changes the objection is against."""

    __tablename__ = "objection_change"

    objection_id: int = Field(foreign_key="objection.id", primary_key=True)
    change_id: int = Field(foreign_key="change.id", primary_key=True, index=True)


class ObjectionMessage(SQLModel, table=True):
    """One message in a case, from the customer or from us; kept as written."""

    __tablename__ = "objection_message"

    id: int | None = Field(default=None, primary_key=True)
    objection_id: int = Field(foreign_key="objection.id", index=True)
    at: datetime
    from_us: bool
    author: str = Field(max_length=40)  # actor code
    kind: str = Field(default="message", max_length=24)
    text: str = Field(max_length=20000)


class Termination(SQLModel, table=True):
    """A service ended because of an objection: it frees the gate for this service, from this date."""

    __tablename__ = "termination"

    id: int | None = Field(default=None, primary_key=True)
    objection_id: int = Field(foreign_key="objection.id", index=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    service_id: int | None = Field(default=None, foreign_key="service.id")  # None: everything the customer buys
    ends_on: date
    recorded_at: datetime
