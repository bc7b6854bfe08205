"""The page where a person plays the people of the workspace: what it is sent, and what it may ask for."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from .faults import Faults
from .interactions import Interactions
from .model import BOT_NAME, BOT_USER, COMMAND, Ephemeral, Json, Message, Person, SlackError, View
from .workspace import Workspace

FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "page.blocks.js": "text/javascript",
    "page.mrkdwn.js": "text/javascript",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'none'"
)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PACE = 0.05


@dataclass(kw_only=True)
class Page:
    """Serves the page and its live updates, and hands what is typed and pressed to the people's side."""

    workspace: Workspace
    faults: Faults
    people: Interactions = field(init=False)
    watchers: set[asyncio.Event] = field(default_factory=set)
    is_over: bool = False

    def add_to(self, app: web.Application) -> None:
        """Register its addresses."""
        app.router.add_get("/", self._checked(self.index))
        app.router.add_get("/lab/live", self._checked(self.live))
        app.router.add_post("/lab/{verb}", self._checked(self.act))
        for name in FILES:
            app.router.add_get(f"/{name}", self._checked(self.static))

    def start(self, people: Interactions) -> None:
        """Begin to follow the workspace."""
        self.people = people
        self.workspace.listeners.append(self._announce)

    def stop(self) -> None:
        """Stop following, and let go of the pages that are open."""
        with self.workspace.changed:
            self.workspace.listeners.remove(self._announce)
        self.is_over = True
        self._announce()

    def _announce(self) -> None:
        self.people.loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for watcher in self.watchers:
            watcher.set()

    @staticmethod
    def _checked(handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        """Only pages of this server may ask: a name that was pointed at loopback is not its name."""

        async def check(request: web.Request) -> web.StreamResponse:
            if urlsplit(f"//{request.host}").hostname not in LOOPBACK:
                raise web.HTTPForbidden(text="The pretend Slack answers on loopback only.")
            answer: web.StreamResponse = await handler(request)
            return answer

        return check

    async def index(self, request: web.Request) -> web.Response:
        """The page with the present state in it, so that it is whole without a second request."""
        state = json.dumps(self.state(self._person(request))).replace("<", "\\u003c")
        page = files(__package__).joinpath("page.html").read_text("utf-8").replace("{{state}}", state)
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    async def static(self, request: web.Request) -> web.Response:
        """A script or the style sheet."""
        name = request.path.removeprefix("/")
        body = files(__package__).joinpath(name).read_text("utf-8")
        return web.Response(text=body, content_type=FILES[name], headers={"Cache-Control": "no-store"})

    async def live(self, request: web.Request) -> web.StreamResponse:
        """The whole state after each change, as server-sent events, until the page goes away."""
        person = self._person(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        changed = asyncio.Event()
        self.watchers.add(changed)
        try:
            await self._keep_sending(response, person, changed)
        except ConnectionError:
            pass  # the page was closed
        finally:
            self.watchers.discard(changed)
        return response

    async def _keep_sending(self, response: web.StreamResponse, person: Person, changed: asyncio.Event) -> None:
        while not self.is_over:
            changed.clear()
            await response.write(b"data: " + json.dumps(self.state(person)).encode() + b"\n\n")
            await changed.wait()
            await asyncio.sleep(PACE)

    async def act(self, request: web.Request) -> web.Response:
        """Something a person typed or pressed; the JSON content type keeps other sites' forms out."""
        verbs: dict[str, Callable[[Person, Json], Json]] = {
            "say": self._say, "press": self._press, "submit": self._submit, "close": self._close, "home": self._home,
        }  # fmt: skip
        verb = verbs.get(request.match_info["verb"])
        if verb is None or request.content_type != "application/json":
            raise web.HTTPNotFound
        body = await request.json()
        try:
            answer = await asyncio.to_thread(verb, self.workspace.person(str(body["as"])), body)
        except (LookupError, SlackError) as fault:
            answer = {"failure": str(fault)}
        return web.json_response(answer)

    def _person(self, request: web.Request) -> Person:
        first = next(iter(self.workspace.people))
        wanted = request.query.get("as", first)
        return self.workspace.people.get(wanted, self.workspace.people[first])

    def _say(self, person: Person, body: Json) -> Json:
        channel = self.workspace.channel(body["channel"])
        self.people.say(person, channel, str(body["text"]), body.get("thread_ts"))
        return {}

    def _press(self, person: Person, body: Json) -> Json:
        wanted, value = str(body["action_id"]), str(body.get("value") or "")
        if body.get("view_id"):
            view = self.workspace.view(str(body["view_id"]))
            return {"failure": self.people.press_in_view(person, view, wanted, value)}
        channel = self.workspace.channel(body["channel"])
        shown = self.workspace.ephemerals.get(body["ts"]) or self.workspace.message(channel.id, body["ts"])
        self.people.press(person, channel, shown, wanted, value)
        return {}

    def _submit(self, person: Person, body: Json) -> Json:
        entries = {str(key): str(value) for key, value in body["entries"].items()}
        return {"errors": self.people.submit(person, self.workspace.view(str(body["view_id"])), entries)}

    def _close(self, person: Person, body: Json) -> Json:
        self.people.close(person, self.workspace.view(str(body["view_id"])))
        return {}

    def _home(self, person: Person, _body: Json) -> Json:
        self.people.open_home(person)
        return {}

    def state(self, person: Person) -> Json:
        """All that this person can see."""
        space = self.workspace
        with space.changed:
            channels = [c for c in space.channels.values() if person.id in c.members]
            modal, home = space.top_modal(person.id), space.homes.get(person.id)
            everybody = [*space.people.values(), space.person(BOT_USER)]
            return {
                "me": person.id,
                "zone": person.tz,
                "is_away": self.faults.is_away,
                "bot": {"id": BOT_USER, "name": BOT_NAME, "command": COMMAND},
                "people": [{"id": p.id, "name": p.name, "real_name": p.real_name} for p in everybody],
                "groups": {group.id: group.handle for group in space.groups.values()},
                "channels": [{"id": c.id, "name": c.name, "topic": c.topic} for c in channels],
                "messages": self._messages(person, {channel.id for channel in channels}),
                "modal": _view(modal),
                "home": _view(home),
            }

    def _messages(self, person: Person, channels: set[str]) -> list[Json]:
        seen: list[Message | Ephemeral] = [m for m in self.workspace.messages.values() if m.channel in channels]
        seen += [m for m in self.workspace.ephemerals.values() if m.user == person.id]
        return [_shown(message) for message in sorted(seen, key=lambda m: float(m.ts))]


def _view(view: View | None) -> Json | None:
    return None if view is None else view.body


def _shown(message: Message | Ephemeral) -> Json:
    shape: Json = {
        "channel": message.channel,
        "ts": message.ts,
        "thread_ts": message.thread_ts,
        "text": message.text,
        "blocks": list(message.blocks),
    }
    if isinstance(message, Ephemeral):
        return shape | {"user": message.author, "is_private": True}
    return shape | {
        "user": message.user,
        "is_broadcast": message.is_broadcast,
        "is_edited": message.edited_at is not None,
        "reactions": list(message.reactions),
    }
