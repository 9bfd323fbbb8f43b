"""Sample facts for every letter, with invented people and firms, for tests of letters and transports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from notifier.domain import window
from notifier.domain.evidence import NAMES, EvidenceKind
from notifier.domain.letters import (
    STAFF_LETTERS,
    Addressee,
    ContactFacts,
    Facts,
    LetterKind,
    NoticeFacts,
    ObjectionFacts,
    OwnPage,
    PageFacts,
    Shown,
    StaffFacts,
)
from notifier.domain.listing import ListedService, Organisation, PublishedChange, PublishedItem
from notifier.domain.register import EngagementValue
from notifier.domain.sentences import Fact, Name, Sentence
from notifier.domain.terms import Authorisation, Terms
from notifier.domain.transfers import Transfer

ORGANISATION = Organisation(
    legal_name="Beispiel Software AG", address="Musterstrasse 1, 8000 Zürich, Switzerland", country="CH",
    contact="privacy@beispiel.example", dpo="Dana Muster, dpo@beispiel.example",
    eu_representative="Vertretung Beispiel GmbH, Hamburg",
)
SERVICES = (ListedService("platform", "Beispiel Platform"), ListedService("archive", "Beispiel Archive"))
CUSTOMER = Addressee(
    name="Treuhand Exempel GmbH", ref="C-1042", agreement="Data processing agreement",
    agreement_date=date(2025, 8, 1), clause="section 7",
)
START = date(2026, 6, 1)
ANNOUNCED = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
LINK = "https://notices.beispiel.example/n/Zm9vYmFyYmF6cXV4.aGFzaGhhc2g"
CASE = "https://notices.beispiel.example/o/Zm9vYmFyYmF6cXV4.aGFzaGhhc2g"

NORTHWIND = EngagementValue(
    ref="northwind-hosting", legal_name="Northwind Hosting Ltd", also_known_as=("Northwind",),
    address="1 Harbour Row, Dublin 2, Ireland", country="IE", registration_no="IE 123456",
    website="https://northwind.example", contact="Nora Quinn",
    contact_position="Privacy lead", contact_address="privacy@northwind.example",
    activity="Hosting of the platform and its backups",
    data_categories=("Names", "Business addresses", "E-mail addresses", "Usage data"),
    data_subjects=("Employees of the customer", "Employees of the customer's own customers"),
    locations=("IE", "DE"), remote_access=("IE",), services=("platform",),
    guarantee="Data processing agreement under Art. 28(3) GDPR and Art. 9 DSG",
    transfer_basis="Adequacy (DSV Annex 1); no transfer outside the EEA",
    certificates=("ISO/IEC 27001:2022",), own_subprocessors="none",
)
SOUTHWIND = EngagementValue(
    ref="southwind", legal_name="Southwind Mail Inc.", address="9 Pier Street, Boston, United States",
    country="US", activity="Sending of system e-mail", data_categories=("Names", "E-mail addresses"),
    locations=("US",), services=("platform",), guarantee="Data processing addendum",
    special_categories=("Health data",), delimitation="It sends what we write, to whom we say.",
    duration="Until 31 December 2028",
)
EASTWIND = SOUTHWIND.with_(
    ref="eastwind", legal_name="Eastwind Post GmbH", address="Hafenweg 3, 20457 Hamburg, Germany",
    country="DE", locations=("DE",), contact="Emil Ost", contact_address="privacy@eastwind.example",
    remote_access=("IN", "US"), transfers=(
        Transfer("IN", "scc_3", "scc_3", "addendum of 1 March 2026"), Transfer("US", "dpf", "scc"),
    ),
)


def day_off(day: date) -> Fact | None:
    """Weekends, and Easter 2026."""
    place = Name((("en", "Zürich"),))
    easter = {
        date(2026, 4, n): Sentence("%(holiday)s in %(place)s", {"holiday": Name(tuple(names.items())), "place": place})
        for n, names in ((3, {"en": "Good Friday", "de": "Karfreitag", "fr": "Vendredi saint", "it": "Venerdì Santo"}),
                         (6, {"en": "Easter Monday", "de": "Ostermontag", "fr": "Lundi de Pâques",
                              "it": "Lunedì di Pasqua"}))
    }
    return easter.get(day) or ("weekend" if day.weekday() >= 5 else None)


SPECIFIC = Terms(authorisation=Authorisation.SPECIFIC)
PROMISE = window.promised(Terms(), ANNOUNCED, day_off)


def change(
    ref: str, kind: str, *items: tuple[EngagementValue | None, EngagementValue | None],
    start: date | None = START, services: tuple[str, ...] = ("platform",), reason: str = "",
) -> PublishedChange:
    """A published change of these before → after pairs."""
    return PublishedChange(
        ref=ref, uid=f"00000000-0000-4000-8000-{int(ref.split('-')[1]):012d}", kind=kind, state="announced",
        announced_at=ANNOUNCED, updated_at=ANNOUNCED, planned_start=start, in_effect_on=None,
        services=services, reason=reason, items=tuple(PublishedItem(*i) for i in items),
    )


ADD = change("CH-12", "add", (None, NORTHWIND), reason="Our present data centre closes in August 2026.")
REPLACE = change("CH-13", "replace", (SOUTHWIND, EASTWIND))
REMOVE = change("CH-14", "remove", (SOUTHWIND, None), start=date(2026, 3, 31))
SUPPORT = NORTHWIND.with_(activity="Support by telephone")
MOVED: dict[str, Any] = {
    "address": "7 Canal Quay, Cork, Ireland", "certificates": ("ISO/IEC 27001:2022", "SOC 2"),
}
MODIFY = change(
    "CH-15", "modify", (NORTHWIND, NORTHWIND.with_(**MOVED)), (SUPPORT, SUPPORT.with_(**MOVED)),
    services=("platform", "archive"),
)


def _envelope(kind: LetterKind, language: str) -> dict[str, Any]:
    return {
        "kind": kind, "language": language, "organisation": ORGANISATION, "to_name": "Anna Keller",
        "to_email": "anna.keller@exempel.example", "reply_to": "objections@beispiel.example",
        "base_url": "https://notices.beispiel.example", "list_url": "https://notices.beispiel.example/",
        "thread": "5f0f6f0e-3c1b-4d7a-9f43-1d7e0a4c2b11",
    }


def notice(kind: LetterKind = LetterKind.CHANGE_ANNOUNCED, language: str = "en", **other: Any) -> NoticeFacts:
    """Facts of a letter about an announcement: one addition that opens a window, unless told otherwise."""
    told: dict[str, Any] = {
        "customer": CUSTOMER, "announcement": "A-7", "changes": (ADD,), "opens_window": frozenset({ADD.ref}),
        "terms": Terms(), "last_day": PROMISE.last_day, "zone": PROMISE.zone,
        "why": PROMISE.why, "link": LINK, "edition": 12,
        "edition_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "audit_head": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
        "services": SERVICES,
    }
    if kind is LetterKind.CHANGE_WITHDRAWN:
        reason = "The tender was cancelled.\nWe stay where we are."
        told |= {"last_day": None, "opens_window": frozenset(), "reason": reason}
    if kind is LetterKind.CHANGE_IN_EFFECT:
        told |= {"last_day": None, "opens_window": frozenset(), "in_effect_on": START}
    if kind is LetterKind.CHANGE_CORRECTED:
        meant = NORTHWIND.with_(locations=("IE", "DE", "US"), transfer_basis="Standard contractual clauses, module 3")
        mended = replace(ADD, items=(PublishedItem(None, meant),))
        told |= {"changes": (mended,), "corrected": (PublishedItem(NORTHWIND, meant),),
                 "reason": "We named two places of processing. There is a third one, in the United States."}
    if kind is LetterKind.IRREGULAR_START:
        told |= {"in_effect_on": date(2026, 3, 16), "reason": "A switch was set too early.\nNobody noticed for a day."}
    if kind is LetterKind.CHANGE_PAGE:
        told |= {"elsewhere_on": date(2026, 2, 20)}
    if kind is LetterKind.START_MOVED:
        moved = replace(ADD, planned_start=date(2026, 7, 15))
        told |= {"last_day": None, "changes": (moved,), "start_was": START, "reason": "The move takes longer."}
    return NoticeFacts(**_envelope(kind, language), **(told | other))


def objection(
    kind: LetterKind = LetterKind.OBJECTION_RECEIVED, language: str = "en", **other: Any
) -> ObjectionFacts:
    """Facts of a letter about an objection to the addition."""
    told: dict[str, Any] = {
        "customer": CUSTOMER, "objection": "O-3", "changes": (ADD,), "zone": "Europe/Zurich", "in_time": True,
        "filed_at": datetime(2026, 3, 20, 14, 5, tzinfo=UTC),
        "text": "We do not want our clients' data to leave Switzerland.\n\nWhat can you offer us?",
        "words": "", "link": CASE, "services": SERVICES, "terms": Terms(),
    }
    agreed = "Your data stays in Zürich until 31 December 2026.\nWe tell you three months before that ends."
    special: dict[LetterKind, dict[str, Any]] = {
        LetterKind.OBJECTION_MESSAGE: {"words": "Would a data centre in Geneva answer your concern?"},
        LetterKind.OBJECTION_RESOLVED: {"words": agreed},
        LetterKind.OBJECTION_NOT_UPHELD: {
            "words": "All data stays encrypted with keys held in Switzerland.",
            "answer_until": date(2026, 4, 24),
        },
        LetterKind.OBJECTION_NO_AGREEMENT: {
            "words": "We cannot keep two data centres.", "right_until": date(2026, 5, 11),
        },
        LetterKind.OBJECTION_RIGHT_NOT_USED: {"right_until": date(2026, 5, 11)},
        LetterKind.SERVICE_TERMINATED: {"service": "Beispiel Platform", "ends_on": date(2026, 5, 31)},
    }
    return ObjectionFacts(**_envelope(kind, language), **(told | special.get(kind, {}) | other))


def staff(kind: LetterKind = LetterKind.STAFF_OBJECTION_FILED, **other: Any) -> StaffFacts:
    """Facts of a letter to the processor's own people."""
    if kind is LetterKind.STAFF_REPLY_PROOF:
        other = {"subject_ref": "objections@beispiel.example", "customer_name": "", "words": "042917",
                 "link": "https://notices.beispiel.example/console/reply", **other}
    if kind is LetterKind.STAFF_REVIEW_DUE:
        other = {"subject_ref": "Review of Northwind Hosting Ltd (northwind-hosting)", "customer_name": "",
                 "words": "Review of the security measures: due on 2 March 2027, yesterday.",
                 "link": "https://notices.beispiel.example/console/diligence/northwind-hosting", **other}
    if kind in (LetterKind.STAFF_DELIVERY_FAILED, LetterKind.STAFF_ADDRESS_BARRED):
        other = {"subject_ref": "legal@exempel.example", "words": "user unknown · 550 5.1.1 no such user here",
                 "link": "https://notices.beispiel.example/console/deliveries/00000000-0000-0000-0000-000000000001",
                 **other}
    if kind is LetterKind.STAFF_EVENTS_UNREADABLE:
        other = {"subject_ref": "2026-03-03 09:00 UTC", "customer_name": "", "words": "The body is not JSON.",
                 "link": "https://notices.beispiel.example/console/deliveries", **other}
    if kind is LetterKind.STAFF_HAND_DELIVERY:
        other = {"words": "2026-03-10: receipt.pdf",
                 "link": "https://notices.beispiel.example/console/notices/00000000-0000-0000-0000-000000000002/by-hand",
                 **other}
    if kind is LetterKind.STAFF_CONTACT_CHANGED:
        other = {"subject_ref": "legal@exempel.example", "words": "Lea has left us.\nPlease write to Dora.",
                 "link": "https://notices.beispiel.example/console/customers/C-1042", **other}
    told: dict[str, Any] = {
        "subject_ref": "O-3", "customer_name": CUSTOMER.name,
        "words": "We do not want our clients' data to leave Switzerland.",
        "link": "https://notices.beispiel.example/console/objections/O-3",
    }
    return StaffFacts(**_envelope(kind, "en"), **(told | other))


