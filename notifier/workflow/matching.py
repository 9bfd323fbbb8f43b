"""Whether two rows are about the same thing: sure, unsure, or no. Pure; what is unsure becomes a question to a person.

A legal form that is left out, other capitals or punctuation do not make another company. Another legal form does
("Inc." is not "Ireland Ltd"): that is another entity, and so a replacement, unless a person says otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlsplit

from rapidfuzz import fuzz

_FORMS = {
    "inc": "inc incorporated", "corp": "corp corporation", "co": "co company", "ltd": "ltd limited coltd",
    "llc": "llc", "llp": "llp", "lp": "lp", "plc": "plc", "pbc": "pbc", "gmbh": "gmbh mbh",
    "gmbhcokg": "gmbhcokg gmbhandcokg gmbhundcokg", "ag": "ag", "se": "se", "kg": "kg cokg", "ug": "ug", "ev": "ev",
    "sa": "sa", "sas": "sas sasu", "sarl": "sarl", "srl": "srl", "spa": "spa", "bv": "bv", "nv": "nv", "oy": "oy oyj",
    "ab": "ab", "as": "as", "asa": "asa", "aps": "aps", "sro": "sro", "doo": "doo", "zoo": "spzoo zoo", "kft": "kft",
    "kk": "kk", "ptyltd": "ptyltd ptylimited proprietarylimited", "pteltd": "pteltd ptelimited", "dac": "dac",
}
_FORM = {spelled: form for form, spellings in _FORMS.items() for spelled in spellings.split()}
_ONCE = re.compile(
    r"\b(?:formerly(?: known as)?|previously(?: known as)?|f/?k/?a|d/?b/?a|doing business as|trading as|t/a|"
    r"also known as|a/?k/?a|vormals|ehemals|früher|anciennement|già)\b[\s:.]*", re.IGNORECASE,
)
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
SPELLED_ALIKE, LIKE_ENOUGH = 95, 80
"""Of 100: from here a name differs by a slip of the pen, and from here it is worth a question."""
REWORDED, WORTH_ASKING = 80, 60
"""Of 100: from here an activity is the same in other words, and from here it is worth a question."""
_SHORT, _SHORT_REWORDED = 30, 93  # "EU hosting" and "US hosting" share nearly all their letters


class Likeness(IntEnum):
    """How sure it is that two rows are about the same thing."""

    NO = 0
    UNSURE = 1
    SURE = 2


@dataclass(frozen=True)
class Company:
    """A name taken apart: its words, the same without blanks, its legal form, what stands in brackets, and the names
    it bears or bore besides."""

    words: str
    key: str
    form: str
    bracketed: frozenset[str]
    others: frozenset[str]
    host: str


def plain(text: str) -> str:
    """Text without case, blanks and marks, for comparing."""
    return "".join(ch for ch in text.casefold() if ch.isalnum())


def company(legal_name: str, also_known_as: Iterable[str] = (), website: str = "") -> Company:
    """A legal name taken apart, with the other names the register knows and the host of its website."""
    bracketed = [a or b for a, b in _BRACKETS.findall(legal_name)]
    main, *once = _ONCE.split(_BRACKETS.sub(" ", legal_name))
    words, form = _stripped(main)
    told = [*once, *also_known_as, *(_ONCE.sub("", text) for text in bracketed)]
    others = frozenset("".join(_stripped(name)[0]) for name in told if plain(name))
    return Company(" ".join(words), "".join(words) or plain(legal_name), form,
                   frozenset(plain(text) for text in bracketed), others, host(website))


def _stripped(name: str) -> tuple[list[str], str]:
    """The words of a name without its legal form, and the form: "S.à r.l." and "Sàrl" are one."""
    flat = "".join(ch for ch in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(ch))
    words = re.findall(r"\w+", re.sub(r"[.'’]", "", flat).replace("&", " and "))
    for count in (4, 3, 2, 1):
        if len(words) > count and (form := _FORM.get("".join(words[-count:]))):
            return words[:-count], form
    return words, ""


def host(website: str) -> str:
    """The host of an address, without "www."; empty where there is none."""
    try:
        found = urlsplit(website if "//" in website else f"//{website}").hostname or ""
    except ValueError:
        return ""
    return found.removeprefix("www.")


def same_company(one: Company, other: Company) -> Likeness:
    """Whether two names are those of one legal entity."""
    if one.key == other.key:
        forms = not one.form or not other.form or one.form == other.form
        brackets = not one.bracketed or not other.bracketed or one.bracketed == other.bracketed
        return Likeness.SURE if forms and brackets else Likeness.UNSURE
    if one.key in other.others or other.key in one.others:
        return Likeness.SURE
    like = fuzz.ratio(one.key, other.key)
    if like >= LIKE_ENOUGH or fuzz.token_set_ratio(one.words, other.words) >= SPELLED_ALIKE:
        return Likeness.UNSURE
    return Likeness.UNSURE if (one.host and one.host == other.host) or _initials(one, other) else Likeness.NO


def _initials(one: Company, other: Company) -> bool:
    return any(len(a.key) > 2 and a.key == "".join(word[0] for word in b.words.split())
               for a, b in ((one, other), (other, one)))


def same_activity(one: str, other: str) -> Likeness:
    """Whether two texts describe one activity: the same words, the same reworded, or another."""
    a, b = " ".join(re.findall(r"\w+", one.casefold())), " ".join(re.findall(r"\w+", other.casefold()))
    if a == b:
        return Likeness.SURE
    short = min(len(a), len(b)) < _SHORT
    set_like = fuzz.token_set_ratio(a, b)
    if fuzz.ratio(a, b) >= (_SHORT_REWORDED if short else REWORDED) or (set_like >= SPELLED_ALIKE and not short):
        return Likeness.SURE
    return Likeness.UNSURE if set_like >= WORTH_ASKING else Likeness.NO


def same_engagement(
    one: Company, one_activity: str, other: Company, other_activity: str, *, by_name_alone: bool = False
) -> Likeness:
    """Whether two rows are one engagement: the same company doing the same. Another activity is another engagement.
    With `by_name_alone` a list that states no activities is compared."""
    who = same_company(one, other)
    if who is Likeness.NO:
        return Likeness.NO
    what = Likeness.SURE if by_name_alone else same_activity(one_activity, other_activity)
    slip = min(len(one.key), len(other.key)) >= 10 and fuzz.ratio(one.key, other.key) >= SPELLED_ALIKE
    if slip and one.form == other.form and not by_name_alone and plain(one_activity) == plain(other_activity):
        return Likeness.SURE
    return min(who, what)
