"""Where secrets lie, and the logins that need them; a secret is read only when it is asked for."""

import os
import ssl
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr, ValidationInfo, field_validator, model_validator

from bot.errors import SettingsFault
from bot.settings.base import Section


class SecretSource(Section):
    """Where a secret lies; exactly one of the three."""

    env: str | None = None
    file: Path | None = None
    keyring: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _named_only(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError('should be { env = "NAME" } or { file = "PATH" }, never the secret itself')
        return value

    @field_validator("file")
    @classmethod
    def _from_the_folder(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        return value and (info.context or {}).get("folder", Path()) / value

    @field_validator("keyring")
    @classmethod
    def _service_and_name(cls, value: str | None) -> str | None:
        if value is not None and [bool(part) for part in value.split("/")] != [True, True]:
            raise ValueError('should be "service/name", as it was given to `keyring set service name`')
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if [self.env, self.file, self.keyring].count(None) != 2:
            raise ValueError("should name exactly one of env, file and keyring")
        return self

    def resolve(self) -> SecretStr:
        """The secret's value now; raises SettingsFault where it is not to be had."""
        if self.file is not None:
            return _secret_in(self.file)
        if self.keyring is not None:
            return _secret_of_keyring(*self.keyring.split("/"))
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


def _secret_of_keyring(service: str, name: str) -> SecretStr:
    try:
        import keyring
        import keyring.errors
    except ImportError as fault:
        raise SettingsFault(
            "It lies in the keyring, but the library for it is not installed here.",
            'Install it: pip install "nps-bot[keyring]".',
        ) from fault
    try:
        value = keyring.get_password(service, name)
    except keyring.errors.NoKeyringError as fault:
        raise SettingsFault(
            "It lies in the keyring, but this machine has none that the bot could open.",
            "Set one up for the bot's user, or use env or file.",
        ) from fault
    except keyring.errors.KeyringError as fault:
        # its words are not repeated: nobody knows what a backend puts into them
        raise SettingsFault(
            f"The keyring did not give {service}/{name} ({type(fault).__name__}).", "Unlock it, then start again."
        ) from fault
    if not value:
        raise SettingsFault(
            f"The keyring has no password {service}/{name}.", f"As the bot's user: keyring set {service} {name}"
        )
    return SecretStr(value)


class Credential(Section):
    """A user with a password, or a certificate with its key."""

    user: str | None = None
    password: SecretSource | None = None
    certificate: Path | None = None
    key: Path | None = None

    @field_validator("certificate", "key")
    @classmethod
    def _from_the_folder(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        return value and (info.context or {}).get("folder", Path()) / value

    def resolve(self) -> SecretStr | None:
        """The password, or None for a certificate that was found usable; raises SettingsFault."""
        if self.password is not None:
            return self.password.resolve()
        if self.certificate is not None and self.key is not None:
            _try_pair(self.certificate, self.key)
        return None


def _try_pair(certificate: Path, key: Path) -> None:
    for file in (certificate, key):
        try:
            file.read_bytes()
        except OSError as fault:
            raise SettingsFault(f"{file} can't be read: {fault.strerror}.") from fault
    try:
        # a passphrase is given, or OpenSSL would ask for it at the terminal
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="-")
    except (ssl.SSLError, ValueError) as fault:
        raise SettingsFault(
            f"{certificate} and {key} are no certificate with its key in PEM without a passphrase.",
            "openssl pkey -in KEY -out NEW.key takes a passphrase off; the file should be the bot's user's alone.",
        ) from fault
