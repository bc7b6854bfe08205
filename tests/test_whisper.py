"""A press is answered privately also where the address that came with it can't be reached."""

import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from frontdesk import ANA
from slack_bolt import Respond

from bot.intake import Answer
from bot.lab.slack import PretendSlack
from bot.lab.slack.workspace import Hook
from bot.slack import answering
from bot.slack.answering import UNUSED_FOR, Whisper, thread_of
from bot.slack.listeners import client

DONE, REFUSED = Answer(text="recorded", kind="recorded"), Answer(text="refused", kind="refused")


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
    Whisper(client(slack.bot_token, slack.api_url)).answer(address(slack), DONE, ANA)
    assert told(slack) == ["recorded"]
    assert slack.calls("chat.postEphemeral") == []


@pytest.mark.parametrize("respond", ["expired", "http://127.0.0.1:9/nobody"])
def test_an_address_that_does_not_work_is_done_without_and_said_once(
    respond: str, slack: PretendSlack, caplog: pytest.LogCaptureFixture
) -> None:
    slack.unknown_method("response_url")
    whisper = Whisper(client(slack.bot_token, slack.api_url))
    with caplog.at_level(logging.WARNING, "nps.slack"):
        for answer in (DONE, REFUSED):
            whisper.answer(address(slack) if respond == "expired" else Respond(response_url=respond), answer, ANA)
    assert told(slack) == ["recorded", "refused"]
    assert caplog.text.count("A private answer could not be given (response_url: ") == 1


class Firewall:
    """Takes every connection and answers none."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}/hook"
        self._taken: list[socket.socket] = []

    def connections(self) -> int:
        """All that there were so far."""
        while True:
            try:
                self._taken.append(self._socket.accept()[0])
            except BlockingIOError:
                return len(self._taken)

    def close(self) -> None:
        for each in (self._socket, *self._taken):
            each.close()


def test_an_address_that_never_answers_is_given_up_soon_and_left_alone_for_minutes(
    slack: PretendSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "PATIENCE", 0.2)
    now = 1000.0
    whisper = Whisper(client(slack.bot_token, slack.api_url), lambda: now)
    with closing(Firewall()) as firewall:
        for text in ("one", "two", "three"):
            whisper.answer(Respond(response_url=firewall.address), Answer(text=text, kind="told"), ANA)
        assert firewall.connections() == 1, "one try, and no second"
        assert told(slack) == ["one", "two", "three"]
        card = str(client(slack.bot_token, slack.api_url).chat_postMessage(channel="C0OPS", text="card")["ts"])
        whisper.answer(Respond(response_url=firewall.address), REFUSED, ANA, card)
        assert [message.thread_ts for message in slack.ephemerals("ana")][-2:] == [card, None], "in both places"
        now += UNUSED_FOR
        whisper.answer(address(slack), Answer(text="four", kind="told"), ANA)
    assert told(slack)[-1] == "four"
    assert len(slack.calls("chat.postEphemeral")) == 5


def test_with_slack_away_nothing_is_raised(slack: PretendSlack) -> None:
    with slack.away():
        Whisper(client(slack.bot_token, slack.api_url)).answer(address(slack), DONE, ANA)
    assert told(slack) == []


@pytest.mark.parametrize(("answer", "places"), [(DONE, ["thread"]), (REFUSED, ["thread", "channel"])])
def test_what_is_pressed_in_a_thread_is_answered_there_and_a_refusal_in_the_channel_too(
    answer: Answer, places: list[str], slack: PretendSlack
) -> None:
    web = client(slack.bot_token, slack.api_url)
    card = str(web.chat_postMessage(channel="C0OPS", text="card")["ts"])
    Whisper(web).answer(address(slack), answer, ANA, card)
    assert [("thread" if m.thread_ts == card else "channel") for m in slack.ephemerals("ana")] == places


def test_where_a_thread_can_not_be_answered_the_channel_is(slack: PretendSlack) -> None:
    slack.unknown_method("chat.postEphemeral")
    Whisper(client(slack.bot_token, slack.api_url)).answer(address(slack), DONE, ANA, "1.0")
    assert told(slack) == ["recorded"]


@pytest.mark.parametrize(
    ("body", "thread"),
    [
        ({"container": {"message_ts": "2.0", "thread_ts": "1.0"}}, "1.0"),
        ({"container": {"message_ts": "2.0"}, "message": {"thread_ts": "1.0"}}, "1.0"),
        ({"container": {"message_ts": "1.0", "thread_ts": "1.0"}}, None),
        ({"container": {"message_ts": "1.0"}, "message": {"thread_ts": "1.0"}}, None),
        ({"container": {"message_ts": "1.0"}}, None),
        ({}, None),
    ],
)
def test_a_reply_is_told_from_a_threads_first_message(body: dict[str, Any], thread: str | None) -> None:
    assert thread_of(body) == thread
