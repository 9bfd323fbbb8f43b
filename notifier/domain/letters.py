"""What each letter is told: the facts a letter's template may use, one dataclass per family of letters.

`workflow.letters` fills these from the tables, `mail.render` puts them into `templates/email/<kind>/`.
All dates are civil dates in `zone`, all moments aware; nothing is preformatted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from notifier.domain.listing import ListedService, Organisation, PublishedChange, PublishedItem
from notifier.domain.sentences import Sentence
from notifier.domain.terms import Terms


class LetterKind(StrEnum):
    """Every letter there is; the value names its folder under `templates/email/`."""

    CHANGE_ANNOUNCED = "change_announced"
    CHANGE_PREVIEWED = "change_previewed"
    CHANGE_CORRECTED = "change_corrected"
    CHANGE_WITHDRAWN = "change_withdrawn"
    CHANGE_IN_EFFECT = "change_in_effect"
    WINDOW_EXTENDED = "window_extended"
    WINDOW_CLOSING = "window_closing"
    START_MOVED = "start_moved"
    IRREGULAR_START = "irregular_start"
    CHANGE_PAGE = "change_page"
    OBJECTION_RECEIVED = "objection_received"
    OBJECTION_ACKNOWLEDGED = "objection_acknowledged"
    OBJECTION_MESSAGE = "objection_message"
    OBJECTION_RESOLVED = "objection_resolved"
    OBJECTION_NOT_UPHELD = "objection_not_upheld"
    OBJECTION_NO_AGREEMENT = "objection_no_agreement"
    OBJECTION_RIGHT_NOT_USED = "objection_right_not_used"
    OBJECTION_WITHDRAWN = "objection_withdrawn"
    SERVICE_TERMINATED = "service_terminated"
    CONTACT_CHECK = "contact_check"
    CONSENT_REMINDER = "consent_reminder"
    MY_LINK = "my_link"
    DECISION_LINK = "decision_link"
    CONTACT_CONFIRM = "contact_confirm"
    CONTACT_CHANGED = "contact_changed"
    STAFF_OBJECTION_FILED = "staff_objection_filed"
    STAFF_REVIEW_REQUESTED = "staff_review_requested"
    STAFF_DELIVERY_FAILED = "staff_delivery_failed"
    STAFF_ADDRESS_BARRED = "staff_address_barred"
    STAFF_EVENTS_UNREADABLE = "staff_events_unreadable"
    STAFF_HAND_DELIVERY = "staff_hand_delivery"
    STAFF_REVIEW_DUE = "staff_review_due"
    STAFF_REPLY_PROOF = "staff_reply_proof"
    STAFF_CONTACT_CHANGED = "staff_contact_changed"


NOTICE_LETTERS = frozenset({
    LetterKind.CHANGE_ANNOUNCED, LetterKind.CHANGE_CORRECTED, LetterKind.IRREGULAR_START,
})
"""Letters that are the notice itself where their subject is one: proof of them gives it, and they name the last day."""

OF_THE_WINDOW = NOTICE_LETTERS | {LetterKind.WINDOW_EXTENDED, LetterKind.WINDOW_CLOSING, LetterKind.CHANGE_PAGE}
"""Letters that say until when a customer may object: with nothing of their notice left, they have nothing to say."""

LEGAL_NOTICES = OF_THE_WINDOW | {LetterKind.CHANGE_WITHDRAWN, LetterKind.START_MOVED}
"""Letters owed by contract: they carry no unsubscribe, and stop only with the contract."""

STAFF_LETTERS = frozenset(k for k in LetterKind if k.value.startswith("staff_"))
"""Letters to people of the processor; English, short."""

TO_OUR_PEOPLE = STAFF_LETTERS | {LetterKind.CHANGE_PREVIEWED}
"""Letters that no customer gets: those, and a customer's letter sent to one of us as a test."""


@dataclass(frozen=True)
class Envelope:
    """What every letter knows. `list_url` is the public list; `language` one of en de fr it."""

    kind: LetterKind
    language: str
    organisation: Organisation
    to_name: str
    to_email: str
    reply_to: str
    base_url: str
    list_url: str
    thread: str  # the synthetic root of the mail thread: a uuid, one per announcement or case


@dataclass(frozen=True)
class Addressee:
    """The customer a letter is for, and under which agreement it is owed."""

    name: str
    ref: str
    agreement: str = ""
    agreement_date: date | None = None
    clause: str = ""


