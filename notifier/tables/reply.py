"""Proofs that somebody reads the reply address, to which customers answer our letters."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class ReplyProof(SQLModel, table=True):
    """One test mail to the reply address. Its six-digit code is made from `nonce` with the installation's secret key
    and stands nowhere in the database. `proven_at` is set once a person has entered it."""

    __tablename__ = "reply_proof"

    id: int | None = Field(default=None, primary_key=True)
    address: str = Field(max_length=254, index=True)
    nonce: str = Field(max_length=64)
    asked_by: int = Field(foreign_key="user_account.id")
    asked_at: datetime
    wrong_tries: int = 0
    proven_by: int | None = Field(default=None, foreign_key="user_account.id")
    proven_at: datetime | None = None
