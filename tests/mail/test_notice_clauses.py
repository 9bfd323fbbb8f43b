"""What a notice has to contain, clause by clause: GDPR 28(2), 2021/915 cl. 7.7 and Annex IV, DSV 7, in every language,
in text and HTML alike. A clause that falls out of a letter fails here, whatever else it says."""

from __future__ import annotations

import re
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from lxml import html

from notifier import text
from notifier.domain import transfers
from notifier.domain.clauses import Clauses
from notifier.domain.letters import LetterKind, NoticeFacts, Shown
from notifier.domain.listing import PublishedItem
from notifier.domain.register import LISTS, NOT_RECORDED, EngagementValue
from notifier.domain.terms import Authorisation, DayKind, Decides, Refund, Remedy, Silence, Terms
from notifier.domain.transfers import Transfer
from notifier.mail.render import Letter, render
from tests.mail import sample_letters as sample
from tests.mail.test_letters import words

OLD = EngagementValue(
    ref="nimbus", legal_name="Nimbus Rechenzentrum GmbH", also_known_as=("Nimbus",),
    address="Kaistrasse 4, 20457 Hamburg, Germany", country="DE", registration_no="HRB 104711",
    website="https://nimbus.example", contact="Nele Wolke", contact_position="Head of privacy",
    contact_address="privacy@nimbus.example, +49 40 1234", relation="sister company of ours",
    activity="Hosting of the archive", data_categories=("Names", "Invoices"), special_categories=("Health data",),
    data_subjects=("Patients", "Staff"), locations=("DE", "CH"), remote_access=("IN",), services=("platform",),
    guarantee="Processing agreement of 1 March 2026", transfers=(
        Transfer("IN", "scc_3", "scc_3", "signed in March"), Transfer("DE", "none_needed", "none_needed"),
        Transfer("CH", "adequacy", "none_needed"),
    ),
    delimitation="It keeps what we store and reads none of it.", duration="Until 31 December 2030",
    certificates=("ISO/IEC 27001:2022",), own_subprocessors="Cooling Co, 2 Ice Lane, Reykjavik",
)
NEW = OLD.with_(
    ref="cumulus", legal_name="Cumulus Hosting AG", also_known_as=("Cumulus",), contact="Carl Kumulus",
    address="Seeweg 9, 6300 Zug, Switzerland", country="CH", registration_no="CHE-123.456.789",
)
MOVED = OLD.with_(locations=("DE", "CH", "US"), transfers=(*OLD.transfers, Transfer("US", "dpf", "scc", "of April")))
BARE = EngagementValue(ref="bare", legal_name="Bare Ltd", activity="Print", locations=("CH",), services=("platform",))

ADD = sample.change("CH-31", "add", (None, OLD), reason="Our cellar is full.")
REPLACE = sample.change("CH-32", "replace", (OLD, NEW))
REMOVE = sample.change("CH-33", "remove", (NEW, None))
MODIFY = sample.change("CH-34", "modify", (OLD, MOVED))
SEVERAL = (ADD, REPLACE, REMOVE, MODIFY)
OPENS = frozenset({"CH-31", "CH-32", "CH-34"})
SHOWN = (Shown("CH-31", ("Signed processing agreement",)),)

CASES: dict[str, dict[str, Any]] = {
    "add": {"changes": (ADD,), "documents": SHOWN}, "replace": {"changes": (REPLACE,)},
    "modify": {"changes": (MODIFY,)},
    "remove": {"changes": (REMOVE,), "last_day": None, "why": ()},
    "several": {"changes": SEVERAL, "documents": SHOWN},
    "corrected add": {"kind": LetterKind.CHANGE_CORRECTED, "documents": SHOWN,
                      "changes": (replace(ADD, items=(PublishedItem(None, MOVED),)),),
                      "corrected": (PublishedItem(OLD, MOVED),)},
    "corrected modify": {"kind": LetterKind.CHANGE_CORRECTED, "changes": (MODIFY,),
                         "corrected": (PublishedItem(OLD.with_(locations=("DE",)), MOVED),)},
}
OPENING = [name for name in CASES if name != "remove"]
LANGUAGES = text.LANGUAGES


