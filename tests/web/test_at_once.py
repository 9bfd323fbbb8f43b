"""Two people at once, each at their own browser: one wins, the other is told what happened, and the log is sound."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlmodel import col, select

from notifier import clock
from notifier.app import create_app
from notifier.domain.gate import Code
from notifier.domain.people import Actor, Door, Role
from notifier.domain.states import ChangeState
from notifier.house import House
from notifier.jobs import deliver
from notifier.tables import Announcement, Change, Exclusion, Notice, Override, User
from notifier.workflow import announcements, changes, consents, exceptions, exclusions, objections, people, verify
from tests import factory
from tests.factory import NOW
from tests.web.conftest import words

STAFF = {"olga": [Role.OPS], "paul": [Role.PRIVACY], "petra": [Role.PRIVACY], "pia": [Role.PRIVACY],
         "egon": [Role.OPS]}
TOLD = re.compile("Somebody else was faster|cannot be moved by|already|None of this stands|There is no customer")


@dataclass
class Desk:
    """A house with five people, each with a browser, on either database."""

    house: House
    app: Flask
    users: dict[str, User]

    def actor(self, name: str) -> Actor:
        """A person as an actor."""
        return people.actor_for(self.users[name], Door.CLI)

    def post(self, name: str, path: str, form: dict[str, object]) -> tuple[int, str]:
        """Sends a form as this person: the status, and what the page says."""
        client = self.app.test_client()
        with client.session_transaction() as session:
            session["user"], session["epoch"] = self.users[name].id, self.users[name].session_epoch
        answer = client.post(path, data=form)
        return answer.status_code, words(answer.text) or str(answer.location)

    def at_once(self, *sent: tuple[str, str, dict[str, object]]) -> list[tuple[int, str]]:
        """Sends several forms in the same moment; the answers, in their order."""
        start, found = Barrier(len(sent)), dict[int, tuple[int, str]]()

        def press(n: int, name: str, path: str, form: dict[str, object]) -> None:
            start.wait()
            found[n] = self.post(name, path, form)

        hands = [Thread(target=press, args=(n, *one)) for n, one in enumerate(sent)]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        return [found[n] for n in range(len(sent))]

    def seen(self, ref: str) -> dict[str, object]:
        """What a page sends along that was made now."""
        with self.house.database.reading() as session:
            change = changes.get(session, ref)
        return {"seen": f"{change.state} {change.updated_at.isoformat()}", "reason": "We have looked at it."}

    def change(self, ref: str) -> Change:
        """The change as it is now."""
        with self.house.database.reading() as session:
            return changes.get(session, ref)

    def sound(self) -> None:
        """The log agrees with every row."""
        with self.house.database.reading() as session:
            assert [str(fault) for fault in verify.chain(session)] == []


@pytest.fixture
def desk(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Two customers, and nothing announced yet; it is shortly after ten on a Monday."""
    (tmp_path / "demo").write_text("demo\n")
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=10))
    with house.database.transaction() as session:
        users = {name: people.add(session, f"{name}@processor.example", name.title(), roles, actor=factory.SYSTEM,
                                  now=NOW) for name, roles in STAFF.items()}
        factory.baseline(session)
        factory.take_in(session, factory.customer("acme"),
                        factory.customer("bond", terms={"authorisation": "specific"}))
    app = create_app(house)
    app.config["WTF_CSRF_ENABLED"] = False
    return Desk(house, app, users)


def in_review(desk: Desk) -> str:
    """A change that waits for a second person."""
    with desk.house.database.transaction() as session:
        change = factory.approved(session, desk.actor("olga"), desk.actor("paul"), separable="customer")
        changes.send_back(session, change.ref, "Once more.", actor=desk.actor("paul"), now=NOW)
        changes.submit(session, change.ref, actor=desk.actor("olga"), now=NOW + timedelta(minutes=2))
    return change.ref


def approved(desk: Desk) -> str:
    """A change that can be announced."""
    with desk.house.database.transaction() as session:
        return factory.approved(session, desk.actor("olga"), desk.actor("paul"), separable="customer").ref


def announced(desk: Desk) -> str:
    """A change made known, whose letters have arrived."""
    ref = approved(desk)
    with desk.house.database.transaction() as session:
        announcements.announce(session, [ref], actor=desk.actor("paul"), now=NOW + timedelta(minutes=5))
    deliver.run(desk.house)
    return ref


