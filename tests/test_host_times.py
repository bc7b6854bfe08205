"""How long the bot waits for a host's answer, by what was asked."""

from typing import Any

import pytest
from pydantic import SecretStr

from bot.windows.channel import Call, Login
from bot.windows.facts import Query
from bot.windows.host import ACT_SECONDS, FACTS_SECONDS, Host

FACTS = {
    "computer": "be01", "clock": "2026-01-01T00:00:00Z", "booted": "2026-01-01T00:00:00Z", "powershell": "5.1",
    "language": "en-US", "admin": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("query", "seconds"),
    [(Query(), FACTS_SECONDS), (Query(backup="C:\\b"), FACTS_SECONDS), (Query(saved="C:\\b"), ACT_SECONDS)],
)
def test_a_reading_that_hashes_whole_backups_has_the_time_of_an_act(
    monkeypatch: pytest.MonkeyPatch, query: Query, seconds: float
) -> None:
    host = Host(Login(host="be01", url="https://be01:5986/wsman", auth="ntlm", user="u", password=SecretStr("p")))
    waited: list[float] = []

    def ask(calls: list[Call], within: float, data: bytes = b"") -> list[dict[str, Any]]:
        waited.append(within)
        return [FACTS for _ in calls]

    monkeypatch.setattr(host.channel, "ask", ask)
    assert host.observe(query).computer == "be01"
    assert waited == [seconds]
    assert FACTS_SECONDS < ACT_SECONDS
