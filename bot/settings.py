"""nps.toml, typed: read once at start, every fault reported at once with its line. It resolves secrets only when
asked for them."""

import os
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bot import references
from bot.errors import SettingsFault
from bot.toml_lines import line_of

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LATER = {
    "zone": "needs a worker, and `nps work` does not exist yet; leave it out",
    "announce": "needs planned upgrades, which do not exist yet; leave it out",
    "announce_in": "needs planned upgrades, which do not exist yet; leave it out",
    "time_zone": "needs planned upgrades, which do not exist yet; leave it out",
    "signer": "is not looked at yet; leave it out, sha256 proves the file",
}
"""Settings that the design names and this version refuses."""


def _duration(value: Any) -> Any:
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", value) if isinstance(value, str) else None
    if not match:
        raise ValueError('should be a duration such as "30m", "24h" or "7d"')
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _channel(value: str) -> str:
    if not re.fullmatch(r"[CG][A-Z0-9]{2,}", value):
        raise ValueError("should be a channel's id such as C0OPS, which Slack shows in the channel's details")
    return value


def _loopback(host: str | None) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")


Channel = Annotated[str, AfterValidator(_channel)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Section(BaseModel):
    """A table of nps.toml; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SlackSection(Section):
    channel: Channel | None = None
    admins: tuple[str, ...] = ()


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

    @field_validator("file")
    @classmethod
    def _from_the_folder(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        return value and (info.context or {}).get("folder", Path()) / value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("should name exactly one of env and file")
        return self

    def resolve(self) -> SecretStr:
        """The secret's value now; raises SettingsFault where it is not to be had."""
        if self.file is not None:
            return _secret_in(self.file)
        value = os.environ.get(self.env or "")
        if not value:
            raise SettingsFault(f"The environment variable {self.env} is not set.", "Set it and start the bot again.")
        return SecretStr(value)


def _secret_in(file: Path) -> SecretStr:
    try:
        value = file.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except OSError as fault:
        raise SettingsFault(f"The secret file {file} can't be read: {fault.strerror}.") from fault
    except UnicodeDecodeError:
        raise SettingsFault(f"The secret file {file} is not UTF-8 text.", "Save it as UTF-8.") from None
    if not value:
        raise SettingsFault(f"The secret file {file} is empty.", "Write the secret into it.")
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
    arguments: tuple[str, ...] = Field(default=(), validate_default=True)
    source: Source
    run_as: Literal["S4U", "SYSTEM"] = "S4U"

    @field_validator("file")
    @classmethod
    def _kind(cls, value: str) -> str:
        if not value.lower().endswith((".exe", ".msi")):
            raise ValueError("should end in .exe or .msi")
        return value

    @field_validator("version")
    @classmethod
    def _four(cls, value: str) -> str:
        if not re.fullmatch(r"(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){3}", value):
            raise ValueError("should be a file version of four numbers such as 9.3.0.0")
        return value

    @field_validator("sha256")
    @classmethod
    def _hex(cls, value: str) -> str:
        if not re.fullmatch(r"[0-9A-Fa-f]{64}", value):
            raise ValueError("should be 64 hexadecimal digits, as Get-FileHash prints them")
        return value.lower()

    @field_validator("arguments")
    @classmethod
    def _silent(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value and str(info.data.get("file", "")).lower().endswith(".exe"):
            raise ValueError('an .exe without arguments would open a wizard; give its silent switches, such as ["/S"]')
        return value


class HostSection(Section):
    url: str
    auth: Literal["ntlm", "basic"]
    credential: str
    ca: Path | None = None

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("should look like https://be01.corp.example:5986/wsman")
        if parts.username or parts.password:
            raise ValueError("should carry no user and no password; name a credential")
        return value

    @field_validator("auth", mode="before")
    @classmethod
    def _later(cls, value: Any) -> Any:
        if value in ("kerberos", "certificate"):
            raise ValueError(f"{value} is not supported yet; use ntlm, or basic over https")
        return value

    @field_validator("auth")
    @classmethod
    def _encrypted(cls, value: str, info: ValidationInfo) -> str:
        parts = urlsplit(info.data.get("url", ""))
        if value == "basic" and parts.scheme == "http" and not _loopback(parts.hostname):
            raise ValueError("basic over plain http would show the password; use https, or ntlm")
        return value


class Environment(Section):
    backend: str
    frontends: tuple[str, ...] = ()
    package: str
    service: str | None = None
    dcom_application: str | None = None
    folder: str | None = None
    dcom_backend: str | None = None
    backups: str = "C:\\ProgramData\\nps\\backups"
    channel: Channel | None = None
    admins: tuple[str, ...] | None = None
    may_run: tuple[str, ...] = ()
    approvers: tuple[str, ...] | None = None
    approvals: int = Field(default=1, ge=0, le=10, strict=True)
    approval_expires: Duration = timedelta(hours=24)


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

    def passwords(self) -> dict[str, SecretStr]:
        """Each credential's password as it is now; raises one SettingsFault that lists all that are not to be had."""
        found, faults = {}, []
        for name, credential in self.credentials.items():
            try:
                found[name] = credential.password.resolve()
            except SettingsFault as fault:
                faults.append(f"[credentials.{name}] password: {fault}")
        if faults:
            raise SettingsFault("\n".join(faults))
        return found

    def public(self) -> dict[str, Any]:
        """The settings as the audit keeps them: where secrets lie, never what they are."""
        return self.model_dump(mode="json")


def load(path: Path) -> Settings:
    """Reads nps.toml; raises one SettingsFault that lists every fault, each by its line."""
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise SettingsFault(f"{path} is not valid TOML: {fault}.") from fault
    faults = list(references.faults(data))
    try:
        settings = Settings.model_validate(data, context={"folder": path.parent})
    except ValidationError as error:
        faults += [(tuple(str(p) for p in e["loc"]), _say(e)) for e in error.errors(include_input=False)]
    if faults:
        lines = sorted((line_of(text, where), ".".join(where), what) for where, what in faults)
        raise SettingsFault("\n".join(f"{path}:{line}: {where}: {what}." for line, where, what in lines))
    settings._folder = path.parent
    return settings


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as fault:
        raise SettingsFault(
            f"{path} can't be read: {fault.strerror}.", "Name it with --config or NPS_CONFIG."
        ) from fault
    except UnicodeDecodeError as fault:
        raise SettingsFault(f"{path} is not UTF-8 text.", "Save it as UTF-8.") from fault


def _say(error: Any) -> str:
    name = str(error["loc"][-1])
    if error["type"] == "extra_forbidden":
        return LATER.get(name, "is no setting of this table")
    known = {"missing": "is missing", "string_pattern_mismatch": "should be a Slack user's id (U…, W…)"}
    return known.get(error["type"]) or error["msg"].removeprefix("Value error, ").rstrip(".")
