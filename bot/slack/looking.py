"""Whom the bot's token belongs to, and whether the channels and user groups that nps.toml names can be read, for a
look at the whole; posts nothing."""

from collections.abc import Callable
from typing import Any

from slack_sdk.errors import SlackApiError

from bot.errors import NpsError
from bot.slack.calling import UNREACHABLE
from bot.slack.channels import is_shared
from bot.slack.listeners import client

NOT_TAKEN = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "not_allowed_token_type"})


class Look:
    """Asks Slack itself, once each; what is wrong is raised as an NpsError."""

    def __init__(self, token: str, url: str) -> None:
        self._web, self._url = client(token, url), url

    def who(self) -> str:
        """The app's name and workspace, as a sentence."""
        found = self._asked(self._web.auth_test, "Copy the token from the app's page anew.")
        return f"the bot is {found.get('user')} in {found.get('team')}."

    def channel(self, channel: str, production: list[str]) -> str:
        """Whether the bot is in it, and who else reads along; `production` names what must not be told to others."""
        about = self._asked(
            lambda: self._web.conversations_info(channel=channel),
            f"Is {channel} right? Invite @nps-bot there; the app needs channels:read and groups:read.",
        )["channel"]
        name = f"#{about.get('name')}"
        if not about.get("is_member"):
            raise NpsError(f"nps-bot is not in {name}.", "Type there: /invite @nps-bot")
        if not is_shared(about):
            return f"{name}, read by this workspace alone."
        if production:
            raise NpsError(
                f"{name} is shared with another organisation, and {', '.join(production)} is marked production.",
                "Unshare it, or name another in nps.toml.",
            )
        return f"{name}. Another organisation reads along there, or is invited to."

    def group(self, name: str) -> str:
        """How many there are in it now."""
        members = self._asked(
            lambda: self._web.usergroups_users_list(usergroup=name),
            "The app needs usergroups:read, and a paid plan; until then name people by id.",
        )["users"]
        return f"{len(members)} members." if members else "nobody is in it."

    def _asked(self, ask: Callable[[], Any], move: str) -> Any:
        try:
            return ask()
        except SlackApiError as fault:
            told = str(fault.response.get("error", "an answer without a reason"))
            if told in NOT_TAKEN:
                raise NpsError(
                    f"it does not take SLACK_BOT_TOKEN: {told}.", "Copy the token from the app's page anew."
                ) from None
            raise NpsError(f"Slack does not tell: {told}.", move) from None
        except UNREACHABLE as fault:
            raise NpsError(
                f"{self._url} can't be reached ({type(fault).__name__}).", "Look at the proxy and firewall."
            ) from fault
