"""The nouns as Slack's Web API and payloads show them. Pure; it changes nothing."""

from collections.abc import Sequence

from .model import APP, BOT, BOT_NAME, BOT_USER, DOMAIN, TEAM, Channel, Group, Json, Message, Person
from .workspace import Workspace

SHOWN_REPLIERS = 5


def person_json(person: Person) -> Json:
    """As in users.info and users.list."""
    return {
        "id": person.id,
        "team_id": person.team,
        "name": person.name,
        "deleted": False,
        "real_name": person.real_name,
        "tz": person.tz,
        "tz_label": person.tz_label,
        "tz_offset": person.tz_offset,
        "profile": {
            "real_name": person.real_name,
            "display_name": person.name,
            "real_name_normalized": person.real_name,
            "display_name_normalized": person.name,
            "team": person.team,
        },
        "is_stranger": person.team != TEAM,
        "is_admin": False,
        "is_owner": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": person.is_bot,
        "is_app_user": False,
    }


def channel_json(channel: Channel) -> Json:
    """As in conversations.info."""
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": True,
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": False,
        "is_archived": False,
        "is_general": False,
        "is_shared": channel.is_ext_shared,
        "is_ext_shared": channel.is_ext_shared,
        "is_pending_ext_shared": channel.is_pending_ext_shared,
        "is_org_shared": False,
        "is_member": channel.has_bot,
        "context_team_id": TEAM,
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "num_members": len(channel.members) + channel.has_bot,
    }


def group_json(group: Group, *, with_users: bool) -> Json:
    """As in usergroups.list."""
    shape: Json = {
        "id": group.id,
        "team_id": TEAM,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "description": "",
        "is_external": False,
        "date_delete": 0,
        "user_count": len(group.members),
    }
    return shape | ({"users": list(group.members)} if with_users else {})


def message_json(message: Message, workspace: Workspace, *, with_metadata: bool = False) -> Json:
    """As in conversations.history and conversations.replies, thread counts included."""
    shape = _said(message)
    if with_metadata and message.metadata is not None:
        shape["metadata"] = message.metadata
    if message.edited_at is not None:
        shape["edited"] = {"user": message.user, "ts": message.edited_at}
    if message.reactions:
        shape["reactions"] = [{"name": name, "users": [BOT_USER], "count": 1} for name in message.reactions]
    return shape | (_reply(message, workspace) if message.is_reply else _thread(message, workspace))


def _said(message: Message) -> Json:
    shape: Json = {"type": "message", "user": message.user, "ts": message.ts, "text": message.text, "team": TEAM}
    if message.user == BOT_USER:
        shape |= {"bot_id": BOT, "app_id": APP, "bot_profile": _bot_profile()}
    if message.blocks:
        shape["blocks"] = list(message.blocks)
    return shape


def _reply(message: Message, workspace: Workspace) -> Json:
    parent = workspace.messages.get((message.channel, message.thread_ts or ""))
    shape: Json = {"thread_ts": message.thread_ts}
    if parent is not None:
        shape["parent_user_id"] = parent.user
    if message.is_broadcast:
        shape["subtype"] = "thread_broadcast"
        if parent is not None:
            shape["root"] = _said(parent) | _thread(parent, workspace)
    return shape


def _thread(message: Message, workspace: Workspace) -> Json:
    replies = workspace.in_thread(message.channel, message.ts)[1:]
    if not replies:
        return {}
    users = list(dict.fromkeys(reply.user for reply in replies))
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "latest_reply": replies[-1].ts,
        "reply_users": users[:SHOWN_REPLIERS],
        "is_locked": False,
        "subscribed": False,
    }


def _bot_profile() -> Json:
    return {"id": BOT, "app_id": APP, "name": BOT_NAME, "deleted": False, "team_id": TEAM, "user_id": BOT_USER}


def page_of(items: Sequence[Json], cursor: str, limit: int) -> tuple[list[Json], str]:
    """One page and the cursor of the next, empty at the end; a cursor is the number of items before it."""
    start = int(cursor) if cursor.isdecimal() else 0
    following = start + limit
    return list(items[start:following]), str(following) if following < len(items) else ""


def team_json() -> Json:
    """As in interaction payloads."""
    return {"id": TEAM, "domain": DOMAIN}
