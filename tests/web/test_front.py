"""The published bytes ahead of Flask: from memory, conditional, and new within a second."""

from __future__ import annotations

from datetime import timedelta

from werkzeug.test import Client
from werkzeug.wrappers import Response

from notifier.house import House
from notifier.jobs import publish
from notifier.web.front import Published
from notifier.workflow import listing
from tests import factory
from tests.factory import NOW


def _behind(environ: object, start_response: object) -> list[bytes]:
    answer = Response("from behind", 404)
    return answer(environ, start_response)  # type: ignore[arg-type,return-value]


def _published(house: House) -> Client:
    with house.database.transaction() as session:
        factory.baseline(session)
    publish.run(house)
    return Client(Published(house.database, _behind))  # type: ignore[arg-type]


def test_every_form_is_answered_with_its_type_and_validators(house: House) -> None:
    client = _published(house)
    for path, kind in (
        ("/", "text/html"), ("/subprocessors.json", "application/json"), ("/changes.atom", "application/atom+xml"),
        ("/changes.rss", "application/rss+xml"), ("/changes.json", "application/feed+json"),
        ("/subprocessors.csv", "text/csv"), ("/style.css", "text/css"), ("/de/", "text/html"),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (200, kind), path
        assert answer.headers["ETag"].startswith('"')
        assert "Last-Modified" in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == answer.headers["ETag"]
        head = client.head(path)
        assert (head.status_code, head.data) == (200, b"")
        assert head.headers["Content-Length"] == str(len(answer.data))


def test_if_none_match_decides_before_if_modified_since(house: House) -> None:
    client = _published(house)
    modified = client.get("/").headers["Last-Modified"]
    assert client.get("/", headers={"If-Modified-Since": modified}).status_code == 304
    assert client.get("/", headers={"If-Modified-Since": "nonsense"}).status_code == 200
    assert client.get("/", headers={"If-Modified-Since": modified, "If-None-Match": '"other"'}).status_code == 200
    assert client.get("/", headers={"If-None-Match": "*"}).status_code == 304


def test_a_new_edition_is_served_within_a_second_and_bytes_that_did_not_change_keep_their_etag(house: House) -> None:
    client = _published(house)
    first, css = client.get("/subprocessors.json"), client.get("/style.css").headers["ETag"]
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.take_in(session, factory.customer("alpha"))
        factory.announced(session, olga, paul)
    assert publish.run(house) == 2
    application = client.application
    assert isinstance(application, Published)
    application._looked -= 1  # a second later
    second = client.get("/subprocessors.json")
    assert second.json is not None
    assert second.headers["ETag"] != first.headers["ETag"]
    assert (second.json["edition"], len(second.json["announced"])) == (2, 1)
    assert client.get("/style.css").headers["ETag"] == css


def test_everything_else_and_every_other_method_goes_on_to_the_application(house: House) -> None:
    client = _published(house)
    assert client.get("/console/").data == b"from behind"
    assert client.post("/").data == b"from behind"


def test_an_older_edition_never_overwrites_a_newer_one(house: House) -> None:
    _published(house)
    with house.database.transaction() as session:
        listing.new_edition(session, "baseline", NOW + timedelta(days=1))
    assert publish.run(house) == 2
    with house.database.transaction() as session:
        assert listing.store(session, 1, []) is False
        assert listing.published_edition(session) == 2
