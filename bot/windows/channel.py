"""One live PowerShell on one host, asked in JSON lines over WinRM.

Owns the connection: opening, deadlines, loss, and its cost in requests and logins. Never knows what a verb means.
"""

import base64
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import cache
from importlib.resources import files
from queue import Empty, SimpleQueue
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import requests
import winrm.exceptions
from pydantic import BaseModel, ConfigDict, SecretStr, model_validator
from requests.adapters import HTTPAdapter
from winrm.protocol import Protocol
from winrm.transport import Transport

from bot.errors import AnswerGarbled, HostAway, HostError, LoginRefused
from bot.windows.faults import AWAY_MOVE, PowerShellEnded, Unfit, fault, is_too_late, refusal
from bot.windows.kerberos import KerberosAuth

SCRIPTS = (
    "facts.ps1", "condition.ps1", "acts.ps1", "services.ps1", "backups.ps1", "installers.ps1", "delivery.ps1",
    "loop.ps1",
)  # fmt: skip
IDLE_TIMEOUT = "PT120S"
CONNECT_SECONDS = 10
# How long one Receive may be held: longer than a watch, so that a watch is one Receive.
HELD_SECONDS = 20
GRACE_SECONDS = 5
MOST_EMPTY = 20
ANSWER_BYTES = 8_000_000
# As base64 in an envelope it stays below the 500 KB that MaxEnvelopeSizekb allows (facts/windows.md, section A).
SEND_BYTES = 360_000

T = TypeVar("T")
Call = dict[str, Any]
Auth = Literal["kerberos", "ntlm", "certificate", "basic"]


class Login(BaseModel):
    """How one host is reached; with `certificate`, user and password are the paths of certificate and key (PEM)."""

    model_config = ConfigDict(frozen=True)

    host: str
    url: str
    auth: Auth
    user: str
    password: SecretStr
    ca: str | None = None

    @property
    def plain(self) -> bool:
        return urlsplit(self.url).scheme != "https"

    @model_validator(mode="after")
    def _never_readable(self) -> "Login":
        loopback = urlsplit(self.url).hostname in {"127.0.0.1", "::1", "localhost"}
        if self.plain and not loopback and self.auth not in {"ntlm", "kerberos"}:
            raise ValueError(f"{self.auth} over plain http would send {self.host}'s password in the clear; use https")
        return self


class Meter:
    """What a channel has cost: HTTP requests, authentication turns included, and logins; and that one was taken."""

    def __init__(self) -> None:
        self.requests = 0
        self.logins = 0
        self.accepted = threading.Event()

    def heard(self, request: bytes, status: int, answer: bytes) -> None:
        """Told of each envelope and its answer, decrypted; a recorder keeps them, and 0 is the status of no answer."""


class _Adapter(HTTPAdapter):
    """Counts each request, a login's turns too, and takes no answer beyond a size."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        self._meter.requests += 1
        response = super().send(request, *args, **more | {"stream": True})
        if response.status_code == requests.codes.unauthorized:
            # requests-ntlm wants the certificate of a connection that is still open.
            return response
        if response.status_code == requests.codes.ok:
            self._meter.accepted.set()
        # Read here, or a host could feed an answer that never ends.
        body = bytearray()
        for chunk in response.iter_content(65536):
            body += chunk
            if len(body) > ANSWER_BYTES:
                response.close()
                raise requests.exceptions.ContentDecodingError("the answer is too long")
        response._content = bytes(body)
        return response


class _Transport(Transport):
    """pywinrm's transport with the environment's proxies, redirects and netrc left out."""

    meter: Meter
    kerberos: KerberosAuth | None = None

    def build_session(self) -> requests.Session:
        """With Kerberos of our own in the place of pywinrm's."""
        if self.session or self.kerberos is None:
            return super().build_session()
        self.session = requests.Session()
        self.session.verify = self.ca_trust_path or True
        self.session.auth = self.kerberos
        self.session.headers.update(self.default_headers)
        if self.message_encryption == "always":
            self.setup_encryption(self.session)
        return self.session

    def _send_message_request(self, session: requests.Session, prepared: requests.PreparedRequest) -> requests.Response:
        if session.trust_env:
            session.trust_env = False
            session.max_redirects = 0
            session.mount(self.endpoint, _Adapter(self.meter))
            self.meter.logins += 1
        return super()._send_message_request(session, prepared)

    def send_message(self, message: str | bytes) -> bytes:
        """A whole envelope for an envelope; pywinrm would take any other page of XML for an answer without output."""
        said = message.encode() if isinstance(message, str) else message
        try:
            answer = bytes(super().send_message(said))
        except winrm.exceptions.InvalidCredentialsError:
            self.meter.heard(said, requests.codes.unauthorized, b"")
            raise
        except winrm.exceptions.WinRMTransportError as refused:
            self.meter.heard(said, refused.code, refused.response_text.encode())
            raise
        except requests.RequestException:
            self.meter.heard(said, 0, b"")
            raise
        self.meter.heard(said, requests.codes.ok, answer)
        if not answer.rstrip().endswith(b"Envelope>"):
            raise ValueError("a page that is no envelope, or half of one")
        return answer


