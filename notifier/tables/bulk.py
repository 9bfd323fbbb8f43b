"""One statement for many rows, each with values of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal
from sqlmodel import Session


class Among(sa.ColumnElement[bool]):
    """Whether a column's value is one of many, given as the list `name`. PostgreSQL takes them in one piece: where each
    is a parameter, its driver reads the statement anew for every batch."""

    __visit_name__ = "among"
    _traverse_internals: Any = [  # noqa: RUF012 (as SQLAlchemy declares it)
        ("column", InternalTraversal.dp_clauseelement), ("name", InternalTraversal.dp_string)]
    inherit_cache = True
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        self.column, self.name = column, name

    def self_group(self, against: Any = None) -> Any:
        """As it is: no column of truth values, which SQLite would be asked to compare with 1."""
        return self


@compiles(Among)
def _listed(clause: Among, compiler: Any, **more: Any) -> Any:
    return compiler.process(clause.column.in_(sa.bindparam(clause.name, expanding=True)), **more)


@compiles(Among, "postgresql")
def _in_one_piece(clause: Among, compiler: Any, **more: Any) -> Any:
    given: Any = sa.bindparam(clause.name, type_=postgresql.ARRAY(clause.column.type))
    return compiler.process(clause.column == sa.any_(given), **more)


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
        session.execute(_inserting(rows, tuple(names), tuple(alike)), {"own": orjson.dumps(own).decode()} | told)
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
    own = _from_json(rows, names)
    for name in names:
        if isinstance(rows.c[name].type, sa.JSON):  # a number from 1: which of `each_…` it is
            texts = sa.bindparam(f"each_{name}", type_=postgresql.ARRAY(sa.Text))
            every = sa.select(sa.cast(texts, postgresql.ARRAY(rows.c[name].type))).scalar_subquery()
            own[name] = every[own[name]]
    shared = [sa.bindparam(f"all_{name}", type_=rows.c[name].type) for name in alike]
    return sa.insert(rows).from_select(
        [*names, *alike], sa.select(*own.values(), *shared), include_defaults=False)


def _from_json(rows: sa.Table, names: tuple[str, ...]) -> dict[str, Any]:
    """PostgreSQL's reading of the JSON `own`, a list of lists: each column's value, a JSON column's as a number."""
    text: Any = sa.bindparam("own", type_=sa.Text)
    # JSONB: read once, and not anew for every column
    given: Any = sa.func.jsonb_array_elements(sa.cast(text, postgresql.JSONB)).column_valued("given")
    read = {name: given.op("->>")(sa.literal_column(str(place))) for place, name in enumerate(names)}
    for name, value in read.items():
        kind = rows.c[name].type
        if isinstance(kind, sa.JSON):
            read[name] = sa.cast(value, sa.Integer)
        elif not isinstance(getattr(kind, "impl", kind), sa.String):  # a text that is too long would be cut by a cast
            read[name] = sa.cast(value, kind)
    return read


def update_each(
    session: Session, rows: sa.Table, own: Sequence[Mapping[str, Any]], *, holding: Mapping[str, Any],
    alike: Mapping[str, Any] | None = None,
) -> set[int]:
    """Writes to each row, which `own` names by its `id`, the values of its own, and those `alike` to all; only to rows
    whose columns are as `holding` says. All of `own` have the same members. Returns the ids of the rows written.

    The rows' own values (of any column but a JSON one) go along in one piece, as JSON: one by one, fifty rows cost four
    times as much.
    """
    dialect, names = session.get_bind().dialect, tuple(own[0])
    told: dict[str, Any] = {f"is_{name}": value for name, value in holding.items()}
    told |= {f"all_{name}": value for name, value in (alike or {}).items()}
    stored = [(name, _stored(rows.c[name].type, dialect)) for name in names]
    told["own"] = orjson.dumps([[as_stored(each[name]) for name, as_stored in stored] for each in own]).decode()
    statement = _updating(rows, names, tuple(holding), tuple(alike or ()), dialect.name == "postgresql")
    return set(session.connection().execute(statement, told).scalars())


def _stored(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any]:
    """How a database takes a value of this type: numbers as they are, all else as text or as what JSON makes a text."""
    process = kind.dialect_impl(dialect).bind_processor(dialect)
    return process or (lambda value: value)


@lru_cache
def _updating(
    rows: sa.Table, names: tuple[str, ...], holding: tuple[str, ...], alike: tuple[str, ...], postgres: bool
) -> Any:
    def bound(prefix: str, name: str) -> Any:
        return sa.bindparam(f"{prefix}_{name}", type_=rows.c[name].type)

    own = _from_json(rows, names) if postgres else _from_json_in_sqlite(names)
    written = {name: own[name] for name in names if name != "id"} | {name: bound("all", name) for name in alike}
    held = [rows.c[name] == bound("is", name) for name in holding]
    if not postgres:
        held = [sa.func.likely(each) for each in held]  # or SQLite would find the rows by these, and not by their ids
    return sa.update(rows).where(rows.c.id == own["id"], *held).values(written).returning(rows.c.id)


def _from_json_in_sqlite(names: tuple[str, ...]) -> dict[str, Any]:
    given = sa.func.json_each(sa.bindparam("own", type_=sa.Text)).table_valued("value", name="given")
    return {name: sa.func.json_extract(given.c.value, f"$[{place}]") for place, name in enumerate(names)}
