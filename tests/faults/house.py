"""A whole installation as processes of the test: web, two mail workers, a desk worker, the clock. Whatever is killed is
started again, as a supervisor would; nothing else is ever done by hand."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import select

from notifier import clock, db
from notifier.db import Database
from notifier.domain.people import Door, system
from notifier.house import seed_values
from notifier.settings import Settings
from notifier.supervisor import die_with_parent
from notifier.tables import Delivery, DeliveryEvent, Lane, Link, Notice, ProviderPost
from notifier.workflow import announcements, blobs, links, verify
from notifier.workflow import settings as setting_verbs
from notifier.workflow.customers import ContactEntry, CustomerEntry
from notifier.workflow.links import Signer
from tests import factory
from tests.faults.machines import Mailjet, Redis
from tests.journeys.installation import free_port
from tests.smtp_standin import SmtpStandIn

KINDS = {"web": ["web"], "mail-1": ["worker", "mail"], "mail-2": ["worker", "mail"], "desk": ["worker", "desk"],
         "clock": ["clock"]}
UNFINISHED = ("queued", "sending", "uncertain")


@dataclass
class House:
    """A running installation. `env` is what its processes are told; `killed` counts what was killed."""

    folder: Path
    env: Mapping[str, str]
    database: Database
    mailjet: Mailjet
    redis: Redis
    smtp: bool = False
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    read: dict[str, int] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Starts one process."""
        parent, log = os.getpid(), self.folder / f"{name}.log"
        self.read[name] = log.stat().st_size if log.exists() else 0
        with log.open("ab") as out:
            self.children[name] = subprocess.Popen(
                [sys.executable, "-m", "notifier", *KINDS[name]], env={**os.environ, **self.env}, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL, parent),
            )

    def listens(self, name: str) -> bool:
        """Whether a worker is at work, or has ended."""
        said = (self.folder / f"{name}.log").read_bytes()[self.read[name]:]
        return b"listens" in said or self.children[name].poll() is not None

    def revive(self) -> None:
        """Starts what has ended by itself, as a supervisor does."""
        for name, child in list(self.children.items()):
            if child.poll() is not None:
                self.start(name)

    def kill(self, name: str) -> None:
        """kill -9, and a new one in its place."""
        self.children[name].kill()
        self.children[name].wait(10)
        self.killed[name.split("-")[0]] += 1
        self.start(name)

    def kill_often(self, times: int, chance: random.Random) -> None:
        """Kills workers for letters so many times at random moments of their work, by turns, and besides them the
        desk's and the clock now and then."""
        for n in range(times):
            for name in (f"mail-{n % 2 + 1}", *([("desk", "clock")[n // 7 % 2]] if n % 7 == 6 else [])):
                if name != "clock":
                    self.until(partial(self.listens, name), 60)
                time.sleep(chance.uniform(0.02, 1.5))
                self.kill(name)

    def stop(self, name: str) -> None:
        """kill -9, and nobody in its place until it is started."""
        child = self.children.pop(name)
        child.kill()
        child.wait(10)

    def post(self, path: str, body: bytes, auth: str = "") -> int:
        """Posts to the web process; the status of its answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.env['PORT']}{path}", data=body)
        if auth:
            request.add_header("Authorization", f"Basic {base64.b64encode(auth.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)

    def letters(self) -> Counter[str]:
        """How many letters stand in which state; where the database is away, none are known."""
        with self.database.reading() as session:
            return Counter({str(s): int(n) for s, n in session.execute(
                sa.select(Delivery.state, sa.func.count()).group_by(Delivery.state))})

    def until(self, true: Callable[[], Any], seconds: float) -> None:
        """Waits until something is so; says in which state the letters are when it does not come about."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"{self.letters()}\n{self.tail()}"
            time.sleep(0.1)

    def tail(self) -> str:
        """The last lines of every process."""
        return "\n".join(f"== {p.name}\n{p.read_text()[-1500:]}" for p in sorted(self.folder.glob("*.log")))

    def settle(self, seconds: float = 300) -> None:
        """Waits until no letter is on its way and every event is in: by itself, with nobody lending a hand. A mail
        server tells no events, so that what it has accepted is as far as it gets."""
        under_way = UNFINISHED if self.smtp else (*UNFINISHED, "accepted")

        def settled() -> bool:
            self.revive()
            letters = self.letters()
            return not any(letters[state] for state in under_way) and not self.posts()

        self.until(settled, seconds)

    def posts(self) -> int:
        """How many bodies of events wait to be read."""
        with self.database.reading() as session:
            return int(session.scalar(
                sa.select(sa.func.count()).select_from(ProviderPost).where(ProviderPost.read_at == None)) or 0)  # noqa: E711

    def troubles(self) -> list[str]:
        """Which lanes are shut, in words."""
        with self.database.reading() as session:
            return [lane.words for lane in session.exec(select(Lane)) if lane.shut_at is not None]

    def owed(self) -> list[tuple[Delivery, Notice]]:
        """Every letter that gives a notice."""
        with self.database.reading() as session:
            return list(session.exec(select(Delivery, Notice).where(
                Delivery.notice_id == Notice.id, Delivery.kind == "change_announced")))

    def check(self, *, refused: bool = False) -> None:
        """Every contact owed a letter has exactly one accepted copy at the provider, every row ended in a true state,
        and the log agrees with all of it. `refused` letters were turned away for good, and have none."""
        taken = Counter(one["ref"] for one in self.mailjet.taken()["taken"])
        for letter, notice in self.owed():
            copies, local = taken[letter.ref], letter.to_email.partition("@")[0]
            if letter.state == "failed":
                assert refused and copies == 0 and notice.state == "undeliverable", letter.to_email
                continue
            expected = {"bounce": "bounced", "blocked": "blocked", "late": "bounced"}.get(local, "delivered")
            assert (copies, str(letter.state)) == (1, expected), (letter.to_email, copies, letter.state)
            if local in ("legal", "spam"):
                assert (notice.state, notice.given_by) == ("given", "provider"), letter.to_email
        self.sound()

    def check_smtp(self, standin: SmtpStandIn) -> None:
        """The same of a mail server, which nobody can ask afterwards: a letter has one copy there, and more only where
        its outcome was unknown, all of them under one Message-ID."""
        copies: dict[str, list[bytes]] = {}
        for envelope in standin.envelopes:
            ref = next(option[6:] for option in envelope.sender_options if option.startswith("ENVID="))
            copies.setdefault(ref, []).append(_message_id(envelope.letter))
        with self.database.reading() as session:
            doubted = set(session.exec(select(DeliveryEvent.delivery_id).where(DeliveryEvent.kind == "doubt")))
        for letter, _ in self.owed():
            held = copies.get(letter.ref, [])
            assert (str(letter.state), len(set(held))) == ("accepted", 1), (letter.to_email, letter.state, held)
            assert len(held) == 1 or letter.id in doubted, (letter.to_email, len(held))
        self.sound()

    def links(self) -> list[tuple[str, str]]:
        """By letter that arrived at the only contact of a customer: its reference, and the token of the link in it."""
        signer = Signer((self.env["NOTIFIER_SECRET_KEY"],))
        with self.database.reading() as session:
            rows = session.exec(select(Delivery.ref, Link.id).where(
                Delivery.notice_id == Link.target_id, Link.kind == links.NOTICE, Link.contact_id == Delivery.contact_id,
                Delivery.kind == "change_announced", Delivery.state == "delivered"))
            return [(ref, signer.token_of(links.NOTICE, number or 0)) for ref, number in rows]

    def acted_on(self) -> None:
        """What customers did stays a proof though every letter came back."""
        for letter, notice in self.owed():
            assert (letter.state in ("bounced", "blocked"), notice.state) == (True, "given"), letter.to_email
            assert (notice.given_by, notice.proof) == ("customer", {"act": "acknowledgement"}), letter.to_email
        self.sound()

    def sound(self) -> None:
        """The log agrees with every row, no lane is shut, and nothing that was reported was given up on."""
        with self.database.reading() as session:
            assert verify.chain(session) == []
            assert all(lane.shut_at is None for lane in session.exec(select(Lane)))
            assert session.exec(select(ProviderPost.words)).all() == []


def copies(house: House) -> None:
    """Every letter that was handed over is kept as it left: the copy stands under its hash, and unpacks to it."""
    with house.database.reading() as session:
        rows = session.exec(select(Delivery).where(sa.or_(Delivery.state == "accepted", Delivery.state == "delivered")))
        for row in rows.all():
            body = blobs.body(session, row.letter_sha256)
            assert body is not None, f"{row.to_email}: no copy of {row.kind}"
            assert hashlib.sha256(body).hexdigest() == row.letter_sha256, row.to_email


def _message_id(letter: bytes) -> bytes:
    return next(line for line in letter.split(b"\r\n") if line.lower().startswith(b"message-id:"))


def customers(count: int) -> Iterator[CustomerEntry]:
    """Customers with one notice contact each; of every fifty one has a first contact that fails, and a second."""
    fates = ("bounce", "blocked", "late")
    for n in range(count):
        host = f"c{n}.example"
        contacts: tuple[ContactEntry, ...] = (ContactEntry(f"legal@{host}", "Lea"),)
        if n % 50 == 7:
            contacts = (ContactEntry(f"{fates[n // 50 % 3]}@{host}", "Fay"), ContactEntry(f"legal@{host}", "Lea",
                                                                                         position=2))
        if n % 50 == 9:
            contacts = (ContactEntry(f"spam@{host}", "Sam"),)
        yield CustomerEntry(ref=f"c{n}", name=f"Customer {n}", services=("platform",), contacts=contacts,
                            terms={"notify": "in_order"})


@contextmanager
def running(
    folder: Path, database_url: str, count: int, *, over: float = 0.0, smtp_url: str = ""
) -> Iterator[House]:
    """An installation with `count` customers who have just been announced a change; their letters become due evenly
    within `over` seconds. They leave by the mail server at `smtp_url` where one is given, else by Mailjet."""
    port = free_port()
    redis = Redis(folder)
    mailjet = Mailjet(f"http://127.0.0.1:{port}/webhooks/mailjet", "events:secret")
    env = {
        "DATABASE_URL": database_url, "NOTIFIER_DATA_DIR": str(folder), "REDIS_URL": redis.url, "PORT": str(port),
        "NOTIFIER_SECRET_KEY": "s" * 40, "NOTIFIER_MAIL_TRANSPORT": "mailjet", "MAILJET_API_KEY": "key",
        "MAILJET_API_SECRET": "secret", "NOTIFIER_MAILJET_URL": mailjet.url, "REQUESTS_CA_BUNDLE": mailjet.ca_file,
        "NOTIFIER_MAILJET_EVENTS_AUTH": "events:secret", "NOTIFIER_BASE_URL": "https://list.example",
        "NOTIFIER_MAIL_FROM": "notices@processor.example", "NOTIFIER_ORG_LEGAL_NAME": "Processor AG",
        "NOTIFIER_ORG_CONTACT": "privacy@processor.example",
        "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(Path(__file__).parents[2]),
        "NOTIFIER_SWEEP_SECONDS": "0.3", "NOTIFIER_LEASE_SECONDS": "5", "NOTIFIER_LOOK_AGAIN_MINUTES": "0.07",
    }
    if smtp_url:  # a lease outlasts the slowest run, or two workers would have a letter in hand
        env |= {"NOTIFIER_MAIL_TRANSPORT": "smtp", "NOTIFIER_SMTP_URL": smtp_url, "NOTIFIER_LEASE_SECONDS": "45"}
    house = House(folder, env, Database(database_url), mailjet, redis, smtp=bool(smtp_url))
    try:
        _announce(house, count, over)
        for name in KINDS:
            house.start(name)
        house.until(lambda: all(house.listens(name) for name in KINDS if KINDS[name][0] == "worker"), 60)
        yield house
    finally:
        for child in house.children.values():
            child.kill()
            child.wait(10)
        house.database.close()
        mailjet.close()
        redis.stop()


def _announce(house: House, count: int, over: float) -> None:
    db.migrate(house.database)
    held = Settings(_env_file=None, database_url=house.database.url, org_legal_name="Processor AG")  # type: ignore[call-arg]
    now = clock.now() - timedelta(minutes=5)
    with house.database.transaction() as session:
        setting_verbs.seed(session, *seed_values(held), actor=system(Door.CLI), now=now)
        olga, paul = factory.two_people(session)
        factory.baseline(session)
        factory.take_in(session, *customers(count))
        start = now.date() + timedelta(days=90)
        change = factory.approved(session, olga, paul, start=start, now=now)
        announcements.announce(session, [change.ref], actor=paul, now=now + timedelta(minutes=2))
    if over:
        _spread(house, count, over)


def _spread(house: House, count: int, over: float) -> None:
    chance = random.Random(7)
    began = clock.now() + timedelta(seconds=3)
    with house.database.transaction() as session:
        rows = session.exec(select(Delivery.id).where(Delivery.kind == "change_announced")).all()
        for row in rows:
            session.execute(sa.update(Delivery).where(Delivery.id == row).values(  # type: ignore[arg-type]
                due_at=began + timedelta(seconds=chance.uniform(0, over))))