def _protocol(login: Login, meter: Meter) -> Any:
    secret = login.password.get_secret_value()
    key = {"cert_pem": login.user, "cert_key_pem": secret} if login.auth == "certificate" else {}
    options: dict[str, Any] = {
        "username": login.user,
        "password": secret,
        "ca_trust_path": login.ca,
        "server_cert_validation": "validate",
        "message_encryption": "always" if login.plain and login.auth in {"ntlm", "kerberos"} else "auto",
        "proxy": None,
        **key,
    }
    protocol = Protocol(login.url, transport=login.auth, **options)
    protocol.transport = _Transport(endpoint=login.url, auth_method=login.auth, **options)
    protocol.transport.meter = meter
    if login.auth == "kerberos":
        protocol.transport.kerberos = KerberosAuth(login.user, secret, seals=login.plain)
    return protocol


@cache
def _text(name: str) -> str:
    return files("bot.windows").joinpath(name).read_text("ascii")


@cache
def _command() -> str:
    encoded = base64.b64encode(_text("bootstrap.ps1").encode("utf-16-le")).decode()
    return f"powershell.exe -NoProfile -NonInteractive -EncodedCommand {encoded}"


@cache
def _script() -> bytes:
    text = "\n".join(_text(name) for name in SCRIPTS)
    return f"{len(text)}\n{text}".encode("ascii")


