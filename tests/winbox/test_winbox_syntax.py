"""Every script parses, and holds nothing that Windows PowerShell 5.1 does not know."""

import json
import re
import shutil
from pathlib import Path

import pytest
from box import Boxes

pytestmark = pytest.mark.winbox

OURS = sorted((Path(__file__).parents[2] / "bot/windows").glob("*.ps1"))
NEWER = {
    "null.ps1": ("$a = $b ?? 1", "token QuestionQuestion"),
    "assign.ps1": ("$a ??= 1", "token QuestionQuestionEquals"),
    "member.ps1": ("${a}?.Length", "token QuestionDot"),
    "index.ps1": ("${a}?[0]", "token QuestionLBracket"),
    "ternary.ps1": ("$a = $b ? 1 : 2", "TernaryExpressionAst"),
    "and.ps1": ("'a' && 'b'", "token AndAnd"),
    "or.ps1": ("'a' || 'b'", "token OrOr"),
    "background.ps1": ("'a' &", "background"),
    "clean.ps1": ("function Get-Clean { process { } clean { } }", "token Clean"),
    "pipe.ps1": ("Get-Process\n| Where-Object Id", "begins with a pipe"),
    "escape.ps1": ('"`u{1F600}"', "escape `u{"),
    "red.ps1": ('"`e[31m"', "escape `e"),
    "binary.ps1": ("$a = 0b11", "number 0b11"),
    "unsigned.ps1": ("$a = 7u", "number 7u"),
    "big.ps1": ("$a = 7n", "number 7n"),
    "letters.ps1": ("'a'..'c'", "range of letters"),
    "replace.ps1": ("'a' -replace 'a', { $_ }", "script block after -replace"),
    "windows.ps1": ("if ($IsWindows) { }", "variable IsWindows"),
    "natives.ps1": ("$PSNativeCommandUseErrorActionPreference = $true", "variable PSNative"),
    "parallel.ps1": ("1, 2 | ForEach-Object -Parallel { $_ }", "parameter Parallel of ForEach-Object"),
    "hashtable.ps1": ("ConvertFrom-Json -InputObject '{}' -AsHashtable", "parameter AsHashtable of ConvertFrom-Json"),
    "date.ps1": ("ConvertFrom-Json -InputObject '{}' -DateKind String", "parameter DateKind of ConvertFrom-Json"),
    "short.ps1": ("ConvertFrom-Json -InputObject '{}' -Da String", "parameter Da of ConvertFrom-Json"),
    "splatted.ps1": ("$more = @{ AsHashtable = $true }; ConvertFrom-Json -InputObject '{}' @more", "@more for"),
    "array.ps1": ("ConvertTo-Json -AsArray 1", "parameter AsArray of ConvertTo-Json"),
    "enums.ps1": ("ConvertTo-Json -EnumsAsStrings 1", "parameter EnumsAsStrings of ConvertTo-Json"),
    "bytes.ps1": ("Get-Content -AsByteStream C:\\x", "command Get-Content"),
    "test.ps1": ("Test-Json '{}'", "command Test-Json"),
    "gone.ps1": ("Get-WmiObject Win32_Service", "command Get-WmiObject"),
    "log.ps1": ("Get-EventLog System", "command Get-EventLog"),
    "alias.ps1": ("Get-Process | % { $_ }", "command %"),
    "native.ps1": ("curl.exe x", "command curl.exe"),
    "hex.ps1": ("[Convert]::ToHexString($a)", "member [Convert]::ToHexString(1)"),
    "move.ps1": ("[IO.File]::Move($a, $b, $true)", "member [IO.File]::Move(3)"),
    "id.ps1": ("[Environment]::ProcessId", "member [Environment]::ProcessId"),
    "hash.ps1": ("[Security.Cryptography.SHA256]::HashData($a)", "HashData(1)"),
    "broken.ps1": ("if (1) {", "error: "),
}
AS_BEFORE = """
if (-not (Get-Command ConvertFrom-Json).Parameters.ContainsKey('DateKind')) { $asText = @{} }
ConvertFrom-Json -InputObject '{}' @asText -ErrorAction Stop | Where-Object { $_ } | ForEach-Object { Get-Mine $_ }
function Get-Mine($one) { [IO.File]::Move($one, 'b'); [Text.StringBuilder]::new(); "$one `t" -replace 'a', 'b'; 1..3 }
"""


@pytest.fixture(scope="module")
def found(made_boxes: Boxes) -> dict[str, list[str]]:
    box = made_boxes.new()
    folder = box.c / "syntax"
    folder.mkdir()
    for script in OURS:
        shutil.copy(script, folder)
    for name, (text, _) in NEWER.items():
        (folder / name).write_text(text)
    (folder / "as_before.ps1").write_text(AS_BEFORE)
    for name in ("syntax.ps1", "known51.json"):
        shutil.copy(Path(__file__).with_name(name), box.c)
    return json.loads(box.powershell("-File", r"C:\syntax.ps1"))


@pytest.mark.parametrize("name", [script.name for script in OURS])
def test_a_script_of_ours_holds_nothing_newer_than_5_1(found: dict[str, list[str]], name: str) -> None:
    """What is not on the list, known51.json, may be put there by who has read in 5.1's own pages that it has it."""
    assert found[name] == []


@pytest.mark.parametrize("name", NEWER)
def test_what_is_newer_or_gone_is_found(found: dict[str, list[str]], name: str) -> None:
    assert any(NEWER[name][1] in said for said in found[name]), found[name]


def test_what_5_1_knows_is_let_pass(found: dict[str, list[str]]) -> None:
    assert found["as_before.ps1"] == []


@pytest.mark.parametrize("script", OURS, ids=lambda script: script.name)
def test_a_script_is_pure_ascii(script: Path) -> None:
    assert script.read_bytes().isascii()
    assert b"\r" not in script.read_bytes()


def test_the_bootstrap_fits_a_command_line() -> None:
    [bootstrap] = [script for script in OURS if script.name == "bootstrap.ps1"]
    assert len(bootstrap.read_text().encode("utf-16-le")) * 4 / 3 < 3000


@pytest.mark.parametrize("script", OURS, ids=lambda script: script.name)
def test_what_gets_its_name_by_a_move_is_on_the_drive_before(script: Path) -> None:
    """No box can show a power cut: whoever moves a file that was written aside has had it flushed first."""
    text = script.read_text()
    assert "WriteAllText" not in text, "which flushes nothing"
    for function in re.split(r"^function ", text, flags=re.MULTILINE)[1:]:
        before, moves, _ = function.partition("::Move($aside")
        assert not moves or re.search(r"Write-Flushed|Save-Aside|Copy-Shared", before), function.partition("(")[0]
        if re.match(r"Write-Flushed|Save-Aside|Copy-Shared", function):
            assert ".Flush($true)" in function
