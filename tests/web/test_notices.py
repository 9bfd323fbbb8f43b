"""A customer's notice page: what it says, what it never does, and the two answers given on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from notifier.domain.states import NoticeState
from notifier.house import House
from notifier.tables import AuditDetail, AuditEntry, Link, NoticeChange
from notifier.workflow import announcements, links, notices, releases, silence
from notifier.workflow.customers import ContactEntry
from notifier.workflow.notices import Happening
from tests import factory, servers
from tests.web import customer_house
from tests.web.customer_house import ARRIVED, PROVIDER, Told, forms, words

LAST_DAY = "until the end of Thursday, 2 April 2026 (24:00, Europe/Zurich)"
TWO = ("Analytics Inc.", "Brevet Mail SA")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: both databases are gone through by the objections' tests."""
    return servers.fresh_sqlite(tmp_path / "notifier.db")


@pytest.fixture
def told(house: House, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Two customers, proven to have been told of one addition."""
    return customer_house.told(house, monkeypatch)


@pytest.fixture
def tell(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """The same, with something said differently."""
    return lambda **given: customer_house.told(house, monkeypatch, **given)


def _consents(told: Told) -> list[str]:
    with told.house.database.reading() as db:
        query = select(NoticeChange.consent).where(NoticeChange.notice_id == told.notice("acme").id)
        return list(db.exec(query.order_by(col(NoticeChange.id))))


def test_the_notice_keeps_the_four_dates_apart(told: Told) -> None:
    page = words(told.client.get(told.link("acme")))
    assert "Given to you 2 March 2026, 10:05 (Europe/Zurich)" in page
    assert "Proven: the recipient's mail server accepted the letter." in page
    assert f"Last day to object {LAST_DAY} This is the day that counts." in page
    assert "Planned start Monday, 4 May 2026" in page
    assert "Applies to you since not yet" in page


def test_it_says_what_changes_and_what_silence_and_an_objection_mean(told: Told) -> None:
    page = words(told.client.get(told.link("acme")))
    assert "New sub-processor: Analytics Inc." in page
    assert "EU standard contractual clauses" in page
    assert "your silence counts as authorisation by Acme Ltd" in page
    assert "you may terminate the affected service" in page
    assert "Counting begins on the day after" in page


@pytest.mark.parametrize(("terms", "says", "never"), [
    ({"remedy": "whole_contract", "decides": "either", "refund": "pro_rata"},
     ["either of us may terminate the whole agreement", "given back in proportion"], ["affected service"]),
    ({"remedy": "none", "refund": "none"}, ["names no right to terminate"], ["may terminate", "not given back"]),
    ({"silence": "nothing"}, ["Under your agreement silence is not consent"], ["silence counts", "specific"]),
    ({"window_runs": "until_start", "notice_days": 10},
     ["until the change starts", "Sunday, 3 May 2026"], ["30 days from the day this letter"]),
    ({"window_runs": "past_start", "window_days": 90},
     ["may start on its planned day although this period is still running"], []),
])
def test_it_says_what_the_terms_of_this_customer_say(
    tell: Callable[..., Told], terms: dict[str, object], says: list[str], never: list[str]
) -> None:
    told = tell(terms=terms)
    page = words(told.client.get(told.link("acme")))
    assert [word for word in says if word not in page] == []
    assert [word for word in never if word in page] == []


def test_a_holiday_is_named_with_its_place_in_the_reader_s_language(tell: Callable[..., Told]) -> None:
    told = tell(terms={"window_days": 32})
    path = told.link("acme")
    assert "Friday, 3 April 2026 is Good Friday in Zürich." in words(told.client.get(path))
    assert "Freitag, 3. April 2026 ist Karfreitag (Zürich)." in words(told.client.get(f"{path}?language=de"))


def test_before_proof_it_shows_the_promised_day_and_why(tell: Callable[..., Told]) -> None:
    told = tell(proven=False)
    page = words(told.client.get(told.link("acme")))
    assert "Given to you not proven yet" in page
    assert f"Last day to object {LAST_DAY} This is the day our letter names." in page
    assert "It counts as received on the next working day, Tuesday, 3 March 2026." in page
    assert "Without proof that this notice reached you, silence counts for nothing." in page


def test_a_bounced_letter_is_said_to_be_not_proven(told: Told) -> None:
    path = told.link("acme")
    with told.house.database.transaction() as db:
        for row in notices.deliveries.of_notice(db, told.notice("acme").id or 0):
            event = Happening(row.ref, "", "bounce", ARRIVED + timedelta(hours=1), "late", "550 no such user")
            notices.happened(db, event, actor=PROVIDER, now=ARRIVED + timedelta(hours=1))
    assert told.notice("acme").state == NoticeState.UNDELIVERABLE
    page = words(told.client.get(path))
    assert "not proven yet No letter could be delivered so far" in page
    assert LAST_DAY in page


@pytest.mark.parametrize("path", ["", "/object", "/letter"])
def test_no_get_or_head_changes_a_row(told: Told, path: str) -> None:
    before, address = told.counts(), told.link("acme") + path
    for _ in range(2):
        assert told.client.get(address).status_code == 200
        head = told.client.head(address)
        assert head.status_code == 200
        assert head.data == b""
    assert told.counts() == before
    assert told.notice("acme").acknowledged_at is None


def test_every_answer_is_private(told: Told) -> None:
    path = told.link("acme")
    for answer in (told.client.get(path), told.client.post(f"{path}/read"), told.client.get("/n/nobody")):
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers
    page = told.client.get(path).text
    assert '<meta name="robots" content="noindex, nofollow">' in page
    assert "<script" not in page


@pytest.mark.parametrize("language", ["en", "de", "fr", "it"])
def test_the_reader_chooses_the_language_and_keeps_it(told: Told, language: str) -> None:
    path = told.link("acme")
    answer = told.client.get(f"{path}?language={language}", headers={"Accept-Language": "en"})
    assert f'<html lang="{language}">' in answer.text
    further = path + "/object" + ("" if language == "en" else f"?language={language}")
    assert f'href="{further}"' in answer.text
    assert f'action="{further}"' in told.client.get(further).text
    for other in {"en", "de", "fr", "it"} - {language}:
        assert f'href="?language={other}"' in answer.text


def test_the_page_speaks_the_customers_language_not_the_browsers(tell: Callable[..., Told]) -> None:
    told = tell(language="de")
    answer = told.client.get(told.link("acme"), headers={"Accept-Language": "fr"})
    assert '<html lang="de">' in answer.text
    assert "Donnerstag, 2. April 2026" in answer.text


def test_the_letter_as_sent_hides_the_link(told: Told) -> None:
    path = told.link("acme")
    page = told.client.get(f"{path}/letter")
    assert "https://list.example/n/[your link]" in page.text
    letter = page.text[page.text.index("<pre"):page.text.index("</pre>")]
    assert path.removeprefix("/n/") not in letter
    assert links.MASK not in letter
    assert "Dear Lea of Acme" in letter


def test_a_contact_never_written_to_has_no_letter(told: Told) -> None:
    path = told.link("acme")
    with told.house.database.transaction() as db:
        link = links.ensure(db, links.NOTICE, told.notice("acme").id or 0, contact_id=None,
                            email="else@acme.example", now=ARRIVED)
        other = f"/n/{told.house.sender.signer.token(link)}"
    assert f"{path}/letter" in told.client.get(path).text
    assert "/letter" not in told.client.get(other).text
    assert told.client.get(f"{other}/letter").status_code == 404


@pytest.mark.parametrize("spoil", [lambda t: t[:-4], lambda t: "x" + t, lambda t: t.split(".")[0], lambda t: "é"])
def test_a_spoilt_link_says_what_to_do(told: Told, spoil: Callable[[str], str]) -> None:
    token = told.link("acme").removeprefix("/n/")
    for answer in (told.client.get(f"/n/{spoil(token)}"), told.client.post(f"/n/{spoil(token)}/read")):
        assert answer.status_code == 404
        assert "Open the link in our letter again." in words(answer)
        assert "mailto:privacy@processor.example" in answer.text


def test_a_link_of_another_kind_opens_nothing(told: Told) -> None:
    token = told.link("acme").removeprefix("/n/")
    assert told.client.get(f"/o/{token}").status_code == 404
    filed = customer_house.file(told, f"/n/{token}")
    case = filed.headers["Location"].split("/")[2]
    assert told.client.get(f"/n/{case}").status_code == 404


def test_a_revoked_link_asks_to_write_for_a_fresh_one(told: Told) -> None:
    path = told.link("acme")
    with told.house.database.transaction() as db:
        for link in db.exec(select(Link)).all():
            link.revoked_at = ARRIVED
    answer = told.client.get(path)
    assert answer.status_code == 403
    assert "ask for a fresh link" in words(answer)
    assert "Analytics" not in answer.text
    assert told.client.post(f"{path}/object", data={"text": "No.", "step": "file"}).status_code == 403


def test_having_read_it_is_a_proof_and_no_consent(tell: Callable[..., Told]) -> None:
    told = tell(proven=False)
    path = told.link("acme")
    answer = told.client.post(f"{path}/read")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}#read")
    notice = told.notice("acme")
    assert (notice.state, notice.given_by) == (NoticeState.GIVEN, "customer")
    assert notice.acknowledged_at == notice.given_at == ARRIVED + timedelta(days=1)
    assert _consents(told) == [""]
    page = words(told.client.get(path))
    assert "Proven by your own act: you confirmed that you have read it." in page
    assert "That is no consent" in page
    told.at(ARRIVED + timedelta(days=9))
    told.client.post(f"{path}/read")
    assert told.notice("acme").acknowledged_at == notice.acknowledged_at


def test_having_read_it_later_leaves_the_earlier_proof(told: Told) -> None:
    told.client.post(told.link("acme") + "/read")
    notice = told.notice("acme")
    assert (notice.given_by, notice.given_at) == ("provider", ARRIVED)
    assert notice.acknowledged_at is not None


def test_specific_terms_ask_for_a_yes_and_take_it_per_change(tell: Callable[..., Told]) -> None:
    told = tell(names=TWO, terms={"authorisation": "specific"})
    path = told.link("acme")
    page = told.client.get(path)
    assert "Silence is not consent" in page.text
    assert f'href="{path}/consent"' in page.text
    fresh = told.fresh(path, links.CONSENT)
    form = forms(told.client.get(fresh))[0]
    assert form.values["changes"] == told.changes
    assert form.values["name"] == ["Lea of Acme"]
    filled = form.filled(changes=[told.changes[1]], answer="yes", function="Counsel")
    answer = told.client.post(form.action, data=filled)
    assert (answer.status_code, answer.headers["Location"]) == (303, fresh)
    assert _consents(told) == ["", "yes"]
    assert "Your answer has been received" in words(told.client.get(fresh))
    assert "Lea of Acme, Counsel" in words(told.client.get(path))


def test_an_answer_can_be_changed_until_the_change_starts(tell: Callable[..., Told]) -> None:
    told = tell(terms={"authorisation": "specific"}, proven=False)
    path, data = told.link("acme"), {"changes": told.changes, **factory.SIGNED}
    told.client.post(told.fresh(path, links.CONSENT), data={**data, "answer": "no"})
    assert told.notice("acme").proof == {"act": "consent"}
    told.client.post(told.fresh(path, links.CONSENT), data={**data, "answer": "yes"})
    assert _consents(told) == ["yes"]
    told.prove("change_announced", ARRIVED)
    told.at(factory.NOW + timedelta(days=70, hours=-1))
    last = told.fresh(path, links.CONSENT)
    later = factory.NOW + timedelta(days=70)
    with told.house.database.transaction() as db:
        releases.release(db, told.changes[0], actor=told.paul, now=later)
    told.at(later)
    for address in (last, f"{path}/consent"):
        assert told.client.post(address, data={**data, "answer": "no"}).status_code == 409
    assert _consents(told) == ["yes"]
    assert "Applies to you since 11 May 2026" in words(told.client.get(path))


def test_an_answer_without_a_change_or_a_word_is_not_taken(tell: Callable[..., Told]) -> None:
    told = tell(names=TWO, terms={"authorisation": "specific"})
    fresh = told.fresh(told.link("acme"), links.CONSENT)
    whole = {"changes": told.changes, "answer": "yes", **factory.SIGNED}
    for missing in ("changes", "name", "function"):
        answer = told.client.post(fresh, data={key: value for key, value in whole.items() if key != missing})
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
        assert f'href="#{missing}"' in answer.text
        assert "<title>Error:" in answer.text
    assert told.client.post(fresh, data={**whole, "answer": "maybe"}).status_code == 422
    assert told.client.post(fresh, data={**whole, "name": "x" * 201}).status_code == 422
    assert _consents(told) == ["", ""]
    assert told.client.post(fresh, data=whole).status_code == 303, "what was not taken has not used the link up"


def test_general_terms_take_no_consent(told: Told) -> None:
    path = told.link("acme")
    assert "/consent" not in told.client.get(path).text
    answer = told.client.post(f"{path}/consent", data={"changes": told.changes, "answer": "yes"})
    assert answer.status_code == 409
    assert _consents(told) == [""]


def test_both_answers_leave_their_audit_entry_in_the_contacts_name(tell: Callable[..., Told]) -> None:
    told = tell(terms={"authorisation": "specific"})
    path = told.link("acme")
    told.client.post(f"{path}/read")
    told.client.post(told.fresh(path, links.CONSENT), data={"changes": told.changes, "answer": "yes", **factory.SIGNED})
    with told.house.database.reading() as db:
        rows = db.exec(select(AuditEntry).where(AuditEntry.door == "link").order_by(col(AuditEntry.seq))).all()
        side = db.get(AuditDetail, rows[-1].seq)
    assert [row.action for row in rows] == ["acknowledge", "send_link", "consent"]
    assert (rows[2].refs["answer"], rows[2].refs["changes"]) == ("yes", told.changes)
    assert "Lea Legal" not in str(rows[2].refs)
    assert side is not None
    assert (side.detail["name"], side.detail["function"]) == ("Lea Legal", "General counsel")
    assert all(row.actor.startswith("contact:") for row in rows)


def test_a_withdrawn_change_is_said_so_with_the_reason(tell: Callable[..., Told]) -> None:
    told = tell(names=TWO)
    path = told.link("acme")
    with told.house.database.transaction() as db:
        announcements.withdraw(db, told.changes[1], "The tender <b>failed</b>.", actor=told.paul, now=ARRIVED)
    answer = told.client.get(path)
    page = words(answer)
    assert "Part of this notice has been withdrawn." in page
    assert "This change was withdrawn. 2 March 2026, 10:05 (Europe/Zurich) The tender <b>failed</b>." in page
    assert "<b>failed" not in answer.text
    form = forms(told.client.get(f"{path}/object"))[0]
    assert form.values["changes"] == [told.changes[0]]


def test_a_notice_with_nothing_left_offers_no_objection(told: Told) -> None:
    path = told.link("acme")
    with told.house.database.transaction() as db:
        announcements.withdraw(db, told.changes[0], "Not needed.", actor=told.paul, now=ARRIVED)
    page = told.client.get(path)
    assert "What this notice announced has been withdrawn." in words(page)
    assert "/object" not in page.text
    before = told.counts()
    assert "There is nothing left to object to." in words(told.client.get(f"{path}/object"))
    told.client.post(f"{path}/object", data={"text": "No.", "email": "a@b.example", "step": "file"})
    assert told.counts() == before


def test_silence_after_the_last_day_is_told_as_what_it_meant(told: Told) -> None:
    told.at(ARRIVED + timedelta(days=40))
    page = words(told.client.get(told.link("acme")))
    assert "This day has passed." in page
    assert "We heard no objection from you by then" in page
    assert "Object all the same" in page


def test_a_colleague_sees_the_objection_and_opens_it_by_a_link_of_their_own(tell: Callable[..., Told]) -> None:
    both = (ContactEntry("legal@acme.example", "Lea"), ContactEntry("dpo@acme.example", "Dan", position=2))
    told = tell(contacts=both)
    lea, dan = told.link("acme"), told.link("acme", position=1)
    customer_house.file(told, lea)
    ref, own = told.case().ref, told.link("acme", links.CASE)
    assert own in told.client.get(lea).text
    page = told.client.get(dan)
    assert ref in page.text
    assert own not in page.text
    form = next(f for f in forms(page) if ref in f.action)
    answer = told.client.post(form.action)
    assert answer.status_code == 303
    assert answer.headers["Location"] == told.link("acme", links.CASE, position=1) != own
    assert ref in told.client.get(answer.headers["Location"]).text


def test_no_link_leads_to_another_customers_case(told: Told) -> None:
    customer_house.file(told, told.link("acme"))
    ref, path = told.case().ref, told.link("bond")
    assert ref not in told.client.get(path).text
    before = told.counts()
    assert told.client.post(f"{path}/cases/{ref}").status_code == 404
    assert told.counts() == before


def test_each_contact_says_for_itself_that_it_has_read_the_notice(tell: Callable[..., Told]) -> None:
    told = tell(contacts=(ContactEntry("legal@acme.example", "Lea"), ContactEntry("dpo@acme.example", "Dora")))
    told.client.post(told.link("acme") + "/read")
    own, others = (words(told.client.get(told.link("acme", position=n))) for n in (0, 1))
    assert "You confirmed on" in own and "We do not remind you of it." in own
    assert "Another contact of Acme Ltd confirmed on" in others and "We have read this" in others
    told.client.post(told.link("acme", position=1) + "/read")
    assert "You confirmed on" in words(told.client.get(told.link("acme", position=1)))


def test_when_the_last_day_has_passed_the_page_says_what_silence_meant_for_each_change(
    tell: Callable[..., Told]
) -> None:
    told = tell(names=TWO)
    customer_house.file(told, told.link("acme"), changes=[told.changes[0]])
    after = ARRIVED + timedelta(days=40)
    with told.house.database.transaction() as db:
        silence.note_ended(db, actor=factory.SYSTEM, now=after)
    told.at(after)
    page = words(told.client.get(told.link("acme")))
    assert "There was an objection by the last day, so silence meant nothing." in page
    assert "silence counted as authorisation under the agreement." in page
