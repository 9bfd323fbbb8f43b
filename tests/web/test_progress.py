"""How far an announcement has come: the same counts on the page, as JSON and in the command line."""

from __future__ import annotations

import json

from notifier.domain.people import Door
from notifier.jobs import deliver
from notifier.workflow import people
from notifier.workflow.customers import ContactEntry
from tests import factory
from tests.web.conftest import Office, words


def _announced(office: Office) -> str:
    """To alpha (German, two contacts), beta (English, one) and epsilon (German, two, no services recorded)."""
    with office.house.database.transaction() as session:
        factory.take_in(session, factory.customer("epsilon", services=(), language="de", contacts=(
            ContactEntry("one@epsilon.example", "One"), ContactEntry("two@epsilon.example", "Two"))))
        olga, paul = (people.actor_for(office.users[name], Door.CONSOLE) for name in ("olga", "paul"))
        factory.announced(session, olga, paul)
    return "A-1"


def test_letters_and_notices_are_counted_by_service_and_language(office: Office) -> None:
    ref = _announced(office)
    browser = office.browser("paul")
    counted = json.loads(browser.get(f"/console/announcements/{ref}/progress.json"))
    assert (counted["owed"], counted["given"], counted["to_leave"]) == (3, 0, 5)
    assert counted["by_language"] == {"notices": {"de": {"pending": 2}, "en": {"pending": 1}},
                                      "letters": {"de": {"queued": 4}, "en": {"queued": 1}}}
    assert counted["by_service"] == {"notices": {"*": {"pending": 1}, "platform": {"pending": 2}},
                                     "letters": {"*": {"queued": 2}, "platform": {"queued": 3}}}
    deliver.run(office.house)
    counted = json.loads(browser.get(f"/console/announcements/{ref}/progress.json"))
    assert (counted["given"], counted["to_leave"]) == (3, 0)


def test_the_page_looks_again_until_every_letter_is_answered_for(office: Office) -> None:
    ref = _announced(office)
    browser = office.browser("paul")
    answer = browser.client.get(f"/console/announcements/{ref}/progress")
    assert answer.headers["Refresh"]
    assert "<script" not in answer.text
    assert "5 of 5 letters have still to leave" in words(answer.text)
    deliver.run(office.house)
    answer = browser.client.get(f"/console/announcements/{ref}/progress")
    assert "Refresh" not in answer.headers
    assert "Notices given: 3 of 3" in words(answer.text)
    assert f"/console/announcements/{ref}/progress" in browser.get(f"/console/announcements/{ref}")