def on(monkeypatch: pytest.MonkeyPatch, day: date) -> datetime:
    """From now on it is the morning of that day."""
    moment = datetime(day.year, day.month, day.day, 9, tzinfo=NOW.tzinfo)
    monkeypatch.setattr(clock, "now", lambda: moment)
    return moment


def one_wins(answers: list[tuple[int, str]]) -> int:
    """Which of them won. The others were told in words."""
    won = [n for n, (status, _) in enumerate(answers) if status == 303]
    assert len(won) == 1, answers
    for n, (status, text) in enumerate(answers):
        assert n in won or (status in (404, 409) and TOLD.search(text)), answers
    return won[0]


Pair = tuple[Callable[[Desk], str], tuple[str, str], tuple[str, str]]
PAIRS: dict[str, Pair] = {
    "approve x reject": (in_review, ("paul", "approve"), ("petra", "reject")),
    "approve x approve": (in_review, ("paul", "approve"), ("petra", "approve")),
    "approve x send back": (in_review, ("paul", "approve"), ("petra", "send_back")),
    "withdraw x withdraw": (approved, ("paul", "withdraw"), ("petra", "withdraw")),
    "withdraw x send back": (approved, ("paul", "withdraw"), ("petra", "send_back")),
    "withdraw an announced one twice": (announced, ("paul", "withdraw"), ("petra", "withdraw")),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_of_two_decisions_one_wins(desk: Desk, pair: Pair) -> None:
    make, one, other = pair
    ref = make(desk)
    form = desk.seen(ref)
    one_wins(desk.at_once(*[(name, f"/console/changes/{ref}/{act}", form) for name, act in (one, other)]))
    desk.sound()


def test_who_approves_decides_on_what_they_saw_and_not_on_an_edit_made_meanwhile(desk: Desk) -> None:
    ref = in_review(desk)
    seen = desk.seen(ref)
    edit = {**seen, "separable": "no", "planned_start": "2026-06-01", "1.activity": "Analysis of errors"}
    answers = desk.at_once(("paul", f"/console/changes/{ref}/approve", seen),
                           ("egon", f"/console/changes/{ref}/edit", edit))
    assert one_wins(answers) == 0  # what is in review cannot be edited
    sent = desk.post("paul", f"/console/changes/{ref}/send_back", desk.seen(ref))
    assert sent[0] == 303
    stale = desk.seen(ref)
    with desk.house.database.transaction() as session:
        change = changes.get(session, ref)
        items = changes.mended(changes.items_of(session, change), {"activity": "Analysis of errors"})
        changes.edit(session, ref, items, reason="Another reason.", planned_start=change.planned_start,
                     separable="customer", actor=desk.actor("olga"), now=clock.now() + timedelta(seconds=1))
    status, text = desk.post("egon", f"/console/changes/{ref}/edit", {**edit, **stale})
    assert (status, "Somebody else was faster" in text) == (409, True)
    desk.sound()


def test_a_change_is_announced_once(desk: Desk) -> None:
    ref = approved(desk)
    form: dict[str, object] = {"change": [ref], "words": ""}
    one_wins(desk.at_once(*[(name, "/console/announce", form) for name in ("paul", "petra", "pia")]))
    with desk.house.database.reading() as session:
        assert len(session.exec(select(Announcement).where(col(Announcement.made_at).is_not(None))).all()) == 1
        assert len(session.exec(select(Notice)).all()) == 2
    desk.sound()


def test_who_withdraws_before_it_is_told_is_asked_again_where_it_was_told_meanwhile(desk: Desk) -> None:
    ref = approved(desk)
    one_wins(desk.at_once(("paul", "/console/announce", {"change": [ref], "words": ""}),
                          ("petra", f"/console/changes/{ref}/withdraw", desk.seen(ref))))
    assert desk.change(ref).state in (ChangeState.ANNOUNCED, ChangeState.WITHDRAWN)
    desk.sound()


def test_a_start_is_not_moved_of_what_is_only_being_announced(desk: Desk) -> None:
    ref = approved(desk)
    move = {**desk.seen(ref), "start": "2026-07-01"}
    won = one_wins(desk.at_once(("paul", "/console/announce", {"change": [ref], "words": ""}),
                                ("petra", f"/console/changes/{ref}/move_start", move)))
    assert won == 0
    assert desk.change(ref).planned_start == factory.START
    desk.sound()


def test_a_change_is_withdrawn_or_takes_effect(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = announced(desk)
    with desk.house.database.transaction() as session:
        bond = session.exec(select(Notice).order_by(col(Notice.id).desc())).first()
        assert bond is not None
        consents.consent(session, bond, [ref], "yes", **factory.SIGNED, actor=factory.CONTACT, now=clock.now())
    on(monkeypatch, factory.START)
    seen = desk.seen(ref)
    won = one_wins(desk.at_once(("petra", f"/console/changes/{ref}/withdraw", seen),
                                ("olga", f"/console/changes/{ref}/take_effect", seen)))
    assert desk.change(ref).state == (ChangeState.WITHDRAWN, ChangeState.IN_EFFECT)[won]
    desk.sound()


def test_a_customer_is_released_or_left_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = announced(desk)
    with desk.house.database.transaction() as session:
        bond = session.exec(select(Notice).order_by(col(Notice.id).desc())).first()
        assert bond is not None
        consents.consent(session, bond, [ref], "no", **factory.SIGNED, actor=factory.CONTACT, now=clock.now())
        exclusions.ask(session, ref, "bond", "It said no.", actor=desk.actor("paul"), now=clock.now())
        consents.consent(session, bond, [ref], "yes", **factory.SIGNED, actor=factory.CONTACT, now=clock.now())
    moment = on(monkeypatch, factory.START)
    with desk.house.database.transaction() as session:  # the yes came, and with it a late objection that was settled
        case = objections.file(session, bond.id or 0, objections.Filing("No.", "Bo", "legal@bond.example"),
                               contact_id=None, actor=factory.CONTACT, now=moment)
        objections.acknowledge(session, case.ref, actor=desk.actor("paul"), now=moment)
        objections.resolve(session, case.ref, "It is switched off.", actor=desk.actor("paul"), now=moment)
    customer = {**desk.seen(ref), "customer": "bond"}
    won = one_wins(desk.at_once(("olga", f"/console/changes/{ref}/take_effect", customer),
                                ("egon", f"/console/changes/{ref}/confirm_exclusion", customer)))
    with desk.house.database.reading() as session:
        row = session.exec(select(Exclusion)).one()
        assert (row.confirmed_at is not None) == (won == 1)
    desk.sound()


def test_what_one_asked_for_is_signed_once(desk: Desk) -> None:
    ref = announced(desk)
    codes = [str(Code.NOTICE_DAYS), str(Code.WINDOW_OPEN)]
    with desk.house.database.transaction() as session:
        assert exceptions.override(session, ref, codes, "They asked for it.", customer_ref="acme",
                                   actor=desk.actor("paul"), now=clock.now()) is None
    form = {**desk.seen(ref), "blocker": codes, "customer": "acme", "reason": "They asked for it."}
    one_wins(desk.at_once(*[(name, f"/console/changes/{ref}/override", form) for name in ("petra", "pia")]))
    with desk.house.database.reading() as session:
        assert len(session.exec(select(Override)).all()) == 1
    desk.sound()


def test_a_form_sent_twice_makes_one_draft_and_another_one_makes_its_own(desk: Desk) -> None:
    form: dict[str, object] = {
        "kind": "add", "ref": "", "nonce": "6f1c2c1e-6a55-4c0e-9d3a-0d8e3f6f7a11", "reason": "We need it.",
        "separable": "no", "planned_start": "2026-05-04", "1.legal_name": "Logbook GmbH", "1.activity": "Errors",
    }
    answers = desk.at_once(*[("olga", "/console/changes/new", form)] * 3)
    assert {status for status, _ in answers} == {303}
    with desk.house.database.reading() as session:
        assert [change.ref for change in changes.every(session)] == ["C-1"]
    assert desk.post("olga", "/console/changes/new", {**form, "1.legal_name": "Protocol AG"})[0] == 303
    with desk.house.database.reading() as session:
        assert [change.ref for change in changes.every(session)] == ["C-2", "C-1"]
    desk.sound()
