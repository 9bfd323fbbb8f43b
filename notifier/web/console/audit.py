"""The audit log as people read it, and the button that checks its chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from flask import Response, request
from sqlmodel import Session, col, select

from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import MACHINES
from notifier.tables import AuditDetail, AuditEntry
from notifier.web.access import staff
from notifier.web.console.desk import Names, bp, page
from notifier.web.pages import house
from notifier.workflow import audit, verify, watched, written
from notifier.workflow.watched import Way

SHOWN = 100
REPLACED, LONGEST = 8, 80  # values shown of an act, and characters of each
_BOOKKEEPING = frozenset({"updated_at", "changed_at", "session_epoch"})

WORDS: Mapping[str, Mapping[str, str]] = {
    **{machine.name: machine.sentences for machine in MACHINES},
    "evidence": {"vouch": N_("vouched for"), "renew": N_("looked at again")},
    "offboarding": {
        "open": N_("opened"), "confirm": N_("confirmed what became of the data"), "extend": N_("moved the due day"),
    },
    "": {
        "acknowledge": N_("acknowledged that it was received"),
        "add": N_("added"),
        "announce": N_("made known"),
        "begin": N_("began to announce"),
        "consent": N_("answered yes or no"),
        "give_up": N_("gave up announcing: something had changed meanwhile"),
        "irregular_start": N_("made known after processing had begun"),
        "lane_open": N_("opened the way out for letters"),
        "lane_shut": N_("shut the way out for letters"),
        "ask_hand_delivery": N_("asked a second person to confirm: delivered by hand"),
        "requeue_letter": N_("had a letter of unknown outcome sent again"),
        "cancel_letter": N_("let a letter of unknown outcome be"),
        "prove": N_("proved what was only presumed"),
        "confirm_hand_delivery": N_("confirmed a delivery by hand"),
        "right_opened": N_("opened the right of termination: its letter is proven"),
        "set": N_("changed a setting"),
        "set_password": N_("set a password"),
        "set_roles": N_("gave other roles"),
        "write": N_("wrote down what a letter promises"),
        "ask_correct": N_("asked a second person to sign: a correction"),
        "ask_exclude": N_("asked an engineer to leave a customer out"),
        "ask_override": N_("asked a second person to sign: obstacles set aside"),
        "ask_irregular_start": N_("asked a second person to sign: started irregularly"),
        "ask_not_uphold": N_("asked a second person to sign: not upheld"),
        "ask_right_not_used": N_("asked a second person to sign: right not used"),
        "confirm_separable": N_("confirmed whether customers can be left out"),
        "correct": N_("corrected what was told"),
        "end_exclusion": N_("ended the exclusion of a customer"),
        "exclude": N_("confirmed that a customer is left out"),
        "extend": N_("gave more time to object"),
        "move_start": N_("moved the start"),
        "owe": N_("made known to customers who came after the announcement"),
        "free": N_("no longer waits for customers who stopped buying what it concerns"),
        "record_annex": N_("recorded the edition in the annex"),
        "mail_pages": N_("mailed customers the link to their page"),
        "take_over": N_("taken over: announced elsewhere"),
        "override": N_("set obstacles aside, as the second person"),
        "recheck_exclusion": N_("looked again at a customer left out"),
        "retire_replaced": N_("ended what was replaced"),
        "disable": N_("ended the access of a person"),
        "edit": N_("rewritten"),
        "event": N_("reported by the mail provider"),
        "file": N_("filed by the customer"),
        "import": N_("taken in from a file"),
        "upload": N_("uploaded a file of customers"),
        "ask_import": N_("asked for an uploaded file to be taken in"),
        "discard_upload": N_("let go of an uploaded file"),
        "import_whole": N_("took customers in from a file"),
        "import_baseline": N_("taken as the starting list"),
        "message": N_("wrote a message"),
        "print": N_("printed for registered post"),
        "propose": N_("proposed"),
        "ask_reply_proof": N_("sent a test mail to the reply address"),
        "enter_wrong_code": N_("entered a wrong code for the reply address"),
        "prove_reply": N_("proved that the reply address is read"),
        "release": N_("released to customers"),
        "remind": N_("reminded of reviews and offboardings that are due"),
        "send_test": N_("sent themselves a letter as a test"),
        "ask_contacts": N_("asked contacts whether their address is still right"),
        "confirm_contact": N_("confirmed a contact’s address"),
        "doubt_contact": N_("said that something about a contact has changed"),
        "remind_closing": N_("reminded customers of windows about to end"),
        "works_again": N_("saw that a letter arrives again where one came back"),
        "add_contact": N_("added a contact"),
        "change_contact": N_("changed a contact"),
        "order_contacts": N_("put contacts in order"),
        "retire_contact": N_("retired a contact"),
        "ask_contact": N_("asked to be written to at another address"),
        "drop_contact_change": N_("took back a change of contacts"),
        "rename_contact": N_("changed a contact’s name or telephone"),
        "send_link": N_("was mailed a fresh link"),
        "recount": N_("counted a window again"),
        "remind_consent": N_("reminded of an open question for consent"),
        "revoke": N_("revoked"),
        "seed": N_("settings taken from the environment"),
        "several": N_("several moves of letters"),
        "sign_in": N_("signed in"),
        "start_open": N_("left the start open: something stood in the way on the day"),
        "take_back": N_("took it back from everybody who was told"),
        "window_closed": N_("the window ended"),
    },
}
SUBJECTS: Mapping[str, str] = {
    "change": N_("Change"), "announcement": N_("Announcement"), "notice": N_("Notice"), "delivery": N_("Letters"),
    "objection": N_("Objection"), "customer": N_("Customers"), "user": N_("Person"), "token": N_("Token"),
    "settings": N_("Settings"), "register": N_("List"), "evidence": N_("Due diligence"),
    "offboarding": N_("Offboarding"), "reply_proof": N_("Reply address"), "lane": N_("Way out for letters"),
    "rows": N_("Rows"),
}
_PAGES = {
    "change": "/console/changes/", "announcement": "/console/announcements/", "objection": "/console/objections/",
}


@dataclass(frozen=True)
class Replaced:
    """What an act put in place of what: a column's name, and how many rows it concerned."""

    name: str
    before: str
    after: str
    count: int


