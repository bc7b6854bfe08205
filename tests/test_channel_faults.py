"""Whatever the libraries under the channel raise becomes an error of ours: host, sentence, next move."""

import importlib
import pkgutil
import ssl
import struct
import warnings
from collections.abc import Iterator
from contextlib import suppress
from http.client import BadStatusLine
from io import BytesIO
from pathlib import Path

import pytest
import requests
import spnego
import spnego.exceptions
import winrm.exceptions as wsman
from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import SecretStr, ValidationError
from urllib3 import HTTPResponse

from bot.errors import (
    AccessDenied,
    ActFailed,
    AnswerGarbled,
    CertificateWrong,
    HostAway,
    HostError,
    LoginRefused,
    QuotaUsedUp,
)
from bot.windows.channel import Login
from bot.windows.faults import PowerShellEnded, Unfit, fault, refusal, unforeseen
from bot.windows.kerberos import KerberosFault

URL = "https://be01.corp.example:5986/wsman"
LIBRARIES = ("winrm", "requests", "urllib3", "spnego", "requests_ntlm")
UNFORESEEN = unforeseen("be01", Exception()).error.sentence.rsplit(":", 1)[0]


def loaded() -> None:
    """Imports all of the libraries, for a class is known as a subclass only then; what they need beyond us is absent
    here and could not be raised."""
    for library in LIBRARIES:
        for module in pkgutil.walk_packages(importlib.import_module(library).__path__, f"{library}."):
            if ".tests" not in module.name:
                with suppress(ImportError), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    importlib.import_module(module.name)


def subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    for below in kind.__subclasses__():
        yield below
        yield from subclasses(below)


def exception_classes() -> Iterator[type[Exception]]:
    loaded()
    for kind in subclasses(Exception):
        if kind.__module__.partition(".")[0] in LIBRARIES and not issubclass(kind, Warning):
            yield kind


CLASSES = sorted(set(exception_classes()), key=str)


ARGUMENTS: tuple[tuple[object, ...], ...] = (
    (),
    ("x",),
    ("http", 418, ""),
    (None, "x"),
    (0, 0),
    (HTTPResponse(BytesIO()), b"0"),
    ("x", "x", 0),
    (None, "x", "x"),
    (500, "x", "x", "x"),
)


def instance(kind: type[Exception]) -> Exception:
    """Made with the first arguments that its constructor takes and can put into words."""
    for arguments in ARGUMENTS:
        try:
            error = kind(*arguments)
            assert isinstance(str(error), str)
        except (TypeError, ValueError, IndexError, AttributeError):
            continue
        return error
    raise AssertionError(f"{kind} can't be made; add arguments for it")


def test_the_libraries_exceptions_are_found_at_all() -> None:
    found = {kind.__name__ for kind in CLASSES}
    assert {
        "WinRMError",
        "WinRMTransportError",
        "InvalidCredentialsError",
        "ReadTimeout",
        "BadMICError",
        "ProtocolError",
        "MutualAuthenticationError",
        "CertificateError",
    } <= found


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_exception_of_the_libraries_is_foreseen(kind: type[Exception]) -> None:
    found = fault("be01", URL, instance(kind)).error
    assert not found.sentence.startswith(UNFORESEEN), kind
    assert "be01" in found.sentence
    assert found.next_move


