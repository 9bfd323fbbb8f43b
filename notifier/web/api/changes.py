"""Changes by the API: what there is, what stands in the way, and every verb of the command line under its own name."""

from __future__ import annotations

from typing import Any

from sqlmodel import col, select

from notifier.domain.changes import ChangeKind
from notifier.domain.gate import Code
from notifier.domain.register import FIELD_NAMES, EngagementValue
from notifier.domain.sentences import N_
from notifier.domain.states import ChangeState
from notifier.tables import Change
from notifier.web.api.operations import Call, Operation, cursor, invalid, page, within
from notifier.web.api.schema import Fault, choice, day, flag, obj, of_fields, ref, several, text
from notifier.workflow import (
    announcements,
    answers,
    changes,
    corrections,
    drafts,
    exceptions,
    exclusions,
    releases,
    starts,
)

SEPARABLE = ("no", "customer", "service")
VALUES = {**of_fields(EngagementValue, FIELD_NAMES, without=frozenset({"ref"})),
          "description": "Fields of an engagement. What is not named stays, or stays empty."}
CUSTOMER = ref("The reference of a customer.")
PAGING = {
    "cursor": text("Where to go on: “next” of the page before.", longest=20),
    "limit": {"type": "integer", "minimum": 1, "maximum": 200, "description": "How many at most; 50 unless said."},
}
_REASON = {"reason_missing": "/reason"}
_HOW = {"reason_missing": "/how", N_("Can customers be left out?"): "/separable"}


def _list(call: Call) -> dict[str, Any]:
    limit, before = int(call.given.get("limit", 50)), cursor(call.text("cursor"))
    query = select(Change).order_by(col(Change.id).desc()).limit(limit + 1)
    query = query.where(col(Change.id) < before) if before else query
    query = query.where(Change.state == ChangeState(call.given["state"])) if "state" in call.given else query
    return page([(c.id or 0, answers.brief(call.session, c)) for c in call.session.exec(query).all()], limit)


def _show(call: Call) -> dict[str, Any]:
    return answers.whole(call.session, changes.get(call.session, call.path["ref"]), call.now)


def _blockers(call: Call) -> dict[str, Any]:
    return answers.blockers(call.session, call.path["ref"], call.text("customer"), call.now).value()


def _propose(call: Call) -> dict[str, Any]:
    alone = {name: call.given[name] for name in ("ref", "replaces", "values") if name in call.given}
    if "items" in call.given and alone:
        raise invalid(*(Fault(f"/{name}", "this stands in “items” where several are given") for name in alone))
    items = []
    for n, entry in enumerate(call.given.get("items", [alone])):
        with within(f"/items/{n}" if "items" in call.given else ""):
            items.append(drafts.item(call.session, ChangeKind(call.given["kind"]), entry.get("values", {}),
                                     ref=entry.get("ref", ""), replaces=entry.get("replaces", "")))
    made = changes.propose(
        call.session, items, reason=call.text("reason"), planned_start=call.day("planned_start"),
        separable=call.given.get("separable", "no"), actor=call.actor, now=call.now,
    )
    return answers.proposed(call.session, made, call.now)


def _edit(call: Call) -> dict[str, Any]:
    change = changes.get(call.session, call.path["ref"], lock=True)
    values = drafts.with_slugs(call.session, call.given.get("values", {}))
    items = changes.mended(changes.items_of(call.session, change), values, call.text("engagement"))
    made = changes.edit(
        call.session, change.ref, items, reason=call.given.get("reason", change.reason),
        planned_start=call.day("planned_start") or change.planned_start,
        separable=call.given.get("separable", change.separable), actor=call.actor, now=call.now,
    )
    return answers.proposed(call.session, made, call.now)


def _submit(call: Call) -> dict[str, Any]:
    return answers.moved(changes.submit(call.session, call.path["ref"], actor=call.actor, now=call.now))


def _send_back(call: Call) -> dict[str, Any]:
    return answers.moved(changes.send_back(call.session, call.path["ref"], call.text("reason"), actor=call.actor,
                                           now=call.now))


def _approve(call: Call) -> dict[str, Any]:
    return answers.moved(changes.approve(call.session, call.path["ref"], reason=call.text("reason"), actor=call.actor,
                                         now=call.now))


def _reject(call: Call) -> dict[str, Any]:
    return answers.moved(changes.reject(call.session, call.path["ref"], call.text("reason"), actor=call.actor,
                                        now=call.now))


