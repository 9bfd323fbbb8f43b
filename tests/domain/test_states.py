"""The machines: each pair of state and action is a row or a refusal, every state can be reached."""

from __future__ import annotations

import pytest

from notifier.domain.people import Kind, Role
from notifier.domain.states import CHANGE, DELIVERY, MACHINES, NOTICE, OBJECTION, Machine

EXPECTED = {
    # design: Change: draft → in_review → approved → announced → in_effect; sent_back, rejected, withdrawn
    CHANGE.name: {
        "draft": {"submit": "in_review", "withdraw": "withdrawn"},
        "sent_back": {"submit": "in_review", "withdraw": "withdrawn"},
        "in_review": {"approve": "approved", "send_back": "sent_back", "reject": "rejected", "withdraw": "withdrawn",
                      "irregular_start": "in_effect"},
        "approved": {"announce": "announced", "send_back": "sent_back", "withdraw": "withdrawn",
                     "irregular_start": "in_effect"},
        "announced": {"take_effect": "in_effect", "withdraw": "withdrawn", "irregular_start": "in_effect"},
        "in_effect": {}, "rejected": {}, "withdrawn": {},
    },
    NOTICE.name: {
        "pending": {"give": "given", "fail": "undeliverable", "cancel": "cancelled"},
        "given": {"fail": "undeliverable", "cancel": "cancelled"},
        "undeliverable": {"give": "given", "cancel": "cancelled"},
        "cancelled": {},
    },
    DELIVERY.name: {
        "queued": {"claim": "sending", "cancel": "cancelled", "deliver": "delivered", "bounce": "bounced",
                   "block": "blocked"},
        "sending": {"accept": "accepted", "fail": "failed", "doubt": "uncertain", "requeue": "queued",
                    "deliver": "delivered", "bounce": "bounced", "block": "blocked"},
        "uncertain": {"accept": "accepted", "requeue": "queued", "deliver": "delivered", "bounce": "bounced",
                      "block": "blocked", "cancel": "cancelled"},
        "accepted": {"deliver": "delivered", "bounce": "bounced", "block": "blocked"},
        "delivered": {"bounce": "bounced"},
        "bounced": {}, "blocked": {}, "failed": {}, "cancelled": {},
    },
    OBJECTION.name: {
        "filed": {"acknowledge": "acknowledged", "withdraw": "withdrawn"},
        "acknowledged": {"resolve": "resolved", "not_uphold": "not_upheld", "no_agreement": "no_agreement",
                         "withdraw": "withdrawn"},
        "resolved": {"contradict": "acknowledged"},
        "not_upheld": {"contradict": "no_agreement"},
        "no_agreement": {"terminate": "terminated", "right_not_used": "right_not_used", "withdraw": "withdrawn"},
        "withdrawn": {}, "terminated": {}, "right_not_used": {},
    },
}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_every_state_and_action_is_a_listed_move_or_none(machine: Machine) -> None:
    actions = {row.action for row in machine.rows}
    for state in machine.states:
        found = {a: str(m.target) for a in actions if (m := machine.find(state, a)) is not None}
        assert found == EXPECTED[machine.name][str(state)], state


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_every_state_can_be_reached_from_the_first(machine: Machine) -> None:
    reached, frontier = {machine.initial}, [machine.initial]
    while frontier:
        for move in machine.actions(frontier.pop()):
            if move.target not in reached:
                reached.add(move.target)
                frontier.append(move.target)
    assert reached == set(machine.states)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_no_pair_of_state_and_action_is_listed_twice_and_every_action_has_its_sentence(machine: Machine) -> None:
    pairs = [(row.source, row.action) for row in machine.rows]
    assert len(pairs) == len(set(pairs))
    assert {row.action for row in machine.rows} == set(machine.sentences)


def test_only_a_customer_withdraws_its_objection_and_only_people_of_privacy_decide_on_one() -> None:
    for row in OBJECTION.rows:
        if row.action == "withdraw":
            assert row.by == {Kind.CONTACT}
        if row.action in ("resolve", "not_uphold", "no_agreement", "acknowledge"):
            assert row.by == {Role.PRIVACY}


def test_the_system_never_approves_announces_or_closes_a_case_in_our_favour() -> None:
    for machine, actions in ((CHANGE, {"approve", "announce", "reject"}), (OBJECTION, {"resolve", "not_uphold"})):
        for row in machine.rows:
            if row.action in actions:
                assert not row.by & {Kind.SYSTEM, Kind.PROVIDER}
