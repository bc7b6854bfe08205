"""Keeps the members of user groups fresh; policy lets those older than a day count nobody."""

import logging

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.audit import Audit
from bot.settings import Settings

REFRESH_EVERY = 3600.0
log = logging.getLogger("nps.slack")


def named_groups(settings: Settings) -> list[str]:
    """The user groups that nps.toml names."""
    entries = list(settings.slack.admins)
    for env in settings.environments.values():
        entries += [*env.may_run, *(env.approvers or ()), *(env.admins or ())]
    return sorted({entry for entry in entries if entry.startswith("S") and entry not in settings.people})


class Groups:
    """Reads the members of each named group; the clock calls it at start and every hour."""

    def __init__(self, audit: Audit, settings: Settings, client: WebClient) -> None:
        self._audit, self._names, self._client = audit, named_groups(settings), client

    def refresh(self) -> None:
        try:
            found = {name: list(self._client.usergroups_users_list(usergroup=name)["users"]) for name in self._names}
        except (SlackClientError, OSError) as fault:
            said = fault.response.get("error") if isinstance(fault, SlackApiError) else type(fault).__name__
            log.warning("User groups could not be read (%s); after a day only people named by id count.", said)
        else:
            self._audit.set_groups(found)
