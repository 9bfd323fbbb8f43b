"""The fields of one engagement in a form: their groups, what stands in them, and what was typed.

Everything works without a script: transfers are a table with a row for each place and three empty ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from notifier.domain import transfers as rules
from notifier.domain.register import FIELD_NAMES, LISTS, MOST_PLACES, EngagementValue
from notifier.domain.sentences import N_, Sentence
from notifier.domain.transfers import Basis, Transfer
from notifier.workflow import places

CONTACT = ("contact", "contact_position", "contact_address")
GROUPS: Mapping[str, tuple[str, ...]] = {
    N_("The company"): (
        "ref", "legal_name", "also_known_as", "address", "country", "registration_no", "website", *CONTACT, "relation"),
    N_("Activity and data"): ("activity", "services", "data_categories", "special_categories", "data_subjects"),
    N_("Places and transfer"): ("locations", "remote_access", "transfers", "transfer_basis"),
    N_("Proof and duration"): (
        "guarantee", "delimitation", "duration", "certificates", "own_subprocessors", "since"),
}
"""The fieldsets and what stands in each; the three fields of the contact person make one of their own."""

HINTS: Mapping[str, str] = {
    "ref": N_("Part of addresses; made from the name where this stays empty."),
    "legal_name": N_("As registered, with its legal form."),
    "also_known_as": N_("Brands and earlier names."),
    "address": N_("The registered office, in full."),
    "country": N_("Of the registered office: two letters, such as CH, or its name."),
    "contact": N_("Who answers for data protection there."),
    "contact_position": N_("For instance: data protection officer."),
    "contact_address": N_("E-mail, telephone or post."),
    "relation": N_("For instance: affiliate, processor’s own group, independent company."),
    "activity": N_("What it does for us, in a sentence a customer understands."),
    "data_categories": N_("Which kinds of personal data it can see or holds."),
    "special_categories": N_("Which of them are special under Art. 9 GDPR or sensitive under Art. 5(c) FADP: health, "
                             "religion, origin and the like. Empty means none."),
    "data_subjects": N_("Whose data: employees, customers’ customers, applicants."),
    "locations": N_("Every place where the data is stored or worked on, with its country."),
    "remote_access": N_("Every place from which somebody can reach the data, with its country."),
    "guarantee": N_("For instance: contract under Art. 28 GDPR and Art. 9 DSG."),
    "transfers": N_("On what the transfer to each place rests. DPF: the recipient is certified under the Data Privacy "
                    "Framework. SCC: standard contractual clauses. BCR: binding corporate rules. Another: name it as "
                    "the document. Choose nothing where the law asks for nothing."),
    "transfer_basis": N_("Words that hold for every place without a basis of its own above."),
    "delimitation": N_("Who decides and does what. Empty means: it acts on our instructions within its activity, and "
                       "we answer for it as for ourselves."),
    "duration": N_("Empty means: for as long as we provide the services concerned."),
    "certificates": N_("For instance: ISO/IEC 27001, SOC 2 Type II."),
    "own_subprocessors": N_("Who it engages in turn, or where its list stands; “none” is an answer."),
    "since": N_("A day or a year, where it has begun before."),
}
SHORT = frozenset({"ref", "legal_name", "country", "registration_no", "website", *CONTACT, "relation", "duration",
                   "since"})
CHOICES: Mapping[str, str] = {
    Basis.NONE_NEEDED: N_("none needed"), Basis.ADEQUACY: N_("adequacy"), Basis.DPF: N_("DPF"),
    Basis.SCC_1: N_("SCC, module 1"), Basis.SCC_2: N_("SCC, module 2"), Basis.SCC_3: N_("SCC, module 3"),
    Basis.SCC_4: N_("SCC, module 4"), Basis.SCC: N_("SCC"), Basis.BCR: N_("BCR"), Basis.OTHER: N_("another"),
}
"""The bases as a narrow list names them."""
EMPTY_ROWS = 3


@dataclass(frozen=True)
class TransferRow:
    """A row of the table of transfers as it stands in the form: `was` is the place it was shown with, `free` the laws
    (gdpr, fadp) that need no basis there."""

    place: str = ""
    gdpr: str = ""
    fadp: str = ""
    document: str = ""
    was: str = ""
    free: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Section:
    """One engagement in the form: its number, what it was before, what stands in each field now, by groups, the rows of
    its transfers, and what is still missing for them."""

    number: int
    before: EngagementValue | None
    values: Mapping[str, Any]
    groups: Mapping[str, tuple[str, ...]]
    rows: tuple[TransferRow, ...] = ()
    unfounded: tuple[Sentence, ...] = ()


def section(number: int, before: EngagementValue | None, after: EngagementValue | None, *, own_ref: bool) -> Section:
    """The fields as typed, where the form comes back, else as they stand."""
    if after is None:
        return Section(number, before, {}, {})
    groups = {title: tuple(name for name in names if name != "ref" or own_ref) for title, names in GROUPS.items()}
    given = typed(number) if request.method == "POST" else {}
    values = {name: given.get(name, getattr(after, name)) for name in FIELD_NAMES}
    rows = _typed_rows(number) if "transfers" in given else None
    if rows is None:
        rows = [TransferRow(**vars(t), was=t.place) for t in after.transfers]
    everywhere = tuple(dict.fromkeys((*values["locations"], *values["remote_access"])))
    return Section(number, before, values, groups, _table(rows, everywhere),
                   _unfounded(rows, everywhere, values["transfer_basis"]))


def _table(rows: Sequence[TransferRow], everywhere: Sequence[str]) -> tuple[TransferRow, ...]:
    """The rows there are, one for each place without, and some for places to come."""
    said = [Transfer(row.place) for row in rows]
    offered = [TransferRow(place, was=place) for place in everywhere
               if rules.of_place(place, said, places.countries) is None]
    laws = rules.current().laws

    def shown(row: TransferRow) -> TransferRow:
        free = frozenset(law.code for law in laws if law.covers(places.countries(row.place)))
        return TransferRow(row.place, row.gdpr, row.fadp, row.document, row.was, free)

    return (*map(shown, (*rows, *offered)), *[TransferRow()] * EMPTY_ROWS)


def _unfounded(rows: Sequence[TransferRow], everywhere: Sequence[str], general: str) -> tuple[Sentence, ...]:
    known = {"", *Basis}
    held = [Transfer(r.place, r.gdpr, r.fadp, r.document) for r in rows if r.place and {r.gdpr, r.fadp} <= known]
    return tuple(rules.unfounded(everywhere, held, general, rules.current(), places.countries))


def typed(number: int) -> dict[str, Any]:
    """What the form says of one engagement: lists by one per line, services by their boxes, transfers by the rows that
    say anything. A field the form has not is left out."""
    found: dict[str, Any] = {}
    for name in FIELD_NAMES:
        key = f"{number}.{name}"
        if name == "services":
            found[name] = tuple(request.form.getlist(key))
        elif name == "transfers":
            rows = _typed_rows(number)
            if rows is not None:
                found[name] = [{"place": r.place, "gdpr": r.gdpr, "fadp": r.fadp, "document": r.document} for r in rows]
        elif key in request.form:
            given = request.form[key]
            found[name] = tuple(line.strip() for line in given.splitlines() if line.strip()) if name in LISTS else given
    return found


def _typed_rows(number: int) -> list[TransferRow] | None:
    """The rows of the table that say anything: an offered place nothing was said of, and a row whose place was wiped
    out, are none. None where the form has no table."""
    pattern = re.compile(rf"{number}\.transfers\.(\d{{1,4}})\.place")
    numbers = sorted(int(m[1]) for key in request.form if (m := pattern.fullmatch(key)))
    if not numbers:
        return None
    found = []
    for at in numbers[:MOST_PLACES + EMPTY_ROWS]:
        place, gdpr, fadp, document, was = (
            request.form.get(f"{number}.transfers.{at}.{part}", "").strip()
            for part in ("place", "gdpr", "fadp", "document", "was"))
        row = TransferRow(place, gdpr, fadp, document, was)
        wiped = row.was and not row.place
        offered = row.place == row.was and not (row.gdpr or row.fadp or row.document)
        if not (wiped or offered):
            found.append(row)
    return found
