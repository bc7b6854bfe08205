"""A button that is valid no more is taken away before anything else leaves for Slack."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from worlds import wish

from bot.audit import Audit, Outbox
from bot.messages import AT_ONCE, Held, Message

TEXT: dict[str, Any] = {"type": "section", "text": {"type": "mrkdwn", "text": "told"}}


def button(word: str, value: str = "prod-1") -> dict[str, Any]:
    return {"type": "button", "action_id": f"nps:{word}", "value": value}


def showing(message: Message, text: str, *buttons: dict[str, Any]) -> Message:
    blocks = [TEXT, *([{"type": "actions", "elements": list(buttons)}] if buttons else [])]
    return replace(message, body={"text": text, "blocks": blocks})


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Audit(tmp_path / "audit.sqlite")) as audit:
        yield Outbox(audit)


CARD = showing(wish("prod-1", "card"), "waits", button("approve"), button("reject"))
NEWS = [wish("prod-2", "card"), wish("prod-3", "card")]


def due(outbox: Outbox) -> str:
    message = outbox.due(Held())
    return f"{message.run} {message.name} {message.body['text']}" if message else ""


def shown(outbox: Outbox, message: Message) -> None:
    """As if it had left just now."""
    outbox.wish([message])
    found = outbox.of_run(message.run)[message.name]
    outbox.sent(found, "1.0")


@pytest.mark.parametrize("left", [(), (button("reject"),), (button("approve", "another plan"), button("reject"))])
def test_an_edit_that_takes_a_button_away_passes_new_posts(left: tuple[Any, ...], outbox: Outbox) -> None:
    shown(outbox, CARD)
    outbox.wish([*NEWS, showing(CARD, "approved", *left)])
    assert due(outbox) == "prod-1 card approved"


def test_any_other_edit_lets_posts_pass(outbox: Outbox) -> None:
    shown(outbox, CARD)
    more = (button("approve"), button("reject"), button("abort"))
    outbox.wish([*NEWS, showing(CARD, "waits still", *more)])
    assert due(outbox) == "prod-2 card told"


def test_a_newer_wish_does_not_slow_it_down_until_the_buttons_are_gone(outbox: Outbox) -> None:
    shown(outbox, CARD)
    outbox.wish([*NEWS, showing(CARD, "approved")])
    outbox.wish([showing(CARD, "running")])
    assert due(outbox) == "prod-1 card running"
    outbox.sent(outbox.of_run("prod-1")["card"], "1.0")
    outbox.wish([showing(CARD, "done")])
    assert due(outbox) == "prod-2 card told"


def test_a_post_that_is_on_its_way_with_buttons_is_edited_at_once(outbox: Outbox) -> None:
    outbox.wish([CARD])
    leaving = outbox.of_run("prod-1")["card"]
    outbox.sending(leaving)
    outbox.wish([*NEWS, showing(CARD, "approved")])
    outbox.sent(leaving, "1.0")
    assert due(outbox) == "prod-1 card approved"
    assert outbox.of_run("prod-1")["card"].rank == AT_ONCE


def test_what_was_never_shown_takes_its_turn(outbox: Outbox) -> None:
    outbox.wish([*NEWS, CARD])
    outbox.wish([showing(CARD, "approved")])
    assert due(outbox) == "prod-2 card told"


def test_only_slack_itself_holds_it_up(outbox: Outbox) -> None:
    shown(outbox, CARD)
    outbox.wish([showing(CARD, "approved")])
    assert outbox.due(Held(spent=["chat.update"]))
    assert outbox.due(Held(methods=["chat.update"])) is None
