"""The demo: the lab's Slack and servers, and the real bot as a process of its own, which knows nothing of a lab.

It prints the thread as it grows. With a terminal it then stays up for a person to play with; without one it ends
with the run.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bot.errors import NpsError
from bot.lab.slack import Message, PretendSlack
from bot.lab.windows import PretendWindows, backend, frontend
from bot.lab.windows.presets import PACKAGE_PATH, PACKAGE_SHA256
from bot.texts import plain

PASSWORD = "lab-password-of-svc-nps"
CHANNEL = "C0OPS"
RUN_WITHIN = 120.0
SETTINGS = """\
[slack]
channel = "C0OPS"
admins = ["U0CHRIS"]

[people.ana]
slack = "U0ANA"

[people.ben]
slack = "U0BEN"

[credentials.lab]
user = 'CORP\\svc-nps'
password = {{ env = "NPS_LAB_PASSWORD" }}

[packages."9.3"]
file = "prm_setup.exe"
version = "9.3.0.0"
sha256 = "{sha256}"
arguments = ["/S"]
source = {{ staged = '{staged}' }}

[hosts.be01]
url = "{backend}"
auth = "ntlm"
credential = "lab"

[hosts.fe01]
url = "{frontend}"
auth = "ntlm"
credential = "lab"

[environments.prod-dmz]
backend = "be01"
frontends = ["fe01"]
package = "9.3"
may_run = ["U0ANA", "U0BEN", "U0CHRIS"]
approvers = ["S0LEADS"]
"""


class Lab:
    """A pretend Slack and a DMZ pair of pretend servers on loopback, and the nps.toml that joins them."""

    def __init__(
        self, folder: Path, installer_seconds: float = 2.0, pair: tuple[PretendWindows, PretendWindows] | None = None
    ) -> None:
        self.folder = folder
        self.slack = PretendSlack()
        self.backend, self.frontend = pair or (
            PretendWindows(backend("BE01"), password=PASSWORD, installer_seconds=installer_seconds),
            PretendWindows(frontend("FE01", "be01"), password=PASSWORD, installer_seconds=installer_seconds),
        )
        self._stack = ExitStack()

    def __enter__(self) -> "Lab":
        for part in (self.slack, self.backend, self.frontend):
            self._stack.enter_context(part)
        text = SETTINGS.format(
            sha256=PACKAGE_SHA256, staged=PACKAGE_PATH, backend=self.backend.url, frontend=self.frontend.url
        )
        (self.folder / "nps.toml").write_text(text, encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """What the bot's process gets to see."""
        return os.environ | {
            "NPS_CONFIG": str(self.folder / "nps.toml"), "NPS_LAB_PASSWORD": PASSWORD,
            "SLACK_API_URL": self.slack.api_url, "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
        }  # fmt: skip

    def start_bot(self) -> "subprocess.Popen[bytes]":
        """`nps serve` as a process of its own; its log goes to a file beside nps.toml."""
        with (self.folder / "bot.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "bot", "serve"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@contextmanager
def running(lab: Lab) -> Iterator[None]:
    """The bot while the body runs; ended with SIGTERM."""
    process = lab.start_bot()
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def demo() -> int:
    """0 once the run is done, 1 where it is not."""
    console = Console(soft_wrap=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="nps-demo-") as folder, Lab(Path(folder)) as lab:
        try:
            with running(lab):
                return _play(lab, console)
        except TimeoutError:
            console.print(Text((lab.folder / "bot.log").read_text(encoding="utf-8")), style="dim")
            raise NpsError("The demo's run did not end in time. The bot's log is above.") from None


def _play(lab: Lab, console: Console) -> int:
    slack = lab.slack
    slack.wait_connected(30)
    console.print(f"The lab's Slack, to look at in a browser: {slack.page_url}?as=U0ANA&channel={CHANNEL}")
    console.print("Ana types: [bold]/nps upgrade prod-dmz because CR-1234[/bold]")
    answer = slack.command("ana", CHANNEL, "/nps upgrade prod-dmz because CR-1234")
    console.print(Text(f"  only she reads: {plain(answer)}"))
    card = _card(slack, "approve")
    console.print(Text(f"#{CHANNEL}"))
    console.print(Text(_below(card.text)))
    console.print("Ben reads the plan and presses: [bold]Approve[/bold]")
    slack.press("ben", CHANNEL, card.ts, "nps:approve")
    done = _print_thread(slack, card.ts, console)
    if sys.stdin.isatty():
        console.print(
            f"The lab stays up. Open {slack.page_url}?as=U0ANA&channel={CHANNEL} and type /nps help; Ctrl-C ends it."
        )
        try:
            slack.wait_for(lambda: False, 24 * 3600)
        except (KeyboardInterrupt, TimeoutError):
            console.print("Ended.")
    return 0 if done else 1


def _card(slack: PretendSlack, action: str) -> Message:
    """The first message with that button on it, once there is one."""

    def found() -> list[Message]:
        return [m for m in slack.messages(CHANNEL) if f"'nps:{action}'" in str(m.blocks)]

    return slack.wait_for(found, RUN_WITHIN)[0]


def _print_thread(slack: PretendSlack, ts: str, console: Console) -> bool:
    """Prints each reply when it comes and when it changes, until the run's end is told."""
    shown: dict[str, str] = {}
    while not (end := _end(shown)) or any(": running" in text for text in shown.values()):
        for message in slack.wait_for(lambda: _news(slack, ts, shown), RUN_WITHIN):
            shown[message.ts] = message.text
            console.print(Text(_below(message.text)))
    return ": done" in end


def _end(shown: dict[str, str]) -> str:
    """The run's end, which may be told before a step's last edit; nothing before it is."""
    return next((text for text in shown.values() if "audit head" in text), "")


def _news(slack: PretendSlack, ts: str, shown: dict[str, str]) -> list[Message]:
    return [m for m in slack.thread(CHANNEL, ts)[1:] if shown.get(m.ts) != m.text]


def _below(text: str) -> str:
    """A message set in, its further lines once more."""
    return "  " + plain(text).replace("\n", "\n    ")
