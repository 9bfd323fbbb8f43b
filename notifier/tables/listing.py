"""Editions (what the list said, frozen) and publications (the rendering of the newest one)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from notifier.tables.base import json_column


class Edition(SQLModel, table=True):
    """The whole published value at a moment, append-only; `sha256` is over its RFC 8785 form."""

    __tablename__ = "edition"

    n: int = Field(primary_key=True)
    at: datetime
    cause: str = Field(max_length=40)
    value: dict[str, Any] = Field(sa_column=json_column())
    sha256: str = Field(max_length=64)


class Publication(SQLModel, table=True):
    """One rendered form at one path; replaced as a whole set when an edition is published."""

    __tablename__ = "publication"

    path: str = Field(primary_key=True, max_length=300)
    edition_n: int = Field(index=True)
    media_type: str = Field(max_length=100)
    body: bytes = Field(sa_column=sa.Column(sa.LargeBinary, nullable=False))
    etag: str = Field(max_length=70)
    last_modified: datetime
