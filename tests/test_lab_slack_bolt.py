"""The pretend Slack's Socket Mode, with a real slack_bolt app at the other end."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot.lab.slack import PretendSlack

Json = dict[str, Any]
PLAIN = {"type": "plain_text", "emoji": True}


def gate(run: str) -> list[Json]:
    buttons = [
        {
            "type": "button",
            "action_id": "approve",
            "text": PLAIN | {"text": "Approve"},
            "value": run,
            "style": "primary",
        },
        {"type": "button", "action_id": "reject", "text": PLAIN | {"text": "Reject"}, "value": f"no {run}"},
    ]
    text = {"type": "mrkdwn", "text": f"Run {run} waits"}
    return [{"type": "section", "block_id": "nps", "text": text}, {"type": "actions", "elements": buttons}]


def reason_modal(run: str) -> Json:
    options = [{"text": PLAIN | {"text": word}, "value": word.lower()} for word in ("Soon", "Never")]
    return {
        "type": "modal",
        "callback_id": "reason",
        "private_metadata": run,
        "notify_on_close": True,
        "title": PLAIN | {"text": "Reject"},
        "submit": PLAIN | {"text": "Send"},
        "blocks": [
            {
                "type": "actions",
                "elements": [{"type": "button", "action_id": "seen", "text": PLAIN | {"text": "Help"}}],
            },
            {
                "type": "input",
                "block_id": "why",
                "label": PLAIN | {"text": "Why?"},
                "element": {"type": "plain_text_input", "action_id": "text", "multiline": True, "max_length": 20},
            },
            {
                "type": "input",
                "block_id": "when",
                "optional": True,
                "label": PLAIN | {"text": "When?"},
                "element": {"type": "static_select", "action_id": "pick", "options": options},
            },
        ],
    }


class Bot:
    """A small Bolt app that writes down what reached it."""

    def __init__(self, slack: PretendSlack) -> None:
        self.slack = slack
        self.seen: list[Json] = []
        self.may_ack = threading.Event()
        self.may_ack.set()
        client = WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[], timeout=5)
        self.app = App(client=client, token_verification_enabled=False)
        self.app.command("/nps")(self.on_command)
        self.app.action("approve")(self.on_approve)
        self.app.action("reject")(self.on_reject)
        self.app.action("seen")(self.on_seen)
        self.app.view("reason")(self.on_reason)
        self.app.view_closed("reason")(self.on_seen)
        self.app.event("app_home_opened")(self.on_home)
        self.app.event("member_joined_channel")(self.on_seen)
        self.handler = SocketModeHandler(self.app, slack.app_token, ping_interval=0.2)

    def on_command(self, ack: Callable[..., object], body: Json, client: WebClient) -> None:
        self.note(body)
        self.may_ack.wait(5)
        client.chat_postMessage(channel=body["channel_id"], text=body["text"], blocks=gate(body["text"]))
        ack(f"Run {body['text']} is recorded.")

    def on_approve(self, ack: Callable[..., object], body: Json, respond: Callable[..., object]) -> None:
        self.note(body)
        ack()
        respond(text="You may not.", replace_original=False)

    def on_reject(self, ack: Callable[..., object], body: Json, client: WebClient) -> None:
        self.note(body)
        client.views_open(trigger_id=body["trigger_id"], view=reason_modal(body["actions"][0]["value"]))
        ack()

    def on_reason(self, ack: Callable[..., object], body: Json, view: Json) -> None:
        self.note(body)
        text = view["state"]["values"]["why"]["text"]["value"]
        if text == "because":
            ack(response_action="errors", errors={"why": "Say more."})
        elif text in ("update", "push"):
            ack(response_action=text, view=reason_modal(text))
        elif text == "clear":
            ack(response_action="clear")
        else:
            ack()

    def on_home(self, body: Json, client: WebClient) -> None:
        self.note(body)
        client.views_publish(user_id=body["event"]["user"], view={"type": "home", "blocks": gate("home")})

    def on_seen(self, ack: Callable[..., object], body: Json) -> None:
        ack()
        self.note(body)

    def note(self, body: Json) -> None:
        with self.slack.workspace.changed:
            self.seen.append(body)
        self.slack.workspace.touch()

    def wait_seen(self, count: int) -> Json:
        self.slack.wait_for(lambda: len(self.seen) >= count)
        return self.seen[count - 1]


def hang_up(handler: SocketModeHandler, slack: PretendSlack) -> None:
    """Closing alone would wait for the client's receive timeout of three seconds."""
    handler.client.auto_reconnect_enabled = False
    handler.client.default_auto_reconnect_enabled = False
    slack.cut_sockets()
    handler.close()


