"""docs/settings.md names every key of nps.toml, and no other."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from bot.settings.file import Settings

ROOT = Path(__file__).parents[1]
MADE: dict[str, Any] = runpy.run_path(str(ROOT / "docs/settings.py"))


def test_the_page_is_current() -> None:
    assert MADE["written"]() == (ROOT / "docs/settings.md").read_text(encoding="utf-8"), "run `make readme`"


@pytest.mark.parametrize("title", MADE["TABLES"])
def test_a_table_tells_each_key_and_no_other(title: str) -> None:
    model, told = MADE["TABLES"][title]
    assert list(told) == list(MADE["keys"](model))


def test_every_table_of_the_file_is_told() -> None:
    told = {title.strip("[]").partition(".")[0] for title in MADE["TABLES"] if title.startswith("[")}
    assert told == set(Settings.model_fields)
