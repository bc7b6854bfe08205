"""Publishes homes: one at a time, no faster than Slack allows, and what keeps one from it is said once."""

import logging
import time
from collections.abc import Callable
from typing import Any, Literal

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack.calling import UNREACHABLE
from bot.slack.delivery import UNSURE, WITHOUT
from bot.slack.pace import Bucket

log = logging.getLogger("nps.slack")
BURST, A_MINUTE = 20, 60
"""Slack takes more than 100 in any minute of a workspace; another app's homes do not count."""
NOBODY = frozenset({"user_not_found", "invalid_user_id", "user_disabled", "users_not_found", "user_is_bot"})
NO_HOMES = WITHOUT | {"not_enabled", "feature_not_enabled"}
FIRST_PAUSE, LONGEST_PAUSE, HOUR = 1.0, 60.0, 3600.0
Outcome = Literal["shown", "later", "refused", "nobody"]


class Publisher:
    """Whoever gets `later` asks again after `pause`, whoever is `refused` when there is something else to show."""

    def __init__(self, web: WebClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._web, self._clock = web, clock
        self._bucket = Bucket(size=BURST, rate=A_MINUTE / 60)
        self._rest_until, self._failures = 0.0, 0
        self._told: set[str] = set()

    def pause(self) -> float:
        """Seconds until the next may leave; 0 takes the place that is free."""
        now = self._clock()
        if pause := max(0.0, self._rest_until - now) or self._bucket.pause(now):
            return pause
        self._bucket.take(now)
        return 0

    def publish(self, account: str, view: dict[str, Any]) -> Outcome:
        """Shows the view to the person; the same again does no harm, so a lost answer is asked for anew."""
        try:
            self._web.views_publish(user_id=account, view=view)
        except SlackApiError as refusal:
            return self._refused(account, refusal)
        except UNREACHABLE as fault:
            self._rest(type(fault).__name__)
            return "later"
        self._failures = 0
        return "shown"

    def _refused(self, account: str, refusal: SlackApiError) -> Outcome:
        error = str(refusal.response.get("error"))
        if refusal.response.status_code == 429 or error == "ratelimited":
            self._rest_until = self._clock() + float(refusal.response.headers.get("Retry-After", 1))
            return "later"
        if error in NOBODY:
            return "nobody"
        if error in NO_HOMES:
            self._tell(error, "Slack does not let the bot show a home (%s); the commands tell the same.", error)
            self._rest_until = self._clock() + HOUR
            return "later"
        if refusal.response.status_code >= 500 or error in UNSURE:
            self._rest(f"HTTP {refusal.response.status_code}, {error[:60]}")
            return "later"
        self._tell(error, "Slack refused the home of %s (%s); a home is tried again when it changes.", account, error)
        return "refused"

    def _tell(self, error: str, sentence: str, *about: str) -> None:
        if error not in self._told:
            self._told.add(error)
            log.warning(sentence, *about)

    def _rest(self, reason: str) -> None:
        """Said once an outage, however long it is."""
        if not self._failures:
            log.warning("A home could not be shown (%s); it is tried again until Slack is back.", reason)
        self._rest_until = self._clock() + min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
