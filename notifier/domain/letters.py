"""What each letter is told: the facts a letter's template may use, one dataclass per family of letters.

`workflow.letters` fills these from the tables, `mail.render` puts them into `templates/email/<kind>/`.
All dates are civil dates in `zone`, all moments aware; nothing is preformatted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from notifier.domain.listing import ListedService, Organisation, PublishedChange, PublishedItem
from notifier.domain.sentences import Sentence


class LetterKind(StrEnum):
    """Every letter there is; the value names its folder under `templates/email/`."""

    CHANGE_ANNOUNCED = "change_announced"
    CHANGE_CORRECTED = "change_corrected"
    CHANGE_WITHDRAWN = "change_withdrawn"
    CHANGE_IN_EFFECT = "change_in_effect"
    WINDOW_EXTENDED = "window_extended"
    START_MOVED = "start_moved"
    IRREGULAR_START = "irregular_start"
    OBJECTION_RECEIVED = "objection_received"
    OBJECTION_ACKNOWLEDGED = "objection_acknowledged"
    OBJECTION_MESSAGE = "objection_message"
    OBJECTION_RESOLVED = "objection_resolved"
    OBJECTION_NOT_UPHELD = "objection_not_upheld"
    OBJECTION_NO_AGREEMENT = "objection_no_agreement"
    OBJECTION_RIGHT_NOT_USED = "objection_right_not_used"
    OBJECTION_WITHDRAWN = "objection_withdrawn"
    SERVICE_TERMINATED = "service_terminated"
    STAFF_OBJECTION_FILED = "staff_objection_filed"
    STAFF_REVIEW_REQUESTED = "staff_review_requested"
    STAFF_DELIVERY_FAILED = "staff_delivery_failed"
    STAFF_ADDRESS_BARRED = "staff_address_barred"
    STAFF_EVENTS_UNREADABLE = "staff_events_unreadable"
    STAFF_HAND_DELIVERY = "staff_hand_delivery"
    STAFF_REVIEW_DUE = "staff_review_due"
    STAFF_REPLY_PROOF = "staff_reply_proof"


NOTICE_LETTERS = frozenset({
    LetterKind.CHANGE_ANNOUNCED, LetterKind.CHANGE_CORRECTED, LetterKind.IRREGULAR_START,
})
"""Letters that are the notice itself where their subject is one: proof of them gives it, and they name the last day."""

LEGAL_NOTICES = NOTICE_LETTERS | {
    LetterKind.CHANGE_WITHDRAWN, LetterKind.WINDOW_EXTENDED, LetterKind.START_MOVED,
}
"""Letters owed by contract: they carry no unsubscribe, and stop only with the contract."""

STAFF_LETTERS = frozenset(k for k in LetterKind if k.value.startswith("staff_"))
"""Letters to people of the processor; English, short."""


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
class NoticeFacts(Envelope):
    """change_announced, change_corrected, change_withdrawn, change_in_effect, window_extended, start_moved,
    irregular_start.

    `link` is the customer's signed notice page; `last_day` ends at 24:00 in `zone`; None where nothing in
    this letter opens a window. `opens_window` names the refs of the changes that do. `why` explains the last
    day. `edition` and `edition_sha256` name the published list the letter was written against.
    `reason` is the processor's own words where a change is withdrawn. `services` gives the names of the
    services the changes name by slug; `business_days` says that `window_days` counts working days only.
    `start_was` is the planned start told before, where the start has moved or is open.
    `corrected` is what a correction mended: before as it was told, after as it is.
    """

    customer: Addressee
    announcement: str
    changes: tuple[PublishedChange, ...]
    opens_window: frozenset[str]
    window_days: int
    specific: bool
    last_day: date | None
    zone: str
    why: tuple[Sentence, ...]
    termination_days: int
    link: str
    edition: int
    edition_sha256: str
    audit_head: str
    reason: str = ""
    in_effect_on: date | None = None
    services: tuple[ListedService, ...] = ()
    business_days: bool = False
    start_was: date | None = None
    corrected: tuple[PublishedItem, ...] = ()


@dataclass(frozen=True)
class ObjectionFacts(Envelope):
    """Every letter about an objection, to the person who filed it.

    `link` is the case page; `in_time` whether it was filed before the window ended (None: no window ran yet);
    `text` the objection as filed; `words` our words in this letter (message, measure, reasons);
    `right_until` the last day of the right of termination; `service` and `ends_on` the termination.
    `answer_until` the last day to contradict a closing, `answer_days` how many working days that is after
    receipt; `services` gives the names of the services the changes name by slug.
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
    right_until: date | None = None
    right_days: int = 30
    service: str = ""
    ends_on: date | None = None
    answer_until: date | None = None
    answer_days: int = 10
    services: tuple[ListedService, ...] = ()


@dataclass(frozen=True)
class StaffFacts(Envelope):
    """Letters to the processor's own people: what happened, to what, and the console page to look at."""

    subject_ref: str
    customer_name: str
    words: str
    link: str
    failed: str = ""  # of a letter that failed: the state it is in
    outlook: str = ""  # what that means for its notice: given | under_way | unproven | over; else told | case


Facts = NoticeFacts | ObjectionFacts | StaffFacts
