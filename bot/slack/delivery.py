"""The outbox's only reader: posts and edits leave here, one at a time, each once, in their thread's order."""

import logging
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.audit import Audit, Outbox
from bot.loop import Loop
from bot.messages import Held, Message
from bot.slack.pace import LINK, Pace

log = logging.getLogger("nps.slack")
READ_BACK_PAUSE = 2.0
LONGEST_PAUSE = 5.0
CHANNEL_PAUSE, FIRST_HOLD, LONGEST_HOLD = 60.0, 5.0, 600.0
SKEW = timedelta(minutes=1)
"""How far Slack's clock may be from this one's."""
PAGES, PAGE = 10, 200
WITHOUT = frozenset({"unknown_method", "missing_scope", "not_allowed_token_type", "plan_upgrade_required"})
UNSHOWABLE = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})
UNCHANGEABLE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
ABOUT_THE_CHANNEL = frozenset(
    {
        "channel_not_found", "not_in_channel", "is_archived", "is_inactive", "restricted_action",
        "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
        "restricted_action_non_threadable_channel", "posting_to_general_channel_denied", "message_limit_exceeded",
        "missing_scope", "no_permission", "not_allowed_token_type", "not_authed", "invalid_auth", "account_inactive",
        "token_revoked", "token_expired", "access_denied", "team_access_not_granted",
    }
)  # fmt: skip
"""What is no fault of the message: any other would be refused there, too."""
UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
UNREACHABLE = (SlackClientError, OSError, HTTPException)


