"""Delivery reports: what proves, what does not, and that nothing unreadable passes for a proof."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.mail.dsn import NotAReport, Report, parse
from tests.mail.reports import AUTO_REPLY, REF, report

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ATTEMPTED = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)


def only(raw: bytes) -> Report:
    [found] = parse(raw, NOW)
    return found


@pytest.mark.parametrize(("action", "kind"), [
    ("delivered", "sent"), ("failed", "bounce"), ("delayed", "soft"), ("relayed", "other"), ("expanded", "other"),
    ("Delivered", "sent"), ("delivered (to mailbox)", "sent"), ("dropped", "other"),
])
def test_only_delivery_by_the_final_server_proves(action: str, kind: str) -> None:
    found = only(report(action))
    assert (found.kind, found.ref, found.at) == (kind, REF, ATTEMPTED)
    assert "250 2.0.0 Ok: queued as 4F2A" in found.words and "2.0.0" in found.words


@pytest.mark.parametrize("returned", ["headers", "whole"])
def test_a_letter_is_known_by_the_envelope_id_or_else_by_its_message_id(returned: str) -> None:
    assert only(report(envelope=False, returned=returned)).ref == only(report(returned="")).ref == REF
    with pytest.raises(NotAReport, match="no letter of ours"):
        parse(report(envelope=False, returned=""), NOW)


def test_a_foreign_envelope_id_gives_way_to_our_message_id() -> None:
    raw = report().replace(f"Original-Envelope-Id: {REF}".encode(), b"Original-Envelope-Id: QQ1234")
    assert only(raw).ref == REF


def test_the_moment_is_the_last_attempts_else_the_reports_and_never_to_come() -> None:
    assert only(report(attempted="")).at == datetime(2026, 3, 2, 9, 15, 2, tzinfo=UTC)
    assert only(report(attempted="soon", dated="never")).at == NOW
    assert only(report(attempted="Tue, 03 Mar 2026 10:15:00 +0000")).at == NOW
    assert only(report(attempted="Mon, 02 Mar 2026 10:15:00")).at == datetime(2026, 3, 2, 10, 15, tzinfo=UTC)


def test_a_repeat_has_the_same_key_and_nothing_else_has() -> None:
    reports = [report(), report("failed"), report("delayed"), report(ref=REF[:-1] + "2"),
               report(attempted="Mon, 02 Mar 2026 10:15:01 +0100")]
    keys = [only(raw).key for raw in [*reports, report(dated="Mon, 02 Mar 2026 11:00:00 +0100")]]
    assert keys[-1] == keys[0] and len(set(keys)) == len(reports) and all(len(key) <= 80 for key in keys)


def test_a_report_may_name_several_recipients() -> None:
    assert len(parse(report(recipients=2), NOW)) == 2


@pytest.mark.parametrize("raw", [
    AUTO_REPLY, b"", b"\xff\x00", report(recipients=0),
    report(kind="multipart/mixed"), report(kind="text/plain"),
    report().replace(b"message/delivery-status", b"message/disposition-notification"),
])
def test_what_is_no_delivery_report_says_why(raw: bytes) -> None:
    with pytest.raises(NotAReport, match=r"\w"):
        parse(raw, NOW)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(report())), st.binary(max_size=40), st.integers(0, 200))
def test_a_mangled_report_is_one_of_ours_or_none(place: int, put: bytes, cut: int) -> None:
    raw = report()
    try:
        found = parse(raw[:place] + put + raw[place + cut:], NOW)
    except NotAReport:
        return
    assert all(one.at <= NOW and one.at.tzinfo is UTC and len(one.words) <= 500 for one in found)
