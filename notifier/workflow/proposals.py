"""What a list out of a file would change in the list of today: proposed changes, and questions where it is unsure.

Pure, no session. Rows meet engagements by the reference the file gives, else by company and activity. Whatever is
neither surely the same nor surely another is asked, and nothing is proposed for it until a person has answered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from notifier.domain import register as rules
from notifier.domain.changes import Item
from notifier.domain.refusals import Refusal
from notifier.domain.register import FIELD_NAMES, FIELDS, LISTS, SUBPROCESSOR_FIELDS, EngagementValue, slug
from notifier.domain.sentences import N_, Sentence
from notifier.workflow import matching, places
from notifier.workflow.imports import CONTACT, Entry, Sheet, free
from notifier.workflow.matching import Likeness, plain
from notifier.workflow.vendor_contacts import taken_apart


@dataclass(frozen=True)
class Question:
    """Is this row of the file the engagement of today, changed, or another one?"""

    before: EngagementValue
    row: EngagementValue


@dataclass(frozen=True)
class Answers:
    """What a person said: pairs of an engagement's reference and a row's name (or the reference made for it)."""

    same: frozenset[tuple[str, str]] = frozenset()
    different: frozenset[tuple[str, str]] = frozenset()
    replaces: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Proposal:
    """Each change as its items; the questions whose rows are held back; what a person should know besides."""

    changes: tuple[tuple[Item, ...], ...]
    questions: tuple[Question, ...]
    notes: tuple[Sentence, ...]


@dataclass
class _Pairing:
    """Engagements and rows, by reference, that have not met yet, and the pairs that have."""

    old: dict[str, EngagementValue]
    new: dict[str, Entry]
    met: list[tuple[EngagementValue, Entry]] = field(default_factory=list)

    def meet(self, old: str, new: str, *, again: bool = False) -> None:
        self.met.append((self.old.pop(old), self.new[new] if again else self.new.pop(new)))


def propose(current: Sequence[EngagementValue], sheet: Sheet, answers: Answers | None = None) -> Proposal:
    """The differences between today's list and a file's, as changes: modifications in the list's order, replacements
    and additions in the file's, removals last.

    Only fields the file has columns for are compared; another order in a list, other blanks, another spelling of a
    country, or a "since" left empty are no difference. One company's new particulars are one change, over however
    many of its engagements. Fields recorded for nobody so far are one change over all engagements: they are new to
    the reader, not to the processing, but the register changes by a change only, and its rules say whether a window
    opens. Raises Refusal bad_value for an answer that names no engagement or no row.
    """
    said = answers or Answers()
    hold = _Pairing({v.ref: v for v in current}, {e.value.ref: e for e in sheet.entries})
    replaced = _answered(hold, sheet, said)
    questions = _match(hold, sheet, {_resolved(hold, *pair) for pair in said.different})
    asked_old, asked_new = {q.before.ref for q in questions}, {q.row.ref for q in questions}
    fresh = _first_recorded(current, sheet)
    taken = {value.ref for value in current}
    added = [(None, e) for ref, e in hold.new.items() if ref not in asked_new]
    items: list[Item] = []
    for before, entry in [*replaced, *added]:
        ref = free(entry.value.ref, taken)
        taken.add(ref)
        items.append(Item(before, entry.value.with_(ref=ref, services=_slugs(entry.value))))
    gone = [value for ref, value in hold.old.items() if ref not in asked_old]
    changes = [*_modified(hold.met, fresh, current), *((item,) for item in items),
               *((Item(value, None),) for value in gone)]
    notes = [*sheet.notes, *_said_of_new(fresh), *_perhaps_replaced(gone, [e for _, e in added])]
    return Proposal(tuple(changes), tuple(questions), tuple(notes))


def _resolved(hold: _Pairing, old: str, name: str) -> tuple[str, str]:
    """An answer's pair as two references. Raises Refusal bad_value."""
    rows = [ref for ref, e in hold.new.items() if ref == name] or [
        ref for ref, e in hold.new.items() if plain(e.value.legal_name) == plain(name) != ""]
    if old not in hold.old or len(rows) != 1:
        wrong = (N_("no engagement of today has the reference “%(ref)s”, or it has been answered already")
                 if old not in hold.old else
                 N_("no row of the file has the name “%(name)s”") if not rows else
                 N_("several rows have the name “%(name)s”; use the reference the question shows"))
        raise Refusal("bad_value", field=f"{old}={name}", problem=str(Sentence(wrong, {"ref": old, "name": name})))
    return old, rows[0]


