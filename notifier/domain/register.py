"""What an engagement is, as a value: one sub-processor doing one activity for some services.

The fields are those of Annex IV to the standard contractual clauses (EU) 2021/915 and of the contract's
Appendix 3. A Change carries two of these, before and after; only its taking effect writes the tables.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from notifier.domain.sentences import N_, Sentence

LISTS = frozenset({"also_known_as", "data_categories", "data_subjects", "locations", "services", "certificates"})
LONGEST = 4000  # characters in one field; a longer text is a pasted document, not an entry of a list


@dataclass(frozen=True)
class EngagementValue:
    """One row of the list. Empty string or empty tuple means "not recorded"."""

    ref: str = ""
    legal_name: str = ""
    also_known_as: tuple[str, ...] = ()
    address: str = ""
    country: str = ""
    registration_no: str = ""
    website: str = ""
    contact: str = ""
    relation: str = ""
    activity: str = ""
    data_categories: tuple[str, ...] = ()
    data_subjects: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    guarantee: str = ""
    transfer_basis: str = ""
    certificates: tuple[str, ...] = ()
    own_subprocessors: str = ""
    since: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, lists for tuples, every field present."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> EngagementValue:
        """The inverse of `to_json`; a field the value lacks is "not recorded", an unknown one is left out."""
        known = {f.name for f in fields(EngagementValue)}
        given: dict[str, Any] = {k: tuple(v) if k in LISTS else v for k, v in value.items() if k in known}
        return EngagementValue(**given)

    def with_(self, **changed: Any) -> EngagementValue:
        """A copy with some fields changed."""
        return replace(self, **changed)


FIELDS: tuple[str, ...] = tuple(f.name for f in fields(EngagementValue))
SUBPROCESSOR_FIELDS = (
    "legal_name", "also_known_as", "address", "country", "registration_no", "website", "contact", "relation",
)
"""Which fields belong to the legal entity, and so to every engagement of it."""

FIELD_NAMES: dict[str, str] = {
    "ref": N_("Reference"),
    "legal_name": N_("Legal name"),
    "also_known_as": N_("Also known as"),
    "address": N_("Registered address"),
    "country": N_("Country"),
    "registration_no": N_("Registration number"),
    "website": N_("Website"),
    "contact": N_("Contact person"),
    "relation": N_("Relation to us"),
    "activity": N_("Activity"),
    "data_categories": N_("Personal data"),
    "data_subjects": N_("Persons concerned"),
    "locations": N_("Places of processing and remote access"),
    "services": N_("Services"),
    "guarantee": N_("Guarantee under DSG and GDPR"),
    "transfer_basis": N_("Transfer basis"),
    "certificates": N_("Certificates"),
    "own_subprocessors": N_("Its own sub-processors"),
    "since": N_("Since"),
}
"""How each field is called in pages and letters."""

ASKED_BY_LAW = ("legal_name", "address", "country", "activity", "data_categories", "guarantee")
"""What a notice must at least say of the new sub-processor (GDPR 28(2); 2021/915 Annex IV; Appendix 3)."""


def missing(value: EngagementValue) -> list[Sentence]:
    """What the law asks of a notice and this value does not say yet, all of it at once."""
    return [
        Sentence(N_("%(field)s is not filled in"), {"field": FIELD_NAMES[name]})
        for name in ASKED_BY_LAW if not getattr(value, name)
    ]


def differences(before: EngagementValue | None, after: EngagementValue | None) -> list[str]:
    """The names of the fields in which two values differ, in the list's order; `ref` is an address, not a field."""
    empty = EngagementValue()
    old, new = before or empty, after or empty
    return [name for name in FIELDS if name != "ref" and getattr(old, name) != getattr(new, name)]


def slug(name: str) -> str:
    """A short address for a name: lower case letters, digits and hyphens, at most 60 characters."""
    spelled = name.lower().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    flat = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", flat).strip("-")[:60].strip("-") or "x"
