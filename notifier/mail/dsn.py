"""Delivery status notifications (RFC 3464): what a mail server reports of a letter sent by SMTP, read from its mail.

Only `delivered` says that the final server took the letter. `relayed` and `expanded` hand it on to somebody who will
say nothing more, and prove nothing. Whose letter it is tells the envelope id we gave (RFC 3461), else the Message-ID of
the letter that comes back with the report.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message as Part
from email.policy import compat32
from email.utils import parsedate_to_datetime
from typing import Any

from notifier.mail.events import ref_of
from notifier.mail.transport import brief

KINDS: Mapping[str, str] = {
    "delivered": "sent", "failed": "bounce", "delayed": "soft", "relayed": "other", "expanded": "other",
}
"""The actions of RFC 3464, 2.3.3, by what they make known."""

_REF = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class NotAReport(Exception):
    """This mail is no delivery report on a letter of ours; the text says why."""


@dataclass(frozen=True)
class Report:
    """What a report says of one recipient. `kind` is one of KINDS' values, `action` the report's own word, `at` its
    moment (aware, UTC); `words` what the server said. `key` is the same for repeats of one report and nothing else."""

    ref: str
    kind: str
    action: str
    at: datetime
    words: str
    key: str
    raw: dict[str, Any] = field(repr=False, compare=False)


def parse(raw: bytes, now: datetime) -> list[Report]:
    """The reports of one mail, one for each recipient it names. A moment that has not come is `now` (aware). Raises
    NotAReport."""
    mail = message_from_bytes(raw, policy=compat32)
    if mail.get_content_type() != "multipart/report" or not mail.is_multipart():
        raise NotAReport("It is no delivery report (multipart/report).")
    parts = list(mail.walk())
    status = next((p for p in parts if p.get_content_type() == "message/delivery-status"), None)
    blocks = status.get_payload() if status is not None else None
    fields = [block for block in blocks if isinstance(block, Part)] if isinstance(blocks, list) else []
    if not fields:
        raise NotAReport("It reports on something else than delivery.")
    head, *recipients = fields
    ref = _ref(head, parts)
    if not ref:
        raise NotAReport("It names no letter of ours: neither our envelope id nor our Message-ID.")
    dated = _text(mail, "Date")
    found = [_report(ref, one, _text(one, "Last-Attempt-Date") or dated, dated, now)
             for one in recipients if one.get("Action")]
    if not found:
        raise NotAReport("It names no recipient and no action.")
    return found


def _ref(head: Part, parts: list[Part]) -> str:
    envelope = _text(head, "Original-Envelope-Id")
    if _REF.fullmatch(envelope):
        return envelope.lower()
    return next((ref for ref in _message_ids(parts) if ref), "")


def _message_ids(parts: list[Part]) -> Iterator[str]:
    """Refs in the Message-ID of the letter returned, whole or as its headers alone."""
    for part in parts[1:]:
        yield ref_of(_text(part, "Message-ID"))
        if part.get_content_type() == "text/rfc822-headers":
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                yield ref_of(_text(message_from_bytes(payload, policy=compat32), "Message-ID"))


def _report(ref: str, one: Part, attempted: str, dated: str, now: datetime) -> Report:
    fields = {name: _text(one, name) for name in
              ("Action", "Status", "Final-Recipient", "Original-Recipient", "Remote-MTA", "Diagnostic-Code")}
    action = fields["Action"].lower().split(" ")[0]
    said = " · ".join(filter(None, [action, fields["Status"], fields["Diagnostic-Code"].partition(";")[2].strip()]))
    # The moment as it is written: as it is counted it depends on when the report is read.
    key = json.dumps(["dsn", ref, action, fields["Status"], fields["Final-Recipient"], attempted])
    return Report(ref, KINDS.get(action, "other"), action, _moment((attempted, dated), now), brief(said),
                  f"dsn:{hashlib.sha256(key.encode()).hexdigest()}",
                  {name: value for name, value in fields.items() if value})


def _moment(told: tuple[str, ...], now: datetime) -> datetime:
    for value in told:
        try:
            at = parsedate_to_datetime(value)
            at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
        except (ValueError, OverflowError):
            continue
        return min(at, now)
    return now


def _text(part: Part, name: str) -> str:
    """A field as text on one line, in at most 500 characters."""
    return brief(str(part.get(name, "")))
