"""The pretend Slack on the network: HTTP and WebSocket, on loopback only, in a thread of its own."""

import asyncio
import json
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from .api import Api, token_of
from .faults import Faults
from .hooks import Hooks
from .model import Json
from .sockets import Sockets

T = TypeVar("T")
HOST = "127.0.0.1"
LARGEST_REQUEST = 2**20
PATIENCE = 10.0


@dataclass(kw_only=True)
class Loop:
    """An event loop in a daemon thread."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self.loop.run_forever, name="pretend-slack", daemon=True)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry the work out in the loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def stop(self) -> None:
        """End the thread and give the loop back."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


@dataclass(frozen=True, kw_only=True)
class Routes:
    """What the bot talks to: the Web API, response_urls and the sockets' address."""

    api: Api
    hooks: Hooks
    sockets: Sockets
    faults: Faults

    def add_to(self, app: web.Application) -> None:
        """Register them."""
        app.router.add_route("*", "/api/{method}", self.web_api)
        app.router.add_post("/respond/{key}", self.respond)
        app.router.add_get("/link", self.connect)

    async def web_api(self, request: web.Request) -> web.StreamResponse:
        """One Web API request, with the faults that are due."""
        method = request.match_info["method"]
        args, error = await _arguments(request)
        if self.faults.is_away:
            return _away()
        token = token_of(request.headers.get("Authorization", ""), args)
        with self.api.workspace.changed:
            retry_after = self.faults.take_rate_limit(method)
            is_lost = retry_after is None and self.faults.take_lost_reply(method)
        if retry_after is not None:
            return self._turned_away(method, args, retry_after)
        answer = {"ok": False, "error": error} if error else self.api.answer(method, token, args)
        await asyncio.sleep(self.faults.delays.get(method, 0))
        if is_lost and isinstance(request.transport, asyncio.Transport):
            request.transport.abort()
        return web.json_response(answer)

    def _turned_away(self, method: str, args: Json, retry_after: int) -> web.Response:
        answer = {"ok": False, "error": "ratelimited"}
        self.api.workspace.record(method, args, answer)
        return web.json_response(answer, status=429, headers={"Retry-After": str(retry_after)})

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """One POST to a response_url."""
        if self.faults.is_away:
            return _away()
        args, error = await _arguments(request)
        if fault := self.faults.answers.get("response_url"):
            return web.json_response({"ok": False} | fault, status=404)
        answer = {"ok": False, "error": error} if error else self.hooks.answer(request.match_info["key"], args)
        return web.Response(text="ok") if answer["ok"] else web.json_response(answer, status=404)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """One socket."""
        return _away() if self.faults.is_away else await self.sockets.serve(request)


def _away() -> web.Response:
    return web.Response(status=503, text="Service Unavailable")


async def _arguments(request: web.Request) -> tuple[Json, str]:
    """What was asked, from the query and a form or JSON body, or Slack's error for a body that cannot be read."""
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.read() or b"{}")
        except ValueError:
            return args, "invalid_json"
        return (args | body, "") if isinstance(body, dict) else (args, "json_not_object")
    form = await request.post()
    return args | {key: value for key, value in form.items() if isinstance(value, str)}, ""


async def listen(app: web.Application) -> tuple[web.AppRunner, int]:
    """Serve on a free port of loopback."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    return runner, int(runner.addresses[0][1])
