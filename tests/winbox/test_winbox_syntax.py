"""Every script parses, and holds nothing that Windows PowerShell 5.1 does not know."""

import json
import shutil
from pathlib import Path

import pytest
from box import Boxes

pytestmark = pytest.mark.winbox

OURS = sorted((Path(__file__).parents[2] / "bot/windows").glob("*.ps1"))
NEWER = {
    "null.ps1": "$a = $b ?? 1",
    "assign.ps1": "$a ??= 1",
    "member.ps1": "${a}?.Length",
    "index.ps1": "${a}?[0]",
    "ternary.ps1": "$a = $b ? 1 : 2",
    "and.ps1": "Get-Date && Get-Date",
    "or.ps1": "Get-Date || Get-Date",
    "parallel.ps1": "1, 2 | ForEach-Object -Parallel { $_ }",
    "hashtable.ps1": "'{}' | ConvertFrom-Json -AsHashtable",
    "array.ps1": "ConvertTo-Json -AsArray 1",
    "background.ps1": "Get-Date &",
    "clean.ps1": "function f { process { } clean { } }",
    "escape.ps1": '"`u{1F600}"',
    "gone.ps1": "Get-WmiObject Win32_Service",
    "broken.ps1": "if (1) {",
}


@pytest.fixture(scope="module")
def found(made_boxes: Boxes) -> dict[str, list[str]]:
    box = made_boxes.new()
    folder = box.c / "syntax"
    folder.mkdir()
    for script in OURS:
        shutil.copy(script, folder)
    for name, text in NEWER.items():
        (folder / name).write_text(text)
    shutil.copy(Path(__file__).with_name("syntax.ps1"), box.c)
    return json.loads(box.powershell("-File", r"C:\syntax.ps1"))


@pytest.mark.parametrize("name", [script.name for script in OURS])
def test_a_script_of_ours_holds_nothing_newer_than_5_1(found: dict[str, list[str]], name: str) -> None:
    assert found[name] == []


@pytest.mark.parametrize("name", NEWER)
def test_what_is_newer_or_gone_is_found(found: dict[str, list[str]], name: str) -> None:
    assert found[name] != []


@pytest.mark.parametrize("script", OURS, ids=lambda script: script.name)
def test_a_script_is_pure_ascii(script: Path) -> None:
    assert script.read_bytes().isascii()
    assert b"\r" not in script.read_bytes()


def test_the_bootstrap_fits_a_command_line() -> None:
    [bootstrap] = [script for script in OURS if script.name == "bootstrap.ps1"]
    assert len(bootstrap.read_text().encode("utf-16-le")) * 4 / 3 < 3000
