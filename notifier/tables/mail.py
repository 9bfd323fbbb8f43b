"""Letters on their way: deliveries, what happened to them, the links in them, stored bytes."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from notifier.domain.states import DeliveryState
from notifier.tables.base import guard, json_column, state_column


@guard
class Delivery(SQLModel, table=True):
    """One letter to one address; serves every mail of the product.

    Unique by (kind, subject, recipient, attempt): the ledger itself makes a second copy impossible.
    `due_at` None means held (nobody may claim it yet). `lease` fences a worker that comes back from the dead.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("kind", "subject_kind", "subject_id", "to_email", "attempt"),
        Index("ix_delivery_claim", "state", "due_at"),
        Index("ix_delivery_provider_id", "provider_id", sqlite_where=sa.text("provider_id <> ''"),
              postgresql_where=sa.text("provider_id <> ''")),
    )

    id: int | None = Field(default=None, primary_key=True)
    ref: str = Field(unique=True, max_length=36)
    kind: str = Field(max_length=40)
    subject_kind: str = Field(max_length=20)
    subject_id: int
    notice_id: int | None = Field(default=None, foreign_key="notice.id", index=True)
    contact_id: int | None = Field(default=None, foreign_key="contact.id", index=True)
    to_email: str = Field(max_length=254)
    to_name: str = Field(default="", max_length=200)
    language: str = Field(max_length=5)
    attempt: int = 1
    words: str = Field(default="", sa_column=sa.Column(sa.Text, nullable=False))  # ours, frozen when queued
    # No index of its own: each costs a letter three writes, and ix_delivery_claim begins with it.
    state: DeliveryState = Field(sa_column=state_column(DeliveryState, "delivery_state", index=False))
    created_at: datetime
    due_at: datetime | None = None
    tries: int = 0
    lease: str = Field(default="", max_length=36)
    leased_until: datetime | None = None
    transport: str = Field(default="", max_length=12)
    provider_id: str = Field(default="", max_length=40)
    provider_uuid: str = Field(default="", max_length=40)
    handed_at: datetime | None = None
    delivered_at: datetime | None = None
    promised_last_day: date | None = None
    letter_sha256: str = Field(default="", max_length=64)
    absent_at: datetime | None = None  # when a doubtful letter was first not found at the provider
    last_words: str = Field(default="", max_length=500)
    hindered_at: datetime | None = None  # when a server last said that it does not take the letter yet


class Lane(SQLModel, table=True):
    """The way out of one transport: open, paused at the provider's wish, or shut until a trial letter passes.

    Nothing is claimed before `paused_until`. `failures` counts calls in a row that the provider or the network let
    down; `shut_at` is set while the lane is shut, by too many of them or for want of a person, and `words` say why.
    """

    __tablename__ = "lane"

    transport: str = Field(primary_key=True, max_length=12)
    paused_until: datetime | None = None
    failures: int = 0
    shut_at: datetime | None = None
    words: str = Field(default="", max_length=500)


class DeliveryEvent(SQLModel, table=True):
    """One thing that happened to a delivery: a move of ours or an event of the provider's. Append-only.

    `key` makes the provider's repeats harmless. `batch` names the audit entry whose Merkle root covers this row.
    `notice_before`/`notice_after` record the move of the notice that this event caused, if it did. `letter` is the
    SHA-256 of the letter that left by this move, or may have.
    """

    __tablename__ = "delivery_event"

    id: int | None = Field(default=None, primary_key=True)
    delivery_id: int = Field(foreign_key="delivery.id", index=True)
    key: str = Field(unique=True, max_length=80)
    kind: str = Field(max_length=24)
    at: datetime
    before: str = Field(default="", max_length=24)
    after: str = Field(default="", max_length=24)
    notice_before: str = Field(default="", max_length=24)
    notice_after: str = Field(default="", max_length=24)
    batch: str = Field(max_length=36, index=True)
    recorded_at: datetime
    letter: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})  # what left, or may have


class DeliveryEventDetail(SQLModel, table=True):
    """What the provider said in its own words, addresses and all: beside the event, so that it can be erased."""

    __tablename__ = "delivery_event_detail"

    key: str = Field(primary_key=True, max_length=80)
    delivery_id: int = Field(foreign_key="delivery.id", index=True)
    words: str = Field(default="", max_length=500)
    raw: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))


class ProviderPost(SQLModel, table=True):
    """A body posted to an event webhook, kept as it came until a job has read it; longer if it could not be read.
    `source` is the webhook, and so the form, it came in: mailjet | plain."""

    __tablename__ = "provider_post"

    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(default="mailjet", max_length=12, sa_column_kwargs={"server_default": "mailjet"})
    received_at: datetime
    body: bytes = Field(sa_column=sa.Column(sa.LargeBinary, nullable=False))
    read_at: datetime | None = Field(default=None, index=True)
    words: str = Field(default="", max_length=2000)


class Link(SQLModel, table=True):
    """A signed link in a letter; the token is signed from the id, so rendering twice gives the same bytes. One with a
    `nonce` was asked for: it lives until `expires_at`, and where it decides something it opens once (`used_at`)."""

    __tablename__ = "link"
    __table_args__ = (UniqueConstraint("kind", "target_id", "contact_id", "email", "nonce"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=12)  # of `workflow.links.PREFIX`
    target_id: int
    contact_id: int | None = Field(default=None, foreign_key="contact.id")
    email: str = Field(default="", max_length=254)
    nonce: str = Field(default="", max_length=36)
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None


class Blob(SQLModel, table=True):
    """Stored bytes under their SHA-256 (taken before packing): letters as sent, proof files. At most 10 MB."""

    __tablename__ = "blob"

    sha256: str = Field(primary_key=True, max_length=64)
    media_type: str = Field(max_length=100)
    packing: str = Field(default="", max_length=8)  # "", "zlib"; or with another blob as dictionary "zstd", "based"
    base_sha256: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    body: bytes = Field(sa_column=sa.Column(sa.LargeBinary, nullable=False))
    created_at: datetime
