"""Turns what pywinrm and the libraries under it raise into errors that name the host, say what happened and what to do.

Owns the judgment whether a new connection may heal a fault; never opens one.
"""

import re
import ssl
import struct
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import requests.exceptions as http
import spnego.exceptions
import urllib3.exceptions
import winrm.exceptions as wsman
from requests.cookies import CookieConflictError

from bot.errors import (
    AccessDenied,
    ActFailed,
    AnswerGarbled,
    CertificateWrong,
    HostAway,
    HostBusy,
    HostError,
    InstallerBusy,
    LoginRefused,
    QuotaUsedUp,
    TooLate,
)
from bot.texts import visible
from bot.windows.kerberos import KerberosFault

ACCESS_DENIED = 5
BUSY_WITH_INPUT = 170
# 109, 232 and 233 are of the pipes of a command that has ended, the others of its shell or host.
SHELL_IS_GONE = frozenset({109, 232, 233, 995, 2147943418, 2150858843})
QUOTAS = frozenset(range(0x803381A5, 0x803381AC)) | frozenset(range(0x803381E4, 0x803381EB))

AWAY_MOVE = "Check that it is up and that its WinRM port is open, then retry."

# What pywinrm and pyspnego let through when an answer or a challenge has not the form that they read.
MISREAD = (
    ParseError,
    HTTPException,
    CookieConflictError,
    struct.error,
    ArithmeticError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    StopIteration,
    AssertionError,
    RecursionError,
)


SPNEGO = (
    spnego.exceptions.SpnegoError,
    spnego.exceptions.NativeError,
    spnego.exceptions.FeatureMissingError,
)


def _one_line(told: object, most: int) -> str:
    """A host's words, cut short, without what could move a cursor or turn the direction of writing."""
    return " ".join(visible(str(told)[:4000]).split())[:most]


class PowerShellEnded(Exception):
    """The PowerShell at the other end is gone; `told` is what it wrote to stderr, as CLIXML."""

    def __init__(self, told: bytes) -> None:
        text = " ".join(re.findall(r'<S S="Error">(.*?)</S>', told.decode("utf-8", "replace"), re.DOTALL))
        self.told = _one_line(re.sub(r"_x[0-9A-Fa-f]{4}_", " ", text), 300)
        super().__init__(self.told)


class Unfit(Exception):
    """The PowerShell at the other end can't run our scripts; what it told is its version and language mode."""

    def __init__(self, told: object) -> None:
        self.told = _one_line(told, 100)
        super().__init__(self.told)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An error for people, and whether asking again over a new connection may help at once."""

    error: HostError
    again: bool


def fault(host: str, url: str, error: BaseException) -> Fault:
    """What to tell of a foreign exception; the most particular reading wins."""
    for judge in (_login, _certificate, _soap, _connection, _garbled):
        if found := judge(host, url, error):
            return found
    return unforeseen(host, error)


def unforeseen(host: str, error: BaseException) -> Fault:
    """For what no judge knows; a test holds that no library's exception comes to this."""
    told = f"Talking to {host} failed in a way that was not foreseen: {type(error).__name__}."
    return Fault(error=AnswerGarbled(host, told, "Look at the bot's log, then retry."), again=False)


def _login(host: str, url: str, error: BaseException) -> Fault | None:
    if isinstance(error, (spnego.exceptions.BadMICError, spnego.exceptions.ContextExpiredError)):
        return _away(host, f"The encrypted conversation with {host} was lost.", again=True)
    if isinstance(error, (wsman.AuthenticationError, *SPNEGO)):
        reason = f"{host} refused the login."
    elif isinstance(error, wsman.WSManFaultError) and error.wsman_fault_code == ACCESS_DENIED:
        reason = f"{host} let the user log in but denied access to its shell."
    elif isinstance(error, wsman.WinRMTransportError) and error.code == 403:
        reason = f"{host} denied access (HTTP 403)."
    elif isinstance(error, KerberosFault):
        reason = f"Kerberos could not log in to {host}: {_one_line(error.reason, 300)}."
        if error.is_away:
            move = "Check the realm's KDC in DNS or /etc/krb5.conf and port 88 of it, then retry."
            return Fault(error=HostAway(host, reason, move), again=False)
    else:
        return None
    kind = AccessDenied if _is_known(error) else LoginRefused
    move = (
        "Check user, password and rights (local Administrators), or that the certificate is mapped to an account. "
        "It is not tried again: that could lock the account."
    )
    return Fault(error=kind(host, reason, move), again=False)


