"""The house guards itself: who may import whom, who enters where, that nothing agreed is half there."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.app import create_app
from notifier.cli import states
from notifier.domain.letters import LetterKind
from notifier.domain.refusals import REFUSALS, Family
from notifier.domain.states import MACHINES
from notifier.house import House
from notifier.jobs import queue
from notifier.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

# Rooms from the ground up. A room may import itself and what is named here; nobody imports the doors.
MAY_IMPORT: dict[str, set[str]] = {
    "domain": {"domain"},
    "text": {"domain", "paths"},
    "paths": set(),
    "clock": set(),
    "settings": {"domain"},
    "redis_server": {"supervisor"},
    "supervisor": set(),
    "db": {"paths"},
    "tables": {"domain"},
    "workflow": {"domain", "tables"},
    "mail": {"domain", "text", "paths"},
    "feeds": {"domain", "text", "paths"},
    "house": {"clock", "settings", "db", "domain", "jobs.queue", "mail", "redis_server", "workflow", "supervisor"},
    "jobs": {"house", "clock", "domain", "tables", "workflow", "mail", "feeds", "settings", "db", "supervisor",
             "redis_server"},
    "processes": {"house", "clock", "db", "domain", "settings", "jobs", "supervisor", "redis_server", "workflow"},
    "demo": {"processes", "house", "clock", "db", "domain", "settings", "jobs", "supervisor", "tables", "workflow",
             "paths"},
    "web": {"house", "clock", "db", "domain", "tables", "workflow", "mail", "feeds", "text", "paths", "settings",
            "supervisor", "demo"},
    "app": {"house", "web"},
}
THIRD_PARTIES = {
    "domain": set(), "tables": {"sqlalchemy", "sqlmodel", "orjson"},
    "workflow": {"sqlalchemy", "sqlmodel", "rfc8785", "argon2", "itsdangerous", "holidays", "tzdata", "yaml", "babel",
                 "lxml", "openpyxl", "rapidfuzz", "idna", "orjson", "backports", "compression"},
    "feeds": {"feedgen", "jinja2", "lxml", "babel", "rfc8785"},
}


def _modules() -> Iterator[tuple[str, str, ast.Module]]:
    for folder in ("notifier", "feeds"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "migrations" in parts:
                continue
            room = "feeds" if parts[0] == "feeds" else parts[1] if len(parts) > 1 else ""
            yield room, "/".join(parts), ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_run_downwards_only() -> None:
    wrong = []
    for room, name, tree in _modules():
        if room not in MAY_IMPORT:
            continue
        for imported in _imports(tree):
            top, _, rest = imported.partition(".")
            target = "feeds" if top == "feeds" else rest if top == "notifier" else None
            if target is None or target.split(".")[0] in (room, "__version__"):
                continue
            if not any(target == ok or target.startswith(f"{ok}.") for ok in MAY_IMPORT[room]):
                wrong.append(f"{name} imports {imported}")
    assert wrong == []


def test_rules_and_tables_use_no_library_they_need_not_know() -> None:
    ours = {"notifier", "feeds"} | set(sys.stdlib_module_names)
    wrong = [
        f"{name} imports {imported}" for room, name, tree in _modules() if room in THIRD_PARTIES
        for imported in _imports(tree) if imported.split(".")[0] not in ours | THIRD_PARTIES[room]
    ]
    assert wrong == []


def test_only_the_clock_asks_what_time_it_is() -> None:
    asking = re.compile(r"datetime\.(now|utcnow|today)\(|date\.today\(|time\.time\(")
    wrong = [
        str(path.relative_to(ROOT)) for folder in ("notifier", "feeds") for path in (ROOT / folder).rglob("*.py")
        if asking.search(path.read_text(encoding="utf-8")) and path.name not in ("clock.py", "demo.py")
    ]
    assert wrong == []


def test_state_is_written_in_one_place_only() -> None:
    writing = re.compile(r"\.state = |values\([^)]*\bstate=|set_committed_value\(")
    wrong = [
        str(path.relative_to(ROOT)) for path in (ROOT / "notifier").rglob("*.py")
        if path.name != "audit.py" and writing.search(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_verbs_never_commit() -> None:
    verbs = (ROOT / "notifier" / "workflow").glob("*.py")
    wrong = [str(path) for path in verbs if ".commit(" in path.read_text(encoding="utf-8")]
    assert wrong == []


def test_files_and_functions_fit_their_bounds_and_public_ones_say_what_they_do() -> None:
    wrong = []
    for _, name, tree in _modules():
        if (lines := len((ROOT / f"{name}.py").read_text(encoding="utf-8").splitlines())) > 400:
            wrong.append(f"{name}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and isinstance(node, ast.FunctionDef):
                size = (node.end_lineno or 0) - node.lineno + 1
                if size > 45:
                    wrong.append(f"{name}.{node.name}: {size} lines")
                if node.col_offset == 0 and not node.name.startswith("_") and not ast.get_docstring(node):
                    wrong.append(f"{name}.{node.name}: no docstring")
    assert wrong == []


def test_every_letter_has_its_subject_text_and_html_and_no_folder_is_an_orphan() -> None:
    folder = ROOT / "templates" / "email"
    for kind in LetterKind:
        held = {p.name for p in (folder / kind.value).iterdir()}
        assert held == {"subject.txt", "body.txt", "body.html"}, kind
    assert {p.name for p in folder.iterdir() if p.is_dir()} == {k.value for k in LetterKind}


def test_every_queue_is_consumed_in_the_procfile_and_every_job_exists() -> None:
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line.strip())
    consumed = {command.split()[-1] for command in procfile.values() if " worker " in command}
    assert consumed == set(queue.QUEUES)
    assert {"release", "web", "clock"} <= procfile.keys()
    for path, name in queue.ROUTES.items():
        module, function = path.rsplit(".", 1)
        tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
        assert function in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, path
        assert name in queue.QUEUES


def test_every_move_has_a_sentence_for_people() -> None:
    for machine in MACHINES:
        for row in machine.rows:
            assert machine.sentences[row.action], (machine.name, row.action)


def test_every_refusal_that_is_raised_is_known_and_every_known_one_is_raised() -> None:
    files = [path for path in (ROOT / "notifier").rglob("*.py") if path.name != "refusals.py"]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    raised = set(re.findall(r"Refusal\(\s*\"([a-z_]+)\"", source))
    assert raised == set(REFUSALS)
    assert {family for family, _ in REFUSALS.values()} == set(Family)


def test_the_readme_shows_the_states_as_they_are() -> None:
    assert states.tables() in (ROOT / "README.md").read_text(encoding="utf-8")


ENTRANCE = {
    "anybody": re.compile(
        r"^/(healthz|readyz|audit/head\.json|favicon\.ico|robots\.txt|style\.css|api/v1/openapi\.json|my|)$"),
    "token": re.compile(r"^/api/v1/(?!openapi\.json$)"),
    "signed link": re.compile(r"^/([cno]|my|my/confirm)/<"),
    "basic auth": re.compile(r"^/webhooks/"),
    "sign-in": re.compile(r"^/console/sign-(in|out)$"),
    "staff": re.compile(r"^/console(/|$)"),
    "demo only": re.compile(r"^/demo"),
}


def test_every_route_is_listed_with_who_may_enter(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    held = Settings(_env_file=None, data_dir=tmp_path, secret_key="k" * 40)  # type: ignore[call-arg]
    listed = (Path(__file__).parent / "routes.txt").read_text(encoding="utf-8").split("\n")
    app = create_app(House(held))
    found = []
    for rule in app.url_map.iter_rules():
        methods = ",".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        who = next((name for name, pattern in ENTRANCE.items() if pattern.match(rule.rule)), "?")
        found.append(f"{rule.rule}  {methods}  {who}")
    assert sorted(found) == [line for line in listed if line]


@pytest.mark.parametrize("path", ["templates", "notifier", "feeds", "docs", "README.md", "Makefile", "CHANGELOG.md"])
def test_nothing_speaks_of_a_path_outside_the_product_or_asks_a_third_party(path: str) -> None:
    outside = re.compile(r"\.\./shared|/(work|farm|root)/|(googleapis|gstatic|jsdelivr|unpkg|cdnjs)\.")
    start = ROOT / path
    for file in [start, *start.rglob("*")]:
        if file.is_file() and file.suffix not in (".mo", ".pyc"):
            assert not outside.search(file.read_text(encoding="utf-8")), file
