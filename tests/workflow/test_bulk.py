"""Many rows in one statement: what is stored is what an INSERT of SQLAlchemy's stores, on both databases."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DataError
from sqlmodel import Session

from notifier.house import House
from notifier.tables import AudienceRow, Contact, Customer
from notifier.tables.base import table
from notifier.tables.bulk import insert_each
from tests import factory
from tests.factory import NOW

AWKWARD = "Käse \"& Söhne\", {a}\t\\N\n'; DROP\u2028 – 🧀"
PLAIN: dict[str, Any] = {
    "language": "de", "country": "CH", "subdivision": "", "postal_address": "", "agreement": AWKWARD,
    "agreement_date": date(2026, 2, 3), "clause": "", "contract_end": None, "created_at": NOW, "updated_at": NOW,
}
TERMS = ({}, {"window_days": 45, "words": AWKWARD}, {"list": [1, None, True, "x"]}, {})


def _take(session: Session, *names: str) -> None:
    insert_each(session, table(Customer), ("ref", "terms", "name"),
                [(f"c{n}", json.dumps(TERMS[n]), name) for n, name in enumerate(names)], alike=PLAIN)


def test_rows_are_stored_as_they_were_given(house: House) -> None:
    names = (AWKWARD, "Plain Ltd", "", "null")
    with house.database.transaction() as session:
        _take(session, *names)
        session.execute(sa.insert(table(Customer)), [
            {**PLAIN, "ref": f"o{n}", "terms": TERMS[n], "name": name} for n, name in enumerate(names)])
    with house.database.reading() as session:
        c = table(Customer).c
        values = [c[name] for name in (*PLAIN, "name", "terms", "annex_edition", "contract_start")]
        texts = sa.cast(c.terms, sa.Text)
        each = session.execute(sa.select(*values, texts).where(c.ref.like("c%")).order_by(c.ref)).all()
        usual = session.execute(sa.select(*values, texts).where(c.ref.like("o%")).order_by(c.ref)).all()
    assert [tuple(row) for row in each] == [tuple(row) for row in usual]
    assert isinstance(each[0][8], datetime)


def test_numbers_and_truth_values_stay_what_they_are(house: House) -> None:
    with house.database.transaction() as session:
        factory.take_in(session, factory.customer("a"), factory.customer("b"))
        ids = session.scalars(sa.select(table(Customer).c.id).order_by(table(Customer).c.id)).all()
        session.execute(sa.text(
            "INSERT INTO announcement (uid, ref, begun_at, words, irregular, joining, audience_sha256, included, "
            "left_out) VALUES ('u', 'A-1', CURRENT_TIMESTAMP, '', false, '', '', 0, 0)"))
        number = session.scalar(sa.text("SELECT id FROM announcement"))
        insert_each(session, table(AudienceRow), ("customer_id", "included", "why"),
                    [(ids[0], True, "uses_service"), (ids[1], False, "contract_ended")],
                    alike={"announcement_id": number})
        r = table(AudienceRow).c
        rows = session.execute(sa.select(r.customer_id, r.included, r.why).order_by(r.customer_id)).all()
    assert [tuple(row) for row in rows] == [(ids[0], True, "uses_service"), (ids[1], False, "contract_ended")]


def test_no_rows_are_none(house: House) -> None:
    with house.database.transaction() as session:
        insert_each(session, table(Contact), ("email",), [], alike={"customer_id": 1})
        assert session.scalar(sa.select(sa.func.count()).select_from(table(Contact))) == 0


def test_a_text_that_is_too_long_is_refused_and_not_cut(house: House) -> None:
    if house.database.sqlite:
        pytest.skip("SQLite knows no length of a text")
    with pytest.raises(DataError), house.database.transaction() as session:
        _take(session, "x" * 301)
