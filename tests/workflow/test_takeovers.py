"""Switching over in mid-window: notices given elsewhere are taken over with their proofs, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.domain.states import ChangeState
from notifier.house import House
from notifier.jobs import deliver
from notifier.mail import outbox
from notifier.tables import Announcement, Blob, Delivery, Notice, Objection
from notifier.workflow import (
    changes,
    links,
    listing,
    notice_imports,
    notices,
    releases,
    starts,
    takeovers,
    verify,
)
from notifier.workflow.takeovers import Taken
from tests import factory
from tests.factory import NOW, START, SYSTEM, customer
from tests.workflow.telling import owed

LATER = NOW + timedelta(days=10)  # 12 March: the window of who was told on 2 March is open
DAY = datetime(START.year, START.month, START.day, 8, tzinfo=NOW.tzinfo)
SINCE_LONG = date(2024, 1, 1)
HEAD = "customer_ref,change,informed_on,received_at,proof,proof_file,last_day,acknowledged,objected,objection"


@dataclass(frozen=True)
class Switching:
    """A change approved here and announced elsewhere; Alpha and Beta were told there, Gamma was not."""

    house: House
    ref: str
    paul: Actor
    olga: Actor
    folder: Path

    @contextmanager
    def act(self) -> Iterator[Session]:
        """One transaction, after which the whole log must be sound."""
        with self.house.database.transaction() as session:
            yield session
        with self.house.database.reading() as session:
            assert [str(fault) for fault in verify.chain(session)] == []

    def take(self, rows: Sequence[str], *, head: str = HEAD, actor: Actor | None = None,
             now: datetime = LATER) -> Taken:
        """Takes a file of these rows over."""
        data = "\n".join([head, *(row.replace("CHANGE", self.ref) for row in rows)]).encode()
        read = notice_imports.read_notices("running.csv", data)
        files = notice_imports.load_proofs(read, self.folder)
        with self.act() as session:
            return takeovers.take_over(session, read, files, actor=actor or self.paul, now=now)

    def refused(self, *rows: str, head: str = HEAD) -> str:
        """Everything said of a file that is refused, and nothing written."""
        with pytest.raises(Refusal) as refused:
            self.take(rows, head=head)
        with self.house.database.reading() as session:
            assert session.exec(select(Notice)).all() == [] and session.exec(select(Blob)).all() == []
        return str(refused.value)


BOTH = ("alpha,CHANGE,2026-03-02,,email,alpha.eml,2026-04-20,,,",
        "beta,CHANGE,2026-03-02,2026-03-03T18:30,registered,post/beta.pdf,,2026-03-05,,")


@pytest.fixture
def switching(house: House, tmp_path: Path) -> Switching:
    """The house, and the folder of the proofs."""
    folder = tmp_path / "proofs"
    (folder / "post").mkdir(parents=True)
    (folder / "alpha.eml").write_bytes(b"250 ok")
    (folder / "post" / "beta.pdf").write_bytes(b"%PDF signed")
    (folder / "empty.pdf").write_bytes(b"")
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, *(customer(ref, contract_start=SINCE_LONG) for ref in ("alpha", "beta", "gamma")),
                        customer("delta", services=("archive",)))
        ref = factory.approved(session, olga, paul, separable="customer").ref
    return Switching(house, ref, paul, olga, folder)


def test_running_notices_are_taken_over_with_the_later_of_both_last_days_and_no_letter(switching: Switching) -> None:
    taken = switching.take(BOTH)
    assert (taken.notices, taken.unchanged, taken.owed) == (2, 0, 1)
    with switching.act() as session:
        change = changes.get(session, switching.ref)
        assert change.state == ChangeState.ANNOUNCED
        assert str(change.announced_at)[:16] == "2026-03-01 23:00"  # 00:00 in Zürich
        found = {n.customer_id: n for n in session.exec(select(Notice).order_by(col(Notice.id)))}
        alpha, beta, gamma = found.values()
        windows = [notices.window_of(session, n) for n in (alpha, beta)]
        assert [str(w.last_day) for w in windows if w] == ["2026-04-20", "2026-04-07"]  # promised; 30 days, Easter
        assert (alpha.given_by, beta.given_by, gamma.given_by) == ("imported", "imported", "")
        assert beta.acknowledged_at is not None and beta.proof is not None and beta.proof["file_name"] == "beta.pdf"
        assert owed(session, "change_announced") == ["legal@gamma.example"]  # who was not told elsewhere is told now
        made = session.exec(select(Announcement).order_by(col(Announcement.id))).first()
        assert made is not None and made.elsewhere_on == date(2026, 3, 2)
        edition = listing.newest(session)
        assert edition is not None and edition.value["announced"][0]["ref"] == switching.ref
    for _ in range(2):
        again = switching.take(BOTH, now=LATER + timedelta(days=1))
        assert (again.announcements, again.notices, again.unchanged, again.owed) == ((), 0, 2, 0)


def test_a_change_taken_over_in_mid_window_starts_for_whoever_is_clear_when_its_day_comes(
    switching: Switching,
) -> None:
    switching.take(BOTH)
    with switching.act() as session:
        starts.move_start(session, switching.ref, START + timedelta(days=1), "A day more.", actor=switching.paul,
                          now=LATER)
        assert owed(session, "start_moved") == [f"legal@{ref}.example" for ref in ("alpha", "beta", "gamma")]
        found = {s.customer.ref: [str(b.code) for b in s.blockers]
                 for s in releases.standings(session, changes.get(session, switching.ref), LATER)}
        assert found["alpha"] == ["before_planned_start", "notice_days_running", "window_open"]
    with switching.act() as session:
        assert factory.start_due(session, actor=SYSTEM, now=DAY + timedelta(days=1)) == [switching.ref]
        change = changes.get(session, switching.ref)
        freed = {s.customer.ref for s in releases.standings(session, change, DAY) if s.part.released_at}
        assert freed == {"alpha", "beta"}


def test_each_customer_can_be_mailed_the_link_to_its_page_once(switching: Switching) -> None:
    made = switching.take(BOTH).announcements[0]
    for told in (2, 0):
        with switching.act() as session:
            assert takeovers.mail_pages(session, made.ref, actor=switching.paul, now=LATER) == told
    with clock.standing(LATER):
        deliver.run(switching.house)
    letters = [" ".join(m.text.split()) for m in outbox.read(switching.house.settings.data_dir / "outbox")]
    mine = [text for text in letters if "has a page of its own" in text]
    assert len(mine) == 2 and any("20 April 2026" in text for text in mine)
    assert all(f"/n/{links.MASK}" not in text and "/n/" in text for text in mine)
    with switching.act() as session:
        states = session.exec(select(Delivery.state).where(Delivery.kind == "change_page"))
        assert set(states) == {"accepted"}


def test_an_objection_made_elsewhere_goes_on_as_a_case_in_time_by_the_day_it_was_made(switching: Switching) -> None:
    switching.take(["alpha,CHANGE,2026-03-02,,email,alpha.eml,,,2026-03-09,Not in the United States."])
    with switching.act() as session:
        case = session.exec(select(Objection)).one()
        assert (case.text, case.in_time, case.channel) == ("Not in the United States.", True, "import")
        assert case.filed_at.date() == date(2026, 3, 9)
        assert "objection_open" in {str(b.code) for s in releases.standings(
            session, changes.get(session, switching.ref), DAY) for b in s.blockers}


def test_a_second_file_takes_over_who_is_owed_a_notice_from_here_while_its_letter_has_not_arrived(
    switching: Switching,
) -> None:
    assert switching.take(BOTH[:1]).owed == 2
    second = switching.take(BOTH)
    assert (second.announcements, second.notices, second.unchanged, second.owed) == ((), 1, 1, 0)
    with switching.act() as session:
        assert owed(session, "change_announced") == ["legal@gamma.example"]
        made = session.exec(select(Announcement).order_by(col(Announcement.id))).all()
        assert [(a.included, a.joining) for a in made] == [(1, ""), (2, "owed")]
    assert switching.take(BOTH).unchanged == 2


def test_who_was_told_from_here_is_not_taken_over_again(switching: Switching) -> None:
    switching.take(BOTH)
    with pytest.raises(Refusal, match="has a notice of this change already"):
        switching.take(["alpha,CHANGE,2026-03-02,,email,alpha.eml,2026-04-21,,,"])


@pytest.mark.parametrize(("row", "words"), [
    ("nobody,CHANGE,2026-03-02,,email,alpha.eml,,,,", "line 3: customer “nobody” is not here"),
    ("beta,C-99,2026-03-02,,email,alpha.eml,,,,", "line 3: change “C-99” is not here"),
    ("alpha,CHANGE,2026-03-02,,email,alpha.eml,,,,", "line 3: “alpha” stands there twice"),
    ("delta,CHANGE,2026-03-02,,email,alpha.eml,,,,", "does not concern “delta”: buys none of the services"),
    ("beta,CHANGE,2026-03-30,,email,alpha.eml,,,,", "a day in it has not come"),
    ("beta,CHANGE,,,email,alpha.eml,,,,", "give “informed_on” or “received_at”"),
    ("beta,CHANGE,2.3.26,,email,alpha.eml,,,,", "“2.3.26” is no date"),
    ("beta,CHANGE,2026-03-02,2026-03-01,email,alpha.eml,,,,", "“received_at” is before “informed_on”"),
    ("beta,CHANGE,2026-03-02,,email,alpha.eml,2026-03-01,,,", "“last_day” is before the day"),
    ("beta,CHANGE,2026-03-02,,pigeon,alpha.eml,,,,", "“pigeon” is none of email, registered, hand, portal, other"),
    ("beta,CHANGE,2026-03-02,,email,,,,,", "“proof_file” is empty"),
    ("beta,CHANGE,2026-03-02,,email,gone.eml,,,,", "there is no file “gone.eml”"),
    ("beta,CHANGE,2026-03-02,,email,empty.pdf,,,,", "“empty.pdf” is empty"),
    ("beta,CHANGE,2026-03-02,,email,../secret,,,,", "leads out of the folder"),
    ("beta,CHANGE,2026-03-02,,email,alpha.eml,,,,Why", "“objection” needs the day"),
])
def test_one_bad_row_refuses_the_whole_file_with_its_line(switching: Switching, row: str, words: str) -> None:
    assert words in switching.refused(BOTH[0], row)


def test_a_start_that_was_told_otherwise_is_refused(switching: Switching) -> None:
    head = "customer_ref,change,informed_on,proof_file,planned_start"
    assert "was told that it starts on" in switching.refused("alpha,CHANGE,2026-03-02,alpha.eml,2026-05-01", head=head)


def test_a_change_nobody_has_approved_cannot_have_been_announced(switching: Switching) -> None:
    with switching.house.database.transaction() as session:
        changes.send_back(session, switching.ref, "Look again.", actor=switching.paul, now=LATER)
    assert "is neither approved nor announced" in switching.refused(*BOTH)


def test_only_privacy_takes_notices_over(switching: Switching) -> None:
    with pytest.raises(Refusal) as refused:
        switching.take(BOTH, actor=switching.olga)
    assert refused.value.code == "role_missing"


def test_a_proof_that_was_altered_afterwards_is_found(switching: Switching) -> None:
    switching.take(BOTH)
    with switching.house.database.transaction() as session:
        blob = session.exec(select(Blob).order_by(col(Blob.sha256))).first()
        assert blob is not None
        blob.body = b"other"
    with switching.house.database.reading() as session:
        assert any("The document of notice" in str(fault) for fault in verify.chain(session))