PAGES = (LetterKind.MY_LINK, LetterKind.DECISION_LINK, LetterKind.CONTACT_CONFIRM, LetterKind.CONTACT_CHANGED)


def of_pages(kind: LetterKind, language: str = "en", **other: Any) -> PageFacts:
    """A letter that opens a customer's own pages, or tells of what was done there."""
    pages = (OwnPage(CUSTOMER.name, "https://notices.beispiel.example/my/Zm9vYmFyYmF6cXV4.aGFzaGhhc2g"),)
    if kind is LetterKind.MY_LINK:
        pages += (OwnPage("Exempel Holding AG", "https://notices.beispiel.example/my/Zm9vYmFyYmF6cXV5.aGFzaGhhc2h"),)
    told: dict[str, Any] = {
        "pages": pages, "act": "change", "about": "", "until": datetime(2026, 3, 11, 9, 0, tzinfo=UTC),
        "zone": "Europe/Zurich", "old": "recht@exempel.example", "new": "datenschutz@exempel.example",
        "by": "Rita Recht, recht@exempel.example",
    }
    if kind is LetterKind.DECISION_LINK:
        told |= {"act": "consent", "about": "A-7", "old": "", "new": "", "by": ""}
    return PageFacts(**_envelope(kind, language), **(told | other))


