"""The pictures in docs/cards.md show what the bot sends today. Who changes a text runs `make picture`, and looks."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
CARDS: dict[str, Any] = runpy.run_path(str(DOCS / "cards.py"))
STAGES = CARDS["STAGES"]
EACH = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
LARGEST = 200_000


@EACH
def test_a_picture_shows_what_the_bot_would_send(stage: Any) -> None:
    taken = json.loads(CARDS["TAKEN"].read_text(encoding="utf-8"))
    assert taken.get(stage.name) == CARDS["fingerprint"](stage), "run `make picture`, and look at it"


@EACH
def test_a_picture_is_a_small_png(stage: Any) -> None:
    picture = (CARDS["FOLDER"] / f"{stage.name}.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < LARGEST


@EACH
def test_a_stage_tells_the_same_every_time(stage: Any) -> None:
    assert stage.messages() == stage.messages()


def test_the_page_has_every_stage_and_no_other_picture_lies_beside_it() -> None:
    assert CARDS["PAGE"].read_text(encoding="utf-8") == CARDS["written"](), "run `make picture`"
    assert {path.stem for path in CARDS["FOLDER"].glob("*.png")} == {stage.name for stage in STAGES}


@EACH
def test_a_reply_is_looked_at_where_the_bot_tells_it(stage: Any) -> None:
    told = stage.messages()
    replies = [told[name] for name in stage.shows if told[name].thread]
    assert stage.thread or all(reply.broadcast for reply in replies)
