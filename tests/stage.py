"""The whole path: the real bot as a process of its own, the lab's Slack and servers around it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import forks
from forks import ForkedBot

from bot.audit import Reader, verify
from bot.events import Ended, Stored
from bot.lab.demo import CHANNEL, Lab
from bot.lab.slack import Message
from bot.lab.windows import PretendWindows, backend, frontend
from bot.view import Run, fold

WITHIN = 60.0


class Story:
    """A lab with a bot in it, told from the outside: what people type and press, what is on the screen, in the log,
    on the hosts."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.slack = lab, lab.slack
        self.bot: ForkedBot | subprocess.Popen[bytes] | None = None

    # the bot

    def start(self) -> None:
        self.bot = ForkedBot(self.lab)
        self.slack.wait_connected(WITHIN)

    @contextmanager
    def playing(self) -> Iterator["Story"]:
        """With its bot alive; what must always be true is asserted at the end."""
        self.start()
        yield self
        self.end()
        self.assert_sound()
        assert "Traceback" not in self.bot_log

    def end(self) -> None:
        """The bot is gone, whoever else is connected."""
        assert self.bot
        self.bot.kill()
        self.bot.wait(WITHIN)

    def kill(self) -> None:
        self.end()
        self.slack.wait_for(lambda: self.slack.connections == 0, WITHIN)

    def stop(self) -> int:
        """SIGTERM, as an administrator's."""
        assert self.bot
        self.bot.terminate()
        return self.bot.wait(WITHIN)

    @property
    def bot_log(self) -> str:
        return (self.lab.folder / "bot.log").read_text(encoding="utf-8")

    def undo_upgrade(self) -> None:
        """The servers have their old version again: an upgrade to a version that is there already would ask first."""
        self.lab.backend.change(images=backend().images)
        self.lab.frontend.change(images=frontend().images)

    # what people do

    def types(self, person: str, text: str) -> str:
        return self.slack.command(person, CHANNEL, f"/nps {text}")

    def presses(self, person: str, message: Message, button: str, version: int = -1) -> str:
        """Presses and returns the private answer that came for it."""
        before = len(self.slack.ephemerals(person))
        self.slack.press(person, CHANNEL, message.ts, button, version=version)
        told = self.slack.wait_for(lambda: self.slack.ephemerals(person)[before:], WITHIN)
        return told[0].text

    def do(self, text: str, *options: str, actor: str | None = None) -> subprocess.CompletedProcess[str]:
        """`nps do` without a terminal, as the operating system user that the tests run as or as a claimed actor."""
        environment = self.lab.environment | ({"NPS_ACTOR": actor} if actor else {})
        return self.nps("do", text, *options, environment=environment)

    def nps(self, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return forks.run(list(arguments), environment or self.lab.environment, WITHIN)

    # what can be seen

    def card(self, run: str) -> Message:
        """The run's card, once it is there."""
        return self.slack.wait_for(
            lambda: next((m for m in self.slack.messages(CHANNEL) if _is(m, run, "card")), None), WITHIN
        )

    def card_with(self, run: str, button: str) -> Message:
        return self.slack.wait_for(lambda: self._with(run, "card", button), WITHIN)

    def gate(self, run: str, button: str = "nps:retry") -> Message:
        """The open gate that the channel is told about, with that button on it."""
        return self.slack.wait_for(lambda: self._with(run, "gate", button), WITHIN)

    def _with(self, run: str, name: str, button: str) -> Message | None:
        shown = (
            m for m in reversed(self.slack.messages(CHANNEL)) if _is(m, run, name) and f"'{button}'" in str(m.blocks)
        )
        return next(shown, None)

    def thread(self, run: str) -> list[Message]:
        return self.slack.thread(CHANNEL, self.card(run).ts)[1:]

    def events(self, run: str | None = None) -> list[Stored]:
        path = self.lab.folder / "var/audit.sqlite"
        return Reader(path).events(run) if path.exists() else []

    def kinds(self, run: str) -> list[str]:
        return [type(item.event).__name__ for item in self.events(run)]

    def run(self, name: str) -> Run:
        run = fold(self.events(name))
        assert run
        return run

    def ended(self, run: str) -> Ended:
        """The run's end, once Slack shows it and the card too."""
        self.slack.wait_for(lambda: any(_is(m, run, "end") for m in self.slack.messages(CHANNEL)), WITHIN)
        event = self.run(run).ended
        assert event
        return event

    def wait_log(self, words: str) -> None:
        """Waits until the bot's log has the words."""
        until = time.monotonic() + WITHIN
        while words not in self.bot_log:
            assert time.monotonic() < until, self.bot_log
            time.sleep(0.1)

    def wait_event(self, run: str, kind: str, count: int = 1) -> None:
        """Waits until the log has so many events of the kind; the log is a file, so it is looked at again and again."""
        until = time.monotonic() + WITHIN
        while self.kinds(run).count(kind) < count:
            assert time.monotonic() < until, f"no {kind} in {run}: {self.kinds(run)}\n{self.bot_log}"
            time.sleep(0.1)

    def assert_sound(self) -> None:
        """What must be true after every story: an unbroken chain, and no message in Slack twice."""
        assert list(verify(Reader(self.lab.folder / "var/audit.sqlite").rows())) == []
        names = [block_name(m) for m in self.slack.all_messages() if block_name(m)]
        assert len(names) == len(set(names)), names


UPGRADED = ({"back_up": 1, "start_installer": 1}, {"start_installer": 1, "rename_file": 1})


def assert_done_once(story: Story, run: str) -> None:
    assert story.ended(run).outcome == "done"
    assert (story.lab.backend.counts, story.lab.frontend.counts) == UPGRADED
    assert len(story.lab.backend.launches) == len(story.lab.frontend.launches) == 1


def kill_at(story: Story, server: PretendWindows, verb: str, after: bool, times: int = 1) -> Callable[[], bool]:
    """The bot dies when the host takes the verb up: before it is done, or when it is done and not yet answered."""
    perform, left = server.machine.perform, [times]

    def killing(name: str, args: dict[str, Any]) -> dict[str, Any]:
        due = name == verb and left[0] > 0
        left[0] -= due
        if due and not after and story.bot:
            story.bot.kill()
        result = perform(name, args)
        if due and after and story.bot:
            story.bot.kill()
        return result

    server.machine.perform = killing  # type: ignore[method-assign]
    return lambda: left[0] == 0


def block_name(message: Message) -> str:
    """`RUN:MESSAGE`, from the id of the first block, without store and version."""
    block = str(message.blocks[0].get("block_id", "")) if message.blocks else ""
    return ":".join(block.split(":")[2:4]) if block.startswith("nps:") else ""


def _is(message: Message, run: str, name: str) -> bool:
    return block_name(message).startswith(f"{run}:{name}")


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]
