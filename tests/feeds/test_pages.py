"""The public pages: one heading, the right language, no strangers, no hostile markup."""

import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import pytest

import feeds
from feeds.pages import groups
from notifier.domain.listing import ListedService, ListValue, PublishedItem
from tests.feeds.sample_edition import CHANGES, COUNTER, HOSTING, SHA256, SITE, VALUE, a_change

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """What a page is made of: its tags with attributes, and its text."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(body.decode())
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, *names: str) -> list[tuple[str, dict[str, str | None]]]:
        """The tags of these names."""
        return [(tag, attrs) for tag, attrs in self.tags if tag in names]

    @property
    def text(self) -> str:
        """The words, spaces folded."""
        return " ".join(" ".join(self.words).split())


@cache
def pages(value: ListValue = VALUE, site: feeds.Site = SITE) -> dict[str, Page]:
    """Every HTML page, parsed; each is well formed."""
    documents = feeds.render(value, SHA256, site)
    return {path: Page(d.body) for path, d in documents.items() if d.media_type.startswith("text/html")}


def test_every_page_exists_bare_and_in_each_language():
    bare = ["/", "/changes", "/feeds", *(f"/changes/{change.ref}" for change in CHANGES)]
    assert set(pages()) == {*bare, *(f"/en{path}" for path in bare), *(f"/de{path}" for path in bare)}
    documents = feeds.render(VALUE, SHA256, SITE)
    assert all(documents[path].body == documents[f"/en{path}"].body for path in bare)


@pytest.mark.parametrize("path", list(pages()))
def test_a_page_has_one_first_heading_and_skips_no_level(path):
    levels = [int(tag[1]) for tag, _ in pages()[path].all("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("path", list(pages()))
def test_a_page_has_its_language_its_landmarks_and_the_other_languages(path):
    page, language = pages()[path], "de" if path.startswith("/de/") else "en"
    assert dict(page.all("html"))["html"]["lang"] == language
    for landmark in ("header", "main", "footer", "title"):
        assert len(page.all(landmark)) == 1
    alternates = {a["hreflang"]: a["href"] for _, a in page.all("link") if "hreflang" in a}
    bare = re.sub("^/(en|de)/", "/", path)
    home = "https://lists.example.com"
    assert alternates == {"en": home + bare, "de": f"{home}/de{bare}", "x-default": home + bare}
    [canonical] = [a["href"] for _, a in page.all("link") if a.get("rel") == "canonical"]
    assert canonical == alternates[language]


@pytest.mark.parametrize("path", list(pages()))
def test_a_page_asks_nobody_else_for_anything_and_runs_nothing(path):
    page = pages()[path]
    assert not page.all("script", "style", "iframe", "img")
    assert not [a for _, a in page.tags if any(name.startswith("on") or name == "style" for name in a)]
    for tag, attrs in page.all("a", "link"):
        assert re.match(r"(/|#|https://lists\.example\.com/)", str(attrs["href"])), (tag, attrs)


def test_every_link_of_every_page_leads_somewhere():
    known = set(feeds.render(VALUE, SHA256, SITE))
    for page in pages().values():
        ids = [a["id"] for _, a in page.tags if "id" in a]
        assert len(ids) == len(set(ids))
        for _, attrs in page.all("a", "link"):
            target = str(attrs["href"]).removeprefix("https://lists.example.com")
            assert target in known or target.removeprefix("#") in ids


def test_pages_announce_the_three_feeds():
    kinds = {"application/atom+xml": "changes.atom", "application/rss+xml": "changes.rss",
             "application/feed+json": "changes.json"}
    for page in pages().values():
        found = {a["type"]: a["href"] for _, a in page.all("link") if "type" in a}
        assert found == {kind: f"https://lists.example.com/{name}" for kind, name in kinds.items()}


def test_titles_differ_from_page_to_page():
    documents = feeds.render(VALUE, SHA256, SITE)
    titles = [re.search(r"<title>(.+)</title>", d.body.decode()) for p, d in documents.items()
              if p.startswith("/en/")]
    assert len({each[1] for each in titles if each}) == len(titles)


def test_hostile_names_stay_text():
    nasty = '"><script>alert(1)</script>\x00<img src=x onerror=y>'
    value = replace(
        VALUE, organisation=replace(VALUE.organisation, legal_name=nasty, contact=nasty),
        services=(ListedService("platform", nasty), VALUE.services[1]),
        engagements=(
            HOSTING.with_(legal_name=nasty, website="javascript:alert(1)", locations=(nasty, nasty)),
        ),
        changes=(a_change(9, "add", "announced", PublishedItem(None, COUNTER.with_(legal_name=nasty))),),
    )
    for page in pages(value).values():
        assert not page.all("script", "img")
        assert not [a for _, a in page.tags if any(name.startswith("on") for name in a)]
        assert "alert(1)" in page.text and "\x00" not in page.text
        assert not [a for _, a in page.all("a") if str(a["href"]).startswith("javascript")]


def test_what_is_announced_stands_apart_from_what_is_current():
    words = pages()["/"].text
    coming, current = words.split("Current sub-processors")
    assert "New sub-processor: Counter, Inc." in coming and "Counter, Inc." not in current
    assert "Saturday, 9 May 2026" in coming
    assert "Announced : Replacement" in current.replace("Announced:", "Announced :")
    assert "Alpine Hosting AG" in current and "Withdrawn" not in words


def test_one_change_shows_before_and_after_and_its_dates():
    words = pages()["/changes/C-2026-007"].text
    assert "Post & Mail Ltd" in words and "Letters B.V." in words and "Thursday, 7 May 2026" in words
    assert "Activity Sending of e-mail unchanged" in words
    assert "told its own last day to object by e-mail" in words
    assert "7 March 2026, 09:00 (Europe/Zurich)" in words


def test_a_withdrawn_change_says_so_on_its_page():
    words = pages()["/changes/C-2026-005"].text
    assert "This change was withdrawn." in words and "last day" not in words


def test_an_open_start_is_called_open():
    undecided = replace(VALUE, changes=(replace(CHANGES[0], planned_start=None),))
    assert "Planned start not fixed yet" in pages(undecided)["/"].text


def test_a_list_with_nobody_on_it_says_so():
    empty = replace(VALUE, engagements=(), changes=(), services=())
    found = pages(empty)
    assert "No sub-processor is engaged at present." in found["/"].text
    assert "No change has been announced so far." in found["/changes"].text


def test_services_are_grouped_only_where_their_lists_differ():
    assert [g.service.slug if g.service else None for g in groups(VALUE)] == ["platform", "insights"]
    assert [len(g.engagements) for g in groups(VALUE)] == [2, 1]
    assert [g.service for g in groups(replace(VALUE, engagements=(HOSTING,)))] == [None]
    assert [g.service for g in groups(replace(VALUE, services=VALUE.services[:1]))] == [None]
    [alone] = groups(replace(VALUE, services=()))
    assert alone.service is None and alone.engagements == VALUE.engagements


def test_an_engagement_for_a_retired_service_is_not_lost():
    last = groups(replace(VALUE, engagements=(HOSTING, COUNTER.with_(services=("gone",)))))[-1]
    assert last.service is None and [e.ref for e in last.engagements] == ["counter"]


def test_every_cell_of_a_stacking_table_carries_its_label():
    for page in pages().values():
        for _, attrs in page.all("td"):
            assert attrs["data-label"] and attrs["role"] == "cell"


def test_the_list_tells_whom_to_write_to_what_is_reached_from_where_and_on_what_basis():
    words = pages()["/"].text
    assert "Contact person: Ines Post, Data protection officer, privacy@post.example" in words
    assert "Remote access from: India" in words
    assert ("Transfer basis by place: India: standard contractual clauses, module 3 (processor to processor) under the "
            "GDPR and the FADP, signed on 1 March 2026; annex 2") in words
    old = replace(VALUE, engagements=(HOSTING,))
    assert "Remote access" not in pages(old)["/"].text and "Contact person" not in pages(old)["/"].text


def test_a_change_tells_every_field_in_words():
    words = pages()["/changes/C-2026-009"].text
    for said in ("Special categories of data Health data", "Delimitation of responsibilities It measures, we judge.",
                 "Duration of processing Two years", "Places of processing United States",
                 "United States: Data Privacy Framework under the GDPR, standard contractual clauses under the FADP"):
        assert said in words