class Delivery:
    """Sends until it is stopped; Slack being away costs nothing but time."""

    def __init__(self, audit: Audit, outbox: Outbox, client: WebClient) -> None:
        self._audit, self._outbox, self._client = audit, outbox, client
        self._pace = Pace()
        self._channels: dict[str, float] = {}
        self._held: dict[str, tuple[float, float]] = {}
        self._missing: set[str] = set()
        self._failures = 0
        self.loop = Loop("delivery", self._turn, audit.touch)
        self._stop = self.loop.stopping

    def _turn(self) -> None:
        version, now = self._audit.version, time.monotonic()
        message = self._outbox.due(self._held_back(now))
        if message is None:
            self._audit.wait(version, self._pace.pause(now))
            return
        self._pace.take(message, now)
        self._deliver(message)

    def _held_back(self, now: float) -> Held:
        return Held(
            channels=[channel for channel, until in self._channels.items() if until > now],
            messages=[name for name, (until, _) in self._held.items() if until > now],
            methods=self._pace.resting(now),
            spent=self._pace.spent(now),
        )

    def _deliver(self, message: Message) -> None:
        try:
            if message.ts:
                self._update(message, message.ts)
            elif ts := self._already_there(message):
                # what was found may show an older wish: the row stays due, as an edit
                self._outbox.found(message, ts)
            else:
                self._post(message)
            self._held.pop(_name(message), None)
            self._reached()
        except SlackApiError as refusal:
            self._refused(message, refusal)
        except UNREACHABLE as fault:
            self._unreachable(type(fault).__name__)

    def _post(self, message: Message) -> None:
        reply: dict[str, Any] = {}
        if message.thread_ts:
            reply = {"thread_ts": message.thread_ts, "reply_broadcast": message.broadcast}
        self._outbox.sending(message)
        try:
            answer = self._client.chat_postMessage(channel=message.channel, **self._shown(message), **reply)
        except SlackApiError as refusal:
            if _is_plain_no(refusal):
                self._outbox.refused(message)
            raise
        self._outbox.sent(message, str(answer["ts"]))
        self._find_link(message, str(answer["ts"]))

    def _update(self, message: Message, ts: str) -> None:
        if "chat.update" in self._missing:
            self._outbox.dropped(message)
            return
        self._client.chat_update(channel=message.channel, ts=ts, **self._shown(message))
        self._outbox.sent(message, ts)
        self._find_link(message, ts)

    def _shown(self, message: Message) -> dict[str, Any]:
        """The body, its first block named so that it is found again."""
        blocks: list[dict[str, Any]] = message.body["blocks"]
        if not blocks:
            return message.body
        others = blocks[1:]
        named = blocks[0] | {"block_id": block_id(self._audit.store, message, str(message.version))}
        return message.body | {"blocks": [named, *others]}

    def _already_there(self, message: Message) -> str | None:
        """The message's ts where an earlier try reached Slack although its answer did not reach us."""
        if message.state != "sending":
            return None
        self._stop.wait(READ_BACK_PAUSE)  # Slack may show an accepted post late
        return next((str(found["ts"]) for found in self._shown_since(message) if self._is(message, found)), None)

    def _shown_since(self, message: Message) -> Iterator[Mapping[str, Any]]:
        """What Slack shows where the message would be, from its wish on; a page at a time, and not for ever."""
        method = "conversations.replies" if message.thread_ts else "conversations.history"
        given: dict[str, Any] = {"channel": message.channel, "limit": PAGE}
        if message.thread_ts:
            given["ts"] = message.thread_ts
        if message.at:
            given["oldest"] = f"{(message.at - SKEW).timestamp():.6f}"
        for _ in range(PAGES):
            page = self._maybe(method, given) or {}
            yield from page.get("messages", [])
            given["cursor"] = (page.get("response_metadata") or {}).get("next_cursor")
            if not given["cursor"]:
                return

    def _is(self, message: Message, found: Mapping[str, Any]) -> bool:
        first: dict[str, Any] = next(iter(found.get("blocks") or []), {})
        if not message.body["blocks"] and found.get("text") == message.body["text"]:
            return True  # a text alone carries no id
        return str(first.get("block_id", "")).startswith(block_id(self._audit.store, message, version=""))

    def _find_link(self, message: Message, ts: str) -> None:
        """The card's address, for answers; what is not told now is asked again with the next edit."""
        if message.thread or message.link or LINK in self._pace.resting(time.monotonic()):
            return
        try:
            found = self._maybe(LINK, {"channel": message.channel, "message_ts": ts})
        except SlackApiError as refusal:
            log.info("Slack did not tell the link of %s (%s).", message.run, refusal.response.get("error"))
            self._rest(refusal)
        else:
            if found:
                self._outbox.linked(message, str(found["permalink"]))

    def _maybe(self, method: str, given: dict[str, Any]) -> Mapping[str, Any] | None:
        """A call that the bot can do without; said once in the log."""
        if method in self._missing:
            return None
        try:
            answer = self._client.api_call(method, params=given)
        except SlackApiError as refusal:
            if refusal.response.get("error") not in WITHOUT:
                raise
            self._do_without(method, refusal)
            return None
        return answer.data if isinstance(answer.data, dict) else None

    def _do_without(self, method: str, refusal: SlackApiError) -> None:
        self._missing.add(method)
        log.warning("Slack does not let the bot call %s (%s); it does without.", method, refusal.response["error"])

    def _refused(self, message: Message, refusal: SlackApiError) -> None:
        error, name = refusal.response.get("error", ""), _name(message)
        if _is_limit(refusal):
            self._rest(refusal)
        elif not _is_plain_no(refusal):
            self._unreachable(f"HTTP {refusal.response.status_code}, {error[:60]}")
        elif error in UNSHOWABLE and message.body["blocks"]:
            self._without_blocks(error)
            self._outbox.plain(message)
        elif message.ts and error in WITHOUT:
            self._do_without("chat.update", refusal)
        elif message.ts and error in UNCHANGEABLE:
            log.warning("%s can't be edited any more (%s).", name, error)
            self._outbox.dropped(message)
        elif error in ABOUT_THE_CHANNEL:
            log.warning("Slack refused %s in %s: %s. It is tried again in a minute.", name, message.channel, error)
            self._channels[message.channel] = time.monotonic() + CHANNEL_PAUSE
        else:
            _, pause = self._held.get(name, (0.0, FIRST_HOLD))
            log.warning("Slack refused %s: %s. It is tried again in %.0f s; others go on.", name, error, pause)
            self._held[name] = (time.monotonic() + pause, min(LONGEST_HOLD, 2 * pause))

    def _without_blocks(self, error: str) -> None:
        if "blocks" not in self._missing:
            self._missing.add("blocks")
            log.warning("Slack does not show the bot's blocks (%s); such messages get their text alone.", error)

    def _rest(self, refusal: SlackApiError) -> None:
        """As long as Slack asks for, where it asks: the one method waits, others go on."""
        if _is_limit(refusal):
            pause = float(refusal.response.headers.get("Retry-After", 1))
            self._pace.rest(refusal.response.api_url.rpartition("/")[2], time.monotonic() + pause)

    def _unreachable(self, reason: str) -> None:
        """Said once an outage, however long it is."""
        if not self._failures:
            log.warning("Slack could not be reached (%s); the thread waits, and tries again every few seconds.", reason)
        self._failures += 1
        self._stop.wait(min(LONGEST_PAUSE, 0.5 * self._failures))

    def _reached(self) -> None:
        if self._failures:
            log.info("Slack is back; the thread catches up.")
        self._failures = 0


def _name(message: Message) -> str:
    """As the outbox knows what is held."""
    return f"{message.run} {message.name}"


def _is_limit(refusal: SlackApiError) -> bool:
    return bool(refusal.response.status_code == 429 or refusal.response.get("error") == "ratelimited")


def _is_plain_no(refusal: SlackApiError) -> bool:
    """Whether Slack itself said no; a gateway's page or an inner error leaves open whether the call was carried out."""
    error = str(refusal.response.get("error"))
    return bool(refusal.response.status_code < 500) and error not in UNSURE and " " not in error


def block_id(store: str, message: Message, version: str) -> str:
    """Names store, run, message and version, so that a post that reached Slack is recognised."""
    return f"nps:{store}:{message.run}:{message.name}:{version}"
