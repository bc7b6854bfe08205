"""Takes the pictures of docs/cards.md: what a run looks like on a phone, stage by stage, from the lab's page in a real
browser. `make picture` calls it; a test fails when the blocks beneath a picture have changed since."""

import asyncio
import hashlib
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from slack_sdk import WebClient

sys.path.insert(0, str(Path(__file__).parent))
from stages import STAGES, Stage

from bot.lab.browser import Browser, browser
from bot.lab.slack import PretendSlack
from bot.texts import plain, visible

FOLDER = Path(__file__).parent / "cards"
PAGE = Path(__file__).parent / "cards.md"
TAKEN = FOLDER / "taken.json"
WIDTH, TALL = 390, 3000
READER = "U0BEN"
UNSEEN = {"accessibility_label", "action_id", "block_id", "confirm", "value", "verbatim"}


def fingerprint(stage: Stage) -> str:
    """Of the blocks that the picture shows."""
    told = stage.messages()
    text = json.dumps([_seen(told[name].body["blocks"]) for name in stage.shows], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _seen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _seen(item) for key, item in value.items() if key not in UNSEEN}
    return [_seen(item) for item in value] if isinstance(value, list) else value


def written() -> str:
    """The page."""
    head = (FOLDER / "introduction.md").read_text(encoding="utf-8")
    parts = [f"## {s.name.capitalize()}\n\n{s.told}\n\n![{_alt(s)}](cards/{s.name}.png)\n" for s in STAGES]
    return "\n".join([head, *parts])


def _alt(stage: Stage) -> str:
    """The first line of what a screen reader says of the message itself."""
    text = visible(plain(stage.messages()[stage.shows[0]].body["text"].split("\n")[0]))
    return text.replace("[", "(").replace("]", ")")


def stale() -> list[Stage]:
    """Those whose picture is missing or shows something else; who changes the lab's page deletes the pictures first."""
    taken = json.loads(TAKEN.read_text(encoding="utf-8")) if TAKEN.exists() else {}
    return [s for s in STAGES if taken.get(s.name) != fingerprint(s) or not (FOLDER / f"{s.name}.png").exists()]


def take(stages: list[Stage]) -> None:
    """Each from a workspace of its own."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        pages = {}
        for stage in stages:
            slack = stack.enter_context(PretendSlack())
            card = _post(slack, stage)
            at = f"{slack.page_url}?as={READER}&channel=C0OPS"
            pages[stage.name] = f"{at}&thread={card}" if stage.thread else at
        asyncio.run(_taken(stages, pages, Path(home)))


async def _taken(stages: list[Stage], pages: dict[str, str], home: Path) -> None:
    async with browser("about:blank", home) as tab:
        for stage in stages:
            (FOLDER / f"{stage.name}.png").write_bytes(await _picture(tab, pages[stage.name], stage))


def _post(slack: PretendSlack, stage: Stage) -> str:
    """The card first, whose place in the channel is the answer; a reply is told in the channel where the bot would."""
    client = WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
    told, sent = stage.messages(), ""
    first = next(iter(told))
    for name in dict.fromkeys((first, *stage.shows)):
        more: dict[str, Any] = {"thread_ts": sent, "reply_broadcast": told[name].broadcast} if name != first else {}
        answer = client.chat_postMessage(channel="C0OPS", **told[name].body, **more)
        sent = sent or str(answer["ts"])
    return sent


async def _picture(tab: Browser, page: str, stage: Stage) -> bytes:
    """The messages of the stage as they stand below one another; a card that is not wanted is above them."""
    await tab.open(page)
    await tab.be_a_phone(WIDTH, TALL)
    log, skipped = "#replies" if stage.thread else "#log", int(next(iter(stage.messages())) not in stage.shows)
    box = await tab.js(
        f"""(() => {{
            const shown = [...document.querySelectorAll("{log} .message")].slice({skipped});
            const top = shown[0].getBoundingClientRect().top, end = shown.at(-1).getBoundingClientRect().bottom;
            return {{x: 0, y: top, width: {WIDTH}, height: Math.ceil(end - top) + 8}};
        }})()"""
    )
    return await tab.picture(box)


def main() -> None:
    take(stale())
    TAKEN.write_text(json.dumps({s.name: fingerprint(s) for s in STAGES}, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main()
