"""A page in a real browser (chromium), asked over its own protocol: to test the lab's page, and to take pictures."""

import base64
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = (
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
)  # fmt: skip


class Browser:
    """One page in a real browser, asked in its own words."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.number = 0
        self.events: list[str] = []

    async def send(self, method: str, **params: object) -> dict[str, Any]:
        self.number += 1
        await self.socket.send_json({"id": self.number, "method": method, "params": params})
        while True:
            answer = await self._receive()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    async def open(self, url: str) -> None:
        self.events.clear()
        await self.send("Page.enable")
        await self.send("Page.navigate", url=url)
        while "Page.loadEventFired" not in self.events:
            await self._receive()

    async def _receive(self) -> dict[str, Any]:
        answer: dict[str, Any] = await self.socket.receive_json()
        self.events.append(answer.get("method", ""))
        return answer

    async def js(self, expression: str) -> Any:
        result = await self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait, in the page, for the expression to be true after some change of the page."""
        await self.js(
            f"""new Promise((resolve, reject) => {{
                const look = () => {{ if ({expression}) {{ resolve(true); }} }};
                new MutationObserver(look).observe(document, {{subtree: true, childList: true, attributes: true}});
                look();
                setTimeout(() => reject(new Error("never true: " + document.body.innerText)), 8000);
            }})"""
        )

    async def be_a_phone(self, width: int, height: int) -> None:
        """Lay the page out for a screen of that size."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=True
        )
        await self.until(f"innerWidth === {width} && innerHeight === {height}")

    async def picture(self, box: dict[str, float]) -> bytes:
        """A PNG of the box: x, y, width, height."""
        taken = await self.send("Page.captureScreenshot", format="png", clip={**box, "scale": 1})
        return base64.b64decode(taken["data"])


@asynccontextmanager
async def browser(url: str, home: Path) -> AsyncIterator[Browser]:
    process = subprocess.Popen(
        [*CHROMIUM, f"--user-data-dir={home}", "about:blank"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        assert process.stderr is not None
        lines = (line.decode() for line in process.stderr)
        port = next(line for line in lines if "DevTools listening on" in line).split(":")[2].split("/")[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                page = next(target for target in await answer.json() if target["type"] == "page")
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Browser(socket)
                await tab.open(url)
                yield tab
    finally:
        process.terminate()
        process.communicate()
