"""The private answer to a press: through the address that came with it, else as a message that one person sees."""

import logging
from collections.abc import Callable

from slack_bolt import Respond
from slack_sdk import WebClient
from slack_sdk.web import SlackResponse
from slack_sdk.webhook import WebhookResponse

from bot.intake import Caller
from bot.slack.calling import UNREACHABLE

log = logging.getLogger("nps.slack")


class Whisper:
    """Says each way that fails once in the log: a firewall may know Slack's API and not the host of those
    addresses."""

    def __init__(self, web: WebClient) -> None:
        self._web = web
        self._told: set[str] = set()

    def answer(self, respond: Respond, text: str, to: Caller) -> None:
        """What was recorded stands, whether or not the answer arrives."""
        user, channel = to.account.removeprefix("slack:"), to.channel
        arrived = self._arrives(
            "response_url", lambda: respond(text=text, response_type="ephemeral", replace_original=False)
        )
        if not arrived and channel:
            self._arrives(
                "chat.postEphemeral", lambda: self._web.chat_postEphemeral(channel=channel, user=user, text=text)
            )

    def _arrives(self, way: str, say: Callable[[], WebhookResponse | SlackResponse]) -> bool:
        try:
            status = say().status_code
        except UNREACHABLE as fault:
            self._tell(f"{way}: {type(fault).__name__}")
            return False
        if status != 200:
            self._tell(f"{way}: HTTP {status}")
        return status == 200

    def _tell(self, found: str) -> None:
        if found not in self._told:
            self._told.add(found)
            log.warning("A private answer could not be given (%s); what was recorded stands.", found)