class _Shell:
    """One PowerShell on the host; once anything went wrong with it, it is thrown away."""

    def __init__(self, login: Login, meter: Meter) -> None:
        self._host = login.host
        self._protocol = _protocol(login, meter)
        self._shell = ""
        self._command = ""
        self._received = b""
        self._asked = 0
        self._empty = 0

    def open(self, deadline: float) -> None:
        """Starts the PowerShell; its script travels with the first request."""
        self._hold(deadline)
        self._shell = self._protocol.open_shell(codepage=65001, idle_timeout=IDLE_TIMEOUT)
        self._hold(deadline)
        self._command = self._protocol.run_command(self._shell, _command(), console_mode_stdin=False)
        self._send(_script(), deadline)
        self._greet(self._line(deadline))

    def _greet(self, ready: dict[str, Any]) -> None:
        if "unfit" in ready:
            raise Unfit(ready["unfit"])
        result = ready.get("result")
        if ready.get("id") != 0 or not isinstance(result, list) or not result or result[0].get("protocol") != 1:
            raise ValueError("not the greeting of loop.ps1")

    def ask(self, calls: list[Call], data: bytes, deadline: float) -> dict[str, Any]:
        self._asked += 1
        request = json.dumps({"id": self._asked, "calls": calls})
        self._send(request.encode("ascii") + b"\n" + data, deadline)
        reply = self._line(deadline)
        if reply.get("id") != self._asked:
            raise ValueError("the answer to another request")
        return reply

    def _hold(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise winrm.exceptions.WinRMOperationTimeoutError
        held = max(1, min(HELD_SECONDS, int(left)))
        self._protocol.operation_timeout_sec = held
        self._protocol.transport.read_timeout_sec = (CONNECT_SECONDS, held + GRACE_SECONDS)

    def _send(self, data: bytes, deadline: float) -> None:
        for start in range(0, len(data), SEND_BYTES):
            self._hold(deadline)
            self._protocol.send_command_input(self._shell, self._command, data[start : start + SEND_BYTES])

    def _line(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._received:
            if len(self._received) > ANSWER_BYTES:
                raise ValueError("an answer without end")
            self._received += self._receive(deadline)
        line, _, self._received = self._received.partition(b"\n")
        reply = json.loads(line)
        if not isinstance(reply, dict):
            raise ValueError("not a JSON object")
        return reply

    def _receive(self, deadline: float) -> bytes:
        self._hold(deadline)
        try:
            out, told, _, done = self._protocol.get_command_output_raw(self._shell, self._command)
        except winrm.exceptions.WinRMOperationTimeoutError:
            return b""
        if done and b"\n" not in out:
            raise PowerShellEnded(told)
        # an envelope that says nothing at all, again and again, is no progress either
        self._empty = 0 if out else self._empty + 1
        if self._empty > MOST_EMPTY:
            raise ValueError("answers without output, one after another")
        return bytes(out)

    def close(self, deadline: float) -> None:
        """Takes the shell off the host, with all that still runs in it."""
        if self._shell:
            self._hold(deadline)
            self._protocol.close_shell(self._shell, close_session=False)

    def drop(self) -> None:
        self._protocol.transport.close_session()


class _Line:
    """A shell that is opened when first needed, and once more when it was lost."""

    def __init__(self, login: Login, meter: Meter) -> None:
        self._login = login
        self._meter = meter
        self._shell: _Shell | None = None

    def ask(self, calls: list[Call], data: bytes, deadline: float) -> dict[str, Any]:
        try:
            return self._ask_once(calls, data, deadline)
        except Exception as error:
            found = fault(self._login.host, self._login.url, error)
            if not found.again or time.monotonic() >= deadline:
                raise found.error from error
        try:
            reply = self._ask_once(calls, data, deadline)
        except Exception as error:
            raise fault(self._login.host, self._login.url, error).error from error
        if is_too_late(reply):
            # "Nothing was touched" would be said of this asking only: the lost one may have been in time.
            raise found.error
        return reply

    def _ask_once(self, calls: list[Call], data: bytes, deadline: float) -> dict[str, Any]:
        shell = self._shell or _Shell(self._login, self._meter)
        try:
            if self._shell is None:
                shell.open(deadline)
                self._shell = shell
            return shell.ask(calls, data, deadline)
        except Exception:
            self._shell = None
            shell.drop()
            raise

    def close(self, deadline: float) -> None:
        shell, self._shell = self._shell, None
        if shell is None:
            return
        try:
            shell.close(deadline)
        except Exception as error:
            raise fault(self._login.host, self._login.url, error).error from error
        finally:
            shell.drop()


class Channel:
    """Opened by the first question, and again by one that finds it lost; used by one thread at a time."""

    def __init__(self, login: Login, meter: Meter | None = None) -> None:
        self.login = login
        self.meter = meter or Meter()
        self._line = _Line(login, self.meter)
        self._refused: LoginRefused | None = None

    def ask(self, calls: list[Call], seconds: float, data: bytes = b"") -> list[dict[str, Any]]:
        """The results of the calls, in order; asked a second time over a new connection when the first was lost.

        `data` follows the request on the host's stdin as it is; the one call that takes it knows its size.
        """
        if self._refused:
            raise self._refused
        line, deadline = self._line, time.monotonic() + seconds
        try:
            reply = self._within(seconds, lambda: line.ask(calls, data, deadline))
        except LoginRefused as refused:
            self._refused = refused
            raise
        return _results(self.login.host, reply, len(calls))

    def close(self) -> None:
        """Never fails: a shell that can't be closed is gone from the host by its idle timeout."""
        line, self._line = self._line, _Line(self.login, self.meter)
        deadline = time.monotonic() + GRACE_SECONDS
        with suppress(HostError):
            self._within(GRACE_SECONDS, lambda: line.close(deadline))

    def _within(self, seconds: float, work: Callable[[], T]) -> T:
        """In a thread, because name look-up, Kerberos and a host that drips bytes heed no timeout of ours."""
        answers: SimpleQueue[Future[T]] = SimpleQueue()
        threading.Thread(target=lambda: answers.put(_done(work)), daemon=True, name=f"ask {self.login.host}").start()
        try:
            return answers.get(timeout=seconds + CONNECT_SECONDS + GRACE_SECONDS).result()
        except Empty:
            self._line = _Line(self.login, self.meter)
            raise HostAway(self.login.host, f"{self.login.host} gave no answer in time.", AWAY_MOVE) from None


def _done(work: Callable[[], T]) -> "Future[T]":
    future: Future[T] = Future()
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
    return future


def _results(host: str, reply: dict[str, Any], wanted: int) -> list[dict[str, Any]]:
    if reply.get("ok") is not True:
        raise refusal(host, reply.get("error"))
    results = reply.get("result")
    if not isinstance(results, list) or len(results) != wanted or not all(isinstance(r, dict) for r in results):
        raise AnswerGarbled(
            host, f"{host} did not answer each of {wanted} calls.", "Retry; then look at the bot's log."
        )
    return results