def _is_known(error: BaseException) -> bool:
    """Whether the user's password was right."""
    return (
        error.is_known
        if isinstance(error, KerberosFault)
        else isinstance(error, wsman.WinRMTransportError | wsman.WSManFaultError)
    )


# What OpenSSL says of a certificate, and what that means to somebody at night; the first that is found counts.
PROOFS = (
    ("certificate has expired", "its certificate has expired", "Renew it on the host"),
    ("certificate is not yet valid", "its certificate is not valid yet", "Look at the clocks of both machines"),
    ("mismatch", "its certificate is not for {name}", "Write the name that the certificate has into url"),
    ("not valid for", "its certificate is not for {name}", "Write the name that the certificate has into url"),
    ("verify failed: self", "its certificate was not issued by the CA in ca", "Put the right CA's PEM file there"),
    ("unable to get", "its certificate was not issued by the CA in ca", "Put the right CA's PEM file there"),
    ("invalid path", "the CA file can't be read", "Look at ca in nps.toml"),
    ("NO_CERTIFICATE", "the CA file holds no certificate", "Put the CA's PEM file there"),
    ("WRONG_VERSION_NUMBER", "what answers there does not speak TLS", "Look at the port in url, 5986 is usual"),
    ("RECORD_LAYER_FAILURE", "what answers there does not speak TLS", "Look at the port in url, 5986 is usual"),
)
TLS_ERRORS = (http.SSLError, urllib3.exceptions.SSLError, ssl.SSLError)


def _certificate(host: str, url: str, error: BaseException) -> Fault | None:
    text = str(error)
    # requests-ntlm reads the certificate for channel binding
    unread = type(error).__module__.partition(".")[0] == "cryptography"
    missing = isinstance(error, OSError) and "TLS C" in text
    if not isinstance(error, TLS_ERRORS) and not missing and not unread:
        return None
    if "EOF occurred" in text or "UNEXPECTED_EOF" in text:
        told = f"{host} hung up in the middle of TLS."
        move = "Retry; if it stays, look at the listener's certificate, and at the bot's where auth is certificate."
        return Fault(error=HostAway(host, told, move), again=True)
    if alert := re.search(
        r"alert ((?:unknown ca|bad certificate|certificate \w+|access denied|handshake failure))", text
    ):
        told = f"{host} did not take the bot's certificate ({alert[1]})."
        move = (
            "Look whether its issuer is among the host's trusted roots, whether it has expired, and auth in nps.toml."
        )
        return Fault(error=AccessDenied(host, told, move), again=False)
    detail = text.rsplit("certificate verify failed: ", 1)[-1].split(" (_ssl", 1)[0][:300]
    proofs = ((said, move) for part, said, move in PROOFS if part in text)
    said, move = next(proofs, (_one_line(detail, 300), "Check the host name in url and the CA file in ca"))
    told = f"TLS could not prove that {url} is {host}: {said.format(name=urlsplit(url).hostname)}."
    return Fault(error=CertificateWrong(host, told, f"{move}; nothing was sent to it."), again=False)


def _soap(host: str, url: str, error: BaseException) -> Fault | None:
    if isinstance(error, wsman.WinRMOperationTimeoutError):
        return _away(host, f"{host} gave no answer within the time that it was given.", again=True)
    if isinstance(error, wsman.WSManFaultError):
        return _wsman_fault(host, error)
    if isinstance(error, wsman.WinRMTransportError):
        told = f"{host} answered HTTP {error.code} instead of a WinRM answer."
        move = (
            f"Look whether {url} is the WinRM listener; without TLS it takes encrypted messages only (ntlm, kerberos)."
        )
        # 400 is also what a dropped connection leaves of an encrypted conversation: only a new one heals it.
        return Fault(error=AnswerGarbled(host, told, move), again=True)
    return None


