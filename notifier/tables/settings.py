"""The organisation, its defaults and passages, as rows: seeded from the environment once, then these rule."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from notifier.tables.base import json_column


class Setting(SQLModel, table=True):
    """One setting. `key` is dotted (`organisation.legal_name`, `terms.window_days`), `value` plain JSON."""

    __tablename__ = "setting"

    key: str = Field(primary_key=True, max_length=80)
    value: Any = Field(sa_column=json_column(nullable=True))
    changed_at: datetime
