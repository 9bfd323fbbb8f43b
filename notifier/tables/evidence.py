"""Due-diligence items: who vouched for what about an engagement, when, and by which document; and what is owed by a
sub-processor whose engagement has ended."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel


class Evidence(SQLModel, table=True):
    """One item about an engagement (also a proposed one, hence its reference). The newest of a kind counts; the
    earlier ones stay. `link` or `blob_sha256` name the document; `words` say what it shows, or, where the item is
    `not_applicable`, why. `legal_name` is the company as it was called then. `next_review_on` is the civil day, in the
    organisation's zone, by which somebody has to look again."""

    __tablename__ = "evidence"

    id: int | None = Field(default=None, primary_key=True)
    engagement_ref: str = Field(max_length=60, index=True)
    legal_name: str = Field(default="", max_length=4000)
    kind: str = Field(max_length=30)
    words: str = Field(default="", max_length=4000)
    link: str = Field(default="", max_length=2000)
    blob_sha256: str | None = Field(default=None, foreign_key="blob.sha256", max_length=64)
    file_name: str = Field(default="", max_length=200)
    not_applicable: bool = False
    customers_may_see: bool = False
    next_review_on: date | None = Field(default=None, index=True)
    vouched_by: int = Field(foreign_key="user_account.id")
    vouched_at: datetime


class Offboarding(SQLModel, table=True):
    """What is owed at the end of one engagement: its data returned or destroyed, confirmed with a document by
    `due_on`. Days are civil, in the organisation's zone. `what` is returned, destroyed or nothing_held once somebody
    has confirmed it. `due_was` keeps the first due day where it was moved, which can be done once."""

    __tablename__ = "offboarding"

    id: int | None = Field(default=None, primary_key=True)
    engagement_ref: str = Field(unique=True, max_length=60)
    change_id: int = Field(foreign_key="change.id", index=True)
    opened_at: datetime
    ends_on: date
    due_on: date = Field(index=True)
    due_was: date | None = None
    moved_by: int | None = Field(default=None, foreign_key="user_account.id")
    moved_at: datetime | None = None
    moved_why: str = Field(default="", max_length=4000)
    what: str = Field(default="", max_length=20)
    words: str = Field(default="", max_length=4000)
    blob_sha256: str | None = Field(default=None, foreign_key="blob.sha256", max_length=64)
    file_name: str = Field(default="", max_length=200)
    confirmed_by: int | None = Field(default=None, foreign_key="user_account.id")
    confirmed_at: datetime | None = Field(default=None, index=True)
