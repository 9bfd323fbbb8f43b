"""Who acts from a shell, in which house, in which transaction: what every verb begins with."""

from __future__ import annotations

import getpass
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import sqlalchemy as sa
from sqlmodel import Session

from notifier import clock, db
from notifier import settings as environment
from notifier.domain.people import Actor, Door, system
from notifier.domain.refusals import Refusal
from notifier.domain.sentences import N_, Sentence
from notifier.house import House, open_house
from notifier.settings import Settings
from notifier.workflow import people

DEMO = Path("var/demo")
Command = TypeVar("Command", bound=Callable[..., Any])


class Verb(click.Command):
    """A command that takes `--as`. Where reading needs nobody it changes nothing, but a script may always give it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not any(param.name == "as_email" for param in self.params):
            self.params.append(click.Option(["--as"], metavar="EMAIL", hidden=True, expose_value=False))


class Noun(click.Group):
    """A group of verbs."""

    command_class = Verb


class NotMigrated(Exception):
    """The database lacks this version's tables; the text says what to do."""


@dataclass(frozen=True)
class Act:
    """A transaction in progress: its house and session, who acts and at which moment (aware, UTC)."""

    house: House
    session: Session
    actor: Actor
    now: datetime


def signed(command: Command) -> Command:
    """Adds `--as EMAIL` to a verb that a person must answer for."""
    words = "Who acts: in a demo any person, elsewhere only to propose (else NOTIFIER_TOKEN says who)."
    return click.option("--as", "as_email", metavar="EMAIL", default="", help=words)(command)


def opened(settings: Settings | None = None) -> House:
    """The house a verb works in, its database at this version's schema. Raises NotMigrated, SettingsError."""
    logging.getLogger("notifier").setLevel(logging.ERROR)  # a bell nobody hears is made good by the clock
    held = settings or settings_here()
    return migrated(open_house(held))


def migrated(house: House) -> House:
    """The house itself. Raises NotMigrated where its database is not there or not at this version's schema."""
    path = sa.make_url(house.settings.database).database or ""
    if house.settings.database.startswith("sqlite") and not Path(path).exists():
        raise NotMigrated(f"There is no database at {path} yet: run 'notifier migrate' first.")
    if not db.is_current(house.database):
        raise NotMigrated("The database schema is not this version's: run 'notifier migrate' first.")
    return house


def settings_here() -> Settings:
    """The environment's settings; where nothing is configured but a demo is there, the demo's."""
    held = environment.load()
    chosen = "data_dir" in held.model_fields_set or held.database_url
    if chosen or not (DEMO / "demo").exists() or (held.data_dir / "notifier.db").exists():
        return held
    click.echo(f"Using the demo in {DEMO}. Set NOTIFIER_DATA_DIR to use another data directory.", err=True)
    return environment.load(data_dir=DEMO)


@contextmanager
def reading() -> Iterator[Act]:
    """A session to read in; nobody needs to say who they are."""
    house = opened()
    try:
        with house.database.reading() as session:
            yield Act(house, session, shell(), clock.now())
    finally:
        house.database.close()


@contextmanager
def acting(as_email: str, *, proposing: bool = False) -> Iterator[Act]:
    """A transaction in which a person acts; rings for letters and list after its commit. `proposing` allows
    `--as` outside a demo. Raises Refusal person_needed, token_invalid, unknown_person, demo_only."""
    house, now = opened(), clock.now()
    with _written(house) as session:
        yield Act(house, session, person(session, house.settings, as_email, now, proposing=proposing), now)


@contextmanager
def administering(house: House) -> Iterator[Act]:
    """A transaction in which the shell's own user acts, as the system; rings after its commit."""
    with _written(house) as session:
        yield Act(house, session, shell(), clock.now())


@contextmanager
def _written(house: House) -> Iterator[Session]:
    try:
        with house.database.transaction() as session:
            yield session
        house.ring_all()
    finally:
        house.database.close()


def person(session: Session, held: Settings, as_email: str, now: datetime, *, proposing: bool = False) -> Actor:
    """Who answers for an act: the person named, or the owner of NOTIFIER_TOKEN. Raises as `acting` does."""
    if as_email and not (held.demo or proposing):
        raise Refusal("demo_only", details=[Sentence(N_("Set NOTIFIER_TOKEN to your own token instead of --as."))])
    if as_email:
        return people.actor_for(people.by_email(session, as_email), Door.CLI, os_user())
    if held.token:
        return people.by_token(session, held.token, door=Door.CLI, now=now, os_user=os_user())
    named, token = N_("Name yourself with --as EMAIL."), N_("Set NOTIFIER_TOKEN to your own token.")
    raise Refusal("person_needed", details=[Sentence(named if held.demo or proposing else token)])


def shell() -> Actor:
    """The system, acting for whoever has this shell; the log keeps the name of the machine's user."""
    return system(Door.CLI, os_user())


def os_user() -> str:
    """The machine's user who called, by name, or by number where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
