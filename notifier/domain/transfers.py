"""Where data goes and on what basis: Chapter V GDPR and Art. 16 FADP, place by place.

Two laws are asked of every place of processing and of remote access. Where a law leaves a country free, nothing needs
to be said; elsewhere the place needs a basis of its own, or the general words of the engagement. Which countries are
free stands in `transfer_rules.toml`, which an installation can replace when the world changes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from notifier.domain.sentences import N_, Fact, Sentence, Words

Countries = Callable[[str], Collection[str]]
"""Tells the two-letter codes of the countries a place speaks of, "EU" for one in the EU or EEA without saying where;
nothing where it cannot be told."""

EU = "EU"
SHIPPED = Path(__file__).with_name("transfer_rules.toml")
# ISO 3166-1, and Kosovo's code, which the European institutions use.
COUNTRIES = frozenset(re.findall(
    "[A-Z]{2}",
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY "
    "BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK "
    "FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR "
    "IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK "
    "ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF "
    "TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
))


class Basis(StrEnum):
    """On what a transfer to one place rests under one law."""

    NONE_NEEDED = "none_needed"
    ADEQUACY = "adequacy"
    DPF = "dpf"
    SCC_1 = "scc_1"
    SCC_2 = "scc_2"
    SCC_3 = "scc_3"
    SCC_4 = "scc_4"
    SCC = "scc"
    BCR = "bcr"
    OTHER = "other"


BASIS_NAMES: Mapping[str, str] = {
    Basis.NONE_NEEDED: N_("none needed"),
    Basis.ADEQUACY: N_("adequacy decision"),
    Basis.DPF: N_("Data Privacy Framework"),
    Basis.SCC_1: N_("standard contractual clauses, module 1 (controller to controller)"),
    Basis.SCC_2: N_("standard contractual clauses, module 2 (controller to processor)"),
    Basis.SCC_3: N_("standard contractual clauses, module 3 (processor to processor)"),
    Basis.SCC_4: N_("standard contractual clauses, module 4 (processor to controller)"),
    Basis.SCC: N_("standard contractual clauses"),
    Basis.BCR: N_("binding corporate rules"),
    Basis.OTHER: N_("another basis"),
}
"""How letters and pages call each basis."""

WRITTEN: Mapping[str, str] = {
    Basis.NONE_NEEDED: "none needed", Basis.ADEQUACY: "adequacy", Basis.DPF: "DPF", Basis.SCC_1: "SCC module 1",
    Basis.SCC_2: "SCC module 2", Basis.SCC_3: "SCC module 3", Basis.SCC_4: "SCC module 4", Basis.SCC: "SCC",
    Basis.BCR: "BCR", Basis.OTHER: "other", "": "-",
}
"""How a basis is written in a cell of a file; `workflow.transfers` reads it back."""


@dataclass(frozen=True)
class Transfer:
    """On what the transfer to one place rests: a `Basis` for each law, "" where nothing is said of it, and the document
    (a title or an address; with `other`, the words of the basis)."""

    place: str
    gdpr: str = ""
    fadp: str = ""
    document: str = ""

    def __str__(self) -> str:
        """As a cell of a file has it: "India: SCC module 3 / SCC module 3 (signed 2026-01-31)"."""
        document = f" ({self.document})" if self.document else ""
        return f"{self.place}: {WRITTEN[self.gdpr]} / {WRITTEN[self.fadp]}{document}"


def told(transfer: Transfer, place: str = "") -> Sentence:
    """A transfer in words; `place` is the name to call the place by, where it is another than its own."""
    facts: dict[str, Fact] = {"place": place or transfer.place, "document": transfer.document}
    named = [(law, BASIS_NAMES[code]) for law, code in (("gdpr", transfer.gdpr), ("fadp", transfer.fadp)) if code]
    facts |= dict(named)
    if transfer.gdpr == transfer.fadp != "":
        said = N_("%(place)s: %(gdpr)s under the GDPR and the FADP")
    elif len(named) == 2:
        said = N_("%(place)s: %(gdpr)s under the GDPR, %(fadp)s under the FADP")
    elif named:
        said = (N_("%(place)s: %(gdpr)s under the GDPR") if transfer.gdpr else
                N_("%(place)s: %(fadp)s under the FADP"))
    else:
        said = Words("%(place)s")
    whole = Sentence(said, facts)
    return Sentence(N_("%(transfer)s, %(document)s"), {**facts, "transfer": whole}) if transfer.document else whole


# The lists -----------------------------------------------------------------------------------------------------------

class RulesError(Exception):
    """A file of transfer rules that cannot be used; the message is one line and names the file."""


@dataclass(frozen=True)
class Condition:
    """What makes a country adequate for some recipients only, and which bases a person may then choose."""

    words: str
    accepts: frozenset[str]


@dataclass(frozen=True)
class Law:
    """One law's countries: those free of any basis, and those free on a condition."""

    code: str
    free: frozenset[str]
    conditional: Mapping[str, Condition]

    def covers(self, codes: Collection[str]) -> bool:
        """Whether nothing is needed for a place in these countries; never for one whose country cannot be told."""
        return bool(codes) and all(code in self.free for code in codes)

    def holds(self, basis: str, codes: Collection[str]) -> bool:
        """Whether a basis can hold there: an adequacy decision only where there is one, the Data Privacy Framework
        only where the decision rests on it. Contracts hold everywhere."""
        if basis == Basis.NONE_NEEDED:
            return self.covers(codes)
        if basis not in (Basis.ADEQUACY, Basis.DPF):
            return True
        accepting = {code for code in codes if code in self.conditional and basis in self.conditional[code].accepts}
        return bool(accepting or (codes and basis == Basis.ADEQUACY)) and self.free.issuperset(set(codes) - accepting)


