"""The shapes of what the API answers, by name. All members of an answer are always there, unless it says otherwise."""

from __future__ import annotations

from notifier.domain.changes import ChangeKind
from notifier.domain.gate import Code
from notifier.domain.joining import Fate
from notifier.domain.people import ContactRole
from notifier.domain.register import FIELD_NAMES, EngagementValue
from notifier.domain.states import ChangeState, NoticeState
from notifier.web.api.schema import (
    Schema,
    choice,
    count,
    day,
    flag,
    maybe,
    moment,
    obj,
    of_fields,
    several,
    text,
    whole,
)

_STATE = choice("Where it stands.", *map(str, ChangeState))
_REF = text("The change.")
_MANY = 1_000_000
ENGAGEMENT = {**of_fields(EngagementValue, FIELD_NAMES), "required": ["ref", "legal_name", "activity"],
              "description": "One sub-processor doing one activity for some services."}


def _list(schema: Schema, words: str) -> Schema:
    return several(schema, words, most=_MANY)


def _page(schema: Schema, words: str) -> Schema:
    return whole({"data": _list(schema, words), "next": maybe(text("The cursor of the next page; null at the end."))})


_BRIEF = {
    "ref": _REF, "kind": choice("Which of the four acts.", *map(str, ChangeKind)), "state": _STATE,
    "planned_start": maybe(day("The planned start; null where none is given or it is open.")),
    "about": text("Who, or who instead of whom, and what for.", longest=_MANY),
    "opens_window": flag("Whether customers may object, or are only informed."),
    "engagements": _list(text("A reference."), "The engagements concerned."),
}
_MISSING = _list(text("What, in words.", longest=_MANY), "Everything that keeps it from going on.")
_BLOCKER = whole({
    "code": choice("For programs.", *map(str, Code)), "words": text("What stands in the way."),
    "way_out": text("What would clear it."), "clears_on": maybe(day("When it clears by itself, if it does.")),
})
_JOINING = [str(fate) for fate in Fate if fate is not Fate.ON_LIST]
_STANDING = whole({
    "customer": text("Its reference."), "name": text("Its name."),
    "notice": choice("Where its notice stands.", *map(str, NoticeState)),
    "released_at": maybe(moment("From when the change applies to it.")),
    "blockers": _list(_BLOCKER, "What stands in its way."),
    "overridden": _list(text("A code."), "What two people have set aside."),
    "joining": choice("How it came after the announcement; empty for who was there.", "", *_JOINING),
})
_EVIDENCE = whole({
    "engagement": text("Which one."), "kind": text("What is vouched for."), "words": text("In words."),
    "link": text("Where the document is."), "file": text("Its name."), "sha256": maybe(text("Its SHA-256.")),
    "not_applicable": flag("Whether it does not apply, for the reason in words."),
    "customers_may_see": flag("Whether customers may see the document."),
    "next_review_on": maybe(day("When to look again.")), "at": moment("Since when."),
})
_OFFBOARDING = whole({
    "id": count("Its number."), "engagement": text("Which one."), "legal_name": text("Whose."),
    "activity": text("What it did."), "change": text("The change that ended it."), "ends_on": day("The last day."),
    "due_on": day("Until when the end of its data is to be confirmed."), "due_was": maybe(day("Until when it was.")),
    "moved_why": text("Why that was moved."), "overdue": flag("Whether that has passed."),
    "what": text("What became of the data."), "words": text("In words."), "file": text("The confirmation's name."),
    "sha256": maybe(text("Its SHA-256.")), "confirmed_at": maybe(moment("Since when.")),
})
_ITEM = whole({
    "ref": text("The engagement."), "before": maybe(ENGAGEMENT), "after": maybe(ENGAGEMENT),
    "fields": _list(text("A field."), "In which fields the two differ."),
})
_TERM: Schema = {"type": ["string", "integer", "array"], "description": "A term.",
                 "items": text("One of several."), "maxItems": 100}
_ACT = whole({
    "at": moment("When."), "action": text("What was done."), "by": text("By whom: a kind and a number."),
    "reason": text("Why, where a reason was given."),
})

_CONTACT = {
    "id": count("Its number."), "email": text("The address, as it is kept."), "name": text("Who that is."),
    "phone": text("Telephone."), "role": choice("What it is written to for.", *map(str, ContactRole)),
    "order": count("Its place."), "bounced_at": maybe(moment("When its last letter came back.")),
    "barred_at": maybe(moment("When it reported us as spam.")), "retired_at": maybe(moment("When it was retired.")),
}
_CUSTOMER = whole({
    "ref": text("Its reference."), "name": text("Its name."), "language": text("Of its letters."),
    "country": text("Two letters."), "subdivision": text("Canton, state or region."),
    "postal_address": text("Where it sits."), "agreement": text("The agreement."),
    "agreement_date": maybe(day("Its date.")), "clause": text("The clause that asks for notices."),
    "annex_edition": maybe(count("The edition of the list in the annex it accepted; null: as its dates tell.")),
    "contract_start": maybe(day("When it begins.")), "contract_end": maybe(day("When it ends.")),
    "services": _list(text("A slug."), "What it buys; none means everything."),
    "terms": {"type": "object", "properties": {}, "additionalProperties": _TERM,
              "description": "What its contract says differently."},
    "contacts": _list(whole(_CONTACT), "Those in use, in order."), "updated_at": moment("When it was last changed."),
})

