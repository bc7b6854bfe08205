"""The pretend Slack's Web API, asked by the real slack_sdk."""

import json
import urllib.request
from collections.abc import Iterator

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.webhook import WebhookClient

from bot.lab.slack import Channel, PretendSlack
from bot.lab.slack.workspace import Hook

SECTION = {"type": "section", "block_id": "nps:1", "text": {"type": "mrkdwn", "text": "*Upgrade* of prod-dmz"}}


def button(action: str, text: str) -> dict[str, object]:
    return {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": text}, "value": "v"}


@pytest.fixture(scope="module")
def started() -> Iterator[PretendSlack]:
    channels = (
        Channel(id="C0OPS", name="ops", members=("U0ANA", "U0BEN")),
        Channel(id="C0SHUT", name="shut", members=("U0ANA",), has_bot=False),
    )
    with PretendSlack(channels=channels) as slack:
        yield slack


@pytest.fixture
def slack(started: PretendSlack) -> PretendSlack:
    with started.workspace.changed:
        started.workspace.messages.clear()
        started.workspace.calls.clear()
    return started


@pytest.fixture
def client(slack: PretendSlack) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[], timeout=5)


def refused(call: object, **args: object) -> SlackApiError:
    with pytest.raises(SlackApiError) as caught:
        call(**args)  # type: ignore[operator]
    return caught.value


def test_a_post_comes_back_with_its_block_ids(slack: PretendSlack, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="C0OPS", text="Upgrade", blocks=[SECTION, {"type": "divider"}])
    (read,) = client.conversations_history(channel="C0OPS")["messages"]
    assert read["ts"] == posted["ts"]
    assert read["blocks"][0] == SECTION
    assert read["blocks"][1]["block_id"]
    assert (read["user"], read["bot_id"]) == (client.auth_test()["user_id"], client.auth_test()["bot_id"])


def test_every_ts_is_unique_and_later(client: WebClient) -> None:
    stamps = [client.chat_postMessage(channel="C0OPS", text=str(n))["ts"] for n in range(20)]
    assert sorted(set(stamps), key=float) == stamps


def test_a_thread_counts_its_replies_and_a_broadcast_is_in_the_channel(client: WebClient) -> None:
    root = client.chat_postMessage(channel="C0OPS", text="card")["ts"]
    quiet = client.chat_postMessage(channel="C0OPS", text="step", thread_ts=root)["ts"]
    loud = client.chat_postMessage(channel="C0OPS", text="gate", thread_ts=root, reply_broadcast=True)["ts"]
    newest, card = client.conversations_history(channel="C0OPS")["messages"]
    assert (newest["ts"], newest["subtype"], newest["root"]["ts"]) == (loud, "thread_broadcast", root)
    assert (card["reply_count"], card["latest_reply"], card["thread_ts"]) == (2, loud, root)
    assert [m["ts"] for m in client.conversations_replies(channel="C0OPS", ts=root)["messages"]] == [root, quiet, loud]


def test_an_update_can_broadcast_a_reply_later(slack: PretendSlack, client: WebClient) -> None:
    root = client.chat_postMessage(channel="C0OPS", text="card")["ts"]
    reply = client.chat_postMessage(channel="C0OPS", text="step", thread_ts=root)["ts"]
    client.chat_update(channel="C0OPS", ts=reply, text="failed", reply_broadcast=True)
    assert [m.text for m in slack.messages("ops")] == ["card", "failed"]


def test_pages_of_a_thread_join_to_the_whole(client: WebClient) -> None:
    root = client.chat_postMessage(channel="C0OPS", text="card")["ts"]
    for number in range(5):
        client.chat_postMessage(channel="C0OPS", text=str(number), thread_ts=root)
    pages = client.conversations_replies(channel="C0OPS", ts=root, limit=2)
    assert [m["text"] for page in pages for m in page["messages"]] == ["card", "0", "1", "2", "3", "4"]


def test_history_leaves_its_bounds_out_unless_asked(client: WebClient) -> None:
    first, second, _third = (client.chat_postMessage(channel="C0OPS", text=text)["ts"] for text in "abc")
    between = client.conversations_history(channel="C0OPS", oldest=first, latest=second)
    assert between["messages"] == []
    both = client.conversations_history(channel="C0OPS", oldest=first, latest=second, inclusive=True)
    assert [m["text"] for m in both["messages"]] == ["b", "a"]