def _answered(hold: _Pairing, sheet: Sheet, said: Answers) -> list[tuple[EngagementValue, Entry]]:
    """Pairs by the file's references and by what a person said; the replacements are handed back."""
    for ref in sorted(sheet.named & hold.old.keys(), key=list(hold.new).index):
        hold.meet(ref, ref)
    for pair in sorted(said.same):
        hold.meet(*_resolved(hold, *pair))
    found = []
    for pair in sorted(said.replaces):
        old, new = _resolved(hold, *pair)
        found.append((hold.old.pop(old), hold.new.pop(new)))
    return found


def _match(hold: _Pairing, sheet: Sheet, different: set[tuple[str, str]]) -> list[Question]:
    """Pairs what is surely the same, the surest first and only where nothing else would fit as well; what remains
    possible is a question."""
    by_name_alone = "activity" not in sheet.columns
    if not by_name_alone:
        _meet_plainly(hold, different)
    old = {ref: matching.company(v.legal_name, v.also_known_as, v.website) for ref, v in hold.old.items()}
    new = {ref: matching.company(e.value.legal_name, e.value.also_known_as, e.value.website)
           for ref, e in hold.new.items()}
    ranks: dict[tuple[str, str], int] = {}
    for a, company in old.items():
        for b, other in new.items():
            if (a, b) in different:
                continue
            like = matching.same_engagement(company, hold.old[a].activity, other, hold.new[b].value.activity,
                                            by_name_alone=by_name_alone)
            if like is not Likeness.NO:
                ranks[a, b] = _rank(hold.old[a], hold.new[b], like, sheet.columns)
    for rank in (5, 4, 3, 2):
        edges = [pair for pair, held in ranks.items() if held == rank and pair[0] in hold.old and pair[1] in hold.new]
        alone = by_name_alone and rank > 1
        for a, b in edges:
            rivals = [p for p in edges if p[0] == a or (p[1] == b and not alone)]
            if len(rivals) == 1 and a in hold.old:
                hold.meet(a, b, again=alone)
        if alone:
            for b in {b for _, b in edges} & {e.value.ref for _, e in hold.met}:
                hold.new.pop(b, None)
    return [Question(hold.old[a], hold.new[b].value) for a, b in ranks if a in hold.old and b in hold.new]


def _meet_plainly(hold: _Pairing, different: set[tuple[str, str]]) -> None:
    """Pairs the rows of the same name and activity, where only one on each side has them: nearly all of a list."""
    old: dict[tuple[str, str], list[str]] = {}
    new: dict[tuple[str, str], list[str]] = {}
    for ref, value in hold.old.items():
        old.setdefault((plain(value.legal_name), plain(value.activity)), []).append(ref)
    for ref, entry in hold.new.items():
        new.setdefault((plain(entry.value.legal_name), plain(entry.value.activity)), []).append(ref)
    for key, refs in old.items():
        rows = new.get(key, [])
        if len(refs) == len(rows) == 1 and all(key) and (refs[0], rows[0]) not in different:
            hold.meet(refs[0], rows[0])


def _rank(before: EngagementValue, entry: Entry, like: Likeness, columns: Collection[str]) -> int:
    """5 for a row that says the very same, in each column of the file, 4 for one that changes nothing, 3 for the same
    name and activity, 2 for what is sure besides, else 1."""
    if like is not Likeness.SURE:
        return 1
    if plain(before.legal_name) != plain(entry.value.legal_name) or (
        "activity" in entry.columns and plain(before.activity) != plain(entry.value.activity)
    ):
        return 2
    if rules.differences(before, _settled(before, entry)):
        return 3
    # A cell left empty says nothing, and so would fit as well to an engagement that has something there.
    said = [name for name in columns if name != "ref"]
    return 5 if all(_cell(name, before, entry.value) == getattr(before, name) for name in said) else 4


