"""E-mail addresses as letters can go to them. The standard library alone: who turns a domain into its ASCII form
(IDNA 2008) brings the library, and asks here for everything else."""

from __future__ import annotations

import re
from collections.abc import Callable

from notifier.domain.sentences import N_

LONGEST, LONGEST_LOCAL = 254, 64  # RFC 5321, 4.5.3.1
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z][a-z0-9-]{0,61}[a-z0-9]")


class NoAddress(ValueError):
    """What was given is no address; the text is a message that says why."""


def split(email: str) -> tuple[str, str]:
    """The part before the @, as given, and the domain, as given. Raises NoAddress for anything a letter cannot go to:
    two @, a blank, a line break, a control character, a comment, letters before the @ that not every server takes."""
    text = email.strip(" ")
    local, at, domain = text.rpartition("@")
    if " " in text or not text.isprintable():
        raise NoAddress(N_("there is a blank, a line break or a control character in it"))
    if not at or not local or not domain or "@" in local:
        raise NoAddress(N_("this is not one address of the form name@company.example"))
    if not local.isascii():  # would need SMTPUTF8 (RFC 6531) all the way to the mailbox
        raise NoAddress(N_("it has letters before the @ that not every mail server takes"))
    if len(local) > LONGEST_LOCAL or len(text) > LONGEST or not _ATOMS.fullmatch(local):
        raise NoAddress(N_("this is not one address of the form name@company.example"))
    return local, domain


def ascii_of(domain: str, encode: Callable[..., bytes]) -> str:
    """A domain in its ASCII form, lower case. `encode` is that of the `idna` library, which knows RFC 5891; Python's
    own codec would make another domain of some. Raises NoAddress."""
    lower = domain.lower()
    if not _is_host(lower) or "--" in lower:
        try:
            lower = encode(domain, uts46=True, std3_rules=True).decode("ascii")
        except ValueError:
            lower = ""
    if not _is_host(lower):
        raise NoAddress(N_("its domain is not valid"))
    return lower


def _is_host(domain: str) -> bool:
    return len(domain) <= LONGEST - 2 and _HOST.fullmatch(domain) is not None
