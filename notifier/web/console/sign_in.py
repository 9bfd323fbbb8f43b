"""Signing in and out. Too many wrong passwords for one address make everybody wait who tries it next."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, current_app, g, redirect, request, session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from notifier import clock, text
from notifier.domain.people import Door
from notifier.domain.refusals import Refusal
from notifier.web.access import remember
from notifier.web.console.desk import bp, page
from notifier.web.pages import house
from notifier.workflow import people

HOME = "/console/"


@dataclass
class _Tally:
    failures: int
    until: float  # monotonic seconds


class Patience:
    """Wrong passwords by address, in the memory of this process: after `free` of them each further try waits
    twice as long as the one before, from one second to `longest`. A restart forgets, every web process counts
    for itself: it slows guessing down, and argon2id does the rest."""

    free = 5
    longest = 300.0
    most = 10_000  # addresses held; beyond, those that wait least are let go

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._held: dict[str, _Tally] = {}

    def wait(self, address: str) -> int:
        """Seconds until this address may be tried again; 0: now."""
        held = self._held.get(address)
        return max(0, math.ceil(held.until - self._seconds())) if held else 0

    def failed(self, address: str) -> None:
        """Another wrong password."""
        held = self._held.setdefault(address, _Tally(0, 0.0))
        held.failures += 1
        extra = held.failures - self.free
        if extra >= 0:
            held.until = self._seconds() + min(self.longest, 2.0 ** min(extra, 30))
        if len(self._held) > self.most:
            for gone in sorted(self._held, key=lambda a: self._held[a].until)[: self.most // 10]:
                del self._held[gone]

    def forget(self, address: str) -> None:
        """The right password: the count starts anew."""
        self._held.pop(address, None)


patience = Patience()


@bp.get("/sign-in")
def sign_in_page() -> Response:
    """The form."""
    return page("sign_in.html", wait=0, next=request.args.get("next", ""))


@bp.post("/sign-in")
def sign_in() -> Response | Answer:
    """Lets a person in, and on to the page they wanted; else the form again, saying why."""
    address = request.form.get("email", "").strip().lower()[:254]
    wanted = request.form.get("next", "")
    if wait := patience.wait(address):
        answer = page("sign_in.html", wait=wait, next=wanted)
        answer.status_code, answer.headers["Retry-After"] = 429, str(wait)
        return answer
    try:
        with house().database.transaction() as db:
            user = people.sign_in(db, address, request.form.get("password", ""), door=Door.CONSOLE, now=clock.now())
    except Refusal as refusal:
        patience.failed(address)
        return page("sign_in.html", refusal=refusal, wait=0, next=wanted)
    patience.forget(address)
    remember(user)
    g.language = text.known(user.language)
    return redirect(own(wanted), 303)


@bp.post("/sign-out")
def sign_out() -> Answer:
    """Ends the sign-in of this browser."""
    session.clear()
    return redirect("/console/sign-in", 303)


def own(path: str) -> str:
    """The wanted address where it is a page of this console that can be opened, else the board."""
    if not path.startswith("/console/"):
        return HOME
    try:
        current_app.url_map.bind("localhost").match(path.partition("?")[0], method="GET")
    except HTTPException:
        return HOME
    return path
