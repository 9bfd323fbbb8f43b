"""The verbs of the command line: what they do, who may, what they print."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from notifier import clock, processes
from notifier.domain.people import Door, Role
from notifier.house import House
from notifier.jobs import deliver, sweep
from notifier.tables import AuditDetail, Delivery
from notifier.workflow import audit, deliveries, doubts, lanes, people
from notifier.workflow.audit import BatchMove
from notifier.workflow.objections import Filing, file
from tests import factory
from tests.cli.conftest import Run, Said, prove_reply, vouch
from tests.factory import CONTACT

Rows = Callable[[], dict[str, int]]
AtWork = Callable[[], House]

LIST = """Name;Activity;Address;Country;Personal data;Guarantee;Services
Host GmbH;Hosting;"Ring 3, Berlin";DE;name; DPA;Platform
Post AG;Sending of letters;Bahnhof 1, Bern;CH;address;DPA;Platform
"""
CUSTOMERS = """customer_ref,name,services,contact_name,contact_email
alpha,Alpha AG,Platform,Lea,legal@alpha.example
beta,Beta Ltd,Platform,Bob,bob@beta.example
beta,,,Bea,bea@beta.example
"""
VENDOR = [
    "--field", "legal_name=Analytics Inc.", "--field", "activity=Analysis of usage", "--field", "country=US",
    "--field", "address=1 Front Street", "--field", "data_categories=name;e-mail", "--field", "data_categories=phone",
    "--field", "guarantee=DPA", "--field", "transfer_basis=SCC", "--field", "contact=Ann Lytic",
    "--field", "data_subjects=users", "--field", "locations=United States", "--field", "own_subprocessors=none",
    "--reason", "To learn.",
]
OLGA, PAUL = ("--as", "olga@processor.example"), ("--as", "paul@processor.example")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "list.csv").write_text(LIST)
    (tmp_path / "customers.csv").write_text(CUSTOMERS)
    return tmp_path


@pytest.fixture
def house(demo: Run, files: Path) -> Run:
    """A demo house with a list and two customers."""
    demo("import", "register", "list.csv", "--baseline")
    demo("import", "customers", "customers.csv")
    return demo


def announced(run: Run, days: int = 60) -> str:
    """An addition, taken from proposal to announcement."""
    start = (clock.now() + timedelta(days)).date().isoformat()
    ref = run("changes", "propose", "--kind", "add", *VENDOR, "--start", start, *OLGA, "--json").json["ref"]
    vouch(run, ref, *OLGA)
    run("changes", "submit", ref, *OLGA)
    run("changes", "approve", ref, *PAUL)
    run("changes", "announce", ref, *PAUL)
    return str(ref)


def token(run: Run, name: str) -> str:
    return run("tokens", "add", f"{name}@processor.example").out.strip()


def test_migrate_says_what_it_did_and_may_be_repeated(notifier: Run) -> None:
    first, second = notifier("migrate").out, notifier("migrate").out
    assert "from nothing" in first
    assert "taken from the environment" in first
    assert "already" in second
    assert "kept as they are" in second


def test_the_log_keeps_the_name_of_the_machines_user(installed: Run, at_work: AtWork) -> None:
    with at_work().database.reading() as session:
        for seq in (1, 2):  # the seed and the first person
            detail = session.get(AuditDetail, seq)
            assert detail is not None
            assert detail.detail["os_user"]


def test_a_later_admin_takes_an_admins_token(installed: Run) -> None:
    add = ("users", "add", "eve@processor.example", "--role", "admin,ops", "--no-password")
    assert "NOTIFIER_TOKEN" in installed(*add, status=1).err
    assert "role admin" in installed(*add, status=1, NOTIFIER_TOKEN=token(installed, "paul")).err
    installed(*add, NOTIFIER_TOKEN=token(installed, "ada"))
    held = {u["email"]: u["roles"] for u in installed("users", "list", "--json").json}
    assert held["eve@processor.example"] == ["admin", "ops"]


def test_a_password_comes_from_stdin_and_has_a_least_length(installed: Run) -> None:
    add = ("users", "add", "eve@processor.example", "--role", "ops", "--password-stdin")
    assert "at least 10" in installed(*add, status=1, stdin="short\n").err
    installed(*add, stdin="a long password\n")
    assert installed("users", "list", "--json").json[-1]["sign_in"] is True


def test_a_token_acts_for_its_person_until_it_is_revoked_or_they_leave(installed: Run) -> None:
    ada, olga = token(installed, "ada"), token(installed, "olga")
    submit = ("changes", "submit", "C-1")
    assert "no change" in installed(*submit, status=1, NOTIFIER_TOKEN=olga).err
    assert "not valid" in installed(*submit, status=1, NOTIFIER_TOKEN=olga + "x").err
    listed = installed("tokens", "list", "--json").json
    assert [t["email"] for t in listed] == ["ada@processor.example", "olga@processor.example"]
    assert olga not in json.dumps(listed)
    installed("tokens", "revoke", str(listed[1]["id"]))
    assert "revoked" in installed(*submit, status=1, NOTIFIER_TOKEN=olga).err
    assert "last person" in installed("users", "disable", "ada@processor.example", status=1).err
    installed("users", "add", "eve@processor.example", "--role", "admin", "--no-password", NOTIFIER_TOKEN=ada)
    installed("users", "disable", "ada@processor.example")
    assert "revoked" in installed(*submit, status=1, NOTIFIER_TOKEN=ada).err


def test_outside_a_demo_as_serves_for_proposing_alone(installed: Run) -> None:
    ref = installed("changes", "propose", "--kind", "add", *VENDOR, *OLGA, "--json").json["ref"]
    said = installed("changes", "submit", ref, *OLGA, status=1)
    assert "demo data directory only" in said.err
    assert "NOTIFIER_TOKEN" in said.err
    assert installed("changes", "show", ref, "--json").json["state"] == "draft"


def test_a_proposal_says_what_is_missing_and_submit_refuses_it(demo: Run) -> None:
    said = demo("changes", "propose", "--kind", "add", "--field", "legal_name=X", "--field", "activity=Y", *OLGA)
    assert "still missing: Give the planned start" in said.out
    refused = demo("changes", "submit", "C-1", *OLGA, status=1)
    assert "Give the planned start; X: Registered address is not filled in; " in refused.err


def test_a_field_may_be_repeated_and_a_service_nobody_sells_is_refused(house: Run) -> None:
    add = ("changes", "propose", "--kind", "add", *VENDOR, *OLGA)
    ref = house(*add, "--field", "services=Platform", "--json").json["ref"]
    after = house("changes", "show", ref, "--json").json["items"][0]["after"]
    assert after["data_categories"] == ["name", "e-mail", "phone"]
    assert after["services"] == ["platform"]
    said = house(*add, "--field", "services=Platfrom", status=1)
    assert "no service “platfrom”. There are: platform." in said.err


def test_one_act_may_concern_several_engagements(house: Run, tmp_path: Path) -> None:
    (tmp_path / "new.json").write_text(json.dumps([
        {"ref": "host-gmbh", "address": "New street 1"}, {"ref": "post-ag", "address": "New street 2"}]))
    ref = house("changes", "propose", "--kind", "modify", "--file", "new.json", *OLGA, "--json").json["ref"]
    items = house("changes", "show", ref, "--json").json["items"]
    assert [(i["ref"], i["fields"]) for i in items] == [("host-gmbh", ["address"]), ("post-ag", ["address"])]
    assert "Bahnhof 1, Bern → New street 2" in house("changes", "show", ref).out


@pytest.mark.parametrize(("text", "words"), [("{", "line 1, column 2"), ("7", "object of fields"), ("\xff", "no JSON")])
def test_a_broken_file_of_fields_is_refused(demo: Run, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.json").write_bytes(text.encode("latin-1"))
    said = demo("changes", "propose", "--kind", "add", "--file", "bad.json", *OLGA, status=1)
    assert words in said.err


def test_replacing_takes_over_services_and_names_both(house: Run) -> None:
    said = house("changes", "propose", "--kind", "replace", "--replaces", "post-ag", "--field", "legal_name=Bote AG",
                 *OLGA)
    assert "Post AG → Bote AG: Sending of letters" in said.out
    assert house("changes", "list", "--json").json[0]["engagements"] == ["bote-ag"]


def test_from_proposal_to_effect(house: Run, at_work: AtWork) -> None:
    start = (clock.now() + timedelta(60)).date().isoformat()
    ref = house("changes", "propose", "--kind", "add", *VENDOR, "--start", start, *OLGA, "--json").json["ref"]
    vouch(house, ref, *OLGA)
    house("changes", "submit", ref, *OLGA)
    assert "role privacy" in house("changes", "approve", ref, *OLGA, status=1).err
    house("changes", "send-back", ref, "--reason", "Which data?", *PAUL)
    house("changes", "submit", ref, *OLGA)
    house("changes", "approve", ref, *PAUL)
    preview = house("changes", "preview", ref, "--json").json
    assert (preview["included"], preview["letters"], preview["customer"]) == (2, {"en": 3}, "alpha")
    assert "Analytics Inc." in preview["letter"]["text"]
    assert "Are told:" in house("changes", "preview", ref, "--customer", "beta", "--language", "de").out
    assert "person" in house("changes", "preview", ref, "--send-me", status=1).err
    sent = house("changes", "preview", ref, "--customer", "beta", "--language", "fr", "--send-me", "--json", *PAUL).json
    assert (sent["sent_to"], sent["look_at"]) == (PAUL[1], [])
    assert "2 customers are owed a notice" in house("changes", "announce", ref, *PAUL).out

    assert deliver.run(at_work()) == 4 + len(staff(at_work))
    assert {n["state"] for n in house("notices", "list", "--json").json} == {"given"}
    blocked = house("changes", "blockers", ref, status=1)
    assert "may object until" in blocked.out
    assert "→ Wait" in blocked.out
    assert "Still standing in its way" in house("changes", "release", ref, *PAUL, status=1).err
    assert house("may-process", "analytics-inc", "alpha", status=1).out.startswith("no: ")

    house("demo", "clock", "+61d", "--data", "var")
    assert house("changes", "blockers", ref).out == f"Nothing stands in the way of {ref}.\n"
    assert "2 more customers" in house("changes", "take-effect", ref, *PAUL).out
    assert house("may-process", "analytics-inc", "alpha").out.startswith("yes: ")
    assert house("may-process", "analytics-inc", "alpha", "--on", "2026-01-01", status=1).out.startswith("no: ")
    assert "sound" in house("audit", "verify").out
    head = house("audit", "head", "--json").json
    assert house("audit", "verify", "--json").json == {"sound": True, "entries": head["seq"], "faults": []}


def staff(at_work: AtWork) -> list[str]:
    """The letters to the processor's own people, which are sent besides those to customers."""
    from sqlmodel import select

    from notifier.tables import Delivery

    with at_work().database.reading() as session:
        return [d.to_email for d in session.exec(select(Delivery)) if d.kind.startswith("staff_")]


