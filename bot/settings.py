"""nps.toml, typed: read once at start, every fault reported at once with its line. It resolves a secret only when
asked for it."""

import os
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from bot.errors import SettingsFault
from bot.toml_lines import line_of

NAME = re.compile(r"(?!.*-\d+$)[A-Za-z0-9_-]{1,40}(?<!-)")
SLACK_ID = re.compile(r"[UWS][A-Z0-9]{2,}")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _duration(value: Any) -> Any:
    match = re.fullmatch(r"(\d+)([mhd])", value) if isinstance(value, str) else None
    if not match:
        raise ValueError('should be a duration such as "30m", "24h" or "7d"')
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as fault:
        raise ValueError(f"{value!r} is no time zone; use an IANA name such as Europe/Berlin") from fault
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
TimeZone = Annotated[str, AfterValidator(_zone)]


class Section(BaseModel):
    """A table of nps.toml; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SlackSection(Section):
    channel: str | None = None
    admins: tuple[str, ...] = ()


class StoreSection(Section):
    audit: Path = Path("var/audit.sqlite")
    engine: str = "sqlite:///var/engine.sqlite"

    @field_validator("engine")
    @classmethod
    def _sqlite(cls, value: str) -> str:
        if not value.startswith("sqlite:///"):
            raise ValueError("should begin with sqlite:///; PostgreSQL comes with `nps work`, which does not exist yet")
        return value


class Person(Section):
    """Joins the accounts of one human, so that nobody approves their own request from the other side."""

    slack: str | None = None
    os: str | None = None


class SecretSource(Section):
    """Where a secret lies; exactly one of the two."""

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _keyring(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError('should be { env = "NAME" } or { file = "PATH" }, never the secret itself')
        if isinstance(value, dict) and "keyring" in value:
            raise ValueError("keyring is not supported yet; use env or file")
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("should name exactly one of env and file")
        return self

    def resolve(self) -> SecretStr:
        """The secret's value now; raises SettingsFault where it is not to be had."""
        if self.file is not None:
            try:
                return SecretStr(self.file.read_text(encoding="utf-8").rstrip("\r\n"))
            except OSError as fault:
                raise SettingsFault(f"The secret file {self.file} can't be read: {fault.strerror}.") from fault
        value = os.environ.get(self.env or "")
        if not value:
            raise SettingsFault(f"The environment variable {self.env} is not set.", "Set it and start the bot again.")
        return SecretStr(value)


class Credential(Section):
    user: str
    password: SecretSource


class Source(Section):
    """Where the installer comes from; an administrator has put a `staged` one on the host."""

    staged: str

    @model_validator(mode="before")
    @classmethod
    def _later(cls, value: Any) -> Any:
        if isinstance(value, dict) and (other := {"url", "upload"} & set(value)):
            raise ValueError(f"{other.pop()} is not supported yet; put the file on the host and name it with staged")
        return value


class PackageSection(Section):
    file: str
    version: str
    sha256: str
    arguments: tuple[str, ...] = ()
    source: Source
    run_as: Literal["S4U", "SYSTEM"] = "S4U"

    @field_validator("version")
    @classmethod
    def _four(cls, value: str) -> str:
        if not re.fullmatch(r"\d{1,5}(\.\d{1,5}){3}", value):
            raise ValueError("should be a file version of four numbers such as 9.3.0.0")
        return value

    @field_validator("sha256")
    @classmethod
    def _hex(cls, value: str) -> str:
        if not re.fullmatch(r"[0-9A-Fa-f]{64}", value):
            raise ValueError("should be 64 hexadecimal digits, as Get-FileHash prints them")
        return value.lower()

    @model_validator(mode="after")
    def _silent(self) -> Self:
        if not self.file.lower().endswith((".exe", ".msi")):
            raise ValueError("file should end in .exe or .msi")
        if self.file.lower().endswith(".exe") and not self.arguments:
            raise ValueError('an .exe without arguments would open a wizard; give its silent switches, such as ["/S"]')
        return self