def test_a_text_alone_takes_the_blocks_away_and_marks_the_edit(slack: PretendSlack, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0OPS", text="one", blocks=[SECTION])["ts"]
    with_blocks = client.chat_update(channel="C0OPS", ts=ts, text="two", blocks=[SECTION])["message"]
    assert "edited" not in with_blocks
    without = client.chat_update(channel="C0OPS", ts=ts, text="three")["message"]
    assert "edited" in without
    assert "blocks" not in without
    (kept,) = slack.messages("ops")
    assert [version.text for version in kept.versions] == ["one", "two", "three"]


def test_metadata_is_read_back_only_when_asked_and_outlives_an_update(client: WebClient) -> None:
    metadata = {"event_type": "nps", "event_payload": {"run": "prod-dmz-17"}}
    ts = client.chat_postMessage(channel="C0OPS", text="one", metadata=metadata)["ts"]
    client.chat_update(channel="C0OPS", ts=ts, text="two")
    assert "metadata" not in client.conversations_history(channel="C0OPS")["messages"][0]
    read = client.conversations_history(channel="C0OPS", include_all_metadata=True)["messages"][0]
    assert read["metadata"] == metadata


def test_only_the_addressed_person_sees_an_ephemeral(slack: PretendSlack, client: WebClient) -> None:
    client.chat_postEphemeral(channel="C0OPS", user="U0BEN", text="Not yours to approve.")
    assert slack.ephemerals("ben")[-1].text == "Not yours to approve."
    assert slack.ephemerals("ana") == []
    assert client.conversations_history(channel="C0OPS")["messages"] == []
    assert refused(client.chat_postEphemeral, channel="C0OPS", user="U0EVA", text="x").response["error"] == (
        "user_not_in_channel"
    )


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({"channel": "C0NONE", "text": "x"}, "channel_not_found"),
        ({"channel": "C0SHUT", "text": "x"}, "not_in_channel"),
        ({"channel": "C0OPS", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "C0OPS", "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"channel": "C0OPS", "text": "x", "blocks": "{"}, "invalid_blocks_format"),
        ({"channel": "C0OPS", "text": "x", "blocks": [{"type": "section"}] * 51}, "invalid_blocks"),
        ({"channel": "C0OPS", "text": "x", "blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
        (
            {"channel": "C0OPS", "text": "x", "blocks": [{"type": "markdown", "text": "x" * 7000}] * 2},
            "msg_blocks_too_long",
        ),
    ],
)
def test_a_faulty_post_is_refused_as_slack_refuses_it(client: WebClient, args: dict[str, object], error: str) -> None:
    assert refused(client.chat_postMessage, **args).response["error"] == error


@pytest.mark.parametrize(
    ("block", "pointer"),
    [
        ({"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}, "/blocks/0/text/text"),
        ({"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}, "/blocks/0/fields"),
        ({"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}, "/blocks/0/fields/0/text"),
        ({"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}, "/blocks/0/text/text"),
        ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "/blocks/0/text"),
        ({"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}, "/blocks/0/elements"),
        ({"type": "actions", "elements": []}, "/blocks/0/elements"),
        ({"type": "actions", "elements": [button("a", "x" * 76)]}, "/blocks/0/elements/0/text/text"),
        ({"type": "actions", "elements": [button("a", "x"), button("a", "y")]}, "/blocks/0/elements/1/action_id"),
        ({"type": "divider", "block_id": "x" * 256}, "/blocks/0/block_id"),
    ],
)
def test_a_block_over_a_limit_is_named_by_its_place(client: WebClient, block: dict[str, object], pointer: str) -> None:
    answer = refused(client.chat_postMessage, channel="C0OPS", text="x", blocks=[block]).response
    assert answer["error"] == "invalid_blocks"
    assert f"[json-pointer:{pointer}]" in answer["response_metadata"]["messages"][0]


def test_a_post_without_words_is_refused(client: WebClient) -> None:
    assert refused(client.api_call, api_method="chat.postMessage", json={"channel": "C0OPS"}).response["error"] == (
        "no_text"
    )


def test_two_blocks_with_one_id_are_refused(client: WebClient) -> None:
    assert refused(client.chat_postMessage, channel="C0OPS", text="x", blocks=[SECTION, SECTION]).response["error"] == (
        "invalid_blocks"
    )


def test_updates_are_bounded_to_own_messages_and_4000_characters(slack: PretendSlack, client: WebClient) -> None:
    slack.say("ana", "ops", "hello")
    (anas,) = slack.messages("ops")
    assert refused(client.chat_update, channel="C0OPS", ts=anas.ts, text="x").response["error"] == "cant_update_message"
    assert refused(client.chat_update, channel="C0OPS", ts="1.0", text="x").response["error"] == "message_not_found"
    ts = client.chat_postMessage(channel="C0OPS", text="x" * 4001)["ts"]
    assert refused(client.chat_update, channel="C0OPS", ts=ts, text="x" * 4001).response["error"] == "msg_too_long"


def test_tokens_are_judged(slack: PretendSlack) -> None:
    def error_with(token: str | None, method: str = "auth.test") -> object:
        api = WebClient(token, base_url=slack.api_url, retry_handlers=[])
        return refused(api.api_call, api_method=method).response["error"]

    assert error_with(None) == "not_authed"
    assert error_with("xoxb-other") == "invalid_auth"
    assert error_with(slack.app_token) == "not_allowed_token_type"
    assert error_with(slack.bot_token, "apps.connections.open") == "not_allowed_token_type"
    assert error_with(slack.bot_token, "chat.delete") == "unknown_method"


def test_people_groups_and_channels_are_told(client: WebClient) -> None:
    assert client.users_info(user="U0BEN")["user"]["tz"] == "Europe/London"
    assert refused(client.users_info, user="U0X").response["error"] == "user_not_found"
    names = [user["name"] for page in client.users_list(limit=2) for user in page["members"]]
    assert names == ["ana", "ben", "eva", "chris", "nps"]
    assert client.usergroups_users_list(usergroup="S0LEADS")["users"] == ["U0BEN", "U0CHRIS"]
    assert refused(client.usergroups_users_list, usergroup="S0X").response["error"] == "no_such_subteam"
    assert [group["handle"] for group in client.usergroups_list()["usergroups"]] == ["ops", "leads"]
    assert client.conversations_info(channel="C0SHUT")["channel"]["is_member"] is False


def test_a_permalink_into_a_thread_names_it_and_reactions_show(slack: PretendSlack, client: WebClient) -> None:
    root = client.chat_postMessage(channel="C0OPS", text="card")["ts"]
    reply = client.chat_postMessage(channel="C0OPS", text="step", thread_ts=root)["ts"]
    assert f"thread_ts={root}" in client.chat_getPermalink(channel="C0OPS", message_ts=reply)["permalink"]
    client.reactions_add(channel="C0OPS", timestamp=root, name="eyes")
    again = refused(client.reactions_add, channel="C0OPS", timestamp=root, name="eyes")
    assert again.response["error"] == "already_reacted"
    assert slack.messages("ops")[0].reactions == ("eyes",)


def test_json_bodies_are_taken_like_forms(slack: PretendSlack) -> None:
    body = json.dumps({"channel": "C0OPS", "text": "from JSON", "blocks": [SECTION]}).encode()
    headers = {"Authorization": f"Bearer {slack.bot_token}", "Content-Type": "application/json; charset=utf-8"}
    request = urllib.request.Request(f"{slack.api_url}chat.postMessage", body, headers)
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["ok"]
    assert slack.messages("ops")[0].plain == "*Upgrade* of prod-dmz"


def test_calls_are_recorded_without_the_token(slack: PretendSlack, client: WebClient) -> None:
    client.chat_postMessage(channel="C0OPS", text="x")
    refused(client.chat_postMessage, channel="C0NONE", text="x")
    assert [call.error for call in slack.calls("chat.postMessage")] == ["", "channel_not_found"]
    assert slack.bot_token not in repr(slack.calls())


def test_429_says_when_to_come_back_and_ends(slack: PretendSlack, client: WebClient) -> None:
    slack.rate_limit("chat.postMessage", times=2, retry_after=7)
    for _ in range(2):
        answer = refused(client.chat_postMessage, channel="C0OPS", text="x").response
        assert (answer.status_code, answer.headers["Retry-After"], answer["error"]) == (429, "7", "ratelimited")
    assert client.chat_postMessage(channel="C0OPS", text="x")["ok"]
    assert len(slack.messages("ops")) == 1


def test_sdks_own_retry_handler_bears_a_429(slack: PretendSlack, client: WebClient) -> None:
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
    slack.rate_limit("chat.postMessage", retry_after=0)
    assert client.chat_postMessage(channel="C0OPS", text="x")["ok"]


def test_a_lost_reply_leaves_the_message_stored(slack: PretendSlack, client: WebClient) -> None:
    slack.lose_reply("chat.postMessage")
    with pytest.raises(ConnectionError):
        client.chat_postMessage(channel="C0OPS", text="x", blocks=[SECTION])
    (read,) = client.conversations_history(channel="C0OPS")["messages"]
    assert read["blocks"][0]["block_id"] == "nps:1"


def test_sdks_default_retry_posts_twice_after_a_lost_reply(slack: PretendSlack) -> None:
    slack.lose_reply("chat.postMessage")
    WebClient(slack.bot_token, base_url=slack.api_url).chat_postMessage(channel="C0OPS", text="x")
    assert [message.text for message in slack.messages("ops")] == ["x", "x"]


def test_a_method_can_be_unknown_or_want_a_scope_from_now_on() -> None:
    with PretendSlack() as slack:
        client = WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        slack.unknown_method("chat.getPermalink")
        slack.missing_scope("usergroups.users.list", "usergroups:read")
        slack.missing_block("plan")
        for _ in range(2):
            unknown = refused(client.chat_getPermalink, channel="C0OPS", message_ts="1.0")
            assert unknown.response["error"] == "unknown_method"
            scope = refused(client.usergroups_users_list, usergroup="S0OPS").response
            assert (scope["error"], scope["needed"]) == ("missing_scope", "usergroups:read")
        plan = [{"type": "plan", "title": "x"}]
        assert (
            refused(client.chat_postMessage, channel="C0OPS", text="x", blocks=plan).response["error"]
            == "invalid_blocks"
        )


def test_a_slow_reply_comes_too_late_for_the_client_but_the_message_is_there(slack: PretendSlack) -> None:
    slack.slow("chat.postMessage", 0.3)
    hasty = WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
    hasty.timeout = 0.05  # type: ignore[assignment]
    with pytest.raises(TimeoutError):
        hasty.chat_postMessage(channel="C0OPS", text="x")
    slack.slow("chat.postMessage", 0)
    assert slack.wait_for(lambda: [message.text for message in slack.messages("ops")]) == ["x"]


def test_an_outage_refuses_every_request_until_it_ends(slack: PretendSlack, client: WebClient) -> None:
    with slack.away():
        assert refused(client.chat_postMessage, channel="C0OPS", text="x").response.status_code == 503
    assert client.chat_postMessage(channel="C0OPS", text="x")["ok"]
    assert len(slack.messages("ops")) == 1


def test_a_response_url_whispers_replaces_posts_deletes_and_ends_after_five_uses(slack: PretendSlack) -> None:
    key = slack.workspace.new_hook(Hook(person="U0ANA", channel="C0OPS", at=slack.workspace.clock()))
    hook = WebhookClient(f"{slack.page_url}respond/{key}")
    assert hook.send(text="one").body == "ok"
    hook.send(text="two", replace_original=True)
    assert [version.text for version in slack.ephemerals("ana")[-1].versions] == ["one", "two"]
    hook.send(text="all", response_type="in_channel")
    assert [message.text for message in slack.messages("ops")] == ["all"]
    hook.send(delete_original=True)
    assert all(message.text != "two" for message in slack.ephemerals("ana"))
    hook.send(text="five")
    sixth = hook.send(text="six")
    assert (sixth.status_code, json.loads(sixth.body)["error"]) == (404, "used_url")


def test_views_need_a_fresh_trigger_and_the_newest_hash(slack: PretendSlack, client: WebClient) -> None:
    title = {"type": "plain_text", "text": "Skip"}
    modal = {"type": "modal", "title": title, "blocks": [SECTION], "private_metadata": "run"}
    trigger = slack.workspace.new_trigger("U0ANA")
    view = client.views_open(trigger_id=trigger, view=modal)["view"]
    again = refused(client.views_open, trigger_id=trigger, view=modal)
    assert again.response["error"] == "exchanged_trigger_id"
    assert refused(client.views_open, trigger_id="1.2.x", view=modal).response["error"] == "invalid_trigger_id"
    client.views_update(view_id=view["id"], hash=view["hash"], view=modal | {"private_metadata": "new"})
    stale = refused(client.views_update, view_id=view["id"], hash=view["hash"], view=modal)
    assert stale.response["error"] == "hash_conflict"
    open_now = slack.modal("ana")
    assert open_now is not None
    assert open_now.body["private_metadata"] == "new"
    with_input = {"type": "input", "label": title, "element": {"type": "plain_text_input", "action_id": "a"}}
    unsendable = refused(client.views_open, trigger_id=trigger, view=modal | {"blocks": [with_input]})
    assert unsendable.response["error"] in ("invalid_arguments", "exchanged_trigger_id")


def test_a_trigger_is_too_old_after_three_seconds(slack: PretendSlack, client: WebClient) -> None:
    trigger = slack.workspace.new_trigger("U0ANA")
    now = slack.workspace.clock()
    slack.workspace.clock = lambda: now + 3.5
    modal = {"type": "modal", "title": {"type": "plain_text", "text": "Skip"}, "blocks": [SECTION]}
    assert refused(client.views_open, trigger_id=trigger, view=modal).response["error"] == "expired_trigger_id"


def test_a_home_is_published_for_one_person(slack: PretendSlack, client: WebClient) -> None:
    client.views_publish(user_id="U0EVA", view={"type": "home", "blocks": [SECTION]})
    home = slack.home("eva")
    assert home is not None
    assert home.plain == "*Upgrade* of prod-dmz"
    assert slack.home("ana") is None
