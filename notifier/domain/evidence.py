"""Due diligence: what a processor must have looked at before it engages a sub-processor, and look at again.

The kinds are those of the order data processing agreement, Annex 2 section 6 (order control) and Annex 1 section 2.6.
All days are civil days in the organisation's zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from urllib.parse import urlsplit

from notifier.domain.changes import ChangeKind, Item, kind_of, opens_window
from notifier.domain.refusals import Refusal
from notifier.domain.register import LONGEST, EngagementValue
from notifier.domain.sentences import N_, Sentence, Words
from notifier.domain.transfers import Basis, plain


class EvidenceKind(StrEnum):
    """One thing to be vouched for."""

    SECURITY_REVIEW = "security_review"
    SELECTION = "selection"
    AGREEMENT = "agreement"
    STANDARD_CLAUSES = "standard_clauses"
    DPO = "dpo"
    AUDIT_RIGHTS = "audit_rights"
    FURTHER_SUBPROCESSORS = "further_subprocessors"
    RETURN_OR_DESTRUCTION = "return_or_destruction"
    SECRECY = "secrecy"


NAMES: Mapping[EvidenceKind, Words] = {
    EvidenceKind.SECURITY_REVIEW: N_("Review of the security measures"),
    EvidenceKind.SELECTION: N_("Careful selection"),
    EvidenceKind.AGREEMENT: N_("Signed processing agreement"),
    EvidenceKind.STANDARD_CLAUSES: N_("Standard contractual clauses"),
    EvidenceKind.DPO: N_("Data protection officer"),
    EvidenceKind.AUDIT_RIGHTS: N_("Audit rights"),
    EvidenceKind.FURTHER_SUBPROCESSORS: N_("Rules for further sub-processors"),
    EvidenceKind.RETURN_OR_DESTRUCTION: N_("Return or destruction at the end"),
    EvidenceKind.SECRECY: N_("Professional secrecy"),
}
"""How each kind is called in pages."""

WORDS_ALONE = frozenset({EvidenceKind.SELECTION, EvidenceKind.DPO, EvidenceKind.SECRECY})
"""What a person can answer for in words: what was looked at, who it is. Everything else is a document."""

LONGEST_REVIEW = 3  # years; Annex 2 section 6 asks for a continuous review
MOST_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Given:
    """What a person hands in: a file (name, bytes), a link, words, or, as `not_applicable`, the reason in `words`."""

    words: str = ""
    link: str = ""
    file: tuple[str, bytes] | None = None
    not_applicable: bool = False
    customers_may_see: bool = False
    next_review_on: date | None = None


def check(kinds: Iterable[EvidenceKind], given: Given, today: date) -> None:
    """Raises Refusal reason_missing or bad_value where what is handed in cannot vouch for every one of `kinds`."""
    if given.not_applicable and not given.words.strip():
        raise Refusal("reason_missing")
    if given.not_applicable and (given.file or given.link.strip()):
        raise Refusal("bad_value", field=_DOCUMENT, problem=N_("what does not apply has none; leave it out"))
    if given.file is not None:
        check_file(*given.file)
    if given.link.strip() and not _is_address(given.link.strip()):
        raise Refusal("bad_value", field=N_("Link"), problem=N_("write the whole address, beginning with https://"))
    for kind in kinds:
        _check_enough(kind, given)
    if given.customers_may_see and not (given.file or given.link.strip()):
        raise Refusal("bad_value", field=N_("Customers may see it"), problem=N_("there is no document to show"))
    if len(given.words) > LONGEST:
        raise Refusal("bad_value", field=N_("Words"), problem=N_("this is longer than 4,000 characters"))
    _check_review(given.next_review_on, today)


_DOCUMENT = N_("Document")


def check_file(name: str, body: bytes) -> None:
    """Raises Refusal bad_value for a file without content, or with more than 10 MB of it."""
    if not body:
        raise Refusal("bad_value", field=name or _DOCUMENT, problem=N_("this file is empty"))
    if len(body) > MOST_BYTES:
        raise Refusal("bad_value", field=name or _DOCUMENT, problem=N_("a document may have 10 MB at most"))


def _is_address(link: str) -> bool:
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and len(link) <= 2000 and link.isprintable() \
        and " " not in link


def _check_enough(kind: EvidenceKind, given: Given) -> None:
    if given.file or given.link.strip() or given.not_applicable:
        return
    if kind not in WORDS_ALONE:
        raise Refusal("bad_value", field=NAMES[kind],
                      problem=N_("hand in a file or a link, or say why it does not apply"))
    if not given.words.strip():
        raise Refusal("bad_value", field=NAMES[kind],
                      problem=N_("hand in a file or a link, say it in words, or say why it does not apply"))


def _check_review(day: date | None, today: date) -> None:
    if day is None:
        return
    if day <= today:
        raise Refusal("bad_value", field=N_("Next review"), problem=N_("this day has to lie in the future"))
    if day > years_after(today, LONGEST_REVIEW):
        raise Refusal("bad_value", field=N_("Next review"), problem=N_("look again within three years"))


def years_after(day: date, years: int = 1) -> date:
    """The same day of a later year; of 29 February, the 28th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


