"""Files of customers on their way in."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from notifier.tables.base import json_column


class CustomerUpload(SQLModel, table=True):
    """A file somebody uploaded: read by a job (`checked_at`; `outlook` is what it would change, `refused` why it cannot
    be read), taken in by a job once a person has looked at that and asked for it (`wanted_at`, `done_at`; `outlook` is
    what it changed then). `body` is packed, and let go of at the end."""

    __tablename__ = "customer_upload"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True, max_length=36)
    name: str = Field(max_length=200)
    body: bytes | None = Field(default=None, sa_column=sa.Column(sa.LargeBinary, nullable=True))
    customers: int = 0
    skip_bad: bool = False
    uploaded_by: int | None = Field(default=None, foreign_key="user_account.id")
    uploaded_at: datetime
    checked_at: datetime | None = None
    outlook: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    refused: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    wanted_by: int | None = Field(default=None, foreign_key="user_account.id")
    wanted_at: datetime | None = None
    done_at: datetime | None = None
    discarded_at: datetime | None = None
