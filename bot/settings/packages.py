"""[packages]: installers, where they come from and how they run. Pure."""

import re
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bot.settings.base import Section


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
