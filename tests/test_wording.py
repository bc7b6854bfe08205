"""Sentences that every surface shares, as Slack shows them."""

from datetime import UTC, datetime

import pytest

from bot.slack.wording import LEFT_OUT, fitted, shown
from bot.texts import moment, plain


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


@pytest.mark.parametrize(
    ("told", "typed"),
    [
        ("Type: show prod-dmz-17, and take a run", "Type: /nps show prod-dmz-17, and take a run"),
        ("To go on: `resume prod-dmz-17`", "To go on: `/nps resume prod-dmz-17`"),
        ("Type: approve x-1 3f9a1c, or: reject x-1", "Type: /nps approve x-1 3f9a1c, or: /nps reject x-1"),
        ("Decide: retry x-1 (or abort)", "Decide: /nps retry x-1 (or abort)"),
        ("Type: `/nps help`", "Type: `/nps help`"),
        ("prod-dmz-17: retry is recorded.", "prod-dmz-17: retry is recorded."),
        ("Type: the name of the host", "Type: the name of the host"),
    ],
)  # fmt: skip
def test_a_line_to_type_is_shown_as_it_is_typed_in_slack(told: str, typed: str) -> None:
    assert shown(told, 200) == typed
    assert shown(typed, 200) == typed


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
