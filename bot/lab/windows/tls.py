"""The TLS of a pretend server: its certificate, which clients' certificates it knows, and what logins are bound to."""

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spnego.channel_bindings import GssChannelBindings


@dataclass(frozen=True, kw_only=True)
class Tls:
    """`clients` is the CA whose certificates are asked for, `mapped` the common names that have an account;
    `is_strict` is WinRM's CbtHardeningLevel Strict. With `behind` the host has that certificate, and this TLS is
    somebody's between."""

    certificate: Path
    key: Path
    clients: Path | None = None
    mapped: frozenset[str] = frozenset()
    is_strict: bool = False
    behind: Path | None = None

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if self.clients:
            context.load_verify_locations(self.clients)
            context.verify_mode = ssl.CERT_OPTIONAL
            # as Windows before 2022; with 1.3 a client's certificate is judged after the client thinks itself let in
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    def bindings(self) -> GssChannelBindings:
        """What a login over this TLS is bound to (RFC 5929, tls-server-end-point)."""
        certificate = ssl.PEM_cert_to_DER_cert((self.behind or self.certificate).read_text("ascii"))
        return GssChannelBindings(application_data=b"tls-server-end-point:" + hashlib.sha256(certificate).digest())

    def knows(self, peer: Any) -> bool:
        """Whether the client's certificate, as ssl tells it, is mapped to an account."""
        subject = dict(pair for part in (peer or {}).get("subject", ()) for pair in part)
        return subject.get("commonName") in self.mapped


def is_bound(token: bytes, bindings: GssChannelBindings) -> bool:
    """Whether an NTLM token carries these bindings: an AV pair MsvAvChannelBindings with their MD5 (MS-NLMP)."""
    return b"\x0a\x00\x10\x00" + hashlib.md5(bindings.pack(), usedforsecurity=False).digest() in token
