"""The whole of nps.toml, typed."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, SecretStr, field_validator

from bot.errors import SettingsFault
from bot.settings.base import Channel, Duration, Section, Zone
from bot.settings.freezes import Freeze
from bot.settings.hosts import HostSection
from bot.settings.packages import PackageSection
from bot.settings.secrets import Credential


class SlackSection(Section):
    channel: Channel | None = None
    admins: tuple[str, ...] = ()
    remind_after: Duration = timedelta(minutes=30)
    escalate_after: Duration = timedelta(hours=2)


class StoreSection(Section):
    audit: Path = Path("var/audit.sqlite")
    engine: str = "sqlite:///var/engine.sqlite"

    @field_validator("engine")
    @classmethod
    def _sqlite(cls, value: str) -> str:
        if not re.fullmatch("sqlite:///.+", value):
            raise ValueError(
                "should be sqlite:/// and a path; PostgreSQL comes with `nps work`, which does not exist yet"
            )
        return value


class Person(Section):
    """Joins the accounts of one human, so that nobody approves their own request from the other side."""

    slack: Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,}$")] | None = None
    os: str | None = None


class Environment(Section):
    backend: str
    frontends: tuple[str, ...] = ()
    package: str
    service: str | None = None
    dcom_application: str | None = None
    folder: str | None = None
    dcom_backend: str | None = None
    backups: str = "C:\\ProgramData\\nps\\backups"
    keep_backups: int = Field(default=10, ge=1, le=1000, strict=True)
    stop_service: bool = Field(default=False, strict=True)
    production: bool = Field(default=False, strict=True)
    channel: Channel | None = None
    admins: tuple[str, ...] | None = None
    may_run: tuple[str, ...] = ()
    approvers: tuple[str, ...] | None = None
    approvals: int = Field(default=1, ge=0, le=10, strict=True)
    approval_expires: Duration = timedelta(hours=24)
    remind_after: Duration | None = None
    escalate_after: Duration | None = None
    time_zone: Zone | None = None


class Settings(Section):
    """The whole file. `folder` is where it lies; relative paths are meant from there."""

    slack: SlackSection = SlackSection()
    store: StoreSection = StoreSection()
    people: dict[str, Person] = Field(default_factory=dict)
    credentials: dict[str, Credential] = Field(default_factory=dict)
    packages: dict[str, PackageSection] = Field(default_factory=dict)
    hosts: dict[str, HostSection] = Field(default_factory=dict)
    environments: dict[str, Environment] = Field(default_factory=dict)
    freezes: tuple[Freeze, ...] = ()
    _folder: Path = PrivateAttr(default=Path())

    @property
    def audit(self) -> Path:
        return self._folder / self.store.audit

    @property
    def engine(self) -> Path:
        return self._folder / self.store.engine.removeprefix("sqlite:///")

    @property
    def data(self) -> Path:
        """The folder that a running bot holds the lock of: where the audit lies."""
        return self.audit.parent

    def path(self, relative: Path) -> Path:
        return self._folder / relative

    def channel(self, environment: str) -> str | None:
        """Where runs of the environment are told in Slack, also of one that is gone from the file; None where only the
        terminal is served."""
        env = self.environments.get(environment)
        return (env.channel if env else None) or self.slack.channel

    def reminders(self, environment: str) -> tuple[timedelta, timedelta]:
        """How long a question stands before those who may decide are reminded, and before the admins are asked; also
        for an environment that is gone from the file."""
        env = self.environments.get(environment)
        remind, escalate = (env.remind_after, env.escalate_after) if env else (None, None)
        return remind or self.slack.remind_after, escalate or self.slack.escalate_after

    def passwords(self) -> dict[str, SecretStr]:
        """The password of each credential that has one, as it is now; raises one SettingsFault that lists all that
        are not to be had, unusable certificates among them."""
        found: dict[str, SecretStr] = {}
        faults = []
        for name, credential in self.credentials.items():
            try:
                password = credential.resolve()
            except SettingsFault as fault:
                faults.append(
                    f"[credentials.{name}] {'certificate' if credential.certificate else 'password'}: {fault}"
                )
            else:
                found |= {name: password} if password else {}
        if faults:
            raise SettingsFault("\n".join(faults))
        return found

    def public(self) -> dict[str, Any]:
        """The settings as the audit keeps them: where secrets lie, never what they are."""
        return self.model_dump(mode="json", by_alias=True)
