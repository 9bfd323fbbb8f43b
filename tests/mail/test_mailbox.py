"""Mails to be read: from files, an mbox, a folder, and an IMAP mailbox over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.mail.mailbox import LARGEST, Mail, NoMailbox, in_imap, in_path
from tests.imap_standin import ImapStandIn
from tests.mail.reports import AUTO_REPLY, report


def read(mails: Iterator[Mail]) -> list[bytes]:
    found = []
    for mail in mails:
        mail.done(True)
        found.append(mail.raw)
    return found


def test_a_file_holds_one_mail_or_an_mbox_and_a_folder_a_mail_a_file(tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(report())
    box = b"".join(b"From MAILER-DAEMON Mon Mar  2 10:15:00 2026\n" + raw + b"\n" for raw in (report(), AUTO_REPLY))
    (tmp_path / "box").write_bytes(box)
    folder = tmp_path / "maildir"
    for place in ("cur", "new"):
        (folder / place).mkdir(parents=True)
        (folder / place / f"{place}.1").write_bytes(report())
    (folder / ".hidden").write_bytes(b"not a mail")
    assert read(in_path(tmp_path / "one.eml")) == [report()]
    assert [b"Out of office" in raw for raw in read(in_path(tmp_path / "box"))] == [False, True]
    assert read(in_path(folder)) == [report(), report()]
    assert (tmp_path / "one.eml").exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoMailbox, match=r"nothing\.eml cannot be read: No such file"):
        read(in_path(tmp_path / "nothing.eml"))


def test_unseen_mails_are_read_once_and_what_is_no_report_is_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    with ImapStandIn(report(), AUTO_REPLY) as standin:
        monkeypatch.setenv("SSL_CERT_FILE", standin.ca_file)
        first, second = in_imap(standin.url()), 0
        for mail in first:
            second += 1
            mail.done(mail.raw == report())
        assert second == 2
        assert [m.flags for m in standin.mails.values()] == [{"\\Seen"}, {"\\Seen", "\\Flagged"}]
        assert read(in_imap(standin.url())) == []


def test_a_mail_that_was_not_dealt_with_is_unseen_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with ImapStandIn(report(), report("failed")) as standin:
        monkeypatch.setenv("SSL_CERT_FILE", standin.ca_file)
        standin.cut_after = 1
        mails = in_imap(standin.url())
        next(mails).done(True)
        with pytest.raises(NoMailbox, match="cannot be read"):
            next(mails)
        standin.cut_after = -1
        assert read(in_imap(standin.url())) == [report("failed")]


def test_no_more_of_a_mail_is_fetched_than_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with ImapStandIn(b"x" * (LARGEST + 10)) as standin:
        monkeypatch.setenv("SSL_CERT_FILE", standin.ca_file)
        assert [len(raw) for raw in read(in_imap(standin.url()))] == [LARGEST]


def test_a_folder_with_blanks_and_a_password_with_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    with ImapStandIn(report(), folder="Bounces 2026", user="me", password="p:w/d") as standin:
        monkeypatch.setenv("SSL_CERT_FILE", standin.ca_file)
        assert read(in_imap(standin.url("me:p%3Aw%2Fd", "/Bounces%202026"))) == [report()]


@pytest.mark.parametrize("wrong", ["password", "folder", "certificate", "port"])
def test_what_is_wrong_with_the_mailbox_is_said(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    with ImapStandIn() as standin:
        if wrong != "certificate":
            monkeypatch.setenv("SSL_CERT_FILE", standin.ca_file)
        url = standin.url("me:other" if wrong == "password" else "me:word", "/Else" if wrong == "folder" else "")
        url = url.replace(str(standin.port), "1") if wrong == "port" else url
        said = {"password": "wrong user", "folder": "open the folder Else", "certificate": "certificate",
                "port": "cannot be read"}[wrong]
        with pytest.raises(NoMailbox, match=said):
            read(in_imap(url))


@pytest.mark.parametrize("url", ["", "imap://me:word@mail.example", "imaps://mail.example", "https://me:word@mail.example",
                                 "imaps://me:word@"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(NoMailbox, match="imaps://user:password@host/folder"):
        read(in_imap(url))