SHAPES: dict[str, Schema] = {
    "Problem": obj({
        "type": text("An address that names the code."), "title": text("What kind of no it is."),
        "status": count("The status."), "detail": text("What happened, and what to do.", longest=_MANY),
        "instance": text("The path that was asked."), "code": text("For programs."),
        "errors": _list(obj({"pointer": text("Where in the body (RFC 6901)."), "parameter": text("In the address."),
                             "detail": text("What about it.", longest=_MANY)}, needed=("detail",)),
                        "All that is wrong, at once."),
    }, needed=("type", "title", "status", "detail", "instance", "code"), words="RFC 9457."),
    "Changes": _page(whole(_BRIEF), "Newest first."),
    "Proposed": whole({**_BRIEF, "missing": _MISSING}),
    "Change": whole({
        **_BRIEF, "reason": text("Why, as customers read it."), "separable": text("no, customer or service; a claim."),
        "separable_confirmed_at": maybe(moment("Since when an engineer stands for it.")),
        "separable_how": text("How customers are left out."), "proposed_at": moment("When it was drafted."),
        "announced_at": maybe(moment("When it was made known.")),
        "in_effect_at": maybe(moment("When it took effect.")),
        "services": _list(text("A slug."), "The services it concerns."),
        "announcements": _list(text("A reference."), "What made it known."), "missing": _MISSING,
        "items": _list(_ITEM, "Each engagement, before and after."),
        "evidence": _list(_EVIDENCE, "What was vouched for."),
        "offboarding": _list(_OFFBOARDING, "What is owed at the end."),
        "history": _list(_ACT, "What was done, oldest first."),
    }),
    "Moved": whole({"ref": _REF, "state": _STATE}),
    "Announced": whole({
        "ref": text("The announcement."), "changes": _list(text("A reference."), "What it makes known."),
        "made_at": maybe(moment("When it was made known; null while it is being written to very many customers.")),
        "included": count("How many customers are owed a notice."), "left_out": count("How many are not."),
        "edition": maybe(count("The edition of the list that shows it.")),
    }),
    "Corrected": whole({
        "ref": _REF, "done": choice("Whether it waits for a second person, informs, or announces anew.", "asked",
                                    "informed", "announced"),
        "announcement": text("The new one, or empty."), "told": count("How many customers are told."),
    }),
    "Separable": whole({"ref": _REF, "separable": choice("The answer.", "no", "customer", "service"),
                        "separable_confirmed_at": moment("Since when.")}),
    "Excluded": whole({
        "ref": _REF, "customer": text("Who."), "confirmed_at": maybe(moment("From when it counts.")),
        "recheck_due": maybe(day("When to look again.")), "ended_at": maybe(moment("When it ended.")),
    }),
    "Overridden": whole({
        "ref": _REF, "blockers": _list(text("A code."), "What is set aside."),
        "signed": flag("Whether a second person has signed."), "customers": count("For how many it counts."),
    }),
    "StartMoved": whole({"ref": _REF, "planned_start": day("The new start."),
                         "start_was": maybe(day("The day told before."))}),
    "Started": whole({"ref": _REF, "since": day("Since when."), "signed": flag("Whether a second person has signed."),
                      "told": count("How many customers are told.")}),
    "Released": whole({"ref": _REF, "state": _STATE,
                       "released": _list(text("A reference."), "The customers it applies to from now on.")}),
    "Blockers": whole({
        "ref": _REF, "state": _STATE, "blocked": flag("Whether anything stands in the way."),
        "held_by_others": count("How many others hold up the customer asked for, where they cannot be separated."),
        "blockers": _list(_BLOCKER, "Those of the change itself."),
        "customers": _list(_STANDING, "Where each customer stands."),
        "excluded": _list(text("A reference."), "Who is left out."),
    }),
    "Customers": _page(_CUSTOMER, "In the order they came."),
    "Customer": _CUSTOMER,
    "Taken": whole({
        "added": count("New ones."), "updated": count("Changed ones."), "unchanged": count("Those that stay."),
        "refs": _list(text("A reference."), "In the order they were given."),
        "warnings": _list(text("In words.", longest=_MANY), "What looks wrong and was taken all the same."),
    }),
    "Contacts": _page(whole({**_CONTACT, "customer": text("Whose.")}), "In the order they came."),
    "Contact": whole({**_CONTACT, "customer": text("Whose.")}),
    "NewContact": whole({**_CONTACT, "customer": text("Whose."), "ref": text("Its number, for its address.")}),
    "Services": _page(whole({"slug": text("For addresses."), "name": text("Its name.")}), "In the order they came."),
    "SubProcessors": _page(whole({
        "id": count("Its number."), "legal_name": text("Its name."), "country": text("Two letters."),
        "address": text("Where it sits."), "website": text("Where it is found."),
    }), "In the order they came."),
    "Engagements": _page(ENGAGEMENT, "In the order they came."),
    "MayProcess": whole({
        "engagement": text("Which one."), "customer": text("Whose data."), "on": day("On which day."),
        "allowed": flag("The answer."), "why": _list(text("A sentence."), "Why."),
    }),
}
