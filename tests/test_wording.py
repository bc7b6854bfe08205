"""Sentences that every surface shares, as Slack shows them."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.commands import USAGES
from bot.slack.wording import LEFT_OUT, fitted, shown
from bot.texts import clean, escape, moment, plain, typed, visible

BOT = Path(__file__).parents[1] / "bot"


def test_what_is_stored_in_utc_is_shown_in_each_readers_own_zone() -> None:
    stored = f"frozen until {moment(datetime(2026, 1, 31, 23, 5, tzinfo=UTC), 'Europe/Berlin')}: inventory"
    told = shown(stored, 200)
    assert told.startswith("frozen until <!date^1769900700^")
    assert "(Sun 1 Feb 00:05 Europe/Berlin): inventory" in told
    assert plain(told) == stored
    assert shown(told, 200) == told, "a date token is left alone"


@pytest.mark.parametrize("text", ["2026-99-31 23:05 UTC", "12026-01-31 23:05 UTC", "2026-01-31 23:05:07 UTC", "23:05"])
def test_what_is_no_moment_stays_as_it_is(text: str) -> None:
    assert shown(text, 200) == text


def test_a_text_without_room_for_tokens_stays_as_it_is() -> None:
    assert shown("until 2026-01-31 23:05 UTC", 40) == "until 2026-01-31 23:05 UTC"


@pytest.mark.parametrize("line", ["show prod-dmz-17", "approve x-1 3f9a1c", "help", "lock e because REASON"])
def test_a_line_to_type_is_shown_as_it_is_typed_in_slack_and_in_a_terminal(line: str) -> None:
    told = f"Look. Type: {typed(line)}, and go on."
    assert shown(escape(told), 200) == f"Look. Type: `/nps {line}`, and go on."
    assert shown(shown(told, 200), 200) == shown(told, 200)
    assert plain(told) == visible(told) == f"Look. Type: {line}, and go on."


@pytest.mark.parametrize(
    "text", ["Type: restart the box", "then type: `restart the box`", "go on: resume it", typed("restart the box")]
)
def test_what_people_wrote_stays_word_for_word(text: str) -> None:
    written = clean(text)
    assert shown(written, 200) == written


def test_each_line_to_type_in_the_code_is_marked() -> None:
    words = "|".join(USAGES)
    unmarked = re.compile(
        rf"(?:[Tt]ypes?|[Gg]o on|it over|may end it|approves): ?`?(?:{words})[ `\"]|`(?:{words}) \\{{"
    )
    sources = [path for path in BOT.rglob("*.py") if "lab" not in path.parts]
    lines = [f"{path.name}: {line}" for path in sources for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line for line in lines if unmarked.search(line)] == []


def test_of_an_answer_that_is_too_long_the_last_line_stays() -> None:
    told = "\n".join(["head", *(f"{i}. a step of many" for i in range(50)), "Approve it: approve x-1 3f9a1c"])
    cut = fitted(told, 200)
    assert len(cut) <= 200
    assert cut.startswith("head\n0. a step of many\n")
    assert cut.endswith(f"\n{LEFT_OUT}\nApprove it: approve x-1 3f9a1c")
    assert fitted(told, len(told)) == told


def test_one_line_that_is_too_long_is_cut() -> None:
    assert fitted("x" * 300, 200) == "x" * 199 + "…"
    assert fitted("a\n" + "x" * 300, 200) == "a\n" + "x" * 197 + "…"
