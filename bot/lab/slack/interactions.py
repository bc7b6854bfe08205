"""What people do in the workspace, and what they see when the bot acks, or does not, within Slack's three seconds."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from . import payloads
from .faults import Faults
from .hooks import Hooks
from .model import BOT_NAME, BOT_USER, COMMAND, Channel, Ephemeral, Json, Message, Person, SlackError, View, elements
from .sockets import NobodyListens, Sockets
from .views import Views
from .workspace import Hook, Workspace

REQUIRED = "Please complete this required field."
Shown = Message | Ephemeral


class NotAcked(Exception):
    """The bot did not ack; the message is Slack's name for it."""


@dataclass(frozen=True, kw_only=True)
class Interactions:
    """The people's side, which waits for the bot's acks; so it may be called from any thread but the loop's."""

    workspace: Workspace
    faults: Faults
    sockets: Sockets
    hooks: Hooks
    views: Views
    loop: asyncio.AbstractEventLoop
    base_url: str
    ack_within: float
    entered: dict[tuple[str, str], Json] = field(default_factory=dict)

    def say(self, person: Person, channel: Channel, text: str, thread_ts: str | None = None) -> str:
        """Type into a composer; returns what Slack tells the person, nothing for an ordinary message."""
        first, _, rest = text.partition(" ")
        if not text.startswith("/"):
            self.workspace.say(person.id, channel.id, payloads.escaped(text), thread_ts)
            return ""
        if thread_ts is not None:
            return self.workspace.notice(person.id, channel.id, f"`{first}` cannot be used in threads.", thread_ts)
        if first != COMMAND:
            return self.workspace.notice(person.id, channel.id, f"`{first}` is not a valid command.")
        return self.command(person, channel, rest)

    def command(self, person: Person, channel: Channel, text: str) -> str:
        """Type the app's slash command; returns the words of the private answer, or of Slack's failure."""
        key = self._hook(person, channel, None)
        trigger = self.workspace.new_trigger(person.id)
        payload = payloads.command(person, channel, text, trigger, self._response_url(key))
        try:
            answer = self._ack("slash_commands", payload)
            if not (answer.get("text") or answer.get("blocks")):
                return ""
            return self.hooks.say(key, self.workspace.hooks[key], answer)
        except (NotAcked, SlackError) as failure:
            error = str(failure) if isinstance(failure, NotAcked) else "invalid_command_response"
            return self.workspace.notice(person.id, channel.id, f'{COMMAND} failed with the error "{error}"')

    def press(self, person: Person, channel: Channel, shown: Shown, wanted: str, value: str = "") -> str:
        """Use an element of a message as it was shown; returns nothing, or what Slack tells when it is not acked."""
        pressed = self._pressed(person, shown.ts, shown.blocks, wanted, value)
        payload = payloads.message_press(person, channel, shown, pressed, self.workspace)
        payload["trigger_id"] = self.workspace.new_trigger(person.id)
        payload["response_url"] = self._response_url(self._hook(person, channel, shown.ts))
        try:
            self._ack("interactive", payload)
        except NotAcked as failure:
            return self.workspace.notice(person.id, channel.id, _not_answered(failure), shown.thread_ts)
        return ""

    def press_in_view(self, person: Person, view: View, wanted: str, value: str = "") -> str:
        """Use an element of a modal or a home."""
        pressed = self._pressed(person, view.id, view.blocks, wanted, value)
        payload = payloads.view_press(person, view, pressed, self.workspace.new_ts())
        payload["trigger_id"] = self.workspace.new_trigger(person.id)
        try:
            self._ack("interactive", payload)
        except NotAcked as failure:
            return _not_answered(failure)
        return ""

    def submit(self, person: Person, view: View, entries: Mapping[str, str]) -> dict[str, str]:
        """Send a modal; returns the errors shown in it by block id, under "" one of the whole, none when accepted."""
        state, missing = _filled(view, entries)
        if missing:
            return missing
        payload = payloads.submission(person, view, state)
        payload["trigger_id"] = self.workspace.new_trigger(person.id)
        try:
            return self._after_submission(person, view, self._ack("interactive", payload))
        except NotAcked as failure:
            return {"": _not_answered(failure)}
        except SlackError as refused:
            return {"": f"{BOT_NAME} answered with a view that Slack refuses ({refused})."}

    def close(self, person: Person, view: View) -> None:
        """Close a modal without sending it."""
        self.workspace.close_modals(person.id, view_id=view.id)
        if view.body.get("notify_on_close"):
            self._send("interactive", payloads.closed(person, view))

    def open_home(self, person: Person) -> None:
        """Look at the app's home."""
        about = {"user": person.id, "channel": f"D{person.id[1:]}", "tab": "home"}
        home = self.workspace.homes.get(person.id)
        self._event("app_home_opened", about | ({"view": home.body} if home else {}))

    def join(self, person: Person, channel: Channel) -> None:
        """Become a member of a channel, as a person or as the bot."""
        members = tuple(dict.fromkeys((*channel.members, person.id)))
        joined = replace(channel, has_bot=True) if person.id == BOT_USER else replace(channel, members=members)
        with self.workspace.changed:
            self.workspace.channels[channel.id] = joined
            self.workspace.touch()
        about = {"user": person.id, "channel": channel.id, "channel_type": "C", "team": "T0LAB"}
        self._event("member_joined_channel", about)

    def _event(self, kind: str, about: Json) -> None:
        event_id, now = self.workspace.new_id("Ev"), self.workspace.clock()
        self._send("events_api", payloads.event(kind, about, event_id, now, self.workspace.new_ts()))

    def _send(self, kind: str, payload: Json) -> Future[Json]:
        return self.sockets.deliver(self.loop, kind, payload)

    def _ack(self, kind: str, payload: Json) -> Json:
        if self.faults.is_away:
            raise NotAcked("service_unavailable")
        try:
            return self._send(kind, payload).result(self.ack_within)
        except TimeoutError:
            raise NotAcked("operation_timeout") from None
        except NobodyListens:
            raise NotAcked("dispatch_failed") from None

    def _hook(self, person: Person, channel: Channel, original: str | None) -> str:
        hook = Hook(person=person.id, channel=channel.id, at=self.workspace.clock(), original=original)
        return self.workspace.new_hook(hook)

    def _response_url(self, key: str) -> str:
        return f"{self.base_url}/respond/{key}"

    def _pressed(
        self, person: Person, where: str, blocks: tuple[Json, ...], wanted: str, value: str
    ) -> payloads.Pressed:
        block, element = _element(blocks, wanted)
        now = payloads.chosen(element, value)
        state = self.entered.setdefault((person.id, where), {})
        if now and element["type"] != "overflow":
            state.setdefault(block["block_id"], {})[element["action_id"]] = now
        return payloads.Pressed(block=block, element=element, value=now, state=state)

    def _after_submission(self, person: Person, view: View, answer: Json) -> dict[str, str]:
        match answer.get("response_action"):
            case "errors":
                return dict(answer["errors"])
            case "clear":
                self.workspace.close_modals(person.id)
            case "update":
                self.workspace.replace_view(self.views.made(person.id, answer["view"], view))
            case "push":
                self.views.show_modal(person.id, answer["view"])
            case _:
                self.workspace.close_modals(person.id, view_id=view.id)
        return {}


