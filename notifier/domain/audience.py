"""Who is owed a notice of an announcement, and who is not, and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from notifier.domain.joining import ended
from notifier.domain.sentences import N_


class Why(StrEnum):
    """The codes of the audience roll."""

    USES_SERVICE = "uses_service"
    NO_SERVICES_RECORDED = "no_services_recorded"
    OTHER_SERVICES = "other_services"
    NOT_YET_CUSTOMER = "not_yet_customer"
    CONTRACT_ENDED = "contract_ended"


WORDS = {
    Why.USES_SERVICE: N_("buys a service this concerns"),
    Why.NO_SERVICES_RECORDED: N_("no services recorded, so every service counts as bought"),
    Why.OTHER_SERVICES: N_("buys none of the services this concerns"),
    Why.NOT_YET_CUSTOMER: N_("contract has not begun"),
    Why.CONTRACT_ENDED: N_("contract has ended"),
}
INCLUDED = frozenset({Why.USES_SERVICE, Why.NO_SERVICES_RECORDED})


@dataclass(frozen=True)
class Candidate:
    """What the rule needs of a customer: contract dates (civil) and the services bought (none recorded: all)."""

    services: frozenset[str]
    contract_start: date | None
    contract_end: date | None


def decide(candidate: Candidate, concerned: Collection[str], today: date) -> Why:
    """In or out, and why. `concerned` are the slugs of the services the changes touch."""
    if ended(candidate.contract_end, today):
        return Why.CONTRACT_ENDED
    if candidate.contract_start is not None and candidate.contract_start > today:
        return Why.NOT_YET_CUSTOMER
    if not candidate.services:
        return Why.NO_SERVICES_RECORDED
    return Why.USES_SERVICE if candidate.services & set(concerned) else Why.OTHER_SERVICES