def facts_of(case: str, language: str, **other: Any) -> NoticeFacts:
    """The facts of a case, in a language."""
    given = CASES[case]
    opens = frozenset(c.ref for c in given["changes"]) & OPENS
    return sample.notice(**{"language": language, "opens_window": opens, **given, **other})


def said(letter: Letter) -> tuple[str, str]:
    """The text part and the HTML part, as words with one blank between them."""
    page = html.document_fromstring(letter.html).find("body")
    for element in page.iter("br", "p", "dt", "dd", "li", "h2", "div"):
        element.tail = " " + (element.tail or "")
    return tuple(" ".join(part.split()) for part in (letter.text, str(page.text_content())))  # type: ignore[return-value]


def holds(facts: NoticeFacts, *clauses: str) -> None:
    """Both parts of the letter say each of these; what is asked of them is in the letter's language."""
    for part, body in zip(("text", "HTML"), said(render(facts)), strict=True):
        for clause in clauses:
            assert " ".join(clause.split()) in body, (facts.language, part, clause)


def told(message: str, language: str, **filled: object) -> str:
    """A message of ours in a language, which has one of its own for it."""
    translated = text.gettext(language)(message)
    assert language == text.SOURCE or translated != message
    return translated % filled


def every_field(value: EngagementValue, language: str) -> list[str]:
    """Everything a value says, field by field, as a reader of this language is told it."""
    found = []
    for name in (n for n in vars(value) if n not in ("ref", "services", "since") and getattr(value, n)):
        held = getattr(value, name)
        for one in held if name in LISTS else [held]:
            if name == "transfers":
                found.append(text.say(transfers.told(one, text.country(one.place, language)), language))
            else:
                found.append(text.country(one, language))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_who_sends_to_whom_under_which_clause_of_which_agreement(case: str, language: str) -> None:
    facts = facts_of(case, language)
    holds(
        facts, facts.organisation.legal_name, facts.organisation.address, facts.customer.name, facts.customer.agreement,
        text.short_day(facts.customer.agreement_date, language), facts.customer.clause,  # type: ignore[arg-type]
        facts.announcement, *(change.ref for change in facts.changes),
        told("Contact for questions: %(contact)s", language, contact=facts.organisation.contact),
    )
    letter = render(facts)
    assert html.document_fromstring(letter.html).get("lang") == language
    assert facts.organisation.legal_name in letter.subject and facts.announcement in letter.subject


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_what_kind_of_change_and_from_when(case: str, language: str) -> None:
    facts = facts_of(case, language)
    title = {
        "CH-31": told("New sub-processor: %(name)s", language, name=OLD.legal_name),
        "CH-32": told("Replacement: %(new)s takes the place of %(old)s", language, new=NEW.legal_name,
                      old=OLD.legal_name),
        "CH-33": told("No longer a sub-processor: %(name)s", language, name=NEW.legal_name),
        "CH-34": told("Change at the sub-processor %(name)s", language, name=OLD.legal_name),
    }
    for change in facts.changes:
        start = told("Planned end" if change.ref == "CH-33" else "Planned start", language)
        holds(facts, title[change.ref], start, text.day(sample.START, language), "Beispiel Platform", change.reason)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("case", "value"), [
    ("add", OLD), ("replace", NEW), ("modify", MOVED), ("several", OLD), ("several", NEW), ("several", MOVED),
    ("corrected add", MOVED), ("corrected modify", MOVED),
])
def test_the_sub_processor_in_full_also_where_one_field_changes(
    case: str, value: EngagementValue, language: str
) -> None:
    holds(facts_of(case, language), *every_field(value, language))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", ["modify", "several", "corrected add", "corrected modify"])
