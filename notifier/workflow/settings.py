"""The settings table: the organisation and its defaults, seeded once, then ruling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from notifier.domain.listing import Organisation
from notifier.domain.people import Actor
from notifier.domain.terms import HolidaySet, Terms
from notifier.tables import Setting
from notifier.workflow import audit

LANGUAGE = "organisation.language"
SECRECY = "organisation.customers_bound_by_secrecy"
DATA_DAYS, BY_THE_AGREEMENT = "retention.days_after_contract", 120


def seed(
    session: Session, organisation: Organisation, terms: Terms, language: str, secrecy: bool = False, *, actor: Actor,
    now: datetime,
) -> bool:
    """Writes the environment's values as settings, unless there are settings already. True if it did."""
    if session.exec(select(Setting.key)).first() is not None:
        return False
    values = _flat(organisation, terms, language, secrecy) | {DATA_DAYS: BY_THE_AGREEMENT}
    session.add_all(Setting(key=key, value=value, changed_at=now) for key, value in values.items())
    audit.note(session, "seed", "settings", "", actor=actor, now=now, count=len(values), detail={"after": values})
    return True


def organisation(session: Session) -> Organisation:
    """The processor as letters and pages name it."""
    return Organisation(**_under(session, "organisation.", set(Organisation.__dataclass_fields__)))


def language(session: Session) -> str:
    """The organisation's first language."""
    row = session.get(Setting, LANGUAGE)
    return str(row.value) if row else "en"


def bound_by_secrecy(session: Session) -> bool:
    """Whether customers are bound by professional secrecy, as trustees and lawyers are (Annex 1 section 2.6): a new
    sub-processor then has to be bound by it too. No where nobody has said."""
    row = session.get(Setting, SECRECY)
    return bool(row and row.value)


def data_days(session: Session) -> int:
    """How many days after the end of a contract the customer's data has to be deleted or anonymised."""
    row = session.get(Setting, DATA_DAYS)
    return int(row.value) if row else BY_THE_AGREEMENT


def default_terms(session: Session) -> Terms:
    """The organisation's default terms, for whatever a customer's contract does not say differently."""
    return Terms.from_json(_under(session, "terms.", set(Terms.__dataclass_fields__)))


def extra_holidays(session: Session) -> list[str]:
    """The organisation's further holidays, which count for every customer, as ISO dates in order."""
    row = session.get(Setting, "terms.extra_holidays")
    return sorted(row.value) if row else []


def terms_of(session: Session, own: Mapping[str, Any], country: str = "", subdivision: str = "") -> Terms:
    """A customer's terms: its own, over the defaults; see `over`."""
    return over(default_terms(session), own, country, subdivision)


def over(base: Terms, own: Mapping[str, Any], country: str = "", subdivision: str = "") -> Terms:
    """A customer's terms over these defaults, for whoever asks for many. The holidays of its place join the seat's, and
    its own further holidays the organisation's (reference B2.5: the union of both), unless its own terms name the
    sets."""
    whole = base.to_json() | dict(own)
    if "silence" not in own and whole["authorisation"] != base.authorisation:
        whole.pop("silence")  # what silence means follows the authorisation
    whole["extra_holidays"] = sorted({*base.to_json()["extra_holidays"], *own.get("extra_holidays", ())})
    if "holiday_sets" not in own and country:
        place = str(HolidaySet(country, subdivision))
        whole["holiday_sets"] = list(dict.fromkeys([*base.to_json()["holiday_sets"], place]))
    return Terms.from_json(whole)


def differing(
    session: Session, organisation: Organisation, terms: Terms, language: str, secrecy: bool = False
) -> dict[str, tuple[Any, Any]]:
    """Where the environment says something other than the table: key -> (environment, table)."""
    wanted = _flat(organisation, terms, language, secrecy)
    plain = {f"terms.{name}": value for name, value in Terms().to_json().items()}  # some are younger than the table
    held = {SECRECY: False} | plain | {row.key: row.value for row in session.exec(select(Setting))}
    return {key: (value, held.get(key)) for key, value in wanted.items() if held.get(key) != value}


def _flat(organisation: Organisation, terms: Terms, language: str, secrecy: bool) -> dict[str, Any]:
    return {
        **{f"organisation.{k}": v for k, v in asdict(organisation).items()},
        **{f"terms.{k}": v for k, v in terms.to_json().items()},
        LANGUAGE: language,
        SECRECY: secrecy,
    }


def _under(session: Session, prefix: str, names: set[str]) -> dict[str, Any]:
    rows = session.exec(select(Setting.key, Setting.value).where(col(Setting.key).startswith(prefix)))
    found = {key.removeprefix(prefix): value for key, value in rows}
    if not found:
        return {"legal_name": "", "address": "", "country": ""} if prefix == "organisation." else {}
    return {k: v for k, v in found.items() if k in names}
