"""Keeps the members of user groups fresh; policy lets those older than a day count nobody."""

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.audit import Audit
from bot.settings import Settings
from bot.slack.keeping import Keeper

GONE = "no_such_subteam"
COMPLAINT = "User group %s could not be read (%s); after a day only people named by id count."


def named_groups(settings: Settings) -> list[str]:
    """The user groups that nps.toml names."""
    entries = list(settings.slack.admins)
    for env in settings.environments.values():
        entries += [*env.may_run, *(env.approvers or ()), *(env.admins or ())]
    return sorted({entry for entry in entries if entry.startswith("S") and entry not in settings.people})


def groups(audit: Audit, settings: Settings, client: WebClient) -> Keeper:
    """One that Slack says is gone has no members from now on; of one that can't be read the last members stay."""

    def read(name: str) -> None:
        try:
            members = list(client.usergroups_users_list(usergroup=name)["users"])
        except SlackApiError as refusal:
            if refusal.response.get("error") == GONE:
                audit.set_groups({name: []})
            raise
        audit.set_groups({name: members})

    return Keeper(named_groups(settings), read, COMPLAINT)
