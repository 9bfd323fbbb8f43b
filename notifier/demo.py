"""The demo: a real list, invented customers, changes in every state, all made by the real verbs and jobs.

Its past is lived, not inserted: each stage runs under a clock that stands in the past, so that letters,
windows, proofs and the audit chain are what they would have been.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from notifier import clock, db, paths, processes, supervisor
from notifier import settings as environment
from notifier.domain.changes import ChangeKind
from notifier.domain.evidence import EvidenceKind, Given
from notifier.domain.people import Actor, Door, Kind, Role, system
from notifier.domain.register import EngagementValue
from notifier.house import House, seed_values
from notifier.jobs import deliver, publish, sweep
from notifier.settings import Settings
from notifier.tables import Change, Customer, Delivery, Notice
from notifier.workflow import (
    announcements,
    changes,
    consents,
    customers,
    evidence,
    exclusions,
    listing,
    notices,
    objections,
    people,
    register,
)
from notifier.workflow import settings as setting_verbs
from notifier.workflow.customers import ContactEntry, CustomerEntry
from notifier.workflow.objections import Filing

MARK = "demo"
PASSWORD = "demo-demo-demo"  # noqa: S105 - printed on the first page of the demo, good for nothing else
LOGINS = (
    ("olga@processor.example", "Olga Ops", (Role.OPS,)),
    ("paul@processor.example", "Paul Privacy", (Role.PRIVACY,)),
    ("petra@processor.example", "Petra Privacy", (Role.PRIVACY, Role.ADMIN)),
    ("egon@processor.example", "Egon Engineer", (Role.OPS,)),
    ("anton@processor.example", "Anton Auditor", (Role.AUDITOR,)),
)
PROVIDER = Actor(Kind.PROVIDER, Door.WEBHOOK)


def run(port: int, data_dir: Path) -> int:
    """Makes the demo's data if there is none, then keeps all its processes up until told to stop."""
    data_dir.mkdir(parents=True, exist_ok=True)
    held = settings_for(port, data_dir)
    return supervisor.supervise(
        data_dir,
        processes.plan(held, data_dir, base_url=held.public_url, port=port),
        prepare=partial(_prepare, held),
        when_up=lambda: print(welcome(held), flush=True),
    )


def _prepare(held: Settings) -> None:
    make(held)


def settings_for(port: int, data_dir: Path) -> Settings:
    """The demo's own settings; nothing of the environment but its mail transport gets in."""
    processor = _sample("appendix-3.json")["processor"]
    return environment.load(
        data_dir=data_dir, port=port, host="127.0.0.1", base_url=f"http://127.0.0.1:{port}", database_url="",
        redis_url="", mail_transport="outbox", mail_from="notices@processor.example",
        reply_to="privacy@processor.example", org_legal_name=processor["legal_name"],
        org_address=processor["address"], org_country=processor["country"], org_subdivision=processor["subdivision"],
        org_language="en", org_contact="privacy@processor.example", org_dpo="privacy@processor.example",
        org_eu_representative="", secret_key="", customers_bound_by_secrecy=True,
    )


def make(held: Settings) -> bool:
    """Fills a new demo data directory; False where it is filled already. A half-made one is begun again."""
    mark = held.data_dir / MARK
    if mark.exists():
        return False
    for left in held.data_dir.glob("notifier.db*"):
        left.unlink()  # an earlier try was interrupted
    house = _House(held, deaf=True)
    db.migrate(house.database)
    _fill(house, datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0))
    house.database.close()
    mark.write_text("This is a demo data directory: its time can be moved and its letters go nowhere.\n")
    return True


class _House(House):
    """The house while the sample is made: demo rules already hold, though the directory is not marked yet."""

    @property
    def counts_outbox(self) -> bool:
        return True


