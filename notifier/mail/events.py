"""What Mailjet reports after a letter was taken: its event body into `MailEvent`s.

Events come one by one or as an array of mixed kinds, unordered and repeated, and are signed by nobody. So
nothing in here trusts a shape: what cannot be read comes back as a reason, and never as an exception.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from notifier.mail.transport import brief

KINDS = frozenset({"sent", "bounce", "blocked", "spam", "unsub", "open", "click"})
LARGEST = 2 * 1024 * 1024  # bytes of one body; a second of events at 1,000 letters a second is some 500 kB
MOST = 5000  # events of one body
_FIELD, _FIELDS, _SAID = 255, 60, 1000
_EARLIEST, _LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)  # how wrong a clock, theirs or ours, may be


@dataclass(frozen=True)
class MailEvent:
    """One report on one message. `kind` is one of `KINDS` or "other"; `at` is aware, in UTC, to the second;
    `custom_id` is the delivery's ref. `hard` says that a bounce is for good; `code` is Mailjet's error ("user
    unknown") or what it relates to; `words` what the receiving server said. `key` (64 characters) is the same
    for the repeats of one report and for nothing else. `raw` holds the object's fields, fit to be stored."""

    kind: str
    at: datetime
    custom_id: str
    message_id: str
    message_uuid: str
    email: str
    hard: bool
    code: str
    words: str
    key: str
    raw: dict[str, Any] = field(repr=False, compare=False)


def parse(body: bytes, now: datetime | None = None) -> tuple[list[MailEvent], list[str]]:
    """The events of one POST, in their order, and a reason for each thing in it that is none. With `now`
    (aware) an event from more than a day ahead is none."""
    if len(body) > LARGEST:
        return [], [f"The body has {len(body)} bytes; at most {LARGEST} are read."]
    try:
        value = json.loads(body, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        return [], [brief(f"The body is not JSON: {error}")]
    items = value if isinstance(value, list) else [value]
    found: list[MailEvent] = []
    junk = [f"The body has {len(items)} events; the first {MOST} were read."] if len(items) > MOST else []
    latest = _LATEST if now is None else now + _AHEAD
    for place, item in enumerate(items[:MOST], 1):
        try:
            found.append(_read(item, latest))
        except ValueError as error:
            junk.append(brief(f"Event {place}: {error}"))
    return found, junk


def _read(item: Any, latest: datetime) -> MailEvent:
    if not isinstance(item, dict):
        raise ValueError("It is not an object.")
    told = _text(item, "event").lower()
    if not told:
        raise ValueError("It names no event.")
    at = _moment(item.get("time"), latest)
    custom_id, email = _text(item, "CustomID"), _text(item, "email")
    message_id = _text(item, "MessageID") or _text(item, "mj_message_id")
    message_uuid = _text(item, "Message_GUID") or _text(item, "MessageUUID")
    code = _text(item, "error") or _text(item, "error_related_to") or _text(item, "source")
    said = (_text(item, "smtp_reply", _SAID), _text(item, "comment", _SAID))
    # A link may be clicked twice in a second, so its address belongs to the key.
    about = message_id or message_uuid or f"{custom_id} {email}"
    key = json.dumps([told, about, int(at.timestamp()), _text(item, "url", _SAID)])
    return MailEvent(
        kind=_kind(told, code), at=at, custom_id=custom_id, message_id=message_id,
        message_uuid=message_uuid, email=email, code=code, words=brief(" · ".join(filter(None, said))),
        hard=item.get("hard_bounce") in (True, 1, "1", "true", "True"),
        key=hashlib.sha256(key.encode()).hexdigest(), raw=_raw(item),
    )


def _raw(item: Mapping[str, Any]) -> dict[str, Any]:
    """Mailjet's events are flat: numbers, truth values and text, which no database has to refuse."""
    kept = list(item)[:_FIELDS]
    plain = {name: item[name] for name in kept if isinstance(item[name], int | None)}
    plain |= {n: v if math.isfinite(v) else None for n in kept if isinstance(v := item[n], float)}
    return {_clean(n, _FIELD): plain[n] if n in plain else _text(item, n, _SAID) for n in kept}


def _kind(told: str, code: str) -> str:
    """Mailjet blocks the repeat of a letter within its campaign: the letter itself was taken before, and the
    block says nothing against it."""
    if told == "blocked" and code == "duplicate in campaign":
        return "other"
    return told if told in KINDS else "other"


def _moment(value: Any, latest: datetime) -> datetime:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("It has no time.")
    try:
        at = datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"Its time, {value}, is none.") from error
    if not _EARLIEST <= at < latest:
        raise ValueError(f"Its time, {at.isoformat()}, is none.")
    return at


def _text(item: Mapping[str, Any], name: str, most: int = _FIELD) -> str:
    """A field as text: numbers may come as numbers or as strings. Anything else counts as missing."""
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return _clean(str(value), most)


def _clean(text: str, most: int) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:most]).strip()
