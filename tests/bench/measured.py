"""What a bench reads off the boxes and this machine, and the upload that two benches measure."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from box import Box, Server

from bot.runs.delivering import PIECE
from bot.windows.facts import Query
from bot.windows.host import Host, Place
from bot.windows.states import Act


def installers_own(pair: list[Box]) -> float:
    """Seconds from an installer's start to its end, as the hosts' marks tell them; both hosts together."""
    total = 0.0
    for box in pair:
        for path in (box.c / "ProgramData/nps/marks").glob("*.end"):
            began = path.with_suffix(".children").read_text().split()[1]
            ended = json.loads(path.read_text())["finished"]
            total += (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    return total


def uploaded(server: Server, data: bytes) -> float:
    """Seconds for it by the bot, the hash at the end included, on a channel that a run has opened already."""
    digest = sha256(data).hexdigest()
    at = Place(path=f"C:\\ProgramData\\nps\\packages\\{digest}\\upload.bin", sha256=digest)
    later = datetime.now(UTC) + timedelta(hours=1)
    host = Host(server.login())
    host.observe(Query())
    begun = time.perf_counter()
    for offset in range(0, len(data), PIECE):
        assert host.receive(at, offset, data[offset : offset + PIECE], later).size == min(offset + PIECE, len(data))
    host.act(Act(verb="finish_file", args=at.model_dump()), later)
    seconds = time.perf_counter() - begun
    host.close()
    assert server.box.path(at.path).read_bytes() == data
    return seconds


def lasted(lines: list[dict[str, Any]]) -> float:
    """Seconds from a run's request to its end, by its events."""
    at = [datetime.fromisoformat(line["event"]["at"]) for line in lines if "event" in line]
    return (at[-1] - at[0]).total_seconds()


def circumstances() -> str:
    """What the printed seconds depend on besides the code; a load over the cores' number makes them worthless."""
    return f"20 ms added to each response; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
