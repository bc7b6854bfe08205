"""What a PowerShell brings along by itself, and must not reach the bot: questions, progress, warnings."""

from typing import Any

import pytest
from box import Boxes, Server

from bot.errors import ActFailed, HostError
from bot.windows import channel

pytestmark = pytest.mark.winbox

NOISE = """
$verbs['noise'] = { param($call)
    Write-Warning 'warned'; Write-Verbose 'told'; Write-Information 'informed'
    Write-Progress -Activity 'going on' -PercentComplete 50
    @{ quiet = $true }
}
$verbs['question'] = { param($call) @{ said = (Read-Host 'who') } }
"""
SILENCE = (
    "$ProgressPreference = $WarningPreference = $VerbosePreference = $InformationPreference = 'SilentlyContinue'\n"
)
LOUD = "$WarningPreference = $VerbosePreference = $InformationPreference = 'Continue'\n"


@pytest.fixture(scope="module")
def server(made_boxes: Boxes) -> Server:
    return made_boxes.new().serve()


@pytest.fixture(autouse=True)
def noisy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot's scripts know two more verbs."""
    size, _, text = channel._script().decode().partition("\n")
    assert int(size) == len(text)
    text = text.replace("\nSend-Line @{ id = 0;", f"{NOISE}\nSend-Line @{{ id = 0;", 1)
    monkeypatch.setattr(channel, "_script", lambda: f"{len(text)}\n{text}".encode())


def asked(server: Server, verb: str) -> dict[str, Any]:
    line = channel.Channel(server.login())
    try:
        [answer] = line.ask([{"verb": verb, "args": {}}], 60)
        return answer
    finally:
        line.close()


def test_progress_warnings_and_verbose_lines_are_in_no_answer(server: Server) -> None:
    assert asked(server, "noise") == {"quiet": True}


def test_it_is_the_bootstrap_that_silences_them(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    text = channel._text("bootstrap.ps1")
    assert SILENCE in text
    command = channel._command.__wrapped__
    monkeypatch.setattr(channel, "_text", lambda name: text.replace(SILENCE, LOUD))
    monkeypatch.setattr(channel, "_command", command)
    with pytest.raises(HostError):
        asked(server, "noise")


def test_nobody_is_waited_for_to_answer_a_question(server: Server) -> None:
    with pytest.raises(ActFailed, match=r"(?i)noninteractive"):
        asked(server, "question")
