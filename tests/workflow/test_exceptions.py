"""Against the ordinary course: who confirms that customers can be left out, exclusions, overrides, irregular starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

import feeds
from feeds.site import Site
from notifier import clock
from notifier.domain.changes import ChangeKind
from notifier.domain.listing import ListValue
from notifier.domain.people import Actor, Door, Kind, Role
from notifier.domain.refusals import Refusal
from notifier.domain.states import ChangeState, ObjectionState
from notifier.house import House
from notifier.jobs import deliver
from notifier.mail import outbox
from notifier.tables import CustomerService, Delivery, Edition, Engagement, Notice, Override, Service
from notifier.workflow import (
    announcements,
    audit,
    changes,
    customers,
    exceptions,
    exclusions,
    listing,
    notices,
    objections,
    people,
    processing,
    register,
    releases,
    verify,
)
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import NOW, START, SYSTEM

SOON = NOW + timedelta(hours=1)
DAY = datetime(START.year, START.month, START.day, 8, tzinfo=NOW.tzinfo)
HOW = "Its tenant stays on the old queue; a switch in the configuration."
WHY = "It objects to any transfer to the United States."


@dataclass(frozen=True)
class Told:
    """A change announced to Alpha and Beta and received by both; the people; Alpha's objection where it objected."""

    house: House
    ref: str
    olga: Actor
    paul: Actor
    petra: Actor
    egon: Actor
    case: str = ""

    @contextmanager
    def act(self) -> Iterator[Session]:
        """One transaction, after which the whole log must be sound."""
        with self.house.database.transaction() as session:
            yield session
        with self.house.database.reading() as session:
            assert verify.chain(session) == []

    def refused(self, code: str, verb: Callable[[Session], object]) -> Refusal:
        """The refusal of a verb, which must be this one."""
        with pytest.raises(Refusal) as refused, self.house.database.transaction() as session:
            verb(session)
        assert refused.value.code == code
        return refused.value

    def may(self, engagement: str, customer: str, at: datetime) -> bool:
        """What a pipeline is told."""
        with self.house.database.reading() as session:
            return processing.may_process(session, engagement, customer, at.date(), at).allowed


def told(house: House, *, separable: str = "customer", objecting: bool = True, replaces: bool = False,
         given: bool = True, at: datetime = SOON) -> Told:
    """An addition (or a replacement of the hosting) told to two customers."""
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        petra, egon = factory.third_person(session), factory.engineer(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"), factory.customer("beta"),
                        factory.customer("gamma", services=("archive",)))
        if replaces:
            item = changes.draft(session, ChangeKind.REPLACE, replaces="cloud-hosting", values=factory.ANALYTICS)
            ref = changes.propose(session, [item], reason="Closer to us.", planned_start=START, separable=separable,
                                  actor=olga, now=NOW).ref
            exclusions.confirm_separable(session, ref, separable, HOW, actor=egon, now=NOW)
            factory.vouched(session, changes.get(session, ref), olga, now=NOW)
            changes.submit(session, ref, actor=olga, now=NOW)
            changes.approve(session, ref, actor=paul, now=NOW)
        else:
            ref = factory.approved(session, olga, paul, separable=separable).ref
        announcements.announce(session, [ref], actor=paul, now=NOW + timedelta(minutes=2))
        for notice in session.exec(select(Notice)):
            if given:
                notices.give(session, notice, SOON, "hand", {}, actor=paul, now=SOON)
    case = ""
    if objecting:
        with house.database.transaction() as session:
            first = session.exec(select(Notice).order_by(col(Notice.id))).first()
            assert first is not None
            case = objections.file(session, first.id or 0, Filing(WHY, "Lea", "legal@alpha.example"), contact_id=None,
                                   actor=factory.CONTACT, now=at).ref
    return Told(house, ref, olga, paul, petra, egon, case)


