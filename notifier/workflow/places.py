"""Countries as people write them, in four languages, and their two-letter codes (ISO 3166-1, as the CLDR has them)."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from babel import Locale

from notifier.domain.sentences import LANGUAGES, Name

_ALSO = {
    "US": "usa|us|u.s.|u.s.a.|united states of america|america|etats-unis d'amerique|stati uniti d'america|"
          "vereinigte staaten von amerika",
    "GB": "uk|u.k.|great britain|england|scotland|wales|northern ireland|gbr|united kingdom of great britain and "
          "northern ireland|grande-bretagne|gran bretagna|grossbritannien",
    "NL": "the netherlands|holland|nld", "CZ": "czech republic|tschechische republik", "DE": "federal republic of "
    "germany|bundesrepublik deutschland|deu|brd", "CH": "che|swiss confederation|schweizerische eidgenossenschaft",
    "KR": "korea|republic of korea|south korea", "AE": "uae|united arab emirates", "IE": "republic of ireland|irl",
    "HK": "hong kong|hongkong", "MO": "macau|macao", "TR": "turkey|türkei", "TW": "taiwan", "RU": "russian federation",
    "VN": "viet nam", "MK": "macedonia", "FR": "fra", "AT": "aut", "AU": "aus", "CA": "can", "IN": "ind", "SG": "sgp",
    "JP": "jpn", "CN": "people's republic of china|prc", "PS": "palestine", "CI": "ivory coast", "CV": "cape verde",
}
_NO_COUNTRY = {"EU", "EZ", "UN", "QO", "ZZ", "XA", "XB"}  # groups and placeholders that the CLDR lists beside countries
_EEA = frozenset(re.split(
    r"\|",
    "eu|eea|eueea|euewr|europeanunion|europeaneconomicarea|ewr|europaeischeunion|europaischeunion|"
    "europaischerwirtschaftsraum|ue|eee|ueeee|uesee|unioneuropeenne|espaceeconomiqueeuropeen|unioneeuropea|see|"
    "spazioeconomicoeuropeo"
))
_REGIONS = _EEA | frozenset(re.split(
    r"\|",
    "europe|europa|global|globally|worldwide|weltweit|monde|mondial|mondiale|nelmondo|international|apac|emea|"
    "northamerica|southamerica|asia|africa|oceania|various|multiple"
))
# Behind a comma these may be states of the US ("Wilmington, DE") as well as countries.
_AMBIGUOUS = re.compile("AL|AR|AZ|CA|CO|DE|GA|ID|IL|IN|KY|LA|MA|MD|ME|MN|MO|MS|MT|NC|NE|PA|SC|SD|TN|VA")
_BETWEEN = re.compile(r"(?:[/+;\n]|\s(?:and|or|und|oder|et|ou|e|o|&)\s)(?![^()]*\))")  # places, outside brackets
_STATES = frozenset({"georgia"})  # states of the US that are called like a country


def _fold(text: str) -> str:
    flat = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    return "".join(ch for ch in flat if ch.isalnum())


@lru_cache
def _codes() -> dict[str, str]:
    found: dict[str, str] = {}
    for language in ("it", "fr", "de", "en"):
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRY:
                found[_fold(name)] = found[_fold(name.replace("&", "and"))] = found[code.casefold()] = code
    return found | {_fold(name): code for code, names in _ALSO.items() for name in names.split("|")}


def country(text: str) -> str:
    """The two-letter code of a country, by its name or its code; a remark in brackets ("Germany (EU)") is left out.
    Empty for what is no country, so also for several of them."""
    return _codes().get(_fold(text)) or _codes().get(_fold(re.sub(r"\(.*?\)", " ", text)), "")


@lru_cache
def called(code: str) -> Name:
    """A country's name in every language, by its two-letter code."""
    return Name(tuple((language, str(Locale(language).territories.get(code, code))) for language in LANGUAGES))


def spelled(text: str) -> str:
    """A place for comparing: a country's code, else the text without case, blanks and marks."""
    return country(text) or _fold(text)


def _region(text: str) -> bool:
    return _fold(re.sub(r"\(.*?\)", " ", text)) in _REGIONS


def several(text: str) -> tuple[str, ...]:
    """The places in "Ireland, United States and Japan"; one place, an address included, stays whole. Only a cell of
    nothing but countries and regions is taken apart: a comma belongs to "Berlin, Germany"."""
    pieces = tuple(p.strip() for p in re.split(r"[,/+]|\s(?:and|und|et|e|&)\s", text) if p.strip())
    known = all(country(piece) or _region(piece) for piece in pieces)
    return pieces if len(pieces) > 1 and known else (text,)


@lru_cache(4096)
def countries(text: str) -> frozenset[str]:
    """The countries a place speaks of: "Frankfurt, Germany" and "Frankfurt (DE)" are Germany, "Ireland (support from
    India)" both; "EU" for somewhere in the EU or EEA. Empty where a part of it cannot be told for sure: what a person
    has not said is not guessed."""
    found: set[str] = set()
    for piece in [text] if country(text) else _BETWEEN.split(text):
        said = _where(piece)
        if not said:
            return frozenset()
        found |= said
    return frozenset(found)


def _where(piece: str) -> set[str]:
    """One place's countries: those it names as a whole, at its end or in brackets, and any it mentions besides."""
    outside = re.sub(r"\(.*?\)", " ", piece).strip(" ,")
    bracketed = re.findall(r"\((.*?)\)", piece)
    parts = [part.strip() for part in outside.split(",") if part.strip()]
    last = country(parts[-1]) if parts else ""
    if len(parts) > 1 and _AMBIGUOUS.fullmatch(parts[-1].upper()):
        return set()
    anchor = next(filter(None, (country(outside), last, *map(country, bracketed))), "")
    if not anchor and any(_fold(part) in _EEA for part in (*parts[-1:], *bracketed)):
        anchor = "EU"
    if not anchor:
        return set()
    besides = {code for words in (*parts[:-1], *bracketed) for code in _mentioned(words)}
    return {anchor} | besides - ({"GE"} if anchor == "US" and any(_fold(p) in _STATES for p in parts) else set())


def _mentioned(text: str) -> set[str]:
    """The countries named anywhere in a text, by a name of four letters or more: a code may be any tongue's word."""
    words = re.findall(r"[\w'’.-]+", text)
    phrases = (" ".join(words[n:n + size]) for size in range(1, 5) for n in range(len(words) - size + 1))
    return {code for phrase in phrases if len(_fold(phrase)) > 3 and (code := _codes().get(_fold(phrase)))}


def only_places(text: str) -> bool:
    """Whether a cell holds several countries, or a region: then it says where, and not in which state a firm sits."""
    return len(several(text)) > 1 or (_region(text) and not country(text))
