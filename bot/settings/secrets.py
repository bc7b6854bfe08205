"""Where secrets lie, and the logins that need them; a secret is read only when it is asked for."""

import os
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr, ValidationInfo, field_validator, model_validator

from bot.errors import SettingsFault
from bot.settings.base import Section


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
