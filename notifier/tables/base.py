"""What all tables share: names of constraints, state columns that cannot lie, JSON columns, the append-only list."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import SQLModel

# Alembic can only alter what has a name, on SQLite above all.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

APPEND_ONLY = (
    "audit_entry", "delivery_event", "notice_window", "edition", "audience_row",
    "exclusion_check", "override", "irregular_start",
)
"""Tables whose rows the database itself refuses to change or delete (triggers in the first migration)."""


def state_column(states: type[StrEnum], name: str, *, index: bool = True) -> sa.Column[Any]:
    """A column that holds one of `states` by value, checked by the database and by SQLAlchemy alike."""
    kind = sa.Enum(
        states,
        name=name,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        values_callable=lambda enum: [member.value for member in enum],
        length=24,
    )
    return sa.Column(kind, nullable=False, index=index)


def json_column(*, nullable: bool = False) -> sa.Column[Any]:
    """A JSON column; assign a new value to change it, in-place edits are not seen."""
    return sa.Column(sa.JSON(none_as_null=True), nullable=nullable)


def table(model: Any) -> sa.Table:
    """A model's table itself: where rows are many, statements on it go past the unit of work and its costs."""
    found: sa.Table = model.__table__
    return found


def guard(model: type[SQLModel]) -> type[SQLModel]:
    """Class decorator: once a row is stored, its `state` moves through `workflow.audit` alone."""

    def refuse(target: Any, value: Any, old: Any, initiator: Any) -> None:
        if sa.inspect(target).persistent:
            raise AttributeError(f"{type(target).__name__}.state moves through workflow.audit.move only")

    event.listen(model.state, "set", refuse)  # type: ignore[attr-defined]
    return model
