"""What `audit verify` finds: nothing where every verb was used, and each row that was tampered with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa
from sqlmodel import Session, SQLModel

from notifier.domain.people import Role
from notifier.house import House
from notifier.tables.base import APPEND_ONLY
from notifier.workflow import people, verify
from tests.workflow import every_verb

FIRST, LAST = "(SELECT min(id) FROM {0})", "(SELECT max(id) FROM {0})"

# What somebody with the database's own tools might do, and what the answer names.
ALTERED = {
    "change SET planned_start = '2027-01-01' WHERE ref = 'C-5'": "change C-5 was altered: “planned_start”",
    "change SET start_was = NULL WHERE ref = 'C-5'": "change C-5 was altered: “start_was”",
    "change SET reason = 'Another.' WHERE ref = 'C-2'": "“reason” is “Another.”, but the log says “We need it badly.”",
    "change SET separable = 'customer', separable_at = updated_at WHERE ref = 'C-2'": "change C-2 was altered",
    "change SET opens_window = false WHERE ref = 'C-4'": "change C-4 was altered: “opens_window”",
    "change SET authors = '[]' WHERE ref = 'C-4'": "change C-4 was altered: “authors”",
    "change SET state = 'approved' WHERE ref = 'C-4'": "change C-4 is approved, but the log says in_effect.",
    "change SET announced_at = '2026-01-01 00:00:00.000000' WHERE ref = 'C-4'": "change C-4 was altered",
    "change_item SET after = '{}' WHERE id = {FIRST}": "change item 1 was altered: “after”",
    "correction SET words = 'Nothing was wrong.' WHERE id = {FIRST}": "correction 1 was altered: “words”",
    "announcement SET made_by = 1 WHERE ref = 'A-1'": "announcement A-1 was altered: “made_by”",
    "announcement SET words = '' WHERE ref = 'A-1'": "announcement A-1 was altered: “words”",
    "audience_row SET why = 'contract_ended' WHERE id = {FIRST}": "The audience roll of announcement A-1 was altered.",
    "audience_row SET included = false WHERE id = {FIRST}": "The audience roll of announcement A-1 was altered.",
    "notice SET customer_id = 4 WHERE id = {FIRST}": "What announcement 1 wrote into “notice” was altered.",
    "notice SET terms = '{}' WHERE id = {FIRST}": "What announcement 1 wrote into “notice” was altered.",
    "notice SET opens_window = false WHERE id = {LAST}": "What announcement 5 wrote into “notice” was altered.",
    "notice SET given_at = '2026-01-01 00:00:00.000000' WHERE id = {FIRST}": "was altered: “given_at”",
    "notice SET given_by = 'customer' WHERE id = {FIRST}": "was altered: “given_by”",
    "notice SET proof = '{}' WHERE id = {FIRST}": "was altered: “proof”",
    "notice SET promised_last_day = NULL WHERE id = {FIRST}": "was altered: “promised_last_day”",
    "notice SET window_id = window_id + 1 WHERE id = {FIRST}": "was altered: “window_id”",
    "notice SET acknowledged_at = created_at WHERE id = {FIRST}": "was altered: “acknowledged_at”",
    "notice SET silence_noted_at = created_at WHERE id = {LAST}": "was altered: “silence_noted_at”",
    "notice SET state = 'cancelled' WHERE id = {LAST}": "is cancelled, but the log says given.",
    "notice_change SET consent = 'yes', consent_at = NULL WHERE id = {FIRST}": "notice change 1 was altered",
    "notice_change SET consent = 'no' WHERE consent = 'yes'": "was altered: “consent” is “no”",
    "notice_change SET withdrawn_at = NULL WHERE id = {FIRST}": "notice change 1 was altered: “withdrawn_at”",
    "notice_change SET superseded_at = NULL WHERE superseded_at IS NOT NULL": "was altered: “superseded_at”",
    "notice_change SET released_at = NULL WHERE released_at IS NOT NULL": "The releases of change C-4",
    "notice_change SET released_at = '2026-03-03 00:00:00.000000' WHERE id = {LAST}": "The releases of change C-6",
    "notice_change SET notice_id = notice_id + 1000 WHERE id = {FIRST}": "was altered",
    "notice_window SET last_day = '2030-01-01' WHERE id = {FIRST}": "notice window 1 was altered: “row”",
    "notice_window SET inputs = '{}' WHERE id = {LAST}": "was altered: “row”",
    "notice_window SET reason = 'because' WHERE id = {FIRST}": "notice window 1 was altered: “reason”",
    "delivery SET to_email = 'eve@evil.example' WHERE id = 7": "does not go to the address of its contact.",
    "delivery SET contact_id = 5 WHERE id = 7": "What announcement 1 wrote into “delivery” was altered.",
    "delivery SET state = 'queued' WHERE id = 7": "is queued, but the log says delivered.",
    "delivery_event SET at = '2026-01-01 00:00:00.000000' WHERE id = {FIRST}": "The delivery events under entry",
    "objection SET text = 'All is well.' WHERE id = {FIRST}": "was altered: “text” is “All is well.”",
    "objection SET in_time = false WHERE id = {FIRST}": "was altered: “in_time”",
    "objection SET measure = 'None.' WHERE id = {FIRST}": "was altered: “measure”",
    "objection SET right_until = '2026-01-01' WHERE id = {FIRST}": "was altered: “right_until”",
    "objection SET state = 'withdrawn' WHERE id = {FIRST}": "is withdrawn, but the log says terminated.",
    "objection_message SET text = 'Fine.' WHERE id = {FIRST}": "objection message 1 was altered: “text”",
    "termination SET ends_on = '2030-01-01' WHERE id = {FIRST}": "termination 1 was altered: “ends_on”",
    "customer SET name = 'Mallory' WHERE ref = 'alpha'": "customer alpha was altered: “name” is “Mallory”",
    "customer SET terms = '{\"window_days\": 1}' WHERE ref = 'alpha'": "customer alpha was altered: “terms”",
    "customer SET contract_end = '2026-01-01' WHERE ref = 'alpha'": "customer alpha was altered: “contract_end”",
    "customer_service SET ended_on = '2026-01-01'": "customer service 1:1 was altered: “ended_on”",
    "contact SET email = 'eve@evil.example' WHERE id = {FIRST}": "was altered: “email”",
    "contact SET role = 'follower' WHERE id = {FIRST}": "was altered: “role” is “follower”",
    "contact SET barred_at = created_at FROM customer WHERE contact.id = 1 AND customer.id = 1": "“barred_at”",
    "contact SET retired_at = NULL WHERE retired_at IS NOT NULL": "was altered: “retired_at”",
    "evidence SET words = 'All is well.' WHERE id = {FIRST}": "evidence 1 was altered: “words”",
    "evidence SET vouched_by = 1 WHERE id = {FIRST}": "evidence 1 was altered: “vouched_by”",
    "offboarding SET confirmed_at = NULL": "offboarding 1 was altered: “confirmed_at”",
    "exclusion SET confirmed_by = 1": "exclusion 1 was altered: “confirmed_by”",
    "exclusion SET ended_at = NULL": "exclusion 1 was altered: “ended_at”",
    "exclusion_check SET how = 'Not at all.' WHERE id = {FIRST}": "exclusion check 1 was altered: “how”",
    "exclusion_check SET next_due = '2036-01-01' WHERE id = {FIRST}": "exclusion check 1 was altered: “row”",
    "override SET blockers = '[]' WHERE id = {FIRST}": "override 1 was altered: “row”",
    "override SET reason = 'None.' WHERE id = {FIRST}": "override 1 was altered: “reason”",
    "irregular_start SET since = '2027-01-01'": "irregular start 1 was altered: “row”",
    "user_account SET roles = '[\"admin\"]' WHERE id = 2": "user olga@processor.example was altered: “roles”",
    "user_account SET disabled_at = NULL": "user tom@processor.example was altered: “disabled_at”",
    "user_account SET password_hash = 'x' WHERE id = 1": "user ada@processor.example was altered: “password_hash”",
    "api_token SET revoked_at = NULL": "api token 1 was altered: “revoked_at”",
    "api_token SET digest = 'x'": "api token 1 was altered: “digest”",
    "countersignature SET signed_by = 1 WHERE id = {FIRST}": "countersignature 1 was altered: “signed_by”",
    "countersignature SET payload = '{}' WHERE id = {FIRST}": "countersignature 1 was altered: “payload”",
    "setting SET value = '1' WHERE key = 'terms.window_days'": "setting terms.window_days was altered: “value”",
    "service SET name = 'Other' WHERE slug = 'archive'": "service 2 was altered: “name”",
    "edition SET value = '{}' WHERE n = 2": "Edition 2 was altered.",
    "edition SET sha256 = 'x' WHERE n = 2": "edition 2 was altered: “sha256”",
    "engagement SET ended_on = '2026-01-01' WHERE ref = 'cloud-hosting'": "engagement cloud-hosting was altered",
    "sub_processor SET address = 'Moon' WHERE id = {FIRST}": "sub processor 1 was altered: “address”",
    "edition SET value = '{}' WHERE n = (SELECT max(n) FROM edition)": " was altered.",
    "audit_entry SET refs = '{}' WHERE seq = (SELECT min(seq) FROM audit_entry WHERE root <> '')": "does not fit",
    "audit_entry SET refs = '{\"rows\": {\"customer\": [1]}}' WHERE action = 'sign_in'": "does not fit",
    "audit_entry SET actor = 'person:1' WHERE seq = 9": "Entry 9 does not fit the one before it, or was altered.",
    "audit_detail SET detail = '{}' WHERE seq = 9": "The readable side of entry 9 was altered.",
}
GONE = {
    "change_item WHERE id = {LAST}": "is gone, and no entry says so.",
    "correction WHERE id = {FIRST}": "correction 1 is gone",
    "audience_row WHERE id = {FIRST}": "The audience roll of announcement A-1 was altered.",
    "announcement WHERE id = {LAST}": "Announcement A-5 is gone.",
    "announcement_change WHERE announcement_id = 1": "announcement change 1:3 is gone",
    "notice WHERE id = {LAST}": "Announcement A-5 has 2 notices, but the log says 3.",
    "notice_change WHERE id = {FIRST}": "notice change 1 is gone",
    "notice_window WHERE id = {LAST}": "is gone",
    "delivery WHERE id = {LAST}": "is gone",
    "delivery_event WHERE id = {LAST}": "The delivery events under entry",
    "objection WHERE id = {LAST}": "objection 4 is gone",
    "objection_change": "objection change 1:4 is gone",
    "objection_message WHERE id = {LAST}": "is gone",
    "termination": "termination 1 is gone",
    "customer WHERE ref = 'delta'": "customer 4 is gone",
    "customer_service WHERE customer_id = 1": "customer service 1:1 is gone",
    "contact WHERE id = {LAST}": "is gone",
    "evidence WHERE id = {LAST}": "is gone",
    "blob WHERE sha256 = (SELECT blob_sha256 FROM offboarding)": "The document of offboarding 1 is gone",
    "blob": "The document of countersignature",
    "offboarding": "offboarding 1 is gone",
    "exclusion": "exclusion 1 is gone",
    "exclusion_check WHERE id = {LAST}": "exclusion check 2 is gone",
    "override": "override 1 is gone",
    "irregular_start": "irregular start 1 is gone",
    "user_account WHERE id = 1": "user 1 is gone",
    "api_token": "api token 1 is gone",
    "countersignature WHERE id = {LAST}": "is gone",
    "setting WHERE key = 'terms.zone'": "setting terms.zone is gone",
    "edition WHERE n = 2": "edition 2 is gone",
    "engagement_service": "Engagement cloud-hosting is not what edition",
    "audit_entry WHERE seq = 9": "Entry 9 is missing from the chain.",
}
ADDED = {
    "contact (customer_id, name, email, phone, role, position) VALUES (1, '', 'eve@evil.example', '', 'notice', 9)":
        "contact eve@evil.example stands there, and no entry tells of it.",
    "customer_service (customer_id, service_id) VALUES (1, 2)": "customer service 1:2 stands there",
    "user_account (email, name, roles, language, password_hash, session_epoch, created_at) VALUES "
    "('eve@evil.example', 'Eve', '[\"admin\"]', 'en', '', 0, '2026-03-02 00:00:00.000000')":
        "user eve@evil.example stands there",
    "notice_change (notice_id, change_id, consent) VALUES (1, 4, 'yes')": "stands there",
    "setting (key, value, changed_at) VALUES ('x', '1', '2026-03-02 00:00:00.000000')": "setting x stands there",
}


def faults(session: Session) -> list[str]:
    return [str(fault) for fault in verify.chain(session)]


def tampered(house: House, statements: Iterable[str]) -> list[str]:
    """What is found after these statements, of which nothing is kept."""
    with Session(house.database.engine) as session:
        _disarm(session)
        for statement in statements:
            result = session.execute(sa.text(_filled(statement).replace(":", "\\:")))
            assert getattr(result, "rowcount", 0) > 0, statement
        found = faults(session)
        session.rollback()
    return found


def _disarm(session: Session) -> None:
    """Takes away what the database itself has against it: triggers and foreign keys."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        for table in APPEND_ONLY:
            for verb in ("update", "delete"):
                session.execute(sa.text(f"DROP TRIGGER {table}_no_{verb}"))
        return
    for table in SQLModel.metadata.tables:
        session.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))