def _settled(before: EngagementValue, entry: Entry) -> EngagementValue:
    """The engagement with what the row says, where the row says anything else. A contact person who stands in one field
    so far, and in three by now, is no difference."""
    names = entry.columns - {"ref"}
    whole = before.contact and not (before.contact_position or before.contact_address)
    if whole and taken_apart(before.contact) == tuple(getattr(entry.value, name) for name in CONTACT):
        names -= set(CONTACT)
    return before.with_(**{name: _cell(name, before, entry.value) for name in names})


def _cell(name: str, before: EngagementValue, value: EngagementValue) -> Any:
    old, new = getattr(before, name), getattr(value, name)
    if name == "services":
        new = _slugs(value)
    if name in LISTS:
        key = places.spelled if name in ("locations", "remote_access") else str
        return old if sorted(map(key, old)) == sorted(map(key, new)) else new
    if name == "website":
        return old if _address(old) == _address(new) else new
    same = old.split() == new.split() or (name == "country" and places.spelled(old) == places.spelled(new))
    return old if same or (name == "since" and not new) else new


def _address(website: str) -> str:
    return website.partition("//")[2].removeprefix("www.").rstrip("/") if "//" in website else website.rstrip("/")


def _slugs(value: EngagementValue) -> tuple[str, ...]:
    return tuple(dict.fromkeys(slug(service) for service in value.services))


def _first_recorded(current: Sequence[EngagementValue], sheet: Sheet) -> tuple[str, ...]:
    """The fields nobody has anything in yet and the file has; a "since" that is one day for several engagements is
    the day the starting list was taken."""
    def empty(name: str) -> bool:
        held = {getattr(value, name) for value in current}
        return not any(held) or (name == "since" and len(current) > 1 and len(held) == 1)

    return tuple(name for name in FIELDS if name in sheet.columns and current and empty(name)
                 and any(getattr(value, name) for value in sheet.values))


def _modified(
    met: Sequence[tuple[EngagementValue, Entry]], fresh: Iterable[str], current: Sequence[EngagementValue]
) -> list[tuple[Item, ...]]:
    """Pairs that differ as changes, in today's order, those that only first record a field as one."""
    order = {value.ref: n for n, value in enumerate(current)}
    groups: dict[Any, list[Item]] = {}
    for before, entry in sorted(met, key=lambda pair: order[pair[0].ref]):
        after = _settled(before, entry)
        names = rules.differences(before, after)
        told = [(name, getattr(before, name), getattr(after, name)) for name in names]
        if not names:
            continue
        if set(names) <= set(fresh):
            groups.setdefault("first recorded", []).append(Item(before, after))
        elif set(names) <= set(SUBPROCESSOR_FIELDS):
            groups.setdefault((before.legal_name, *told), []).append(Item(before, after))
        else:
            groups[before.ref] = [Item(before, after)]
    return [tuple(items) for items in groups.values()]


def _said_of_new(fresh: Sequence[str]) -> list[Sentence]:
    return [Sentence(N_("“%(field)s” is recorded for the first time: what is new in it is one change over all "
                        "engagements"), {"field": FIELD_NAMES[name]}) for name in fresh]


def _perhaps_replaced(gone: Sequence[EngagementValue], added: Sequence[Entry]) -> list[Sentence]:
    """A removal and an addition of one activity, only one of each: one act, if a person says so."""
    old: Mapping[str, list[EngagementValue]] = _by_activity(gone)
    new = _by_activity([e.value for e in added if "activity" in e.columns])
    return [
        Sentence(N_("%(new)s does what %(old)s did: if it takes its place, say --replaces %(ref)s=%(row)s"), {
            "new": new[key][0].legal_name, "old": old[key][0].legal_name, "ref": old[key][0].ref,
            "row": new[key][0].ref})
        for key in old if len(old[key]) == len(new.get(key, ())) == 1
    ]


def _by_activity(values: Iterable[EngagementValue]) -> dict[str, list[EngagementValue]]:
    found: dict[str, list[EngagementValue]] = {}
    for value in values:
        found.setdefault(plain(value.activity), []).append(value)
    return found