def test_an_auditor_releases_nothing_even_when_nothing_stands_in_the_way(house: Run, at_work: AtWork) -> None:
    house("users", "add", "anton@processor.example", "--role", "auditor", "--no-password")
    ref = announced(house)
    deliver.run(at_work())
    house("demo", "clock", "+61d", "--data", "var")
    sweep.once(at_work())
    assert "role" in house("changes", "release", ref, "--as", "anton@processor.example", status=1).err


def test_announcing_into_the_outbox_is_refused_where_it_is_meant(
    installed: Run, rows: Rows, files: Path, at_work: AtWork
) -> None:
    installed("import", "register", "list.csv", "--baseline")
    installed("import", "customers", "customers.csv")
    olga, paul = token(installed, "olga"), token(installed, "paul")
    start = (clock.now() + timedelta(60)).date().isoformat()
    installed("changes", "propose", "--kind", "add", *VENDOR, "--start", start, NOTIFIER_TOKEN=olga)
    vouch(installed, "C-1", NOTIFIER_TOKEN=olga)
    installed("changes", "submit", "C-1", NOTIFIER_TOKEN=olga)
    installed("changes", "approve", "C-1", NOTIFIER_TOKEN=paul)
    before = rows()
    assert "outbox" in installed("changes", "announce", "C-1", status=1, NOTIFIER_TOKEN=paul).err
    assert rows() == before
    prove_reply(installed, at_work, NOTIFIER_TOKEN=paul)
    installed("changes", "announce", "C-1", NOTIFIER_TOKEN=paul, NOTIFIER_MAIL_TRANSPORT="smtp",
              NOTIFIER_SMTP_URL="smtp://127.0.0.1:1")


