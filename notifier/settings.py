"""The environment, read once into frozen Settings; `.env` is read, a hole refuses to start with words."""

from __future__ import annotations

import os
import secrets
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from notifier.domain import transfers


class SettingsError(Exception):
    """The environment cannot be used; the message says which name and what to do."""


class Settings(BaseSettings):
    """Everything the environment decides. The platform's own names (DATABASE_URL, PORT …) carry no prefix.

    The `org_*`, window and notice defaults only seed the settings table at the first migrate; afterwards the
    table rules, and `notifier doctor` shows where the two differ.
    """

    model_config = SettingsConfigDict(
        env_prefix="NOTIFIER_", env_file=".env", frozen=True, extra="ignore", env_ignore_empty=True
    )

    data_dir: Path = Path("var")
    host: str = "127.0.0.1"
    port: int = Field(8000, validation_alias=AliasChoices("PORT", "port"), ge=0, le=65535)
    workers: int = Field(1, ge=1, le=64)
    database_url: str = Field("", validation_alias=AliasChoices("DATABASE_URL", "database_url"))
    redis_url: str = Field("", validation_alias=AliasChoices("REDIS_URL", "redis_url"))
    base_url: str = ""
    secret_key: str = ""
    mail_transport: Literal["outbox", "smtp", "mailjet"] = "outbox"
    mail_from: str = "notices@processor.example"
    mail_from_name: str = ""
    reply_to: str = ""
    smtp_url: str = ""
    mailjet_api_key: str = Field("", validation_alias=AliasChoices("MAILJET_API_KEY", "mailjet_api_key"))
    mailjet_api_secret: str = Field("", validation_alias=AliasChoices("MAILJET_API_SECRET", "mailjet_api_secret"))
    mailjet_url: str = "https://api.mailjet.com/"
    mailjet_deduplicate: bool = True
    mailjet_events_auth: str = ""
    bounces_imap_url: str = ""
    token: str = ""
    org_legal_name: str = ""
    org_address: str = ""
    org_country: str = "CH"
    org_subdivision: str = "ZH"
    org_zone: str = "Europe/Zurich"
    org_language: str = "en"
    org_contact: str = ""
    org_dpo: str = ""
    org_eu_representative: str = ""
    window_days: int = Field(30, ge=1, le=365)
    notice_days: int = Field(30, ge=1, le=365)
    extra_holidays: str = ""
    customers_bound_by_secrecy: bool = False
    transfer_rules: Path | None = None
    sweep_seconds: float = Field(1.0, gt=0, le=60)
    lease_seconds: float = Field(300.0, ge=1, le=3600)
    look_again_minutes: float = Field(10.0, gt=0, le=1440)

    @field_validator("database_url")
    @classmethod
    def _spelled_for_sqlalchemy(cls, url: str) -> str:
        # Platforms hand out postgres://, a spelling SQLAlchemy no longer knows.
        for old in ("postgres://", "postgresql://"):
            if url.startswith(old):
                return "postgresql+psycopg://" + url[len(old):]
        return url

    @property
    def demo(self) -> bool:
        """Whether the data directory is a demo's: its time can be moved, its outbox counts as delivered."""
        return (self.data_dir / "demo").exists()

    @property
    def database(self) -> str:
        """The effective SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'notifier.db').resolve()}"

    @property
    def public_url(self) -> str:
        """The address people reach us at, without a slash at the end."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def reply_address(self) -> str:
        """Where answers to letters go."""
        return self.reply_to or self.mail_from

    def extra_days(self) -> tuple[date, ...]:
        """NOTIFIER_EXTRA_HOLIDAYS as dates: ISO, separated by commas or blanks. Raises SettingsError."""
        try:
            return tuple(date.fromisoformat(day) for day in self.extra_holidays.replace(",", " ").split())
        except ValueError as error:
            raise SettingsError(f"NOTIFIER_EXTRA_HOLIDAYS: {error}; write days as 2026-12-24") from None

    def secret_keys(self) -> list[str]:
        """The signing keys, newest first. One unset is made once and kept in the data directory.

        Raises SettingsError where the database is shared by machines but the key would not be.
        """
        if self.secret_key:
            return [key.strip() for key in self.secret_key.split(",") if key.strip()]
        if self.database_url.startswith("postgresql"):
            raise SettingsError("NOTIFIER_SECRET_KEY must be set when DATABASE_URL is PostgreSQL")
        path = self.data_dir / "secret-key"
        try:
            return [path.read_text().strip()]
        except FileNotFoundError:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:  # another process made it in between
                return [path.read_text().strip()]
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(48))
            return [path.read_text().strip()]


def load(**given: object) -> Settings:
    """Settings from the environment and `.env`, `given` ones first; from now on this process goes by the transfer rules
    they name. Raises SettingsError in one line."""
    try:
        held = Settings(**given)  # type: ignore[arg-type]
        transfers.follow(held.transfer_rules)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg']}") from None
    except transfers.RulesError as error:
        raise SettingsError(f"NOTIFIER_TRANSFER_RULES: {error}") from None
    return held
