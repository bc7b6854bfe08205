"""The Web API methods that write messages: chat.* and reactions.add."""

from dataclasses import dataclass, replace
from typing import Any

from . import args as take
from .faults import Faults
from .limits import block_faults, characters
from .model import BOT_USER, DOMAIN, Ephemeral, Json, Message, SlackError, Version
from .shape import message_json
from .workspace import Workspace, is_bots

LONGEST_POST = 40_000
LONGEST_UPDATE = 4_000
LONGEST_BLOCKS = 13_200
MOST_BLOCKS = 50


@dataclass(frozen=True, kw_only=True)
class Chat:
    """Writes for the bot, and refuses what Slack would refuse."""

    workspace: Workspace
    faults: Faults

    def post_message(self, args: Json) -> Json:
        """chat.postMessage."""
        channel = self.workspace.bots_channel(take.needed(args, "channel", "channel_not_found"))
        said = self.version(args, LONGEST_POST)
        thread_ts = take.text(args, "thread_ts") or None
        message = self.workspace.post(
            Message(
                channel=channel.id,
                ts=self.workspace.new_ts(),
                user=BOT_USER,
                versions=(said,),
                thread_ts=thread_ts,
                is_broadcast=thread_ts is not None and take.flag(args, "reply_broadcast"),
                metadata=take.structure(args, "metadata", "invalid_metadata_format"),
            )
        )
        shape = message_json(message, self.workspace)
        return {"channel": channel.id, "ts": message.ts, "message": shape}

    def update(self, args: Json) -> Json:
        """chat.update: a text alone takes the blocks away, and only then the message is marked as edited."""
        channel = self.workspace.bots_channel(take.needed(args, "channel", "channel_not_found"))
        old = self.workspace.message(channel.id, take.needed(args, "ts", "message_not_found"))
        if not is_bots(old):
            raise SlackError("cant_update_message")
        said = self.version(args, LONGEST_UPDATE)
        metadata = take.structure(args, "metadata", "invalid_metadata_format")
        message = self.workspace.change(
            replace(
                old,
                versions=(*old.versions, said),
                is_broadcast=old.is_broadcast or (old.is_reply and take.flag(args, "reply_broadcast")),
                metadata=old.metadata if metadata is None else metadata,
                edited_at=old.edited_at if said.blocks else self.workspace.new_ts(),
            )
        )
        shape = message_json(message, self.workspace)
        return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": shape}

    def post_ephemeral(self, args: Json) -> Json:
        """chat.postEphemeral."""
        channel = self.workspace.bots_channel(take.needed(args, "channel", "channel_not_found"))
        user = take.needed(args, "user", "user_not_in_channel")
        if user not in channel.members:
            raise SlackError("user_not_in_channel")
        said = self.version(args, LONGEST_POST)
        ephemeral = Ephemeral(
            channel=channel.id,
            ts=self.workspace.new_ts(),
            user=user,
            author=BOT_USER,
            versions=(said,),
            thread_ts=take.text(args, "thread_ts") or None,
        )
        return {"message_ts": self.workspace.whisper(ephemeral).ts}

    def get_permalink(self, args: Json) -> Json:
        """chat.getPermalink: links into a thread name it."""
        channel = self.workspace.bots_channel(take.needed(args, "channel", "channel_not_found"))
        message = self.workspace.message(channel.id, take.needed(args, "message_ts", "message_not_found"))
        link = f"https://{DOMAIN}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
        if message.is_reply:
            link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
        return {"channel": channel.id, "permalink": link}

    def add_reaction(self, args: Json) -> Json:
        """reactions.add."""
        channel = self.workspace.bots_channel(take.needed(args, "channel", "channel_not_found"))
        message = self.workspace.message(channel.id, take.needed(args, "timestamp", "message_not_found"))
        name = take.needed(args, "name", "invalid_name")
        if name in message.reactions:
            raise SlackError("already_reacted")
        self.workspace.change(replace(message, reactions=(*message.reactions, name)))
        return {}

    def version(self, args: Json, longest: int) -> Version:
        """Text and blocks as asked for, within Slack's limits, each block with an id."""
        text = take.text(args, "text")
        blocks = take.structure(args, "blocks", "invalid_blocks_format")
        if not text and not blocks:
            raise SlackError("no_text")
        if len(text) > longest:
            raise SlackError("msg_too_long")
        return Version(at=self.workspace.clock(), text=text, blocks=self._blocks(blocks))

    def _blocks(self, blocks: Any) -> tuple[Json, ...]:
        if not blocks:
            return ()
        if not isinstance(blocks, list):
            raise SlackError("invalid_blocks_format")
        refuse_faulty(block_faults(blocks, at_most=MOST_BLOCKS, missing=self.faults.missing_blocks))
        if characters(blocks) > LONGEST_BLOCKS:
            raise SlackError("msg_blocks_too_long")
        return with_ids(blocks, self.workspace)


def refuse_faulty(faults: list[str], error: str = "invalid_blocks") -> None:
    """Slack's answer to blocks or a view with faults, all of them named."""
    if faults:
        raise SlackError(error, errors=faults, response_metadata={"messages": faults})


def with_ids(blocks: list[Json], workspace: Workspace) -> tuple[Json, ...]:
    """Each block and each element with an id: its own, or one that Slack makes."""
    return tuple(_with_id(block, workspace) for block in blocks)


def _with_id(block: Json, workspace: Workspace) -> Json:
    block = {"block_id": workspace.new_id("b"), **block}
    if block["type"] in ("actions", "context_actions"):
        block["elements"] = [{"action_id": workspace.new_id("a"), **element} for element in block["elements"]]
    for key in ("accessory", "element"):
        if isinstance(block.get(key), dict) and block[key].get("type") != "image":
            block[key] = {"action_id": workspace.new_id("a"), **block[key]}
    return block
