"""The Web API: which methods there are, who may call them, and Slack's answer to each. It speaks no HTTP itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .chat import Chat
from .faults import Faults
from .model import Json, SlackError
from .reading import Reading
from .views import Views
from .workspace import Workspace

Method = Callable[[Json], Json]


@dataclass(frozen=True, kw_only=True)
class Api:
    """One workspace's Web API, for the one app that is installed in it."""

    workspace: Workspace
    faults: Faults
    bot_token: str
    app_token: str
    open_connection: Callable[[], str]

    def answer(self, method: str, token: str, args: Json) -> Json:
        """What Slack answers; every request is recorded, refused ones too."""
        with self.workspace.changed:
            try:
                answer = {"ok": True, **self._carry_out(method, token, args)}
            except SlackError as refused:
                answer = {"ok": False, "error": refused.code, **refused.more}
            self.workspace.record(method, args, answer)
            return answer

    def _carry_out(self, method: str, token: str, args: Json) -> Json:
        if method in self.faults.answers:
            fault = dict(self.faults.answers[method])
            raise SlackError(fault.pop("error"), **fault)
        for_bot, for_app = self._bot_methods(), {"apps.connections.open": self._connections_open}
        if method not in for_bot | for_app:
            raise SlackError("unknown_method", req_method=method)
        self._check(token, self.bot_token if method in for_bot else self.app_token)
        return (for_bot | for_app)[method](args)

    def _check(self, token: str, wanted: str) -> None:
        if not token:
            raise SlackError("not_authed")
        if token not in (self.bot_token, self.app_token):
            raise SlackError("invalid_auth")
        if token != wanted:
            raise SlackError("not_allowed_token_type")

    def _connections_open(self, _args: Json) -> Json:
        return {"url": self.open_connection()}

    def _bot_methods(self) -> dict[str, Method]:
        chat = Chat(workspace=self.workspace, faults=self.faults)
        reading, views = Reading(workspace=self.workspace), Views(workspace=self.workspace)
        return {
            "auth.test": reading.auth_test,
            "chat.getPermalink": chat.get_permalink,
            "chat.postEphemeral": chat.post_ephemeral,
            "chat.postMessage": chat.post_message,
            "chat.update": chat.update,
            "conversations.history": reading.history,
            "conversations.info": reading.conversation,
            "conversations.replies": reading.replies,
            "reactions.add": chat.add_reaction,
            "usergroups.list": reading.groups,
            "usergroups.users.list": reading.group_users,
            "users.info": reading.user,
            "users.list": reading.users,
            "views.open": views.open,
            "views.publish": views.publish,
            "views.update": views.update,
        }


def token_of(header: str, args: dict[str, Any]) -> str:
    """The token from the header or, as Slack also takes it, from the arguments, where it is removed."""
    in_args = args.pop("token", None)
    return header.removeprefix("Bearer ").strip() or str(in_args or "")
