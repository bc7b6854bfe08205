"""A listener that answers from a recording, in its order: what a server once said, said again to the channel."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from pydantic import SecretStr

from bot.windows.channel import Login
from bot.windows.recording import MESSAGE, Exchange, action_of, message_id


class Replay(HTTPServer):
    """`wrong` keeps what was asked out of turn; it is answered HTTP 418."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self.left = list(exchanges)
        self.wrong: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def login(self) -> Login:
        url = f"http://127.0.0.1:{self.server_port}/wsman"
        return Login(host="be01", url=url, auth="basic", user="u", password=SecretStr("p"))


class _Handler(BaseHTTPRequestHandler):
    """One request a connection is enough: Basic needs no more."""

    server: Replay

    def log_message(self, format: str, *args: Any) -> None:
        """What was wrong is kept, not printed."""

    def do_POST(self) -> None:
        request = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if not self.server.left or self.server.left[0].action != action_of(request):
            self.server.wrong.append(action_of(request))
            self._reply(418, "")
            return
        exchange = self.server.left.pop(0)
        if exchange.status:
            self._reply(exchange.status, exchange.response.replace(MESSAGE, message_id(request)))

    def _reply(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/soap+xml;charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def replaying(exchanges: Sequence[Exchange]) -> Iterator[Replay]:
    """Fails where the channel asked out of turn, or did not ask to the end."""
    with Replay(exchanges) as replay:
        thread = threading.Thread(target=replay.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield replay
        finally:
            replay.shutdown()
            thread.join()
    assert (replay.wrong, [exchange.action for exchange in replay.left]) == ([], [])
