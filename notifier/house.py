"""One installation as every process sees it: its settings, its database, its signing keys, its doorbell."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import redis
from sqlmodel import Session

from notifier import clock, redis_server
from notifier import settings as environment
from notifier.db import Database
from notifier.domain.listing import Organisation
from notifier.domain.refusals import Refusal
from notifier.domain.terms import HolidaySet, Terms
from notifier.jobs import queue
from notifier.mail.transport import Transport
from notifier.settings import Settings, SettingsError
from notifier.workflow import reply
from notifier.workflow import settings as setting_verbs
from notifier.workflow.letters import Sender
from notifier.workflow.links import Signer

log = logging.getLogger("notifier")


@dataclass
class House:
    """What a door or a job needs to act. Cheap to make; connections open on first use."""

    settings: Settings
    deaf: bool = False  # rings nobody: for work done before the queue is up

    @cached_property
    def database(self) -> Database:
        """The ledger."""
        return Database(self.settings.database)

    @cached_property
    def sender(self) -> Sender:
        """How letters name and sign what they link to."""
        return Sender(self.settings.public_url, self.settings.reply_address, Signer(self.settings.secret_keys()))

    @property
    def redis_url(self) -> str:
        """REDIS_URL, else the embedded server's socket in the data directory."""
        return self.settings.redis_url or redis_server.prepare(self.settings.data_dir).url

    @cached_property
    def _bell(self) -> redis.Redis:
        return queue.connect(self.redis_url, patient=False)

    def ring(self, job: str, *args: int | str) -> bool:
        """Rings for a job after a commit. A Redis that is down loses nothing: the clock's sweep rings again."""
        if self.deaf:
            return False
        try:
            return queue.ring(self._bell, job, *args)
        except redis_server.NoRedis as error:
            log.warning("not rung: %s", error)
            return False

    @property
    def counts_outbox(self) -> bool:
        """Whether letters in the outbox count as delivered: in a demo only, where nobody owns the mailboxes."""
        return self.settings.demo and self.settings.mail_transport == "outbox"

    def hindrances(self, session: Session, now: datetime) -> list[Refusal]:
        """Everything about this installation that announcing has to wait for: contact_missing (a notice names whom to
        ask), transport_outbox, reply_unproven. The last two not in a demo, where nobody owns the mailboxes: its outbox
        counts as delivered, its reply address as read."""
        found = [] if setting_verbs.organisation(session).contact.strip() else [Refusal("contact_missing")]
        if self.settings.demo:
            return found
        if self.settings.mail_transport == "outbox":
            found.append(Refusal("transport_outbox"))
        try:
            reply.require(session, self.settings.reply_address, now)
        except Refusal as refusal:
            found.append(refusal)
        return found

    def preflight(self, session: Session, now: datetime) -> None:
        """What every door asks before customers are written to by announcing, or by a correction that announces anew.
        Raises the first of `hindrances`. An irregular start never asks: its letters must leave the same day."""
        for refusal in self.hindrances(session, now):
            raise refusal

    @cached_property
    def transport(self) -> Transport:
        """How letters leave. Raises SettingsError where its credentials are missing."""
        return self._made(self.settings.mail_transport)

    def transport_of(self, name: str) -> Transport:
        """The transport of this name, today's or one that letters went out by before; raises as `transport`."""
        if name == self.transport.name:
            return self.transport
        if name not in self._others:
            self._others[name] = self._made(name)
        return self._others[name]

    @cached_property
    def _others(self) -> dict[str, Transport]:
        return {}

    def _made(self, name: str) -> Transport:
        # Imported here: each brings its own library along, and only a worker ever sends.
        held = self.settings
        if name == "mailjet":
            from notifier.mail.mailjet import Mailjet

            if not held.mailjet_api_key or not held.mailjet_api_secret:
                raise SettingsError("MAILJET_API_KEY and MAILJET_API_SECRET must be set to send by Mailjet")
            return Mailjet(held.mailjet_api_key, held.mailjet_api_secret, held.mailjet_url,
                           deduplicate=held.mailjet_deduplicate)
        if name == "smtp":
            from notifier.mail.smtp import Smtp

            if not held.smtp_url:
                raise SettingsError("NOTIFIER_SMTP_URL must be set to send by SMTP")
            return Smtp(held.smtp_url, clock.now)
        from notifier.mail.outbox import Outbox

        return Outbox(held.data_dir / "outbox", clock.now)

    def close(self) -> None:
        """Lets go of what was opened; it opens again on next use."""
        if "database" in self.__dict__:
            self.database.close()
        if "transport" in self.__dict__:
            self.transport.close()

    def ring_all(self) -> None:
        """Rings for the letters and for the published list: what a door does after a commit that touched either."""
        self.ring("notifier.jobs.deliver.deliver")
        self.ring("notifier.jobs.publish.publish")


def open_house(settings: Settings | None = None) -> House:
    """The house of these settings (else of the environment); in a demo its clock follows the data directory."""
    held = settings or environment.load()
    clock.follow(held.data_dir if held.demo else None)
    return House(held)


def at_work() -> House:
    """The house for a job: one for all the jobs of a process, so that connections are kept from job to job. Opened
    afresh where the environment says something else by now, as it may in a test."""
    held = environment.load()
    clock.follow(held.data_dir if held.demo else None)
    if not _kept or _kept[0].settings != held:
        for one in _kept:
            one.close()
        _kept[:] = [House(held)]
    return _kept[0]


_kept: list[House] = []


def seed_values(held: Settings) -> tuple[Organisation, Terms, str, bool]:
    """What the environment says of the organisation, its terms and its language, and whether its customers are bound by
    professional secrecy, for the settings table."""
    organisation = Organisation(
        legal_name=held.org_legal_name, address=held.org_address, country=held.org_country, contact=held.org_contact,
        dpo=held.org_dpo, eu_representative=held.org_eu_representative, zone=held.org_zone,
    )
    terms = Terms(
        notice_days=held.notice_days, window_days=held.window_days, zone=held.org_zone,
        holiday_sets=(HolidaySet(held.org_country, held.org_subdivision),), extra_holidays=held.extra_days(),
    )
    return organisation, terms, held.org_language, held.customers_bound_by_secrecy
