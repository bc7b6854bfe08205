"""A whole plan and a whole upgrade of a DMZ pair on winbox, 20 ms added to each response: requests a host, seconds
over the installers.

Requests are asserted; seconds are only printed.
"""

from collections import Counter
from pathlib import Path

import pytest
from box import ARTICLE, Server, boxes, build
from measured import circumstances, installers_own, lasted
from serving import events, explained, serving

pytestmark = [pytest.mark.winbox, pytest.mark.bench, pytest.mark.timeout(300)]

INSTALLER_MS = 4000
PLAN_REQUESTS, UPGRADE_REQUESTS = 12, 100


def told(servers: list[Server]) -> str:
    return ", ".join(str(dict(Counter(item["action"] for item in server.trace()))) for server in servers)


def test_a_dmz_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    programs = build(tmp_path)
    with boxes() as made:
        pair = [made.new(), made.new()]
        pair[0].install(ARTICLE, programs)
        pair[1].install(ARTICLE, programs, "be01")
        servers = [box.serve("--latency-ms", "20", "--faults") for box in pair]
        logins = [(server, "basic") for server in servers]
        with serving(tmp_path, programs, ARTICLE, logins, wait=INSTALLER_MS) as bot:
            code, lines = bot.do("plan site")
            assert code == 0, explained(lines)
            planned = [len(server.trace()) for server in servers]
            assert all(count <= PLAN_REQUESTS for count in planned)
            for server in servers:
                server.forget()
            code, lines = bot.do("upgrade site")
            assert code == 0, explained(lines)
            assert len(events(lines, "StepEnded")) == 13
            upgraded = [len(server.trace()) for server in servers]
            assert all(count <= UPGRADE_REQUESTS for count in upgraded)
            seconds = lasted(lines)
            rows = [
                f"a plan: {planned} requests a host",
                f"an upgrade: {upgraded} requests a host, watches included ({told(servers)})",
                f"an upgrade: {seconds:.1f} s, {seconds - installers_own(pair):.1f} s over its two installers",
            ]
    with capsys.disabled():
        print(f"\nA DMZ pair on winbox, {circumstances()}", *rows, sep="\n  ")  # noqa: T201