@dataclass(frozen=True)
class Vouched:
    """One item as it was vouched for: `legal_name` is the company it was said of ("" where that was not kept)."""

    id: int
    kind: EvidenceKind
    engagement_ref: str
    legal_name: str
    at: datetime
    not_applicable: bool = False
    next_review_on: date | None = None

    def overdue(self, today: date) -> bool:
        """Whether somebody ought to have looked again by now."""
        return self.next_review_on is not None and self.next_review_on < today


@dataclass(frozen=True)
class Point:
    """One kind an item of a change asks for, and what answers it: current, overdue, or (None) nothing."""

    kind: EvidenceKind
    answer: Vouched | None
    overdue: bool


def asked(item: Item, *, secrecy: bool) -> tuple[EvidenceKind, ...]:
    """What has to be vouched for before a change of this engagement may go on, in the order of Annex 2.

    A new engagement asks for everything, a modification only for what it touches, a removal for nothing. Standard
    clauses are asked for where the transfer rests on them; secrecy where customers are bound by it (`secrecy`).
    """
    if item.after is None:
        return ()
    modified = item.before is not None and kind_of(item.before, item.after) is ChangeKind.MODIFY
    wanted = _touched(item.before, item.after) if modified and item.before else set(EvidenceKind)
    if not needs_standard_clauses(item.after):
        wanted.discard(EvidenceKind.STANDARD_CLAUSES)
    if not secrecy:
        wanted.discard(EvidenceKind.SECRECY)
    return tuple(kind for kind in EvidenceKind if kind in wanted)


_REACH = ("locations", "remote_access", "transfers", "transfer_basis")
_NOBODY = frozenset({"", "none", "keine", "keiner", "aucun", "aucune", "nessuno", "nessuna"})


def _touched(before: EngagementValue, after: EngagementValue) -> set[EvidenceKind]:
    found: set[EvidenceKind] = set()
    if plain(before.legal_name) != plain(after.legal_name):
        found.add(EvidenceKind.AGREEMENT)
    if opens_window([Item(before, before.with_(**{name: getattr(after, name) for name in _REACH}))]):
        found |= {EvidenceKind.SECURITY_REVIEW, EvidenceKind.STANDARD_CLAUSES}
    if plain(after.own_subprocessors) not in {*_NOBODY, plain(before.own_subprocessors)}:
        found.add(EvidenceKind.FURTHER_SUBPROCESSORS)
    return found


# As lists write it: the vendor's own words, in the languages we read, "EU standard contract clauses" among them.
_CLAUSES = re.compile(
    r"\bsccs?\b|standard[- ]contract|standard(?:vertrags|datenschutz)klausel|clauses contractuelles types"
    r"|clausole contrattuali tipo", re.IGNORECASE)


def needs_standard_clauses(value: EngagementValue) -> bool:
    """Whether the engagement's transfers rest on standard contractual clauses, by its words or by a place's basis."""
    return bool(_CLAUSES.search(f"{value.transfer_basis}\n{value.guarantee}")) or \
        any(code.startswith(Basis.SCC) for row in value.transfers for code in (row.gdpr, row.fadp))


