"""Letters: every kind in every language, complete, the same in text and HTML, safe against hostile facts."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from lxml import html

from notifier import text
from notifier.domain.letters import LEGAL_NOTICES, STAFF_LETTERS, LetterKind
from notifier.domain.register import EngagementValue
from notifier.domain.terms import DayKind, Decides, Refund, Remedy, Silence, Terms, WindowRuns
from notifier.mail.render import WIDTH, Letter, fold, render
from tests.mail import sample_letters as sample

GOLDEN = Path(__file__).parents[1] / "golden" / "letters"
KINDS = list(LetterKind)
EVERY = [(kind, language) for kind in KINDS for language in text.LANGUAGES]


def golden(name: str, letter: str) -> None:
    """Compares with the stored bytes; an absent file is written, and the test fails once so that it is read."""
    path = GOLDEN / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(letter, encoding="utf-8", newline="")
        pytest.fail(f"{path.name} was not there; it has been written. Read it, then run again.")
    assert letter == path.read_bytes().decode()


def words(letter: Letter) -> tuple[list[str], list[str]]:
    """What the HTML and the text part say, word by word, without marks of layout."""
    page = html.document_fromstring(letter.html)
    page.find("head").getparent().remove(page.find("head"))
    for element in page.iter("br", "p", "dt", "dd", "li", "h2", "div", "blockquote"):
        element.tail = " " + (element.tail or "")
    plain = re.sub(r"^-+$", "", letter.text, flags=re.M)

    def flat(said: str) -> list[str]:
        return re.sub(r"[\s:>-]+", " ", said).split()

    return flat(str(page.text_content())), flat(plain)


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_text_and_html_of_every_letter_say_the_same_words(kind: LetterKind, language: str) -> None:
    in_html, in_text = words(render(sample.facts(kind, language)))
    assert in_html == in_text


@pytest.mark.parametrize("language", text.LANGUAGES)
@pytest.mark.parametrize(
    "other",
    [
        {},
        {"terms": sample.SPECIFIC},
        {"terms": sample.SPECIFIC, "last_day": None},
        {"opens_window": frozenset(), "last_day": None},
        {"terms": Terms(day_kind=DayKind.BUSINESS)},
        {"terms": Terms(silence=Silence.NOTHING)},
        {"terms": Terms(window_runs=WindowRuns.UNTIL_START, remedy=Remedy.NONE)},
        {"terms": Terms(window_runs=WindowRuns.PAST_START, remedy=Remedy.WHOLE_CONTRACT, refund=Refund.PRO_RATA)},
    ],
)
def test_every_variant_of_the_announcement_says_the_same_in_text_and_html(
    language: str, other: dict[str, object]
) -> None:
    in_html, in_text = words(render(sample.several(language, **other)))
    assert in_html == in_text


@pytest.mark.parametrize("language", text.LANGUAGES)
@pytest.mark.parametrize(("kind", "other"), [
    (LetterKind.CHANGE_CORRECTED, {"terms": sample.SPECIFIC}),
    (LetterKind.CHANGE_CORRECTED, {"opens_window": frozenset(), "last_day": None}),
    (LetterKind.IRREGULAR_START, {"opens_window": frozenset(), "last_day": None}),
    (LetterKind.IRREGULAR_START, {"terms": sample.SPECIFIC}),
    (LetterKind.START_MOVED, {"changes": (replace(sample.ADD, planned_start=None),), "reason": ""}),
    (LetterKind.WINDOW_CLOSING, {"terms": sample.SPECIFIC}),
])
def test_every_variant_of_a_correction_a_start_and_a_reminder_says_the_same_in_text_and_html(
    kind: LetterKind, other: dict[str, object], language: str
) -> None:
    in_html, in_text = words(render(sample.notice(kind, language, **other)))
    assert in_html == in_text


CASE_LETTERS = [
    LetterKind.OBJECTION_RECEIVED, LetterKind.OBJECTION_ACKNOWLEDGED, LetterKind.OBJECTION_NOT_UPHELD,
    LetterKind.OBJECTION_NO_AGREEMENT, LetterKind.OBJECTION_RIGHT_NOT_USED,
]


@pytest.mark.parametrize("language", text.LANGUAGES)
@pytest.mark.parametrize("terms", [
    Terms(remedy=Remedy.NONE), Terms(remedy=Remedy.WHOLE_CONTRACT, refund=Refund.NONE, decides=Decides.EITHER),
    Terms(decides=Decides.PROCESSOR),
])
def test_case_letters_say_the_same_of_the_terms_in_text_and_html(terms: Terms, language: str) -> None:
    for kind in CASE_LETTERS:
        for until in (None, date(2026, 5, 11)):
            in_html, in_text = words(render(sample.objection(kind, language, terms=terms, right_until=until)))
            assert in_html == in_text


def test_letters_name_the_right_this_customers_terms_name() -> None:
    whole = Terms(remedy=Remedy.WHOLE_CONTRACT, refund=Refund.PRO_RATA)
    told = " ".join(render(sample.notice(terms=whole)).text.split())
    assert "you may terminate the whole agreement" in told and "affected service" not in told
    assert "given back in proportion" in told
    without = Terms(remedy=Remedy.NONE, refund=Refund.PRO_RATA)
    for kind in (LetterKind.CHANGE_ANNOUNCED, *CASE_LETTERS):
        facts = sample.notice(terms=without) if kind is LetterKind.CHANGE_ANNOUNCED else sample.objection(
            kind, terms=without)
        letter = render(facts)
        told = " ".join(letter.text.split())
        assert "may terminate" not in told and "may now terminate" not in told + letter.subject, told
        assert "given back" not in told
    either = render(sample.objection(LetterKind.OBJECTION_RECEIVED, terms=Terms(decides=Decides.EITHER))).text
    assert "either of us may terminate the affected service" in " ".join(either.split())
    ours = " ".join(render(sample.notice(terms=Terms(decides=Decides.PROCESSOR))).text.split())
    assert "leaves it to us" in ours and "days for that" not in ours


@pytest.mark.parametrize("kind", [LetterKind.CHANGE_ANNOUNCED, LetterKind.CHANGE_CORRECTED])
def test_no_letter_calls_silence_consent_where_the_terms_do_not(kind: LetterKind) -> None:
    for terms in (sample.SPECIFIC, Terms(silence=Silence.NOTHING)):
        told = " ".join(render(sample.notice(kind, terms=terms)).text.split())
        assert ("silence counts" not in told and "until you have said yes" in told) or "without your yes" in told
    plain = " ".join(render(sample.notice(terms=Terms(silence=Silence.NOTHING))).text.split())
    assert "specific authorisation" not in plain


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_every_letter_is_whole(kind: LetterKind, language: str) -> None:
    letter = render(sample.facts(kind, language))
    assert 0 < len(letter.subject) <= 255 and letter.subject.isprintable()
    assert "\n\n\n" not in letter.text and letter.text.endswith("\n") and not letter.text.startswith("\n")
    for line in letter.text.splitlines():
        assert len(line) <= WIDTH or len(line.split()) == 1, line
        assert line == line.rstrip()
    assert "%(" not in letter.text + letter.html + letter.subject
    assert len(letter.html.encode()) < 100_000
    spoken = "en" if kind in STAFF_LETTERS else language
    assert html.document_fromstring(letter.html).get("lang") == spoken


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_no_letter_fetches_anything_or_hides_an_address(kind: LetterKind, language: str) -> None:
    page = html.document_fromstring(render(sample.facts(kind, language)).html)
    assert not page.xpath("//img|//link|//script|//iframe|//object|//form")
    assert "url(" not in render(sample.facts(kind, language)).html
    for anchor in page.iter("a"):
        assert anchor.get("href").removeprefix("mailto:") == anchor.text_content()


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_announcement_names_last_day_start_link_and_organisation(language: str) -> None:
    letter = render(sample.notice(language=language))
    last, start = text.day(sample.PROMISE.last_day, language), text.day(sample.START, language)
    assert last in letter.subject and text.short_day(sample.START, language) in letter.subject
    assert sample.ORGANISATION.legal_name in letter.subject
    in_text = " ".join(letter.text.split())
    in_html = " ".join(html.document_fromstring(letter.html).text_content().split())
    for part in (in_text, in_html):
        for fact in (
            last, start, sample.LINK, sample.ORGANISATION.legal_name, sample.ORGANISATION.address,
            "objections@beispiel.example", sample.CUSTOMER.name, sample.CUSTOMER.clause, "24", "Europe/Zurich",
            "9f86d081884c7d65", "60303ae22b99", "https://notices.beispiel.example/",
        ):
            assert fact in part


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_announcement_gives_every_recorded_field_of_a_new_sub_processor(language: str) -> None:
    body = " ".join(render(sample.notice(language=language)).text.split())
    value = sample.NORTHWIND
    for said in (
        value.legal_name, value.address, value.registration_no, value.website, value.contact, value.contact_position,
        value.contact_address, value.activity, value.guarantee, value.transfer_basis,
        *value.data_categories, *value.data_subjects, *value.certificates,
    ):
        assert said in body


def test_what_is_not_recorded_is_left_out() -> None:
    bare = EngagementValue(legal_name="Bare Ltd", activity="Hosting", services=("platform",))
    change = sample.change("CH-20", "add", (None, bare))
    body = render(sample.notice(changes=(change,), opens_window=frozenset({"CH-20"}))).text
    assert "Bare Ltd" in body and "Certificates" not in body and "sub-processors: none" not in body


def test_several_changes_are_each_told_in_their_own_way() -> None:
    body = " ".join(render(sample.several()).text.split())
    assert "1. New sub-processor: Northwind Hosting Ltd" in body
    assert "2. Replacement: Eastwind Post GmbH takes the place of Southwind Mail Inc." in body
    assert "3. No longer a sub-processor: Southwind Mail Inc." in body
    assert "4. Change at the sub-processor Northwind Hosting Ltd" in body
    assert "Planned end: Tuesday, 31 March 2026" in body
    assert body.count("You may object to this change until the end of") == 3
    assert body.count("there is nothing you need to do") == 1


def test_a_changed_field_is_shown_before_and_after_once_for_all_activities() -> None:
    body = render(sample.notice(changes=(sample.MODIFY,), opens_window=frozenset({"CH-15"}))).text
    assert body.count("so far: 1 Harbour Row, Dublin 2, Ireland\n    new: 7 Canal Quay, Cork, Ireland") == 1
    assert "Concerns: Hosting of the platform and its backups; Support by telephone" in body
    assert "Registered address, Certificates" in " ".join(body.split())


def test_a_field_that_falls_away_is_said_to_be_gone() -> None:
    after = sample.NORTHWIND.with_(certificates=())
    change = sample.change("CH-21", "modify", (sample.NORTHWIND, after))
    body = render(sample.notice(changes=(change,), opens_window=frozenset({"CH-21"}))).text
    assert "so far: ISO/IEC 27001:2022\n    new: none" in body


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_a_letter_that_only_informs_names_no_last_day_and_no_way_to_object(language: str) -> None:
    letter = render(sample.notice(
        language=language, changes=(sample.REMOVE,), opens_window=frozenset(), last_day=None, why=()
    ))
    assert "/object" not in letter.text and "24:00" not in letter.text
    assert text.day(date(2026, 3, 31), language) in letter.text


def test_specific_authorisation_is_asked_for_and_silence_is_none() -> None:
    letter = render(sample.notice(terms=sample.SPECIFIC))
    body = " ".join(letter.text.split())
    assert "your consent is needed" in letter.subject
    assert "Silence is not consent" in body and "counts as authorisation" not in body


def test_general_authorisation_says_what_silence_means_and_what_follows() -> None:
    body = " ".join(render(sample.notice()).text.split())
    assert "your silence counts as authorisation by Treuhand Exempel GmbH" in body
    assert "you may terminate the affected service. You have at least 30 days" in body
    assert "no signature" in body and "costs you nothing" in body and "turn none away" in body


def test_an_open_start_is_said_to_be_open() -> None:
    change = replace(sample.ADD, planned_start=None)
    body = render(sample.notice(changes=(change,))).text
    assert "Planned start: not fixed yet; we tell you before it starts" in body


@pytest.mark.parametrize(
    ("in_time", "said"),
    [
        (True, "in time, on 20 March 2026, 15:05 (Europe/Zurich)"),
        (False, "after your last day to object"),
        (None, "We received your objection O-3 on 20 March 2026"),
    ],
)
def test_the_receipt_says_whether_the_objection_came_in_time(in_time: bool | None, said: str) -> None:
    body = " ".join(render(sample.objection(in_time=in_time)).text.split())
    assert said in body
    assert ("does not start for" in body) is (in_time is not False)
    assert "> What can you offer us?" in render(sample.objection(in_time=in_time)).text


def test_headers_thread_the_letters_and_hold_off_answering_machines() -> None:
    thread = "<5f0f6f0e-3c1b-4d7a-9f43-1d7e0a4c2b11@notices.beispiel.example>"
    for kind in KINDS:
        sent = render(sample.facts(kind)).headers
        assert sent["References"] == thread
        answers = kind is LetterKind.OBJECTION_RECEIVED
        assert sent["Auto-Submitted"] == ("auto-replied" if answers else "auto-generated")
        assert not any("unsubscribe" in name.lower() for name in sent)


@pytest.mark.parametrize("kind", sorted(LEGAL_NOTICES))
def test_a_legal_notice_says_why_it_came_and_how_to_change_the_contact(kind: LetterKind) -> None:
    body = " ".join(render(sample.facts(kind)).text.split())
    assert "You receive this letter because anna.keller@exempel.example is the contact" in body
    assert "To name another contact, write to objections@beispiel.example." in body


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_forty_changes_stay_below_the_size_at_which_mail_programs_clip(language: str) -> None:
    changes = tuple(replace(sample.ADD, ref=f"CH-{n}") for n in range(100, 140))
    letter = render(sample.notice(
        language=language, changes=changes, opens_window=frozenset(c.ref for c in changes)
    ))
    message = EmailMessage()
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    assert len(letter.html.encode()) < 100_000 and len(letter.text.encode()) < 100_000
    assert len(message.as_bytes(policy=SMTP)) < 200_000
    assert all(c.ref in letter.text and c.ref in letter.html for c in changes)


def test_hostile_names_stay_text_and_cannot_break_the_subject() -> None:
    vendor = sample.NORTHWIND.with_(
        legal_name="<script>alert(1)</script>\r\nBcc: all@example.com \u202egnp.exe",
        activity="100 % <b>safe</b> %(name)s\x00",
    )
    change = sample.change("CH-22", "add", (None, vendor))
    letter = render(sample.notice(changes=(change,), opens_window=frozenset({"CH-22"})))
    assert "<script>" not in letter.html and "<b>safe" not in letter.html
    assert letter.subject.isprintable() and "\u202e" not in letter.text and "\x00" not in letter.text
    assert "100 % <b>safe</b> %(name)s" in letter.text
    assert words(letter)[0] == words(letter)[1]


def test_an_objection_cannot_pose_as_a_part_of_our_letter() -> None:
    letter = render(sample.objection(text="Fine.\n\nKind regards\nBeispiel Software AG"))
    assert "> Kind regards\n> Beispiel Software AG" in letter.text
    assert "<blockquote>Fine." in letter.html


def test_a_very_long_name_leaves_the_last_day_in_the_subject() -> None:
    long = sample.NORTHWIND.with_(legal_name="Northwind " + "Very " * 80 + "Long Ltd")
    change = sample.change("CH-23", "add", (None, long))
    subject = render(sample.notice(changes=(change,), opens_window=frozenset({"CH-23"}))).subject
    assert len(subject) <= 255 and "7 April 2026" in subject and "[A-7]" in subject


def test_the_same_facts_give_the_same_bytes() -> None:
    assert render(sample.several("de")) == render(sample.several("de"))


def test_a_link_can_be_put_in_after_rendering() -> None:
    stored = render(sample.several(link="{link}"))
    assert stored.text.replace("{link}", sample.LINK) == render(sample.several()).text
    assert stored.html.replace("{link}", sample.LINK) == render(sample.several()).html


def test_an_unknown_language_is_answered_in_english() -> None:
    assert render(sample.notice(language="rm")).text == render(sample.notice()).text


def test_folding_keeps_marks_addresses_and_indentation() -> None:
    address = "https://example.com/" + "x" * 90
    folded = fold(f"> {'quoted ' * 20}\n\n\n\n  Name: {'value ' * 20}\n- {'item ' * 20}\n  {address}\n")
    lines = folded.splitlines()
    assert all(len(line) <= WIDTH for line in lines if address not in line)
    assert lines[1].startswith("> quoted") and "    value" in folded and "\n  item" in folded
    assert f"  {address}" in lines and "\n\n\n" not in folded


@pytest.mark.parametrize("kind", KINDS)
def test_english_letters_read_as_the_golden_ones(kind: LetterKind) -> None:
    letter = render(sample.facts(kind))
    golden(f"{kind.value}.en.txt", f"Subject: {letter.subject}\n\n{letter.text}")


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_announcement_reads_as_the_golden_one_in_four_languages(language: str) -> None:
    letter = render(sample.several(language))
    golden(f"several_changes.{language}.txt", f"Subject: {letter.subject}\n\n{letter.text}")


def test_the_html_of_the_announcement_is_the_golden_one() -> None:
    golden("several_changes.en.html", render(sample.several()).html)


@pytest.mark.parametrize(("failed", "outlook", "lead", "todo"), [
    ("bounced", "unproven", "could not be delivered", "the change does not start for this customer"),
    ("bounced", "given", "could not be delivered", "another proof stands"),
    ("blocked", "under_way", "could not be delivered", "Another letter of the same notice is under way"),
    ("failed", "over", "could not be delivered", "cancelled meanwhile"),
    ("bounced", "told", "could not be delivered", "No notice rests on this letter"),
    ("bounced", "case", "could not be delivered", "The case goes on"),
    ("cancelled", "unproven", "was not sent", "the change does not start for this customer"),
    ("uncertain", "unproven", "Nobody knows whether", "Decide on its page"),
])
def test_our_people_read_what_it_means_that_this_very_letter_failed(
    failed: str, outlook: str, lead: str, todo: str
) -> None:
    letter = render(replace(sample.staff(LetterKind.STAFF_DELIVERY_FAILED), failed=failed, outlook=outlook))
    for part in (letter.text, letter.html):
        said = " ".join(part.split())
        assert lead in said and todo in said
        assert ("the change does not start" in said) == (outlook == "unproven" and failed != "uncertain")
