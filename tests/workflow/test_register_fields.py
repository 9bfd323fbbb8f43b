"""The fields of a notice from a person's hand through the tables to the list, the letter and the published forms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from notifier.domain.changes import ChangeKind
from notifier.domain.listing import ListValue
from notifier.domain.refusals import Refusal
from notifier.domain.transfers import Transfer
from notifier.house import House
from notifier.tables import Engagement, SubProcessor
from notifier.workflow import announcements, changes, corrections, listing, register, releases
from tests import factory
from tests.factory import NOW

WHOLE: dict[str, Any] = {
    **factory.ANALYTICS, "special_categories": ["health data"], "locations": "United States; Ireland",
    "remote_access": ["Pune, India"], "transfer_basis": "", "transfers": "United States: DPF / SCC module 3 (annex 2)\n"
    "Pune, India: SCC module 3", "delimitation": "It counts, we judge.", "duration": "Two years",
}
ROWS = (Transfer("United States", "dpf", "scc_3", "annex 2"), Transfer("Pune, India", "scc_3", "scc_3"))


def test_every_field_goes_from_the_proposal_into_the_tables_and_onto_the_list(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        change = factory.approved(session, olga, paul, **{k: v for k, v in WHOLE.items() if k not in factory.ANALYTICS
                                                          or factory.ANALYTICS[k] != v})
        announcements.announce(session, [change.ref], actor=paul, now=NOW + timedelta(minutes=2))
        told = changes.items_of(session, change)[0].after
        assert told is not None
        assert told.transfers == ROWS
        later = NOW + timedelta(days=63)
        releases.release(session, change.ref, actor=paul, now=later)
        held = register.one(session, told.ref)
        assert held == told.with_(since=held.since)
        row = session.exec(select(Engagement).where(Engagement.ref == told.ref)).one()
        assert row.transfers[0] == {"place": "United States", "gdpr": "dpf", "fadp": "scc_3", "document": "annex 2"}
        assert (row.remote_access, row.duration) == (["Pune, India"], "Two years")
        company = session.get(SubProcessor, row.sub_processor_id)
        assert company is not None
        assert (company.contact, company.contact_position) == ("Ann Lytic", "Data protection officer")
        edition = listing.newest(session)
        assert edition is not None
        assert ListValue.from_json(edition.value).engagements[-1] == held
        assert listing.sha256(edition.value) == edition.sha256


def test_a_row_from_before_the_fields_existed_reads_as_it_was(house: House) -> None:
    with house.database.transaction() as session:
        factory.baseline(session)
        assert register.current(session) == [factory.HOSTING]
        edition = listing.newest(session)
        assert edition is not None
        assert not {"transfers", "remote_access", "contact_address"} & set(edition.value["engagements"][0])


def test_another_contact_of_one_company_is_that_of_all_its_engagements_only_where_it_is_told(house: House) -> None:
    two = (factory.HOSTING, factory.HOSTING.with_(ref="backups", activity="Backups"))
    with house.database.transaction() as session:
        factory.baseline(session, two)
        item = changes.draft(session, ChangeKind.MODIFY, ref="backups", values={"contact": "Dora",
                                                                                "contact_address": "dora@host.example"})
        register.apply(session, [item], NOW.date())
        assert [v.contact_address for v in register.current(session)] == ["", "dora@host.example"]


@pytest.mark.parametrize(("values", "words"), [
    ({"country": "Mars"}, "Country: “Mars” is no country we know; write its name or its two-letter code"),
    ({"locations": ["x"] * 301}, "Places of processing: more than 300 places"),
    ({"remote_access": ";".join(["x"] * 301)}, "Remote access from: more than 300 places"),
    ({"transfers": "by contract"}, "Transfer basis by place: “by contract” cannot be read"),
    ({"transfers": [{"place": "US", "gdpr": "x"}]}, "“x” is no basis"),
    ({"duration": "x" * 4001}, "Duration of processing: this is longer than 4,000 characters"),
    ({"delimitation": "x" * 4001}, "longer than 4,000"), ({"contact_address": "x" * 4001}, "longer than 4,000"),
    ({"special_categories": ["x" * 4001]}, "longer than 4,000"), ({"shoe_size": "44"}, "there is no such field"),
])
def test_a_field_that_cannot_be_kept_is_refused_by_its_name(values: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal) as refused:
        changes.cleaned(values)
    assert refused.value.code == "bad_value"
    assert words in str(refused.value)


def test_fields_are_kept_as_the_register_has_them() -> None:
    kept = changes.cleaned({"country": "Schweiz", "transfers": "US: DPF", "remote_access": "Pune, India; US",
                            "duration": " Two years ", "services": ["The Platform"]})
    assert kept == {"country": "CH", "transfers": (Transfer("US", "dpf", "dpf"),), "services": ("the-platform",),
                    "remote_access": ("Pune, India", "US"), "duration": "Two years"}
    assert changes.cleaned({"country": "", "transfers": ""}) == {"country": "", "transfers": ()}


def test_submit_refuses_with_everything_the_notice_has_to_say(house: House) -> None:
    with house.database.transaction() as session:
        olga, _ = factory.two_people(session)
        factory.baseline(session)
        item = changes.draft(session, ChangeKind.ADD, values={
            "legal_name": "Far Ltd", "activity": "Support", "locations": "CH", "remote_access": "Pune, India; US",
            "transfers": "Pune, India: adequacy"})
        ref = changes.propose(session, [item], reason="", planned_start=None, actor=olga, now=NOW).ref
        with pytest.raises(Refusal) as refused:
            changes.submit(session, ref, actor=olga, now=NOW)
        said = [str(detail) for detail in refused.value.details]
        assert "Far Ltd: Contact person is not filled in" in said
        assert "Far Ltd: Its own sub-processors is not filled in" in said
        assert ("Far Ltd: Pune, India: “adequacy decision” does not hold there under the GDPR; choose another basis"
                in said)
        assert any(gap.startswith("Far Ltd: US: adequate under the GDPR and FADP on a condition only") for gap in said)
        assert len([gap for gap in said if "is not filled in" in gap]) == 7


def test_a_correction_asks_for_what_it_takes_away_or_brings(house: House) -> None:
    with house.database.transaction() as session:
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        ref = factory.announced(session, olga, paul).ref
        before = changes.items_of(session, changes.get(session, ref))
        for values, gap in (({"contact": ""}, "Contact person is not filled in"),
                            ({"transfer_basis": ""}, "adequate under the GDPR and FADP on a condition only")):
            with pytest.raises(Refusal, match=gap):
                corrections.correct(session, ref, changes.mended(before, values), "It was wrong.", actor=olga, now=NOW)