def _not_answered(failure: NotAcked) -> str:
    return f"{BOT_NAME} did not answer ({failure}). Try again."


def _element(blocks: tuple[Json, ...], wanted: str) -> tuple[Json, Json]:
    """The one element with that action id, label or value, or that block id and action id with a slash between."""
    there = list(elements(blocks))
    found = [(b, e) for b, e in there if wanted in _names(b, e)]
    if len(found) != 1:
        labels = [_label(e) or e["action_id"] for _, e in there]
        raise LookupError(f"{len(found)} elements match {wanted!r}; shown are {labels}")
    return found[0]


def _names(block: Json, element: Json) -> tuple[str | None, ...]:
    action = element["action_id"]
    return action, f"{block['block_id']}/{action}", element.get("value"), _label(element)


def _label(element: Json) -> str | None:
    text = element.get("text")
    return text.get("text") if isinstance(text, dict) else None


def _filled(view: View, entries: Mapping[str, str]) -> tuple[Json, dict[str, str]]:
    """The state of a modal's inputs, and what the person is told about those still missing, before anything is sent."""
    state: Json = {}
    missing: dict[str, str] = {}
    used: set[str] = set()
    for block, element in elements(view.blocks):
        if block["type"] != "input":
            continue
        names = (block["block_id"], element["action_id"], block["label"]["text"])
        name = next((name for name in names if name in entries), None)
        used |= {name} if name is not None else set()
        typed = entries[name] if name is not None else str(element.get("initial_value", ""))
        now = payloads.chosen(element, typed)
        state[block["block_id"]] = {element["action_id"]: now}
        if not block.get("optional") and not (now.get("value") or now.get("selected_option")):
            missing[block["block_id"]] = REQUIRED
        missing |= _length_fault(block, element, typed)
    if unknown := entries.keys() - used:
        raise LookupError(f"the modal has no input {sorted(unknown)}")
    return state, missing


def _length_fault(block: Json, element: Json, typed: str) -> dict[str, str]:
    if typed and len(typed) < element.get("min_length", 0):
        return {block["block_id"]: f"Enter at least {element['min_length']} characters."}
    if len(typed) > element.get("max_length", 3000):
        return {block["block_id"]: f"Enter at most {element.get('max_length', 3000)} characters."}
    return {}