def _table(statement: str) -> str:
    return statement.split()[1 if statement.startswith("UPDATE") else 2]


def _filled(statement: str) -> str:
    table = _table(statement)
    return statement.replace("{FIRST}", FIRST.format(table)).replace("{LAST}", LAST.format(table))


def _rounds(statements: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The statements in rounds, of which none touches a table twice."""
    left = dict(statements)
    while left:
        of_table: dict[str, str] = {}
        for statement in left:
            of_table.setdefault(_table(statement), statement)
        yield {statement: left.pop(statement) for statement in of_table.values()}


def test_a_house_in_which_every_verb_was_used_is_sound_and_whatever_is_tampered_with_is_named(house: House) -> None:
    every_verb.travel(house)
    with house.database.reading() as session:
        assert faults(session) == []
    missed = {}
    altered = {f"UPDATE {what}": words for what, words in ALTERED.items()}
    gone = [{f"DELETE FROM {what}": words} for what, words in GONE.items()]
    added = {f"INSERT INTO {what}": words for what, words in ADDED.items()}
    for batch in (*_rounds(altered), *gone, *_rounds(added)):
        found = tampered(house, batch)
        missed.update({s: found for s, words in batch.items() if not any(words in fault for fault in found)})
    assert missed == {}


def test_a_log_cut_short_is_found_by_the_rows_it_no_longer_tells_of(house: House) -> None:
    journey = every_verb.Journey(house)
    journey.do(people.add, "eve@evil.example", "Eve", [Role.ADMIN], by=every_verb.ROOT)
    cut = ("DELETE FROM audit_detail WHERE seq > 1", "DELETE FROM audit_entry WHERE seq > 1",
           "UPDATE audit_head SET seq = 1, hash = (SELECT hash FROM audit_entry WHERE seq = 1)")
    assert tampered(house, cut) == ["user eve@evil.example stands there, and no entry tells of it."]
