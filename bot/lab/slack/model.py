"""The nouns of the pretend Slack: people, channels, groups, messages. Data only; no decisions and no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

TEAM = "T0LAB"
DOMAIN = "lab"
APP = "A0NPS"
BOT_USER = "U0NPS"
BOT = "B0NPS"
BOT_NAME = "nps"
COMMAND = "/nps"


class SlackError(Exception):
    """An answer with `ok: false`; `more` goes into it beside the code."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


@dataclass(frozen=True, kw_only=True)
class Person:
    """A member of the workspace, or by Slack Connect of another one, `team`; the key they are known by in tests is
    their handle, `name`."""

    id: str
    name: str
    real_name: str
    tz: str = "Europe/Berlin"
    tz_label: str = "Central European Time"
    tz_offset: int = 3600
    is_bot: bool = False
    team: str = TEAM


@dataclass(frozen=True, kw_only=True)
class Channel:
    """A channel; who is not in `members` cannot see it, and the bot posts only where `has_bot`."""

    id: str
    name: str
    members: tuple[str, ...]
    has_bot: bool = True
    is_ext_shared: bool = False
    is_pending_ext_shared: bool = False
    topic: str = ""


@dataclass(frozen=True, kw_only=True)
class Group:
    """A user group, such as @ops."""

    id: str
    handle: str
    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Version:
    """What a message said from `at` until its next version."""

    at: float
    text: str
    blocks: tuple[Json, ...] = ()

    @property
    def plain(self) -> str:
        """All the words a reader can see, so that a test need not know which block holds them."""
        return "\n".join(part for block in self.blocks for part in _words(block)) or self.text


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message with all it ever said: `versions[-1]` is what it says now."""

    channel: str
    ts: str
    user: str
    versions: tuple[Version, ...]
    thread_ts: str | None = None
    is_broadcast: bool = False
    metadata: Json | None = None
    edited_at: str | None = None
    reactions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What screen readers and notifications say."""
        return self.versions[-1].text

    @property
    def blocks(self) -> tuple[Json, ...]:
        """What is shown."""
        return self.versions[-1].blocks

    @property
    def plain(self) -> str:
        """All the words a reader can see now."""
        return self.versions[-1].plain

    @property
    def buttons(self) -> tuple[str, ...]:
        """The labels of the buttons that can be pressed now."""
        return tuple(e["text"]["text"] for _, e in elements(self.blocks) if e.get("type") == "button")

    @property
    def is_reply(self) -> bool:
        """Whether it lives in a thread below another message."""
        return self.thread_ts is not None


@dataclass(frozen=True, kw_only=True)
class Ephemeral:
    """A message that only one person sees, with the label Slack gives it; no Web API method reads it back."""

    channel: str
    ts: str
    user: str
    author: str
    versions: tuple[Version, ...]
    thread_ts: str | None = None

    @property
    def text(self) -> str:
        """The text now."""
        return self.versions[-1].text

    @property
    def blocks(self) -> tuple[Json, ...]:
        """The blocks now."""
        return self.versions[-1].blocks

    @property
    def plain(self) -> str:
        """All the words a reader can see now."""
        return self.versions[-1].plain


@dataclass(frozen=True, kw_only=True)
class View:
    """A modal that a person has open, or a published home; `body` is what Slack returns as `view`."""

    person: str
    body: Json

    @property
    def id(self) -> str:
        """Slack's id of it, the same through all updates."""
        return str(self.body["id"])

    @property
    def blocks(self) -> tuple[Json, ...]:
        """What is shown."""
        return tuple(self.body["blocks"])

    @property
    def plain(self) -> str:
        """All the words a reader can see."""
        return "\n".join(part for block in self.blocks for part in _words(block))


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request the bot made, with its token left out; `error` is empty when it was answered with ok."""

    method: str
    args: Json
    at: float
    answer: Json
    error: str


def elements(blocks: tuple[Json, ...]) -> Iterator[tuple[Json, Json]]:
    """Every interactive element with the block it is in."""
    for block in blocks:
        inner = [*block.get("elements", []), block.get("accessory"), block.get("element")]
        yield from ((block, e) for e in inner if isinstance(e, dict) and "action_id" in e)


def _words(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for item in part:
            yield from _words(item)
    elif isinstance(part, dict):
        if isinstance(part.get("text"), str):
            yield part["text"]
        for key in ("text", "fields", "elements", "accessory", "element", "label", "title", "hint"):
            yield from _words(part.get(key) if not isinstance(part.get(key), str) else None)
