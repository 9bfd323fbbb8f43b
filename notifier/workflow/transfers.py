"""Transfers as people write them in a cell: "India: SCC module 3 / SCC module 3 (signed 2026-01-31)".

One place a line (or between ";"), then the basis under the GDPR, "/", the basis under the FADP, and a document in
brackets; one basis alone holds under both laws. What cannot be read is handed back in its own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from notifier.domain.refusals import Refusal
from notifier.domain.register import FIELD_NAMES, MOST_PLACES
from notifier.domain.sentences import N_, Sentence, Words
from notifier.domain.transfers import Basis, Transfer

_SCC = (
    r"\b(?:(?:eu|new|the|revised)[\s-]+)*(?:sccs?|standard(?:\s+contractual|\s+data\s+protection)?\s+clauses|"
    r"standardvertragsklauseln|standarddatenschutzklauseln|standardklauseln|sdk|"
    r"clauses\s+contractuelles(?:\s+types?)?|cct|clausole\s+contrattuali(?:\s+(?:tipo|standard))?|cct)\b"
    r"(?:\s*\(?(?:eu\)?\s*)?2021/914\)?)?"
)
_MODULE = re.compile(
    r"[\s,(–-]*\b(?:modul[eo]?s?|m)[\s.]*(?:([1-4])|(one|eins|un|uno)|(two|zwei|deux|due)|(three|drei|trois|tre)|"
    r"(four|vier|quatre|quattro))\b\)?|[\s,(–-]*\b(?:(c2c)|(c2p)|(p2p)|(p2c))\b\)?", re.IGNORECASE)
_WORDS: Mapping[Basis, str] = {
    Basis.NONE_NEEDED: r"(?:none|not|no\s+transfer\s+basis|nothing)\s+(?:is\s+)?(?:needed|required|necessary)|none|"
                       r"nicht\s+(?:nötig|erforderlich)|keine?r?(?:\s+(?:nötig|erforderlich))?|"
                       r"aucune?(?:\s+(?:nécessaire|requise?))?|pas\s+(?:nécessaire|requise?)|"
                       r"nessun[oa]?(?:\s+(?:necessari[oa]|richiest[oa]))?|non\s+(?:necessari[oa]|richiest[oa])",
    Basis.DPF: r"(?:(?:eu|ch|swiss)[\s-]*u\.?s\.?\s+)?(?:dpf|data\s+privacy\s+framework)(?:\s+certified)?",
    Basis.ADEQUACY: r"adequacy(?:\s+decision)?|adequate|angemessenheit(?:sbeschluss|sentscheid)?|angemessen(?:er\s+"
                    r"datenschutz)?|(?:décision\s+d[’'])?adéquation|adéquat|(?:decisione\s+di\s+)?adeguatezza|adeguato",
    Basis.BCR: r"bcrs?|binding\s+corporate\s+rules|verbindliche\s+(?:interne\s+)?(?:datenschutz|unternehmens)\w*|"
               r"règles\s+d[’']entreprise\s+contraignantes|norme\s+vincolanti\s+d[’']impresa",
    Basis.OTHER: r"other(?:\s+basis)?|another\s+basis|andere(?:\s+grundlage)?|autre(?:\s+base)?|altr[ao](?:\s+base)?",
}
_BASES = {basis: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for basis, words in _WORDS.items()}
_CLAUSES = re.compile(_SCC, re.IGNORECASE)
_PIECE = re.compile(r"(?:\([^()\r\n]*\)|[^;\r\n])+")  # a document in brackets may hold a ";"
_BRACKET = re.compile(r"\s*\(((?:[^()]|\([^()]*\))*)\)\s*$")
_ADDRESS = re.compile(r"[\s,]*(https?://[^\s()]+)\s*$")
_LONGEST_PLACE, _LONGEST_DOCUMENT = 200, 500
HOW = N_("write each place on a line of its own: “India: SCC module 3 / SCC module 3 (document)”, first the basis "
         "under the GDPR, then the one under the FADP")


def read(cell: str | Iterable[str]) -> tuple[tuple[Transfer, ...], tuple[str, ...]]:
    """The transfers in a cell, and the pieces that could not be read as any, in their own words."""
    pieces = _PIECE.findall(cell) if isinstance(cell, str) else list(cell)
    found: dict[str, Transfer] = {}
    left = []
    for piece in (p.strip(" \t•·") for p in pieces):
        transfer = _one(piece)
        if transfer is None or transfer.place.casefold() in found:
            left.append(piece)
        else:
            found[transfer.place.casefold()] = transfer
    return tuple(found.values()), tuple(filter(None, left))


def _one(piece: str) -> Transfer | None:
    place, colon, said = piece.partition(":")
    if not colon or not place.strip() or said.startswith("//"):
        return None
    said, document = _document(said.strip())
    bases = [part.strip() for part in re.split(r"\s*[/|]\s*(?!914)", said)]
    if len(bases) > 2:
        return None
    read_ = [_basis(part) for part in bases]
    if any(part is None for part in read_):
        return None
    codes = [code for code, _ in filter(None, read_)]
    words = [rest for _, rest in filter(None, read_) if rest]
    if not any(codes):
        return None
    document = ", ".join(filter(None, dict.fromkeys((*words, document))))
    return Transfer(place.strip(), codes[0], codes[-1], document)


def _document(said: str) -> tuple[str, str]:
    """What stands before the document, and the document: in brackets at the end, or an address. Brackets that say the
    module or the act of the clauses are none."""
    if found := _ADDRESS.search(said):
        return said[:found.start()].strip(), found[1]
    found = _BRACKET.search(said)
    inside = found[1].strip() if found else ""
    if found is None or not inside or _MODULE.fullmatch(inside) or re.fullmatch(r"(?:\(?eu\)?\s*)?2021/914", inside):
        return said, ""
    return said[:found.start()].strip(), inside


def _basis(text: str) -> tuple[str, str] | None:
    """The code of one basis and what is said besides; None for what names none, or several."""
    bare = re.sub(r"^(?:GDPR|DSGVO|RGPD|FADP|DSG|LPD|nDSG|revDSG)\s*:?\s*|\s*\((?:GDPR|DSGVO|RGPD|FADP|DSG|LPD)\)$", "",
                  text, flags=re.IGNORECASE).strip()
    if bare in set(Basis) or re.fullmatch(r"[-–—]?", bare):
        return bare if bare in set(Basis) else "", ""
    clauses = _CLAUSES.search(bare)
    others = [(basis, found) for basis, pattern in _BASES.items() if (found := pattern.search(bare))]
    if {basis for basis, _ in others} == {Basis.DPF, Basis.ADEQUACY}:
        return str(Basis.DPF), ""  # "adequacy decision, Data Privacy Framework": the one rests on the other
    if clauses is None and len(others) == 1:
        basis, found = others[0]
        return str(basis), _rest(bare[:found.start()], bare[found.end():])
    if others or (clauses is None and not _MODULE.fullmatch(bare)):
        return None
    before, after = (bare[:clauses.start()], bare[clauses.end():]) if clauses else ("", bare)
    module = _MODULE.search(after) or _MODULE.search(before)
    if module is None:
        return str(Basis.SCC), _rest(before, after)
    number = module[1] or next(n % 4 + 1 for n, group in enumerate(module.groups()[1:]) if group)
    return f"scc_{number}", _rest(before.replace(module[0], " "), after.replace(module[0], " "))


def _rest(before: str, after: str) -> str:
    """What a basis is said with besides, without the marks it was joined by."""
    words = [part.strip(" ,.–-") for part in (before, after)]
    return " ".join(part for part in words if re.search(r"\w", part))


def cleaned(given: Any) -> tuple[Transfer, ...]:
    """Transfers as the register keeps them, from a cell or from rows of `place`, `gdpr`, `fadp` and `document`. Raises
    Refusal bad_value."""
    if isinstance(given, str):
        rows, left = read(given)
        if left:
            raise _refused(Sentence(N_("“%(text)s” cannot be read; %(how)s"), {"text": left[0][:80], "how": HOW}))
    else:
        rows = tuple(_row(each) for each in given)
    if len(rows) > MOST_PLACES:
        raise _refused(Sentence(N_("more than %(most)s places"), {"most": MOST_PLACES}))
    for row in rows:
        if len(row.place) > _LONGEST_PLACE or len(row.document) > _LONGEST_DOCUMENT:
            raise _refused(Sentence(N_("%(place)s: a place may have %(place_most)s characters, a document %(most)s"), {
                "place": row.place[:80], "place_most": _LONGEST_PLACE, "most": _LONGEST_DOCUMENT}))
        if [t.place for t in rows].count(row.place) > 1:
            raise _refused(Sentence(N_("%(place)s stands there twice"), {"place": row.place}))
    return rows


def _row(given: Any) -> Transfer:
    if isinstance(given, str):
        rows, left = read(given)
        if len(rows) == 1 and not left:
            return rows[0]
        raise _refused(Sentence(N_("“%(text)s” cannot be read; %(how)s"), {"text": given[:80], "how": HOW}))
    values = vars(given) if isinstance(given, Transfer) else given
    if not isinstance(values, Mapping) or not set(values) <= {"place", "gdpr", "fadp", "document"}:
        raise _refused(Sentence(N_("each needs a place, and may have gdpr, fadp and document; nothing else")))
    row = Transfer(**{name: str(value or "").strip() for name, value in values.items()} | {
        "place": str(values.get("place") or "").strip()})
    if not row.place:
        raise _refused(Sentence(N_("name the place of each basis")))
    for code in (row.gdpr, row.fadp):
        if code and code not in set(Basis):
            raise _refused(Sentence(N_("“%(code)s” is no basis; there are: %(known)s"),
                                    {"code": code[:80], "known": ", ".join(Basis)}))
    return row


def _refused(problem: Sentence) -> Refusal:
    return Refusal("bad_value", field=Words(FIELD_NAMES["transfers"]), problem=problem)
