"""Socket Mode: the connections, the envelopes sent over them and their acks. It knows nothing of what is inside."""

import asyncio
import json
import secrets
import uuid
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from .faults import Faults
from .model import APP, Json
from .workspace import Workspace

GRACE = 10.0
CONNECTION_TIME = 18060


class NobodyListens(Exception):
    """No socket is connected, so that nothing could be delivered."""


@dataclass(kw_only=True, eq=False)
class Connection:
    """One connected socket; one that was asked to refresh gets envelopes only while there is no other."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    is_leaving: bool = False


@dataclass(kw_only=True)
class Sockets:
    """All sockets of the app; each envelope goes to any one of them. All but `deliver` runs in the server's loop."""

    workspace: Workspace
    faults: Faults
    connections: list[Connection] = field(default_factory=list)
    tickets: set[str] = field(default_factory=set)
    waiting: dict[str, Future[Json]] = field(default_factory=dict)
    turn: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def new_ticket(self) -> str:
        """What lets one socket connect, once."""
        ticket = secrets.token_urlsafe(18)
        self.tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One socket's life."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            return web.Response(status=401, text="unknown ticket")
        self.tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        connection = Connection(socket=socket, transport=request.transport)
        await self._listen(connection)
        return socket

    async def _listen(self, connection: Connection) -> None:
        leaving = [other for other in self.connections if other.is_leaving]
        with self.workspace.changed:
            self.connections.append(connection)
        try:
            await connection.socket.send_json(self._hello())
            for other in leaving:
                self._start(self._close(other))
            self.workspace.touch()
            async for frame in connection.socket:
                if frame.type is WSMsgType.TEXT:
                    self._take_ack(frame.data)
        except ConnectionError:
            pass  # a socket that went away is the normal end of one
        finally:
            with self.workspace.changed:
                self.connections.remove(connection)
            self.workspace.touch()

    def _hello(self) -> Json:
        debug = {"host": "lab", "build_number": 1, "approximate_connection_time": CONNECTION_TIME}
        number = len(self.connections)
        return {
            "type": "hello",
            "num_connections": number,
            "debug_info": debug,
            "connection_info": {"app_id": APP},
        }

    def _take_ack(self, data: str) -> None:
        ack = json.loads(data)
        with self.workspace.changed:
            future = self.waiting.pop(str(ack.get("envelope_id")), None)
        if future is not None:
            future.set_result(ack.get("payload") or {})

    def deliver(self, loop: asyncio.AbstractEventLoop, kind: str, payload: Json) -> Future[Json]:
        """Send an envelope; the future is the ack's payload. May be called from any thread."""
        envelope: Json = {"envelope_id": str(uuid.uuid4()), "payload": payload, "type": kind}
        envelope["accepts_response_payload"] = kind == "slash_commands" or payload.get("type") == "view_submission"
        if kind == "events_api":
            envelope |= {"retry_attempt": 0, "retry_reason": ""}
        future: Future[Json] = Future()
        with self.workspace.changed:
            self.waiting[envelope["envelope_id"]] = future
        loop.call_soon_threadsafe(self._send, envelope)
        return future

    def _send(self, envelope: Json) -> None:
        for _ in range(2 if self.faults.is_doubling else 1):
            connection = self._next()
            if connection is None:
                self._fail(envelope["envelope_id"])
                return
            self._start(self._send_on(connection, envelope))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    @staticmethod
    async def _close(connection: Connection) -> None:
        await connection.socket.close()

    async def _send_on(self, connection: Connection, envelope: Json) -> None:
        try:
            await connection.socket.send_json(envelope)
        except ConnectionError:
            self._fail(envelope["envelope_id"])

    def _fail(self, envelope_id: str) -> None:
        with self.workspace.changed:
            future = self.waiting.pop(envelope_id, None)
        if future is not None:
            future.set_exception(NobodyListens())

    def _next(self) -> Connection | None:
        usable = [c for c in self.connections if not c.is_leaving] or self.connections
        self.turn += 1
        return usable[self.turn % len(usable)] if usable else None

    async def refresh(self) -> None:
        """Ask every socket to connect anew; it is closed once a new one is there, or in a while."""
        for connection in list(self.connections):
            connection.is_leaving = True
            await connection.socket.send_json(
                {"type": "disconnect", "reason": "refresh_requested", "debug_info": {"host": "lab"}}
            )
            asyncio.get_running_loop().call_later(GRACE, connection.transport.abort)

    async def cut(self) -> None:
        """Cut every socket without a word, as a lost network does."""
        for connection in list(self.connections):
            connection.transport.abort()
