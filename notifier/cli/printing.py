"""How answers look: one JSON document, or plain aligned columns that need no colour and no width."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def jsonable(command: Command) -> Command:
    """Adds `--json` to a verb, handed in as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")(command)


def show_json(value: Any) -> None:
    """One JSON document on stdout; days and moments in ISO 8601."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> str:
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def listed(rows: Sequence[Mapping[str, Any]], heads: Mapping[str, str], as_json: bool, *, none: str) -> None:
    """A list: all of it as JSON, or the columns of `heads` (key -> heading); `none` is said of an empty one."""
    if as_json:
        show_json(list(rows))
    elif not rows:
        click.echo(none)
    else:
        cells = [list(heads.values()), *([cell(row[key]) for key in heads] for row in rows)]
        widths = [max(len(line[n]) for line in cells) for n in range(len(heads))]
        for line in cells:
            click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def pairs(value: Mapping[str, Any]) -> None:
    """Names and what they hold, one a line, those that hold nothing left out."""
    held = {name: cell(item) for name, item in value.items() if item not in (None, "", [], ())}
    width = max(map(len, held), default=0)
    for name, text in held.items():
        click.echo(f"{name + ':':<{width + 1}} " + text.replace("\n", f"\n{'':<{width + 2}}"))


def cell(value: Any) -> str:
    """A value as text: lists with commas, yes and no, moments to the minute in UTC."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, list | tuple | frozenset | set):
        return ", ".join(map(cell, value))
    return "" if value is None else str(value)


def day(value: str) -> date:
    """An option's type: a day as people type it for a program. Click's usage error for anything else."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"“{value}” is no day; write it as 2026-12-31.") from None
