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
from notifier.domain.transfers import Transfer, plain

LISTS = frozenset({
    "also_known_as", "data_categories", "special_categories", "data_subjects", "locations", "remote_access", "services",
    "transfers", "certificates",
})
"""Fields that hold several things: texts, but for `transfers`, which holds a `Transfer` for each place."""
_OF_TRANSFER = frozenset(f.name for f in fields(Transfer))
LONGEST = 4000  # characters in one field; a longer text is a pasted document, not an entry of a list
MOST_PLACES = 300  # places of processing, of remote access, and transfers


@dataclass(frozen=True)
class EngagementValue:
    """One row of the list. Empty string or empty tuple means "not recorded".

    `transfer_basis` are the general words that hold for every place without a basis of its own in `transfers`;
    `contact` is a name, `contact_address` how to reach that person (mail, telephone or post).
    """

    ref: str = ""
    legal_name: str = ""
    also_known_as: tuple[str, ...] = ()
    address: str = ""
    country: str = ""
    registration_no: str = ""
    website: str = ""
    contact: str = ""
    contact_position: str = ""
    contact_address: str = ""
    relation: str = ""
    activity: str = ""
    data_categories: tuple[str, ...] = ()
    special_categories: tuple[str, ...] = ()
    data_subjects: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    remote_access: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    guarantee: str = ""
    transfers: tuple[Transfer, ...] = ()
    transfer_basis: str = ""
    delimitation: str = ""
    duration: str = ""
    certificates: tuple[str, ...] = ()
    own_subprocessors: str = ""
    since: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, lists for tuples, every field present but the later ones while they are empty: an edition from
        before they existed keeps the form its hash was taken over."""
        held = {name: v for name, v in asdict(self).items() if v or name not in LATER_FIELDS}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in held.items()}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> EngagementValue:
        """The inverse of `to_json`; a field the value lacks is "not recorded", an unknown one is left out."""
        known = {f.name for f in fields(EngagementValue)}
        given: dict[str, Any] = {k: tuple(v) if k in LISTS else v for k, v in value.items() if k in known}
        rows = (t if isinstance(t, Transfer) else Transfer(**{k: v for k, v in t.items() if k in _OF_TRANSFER})
                for t in given.get("transfers", ()))
        return EngagementValue(**{**given, "transfers": tuple(rows)})

    def with_(self, **changed: Any) -> EngagementValue:
        """A copy with some fields changed."""
        return replace(self, **changed)


FIELDS: tuple[str, ...] = tuple(f.name for f in fields(EngagementValue))
LATER_FIELDS = frozenset({
    "contact_position", "contact_address", "special_categories", "remote_access", "transfers", "delimitation",
    "duration",
})
"""What was added after the first release; absent from JSON while empty."""
SUBPROCESSOR_FIELDS = (
    "legal_name", "also_known_as", "address", "country", "registration_no", "website", "contact", "contact_position",
    "contact_address", "relation",
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
    "contact_position": N_("Position of the contact person"),
    "contact_address": N_("How to reach the contact person"),
    "relation": N_("Relation to us"),
    "activity": N_("Activity"),
    "data_categories": N_("Personal data"),
    "special_categories": N_("Special categories of data"),
    "data_subjects": N_("Persons concerned"),
    "locations": N_("Places of processing"),
    "remote_access": N_("Remote access from"),
    "services": N_("Services"),
    "guarantee": N_("Guarantee under DSG and GDPR"),
    "transfers": N_("Transfer basis by place"),
    "transfer_basis": N_("Transfer basis"),
    "delimitation": N_("Delimitation of responsibilities"),
    "duration": N_("Duration of processing"),
    "certificates": N_("Certificates"),
    "own_subprocessors": N_("Its own sub-processors"),
    "since": N_("Since"),
}
"""How each field is called in pages and letters."""

UNLESS_SAID: Mapping[str, str] = {
    "relation": N_("engaged by us directly"),
    "special_categories": N_("none are processed"),
    "remote_access": N_("nowhere but the places of processing"),
    "delimitation": N_("it acts on our instructions within the activity named; we remain answerable for it as for "
                       "ourselves"),
    "duration": N_("for as long as we provide the services concerned"),
}
"""What a notice says of a sub-processor where nothing else is recorded (2021/915 Annex IV; GDPR 28(4)). It binds: who
adds remote access from another place later changes what was told."""

NOT_RECORDED = N_("not on our list so far; you may ask us for it")
"""What a notice says of a field the law asks for where a starting list has a gap and the change does not touch it."""

ASKED_BY_LAW = (
    "legal_name", "address", "country", "contact", "activity", "data_categories", "data_subjects", "locations",
    "guarantee", "own_subprocessors",
)
"""What a notice must at least say of the new sub-processor (GDPR 28(2); 2021/915 Annex IV; Appendix 3), besides a basis
for each transfer. Its own sub-processors: "none" is an answer."""

_BRINGS: Mapping[str, tuple[str, ...]] = {
    "legal_name": ("legal_name", "address", "country", "contact", "guarantee"),
    "address": ("address", "country"),
    "country": ("address", "country"),
    "contact": ("contact",),
    "contact_position": ("contact",),
    "contact_address": ("contact",),
    "activity": ("activity", "data_categories", "data_subjects"),
    "data_categories": ("data_categories", "data_subjects"),
    "special_categories": ("data_categories", "data_subjects"),
    "data_subjects": ("data_categories", "data_subjects"),
    "locations": ("locations",),
    "remote_access": ("locations",),
    "guarantee": ("guarantee",),
    "own_subprocessors": ("own_subprocessors",),
}
"""What a field that changes asks for besides: a reader cannot judge new data without knowing whose they are."""

TRANSFER_FIELDS = ("locations", "remote_access", "transfers", "transfer_basis")
"""The fields the rule of transfers looks at."""


def missing(value: EngagementValue, before: EngagementValue | None = None) -> list[Sentence]:
    """The fields the law asks of a notice and this value leaves empty, all of them at once.

    With `before`, of the same engagement, only what the change takes away or touches: a starting list with gaps must
    not hold up a new address.
    """
    asked = set(ASKED_BY_LAW)
    if before is not None:
        touched = [name for name in differences(before, value) if not _spelled_alike(name, before, value)]
        asked = {name for name in ASKED_BY_LAW if getattr(before, name)}
        asked |= {name for field in touched for name in _BRINGS.get(field, ())}
    return [
        Sentence(N_("%(field)s is not filled in"), {"field": FIELD_NAMES[name]})
        for name in ASKED_BY_LAW if name in asked and not getattr(value, name)
    ]


def _spelled_alike(name: str, before: EngagementValue, after: EngagementValue) -> bool:
    old, new = getattr(before, name), getattr(after, name)
    return isinstance(new, str) and plain(old) == plain(new)


def places_of(value: EngagementValue) -> tuple[str, ...]:
    """Everywhere the data is processed or reached from, each once."""
    return tuple(dict.fromkeys((*value.locations, *value.remote_access)))


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