def checklist(
    item: Item, rows: Sequence[Vouched], *, secrecy: bool, proposed_at: datetime, today: date
) -> list[Point]:
    """What one item of a change asks for, each with what answers it. `rows` is everything vouched for about this
    engagement or others of the same company, oldest first; the newest of a kind counts."""
    found = []
    for kind in asked(item, secrecy=secrecy):
        answers = _answers(kind, item, rows, proposed_at)
        current = [row for row in answers if not row.overdue(today)]
        answer = next(iter(current or answers), None)
        found.append(Point(kind, answer, answer is not None and answer.overdue(today)))
    return found


def missing(items: Sequence[tuple[Item, Sequence[Point]]]) -> list[Sentence]:
    """What is not vouched for, or has to be looked at again, of all items at once; the codes stand in brackets."""
    found = []
    for item, points in items:
        name = item.after.legal_name or item.after.ref if item.after else item.ref
        for point in points:
            facts = {"name": name, "item": NAMES[point.kind], "code": str(point.kind)}
            if point.answer is None:
                found.append(Sentence(N_("%(name)s: not vouched for: %(item)s (%(code)s)"), facts))
            elif point.overdue and point.answer.next_review_on:
                words = N_("%(name)s: to be looked at again since %(day)s: %(item)s (%(code)s)")
                found.append(Sentence(words, {**facts, "day": point.answer.next_review_on}))
    return found


def _answers(kind: EvidenceKind, item: Item, rows: Sequence[Vouched], proposed_at: datetime) -> list[Vouched]:
    """The newest fitting row about the engagement itself, then those about others of its company: one agreement
    often answers for several. Why something does not apply is said of one engagement, and of a modification anew."""
    assert item.after is not None
    before = item.before if item.before is not None and item.before.ref == item.after.ref else None
    company = plain(item.after.legal_name)
    names = {company, ""}  # "": from before the company was kept with the item
    if before is not None and plain(before.legal_name) != company:
        names = {company} if kind is EvidenceKind.AGREEMENT else {*names, plain(before.legal_name)}
    own, other = newest(kind, item.after.ref, company, rows)
    if own is not None and (plain(own.legal_name) not in names
                            or (own.not_applicable and before is not None and own.at < proposed_at)):
        own = None
    return [row for row in (own, other) if row is not None]


def newest(
    kind: EvidenceKind, ref: str, company: str, rows: Sequence[Vouched]
) -> tuple[Vouched | None, Vouched | None]:
    """Of a kind, the newest row about an engagement itself, and the newest about another one of the same company
    (its name as `plain` spells it) that names a document."""
    own: Vouched | None = None
    last: dict[str, Vouched] = {}
    for row in rows:
        if row.kind is kind and row.engagement_ref == ref:
            own = row
        elif row.kind is kind and company and plain(row.legal_name) == company:
            last[row.engagement_ref] = row
    others = [row for row in last.values() if not row.not_applicable]
    return own, max(others, key=lambda row: (row.at, row.id), default=None)


@dataclass(frozen=True)
class Review:
    """What has to be looked at again of an engagement, by which day. `row` None: nobody has reviewed its security
    yet, and a year has passed since it came onto the list."""

    engagement_ref: str
    kind: EvidenceKind
    due_on: date
    row: Vouched | None

    def overdue(self, today: date) -> bool:
        """Whether its day has passed."""
        return self.due_on < today


def reviews(ref: str, legal_name: str, started_on: date | None, rows: Sequence[Vouched]) -> list[Review]:
    """The next look at each item of an engagement in effect. The yearly one falls due by itself: without any security
    review a year after the engagement began. A review of the same company under another engagement counts here too."""
    found = []
    for kind in EvidenceKind:
        known = [row for row in newest(kind, ref, plain(legal_name), rows) if row is not None]
        row = max(known, key=lambda row: (row.at, row.id), default=None)
        if row is not None and row.next_review_on is not None:
            found.append(Review(ref, kind, row.next_review_on, row))
        elif row is None and kind is EvidenceKind.SECURITY_REVIEW and started_on is not None:
            found.append(Review(ref, kind, years_after(started_on), None))
    return found


def due(found: Iterable[Review], on: date) -> list[Review]:
    """The reviews that are due by a day, the longest overdue first."""
    return sorted((r for r in found if r.due_on <= on), key=lambda r: (r.due_on, r.engagement_ref, r.kind))
