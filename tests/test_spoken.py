"""Nobody needs eyes for what a message says: `text` holds every word of its blocks, and no sign or colour stands for
a word that is not there."""

import re
import runpy
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_blocks import RUNS, hostile_card, hostile_run, objects, shown

from bot.messages import Message
from bot.slack.greeting import greeting
from bot.slack.spoken import LIMIT, REST, Block, whole
from bot.telling import MARKS, STEP_WORDS
from bot.texts import escape, plain

CARDS = runpy.run_path(str(Path(__file__).parents[1] / "docs/cards.py"))
WORDS = re.compile(r"[\w.]*\w")
STAGES = {f"{stage.name} {m.name}": m for stage in CARDS["STAGES"] for m in stage.messages().values()}
OTHERS = {"greeting": greeting("C0OPS", ["prod-dmz"]), "greeting of nothing": greeting("C0ALL", [])}
EVERY = {f"{name} {m.name}": m for name, run in RUNS.items() for m in shown(run).values()} | STAGES | OTHERS
EACH = pytest.mark.parametrize("message", EVERY.values(), ids=EVERY.keys())


def words(text: str) -> list[str]:
    return WORDS.findall(plain(text).casefold())


def lines(message: Message) -> Iterator[str]:
    """What is to be read in the blocks, the labels of buttons aside."""
    for block in message.body["blocks"]:
        if block["type"] != "actions":
            for found in objects(block):
                if isinstance(found.get("text"), str):
                    yield from found["text"].replace("  ·  ", "\n").split("\n")


@EACH
def test_every_line_of_a_message_is_in_its_text_word_for_word(message: Message) -> None:
    said = f" {' '.join(words(message.body['text']))} "
    for line in lines(message):
        assert f" {' '.join(words(line))} " in said, line


@EACH
def test_every_button_is_named_in_the_text(message: Message) -> None:
    labels = [o["text"]["text"] for o in objects(message.body["blocks"]) if o.get("type") == "button"]
    assert set(words(" ".join(labels))) <= set(words(message.body["text"]))
    assert all(label.isascii() for label in labels)


@EACH
def test_what_a_message_says_first_is_a_sentence_of_its_own(message: Message) -> None:
    first = plain(message.body["text"].split("\n")[0])
    assert first[0].isalnum()
    assert len(words(first)) >= 3


def without_signs(value: Any) -> Any:
    """As somebody reads it whose font or eyes show no signs: letters, digits and punctuation."""
    if isinstance(value, str):
        return "".join(c for c in value if unicodedata.category(c)[0] in "LNPZ" or c in "<>^|+=`$\n")
    if isinstance(value, list):
        return [without_signs(item) for item in value]
    return {key: without_signs(item) for key, item in value.items()} if isinstance(value, dict) else value


@EACH
def test_without_its_signs_a_message_says_the_same(message: Message) -> None:
    for line in lines(message):
        if words(line) or line.strip():
            assert words(without_signs(line)) == words(line), line
            assert words(line), f"a line of signs alone: {line}"


def test_a_steps_mark_always_stands_beside_its_word() -> None:
    assert MARKS.keys() == STEP_WORDS.keys()
    for name, message in EVERY.items():
        for line in lines(message):
            state = next((state for state, mark in MARKS.items() if line.lstrip("*").startswith(f"{mark} ")), None)
            if state:
                assert f": {STEP_WORDS[state]}" in line, name


def test_a_colour_only_repeats_what_a_button_says() -> None:
    for message in EVERY.values():
        for found in objects(message.body["blocks"]):
            if found.get("style"):
                assert found["type"] == "button"
                assert words(found["text"]["text"])


def test_every_moment_is_told_in_the_readers_own_zone() -> None:
    clock = re.compile(r"\b\d\d:\d\d\b")
    tokens = re.compile(r"<!date\^\d+\^[^|>]*\|[^>]*>( \([A-Z][a-z]{2} \d+ [A-Z][a-z]{2} \d\d:\d\d [\w/]+\))?")
    for name, message in EVERY.items():
        for text in (message.body["text"], *lines(message)):
            assert not clock.search(tokens.sub("", text)), name


@pytest.mark.parametrize("make", [hostile_run, hostile_card])
def test_a_text_that_would_be_too_long_ends_between_two_lines(make: Any) -> None:
    cut = [m for m in shown(make("&" * 500)).values() if m.body["text"].endswith(REST)]
    assert cut
    for message in cut:
        assert len(message.body["text"]) <= LIMIT
        assert "Choices" in message.body["text"] or "actions" not in str(message.body["blocks"])


def section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_what_the_sentence_says_already_is_not_said_twice() -> None:
    told = whole({"text": "prod-dmz-17: done. Well.", "blocks": [section("*prod-dmz-17: done*\nWell.\nAnd `more`.")]})
    assert told["text"] == "prod-dmz-17: done. Well.\nAnd more."


def test_a_word_is_not_taken_for_the_beginning_of_another() -> None:
    assert whole({"text": "undone", "blocks": [section("done")]})["text"] == "undone\ndone"


def test_what_was_escaped_stays_escaped() -> None:
    shown = escape("<!here> & *b*")
    assert whole({"text": "x", "blocks": [section(f"*{shown}*")]})["text"].count("&lt;!here&gt; &amp;") == 1