def welcome(held: Settings) -> str:
    """What a newcomer sees when everything is up."""
    base = held.public_url
    lines = [
        "", "  The demo is up. Everything below is sample data; no letter leaves this machine.", "",
        f"  The public list     {base}/", f"  Feeds               {base}/feeds",
        f"  Console             {base}/console/",
        f"  Letters (outbox)    {base}/demo/outbox", f"  Guide and clock     {base}/demo", "",
        f"  Sign in with the password {PASSWORD} as",
        *(f"    {email:28} {', '.join(roles)}" for email, _, roles in LOGINS), "",
        f"  Move its time:  {_called()} demo clock +45d     Stop: Ctrl-C", "",
    ]
    return "\n".join(lines)


def _called() -> str:
    """How this program was called: make and a bare checkout have no `notifier` on their PATH."""
    return sys.argv[0] if Path(sys.argv[0]).name == "notifier" else "notifier"


def _fill(house: House, today: datetime) -> None:
    """The whole past of the sample, from its starting list to this morning."""
    past = _Past(house, today)
    past.begin(days_ago=120)
    past.one_in_effect(days_ago=100)
    past.one_withdrawn(days_ago=60)
    past.one_objected_to(days_ago=24)
    past.one_with_open_windows(days_ago=6)
    past.one_removed(days_ago=5)
    past.some_on_their_way()
    with clock.standing(today):
        publish.run(house)


