"""The ways past the gate from a shell: exclusion and override, each with its second person."""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlmodel import select

from notifier import clock
from notifier.house import House
from notifier.tables import Notice
from notifier.workflow import objections
from notifier.workflow.objections import Filing
from tests import factory
from tests.cli.conftest import Run, vouch

PAUL, PETRA, OLGA, EGON = (("--as", f"{name}@processor.example") for name in ("paul", "petra", "olga", "egon"))
VENDOR = tuple(part for name, value in {
    "legal_name": "Logbook GmbH", "activity": "Error monitoring", "address": "Ring 1, Vienna", "country": "AT",
    "data_categories": "IP address", "guarantee": "Contract", "services": "platform", "contact": "Lena Log",
    "data_subjects": "users", "locations": "Vienna, Austria", "own_subprocessors": "none",
}.items() for part in ("--field", f"{name}={value}"))


def _announced(demo: Run, at_work: Callable[[], House]) -> str:
    """A separable change told to Acme, which objects; its reference."""
    with at_work().database.transaction() as session:
        factory.baseline(session)
        factory.take_in(session, factory.customer("acme"), factory.customer("bolt"))
    demo("users", "add", "egon@processor.example", "--role", "ops", "--no-password")
    start = clock.now().date().replace(year=clock.now().year + 1).isoformat()
    said = demo("changes", "propose", "--kind", "add", *VENDOR, "--reason", "Errors.", "--start", start, "--separable",
                "customer", "--json", *OLGA)
    ref = str(json.loads(said.out)["ref"])
    vouch(demo, ref, *OLGA)
    demo("changes", "submit", ref, *OLGA)
    demo("changes", "approve", ref, *PAUL)
    demo("changes", "announce", ref, *PAUL)
    with at_work().database.transaction() as session:
        notice = session.exec(select(Notice)).first()
        assert notice is not None
        objections.file(session, notice.id or 0, Filing("No.", "Lea", "legal@acme.example"), contact_id=None,
                        actor=factory.CONTACT, now=clock.now())
    return ref


def test_a_customer_is_left_out_from_the_shell_by_two_and_listed_when_due(
    demo: Run, at_work: Callable[[], House]
) -> None:
    ref = _announced(demo, at_work)
    ask = ("changes", "exclude", ref, "--customer", "acme", "--reason", "It objects.")
    assert "an engineer has to confirm how" in demo(*ask, *PAUL, status=1).err
    assert "already acted on it" in demo(
        "changes", "confirm-separable", ref, "customer", "--how", "A switch.", *OLGA, status=1).err
    demo("changes", "confirm-separable", ref, "customer", "--how", "A switch.", *EGON)
    assert json.loads(demo("changes", "show", ref, "--json").out)["separable_how"] == "A switch."
    assert "It counts once an engineer has confirmed" in demo(*ask, *PAUL).out
    confirm = ("changes", "exclude", ref, "--customer", "acme", "--confirm", "--how", "On the old queue.")
    assert "with the role ops" in demo(*confirm, *PAUL, status=1).err
    said = json.loads(demo(*confirm, "--json", *EGON).out)
    assert said["recheck_due"] > clock.now().date().isoformat()
    assert demo("changes", "rechecks").out == "No exclusion is due.\n"
    due = json.loads(demo("changes", "rechecks", "--on", said["recheck_due"], "--json").out)
    assert [(row["change"], row["customer"]) for row in due] == [(ref, "acme")]
    assert "Left out: acme." in demo("changes", "blockers", ref, status=1).out
    assert "not both" in demo(*confirm, "--end", *EGON, status=2).err
    end = ("changes", "exclude", ref, "--customer", "acme", "--end", "--reason", "Solved.")
    assert "no longer left out" in demo(*end, *PAUL).out


def test_single_blockers_are_overridden_from_the_shell_by_two(demo: Run, at_work: Callable[[], House]) -> None:
    ref = _announced(demo, at_work)
    verb = ("changes", "override", ref, "--customer", "bolt", "--reason", "Told by hand.", "--blocker")
    assert "cannot be overridden by anybody" in demo(*verb, "consent_missing", *PAUL, status=1).err
    assert "no_such_blocker" in demo(*verb, "no_such_blocker", *PAUL, status=2).err
    assert "Asked." in demo(*verb, "no_proven_notice", *PAUL).out
    assert "A second person" in demo(*verb, "no_proven_notice", *PAUL, status=1).err
    assert "Set aside for 1 customers: no_proven_notice." in demo(*verb, "no_proven_notice", *PETRA).out
    bolt = json.loads(demo("changes", "blockers", ref, "--json", status=1).out)["customers"][1]
    assert bolt["overridden"] == ["no_proven_notice"]


def test_an_irregular_start_is_recorded_from_the_shell_by_two(demo: Run, at_work: Callable[[], House]) -> None:
    ref = _announced(demo, at_work)
    verb = ("changes", "irregular-start", ref, "--reason", "A switch.", "--since", clock.now().date().isoformat())
    assert "is no day" in demo(*verb[:-1], "soon", *PAUL, status=2).err
    assert "Asked." in demo(*verb, *PAUL).out
    assert "A second person" in demo(*verb, *PAUL, status=1).err
    assert json.loads(demo(*verb, "--json", *PETRA).out)["told"] == 2
    assert "started irregularly" in demo("may-process", "logbook-gmbh", "bolt", status=1).out
