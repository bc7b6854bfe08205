"""Kerberos for one channel: a ticket by the credential's own password, bound to the TLS that it travels in.

pywinrm's own takes its ticket from what KRB5CCNAME names, one for the whole process; here each channel asks the KDC
itself and keeps the ticket in memory, so that two identities live side by side and nothing lies in a file. The library
is an extra: its absence is a sentence.
"""

import base64
import re
import ssl
from typing import Any
from urllib.parse import urlsplit

import requests
import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from requests.auth import AuthBase
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError
from urllib3.connection import HTTPSConnection

NO_LIBRARY = 'Kerberos needs a library that is not installed here: pip install "nps-bot[kerberos]"'
KDC_AWAY = frozenset({-1765328228, -1765328230, -1765328164})
NO_SERVICE = -1765328377
REASONS = {
    -1765328378: "the KDC knows no such user",
    NO_SERVICE: "the KDC knows no service HTTP/ of that name; the url should be the server's name in the domain",
    -1765328366: "the account is disabled or locked",
    -1765328361: "the password has expired",
    -1765328360: "the password is wrong",
    -1765328353: "the password is wrong",
    -1765328347: "the clocks of this machine and the KDC differ too much",
    -1765328316: "the realm of the user is not known to the KDC",
}
_TOKEN = re.compile(r"(?:^|,)\s*(?:Negotiate|Kerberos)\s+([A-Za-z0-9+/=]+)", re.IGNORECASE)


class KerberosFault(Exception):
    """Kerberos did not come about; `is_away` where nothing answered, so that no account can have been locked, and
    `is_known` where the user's password was right."""

    def __init__(self, reason: str, *, is_away: bool = False, is_known: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_away, self.is_known = reason, is_away, is_known


def lack() -> str | None:
    """Why Kerberos can't be used here, as a sentence; None where it can."""
    try:
        import gssapi  # noqa: F401
        import krb5  # noqa: F401
    except ImportError:
        return NO_LIBRARY
    return None


class KerberosAuth(AuthBase):
    """Answers a 401 once; on a connection that is logged in it seals and opens messages."""

    def __init__(self, user: str, password: str, *, seals: bool) -> None:
        self._user, self._password, self._seals = user, password, seals
        self._context: spnego.ContextProxy | None = None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.hooks["response"].append(self._answer)
        return request

    def _answer(self, response: requests.Response, **more: Any) -> requests.Response:
        if response.status_code != requests.codes.unauthorized:
            return response
        if self._seals and self._context:
            # the body was sealed for a connection that is gone: only a new conversation heals that
            raise requests.exceptions.ConnectionError("the encrypted conversation was lost")
        bindings = _bindings(response)
        response.close()  # unread: nobody knows how long the body of a refusal is
        context = self._new_context(urlsplit(str(response.request.url)).hostname, bindings)
        request = response.request.copy()
        request.headers["Authorization"] = f"Negotiate {base64.b64encode(_step(context, None)).decode()}"
        answer: requests.Response = response.connection.send(request, **more)
        if answer.status_code != requests.codes.unauthorized:
            self._prove(context, answer)
            self._context = context
        return answer

    def _new_context(self, host: str | None, bindings: GssChannelBindings | None) -> spnego.ContextProxy:
        if told := lack():
            raise KerberosFault(told)
        try:
            return spnego.client(
                self._user, self._password, hostname=host or "", service="HTTP", protocol="kerberos",
                channel_bindings=bindings, options=spnego.NegotiateOptions.wrapping_winrm,
            )  # fmt: skip
        except Exception as error:
            raise _fault(error) from error

    def _prove(self, context: spnego.ContextProxy, answer: requests.Response) -> None:
        """Whoever answers must hold the service's key, or its answer is not looked at."""
        token = _TOKEN.search(answer.headers.get("WWW-Authenticate", ""))
        if token:
            _step(context, base64.b64decode(token[1]))
        if not context.complete:
            raise KerberosFault("the server did not prove that it is the one that the ticket is for")

    def wrap_winrm(self, host: Any, message: bytes) -> tuple[bytes, bytes]:
        """As pywinrm's encryption calls it: the sealed message and its header."""
        assert self._context is not None, "the blank message before the first sealed one logs in"
        sealed = self._context.wrap_winrm(message)
        return sealed.data, sealed.header

    def unwrap_winrm(self, host: Any, message: bytes, header: bytes) -> bytes:
        """As pywinrm's encryption calls it."""
        assert self._context is not None, "the blank message before the first sealed one logs in"
        return self._context.unwrap_winrm(header, message)


def _step(context: spnego.ContextProxy, token: bytes | None) -> bytes:
    try:
        return context.step(token) or b""
    except Exception as error:
        raise _fault(error) from error


def _fault(error: BaseException) -> KerberosFault:
    """The reason of the innermost library: its minor code tells what the others wrap into many words."""
    inner = error.base_error if isinstance(error, SpnegoError) and error.base_error else error
    code = _signed(getattr(inner, "err_code", None) or getattr(inner, "min_code", None) or 0)
    told = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return KerberosFault(REASONS.get(code, told), is_away=code in KDC_AWAY, is_known=code == NO_SERVICE)


def _signed(code: int) -> int:
    return code - (1 << 32) if code >= 1 << 31 else code


def _bindings(response: requests.Response) -> GssChannelBindings | None:
    """RFC 5929's tls-server-end-point, where there is TLS."""
    connection = response.raw.connection
    if not isinstance(connection, HTTPSConnection) or not isinstance(connection.sock, ssl.SSLSocket):
        return None
    certificate = connection.sock.getpeercert(True)
    if certificate is None:
        return None
    used = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    weak = used is None or used.name in ("md5", "sha1")
    digest = hashes.Hash(hashes.SHA256() if used is None or weak else used)
    digest.update(certificate)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest.finalize())