class _Past:
    """The stages of the sample, each lived at its own moment."""

    def __init__(self, house: House, today: datetime) -> None:
        self.house, self.today = house, today
        self.olga = self.paul = self.petra = self.egon = system(Door.CLI)

    def at(self, days_ago: float) -> datetime:
        """The moment so many days before today's morning."""
        return self.today - timedelta(days=days_ago)

    def begin(self, days_ago: float) -> None:
        """Settings, people, the starting list, customers, the first edition."""
        now, us = self.at(days_ago), system(Door.CLI)
        with clock.standing(now), self.house.database.transaction() as session:
            setting_verbs.seed(session, *seed_values(self.house.settings), actor=us, now=now)
            staff = [
                people.add(session, email, name, roles, password=PASSWORD, actor=us, now=now)
                for email, name, roles in LOGINS
            ]
            self.olga, self.paul, self.petra, self.egon = (people.actor_for(u, Door.CONSOLE) for u in staff[:4])
            register.ensure_services(session, ["AUMICO platform", "AUMICO appointments"])
            register.take_baseline(session, _baseline(), actor=us, now=now)
            customers.upsert(session, _customers(), actor=us, now=now)
            self._reviewed(session, now)
            listing.new_edition(session, "baseline", now)

    def _reviewed(self, session: Session, now: datetime) -> None:
        """Of most that is on the list the security was looked at; one review is overdue by today, one is due soon."""
        again = {"twilio-sendgrid": -12, "google-cloud": 19}
        for ref in ("modeso", "bexio", "hubspot-crm", "twilio-sendgrid", "google-cloud"):
            day = (self.today + timedelta(days=again[ref])).date() if ref in again else None
            seen = Given(link=f"https://{ref}.example/security", next_review_on=day)
            evidence.renew(session, ref, [EvidenceKind.SECURITY_REVIEW], seen, actor=self.olga, now=now)

    def vouched(self, session: Session, change: Change, now: datetime) -> None:
        """Olga hands in everything a change asks for: a certificate customers may see, an agreement, a few words."""
        item, points = evidence.checklist(session, change, changes.items_of(session, change), now)[0]
        asked = {point.kind for point in points if point.answer is None}
        value = item.after or EngagementValue()
        certificate = ("certificate.pdf", (paths.sample() / "certificate.pdf").read_bytes())
        for kinds, given in (
            ({EvidenceKind.SECURITY_REVIEW}, Given("ISO/IEC 27001:2022", file=certificate, customers_may_see=True)),
            ({EvidenceKind.SELECTION}, Given("Compared with two others; offers and answers are on file.")),
            ({EvidenceKind.DPO}, Given(f"{value.contact}, {value.contact_address}")),
            ({EvidenceKind.SECRECY}, Given("Bound by clause 9 of its agreement, its people by declaration.")),
            (set(EvidenceKind), Given(link=f"{value.website}data-processing-agreement.pdf")),
        ):
            if chosen := [kind for kind in EvidenceKind if kind in asked & kinds]:
                evidence.vouch(session, change, item.ref, chosen, given, actor=self.olga, now=now)
                asked -= kinds

    def work(self, now: datetime) -> None:
        """What worker and clock do at a moment."""
        with clock.standing(now):
            deliver.run(self.house)
            sweep.once(self.house)

    def approved(self, session: Session, item: Any, reason: str, start: date, now: datetime, **given: Any) -> Change:
        """A change on its usual way: Olga proposes, Paul approves the day after."""
        change = changes.propose(session, [item], reason=reason, planned_start=start, actor=self.olga, now=now, **given)
        self.vouched(session, change, now)
        changes.submit(session, change.ref, actor=self.olga, now=now + timedelta(hours=2))
        return changes.approve(session, change.ref, actor=self.paul, now=now + timedelta(hours=4))

    def announced(self, item: Any, reason: str, days_ago: float, runs: int, **given: Any) -> str:
        """A change announced and its letters sent; starts `runs` days after."""
        now = self.at(days_ago)
        with clock.standing(now), self.house.database.transaction() as session:
            drafted = item(session)
            change = self.approved(session, drafted, reason, (now + timedelta(days=runs)).date(), now, **given)
            if change.separable != "no":
                how = "Each customer has a project of its own; the collector is switched per project."
                exclusions.confirm_separable(session, change.ref, change.separable, how, actor=self.egon, now=now)
            announcements.announce(session, [change.ref], actor=self.paul, now=now + timedelta(hours=5))
        self.work(now + timedelta(hours=5, minutes=1))
        return change.ref

    def one_in_effect(self, days_ago: float) -> None:
        """An addition nobody objected to: released to all when its planned start came."""
        self.announced(
            lambda s: changes.draft(s, ChangeKind.ADD, values=_vendor(
                "Logbuch Monitoring GmbH", "logbuch.example", "AT", "Error monitoring of the AUMICO platform",
                "IP address, user ID, time of access")),
            "Errors are found before customers report them.", days_ago, 66,
        )
        with self.house.database.transaction() as session:
            self._specific_yes(session, self.at(days_ago - 3))
        for day in (60.0, 33.0):
            self.work(self.at(day))

    def _specific_yes(self, session: Session, now: datetime) -> None:
        """The notary, whose contract asks for a specific authorisation, gives it."""
        notice = session.exec(
            select(Notice).join(Customer, col(Customer.id) == col(Notice.customer_id))
            .where(Customer.ref == "helvetia-notare").order_by(col(Notice.id).desc())
        ).first()
        assert notice is not None
        contact = Actor(Kind.CONTACT, Door.LINK)
        waiting = [change.ref for _, change in consents.consent_asked(session, notice)]
        consents.consent(session, notice, waiting, "yes", name="Nora Notar", function="Notary", actor=contact, now=now)

    def one_withdrawn(self, days_ago: float) -> None:
        """Announced, and taken back a week later."""
        ref = self.announced(
            lambda s: changes.draft(s, ChangeKind.ADD, values=_vendor("Transkript KI Inc.", "transkript.example", "US",
                                    "Transcription of support calls", "Voice, name, content of the call")),
            "Support calls are written down automatically.", days_ago, 75,
        )
        now = self.at(days_ago - 7)
        with clock.standing(now), self.house.database.transaction() as session:
            announcements.withdraw(session, ref, "We keep taking notes by hand; no vendor is needed.", actor=self.paul,
                                   now=now)
        self.work(now + timedelta(minutes=1))

    def one_objected_to(self, days_ago: float) -> None:
        """A replacement with three cases: filed, in talks, and without agreement."""
        self.announced(
            lambda s: changes.draft(s, ChangeKind.REPLACE, replaces="mixpanel", values=_vendor(
                "Pfadfinder Analytics AG", "pfadfinder.example", "CH",
                "Analysis of usage behavior on the AUMICO platform",
                "Information relating to the use of online services")),
            "Usage is analysed in Switzerland instead of the United States.", days_ago, 80, separable="customer",
        )
        said = {
            "alpenblick": ("Dr. Urs Keller", "recht@alpenblick.example", "Wir unterstehen dem Berufsgeheimnis. Bitte "
                           "legen Sie dar, wer bei Pfadfinder Analytics auf Nutzungsdaten unserer Mandanten "
                           "zugreifen kann."),
            "fairfax": ("Priya Shah", "legal@fairfax-audit.example", "We need the certificate of the new vendor before "
                        "we can assess its security."),
            "duvanel": ("Claire Duvanel", "dpo@duvanel.example", "Nous n'acceptons aucune analyse du comportement de "
                        "nos clients."),
        }
        refs = {name: self._object(name, *words, now=self.at(days_ago - 4)) for name, words in said.items()}
        now = self.at(days_ago - 6)
        with clock.standing(now), self.house.database.transaction() as session:
            objections.acknowledge(session, refs["alpenblick"], "Besten Dank. Wir klären die Zugriffe mit dem "
                                   "Anbieter.", actor=self.paul, now=now)
            objections.acknowledge(session, refs["duvanel"], actor=self.petra, now=now)
            objections.no_agreement(session, refs["duvanel"], "Sans cette analyse, nous ne pouvons pas exploiter la "
                                    "plateforme de façon fiable.", actor=self.petra, now=now + timedelta(hours=3))
        self.work(now + timedelta(hours=4))

    def _object(self, customer: str, name: str, email: str, words: str, now: datetime) -> str:
        with clock.standing(now), self.house.database.transaction() as session:
            row = customers.get(session, customer)
            notice = session.exec(select(Notice).where(Notice.customer_id == row.id)
                                  .order_by(col(Notice.id).desc())).first()
            assert notice is not None
            filing = Filing(words, name, email, "Legal", language=row.language)
            contact = Actor(Kind.CONTACT, Door.LINK)
            return objections.file(session, notice.id or 0, filing, contact_id=None, actor=contact, now=now).ref

    def one_with_open_windows(self, days_ago: float) -> None:
        """Announced last week: most letters arrived, one mailbox bounced, windows are running."""
        self.announced(
            lambda s: changes.draft(s, ChangeKind.ADD, values=_vendor("Nordlys Support AB", "nordlys.example", "SE",
                                    "Second-level customer support", "First name/last name, email, phone number, "
                                    "content of the support request") | {
                "remote_access": ["Pune, India"], "transfers": "Pune, India: SCC module 3 (Addendum 2)"}),
            "Support is reached on working days until 20:00.", days_ago, 90,
        )
        now = self.at(days_ago - 1)
        with clock.standing(now), self.house.database.transaction() as session:
            lost = session.exec(select(Delivery).where(Delivery.to_email == "gdpr@istria.example",
                                                       Delivery.kind == "change_announced")
                                .order_by(col(Delivery.id).desc())).first()
            assert lost is not None
            bounce = notices.Happening(lost.ref, "", "bounce", now, f"demo-bounce:{lost.ref}",
                                       "550 5.1.1 mailbox unavailable", by="demo")
            notices.happened(session, bounce, actor=PROVIDER, now=now)
        self.work(now + timedelta(minutes=1))

    def one_removed(self, days_ago: float) -> None:
        """A vendor of old leaves the list: what it holds has to come back or be destroyed, and that be confirmed."""
        self.announced(lambda s: changes.draft(s, ChangeKind.REMOVE, ref="altpost"), "Nobody asks for printed "
                       "invoices any more.", days_ago, 0)
        self.work(self.at(days_ago - 1))

    def some_on_their_way(self) -> None:
        """One each: approved, in review, sent back, rejected, and a draft with gaps."""
        now = self.at(2)
        start = (self.today + timedelta(days=75)).date()
        with clock.standing(now), self.house.database.transaction() as session:
            self.approved(session, changes.draft(session, ChangeKind.MODIFY, ref="google-cloud", values={
                "locations": ["Ireland", "Zurich, Switzerland"]}), "Backups are also kept in Zurich.", start, now)
            for action, name, activity in (
                ("submit", "Postbote Mailing KG", "Sending of postal letters"),
                ("send_back", "Kalenderblatt SAS", "Booking of appointments"),
                ("reject", "Freemium Forms Ltd", "Feedback forms"),
            ):
                self._on_its_way(session, action, name, activity, start, now)
            draft = changes.draft(session, ChangeKind.ADD, values={
                "legal_name": "Übersetzungsbüro Lingua", "activity": "Translation of the platform"})
            changes.propose(session, [draft], reason="", planned_start=None, actor=self.olga, now=now)
        self.work(self.today - timedelta(minutes=5))

    def _on_its_way(self, session: Session, action: str, name: str, activity: str, start: date, now: datetime) -> None:
        slug = name.split()[0].lower()
        item = changes.draft(session, ChangeKind.ADD, values=_vendor(name, f"{slug}.example", "DE", activity,
                                                                     "First name/last name, email"))
        change = changes.propose(session, [item], reason=f"{activity} is taken over by a specialist.",
                                 planned_start=start, actor=self.olga, now=now)
        self.vouched(session, change, now)
        changes.submit(session, change.ref, actor=self.olga, now=now)
        if action == "send_back":
            changes.send_back(session, change.ref, "Add where the servers stand.", actor=self.paul, now=now)
        if action == "reject":
            changes.reject(session, change.ref, "No data processing agreement is offered.", actor=self.paul, now=now)


