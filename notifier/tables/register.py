"""The register as it is in effect: legal entities and what each does for which services.

Only a change's taking effect and the baseline import write here.
"""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from notifier.tables.base import json_column


class Service(SQLModel, table=True):
    """What a customer buys. Its slug is part of public addresses and never changes."""

    __tablename__ = "service"

    id: int | None = Field(default=None, primary_key=True)
    slug: str = Field(unique=True, max_length=60)
    name: str = Field(max_length=200)
    retired_at: datetime | None = None


class SubProcessor(SQLModel, table=True):
    """A legal entity we engage."""

    __tablename__ = "sub_processor"

    id: int | None = Field(default=None, primary_key=True)
    legal_name: str = Field(max_length=4000)
    also_known_as: list[str] = Field(sa_column=json_column())
    address: str = Field(default="", max_length=4000)
    country: str = Field(default="", max_length=200)
    registration_no: str = Field(default="", max_length=4000)
    website: str = Field(default="", max_length=4000)
    contact: str = Field(default="", max_length=4000)
    contact_position: str = Field(default="", max_length=4000)
    contact_address: str = Field(default="", max_length=4000)
    relation: str = Field(default="", max_length=4000)


class Engagement(SQLModel, table=True):
    """One sub-processor doing one activity for some services; no services recorded means all.

    `separable` says whether single customers can be left out (customer, service, no), and who confirmed how.
    """

    __tablename__ = "engagement"

    id: int | None = Field(default=None, primary_key=True)
    ref: str = Field(unique=True, max_length=60)
    sub_processor_id: int = Field(foreign_key="sub_processor.id", index=True)
    activity: str = Field(max_length=4000)
    data_categories: list[str] = Field(sa_column=json_column())
    special_categories: list[str] = Field(default_factory=list, sa_column=json_column())
    data_subjects: list[str] = Field(sa_column=json_column())
    locations: list[str] = Field(sa_column=json_column())
    remote_access: list[str] = Field(default_factory=list, sa_column=json_column())
    guarantee: str = Field(default="", max_length=4000)
    transfers: list[dict[str, str]] = Field(default_factory=list, sa_column=json_column())
    transfer_basis: str = Field(default="", max_length=4000)
    delimitation: str = Field(default="", max_length=4000)
    duration: str = Field(default="", max_length=4000)
    certificates: list[str] = Field(sa_column=json_column())
    own_subprocessors: str = Field(default="", max_length=4000)
    since: str = Field(default="", max_length=40)
    separable: str = Field(default="no", max_length=12)
    separable_words: str = Field(default="", max_length=4000)
    separable_by: int | None = Field(default=None, foreign_key="user_account.id")
    separable_at: datetime | None = None
    started_on: date | None = None
    ended_on: date | None = Field(default=None, index=True)


class EngagementService(SQLModel, table=True):
    """Which services an engagement is for."""

    __tablename__ = "engagement_service"

    engagement_id: int = Field(foreign_key="engagement.id", primary_key=True)
    service_id: int = Field(foreign_key="service.id", primary_key=True, index=True)
