"""`notifier doctor`: what is configured, what works, and what to do about the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import click
from sqlalchemy.exc import SQLAlchemyError

from notifier import clock, redis_server
from notifier.cli.acting import NotMigrated, Verb, migrated, settings_here
from notifier.cli.printing import jsonable, pairs, show_json
from notifier.domain import transfers
from notifier.domain.people import Role
from notifier.domain.refusals import Refusal
from notifier.house import House, open_house, seed_values
from notifier.redis_server import NoRedis
from notifier.settings import Settings, SettingsError
from notifier.tables import Lease, User
from notifier.workflow import contact_checks, deliveries, hand_delivery, lanes, people, reply
from notifier.workflow import settings as setting_verbs

_PLATFORM = frozenset({"port", "database_url", "redis_url", "mailjet_api_key", "mailjet_api_secret"})
_SECRET = frozenset({"secret_key", "token", "mailjet_api_key", "mailjet_api_secret", "mailjet_events_auth"})


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is well, and what there is to know or to do."""

    about: str
    ok: bool
    words: str


@click.command(cls=Verb)
@jsonable
def doctor(as_json: bool) -> int:
    """Says what is configured, what works, and what to do about the rest. Exits 1 where something needs attention."""
    house = open_house(settings_here())
    held = configuration(house.settings)
    found = list(findings(house))
    if as_json:
        show_json({"configuration": held, "checks": [vars(finding) for finding in found]})
    else:
        pairs({name: value or "(not set)" for name, value in held.items()})
        click.echo("")
        width = max(len(finding.about) for finding in found)
        for finding in found:
            click.echo(f"{'ok' if finding.ok else 'attention':<9}  {finding.about:<{width}}  {finding.words}")
    return 0 if all(finding.ok for finding in found) else 1


def configuration(held: Settings) -> dict[str, str]:
    """The effective values by the names of the environment, passwords and keys masked."""
    shown = {}
    for field in type(held).model_fields:
        name = field.upper() if field in _PLATFORM else f"NOTIFIER_{field.upper()}"
        value = str(held.database if field == "database_url" else getattr(held, field))
        shown[name] = "(set)" if field in _SECRET and value else re.sub(r"//([^:/@]*):[^@/]*@", r"//\1:***@", value)
    return shown


def findings(house: House) -> Iterator[Finding]:
    """Everything looked at, in the order to mend it; what rests on the database is left out where it is away."""
    held = house.settings
    yield _secret(held)
    yield _address(held)
    database = _database(house)
    yield database
    yield _redis(house)
    yield from _mail(house)
    if database.ok:
        for look in (_reply, _clock, _lanes, _by_hand, _people, _organisation, _contacts, _differing):
            yield look(house)
    yield from _transfer_rules(held)


def _secret(held: Settings) -> Finding:
    if not held.secret_key and held.database_url.startswith("postgresql"):
        return Finding("signing key", False, "Set NOTIFIER_SECRET_KEY to a long random text, the same on all machines.")
    if held.secret_key and min(map(len, held.secret_keys())) < 32:
        return Finding("signing key", False, "NOTIFIER_SECRET_KEY is short; use 32 random characters or more.")
    return Finding("signing key", True, "set" if held.secret_key else f"kept in {held.data_dir / 'secret-key'}")


def _address(held: Settings) -> Finding:
    if held.base_url or held.demo:
        return Finding("address", True, held.public_url)
    return Finding("address", False, f"Links in letters would point to {held.public_url}: set NOTIFIER_BASE_URL.")


def _database(house: House) -> Finding:
    try:
        migrated(house)
    except NotMigrated as error:
        return Finding("database", False, str(error))
    except SQLAlchemyError as error:
        words = " ".join(str(getattr(error, "orig", None) or error).split())
        return Finding("database", False, f"It does not answer: {words}. Check DATABASE_URL.")
    return Finding("database", True, "answers, at this version's schema")


def _redis(house: House) -> Finding:
    try:
        url = house.redis_url
    except NoRedis as error:
        return Finding("Redis", False, str(error))
    if redis_server.answers(url):
        return Finding("Redis", True, "answers")
    todo = "check REDIS_URL" if house.settings.redis_url else "it starts with 'notifier run'"
    return Finding("Redis", False, f"It does not answer; {todo}. Until then nothing leaves.")


def _mail(house: House) -> Iterator[Finding]:
    held = house.settings
    try:
        house.transport.close()
        real = held.mail_transport != "outbox" or held.demo
        words = {True: f"{held.mail_transport}; its credentials are there (sending was not tried)",
                 False: "Letters would only be written to the outbox folder, so announcing is refused: set "
                        "NOTIFIER_MAIL_TRANSPORT to smtp or mailjet."}[real]
        yield Finding("mail", real, "outbox, as it should be in a demo" if real and held.demo else words)
    except (SettingsError, Refusal) as error:
        yield Finding("mail", False, str(error))
    if held.mail_transport == "mailjet" and not held.mailjet_events_auth:
        yield Finding("mail events", False, "Set NOTIFIER_MAILJET_EVENTS_AUTH to user:password and name both in "
                      f"Mailjet's event webhook {held.public_url}/webhooks/mailjet: without events nothing is proven.")


