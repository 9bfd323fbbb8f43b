"""A customer's notice: what changes, the four dates, what answer and silence mean, and the letter as sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response
from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain.evidence import NAMES as EVIDENCE_NAMES
from notifier.domain.evidence import EvidenceKind
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.silence import WORDS
from notifier.domain.states import NoticeState
from notifier.tables import Announcement, Delivery, Evidence, Link, Objection
from notifier.web import customers
from notifier.web.customers import Visit
from notifier.web.documents import download
from notifier.web.pages import house
from notifier.workflow import blobs, consents, deliveries, documents, evidence, links, notices, objections, reckoning

bp = Blueprint("notices", __name__)
customers.prepare(bp)

PROOFS: Mapping[str, str] = {
    "provider": N_("Proven: the recipient's mail server accepted the letter."),
    "objection": N_("Proven by your own act: you objected."),
    "acknowledgement": N_("Proven by your own act: you confirmed that you have read it."),
    "consent": N_("Proven by your own act: you answered our question for consent."),
    "hand": N_("Proven: it was handed over, and a second person confirmed that."),
    "presumed": N_("Presumed under your agreement: it was sent and did not come back."),
    "imported": N_("Recorded before this page existed, with the proof kept on file."),
    "demo": N_("Demonstration: the outbox counts as delivered."),
}
"""How receipt is proven, by the rung of the ladder or, where the customer acted, by its act."""


@dataclass(frozen=True)
class Due:
    """The last day to object: reckoned from `proven` receipt or only promised, `over` or not, and why."""

    last_day: date
    proven: bool
    over: bool
    why: tuple[Sentence, ...]


@bp.get("/n/<token>")
def show(token: str) -> Response:
    """The notice, whole."""
    return _notice(token)


@bp.get("/n/<token>/letter")
def letter(token: str) -> Response:
    """The letter this contact was sent, as it was stored. Raises Refusal unknown where none has left yet."""
    with house().database.reading() as db:
        visit = customers.enter_notice(db, token)
        sent = _letter_of(db, visit)
        stored = blobs.letter(db, sent.letter_sha256) if sent else None
    if sent is None or stored is None:
        raise Refusal("unknown", what=N_("letter"), ref=visit.customer.name)
    return customers.page("objection/letter.html", sent=sent, letter=stored, mask=links.MASK)


@bp.get("/n/<token>/documents/<sha256>")
def document(token: str, sha256: str) -> Response:
    """A document about a sub-processor of this notice, where customers may see it. Raises Refusal unknown."""
    with house().database.reading() as db:
        visit = customers.enter_notice(db, token)
        shown = evidence.for_customers(db, visit.notice.id or 0)
        found = next((row for rows in shown.values() for row in rows if row.blob_sha256 == sha256), None)
        if found is None:
            raise Refusal("unknown", what="document", ref=sha256)
        body = documents.body_of(db, sha256)
    return download(found.file_name, body)


@bp.post("/n/<token>/read")
def read(token: str) -> Response:
    """The customer says that it has read the notice."""
    with house().database.transaction() as db:
        visit = customers.enter_notice(db, token)
        consents.acknowledge(db, visit.notice, actor=visit.actor, now=clock.now())
    house().ring_all()
    return customers.see(visit.to(visit.home, "read"))


@bp.get("/n/<token>/read")
def read_page(token: str) -> Response:
    """Whoever comes here by a link finds the button on the notice."""
    return _onward(token, "read")


@bp.post("/n/<token>/cases/<ref>")
def open_case(token: str, ref: str) -> Response:
    """Gives this contact its own link to a case a colleague filed under the same notice, and goes there."""
    with house().database.transaction() as db:
        visit = customers.enter_notice(db, token)
        case = objections.get(db, ref)
        if case.notice_id != visit.notice.id:
            raise Refusal("unknown", what=N_("objection"), ref=ref)
        link = links.ensure(db, links.CASE, case.id or 0, contact_id=visit.link.contact_id,
                            email=visit.link.email, now=clock.now())
        path = f"/o/{house().sender.signer.token(link)}"
    return customers.see(path)


def _onward(token: str, mark: str) -> Response:
    with house().database.reading() as db:
        visit = customers.enter_notice(db, token)
    return customers.see(visit.to(visit.home, mark))


def _notice(token: str) -> Response:
    now = clock.now()
    with house().database.reading() as db:
        visit = customers.enter_notice(db, token)
        parts = customers.parts(db, visit)
        values: dict[str, Any] = {
            "parts": parts, "standing": [p for p in parts if p.stands], "due": due(db, visit, now),
            "announcement": db.get(Announcement, visit.notice.announcement_id), "notice": visit.notice,
            "proof": _proof(visit), "asked": [c.ref for _, c in consents.consent_asked(db, visit.notice)],
            "specific": visit.terms.needs_yes,
            "read_at": consents.acknowledged_at(db, visit.notice, visit.link.contact_id),
            "cases": _cases(db, visit), "sent": _letter_of(db, visit), "reasons": _reasons(db, visit),
            "silence_words": WORDS,
            "cancelled": visit.notice.state == NoticeState.CANCELLED, "documents": _documents(db, visit),
        }
    return customers.page("objection/notice.html", **values)


@dataclass(frozen=True)
class Document:
    """A document a customer may see: its `address` on our page (then with its SHA-256) or elsewhere, and what it
    answers for (messages)."""

    name: str
    address: str
    sha256: str
    answers: tuple[str, ...]
    vouched_at: datetime


def _documents(db: Session, visit: Visit) -> dict[int, list[Document]]:
    """What the customer may see about the sub-processors of its notice, by change; each document once."""
    shown = evidence.for_customers(db, visit.notice.id or 0)
    return {change_id: _once(visit, rows) for change_id, rows in shown.items()}


def _once(visit: Visit, rows: Sequence[Evidence]) -> list[Document]:
    same: dict[str, list[Evidence]] = {}
    for row in rows:
        same.setdefault(row.blob_sha256 or row.link, []).append(row)
    found = []
    for key, copies in same.items():
        first, sha256 = copies[0], copies[0].blob_sha256 or ""
        address = visit.to(f"{visit.home}/documents/{sha256}") if sha256 else key
        answers = tuple(EVIDENCE_NAMES[EvidenceKind(row.kind)] for row in copies)
        found.append(Document(first.file_name or key, address, sha256, answers, max(row.vouched_at for row in copies)))
    return found


def due(db: Session, visit: Visit, now: datetime) -> Due | None:
    """The last day that counts, or, before receipt is proven, the one the letter promised; None where no
    letter has named one, or nothing here opens a window."""
    notice = visit.notice
    if not notice.opens_window:
        return None
    row = notices.window_of(db, notice)
    if row is not None:
        value = notices.value_of(row)
        return Due(value.last_day, notice.state == NoticeState.GIVEN, not value.is_open(now), value.why)
    if notice.promised_last_day is None:
        return None
    over = now.astimezone(ZoneInfo(visit.terms.zone)).date() > notice.promised_last_day
    return Due(notice.promised_last_day, False, over, _promise(db, visit, notice.promised_last_day))


def _promise(db: Session, visit: Visit, last_day: date) -> tuple[Sentence, ...]:
    """Why a letter named this last day: reckoned again from when it left; nothing where another results."""
    for delivery in deliveries.of_notice(db, visit.notice.id or 0):
        if delivery.promised_last_day == last_day and delivery.handed_at is not None:
            promise = reckoning.promised(db, visit.notice, delivery.handed_at)
            if promise.last_day == last_day:
                return promise.why
    return ()


def _proof(visit: Visit) -> str:
    notice = visit.notice
    if notice.given_at is None:
        return ""
    act = str((notice.proof or {}).get("act", "")) if notice.given_by == "customer" else ""
    return PROOFS.get(act or notice.given_by, N_("Proven."))


def _letter_of(db: Session, visit: Visit) -> Delivery | None:
    """The newest letter of this notice that left for this very contact."""
    sent = [
        d for d in deliveries.of_notice(db, visit.notice.id or 0)
        if d.letter_sha256 and d.contact_id == visit.link.contact_id
        and (d.contact_id is not None or d.to_email == visit.link.email)
    ]
    return sent[-1] if sent else None


def _cases(db: Session, visit: Visit) -> list[tuple[Objection, str]]:
    """The objections under this notice, each with this contact's own link to it, "" where it has none."""
    found = []
    for case in objections.of_notice(db, visit.notice.id or 0):
        link = db.exec(select(Link).where(
            Link.kind == links.CASE, Link.target_id == case.id, Link.contact_id == visit.link.contact_id,
            Link.email == visit.link.email, Link.nonce == "", col(Link.revoked_at).is_(None),
        )).first()
        found.append((case, f"/o/{house().sender.signer.token(link)}" if link else ""))
    return found


def _reasons(db: Session, visit: Visit) -> dict[int, str]:
    """Why a change was taken back, in the words of the letter that said so, by the id of its NoticeChange."""
    told = deliveries.of_notice(db, visit.notice.id or 0, "change_withdrawn")
    return {d.subject_id: d.words for d in told if d.words}