class HostSection(Section):
    url: str
    auth: Literal["ntlm", "basic"]
    credential: str
    ca: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _later(cls, value: Any) -> Any:
        if isinstance(value, dict):
            if "zone" in value:
                raise ValueError("zone needs a worker, and `nps work` does not exist yet; leave it out")
            if value.get("auth") in ("kerberos", "certificate"):
                raise ValueError(f"auth {value['auth']} is not supported yet; use ntlm, or basic over https")
        return value

    @model_validator(mode="after")
    def _safe(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url should look like https://be01.corp.example:5986/wsman")
        if parts.username or parts.password:
            raise ValueError("url should carry no user and no password; name a credential")
        plain = parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost")
        if plain and self.auth == "basic":
            raise ValueError("basic over plain http would show the password; use https, or ntlm")
        return self


class Environment(Section):
    backend: str
    frontends: tuple[str, ...] = ()
    package: str
    service: str | None = None
    dcom_application: str | None = None
    folder: str | None = None
    dcom_backend: str | None = None
    backups: str = "C:\\ProgramData\\nps\\backups"
    channel: str | None = None
    admins: tuple[str, ...] | None = None
    may_run: tuple[str, ...] = ()
    approvers: tuple[str, ...] | None = None
    approvals: int = Field(default=1, ge=0, le=10)
    approval_expires: Duration = timedelta(hours=24)
    time_zone: TimeZone = "UTC"

    @model_validator(mode="before")
    @classmethod
    def _later(cls, value: Any) -> Any:
        if isinstance(value, dict) and (other := {"announce", "announce_in"} & set(value)):
            raise ValueError(f"{' and '.join(sorted(other))}: planned upgrades do not exist yet; leave it out")
        return value


class Settings(Section):
    """The whole file. `folder` is where it lies; relative paths are meant from there."""

    slack: SlackSection = SlackSection()
    store: StoreSection = StoreSection()
    people: dict[str, Person] = {}
    credentials: dict[str, Credential] = {}
    packages: dict[str, PackageSection] = {}
    hosts: dict[str, HostSection] = {}
    environments: dict[str, Environment] = {}
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
        """Where runs of the environment are told in Slack; None where only the terminal is served."""
        return self.environments[environment].channel or self.slack.channel

    def public(self) -> dict[str, Any]:
        """The settings as the audit keeps them: where secrets lie, never what they are."""
        return self.model_dump(mode="json")


def load(path: Path) -> Settings:
    """Reads nps.toml; raises one SettingsFault that lists every fault, each by its line."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as fault:
        raise SettingsFault(
            f"{path} can't be read: {fault.strerror}.", "Name it with --config or NPS_CONFIG."
        ) from fault
    except UnicodeDecodeError as fault:
        raise SettingsFault(f"{path} is not UTF-8 text.", "Save it as UTF-8.") from fault
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise SettingsFault(f"{path} is not valid TOML: {fault}.") from fault
    try:
        settings = Settings.model_validate(data)
        faults = list(_references(settings))
    except ValidationError as error:
        faults = [(tuple(str(p) for p in e["loc"]), _say(e)) for e in error.errors(include_input=False)]
    if faults:
        lines = sorted((line_of(text, where), ".".join(where), what) for where, what in faults)
        raise SettingsFault("\n".join(f"{path}:{line}: {where}: {what}." for line, where, what in lines))
    settings._folder = path.parent
    return settings


def _say(error: Any) -> str:
    known = {"extra_forbidden": "is no setting of this table", "missing": "is missing"}
    return known.get(error["type"]) or error["msg"].removeprefix("Value error, ").rstrip(".")


def _references(settings: Settings) -> Any:
    """Names that point at nothing, and what no single table can see."""
    for name, host in settings.hosts.items():
        if host.credential not in settings.credentials:
            yield ("hosts", name, "credential"), f"there is no [credentials.{host.credential}]"
        if host.ca and not host.ca.is_absolute() and ".." in host.ca.parts:
            yield ("hosts", name, "ca"), "should not leave the folder of nps.toml"
    owner: dict[str, str] = {}
    for name, env in settings.environments.items():
        at = ("environments", name)
        if not NAME.fullmatch(name):
            yield at, "the name should be letters, digits, - and _, and not end in - and digits"
        if env.package not in settings.packages:
            yield (*at, "package"), f'there is no [packages."{env.package}"]'
        for key, hosts in (("backend", (env.backend,)), ("frontends", env.frontends)):
            for label in hosts:
                if label not in settings.hosts:
                    yield (*at, key), f"there is no [hosts.{label}]"
                elif owner.setdefault(label, f"{name}.{key}") != f"{name}.{key}" or hosts.count(label) > 1:
                    yield (*at, key), f"{label} already belongs to {owner[label].split('.')[0]}"
        for key in ("may_run", "approvers", "admins"):
            yield from _roles(settings, (*at, key), getattr(env, key) or ())
    yield from _roles(settings, ("slack", "admins"), settings.slack.admins)
    for key in ("slack", "os"):
        seen: dict[str, str] = {}
        for name, person in settings.people.items():
            account = getattr(person, key)
            if account and seen.setdefault(account, name) != name:
                yield ("people", name, key), f"{account} is already {seen[account]}"


def _roles(settings: Settings, at: tuple[str, ...], entries: tuple[str, ...]) -> Any:
    for entry in entries:
        if entry not in settings.people and not SLACK_ID.fullmatch(entry):
            yield at, f"{entry!r} is no Slack user (U…, W…), no user group (S…) and no one of [people]"