def test_what_changes_stands_before_and_after(case: str, language: str) -> None:
    was, now = ("so far", "new") if case in ("modify", "several") else ("as we told you", "correct")
    places = [text.country(code, language) for code in ("DE", "CH", "US")]
    old = places[:1] if case == "corrected modify" else places[:2]
    for label, held in ((was, old), (now, places)):
        pattern = re.escape(told(label, language)) + r"\s?:\s" + re.escape("; ".join(held))
        for body in said(render(facts_of(case, language))):
            assert re.search(pattern, body), (label, held)


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_nothing_is_recorded_the_general_thing_is_said(language: str) -> None:
    add = sample.change("CH-35", "add", (None, BARE))
    holds(sample.notice(language=language, changes=(add,), opens_window=frozenset({"CH-35"})),
          told("engaged by us directly", language), told("none are processed", language),
          told("nowhere but the places of processing", language),
          told("for as long as we provide the services concerned", language),
          told("it acts on our instructions within the activity named; we remain answerable for it as for ourselves",
               language))
    moved = sample.change("CH-36", "modify", (BARE, BARE.with_(locations=("CH", "DE"))))
    facts = sample.notice(language=language, changes=(moved,), opens_window=frozenset({"CH-36"}))
    for body in said(render(facts)):  # address, country, contact, data, whose, guarantee, own sub-processors
        assert body.count(told(NOT_RECORDED, language)) == 7
    silent = replace(facts, opens_window=frozenset(), last_day=None, why=())
    assert told(NOT_RECORDED, language) not in said(render(silent))[0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", OPENING)
def test_flow_down_and_where_proof_can_be_had(case: str, language: str) -> None:
    facts = facts_of(case, language)
    holds(
        facts,
        told("We bind every sub-processor by contract to the data protection obligations we owe you, its technical and "
             "organisational measures among them. You may ask us for a copy of that contract.", language),
        told("Proof of these measures, and of any certificates named, on request from %(contact)s.", language,
             contact="privacy@beispiel.example"),
    )
    if facts.documents:
        holds(facts, told("Proof on your page for this notice", language),
              told("Signed processing agreement", language))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_the_whole_list_and_the_edition_it_was_written_against(case: str, language: str) -> None:
    facts = facts_of(case, language)
    holds(facts, facts.list_url, facts.edition_sha256, facts.audit_head,
          told("Announcement %(ref)s, written against edition %(edition)s of the list.", language,
               ref=facts.announcement, edition=facts.edition))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_why_it_came_how_to_change_the_contact_and_nothing_to_unsubscribe(case: str, language: str) -> None:
    facts = facts_of(case, language)
    holds(facts, told(
        "You receive this letter because %(email)s is the contact of %(customer)s for notices about sub-processors. "
        "%(organisation)s owes these notices under the agreement named above, so there is nothing to unsubscribe from. "
        "To name another contact, write to %(reply_to)s.", language, email=facts.to_email, customer=facts.customer.name,
        organisation=facts.organisation.legal_name, reply_to=facts.reply_to))
    letter = render(facts)
    assert letter.headers["Auto-Submitted"] == "auto-generated"
    assert not any("unsubscribe" in name.lower() for name in letter.headers)
    assert set(re.findall(r"https?://[^\s\"'<>]+", letter.html)) <= {
        facts.link, f"{facts.link}/object", facts.list_url, OLD.website}
    assert not re.search(r"<(img|link|script|iframe|object|form)\b|url\(|@import|\bsrc=", letter.html)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("change", [ADD, REPLACE, MODIFY], ids=["add", "replace", "modify"])
def test_forty_changes_in_full_stay_below_what_mail_programs_clip(change: Any, language: str) -> None:
    many = tuple(replace(change, ref=f"CH-{n}") for n in range(100, 140))
    letter = render(sample.notice(language=language, changes=many, opens_window=frozenset(c.ref for c in many)))
    message = EmailMessage()
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    sizes = len(letter.text.encode()), len(letter.html.encode()), len(message.as_bytes(policy=SMTP))
    assert sizes[0] < 100_000 and sizes[1] < 100_000, sizes


WAYS = (
    "on this page, without an account:", "by e-mail to %(address)s (a reply to this letter is enough)",
    "by letter to %(name)s, %(address)s",
)
FORM = (
    "Text form is enough: you need no signature, and it costs you nothing. We ask for your reasons of data protection, "
    "so that we can look for a solution. We take up every objection and turn none away for its reasons."
)
LATER = (
    "If it is shown to have reached you later than assumed here, your last day moves later; it never moves earlier. "
    "Your page always shows the day that counts."
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", OPENING)
def test_the_right_to_object_how_until_when_and_what_follows(case: str, language: str) -> None:
    facts = facts_of(case, language)
    clauses = Clauses(facts.terms, facts.customer.name)
    day = text.day(sample.PROMISE.last_day, language)
    named = text.gettext(language)("%(day)s, 24:00 (%(zone)s)") % {"day": day, "zone": facts.zone}
    assert day in render(facts).subject
    holds(
        facts, told("Your right to object", language),
        told("until the end of %(day)s (24:00, %(zone)s)", language, day=day, zone=facts.zone), named,
        told(WAYS[0], language), f"{facts.link}/object", told(WAYS[1], language, address=facts.reply_to),
        told(WAYS[2], language, name=facts.organisation.legal_name, address=facts.organisation.address),
        told(FORM, language), *(text.say(s, language) for s in (clauses.silence, *clauses.objecting, *clauses.period)),
        told("How your last day was found", language), told(LATER, language),
        *(text.say(sentence, language, facts.zone) for sentence in facts.why),
        told("A change starts for you only when nothing stands against it any more. We write to you when it applies.",
             language),
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", OPENING)
@pytest.mark.parametrize("own", [
    {"remedy": Remedy.WHOLE_CONTRACT, "refund": Refund.PRO_RATA}, {"remedy": Remedy.NONE},
    {"decides": Decides.EITHER, "refund": Refund.NONE}, {"decides": Decides.PROCESSOR, "day_kind": DayKind.BUSINESS},
], ids=["whole", "no right", "either", "processor"])
def test_the_block_goes_by_the_customers_own_terms_in_every_letter(
    own: dict[str, Any], case: str, language: str
) -> None:
    facts = facts_of(case, language, terms=Terms(**own))
    clauses = Clauses(facts.terms, facts.customer.name)
    holds(facts, *(text.say(s, language) for s in (clauses.silence, *clauses.objecting, *clauses.period)))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", OPENING)
@pytest.mark.parametrize("own", [{"authorisation": Authorisation.SPECIFIC}, {"silence": Silence.NOTHING}],
                         ids=["specific", "silence means nothing"])
def test_consent_is_asked_for_where_silence_is_none(own: dict[str, Any], case: str, language: str) -> None:
    facts = facts_of(case, language, terms=Terms(**own))
    clauses = Clauses(facts.terms, facts.customer.name)
    holds(
        facts, told("Your consent", language), text.say(clauses.silence, language),
        told("Say yes or no in any of these ways:", language), facts.link, told(WAYS[0], language),
        told(WAYS[1], language, address=facts.reply_to),
        told("Text form is enough: you need no signature, and it costs you nothing. If you say no, please tell us why, "
             "so that we can look for a solution with you.", language),
    )
    for body in said(render(facts)):
        assert told("Your right to object", language) not in body and f"{facts.link}/object" not in body


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_a_letter_that_only_informs_promises_no_right_and_no_day(case: str, language: str) -> None:
    facts = facts_of(case, language, last_day=None, why=(), opens_window=frozenset())
    holds(facts, told("This letter is for your information; there is nothing you need to do.", language))
    for body in said(render(facts)):
        assert told("Your right to object", language) not in body and "/object" not in body
        assert told("How your last day was found", language) not in body and "24:00" not in body


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", OPENING)
@pytest.mark.parametrize("own", [{}, {"authorisation": Authorisation.SPECIFIC}], ids=["general", "specific"])
def test_text_and_html_say_the_same_words(own: dict[str, Any], case: str, language: str) -> None:
    in_html, in_text = words(render(facts_of(case, language, terms=Terms(**own))))
    assert in_html == in_text