def _reply(house: House) -> Finding:
    held, now = house.settings, clock.now()
    if held.demo:
        return Finding("reply address", True, f"{held.reply_address}; counts as read, as this is a demo")
    if held.reply_address.endswith(".example"):
        return Finding("reply address", False, "Answers to letters would be lost: set NOTIFIER_MAIL_FROM, and "
                       "NOTIFIER_REPLY_TO where that differs.")
    with house.database.reading() as session:
        found = reply.standing(session, held.reply_address, now)
        by = session.get(User, found.proof.proven_by) if found.proof else None
    todo = "'notifier reply ask', then 'notifier reply prove CODE'"
    if found.proof is None or found.proof.proven_at is None or found.valid_until is None:
        return Finding("reply address", False, f"It was never proven that {found.address} is read, so announcing is "
                       f"refused: {todo}.")
    proven = f"{found.address}, proven on {found.proof.proven_at:%Y-%m-%d} by {by.name if by else 'nobody'}"
    if not found.valid:
        return Finding("reply address", False, f"{proven}; that ran out on {found.valid_until:%Y-%m-%d}, so announcing "
                       f"is refused: {todo}.")
    if found.ends_soon(now):
        return Finding("reply address", False, f"{proven}; that runs out on {found.valid_until:%Y-%m-%d}: {todo}.")
    return Finding("reply address", True, f"{proven}, valid until {found.valid_until:%Y-%m-%d}")


def _clock(house: House) -> Finding:
    now = clock.now() - clock.offset()
    with house.database.reading() as session:
        lease = session.get(Lease, "clock")
    if lease is None or lease.until + timedelta(seconds=60) < now:
        last = f"the last one stopped at {lease.until:%Y-%m-%d %H:%M} UTC" if lease else "none ever ran"
        return Finding("clock", False, f"No clock runs ({last}): start 'notifier clock', or 'notifier run'.")
    return Finding("clock", True, f"runs, as {lease.holder}")


def _lanes(house: House) -> Finding:
    with house.database.reading() as session:
        found = lanes.troubles(session, clock.now())
        letters = deliveries.due(session, clock.now())
    if found:
        return Finding("letters", False, " ".join(map(str, found)))
    return Finding("letters", True, "leave; some are due now" if letters else "leave; none is due now")


def _by_hand(house: House) -> Finding:
    with house.database.reading() as session:
        waiting = hand_delivery.awaiting(session)
    if waiting:
        asked, notice, customer = waiting[0]
        return Finding("by hand", False, f"{len(waiting)} recorded deliveries by hand count only once a second person "
                       f"has confirmed them; the oldest, to {customer.name}, since {asked.asked_at:%Y-%m-%d}: "
                       f"'notifier notices hand-delivery {notice.uid} --confirm'.")
    return Finding("by hand", True, "no recorded delivery waits for a second person")


def _transfer_rules(held: Settings) -> Iterator[Finding]:
    today = clock.now().date()
    for source in transfers.read(held.transfer_rules or transfers.SHIPPED).sources:
        gone = source.ended(today)
        words = f"{source.name}: the newest act in it is of {source.as_of}"
        if gone:
            yield Finding("transfer rules", False, f"{words}; a decision in it ended on {gone}. Correct a copy and "
                          "name it in NOTIFIER_TRANSFER_RULES.")
        else:
            yield Finding("transfer rules", True, words)


def _people(house: House) -> Finding:
    with house.database.reading() as session:
        active = [user for user in people.people(session) if user.disabled_at is None]
    missing = [str(role) for role in (Role.ADMIN, Role.PRIVACY) if not any(role in user.roles for user in active)]
    if missing or len(active) < 2:
        return Finding("people", False, "Proposing and approving take two people, one of privacy, and somebody has to "
                       "be admin: 'notifier users add'." + (f" Missing: {', '.join(missing)}." if missing else ""))
    return Finding("people", True, f"{len(active)} can act")


def _organisation(house: House) -> Finding:
    with house.database.reading() as session:
        organisation = setting_verbs.organisation(session)
    empty = [name for name in ("legal_name", "address", "contact") if not getattr(organisation, name)]
    if empty:
        refused = " Announcing is refused without a contact." if "contact" in empty else ""
        return Finding("organisation", False, "Letters do not say who writes and whom to ask; still empty: "
                       f"{', '.join(empty)}.{refused} Set it: 'notifier settings set organisation.{empty[0]} …'.")
    return Finding("organisation", True, organisation.legal_name)


def _contacts(house: House) -> Finding:
    with house.database.reading() as session:
        found = len(contact_checks.doubtful(session, clock.now()))
    if found:
        return Finding("addresses", False, f"{found} addresses for notices should be looked at before the next "
                       "announcement: 'notifier changes preview', or the board of the console, says which and why.")
    return Finding("addresses", True, "nothing speaks against any address for notices")


def _differing(house: House) -> Finding:
    with house.database.reading() as session:
        found = setting_verbs.differing(session, *seed_values(house.settings))
    told = [f"{key}: environment “{env}”, table “{table}”" for key, (env, table) in sorted(found.items())]
    if told and not house.settings.demo:
        return Finding("settings", False, "The settings table rules, and the environment says otherwise: "
                       + "; ".join(told) + ".")
    return Finding("settings", True, "the environment and the settings table agree" if not told else "the demo's own")