@contextmanager
def pair(ack_within: float = 3.0) -> Iterator[tuple[PretendSlack, Bot]]:
    with PretendSlack(ack_within=ack_within) as slack:
        bot = Bot(slack)
        bot.handler.connect()
        slack.wait_connected()
        yield slack, bot
        slack.wait_connected()
        slack.command("ana", "ops", "bye")  # so that no reconnect is under way
        hang_up(bot.handler, slack)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[PretendSlack, Bot]]:
    with pair() as both:
        yield both


@pytest.fixture
def slack(running: tuple[PretendSlack, Bot]) -> PretendSlack:
    slack = running[0]
    slack.wait_connected()
    with slack.workspace.changed:
        slack.workspace.messages.clear()
        slack.workspace.ephemerals.clear()
        slack.workspace.modals.clear()
    return slack


@pytest.fixture
def bot(running: tuple[PretendSlack, Bot]) -> Bot:
    running[1].seen.clear()
    return running[1]


def test_a_command_is_answered_privately_by_its_ack(slack: PretendSlack, bot: Bot) -> None:
    assert slack.command("ana", "C0OPS", "/nps a & <b>") == "Run a &amp; &lt;b&gt; is recorded."
    assert [message.text for message in slack.ephemerals("ana")] == ["Run a &amp; &lt;b&gt; is recorded."]
    body = bot.wait_seen(1)
    assert (body["command"], body["text"], body["user_id"]) == ("/nps", "a &amp; &lt;b&gt;", "U0ANA")
    assert slack.messages("ops")[0].buttons == ("Approve", "Reject")


def test_a_press_brings_the_message_and_the_value(slack: PretendSlack, bot: Bot) -> None:
    slack.command("ana", "ops", "r1")
    ts = slack.messages("ops")[0].ts
    assert slack.press("ben", "ops", ts, "Approve") == ""
    body = bot.wait_seen(2)
    assert body["user"]["id"] == "U0BEN"
    assert body["actions"][0]["value"] == "r1"
    assert body["message"]["blocks"][0]["block_id"] == "nps"
    assert body["container"] == {"type": "message", "message_ts": ts, "channel_id": "C0OPS", "is_ephemeral": False}
    slack.wait_for(lambda: [message.text for message in slack.ephemerals("ben")] == ["You may not."])


def test_an_old_button_can_still_be_pressed_by_who_did_not_see_the_edit(slack: PretendSlack, bot: Bot) -> None:
    slack.command("ana", "ops", "r1")
    ts = slack.messages("ops")[0].ts
    bot.app.client.chat_update(channel="C0OPS", ts=ts, text="done", blocks=[{"type": "divider"}])
    with pytest.raises(LookupError, match="0 elements match 'Approve'"):
        slack.press("ben", "ops", ts, "Approve")
    assert slack.press("ben", "ops", ts, "Approve", version=0) == ""
    assert bot.wait_seen(2)["actions"][0]["value"] == "r1"


def test_a_modal_shows_its_errors_and_closes_when_accepted(slack: PretendSlack, bot: Bot) -> None:
    slack.command("ana", "ops", "r1")
    assert slack.press("ben", "ops", slack.messages("ops")[0].ts, "reject") == ""
    assert slack.submit("ben", {}) == {"why": "Please complete this required field."}
    assert slack.submit("ben", {"why": "x" * 21}) == {"why": "Enter at most 20 characters."}
    assert slack.submit("ben", {"Why?": "because"}) == {"why": "Say more."}
    assert slack.submit("ben", {"why": "wrong hour", "when": "Soon"}) == {}
    assert slack.modal("ben") is None
    view = bot.wait_seen(4)["view"]
    assert view["private_metadata"] == "no r1"
    assert view["state"]["values"]["when"]["pick"]["selected_option"]["value"] == "soon"


def test_an_ack_can_change_a_modal_lay_one_over_it_and_clear_all(slack: PretendSlack, bot: Bot) -> None:
    slack.command("ana", "ops", "r1")
    slack.press("ben", "ops", slack.messages("ops")[0].ts, "reject")

    def shown_after(text: str) -> object:
        assert slack.submit("ben", {"why": text}) == {}
        modal = slack.modal("ben")
        return modal and (modal.body["private_metadata"], len(slack.workspace.modals))

    assert shown_after("update") == ("update", 1)
    assert slack.press_in_modal("ben", "Help") == ""
    assert shown_after("push") == ("push", 2)
    assert shown_after("clear") is None