def challenges(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """A server's half of NTLM, whole, cut short at every byte, and with every byte turned round."""
    (folder / "accounts").write_text("CORP:u:p\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(folder / "accounts"))
    options = spnego.NegotiateOptions.use_ntlm
    hello = spnego.client("u", "p", protocol="ntlm", options=options).step()
    whole = spnego.server(protocol="ntlm", options=options).step(hello)
    assert whole
    yield from (whole[:length] for length in range(1, len(whole)))
    yield from (whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(len(whole)))


def test_whatever_a_spoilt_challenge_makes_of_a_login_is_foreseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[Exception] = []
    for challenge in challenges(tmp_path, monkeypatch):
        client = spnego.client("u", "p", protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        client.step()
        try:
            client.step(challenge)
        except Exception as error:
            raised.append(error)
    assert struct.error in map(type, raised)
    told = [fault("be01", URL, error).error.sentence for error in raised]
    assert [sentence for sentence in told if sentence.startswith(UNFORESEEN)] == []


def quota() -> wsman.WSManFaultError:
    return wsman.WSManFaultError(500, "m", "r", "Too many shells.", None, "w:QuotaLimit", None, 0x803381A5)


@pytest.mark.parametrize(
    ("error", "kind", "again"),
    [
        (wsman.InvalidCredentialsError("x"), LoginRefused, False),
        (wsman.WSManFaultError(500, "m", "r", "Denied.", wsman_fault_code=5), AccessDenied, False),
        (wsman.WSManFaultError(500, "m", "r", "Gone.", wsman_fault_code=2150858843), HostAway, True),
        (wsman.WSManFaultError(500, "m", "r", "Odd.", wsman_fault_code=87), AnswerGarbled, False),
        (quota(), QuotaUsedUp, False),
        (wsman.WinRMTransportError("http", 400, ""), AnswerGarbled, True),
        (wsman.WinRMTransportError("http", 403, ""), AccessDenied, False),
        (KerberosFault("the password is wrong"), LoginRefused, False),
        (KerberosFault("no such service", is_known=True), AccessDenied, False),
        (KerberosFault("nobody answers", is_away=True), HostAway, False),
        (spnego.exceptions.ContextExpiredError(), HostAway, True),
        (requests.exceptions.SSLError("certificate verify failed: self-signed (_ssl.c:1006)"), CertificateWrong, False),
        (requests.exceptions.SSLError("[SSL] EOF occurred in violation of protocol (_ssl.c:2427)"), HostAway, True),
        (requests.exceptions.SSLError("[SSL] tlsv1 alert unknown ca (_ssl.c:2580)"), AccessDenied, False),
        (ssl.SSLError("[X509: NO_CERTIFICATE_OR_CRL_FOUND] no certificate or crl found"), CertificateWrong, False),
        (OSError("Could not find a suitable TLS CA certificate bundle, invalid path: ca.pem"), CertificateWrong, False),
        (requests.exceptions.ConnectTimeout("x"), HostAway, False),
        (requests.exceptions.ConnectionError("[Errno 111] Connection refused"), HostAway, False),
        (requests.exceptions.ReadTimeout("x"), HostAway, True),
        (ConnectionResetError(104, "reset"), HostAway, True),
        (StopIteration(), AnswerGarbled, True),
        (spnego.exceptions.BadMICError(), HostAway, True),
        (spnego.exceptions.InvalidCredentialError(), LoginRefused, False),
        (wsman.WSManFaultError(500, "m", "r", "The pipe has been ended.", wsman_fault_code=109), HostAway, True),
        (PowerShellEnded(b'#< CLIXML\r\n<Objs><S S="Error">No memory._x000D__x000A_</S></Objs>'), HostAway, True),
        (Unfit("PowerShell 4.0 in FullLanguage mode"), ActFailed, False),
        (struct.error("unpack"), AnswerGarbled, True),
        (OverflowError(), AnswerGarbled, True),
        (BadStatusLine("x"), AnswerGarbled, True),
        (UnsupportedAlgorithm("sha3-999"), CertificateWrong, False),
        (EOFError(), AnswerGarbled, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_fault_says_what_it_is_and_whether_asking_again_may_help(
    error: Exception, kind: type[HostError], again: bool
) -> None:
    found = fault("be01", URL, error)
    assert (type(found.error), found.again) == (kind, again)


def test_a_powershell_that_can_not_run_the_scripts_is_told_with_its_version_and_mode() -> None:
    told = fault("be01", URL, Unfit("PowerShell 5.1 in ConstrainedLanguage mode")).error
    assert told.sentence.startswith("be01 offers PowerShell 5.1 in ConstrainedLanguage mode; the bot needs 5.1")
    assert "AppLocker" in told.next_move


def test_what_powershell_said_when_it_ended_is_told() -> None:
    ended = PowerShellEnded(b'#< CLIXML\r\n<Objs><S S="Warning">w</S><S S="Error">No memory._x000D__x000A_</S></Objs>')
    assert fault("be01", URL, ended).error.sentence == "PowerShell on be01 ended by itself: No memory."


def test_words_of_a_host_are_one_line_and_cut_short() -> None:
    error = refusal("be01", {"verb": "v" * 99, "kind": "odd", "message": "a\nb\r\n\x1b[2J\u202e" + "x" * 9999})
    assert error.sentence.isprintable()
    assert "a b [2J x" in error.sentence
    assert len(error.sentence) < 600
    assert type(refusal("be01", ["no", "object"])) is AnswerGarbled


def login(url: str, auth: str) -> Login:
    return Login.model_validate({"host": "be01", "url": url, "auth": auth, "user": "u", "password": SecretStr("p")})


def test_a_password_never_goes_in_the_clear() -> None:
    for auth in ("basic", "certificate"):
        with pytest.raises(ValidationError, match="in the clear"):
            login("http://be01.corp.example:5985/wsman", auth)
        assert login("http://127.0.0.1:5985/wsman", auth).plain
        assert not login(URL, auth).plain
    for auth in ("ntlm", "kerberos"):
        assert login("http://be01.corp.example:5985/wsman", auth).plain


def test_a_login_does_not_show_its_password() -> None:
    shown = Login(host="be01", url=URL, auth="ntlm", user="u", password=SecretStr("hunter2"))
    assert "hunter2" not in f"{shown!r} {shown} {shown.model_dump()} {shown.model_dump_json()}"