def exclude(told: Told, now: datetime = SOON) -> None:
    """Privacy asks, Egon confirms: Alpha is left out."""
    with told.act() as session:
        exclusions.ask(session, told.ref, "alpha", WHY, actor=told.paul, now=now)
    with told.act() as session:
        exclusions.confirm(session, told.ref, "alpha", HOW, actor=told.egon, now=now)


# Separability


def test_a_claim_of_separability_counts_as_no_until_an_engineer_has_confirmed_it(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        egon = factory.engineer(session)
        factory.baseline(session)
        item = changes.draft(session, ChangeKind.ADD, values=factory.ANALYTICS)
        change = changes.propose(session, [item], reason="Why", planned_start=START, separable="customer", actor=olga,
                                 now=NOW)
        assert exclusions.separable_of(change) == "no"
        for actor, how, code in ((olga, HOW, "second_person"), (paul, HOW, "role_missing"),
                                 (egon, " ", "reason_missing"), (SYSTEM, HOW, "person_needed")):
            with pytest.raises(Refusal) as refused:
                exclusions.confirm_separable(session, change.ref, "customer", how, actor=actor, now=NOW)
            assert refused.value.code == code
        with pytest.raises(Refusal, match="customer, service or no"):
            exclusions.confirm_separable(session, change.ref, "perhaps", HOW, actor=egon, now=NOW)
        exclusions.confirm_separable(session, change.ref, "customer", HOW, actor=egon, now=NOW)
        assert (exclusions.separable_of(change), change.separable_by, change.separable_at) == ("customer", egon.id, NOW)
        changes.edit(session, change.ref, [item], reason="Other", planned_start=START, separable="customer", actor=olga,
                     now=NOW)
        assert exclusions.separable_of(change) == "no"  # what was confirmed is not what stands there now
        factory.vouched(session, change, olga, now=NOW)
        changes.submit(session, change.ref, actor=olga, now=NOW)
        changes.reject(session, change.ref, "no", actor=paul, now=NOW)
        with pytest.raises(Refusal) as refused:
            exclusions.confirm_separable(session, change.ref, "customer", HOW, actor=egon, now=NOW)
        assert refused.value.code == "no_such_move"
    with house.database.reading() as session:
        assert verify.chain(session) == []


def test_by_service_a_change_starts_for_services_that_share_no_customer_with_one_held_up(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("held"), factory.customer("both", services=("platform", "archive")),
                        factory.customer("tied", services=("archive",)))
        change = factory.announced(session, olga, paul, separable="service", services=["platform", "archive", "extra"])
        register.ensure_services(session, ["extra"])
        for notice in list(session.exec(select(Notice).order_by(col(Notice.id))))[1:]:
            notices.give(session, notice, SOON, "hand", {}, actor=paul, now=SOON)
        found = releases.standings(session, change, DAY)
        assert [s.held for s in found] == [True, False, False]
        assert releases.startable("customer", found) == found[1:]
        assert releases.startable("service", found) == []  # archive hangs together with platform through Both
        assert releases.startable("no", found) == []
        assert releases.startable("service", [found[0], found[2]]) == [found[2]]


# Exclusion


def test_an_exclusion_counts_only_once_a_named_engineer_has_confirmed_how(house: House) -> None:
    case = told(house)
    with case.act() as session:
        exclusions.ask(session, case.ref, "alpha", WHY, actor=case.paul, now=SOON)
        assert exclusions.excluded(session, changes.get(session, case.ref)) == set()
    with case.act() as session:
        row = exclusions.confirm(session, case.ref, "alpha", HOW, actor=case.egon, now=SOON)
        assert (row.asked_by, row.confirmed_by) == (case.paul.id, case.egon.id)
        assert listing.newest(session).cause == "exclude"  # type: ignore[union-attr]
        found = releases.standings(session, changes.get(session, case.ref), DAY)
        assert [s.customer.ref for s in found] == ["beta"]
    with case.act() as session:
        factory.start_due(session, actor=SYSTEM, now=DAY)
        assert changes.get(session, case.ref).state == ChangeState.IN_EFFECT
    assert case.may("analytics-inc", "beta", DAY)
    assert not case.may("analytics-inc", "alpha", DAY)


def test_an_exclusion_is_refused_where_it_cannot_be_asked_or_confirmed(house: House) -> None:
    case = told(house)
    both = people_with_two_roles(case)
    def ask(session: Session, who: Actor = case.paul, customer: str = "alpha", why: str = WHY) -> object:
        return exclusions.ask(session, case.ref, customer, why, actor=who, now=SOON)

    case.refused("role_missing", lambda s: ask(s, case.olga))
    case.refused("reason_missing", lambda s: ask(s, why=" "))
    case.refused("not_objecting", lambda s: ask(s, customer="beta"))
    case.refused("unknown", lambda s: ask(s, customer="gamma"))
    case.refused("unknown", lambda s: ask(s, customer="nobody"))
    case.refused("unknown", lambda s: exclusions.confirm(s, case.ref, "alpha", HOW, actor=case.egon, now=SOON))
    with case.act() as session:
        ask(session, both)
    case.refused("exists", ask)

    def confirm(session: Session, who: Actor, how: str = HOW) -> object:
        return exclusions.confirm(session, case.ref, "alpha", how, actor=who, now=SOON)

    case.refused("second_person", lambda s: confirm(s, both))
    case.refused("role_missing", lambda s: confirm(s, case.petra))
    case.refused("reason_missing", lambda s: confirm(s, case.egon, ""))
    case.refused("person_needed", lambda s: confirm(s, SYSTEM))
    case.refused("role_missing",
                 lambda s: exclusions.end(s, case.ref, "alpha", "over", actor=case.egon, now=SOON))
    case.refused("reason_missing", lambda s: exclusions.end(s, case.ref, "alpha", "", actor=case.paul, now=SOON))


def people_with_two_roles(case: Told) -> Actor:
    """One person who is of ops and of privacy."""
    with case.house.database.transaction() as session:
        user = people.add(session, "both@processor.example", "Bo Both", [Role.OPS, Role.PRIVACY], actor=SYSTEM, now=NOW)
        return people.actor_for(user, case.paul.door)


@pytest.mark.parametrize("separable", ["no", "service"])
def test_nobody_is_left_out_where_customers_cannot_be_separated_one_by_one(house: House, separable: str) -> None:
    case = told(house, separable=separable)
    case.refused("not_separable",
                 lambda s: exclusions.ask(s, case.ref, "alpha", WHY, actor=case.paul, now=SOON))


def test_nobody_is_left_out_of_what_is_not_announced_or_applies_to_them_already(house: House) -> None:
    case = told(house)
    with case.act() as session:
        objections.acknowledge(session, case.case, actor=case.paul, now=SOON)
        objections.resolve(session, case.case, "Pseudonyms only.", actor=case.paul, now=SOON)
    with case.act() as session:
        factory.start_due(session, actor=SYSTEM, now=DAY)
    case.refused("already_released",
                 lambda s: exclusions.ask(s, case.ref, "alpha", WHY, actor=case.paul, now=DAY))
    with case.act() as session:
        ref = factory.approved(session, case.olga, case.paul, separable="customer", legal_name="Other Inc.").ref
    case.refused("no_such_move", lambda s: exclusions.ask(s, ref, "alpha", WHY, actor=case.paul, now=DAY))


def test_a_withdrawn_objection_is_no_ground_to_leave_its_customer_out(house: House) -> None:
    case = told(house)
    with case.act() as session:
        objections.withdraw(session, case.case, actor=factory.CONTACT, now=SOON)
    case.refused("not_objecting", lambda s: exclusions.ask(s, case.ref, "alpha", WHY, actor=case.paul, now=SOON))


def test_an_exclusion_is_looked_at_every_year_and_overdue_ones_are_listed(house: House) -> None:
    case = told(house)
    exclude(case)
    due = (SOON + timedelta(days=365)).date()
    with house.database.reading() as session:
        assert exclusions.rechecks_due(session, due - timedelta(days=1)) == []
        assert [row.recheck_due for row in exclusions.rechecks_due(session, due)] == [due]
    later = SOON + timedelta(days=400)
    with case.act() as session:
        row = exclusions.confirm(session, case.ref, "alpha", "Still on the old queue.", actor=case.egon, now=later)
        assert row.recheck_due == later.date() + timedelta(days=365)
        assert row.confirmed_at == SOON
        assert [c.how for c in exclusions.checks_of(session, row)] == [HOW, "Still on the old queue."]
    with house.database.reading() as session:
        assert exclusions.rechecks_due(session, later.date()) == []
        told_in_log = [e.action for e, _ in audit.history(session, "change", case.ref)]
    assert told_in_log[-2:] == ["exclude", "recheck_exclusion"]


def test_in_a_replacement_the_old_vendor_stays_for_who_is_left_out_until_nobody_is(house: House) -> None:
    case = told(house, replaces=True)
    exclude(case)
    with case.act() as session:
        assert factory.start_due(session, actor=SYSTEM, now=DAY) == [case.ref]
        assert [v.ref for v in register.current(session)] == ["cloud-hosting", "analytics-inc"]
        assert [e["ref"] for e in listing.newest(session).value["engagements"]] == [  # type: ignore[union-attr]
            "cloud-hosting", "analytics-inc"]
    assert (case.may("cloud-hosting", "alpha", DAY), case.may("analytics-inc", "alpha", DAY)) == (True, False)
    assert (case.may("cloud-hosting", "beta", DAY), case.may("analytics-inc", "beta", DAY)) == (False, True)
    with case.act() as session:
        objections.acknowledge(session, case.case, actor=case.paul, now=DAY)
        objections.resolve(session, case.case, "The new one is fine with a German location.", actor=case.paul, now=DAY)
        exclusions.end(session, case.ref, "alpha", "Solved amicably.", actor=case.paul, now=DAY)
    assert case.may("cloud-hosting", "alpha", DAY)  # not without a vendor for a moment
    with case.act() as session:
        assert factory.start_due(session, actor=SYSTEM, now=DAY) == [case.ref]
        assert [v.ref for v in register.current(session)] == ["analytics-inc"]
        old = session.exec(select(Engagement).where(Engagement.ref == "cloud-hosting")).one()
        assert old.ended_on == DAY.date()
    assert (case.may("cloud-hosting", "alpha", DAY), case.may("analytics-inc", "alpha", DAY)) == (False, True)


def test_the_old_vendor_also_ends_when_the_contract_of_the_last_one_left_out_has_ended(house: House) -> None:
    case = told(house, replaces=True)
    exclude(case)
    with case.act() as session:
        factory.start_due(session, actor=SYSTEM, now=DAY)
    after = DAY + timedelta(days=2)
    with case.act() as session:
        customers.get(session, "alpha").contract_end = DAY.date()
    with case.act() as session:
        assert factory.start_due(session, actor=SYSTEM, now=after) == [case.ref]
        assert [v.ref for v in register.current(session)] == ["analytics-inc"]


def test_an_engagement_keeps_whether_customers_can_be_left_out_and_who_said_how(house: House) -> None:
    case = told(house, objecting=False)
    with case.act() as session:
        factory.start_due(session, actor=SYSTEM, now=DAY)
        row = session.exec(select(Engagement).where(Engagement.ref == "analytics-inc")).one()
        assert (row.separable, row.separable_by) == ("customer", case.egon.id)
        assert "A switch per customer" in row.separable_words


# Override


def test_two_people_set_single_blockers_aside_and_everything_else_still_blocks(house: House) -> None:
    case = told(house, separable="no", objecting=False, given=False)
    with case.act() as session:  # Beta has it and has had time; Alpha is not proven to have been told
        beta = customers.get(session, "beta")
        notice = session.exec(select(Notice).where(Notice.customer_id == beta.id)).one()
        notices.give(session, notice, SOON, "hand", {}, actor=case.paul, now=SOON)
    with case.act() as session:
        assert exceptions.override(session, case.ref, ["no_proven_notice"], "They called.", customer_ref="alpha",
                                   actor=case.paul, now=DAY) is None
        assert _codes(session, case, DAY) == {"alpha": ["no_proven_notice"], "beta": []}
    with case.act() as session:
        rows = exceptions.override(session, case.ref, ["no_proven_notice"], "They called.", customer_ref="alpha",
                                   actor=case.petra, now=DAY)
        assert rows is not None
        assert [(r.asked_by, r.signed_by) for r in rows] == [(case.paul.id, case.petra.id)]
        assert _codes(session, case, DAY) == {"alpha": [], "beta": []}
        assert _codes(session, case, DAY - timedelta(days=3)) == {"alpha": ["before_planned_start"],
                                                                  "beta": ["before_planned_start"]}
        assert listing.newest(session).cause == "override"  # type: ignore[union-attr]
    with case.act() as session:
        freed = releases.release(session, case.ref, actor=case.paul, now=DAY)
        assert [[b.code for b in s.set_aside] for s in freed] == [["no_proven_notice"], []]
    assert case.may("analytics-inc", "alpha", DAY)


def _codes(session: Session, case: Told, at: datetime) -> dict[str, list[str]]:
    found = releases.standings(session, changes.get(session, case.ref), at)
    return {s.customer.ref: [str(b.code) for b in s.blockers] for s in found}


def test_an_override_for_all_names_each_customer_it_holds_for_and_the_public_reads_only_how_many(house: House) -> None:
    case = told(house, objecting=False, separable="no")
    early = SOON + timedelta(days=10)
    codes = ["before_planned_start", "window_open", "notice_days_running"]
    for person in (case.paul, case.petra):
        with case.act() as session:
            rows = exceptions.override(session, case.ref, codes, "A breach at the old one.", actor=person, now=early)
    assert rows is not None and len(rows) == 2
    with case.act() as session:
        edition = session.exec(select(Edition).order_by(col(Edition.n).desc())).first()
        assert edition is not None
        marks = [{"kind": "override", "on": early.date().isoformat(), "count": 2}]
        assert edition.value["changes"][0]["marks"] == marks
        value = ListValue.from_json(edition.value)
        assert value.to_json() == edition.value
        site = Site("https://list.example", ("en",))
        page = feeds.render(value, edition.sha256, site)[f"/changes/{case.ref}"].body.decode()
        assert "two people set single obstacles aside" in page
        assert "Customers concerned: 2." in page
        assert "breach" not in page
        assert "Alpha" not in page
        assert len(releases.release(session, case.ref, actor=case.paul, now=early)) == 2


@pytest.mark.parametrize("code", [
    "objection_open", "not_approved", "change_withdrawn", "consent_missing", "consent_refused",
])
def test_what_is_the_customers_to_decide_is_never_overridden(house: House, code: str) -> None:
    case = told(house)
    case.refused("not_overridable", lambda s: exceptions.override(
        s, case.ref, [code, "window_open"], "Hurry.", actor=case.paul, now=SOON))
    case.refused("not_overridable", lambda s: exceptions.override(
        s, case.ref, [code], "Hurry.", customer_ref="alpha", actor=case.paul, now=SOON))


def test_an_objection_that_came_too_late_may_be_set_aside_but_a_timely_one_beside_it_still_blocks(house: House) -> None:
    case = told(house, separable="customer", at=DAY)
    for person in (case.paul, case.petra):
        with case.act() as session:
            exceptions.override(session, case.ref, ["objection_open"], "A month late.", customer_ref="alpha",
                                actor=person, now=DAY)
    with case.act() as session:
        assert _codes(session, case, DAY)["alpha"] == []
        row = objections.get(session, case.case)
        row.in_time = True  # as if an earlier one were found in the post
        session.flush()
        assert _codes(session, case, DAY)["alpha"] == ["objection_open"]
        row.in_time = False


def test_an_override_is_refused_without_role_reason_a_second_person_or_anything_to_override(house: House) -> None:
    case = told(house)
    def ask(session: Session, who: Actor = case.paul, codes: tuple[str, ...] = ("window_open",), why: str = "Hurry.",
            customer: str = "beta") -> object:
        return exceptions.override(session, case.ref, codes, why, customer_ref=customer, actor=who, now=SOON)

    case.refused("role_missing", lambda s: ask(s, case.olga))
    case.refused("reason_missing", lambda s: ask(s, why=""))
    case.refused("bad_value", lambda s: ask(s, codes=("everything",)))
    case.refused("bad_value", lambda s: ask(s, codes=()))
    case.refused("nothing_to_override", lambda s: ask(s, codes=("window_open", "start_open")))
    case.refused("unknown", lambda s: ask(s, customer="nobody"))
    both = people_with_two_roles(case)
    with case.act() as session:
        assert ask(session, both) is None
    case.refused("second_person", lambda s: ask(s, both))
    with case.act() as session:
        assert ask(session, case.paul, why="Other words.") is None  # other words are another question
        assert session.exec(select(Override)).all() == []
        ref = factory.approved(session, case.olga, case.paul, legal_name="Other Inc.").ref
    case.refused("no_such_move", lambda s: exceptions.override(
        s, ref, ["window_open"], "Hurry.", actor=case.paul, now=SOON))


def test_an_override_can_neither_be_altered_nor_taken_away(house: House) -> None:
    case = told(house, objecting=False)
    for person in (case.paul, case.petra):
        with case.act() as session:
            exceptions.override(session, case.ref, ["window_open"], "Hurry.", actor=person, now=SOON)
    for words in ("UPDATE override SET reason = 'x'", "DELETE FROM override"):
        with pytest.raises(DBAPIError, match="append-only"), house.database.transaction() as session:
            session.execute(sa.text(words))


# What a release stands on afterwards, and who was never told


def test_a_bounce_after_the_release_turns_the_answer_to_no_and_a_late_objection_does_not(house: House) -> None:
    case = told(house, objecting=False)
    with case.act() as session:
        factory.start_due(session, actor=SYSTEM, now=DAY)
    with case.act() as session:
        first = session.exec(select(Notice).order_by(col(Notice.id))).first()
        assert first is not None
        objections.file(session, first.id or 0, Filing(WHY, "Lea", "legal@alpha.example"), contact_id=None,
                        actor=factory.CONTACT, now=DAY)
    assert case.may("analytics-inc", "alpha", DAY)
    with case.act() as session:
        first = session.exec(select(Notice).order_by(col(Notice.id))).first()
        assert first is not None
        audit.move(session, first, "fail", actor=SYSTEM, now=DAY, checked={audit.Need.PROOF})
    assert not case.may("analytics-inc", "alpha", DAY)
    assert case.may("analytics-inc", "beta", DAY)


def test_who_bought_the_service_after_the_announcing_is_held_and_who_came_after_the_start_agreed(
    house: House,
) -> None:
    case = told(house, objecting=False)
    with case.act() as session:
        factory_entry = factory.customer("gamma", services=("archive", "platform"))
        customers.upsert(session, [factory_entry], actor=SYSTEM, now=SOON)
    with case.act() as session:
        factory.start_due(session, actor=SYSTEM, now=DAY)
        customers.upsert(session, [factory.customer("delta")], actor=SYSTEM, now=DAY + timedelta(days=1))
    after = DAY + timedelta(days=2)
    assert not case.may("analytics-inc", "gamma", after)
    assert case.may("analytics-inc", "delta", after)
    for person in (case.paul, case.petra):
        with case.act() as session:
            exceptions.override(session, case.ref, ["no_proven_notice"], "Told by hand.", customer_ref="gamma",
                                actor=person, now=after)
    with case.act() as session:
        factory.start_due(session, actor=SYSTEM, now=after)
    assert case.may("analytics-inc", "gamma", after)
    case.refused("unknown", lambda s: exceptions.override(
        s, case.ref, ["no_proven_notice"], "Hurry.", customer_ref="delta", actor=case.paul, now=after))


# Irregular start

WHAT = "A switch was set too early."
SINCE = (NOW + timedelta(days=9)).date()
THEN = NOW + timedelta(days=10)


def start(case: Told, now: datetime = THEN) -> None:
    """Paul and Petra record that processing began the day before."""
    for person in (case.paul, case.petra):
        with case.act() as session:
            exceptions.irregular_start(session, case.ref, WHAT, (now - timedelta(days=1)).date(), actor=person, now=now)


def test_an_irregular_start_tells_the_truth_at_once_and_releases_nobody(house: House) -> None:
    case = told(house, separable="no")
    with case.act() as session:
        assert exceptions.irregular_start(session, case.ref, WHAT, SINCE, actor=case.paul, now=THEN) is None
        assert changes.get(session, case.ref).state == ChangeState.ANNOUNCED
    with case.act() as session:
        row = exceptions.irregular_start(session, case.ref, WHAT, SINCE, actor=case.petra, now=THEN)
        assert row is not None
        assert (row.asked_by, row.signed_by, row.told) == (case.paul.id, case.petra.id, 2)
        change = changes.get(session, case.ref)
        assert change.state == ChangeState.IN_EFFECT
        edition = listing.newest(session)
        assert edition is not None and edition.cause == "irregular_start"
        assert [e["ref"] for e in edition.value["engagements"]] == ["cloud-hosting", "analytics-inc"]
        public = edition.value["changes"][0]
        assert public["in_effect_on"] == SINCE.isoformat()
        assert public["marks"] == [{"kind": "irregular_start", "on": SINCE.isoformat(), "count": 2}]
        owed = session.exec(select(Delivery).where(Delivery.kind == "irregular_start")).all()
        assert {(d.to_email, d.words, d.due_at) for d in owed} == {
            ("legal@alpha.example", WHAT, THEN), ("legal@beta.example", WHAT, THEN)}
        assert all(s.part.released_at is None for s in releases.standings(session, change, THEN))
        answer = processing.may_process(session, "analytics-inc", "beta", THEN.date(), THEN)
        assert not answer.allowed
        assert str(answer.why[0]) == (
            f"Processing was started irregularly on {SINCE}; it is not released to this customer.")
        assert objections.get(session, case.case).state == ObjectionState.NO_AGREEMENT
        letter = session.exec(select(Delivery).where(Delivery.kind == "objection_no_agreement")).one()
        assert letter.words == WHAT


@pytest.mark.parametrize("announce_later", [False, True])
def test_an_irregular_start_of_what_nobody_was_told_gives_everybody_a_notice_with_a_window(
    house: House, announce_later: bool
) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        petra, egon = factory.third_person(session), factory.engineer(session)
        factory.baseline(session)
        factory.take_in(session, factory.customer("alpha"), factory.customer("gamma", services=("archive",)))
        ref = factory.approved(session, olga, paul).ref
        if announce_later:
            announcements.announce(session, [ref], actor=paul, now=NOW + timedelta(minutes=2))
            bought = session.exec(select(Service.id).where(Service.slug == "platform")).one()
            gamma = customers.get(session, "gamma")  # nobody has looked after it since
            session.add(CustomerService(customer_id=gamma.id or 0, service_id=bought or 0, bought_at=SOON))
    case = Told(house, ref, olga, paul, petra, egon)
    start(case)
    with clock.standing(THEN):
        deliver.run(house)
    with case.act() as session:
        row = session.exec(select(Delivery).where(Delivery.kind == "irregular_start",
                                                  Delivery.subject_kind == "notice")).one()
        assert row.to_email == ("legal@gamma.example" if announce_later else "legal@alpha.example")
        assert row.promised_last_day is not None
        notices.happened(session, notices.Happening(row.ref, "", "sent", THEN, "e-1"),
                         actor=Actor(Kind.PROVIDER, Door.WEBHOOK), now=THEN)
        notice = session.get(Notice, row.notice_id)
        assert notice is not None and notice.state == "given" and notice.window_id is not None
        change = changes.get(session, ref)
        assert change.announced_at is not None
        codes = {s.customer.ref: [str(b.code) for b in s.blockers] for s in releases.standings(session, change, THEN)}
        assert "window_open" in codes["gamma" if announce_later else "alpha"]
    letters = [x.text for x in outbox.read(house.settings.data_dir / "outbox") if WHAT in x.text]
    assert len(letters) == (2 if announce_later else 1)
    assert any("You may object: until the end of" in " ".join(text.split()) for text in letters)


def test_after_an_irregular_start_a_customer_is_released_once_nothing_stands_against_it(house: House) -> None:
    case = told(house, objecting=False)
    start(case)
    with case.act() as session:
        assert factory.start_due(session, actor=SYSTEM, now=DAY) == [case.ref]
    assert case.may("analytics-inc", "alpha", DAY)


def test_after_an_irregular_replacement_the_old_vendor_stays_until_everybody_is_released(house: House) -> None:
    case = told(house, replaces=True, objecting=False)
    start(case)
    assert (case.may("cloud-hosting", "beta", THEN), case.may("analytics-inc", "beta", THEN)) == (True, False)
    with case.act() as session:
        factory.start_due(session, actor=SYSTEM, now=DAY)
        assert [v.ref for v in register.current(session)] == ["analytics-inc"]


def test_an_irregular_start_is_refused_without_role_reason_second_person_past_day_or_fitting_state(
    house: House,
) -> None:
    case = told(house, objecting=False)

    def record(session: Session, who: Actor = case.paul, why: str = WHAT, since: date = SINCE) -> object:
        return exceptions.irregular_start(session, case.ref, why, since, actor=who, now=THEN)

    case.refused("role_missing", lambda s: record(s, case.olga))
    case.refused("reason_missing", lambda s: record(s, why=" "))
    case.refused("bad_value", lambda s: record(s, since=THEN.date() + timedelta(days=1)))
    both = people_with_two_roles(case)
    with case.act() as session:
        assert record(session, both) is None
    case.refused("second_person", lambda s: record(s, both))
    with case.act() as session:
        assert record(session) is not None
    case.refused("no_such_move", record)


@pytest.mark.parametrize("state", ["filed", "acknowledged", "not_upheld", "resolved"])
def test_every_open_objection_gets_its_right_of_termination_and_a_settled_one_stays_settled(
    house: House, state: str
) -> None:
    case = told(house)
    with case.act() as session:
        if state != "filed":
            objections.acknowledge(session, case.case, actor=case.paul, now=SOON)
        if state == "resolved":
            objections.resolve(session, case.case, "Pseudonyms.", actor=case.paul, now=SOON)
        if state == "not_upheld":
            for person in (case.paul, case.petra):
                objections.not_uphold(session, case.case, "No.", actor=person, now=SOON)
    start(case)
    with house.database.reading() as session:
        found = str(objections.get(session, case.case).state)
    assert found == ("resolved" if state == "resolved" else "no_agreement")
