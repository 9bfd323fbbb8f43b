"""`notifier bounces`, and a delivery by hand from the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from sqlmodel import col, select

from notifier import clock
from notifier.domain.people import Door
from notifier.house import House
from notifier.jobs import deliver
from notifier.tables import Delivery, Notice
from notifier.workflow import people
from tests import factory
from tests.cli.conftest import Run
from tests.imap_standin import ImapStandIn
from tests.mail.reports import AUTO_REPLY, report
from tests.smtp_standin import SmtpStandIn

AtWork = Callable[[], House]


@pytest.fixture
def letters(installed: Run, at_work: AtWork, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The refs of two letters that left by SMTP, of customers alpha and beta."""
    with SmtpStandIn() as standin:
        monkeypatch.setenv("NOTIFIER_MAIL_TRANSPORT", "smtp")
        monkeypatch.setenv("NOTIFIER_SMTP_URL", standin.url())
        house, now = at_work(), clock.now()
        with house.database.transaction() as session:
            olga, paul = (people.actor_for(people.by_email(session, f"{name}@processor.example"), Door.CLI)
                          for name in ("olga", "paul"))
            factory.baseline(session)
            factory.take_in(session, factory.customer("alpha"), factory.customer("beta"))
            factory.announced(session, olga, paul)
        with clock.standing(now):
            deliver.run(house)
        house.transport.close()
    with house.database.reading() as session:
        owed = select(Delivery).where(Delivery.kind == "change_announced").order_by(col(Delivery.id))
        rows = session.exec(owed).all()
        assert {str(row.state) for row in rows} == {"accepted"}
        return [row.ref for row in rows]


def fresh(action: str, ref: str) -> bytes:
    """A report from a moment ago."""
    return report(action, ref=ref, attempted=format_datetime(clock.now() + timedelta(seconds=2)))


def proofs(run: Run) -> dict[str, tuple[str, str]]:
    return {n["customer"]: (n["state"], n["proof"]) for n in run("notices", "list", "--json").json}


def test_reports_in_a_file_a_folder_and_an_mbox_prove_or_take_back(
    installed: Run, letters: list[str], tmp_path: Path
) -> None:
    delivered, failed = fresh("delivered", letters[0]), fresh("failed", letters[1])
    (tmp_path / "one.eml").write_bytes(delivered)
    assert installed("bounces", "one.eml").out == "1 delivered\n"
    assert installed("bounces", "one.eml").out == "1 known already\n"
    assert proofs(installed)["alpha"] == (
        "given", "accepted by the final mail server, by its delivery report: “delivered · 2.0.0 · 250 2.0.0 Ok: queued "
        "as 4F2A”")
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "a").write_bytes(failed)
    (folder / "b").write_bytes(AUTO_REPLY)
    (folder / "c").write_bytes(report("relayed", ref=letters[0]))
    (folder / "d").write_bytes(report(ref="0198c0de-0000-7000-8000-00000000ffff"))
    said = installed("bounces", "mails")
    assert said.out == "1 for letters that are not ours; 1 handed on, which proves nothing; 1 returned\n"
    assert said.err.startswith("Not read, and left where it is: mails/b. It is no delivery report")
    assert proofs(installed)["beta"] == ("undeliverable", "")
    assert "delivered by hand" not in str(proofs(installed))
    installed("audit", "verify")


def test_the_mailbox_is_read_once_and_safe_to_read_again(
    installed: Run, letters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = (fresh("delayed", letters[0]), fresh("delivered", letters[1]), AUTO_REPLY)
    with ImapStandIn(*mails) as standin:
        monkeypatch.setenv("SSL_CERT_FILE", standin.ca_file)
        env = {"NOTIFIER_BOUNCES_IMAP_URL": standin.url()}
        first = installed("bounces", "imap", "--json", **env).json
        assert first["reports"] == {"delayed": 1, "delivered": 1}
        assert first["not_read"][0]["where"] == "INBOX, mail 3"
        assert installed("bounces", "imap", "--json", **env).json == {"reports": {}, "not_read": []}
        for mail in standin.mails.values():
            mail.flags.clear()
        again = installed("bounces", "imap", "--json", **env).json
        assert again["reports"] == {"known already": 2}
    assert {customer: state for customer, (state, _) in proofs(installed).items()} == {
        "alpha": "pending", "beta": "given"}


def test_a_report_whose_clock_is_wrong_counts_from_its_reading(
    installed: Run, letters: list[str], tmp_path: Path, at_work: AtWork
) -> None:
    (tmp_path / "old.eml").write_bytes(report(ref=letters[0], attempted="Thu, 01 Jan 1970 00:00:00 +0000"))
    installed("bounces", "old.eml")
    with at_work().database.reading() as session:
        given = session.exec(select(Notice).order_by(col(Notice.id))).all()[0].given_at
    assert given is not None and clock.now() - given < timedelta(minutes=5)


@pytest.mark.parametrize(("source", "env", "said"), [
    ("nothing.eml", {}, "cannot be read: No such file"),
    ("imap", {}, "Set NOTIFIER_BOUNCES_IMAP_URL"),
    ("imap", {"NOTIFIER_BOUNCES_IMAP_URL": "https://mail.example"}, "imaps://user:password@host/folder"),
    ("imap", {"NOTIFIER_BOUNCES_IMAP_URL": "imaps://me:word@127.0.0.1:1"}, "cannot be read"),
])
def test_a_mailbox_that_cannot_be_read_is_one_line(installed: Run, source: str, env: dict[str, str], said: str) -> None:
    assert said in installed("bounces", source, status=1, **env).err


def test_a_delivery_by_hand_is_recorded_looked_at_and_confirmed(demo: Run, tmp_path: Path, at_work: AtWork) -> None:
    house = at_work()
    with house.database.transaction() as session:
        olga, paul = (people.actor_for(people.by_email(session, f"{name}@processor.example"), Door.CLI)
                      for name in ("olga", "paul"))
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"))
        factory.announced(session, olga, paul)
    (tmp_path / "receipt.pdf").write_bytes(b"signed")
    day = clock.now().date().isoformat()
    verb = ("notices", "hand-delivery", "A-1/alpha")
    said = demo(*verb, "--file", "receipt.pdf", "--received-on", day, "--as", "olga@processor.example").out
    assert said == "Recorded. A second person confirms it: notifier notices hand-delivery A-1/alpha --confirm\n"
    shown = demo(*verb, "--save-as", "look.pdf").out
    assert "receipt.pdf" in shown and day in shown and (tmp_path / "look.pdf").read_bytes() == b"signed"
    assert "second person" in demo(*verb, "--confirm", "--as", "olga@processor.example", status=1).err
    assert "Confirmed" in demo(*verb, "--confirm", "--as", "paul@processor.example").out
    [told] = demo("notices", "list", "--json").json
    assert (told["given_by"], told["proof"]) == (
        "hand", f"delivered by hand on {day} (receipt.pdf), confirmed by a second person")
    assert "No delivery by hand" in demo(*verb, status=1).err
    demo("audit", "verify")


@pytest.mark.parametrize("options", [
    ("--confirm", "--received-on", "2026-03-05"), ("--received-on", "2026-03-05"), ("--received-on", "yesterday"),
    ("--file", "nothing.pdf", "--received-on", "2026-03-05"),
])
def test_half_a_recording_is_a_usage_error(demo: Run, options: tuple[str, ...]) -> None:
    demo("notices", "hand-delivery", "A-1/alpha", *options, status=2)
