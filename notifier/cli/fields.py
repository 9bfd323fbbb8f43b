"""Fields of an engagement as options give them: NAME=VALUE, services by slug or name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click
from sqlmodel import Session

from notifier.domain.refusals import Refusal
from notifier.domain.register import LISTS, slug
from notifier.domain.sentences import N_, Sentence
from notifier.workflow import register


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


def check_services(session: Session, values: dict[str, Any]) -> None:
    """Services by slug or name, as slugs."""
    if "services" in values:
        given = values["services"]
        names = given.split(";") if isinstance(given, str) else given or []
        values["services"] = [slug(str(name)) for name in names if str(name).strip()]
        refuse_unsold(session, values["services"])


def refuse_unsold(session: Session, slugs: Iterable[str]) -> None:
    """Raises Refusal unknown for a service nobody sells: its customers would never be told."""
    sold = register.services(session)
    for name in slugs:
        if name not in sold:
            known = Sentence(N_("There are: %(known)s."), {"known": ", ".join(sold) or "none"})
            raise Refusal("unknown", what="service", ref=name, details=[known])
