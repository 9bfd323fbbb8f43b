"""A cell such as "Jane Roe, DPO, jane@firm.example, +41 44 000 00 00", taken apart: who, in which position, and how to
reach that person."""

from __future__ import annotations

import re

_MAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_REACHED = re.compile(r"https?://|www\.|\d|^(?:p\.?\s?o\.?\s?box|postfach|case postale|casella postale)", re.IGNORECASE)
_LABEL = re.compile(
    r"^(?:e-?mail|mail|tel(?:ephone|efon|efono)?|téléphone|phone|fax|mobile|contact)\b\W*$", re.IGNORECASE)
_BEHIND = re.compile(r"^(.*?\S)\s*\(([^()]+)\)$")  # "Jane Roe (DPO)"


def taken_apart(cell: str) -> tuple[str, str, str]:
    """Name, position, address. Where a cell says only how somebody is reached, that is the name too: it is what the
    list says of the contact person."""
    name, position, address = "", [], []
    for piece in (p.strip() for p in re.split(r"[,;|\r\n]+", cell)):
        mails = _MAIL.findall(piece)
        rest = re.sub(r"\(\s*\)", " ", re.sub(r"mailto:|[<>]", " ", _MAIL.sub(" ", piece))).strip(" :–-")
        address += mails
        if not rest or _LABEL.match(rest):
            continue
        if _REACHED.search(rest):
            address.append(" ".join(rest.split()))
        elif not name:
            name = " ".join(rest.split())
        else:
            position.append(" ".join(rest.split()))
    if (behind := _BEHIND.match(name)) and not position:
        name, position = behind[1], [behind[2]]
    reached = ", ".join(dict.fromkeys(address))
    return name or reached, ", ".join(position), reached
