"""What a change is and what it must say before it may be announced."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from notifier.domain.register import (
    SUBPROCESSOR_FIELDS,
    TRANSFER_FIELDS,
    EngagementValue,
    differences,
    missing,
    places_of,
)
from notifier.domain.sentences import N_, Sentence
from notifier.domain.transfers import Basis, Countries, Transfer, TransferRules, plain, unfounded


class ChangeKind(StrEnum):
    """The four acts on a list."""

    ADD = "add"
    REPLACE = "replace"
    REMOVE = "remove"
    MODIFY = "modify"


KIND_NAMES: Mapping[ChangeKind, str] = {
    ChangeKind.ADD: N_("Addition"),
    ChangeKind.REPLACE: N_("Replacement"),
    ChangeKind.REMOVE: N_("Removal"),
    ChangeKind.MODIFY: N_("Modification"),
}


@dataclass(frozen=True)
class Item:
    """One engagement before and after; `before.ref` and `after.ref` differ in a replacement only."""

    before: EngagementValue | None
    after: EngagementValue | None

    @property
    def ref(self) -> str:
        """The engagement the item is about: the new one where there is one."""
        value = self.after or self.before
        assert value is not None, "an item needs a before or an after"
        return value.ref


def kind_of(before: EngagementValue | None, after: EngagementValue | None) -> ChangeKind:
    """Which of the four acts a pair of values is."""
    if before is None:
        return ChangeKind.ADD
    if after is None:
        return ChangeKind.REMOVE
    return ChangeKind.MODIFY if before.ref == after.ref else ChangeKind.REPLACE


# Fields in which something new can only inform: spelling, how to reach the vendor, proof it gained.
_INFORMING = frozenset(
    {"also_known_as", "website", "contact", "contact_position", "contact_address", "registration_no", "certificates",
     "relation", "since"}
)
# Fields that are sets: losing members narrows, gaining one widens.
_SETS = ("data_categories", "special_categories", "data_subjects", "locations", "services")


def opens_window(items: Sequence[Item]) -> bool:
    """Whether the customers must be given a window to object, or are only informed (design: the gate).

    An addition, a replacement and every widening open one: another entity, more data, a new place, another
    purpose, another or weaker transfer basis, a service newly affected. A removal, a narrowing and a
    correction of spelling inform. A person may raise the answer, never lower it.
    """
    return any(_widens(item) for item in items)


def _widens(item: Item) -> bool:
    kind = kind_of(item.before, item.after)
    if kind is not ChangeKind.MODIFY:
        return kind is not ChangeKind.REMOVE
    assert item.before is not None
    assert item.after is not None
    return any(_field_widens(name, item.before, item.after) for name in differences(item.before, item.after))


def _field_widens(name: str, before: EngagementValue, after: EngagementValue) -> bool:
    if name in _INFORMING:
        return False
    old, new = getattr(before, name), getattr(after, name)
    if name == "services" and not new:
        return bool(old)  # no services recorded means all of them
    if name == "services" and not old:
        return False
    if name == "remote_access":
        return not {plain(v) for v in new} <= {plain(v) for v in places_of(before)}  # whoever holds data can reach it
    if name == "transfers":
        return any(_transfer_widens(place, before, after) for place in {plain(t.place) for t in (*old, *new)})
    if name in _SETS:
        return not {plain(v) for v in new} <= {plain(v) for v in old}
    return plain(old) != plain(new)


def _transfer_widens(place: str, before: EngagementValue, after: EngagementValue) -> bool:
    """Whether the transfer to one place rests on something else than what was told: another or weaker basis, or a basis
    for a place nobody was told of. A place that is given up narrows, and so does a basis said more exactly."""
    old, new = (next((t for t in v.transfers if plain(t.place) == place), None) for v in (before, after))
    if new is None:
        return old is not None and place in map(plain, places_of(after))  # falls back on general words, or on nothing
    known = Transfer("") if old is None else old
    if old is None and place not in map(plain, places_of(before)):
        return True
    return any(_basis_widens(getattr(known, law), getattr(new, law), known, new, before.transfer_basis)
               for law in ("gdpr", "fadp"))


def _basis_widens(old: str, new: str, was: Transfer, now: Transfer, general: str) -> bool:
    """From one basis to another under one law; `general` were the words that held where none was said."""
    if old == new:
        return new == Basis.OTHER and plain(was.document) != plain(now.document)
    if not old:
        return not general and new != Basis.NONE_NEEDED
    return not (old == Basis.SCC and new.startswith(Basis.SCC))  # only the module is said now


def gaps(
    items: Sequence[Item], *, planned_start_given: bool, reason: str, rules: TransferRules, countries: Countries
) -> list[Sentence]:
    """Everything that is still missing before a change may go to review, all of it at once.

    Of a new sub-processor everything the law asks of a notice; of one that is on the list what the change takes away or
    touches; of one that leaves nothing. `rules` and `countries` say where data may go (`domain.transfers`).
    """
    found: list[Sentence] = []
    if not reason.strip():
        found.append(Sentence(N_("Say in a sentence why this change is made; customers read it")))
    if not planned_start_given:
        found.append(Sentence(N_("Give the planned start")))
    for item in items:
        if item.after is not None:
            name = item.after.legal_name or item.after.ref
            found += [Sentence(N_("%(name)s: %(gap)s"), {"name": name, "gap": gap})
                      for gap in (*_missing(item), *transfer_gaps(item, rules, countries))]
    return found


def _missing(item: Item) -> list[Sentence]:
    assert item.after is not None
    modifies = kind_of(item.before, item.after) is ChangeKind.MODIFY
    return missing(item.after, item.before if modifies else None)


def transfer_gaps(item: Item, rules: TransferRules, countries: Countries) -> list[Sentence]:
    """Places without a basis and bases that cannot hold; of a modification only those it brings about."""
    def of(value: EngagementValue) -> list[Sentence]:
        return unfounded(places_of(value), value.transfers, value.transfer_basis, rules, countries)

    if item.after is None:
        return []
    if item.before is None or item.before.ref != item.after.ref:
        return of(item.after)
    if not set(TRANSFER_FIELDS) & set(differences(item.before, item.after)):
        return []
    known = of(item.before)
    return [gap for gap in of(item.after) if gap not in known]


def shared_fields(value: EngagementValue) -> dict[str, object]:
    """The fields of the legal entity, which every engagement of the same company shares."""
    return {name: getattr(value, name) for name in SUBPROCESSOR_FIELDS}


def services_of(items: Sequence[Item], all_services: Collection[str]) -> tuple[str, ...]:
    """The services a change concerns, sorted; an engagement without services concerns all."""
    found: set[str] = set()
    for item in items:
        for value in (item.before, item.after):
            if value is not None:
                found |= set(value.services) or set(all_services)
    return tuple(sorted(found))
