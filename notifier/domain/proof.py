"""The proof ladder in words: by what a notice is proven to have reached its customer (design §3).

A notice keeps the rung (`given_by`) and beside it the particulars (`proof`): which letter, how its receipt became
known, what the server said, or which file shows a delivery by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from notifier.domain.sentences import N_, Sentence

_WORDS: Mapping[tuple[str, str], str] = {
    ("provider", "event"): N_("accepted by the customer’s mail server"),
    ("provider", "polled"): N_("accepted by the customer’s mail server, as the provider said when it was asked"),
    ("provider", "dsn"): N_("accepted by the final mail server, by its delivery report"),
    ("customer", "acknowledgement"): N_("the customer confirmed that it has read it"),
    ("customer", "consent"): N_("the customer answered the question for consent"),
    ("customer", "objection"): N_("the customer objected"),
    ("presumed", "presumed"): N_("presumed by the customer’s terms: sent, and not returned within three working days"),
    ("imported", ""): N_("taken over from elsewhere, with its proof"),
    ("demo", "demo"): N_("demo: the outbox counts as delivered"),
}
_RUNGS: Mapping[str, str] = {
    "provider": _WORDS["provider", "event"], "customer": N_("the customer acted on it"),
    "hand": N_("delivered by hand"), "presumed": _WORDS["presumed", "presumed"], "imported": _WORDS["imported", ""],
    "demo": _WORDS["demo", "demo"],
}
ELSEWHERE: Mapping[str, str] = {
    "email": N_("an e-mail, with its delivery report or answer"), "registered": N_("a registered letter"),
    "hand": N_("delivered by hand"), "portal": N_("a message in a portal"), "other": N_("another proof"),
}
"""By what a notice given elsewhere, before this service, is proven."""

_TAKEN_OVER = N_("taken over from elsewhere: %(kind)s (%(file)s)")
_HAND = N_("delivered by hand on %(day)s (%(file)s), confirmed by a second person")
_SAID = N_("%(proof)s: “%(words)s”")


def in_words(given_by: str, proof: Mapping[str, Any] | None) -> Sentence | None:
    """By what a notice is proven, with what the server said where it said anything; None where it is not proven."""
    if not given_by:
        return None
    held = proof or {}
    if given_by == "hand" and "received_on" in held:
        return Sentence(_HAND, {"day": date.fromisoformat(held["received_on"]), "file": str(held.get("file_name", ""))})
    if given_by == "imported" and held.get("kind") in ELSEWHERE:
        return Sentence(_TAKEN_OVER, {"kind": ELSEWHERE[str(held["kind"])], "file": str(held.get("file_name", ""))})
    kind = str(held.get("act") or held.get("kind") or "")
    told = Sentence(_WORDS.get((given_by, kind)) or _RUNGS.get(given_by, given_by))
    words = str(held.get("words", "")) if given_by == "provider" else ""
    return Sentence(_SAID, {"proof": told, "words": words}) if words else told
