"""What the W3C feed validator checks of Atom, RSS and JSON Feed, and what feedgen must not do to us."""

import json
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import feeds
from notifier.domain.listing import ListValue, PublishedItem
from tests.feeds.sample_edition import CHANGES, COUNTER, SHA256, SITE, VALUE, a_change, at

ATOM = "{http://www.w3.org/2005/Atom}"
COMPLETE = "{http://purl.org/syndication/history/1.0}complete"
HOSTILE = "<script>alert(1)</script> R&lt;D \x00\x0b\x1f\x85\ufffe GmbH"
PLACES = ["", "/services/platform", "/services/insights"]
MEDIA_TYPES = {
    "atom": "application/atom+xml; charset=utf-8", "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json",
}
RFC_822 = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000"


def body(form: str, value: ListValue = VALUE, prefix: str = "") -> bytes:
    """The feed in a form, as published."""
    return feeds.render(value, SHA256, SITE)[f"{prefix}/changes.{form}"].body


def tree(form: str, value: ListValue = VALUE, prefix: str = "") -> etree._Element:
    """The feed in a form, parsed; the channel where it is RSS."""
    root = etree.fromstring(body(form, value, prefix))
    return root[0] if form == "rss" else root


def hostile() -> ListValue:
    """An edition in which somebody tried."""
    change = a_change(9, "add", "announced", PublishedItem(None, COUNTER.with_(legal_name=HOSTILE)))
    return replace(VALUE, organisation=replace(VALUE.organisation, legal_name=HOSTILE), changes=(change,))


def titles(value: ListValue) -> list[str]:
    """All titles in all three forms."""
    documents = feeds.render(value, SHA256, SITE)
    atom, rss = (etree.fromstring(documents[f"/changes.{form}"].body) for form in ("atom", "rss"))
    feed = json.loads(documents["/changes.json"].body)
    return [
        *(str(each.text) for each in atom.iter(f"{ATOM}title")),
        *(str(each.text) for each in rss.iter("title")),
        feed["title"], *(item["title"] for item in feed["items"]),
    ]


@pytest.mark.parametrize("prefix", PLACES)
def test_the_atom_feed_names_itself_once_and_its_page_once(prefix):
    feed = tree("atom", prefix=prefix)
    links = {link.get("rel"): dict(link.attrib) for link in feed.findall(f"{ATOM}link")}
    assert len(feed.findall(f"{ATOM}link")) == 2
    assert links["self"]["href"] == f"https://lists.example.com{prefix}/changes.atom"
    assert links["self"]["type"] == "application/atom+xml"
    assert links["alternate"]["href"] == "https://lists.example.com/changes"
    for name in ("id", "title", "updated"):
        assert len(feed.findall(f"{ATOM}{name}")) == 1
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Muster AG"


def test_every_atom_entry_has_one_id_one_title_and_one_alternate_with_its_type():
    entries = tree("atom").findall(f"{ATOM}entry")
    assert len(entries) == len(CHANGES)
    for entry, change in zip(entries, CHANGES, strict=True):
        assert [e.text for e in entry.findall(f"{ATOM}id")] == [f"urn:uuid:{change.uid}"]
        assert len(entry.findall(f"{ATOM}title")) == 1
        [link] = entry.findall(f"{ATOM}link")
        assert dict(link.attrib) == {
            "href": f"https://lists.example.com/changes/{change.ref}",
            "rel": "alternate", "type": "text/html", "hreflang": "en",
        }
        assert entry.find(f"{ATOM}content").get("type") == "html"


def test_ids_are_uuids_and_no_two_feeds_share_one():
    feed_ids = [tree("atom", prefix=p).findtext(f"{ATOM}id") for p in PLACES]
    assert len(set(feed_ids)) == 3
    for name in [*feed_ids, *(e.text for e in tree("atom").iter(f"{ATOM}id"))]:
        assert name.startswith("urn:uuid:") and UUID(name[9:])


