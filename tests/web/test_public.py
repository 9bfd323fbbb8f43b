"""What the public addresses answer before anything is published."""

from __future__ import annotations

from notifier.jobs import publish
from notifier.web import front
from tests.web.conftest import Office, words


def test_before_the_first_list_the_home_page_says_so_and_asks_to_come_back(office: Office) -> None:
    answer = office.app.test_client().get("/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert "is not published yet" in words(answer.text)


def test_once_published_the_list_stands_at_the_home_address_and_its_style_too(office: Office) -> None:
    publish.run(office.house)
    office.app.wsgi_app = front.Published(office.house.database, office.app.wsgi_app)  # type: ignore[method-assign]
    answer = office.app.test_client().get("/")
    assert answer.status_code == 200
    assert "Cloud Hosting GmbH" in answer.text
    assert office.app.test_client().get("/style.css").headers["ETag"]


def test_the_stylesheet_is_there_from_the_first_second(office: Office) -> None:
    answer = office.app.test_client().get("/style.css")
    assert answer.content_type == "text/css; charset=utf-8"
    assert ".error-summary" in answer.text


def test_robots_are_kept_from_pages_behind_a_link_or_a_sign_in(office: Office) -> None:
    told = office.app.test_client().get("/robots.txt").text.splitlines()
    assert told[0] == "User-agent: *"
    assert {f"Disallow: {path}" for path in ("/n/", "/o/", "/my/", "/console/")} <= set(told)


def test_there_is_no_picture_and_that_is_no_error(office: Office) -> None:
    assert office.app.test_client().get("/favicon.ico").status_code == 204


def test_an_unknown_address_is_a_page_with_words_and_the_security_headers(office: Office) -> None:
    answer = office.app.test_client().get("/no-such-page")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    for name, value in front.SECURITY_HEADERS:
        assert answer.headers[name] == value