def _withdraw(call: Call) -> dict[str, Any]:
    return answers.moved(announcements.withdraw(call.session, call.path["ref"], call.text("reason"), actor=call.actor,
                                                now=call.now))


def _announce(call: Call) -> dict[str, Any]:
    call.house.preflight(call.session, call.now)
    refs = [call.path["ref"], *call.given.get("refs", [])]
    made = announcements.make_known(call.session, refs, actor=call.actor, now=call.now, words=call.text("words"))
    return answers.announced(call.session, made)


def _correct(call: Call) -> dict[str, Any]:
    name = call.path["ref"]
    if call.given.get("sign", False) == bool(call.given.get("values")):
        raise invalid(Fault("/sign", "give “values” for what it ought to say, or “sign” what another person asked for"))
    if call.given.get("sign"):
        made = corrections.sign(call.session, name, actor=call.actor, now=call.now)
    else:
        values = drafts.with_slugs(call.session, call.given["values"])
        items = changes.items_of(call.session, changes.get(call.session, name))
        made = corrections.correct(
            call.session, name, changes.mended(items, values, call.text("engagement")), call.text("words"),
            planned_start=call.day("planned_start"), actor=call.actor, now=call.now)
    if corrections.announces(made):
        call.house.preflight(call.session, call.now)
    return answers.corrected(name, made)


def _move_start(call: Call) -> dict[str, Any]:
    change = starts.move_start(call.session, call.path["ref"], call.needed("to"), call.text("reason"),
                               actor=call.actor, now=call.now)
    return answers.start_moved(change)


def _confirm_separable(call: Call) -> dict[str, Any]:
    change = exclusions.confirm_separable(call.session, call.path["ref"], call.text("separable"), call.text("how"),
                                          actor=call.actor, now=call.now)
    return answers.separable(change)


def _exclude(call: Call) -> dict[str, Any]:
    name, customer = call.path["ref"], call.text("customer")
    if call.given.get("confirm") and call.given.get("end"):
        raise invalid(Fault("/end", "give “confirm” or “end”, not both"))
    if call.given.get("confirm"):
        row = exclusions.confirm(call.session, name, customer, call.text("how"), actor=call.actor, now=call.now)
    else:
        act = exclusions.end if call.given.get("end") else exclusions.ask
        row = act(call.session, name, customer, call.text("reason"), actor=call.actor, now=call.now)
    return answers.excluded(name, customer, row)


def _override(call: Call) -> dict[str, Any]:
    codes = sorted(set(call.given["blockers"]))
    rows = exceptions.override(call.session, call.path["ref"], codes, call.text("reason"),
                               customer_ref=call.text("customer"), actor=call.actor, now=call.now)
    return answers.overridden(call.path["ref"], codes, rows)


def _irregular_start(call: Call) -> dict[str, Any]:
    since = call.needed("since")
    row = exceptions.irregular_start(call.session, call.path["ref"], call.text("reason"), since, actor=call.actor,
                                     now=call.now)
    return answers.started(call.path["ref"], since, row)


def _release(call: Call) -> dict[str, Any]:
    freed = releases.release(call.session, call.path["ref"], customer_ref=call.text("customer"), actor=call.actor,
                             now=call.now)
    return answers.released(changes.get(call.session, call.path["ref"]), freed)


def _reason(words: str) -> dict[str, Any]:
    return obj({"reason": text(words)})


_PROPOSED = {
    "reason": text("Why, in a sentence that customers read."), "planned_start": day("The planned start."),
    "separable": choice("Whether single customers can be left out.", *SEPARABLE),
}
_ITEM = {
    "ref": ref("The engagement to remove or modify; for a new one, the reference it gets."),
    "replaces": ref("The engagement that a new one replaces."), "values": VALUES,
}
_AT = "/changes/<ref>"

