"""What the JSON API answered, kept for a day, so that a request sent twice acts once."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class KeptAnswer(SQLModel, table=True):
    """The answer to one POST that carried an `Idempotency-Key`. `scope` is the SHA-256 of token and key, so that one
    person's key never meets another's; `request_sha256` tells the same request from another under the same key.

    The row is written before the act, in its transaction: `status` 0 is never seen by anybody else.
    """

    __tablename__ = "kept_answer"

    scope: str = Field(primary_key=True, max_length=64)
    request_sha256: str = Field(max_length=64)
    status: int = 0
    body: str = Field(default="", sa_column=sa.Column(sa.Text, nullable=False))
    created_at: datetime = Field(index=True)
