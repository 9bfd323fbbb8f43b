"""The organisation's particulars and default terms: shown, and set one by one by an administrator."""

from __future__ import annotations

from typing import Any

import click

from notifier.cli.acting import Noun, acting, reading, signed
from notifier.cli.printing import cell, jsonable, listed, show_json
from notifier.house import seed_values
from notifier.workflow import configuration
from notifier.workflow import settings as held_settings


@click.group(cls=Noun)
def settings() -> None:
    """The organisation, its default terms and its language. The first 'notifier migrate' takes them from the
    environment; from then on they are set here."""


@settings.command("list")
@jsonable
def list_settings(as_json: bool) -> None:
    """Lists every setting, and what the environment says where that differs."""
    with reading() as act:
        differing = held_settings.differing(act.session, *seed_values(act.house.settings))
        rows = [{"name": row.key, "value": row.value, "changed_at": row.changed_at,
                 "environment": differing[row.key][0] if row.key in differing else None}
                for row in configuration.every(act.session)]
    heads = {"name": "NAME", "value": "VALUE", "changed_at": "SINCE", "environment": "ENVIRONMENT SAYS"}
    listed(rows, heads, as_json, none="No settings yet: 'notifier migrate' takes them from the environment.")


@settings.command("set")
@click.argument("name")
@click.argument("value")
@click.option("--reason", default="", help="Why, for the log.")
@jsonable
@signed
def set_setting(name: str, value: str, reason: str, as_json: bool, as_email: str) -> None:
    """Sets NAME to VALUE, as an administrator; several values stand with “;” between them.

    What was told so far keeps the terms it was told under.

    \b
    notifier settings set terms.window_days 45 --reason 'New contract template.'
    notifier settings set terms.holiday_sets 'CH-ZH; DE-BE'
    """
    with acting(as_email) as act:
        before, after = configuration.change(act.session, name, value, reason, actor=act.actor, now=act.now)
    if as_json:
        show_json({"name": name, "before": before, "after": after})
    else:
        click.echo(f"{name} is “{_said(after)}” now; it was “{_said(before)}”.")


def _said(value: Any) -> str:
    return cell(value).replace(", ", "; ") if isinstance(value, list) else cell(value)
