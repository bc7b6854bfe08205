"""The pretend workspace: who is in it, what was said in it, and what each person has open. It speaks to no network."""

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from .cast import THE_BOT
from .model import BOT_USER, Call, Channel, Ephemeral, Group, Json, Message, Person, SlackError, Version, View

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """The right to open one modal for a person, for three seconds."""

    person: str
    at: float
    used: bool = False


@dataclass(frozen=True, kw_only=True)
class Hook:
    """A response_url: where its answers go, what `replace_original` means, and how often it was used."""

    person: str
    channel: str
    at: float
    original: str | None = None
    uses: int = 0


@dataclass(kw_only=True)
class Workspace:
    """All state, behind one condition: whoever changes it holds `changed` and notifies."""

    people: dict[str, Person]
    channels: dict[str, Channel]
    groups: dict[str, Group]
    clock: Callable[[], float] = time.time
    trigger_life: float = 3.0
    changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.RLock()))
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    ephemerals: dict[str, Ephemeral] = field(default_factory=dict)
    modals: list[View] = field(default_factory=list)
    homes: dict[str, View] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    hooks: dict[str, Hook] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    listeners: list[Callable[[], None]] = field(default_factory=list)
    last_ts: int = 0
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def touch(self) -> None:
        """Wake whoever waits for a change; listeners are called in the changing thread and must not wait."""
        with self.changed:
            self.changed.notify_all()
            for listener in self.listeners:
                listener()

    def wait_for(self, predicate: Callable[[], T], timeout: float) -> T:
        """The first true value of the predicate, which is asked again after each change and never in between."""
        with self.changed:
            found = self.changed.wait_for(predicate, timeout)
        if not found:
            raise TimeoutError(f"nothing in the pretend Slack made the awaited condition true within {timeout} s")
        return found

    def new_ts(self) -> str:
        """The clock in microseconds, and always more than the one before."""
        with self.changed:
            self.last_ts = max(int(self.clock() * 1_000_000), self.last_ts + 1)
            return f"{self.last_ts // 1_000_000}.{self.last_ts % 1_000_000:06d}"

    def new_id(self, prefix: str) -> str:
        """An id that this workspace never gave before."""
        return f"{prefix}0LAB{next(self.ids):05d}"

    # Who and where

    def person(self, who: str) -> Person:
        """By id or handle; the bot's own user is one too."""
        for person in (*self.people.values(), THE_BOT):
            if who in (person.id, person.name):
                return person
        raise LookupError(f"nobody in the pretend Slack is called {who!r}; there are {', '.join(self.people)}")

    def channel(self, which: str) -> Channel:
        """By id or name, as a person would say it."""
        for channel in self.channels.values():
            if which in (channel.id, channel.name):
                return channel
        raise LookupError(f"the pretend Slack has no channel {which!r}; there are {', '.join(self.channels)}")

    def bots_channel(self, which: str) -> Channel:
        """A channel that the bot may read and post in."""
        found = self.channels.get(which)
        if found is None:
            raise SlackError("channel_not_found")
        if not found.has_bot:
            raise SlackError("not_in_channel")
        return found

    # What was said

    def message(self, channel: str, ts: str) -> Message:
        """One message as it is now."""
        try:
            return self.messages[channel, ts]
        except KeyError:
            raise SlackError("message_not_found") from None

    def in_channel(self, channel: str) -> list[Message]:
        """What the channel shows, oldest first: no replies but the broadcast ones."""
        return [m for m in self._of(channel) if not m.is_reply or m.is_broadcast]

    def in_thread(self, channel: str, ts: str) -> list[Message]:
        """The message and its replies, oldest first."""
        return [m for m in self._of(channel) if m.ts == ts or m.thread_ts == ts]

    def _of(self, channel: str) -> Iterable[Message]:
        with self.changed:
            return sorted((m for m in self.messages.values() if m.channel == channel), key=lambda m: float(m.ts))

    def post(self, message: Message) -> Message:
        """Store a new message; its thread must exist."""
        with self.changed:
            if message.thread_ts is not None:
                parent = self.messages.get((message.channel, message.thread_ts))
                if parent is None:
                    raise SlackError("thread_not_found")
                message = replace(message, thread_ts=parent.thread_ts or parent.ts)
            self.messages[message.channel, message.ts] = message
            self.touch()
            return message

    def say(self, person: str, channel: str, text: str, thread_ts: str | None = None) -> Message:
        """A person's own message."""
        said = (Version(at=self.clock(), text=text),)
        ts = self.new_ts()
        return self.post(Message(channel=channel, ts=ts, user=person, versions=said, thread_ts=thread_ts))

    def change(self, message: Message) -> Message:
        """Put the message in the place of the one with its ts."""
        with self.changed:
            self.messages[message.channel, message.ts] = message
            self.touch()
            return message

    def delete(self, channel: str, ts: str) -> None:
        """Take a message or an ephemeral one away."""
        with self.changed:
            self.messages.pop((channel, ts), None)
            self.ephemerals.pop(ts, None)
            self.touch()

    def whisper(self, message: Ephemeral) -> Ephemeral:
        """Show something to one person only, or put it in the place of the one with its ts."""
        with self.changed:
            self.ephemerals[message.ts] = message
            self.touch()
            return message

    def notice(self, person: str, channel: str, text: str, thread_ts: str | None = None) -> str:
        """What Slack itself, and not the bot, tells a person; returns the text."""
        said = (Version(at=self.clock(), text=text),)
        self.whisper(
            Ephemeral(
                channel=channel, ts=self.new_ts(), user=person, author="Slack", versions=said, thread_ts=thread_ts
            )
        )
        return text

    # What is open

    def top_modal(self, person: str) -> View | None:
        """The modal the person looks at."""
        with self.changed:
            return next((view for view in reversed(self.modals) if view.person == person), None)

    def view(self, view_id: str) -> View:
        """An open modal or a published home."""
        with self.changed:
            for view in (*self.modals, *self.homes.values()):
                if view_id in (view.id, view.body.get("external_id") or None):
                    return view
        raise SlackError("not_found")

    def open_modal(self, view: View) -> None:
        """Lay it on top of what the person has open; Slack bears three."""
        with self.changed:
            if sum(open_one.person == view.person for open_one in self.modals) >= 3:
                raise SlackError("push_limit_reached")
            self.modals.append(view)
            self.touch()

    def replace_view(self, view: View) -> None:
        """Put it in the place of the modal or home with its id."""
        with self.changed:
            self.modals = [view if old.id == view.id else old for old in self.modals]
            self.homes = {person: view if old.id == view.id else old for person, old in self.homes.items()}
            self.touch()

    def close_modals(self, person: str, *, view_id: str | None = None) -> None:
        """Close one, or all that the person has open."""
        with self.changed:
            self.modals = [v for v in self.modals if v.person != person or view_id not in (None, v.id)]
            self.touch()

    # What the bot may do next

    def new_trigger(self, person: str) -> str:
        """A trigger_id that only this act of the person has."""
        with self.changed:
            trigger = f"{next(self.ids)}.{int(self.clock() * 1000)}.{secrets.token_hex(16)}"
            self.triggers[trigger] = Trigger(person=person, at=self.clock())
            return trigger

    def use_trigger(self, trigger: str) -> str:
        """Whose act it was; it can be used once, and soon."""
        with self.changed:
            found = self.triggers.get(trigger)
            if found is None:
                raise SlackError("invalid_trigger_id")
            if found.used:
                raise SlackError("exchanged_trigger_id")
            if self.clock() - found.at > self.trigger_life:
                raise SlackError("expired_trigger_id")
            self.triggers[trigger] = replace(found, used=True)
            return found.person

    def new_hook(self, hook: Hook) -> str:
        """The last part of a response_url."""
        with self.changed:
            key = secrets.token_urlsafe(18)
            self.hooks[key] = hook
            return key

    def record(self, method: str, args: Json, answer: Json) -> None:
        """Remember a request and what it was answered."""
        with self.changed:
            error = str(answer.get("error", ""))
            self.calls.append(Call(method=method, args=args, at=self.clock(), answer=answer, error=error))
            self.touch()


def is_bots(message: Message) -> bool:
    """Whether the bot wrote it, and so may change it."""
    return message.user == BOT_USER
