"""The pretend Slack's page: what its server gives out, and, in a real browser, what a person sees and can do."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.lab.browser import Browser, browser
from bot.lab.slack import PretendSlack

EVIL = '<script>document.title="owned"</script><img src=x onerror=document.title="owned">'


@pytest.fixture
def slack() -> Iterator[PretendSlack]:
    with PretendSlack(ack_within=0.2) as slack:
        yield slack


@pytest.fixture
def client(slack: PretendSlack) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


def fetched(url: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, named)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def embedded(page: str) -> dict[str, Any]:
    text = page.split('id="state">')[1].split("</script>")[0]
    state: dict[str, Any] = json.loads(text)
    return state


def test_the_page_carries_the_state_and_no_markup_of_a_message(slack: PretendSlack) -> None:
    slack.say("ana", "ops", "hello")
    slack.workspace.say("U0BEN", "C0OPS", EVIL)
    status, page = fetched(slack.page_url)
    assert status == 200
    assert "<img" not in page
    assert [message["text"] for message in embedded(page)["messages"]] == ["hello", EVIL]


def test_each_person_sees_only_their_own_ephemerals_and_channels(slack: PretendSlack, client: WebClient) -> None:
    client.chat_postEphemeral(channel="C0OPS", user="U0BEN", text="for Ben")
    assert "for Ben" in fetched(f"{slack.page_url}?as=U0BEN")[1]
    assert "for Ben" not in fetched(f"{slack.page_url}?as=U0ANA")[1]


def test_another_sites_name_or_form_is_refused(slack: PretendSlack) -> None:
    assert fetched(slack.page_url, Host="evil.example")[0] == 403
    said = json.dumps({"as": "U0ANA", "channel": "C0OPS", "text": "x"}).encode()
    assert fetched(f"{slack.page_url}lab/say", said, Content_Type="text/plain")[0] == 404
    assert slack.messages("ops") == []
    assert fetched(f"{slack.page_url}lab/say", said, Content_Type="application/json")[0] == 200
    assert len(slack.messages("ops")) == 1


def test_what_cannot_be_done_is_told_and_not_a_server_error(slack: PretendSlack) -> None:
    press = json.dumps({"as": "U0ANA", "channel": "C0OPS", "ts": "1.0", "action_id": "x"}).encode()
    status, answer = fetched(f"{slack.page_url}lab/press", press, Content_Type="application/json")
    assert (status, json.loads(answer)) == (200, {"failure": "message_not_found"})


def in_browser(url: str, home: Path, work: Callable[[Browser], Any]) -> None:
    async def run() -> None:
        async with browser(url, home) as tab:
            await work(tab)

    asyncio.run(run())


def words(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text}


def card() -> list[dict[str, object]]:
    confirm = {"title": words("Sure?"), "text": words("It starts."), "confirm": words("Yes"), "deny": words("No")}
    approve = {"type": "button", "action_id": "approve", "text": words("Approve"), "style": "primary"}
    mark = f"*bold* _it_ ~s~ `co*de*` <@U0BEN> <https://x.example/?a=1&amp;b=2|link> &lt;b&gt; :rocket: {EVIL}"
    mark += f" <!date^{int(time.time())}^{{date_short_pretty}} at {{time}}|then> <javascript:alert(1)|bad>"
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": mark}},
        {"type": "plan", "title": "p"},
        {"type": "actions", "elements": [approve | {"confirm": confirm}]},
    ]


@pytest.mark.browser
def test_a_browser_renders_a_card_and_runs_nothing_from_it(
    slack: PretendSlack, client: WebClient, tmp_path: Path
) -> None:
    ts = client.chat_postMessage(channel="C0OPS", text="card", blocks=card())["ts"]
    client.chat_postMessage(channel="C0OPS", text="a *step*", thread_ts=ts, reply_broadcast=True)

    async def look(tab: Browser) -> None:
        shown = await tab.js("document.querySelector('#log .section').innerHTML")
        for part in ("<strong>bold</strong>", "<em>it</em>", "<s>s</s>", "<code>co*de*</code>", "@Ben Okafor", "🚀"):
            assert part in shown
        assert "&lt;b&gt;" in shown
        assert 'href="https://x.example/?a=1&amp;b=2"' in shown
        assert "today at" in shown
        assert "javascript:" not in shown
        assert await tab.js("document.querySelectorAll('#log img, #log script').length") == 0
        assert await tab.js("document.title") != "owned"
        assert await tab.js("document.querySelector('.unsupported').textContent") == "unsupported block: plan"
        assert await tab.js("document.querySelector('.replies').innerText.includes('1 reply')")
        assert await tab.js("document.querySelector('#log .note').innerText.includes('replied to a thread')")
        assert await tab.js("document.querySelector('#replies .note').innerText.includes('Also sent to #ops')")

    in_browser(f"{slack.page_url}?as=U0ANA&channel=C0OPS&thread={ts}", tmp_path, look)


@pytest.mark.browser
def test_in_a_browser_a_person_types_presses_and_sees_it_live(
    slack: PretendSlack, client: WebClient, tmp_path: Path
) -> None:
    ts = client.chat_postMessage(channel="C0OPS", text="card", blocks=card())["ts"]
    modal = {
        "type": "modal",
        "title": words("Skip"),
        "submit": words("Send"),
        "blocks": [{
            "type": "input", "block_id": "why", "label": words("Why"),
            "element": {"type": "plain_text_input", "action_id": "t"},
        }],
    }  # fmt: skip

    async def play(tab: Browser) -> None:
        await tab.js("document.querySelector('#log .button').click()")
        await tab.until("document.querySelector('#confirm[open]')")
        assert slack.workspace.triggers == {}
        await tab.js("document.querySelector('#confirm .primary').click()")
        await tab.until("document.querySelector('#log').innerText.includes('did not answer (dispatch_failed)')")
        await tab.js("document.querySelector('#text').value = '/nps status'")
        await tab.js("document.querySelector('#composer').requestSubmit()")
        await tab.until("document.querySelector('#log').innerText.includes('/nps failed with the error')")
        client.chat_update(channel="C0OPS", ts=ts, text="done", blocks=[{"type": "divider"}])
        await tab.until("!document.querySelector('#log .button')")
        client.views_open(trigger_id=slack.workspace.new_trigger("U0ANA"), view=modal)
        await tab.until("document.querySelector('#modal[open]')")
        await tab.js("document.querySelector('#modal form').requestSubmit()")
        await tab.until("document.querySelector('#modal').innerText.includes('Please complete this required field.')")
        await tab.js("document.querySelector('#modal footer .button').click()")
        await tab.until("!document.querySelector('#modal[open]')")
        assert slack.modal("ana") is None

    in_browser(f"{slack.page_url}?as=U0ANA&channel=C0OPS", tmp_path, play)


@pytest.mark.browser
def test_at_phone_width_nothing_is_cut_off_at_the_side(slack: PretendSlack, client: WebClient, tmp_path: Path) -> None:
    ts = client.chat_postMessage(channel="C0OPS", text="x", blocks=card())["ts"]
    client.chat_postMessage(channel="C0OPS", text=f"```{'x' * 400}```", thread_ts=ts)

    async def measure(tab: Browser) -> None:
        await tab.be_a_phone(390, 844)
        for pane in ("thread", "channel", "side"):
            await tab.js(f"document.body.dataset.pane = '{pane}'")
            assert await tab.js("document.documentElement.scrollWidth") == 390
            shown = "[...document.querySelectorAll('.side, .pane')].filter((pane) => pane.offsetWidth).length"
            assert await tab.js(shown) == 1

    in_browser(f"{slack.page_url}?as=U0ANA&channel=C0OPS&thread={ts}", tmp_path, measure)
