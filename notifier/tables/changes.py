"""Changes, the announcements that make them known, and the frozen roll of who was owed a notice."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from notifier.domain.states import ChangeState
from notifier.tables.base import guard, json_column, state_column


@guard
class Change(SQLModel, table=True):
    """One act on the list: add, replace, remove or modify, of one or several engagements.

    Its draft lives here and in its items; the register is written only when it takes effect. `planned_start`
    is a civil date in the organisation's zone; once told it only moves later, and `start_was` keeps the day told
    before. Where that day came and something stood in the way, `planned_start` is empty and `start_open_at` says since
    when the start is open. `opens_window` False means it only informs.
    `separable` is a claim until an engineer has confirmed it: `separable_by`, when, and how.
    """

    __tablename__ = "change"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True, max_length=36)
    ref: str = Field(unique=True, max_length=20)
    kind: str = Field(max_length=12)
    state: ChangeState = Field(sa_column=state_column(ChangeState, "change_state"))
    reason: str = Field(default="", max_length=4000)
    opens_window: bool = True
    separable: str = Field(default="no", max_length=12)
    separable_by: int | None = Field(default=None, foreign_key="user_account.id")
    separable_at: datetime | None = None
    separable_how: str = Field(default="", max_length=4000)
    planned_start: date | None = None
    start_was: date | None = None
    start_open_at: datetime | None = None
    proposed_by: int | None = Field(default=None, foreign_key="user_account.id")
    authors: list[int] = Field(sa_column=json_column())  # everybody who wrote it: none of them may approve it
    proposed_at: datetime
    updated_at: datetime
    announced_at: datetime | None = None
    in_effect_at: datetime | None = None


class ChangeItem(SQLModel, table=True):
    """Before and after of one engagement, frozen as `EngagementValue` JSON; either may be missing.

    `engagement_ref` is the engagement the item is about: the new one where there is an after, else the old.
    """

    __tablename__ = "change_item"

    id: int | None = Field(default=None, primary_key=True)
    change_id: int = Field(foreign_key="change.id", index=True)
    position: int
    engagement_ref: str = Field(max_length=60, index=True)
    replaces_ref: str = Field(default="", max_length=60, index=True)
    before: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    after: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))


class Correction(SQLModel, table=True):
    """The `n`-th correction of an announced change: our words on what was wrong, and the items' values as they were
    told and as they are, by position. `announcement_id` is the new announcement of a material one, else empty."""

    __tablename__ = "correction"
    __table_args__ = (UniqueConstraint("change_id", "n"),)

    id: int | None = Field(default=None, primary_key=True)
    change_id: int = Field(foreign_key="change.id")
    n: int
    at: datetime
    words: str = Field(max_length=4000)
    told: list[Any] = Field(sa_column=json_column())
    mended: list[Any] = Field(sa_column=json_column())
    announcement_id: int | None = Field(default=None, foreign_key="announcement.id", index=True)


class Announcement(SQLModel, table=True):
    """One or more approved changes made known together. Until `made_at` is set nobody can see it or its notices.

    To many customers it is written in many transactions, from `begun_at` on. One that could not be made in the end has
    `abandoned_at` instead, and in `abandoned_why` the sentences (as JSON) that tell people why.

    `joining` (informed, owed, late) marks one for customers who came after its changes were announced, with the
    `annex_edition` that those informed had accepted; `elsewhere_on` the day of one that was made elsewhere and taken
    over (a civil day in the organisation's zone).
    """

    __tablename__ = "announcement"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True, max_length=36)
    ref: str = Field(unique=True, max_length=20)
    begun_at: datetime
    made_at: datetime | None = None
    made_by: int | None = Field(default=None, foreign_key="user_account.id")
    abandoned_at: datetime | None = None
    abandoned_why: list[Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    edition_n: int | None = Field(default=None, foreign_key="edition.n")
    corrects_id: int | None = Field(default=None, foreign_key="announcement.id")
    irregular: bool = False  # made when processing had begun already; its letter is the one of the irregular start
    joining: str = Field(default="", max_length=12)
    annex_edition: int | None = None
    elsewhere_on: date | None = None
    words: str = Field(default="", max_length=4000)
    audience_sha256: str = Field(default="", max_length=64)
    included: int = 0
    left_out: int = 0


class AnnouncementChange(SQLModel, table=True):
    """Which changes an announcement makes known; a corrected change stands in several."""

    __tablename__ = "announcement_change"

    announcement_id: int = Field(foreign_key="announcement.id", primary_key=True)
    change_id: int = Field(foreign_key="change.id", primary_key=True, index=True)


class AudienceRow(SQLModel, table=True):
    """One line of the audience roll: a customer, in or out, and the code of why. Append-only."""

    __tablename__ = "audience_row"
    __table_args__ = (UniqueConstraint("announcement_id", "customer_id"),)

    id: int | None = Field(default=None, primary_key=True)
    announcement_id: int = Field(foreign_key="announcement.id")
    customer_id: int = Field(foreign_key="customer.id", index=True)
    included: bool
    why: str = Field(max_length=40)