@dataclass(frozen=True)
class Act:
    """One entry of the log: `words` a message, `reason` and `detail` from its readable side, if not erased."""

    seq: int
    at: datetime
    who: str
    words: str
    count: int
    reason: str
    subject: str
    subject_id: str
    address: str
    before: str
    after: str
    hash: str
    replaced: tuple[Replaced, ...]


def acts(rows: Iterable[tuple[AuditEntry, Mapping[str, Any]]], names: Names) -> list[Act]:
    """Entries with their readable sides, in words."""
    return [_act(entry, detail, names) for entry, detail in rows]


def of(session: Session, kind: str, ref: str, names: Names) -> list[Act]:
    """What was done to one subject, oldest first."""
    return acts(audit.history(session, kind, ref), names)


def _act(entry: AuditEntry, detail: Mapping[str, Any], names: Names) -> Act:
    own = WORDS.get(entry.subject_kind, {})
    page_of = _PAGES.get(entry.subject_kind, "")
    return Act(
        entry.seq, datetime.fromisoformat(entry.at), names(entry.actor),
        own.get(entry.action) or WORDS[""].get(entry.action, entry.action), entry.count,
        str(detail.get("reason", "")), SUBJECTS.get(entry.subject_kind, entry.subject_kind), entry.subject_id,
        page_of + entry.subject_id if page_of and entry.subject_id else "", entry.before, entry.after, entry.hash,
        tuple(islice(_replaced(entry, detail), REPLACED)),
    )


def _replaced(entry: AuditEntry, detail: Mapping[str, Any]) -> Iterator[Replaced]:
    """What stood there before and was altered; new rows, hashes and bookkeeping are left out."""
    for fact in written.told(entry.refs, detail):
        hidden = fact.column in _BOOKKEEPING or watched.ways(fact.table).get(fact.column, Way.HASHED) is Way.HASHED
        if fact.before is not None and not hidden and not isinstance(fact.before, dict):
            table = fact.table.removesuffix("_account")
            name = fact.column if table == entry.subject_kind else f"{table} {fact.column}"
            yield Replaced(name.replace("_", " "), _shown(fact.before), _shown(fact.after), len(fact.ids))


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@bp.get("/audit")
@staff
def audit_page() -> Response:
    """The newest entries; `?before=<seq>` for older ones, `?verify=1` checks the whole chain first."""
    before = request.args.get("before", type=int)
    with house().database.reading() as db:
        faults: list[Sentence] | None = verify.chain(db) if "verify" in request.args else None
        query = select(AuditEntry, AuditDetail).join(
            AuditDetail, col(AuditDetail.seq) == col(AuditEntry.seq), isouter=True)
        if before is not None:
            query = query.where(col(AuditEntry.seq) < before)
        rows = db.exec(query.order_by(col(AuditEntry.seq).desc()).limit(SHOWN)).all()
        shown = acts(((entry, side.detail if side else {}) for entry, side in rows), Names(db))
        head = audit.head(db)
        return page("audit.html", acts=shown, faults=faults, head=head, older=len(shown) == SHOWN)
