"""A customer's objection: the form, what follows, and the case to its end; by signed link, no account.

Every act is one POST around one verb, and every page before it shows what will be recorded (WCAG 2.2, 3.3.4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4, uuid5

from flask import Blueprint, Response, request
from sqlmodel import Session

from notifier import clock, text
from notifier.domain import objections as rules
from notifier.domain.people import Kind
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.domain.states import OBJECTION
from notifier.tables import Objection
from notifier.web import customers, endings, notices, pages
from notifier.web.customers import Part, Visit
from notifier.web.pages import house
from notifier.workflow import customers as customer_verbs
from notifier.workflow import letters, objections
from notifier.workflow.objections import Filing

bp = Blueprint("objections", __name__)
customers.prepare(bp)

LONGEST_NAME, LONGEST_ADDRESS = 200, 254
Errors = dict[str, Sentence]


@dataclass(frozen=True)
class Entry:
    """The form as it was sent: which changes and grounds are ticked, the words, and who writes."""

    changes: tuple[str, ...]
    grounds: tuple[str, ...]
    text: str
    name: str
    function: str
    email: str
    nonce: str

    def composed(self, language: str) -> str:
        """The objection as it is filed: the grounds ticked, in words, ahead of the customer's own."""
        tell = text.gettext(language)
        named = [tell(words) for code, words in rules.GROUNDS if code in self.grounds]
        heading = f"{tell(N_('Grounds'))}: {'; '.join(named)}" if named else ""
        return "\n\n".join(part for part in (heading, self.text) if part)


@bp.get("/n/<token>/object")
def form(token: str) -> Response:
    """The form, with everything known already filled in."""
    with house().database.reading() as db:
        visit = customers.enter_notice(db, token)
        parts = _offered(db, visit)
        due = notices.due(db, visit, clock.now())
    # What only informs is not ticked: whoever objects to a newcomer seldom means the removal beside it.
    ticked = [p.change.ref for p in parts if p.act.opens] or [p.change.ref for p in parts]
    name = visit.contact.name if visit.contact else ""
    return _form(parts, due, Entry(tuple(ticked), (), "", name, "", visit.email, str(uuid4())), {})


@bp.post("/n/<token>/object")
def answer(token: str) -> Response:
    """The form sent: back with what has to be mended, on to the check, or, from there, filed."""
    with house().database.reading() as db:
        visit = customers.enter_notice(db, token)
        parts = _offered(db, visit)
        due = notices.due(db, visit, clock.now())
    entry = _entered(parts)
    errors = _faults(entry) if parts else {}
    if errors or not parts or request.form.get("step") == "edit":
        page = _form(parts, due, entry, errors)
        return customers.refused_entry(page) if errors else page
    if request.form.get("step") == "file":
        return _file(token, entry)
    return customers.page(
        "objection/check.html", entry=replace(entry, name=entry.name or visit.name), due=due,
        chosen=[p for p in parts if p.change.ref in entry.changes], composed=entry.composed(pages.language()),
    )


def _file(token: str, entry: Entry) -> Response:
    now = clock.now()
    with house().database.transaction() as db:
        visit = customers.enter_notice(db, token)
        # Bound to the notice, so that no form can reach, or bar, a case filed under another one.
        nonce = str(uuid5(UUID(visit.notice.uid), entry.nonce)) if entry.nonce else ""
        filing = Filing(
            text=entry.composed(pages.language()), name=entry.name or visit.name, email=_address(entry.email),
            function=entry.function, changes=entry.changes, nonce=nonce, language=pages.language(),
        )
        case = objections.file(db, visit.notice.id or 0, filing, contact_id=visit.link.contact_id,
                               actor=visit.actor, now=now)
        path = f"/o/{house().sender.signer.token(letters.case_link(db, case, now))}/filed"
    house().ring_all()
    return customers.see(path)


def _offered(db: Session, visit: Visit) -> list[Part]:
    """What can be objected to: everything of the notice that has not been taken back."""
    return [part for part in customers.parts(db, visit) if part.stands]


def _form(
    parts: Sequence[Part], due: notices.Due | None, entry: Entry, errors: Mapping[str, Sentence]
) -> Response:
    return customers.page("objection/form.html", parts=parts, due=due, entry=entry, errors=errors,
                          grounds=rules.GROUNDS, longest=rules.LONGEST)


def _entered(parts: Sequence[Part]) -> Entry:
    offered = [p.change.ref for p in parts]
    ticked = request.form.getlist("changes") if len(offered) > 1 else offered
    grounds = request.form.getlist("grounds")
    return Entry(
        changes=tuple(ref for ref in offered if ref in ticked),
        grounds=tuple(code for code, _ in rules.GROUNDS if code in grounds),
        text=customers.entered("text"), name=customers.entered("name", one_line=True),
        function=customers.entered("function", one_line=True),
        email=customers.entered("email", one_line=True),
        nonce=customers.entered("nonce", one_line=True)[:100],
    )


