"""The private answer to a press: through the address that came with it, or as a message that one person sees."""

import logging
import time
from collections.abc import Callable

from slack_bolt import Respond
from slack_sdk import WebClient
from slack_sdk.web import SlackResponse
from slack_sdk.webhook import WebhookClient, WebhookResponse

from bot.intake import Answer, Caller
from bot.slack.calling import UNREACHABLE, Payload

log = logging.getLogger("nps.slack")
PATIENCE = 3
UNUSED_FOR = 600.0
"""Seconds in which no address is tried after one that could not be reached: each try costs a listener's thread."""


class Whisper:
    """Says each way that fails once in the log: a firewall may know Slack's API and not the host of those
    addresses."""

    def __init__(self, web: WebClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._web, self._clock = web, clock
        self._told: set[str] = set()
        self._not_before = 0.0

    def answer(self, respond: Respond, answer: Answer, to: Caller, thread: str | None = None) -> None:
        """What was recorded stands, whether or not the answer arrives. In the channel, by the address; what was
        pressed in a thread is answered there."""
        arrived = thread is not None and self._by_message(answer.text, to, thread)
        # a reply may be shown in the channel too, and Slack does not tell where it was pressed: what changes no
        # message must be seen in either place
        if (not arrived or answer.kind != "recorded") and not self._by_address(respond.response_url, answer.text):
            self._by_message(answer.text, to, None)

    def _by_message(self, text: str, to: Caller, thread: str | None) -> bool:
        user, channel = to.account.removeprefix("slack:"), to.channel
        return channel is not None and self._arrives(
            "chat.postEphemeral",
            lambda: self._web.chat_postEphemeral(channel=channel, user=user, text=text, thread_ts=thread),
        )

    def _by_address(self, address: str | None, text: str) -> bool:
        """Without slack_bolt's own call, which waits for 30 seconds and tries again."""
        if not address or self._clock() < self._not_before:
            return False
        hook = WebhookClient(address, timeout=PATIENCE, retry_handlers=[])
        body = {"text": text, "response_type": "ephemeral", "replace_original": False}
        return self._arrives("response_url", lambda: hook.send_dict(body))

    def _arrives(self, way: str, say: Callable[[], WebhookResponse | SlackResponse]) -> bool:
        try:
            status = say().status_code
        except UNREACHABLE as fault:
            self._tell(f"{way}: {type(fault).__name__}")
            if way == "response_url":
                self._not_before = self._clock() + UNUSED_FOR
            return False
        if status != 200:
            self._tell(f"{way}: HTTP {status}")
        return status == 200

    def _tell(self, found: str) -> None:
        if found not in self._told:
            self._told.add(found)
            log.warning("A private answer could not be given (%s); what was recorded stands.", found)


def thread_of(body: Payload) -> str | None:
    """The thread that the pressed message is a reply in; a thread's first message is none."""
    container = body.get("container") or {}
    thread = container.get("thread_ts") or (body.get("message") or {}).get("thread_ts")
    return str(thread) if thread and thread != container.get("message_ts") else None
