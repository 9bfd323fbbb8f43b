"""Mailjet: Send API v3.1 for letters, v3 to look one up. One POST per call, whatever happens to it.

As shipped, the client repeats a POST that timed out, was cut or met a 5xx, up to three times and only over
https: one notice could reach a customer four times. So its adapter is replaced by one that repeats nothing
but a failed attempt to connect. What is known after a call, and what is not, is told by the outcomes.
"""

from __future__ import annotations

import logging
import ssl
import uuid
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from mailjet_rest import Client
from mailjet_rest.errors import ApiError
from mailjet_rest.utils.guardrails import SecureHTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError
from urllib3.util.retry import Retry

from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.mail.transport import Batch, LookupFailed, Message, Outcome, Verdict, addr_spec, alike, brief

URL = "https://api.mailjet.com/"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PAUSE = 5.0  # after a 429 that names no time: Mailjet's limits are per second
# Codes that no letter can help: key suspended, bad credentials, sender not authorised.
_NEEDS_A_PERSON = frozenset({"mj-0001", "mj-0015", "send-0008"})
_PER_MESSAGE = (200, 201, 400, 401, 403)  # answers that may carry one item per message
# The furthest first: where one CustomID has several messages, the one that got furthest is told.
_STATUSES = (
    "clicked", "opened", "sent", "spam", "unsub", "hardbounced", "bounce", "softbounced", "blocked",
    "deferred", "queued", "unknown",
)

# The client's tracebacks of timeouts say nothing that an Outcome does not say.
logging.getLogger("mailjet_rest").setLevel(logging.CRITICAL)


