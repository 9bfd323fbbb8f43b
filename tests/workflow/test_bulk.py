"""Many rows in one statement: what is stored is what an INSERT of SQLAlchemy's stores, on both databases."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DataError
from sqlmodel import Session

from notifier.house import House
from notifier.tables import AudienceRow, Contact, Customer
from notifier.tables.base import table
from notifier.tables.bulk import Among, insert_each, update_each
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


def test_a_text_that_is_too_long_is_never_cut(house: House) -> None:
    """PostgreSQL refuses it; SQLite knows no length of a text, and keeps all of it."""
    long = "x" * 301
    with nullcontext() if house.database.sqlite else pytest.raises(DataError), house.database.transaction() as session:
        _take(session, long)
        assert session.scalar(sa.select(table(Customer).c.name)) == long


def test_each_row_is_given_its_own_values_and_only_where_it_is_as_said(house: House) -> None:
    with house.database.transaction() as session:
        _take(session, "a", "b", "c", "d")
        c = table(Customer).c
        ids = session.scalars(sa.select(c.id).order_by(c.ref)).all()
        session.execute(sa.update(table(Customer)).where(c.ref == "c3").values(country="DE"))
        own = [{"id": ids[n], "name": f"{AWKWARD}{n}", "contract_end": date(2026, 3, n) if n else None,
                "created_at": NOW + timedelta(minutes=n)} for n in (3, 0, 2)]
        written = update_each(session, table(Customer), own, holding={"country": "CH"}, alike={"clause": "7 (2)"})
        assert written == {ids[0], ids[2]}
        rows = session.execute(sa.select(c.name, c.contract_end, c.created_at, c.clause).order_by(c.ref)).all()
    assert [tuple(row) for row in rows] == [
        (f"{AWKWARD}0", None, NOW, "7 (2)"), ("b", None, NOW, ""),
        (f"{AWKWARD}2", date(2026, 3, 2), NOW + timedelta(minutes=2), "7 (2)"), ("d", None, NOW, ""),
    ]


def test_rows_are_found_among_many_by_number_and_by_text(house: House) -> None:
    with house.database.transaction() as session:
        _take(session, "a", AWKWARD, "c")
        c = table(Customer).c
        by_name = sa.select(c.ref).where(Among(c.name, "names"), c.country == "CH").order_by(c.ref)
        by_id = sa.select(c.ref).where(sa.not_(Among(c.id, "ids"))).order_by(c.ref)
        for names, found in (([AWKWARD, "c", "z"], ["c1", "c2"]), (["a"], ["c0"]), ([], [])):
            assert session.scalars(by_name, {"names": names}).all() == found
        ids = session.scalars(sa.select(c.id).order_by(c.ref)).all()
        assert session.scalars(by_id, {"ids": ids[:1]}).all() == ["c1", "c2"]
