"""Vouching for a sub-processor: by a file, a link, or words that say why an item does not apply."""

from __future__ import annotations

import hashlib
import zlib

import pytest

from notifier.domain.evidence import NAMES, EvidenceKind
from notifier.domain.refusals import Refusal
from notifier.house import House
from notifier.tables import Blob
from notifier.workflow import changes, evidence, verify
from tests import factory
from tests.factory import NOW

REF = "analytics-inc"


def test_each_way_of_vouching_is_kept_with_who_and_when_and_the_file_under_its_hash(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        change = factory.approved(session, olga, paul)
        body = b"%PDF signed"
        for kind, given in (
            (EvidenceKind.AGREEMENT, {"file": ("dpa.pdf", body)}),
            (EvidenceKind.SECURITY_REVIEW, {"link": "https://analytics.example/iso27001"}),
            (EvidenceKind.SECRECY, {"words": "No professional secrets are involved."}),
            (EvidenceKind.AGREEMENT, {"file": ("dpa-again.pdf", body)}),
        ):
            evidence.vouch(session, change, REF, kind, actor=olga, now=NOW, **given)  # type: ignore[arg-type]
    with house.database.reading() as session:
        rows = evidence.of(session, [REF])
        sha256 = hashlib.sha256(body).hexdigest()
        assert [(r.kind, r.file_name or r.link or r.words, r.blob_sha256) for r in rows] == [
            ("agreement", "dpa.pdf", sha256), ("security_review", "https://analytics.example/iso27001", None),
            ("secrecy", "No professional secrets are involved.", None), ("agreement", "dpa-again.pdf", sha256)]
        blob = session.get(Blob, sha256)
        assert blob is not None
        assert zlib.decompress(blob.body) == body
        assert verify.chain(session) == []


def test_vouching_is_refused_without_a_role_a_document_or_an_engagement_of_the_change(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        change = changes.get(session, factory.approved(session, olga, paul).ref)
        for code, ref, given, actor in (
            ("role_missing", REF, {"words": "x"}, factory.SYSTEM), ("unknown", "other", {"words": "x"}, olga),
            ("reason_missing", REF, {"words": " "}, olga),
            ("bad_value", REF, {"file": ("big.pdf", b"x" * (evidence.MOST_BYTES + 1))}, olga),
        ):
            with pytest.raises(Refusal) as refused:
                evidence.vouch(session, change, ref, EvidenceKind.DPO, actor=actor, now=NOW, **given)  # type: ignore[arg-type]
            assert refused.value.code == code


def test_every_kind_has_a_name() -> None:
    assert set(NAMES) == set(EvidenceKind)