def _sample(name: str) -> Any:
    return json.loads((paths.sample() / name).read_text(encoding="utf-8"))


def _baseline() -> list[EngagementValue]:
    """The real list, and an invented vendor that leaves it before today."""
    gone = _vendor("Altpost Lettershop KG", "altpost.example", "DE", "Printing of invoices", "Name, address, invoice")
    listed = [
        EngagementValue(
            ref=row["ref"], legal_name=row["legal_name"], address=row["address"], country=row["country"],
            relation=row["relation"], activity=row["activity"], data_categories=(row["personal_data"],),
            guarantee=row["guarantee"], transfer_basis=row["transfer"],
        )
        for row in _sample("appendix-3.json")["sub_processors"]
    ]
    return [*listed, EngagementValue.from_json({**gone, "ref": "altpost"})]


def _customers() -> list[CustomerEntry]:
    return [
        CustomerEntry(**{
            **row,
            "services": tuple(row["services"]),
            "contacts": tuple(ContactEntry(**contact) for contact in row["contacts"]),
            **{k: date.fromisoformat(row[k]) for k in ("agreement_date", "contract_start", "contract_end") if k in row},
        })
        for row in _sample("customers.json")
    ]


def _vendor(name: str, host: str, country: str, activity: str, data: str) -> dict[str, Any]:
    """An invented vendor with everything a notice must say; one in the US rests on a basis of its own."""
    abroad = [{"place": "US", "gdpr": "dpf", "fadp": "scc_3", "document": "Addendum 2"}] if country == "US" else []
    return {
        "legal_name": name, "address": f"Example Street 1, {country}", "country": country, "website": f"https://{host}/",
        "contact": "Data protection office", "contact_position": "Data protection officer",
        "contact_address": f"privacy@{host}", "activity": activity, "data_categories": [data], "transfers": abroad,
        "data_subjects": ["Employees of the customer"], "locations": [country], "services": ["aumico-platform"],
        "guarantee": "Order data processing agreement", "own_subprocessors": "none",
    }


