"""A press is answered privately also where the address that came with it can't be reached."""

import logging
from collections.abc import Iterator

import pytest
from frontdesk import ANA
from slack_bolt import Respond

from bot.lab.slack import PretendSlack
from bot.lab.slack.workspace import Hook
from bot.slack.answering import Whisper
from bot.slack.listeners import client


@pytest.fixture
def slack() -> Iterator[PretendSlack]:
    with PretendSlack() as slack:
        yield slack


def address(slack: PretendSlack) -> Respond:
    hook = Hook(person="U0ANA", channel="C0OPS", at=slack.workspace.clock())
    key = slack.workspace.new_hook(hook)
    return Respond(response_url=slack.api_url.replace("/api/", f"/respond/{key}"))


def told(slack: PretendSlack) -> list[str]:
    return [message.text for message in slack.ephemerals("ana")]


def test_the_address_is_used_where_it_can_be(slack: PretendSlack) -> None:
    Whisper(client(slack.bot_token, slack.api_url)).answer(address(slack), "recorded", ANA)
    assert told(slack) == ["recorded"]
    assert slack.calls("chat.postEphemeral") == []


@pytest.mark.parametrize("respond", ["expired", "http://127.0.0.1:9/nobody"])
def test_an_address_that_does_not_work_is_done_without_and_said_once(
    respond: str, slack: PretendSlack, caplog: pytest.LogCaptureFixture
) -> None:
    slack.unknown_method("response_url")
    whisper = Whisper(client(slack.bot_token, slack.api_url))
    with caplog.at_level(logging.WARNING, "nps.slack"):
        for text in ("one", "two"):
            whisper.answer(address(slack) if respond == "expired" else Respond(response_url=respond), text, ANA)
    assert told(slack) == ["one", "two"]
    assert caplog.text.count("A private answer could not be given (response_url: ") == 1


def test_with_slack_away_nothing_is_raised(slack: PretendSlack) -> None:
    with slack.away():
        Whisper(client(slack.bot_token, slack.api_url)).answer(address(slack), "recorded", ANA)
    assert told(slack) == []
