"""[packages]: installers, where they come from and how they run. Pure."""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bot.settings.base import Duration, Section

FILE_NAME = re.compile(r'[^\\/:*?"<>|\x00-\x1f]+')


class Source(Section):
    """Where the installer comes from, exactly one of the three: an administrator has put it on each host, each host
    pulls it, or the bot sends a file that lies below nps.toml's folder."""

    staged: str | None = None
    url: str | None = None
    upload: str | None = None

    @field_validator("url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        return value if value is None else _fetchable(value)

    @field_validator("upload")
    @classmethod
    def _below(cls, value: str | None) -> str | None:
        if value is not None and (value.startswith("/") or ".." in value.split("/")):
            raise ValueError("should be a path below the folder of nps.toml, such as packages/prm_setup.exe")
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(bool(way) for way in (self.staged, self.url, self.upload)) != 1:
            raise ValueError("should name exactly one of staged, url and upload")
        return self


def _fetchable(value: str) -> str:
    """Told without the address, for what is wrong with it may be a secret in it."""
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.port == 0:
        raise ValueError("should look like https://files.corp.example/prm_setup.exe")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("should carry no user, password, query or fragment: people and the audit log see it")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError("plain http could be changed on the way; use https")
    return value


class PackageSection(Section):
    file: str
    version: str
    sha256: str
    arguments: tuple[str, ...] = Field(default=(), validate_default=True)
    source: Source
    signer: str | None = Field(default=None, min_length=1)
    run_as: Literal["S4U", "SYSTEM"] = "S4U"
    deadline: Duration = timedelta(hours=2)
    inactivity: Duration = timedelta(minutes=30)
    success_codes: tuple[Annotated[int, Field(strict=True, ge=-(2**31), lt=2**32)], ...] = (0, 3010, 1641)
    stop_service: bool = Field(default=False, strict=True)

    @field_validator("file")
    @classmethod
    def _kind(cls, value: str) -> str:
        if not value.lower().endswith((".exe", ".msi")):
            raise ValueError("should end in .exe or .msi")
        if not FILE_NAME.fullmatch(value):
            raise ValueError("should be a file's name without a folder")
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

    @field_validator("success_codes")
    @classmethod
    def _signed(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        """As Windows hands them out: 0x80070643 and -2147023293 are one code."""
        if not value:
            raise ValueError("should name at least one exit code, such as [0, 3010, 1641]")
        return tuple(code - 2**32 if code >= 2**31 else code for code in value)

    @field_validator("arguments")
    @classmethod
    def _silent(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value and str(info.data.get("file", "")).lower().endswith(".exe"):
            raise ValueError('an .exe without arguments would open a wizard; give its silent switches, such as ["/S"]')
        return value
