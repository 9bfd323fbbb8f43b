"""Addresses of contacts: in the one form they are kept in, and what looks wrong about them. The only user of `idna`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import idna
from rapidfuzz.distance import OSA
from sqlmodel import Session, col, select

from notifier.domain import addresses as rules
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.tables import Contact

WELL_KNOWN = (
    "gmail.com", "googlemail.com", "outlook.com", "outlook.de", "hotmail.com", "hotmail.de", "hotmail.fr",
    "hotmail.it", "live.com", "msn.com", "yahoo.com", "yahoo.de", "yahoo.fr", "yahoo.it", "icloud.com", "me.com",
    "gmx.ch", "gmx.de", "gmx.net", "gmx.at", "web.de", "t-online.de", "freenet.de", "bluewin.ch", "sunrise.ch",
    "hispeed.ch", "swissonline.ch", "protonmail.com", "proton.me", "orange.fr", "wanadoo.fr", "free.fr", "laposte.net",
    "sfr.fr", "libero.it", "tiscali.it", "virgilio.it", "aol.com", "posteo.de", "mailbox.org",
)
SHORTEST = 7  # characters of a domain: of shorter ones too many differ by one


def normal(email: str) -> str:
    """An address as it is kept: the part before the @ as given, the domain in lower case and its ASCII form (IDNA
    2008). Raises Refusal bad_value, field contact_email."""
    try:
        local, domain = rules.split(email)
        if "." not in (host := _ascii(domain)):  # nobody outside this network has such an address
            raise rules.NoAddress(N_("its domain is not valid"))
        return f"{local}@{host}"
    except rules.NoAddress as wrong:
        problem = Sentence(N_("“%(text)s” is no e-mail address: %(why)s"), {"text": email, "why": Sentence(str(wrong))})
    raise Refusal("bad_value", field="contact_email", problem=problem)


@lru_cache(4096)
def _ascii(domain: str) -> str:
    return rules.ascii_of(domain, idna.encode)


def suspicions(emails: Sequence[str]) -> list[Sentence]:
    """What looks like a slip of the keyboard in one customer's addresses, in words: a domain one stroke away from a
    well-known one, or from that of an earlier contact. Never a reason to refuse."""
    found: list[Sentence] = []
    seen: list[str] = []
    for email in emails:
        domain = email.rpartition("@")[2]
        meant = likely(domain) or next((d for d in seen if _near(d, domain) and not _only_country(d, domain)), "")
        if meant:
            found.append(Sentence(N_("“%(email)s”: is “%(meant)s” meant?"), {"email": email, "meant": meant}))
        seen.append(domain)
    return found


@lru_cache(65536)
def likely(domain: str) -> str:
    """The well-known domain that is one stroke away from this one; empty where there is none, or it is one itself."""
    if domain in WELL_KNOWN:
        return ""
    return next((known for known in WELL_KNOWN if _near(known, domain)), "")


def _near(one: str, other: str) -> bool:
    long_enough = min(len(one), len(other)) >= SHORTEST
    return long_enough and one != other and OSA.distance(one, other, score_cutoff=1) == 1


def _only_country(one: str, other: str) -> bool:
    """Two domains of one name in two countries: a firm's branches, and no slip."""
    (left, _, here), (right, _, there) = one.rpartition("."), other.rpartition(".")
    return left == right and len(here) == len(there) == 2


def known_bad(session: Session, emails: Iterable[str]) -> dict[str, Sentence]:
    """Which of these addresses a letter came back from, or reported us as spam, at whatever customer: in words."""
    found: dict[str, Sentence] = {}
    rows = session.exec(
        select(Contact.email, Contact.bounced_at, Contact.barred_at).where(
            col(Contact.email).in_(list(emails)),
            col(Contact.bounced_at).is_not(None) | col(Contact.barred_at).is_not(None))
    )
    for email, _, barred in rows:
        if barred is not None:
            found[email] = Sentence(N_("“%(email)s” reported us as spam before: nothing is sent there"),
                                    {"email": email})
        else:
            found.setdefault(email, Sentence(N_("“%(email)s”: the last letter to it came back"), {"email": email}))
    return found
