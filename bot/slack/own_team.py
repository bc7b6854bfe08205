"""Whose people the bot listens to: those of the workspace, or the organisation, that it is installed in."""

from typing import Any

from slack_sdk import WebClient

from bot.slack.keeping import Keeper

COMPLAINT = "%s: Slack did not tell whose the bot is (%s); what each press says of that is believed."


class OwnTeam:
    """Knows the bot's own workspace once Slack has told; until then it believes the payload, which names both."""

    def __init__(self, client: WebClient) -> None:
        self._client = client
        self._ids: frozenset[str] = frozenset()
        self.keeper = Keeper(["auth.test"], self._read, COMPLAINT)

    def _read(self, _name: str) -> None:
        told = self._client.auth_test()
        self._ids = frozenset(str(told[name]) for name in ("team_id", "enterprise_id") if told.get(name))

    def is_stranger(self, body: dict[str, Any]) -> bool:
        """Whether whoever sent this belongs to another organisation (Slack Connect); not knowing whose they are is
        yes."""
        user = body.get("user") or {}
        theirs = {user.get("team_id")} if user else {body.get("team_id"), body.get("enterprise_id")}
        return bool(user.get("is_stranger")) or not theirs & (self._ids or _homes(body))


def _homes(body: dict[str, Any]) -> frozenset[str]:
    """The installed app's workspace: a modal names it itself, for its `team` may be the person's."""
    team = body.get("team") or {}
    home = (body.get("view") or {}).get("app_installed_team_id") or team.get("id") or body.get("team_id")
    return frozenset(str(name) for name in (home, team.get("enterprise_id")) if name)
