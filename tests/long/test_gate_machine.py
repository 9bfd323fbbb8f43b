"""The gate under every verb in any order, by anybody, at any time: nobody is released, and no pipeline is told yes,
with something standing against it for that customer, unless two different people have named it.

What is checked is read from the rows themselves, not from the gate that is under test.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlmodel import Session, col, select

from notifier import db
from notifier.domain.changes import ChangeKind, Item
from notifier.domain.listing import Organisation
from notifier.domain.people import Actor, Door, Kind, Role
from notifier.domain.refusals import Refusal
from notifier.domain.states import ChangeState, DeliveryState, NoticeState, ObjectionState
from notifier.domain.terms import Terms
from notifier.tables import (
    Announcement,
    AuditEntry,
    Change,
    Customer,
    CustomerService,
    Delivery,
    Exclusion,
    Notice,
    NoticeChange,
    NoticeWindow,
    Objection,
    ObjectionChange,
    Override,
)
from notifier.workflow import (
    announcements,
    audit,
    changes,
    consents,
    corrections,
    customers,
    deliveries,
    exceptions,
    exclusions,
    extensions,
    notices,
    objections,
    people,
    processing,
    releases,
    starts,
    verify,
)
from notifier.workflow import settings as setting_verbs
from notifier.workflow.deliveries import Outcome
from notifier.workflow.objections import Filing
from tests import factory, servers
from tests.factory import NOW, START, SYSTEM

PROVIDER = Actor(Kind.PROVIDER, Door.WEBHOOK)
ZONE = ZoneInfo("Europe/Zurich")
REFS = ("alpha", "beta", "gamma")
SETTLED = (ObjectionState.RESOLVED, ObjectionState.WITHDRAWN)

who = st.sampled_from(["olga", "paul", "petra", "egon", "both"])
deciding = st.sampled_from(["paul", "petra", "both", "olga"])
engineers = st.sampled_from(["egon", "both", "paul"])
customer = st.sampled_from(REFS)
which = st.integers(0, 3)


def _template() -> Path:
    """A migrated database with people, a list and three customers, made once and copied for every run."""
    path = Path(tempfile.mkdtemp(prefix="gate-")) / "template.db"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    house = db.Database(servers.fresh_sqlite(path))
    with house.transaction() as session:
        setting_verbs.seed(session, Organisation("Processor AG", "Bahnhofstrasse 1", "CH"), Terms(), "en",
                           actor=SYSTEM, now=NOW)
        factory.two_people(session)
        factory.third_person(session)
        factory.engineer(session)
        people.add(session, "both@processor.example", "Bo", [Role.OPS, Role.PRIVACY], actor=SYSTEM, now=NOW)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"), factory.customer("gamma", services=("archive",)),
                        factory.customer("beta", terms={"authorisation": "specific"}))
    house.close()
    return path


TEMPLATE: list[Path] = []


class Gate(RuleBasedStateMachine):
    """Every verb that bears on the gate; a refusal is an answer like any other."""

    def __init__(self) -> None:
        super().__init__()
        if not TEMPLATE:
            TEMPLATE.append(_template())
        self.folder = Path(tempfile.mkdtemp(prefix="gate-"))
        shutil.copy(TEMPLATE[0], self.folder / "gate.db")
        self.house = db.Database(f"sqlite:///{self.folder / 'gate.db'}")
        self.now = NOW
        self.released: set[int] = set()
        self.asked: tuple[int, date] = (0, NOW.date())
        with self.house.reading() as session:
            self.staff = {user.email.split("@")[0]: people.actor_for(user, Door.CLI) for user in people.people(session)}

    def teardown(self) -> None:
        with self.house.reading() as session:
            assert verify.chain(session) == []
        self.house.close()
        shutil.rmtree(self.folder)

    def act(self, verb: Callable[[Session], Any]) -> None:
        """One transaction; a refusal rolls it back."""
        self.now += timedelta(minutes=1)
        try:
            with self.house.transaction() as session:
                verb(session)
        except Refusal:
            pass

    def ref(self, n: int) -> str:
        with self.house.reading() as session:
            refs = [c.ref for c in changes.every(session)]
        return refs[n % len(refs)] if refs else "C-0"

    def case(self, n: int) -> str:
        with self.house.reading() as session:
            refs = [o.ref for o in objections.every(session)]
        return refs[n % len(refs)] if refs else "O-0"

    # Bringing a change in

    @initialize(
        separable=st.sampled_from(["customer", "no", "service"]), confirmed=st.sampled_from([True, True, False]),
        arrived=st.sampled_from([2, 2, 1, 0]), yes=st.sampled_from([True, True, False]),
        objecting=st.sampled_from(["", "", "alpha", "beta"]), days=st.sampled_from([64, 61, 64, 10]),
        slip=st.sampled_from(["", "", "", "website", "data_categories"]),
    )
    def begin(
        self, separable: str, confirmed: bool, arrived: int, yes: bool, objecting: str, days: int, slip: str
    ) -> None:
        """An announced change on its way: without it, hardly any run would see a start."""
        self.propose("olga", separable)
        if confirmed:
            self.confirm_separable("egon", 0, separable)
        self.approve("paul", 0)
        self.announce("petra", 0)
        self.letters("send", 0)
        for _ in range(arrived):
            self.letters("sent", 0)
        if yes:
            self.consent("beta", "yes")
        if objecting:
            self.object(objecting)
        if slip:
            self.correct("olga", "paul", 0, slip)
        self.time_passes(days)

    @rule(person=who, separable=st.sampled_from(["no", "customer", "service"]))
    def propose(self, person: str, separable: str) -> None:
        def verb(session: Session) -> None:
            if len(changes.every(session)) > 1:
                return
            item = changes.draft(session, ChangeKind.ADD, values=factory.ANALYTICS)
            today = self.now.date()
            start = START if today < START - timedelta(days=45) else today + timedelta(days=60)
            change = changes.propose(session, [item], reason="Why", planned_start=start, separable=separable,
                                     actor=self.staff[person], now=self.now)
            factory.vouched(session, change, self.staff[person], now=self.now)
            changes.submit(session, change.ref, actor=self.staff[person], now=self.now)
        self.act(verb)

    @rule(person=who, n=which, separable=st.sampled_from(["no", "customer", "service"]))
    def confirm_separable(self, person: str, n: int, separable: str) -> None:
        ref = self.ref(n)
        self.act(lambda s: exclusions.confirm_separable(s, ref, separable, "By a switch.", actor=self.staff[person],
                                                        now=self.now))

    @rule(person=who, n=which)
    def approve(self, person: str, n: int) -> None:
        ref = self.ref(n)
        self.act(lambda s: changes.approve(s, ref, actor=self.staff[person], now=self.now))

    @rule(person=who, n=which)
    def announce(self, person: str, n: int) -> None:
        ref = self.ref(n)
        self.act(lambda s: announcements.announce(s, [ref], actor=self.staff[person], now=self.now))

    @rule(person=who, n=which)
    def withdraw_change(self, person: str, n: int) -> None:
        ref = self.ref(n)
        if self.now > NOW + timedelta(days=90):  # or hardly any run would see a start
            self.act(lambda s: announcements.withdraw(s, ref, "No more.", actor=self.staff[person], now=self.now))

    @rule(first=who, second=deciding, n=which, wrong=st.sampled_from(["website", "data_categories"]))
    def correct(self, first: str, second: str, n: int, wrong: str) -> None:
        """A slip that only informs, or one that gives everybody time anew, from a second person on."""
        ref = self.ref(n)

        def verb(session: Session, actor: Actor) -> None:
            item, *_ = changes.items_of(session, changes.get(session, ref))
            assert item.after is not None
            value = "https://vendor.example" if wrong == "website" else (*item.after.data_categories, "address")
            corrections.correct(session, ref, [Item(item.before, item.after.with_(**{wrong: value}))], "It was wrong.",
                                planned_start=(self.now + timedelta(days=50)).date(), actor=actor, now=self.now)

        for person in (first, second) if n % 2 == 0 else ():
            self.act(lambda s, a=self.staff[person]: verb(s, a))  # type: ignore[misc]

    @rule(person=deciding, ref=customer, days=st.integers(1, 40), everybody=st.booleans())
    def extend(self, person: str, ref: str, days: int, everybody: bool) -> None:
        """More time, for one customer or for all of an announcement."""
        def verb(session: Session) -> None:
            notice = self.notice_of(session, ref)
            made = session.get(Announcement, notice.announcement_id) if notice else None
            if notice and made:
                one, all_of = ("", made.ref) if everybody else (notice.uid, "")
                until = (self.now + timedelta(days=days)).date()
                extensions.extend(session, until, "More time.", uid=one, announcement=all_of,
                                  actor=self.staff[person], now=self.now)
        self.act(verb)

    # Letters

    @rule(n=which, kind=st.sampled_from(["send", "sent", "bounce"]))
    def letters(self, kind: str, n: int) -> None:
        if kind == "send":
            self.send()
        else:
            self.happen(n, DeliveryState.ACCEPTED if kind == "sent" else DeliveryState.DELIVERED, kind)

    def send(self) -> None:
        def verb(session: Session) -> None:
            rows = factory.claimed(session, self.now)
            if rows:
                deliveries.record(session, rows[0].lease, [Outcome(r.ref, "accepted") for r in rows], actor=SYSTEM,
                                  now=self.now)
        self.act(verb)

    def happen(self, n: int, state: DeliveryState, kind: str) -> None:
        def verb(session: Session) -> None:
            rows = session.exec(select(Delivery).where(Delivery.state == state, Delivery.kind == "change_announced")
                                .order_by(col(Delivery.id))).all()
            if rows:
                row = rows[n % len(rows)]
                event = notices.Happening(row.ref, "", kind, self.now, f"{kind}:{row.ref}:{self.now}")
                notices.happened(session, event, actor=PROVIDER, now=self.now)
        self.act(verb)

    # The customer

    def notice_of(self, session: Session, ref: str) -> Notice | None:
        held = customers.get(session, ref)
        return session.exec(select(Notice).where(Notice.customer_id == held.id).order_by(col(Notice.id).desc())).first()

    @rule(ref=customer)
    def object(self, ref: str) -> None:
        def verb(session: Session) -> None:
            if (notice := self.notice_of(session, ref)) is not None:
                objections.file(session, notice.id or 0, Filing("No.", "Lea", "lea@customer.example"), contact_id=None,
                                actor=factory.CONTACT, now=self.now)
        self.act(verb)

    @rule(ref=customer, answer=st.sampled_from(["yes", "no"]))
    def consent(self, ref: str, answer: str) -> None:
        def verb(session: Session) -> None:
            if (notice := self.notice_of(session, ref)) is not None:
                refs = [c.ref for c in changes.every(session)]
                consents.consent(session, notice, refs, answer, **factory.SIGNED, actor=factory.CONTACT, now=self.now)
        self.act(verb)

    @rule()
    def gamma_buys_the_service(self) -> None:
        entry = factory.customer("gamma", services=("archive", "platform"))
        self.act(lambda s: customers.upsert(s, [entry], actor=SYSTEM, now=self.now))

    @rule(ref=customer)
    def contract_ends(self, ref: str) -> None:
        def verb(session: Session) -> None:
            customers.get(session, ref).contract_end = (self.now + timedelta(days=20)).date()
        if self.now > NOW + timedelta(days=60):
            self.act(verb)

    # The case

    @rule(person=who, n=which, verb=st.sampled_from(["acknowledge", "resolve", "no_agreement", "not_uphold"]))
    def answer(self, person: str, n: int, verb: str) -> None:
        ref, actor = self.case(n), self.staff[person]
        self.act(lambda s: getattr(objections, verb)(s, ref, "Words.", actor=actor, now=self.now))

    @rule(n=which, verb=st.sampled_from(["withdraw", "contradict"]))
    def customer_answers(self, n: int, verb: str) -> None:
        ref = self.case(n)
        self.act(lambda s: getattr(objections, verb)(s, ref, "Words.", actor=factory.CONTACT, now=self.now))

    @rule(n=which, days=st.integers(0, 30))
    def terminate(self, n: int, days: int) -> None:
        ref, ends_on = self.case(n), (self.now + timedelta(days=days)).date()
        self.act(lambda s: objections.terminate(s, ref, service="platform", ends_on=ends_on, actor=factory.CONTACT,
                                                now=self.now))

    # Past the gate

    @rule(first=deciding, second=engineers, n=which, m=which,
          verbs=st.sampled_from([("ask", "confirm"), ("ask", "confirm"), ("confirm",), ("end",)]))
    def exclude(self, first: str, second: str, n: int, m: int, verbs: tuple[str, ...]) -> None:
        change = self.ref(n)
        self.confirm_separable("egon", n, "customer")
        with self.house.reading() as session:
            cases = objections.every(session)
            ref = objections.customer_of(session, cases[m % len(cases)]).ref if cases else "alpha"
        for verb, person in zip(verbs, (first, second), strict=False):
            self.act(lambda s, v=verb, a=self.staff[person]: getattr(exclusions, v)(  # type: ignore[misc]
                s, change, ref, "Words.", actor=a, now=self.now))

    @rule(first=deciding, second=deciding, n=which, m=which, everybody=st.booleans())
    def override(self, first: str, second: str, n: int, m: int, everybody: bool) -> None:
        change, ref, code = self.ref(n), "gamma", "no_proven_notice"
        with self.house.reading() as session:
            if changes.every(session):
                found = releases.standings(session, changes.get(session, change), self.now)
                standing = [(s.customer.ref, str(b.code)) for s in found for b in s.blockers if s.waiting]
                if standing:
                    ref, code = standing[m % len(standing)]
                    ref = "" if everybody else ref
        for person in (first, second):
            self.act(lambda s, a=self.staff[person]: exceptions.override(  # type: ignore[misc]
                s, change, [code], "Words.", customer_ref=ref, actor=a, now=self.now))

    @rule(first=deciding, second=deciding, n=which)
    def irregular_start(self, first: str, second: str, n: int) -> None:
        change, since = self.ref(n), self.now.astimezone(ZONE).date()
        for person in (first, second) if n == 3 else ():  # seldom, or it would be the end of every run
            self.act(lambda s, a=self.staff[person]: exceptions.irregular_start(  # type: ignore[misc]
                s, change, "Words.", since, actor=a, now=self.now))

    @rule(person=who, n=which, ref=st.sampled_from([*REFS, ""]))
    def release(self, person: str, n: int, ref: str) -> None:
        change, actor = self.ref(n), self.staff[person]
        self.act(lambda s: releases.release(s, change, customer_ref=ref, actor=actor, now=self.now))

    # Time

    @rule(days=st.sampled_from([1, 7, 40]))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.act(lambda s: factory.start_due(s, actor=SYSTEM, now=self.now))

    @rule(person=deciding, n=which, days=st.integers(1, 10))
    def move_start(self, person: str, n: int, days: int) -> None:
        ref, day = self.ref(n), self.now.date() + timedelta(days=days)
        self.act(lambda s: starts.move_start(s, ref, day, "Words.", actor=self.staff[person], now=self.now))

    # What must hold

    @invariant()
    def nobody_is_released_against_anything_that_stands(self) -> None:
        with self.house.reading() as session:
            rows = session.exec(select(NoticeChange, Notice, Change).join(
                Notice, col(Notice.id) == col(NoticeChange.notice_id)).join(
                Change, col(Change.id) == col(NoticeChange.change_id))).all()
            for part, notice, change in rows:
                if part.released_at is not None and part.id not in self.released:
                    self.released.add(part.id or 0)
                    assert against(session, change, part, notice, self.now, started=False) == set()
                    assert recorded(session, change, notice.customer_id)

    @invariant()
    def no_pipeline_is_told_yes_against_anything_that_stands(self) -> None:
        today = self.now.astimezone(ZONE).date()
        with self.house.reading() as session:
            asked, self.asked = self.asked, (audit.head(session).seq, today)
            for change in changes.every(session) if asked != self.asked else ():  # a refused act changes no answer
                for ref in REFS:
                    for item in changes.items_of(session, change):
                        answer = processing.may_process(session, item.ref, ref, today, self.now)
                        assert answer.why
                        if answer.allowed:
                            assert grounds(session, item.ref, customers.get(session, ref), self.now), answer


def against(
    session: Session, change: Change, part: NoticeChange, notice: Notice, now: datetime, *, started: bool
) -> set[str]:
    """What stands against one customer, from the rows; what two different people have named is left out."""
    found = set()
    terms = Terms.from_json(notice.terms)
    row = session.get(NoticeWindow, notice.window_id) if notice.window_id else None
    if change.state not in (ChangeState.ANNOUNCED, ChangeState.IN_EFFECT) or part.withdrawn_at:
        found.add("change")
    if change.planned_start is None or now.astimezone(ZONE).date() < change.planned_start:
        found |= set() if started else {"start_open" if change.planned_start is None else "before_planned_start"}
    if notice.state != NoticeState.GIVEN or row is None:
        found.add("no_proven_notice")
    elif now < row.ends_at:
        found.add("window_open")
    if terms.authorisation == "specific" and part.consent != "yes":
        found.add("consent")
    found |= _of_the_objections(session, change, notice.customer_id, now.date())
    if session.exec(select(Exclusion.id).where(
            Exclusion.change_id == change.id, Exclusion.customer_id == notice.customer_id,
            col(Exclusion.confirmed_at).is_not(None), col(Exclusion.ended_at).is_(None))).first():
        found.add("excluded")
    named: set[str] = set()
    for each in session.exec(select(Override).where(Override.notice_change_id == part.id)):
        assert each.asked_by != each.signed_by
        named |= set(each.blockers)
    return found - named


def _of_the_objections(session: Session, change: Change, customer_id: int, today: date) -> set[str]:
    rows = session.exec(
        select(Objection).join(ObjectionChange, col(ObjectionChange.objection_id) == col(Objection.id))
        .join(Notice, col(Notice.id) == col(Objection.notice_id))
        .where(ObjectionChange.change_id == change.id, Notice.customer_id == customer_id)
    ).all()
    holding = [o for o in rows if o.state not in SETTLED]
    late = {"objection_open"} if any(o.in_time is False for o in holding) else set()
    return late | ({"timely objection"} if any(o.in_time is not False for o in holding) else set())


def recorded(session: Session, change: Change, customer_id: int) -> bool:
    """Whether the log holds the release of a change to a customer."""
    entries = session.exec(select(AuditEntry).where(AuditEntry.subject_id == change.ref,
                                                    AuditEntry.action == "release"))
    return any(str(customer_id) in entry.refs["customers"] for entry in entries)


def grounds(session: Session, engagement: str, held: Customer, now: datetime) -> bool:
    """Whether a yes stands on something: a release that nothing but a late objection is against since; joining or
    buying after the start; or two people's word that the notice was not needed."""
    change = next(c for c in changes.every(session) if any(i.ref == engagement for i in changes.items_of(session, c)))
    told = [(p, n) for p, n in changes.concerned(session, change) if n.customer_id == held.id and not p.withdrawn_at]
    if told:
        part, notice = told[-1]
        left = against(session, change, part, notice, now, started=True) - {"objection_open"}
        return part.released_at is not None and left == set()
    waived = session.exec(select(Override).where(
        Override.change_id == change.id, Override.customer_id == held.id,
        col(Override.notice_change_id).is_(None))).all()
    bought = session.exec(select(CustomerService).where(CustomerService.customer_id == held.id)).all()
    assert change.state == ChangeState.IN_EFFECT and change.in_effect_at is not None
    late = any(b.bought_at is not None and b.bought_at >= change.in_effect_at for b in bought)
    return late or any(w.asked_by != w.signed_by for w in waived)


Gate.TestCase.settings = settings(
    max_examples=20, stateful_step_count=22, deadline=None, derandomize=True, print_blob=False,
    suppress_health_check=list(HealthCheck),
)
TestGate = Gate.TestCase
