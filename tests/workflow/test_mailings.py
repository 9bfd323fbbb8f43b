"""Many letters told together: the same facts as one by one, fresh after every change, and none holds up another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from notifier import clock
from notifier.domain.evidence import EvidenceKind, Given
from notifier.domain.letters import NoticeFacts, Shown
from notifier.domain.people import Door
from notifier.domain.transfers import Transfer
from notifier.house import House
from notifier.jobs import deliver
from notifier.mail.render import render
from notifier.tables import Blob, Change, ChangeItem, Delivery, Link, Notice, Setting
from notifier.workflow import (
    blobs,
    changes,
    delivery_events,
    evidence,
    links,
    mailings,
    notice_links,
    people,
    verify,
)
from notifier.workflow.deliveries import Claimed
from notifier.workflow.letters import Prepared
from notifier.workflow.links import Signer
from notifier.workflow.mailings import Common, Mailing
from tests import factory
from tests.factory import NOW
from tests.providers import Taking

SENT = NOW + timedelta(minutes=3)
TERMS: tuple[dict[str, Any], ...] = (
    {}, {"window_days": 45}, {"authorisation": "specific"}, {"day_kind": "business"}, {"zone": "America/New_York"},
)


@pytest.fixture
def announced(house: House) -> House:
    """A change announced to ten customers of four languages and five kinds of terms."""
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, *(
            factory.customer(f"c{n}", language=("en", "de", "fr", "it")[n % 4], terms=TERMS[n % 5]) for n in range(10)
        ))
        factory.announced(session, olga, paul)
        for row in session.exec(select(Delivery).where(Delivery.kind == "staff_review_requested")):
            session.delete(row)
    return house


def _claimed(session: Session, most: int = 50) -> list[Claimed]:
    return factory.claimed(session, SENT, "mailjet", most)


def _told(house: House, session: Session, rows: Sequence[Claimed], common: Common) -> Mailing:
    return mailings.prepare(session, rows, house.sender, common, SENT)


def test_told_together_or_one_by_one_letters_say_the_same(announced: House) -> None:
    with announced.database.transaction() as session:
        rows = _claimed(session)
        together = _told(announced, session, rows, Common()).prepared
        one_by_one: dict[str, Any] = {}
        for row in rows:
            one_by_one |= _told(announced, session, [row], Common()).prepared
    assert len(together) == 10
    assert together == one_by_one
    assert len({(p.facts.language, p.promised_last_day) for p in together.values()}) > 4


def test_every_letter_has_its_own_link_and_a_second_telling_makes_no_other(announced: House) -> None:
    with announced.database.transaction() as session:
        rows, common = _claimed(session), Common()
        first = _told(announced, session, rows, common).prepared
        again = _told(announced, session, rows, common).prepared
        assert len({p.tokens for p in first.values()}) == 10
        assert {ref: p.tokens for ref, p in first.items()} == {ref: p.tokens for ref, p in again.items()}
        assert len(session.exec(select(Link)).all()) == 10
        row = rows[0]
        link = links.ensure(session, links.NOTICE, row.notice_id or 0, contact_id=row.contact_id, now=SENT)
        assert announced.sender.signer.token(link) == first[row.ref].tokens[0]


def test_what_a_letter_promises_is_kept_and_told_to_the_log(announced: House) -> None:
    with announced.database.transaction() as session:
        prepared = _told(announced, session, _claimed(session), Common()).prepared
        by_notice = {row.ref: row.notice_id for row in session.exec(select(Delivery))}
    with announced.database.reading() as session:
        for ref, one in prepared.items():
            notice = session.get_one(Notice, by_notice[ref])
            assert notice.promised_last_day == one.promised_last_day is not None
        assert verify.chain(session) == []


def test_a_promise_made_once_is_never_shortened_by_a_later_batch(announced: House) -> None:
    with announced.database.transaction() as session:
        rows = _claimed(session)
        late = SENT + timedelta(days=20)
        longer = mailings.prepare(session, rows, announced.sender, Common(), late).prepared
        again = _told(announced, session, rows, Common()).prepared
        assert {r: p.promised_last_day for r, p in longer.items()} == {r: p.promised_last_day for r, p in again.items()}


def test_what_letters_share_is_read_again_once_it_has_changed(announced: House) -> None:
    common = Common()
    with announced.database.transaction() as session:
        rows = _claimed(session)
        before = _told(announced, session, rows, common).prepared
        _told(announced, session, rows, common)  # the promise is written down by now
        held = dict(common.held)
        _told(announced, session, rows, common)
        assert common.held == held  # nothing was read again
    with announced.database.transaction() as session:
        setting = session.get_one(Setting, "organisation.legal_name")
        setting.value, setting.changed_at = "Renamed AG", SENT
        change = session.exec(select(Change)).one()
        change.reason, change.updated_at = "Another reason.", SENT
    with announced.database.transaction() as session:
        after = _told(announced, session, rows, common).prepared
    for ref, one in after.items():
        assert one.facts.organisation.legal_name == "Renamed AG"
        assert one.facts != before[ref].facts
        assert _whole(one).changes[0].reason == "Another reason."


def test_a_letter_names_the_documents_customers_may_see_and_a_basis_for_every_place(announced: House) -> None:
    common = Common()
    given = Given(link="https://vendor.example/report.pdf", customers_may_see=True)
    with announced.database.transaction() as session:
        rows = _claimed(session)
        change = session.exec(select(Change)).one()
        item = changes.items_of(session, change)[0]
        bare = item.after.with_(locations=("DE",), remote_access=("India",), transfer_basis="", transfers=(
            Transfer("India", "scc_3", "scc_3"),)) if item.after else None
        session.exec(select(ChangeItem)).one().after = bare.to_json() if bare else None
        assert all(not facts.documents for facts in _facts(announced, session, rows, common))
        olga = people.actor_for(people.by_email(session, "olga@processor.example"), Door.CLI)
        evidence.vouch(session, change, item.ref, [EvidenceKind.SECURITY_REVIEW], given, actor=olga, now=SENT)
    with announced.database.transaction() as session:
        for facts in _facts(announced, session, rows, common):
            assert facts.documents == (Shown(change.ref, ("Review of the security measures",)),)
            (told,) = facts.changes[0].items
            assert told.after is not None
            assert told.after.transfers == (Transfer("India", "scc_3", "scc_3"),
                                            Transfer("DE", "none_needed", "none_needed"))
            assert "Proof on your page for this notice" in render(replace(facts, language="en")).text


def _facts(house: House, session: Session, rows: Sequence[Claimed], common: Common) -> list[NoticeFacts]:
    told = _told(house, session, rows, common).prepared.values()
    return [_whole(one) for one in told]


def _whole(one: Prepared) -> NoticeFacts:
    assert isinstance(one.facts, NoticeFacts) and one.own is not None
    return one.facts.told_to(one.own)


def test_letters_sent_in_batches_arrive_once_each_and_are_stored_to_the_byte(announced: House) -> None:
    transport = Taking()
    transport.batch = 3
    announced.__dict__["transport"] = transport
    with clock.standing(SENT):
        assert deliver.run(announced) == 10
    assert len({m.ref for m in transport.handed}) == 10
    with announced.database.reading() as session:
        for message in transport.handed:
            row = session.exec(select(Delivery).where(Delivery.ref == message.ref)).one()
            assert (row.state, row.provider_id) == ("accepted", message.ref[:8])
            stored = blobs.letter(session, row.letter_sha256)
            assert stored is not None
            token = message.text.split("/n/")[1].split()[0].split("/")[0]
            assert stored["text"] == message.text.replace(token, "{link}")
            assert stored["html"] == message.html.replace(token, "{link}")
            assert stored["subject"] == message.subject
        assert verify.chain(session) == []


def test_a_letter_that_cannot_be_told_holds_up_no_other(announced: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with announced.database.transaction() as session:
        notice = session.exec(select(Notice).order_by(col(Notice.id))).first()
        assert notice is not None
        broken = dict(notice.terms) | {"zone": "Nowhere/Land"}
        notice.terms = broken
    transport = announced.__dict__["transport"] = Taking()
    with clock.standing(SENT):
        deliver.run(announced)
    assert len([m for m in transport.handed if m.to_email.startswith("legal@")]) == 9
    with announced.database.reading() as session:
        failed = session.exec(select(Delivery).where(Delivery.state == "failed")).all()
        assert [row.notice_id for row in failed] == [notice.id]


def test_where_the_database_fails_over_the_facts_nothing_leaves_and_all_go_back(
    announced: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = announced.__dict__["transport"] = Taking()

    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("lock timeout"))

    with monkeypatch.context() as patched:
        patched.setattr(notice_links, "of", fail)
        with pytest.raises(OperationalError), clock.standing(SENT):
            deliver.run(announced)
    assert transport.handed == []
    with announced.database.reading() as session:
        rows = session.exec(select(Delivery)).all()
        assert {(row.state, row.tries, row.lease) for row in rows} == {("queued", 0, "")}
    with clock.standing(SENT):
        assert deliver.run(announced) == 10


def test_a_token_is_the_one_the_library_gives_and_opens_the_same_link() -> None:
    signer = Signer(["new key" * 8, "old key" * 8])
    for number in (1, 9, 10, 12345, 10**9):
        token = signer.token_of(links.NOTICE, number)
        assert token == signer._serializers[links.NOTICE].dumps(number)
        assert signer.read(links.NOTICE, token) == number
        assert signer.read(links.CASE, token) is None


def test_a_stored_letter_comes_back_whether_packed_by_itself_with_a_base_or_by_an_earlier_version(
    house: House
) -> None:
    body, base = b'{"text": "dear Lea, all the rest"}', blobs.Base(b"all the rest")
    with house.database.transaction() as session:
        for held in (None, base, base):
            letter = blobs.Letter.of(body, held)
            blobs.keep(session, [letter, letter], SENT)
            assert blobs.body(session, letter.sha256) == body
        other = blobs.Letter.of(b'{"text": "dear Bob, all the rest"}', base)
        blobs.keep(session, [other], SENT)
        assert blobs.letter(session, other.sha256) == {"text": "dear Bob, all the rest"}
        assert blobs.body(session, base.sha256) == b"all the rest"
        session.add(Blob(sha256="0" * 64, media_type="text/plain", body=b"plain", created_at=SENT))
        assert blobs.body(session, "0" * 64) == b"plain"
        assert blobs.body(session, "") is blobs.letter(session, "f" * 64) is None


@given(st.text(), st.text(max_size=80))
def test_a_leaf_of_the_merkle_tree_is_in_canonical_form(key: str, kind: str) -> None:
    told = {"delivery": "7", "key": key, "kind": kind, "at": SENT.isoformat(), "before": "queued", "after": "sending",
            "notice_before": "", "notice_after": "", "batch": "b"}
    event = {**told, "delivery_id": 7, "at": SENT, "letter": ""}
    assert delivery_events.leaf(event) == rfc8785.dumps(told)
    assert delivery_events.leaf({**event, "letter": "c" * 64}) == rfc8785.dumps({**told, "letter": "c" * 64})
