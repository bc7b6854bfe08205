"""What every listener needs to answer a person: who they are, the answer or a sentence in its place, and a modal."""

import logging
from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.errors import NpsError
from bot.intake import Answer, Caller
from bot.slack.own_team import OwnTeam
from bot.slack.wording import fitted, shown
from bot.texts import escape

log = logging.getLogger("nps.slack")
EXCHANGED = frozenset({"exchanged_trigger_id", "trigger_exchanged"})
UNREACHABLE = (SlackClientError, OSError, HTTPException)
NOT_RECORDED = "That could not be recorded just now. Nothing was done; try again in a moment."
Payload = dict[str, Any]
LONGEST = 3900
"""Of an answer; Slack takes more, and nobody reads it."""
ROOM = 100_000
"""So much is worded before it is cut."""


class Modals:
    """Opens modals; what keeps one from opening is said once in the log."""

    def __init__(self, web: WebClient) -> None:
        self._web = web
        self._told: set[str] = set()

    def open(self, trigger: str, view: Payload) -> bool:
        """Whether it is open; also where an earlier delivery of the same act has opened it."""
        try:
            self._web.views_open(trigger_id=trigger, view=view)
        except UNREACHABLE as fault:
            said = str(fault.response.get("error")) if isinstance(fault, SlackApiError) else type(fault).__name__
            if said not in self._told | EXCHANGED:
                self._told.add(said)
                log.warning("No modal could be opened (%s); people are told the line to type.", said)
            return said in EXCHANGED
        return True


class Callers:
    """Who asks, and whether they belong to another organisation."""

    def __init__(self, team: OwnTeam) -> None:
        self._team = team

    def typed(self, command: Payload) -> Caller:
        return Caller(
            account=f"slack:{command['user_id']}", shown=command.get("user_name", ""),
            key=f"slack:{command['trigger_id']}", channel=command.get("channel_id"),
            stranger=self._team.is_stranger(command),
        )  # fmt: skip

    def pressed(self, body: Payload) -> Caller:
        """A modal and the app's home are in no channel."""
        channel = body.get("channel") or {}
        return Caller(
            account=f"slack:{body['user']['id']}", shown=name_of(body), key=f"slack:{body['trigger_id']}",
            channel=channel.get("id"), stranger=self._team.is_stranger(body),
        )  # fmt: skip


def name_of(body: Payload) -> str:
    user = body["user"]
    return str(user.get("name") or user.get("username") or user["id"])


def guarded(ask: Callable[[], Answer]) -> Answer:
    """The answer as Slack shows it, or the sentence that nothing was recorded: silence would be pressed again."""
    try:
        answer = ask()
        return replace(answer, text=fitted(shown(answer.text, ROOM), LONGEST))
    except NpsError as fault:
        log.error("A request could not be recorded: %s", fault)
        return Answer(text=fitted(shown(f"Nothing was done. {escape(str(fault))}", ROOM), LONGEST), kind="bad")
    except Exception:
        log.exception("A request could not be recorded")
        return Answer(text=NOT_RECORDED, kind="bad")