class Mailjet:
    """The transport over Mailjet. `url` is Mailjet's or a loopback address, as its client demands. `timeout`
    is (to connect, to wait for an answer) in seconds. With `deduplicate` each delivery is a campaign of its
    own, in which Mailjet lets one mail per recipient through: a letter sent twice still arrives once.

    Raises Refusal `bad_value` for a url the client would not take, and for missing credentials.
    """

    name = "mailjet"
    batch = 50  # per call, Send API v3.1
    looks = True

    def __init__(
        self, key: str, secret: str, url: str = URL, *, deduplicate: bool = True,
        timeout: tuple[float, float] = (5.0, 20.0),
    ) -> None:
        _check(key, secret, url)
        self._auth = (key.strip(), secret.strip())
        self._url = url
        self._deduplicate = deduplicate
        self._timeout = timeout
        self._clients: dict[str, Any] = {}

    def send(self, messages: Sequence[Message]) -> Batch:
        """One POST for all `messages` (at most `batch`). ACCEPTED means that Mailjet has taken the letter,
        not that anybody received it. A letter that cannot be one is REFUSED here and holds up no other.
        """
        items: list[dict[str, Any]] = []
        refused: dict[str, Outcome] = {}
        for message in messages:
            try:
                items.append(self._item(message))
            except ValueError as error:
                refused[message.ref] = Outcome(
                    message.ref, Verdict.REFUSED, code="malformed", words=brief(str(error))
                )
        batch = self._post([m for m in messages if m.ref not in refused], items)
        known = refused | {outcome.ref: outcome for outcome in batch.outcomes}
        return Batch(tuple(known[m.ref] for m in messages), batch.pause, batch.halt, batch.trouble)

    def lookup(self, ref: str) -> Outcome | None:
        """What Mailjet knows of the message with this CustomID: ACCEPTED, its ids and, as `code`, its status
        in Mailjet's words ("sent", "bounce", "blocked" …); None where it knows none. A message may show up a
        while after it was accepted, so absence proves something only when it is seen twice.

        Raises LookupFailed where there is no answer that could be trusted.
        """
        try:
            answer = self._client("v3").message.get(
                filters={"CustomID": ref, "ShowCustomID": "true"}, allow_redirects=False
            )
        except ApiError as error:
            raise LookupFailed(brief(str(error))) from error
        body = _json(answer)
        rows = body.get("Data")
        if answer.status_code != 200 or not isinstance(rows, list):
            raise LookupFailed(f"Mailjet answered {answer.status_code} without a list of messages.")
        rows = [r for r in rows if isinstance(r, dict) and r.get("CustomID", ref) == ref]
        if not rows:
            return None
        row = min(rows, key=lambda r: _rank(r.get("Status")))
        return Outcome(
            ref, Verdict.ACCEPTED, provider_id=str(row.get("ID", "")), provider_uuid=str(row.get("UUID", "")),
            code=brief(str(row.get("Status", "unknown"))),
        )

    def close(self) -> None:
        """Closes the kept connections; the next call opens new ones."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _client(self, version: str) -> Any:
        if version not in self._clients:
            client = Client(auth=self._auth, version=version, api_url=self._url, timeout=self._timeout)
            # No total: it would count against connecting too, and each kind of failure has its own count.
            only_connecting = Retry(
                total=None, connect=2, read=0, status=0, redirect=0, other=0, backoff_factor=0.2
            )
            adapter = SecureHTTPAdapter(pool_connections=4, pool_maxsize=8, max_retries=only_connecting)
            for scheme in ("https://", "http://"):
                client.session.mount(scheme, adapter)
            self._clients[version] = client
        return self._clients[version]

    def _item(self, message: Message) -> dict[str, Any]:
        if "\n" in message.subject or "\r" in message.subject:
            raise ValueError("The subject holds a line break.")
        text, html = message.bodies
        item: dict[str, Any] = {
            "From": _mailbox(message.from_name, message.from_email),
            "To": [_mailbox(message.to_name, message.to_email)],
            "Subject": message.subject,
            "TextPart": text,
            "HTMLPart": html,
            "CustomID": message.ref,
            "TrackOpens": "disabled",
            "TrackClicks": "disabled",
        }
        if message.reply_to:
            item["ReplyTo"] = _mailbox("", message.reply_to)
        if message.headers:
            item["Headers"] = dict(message.headers)
        if self._deduplicate:
            item |= {"CustomCampaign": message.ref, "DeduplicateCampaign": True}
        return item

    def _post(self, messages: Sequence[Message], items: list[dict[str, Any]]) -> Batch:
        if not messages:
            return Batch(())
        try:
            # The client's own key is equal for two letters of equal text, and Mailjet documents none.
            answer = self._client("v3.1").send.create(
                data=orjson.dumps({"Messages": items}), allow_redirects=False,
                headers={"Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/json"},
            )
        except ApiError as error:
            answer = getattr(error.__cause__, "response", None)
            if answer is None:
                return _silence(messages, error.__cause__ or error)
        return self._read(messages, items, answer)

    def _read(
        self, messages: Sequence[Message], items: list[dict[str, Any]], answer: requests.Response
    ) -> Batch:
        status, body = answer.status_code, _json(answer)
        told = body.get("Messages")
        if isinstance(told, list) and status in _PER_MESSAGE:
            return _each(messages, told)
        code = brief(str(body.get("ErrorCode") or status))
        words = str(body.get("ErrorMessage") or answer.text[:500] or answer.reason)
        if code in _NEEDS_A_PERSON or status in (401, 403):
            return alike(messages, Verdict.HELD, code, words, halt=f"Mailjet does not let us send: {words}")
        if status == 429:
            return alike(messages, Verdict.HELD, code, words, pause=_retry_after(answer) or _PAUSE)
        if status in (413, 422) or (status == 400 and body):
            return self._halves(messages, items, code, words)
        trouble = f"Mailjet answers {status}: {words}"
        if status == 408:
            return alike(messages, Verdict.HELD, code, words, trouble=trouble)
        if 300 <= status < 500 and status != 400:
            halt = f"Nothing at {self._url} takes letters (answer {status}). Check NOTIFIER_MAILJET_URL."
            return alike(messages, Verdict.HELD, code, words, halt=halt)
        return alike(messages, Verdict.UNCERTAIN, code, words, pause=_retry_after(answer), trouble=trouble)

    def _halves(
        self, messages: Sequence[Message], items: list[dict[str, Any]], code: str, words: str
    ) -> Batch:
        """The whole call was turned away, so none of it left: try its halves, down to the letter to blame."""
        if len(messages) == 1:
            return alike(messages, Verdict.REFUSED, code, words)
        middle = len(messages) // 2
        first = self._post(messages[:middle], items[:middle])
        if first.halt or first.pause or first.trouble:
            rest = alike(messages[middle:], Verdict.HELD, code, words)
        else:
            rest = self._post(messages[middle:], items[middle:])
        return Batch(first.outcomes + rest.outcomes, first.pause or rest.pause, first.halt or rest.halt,
                     first.trouble or rest.trouble)


def _check(key: str, secret: str, url: str) -> None:
    if not key.strip() or not secret.strip():
        raise Refusal(
            "bad_value", field="MAILJET_API_KEY, MAILJET_API_SECRET",
            problem=N_("Both are needed. Mailjet shows them under “API keys”."),
        )
    parts = urlsplit(url)
    host = parts.hostname or ""
    ours = host in _LOOPBACK and parts.scheme in ("http", "https")
    theirs = parts.scheme == "https" and f".{host}".endswith(".mailjet.com")
    if not ours and not theirs:
        raise Refusal(
            "bad_value", field="NOTIFIER_MAILJET_URL",
            problem=N_("It has to be https://…mailjet.com, or localhost, 127.0.0.1 or ::1 for trying out."),
        )


def _mailbox(name: str, email: str) -> dict[str, str]:
    mailbox = {"Email": addr_spec(email)}
    return mailbox | {"Name": name} if name else mailbox


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _rank(status: object) -> int:
    return _STATUSES.index(status) if isinstance(status, str) and status in _STATUSES else len(_STATUSES)


def _each(messages: Sequence[Message], told: list[Any]) -> Batch:
    """Items come in the order of the messages; those that succeeded carry the CustomID, which goes first."""
    items = [item if isinstance(item, dict) else {} for item in told]
    named = {item["CustomID"]: item for item in items if isinstance(item.get("CustomID"), str)}
    outcomes: list[Outcome] = []
    halts: list[str] = []
    pauses: list[str] = []
    for place, message in enumerate(messages):
        item = named.get(message.ref)
        if item is None and len(items) == len(messages) and not items[place].get("CustomID"):
            item = items[place]
        outcome, status = _told(message, item or {})
        outcomes.append(outcome)
        if outcome.verdict is Verdict.HELD:
            (pauses if status == 429 else halts).append(outcome.words)
    in_doubt = [o.words for o in outcomes if o.verdict is Verdict.UNCERTAIN]
    return Batch(
        tuple(outcomes), pause=_PAUSE if pauses else None,
        halt=brief(f"Mailjet does not let us send: {halts[0]}") if halts else "",
        trouble=in_doubt[0] if len(in_doubt) == len(outcomes) else "",
    )


def _told(message: Message, item: Mapping[str, Any]) -> tuple[Outcome, int]:
    """The outcome of one item, and the HTTP status Mailjet gives its error."""
    if item.get("Status") == "success":
        to = item.get("To")
        taken = to[0] if isinstance(to, list) and to and isinstance(to[0], dict) else {}
        return Outcome(
            message.ref, Verdict.ACCEPTED,
            provider_id=str(taken.get("MessageID") or ""), provider_uuid=str(taken.get("MessageUUID") or ""),
        ), 200
    errors = [e for e in item.get("Errors") or () if isinstance(e, dict)]
    if item.get("Status") != "error" or not errors:
        words = "Mailjet's answer says nothing of this letter."
        return Outcome(message.ref, Verdict.UNCERTAIN, code="no answer", words=words), 0
    verdicts = [(_verdict(e), e) for e in errors]
    gravest = (Verdict.UNCERTAIN, Verdict.HELD, Verdict.REFUSED)
    verdict, worst = min(verdicts, key=lambda pair: gravest.index(pair[0]))
    words = "; ".join(_words(e) for e in errors)
    code = brief(str(worst.get("ErrorCode") or worst.get("StatusCode") or "error"))
    return Outcome(message.ref, verdict, code=code, words=brief(words)), _status(worst)


def _verdict(error: Mapping[str, Any]) -> Verdict:
    """Of one letter's error: a 5xx says nothing certain, a missing right or a full second lets it go later,
    all else (mj-0002 to mj-0013, send-0003, send-0010 to send-0015) would be refused again."""
    status = _status(error)
    if status >= 500:
        return Verdict.UNCERTAIN
    if error.get("ErrorCode") in _NEEDS_A_PERSON or status in (401, 403, 429):
        return Verdict.HELD
    return Verdict.REFUSED


def _status(error: Mapping[str, Any]) -> int:
    status = str(error.get("StatusCode", ""))
    return int(status) if status.isdecimal() and len(status) == 3 else 0


def _words(error: Mapping[str, Any]) -> str:
    related = error.get("ErrorRelatedTo")
    where = f" ({', '.join(map(str, related))})" if isinstance(related, list) and related else ""
    return f"{error.get('ErrorMessage', 'error')}{where}"


def _silence(messages: Sequence[Message], cause: BaseException) -> Batch:
    """No answer at all. Only where no connection came about is it known that nothing left."""
    reason = cause.args[0] if cause.args else cause
    reason = getattr(reason, "reason", reason)
    if isinstance(reason, SSLError) and isinstance(reason.args[0], ssl.SSLCertVerificationError):
        halt = f"The certificate shown at Mailjet's address cannot be trusted: {reason.args[0]}"
        return alike(messages, Verdict.HELD, "certificate", halt, halt=halt)
    apart = (requests.ConnectTimeout, requests.exceptions.ProxyError, requests.exceptions.InvalidURL)
    if isinstance(cause, apart) or isinstance(reason, NewConnectionError | ConnectTimeoutError):
        words = f"Mailjet was not reached: {cause}"
        return alike(messages, Verdict.HELD, "unreachable", words, trouble=words)
    code = "timeout" if isinstance(cause, requests.Timeout) else "cut"
    words = f"Mailjet's answer did not come, so nobody knows whether it took the letter: {cause}"
    return alike(messages, Verdict.UNCERTAIN, code, words, trouble=f"Mailjet's answer did not come: {cause}")


def _retry_after(answer: requests.Response) -> float | None:
    """Seconds to wait: Retry-After as a number, or as a date against the answer's Date (RFC 9110, 10.2.3)."""
    value = answer.headers.get("Retry-After", "").strip()
    try:
        if value.isdecimal():
            seconds = float(value[:9])
        else:
            date = parsedate_to_datetime(answer.headers["Date"])
            seconds = (parsedate_to_datetime(value) - date).total_seconds()
    except (ValueError, TypeError, KeyError):
        return None
    return min(max(seconds, 1.0), 3600.0)
