"""A stand-in for Mailjet that speaks HTTP, over TLS or not, on 127.0.0.1: Send API v3.1, the message
resource of v3, and the events Mailjet posts back. It checks what Mailjet checks, remembers every message it
took, counts every POST, and fails in the ways a provider and a network fail.

As a process: `python -m tests.mailjet_standin --port 8025 --events-url URL --events-auth user:password`
prints its own URL and posts events for what it takes, those of 40 letters together, with `--unruly` every one twice and
each body first backwards.
What becomes of a letter is told by its address: `bounce…@`, `soft…@`, `blocked…@`, `late…@` (delivered, then
returned) and `spam…@` meet that fate, all others are delivered. Another process drives it by POST
/standin/orders (a JSON object of attributes: plan, lookups, mode, delay …) and sees by GET /standin/taken.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.http_standin import Answer, StandInServer

_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_FORBIDDEN = {
    "from", "sender", "subject", "to", "cc", "bcc", "return-path", "delivered-to", "dkim-signature",
    "domainkey-status", "received", "received-spf", "authentication-results", "user-agent", "x-mailer",
    "date", "message-id", "list-id", "x-feedback-id", "x-csa-complaints",
}
TOGETHER = 40  # letters whose events come in one body
_BOUNCE = {"bounce": ("recipient", "user unknown"), "soft": ("recipient", "mailbox full")}
_BLOCKED = {"blocked": ("mailjet", "preblocked"), "duplicate": ("mailjet", "duplicate in campaign")}
_STATUS = {"bounce": "hardbounced", "soft": "softbounced", "open": "opened"}


@dataclass
class Taken:
    """A message the stand-in has accepted. `status` is what the message resource tells of it."""

    message_id: int
    message_uuid: str
    custom_id: str
    email: str
    item: dict[str, Any]
    status: str = "queued"
    duplicate: bool = False


class MailjetStandIn:
    """Runs from `with` to its end. `plan` names the mode of the next POSTs, one each; then `mode` holds:

    ok · mixed, mixed-400 (every second letter refused) · 400 (each refused) · 400-flat · 401 · 403 ·
    sender-403 · 413 · 429 (Retry-After 7) · 429-date (in 90 s) · 429-bare · 500 · 500-after (took all) ·
    503 · hang · hang-after · cut (before reading) · cut-after · half (the answer breaks off) · 302 · 404 ·
    html · short (an item is missing) · shuffled (items in another order) · duplicate (as if repeated in its
    campaign)

    `lookups` does the same for GETs (ok, 401, 404, 500, cut, hang, html, 302). A body larger than `largest`
    is answered with 413, and while `blind` is set no lookup finds anything. Every POST takes `delay` seconds.
    """

    def __init__(
        self, *, tls: bool = True, port: int = 0, key: str = "key", secret: str = "secret", mode: str = "ok"
    ) -> None:
        self.mode = mode
        self.plan: deque[str] = deque()
        self.lookups: deque[str] = deque()
        self.largest = 15 * 1024 * 1024
        self.blind = False
        self.delay = 0.0
        self.retry_after = 7
        self.posts = 0
        self.gets = 0
        self.payloads: list[Any] = []
        self.seen: list[dict[str, str]] = []
        self.taken: list[Taken] = []
        self.untold: deque[Taken] = deque()
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._by_ref: dict[str, list[Taken]] = {}
        self._campaigns: set[tuple[str, str]] = set()
        self._auth = "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()
        self._server = StandInServer(port, tls, self._answer, self._cuts, self.stopping)
        self.ca_file = self._server.ca_file
        self.url = self._server.url

    def __enter__(self) -> MailjetStandIn:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server and every connection."""
        self._server.stop()

    def of(self, ref: str) -> list[Taken]:
        """What was taken under this CustomID, in order."""
        with self._lock:
            return list(self._by_ref.get(ref, ()))

    def events_for(self, message: Taken, *kinds: str, at: int | None = None) -> list[dict[str, Any]]:
        """What Mailjet would post back: one event per kind (sent, bounce, soft, blocked, duplicate, spam,
        open), or, without kinds, those the address asks for. Sets the status the message resource tells."""
        moment = int(time.time()) if at is None else at
        return [self._event(message, kind, moment + i) for i, kind in enumerate(kinds or fate(message))]

    def deliver_events(
        self, url: str, auth: tuple[str, str] | None, events: Iterable[dict[str, Any]], *,
        grouped: bool = True,
    ) -> list[int]:
        """Posts events to a webhook, in one array (version 2) or one by one as bare objects (version 1), and
        answers with the HTTP statuses."""
        bodies: Sequence[Any] = [list(events)] if grouped else list(events)
        with requests.Session() as session:
            session.trust_env = False
            return [session.post(url, json=b, auth=auth, timeout=10).status_code for b in bodies]

    def _cuts(self, verb: str) -> bool:
        """Whether this POST is to be cut before a byte of its body is read."""
        with self._lock:
            cut = verb == "POST" and (self.plan[0] if self.plan else self.mode) == "cut"
            if cut:
                self.posts += 1
                if self.plan:
                    self.plan.popleft()
        return cut

    def _answer(self, verb: str, path: str, headers: dict[str, str], raw: bytes) -> Answer | None:
        """The answer to one request; None cuts the connection."""
        if verb == "POST" and path == "/v3.1/send":
            return self._post(headers, raw)
        if verb == "GET" and path.startswith("/v3/REST/message?"):
            return self._get(headers, path)
        if path == "/standin/taken":
            with self._lock:
                return Answer(200, {
                    "posts": self.posts, "gets": self.gets, "plan": list(self.plan), "untold": len(self.untold),
                    "taken": [{"ref": t.custom_id, "email": t.email, "duplicate": t.duplicate} for t in self.taken]})
        if path == "/standin/orders":
            self._obey(json.loads(raw))
            return Answer(200, {})
        return Answer(404, "")

    def _obey(self, orders: dict[str, Any]) -> None:
        with self._lock:
            for name, value in orders.items():
                setattr(self, name, deque(value) if isinstance(value, list) else value)

    def _post(self, headers: dict[str, str], raw: bytes) -> Answer | None:
        mode = self._next(self.plan, self.mode)
        self.stopping.wait(self.delay)
        with self._lock:
            self.posts += 1
            self.seen.append(headers)
        if headers.get("authorization") != self._auth or mode == "401":
            return Answer(401, _flat("mj-0015", 401, "API key authentication/authorization failure."))
        if len(raw) > self.largest or mode == "413":
            return Answer(413, _flat("mj-0011", 413, "The payload is too big."))
        try:
            payload = json.loads(raw)
            messages = payload["Messages"]
        except (ValueError, KeyError, TypeError):
            return Answer(400, _flat("mj-0002", 400, "Malformed JSON."))
        with self._lock:
            self.payloads.append(payload)
        if not isinstance(messages, list) or not 1 <= len(messages) <= 50:
            return Answer(400, _flat("mj-0008", 400, "Between 1 and 50 messages are allowed."))
        return self._by_mode(mode, messages)

    def _get(self, headers: dict[str, str], path: str) -> Answer | None:
        self.gets += 1
        mode = self._next(self.lookups, "ok")
        if mode in ("cut", "hang"):
            self.stopping.wait(20 if mode == "hang" else 0)
            return None
        if headers.get("authorization") != self._auth or mode == "401":
            return Answer(401, _flat("mj-0015", 401, "API key authentication/authorization failure."))
        if mode == "302":
            return Answer(302, "", {"Location": "https://elsewhere.example/"})
        if mode != "ok":
            return Answer(200 if mode == "html" else int(mode), "<html>Sorry</html>")
        query = parse_qs(urlsplit(path).query)
        found = [] if self.blind else self.of(query.get("CustomID", [""])[0])
        shown = query.get("ShowCustomID") == ["true"]
        rows = [
            {"ID": m.message_id, "UUID": m.message_uuid, "Status": m.status}
            | ({"CustomID": m.custom_id} if shown else {})
            for m in found
        ]
        return Answer(200, {"Count": len(rows), "Data": rows, "Total": len(rows)})

    def _by_mode(self, mode: str, messages: list[Any]) -> Answer | None:
        if mode in _PLAIN:
            answer = _PLAIN[mode]()
            return replace(answer, headers={"Retry-After": str(self.retry_after)}) if mode == "429" else answer
        if mode == "hang":
            self.stopping.wait(20)
            return None
        if mode == "400":
            return Answer(400, {"Messages": [_BAD_ADDRESS] * len(messages)})
        if mode == "sender-403":
            unauthorised = _error("send-0008", 403, "The sender is not authorised.", "From")
            return Answer(403, {"Messages": [unauthorised] * len(messages)})
        items = [self._take(m, mode, place) for place, m in enumerate(messages)]
        refused = sum(item["Status"] == "error" for item in items)
        if mode in ("500-after", "cut-after", "hang-after"):
            self.stopping.wait(20 if mode == "hang-after" else 0)
            return Answer(500, "Internal error") if mode == "500-after" else None
        if mode == "short":
            items.pop(0)
        if mode == "shuffled":
            items.reverse()
        status = 400 if mode == "mixed-400" or refused == len(items) > 0 else 200
        return Answer(status, {"Messages": items}, broken=mode == "half")

    def _take(self, message: Any, mode: str, place: int) -> dict[str, Any]:
        problem = _problem(message)
        if problem is None and mode.startswith("mixed") and place % 2:
            problem = _BAD_ADDRESS
        if problem is not None:
            return problem
        email, ref = message["To"][0]["Email"], str(message.get("CustomID", ""))
        with self._lock:
            key = (str(message.get("CustomCampaign", "")), email)
            repeated = bool(message.get("DeduplicateCampaign")) and key in self._campaigns
            self._campaigns.add(key)
            number = 576460752303423488 + len(self.taken)  # past 2**53, as Mailjet's are
            taken = Taken(
                number, str(uuid.uuid4()), ref, email, message, duplicate=repeated or mode == "duplicate"
            )
            self.taken.append(taken)
            self._by_ref.setdefault(ref, []).append(taken)
        self.untold.append(taken)
        return {
            "Status": "success", "CustomID": ref, "Cc": [], "Bcc": [],
            "To": [{
                "Email": email, "MessageUUID": taken.message_uuid, "MessageID": number,
                "MessageHref": f"{self.url}v3/REST/message/{number}",
            }],
        }

    def _event(self, message: Taken, kind: str, at: int) -> dict[str, Any]:
        event: dict[str, Any] = {
            "event": kind, "time": at, "MessageID": message.message_id, "Message_GUID": message.message_uuid,
            "email": message.email, "mj_campaign_id": 7257, "mj_contact_id": 4,
            "customcampaign": message.item.get("CustomCampaign", ""), "CustomID": message.custom_id,
            "Payload": "",
        }
        if kind == "sent":
            event |= {"mj_message_id": str(message.message_id), "smtp_reply": "sent (250 2.0.0 OK stand-in)"}
        elif kind in _BOUNCE:
            related, error = _BOUNCE[kind]
            event |= {
                "event": "bounce", "blocked": kind == "bounce", "hard_bounce": kind == "bounce",
                "error_related_to": related, "error": error, "comment": "550 5.1.1 no such user here",
            }
        elif kind in _BLOCKED:
            related, error = _BLOCKED[kind]
            event |= {"event": "blocked", "error_related_to": related, "error": error}
        elif kind == "spam":
            event |= {"source": "JMRPP"}
        if kind != "duplicate":
            message.status = _STATUS.get(kind, kind)
        return event

    def _next(self, plan: deque[str], otherwise: str) -> str:
        with self._lock:
            return plan.popleft() if plan else otherwise