def _wsman_fault(host: str, error: wsman.WSManFaultError) -> Fault:
    code = error.wsman_fault_code if error.wsman_fault_code is not None else error.wmierror_code
    reason = _one_line(error.reason or "", 300)
    if code in QUOTAS or error.fault_subcode == "w:QuotaLimit":
        move = "Wait two minutes, until abandoned shells are gone, or raise the quota on the host."
        return Fault(error=QuotaUsedUp(host, f"A WinRM quota of {host} is used up: {reason}", move), again=False)
    if code in SHELL_IS_GONE or code == BUSY_WITH_INPUT:
        return _away(host, f"The shell on {host} is gone.", again=True)
    told = f"{host} refused with WS-Management fault {code}: {reason}"
    return Fault(error=AnswerGarbled(host, told, "Look at the WinRM log of the host, then retry."), again=False)


def _connection(host: str, url: str, error: BaseException) -> Fault | None:
    text = str(error)
    if isinstance(error, (http.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError)):
        return _away(host, f"{host} can't be reached at {url}: no answer.", again=False)
    if "Name or service not known" in text or "NameResolutionError" in text or "getaddrinfo" in text:
        return _away(host, f"The name in {url} is not known here.", again=False)
    if "Connection refused" in text or "No route to host" in text or "Network is unreachable" in text:
        return _away(host, f"{host} can't be reached at {url}: nobody listens there.", again=False)
    if isinstance(error, (http.ReadTimeout, http.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)):
        return _away(host, f"{host} gave no answer in time.", again=True)
    broken = (
        http.ConnectionError,
        http.ChunkedEncodingError,
        urllib3.exceptions.ProtocolError,
        urllib3.exceptions.PoolError,
        urllib3.exceptions.MaxRetryError,
        ConnectionError,
    )
    if isinstance(error, broken):
        return _away(host, f"The connection to {host} was lost.", again=True)
    if isinstance(error, OSError) and not isinstance(error, http.RequestException):
        return _away(host, f"{host} can't be reached at {url}: {error.strerror or type(error).__name__}.", again=True)
    return None


def _away(host: str, sentence: str, *, again: bool) -> Fault:
    return Fault(error=HostAway(host, sentence, AWAY_MOVE), again=again)


def _garbled(host: str, url: str, error: BaseException) -> Fault | None:
    if isinstance(error, Unfit):
        told = f"{host} offers {error.told}; the bot needs 5.1 or newer in FullLanguage mode."
        move = "Install Windows Management Framework 5.1, or except the bot's account from AppLocker's or WDAC's rules."
        return Fault(error=ActFailed(host, told, move), again=False)
    if isinstance(error, PowerShellEnded):
        told = f"PowerShell on {host} ended by itself{': ' + error.told if error.told else '.'}"
        return Fault(error=HostAway(host, told, "Retry; if it ends again, look at its application log."), again=True)
    if isinstance(error, (*MISREAD, http.RequestException, urllib3.exceptions.HTTPError, wsman.WinRMError)):
        told = f"The answer of {host} is not what a WinRM listener says ({type(error).__name__})."
        move = f"Look whether {url} is the WinRM listener itself and no proxy or other server, then retry."
        return Fault(error=AnswerGarbled(host, told, move), again=True)
    return None


MOVES = {
    "in_use": "Close what holds it open on the host, then retry.",
    "denied": "Check the rights of the user that the bot logs in with, then retry.",
    "absent": "Look on the host whether it was moved or renamed, then retry.",
}


def is_too_late(reply: dict[str, Any]) -> bool:
    """Whether the host took the request up after its not-after time."""
    error = reply.get("error")
    return isinstance(error, dict) and error.get("kind") == "too_late"


def refusal(host: str, error: Any) -> HostError:
    """What a verb on the host said, as an error; its words come from the host and are cut short."""
    if not isinstance(error, dict):
        return AnswerGarbled(
            host, f"{host} said that a verb failed, but not why.", "Retry; then look at the bot's log."
        )
    verb, kind = _one_line(error.get("verb"), 40), error.get("kind")
    told = f"{verb} on {host}: {_one_line(error.get('message'), 500)}"
    if kind == "busy":
        return HostBusy(host, told, "Wait until the other act has ended, then retry.")
    if kind == "installing":
        return InstallerBusy(host, told, "Wait until the other installation has ended, then retry.")
    if kind == "too_late":
        return TooLate(host, told, "Nothing was touched; retry.")
    return ActFailed(host, told, MOVES.get(str(kind), "Look at the host, then retry."))
