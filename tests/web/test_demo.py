"""The demo's own pages: its letters, its clock."""

from __future__ import annotations

import re
from collections.abc import Callable

from notifier import clock
from notifier.domain.people import Door
from notifier.jobs import deliver
from notifier.workflow import people
from tests import factory
from tests.web.conftest import Office


def test_the_demo_shows_its_letters_with_links_that_can_be_followed(office: Office) -> None:
    with office.house.database.transaction() as session:
        olga, paul = (people.actor_for(office.users[name], Door.CONSOLE) for name in ("olga", "paul"))
        factory.announced(session, olga, paul)
    deliver.run(office.house)
    visitor = office.browser()
    page = visitor.get("/demo/outbox")
    refs = re.findall(r'href="/demo/outbox/([0-9a-f-]{36})"', page)
    assert len(refs) == 5  # three contacts, and the two who were asked to review
    page = visitor.get(f"/demo/outbox/{refs[-1]}")
    assert re.search(r'<a href="http://localhost/[^"]+"', page)
    assert 'target="_blank"' in visitor.get(f"/demo/outbox/{refs[-1]}/letter.html")
    visitor.get("/demo/outbox/../../secret-key", 404)


def test_the_demo_clock_moves_forward_only_by_its_buttons(office: Office) -> None:
    visitor = office.browser()
    visitor.get("/demo")
    visitor.post("/demo/clock", days="7")
    assert (office.house.settings.data_dir / clock.OFFSET_FILE).read_text() == str(7 * 86400)
    visitor.post("/demo/clock", 422, days="-7")


def test_the_demo_pages_exist_in_a_demo_only(make_office: Callable[..., Office]) -> None:
    assert make_office().app.test_client().get("/demo").status_code == 404
