"""Who acts: people with roles, customers' contacts by their link, the mail provider, the system itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a person of the processor may do. One person may hold several; SECOND_PERSON counts people, not roles."""

    OPS = "ops"
    PRIVACY = "privacy"
    ADMIN = "admin"
    AUDITOR = "auditor"


class ContactRole(StrEnum):
    """What a customer's contact is written to for. Only NOTICE contacts receive the legal notice."""

    NOTICE = "notice"
    LEGAL = "legal"
    FOLLOWER = "follower"


class Kind(StrEnum):
    """The kinds of actor; also the prefix of an actor's code in the audit chain."""

    PERSON = "person"
    CONTACT = "contact"
    PROVIDER = "provider"
    SYSTEM = "system"


class Door(StrEnum):
    """Where an act came in."""

    CLI = "cli"
    CONSOLE = "console"
    API = "api"
    LINK = "link"
    WEBHOOK = "webhook"
    JOB = "job"
    CLOCK = "clock"


@dataclass(frozen=True)
class Actor:
    """Who acts, through which door. `id` is the User's or Contact's id; `os_user` only where a shell is the door."""

    kind: Kind
    door: Door
    id: int | None = None
    roles: frozenset[Role] = field(default_factory=frozenset)
    name: str = ""
    os_user: str = ""

    @property
    def code(self) -> str:
        """What the audit chain keeps: a kind and a number, never a name."""
        return self.kind if self.id is None else f"{self.kind}:{self.id}"

    def is_person(self, user_id: int | None) -> bool:
        """Whether this is that very person, whatever roles they hold."""
        return self.kind is Kind.PERSON and self.id is not None and self.id == user_id


def system(door: Door, os_user: str = "") -> Actor:
    """The product itself, acting from a job, the clock or a command nobody signed; there, `os_user` typed it."""
    return Actor(Kind.SYSTEM, door, os_user=os_user)
