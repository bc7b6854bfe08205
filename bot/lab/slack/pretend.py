"""The pretend Slack as the demo and the tests hold it: start it, play its people, read what was said, break it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from .api import Api
from .cast import CHANNELS, GROUPS, PEOPLE
from .chat import Chat
from .faults import Faults
from .hooks import Hooks
from .interactions import Interactions
from .model import Call, Channel, Ephemeral, Group, Message, Person, View
from .page import Page
from .server import HOST, LARGEST_REQUEST, Loop, Routes, listen
from .sockets import Sockets
from .views import Views
from .workspace import Workspace

T = TypeVar("T")


class PretendSlack:
    """A workspace with one app installed, for as long as the `with` lasts; safe to use from any thread.

    People are named by id or handle, channels by id or name, elements by action id, label or value.
    """

    def __init__(
        self,
        people: Sequence[Person] = PEOPLE,
        channels: Sequence[Channel] = CHANNELS,
        groups: Sequence[Group] = GROUPS,
        *,
        ack_within: float = 3.0,
    ) -> None:
        self.bot_token = "xoxb-lab-0000-pretend"
        self.app_token = "xapp-lab-0000-pretend"
        self.workspace = Workspace(
            people={person.id: person for person in people},
            channels={channel.id: channel for channel in channels},
            groups={group.id: group for group in groups},
        )
        self.faults = Faults()
        self._ack_within = ack_within
        self._loop = Loop()
        self._sockets = Sockets(workspace=self.workspace, faults=self.faults)

    def __enter__(self) -> Self:
        self._loop.thread.start()
        chat, views = Chat(workspace=self.workspace, faults=self.faults), Views(workspace=self.workspace)
        hooks = Hooks(workspace=self.workspace, chat=chat)
        app = web.Application(client_max_size=LARGEST_REQUEST)
        Routes(api=self._api(), hooks=hooks, sockets=self._sockets, faults=self.faults).add_to(app)
        self._page = Page(workspace=self.workspace, faults=self.faults)
        self._page.add_to(app)
        self._runner, self._port = self._loop.run(listen(app))
        self._people = Interactions(
            workspace=self.workspace,
            faults=self.faults,
            sockets=self._sockets,
            hooks=hooks,
            views=views,
            loop=self._loop.loop,
            base_url=f"http://{HOST}:{self._port}",
            ack_within=self._ack_within,
        )
        self._page.start(self._people)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._page.stop()
        self._loop.run(self._sockets.cut())
        self._loop.run(self._runner.cleanup())
        self._loop.stop()

    def _api(self) -> Api:
        return Api(
            workspace=self.workspace,
            faults=self.faults,
            bot_token=self.bot_token,
            app_token=self.app_token,
            open_connection=lambda: f"ws://{HOST}:{self._port}/link?ticket={self._sockets.new_ticket()}&app_id=A0NPS",
        )

    @property
    def api_url(self) -> str:
        """What SLACK_API_URL must be."""
        return f"http://{HOST}:{self._port}/api/"

    @property
    def page_url(self) -> str:
        """Where a person looks at it; `?as=U0ANA&channel=C0OPS&thread=TS` chooses what is shown."""
        return f"http://{HOST}:{self._port}/"

    # What people do

    def say(self, person: str, channel: str, text: str, thread_ts: str | None = None) -> str:
        """Type into the composer, `/nps ...` included; returns what only the typist is told."""
        return self._people.say(self.workspace.person(person), self.workspace.channel(channel), text, thread_ts)

    def command(self, person: str, channel: str, text: str) -> str:
        """Type `/nps ...` and wait for the ack; returns the words of the private answer, or of Slack's failure."""
        return self._people.command(
            self.workspace.person(person), self.workspace.channel(channel), text.removeprefix("/nps").strip(" ")
        )

    def press(self, person: str, channel: str, ts: str, wanted: str, value: str = "", *, version: int = -1) -> str:
        """Press a button or pick an option in a message as its `version` showed it, confirming where asked.

        Returns nothing once acked, else what the person is told.
        """
        who, where = self.workspace.person(person), self.workspace.channel(channel)
        shown = self._shown(who, where, ts)
        shown = replace(shown, versions=(shown.versions[version],))
        return self._people.press(who, where, shown, wanted, value)

    def press_in_home(self, person: str, wanted: str, value: str = "") -> str:
        """Press a button in the app's home."""
        who = self.workspace.person(person)
        return self._people.press_in_view(who, self.workspace.homes[who.id], wanted, value)

    def press_in_modal(self, person: str, wanted: str, value: str = "") -> str:
        """Use an element of the modal that is not an input."""
        return self._people.press_in_view(self.workspace.person(person), self._open_modal(person), wanted, value)

    def submit(self, person: str, entries: Mapping[str, str]) -> dict[str, str]:
        """Fill the open modal by block id, action id or label, and send it; returns the errors by block id.

        An error of the whole is under the empty key; without errors the modal is closed or changed.
        """
        return self._people.submit(self.workspace.person(person), self._open_modal(person), entries)

    def close(self, person: str) -> None:
        """Close the open modal without sending it."""
        self._people.close(self.workspace.person(person), self._open_modal(person))

    def open_home(self, person: str) -> None:
        """Look at the app's home, which tells the bot."""
        self._people.open_home(self.workspace.person(person))

    def join(self, person: str, channel: str) -> None:
        """Become a member of a channel, which tells the bot; the bot itself is `nps`."""
        self._people.join(self.workspace.person(person), self.workspace.channel(channel))

    def share(self, channel: str, *, pending: bool = False) -> None:
        """Share a channel with another organisation (Slack Connect), or invite one to it; `unshare` ends it."""
        found = self.workspace.channel(channel)
        self._change(replace(found, is_ext_shared=not pending, is_pending_ext_shared=pending))

    def unshare(self, channel: str) -> None:
        """Nobody else reads along any more."""
        self._change(replace(self.workspace.channel(channel), is_ext_shared=False, is_pending_ext_shared=False))

    def connect(self, person: Person, channel: str) -> None:
        """Somebody of another organisation joins a channel that is shared with it."""
        found = self.workspace.channel(channel)
        with self.workspace.changed:
            self.workspace.people[person.id] = person
            self._change(replace(found, is_ext_shared=True, members=(*found.members, person.id)))

    def _change(self, channel: Channel) -> None:
        with self.workspace.changed:
            self.workspace.channels[channel.id] = channel
            self.workspace.touch()

    # What can be seen

    def messages(self, channel: str) -> list[Message]:
        """What the channel shows, oldest first: broadcast replies are in it, other replies are not."""
        return self.workspace.in_channel(self.workspace.channel(channel).id)

    def thread(self, channel: str, ts: str) -> list[Message]:
        """A message and its replies, oldest first."""
        return self.workspace.in_thread(self.workspace.channel(channel).id, ts)

    def all_messages(self) -> list[Message]:
        """Every message there is, oldest first, with all its versions: to count what was posted twice."""
        with self.workspace.changed:
            return sorted(self.workspace.messages.values(), key=lambda message: float(message.ts))

    def ephemerals(self, person: str) -> list[Ephemeral]:
        """What only this person sees, oldest first, Slack's own notices included."""
        who = self.workspace.person(person).id
        with self.workspace.changed:
            return [message for message in self.workspace.ephemerals.values() if message.user == who]

    def modal(self, person: str) -> View | None:
        """The modal the person has open, the topmost one."""
        return self.workspace.top_modal(self.workspace.person(person).id)

    def home(self, person: str) -> View | None:
        """What was last published as the person's home."""
        with self.workspace.changed:
            return self.workspace.homes.get(self.workspace.person(person).id)

    def calls(self, method: str | None = None) -> list[Call]:
        """All requests that reached Slack, or those of one method; POSTs to response_urls are `response_url`."""
        with self.workspace.changed:
            return [call for call in self.workspace.calls if method in (None, call.method)]

    @property
    def connections(self) -> int:
        """How many sockets are connected and not about to leave."""
        with self.workspace.changed:
            return sum(not connection.is_leaving for connection in self._sockets.connections)

    def wait_for(self, predicate: Callable[[], T], timeout: float = 5.0) -> T:
        """The first true value of the predicate, asked again after each change; TimeoutError when there is none."""
        return self.workspace.wait_for(predicate, timeout)

    def wait_connected(self, timeout: float = 10.0) -> None:
        """Wait until the bot listens."""
        self.wait_for(lambda: self.connections > 0, timeout)

    # What can go wrong

    def rate_limit(self, method: str, times: int = 1, retry_after: int = 1) -> None:
        """Turn the next requests of a method away with 429."""
        with self.workspace.changed:
            self.faults.rate_limits[method] += times
            self.faults.retry_after[method] = retry_after

    def lose_reply(self, method: str, times: int = 1) -> None:
        """Carry the next requests of a method out, and cut the connection instead of answering."""
        with self.workspace.changed:
            self.faults.lost_replies[method] += times

    def slow(self, method: str, seconds: float) -> None:
        """Carry requests of a method out at once and answer them this much later, from now on."""
        self.faults.delays[method] = seconds

    def unknown_method(self, method: str) -> None:
        """Not to know a method, from now on."""
        self.faults.answers[method] = {"error": "unknown_method", "req_method": method}

    def missing_scope(self, method: str, needed: str, provided: str = "chat:write,commands") -> None:
        """Refuse a method for want of a scope, from now on."""
        self.faults.answers[method] = {"error": "missing_scope", "needed": needed, "provided": provided}

    def missing_block(self, kind: str) -> None:
        """Not to know a type of block, from now on."""
        self.faults.missing_blocks |= {kind}

    @contextmanager
    def twice(self) -> Iterator[None]:
        """Deliver every envelope two times, the same each time."""
        self.faults.is_doubling = True
        try:
            yield
        finally:
            self.faults.is_doubling = False

    @contextmanager
    def away(self) -> Iterator[None]:
        """An outage: 503 for every request, and all sockets cut."""
        self.start_outage()
        try:
            yield
        finally:
            self.end_outage()

    def start_outage(self) -> None:
        """503 for every request from now on, and all sockets cut."""
        self.faults.is_away = True
        self._loop.run(self._sockets.cut())
        self.workspace.touch()

    def end_outage(self) -> None:
        """Be back; the bot must connect by itself."""
        self.faults.is_away = False
        self.workspace.touch()

    def cut_sockets(self) -> None:
        """Cut every socket once, as a lost network does."""
        self._loop.run(self._sockets.cut())

    def refresh_sockets(self) -> None:
        """Ask every socket to connect anew, as Slack does every few hours."""
        self._loop.run(self._sockets.refresh())

    def _shown(self, person: Person, channel: Channel, ts: str) -> Message | Ephemeral:
        with self.workspace.changed:
            ephemeral = self.workspace.ephemerals.get(ts)
        if ephemeral is not None and ephemeral.user == person.id:
            return ephemeral
        return self.workspace.message(channel.id, ts)

    def _open_modal(self, person: str) -> View:
        view = self.modal(person)
        if view is None:
            raise LookupError(f"{person} has no modal open in the pretend Slack")
        return view
