"""[hosts]: how Windows servers are reached. Pure."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import ValidationInfo, field_validator

from bot.settings.base import Section


def _loopback(host: str | None) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")


class HostSection(Section):
    url: str
    auth: Literal["kerberos", "ntlm", "certificate", "basic"]
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

    @field_validator("auth")
    @classmethod
    def _encrypted(cls, value: str, info: ValidationInfo) -> str:
        parts = urlsplit(info.data.get("url", ""))
        if value == "basic" and parts.scheme == "http" and not _loopback(parts.hostname):
            raise ValueError("basic over plain http would show the password; use https, or ntlm")
        if value == "certificate" and parts.scheme == "http":
            raise ValueError("certificate is a login of TLS; use https")
        return value
