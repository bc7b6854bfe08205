"""Pieces of text: nothing that a person wrote mentions or links in Slack, and a terminal shows it word for word."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.texts import at, at_second, clean, escape, lasted, plain, short, unescape


@given(st.text(max_size=300))
def test_escaped_text_has_no_markup_of_slack_and_comes_back_whole(text: str) -> None:
    escaped = escape(text)
    assert not set("<>") & set(escaped)
    assert unescape(escaped) == text


@given(st.text(alphabet=st.characters(exclude_characters="*`"), max_size=300))
def test_a_terminal_shows_what_was_escaped_word_for_word(text: str) -> None:
    assert plain(escape(text)) == text


@pytest.mark.parametrize(
    ("slack", "terminal"),
    [
        ("*bold* and `code`", "bold and code"),
        ("<https://slack.example/p1|prod-dmz-17> is recorded.", "prod-dmz-17 is recorded."),
        ("*<https://slack.example/p1|prod-dmz-17>* done", "prod-dmz-17 done"),
        ("It is told in <#C0OPS>.", "It is told in #C0OPS."),
        ("<@U0BEN> decides", "U0BEN decides"),
        ("D:\\stage\\*.exe and D:\\old\\*.msi", "D:\\stage\\*.exe and D:\\old\\*.msi"),
        ("a lone ` stays, 2 * 3 * 4 too", "a lone ` stays, 2 * 3 * 4 too"),
        (escape("<!here> <@U0BEN> <https://x|y>"), "<!here> <@U0BEN> <https://x|y>"),
    ],
)
def test_a_terminal_shows_markup_as_plain_text(slack: str, terminal: str) -> None:
    assert plain(slack) == terminal


def test_a_moment_is_told_in_utc_where_slack_is_not() -> None:
    moment = datetime(2026, 1, 31, 23, 5, tzinfo=UTC)
    assert plain(f"asked {at(moment)}") == "asked 2026-01-31 23:05 UTC"
    assert at(moment).startswith("<!date^1769900700^")


def test_what_lies_ahead_is_told_in_the_environments_zone_too_with_its_day() -> None:
    moment = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert plain(at(moment, "Europe/Berlin")) == "2026-03-28 23:30 UTC (Sun 29 Mar 00:30 Europe/Berlin)"
    assert plain(at(moment + timedelta(hours=2), "Europe/Berlin")).endswith("(Sun 29 Mar 03:30 Europe/Berlin)")
    assert plain(at(moment, "UTC")) == plain(at(moment)), "not twice the same"


def test_a_reading_is_told_to_the_second() -> None:
    assert plain(at_second(datetime(2026, 1, 31, 23, 5, 7, tzinfo=UTC))) == "2026-01-31 23:05:07 UTC"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (86400, "24 h"),
        (90061, "25 h 1 min"),
    ],
)
def test_a_duration_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert lasted(timedelta(seconds=seconds)) == said


@given(st.text(max_size=200), st.integers(min_value=1, max_value=60))
def test_short_never_exceeds_its_limit_and_keeps_what_fits(text: str, limit: int) -> None:
    told = short(text, limit)
    assert len(told) <= limit
    assert told == text or (told.endswith("…") and text.startswith(told[:-1]))


@given(st.text(max_size=300))
def test_clean_text_is_one_line_that_stays_as_it_is(text: str) -> None:
    told = clean(text)
    assert clean(told) == told == told.strip()
    assert not any(c.isspace() and c != " " for c in told)
    assert told.encode("utf-8").decode("utf-8") == told


def test_clean_keeps_letters_accents_and_emoji() -> None:
    assert clean("Größe\u0301 日本語 שלום 🔥\ufe0f x") == "Größe\u0301 日本語 שלום 🔥\ufe0f x"
