"""Text that is longer than what holds it: refused in words before it is stored, alike on every database (SQLite would
take it whole, PostgreSQL would fail). Verbs that know a better sentence say it first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, SQLModel

from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.workflow import audit

REASON, CASE_REASON = 4000, 20000  # characters of a reason; in a case it is a letter to the customer

LABELS: Mapping[str, str] = {
    "reason": N_("Reason"), "words": N_("Words"), "how": N_("How"), "separable_how": N_("How"), "name": N_("Name"),
    "email": N_("E-mail"), "text": N_("Text"), "measure": N_("Measure"), "phone": N_("Phone"), "label": N_("Label"),
}


@lru_cache
def limits(table: str) -> Mapping[str, int]:
    """The most characters each text column of a table holds."""
    lengths = {column.name: getattr(column.type, "length", None) for column in SQLModel.metadata.tables[table].columns
               if not isinstance(column.type, sa.Enum)}
    return {name: most for name, most in lengths.items() if most}


@event.listens_for(Session, "before_flush")
def _refuse_rows(session: Session, context: Any, instances: Any) -> None:
    for row in (*session.new, *session.dirty):
        for name, most in limits(row.__tablename__).items():
            value = vars(row).get(name)
            if isinstance(value, str) and len(value) > most:
                raise _too_long(LABELS.get(name, name), most)


@event.listens_for(Session, "before_commit", insert=True)
def _refuse_reasons(session: Session) -> None:
    for draft in session.info.get(audit._PENDING, ()):
        most = CASE_REASON if draft.entry["subject_kind"] == "objection" else REASON
        if len(str(draft.detail.get("reason", ""))) > most:
            raise _too_long(LABELS["reason"], most)


def _too_long(field: str, most: int) -> Refusal:
    problem = Sentence(N_("this is longer than %(most)s characters"), {"most": most})
    return Refusal("bad_value", field=field, problem=problem)