def test_a_choice_in_a_message_is_told_with_its_state(slack: PretendSlack, bot: Bot) -> None:
    options = [{"text": PLAIN | {"text": word}, "value": word.lower()} for word in ("Retry", "Abort")]
    menu = {"type": "static_select", "action_id": "seen", "options": options}
    section = {"type": "section", "block_id": "b", "text": PLAIN | {"text": "Now?"}, "accessory": menu}
    ts = bot.app.client.chat_postMessage(channel="C0OPS", text="Now?", blocks=[section])["ts"]
    assert slack.press("ana", "ops", ts, "seen", "Abort") == ""
    body = bot.wait_seen(1)
    assert body["actions"][0]["selected_option"]["value"] == "abort"
    assert body["state"]["values"]["b"]["seen"]["selected_option"]["value"] == "abort"
    with pytest.raises(LookupError, match="no option 'Later'"):
        slack.press("ana", "ops", ts, "seen", "Later")


def test_a_press_that_is_not_acked_is_told_to_who_pressed() -> None:
    with pair(ack_within=0.3) as (slack, bot):
        slack.command("ana", "ops", "r1")
        bot.app.client.chat_postMessage(channel="C0OPS", text="x", blocks=gate("r2"))
        bot.app.middleware(lambda: None)  # one that calls no next: nothing is acked
        told = slack.press("ben", "ops", slack.messages("ops")[1].ts, "reject")
        assert told == "nps did not answer (operation_timeout). Try again."
        assert [message.text for message in slack.ephemerals("ben")] == [told]


def test_closing_a_modal_is_told(slack: PretendSlack, bot: Bot) -> None:
    slack.command("ana", "ops", "r1")
    slack.press("ben", "ops", slack.messages("ops")[0].ts, "reject")
    slack.close("ben")
    assert bot.wait_seen(3)["type"] == "view_closed"
    assert slack.modal("ben") is None


def test_opening_the_home_publishes_it_and_its_buttons_work(slack: PretendSlack, bot: Bot) -> None:
    slack.open_home("eva")
    slack.wait_for(lambda: slack.home("eva"))
    assert slack.press_in_home("eva", "reject") == ""
    assert bot.wait_seen(2)["container"]["type"] == "view"
    assert slack.modal("eva") is not None


def test_who_joins_a_channel_is_told(slack: PretendSlack, bot: Bot) -> None:
    slack.join("nps", "general")
    assert bot.wait_seen(1)["event"]["user"] == "U0NPS"


def test_twice_delivers_the_same_envelope_two_times(slack: PretendSlack, bot: Bot) -> None:
    with slack.twice():
        slack.command("ana", "ops", "r1")
        bot.wait_seen(2)
    assert bot.seen[0] == bot.seen[1]
    slack.wait_for(lambda: len(slack.messages("ops")) == 2)


def test_a_command_that_is_acked_too_late_shows_the_timeout_though_it_ran() -> None:
    with pair(ack_within=0.3) as (slack, bot):
        bot.may_ack.clear()
        assert slack.command("ana", "ops", "r1") == '/nps failed with the error "operation_timeout"'
        assert slack.ephemerals("ana")[-1].author == "Slack"
        bot.may_ack.set()
        slack.wait_for(lambda: slack.messages("ops"))


def test_the_socket_comes_back_after_an_outage(slack: PretendSlack, bot: Bot) -> None:
    with slack.away():
        slack.wait_for(lambda: slack.connections == 0)
        assert "service_unavailable" in slack.command("ana", "ops", "lost")
    slack.wait_connected()
    assert slack.command("ana", "ops", "r2") == "Run r2 is recorded."
    assert [body["text"] for body in bot.seen] == ["r2"]


def test_the_socket_comes_back_after_a_cut_and_a_refresh(slack: PretendSlack, bot: Bot) -> None:
    slack.cut_sockets()
    slack.wait_for(lambda: slack.connections == 0)
    slack.wait_connected()
    slack.refresh_sockets()
    slack.wait_connected()
    assert slack.command("ana", "ops", "r3") == "Run r3 is recorded."


def test_nobody_listening_fails_at_once() -> None:
    with PretendSlack() as slack:
        assert slack.command("ana", "ops", "x") == '/nps failed with the error "dispatch_failed"'
        assert slack.say("ana", "ops", "/other") == "`/other` is not a valid command."


def test_each_envelope_goes_to_one_of_the_sockets(slack: PretendSlack, bot: Bot) -> None:
    second = SocketModeHandler(bot.app, slack.app_token, ping_interval=0.2)
    second.connect()
    try:
        slack.wait_for(lambda: slack.connections == 2)
        for number in range(4):
            slack.command("ana", "ops", str(number))
        assert sorted(body["text"] for body in bot.seen) == ["0", "1", "2", "3"]
    finally:
        hang_up(second, slack)
    slack.wait_for(lambda: slack.connections == 1)
