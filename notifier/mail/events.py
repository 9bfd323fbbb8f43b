"""What a mail provider reports after a letter was taken: a posted body into `MailEvent`s.

Mailjet's form, and a plain one for every other provider. Events come one by one or as an array of mixed kinds,
unordered and repeated, and are signed by nobody. So nothing in here trusts a shape: what cannot be read comes back as
a reason, and never as an exception.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from notifier.mail.transport import brief

KINDS = frozenset({"sent", "bounce", "soft", "blocked", "duplicate", "spam", "unsub", "open", "click"})
LARGEST = 2 * 1024 * 1024  # bytes of one body; a second of events at 1,000 letters a second is some 500 kB
MOST = 5000  # events of one body
_FIELD, _FIELDS, _SAID = 255, 60, 1000
_EARLIEST, _LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)  # how wrong a clock, theirs or ours, may be


@dataclass(frozen=True)
class MailEvent:
    """One report on one message. `kind` is one of `KINDS` or "other": a bounce is for good, "soft" is not yet, and
    "duplicate" says that the same letter was taken before. `at` is aware, in UTC, to the second; `custom_id` is the
    delivery's ref; `code` is Mailjet's error ("user unknown") or what it relates to; `words` what the receiving
    server said. `key` (64 characters) is the same for the repeats of one report and for nothing else. `raw` holds
    the object's fields, fit to be stored."""

    kind: str
    at: datetime
    custom_id: str
    message_id: str
    message_uuid: str
    email: str
    code: str
    words: str
    key: str
    raw: dict[str, Any] = field(repr=False, compare=False)


def parse(body: bytes, now: datetime | None = None) -> tuple[list[MailEvent], list[str]]:
    """The events of one POST of Mailjet's, in their order, and a reason for each thing in it that is none. With `now`
    (aware) an event from more than a day ahead is none."""
    latest = _LATEST if now is None else now + _AHEAD
    return _parse(body, lambda item: _mailjet(item, latest))


def parse_plain(body: bytes, now: datetime) -> tuple[list[MailEvent], list[str]]:
    """The same of the plain form, object or array: `{"ref" or "message_id", "event": "delivered" | "bounced" |
    "delayed" | "blocked" | "spam", "at": ISO 8601 with its zone, "words"}`. An event that names no moment happened at
    `now` (aware): later than it did, never earlier."""
    return _parse(body, lambda item: _plain(item, now))


