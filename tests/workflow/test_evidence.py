"""Vouching for a sub-processor: documents, reasons, and what a change lacks before it may go on."""

from __future__ import annotations

import hashlib
import zlib
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from alembic import command
from sqlmodel import Session, select

from notifier import db as schema
from notifier.db import Database
from notifier.domain.changes import ChangeKind
from notifier.domain.evidence import MOST_BYTES, EvidenceKind, Given
from notifier.domain.people import Actor
from notifier.domain.refusals import Refusal
from notifier.house import House, seed_values
from notifier.tables import AuditDetail, AuditEntry, Blob, Change, Setting
from notifier.workflow import announcements, changes, documents, evidence, settings, verify
from tests import factory
from tests.factory import NOW

REF = "analytics-inc"
K = EvidenceKind
PDF = b"%PDF signed"


def drafted(session: Session, olga: Actor, **values: object) -> Change:
    """An addition with everything but evidence."""
    item = changes.draft(session, ChangeKind.ADD, values={**factory.ANALYTICS, **values})
    return changes.propose(session, [item], reason="To learn.", planned_start=factory.START, actor=olga, now=NOW)


def test_each_way_of_vouching_is_kept_with_who_and_when_and_the_file_once_under_its_hash(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        change = drafted(session, olga)
        for kinds, given in (
            ([K.AGREEMENT, K.AUDIT_RIGHTS], Given(file=("C:\\contracts\\dpa.pdf", PDF), customers_may_see=True)),
            ([K.SECURITY_REVIEW], Given(link="https://analytics.example/iso27001")),
            ([K.SECRECY], Given(words="No professional secrets are involved.", not_applicable=True)),
            ([K.AGREEMENT], Given(file=("dpa-again.pdf", PDF), next_review_on=date(2027, 1, 1))),
        ):
            evidence.vouch(session, change, REF, kinds, given, actor=olga, now=NOW)
    with house.database.reading() as session:
        rows, sha256 = evidence.of(session, [REF]), hashlib.sha256(PDF).hexdigest()
        assert [(r.kind, r.file_name or r.link or r.words, r.blob_sha256, r.not_applicable, r.customers_may_see,
                 r.next_review_on) for r in rows] == [
            ("agreement", "dpa.pdf", sha256, False, True, None), ("audit_rights", "dpa.pdf", sha256, False, True, None),
            ("security_review", "https://analytics.example/iso27001", None, False, False, date(2027, 3, 2)),
            ("secrecy", "No professional secrets are involved.", None, True, False, None),
            ("agreement", "dpa-again.pdf", sha256, False, False, date(2027, 1, 1))]
        assert {(r.vouched_by, r.vouched_at, r.legal_name) for r in rows} == {(olga.id, NOW, "Analytics Inc.")}
        blob = session.exec(select(Blob)).one()
        assert zlib.decompress(blob.body) == PDF == documents.body_of(session, sha256)
        assert verify.chain(session) == []


def test_the_log_says_what_was_replaced_and_keeps_words_and_names_in_its_readable_side(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        change = drafted(session, olga)
        for words in ("Nora Quinn", "Nils Quist"):
            evidence.vouch(session, change, REF, [K.DPO], Given(words=words), actor=olga, now=NOW)
    with house.database.reading() as session:
        entry, side = session.exec(
            select(AuditEntry, AuditDetail).join(AuditDetail, AuditDetail.seq == AuditEntry.seq)  # type: ignore[arg-type]
            .where(AuditEntry.action == "vouch").order_by(sa.desc(AuditEntry.seq))).first()  # type: ignore[arg-type,misc]
        assert (entry.subject_kind, entry.refs["change"], entry.refs["kind"], entry.refs["replaces"]) == (
            "evidence", change.ref, "dpo", "1")
        assert (side.detail["before"]["words"], side.detail["after"]["words"]) == ("Nora Quinn", "Nils Quist")
        assert "Nora" not in str(entry.refs)


def test_vouching_is_refused_without_a_role_a_document_or_an_engagement_of_the_change(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        change = drafted(session, olga)
        over = drafted(session, olga, legal_name="Other Inc.")
        announcements.withdraw(session, over.ref, "Not needed.", actor=olga, now=NOW)
        file = Given(file=("dpa.pdf", PDF))
        for code, about, ref, kinds, given, actor in (
            ("role_missing", change, REF, [K.DPO], file, factory.SYSTEM),
            ("unknown", change, "other", [K.DPO], file, olga),
            ("unknown", change, "cloud-hosting", [K.DPO], file, olga),
            ("bad_value", change, REF, [], file, olga),
            ("bad_value", change, REF, [K.DPO], Given(), olga),
            ("bad_value", change, REF, [K.DPO], Given(file=("big.pdf", b"x" * (MOST_BYTES + 1))), olga),
            ("reason_missing", change, REF, [K.DPO], Given(not_applicable=True), olga),
            ("no_such_move", over, "other-inc", [K.DPO], file, olga),
        ):
            with pytest.raises(Refusal) as refused:
                evidence.vouch(session, about, ref, kinds, given, actor=actor, now=NOW)
            assert refused.value.code == code
        with pytest.raises(Refusal) as refused:
            evidence.renew(session, REF, [K.DPO], file, actor=olga, now=NOW)  # proposed, not in effect
        assert refused.value.code == "unknown"
        assert session.exec(select(Blob)).all() == []


def test_submit_names_everything_at_once_fields_and_evidence_together(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        item = changes.draft(session, ChangeKind.ADD, values={**factory.ANALYTICS, "address": ""})
        change = changes.propose(session, [item], reason="", planned_start=None, actor=olga, now=NOW)
        given = Given(words="Two others were looked at.")
        evidence.vouch(session, change, REF, [K.SELECTION], given, actor=olga, now=NOW)
        with pytest.raises(Refusal) as refused:
            changes.submit(session, change.ref, actor=olga, now=NOW)
    said = str(refused.value)
    assert refused.value.code == "incomplete"
    for part in ("Say in a sentence why", "Give the planned start", "Registered address is not filled in"):
        assert part in said
    codes = [str(d).rpartition("(")[2].rstrip(")") for d in refused.value.details if "not vouched for" in str(d)]
    assert codes == ["security_review", "agreement", "standard_clauses", "dpo", "audit_rights",
                     "further_subprocessors", "return_or_destruction"]


def test_secrecy_is_asked_for_where_customers_are_bound_by_it(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        change = drafted(session, olga)
        items = changes.items_of(session, change)
        asked = [point.kind for _, points in evidence.checklist(session, change, items, NOW) for point in points]
        assert K.SECRECY not in asked
        setting = session.get(Setting, settings.SECRECY)
        assert setting is not None
        setting.value = True
        session.flush()
        factory.vouched(session, change, olga)
        assert K.SECRECY in {K(row.kind) for row in evidence.of(session, [REF])}
        assert changes.submit(session, change.ref, actor=olga, now=NOW).state == "in_review"


def test_an_installation_from_before_the_setting_is_not_bound_and_doctor_shows_no_difference(house: House) -> None:
    with house.database.transaction() as session:
        session.delete(session.get(Setting, settings.SECRECY))
        session.flush()
        assert not settings.bound_by_secrecy(session)
        assert settings.differing(session, *seed_values(house.settings)) == {}
        organisation, terms, language, _ = seed_values(house.settings)
        assert settings.differing(session, organisation, terms, language, True) == {settings.SECRECY: (True, False)}


def test_approving_asks_again_because_it_may_have_been_edited_or_grown_old_meanwhile(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        change = drafted(session, olga)
        factory.vouched(session, change, olga)
        changes.submit(session, change.ref, actor=olga, now=NOW)
        with pytest.raises(Refusal) as refused:
            changes.approve(session, change.ref, actor=paul, now=NOW + timedelta(days=366))
        assert [str(d) for d in refused.value.details] == [
            "Analytics Inc.: to be looked at again since 2027-03-02: Review of the security measures (security_review)"]
        changes.send_back(session, change.ref, "Another company.", actor=paul, now=NOW)
        items = [changes.redraft(changes.items_of(session, change)[0], {"legal_name": "Analytics Worldwide Ltd"})]
        changes.edit(session, change.ref, items, reason="To learn.", planned_start=factory.START, separable="no",
                     actor=olga, now=NOW)
        with pytest.raises(Refusal) as refused:
            changes.submit(session, change.ref, actor=olga, now=NOW)
        assert len(refused.value.details) == 8


def test_one_agreement_answers_for_every_engagement_of_its_company(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        factory.vouched(session, drafted(session, olga), olga)
        second = drafted(session, olga, activity="Heat maps")
        assert changes.items_of(session, second)[0].ref == "analytics-inc-2"
        assert changes.gaps(session, second, NOW) == []
        third = drafted(session, olga, legal_name="Analytics Two Ltd")
        assert len(changes.gaps(session, third, NOW)) == 8


def test_the_newest_document_of_a_kind_is_what_customers_may_see_and_one_unmarked_takes_it_back(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        change = drafted(session, olga)

        def seen() -> list[str]:
            return [row.file_name or row.link for row in evidence.shown_to_customers(session, [REF, "cloud-hosting"])]

        def hand_in(**given: object) -> None:
            evidence.vouch(session, change, REF, [K.SECURITY_REVIEW], Given(**given), actor=olga, now=NOW)  # type: ignore[arg-type]

        hand_in(file=("iso.pdf", PDF), customers_may_see=True)
        assert seen() == ["iso.pdf"]
        hand_in(link="https://analytics.example/soc2", customers_may_see=True)
        assert seen() == ["https://analytics.example/soc2"]
        hand_in(file=("iso.pdf", PDF))
        assert seen() == []


@pytest.mark.parametrize(("path", "name"), [
    ("C:\\a\\b.pdf", "b.pdf"), ("/etc/../x.pdf", "x.pdf"), ("a\nb\u202efdp.exe", "abfdp.exe"), ("", "document"),
    ("..", "document"), ("Prüfbericht 2026.pdf", "Prüfbericht 2026.pdf"), ("x" * 300 + ".pdf", "x" * 180 + ".pdf"),
])
def test_a_files_name_is_kept_without_folders_and_without_what_nobody_sees(path: str, name: str) -> None:
    assert documents.name_of(path) == name


def test_a_database_from_before_gets_a_day_for_every_review_it_holds(database_url: str) -> None:
    database = Database(database_url)
    command.downgrade(schema.alembic_config(database), "0003")
    with database.engine.begin() as connection:
        connection.execute(sa.text(
            "insert into user_account (id, email, name, roles, language, password_hash, session_epoch, created_at) "
            "values (1, 'o@x.example', 'O', '[]', 'en', '', 0, '2026-01-01 00:00:00+00:00')"))
        for number, kind in enumerate(("security_review", "dpo"), 1):
            connection.execute(sa.text(
                "insert into evidence (id, engagement_ref, kind, words, link, file_name, vouched_by, vouched_at) "
                f"values ({number}, 'host', '{kind}', 'x', '', '', 1, '2024-02-29 10:00:00+00:00')"))
    schema.migrate(database)
    with database.reading() as session:
        assert [(r.kind, r.next_review_on, r.not_applicable, r.legal_name) for r in evidence.of(session, ["host"])] == [
            ("security_review", date(2025, 2, 28), False, ""), ("dpo", None, False, "")]
    database.close()
