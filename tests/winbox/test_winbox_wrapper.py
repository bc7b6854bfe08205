"""The wrapper on bad nights: what goes wrong beside the installer never loses its exit code, and reused ids mislead
nobody."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from box import Boxes, Site
from installing import act, mark, soon, to_the_end

from bot.windows import host
from bot.windows.facts import Mark
from bot.windows.host import MarkId

pytestmark = pytest.mark.winbox

SCRIPTS = Path(host.__file__).parent
FIRST = "$ErrorActionPreference = 'Stop'\n"
MOVE = "[IO.File]::Move($aside, $path)"
APPEND = '[IO.File]::AppendAllText("$base.children"'


def changed(monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str]) -> None:
    """The wrapper with something wrong in it, each at a place that must be there."""
    script = (SCRIPTS / "wrapper.ps1").read_text("ascii")
    for old, new in changes:
        assert old in script
        script = script.replace(old, new)
    monkeypatch.setattr(host, "_wrapper", lambda: script)


def ended(site: Site, wanted: MarkId, *more: str) -> tuple[Mark, str]:
    """How it ended, and its log; it must have run once."""
    launched = site.box.launches()
    site.host.start_installer(act(site, "/CODE=3010", *more), wanted, soon())
    last, log, _ = to_the_end(site.host, wanted)
    assert site.box.launches() == launched + 1
    return last, log.decode()


def children(site: Site, of: MarkId) -> list[str]:
    return site.box.path(rf"C:\ProgramData\nps\marks\{of.name}.children").read_text().splitlines()


def test_what_goes_wrong_beside_an_installer_loses_no_exit_code_and_is_told_once(
    backend: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(
        monkeypatch,
        (FIRST, FIRST + "function Get-CimInstance { throw 'WMI is out of order' }\n"),
        (APPEND, 'throw "never reached"; ' + APPEND),
    )
    last, log = ended(backend, mark("wrap-1"), "/WAIT=2000")
    assert (last.state, last.code) == ("finished", 3010)
    assert log.count("WMI is out of order") == 1
    assert log.splitlines()[-1] == "nps: the installer ended with exit code 3010"


def test_a_file_of_children_that_somebody_holds_is_written_once_it_is_free(
    backend: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = (
        "if (-not $script:tried++) "
        "{ $script:scan = [IO.File]::Open(\"$base.children\", 'OpenOrCreate', 'Read', 'Read') } "
        "elseif ($script:scan -and $script:tried -gt 1) { $script:scan.Dispose(); $script:scan = $null }; "
    )
    changed(monkeypatch, (APPEND, held + APPEND))
    wanted = mark("wrap-2")
    last, log = ended(backend, wanted, "/WAIT=5000")
    assert (last.state, last.code) == ("finished", 3010)
    assert log.count("nps: what came of the installer could not be seen or written down") == 1
    assert len(children(backend, wanted)) >= 1


def test_a_scanner_that_holds_a_new_file_takes_no_name_away(backend: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the mark's, which would seem to be somebody else's then, nor the end's with the exit code."""
    scan = (
        "if ($scanned -ne $path) "
        "{ $script:scanned = $path; $script:scan = [IO.File]::Open($aside, 'Open', 'Read', 'Read') }; "
    )
    pause = "Start-Sleep -Milliseconds 200"
    changed(monkeypatch, (MOVE, scan + MOVE), (pause, f"if ($scan) {{ $scan.Dispose() }}; {pause}"))
    last, _ = ended(backend, mark("wrap-3"))
    assert (last.state, last.code) == ("finished", 3010)


def test_output_that_can_not_be_kept_loses_no_exit_code_and_stops_nothing(
    backend: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full drive: what the installer writes fails to be written."""
    broken = (
        "$copies[0] = [Threading.Tasks.Task]::Run([Action]{ throw 'the drive is full' })\n    # Bootstrappers leave"
    )
    changed(monkeypatch, ("    # Bootstrappers leave", f"    {broken}"))
    last, log = ended(backend, mark("wrap-4"), "/WAIT=1000")
    assert (last.state, last.code) == ("finished", 3010)
    assert log.count("nps: output is lost: ") == 1


PARENTS = """
function At($second) {{ if ($second -ne '-') {{ ([datetime]'2026-01-01').AddSeconds($second) }} }}
$told = foreach ($line in '{lines}'.Split(' ')) {{
    $start, $gone, $parent, $begun = $line.Split(',')
    $row = @{{ parent = [int]$parent; start = (At $begun) }}
    Test-Parent @{{ pid = 10; start = (At $start); gone = (At $gone) }} $row
}}
ConvertTo-Json -InputObject @($told) -Compress
"""
ASKED = {
    "100,-,10,100": True,
    "100,-,10,900": True,
    "100,-,10,99": False,  # its parent had the id before
    "100,110,10,110": True,
    "100,110,10,111": False,  # its parent has the id now
    "100,-,11,105": False,
}


def test_a_process_is_a_child_of_what_lived_when_it_began(made_boxes: Boxes) -> None:
    """Of the process with its parent's id: when that began and was gone, the parent's id, and when the child began."""
    box = made_boxes.new()
    [function] = re.findall(r"^function Test-Parent.*?^}$", host._wrapper(), re.MULTILINE | re.DOTALL)
    (box.c / "parents.ps1").write_text(function + PARENTS.format(lines=" ".join(ASKED)))
    assert json.loads(box.powershell("-File", r"C:\parents.ps1")) == list(ASKED.values())


ROWS = """
$rows = foreach ($line in '{rows}'.Split(' ')) {{
    $id, $parent, $second = $line.Split(',')
    $born = ([datetime]'2026-01-01').AddSeconds($second)
    [pscustomobject]@{{ ProcessId = [uint32]$id; ParentProcessId = [uint32]$parent; CreationDate = $born }}
}}
function Get-CimInstance {{ $rows }}
"""


def test_only_what_started_under_a_process_ends_with_it(made_boxes: Boxes) -> None:
    """10 is ended: 11 and, by it, 12 came of it; 13 is older than it, 14 older than 11, 15 somebody else's."""
    box = made_boxes.new()
    for name in ("facts.ps1", "installers.ps1"):
        shutil.copy(SCRIPTS / name, box.c)
    rows = "10,1,100 11,10,101 12,11,102 13,10,99 14,11,100 15,2,200 16,13,103"
    script = ". C:\\facts.ps1; . C:\\installers.ps1\n" + ROWS.format(rows=rows)
    (box.c / "descend.ps1").write_text(script + "ConvertTo-Json -InputObject @(Get-Descendants @(10)) -Compress")
    found: Any = json.loads(box.powershell("-File", r"C:\descend.ps1"))
    assert found == [11, 12]
