"""A small edition with a change of every kind and state, for goldens and checks."""

from datetime import UTC, date, datetime

from feeds import Site
from notifier.domain.listing import ListedService, ListValue, Organisation, PublishedChange, PublishedItem
from notifier.domain.register import EngagementValue
from notifier.domain.transfers import Transfer

SITE = Site("https://lists.example.com", ("en", "de"))
SHA256 = "5f" * 32

HOSTING = EngagementValue(
    ref="alpine-hosting", legal_name="Alpine Hosting AG", address="Bergweg 1, 8001 Zurich, Switzerland",
    country="CH", activity="Hosting of the platform", data_categories=("Name", "E-mail address"),
    data_subjects=("Users",), locations=("Zurich, Switzerland",),
    guarantee="Order data processing agreement", certificates=("ISO 27001",),
)
MAILER = EngagementValue(
    ref="post-mail", legal_name="Post & Mail Ltd", address="1 Quay, Dublin 1, Ireland", country="IE",
    activity="Sending of e-mail", data_categories=("E-mail address",), services=("platform",),
    guarantee="Data Processing Addendum", contact="Ines Post", contact_position="Data protection officer",
    contact_address="privacy@post.example", locations=("IE",), remote_access=("IN",),
    transfers=(Transfer("IN", "scc_3", "scc_3", "signed on 1 March 2026; annex 2"),), own_subprocessors="none",
)
NEW_MAILER = MAILER.with_(
    ref="letters", legal_name="Letters B.V.", address="Kade 5, 1011 Amsterdam, Netherlands", country="NL",
    contact="Jan Brief", contact_address="privacy@letters.example", locations=("NL",), remote_access=(), transfers=(),
)
COUNTER = EngagementValue(
    ref="counter", legal_name="Counter, Inc.", address="1 Front Street, San Francisco, USA", country="US",
    activity="Analysis of usage", data_categories=("Use of online services",), services=("insights",),
    guarantee="Data Processing Addendum", transfer_basis="EU standard contractual clauses",
    special_categories=("Health data",), locations=("US",), transfers=(Transfer("US", "dpf", "scc"),),
    delimitation="It measures, we judge.", duration="Two years",
)


def at(day: int, hour: int = 8) -> datetime:
    """A moment in March 2026, UTC."""
    return datetime(2026, 3, day, hour, 0, tzinfo=UTC)


def a_change(number: int, kind: str, state: str, *items: PublishedItem, services: tuple[str, ...] = (),
             in_effect_on: date | None = None, updated: datetime | None = None) -> PublishedChange:
    """A published change announced on the given day of March 2026."""
    return PublishedChange(
        ref=f"C-2026-{number:03}", uid=f"0b9f4f5e-5a0e-4c53-9d1c-{number:012}", kind=kind, state=state,
        announced_at=at(number), updated_at=updated or at(number), planned_start=date(2026, 5, number),
        in_effect_on=in_effect_on, services=services, reason="", items=items,
    )


CHANGES = (
    a_change(9, "add", "announced", PublishedItem(None, COUNTER), services=("insights",)),
    a_change(7, "replace", "announced", PublishedItem(MAILER, NEW_MAILER), services=("platform",)),
    a_change(5, "remove", "withdrawn", PublishedItem(MAILER, None), services=("platform",),
             updated=at(6, 15)),
    a_change(3, "modify", "in_effect",
             PublishedItem(HOSTING.with_(locations=("Basel, Switzerland",)), HOSTING),
             in_effect_on=date(2026, 3, 4), updated=at(4, 0)),
)
VALUE = ListValue(
    edition=12, as_of=at(9, 9),
    organisation=Organisation(
        "Muster AG", "Gasse 2, 8005 Zurich, Switzerland", "CH", contact="privacy@example.com"
    ),
    services=(ListedService("platform", "Platform"), ListedService("insights", "Insights & Reports")),
    engagements=(HOSTING, MAILER), changes=CHANGES,
)