def facts(kind: LetterKind, language: str = "en") -> Facts:
    """Sample facts for any letter."""
    if kind in STAFF_LETTERS:
        return replace(staff(kind), language=language)
    if kind in PAGES:
        return of_pages(kind, language)
    if kind.value.startswith(("change_", "window_", "start_", "irregular_", "consent_")):
        return notice(kind, language)
    if kind is LetterKind.CONTACT_CHECK:
        return contact_check(language)
    return objection(kind, language)


def contact_check(language: str = "en", **other: Any) -> ContactFacts:
    """Facts of the letter that asks whether an address is still the right one."""
    told: dict[str, Any] = {"customer": CUSTOMER, "link": LINK.replace("/n/", "/c/"), "again": False}
    return ContactFacts(**_envelope(LetterKind.CONTACT_CHECK, language), **(told | other))


def several(language: str = "en", **other: Any) -> NoticeFacts:
    """One announcement of every kind of change; the removal informs only."""
    changes = (ADD, REPLACE, REMOVE, MODIFY)
    told: dict[str, Any] = {
        "changes": changes, "opens_window": frozenset({ADD.ref, REPLACE.ref, MODIFY.ref}),
        "documents": (Shown(ADD.ref, (NAMES[EvidenceKind.SECURITY_REVIEW], NAMES[EvidenceKind.AGREEMENT])),),
    }
    return notice(language=language, **(told | other))
