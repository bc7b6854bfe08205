"""What a screen reader says of a message: it reads `text` and nothing else, so every word of the blocks is in there.

A phone's notification shows its beginning, so what matters is the first sentence, and what a person can press the next.
Pure.
"""

import re
from collections.abc import Iterator
from typing import Any

from bot.slack.wording import shown
from bot.texts import BOLD, CODE, escape

Block = dict[str, Any]
LIMIT = 3900
"""What an edit may hold."""
WORD = re.compile(r"\w+")
SIGNS = "○▸✓✗–•⚠·↳ "
REST = "…"


def whole(body: Block) -> Block:
    """The message with all its words in `text`: its own sentence first, if it has one, then what the blocks tell beyond
    it."""
    lines = list(_lines(body["blocks"]))
    first = shown(body["text"].lstrip(SIGNS), LIMIT) if body["text"] else lines.pop(0)
    told, heard, room = [first], _heard(first), LIMIT - len(first)
    for line in (*_choices(body["blocks"]), *lines):
        words = _heard(line)
        if words in heard:
            continue
        room -= len(line) + 1
        if room < len(REST) + 1:
            told += [] if told[-1].endswith(REST) else [REST]
            break
        told.append(line)
        heard += words
    return {**body, "text": "\n".join(told)}


def _heard(text: str) -> str:
    """The words alone, with a space around each, so that one text is looked for in another."""
    return f" {' '.join(WORD.findall(text.casefold()))} "


def _choices(blocks: list[Block]) -> Iterator[str]:
    """What can be pressed."""
    labels = [e["text"]["text"] for block in blocks if block["type"] == "actions" for e in block["elements"]]
    if labels:
        yield f"Choices: {', '.join(labels)}."


def _lines(blocks: list[Block]) -> Iterator[str]:
    for block in blocks:
        if block["type"] != "actions":
            for text in _texts(block):
                yield from filter(None, map(_spoken, text.replace("```", "").replace("  ·  ", "\n").split("\n")))


def _texts(block: Block) -> Iterator[str]:
    for text in (block.get("text"), *block.get("fields", ()), *block.get("elements", ())):
        if text:
            yield escape(text["text"]) if text["type"] == "plain_text" else text["text"]


def _spoken(line: str) -> str:
    """Without marks of emphasis, and without signs in front, which only repeat a word."""
    return CODE.sub(r"\1", BOLD.sub(r"\1", line)).strip().lstrip(SIGNS)
