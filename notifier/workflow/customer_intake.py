"""A file of customers from its reading to its taking: the difference people look at, warnings, what is at fault and in
which line; then the same again as an act. Both walk the same way, so the page shows what will be done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from notifier.domain.customers import CustomerEntry
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.workflow import addresses, calendars, customer_changes, customer_imports, customers, register
from notifier.workflow.customer_changes import Altered, Difference, Fault
from notifier.workflow.customer_imports import CustomerSheet
from notifier.workflow.garbage import uncollected

MOST_SHOWN = 500  # customers a difference shows; the rest is counted
MOST_TOLD = 200  # warnings, and faults of a refusal

Step = Callable[[int], None]


@dataclass
class Outlook:
    """What a file would change, or has changed: counts, the first customers concerned, everything that is wrong (each
    with its place), what looks wrong, and the references left out."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    contacts: dict[str, int] = field(default_factory=lambda: {"added": 0, "changed": 0, "retired": 0})
    shown: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Sentence] = field(default_factory=list)
    warnings: list[Sentence] = field(default_factory=list)
    unwarned: int = 0
    left_out: list[str] = field(default_factory=list)
    notes: list[Sentence] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        """Whether there is anything to take in."""
        return bool(self.added or self.updated)

    def warn(self, words: Sentence) -> None:
        """Notes what looks wrong, up to a bound."""
        if len(self.warnings) < MOST_TOLD:
            self.warnings.append(words)
        else:
            self.unwarned += 1

    def to_json(self) -> dict[str, Any]:
        """As it is kept with an upload."""
        return {**vars(self), **{name: [each.to_json() for each in getattr(self, name)] for name in _SENTENCES}}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Outlook:
        """The inverse of `to_json`."""
        return Outlook(**{**value, **{name: [Sentence.from_json(each) for each in value[name]] for name in _SENTENCES}})


_SENTENCES = ("faults", "warnings", "notes")


def read(name: str, data: bytes) -> CustomerSheet:
    """The file's customers: see `customer_imports.read_customers`."""
    with uncollected():
        return customer_imports.read_customers(name, data)


def look(session: Session, sheet: CustomerSheet, now: datetime, step: Step = lambda done: None) -> Outlook:
    """What taking the file in would do; writes nothing. `step` is told after each part how many customers it had."""
    outlook, plan = _begun(sheet), customers.comparing(session, now)
    watching = _Watch(session, sheet, outlook, step)
    with uncollected():
        for entries in customer_changes.parts(customer_imports.completed(session, sheet)):
            watching(*plan.part(entries))
    return watching.ended()


def take(
    session: Session, sheet: CustomerSheet, *, skip_bad: bool, actor: Actor, now: datetime,
    step: Step = lambda done: None,
) -> Outlook:
    """Takes the file in, all of it or, with `skip_bad`, without the customers at fault. Raises Refusal role_missing,
    and bad_file with everything that is wrong, each with its place."""
    if sheet.faults and not skip_bad:
        raise refused(look(session, sheet, now).faults)  # told with what only shows beside what is stored
    watching = _Watch(session, sheet, _begun(sheet), step)
    with uncollected():
        customers.upsert(session, customer_imports.completed(session, sheet), actor=actor, now=now, watch=watching)
    ended = watching.ended()
    if ended.faults and not skip_bad:
        raise refused(ended.faults)
    return ended


def refused(faults: Sequence[Sentence]) -> Refusal:
    """The refusal of a file: the first faults, and how many more there are."""
    more = [Sentence(N_("and %(count)s more"), {"count": len(faults) - MOST_TOLD})] if len(faults) > MOST_TOLD else []
    return Refusal("bad_file", details=[*faults[:MOST_TOLD], *more])


def _begun(sheet: CustomerSheet) -> Outlook:
    notes = [sheet.mapping] if sheet.mapping else []
    if sheet.unknown:
        words = N_("columns nobody understood, left out: %(names)s")
        notes.append(Sentence(words, {"names": ", ".join(sheet.unknown)}))
    return Outlook(faults=list(sheet.faults), left_out=list(sheet.left_out), notes=notes)


class _Watch:
    """Gathers what the parts of a file bring."""

    def __init__(self, session: Session, sheet: CustomerSheet, outlook: Outlook, step: Step) -> None:
        self._session, self._sheet, self._outlook, self._step = session, sheet, outlook, step
        self._sold = set(register.services(session))
        self._fresh: dict[str, None] = {}

    def __call__(self, differences: Sequence[Difference], faults: Sequence[Fault]) -> None:
        """One part: counts it, shows what fits, warns."""
        held = self._outlook
        for fault in faults:
            where = self._sheet.places.get(fault.ref, fault.ref)
            held.faults.append(Sentence(N_("%(where)s: “%(name)s”: %(problem)s"), {
                "where": where, "name": fault.field, "problem": fault.problem}))
        held.left_out += dict.fromkeys(fault.ref for fault in faults)
        changing = [d for d in differences if d.changes]
        held.unchanged += len(differences) - len(changing)
        for difference in changing:
            if difference.new:
                held.added += 1
            else:
                held.updated += 1
            for contact in difference.contacts:
                held.contacts[contact.what] += 1
            if len(held.shown) < MOST_SHOWN:
                held.shown.append(as_json(difference))
            self._fresh |= dict.fromkeys(name for name in difference.started if name not in self._sold)
        for words in warnings(self._session, changing):
            held.warn(words)
        self._step(len(differences) + len({fault.ref for fault in faults}))

    def ended(self) -> Outlook:
        """The whole."""
        for name in self._fresh:
            self._outlook.warn(Sentence(N_("“%(name)s” is a service nobody bought so far"), {"name": name}))
        return self._outlook


def warnings(session: Session, differences: Sequence[Difference]) -> Iterator[Sentence]:
    """What looks wrong and is no reason to refuse: addresses with a slip, or bad before; countries whose holidays
    nobody knows."""
    added = {c.entry.email for d in differences for c in d.contacts if c.what == "added"}
    known = addresses.known_bad(session, added) if added else {}
    for difference in differences:
        entry = difference.entry
        fresh = [c.entry.email for c in difference.contacts if c.what == "added"]
        found = [words for words in addresses.suspicions([c.email for c in entry.contacts])
                 if words.facts["email"] in fresh]
        found += [known[email] for email in fresh if email in known]
        was = difference.held.values["country"] if difference.held else ""
        if entry.country and entry.country != was and not calendars.has(entry.country):
            found.append(Sentence(N_("no holiday calendar is known for %(country)s: only the organisation’s holidays "
                                     "and its own further ones count"), {"country": entry.country}))
        yield from (Sentence(N_("%(name)s: %(words)s"), {"name": entry.ref, "words": words}) for words in found)


def as_json(difference: Difference) -> dict[str, Any]:
    """One customer's difference as plain values, for showing."""
    entry: CustomerEntry = difference.entry
    return {
        "ref": entry.ref, "name": entry.name, "new": difference.new, "fields": _plain(difference.fields),
        "started": list(difference.started), "ended": list(difference.ended),
        "contacts": [{"what": c.what, "email": c.entry.email, "role": str(c.entry.role), "fields": _plain(c.fields)}
                     for c in difference.contacts],
    }


def _plain(fields: Sequence[Altered]) -> list[list[Any]]:
    return [[each.field, _text(each.before), _text(each.after)] for each in fields]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    return value.isoformat() if isinstance(value, date) else str(value)
