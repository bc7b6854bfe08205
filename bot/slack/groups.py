"""Keeps the members of user groups fresh; policy lets those older than a day count nobody."""

import logging
import time
from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.audit import Audit
from bot.settings import Settings

REFRESH_EVERY = 5.0
"""How often it is looked whether a group is due; each is read once an hour, or until Slack has told it."""
HOUR = 3600.0
AFTER_A_CUT = 5.0
log = logging.getLogger("nps.slack")


def named_groups(settings: Settings) -> list[str]:
    """The user groups that nps.toml names."""
    entries = list(settings.slack.admins)
    for env in settings.environments.values():
        entries += [*env.may_run, *(env.approvers or ()), *(env.admins or ())]
    return sorted({entry for entry in entries if entry.startswith("S") and entry not in settings.people})


class Groups:
    """Reads the members of each named group, soon after the start and every hour; the clock calls it."""

    def __init__(self, audit: Audit, settings: Settings, client: WebClient) -> None:
        self._audit, self._client = audit, client
        self._due = dict.fromkeys(named_groups(settings), 0.0)
        self._told: set[tuple[str, str]] = set()

    def refresh(self) -> None:
        """Reads the groups that are due; one that Slack refuses keeps no other from being read."""
        for name, due in self._due.items():
            if due <= time.monotonic():
                self._due[name] = time.monotonic() + self._read(name)

    def _read(self, name: str) -> float:
        """Seconds until the next look."""
        try:
            members = list(self._client.usergroups_users_list(usergroup=name)["users"])
        except SlackApiError as refusal:
            error = str(refusal.response.get("error"))
            self._tell(name, error)
            unsure = refusal.response.status_code >= 500 or error == "ratelimited"
            return float(refusal.response.headers.get("Retry-After", AFTER_A_CUT)) if unsure else HOUR
        except (SlackClientError, OSError, HTTPException) as fault:
            self._tell(name, type(fault).__name__)
            return AFTER_A_CUT
        self._audit.set_groups({name: members})
        return HOUR

    def _tell(self, name: str, said: str) -> None:
        if (name, said) not in self._told:
            self._told.add((name, said))
            log.warning("User group %s could not be read (%s); after a day only people named by id count.", name, said)
