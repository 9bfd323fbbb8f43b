"""What the system writes down when a window has ended."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import select

from notifier.domain.people import Actor, Door, Kind
from notifier.house import House
from notifier.tables import AuditEntry, Notice
from notifier.workflow import notices, objections, silence, verify
from notifier.workflow.objections import Filing
from tests import factory
from tests.factory import NOW

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
        assert [e.refs["meaning"] for e in entries] == ["consent", "none", "objected"]
        assert verify.chain(session) == []