def _parse(body: bytes, read: Callable[[Any], MailEvent]) -> tuple[list[MailEvent], list[str]]:
    if len(body) > LARGEST:
        return [], [f"The body has more than {LARGEST} bytes: its first part is kept, and nothing of it was read."]
    try:
        value = json.loads(body, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        return [], [brief(f"The body is not JSON: {error}")]
    items = value if isinstance(value, list) else [value]
    found: list[MailEvent] = []
    junk = [f"The body has {len(items)} events; the first {MOST} were read."] if len(items) > MOST else []
    for place, item in enumerate(items[:MOST], 1):
        try:
            found.append(read(item))
        except ValueError as error:
            junk.append(brief(f"Event {place}: {error}"))
    return found, junk


def _mailjet(item: Any, latest: datetime) -> MailEvent:
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
    hard = item.get("hard_bounce") in (True, 1, "1", "true", "True")
    return MailEvent(
        kind=_kind(told, code, hard), at=at, custom_id=custom_id, message_id=message_id,
        message_uuid=message_uuid, email=email, code=code, words=brief(" · ".join(filter(None, said))),
        key=hashlib.sha256(key.encode()).hexdigest(), raw=_raw(item),
    )


_PLAIN = {"delivered": "sent", "bounced": "bounce", "delayed": "soft", "blocked": "blocked", "spam": "spam"}
_OUR_MESSAGE_ID = re.compile(r"<?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[^<>\s]+>?", re.IGNORECASE)


def _plain(item: Any, now: datetime) -> MailEvent:
    if not isinstance(item, dict):
        raise ValueError("It is not an object.")
    told = _text(item, "event").lower()
    if told not in _PLAIN:
        raise ValueError(f"Its event, “{told}”, is none of {', '.join(_PLAIN)}.")
    message_id = _text(item, "message_id")
    custom_id = _text(item, "ref") or ref_of(message_id)
    if not custom_id and not message_id:
        raise ValueError("It names no letter: give ref or message_id.")
    at = _iso(item.get("at"), now)
    key = json.dumps(["plain", told, custom_id or message_id, str(item.get("at"))])
    return MailEvent(
        kind=_PLAIN[told], at=at, custom_id=custom_id, message_id=message_id, message_uuid="",
        email=_text(item, "email"), code="", words=brief(_text(item, "words", _SAID)),
        key=hashlib.sha256(key.encode()).hexdigest(), raw=_raw(item),
    )


def ref_of(message_id: str) -> str:
    """The delivery's ref in a Message-ID of ours, `<ref@domain>`; empty for any other."""
    found = _OUR_MESSAGE_ID.fullmatch(message_id.strip())
    return found.group(1).lower() if found else ""


def _iso(value: Any, now: datetime) -> datetime:
    if value is None or value == "":
        return now.replace(microsecond=0)
    if not isinstance(value, str):
        raise ValueError("Its moment is no text; write it as 2026-03-02T10:00:00+01:00.")
    try:
        at = datetime.fromisoformat(value.strip())
        if at.utcoffset() is None:
            raise ValueError("Its moment has no zone; write it as 2026-03-02T10:00:00+01:00.")
        at = at.astimezone(UTC).replace(microsecond=0)
    except OverflowError as error:
        raise ValueError("Its moment cannot be.") from error
    if not _EARLIEST <= at < now + _AHEAD:
        raise ValueError(f"Its moment, {at.isoformat()}, cannot be.")
    return at


def _raw(item: Mapping[str, Any]) -> dict[str, Any]:
    """Mailjet's events are flat: numbers, truth values and text, which no database has to refuse."""
    kept = list(item)[:_FIELDS]
    plain = {name: item[name] for name in kept if isinstance(item[name], int | None)}
    plain |= {n: v if math.isfinite(v) else None for n in kept if isinstance(v := item[n], float)}
    return {_clean(n, _FIELD): plain[n] if n in plain else _text(item, n, _SAID) for n in kept}


def _kind(told: str, code: str, hard: bool) -> str:
    """Mailjet blocks the repeat of a letter within its campaign: the letter itself was taken before, and the block
    says nothing against it. A bounce that is not hard is Mailjet's "not yet": it goes on trying."""
    if told == "blocked" and code == "duplicate in campaign":
        return "duplicate"
    if told == "bounce" and not hard:
        return "soft"
    return told if told in KINDS - {"soft", "duplicate"} else "other"


_BARRED = "Mailjet sends nothing to this address for about 90 days after a hard bounce."
_NOT_TRIED = {
    "preblocked": "Mailjet did not try: the address bounced hard within the last 90 days or so, or does so often.",
    "blacklisted": "Mailjet did not try: the address is on its list of addresses that take nothing.",
    "spam reporter": "Mailjet did not try: this recipient has reported an earlier letter of ours as spam.",
}
_LIFT = "Once the mailbox works again, the block can be lifted at Mailjet; until then name another contact."


def advice(event: MailEvent) -> str:
    """What a Mailjet event means for the next letter to this address; empty where it means nothing more."""
    if event.kind == "bounce":
        return f"{_BARRED} {_LIFT}"
    if event.kind == "blocked" and event.code in _NOT_TRIED:
        return f"{_NOT_TRIED[event.code]} {_LIFT}"
    return ""


def polled_advice(status: str) -> str:
    """The same of a state that was asked for: Mailjet names no reason there."""
    return f"{_BARRED} {_LIFT}" if status in ("hardbounced", "bounce") else ""


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
    text = text[:most]
    return (text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)).strip()
