"""The chained audit log, its erasable readable side, and the head that serialises appends."""

from typing import Any

from sqlmodel import Field, SQLModel

from notifier.tables.base import json_column


class AuditHead(SQLModel, table=True):
    """The one row whose lock makes `seq` gapless; always the last lock a transaction takes."""

    __tablename__ = "audit_head"

    id: int = Field(default=1, primary_key=True)
    seq: int = 0
    hash: str = Field(max_length=64)


class AuditEntry(SQLModel, table=True):
    """One act: ids, codes, moments and a salted commitment to its readable side; never a name or free text.

    `hash` is SHA-256(0x00 || RFC 8785 of the entry without `hash`), `prev_hash` the entry's before it.
    Append-only.
    """

    __tablename__ = "audit_entry"

    seq: int = Field(primary_key=True)
    prev_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64)
    at: str = Field(max_length=32)
    actor: str = Field(max_length=40)
    door: str = Field(max_length=12)
    action: str = Field(max_length=40, index=True)
    subject_kind: str = Field(max_length=20, index=True)
    subject_id: str = Field(default="", max_length=80, index=True)
    before: str = Field(default="", max_length=24)
    after: str = Field(default="", max_length=24)
    refs: dict[str, Any] = Field(sa_column=json_column())
    commitment: str = Field(default="", max_length=64)
    count: int = 1
    root: str = Field(default="", max_length=64)


class AuditDetail(SQLModel, table=True):
    """What people read beside an entry; deleting the row erases it and leaves the chain valid."""

    __tablename__ = "audit_detail"

    seq: int = Field(primary_key=True, foreign_key="audit_entry.seq")
    salt: str = Field(max_length=64)
    detail: dict[str, Any] = Field(sa_column=json_column())
