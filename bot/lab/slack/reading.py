"""The Web API methods that read: auth.test, conversations.*, users.* and usergroups.*."""

from collections.abc import Callable
from dataclasses import dataclass

from . import args as take
from .model import BOT, BOT_NAME, BOT_USER, DOMAIN, TEAM, Json, Message, SlackError
from .shape import channel_json, group_json, message_json, page_of, person_json
from .workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Answers from the workspace as it is; it changes nothing."""

    workspace: Workspace

    def auth_test(self, _args: Json) -> Json:
        """auth.test."""
        who = {"user": BOT_NAME, "user_id": BOT_USER, "bot_id": BOT}
        where = {"url": f"https://{DOMAIN}.slack.com/", "team": "Lab", "team_id": TEAM}
        return {**who, **where, "is_enterprise_install": False}

    def conversation(self, args: Json) -> Json:
        """conversations.info."""
        found = self.workspace.channels.get(take.needed(args, "channel", "channel_not_found"))
        if found is None:
            raise SlackError("channel_not_found")
        return {"channel": channel_json(found)}

    def history(self, args: Json) -> Json:
        """conversations.history: newest first."""
        channel = self.workspace.bots_channel(take.needed(args, "channel", "channel_not_found"))
        messages = self.workspace.in_channel(channel.id)[::-1]
        return self._page(args, messages, _within(args), default=100)

    def replies(self, args: Json) -> Json:
        """conversations.replies: oldest first, and the parent always among them."""
        channel = self.workspace.bots_channel(take.needed(args, "channel", "channel_not_found"))
        messages = self.workspace.in_thread(channel.id, take.needed(args, "ts", "thread_not_found"))
        if not messages:
            raise SlackError("thread_not_found")
        parent, within = messages[0].ts, _within(args)
        return self._page(args, messages, lambda m: m.ts == parent or within(m), default=999)

    def _page(self, args: Json, messages: list[Message], keep: Callable[[Message], bool], *, default: int) -> Json:
        with_metadata = take.flag(args, "include_all_metadata")
        shapes = [message_json(m, self.workspace, with_metadata=with_metadata) for m in messages if keep(m)]
        page, cursor = page_of(shapes, take.text(args, "cursor"), take.number(args, "limit", default, 999))
        answer: Json = {"messages": page, "has_more": bool(cursor)}
        return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})

    def user(self, args: Json) -> Json:
        """users.info."""
        wanted = take.needed(args, "user", "user_not_found")
        found = self.workspace.people.get(wanted)
        if found is None and wanted != BOT_USER:
            raise SlackError("user_not_found")
        return {"user": person_json(found or self.workspace.person(BOT_USER))}

    def users(self, args: Json) -> Json:
        """users.list."""
        everybody = [*self.workspace.people.values(), self.workspace.person(BOT_USER)]
        shapes = [person_json(person) for person in everybody]
        page, cursor = page_of(shapes, take.text(args, "cursor"), take.number(args, "limit", 1000, 1000))
        return {"members": page, "cache_ts": int(self.workspace.clock()), "response_metadata": {"next_cursor": cursor}}

    def groups(self, args: Json) -> Json:
        """usergroups.list."""
        with_users = take.flag(args, "include_users")
        return {"usergroups": [group_json(group, with_users=with_users) for group in self.workspace.groups.values()]}

    def group_users(self, args: Json) -> Json:
        """usergroups.users.list."""
        found = self.workspace.groups.get(take.needed(args, "usergroup", "no_such_subteam"))
        if found is None:
            raise SlackError("no_such_subteam")
        return {"users": list(found.members)}


def _within(args: Json) -> Callable[[Message], bool]:
    """Slack leaves the two bounds themselves out unless asked to include them."""
    oldest, latest = _bound(args, "oldest", "0"), _bound(args, "latest", "inf")
    if take.flag(args, "inclusive"):
        return lambda m: oldest <= float(m.ts) <= latest
    return lambda m: oldest < float(m.ts) < latest


def _bound(args: Json, name: str, default: str) -> float:
    try:
        return float(take.text(args, name) or default)
    except ValueError:
        raise SlackError(f"invalid_ts_{name}") from None
