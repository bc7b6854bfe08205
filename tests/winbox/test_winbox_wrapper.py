"""The wrapper on bad nights: what goes wrong beside the installer never loses its exit code, and reused ids mislead
nobody."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from box import Boxes, Site, until
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


def test_a_process_whose_parents_id_was_used_before_is_not_the_installers(
    backend: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's long process comes, and its parent has the id that the first of three had: it is not waited
    for."""
    claim = (
        "function Get-CimInstance($class) {\n"
        "    foreach ($row in CimCmdlets\\Get-CimInstance $class) {\n"
        "        if ($row.Name -eq 'bystander.exe') { $row.ParentProcessId = $family[0].pid }\n"
        "        $row\n"
        "    }\n"
        "}\n"
    )
    changed(monkeypatch, (FIRST, FIRST + claim))
    shutil.copy(backend.programs.setup, backend.box.path(r"C:\bystander.exe"))
    wanted, launched = mark("wrap-5"), backend.box.launches()
    backend.host.start_installer(act(backend, "/CHILD", "/WAIT=8000", "/LOG={log}"), wanted, soon())
    until(lambda: backend.box.launches() == launched + 1)
    until(lambda: b"copying" in backend.box.path(rf"C:\ProgramData\nps\logs\{wanted.name}.log").read_bytes())
    backend.box.start(r"C:\bystander.exe /S /WAIT=90000 /LOG=C:\bystander.log")
    last, _, _ = to_the_end(backend.host, wanted)
    assert (last.state, last.code) == ("finished", 0)
    bystander = (backend.box.c / "launches.txt").read_text().splitlines()[-1]
    assert bystander not in [line.split()[0] for line in children(backend, wanted)]
    backend.box.powershell("-Command", "(Get-Process bystander).Kill()")


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
