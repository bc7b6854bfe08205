"""Takes the README's picture: a run in the lab's Slack, in a real browser (chromium). `make picture` calls it."""

import subprocess
import tempfile
from pathlib import Path

from bot.lab.demo import CHANNEL, Lab, running
from bot.lab.slack import Message

OUT = Path(__file__).parent / "thread.png"
BROWSER = (
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1280,960",
)  # fmt: skip
WITHIN = 60.0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Lab(Path(folder), installer_seconds=4) as lab, running(lab):
        slack = lab.slack
        slack.wait_connected(WITHIN)
        lab.frontend.faults.installer_enables_service()
        slack.command("ana", CHANNEL, "/nps upgrade prod-dmz because CR-1234")
        card = slack.wait_for(lambda: _with(slack.messages(CHANNEL), "nps:approve"), WITHIN)
        slack.press("ben", CHANNEL, card.ts, "nps:approve")
        gate = slack.wait_for(lambda: _with(slack.messages(CHANNEL), "nps:repair"), WITHIN)
        slack.press("ana", CHANNEL, gate.ts, "nps:repair")
        slack.wait_for(lambda: _with(slack.messages(CHANNEL)[1:], "nps:approve"), WITHIN)
        slack.wait_for(lambda: not any(": running" in m.text for m in slack.thread(CHANNEL, card.ts)[1:]), WITHIN)
        url = f"{slack.page_url}?as=U0CHRIS&channel={CHANNEL}&thread={card.ts}"
        subprocess.run([*BROWSER, f"--user-data-dir={folder}/browser", f"--screenshot={OUT}", url], check=True)


def _with(messages: list[Message], action: str) -> Message | None:
    return next((m for m in messages if f"'{action}'" in str(m.blocks)), None)


main()