def fate(message: Taken) -> tuple[str, ...]:
    """The kinds of event that a message's address asks for."""
    if message.duplicate:
        return ("duplicate",)
    local = message.email.lower()
    asked = next((k for k in ("bounce", "soft", "blocked", "spam", "late") if local.startswith(k)), "sent")
    return {"spam": ("sent", "spam"), "late": ("sent", "bounce")}.get(asked, (asked,))


def _flat(code: str, status: int, words: str) -> dict[str, Any]:
    told = {"ErrorCode": code, "StatusCode": status, "ErrorMessage": words}
    return {"ErrorIdentifier": str(uuid.uuid4())} | told


def _error(code: str, status: int, words: str, *related: str) -> dict[str, Any]:
    return {"Status": "error", "Errors": [_flat(code, status, words) | {"ErrorRelatedTo": list(related)}]}


_BAD_ADDRESS = _error("mj-0013", 400, "“Email” is not a valid address.", "To[0].Email")
_PLAIN = {
    "400-flat": lambda: Answer(400, _flat("mj-0004", 400, "Type mismatch.")),
    "403": lambda: Answer(403, _flat("send-0008", 403, "The sender is not authorised.")),
    "404": lambda: Answer(404, "<html>Not found</html>"),
    "429": lambda: Answer(429, _flat("", 429, "Too many requests.")),
    "429-date": lambda: Answer(429, "", {"Retry-After": formatdate(time.time() + 90, usegmt=True)}),
    "429-bare": lambda: Answer(429, ""),
    "500": lambda: Answer(500, "Internal error"),
    "503": lambda: Answer(503, "Unavailable", {"Retry-After": "11"}),
    "302": lambda: Answer(302, "", {"Location": "https://elsewhere.example/v3.1/send"}),
    "html": lambda: Answer(200, "<html>Welcome to our proxy</html>"),
}


