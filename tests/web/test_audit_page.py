"""The audit log as people read it: words for whatever is noted anywhere, and what an act put in place of what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from notifier.domain.people import Door, Role
from notifier.domain.states import MACHINES
from notifier.web.console import audit as page
from notifier.workflow import configuration, people
from tests import factory
from tests.web.conftest import Office, words

WORKFLOW = Path(__file__).resolve().parents[2] / "notifier" / "workflow"
SUBJECT_OF = {machine.name.upper(): machine.name for machine in MACHINES}
ASKING = {"countersign": "ask_"}
ELSEWHERE = {("audit.py", "move"), ("audit.py", "_tell_of")}  # they say what the machines say, and "several"


class Module:
    """One file of verbs: its constants, and what its functions are called with anywhere."""

    def __init__(self, path: Path) -> None:
        self.name, self.tree = path.name, ast.parse(path.read_text(encoding="utf-8"))
        self.constants = {
            target.id: str(node.value.value) for node in self.tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets if isinstance(target, ast.Name)
        }

    def functions(self) -> Iterator[ast.FunctionDef]:
        """Its functions."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef))


MODULES = [Module(path) for path in sorted(WORKFLOW.glob("*.py"))]


def calls(node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call beneath a node, with the last part of what is called."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute | ast.Name):
            yield call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id, call


def said(module: Module, function: ast.FunctionDef, value: ast.expr) -> set[str]:
    """The texts an expression can be: constants, choices, machines' names, and what a parameter is called with."""
    if isinstance(value, ast.Constant):
        return {str(value.value)}
    if isinstance(value, ast.IfExp):
        return said(module, function, value.body) | said(module, function, value.orelse)
    if isinstance(value, ast.Attribute):  # CHANGE.name
        return {SUBJECT_OF[value.value.id]} if isinstance(value.value, ast.Name) else set()
    if isinstance(value, ast.JoinedStr):
        prefix = "".join(part.value for part in value.values if isinstance(part, ast.Constant))
        return {prefix + text for part in value.values if isinstance(part, ast.FormattedValue)
                for text in said(module, function, part.value)}
    if not isinstance(value, ast.Name):
        return set()
    if value.id in module.constants:
        return {module.constants[value.id]}
    names = [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]
    return set(passed(function.name, names.index(value.id), value.id)) if value.id in names else set()


def passed(name: str, position: int, keyword: str) -> Iterator[str]:
    """What a function is called with in one place, by all that call it."""
    for module in MODULES:
        for function in module.functions():
            for called, call in calls(function):
                if called != name:
                    continue
                given = [k.value for k in call.keywords if k.arg == keyword] or call.args[position:position + 1]
                for value in given:
                    yield from said(module, function, value)


def noted() -> set[tuple[str, str]]:
    """Every pair of subject and action that any verb leaves in the log."""
    found = {(machine.name, row.action) for machine in MACHINES for row in machine.rows}
    for module in MODULES:
        for function in module.functions():
            for called, call in calls(function):
                if called != "note" or (module.name, function.name) in ELSEWHERE or len(call.args) < 4:
                    continue
                actions, subjects = (said(module, function, value) for value in call.args[1:3])
                assert actions, (module.name, call.lineno)
                found |= {(subject, action) for subject in subjects or {""} for action in actions}
    return found


def test_whatever_is_noted_anywhere_has_words_for_people() -> None:
    found = noted()
    assert {("objection", "right_opened"), ("evidence", "vouch"), ("change", "ask_override"), ("user", "set_roles"),
            ("announcement", "correct"), ("notice", "consent"), ("objection", "ask_not_uphold")} <= found
    unsaid = {(subject, action) for subject, action in found
              if action not in page.WORDS.get(subject, {}) and action not in page.WORDS[""]}
    assert unsaid == set()
    assert {subject for subject, _ in found if subject} <= page.SUBJECTS.keys()


def test_the_log_says_what_was_put_in_place_of_what(office: Office) -> None:
    with office.house.database.transaction() as session:
        petra = people.actor_for(people.by_email(session, "petra@processor.example"), Door.CLI, "shell-user")
        configuration.change(session, "terms.window_days", "45", "Our new template.", actor=petra, now=factory.NOW)
    with office.house.database.transaction() as session:
        olga = people.by_email(session, "olga@processor.example")
        people.set_roles(session, olga, [Role.OPS, Role.AUDITOR], actor=petra, now=factory.NOW)
    text = words(office.browser("anton").get("/console/audit?verify=1"))
    assert "The log is sound." in text
    assert "Petra Privacy changed a setting “Our new template.” setting value: 30 → 45" in text
    assert "gave other roles roles: ops → auditor, ops Person" in text
