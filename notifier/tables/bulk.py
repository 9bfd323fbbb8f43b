"""One statement for many rows, each with values of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session


def insert_each(
    session: Session, rows: sa.Table, names: Sequence[str], own: Sequence[tuple[Any, ...]], *, alike: Mapping[str, Any]
) -> None:
    """Adds a row for each of `own`, which has the values of the columns `names` (numbers, truth values and texts; JSON
    as its text), and those `alike` to all. A column not mentioned stays empty: no default of a model's is filled in.

    PostgreSQL takes all of them as one JSON, SQLite as its driver does; one by one through SQLAlchemy they cost twice
    as much.
    """
    if not own:
        return
    dialect = session.get_bind().dialect
    if dialect.name == "postgresql":
        told: dict[str, Any] = {f"all_{name}": value for name, value in alike.items()}
        for name in filter(lambda name: isinstance(rows.c[name].type, sa.JSON), names):
            own, told[f"each_{name}"] = _numbered(own, names.index(name))
        session.execute(_inserting(rows, tuple(names), tuple(alike)), {"own": own} | told)
        return
    forms = {name: rows.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in alike}
    shared = {name: form(value) if (form := forms[name]) else value for name, value in alike.items()}
    same = tuple(shared.values())
    statement = _placing(sa.table(rows.name, *map(sa.column, (*names, *shared))), dialect)
    session.connection().exec_driver_sql(statement, [each + same for each in own])


def _placing(rows: sa.TableClause, dialect: sa.Dialect) -> str:
    return str(sa.insert(rows).compile(dialect=dialect))


def _numbered(own: Sequence[tuple[Any, ...]], at: int) -> tuple[list[tuple[Any, ...]], list[str]]:
    """The rows with numbers, from 1, in the place of long texts that many of them share, and the texts."""
    numbers: dict[str, int] = {}
    return [(*row[:at], numbers.setdefault(row[at], len(numbers) + 1), *row[at + 1:]) for row in own], list(numbers)


@lru_cache
def _inserting(rows: sa.Table, names: tuple[str, ...], alike: tuple[str, ...]) -> sa.Insert:
    given: Any = sa.func.json_array_elements(sa.bindparam("own", type_=sa.JSON)).column_valued("given")
    own = []
    for n, name in enumerate(names):
        value, kind = given.op("->>")(sa.literal_column(str(n))), rows.c[name].type
        if isinstance(kind, sa.JSON):
            texts = sa.bindparam(f"each_{name}", type_=postgresql.ARRAY(sa.Text))
            every = sa.select(sa.cast(texts, postgresql.ARRAY(kind))).scalar_subquery()
            value = every[sa.cast(value, sa.Integer)]
        elif not isinstance(getattr(kind, "impl", kind), sa.String):  # a text that is too long would be cut by a cast
            value = sa.cast(value, kind)
        own.append(value)
    shared = [sa.bindparam(f"all_{name}", type_=rows.c[name].type) for name in alike]
    return sa.insert(rows).from_select([*names, *alike], sa.select(*own, *shared), include_defaults=False)


def update_each(
    session: Session, rows: sa.Table, own: Sequence[Mapping[str, Any]], *, holding: Mapping[str, Any],
    alike: Mapping[str, Any] | None = None,
) -> int:
    """Writes to each row, which `own` names by its `id`, the values of its own, and those `alike` to all; only to rows
    whose columns are as `holding` says. All of `own` have the same members. Returns how many rows were written.

    PostgreSQL takes them as arrays, in one statement: sent one by one, fifty rows cost four times as much.
    """
    arrays, names = session.get_bind().dialect.name == "postgresql", tuple(own[0])
    shared = {f"is_{name}": value for name, value in holding.items()}
    shared |= {f"all_{name}": value for name, value in (alike or {}).items()}
    statement = _updating(rows, names, tuple(holding), tuple(alike or ()), arrays)
    told: Any = [{f"own_{name}": each[name] for name in names} | shared for each in own]
    if arrays:
        told = {f"own_{name}": [each[name] for each in own] for name in names} | shared
    result: Any = session.execute(statement, told)
    return int(result.rowcount)


@lru_cache
def _updating(
    rows: sa.Table, names: tuple[str, ...], holding: tuple[str, ...], alike: tuple[str, ...], arrays: bool
) -> sa.Update:
    def bound(prefix: str, name: str, array: bool = False) -> Any:
        kind = rows.c[name].type
        return sa.bindparam(f"{prefix}_{name}", type_=postgresql.ARRAY(kind) if array else kind)

    own: Any = {name: bound("own", name) for name in names}
    if arrays:
        columns = [sa.column(name, rows.c[name].type) for name in names]
        given = sa.func.unnest(*(bound("own", name, True) for name in names)).table_valued(*columns)
        own = given.render_derived(name="given").c
    written = {name: own[name] for name in names if name != "id"} | {name: bound("all", name) for name in alike}
    return sa.update(rows).where(
        rows.c.id == own["id"], *(rows.c[name] == bound("is", name) for name in holding)
    ).values(written)