def _problem(message: Any) -> dict[str, Any] | None:
    """The first thing Mailjet would not like about one message."""
    if not isinstance(message, dict) or not isinstance(message.get("From"), dict) or not message.get("To"):
        return _error("mj-0003", 400, "A mandatory property is missing.", "From", "To")
    if not _ADDRESS.fullmatch(str(message["To"][0].get("Email", ""))):
        return _BAD_ADDRESS
    if not message.get("TextPart") and not message.get("HTMLPart"):
        return _error("send-0003", 400, "At least one body part is needed.", "TextPart", "HTMLPart")
    if len(str(message.get("Subject", ""))) > 255:
        return _error("mj-0006", 400, "The subject is too long.", "Subject")
    bad = [h for h in message.get("Headers", {}) if h.lower() in _FORBIDDEN or h.lower().startswith("x-mj-")]
    if bad:
        return _error("send-0011", 400, "A header is forbidden.", *(f"Headers.{h}" for h in bad))
    if message.get("DeduplicateCampaign") and not message.get("CustomCampaign"):
        return _error("send-0012", 400, "Deduplication needs a campaign.", "DeduplicateCampaign")
    return None


def _post_events(standin: MailjetStandIn, url: str, auth: tuple[str, str] | None, unruly: bool) -> None:
    """Posts the events of what was taken, body after body, each until it is answered with 200, as Mailjet does."""
    while not standin.stopping.wait(0.2):
        while body := [standin.untold[n] for n in range(min(TOGETHER, len(standin.untold)))]:
            events = [event for taken in body for event in standin.events_for(taken)]
            while not _told(standin, url, auth, [*reversed(events), *events] if unruly else events):
                if standin.stopping.wait(0.2):
                    return
            for _ in body:
                standin.untold.popleft()


