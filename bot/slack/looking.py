"""Whom the bot's token belongs to, for a look at the whole; posts nothing."""

from slack_sdk.errors import SlackApiError

from bot.errors import NpsError
from bot.slack.calling import UNREACHABLE
from bot.slack.listeners import client


def who(token: str, url: str) -> str:
    """The app's name and workspace, as a sentence; raises NpsError where Slack does not know the token."""
    try:
        found = client(token, url).auth_test()
    except SlackApiError as fault:
        told = str(fault.response.get("error", "an answer without a reason"))
        raise NpsError(
            f"it does not take SLACK_BOT_TOKEN: {told}.", "Copy the token from the app's page anew."
        ) from None
    except UNREACHABLE as fault:
        raise NpsError(
            f"{url} can't be reached ({type(fault).__name__}).", "Look at the proxy and firewall."
        ) from fault
    return f"the bot is {found.get('user')} in {found.get('team')}."
