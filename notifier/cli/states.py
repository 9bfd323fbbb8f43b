"""The state tables as Markdown, from the very rows the service obeys. README shows them; a test holds both equal."""

from __future__ import annotations

from notifier.domain.people import Kind
from notifier.domain.states import MACHINES, Machine, Move, Need

_KINDS = {Kind.CONTACT: "the customer", Kind.SYSTEM: "the system", Kind.PROVIDER: "a mail event"}
_NEEDS = {
    Need.REASON: "a reason", Need.SECOND_PERSON: "a second person", Need.COMPLETE: "nothing missing",
    Need.AUDIENCE: "the audience roll", Need.GATE: "no blocker left", Need.PROOF: "a proof",
    Need.MEASURE: "the measure agreed", Need.SERVICE_AND_DATE: "service and date",
}


def tables() -> str:
    """One table per machine: from, what happens, to, who may, what it needs."""
    return "\n\n".join(_table(machine) for machine in MACHINES)


def _table(machine: Machine) -> str:
    head = [f"**{machine.name.capitalize()}** begins as *{machine.initial}*.", "",
            "| from | action | to | by | needs |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(_row(move) for move in machine.rows)])


def _row(move: Move) -> str:
    who = ", ".join(sorted(_KINDS[by] if isinstance(by, Kind) else str(by) for by in move.by))
    needs = ", ".join(sorted(_NEEDS[need] for need in move.needs))
    return f"| {move.source} | {move.action} | {move.target} | {who} | {needs} |"
