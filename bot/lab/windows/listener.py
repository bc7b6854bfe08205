"""The WinRM listener of a pretend server: HTTP on loopback, logins, sealed bodies, and the network's faults.

It knows envelopes only as far as needed to answer them; what they ask for is done by the shells.
"""

import contextlib
import socket
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from bot.lab.windows import soap
from bot.lab.windows.faults import Faults
from bot.lab.windows.login import OFFERS, SEALED, BadSeal, Challenged, Door, Guard, LetIn, Refused

SOAP = "application/soap+xml;charset=UTF-8"
_LEAVING_SECONDS = 10
_PAGE = b"<html><body>It works!</body></html>"


class Listener(ThreadingHTTPServer):
    """Accepts on a free port of 127.0.0.1; `requests` counts by action, and what was only a login as Login."""

    daemon_threads = True

    def __init__(self, door: Door, faults: Faults, answer: Callable[[soap.Request], str]) -> None:
        self.door = door
        self.faults = faults
        self.answer = answer
        self.closing = threading.Event()
        self._lock = threading.Condition()
        self._requests: Counter[str] = Counter()
        self._connections: set[socket.socket] = set()
        self._tls = door.tls.context() if door.tls else None
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def requests(self) -> dict[str, int]:
        with self._lock:
            return dict(self._requests)

    def count(self, action: str) -> None:
        with self._lock:
            self._requests[action] += 1

    def get_request(self) -> tuple[Any, Any]:
        """The handshake comes with the first read, in the connection's own thread."""
        accepted, address = super().get_request()
        if self._tls is None:
            return accepted, address
        return self._tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False), address

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.faults.turns_away():
            self.shutdown_request(request)
            return
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._lock:
            self._connections.discard(request)
            self._lock.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left or liked no certificate is nothing to report; anything else is a fault of the lab."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Every connection of now is cut, whatever it is at."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stops accepting, hangs up on everybody and waits until their threads are through."""
        self.closing.set()
        self.shutdown()
        with self._lock:
            self.hang_up()
            all_left = self._lock.wait_for(lambda: not self._connections, timeout=_LEAVING_SECONDS)
        self.server_close()
        if not all_left:
            raise RuntimeError(f"The pretend server could not end {len(self._connections)} of its connections.")


class _Handler(BaseHTTPRequestHandler):
    """One TCP connection, with the login that it carries."""

    protocol_version = "HTTP/1.1"
    # One segment per answer: headers and body in two would wait for the client's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._proof: tuple[str, ...] = ()
        self._lab = cast(Listener, self.server)
        self._guard = Guard(self._lab.door)

    def version_string(self) -> str:
        return "Microsoft-HTTPAPI/2.0"

    def log_message(self, format: str, *args: Any) -> None:
        """The counters tell what came; nothing is printed."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._lab.faults.is_away():
            self.close_connection = True
        elif self.path.partition("?")[0] != "/wsman":
            self._reply(404)
        else:
            self._admit(body)

    def _admit(self, body: bytes) -> None:
        self._proof = ()
        peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        match self._guard.check(self.headers.get("Authorization"), peer):
            case Refused():
                self._lab.count("Login")
                self._reply(401, offers=OFFERS)
            case Challenged(token):
                self._lab.count("Login")
                self._reply(401, offers=(token,))
            case LetIn(is_sealed=is_sealed, token=token):
                self._proof = (token,) if token else ()
                self._serve(body, is_sealed)

    def _serve(self, body: bytes, is_sealed: bool) -> None:
        if not body:
            self._lab.count("Login")
            self._reply(200)
            return
        try:
            request = soap.parse(self._guard.unseal(body) if is_sealed else body)
        except (BadSeal, soap.NotSoap):
            self._lab.count("Refused")
            self._reply(400)
            return
        self._lab.count(request.action)
        if self._lab.faults.instead(request.action):
            self._reply(500)
        else:
            self._answer(request, is_sealed)

    def _answer(self, request: soap.Request, is_sealed: bool) -> None:
        try:
            status, envelope = 200, soap.envelope(request, self._lab.answer(request))
        except soap.Fault as fault:
            status, envelope = 500, soap.envelope(request, fault.body(), is_fault=True)
        except soap.TooOld:
            self._reply(400)
            return
        mishap = self._lab.faults.on_reply(request.action)
        if mishap and mishap.kind == "slow":
            self._lab.closing.wait(mishap.seconds)
        if self._lab.faults.is_away():
            self.close_connection = True
            return
        if mishap and mishap.kind == "garbage":
            self._reply(200, _PAGE, kind="text/html")
            return
        data = self._guard.seal(envelope) if is_sealed else envelope
        self._reply(status, data, kind=SEALED if is_sealed else SOAP, is_cut=bool(mishap and mishap.kind == "cut"))

    def _reply(
        self, status: int, data: bytes = b"", *, kind: str = SOAP, offers: tuple[str, ...] = (), is_cut: bool = False
    ) -> None:
        self.send_response(status)
        for offer in offers or self._proof:
            self.send_header("WWW-Authenticate", offer)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if is_cut else data)
        self.wfile.flush()
        self.close_connection |= is_cut
