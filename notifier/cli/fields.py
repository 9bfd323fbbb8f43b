"""Fields of an engagement as options give them: NAME=VALUE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from notifier.domain.register import LISTS


def typed(given: Sequence[str]) -> dict[str, Any]:
    """The options as one mapping; a list named again goes on. Raises click's usage error for what is no pair."""
    found: dict[str, Any] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals:
            raise click.BadParameter(f"write “{pair}” as NAME=VALUE.", param_hint="'--field'")
        found[name] = f"{found[name]};{value}" if name in found and name in LISTS else value
    return found
