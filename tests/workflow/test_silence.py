"""What the system writes down when a window has ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, select

from notifier.domain.people import Actor, Door, Kind
from notifier.house import House
from notifier.tables import AuditEntry, Customer, Delivery, Notice
from notifier.workflow import announcements, consents, notices, objections, silence, verify, verify_rows
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import NOW
from tests.workflow import telling

CLOCK = factory.SYSTEM
PROVIDER = Actor(Kind.PROVIDER, Door.WEBHOOK)


def test_silence_means_consent_under_a_general_authorisation_only_and_is_noted_once(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(
            session, factory.customer("alpha"), factory.customer("beta", terms={"authorisation": "specific"}),
            factory.customer("gamma"), factory.customer("delta"),
        )
        factory.announced(session, olga, paul)
    with house.database.transaction() as session:
        alpha, beta, gamma, _ = session.exec(select(Notice).order_by(Notice.id)).all()  # type: ignore[arg-type]
        for notice in (alpha, beta, gamma):
            notices.give(session, notice, NOW, "customer", {"act": "test"}, actor=factory.CONTACT, now=NOW)
        objections.file(session, gamma.id or 0, Filing("No.", "Gus", "gus@gamma.example"), contact_id=None,
                        actor=factory.CONTACT, now=NOW)
    for days, noted in ((29, 0), (31, 3), (32, 0)):
        with house.database.transaction() as session:
            assert silence.note_ended(session, actor=CLOCK, now=NOW + timedelta(days=days)) == noted
    with house.database.reading() as session:
        entries = session.exec(select(AuditEntry).where(AuditEntry.action == "window_closed")
                               .order_by(AuditEntry.seq)).all()  # type: ignore[arg-type]
        assert [list(e.refs["changes"].values()) for e in entries] == [["consent"], ["nothing"], ["objected"]]
        assert verify.chain(session) == []


def test_each_change_has_its_own_meaning_and_a_withdrawn_objection_has_none(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(
            session, factory.customer("alpha"), factory.customer("beta", terms={"authorisation": "specific"}),
            factory.customer("gamma", terms={"silence": "nothing"}), factory.customer("delta"),
        )
        one, two = (factory.approved(session, olga, paul, legal_name=name) for name in ("One Inc.", "Two Inc."))
        announcements.announce(session, [one.ref, two.ref], actor=paul, now=NOW)
        refs = [one.ref, two.ref]
    with house.database.transaction() as session:
        rows = {c.ref: n for n, c in session.exec(select(Notice, Customer).join(
            Customer, Customer.id == Notice.customer_id))}  # type: ignore[arg-type]
        for notice in rows.values():
            notices.give(session, notice, NOW, "customer", {"act": "test"}, actor=factory.CONTACT, now=NOW)
        _file(session, rows["alpha"], refs[:1], NOW)
        consents.consent(session, rows["beta"], refs[:1], "yes", **factory.SIGNED, actor=factory.CONTACT, now=NOW)
        consents.consent(session, rows["beta"], refs[1:], "no", **factory.SIGNED, actor=factory.CONTACT, now=NOW)
        taken_back = _file(session, rows["delta"], refs, NOW)
        objections.withdraw(session, taken_back, actor=factory.CONTACT, now=NOW)
        _file(session, rows["delta"], refs[1:], NOW + timedelta(days=32))  # too late to change what silence meant
    with house.database.transaction() as session:
        assert silence.note_ended(session, actor=CLOCK, now=NOW + timedelta(days=33)) == 4
    with house.database.reading() as session:
        found = silence.of_notices(session, [n.id or 0 for n in rows.values()])
        told = {ref: [found[n.id or 0][change] for change in refs] for ref, n in rows.items()}
        assert told == {"alpha": ["objected", "consent"], "beta": ["yes", "no"], "gamma": ["nothing"] * 2,
                        "delta": ["consent"] * 2}
        assert list(verify_rows.rows(session, (), ())) == []


def _file(session: Session, notice: Notice, refs: list[str], at: datetime) -> str:
    filing = Filing("No.", "Gus", "gus@gamma.example", changes=tuple(refs))
    return objections.file(session, notice.id or 0, filing, contact_id=None, actor=factory.CONTACT, now=at).ref


def test_silence_that_rested_on_a_proof_that_was_lost_is_none(house: House) -> None:
    with house.database.transaction() as session:
        telling.announced(session)
    telling.arrive(house)
    after = NOW + timedelta(days=40)
    with house.database.transaction() as session:
        assert silence.note_ended(session, actor=CLOCK, now=after) == 2
        row = session.exec(select(Delivery).where(Delivery.to_email == "legal@beta.example")).one()
        assert row.notice_id is not None
        late = notices.Happening(row.ref, "", "bounce", after, "late", "550 gone")
        notices.happened(session, late, actor=PROVIDER, now=after)
    with house.database.transaction() as session:
        assert silence.of_notices(session, [row.notice_id]) == {}
        assert silence.note_ended(session, actor=CLOCK, now=after) == 0
        notice = session.get(Notice, row.notice_id)
        assert notice is not None
        notices.give(session, notice, NOW, "hand", {"kind": "hand"}, actor=CLOCK, now=after)
        assert silence.note_ended(session, actor=CLOCK, now=after) == 1
        assert list(silence.of_notices(session, [row.notice_id])[row.notice_id].values()) == ["consent"]
