"""A newcomer's first hour: the demo in its own processes, a console with cookies and tokens, a clock that is moved."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from notifier.demo import PASSWORD
from tests.journeys.installation import PATIENCE, Installation, running


class Browser:
    """What a person's browser does: keeps cookies, fills a page's form, follows the redirect."""

    def __init__(self, here: Installation) -> None:
        self.here = here
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)
        self.page: Any = None

    def open(self, path: str) -> Browser:
        with self.opener.open(path if "://" in path else self.here.url + path, timeout=PATIENCE) as answer:
            self.url, self.page = answer.url, html.fromstring(answer.read())
        return self

    def send(self, action: str, **fields: str | list[str]) -> Browser:
        """Sends the page's form whose address ends so, with these fields over what it holds."""
        form = next(f for f in self.page.xpath("//form[@method='post']") if f.get("action", "").endswith(action))
        held: dict[str, Any] = {}
        for name, value in form.form_values():
            held.setdefault(name, []).append(value)
        data = urllib.parse.urlencode({**held, **fields}, doseq=True).encode()
        where = urllib.parse.urljoin(self.url, form.get("action"))
        with self.opener.open(urllib.request.Request(where, data=data), timeout=PATIENCE) as answer:
            self.url, self.page = answer.url, html.fromstring(answer.read())
        return self

    @property
    def words(self) -> str:
        return " ".join(self.page.text_content().split())


def _signed_in(here: Installation, name: str) -> Browser:
    browser = Browser(here).open("/console/sign-in")
    return browser.send("/sign-in", email=f"{name}@processor.example", password=PASSWORD)


@pytest.mark.timeout(300)
def test_the_demo_takes_an_approved_change_to_its_effect_by_moving_the_clock(tmp_path: Path) -> None:
    with running(tmp_path / "first", ["demo"], {}) as here:
        here.until(lambda: "Logbuch Monitoring" in here.get("/")[1])
        states = {c["ref"]: c["state"] for c in here.read("changes", "list")}
        assert set(states.values()) == {
            "draft", "in_review", "sent_back", "approved", "announced", "in_effect", "rejected", "withdrawn"}
        ref = next(ref for ref, state in states.items() if state == "approved")

        paul = _signed_in(here, "paul").open(f"/console/announce?change={ref}")
        assert "Announce to 11 customers" in paul.words
        paul.send("/announce")
        assert "/console/announcements/" in paul.url
        letter = here.until(lambda: _letter(here, "dpo@duvanel.example", "Google"))
        link = re.search(rf"{here.url}/n/[^\s<\"/]+", letter)
        assert link is not None
        assert "Google Cloud" in here.get(link.group(0))[1]

        here.cli("changes", "blockers", ref, status=1)
        consent = here.until(lambda: _letter(here, "notariat@helvetia-notare.example", "Google"))
        asked = re.search(rf"{here.url}/n/[^\s<\"/]+", consent)
        assert asked is not None
        Browser(here).open(asked.group(0) + "/consent").send("/consent/link")
        letter = here.until(lambda: _letter(here, "notariat@helvetia-notare.example", "/consent"))
        fresh = re.search(rf"{here.url}/n/[^\s<\"/]+/consent", letter)
        assert fresh is not None
        answered = Browser(here).open(fresh.group(0)).send("/consent", answer="yes", function="Notarin")
        assert "Fürsprecherin Anna Graf, Notarin" in answered.words
        here.cli("demo", "clock", "+120d")
        here.until(lambda: "Zurich, Switzerland" in here.get("/subprocessors.csv")[1])
        assert {c["ref"]: c["state"] for c in here.read("changes", "list")}[ref] == "in_effect"
        assert "Nothing stands in the way" in here.cli("changes", "blockers", ref)
        here.cli("audit", "verify")


def _letter(here: Installation, to: str, about: str) -> str:
    """The newest letter to an address that is about something, or nothing yet."""
    page = html.fromstring(here.get("/demo/outbox")[1])
    for row in page.xpath("//*[self::tr or self::li]"):
        if to in row.text_content() and row.xpath(".//a"):
            found = here.get(row.xpath(".//a/@href")[0])[1]
            if about in found:
                return found
    return ""
