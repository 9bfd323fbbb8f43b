"""From what a door is handed to an item of a change: services by slug or name, and only those that are sold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlmodel import Session

from notifier.domain.changes import ChangeKind, Item
from notifier.domain.refusals import Refusal
from notifier.domain.register import slug
from notifier.domain.sentences import N_, Sentence
from notifier.workflow import changes, register


def item(
    session: Session, kind: ChangeKind, values: Mapping[str, Any], *, ref: str = "", replaces: str = ""
) -> Item:
    """One item of a new change: `ref` names what is removed or modified, else it is the reference wanted for the new
    engagement; `replaces` the one that a new one replaces. Raises Refusal unknown, bad_value, nothing_changes."""
    given = {**with_slugs(session, values), **({"ref": ref} if ref else {})}
    return changes.draft(session, kind, ref=ref, replaces=replaces, values=given)


def with_slugs(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with services as slugs. Raises Refusal unknown for one nobody sells."""
    if "services" not in values:
        return dict(values)
    given = values["services"]
    names = given.split(";") if isinstance(given, str) else given or []
    slugs = [slug(str(name)) for name in names if str(name).strip()]
    refuse_unsold(session, slugs)
    return {**values, "services": slugs}


def refuse_unsold(session: Session, slugs: Iterable[str]) -> None:
    """Raises Refusal unknown for a service nobody sells: its customers would never be told."""
    sold = register.services(session)
    for name in slugs:
        if name not in sold:
            known = Sentence(N_("There are: %(known)s."), {"known": ", ".join(sold) or "none"})
            raise Refusal("unknown", what="service", ref=name, details=[known])
