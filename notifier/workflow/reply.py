"""The reply address, proven: customers answer our letters, so before any leave, a person shows that it is read.

A test mail goes to the address with a six-digit code; whoever reads that mailbox enters it. The code is made from a
stored nonce and the installation's secret key, so it stands in that one mail and nowhere in the database or the log.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from notifier.domain.people import Actor, Kind, Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.tables import ReplyProof
from notifier.workflow import audit, deliveries
from notifier.workflow.links import Signer

SUBJECT = "reply_proof"
PROOF_DAYS = 30
"""How long a proof holds: a mailbox can be given up without anybody thinking of this."""

SOON = timedelta(days=5)
"""How long before its end a proof is worth renewing."""

GOOD_FOR = timedelta(hours=24)
"""How long the code of a test mail may be entered."""

MOST_TRIES = 5
"""Wrong codes until the test mail is spent: guessing one in a million must not pay."""


@dataclass(frozen=True)
class Standing:
    """Where an address stands: its newest `proof` and until when that holds (aware, UTC), whether it holds now, and
    the test mail whose code may still be entered."""

    address: str
    proof: ReplyProof | None
    valid_until: datetime | None
    valid: bool
    waiting: ReplyProof | None

    def ends_soon(self, now: datetime) -> bool:
        """Whether the proof holds, but not for much longer."""
        return self.valid and self.valid_until is not None and self.valid_until - now <= SOON


@dataclass(frozen=True)
class Tried:
    """A code was entered: the proof it made or, where it was wrong, None and how many tries are `left`."""

    address: str
    proof: ReplyProof | None
    left: int

    def settle(self) -> ReplyProof:
        """The proof. To be asked after the commit, which keeps the wrong try. Raises Refusal code_wrong."""
        if self.proof is None:
            raise Refusal("code_wrong", address=self.address, left=self.left)
        return self.proof


def ask(session: Session, address: str, *, actor: Actor, now: datetime) -> ReplyProof:
    """Owes a test mail with a new code to the reply address; an earlier code counts no more. A proof that still holds
    goes on holding. Raises Refusal person_needed, role_missing."""
    _refuse_others(actor)
    row = ReplyProof(address=address, nonce=secrets.token_hex(32), asked_by=actor.id or 0, asked_at=now)
    session.add(row)
    session.flush()
    deliveries.queue(session, "staff_reply_proof", SUBJECT, row.id or 0, email=address, name="", language="en", now=now)
    audit.note(session, "ask_reply_proof", SUBJECT, str(row.id), actor=actor, now=now, detail={"address": address})
    return row


def prove(session: Session, address: str, code: str, signer: Signer, *, actor: Actor, now: datetime) -> Tried:
    """Enters the code of the newest test mail to this address. The right one proves the address for 30 days from now;
    a wrong one is counted, and the mail is spent after five. Call `settle` on the answer once the transaction has
    committed.

    Raises Refusal person_needed, role_missing, bad_value for what is no code, no_code_open where none was asked for,
    or the newest is older than a day, spent or used.
    """
    _refuse_others(actor)
    given = re.sub(r"[\s-]", "", code)
    if not re.fullmatch(r"[0-9]{6}", given):
        raise Refusal("bad_value", field=N_("Code"), problem=N_("write the six digits of the test mail"))
    row = _waiting(session, address, now, lock=True)
    if row is None:
        raise Refusal("no_code_open", address=address)
    if not signer.is_code(row.nonce, given):
        row.wrong_tries += 1
        audit.note(session, "enter_wrong_code", SUBJECT, str(row.id), actor=actor, now=now,
                   refs={"tries": row.wrong_tries})
        return Tried(address, None, MOST_TRIES - row.wrong_tries)
    row.proven_by, row.proven_at = actor.id, now
    audit.note(session, "prove_reply", SUBJECT, str(row.id), actor=actor, now=now, detail={"address": address})
    return Tried(address, row, 0)


def standing(session: Session, address: str, now: datetime) -> Standing:
    """Where this exact address stands at `now`."""
    proof = session.exec(
        select(ReplyProof).where(ReplyProof.address == address, col(ReplyProof.proven_at).is_not(None))
        .order_by(col(ReplyProof.proven_at).desc(), col(ReplyProof.id).desc()).limit(1)
    ).first()
    until = proof.proven_at + timedelta(days=PROOF_DAYS) if proof and proof.proven_at else None
    return Standing(address, proof, until, until is not None and now <= until, _waiting(session, address, now))


def require(session: Session, address: str, now: datetime) -> None:
    """Raises Refusal reply_unproven, with the way out, unless a proof of this exact address holds at `now`."""
    if not standing(session, address, now).valid:
        raise Refusal("reply_unproven", address=address, details=[
            Sentence(N_("Have a code sent there: notifier reply ask, or the console page “Reply address”")),
            Sentence(N_("Whoever reads that mailbox enters it: notifier reply prove CODE, or on the same page")),
        ])


def _waiting(session: Session, address: str, now: datetime, *, lock: bool = False) -> ReplyProof | None:
    """The newest test mail, while its code may still be entered."""
    query = select(ReplyProof).where(ReplyProof.address == address).order_by(col(ReplyProof.id).desc()).limit(1)
    row = session.exec(query.with_for_update() if lock else query).first()
    is_open = (row is not None and row.proven_at is None and row.wrong_tries < MOST_TRIES
               and now <= row.asked_at + GOOD_FOR)
    return row if is_open else None


def _refuse_others(actor: Actor) -> None:
    if actor.kind is not Kind.PERSON or actor.id is None:
        raise Refusal("person_needed")
    if not actor.roles & {Role.OPS, Role.PRIVACY}:
        raise Refusal("role_missing", roles="ops, privacy")