def _faults(entry: Entry) -> Errors:
    """What has to be mended before filing, by field. Never the reasons: every objection is taken in."""
    found: Errors = {}
    if not entry.changes:
        found["changes"] = Sentence(N_("Choose at least one change you object to."))
    composed = entry.composed(pages.language())
    if not composed:
        found["text"] = Sentence(N_("Write at least one sentence on why you object."))
    elif (over := len(composed) - rules.LONGEST) > 0:
        words = N_("Shorten your text by %(over)s characters; 20,000 fit, the grounds ticked included.")
        found["text"] = Sentence(words, {"over": over})
    for name, label in (("name", N_("name")), ("function", N_("function"))):
        if len(getattr(entry, name)) > LONGEST_NAME:
            found[name] = Sentence(N_("Shorten the %(label)s to 200 characters."), {"label": label})
    if not _address(entry.email):
        found["email"] = Sentence(
            N_("Enter an e-mail address such as name@example.com, so that the receipt reaches you."))
    return found


def _address(email: str) -> str:
    """The address as letters use it, or "" where it is none."""
    try:
        address = customer_verbs.address(email)
    except Refusal:
        return ""
    return address if len(address) <= LONGEST_ADDRESS else ""


@bp.get("/o/<token>/filed")
def filed(token: str) -> Response:
    """The receipt on the screen; the one that counts as a letter goes out by mail."""
    with house().database.reading() as db:
        _, case = customers.enter_case(db, token)
    return customers.page("objection/filed.html", case=case)


@bp.get("/o/<token>")
def show(token: str) -> Response:
    """The case: where it stands, what comes next, everything said."""
    return _case(token, {})


@bp.post("/o/<token>/message")
def message(token: str) -> Response:
    """A message of the customer's; the same words sent twice in a row are one message."""
    words = customers.entered("message")
    if fault := _unfit(words):
        return customers.refused_entry(_case(token, {"message": fault}))
    with house().database.transaction() as db:
        visit, case = customers.enter_case(db, token)
        case = objections.get(db, case.ref, lock=True)
        if not _said(db, case, words):
            objections.message(db, case.ref, words, actor=visit.actor, now=clock.now())
    house().ring_all()
    return customers.see(visit.to(visit.home, "messages"))


@bp.post("/o/<token>/contradict")
def contradict(token: str) -> Response:
    """The customer does not see it as we closed it. Reasons are welcome and not needed."""
    words = customers.entered("contradiction")
    if words and (fault := _unfit(words)):
        return customers.refused_entry(_case(token, {"contradiction": fault}))
    with house().database.transaction() as db:
        visit, case = customers.enter_case(db, token)
        case = objections.get(db, case.ref, lock=True)
        words = words or text.gettext(pages.language())(N_("We do not agree with this."))
        if not _said(db, case, words):
            objections.contradict(db, case.ref, words, actor=visit.actor, now=clock.now())
    house().ring_all()
    return customers.see(visit.to(visit.home))


@bp.get("/o/<token>/message")
@bp.get("/o/<token>/contradict")
def onward(token: str) -> Response:
    """Both forms stand on the case's own page."""
    with house().database.reading() as db:
        visit, _ = customers.enter_case(db, token)
    return customers.see(visit.to(visit.home))


def _case(token: str, errors: Mapping[str, Sentence]) -> Response:
    now = clock.now()
    with house().database.reading() as db:
        visit, case = customers.enter_case(db, token)
        ended = objections.termination_of(db, case)
        values: dict[str, Any] = {
            "case": case, "acts": [customers.act(db, visit, c) for c in objections.changes_of(db, case)],
            "messages": objections.messages(db, case), "right_open": endings.right_open(visit, case, now),
            "ended": ended[0] if ended else None,
            "ended_service": ended[1].name if ended and ended[1] else "",
            "may": {action for action in ("withdraw", "contradict") if _may(case, action)},
            "entered": {name: customers.entered(name) for name in ("message", "contradiction")},
        }
    return customers.page("objection/case.html", errors=errors, **values)


def _may(case: Objection, action: str) -> bool:
    """Whether the customer can make this move now, by the state machine."""
    legal = OBJECTION.find(case.state, action)
    return legal is not None and Kind.CONTACT in legal.by


def _said(db: Session, case: Objection, words: str) -> bool:
    """Whether these are the customer's last words in the case: the same form, sent again."""
    said = objections.messages(db, case)
    return bool(said) and not said[-1].from_us and said[-1].text == words


def _unfit(words: str) -> Sentence | None:
    if not words:
        return Sentence(N_("Write your message first."))
    over = len(words) - rules.LONGEST
    if over <= 0:
        return None
    return Sentence(N_("Shorten your text by %(over)s characters; 20,000 fit."), {"over": over})
