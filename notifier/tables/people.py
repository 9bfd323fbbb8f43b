"""The processor's own people and the tokens by which scripts act in their name."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from notifier.tables.base import json_column


class User(SQLModel, table=True):
    """A person. `roles` are `domain.people.Role` values; the password is an argon2id hash, or empty: no sign-in."""

    __tablename__ = "user_account"

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True, max_length=254)
    name: str = Field(max_length=200)
    roles: list[str] = Field(sa_column=json_column())
    language: str = Field(default="en", max_length=5)
    password_hash: str = Field(default="", max_length=200)
    session_epoch: int = 0  # raised to end every sign-in of this person
    created_at: datetime
    disabled_at: datetime | None = None


class ApiToken(SQLModel, table=True):
    """A bearer token, kept as its SHA-256 only; it acts with its person's roles as they are at that moment."""

    __tablename__ = "api_token"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user_account.id", index=True)
    label: str = Field(max_length=100)
    digest: str = Field(unique=True, max_length=64)
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class Countersignature(SQLModel, table=True):
    """An act that takes two people: what the first asked for, and who signed second."""

    __tablename__ = "countersignature"

    id: int | None = Field(default=None, primary_key=True)
    subject_kind: str = Field(max_length=40, index=True)
    subject_id: int = Field(index=True)
    action: str = Field(max_length=40)
    payload: dict[str, object] = Field(sa_column=json_column())
    asked_by: int = Field(foreign_key="user_account.id")
    asked_at: datetime
    signed_by: int | None = Field(default=None, foreign_key="user_account.id")
    signed_at: datetime | None = None
    dropped_at: datetime | None = None
