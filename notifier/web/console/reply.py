"""The reply address: whether it is proven to be read, and the two forms by which a person proves it."""

from __future__ import annotations

from flask import Response, g, request
from werkzeug.wrappers import Response as Answer

from notifier import clock
from notifier.domain.people import Role
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_
from notifier.web.access import staff
from notifier.web.console.desk import Names, acting, bp, done, page
from notifier.web.pages import house
from notifier.workflow import reply


@bp.get("/reply")
@staff
def reply_page() -> Response:
    """Where customers' answers go, until when that is proven, and how to prove it."""
    return _show()


def _show(refusal: Refusal | None = None) -> Response:
    now = clock.now()
    with house().database.reading() as db:
        standing = reply.standing(db, _address(), now)
        return page("reply.html", refusal=refusal, standing=standing, soon=standing.ends_soon(now), names=Names(db),
                    may=bool(g.actor.roles & {Role.OPS, Role.PRIVACY}), days=reply.PROOF_DAYS)


@bp.post("/reply/ask")
@staff
def ask_reply() -> Response | Answer:
    """A test mail with a new code leaves for the reply address."""
    try:
        with acting() as db:
            reply.ask(db, _address(), actor=g.actor, now=clock.now())
    except Refusal as refusal:
        return _show(refusal)
    return done("/console/reply", N_("A test mail with a code is on its way to %(mailbox)s."), mailbox=_address())


@bp.post("/reply/prove")
@staff
def prove_reply() -> Response | Answer:
    """The code of the test mail. A wrong one is counted, so the refusal comes after the commit."""
    try:
        with acting() as db:
            tried = reply.prove(db, _address(), request.form.get("code", ""), house().sender.signer, actor=g.actor,
                                now=clock.now())
        tried.settle()
    except Refusal as refusal:
        return _show(refusal)
    return done("/console/reply", N_("It is proven that %(mailbox)s is read."), mailbox=_address())


def _address() -> str:
    return house().settings.reply_address
