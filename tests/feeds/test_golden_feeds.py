"""The very bytes. After a wanted change: `GOLDEN=write python -m pytest tests/feeds`, then read the diff."""

import os
from pathlib import Path

import pytest

import feeds
from notifier.domain.listing import ListValue
from tests.feeds.sample_edition import SHA256, SITE, VALUE

GOLDEN = Path(__file__).parents[1] / "golden" / "feeds"
FILES = {
    "/changes.atom": "changes.atom", "/changes.rss": "changes.rss", "/changes.json": "changes.json",
    "/services/insights/changes.atom": "insights.atom", "/subprocessors.json": "subprocessors.json",
    "/subprocessors.csv": "subprocessors.csv", "/schemas/subprocessors-1.json": "subprocessors-1.schema.json",
}


@pytest.mark.parametrize(("path", "name"), FILES.items())
def test_the_published_bytes_are_the_golden_ones(path, name):
    body = feeds.render(VALUE, SHA256, SITE)[path].body
    if os.environ.get("GOLDEN") == "write":
        (GOLDEN / name).write_bytes(body)
    assert body == (GOLDEN / name).read_bytes()


def test_the_same_edition_gives_the_same_bytes_again():
    again = ListValue.from_json(VALUE.to_json())
    assert feeds.render(VALUE, SHA256, SITE) == feeds.render(again, SHA256, SITE)
