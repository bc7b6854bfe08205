"""Cases as data: a table of a TOML file in this folder is a list of cases."""

import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def load(file: str, table: str) -> list[Any]:
    """The cases of one table; an empty one would be a test that can't fail."""
    found: list[Any] = tomllib.loads((FOLDER / file).read_text(encoding="utf-8"))[table]
    assert found
    return found