def test_dates_are_rfc_3339_in_atom_and_come_from_the_changes():
    feed = tree("atom")
    dates = [e.text for name in ("updated", "published") for e in feed.iter(f"{ATOM}{name}")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", each) for each in dates)
    shown = [datetime.fromisoformat(e.findtext(f"{ATOM}updated")) for e in feed.findall(f"{ATOM}entry")]
    assert shown == [change.updated_at for change in CHANGES]
    assert datetime.fromisoformat(feed.findtext(f"{ATOM}updated")) == max(shown)


def test_dates_are_rfc_822_in_rss_with_a_four_digit_year():
    channel = tree("rss")
    dates = [channel.findtext("lastBuildDate"), *(e.text for e in channel.iter("pubDate"))]
    assert all(re.fullmatch(RFC_822, each) for each in dates)
    assert [parsedate_to_datetime(d) for d in dates[1:]] == [change.announced_at for change in CHANGES]


def test_a_feed_without_changes_is_as_old_as_its_edition():
    empty = replace(VALUE, changes=())
    assert tree("atom", empty).findtext(f"{ATOM}updated") == "2026-03-09T09:00:00+00:00"
    assert feeds.render(empty, SHA256, SITE)["/changes.rss"].last_modified == VALUE.as_of
    assert json.loads(body("json", empty))["items"] == []


def test_a_withdrawal_makes_the_feed_newer():
    withdrawn = replace(CHANGES[0], state="withdrawn", updated_at=at(20))
    later = replace(VALUE, changes=(withdrawn, *CHANGES[1:]))
    assert feeds.render(later, SHA256, SITE)["/changes.atom"].last_modified == at(20)
    entry = tree("atom", later).find(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "Withdrawn: New sub-processor: Counter, Inc."
    assert "was withdrawn" in entry.findtext(f"{ATOM}content")
    assert entry.findtext(f"{ATOM}id") == f"urn:uuid:{CHANGES[0].uid}"


def test_rss_links_its_page_names_itself_and_its_guids_are_no_addresses():
    channel = tree("rss")
    assert channel.findtext("link") == "https://lists.example.com/changes"
    assert channel.findtext("description")
    [itself] = channel.findall(f"{ATOM}link")
    assert dict(itself.attrib) == {
        "href": "https://lists.example.com/changes.rss", "rel": "self", "type": "application/rss+xml",
    }
    guids = [item.find("guid") for item in channel.findall("item")]
    assert {guid.get("isPermaLink") for guid in guids} == {"false"}
    assert [guid.text for guid in guids] == [f"urn:uuid:{change.uid}" for change in CHANGES]


def test_both_xml_forms_say_that_they_are_complete():
    assert tree("atom").find(COMPLETE) is not None
    assert tree("rss").find(COMPLETE) is not None


def test_the_json_feed_has_what_version_1_1_asks():
    feed = json.loads(body("json"))
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == "https://lists.example.com/changes.json"
    assert feed["home_page_url"] == "https://lists.example.com/changes"
    assert feed["title"] and feed["language"] == "en" and feed["authors"][0]["name"] == "Muster AG"
    for item, change in zip(feed["items"], CHANGES, strict=True):
        assert item["id"] == f"urn:uuid:{change.uid}" and item["content_html"] and item["title"]
        assert item["url"].startswith("https://")
        assert datetime.fromisoformat(item["date_modified"]) == change.updated_at
        assert item["_subprocessors"]["state"] == change.state
    assert feed["items"][0]["_subprocessors"]["planned_start"] == "2026-05-09"


def test_each_form_has_its_media_type():
    documents = feeds.render(VALUE, SHA256, SITE)
    for form, media_type in MEDIA_TYPES.items():
        for prefix in PLACES:
            assert documents[f"{prefix}/changes.{form}"].media_type == media_type


def test_the_feed_of_a_service_holds_its_changes_and_those_of_all_services():
    platform, insights = (json.loads(body("json", prefix=place))["items"] for place in PLACES[1:])
    assert [i["_subprocessors"]["ref"] for i in platform] == ["C-2026-007", "C-2026-005", "C-2026-003"]
    assert [i["_subprocessors"]["ref"] for i in insights] == ["C-2026-009", "C-2026-003"]


def test_an_entry_tells_kind_start_services_and_before_and_after_but_no_last_day():
    told = json.loads(body("json"))["items"][1]["content_html"]
    for words in ("Kind: Replacement", "Planned start: Thursday, 7 May 2026", "Services: Platform",
                  "Legal name: Post &amp; Mail Ltd → Letters B.V.", "Country: Ireland → Netherlands",
                  "told its own last day to object by e-mail"):
        assert words in told


def test_no_title_holds_markup_and_no_control_character_survives():
    for title in titles(hostile()):
        assert not re.search(r"[<>\x00-\x1f\x7f-\x9f\ufffe]|&#?\w+;", title), title


def test_hostile_names_are_text_inside_entries_too():
    value = hostile()
    entries = [
        tree("atom", value).findtext(f"{ATOM}entry/{ATOM}content"),
        tree("rss", value).findtext("item/description"),
        json.loads(body("json", value))["items"][0]["content_html"],
    ]
    seen: set[str] = set()
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attrs: seen.add(tag)  # type: ignore[method-assign]
    for each in entries:
        reader.feed(each)
    assert seen == {"p", "ul", "li", "strong", "a"}


@settings(max_examples=30, deadline=None)
@given(name=st.text(max_size=40), place=st.text(max_size=20))
def test_any_text_at_all_makes_well_formed_feeds(name, place):
    named = COUNTER.with_(legal_name=name, locations=(place,))
    change = a_change(1, "add", "announced", PublishedItem(None, named))
    organisation = replace(VALUE.organisation, legal_name=f"x{name}")
    assert len(titles(replace(VALUE, organisation=organisation, changes=(change,)))) == 6


def test_rendering_leaves_the_locale_of_the_process_alone():
    called: list[str] = []
    sys.setprofile(lambda frame, event, arg: called.append(frame.f_code.co_name) if event == "call" else None)
    try:
        body("rss")
    finally:
        sys.setprofile(None)
    assert "rss_entry" in called and "setlocale" not in called


def test_published_moments_are_aware():
    assert all(d.last_modified.tzinfo is UTC for d in feeds.render(VALUE, SHA256, SITE).values())
