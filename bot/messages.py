"""A Slack message as followers wish it and delivery sends it; plain data. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

UNHURRIED = 3
"""The rank of what may be over in a moment: its first post waits half a second, and is then posted once, finished."""

AT_ONCE = -1
"""The rank of an edit that takes buttons away: it passes every other, and no limit holds it up."""

SendState = Literal["new", "sending", "sent", "dropped"]


def buttons(body: dict[str, Any]) -> frozenset[tuple[str, str]]:
    """What can be pressed in a message, each with what it says."""
    blocks = [block for block in body["blocks"] if block["type"] == "actions"]
    return frozenset((e["action_id"], e.get("value", "")) for block in blocks for e in block["elements"])


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message of a run. `name` is unique in the run, `thread` names the message whose thread it is in; a lower
    rank leaves first; `at` is when it was first wished for."""

    run: str
    name: str
    channel: str
    body: dict[str, Any]
    rank: int
    thread: str | None = None
    broadcast: bool = False
    ts: str | None = None
    thread_ts: str | None = None
    link: str | None = None
    state: SendState = "new"
    version: int = 1
    wanted_hash: str = ""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Held:
    """What may not leave now: what is in these channels, these messages as `RUN NAME`, and what needs these methods;
    what leaves at once passes a method that is only `spent`."""

    channels: Sequence[str] = ()
    messages: Sequence[str] = ()
    methods: Sequence[str] = ()
    spent: Sequence[str] = ()


def reply_link(card: str, reply: Message) -> str | None:
    """Where a reply is, told by its card's address: Slack's differ in the message alone, and name the thread."""
    if reply.ts is None or reply.thread_ts is None:
        return None
    return f"{card.rpartition('/')[0]}/p{reply.ts.replace('.', '')}?thread_ts={reply.thread_ts}&cid={reply.channel}"