OPERATIONS = (
    Operation("list_changes", "GET", "/changes", "The changes, newest first.", "Changes", _list,
              query={"state": choice("Only those in this state.", *map(str, ChangeState)), **PAGING}),
    Operation("propose_change", "POST", "/changes", "Proposes a change, as a draft.", "Proposed", _propose, status=201,
              body=obj({"kind": choice("Which of the four acts.", *map(str, ChangeKind)), **_ITEM,
                        "items": several(obj(_ITEM), "Several engagements in one act, instead of one.", most=300,
                                         least=1),
                        **_PROPOSED}, needed=("kind",))),
    Operation("show_change", "GET", _AT, "One change: before and after, what is missing, what was done.", "Change",
              _show),
    Operation("edit_change", "POST", f"{_AT}/edit", "Mends a draft, or a change that was sent back.", "Proposed", _edit,
              body=obj({"values": VALUES, "engagement": ref("Which one, where the change concerns several."),
                        **_PROPOSED})),
    Operation("submit_change", "POST", f"{_AT}/submit", "Sends a draft to review.", "Moved", _submit),
    Operation("send_back_change", "POST", f"{_AT}/send-back", "Sends a change back to its proposer.", "Moved",
              _send_back, body=_reason("What has to be mended."), names=_REASON),
    Operation("approve_change", "POST", f"{_AT}/approve", "A second person's yes.", "Moved", _approve,
              body=_reason("A word on it, for the log.")),
    Operation("reject_change", "POST", f"{_AT}/reject", "Ends a change in review.", "Moved", _reject,
              body=_reason("Why it will not be done."), names=_REASON),
    Operation("announce_change", "POST", f"{_AT}/announce", "Makes approved changes known to every customer concerned.",
              "Announced", _announce, job="notifier.jobs.announce.proceed",
              body=obj({"refs": several(ref("A change."), "Further changes to announce in the same letter.", most=200),
                        "words": text("A note for the log.")})),
    Operation("correct_change", "POST", f"{_AT}/correct",
              "Corrects what was told; whatever widens it takes two people and gives time to object anew.", "Corrected",
              _correct, names={"reason_missing": "/words", N_("Planned start"): "/planned_start"},
              body=obj({"values": VALUES, "engagement": ref("Which one, where the change concerns several."),
                        "words": text("What was wrong; it stands in the letter."),
                        "planned_start": day("A new start, where the present one is too early now."),
                        "sign": flag("Sign, as the second person, the correction that was asked for.")})),
    Operation("withdraw_change", "POST", f"{_AT}/withdraw", "Ends a change that will not happen.", "Moved", _withdraw,
              body=_reason("Why; whoever was told reads it."), names=_REASON),
    Operation("confirm_change_separable", "POST", f"{_AT}/confirm-separable",
              "An engineer confirms whether customers can be left out.", "Separable", _confirm_separable, names=_HOW,
              body=obj({"separable": choice("Whether they can.", *SEPARABLE), "how": text("How, in their words.")},
                       needed=("separable", "how"))),
    Operation("exclude_customer", "POST", f"{_AT}/exclude",
              "Leaves an objecting customer out: privacy asks, an engineer confirms, and privacy may end it.",
              "Excluded", _exclude,
              body=obj({"customer": CUSTOMER, "reason": text("Why, to ask for it or to end it."),
                        "confirm": flag("As an engineer: it is left out; every year again."),
                        "how": text("How it is left out, with “confirm”."),
                        "end": flag("It is no longer left out.")}, needed=("customer",))),
    Operation("override_blockers", "POST", f"{_AT}/override",
              "Two people of privacy set single blockers aside: the first asks, the same by another signs.",
              "Overridden", _override, names={**_REASON, N_("Blocker"): "/blockers"},
              body=obj({"blockers": several(choice("A blocker.", *map(str, Code)), "What is set aside.", least=1),
                        "customer": CUSTOMER, "reason": text("Why; the second person signs the same words.")},
                       needed=("blockers", "reason"))),
    Operation("move_start", "POST", f"{_AT}/move-start", "Moves an announced start to a later day.",
              "StartMoved", _move_start, names=_REASON,
              body=obj({"to": day("The new start."), "reason": text("Why; it stands in the letter.")},
                       needed=("to",))),
    Operation("release_change", "POST", f"{_AT}/release", "Releases it to one customer, or to all it concerns.",
              "Released", _release, body=obj({"customer": CUSTOMER})),
    Operation("start_irregularly", "POST", f"{_AT}/irregular-start",
              "Two people of privacy record that processing has begun anyway; every customer concerned is told.",
              "Started", _irregular_start, names={**_REASON, N_("Since"): "/since"},
              body=obj({"since": day("The day on which processing began."),
                        "reason": text("What happened, as customers read it.")}, needed=("since", "reason"))),
    Operation("take_effect", "POST", f"{_AT}/take-effect", "Starts it for everybody it concerns.", "Released",
              _release),
    Operation("list_blockers", "GET", f"{_AT}/blockers", "What stands between a change and its customers.", "Blockers",
              _blockers, query={"customer": CUSTOMER}),
)
