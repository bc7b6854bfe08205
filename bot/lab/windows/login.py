"""Who may come in: Basic and a client's certificate per request, NTLM and Kerberos per TCP connection with sealed
messages, as WinRM does over plain HTTP.

It answers headers and unseals bodies; it never opens a socket and keeps no password but the lab's own.
"""

import base64
import os
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import spnego
from spnego.exceptions import SpnegoError

from bot.lab.windows.tls import Tls, is_bound

OFFERS = ("Negotiate", 'Basic realm="WSMAN"')
BY_CERTIFICATE = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
SEALED = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'
_BOUNDARY = b"--Encrypted Boundary"
_OCTETS = b"\tContent-Type: application/octet-stream\r\n"
_SIGNATURE = 16
# pyspnego's acceptor takes accounts from one file, named by an environment variable of the whole process.
_one_at_a_time = threading.Lock()


class BadSeal(Exception):
    """The body was not sealed for this connection; Windows answers HTTP 400."""


@dataclass(frozen=True)
class Challenged:
    """The first half of NTLM: the client must answer this token."""

    token: str


@dataclass(frozen=True)
class Refused:
    """No login, or a wrong one."""


@dataclass(frozen=True)
class LetIn:
    """Logged in; `is_sealed` says that bodies on this connection travel encrypted, `token` is the server's proof."""

    is_sealed: bool
    token: str | None = None


class Door:
    """The one account of a pretend server, and how often it was let in or refused; with `principal` it is also a
    Kerberos one, whose service's key KRB5_KTNAME has."""

    def __init__(self, user: str, password: str, principal: str | None = None, tls: Tls | None = None) -> None:
        self.user = user
        self.password = password
        self.principal = principal
        self.tls = tls
        self.logins = 0
        self.refused = 0

    @contextmanager
    def known_to_spnego(self) -> Iterator[None]:
        """While it lasts, pyspnego's acceptor in this process knows this door's account and no other."""
        domain, _, name = self.user.rpartition("\\")
        with _one_at_a_time, tempfile.NamedTemporaryFile("w", prefix="nps-lab-", encoding="utf-8") as accounts:
            accounts.write(f"{domain}:{name}:{self.password}\n")
            accounts.flush()
            before = os.environ.get("NTLM_USER_FILE")
            os.environ["NTLM_USER_FILE"] = accounts.name
            try:
                yield
            finally:
                if before is None:
                    del os.environ["NTLM_USER_FILE"]
                else:
                    os.environ["NTLM_USER_FILE"] = before


class Guard:
    """The door's keeper for one TCP connection; a changed password undoes what it granted."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._context: spnego.ContextProxy | None = None
        self._password: str | None = None

    def check(self, header: str | None, peer: Any = None) -> LetIn | Challenged | Refused:
        """`peer` is the client's certificate, where TLS got one."""
        scheme, _, value = (header or "").partition(" ")
        match scheme.lower():
            case "basic":
                return self._basic(value)
            case "negotiate" | "ntlm":
                token = base64.b64decode(value)
                return self._ntlm(token, scheme) if token.startswith(b"NTLMSSP\0") else self._kerberos(token, scheme)
            case scheme if scheme == BY_CERTIFICATE:
                return self._certificate(peer)
            case _:
                is_known = self._context is not None and self._context.complete
                return LetIn(is_sealed=self._seals) if is_known and self._is_current() else Refused()

    @property
    def _seals(self) -> bool:
        return self._door.tls is None

    def _is_current(self) -> bool:
        return self._password == self._door.password

    def _enter(self) -> None:
        if not self._is_current():
            self._password = self._door.password
            self._door.logins += 1

    def _refuse(self) -> Refused:
        self._context = None
        self._door.refused += 1
        return Refused()

    def _basic(self, value: str) -> LetIn | Refused:
        user, _, password = base64.b64decode(value).decode("latin-1").partition(":")
        if (user.lower(), password) != (self._door.user.lower(), self._door.password):
            return self._refuse()
        self._enter()
        return LetIn(is_sealed=False)

    def _certificate(self, peer: Any) -> LetIn | Refused:
        if self._door.tls is None or not self._door.tls.knows(peer):
            return self._refuse()
        self._enter()
        return LetIn(is_sealed=False)

    def _ntlm(self, token: bytes, scheme: str) -> LetIn | Challenged | Refused:
        with self._door.known_to_spnego():
            try:
                if self._context is None or self._context.complete:
                    self._context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
                    self._password = None
                answer = self._context.step(token)
            except SpnegoError:
                return self._refuse()
        if answer:
            return Challenged(f"{scheme} {base64.b64encode(answer).decode()}")
        tls = self._door.tls
        if tls and tls.is_strict and not is_bound(token, tls.bindings()):
            return self._refuse()
        self._enter()
        return LetIn(is_sealed=self._seals)

    def _kerberos(self, token: bytes, scheme: str) -> LetIn | Refused:
        """One token each way: the client's ticket, and the proof that the server holds the service's key."""
        tls = self._door.tls
        bindings = tls.bindings() if tls else None
        try:
            self._context = spnego.server(protocol="kerberos", channel_bindings=bindings)
            answer = self._context.step(token)
        except (SpnegoError, AttributeError):
            # pyspnego's acceptor falls over its own log when a ticket is not for its key
            return self._refuse()
        if not self._context.complete or self._context.client_principal != self._door.principal:
            return self._refuse()
        self._enter()
        return LetIn(is_sealed=self._seals, token=f"{scheme} {base64.b64encode(answer or b'').decode()}")

    def unseal(self, body: bytes) -> bytes:
        """The envelope within an encrypted body."""
        sealed = body.partition(_OCTETS)[2].removesuffix(_BOUNDARY + b"--\r\n")
        if self._context is None or len(sealed) < 4 + _SIGNATURE:
            raise BadSeal("not an encrypted body")
        length = struct.unpack("<i", sealed[:4])[0]
        try:
            return self._context.unwrap_winrm(sealed[4 : 4 + length], sealed[4 + length :])
        except SpnegoError as error:
            raise BadSeal(str(error)) from error

    def seal(self, envelope: bytes) -> bytes:
        assert self._context is not None, "only a connection that is let in seals"
        sealed = self._context.wrap_winrm(envelope)
        return (
            _BOUNDARY + b"\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
            b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n" % len(envelope)
            + _BOUNDARY + b"\r\n" + _OCTETS
            + struct.pack("<i", len(sealed.header)) + sealed.header + sealed.data + _BOUNDARY + b"--\r\n"
        )  # fmt: skip