def _told(standin: MailjetStandIn, url: str, auth: tuple[str, str] | None, events: list[dict[str, Any]]) -> bool:
    try:
        return standin.deliver_events(url, auth, events) == [200]
    except requests.RequestException:
        return False


def main() -> None:
    """Runs until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.mailjet_standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", action="store_true", help="serve https; the CA's file is printed too")
    parser.add_argument("--key", default="key")
    parser.add_argument("--secret", default="secret")
    parser.add_argument("--mode", default="ok", help="how every POST is answered (see MailjetStandIn)")
    parser.add_argument("--events-url")
    parser.add_argument("--events-auth", default="", help="user:password")
    parser.add_argument("--unruly", action="store_true", help="post every event twice, and first in reversed order")
    chosen = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ended = threading.Event()
    with MailjetStandIn(
        tls=chosen.tls, port=chosen.port, key=chosen.key, secret=chosen.secret, mode=chosen.mode
    ) as standin:
        print(standin.url, *([standin.ca_file] if chosen.tls else []), flush=True)
        if chosen.events_url:
            user, _, password = chosen.events_auth.partition(":")
            auth = (user, password) if user else None
            told = (standin, chosen.events_url, auth, chosen.unruly)
            threading.Thread(target=_post_events, args=told, daemon=True).start()
        ended.wait()


if __name__ == "__main__":
    main()