@dataclass(frozen=True)
class Source:
    """Where a list comes from, for `doctor` and whoever wants to check it. `as_of` is the day of the newest act it
    takes up, `ends` are decisions that end by themselves: country and day."""

    name: str
    source: str
    as_of: date
    ends: tuple[tuple[str, date], ...] = ()

    def ended(self, today: date) -> date | None:
        """The day on which the first of its decisions ended by itself, if one has."""
        return min((day for _, day in self.ends if day < today), default=None)


@dataclass(frozen=True)
class TransferRules:
    """The two laws, and where their lists come from."""

    gdpr: Law
    fadp: Law
    sources: tuple[Source, ...] = field(compare=False)

    @property
    def laws(self) -> tuple[Law, Law]:
        """Both, in the order pages name them."""
        return self.gdpr, self.fadp


@lru_cache
def read(path: Path = SHIPPED) -> TransferRules:
    """The rules in a file of the shape of the shipped one. Raises RulesError for one that cannot be read, lacks a part,
    or names a country or a basis that does not exist."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
        eea = _codes(given["eea"]["countries"])
        laws = {name: _law(name, given[name], eea) for name in ("gdpr", "fadp")}
        sources = tuple(_source(given[name]) for name in ("eea", "gdpr", "fadp"))
    except OSError as error:
        raise RulesError(f"{path}: {error.strerror or error}") from None
    except KeyError as error:
        raise RulesError(f"{path}: {error} is missing; begin from a copy of the shipped file") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise RulesError(f"{path}: {' '.join(str(error).split())}") from None
    return TransferRules(**laws, sources=sources)


def _codes(given: Any) -> frozenset[str]:
    wrong = [str(code) for code in given if code not in COUNTRIES]
    if wrong:
        raise ValueError(f"“{wrong[0]}” is no two-letter country code (ISO 3166-1)")
    return frozenset(given)


def _law(code: str, given: Mapping[str, Any], eea: frozenset[str]) -> Law:
    free: frozenset[str] = eea if code == "gdpr" else frozenset()
    conditional: dict[str, Condition] = {}
    for decision in given["decision"]:
        countries = _codes(decision["countries"])
        if "condition" in decision:
            accepts = frozenset(Basis(basis) for basis in decision["accepts"])
            conditional |= dict.fromkeys(countries, Condition(str(decision["condition"]), accepts))
        else:
            free |= countries
    # Somewhere in the EEA is free where all of it is.
    return Law(code, free | {EU} if eea <= free else free, conditional)


def _source(given: Mapping[str, Any]) -> Source:
    ends = [(country, _day(decision["until"])) for decision in given.get("decision", ()) if "until" in decision
            for country in decision["countries"]]
    return Source(str(given["name"]), str(given["source"]), _day(given["as_of"]), tuple(ends))


def _day(given: Any) -> date:
    if type(given) is not date:
        raise ValueError(f"{given} is no day; write it as 2026-12-31, without quotation marks")
    return given


_followed = SHIPPED


def follow(path: Path | None) -> None:
    """From now on this process goes by the rules in this file; None means the shipped ones. Raises RulesError."""
    global _followed
    read(path or SHIPPED)
    _followed = path or SHIPPED


def current() -> TransferRules:
    """The rules this process goes by."""
    return read(_followed)


# The rule ------------------------------------------------------------------------------------------------------------

def plain(text: str) -> str:
    """Spelling taken away: case, punctuation and spaces do not make another place, company or activity."""
    return "".join(ch for ch in text.casefold() if ch.isalnum())


def of_place(place: str, transfers: Sequence[Transfer], countries: Countries) -> Transfer | None:
    """The row of a place: the one of its name, else the one that means the same countries."""
    named = next((t for t in transfers if plain(t.place) == plain(place)), None)
    codes = frozenset(countries(place))
    return named or next((t for t in transfers if codes and frozenset(countries(t.place)) == codes), None)


def unfounded(
    places: Sequence[str], transfers: Sequence[Transfer], general: str, rules: TransferRules, countries: Countries
) -> list[Sentence]:
    """What is missing or cannot hold, in the order of the places: every place that lacks a basis under a law, every row
    whose basis does not hold there, and every row for a place nobody named.

    `general` are the words that hold for whatever has no basis of its own.
    """
    found = []
    for place in dict.fromkeys(places):
        row = of_place(place, transfers, countries) or Transfer(place)
        found += _of_one(place, row, general, rules, frozenset(countries(place)))
    met = {t for place in places if (t := of_place(place, transfers, countries)) is not None}
    found += [Sentence(N_("%(place)s: a basis is recorded for a place that is neither one of processing nor of remote "
                          "access"), {"place": t.place}) for t in transfers if t not in met]
    return found


def founded(
    places: Sequence[str], transfers: Sequence[Transfer], general: str, rules: TransferRules, countries: Countries
) -> tuple[Transfer, ...]:
    """The rows, and a word where none is said and none needed: under a law that leaves a row's country free, and of
    every place that both laws leave free. A notice names the basis of each place under both. Where general words hold
    for whatever has no basis of its own, only the rows."""
    if general.strip():
        return tuple(transfers)
    bare = [place for place in dict.fromkeys(places) if of_place(place, transfers, countries) is None]
    rows = [_completed(row, rules, frozenset(countries(row.place))) for row in (*transfers, *map(Transfer, bare))]
    return tuple(row for row in rows if row.gdpr or row.fadp)


def _completed(row: Transfer, rules: TransferRules, codes: frozenset[str]) -> Transfer:
    unsaid = {law.code: str(Basis.NONE_NEEDED) for law in rules.laws
              if not getattr(row, law.code) and law.covers(codes)}
    return replace(row, **unsaid)


def _of_one(
    place: str, row: Transfer, general: str, rules: TransferRules, codes: frozenset[str]
) -> list[Sentence]:
    bases = [(law, getattr(row, law.code)) for law in rules.laws]
    lacking = [law for law, basis in bases if not basis and not law.covers(codes) and not general.strip()]
    wrong = [(law, basis) for law, basis in bases if basis and not law.holds(basis, codes)]
    found = []
    if not codes and (lacking or wrong):
        laws = [law for law, basis in bases if law in lacking or (law, basis) in wrong]
        return [Sentence(N_("%(place)s: its country cannot be told. Name the country, or say on which basis data may "
                            "be transferred there (%(laws)s)"), {"place": place, "laws": _named(laws)})]
    if lacking:
        found.append(_lacking(place, lacking, codes))
    for law, basis in wrong:
        found.append(Sentence(N_("%(place)s: “%(basis)s” does not hold there under the %(laws)s; choose another basis"),
                              {"place": place, "basis": BASIS_NAMES[basis], "laws": _named([law])}))
    if Basis.OTHER in (row.gdpr, row.fadp) and not row.document.strip():
        found.append(Sentence(N_("%(place)s: name the other basis under “document”"), {"place": place}))
    return found


def _lacking(place: str, laws: Sequence[Law], codes: frozenset[str]) -> Sentence:
    facts: dict[str, Fact] = {"place": place, "laws": _named(laws)}
    conditions = [law.conditional[code].words for law in laws for code in sorted(codes) if code in law.conditional]
    if len(codes) == 1 and len(conditions) == len(laws):
        return Sentence(N_("%(place)s: adequate under the %(laws)s on a condition only (%(condition)s). Say that it is "
                           "met, or name another basis"), {**facts, "condition": "; ".join(dict.fromkeys(conditions))})
    return Sentence(N_("%(place)s: say on which basis data may be transferred there under the %(laws)s"), facts)


def _named(laws: Sequence[Law]) -> Words:
    if len(laws) == 2:
        return N_("GDPR and FADP")
    return N_("GDPR") if laws[0].code == "gdpr" else N_("FADP")
