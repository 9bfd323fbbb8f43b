"""What a customer's terms mean for it, in the sentences its letters and pages say: its period, its silence, and what
follows when an objection finds no agreement. No letter promises what the customer's own terms do not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.domain.sentences import N_, Sentence
from notifier.domain.terms import Authorisation, DayKind, Decides, Refund, Remedy, Terms, WindowRuns

_FAILING: Mapping[tuple[Decides, Remedy], str] = {
    (Decides.CUSTOMER, Remedy.AFFECTED_SERVICE): N_("If we find none, you may terminate the affected service."),
    (Decides.CUSTOMER, Remedy.WHOLE_CONTRACT): N_("If we find none, you may terminate the whole agreement."),
    (Decides.EITHER, Remedy.AFFECTED_SERVICE): N_("If we find none, either of us may terminate the affected service."),
    (Decides.EITHER, Remedy.WHOLE_CONTRACT): N_("If we find none, either of us may terminate the whole agreement."),
    (Decides.PROCESSOR, Remedy.AFFECTED_SERVICE): N_(
        "If we find none, your agreement leaves it to us how the matter ends; the affected service may end."
    ),
    (Decides.PROCESSOR, Remedy.WHOLE_CONTRACT): N_(
        "If we find none, your agreement leaves it to us how the matter ends; the whole agreement may end."
    ),
}
_NO_RIGHT = N_("If we find none, your agreement names no right to terminate; what the law gives you stays as it is.")
_DAYS = N_("You have at least %(days)s days for that from the day we tell you so.")
_THEN = {
    Remedy.AFFECTED_SERVICE: N_("You may then terminate the affected service."),
    Remedy.WHOLE_CONTRACT: N_("You may then terminate the whole agreement."),
}
_REFUND = {
    Refund.PRO_RATA: N_("What you have paid for the time after a termination is given back in proportion."),
    Refund.NONE: N_("Under your agreement, what you have paid in advance is not given back."),
}
_CONSENT = N_(
    "If we hear nothing from you by then, your silence counts as authorisation by %(customer)s under the agreement"
    " named above."
)
_SPECIFIC = N_(
    "Your agreement asks for your specific authorisation. Silence is not consent: nothing of this starts for"
    " %(customer)s until you have said yes."
)
_NO_CONSENT = N_(
    "Under your agreement silence is not consent: nothing of this starts for %(customer)s until you have said yes."
)
_HOLDS = N_(
    "If you object, what you object to does not start for %(customer)s while your objection is open. We look for a"
    " solution with you."
)
_PERIOD = {
    DayKind.CALENDAR: N_("You have %(days)s days from the day this letter reaches you."),
    DayKind.BUSINESS: N_("You have %(days)s working days from the day this letter reaches you."),
}
_UNTIL_START = N_("Under your agreement you may object until the change starts.")
_PAST_START = N_("Under your agreement a change may start on its planned day although this period is still running.")


@dataclass(frozen=True)
class Clauses:
    """One customer's terms as sentences; `customer` its name."""

    terms: Terms
    customer: str

    @property
    def period(self) -> tuple[Sentence, ...]:
        """How long it has to object."""
        if self.terms.window_runs is WindowRuns.UNTIL_START:
            return (Sentence(_UNTIL_START),)
        days = Sentence(_PERIOD[self.terms.day_kind], {"days": self.terms.window_days})
        return (days, Sentence(_PAST_START)) if self.terms.window_runs is WindowRuns.PAST_START else (days,)

    @property
    def silence(self) -> Sentence:
        """What its silence means."""
        words = _CONSENT
        if self.terms.needs_yes:
            words = _SPECIFIC if self.terms.authorisation is Authorisation.SPECIFIC else _NO_CONSENT
        return Sentence(words, {"customer": self.customer})

    @property
    def objecting(self) -> tuple[Sentence, ...]:
        """What follows when it objects, to the very end."""
        found = [Sentence(_HOLDS, {"customer": self.customer}), self.failing]
        if self.terminable and self.terms.decides is not Decides.PROCESSOR:
            found.append(Sentence(_DAYS, {"days": self.terms.termination_days}))
        return (*found, *self.refund)

    @property
    def failing(self) -> Sentence:
        """What follows when no solution is found."""
        return Sentence(_FAILING.get((self.terms.decides, self.terms.remedy), _NO_RIGHT))

    @property
    def then(self) -> tuple[Sentence, ...]:
        """What it may do once there is no agreement."""
        return (Sentence(_THEN[self.terms.remedy]),) if self.terminable else ()

    @property
    def refund(self) -> tuple[Sentence, ...]:
        """Whether what was paid in advance comes back, where its terms say so and something may be terminated."""
        stated = self.terminable and self.terms.refund in _REFUND
        return (Sentence(_REFUND[self.terms.refund]),) if stated else ()

    @property
    def terminable(self) -> bool:
        """Whether its terms let anything be terminated at all."""
        return self.terms.remedy is not Remedy.NONE

    @property
    def whole(self) -> bool:
        """Whether it is the whole agreement that may be terminated."""
        return self.terms.remedy is Remedy.WHOLE_CONTRACT