def test_a_change_is_rejected_or_withdrawn_with_a_reason(demo: Run) -> None:
    for _ in range(2):
        demo("changes", "propose", "--kind", "add", *VENDOR, "--start", "2030-01-01", *OLGA)
    vouch(demo, "C-1", *OLGA)
    demo("changes", "submit", "C-1", *OLGA)
    assert "needs a reason" in demo("changes", "reject", "C-1", *PAUL, status=1).err
    demo("changes", "reject", "C-1", "--reason", "Too dear.", *PAUL)
    demo("changes", "withdraw", "C-2", "--reason", "Not needed.", *OLGA)
    assert [c["state"] for c in demo("changes", "list", "--json").json] == ["withdrawn", "rejected"]
    assert [c["ref"] for c in demo("changes", "list", "--json", "--state", "rejected").json] == ["C-1"]
    assert "Too dear." in demo("changes", "show", "C-1").out


def test_an_objection_goes_to_its_end(house: Run, at_work: AtWork) -> None:
    ref = announced(house)
    deliver.run(at_work())
    with at_work().database.transaction() as session:
        for notice in (1, 2):
            file(session, notice, Filing("Not in our interest.", "Lea", "lea@alpha.example"), contact_id=None,
                 actor=CONTACT, now=clock.now())
    second, first = (o["ref"] for o in house("objections", "list", "--json").json)
    assert "Not in our interest." in house("objections", "show", first).out
    assert "objection" in house("changes", "blockers", ref, "--customer", "alpha", status=1).out.lower()

    house("objections", "acknowledge", first, "--message", "We look into it.", *PAUL)
    house("objections", "message", first, "Would a pseudonym do?", *PAUL)
    assert "measure" in house("objections", "resolve", first, *PAUL, status=1).err
    house("objections", "resolve", first, "--measure", "Pseudonyms only.", *PAUL)
    assert "Would a pseudonym do?" in house("objections", "show", first).out

    house("objections", "acknowledge", second, *PAUL)
    no = ("objections", "not-uphold", second, "--reason", "No data involved.", *PAUL)
    assert "A second person" in house(*no).out
    assert "second person" in house(*no, status=1).err
    assert "not_uphold: No data involved." in house("objections", "show", second).out
    house("objections", "no-agreement", second, "--reason", "No other way.", *PAUL)
    unused = ("objections", "right-not-used", second, "--reason", "Nothing came.", *PAUL)
    assert "still open" in house(*unused, status=1).err
    ended = ("objections", "terminate", second, "--on", "2030-01-01", *PAUL)
    assert "not affected" in house(*ended, "--service", "boat", status=1).err
    house(*ended, "--service", "platform")
    states = {o["ref"]: o["state"] for o in house("objections", "list", "--json").json}
    assert states == {first: "resolved", second: "terminated"}
    assert house("objections", "show", second, "--json").json["terminated"] == "platform from 2030-01-01"


