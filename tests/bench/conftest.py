"""Borrows the boxes and products of tests/winbox."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "winbox"))

from box import ARTICLE, Server, boxes, build


@pytest.fixture(scope="session")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A backend whose every response takes 20 ms longer, as over a long line."""
    with boxes() as made:
        box = made.new()
        server = box.serve("--latency-ms", "20", "--faults")
        box.install(ARTICLE, build(tmp_path_factory.mktemp("product")))
        yield server
