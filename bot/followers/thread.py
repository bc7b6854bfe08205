"""The Slack thread as a follower: each event, in order, becomes what the run's messages should show. It sends
nothing itself."""

import logging

from bot.audit import Audit, Outbox
from bot.events import Locked, Unlocked
from bot.loop import Loop
from bot.messages import Message
from bot.slack import environment as environments
from bot.slack.blocks import messages
from bot.view import fold

log = logging.getLogger("nps.thread")
NAME = "thread"
CATCH_UP_EVERY = 5.0


class Thread:
    """Keeps the outbox up to date with the log."""

    def __init__(self, audit: Audit, outbox: Outbox) -> None:
        self._audit, self._outbox = audit, outbox
        self._shown: dict[str, tuple[dict[int, tuple[str, int | None]], str]] = {}
        self._version = -1
        self.loop = Loop("thread follower", self._follow, audit.touch)

    def _follow(self) -> None:
        self.catch_up()
        self._version = self._audit.wait(self._version, CATCH_UP_EVERY)

    def catch_up(self) -> None:
        """Takes every event after the cursor; a crash in between repeats a wish, and a repeated wish changes
        nothing."""
        for item in self._audit.since(self._audit.cursor(NAME)):
            if item.run:
                self._wish(item.run, item.seq)
            if isinstance(item.event, Locked | Unlocked):
                self._outbox.wish(self._environment(item.event.environment, item.seq))
            self._audit.set_cursor(NAME, item.seq)
        for run in self._audit.open_runs():
            # what changes without an event of the run's own
            news = self._audit.progress(run.id), self._audit.told(run).waits
            if any(news) and news != self._shown.get(run.id):
                self._wish(run.id, self._audit.last_seq())
                self._shown[run.id] = news

    def _wish(self, name: str, seq: int) -> None:
        self._outbox.wish(self._messages(name, seq))

    def _messages(self, name: str, seq: int) -> list[Message]:
        """What the run should show; one that can't be told stays as it was, so that the others' threads go on."""
        events = [item for item in self._audit.since(0, name) if item.seq <= seq]
        try:
            run = fold(events)
            return messages(self._audit.told(run), self._audit.progress(name)) if run else []
        except Exception:
            log.exception("Event %d of %s can't be told in Slack; its thread stays as it was.", seq, name)
            return []

    def _environment(self, name: str, seq: int) -> list[Message]:
        """Who has locked it, and who had."""
        return environments.messages(self._audit.environment(name, seq))