def test_the_differences_of_a_list_are_proposed_once(house: Run, rows: Rows, tmp_path: Path) -> None:
    text = LIST.replace("Ring 3, Berlin", "Ring 4, Berlin").replace("Post AG", "Bote AG").replace("Guarantee", "DPA")
    (tmp_path / "new.csv").write_text(text.replace("Activity", "Tätigkeit") + "\n")
    before = rows()
    dry = house("import", "register", "new.csv", "--dry-run")
    assert rows() == before
    assert "Ring 3, Berlin → Ring 4, Berlin" in dry.out
    assert "3 changes would be proposed." in dry.out
    told = house("import", "register", "new.csv", "--reason", "New contracts.", *OLGA, "--json").json
    assert [(c["kind"], c["ref"], c["change"]) for c in told["changes"]] == [
        ("modify", "host-gmbh", "C-1"), ("add", "bote-ag", "C-2"), ("remove", "post-ag", "C-3")]
    assert {c["state"] for c in house("changes", "list", "--json").json} == {"draft"}
    again = house("import", "register", "new.csv", *OLGA).out
    assert "left out: Change C-1" in again
    assert "0 changes are proposed." in again
    assert "nothing to propose" in house("import", "register", "list.csv", *OLGA).out


def test_a_list_that_names_a_service_nobody_sells_proposes_nothing(house: Run, rows: Rows, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(LIST.replace("CH;address;DPA;Platform", "CH;address;DPA;Platfrom"))
    before = rows()
    assert "platfrom" in house("import", "register", "new.csv", *OLGA, status=1).err
    assert rows() == before


def test_a_change_sent_back_is_mended_and_what_is_not_named_stays(demo: Run) -> None:
    demo("changes", "propose", "--kind", "add", *VENDOR, "--start", "2030-01-01", *OLGA)
    vouch(demo, "C-1", *OLGA)
    demo("changes", "submit", "C-1", *OLGA)
    edit = ("changes", "edit", "C-1", "--field", "country=IE", "--start", "2030-02-01", *OLGA)
    assert "cannot be moved" in demo(*edit, status=1).err
    demo("changes", "send-back", "C-1", "--reason", "Which country?", *PAUL)
    demo(*edit)
    held = demo("changes", "show", "C-1", "--json").json
    assert (held["planned_start"], held["reason"]) == ("2030-02-01", "To learn.")
    assert held["items"][0]["after"]["country"] == "IE"
    assert held["items"][0]["after"]["legal_name"] == "Analytics Inc."
    assert "no such field" in demo("changes", "edit", "C-1", "--field", "shoe=44", *OLGA, status=1).err


def test_the_starting_list_is_taken_once_and_published(demo: Run, files: Path, at_work: AtWork) -> None:
    from notifier.workflow import listing

    assert "2 engagements would be" in demo("import", "register", "list.csv", "--baseline", "--dry-run").out
    assert "edition 1" in demo("import", "register", "list.csv", "--baseline").out
    assert "Leave out --baseline" in demo("import", "register", "list.csv", "--baseline", status=1).err
    with at_work().database.reading() as session:
        edition = listing.newest(session)
        assert edition is not None
        assert [e["ref"] for e in edition.value["engagements"]] == ["host-gmbh", "post-ag"]


@pytest.mark.parametrize(("args", "text", "words"), [
    (["register", "--baseline"], 'name,activity\nA,"B\n', "line 2, column 3"),
    (["register"], "name,activity\n,B\n", "line 2"),
    (["customers"], "customer_ref,name,window_days\na,A,30\nb,B,0\n", "line 3: “window_days”"),
    (["customers"], "customer_ref,name,contact_email\na,A,x@a.example\na,A,nope\nb,,\n", "line 3"),
    (["customers"], "who,what\n1,2\n", "no column “customer_ref”"),
])
def test_a_broken_file_changes_nothing(
    demo: Run, rows: Rows, tmp_path: Path, args: list[str], text: str, words: str
) -> None:
    (tmp_path / "bad.csv").write_text(text)
    before = rows()
    said = demo("import", args[0], "bad.csv", *args[1:], status=1)
    assert words in said.err
    assert said.err.count("\n") == 1
    assert rows() == before


def test_skip_bad_leaves_out_whole_customers_and_says_so(demo: Run, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(CUSTOMERS.replace("bea@beta.example", "nope") + "gamma,Gamma,,,\n")
    told = demo("import", "customers", "c.csv", "--skip-bad", "--json").json
    assert (told["added"], told["left_out"]) == (1, ["beta", "gamma"])
    assert told["faults"][0].startswith("line 4: ")
    assert "at least one contact for notices" in told["faults"][1]
    (tmp_path / "c.csv").write_text(CUSTOMERS)
    assert "1 customers added, 0 updated, 1 unchanged" in demo("import", "customers", "c.csv").out


def test_a_dry_run_says_customer_by_customer_what_would_change_and_changes_nothing(
    demo: Run, tmp_path: Path
) -> None:
    (tmp_path / "c.csv").write_text(CUSTOMERS)
    assert "new      beta: " in demo("import", "customers", "c.csv", "--dry-run").out
    demo("import", "customers", "c.csv")
    (tmp_path / "c.csv").write_text("customer_ref,name,country,contact_email\nbeta,Beta Group,AC,new@gmial.com\n")
    said = demo("import", "customers", "c.csv", "--dry-run").out
    for words in ("changed  beta: Beta Group", "→ Beta Group", "country: (empty) → AC", "added: new@gmial.com (notice)",
                  "retired: bea@beta.example", "is “gmail.com” meant?", "no holiday calendar is known for AC",
                  "0 customers would be added, 1 would be updated", "Nothing was taken."):
        assert words in said, words
    assert "changed  beta: Beta Group" in demo("import", "customers", "c.csv", "--dry-run").out


def test_doctor_names_what_to_do_and_hides_secrets(installed: Run) -> None:
    said = installed("doctor", status=1, NOTIFIER_SECRET_KEY="x" * 40, NOTIFIER_MAIL_TRANSPORT="smtp",
                     NOTIFIER_SMTP_URL="smtp://user:hidden-word@127.0.0.1:25", NOTIFIER_ORG_LEGAL_NAME="Processor AG")
    assert "hidden-word" not in said.out
    assert "xxxx" not in said.out
    assert "user:***@127.0.0.1" in said.out
    for todo in ("set NOTIFIER_BASE_URL", "it starts with 'notifier run'", "start 'notifier clock'", "settings table"):
        assert todo in said.out


def test_doctor_finds_a_demo_in_order_but_for_what_does_not_run(demo: Run) -> None:
    checks = {c["about"]: c["ok"] for c in demo("doctor", "--json", status=1).json["checks"]}
    assert {name for name, ok in checks.items() if not ok} == {"Redis", "clock", "organisation"}


def test_doctor_tells_of_lanes_hand_deliveries_and_the_age_of_the_transfer_rules(
    demo: Run, at_work: Callable[[], House]
) -> None:
    checks = {c["about"]: c for c in demo("doctor", "--json", status=1).json["checks"]}
    assert checks["letters"]["ok"] and checks["by hand"]["ok"] and checks["transfer rules"]["ok"]
    assert "the newest act in it is of 20" in checks["transfer rules"]["words"]
    with at_work().database.transaction() as session:
        lanes.note(session, "smtp", halt="the server wants a sign-in", actor=factory.SYSTEM, now=clock.now())
    [letters] = [c for c in demo("doctor", "--json", status=1).json["checks"] if c["about"] == "letters"]
    assert not letters["ok"] and "the server wants a sign-in" in letters["words"]


def test_without_a_contact_doctor_says_that_announcing_is_refused(demo: Run) -> None:
    demo("settings", "set", "organisation.contact", "", "--as", "ada@processor.example")
    said = demo("doctor", status=1).out
    assert "contact. Announcing is refused without a contact." in said
    assert "'notifier settings set organisation.legal_name …'" in said


def test_a_letter_that_nobody_can_look_up_is_decided_on_by_a_person(demo: Run, at_work: Callable[[], House]) -> None:
    with at_work().database.transaction() as session:
        paul = people.actor_for(people.by_email(session, "paul@processor.example"), Door.CLI)
        deliveries.to_staff(session, "staff_events_unreadable", "provider_post", 1, Role.OPS, now=clock.now())
        row = session.exec(select(Delivery)).one()
        for action in ("claim", "doubt"):
            audit.move_batch(session, [BatchMove(row, action, clock.now())], actor=factory.SYSTEM, now=clock.now())
    assert "cannot be moved" in demo("notices", "settle-letter", row.ref, "--again", "--reason", "Asked.", *OLGA,
                                     status=1).err
    with at_work().database.transaction() as session:
        doubts.strand(session, row.ref, "No key.", actor=paul, now=clock.now())
    assert "--again or --let-be" in demo("notices", "settle-letter", row.ref, "--reason", "Asked.", *OLGA, status=2).err
    said = demo("notices", "settle-letter", row.ref, "--let-be", "--reason", "Asked.", *OLGA)
    assert said.out == "The letter is let be.\n"


def test_doctor_helps_before_the_first_migrate(notifier: Run) -> None:
    assert "run 'notifier migrate'" in notifier("doctor", status=1).out


def test_beside_a_demo_its_data_is_found(notifier: Run, tmp_path: Path) -> None:
    (tmp_path / "var" / "demo").mkdir(parents=True)
    (tmp_path / "var" / "demo" / "demo").touch()
    notifier("migrate", NOTIFIER_DATA_DIR="var/demo")
    said = notifier("changes", "list")
    assert said.err == "Using the demo in var/demo. Set NOTIFIER_DATA_DIR to use another data directory.\n"
    assert "No changes yet" in said.out
    notifier("migrate")
    assert notifier("changes", "list").err == ""


@pytest.mark.parametrize(("by", "ahead"), [("+45d", "45 days"), ("1d12h", "1 days 12:00 h"), ("+2w", "14 days")])
def test_the_demos_clock_moves(demo: Run, by: str, ahead: str) -> None:
    assert f"{ahead} ahead" in demo("demo", "clock", by, "--data", "var").out
    assert "0 days ahead" in demo("demo", "clock", "-9w", "--data", "var").out


@pytest.mark.parametrize("args", [
    ["changes", "list"], ["objections", "list"], ["notices", "list"], ["users", "list"], ["tokens", "list"],
])
def test_every_list_is_one_json_document(installed: Run, args: list[str]) -> None:
    said: Said = installed(*args, "--json")
    assert isinstance(said.json, list)


def test_the_processes_are_planned_in_order_and_told_the_same_house(installed: Run, at_work: AtWork) -> None:
    held = at_work().settings
    plan = processes.plan(held, held.data_dir, base_url="https://list.example", port=8123)
    assert [p.name for p in plan] == ["redis", "web", "mail", "desk", "clock"]
    assert [p.stage for p in plan] == [0, 2, 1, 1, 3]
    for process in plan[1:]:
        assert process.env["DATABASE_URL"] == held.database
        assert process.env["REDIS_URL"].startswith("unix://")
        assert (process.env["PORT"], process.env["NOTIFIER_BASE_URL"]) == ("8123", "https://list.example")
    elsewhere = held.model_copy(update={"redis_url": "redis://127.0.0.1:1"})
    assert processes.plan(elsewhere, held.data_dir, base_url="", port=1)[0].name == "web"


def test_in_a_demo_every_verb_takes_as(demo: Run) -> None:
    demo("changes", "list", *OLGA)
    demo("users", "list", *OLGA)
    demo("import", "register", "--help", *OLGA)
    assert "--as" not in demo("changes", "list", "--help").out
