"""Every "no" the service can say, each with a code for programs and a sentence for people.

Rules and verbs raise `Refusal(code, …)`; `web/problems.py` and `cli` translate it once, each in its own way.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from notifier.domain.sentences import N_, Fact, Sentence, Words


class Family(Enum):
    """What kind of no it is; the doors choose their answer (HTTP status, exit code) by this alone."""

    CONFLICT = 409  # the thing is not in a state for that, or something still stands against it
    FORBIDDEN = 403  # this person may not
    UNKNOWN = 404  # no such thing
    INVALID = 422  # what was handed in is not usable


_C, _F, _U, _I = Family.CONFLICT, Family.FORBIDDEN, Family.UNKNOWN, Family.INVALID

NOUNS = (
    N_("announcement"), N_("change"), N_("contact"), N_("customer"), N_("document"), N_("engagement"), N_("exclusion"),
    N_("letter"), N_("notice"), N_("objection"), N_("offboarding"), N_("person"), N_("service"), N_("token"),
)
"""What `unknown` and `exists` are about; marked here, so that a noun needs no mark wherever it is named."""

REFUSALS: dict[str, tuple[Family, str]] = {
    "no_such_move": (_C, N_("This is %(state)s now, and cannot be moved by “%(action)s” from there.")),
    "overtaken": (_C, N_("Somebody else was faster: this is %(state)s now. Look at it again before you decide.")),
    "role_missing": (_F, N_("This step is for people with the role %(roles)s.")),
    "person_needed": (_F, N_("This step has to be taken by a person, with their own sign-in or token.")),
    "second_person": (_F, N_("A second person has to do this: you have already acted on it yourself.")),
    "reason_missing": (_I, N_("Say why: this step needs a reason.")),
    "incomplete": (_C, N_("Something the notice needs is still missing:")),
    "unknown": (_U, N_("There is no %(what)s “%(ref)s”.")),
    "unknown_person": (_U, N_("There is no person with the address %(email)s.")),
    "sign_in_failed": (_F, N_("The address or the password is wrong.")),
    "token_invalid": (_F, N_("This token is not valid, or has been revoked.")),
    "link_invalid": (_U, N_("This link is not one of ours, or has been cut short.")),
    "link_revoked": (_F, N_("This link has been revoked. Ask for a fresh one.")),
    "link_used": (_C, N_("This link was used already; each opens once. Ask for a new one.")),
    "fresh_link_needed": (
        _F, N_("This takes a fresh link, which we mail to the contact. Ask for one on this page; nothing was changed."),
    ),
    "too_many_links": (
        _C,
        N_("We have mailed several such links lately, and mail no more for now. Look into the mailbox, or ask again "
           "later."),
    ),
    "no_live_contact": (
        _C, N_("There is no contact any more to whom we could mail a link. Write to us, and we look for a way."),
    ),
    "last_notice_contact": (
        _C, N_("This is the last contact who receives notices. Name another first, and confirm its address."),
    ),
    "not_yours_to_change": (_F, N_("Only a contact who receives notices or legal letters may change the contacts.")),
    "change_over": (_C, N_("This change of contacts was taken back, or its time to confirm is over.")),
    "annex_future": (_I, N_("%(day)s has not come yet; the list of a day to come is not known.")),
    "annex_before": (_I, N_("There is no list that bound you on %(day)s: the first day is %(first)s.")),
    "annex_after": (_I, N_("There is no list that bound you on %(day)s: your contract ended on %(last)s.")),
    "blocked": (_C, N_("This cannot start yet. Still standing in its way:")),
    "start_too_early": (
        _C,
        N_("The planned start %(start)s is too early; the earliest date every customer's terms allow is %(earliest)s."),
    ),
    "start_missing": (_I, N_("Give the planned start.")),
    "being_announced": (
        _C, N_("Change %(ref)s is being announced already: %(announcement)s is being written. Look again in a minute."),
    ),
    "given_up": (
        _C, N_("Announcement %(ref)s could not be made, and nobody was told. Announce again once this is mended:"),
    ),
    "roll_changed": (
        _C,
        N_("While the notices were written, %(count)s customers changed: they would be told otherwise by now. Announce "
           "again."),
    ),
    "nothing_to_announce": (_I, N_("Name at least one approved change.")),
    "no_notice_contact": (_C, N_("Some customers have no notice contact, so nobody could be told:")),
    "transport_outbox": (
        _C, N_("Letters would only be written to the outbox folder. Set a real mail transport before you announce."),
    ),
    "reply_unproven": (
        _C, N_("Customers answer to %(address)s, and nobody has proven within the last 30 days that it is read."),
    ),
    "contact_missing": (
        _C,
        N_("Every notice names whom customers can ask. Set the organisation's contact (organisation.contact) before "
           "you announce."),
    ),
    "code_wrong": (_I, N_("This is not the code of the newest test mail to %(address)s. Tries left: %(left)s.")),
    "no_code_open": (
        _C,
        N_("No code waits to be entered for %(address)s: each is good for one day and five tries. Ask for a new one."),
    ),
    "idempotency_reused": (
        _I, N_("This Idempotency-Key was used for another request within the last day. Take a new one."),
    ),
    "request_running": (
        _C, N_("The first request with this Idempotency-Key is still being answered. Ask again in a moment."),
    ),
    "nothing_changes": (_I, N_("Nothing would change by this.")),
    "already_pending": (_C, N_("Change %(ref)s on the same engagement is not finished yet.")),
    "bad_value": (_I, N_("%(field)s: %(problem)s")),
    "bad_file": (_I, N_("The file cannot be read, and nothing was changed:")),
    "baseline_exists": (
        _C, N_("There is a list already. Leave out --baseline, and the differences are proposed as changes."),
    ),
    "objection_empty": (_I, N_("Write at least one sentence on why you object.")),
    "not_terminable": (_C, N_("The right of termination for this objection is not open.")),
    "right_still_open": (_C, N_("The right of termination is still open, or its letter is not proven yet.")),
    "service_not_affected": (_I, N_("The service “%(service)s” is not affected by what was objected to.")),
    "other_contact": (
        _F, N_("Only the person who objected can end the case, by the link in their own letters."),
    ),
    "told_enough": (
        _C,
        N_("You have told us several things today, and a person looks after them. Reply to our letter with the rest."),
    ),
    "measure_missing": (_I, N_("Write down the measure both sides agreed on.")),
    "demo_only": (_F, N_("This works in a demo data directory only.")),
    "exists": (_C, N_("There is already a %(what)s “%(ref)s”.")),
    "weak_password": (_I, N_("A password needs at least %(least)s characters.")),
    "last_admin": (_C, N_("This is the last person with the role admin.")),
    "extension_not_later": (
        _C, N_("A period is only ever extended: the new last day has to lie after %(last_day)s."),
    ),
    "start_earlier": (
        _C, N_("A start that was told only moves to a day after %(day)s; an earlier one needs a new notice."),
    ),
    "no_window": (
        _C,
        N_("There is nothing to extend: nothing here opens a window, or it was taken back, or has started."),
    ),
    "not_separable": (
        _C,
        N_("Customers cannot be left out of this change one by one. Where they can, an engineer has to confirm how."),
    ),
    "not_objecting": (_C, N_("Customer %(ref)s has not objected to this change; only who objects is left out.")),
    "already_released": (_C, N_("The change applies to customer %(ref)s already.")),
    "not_overridable": (
        _C,
        N_("This cannot be overridden by anybody: a timely objection, a specific authorisation that is missing or was "
           "refused, and a change that is not approved or was withdrawn."),
    ),
    "moved_once": (_C, N_("This day was moved once already, to %(day)s; it is not moved again.")),
    "nothing_to_override": (_C, N_("None of this stands in the way now: %(codes)s.")),
    "consent_not_asked": (
        _C,
        N_("No answer is waited for here: your terms do not ask for one, or the change was withdrawn or has started."),
    ),
    "not_recorded": (_C, N_("No delivery by hand of this notice waits to be confirmed.")),
}


class Refusal(Exception):
    """A refused act. `details` are further sentences, one per line, all of them at once."""

    def __init__(self, code: str, *, details: Sequence[Sentence] = (), **facts: Fact) -> None:
        family, message = REFUSALS[code]
        if facts.get("what") in NOUNS:
            facts["what"] = Words(str(facts["what"]))
        self.code = code
        self.family = family
        self.sentence = Sentence(message, facts)
        self.details = tuple(details)
        super().__init__(str(self))

    def __str__(self) -> str:
        """One line of English: the sentence, then its details."""
        return " ".join([str(self.sentence), "; ".join(str(d) for d in self.details)]).strip()