@dataclass(frozen=True)
class Shown:
    """The documents about a change's sub-processors that customers may see on the page of their notice: what each of
    them answers, as messages. `change` is the change's ref."""

    change: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class NoticeFacts(Envelope):
    """change_announced, change_previewed (the same, as a test), change_corrected, change_withdrawn, change_in_effect,
    window_extended, window_closing, start_moved, irregular_start, change_page, consent_reminder.

    `link` is the customer's signed notice page; `last_day` ends at 24:00 in `zone`; None where nothing in
    this letter opens a window. `opens_window` names the refs of the changes that do. `why` explains the last
    day. `edition` and `edition_sha256` name the published list the letter was written against.
    `reason` is the processor's own words where a change is withdrawn. `services` gives the names of the
    services the changes name by slug; `terms` are the customer's own.
    `start_was` is the planned start told before, where the start has moved or is open.
    `corrected` is what a correction mended: before as it was told, after as it is. `documents` are those customers may
    see, of each change that has any. `joining` says that the customer came after the announcement: informed (by
    `annex`, the edition in the annex it accepted), owed, or late; `elsewhere_on` is the day of an announcement that was
    made before this service.
    """

    customer: Addressee
    announcement: str
    changes: tuple[PublishedChange, ...]
    opens_window: frozenset[str]
    last_day: date | None
    zone: str
    why: tuple[Sentence, ...]
    terms: Terms
    link: str
    edition: int
    edition_sha256: str
    audit_head: str
    reason: str = ""
    in_effect_on: date | None = None
    services: tuple[ListedService, ...] = ()
    start_was: date | None = None
    corrected: tuple[PublishedItem, ...] = ()
    documents: tuple[Shown, ...] = ()
    joining: str = ""
    annex: int | None = None
    elsewhere_on: date | None = None

    def told_to(self, own: Own) -> NoticeFacts:
        """The facts of one customer's letter, out of those that many share."""
        return replace(self, to_name=own.to_name, to_email=own.to_email, link=own.link, audit_head=own.audit_head,
                       customer=own.customer)


@dataclass(frozen=True, slots=True)
class Own:
    """What is a customer's own in a letter that goes to many."""

    to_name: str
    to_email: str
    link: str
    audit_head: str
    customer: Addressee


NOBODYS = Own("", "", "", "", Addressee("", ""))


@dataclass(frozen=True)
class ObjectionFacts(Envelope):
    """Every letter about an objection, to the person who filed it.

    `link` is the case page; `in_time` whether it was filed before the window ended (None: no window ran yet);
    `text` the objection as filed; `words` our words in this letter (message, measure, reasons);
    `right_until` the last day of the right of termination; `service` and `ends_on` the termination.
    `answer_until` the last day to contradict a closing, `answer_days` how many working days that is after
    receipt; `services` gives the names of the services the changes name by slug; `terms` are the customer's own.
    """

    customer: Addressee
    objection: str
    changes: tuple[PublishedChange, ...]
    filed_at: datetime
    zone: str
    in_time: bool | None
    text: str
    words: str
    link: str
    terms: Terms
    right_until: date | None = None
    service: str = ""
    ends_on: date | None = None
    answer_until: date | None = None
    answer_days: int = 10
    services: tuple[ListedService, ...] = ()


@dataclass(frozen=True)
class ContactFacts(Envelope):
    """contact_check: whether an address is still the right one for a customer's notices. `link` is the page on which
    to say so; `again` whether this was asked a while ago already."""

    customer: Addressee
    link: str
    again: bool


@dataclass(frozen=True)
class OwnPage:
    """One customer's page, by the link for the contact a letter goes to."""

    customer: str
    link: str


@dataclass(frozen=True)
class PageFacts(Envelope):
    """my_link, decision_link, contact_confirm, contact_changed: letters that open a customer's own pages, or tell of
    what was done there.

    `pages` is one link per customer: several where an address is a contact of several. `act` is what the letter is
    about: consent, withdraw or terminate of a decision; add, change or retire of a contact. `about` is the reference
    of the notice or case; `until` when the links end, in `zone`. `old` and `new` are the addresses before and after,
    `by` the name or address of who asked.
    """

    pages: tuple[OwnPage, ...]
    act: str
    about: str
    until: datetime | None
    zone: str
    old: str = ""
    new: str = ""
    by: str = ""


@dataclass(frozen=True)
class StaffFacts(Envelope):
    """Letters to the processor's own people: what happened, to what, and the console page to look at."""

    subject_ref: str
    customer_name: str
    words: str
    link: str
    failed: str = ""  # of a letter that failed: the state it is in
    outlook: str = ""  # what that means for its notice: given | under_way | unproven | over; else told | case


Facts = NoticeFacts | ObjectionFacts | ContactFacts | PageFacts | StaffFacts
