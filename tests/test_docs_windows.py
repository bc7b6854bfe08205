"""docs/windows.md tells the truth about its grounds: every row's tests exist, and none claims more than they show."""

import ast
import re
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FACTS = ROOT.parent / "shared/facts/windows.md"
MADE: dict[str, Any] = runpy.run_path(str(ROOT / "docs/windows.py"))
ROWS = MADE["rows"]()
TEST = re.compile(r"`?(tests/[\w/]+\.py)::(\w+)(?:\[[^\]]*\])?`?")
GROUND = re.compile(r"winbox|lab|recorded|first real host: .*`[^`]+`.*")
EACH = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.source}: {row.cells[0][:40]}")


def parted(cell: str) -> list[str]:
    """At semicolons, those inside backticks aside."""
    return [part.strip() for part in re.findall(r"(?:`[^`]*`|[^;`])+", cell)]


def named_in(row: Any) -> list[tuple[str, str]]:
    """The file and the function of each test that a row names."""
    if row.cells[2] == "-":
        return []
    found = [TEST.fullmatch(part) for part in parted(row.cells[2])]
    assert all(found), f"tests are `tests/file.py::test_name`, parted by semicolons: {row.cells[2]}"
    return [(match[1], match[2]) for match in found if match]


def claimed_by(row: Any) -> list[str]:
    return [part.partition(":")[0] for part in parted(row.cells[3])]


@cache
def functions(path: str) -> frozenset[str]:
    if not (ROOT / path).is_file():
        return frozenset()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def is_on_winbox(path: str) -> bool:
    return path.startswith("tests/winbox/") or "pytest.mark.winbox" in (ROOT / path).read_text(encoding="utf-8")


def test_the_page_is_current() -> None:
    page = (ROOT / "docs/windows.md").read_text(encoding="utf-8")
    assert MADE["written"]() == page, "run `make readme`"


@EACH
def test_a_row_has_four_cells_and_a_known_section(row: Any) -> None:
    assert len(row.cells) == 4, row.cells
    assert all(row.cells), row.cells
    assert row.section in MADE["SECTIONS"], "a point begins with its section, as in `B: ...`"


@EACH
def test_a_row_names_tests_that_exist(row: Any) -> None:
    absent = [f"{path}::{name}" for path, name in named_in(row) if name not in functions(path)]
    assert absent == []


@EACH
def test_a_row_stands_on_a_ground_that_its_tests_bear(row: Any) -> None:
    unknown = [part for part in parted(row.cells[3]) if not GROUND.fullmatch(part)]
    assert unknown == [], "winbox, lab, recorded, or `first real host: ` and a command in backticks"
    tried = set(claimed_by(row)) - {"first real host"}
    assert not tried or named_in(row), "what was tried names its test"
    assert tried or not named_in(row), "what has a test was tried, somewhere"
    assert ("winbox" in tried) == any(is_on_winbox(path) for path, _ in named_in(row))


def test_every_section_has_rows() -> None:
    assert {row.section for row in ROWS} == set(MADE["SECTIONS"])


@pytest.mark.skipif(not FACTS.exists(), reason="there is no ../shared/facts/windows.md")
def test_the_sections_are_those_of_the_facts() -> None:
    letters = re.findall(r"^## (\w)\. ", FACTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert letters == list(MADE["SECTIONS"])
