"""Engagements by the API: the list in effect, and the question that pipelines ask."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import select

from notifier.tables import Engagement
from notifier.web.api.changes import CUSTOMER, PAGING
from notifier.web.api.operations import Call, Operation, cursor, page
from notifier.web.api.schema import day
from notifier.workflow import answers, processing, register, settings


def _list(call: Call) -> dict[str, Any]:
    limit, after = int(call.given.get("limit", 50)), cursor(call.text("cursor"))
    numbers = {ref: number or 0 for ref, number in call.session.exec(select(Engagement.ref, Engagement.id))}
    rows = [(numbers[value.ref], value.to_json()) for value in register.current(call.session)]
    return page([(number, value) for number, value in rows if number > after], limit)


def _may_process(call: Call) -> dict[str, Any]:
    engagement, customer = call.path["ref"], call.text("customer")
    on = call.day("on") or call.now.astimezone(ZoneInfo(settings.organisation(call.session).zone)).date()
    answer = processing.may_process(call.session, engagement, customer, on, call.now)
    return answers.may_process(engagement, customer, on, answer)


OPERATIONS = (
    Operation("list_engagements", "GET", "/engagements", "The list in effect.", "Engagements", _list, query=PAGING),
    Operation("may_process", "GET", "/engagements/<ref>/may-process",
              "Whether an engagement may process a customer's data on a day, and why.", "MayProcess", _may_process,
              query={"customer": CUSTOMER, "on": day("On which day; today, where the processor sits, unless said.")},
              needed=("customer",)),
)
